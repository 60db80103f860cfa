use proptest::prelude::*;

use super::*;
use crate::fleet::{Engine, HostKeyCheck, Sudo};

fn environment() -> Environment {
    Environment { home: Some("/home/ada".into()), ..Environment::default() }
}

fn parse(text: &str) -> Result<Fleet, FleetError> {
    Fleet::parse(text, Path::new("/etc/fleets/fleet.toml"), &environment())
}

fn errors(text: &str) -> String {
    let Err(error) = Fleet::parse(text, Path::new("fleet.toml"), &environment()) else {
        panic!("accepted:\n{text}");
    };
    error.to_string()
}

#[test]
fn the_sample_says_what_it_documents() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-fleet.toml");
    let fleet = Fleet::load(&sample, &environment()).unwrap();
    insta::assert_debug_snapshot!(Fleet {
        path: "sample-fleet.toml".into(),
        hosts: fleet
            .hosts
            .iter()
            .cloned()
            .map(|host| HostSpec {
                identity: relative(&host.identity),
                known_hosts: relative(&host.known_hosts),
                ..host
            })
            .collect(),
        ..fleet
    });
}

fn relative(paths: &[PathBuf]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    paths.iter().map(|path| path.strip_prefix(root).map_or(path.clone(), Path::to_path_buf)).collect()
}

#[test]
fn every_key_of_a_host_is_in_the_sample() {
    let sample = include_str!("../../../sample-fleet.toml");
    for key in [
        "title",
        "address",
        "user",
        "port",
        "identity",
        "jump",
        "known_hosts",
        "host_key_check",
        "engine",
        "sudo",
        "labels",
        "memory_reserve",
    ] {
        assert!(sample.lines().any(|line| line.trim_start_matches("# ").starts_with(key)), "{key}");
    }
}

#[test]
fn a_host_needs_no_more_than_its_name() {
    let fleet = parse("[hosts.b]\n[hosts.a]\n").unwrap();
    assert_eq!(fleet.title, "fleet.toml");
    let [b, a] = &fleet.hosts[..] else { panic!("{:?}", fleet.hosts) };
    assert_eq!((b.name.as_str(), b.address.as_str()), ("b", "b"));
    assert_eq!(a.name.as_str(), "a");
    assert_eq!((b.engine, b.sudo, b.host_key_check), (Engine::Podman, Sudo::Auto, HostKeyCheck::Strict));
    assert_eq!(b.memory_reserve, 256 << 20);
}

#[test]
fn hosts_override_defaults_and_labels_add_up() {
    let fleet = parse(
        "[defaults]\nuser = 'ops'\njump = 'gate'\nidentity = ['~/.ssh/id', 'keys/id']\nlabels.zone = 'north'\n\
         labels.rack = '1'\n[hosts.a]\njump = []\nlabels = { rack = '2' }\n[hosts.b]\nuser = 'root'\n",
    )
    .unwrap();
    let [a, b] = &fleet.hosts[..] else { panic!("{:?}", fleet.hosts) };
    assert_eq!(a.user.as_deref(), Some("ops"));
    assert_eq!(b.user.as_deref(), Some("root"));
    assert_eq!(a.jump, Vec::<String>::new());
    assert_eq!(b.jump, ["gate"]);
    assert_eq!(a.identity, [Path::new("/home/ada/.ssh/id"), Path::new("/etc/fleets/keys/id")]);
    assert_eq!(a.labels["zone"], "north");
    assert_eq!(a.labels["rack"], "2");
}

#[test]
fn unknown_keys_get_the_nearest_word() {
    insta::assert_snapshot!(errors(
        "tilte = 'x'\n[default]\nuser = 'root'\n[hosts.h1]\nadress = '10.0.0.1'\nPort = 22\nidentity_file = 'a'\n\
         colour = 'red'\n[defaults]\naddress = 'x'\n"
    ));
}

#[test]
fn bad_values_say_what_was_found() {
    insta::assert_snapshot!(errors(
        r#"title = ""
[defaults]
engine = "podmn"
sudo = true
host_key_check = "no"
memory_reserve = "5 MB"
labels = ["a"]
[hosts."bad name"]
[hosts.h1]
address = "root@10.0.0.1"
port = 70000
identity = ["~bob/id", 7]
user = "-oProxyCommand=id"
[hosts.h2]
address = "10.0.0.2:2222"
jump = "fe80::1"
known_hosts = 1979-05-27
labels = { zone = 1, "" = "x" }
[hosts.h3]
address = "a\nb"
port = 0x1_0000
[hosts]
h4 = "10.0.0.4"
[groups]
"#
    ));
}

#[test]
fn duplicates_are_named() {
    insta::assert_snapshot!(errors(
        "[hosts.h1]\nport = 1\nport = 2\n[hosts.h2]\n[hosts.h1]\nuser = 'a'\n[hosts.h3]\naddress = 'h2'\n\
         identity = ['a', 'a']\n[groups]\nweb = ['h2', 'h2', 'h4']\nh1 = []\n'a b' = 'h1'\n"
    ));
    insta::assert_snapshot!(errors("[hosts.h2]\n[hosts.h3]\naddress = 'h2'\n"));
}

#[test]
fn mistakes_of_syntax_come_with_all_others() {
    insta::assert_snapshot!(errors(
        "title = unquoted\n[hosts.h1\naddress = 'x'\n[hosts.h2]\nport 22\nusr = 'x'\nlabels = { a = 'b'\n"
    ));
    insta::assert_snapshot!(errors("[hosts.h2]\nport 22\nusr = 'x'\n[hosts.h3]\nport = 0\n"));
}

#[test]
fn an_empty_file_says_what_to_add() {
    insta::assert_snapshot!(errors(""));
    insta::assert_snapshot!(errors("hosts = 3\n"));
}

#[test]
fn escape_sequences_never_reach_the_terminal() {
    let text = errors("[hosts.h1]\n\"\\u001b[2J\" = 1\nuser = \"\\u202ex\\u0007\"\n");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn a_file_that_is_not_text_is_refused_at_its_first_bad_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.toml");
    std::fs::write(&path, b"[hosts.h1]\nuser = '\xff'\n").unwrap();
    let FleetError::Invalid { problems, .. } = Fleet::load(&path, &environment()).unwrap_err() else {
        panic!("another error");
    };
    assert_eq!((problems[0].line, problems[0].column), (2, 9));
}

/// Pieces of fleet files, right and wrong, so that random texts reach beyond the parser's first complaint.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[hosts.h1]\n".to_string()),
        Just("[defaults]\n".to_string()),
        Just("[groups]\n".to_string()),
        Just("[[hosts]]\n".to_string()),
        "[a-z_]{1,9} = (1|true|'x'|\\[\\]|\\{\\}|\\[1, 'a'\\]|\"\\\\u0000\")\n",
        "(engine|sudo|port|jump|labels|memory_reserve|address) = .{0,12}\n",
        ".{0,12}",
        Just("\n".to_string()),
        Just("\r\n".to_string()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_line_it_has(text in prop_oneof![pieces(), any::<String>()]) {
        match Fleet::parse(&text, Path::new("fleet.toml"), &environment()) {
            Ok(fleet) => prop_assert!(!fleet.hosts.is_empty()),
            Err(FleetError::Invalid { problems, .. }) => {
                prop_assert!(!problems.is_empty());
                let lines = text.lines().count().max(1);
                for problem in problems {
                    prop_assert!((1..=lines).contains(&problem.line), "{problem:?} of {lines} lines");
                    prop_assert!(problem.column >= 1);
                    prop_assert!(!problem.text.chars().any(char::is_control));
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
