use std::io::{BufReader, Cursor, Read};

use proptest::prelude::*;

use super::*;
use crate::simulation;
use crate::simulation::scenario::{Runtime, Stage};

/// What a simulated world knows of each failure.
fn world(stage: Stage) -> [(&'static str, &'static str); 7] {
    let log = match stage {
        Stage::Restore => "/var/lib/containers/storage/overlay-containers/5bc2f59787b1/userdata/restore.log",
        _ => "/var/lib/containers/storage/overlay-containers/5bc2f59787b1/userdata/dump.log",
    };
    [
        ("container", "counter"),
        ("id", "5bc2f59787b1"),
        ("pid", "4242"),
        ("log", log),
        ("archive", "/dev/shm/drover-1/archive"),
        ("image", "localhost/drover/counter:latest"),
        ("address", "10.88.0.5"),
    ]
}

#[test]
fn every_failure_of_a_simulated_fleet_is_explained_as_itself() {
    let mut texts = 0;
    for one in simulation::failure::all() {
        for stage in one.stages() {
            for runtime in [Runtime::Crun, Runtime::Runc] {
                let engine = one.stderr(stage, runtime, &world(stage));
                let log = one.criu_log(stage, &world(stage));
                // As the host's scripts send it, and CRIU's log alone.
                let sent = log.iter().map(|line| format!("criu: {line}"));
                let both: Vec<String> = [engine.clone()].into_iter().chain(sent).collect();
                for text in [both.join("\n"), log.join("\n")] {
                    if text.trim().is_empty() {
                        continue;
                    }
                    texts += 1;
                    let found = explain(&text);
                    let id = match &found.verdict {
                        Verdict::Known { failure } => Some(&failure.id),
                        Verdict::Wrapper { candidates } => candidates.first().map(|one| &one.id),
                        _ => None,
                    };
                    assert_eq!(id, Some(&one.id), "{text}\n{found:#?}");
                    assert_eq!(found.also, [], "{text}");
                }
                if !log.is_empty() && stage != Stage::Checks {
                    let found = explain(&engine);
                    assert!(matches!(found.verdict, Verdict::Wrapper { .. }), "{engine}: {found:#?}");
                    assert!(found.log.is_some_and(|path| path.ends_with(".log")), "{engine}");
                }
            }
        }
    }
    assert!(texts > 120, "{texts}");
}

#[test]
fn harmless_and_colourful_lines_do_not_hide_the_cause() {
    let text = "\u{1b}[31mError (criu/util.c:1534): rlimit: Can't set RLIMIT_NOFILE for self: no\u{1b}[0m\r\n\
                \u{1b}[1;31m(00.1) Error (criu/fsnotify.c:284): fsnotify: \tCan't dump that handle\u{1b}[0m\r\n";
    let found = explain(text);
    assert_eq!(found.failure().map(|failure| failure.id.as_str()), Some("F46"));
    assert_eq!(found.number, Some(2));
    assert_eq!(
        found.line.as_deref(),
        Some("(00.1) Error (criu/fsnotify.c:284): fsnotify:  Can't dump that handle")
    );
    let mut bytes =
        b"\xff\xfe\x00Error (criu/sk-netlink.c:77): netlink: The socket has data to read \x07\xf0".to_vec();
    let found = explain_bytes(&bytes);
    assert_eq!(found.failure().map(|failure| failure.id.as_str()), Some("F34"));
    assert!(!found.line.unwrap().chars().any(char::is_control));
    bytes.clear();
    assert_eq!(explain_bytes(&bytes).verdict, Verdict::Nothing);
}

#[test]
fn a_line_without_end_takes_no_more_than_its_beginning() {
    // A line of 64 MiB, then the cause.
    let cause = "\nError (criu/cr-restore.c:1967): Core march mismatch 2\n";
    let reader = std::io::repeat(b'x').take(64 << 20).chain(Cursor::new(cause));
    let found = explain_read(&mut BufReader::new(reader)).unwrap();
    assert_eq!(found.failure().map(|failure| failure.id.as_str()), Some("F24"));
    assert_eq!(found.number, Some(2));
    let long = format!("Error: {}", "y".repeat(1 << 20));
    assert!(explain(&long).line.unwrap().chars().count() <= 601);
}

#[test]
fn an_explanation_survives_being_written_down() {
    for text in [
        "",
        "Error: new",
        "(0.1) Error (criu/x.c:1): Core march mismatch 2",
        "criu failed: type RESTORE errno 0",
    ] {
        let found = explain(text);
        let written = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&written).unwrap(), found, "{written}");
        assert!(!found.meaning().is_empty());
    }
}

#[test]
fn the_root_line_is_chosen_among_those_that_a_script_sends() {
    let sent = "Error: OCI runtime error: crun: CRIU restoring failed -52.\n\
                criu: (00.1) Error (criu/util.c:657): exited, status=1\n\
                criu: (00.2)      1: Error (criu/files-reg.c:2175): File srv/count has bad size 6 (expect 3)\n\
                criu: (00.3) Error (criu/cr-restore.c:2331): Restoring FAILED.\nstayed\n";
    let line = "(00.2)      1: Error (criu/files-reg.c:2175): File srv/count has bad size 6 (expect 3)";
    assert_eq!(criu_line(sent).as_deref(), Some(line));
    assert_eq!(criu_line("Error: no\nstayed\n"), None);
    let step = MigrateError::Step { cause: "h2: the restore failed".into(), log_line: Some(line.into()) };
    assert_eq!(of_error(&step).unwrap().failure().unwrap().id, "F12");
    let step = MigrateError::Step { cause: "h2: the archive arrived damaged".into(), log_line: None };
    assert_eq!(of_error(&step), None);
    assert_eq!(of_error(&MigrateError::Refused("Error: the port is taken".into())), None);
}

/// Lines that mean something, mixed with anything.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80),
        1 => ".{0,60}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec![
            &b"(00.1) Error (criu/cr-dump.c:1): Dumping FAILED."[..],
            b"(00.1) Error (criu/sk-netlink.c:77): netlink: The socket has data to read",
            b"(00.1) Error (criu/x.c:7): 4294967296 and 99999999999999999999 (pid: 99999999999999999999) failed with -1",
            b"SEIZE 1 (comm \x1b[2J): success",
            b"(00.1) Dumping finished successfully",
            b"criu failed: type NOTIFY errno 0\\nlog file: /x/\xe2\x82restore.log",
            b"Error: \xf0\x9f\x98",
            b"time=\"x\" level=error msg=\"Error (criu/x.c:1): \"\"\"",
        ]).prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn nothing_panics_and_everything_can_be_shown(bytes in text()) {
        let found = explain_bytes(&bytes);
        let shown = found.line.iter().chain(&found.log).cloned();
        let shown = shown.chain(found.process.clone().and_then(|process| process.command)).chain([found.meaning()]);
        for text in shown {
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        prop_assert_eq!(explain_read(&mut BufReader::with_capacity(3, &bytes[..])).unwrap(), explain_bytes(&bytes));
        let _ = logs(&bytes[..]);
    }
}
