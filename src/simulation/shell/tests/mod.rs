//! The shell compared with a real dash, case by case, and with every script that drover sends to hosts.

mod property;
mod scripts;
mod session;

use std::sync::Arc;

use crate::simulation::machine::{Machine, machine_for_tests, programs::run_words};

/// A script, its exit code and what it writes, standard error with it. Written down from dash 0.5.12.
struct Case {
    title: &'static str,
    script: &'static str,
    code: u8,
    output: String,
}

fn cases() -> Vec<Case> {
    let text = include_str!("cases.txt").strip_prefix("---- ").unwrap().strip_suffix('\n').unwrap();
    let case = |block: &'static str| {
        let (title, rest) = block.split_once('\n').unwrap();
        let (script, rest) = rest.split_once("\n==== ").unwrap();
        let (code, output) = match rest.split_once('\n') {
            // A backslash stands for a last line without an end.
            Some((code, output)) => match output.strip_suffix("\n\\") {
                Some(without_end) => (code, without_end.to_owned()),
                None => (code, format!("{output}\n")),
            },
            None => (rest, String::new()),
        };
        Case { title, script, code: code.parse().unwrap(), output }
    };
    text.split("\n---- ").map(case).collect()
}

/// Runs a script in an empty directory; standard error goes where standard output goes.
async fn simulated(machine: &Arc<Machine>, script: &str) -> (u8, String) {
    let line = "exec 2>&1 </dev/null; cd /srv; exec sh -c \"$1\"";
    let (code, out, _) = run_words(machine, &["sh", "-c", line, "sh", script], b"").await;
    (code, out)
}

#[tokio::test(start_paused = true)]
async fn scripts_do_what_dash_does() {
    let mut wrong = Vec::new();
    for case in cases() {
        let machine = machine_for_tests();
        let limit = std::time::Duration::from_secs(60);
        let result = tokio::time::timeout(limit, simulated(&machine, case.script)).await;
        let (code, output) = result.unwrap_or((0, "(does not end)\n".into()));
        if (code, &output) != (case.code, &case.output) {
            wrong.push(format!(
                "---- {}\n{}\n==== here {code}\n{output}==== dash {}\n{}",
                case.title, case.script, case.code, case.output
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

/// What is written down is what a real dash says, where there is one.
#[test]
fn the_cases_are_what_a_real_dash_does() {
    let is_dash = std::fs::read_link("/bin/sh").is_ok_and(|target| target.ends_with("dash"));
    if !is_dash {
        return;
    }
    for case in cases() {
        let directory = tempfile::tempdir().unwrap();
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", "exec 2>&1 </dev/null; exec sh -c \"$1\"", "sh", case.script])
            .current_dir(directory.path())
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("HOME", "/root")])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!((output.status.code(), &*text), (Some(case.code.into()), &*case.output), "{}", case.title);
    }
}
