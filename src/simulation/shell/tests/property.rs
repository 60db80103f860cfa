//! Any text is a script or an error, never a crash and never without end.

use std::time::Duration;

use proptest::prelude::*;

use super::simulated;
use crate::simulation::machine::machine_for_tests;

/// Runs a script for a moment of the world's time; whether it ended does not matter, only that it can be
/// stopped.
fn survives(script: &str) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let machine = machine_for_tests();
        let _ = tokio::time::timeout(Duration::from_millis(50), simulated(&machine, script)).await;
        machine.cut_power();
        for _ in 0..1_000 {
            if machine.processes.all().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("processes go on without power: {:?}", machine.processes.all());
    });
}

/// Pieces of scripts, so that more than errors comes out.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "echo ",
        "a",
        "b",
        "x=1",
        "$x",
        "${x",
        "}",
        "${x:-",
        "$(",
        ")",
        "$((",
        "))",
        "`",
        "'",
        "\"",
        "\\",
        "\n",
        ";",
        ";;",
        "&",
        "&&",
        "|",
        "||",
        "(",
        "{ ",
        "; }",
        "if ",
        "then ",
        "else ",
        "fi",
        "while ",
        "until ",
        "do ",
        "done",
        "for i in ",
        "case x in ",
        "esac",
        "<<E\n",
        "\nE\n",
        ">f",
        "<f",
        "2>&1",
        "3<&0",
        ">&-",
        "f() ",
        "f ",
        "! ",
        "true ",
        "false ",
        "read x ",
        "exit ",
        "break ",
        "trap 'echo t' EXIT ",
        "set -e ",
        "eval ",
        "exec ",
        "wait ",
        "$!",
        "$$",
        "kill ",
        "cd / ",
        "*",
        "?",
        "[a",
        "]",
        "~",
        "#",
        " ",
        "1",
        "-",
        "+",
        "/",
        "%",
        "local y ",
        "return ",
        "shift ",
        "printf %s ",
        "test ",
        "[ ",
        " ]",
        "sh -c ",
        ". ",
        "unset x ",
        "export x ",
        "99999999999",
        "ä",
        "\0",
        "\t",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends(script in ".{0,60}") {
        survives(&script);
    }

    #[test]
    fn any_pieces_end(pieces in prop::collection::vec(piece(), 0..40)) {
        survives(&pieces.concat());
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for (open, middle, close) in [
        ("(", "a", ")"),
        ("{ ", "a", "; }"),
        ("$(", "a", ")"),
        ("\"$(", "a", ")\""),
        ("$((", "1", "))"),
        ("${x:-", "a", "}"),
        ("if ", "a", "; then b; fi"),
        ("! ", "a", ""),
        ("f() ", "a", ""),
        ("`", "a", ""),
        ("eval ", "a", ""),
        ("command ", "a", ""),
        ("case a in a) ", "b", ";; esac"),
        ("a | ", "b", ""),
        ("a && ", "b", ""),
        ("exec ", "a", ""),
    ] {
        for count in [3, 50, 5_000] {
            survives(&format!("{}{middle}{}", open.repeat(count), close.repeat(count)));
            survives(&format!("echo {}{middle}", open.repeat(count)));
        }
    }
    let deep = |open: &str, close: &str| format!("echo $(({}1{}))", open.repeat(5_000), close.repeat(5_000));
    for (open, close) in [("(", ")"), ("-", ""), ("!", ""), ("1?", ":1"), ("x=", ""), ("1+", ""), ("1||", "")]
    {
        survives(&deep(open, close));
    }
    survives(&format!("[ {} a ]", "! ".repeat(5_000)));
    survives(&format!("[ {} a ]", "\\( ".repeat(5_000)));
}

#[test]
fn endless_scripts_can_be_stopped() {
    for script in [
        "while :; do :; done",
        "until false; do x=$x; done",
        "f() { f; }; f",
        "f() { f & }; f",
        "f() { f | f; }; f",
        "f() { eval f; }; f",
        "f() { x=$(f); }; f",
        "trap 'kill -USR1 $$' USR1; kill -USR1 $$; while :; do :; done",
        "echo '. ./s' >s; . ./s",
        "echo 'exec sh ./s' >s; exec sh ./s",
        "echo 'sh ./s' >s; sh ./s",
        "x='eval \"$x\"'; eval \"$x\"",
        "trap 'f() { f; }; f' EXIT",
        "while read x; do :; done <>/dev/zero",
        "while true; do (exit 1) & done",
        "x=a; while :; do x=$x$x; done",
        "exec </dev/zero; read x",
        "x=$(while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done)",
        "sh </dev/zero",
        "while :; do echo a; done | while :; do read x; done",
        "printf %1000000000d 1; printf %.1000000000f 1",
        "IFS=; set -- a a; while :; do set -- $@ $@ \"$@\"; done",
    ] {
        survives(script);
    }
}
