//! The console driven by keys on a pseudo-terminal: a real move on the lab's hosts, and every way to leave.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

mod support;
#[path = "support/console.rs"]
mod terminal;

use std::net::TcpListener;
use std::path::PathBuf;

use rustix::process::Signal;
use support::Lab;
use tempfile::TempDir;
use terminal::Console;

const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";

/// A home without anybody's configuration.
fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Whether a line has all of these words.
fn has_line(screen: &str, words: &[&str]) -> bool {
    screen.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

/// The lab's fleet in a console, all hosts live, with the containers of the first.
fn on_lab(lab: &Lab, home: &TempDir) -> Console {
    let mut console = Console::open(&lab.fleet_file(), home.path(), (120, 40));
    console.wait_for("live 3/3");
    for name in ["counter", "redis", "web"] {
        console.wait_until(&format!("{name} runs and its figures are there"), |screen| {
            has_line(screen, &[name, "running", "%", "iB"])
        });
    }
    console.wait_until("each host's figures are there", |screen| {
        let gauges =
            |word: &str| screen.lines().filter(|line| line.contains(word) && line.contains('%')).count();
        gauges("   cpu ") == 3 && gauges("   mem ") == 3
    });
    console
}

/// From the list of hosts: goes to a container of the chosen host and opens the dialog for another host, of which
/// all checks pass.
fn ask_to_move(console: &mut Console, container: &str, to: &str) {
    console.press(ENTER);
    console.wait_for("m move");
    for _ in 0..10 {
        if console.screen().contains(&format!("▸{container}")) {
            break;
        }
        // The list answers each key with a frame, in which the mark is elsewhere.
        let before = marked(&console.screen());
        console.press("j");
        console.wait_until("the next container is marked", |screen| marked(screen) != before);
    }
    console.press("m");
    console.wait_for(&format!("Move {container} from"));
    if !console.screen().contains(&format!("▸● {to}")) {
        console.press("j");
    }
    console.wait_for(&format!("▸● {to}"));
    console.wait_for(&format!("Checks for {to}"));
    console.wait_until("the checks pass", |screen| has_line(screen, &["ok", "free on", to]));
    assert!(!console.screen().contains("ERROR"), "{}", console.screen());
}

/// The lines with a mark.
fn marked(screen: &str) -> Vec<String> {
    screen.lines().filter(|line| line.contains('▸')).map(String::from).collect()
}

/// The hosts on which a container runs.
fn hosts_of(lab: &Lab, container: &str) -> Vec<&'static str> {
    let runs =
        |host: &str| lab.ssh(host, "podman ps --format '{{.Names}}'").lines().any(|name| name == container);
    ["h1", "h2", "h3"].into_iter().filter(|host| runs(host)).collect()
}

#[test]
fn a_container_is_moved_by_keys_and_counts_on() {
    let Some(lab) = Lab::unused("c") else { return };
    let up = lab.up(&[]);
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    // Less is free on the third host, so the second one is the better destination.
    lab.ssh("h3", "setsid perl -e '$x = \"x\" x 2e8; sleep' >/dev/null 2>&1 </dev/null &");
    let home = home();
    let mut console = on_lab(&lab, &home);
    assert!(console.is_raw());
    insta::assert_snapshot!("hosts", console.pane_masked("Hosts"));
    insta::assert_snapshot!("containers", console.pane_masked("Containers on h1"));

    console.press("?");
    console.wait_for("move the container to another host");
    console.press(ESCAPE);
    console.wait_until("the help is gone", |screen| !screen.contains("move the container to another host"));

    ask_to_move(&mut console, "counter", "h2");
    // What else is noted depends on this machine's kernel.
    let dialog = console.pane_masked("Move counter from h1");
    for line in [
        "▸● h2 # bytes free",
        "Checks for h2",
        "localhost/drover/counter:latest is not there and is shipped first",
        "✓ ok running counter runs on h1",
        "✓ ok name the name counter is free on h2",
    ] {
        assert!(dialog.contains(line), "no {line}:\n{dialog}");
    }
    console.press(ENTER);
    console.wait_until("total and downtime are there", |screen| has_line(screen, &["total", "downtime"]));
    insta::assert_snapshot!("finished", console.pane_masked("Migration: counter h1 → h2"));

    // On the hosts: there and only there, counting without a gap, in its log and in the file that its image has.
    assert_eq!(hosts_of(&lab, "counter"), ["h2"]);
    assert_eq!(lab.ssh("h1", "podman ps --all --format '{{.Names}}' | sort"), "redis\nweb");
    let counted = || lab.ssh("h2", "podman logs counter");
    let moved = counted().lines().count();
    support::wait_until("it counts on", || (counted().lines().count() > moved).then_some(()));
    let numbers: Vec<u64> = counted().lines().map(|line| line.trim().parse().unwrap()).collect();
    let expected: Vec<u64> = (1..=u64::try_from(numbers.len()).unwrap()).collect();
    assert_eq!(numbers, expected, "no number is missing or there twice");
    let file: u64 = lab.ssh("h2", "podman exec counter cat /srv/count").parse().unwrap();
    assert!(file >= *numbers.last().unwrap(), "the file says {file}");

    // On the screen, also of another size.
    console.resize(80, 24);
    // The title's end was cut off, so this is a new frame.
    console.wait_for("live 3/3");
    console.press(ESCAPE);
    console.wait_until("the hosts have the keys", |screen| screen.contains("▸ Hosts"));
    console.press("j");
    console.wait_for("Containers on h2");
    console.wait_until("counter is there", |screen| has_line(screen, &["counter", "running"]));
    console.resize(120, 40);
    console.wait_until("the wide screen is back", |screen| {
        screen.contains("Collector") && has_line(screen, &["counter", "drover/counter", "running"])
    });

    console.press("q");
    assert_eq!(console.wait_for_end(), 0);
    console.assert_given_back();
}

mod shared {
    use super::*;

    #[test]
    fn leaving_while_a_container_moves_asks_and_loses_nothing() {
        let Some(lab) = Lab::shared() else { return };
        let home = home();
        let mut console = on_lab(&lab, &home);
        ask_to_move(&mut console, "web", "h3");
        // Both keys at once: the migration is under way when the second one is read.
        console.press("\rq");
        console.wait_for("Quit?");
        console.press("n");
        console.wait_until("the question is gone", |screen| !screen.contains("Quit?"));
        console.wait_until("it arrives", |screen| has_line(screen, &["total", "downtime"]));
        assert_eq!(hosts_of(&lab, "web"), ["h3"]);

        // The other answer, while the image of another container is being shipped.
        console.press(ESCAPE);
        console.wait_until("the hosts have the keys", |screen| screen.contains("▸ Hosts"));
        ask_to_move(&mut console, "redis", "h2");
        lab.ssh("h1", "podman exec redis redis-cli set kept yes");
        console.press("\rq");
        console.wait_for("Quit?");
        console.press("y");
        assert_eq!(console.wait_for_end(), 0);
        console.assert_given_back();
        // On a slow machine it may have arrived before the answer; it runs in one place in any case.
        let places = hosts_of(&lab, "redis");
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(lab.ssh(places[0], "podman exec redis redis-cli get kept"), "yes");
    }

    #[test]
    fn sigterm_gives_the_terminal_back() {
        let Some(lab) = Lab::shared() else { return };
        let home = home();
        for signal in [Signal::TERM, Signal::HUP] {
            let mut console = Console::open(&lab.fleet_file(), home.path(), (80, 24));
            console.wait_for("live 3/3");
            assert!(console.is_raw());
            console.signal(signal);
            console.wait_for_end();
            console.assert_given_back();
        }
    }
}

/// A fleet file with one host at a port of this machine on which nobody listens.
fn fleet_without_host(home: &TempDir) -> (PathBuf, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = home.path().join("fleet.toml");
    let text = format!("[hosts.away]\naddress = \"127.0.0.1\"\nport = {port}\nuser = \"nobody\"\n");
    std::fs::write(&file, text).unwrap();
    (file, port)
}

#[test]
fn a_host_that_is_away_is_tried_again_and_its_cause_is_shown() {
    let home = home();
    let (file, port) = fleet_without_host(&home);
    let mut console = Console::open(&file, home.path(), (120, 40));
    console.wait_for("retrying in");
    console.wait_for("live 0/1");
    console.wait_until("the cause is there", |screen| {
        screen.contains("refused") && screen.contains(&port.to_string())
    });
    console.wait_for("R reconnect");
    console.press("q");
    assert_eq!(console.wait_for_end(), 0);
    console.assert_given_back();
}

/// The input library can be told to wait for keys in a way that overlooks one that comes together with a change of
/// size until the next key is pressed; see the feature of crossterm in Cargo.toml.
#[test]
fn a_key_beside_a_change_of_size_is_not_overlooked() {
    let home = home();
    let (file, _) = fleet_without_host(&home);
    let mut console = Console::open(&file, home.path(), (120, 40));
    console.wait_for("live 0/1");
    // It went wrong within some tens of rounds.
    for round in 0..100 {
        console.press("?");
        console.wait_for("this help");
        console.resize(120 - round % 2, 40);
        console.press(ESCAPE);
        console.wait_until("the help is gone", |screen| {
            !screen.contains("this help") && screen.contains("live 0/1")
        });
    }
    console.press("q");
    assert_eq!(console.wait_for_end(), 0);
}
