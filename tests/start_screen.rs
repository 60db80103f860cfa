//! drover without a fleet file: the start screen on a pseudo-terminal, and the same by commands.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

#[allow(dead_code, reason = "it is made for more than these tests")]
#[path = "support/console.rs"]
mod terminal;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use terminal::Console;

const CONFIG: &str = "\
Include more.conf
Host alpha beta *.example
  HostName 127.0.0.1
  Port 1
Host *
  User ops
";

/// A home with an SSH configuration.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/config"), CONFIG).unwrap();
    let more = "Host gamma\u{1b}[2J gamma\n  ProxyJump gate\n";
    std::fs::write(home.path().join(".ssh/more.conf"), more).unwrap();
    home
}

fn own_file(home: &TempDir) -> PathBuf {
    home.path().join(".config/drover/fleet.toml")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn addresses(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.starts_with("address")).map(String::from).collect()
}

/// drover with its output read by a program.
fn drover(home: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drover"))
        .args(arguments)
        .current_dir(home.path())
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("DROVER_FLEET")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8], home: &TempDir) -> String {
    String::from_utf8_lossy(bytes).replace(&home.path().display().to_string(), "HOME")
}

#[test]
fn hosts_of_the_ssh_configuration_become_a_fleet_and_the_console_opens_on_it() {
    let home = home();
    let mut console = Console::run(&[], home.path(), (80, 24));
    console.wait_for("import from ~/.ssh/config (3)");
    console.press("i");
    console.wait_for("0 of 3 chosen");
    console.wait_for("ops@127.0.0.1:1");
    console.wait_for("ops@gamma via gate");
    console.press(" j ");
    console.wait_for("2 of 3 chosen");
    console.press("\r");
    console.wait_for("hosts live 0/2");
    console.wait_until("both hosts are there", |screen| screen.contains("gamma") && screen.contains("alpha"));
    assert_eq!(addresses(&own_file(&home)), ["address = \"gamma\"", "address = \"alpha\""]);
    assert_eq!((mode(&own_file(&home)), mode(own_file(&home).parent().unwrap())), (0o600, 0o700));
    console.press("q");
    assert_eq!(console.wait_for_end(), 0);
    console.assert_given_back_each_time(2);
    assert!(console.screen().contains("2 hosts of ~/.ssh/config"), "{}", console.screen());

    // From now on there is a fleet.
    let mut console = Console::run(&[], home.path(), (80, 24));
    console.wait_for("hosts live 0/2");
    console.press("q");
    assert_eq!(console.wait_for_end(), 0);
}

#[test]
fn a_sample_is_written_and_it_is_said_how_to_go_on() {
    let home = home();
    let mut console = Console::run(&[], home.path(), (60, 16));
    console.wait_for("a fleet file of your own");
    console.press("f");
    assert_eq!(console.wait_for_end(), 0);
    console.assert_given_back();
    assert!(console.screen().contains("drover fleet check"), "{}", console.screen());
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-fleet.toml");
    assert_eq!(std::fs::read(own_file(&home)).unwrap(), std::fs::read(sample).unwrap());
    assert_eq!(mode(&own_file(&home)), 0o600);
}

#[test]
fn leaving_writes_nothing() {
    let home = home();
    for key in ["q", "\u{1b}"] {
        let mut console = Console::run(&[], home.path(), (80, 24));
        console.wait_for("the demo: a simulated fleet");
        assert!(console.is_raw());
        console.press(key);
        assert_eq!(console.wait_for_end(), 0);
        console.assert_given_back();
    }
    assert!(!home.path().join(".config").exists());
}

#[test]
fn where_nobody_can_choose_the_offers_are_commands() {
    let home = home();
    for arguments in [&[][..], &["hosts"], &["fleet", "check"]] {
        let output = drover(&home, arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let said = text(&output.stderr, &home);
        for offer in [
            "HOME/.config/drover/fleet.toml",
            "drover lab",
            "drover demo",
            "drover fleet new",
            "drover fleet import",
        ] {
            assert!(said.contains(offer), "{arguments:?}: {offer}: {said}");
        }
    }
    assert!(!home.path().join(".config").exists());
}

#[test]
fn hosts_are_imported_by_command() {
    let home = home();
    let output = drover(&home, &["fleet", "import"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("import_lists", text(&output.stdout, &home));
    insta::assert_snapshot!("import_notes", text(&output.stderr, &home));
    assert!(!home.path().join(".config").exists(), "a list writes nothing");

    let output = drover(&home, &["fleet", "import", "beta", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr, &home).contains("does not name nobody: it names gamma, alpha, beta"));

    let output = drover(&home, &["fleet", "import", "beta"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("import_writes", text(&output.stdout, &home));
    assert_eq!(addresses(&own_file(&home)), ["address = \"beta\""]);

    let output = drover(&home, &["fleet", "import", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr, &home).contains("HOME/.config/drover/fleet.toml is there already"));
    assert_eq!(addresses(&own_file(&home)), ["address = \"beta\""]);

    let output = drover(&home, &["fleet", "import", "--all", "--to", "all.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr, &home));
    assert_eq!(addresses(&home.path().join("all.toml")).len(), 3);
}

#[test]
fn a_sample_is_written_by_command() {
    let home = home();
    let output = drover(&home, &["fleet", "new", "here/mine.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr, &home));
    insta::assert_snapshot!("new_writes", text(&output.stdout, &home));
    assert_eq!(mode(&home.path().join("here/mine.toml")), 0o600);
    let output = drover(&home, &["fleet", "new", "here/mine.toml"]);
    assert_eq!(output.status.code(), Some(1));
}
