//! Signals, processes and a person at a terminal.

use std::sync::Arc;
use std::time::Duration;

use super::simulated;
use crate::simulation::machine::files::{Inode, Kind, Node};
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::pipe::{Pipe, ReadEnd};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{self, run_words};
use crate::simulation::machine::signal::Signal;
use crate::simulation::machine::{Machine, machine_for_tests};

/// A machine on which a named pipe stands somewhere.
fn machine_with_fifo(path: &str) -> Arc<Machine> {
    let machine = machine_for_tests();
    let make = |parent: &Node| Ok(Inode::new(&parent.filesystem, Kind::Fifo(Pipe::new()), parent.metadata()));
    Process::new(&machine).place(path, make).unwrap();
    machine
}

/// What comes until a text has come.
async fn until(reader: &ReadEnd, text: &str) -> String {
    let mut all = Vec::new();
    loop {
        let bytes = tokio::time::timeout(Duration::from_secs(60), reader.read(1 << 16)).await;
        let bytes =
            bytes.unwrap_or_else(|_| panic!("{text:?} never came: {:?}", String::from_utf8_lossy(&all)));
        assert!(!bytes.is_empty(), "{text:?} never came: {:?}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&bytes);
        let so_far = String::from_utf8_lossy(&all).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_at_a_terminal_gets_prompts_and_survives_errors() {
    let machine = machine_for_tests();
    let mut process = Process::new(&machine);
    let ((input, keys), (screen, output)) = (Pipe::ends(), Pipe::ends());
    process.files.insert(0, OpenFile::reader(input));
    let output = OpenFile::writer(output);
    process.files.insert(1, output.clone());
    process.files.insert(2, output);
    let id = process.id();
    let mut running = programs::start(process, crate::simulation::shell::interactive);
    let home = "root@h1:~# ";
    assert_eq!(until(&screen, "# ").await, home);
    for (line, answer) in [
        ("echo a\n", format!("a\n{home}")),
        ("if true\n", "> ".into()),
        ("then echo 'b\n", "> ".into()),
        ("c'; fi\n", format!("b\nc\n{home}")),
        ("fi\n", format!("-sh: 5: Syntax error: \"fi\" unexpected\n{home}")),
        ("${x?}\n", format!("-sh: 6: x: parameter not set\n{home}")),
        ("f() { nope; }; f\n", format!("-sh: 7: nope: not found\n{home}")),
        ("cd /srv\n", "root@h1:/srv# ".into()),
        ("\n", "root@h1:/srv# ".into()),
        ("cd; read x <<E\n", "> ".into()),
        ("text\n", "> ".into()),
        ("E\n", home.into()),
        ("echo $x $0\n", format!("text -sh\n{home}")),
    ] {
        keys.write(line.into()).await.unwrap();
        let found = until(&screen, &answer).await;
        assert_eq!(found, answer, "after {line:?}");
    }
    // Control-C at a half-typed command, and in the middle of a program that waits.
    keys.write("if true\n".into()).await.unwrap();
    until(&screen, "> ").await;
    machine.processes.get(id).unwrap().signal(Signal::Interrupt);
    assert_eq!(until(&screen, "# ").await, format!("\n{home}"));
    keys.write("exit 3\n".into()).await.unwrap();
    assert_eq!(running.wait().await, 3);
    assert!(machine.processes.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_reads_a_script_leaves_the_rest_to_its_commands() {
    let machine = machine_for_tests();
    let script = b"read x\nfirst line\necho \"[$x]\"\nwhile read y; do echo \"<$y>\"; done\nfor\nall\n";
    let (code, out, errors) = run_words(&machine, &["sh"], script).await;
    assert_eq!((code, out.as_str(), errors.as_str()), (0, "[first line]\n<for>\n<all>\n", ""));
    let (code, out, _) = run_words(&machine, &["sh", "-s", "a", "b"], b"echo $2 $#; exit 4").await;
    assert_eq!((code, out.as_str()), (4, "b 2\n"));
}

#[tokio::test(start_paused = true)]
async fn the_process_of_a_job_is_its_program() {
    let machine = machine_with_fifo("/srv/never");
    let script = "sh -c 'read x; echo $$' <>never & [ $! = $(exec sh -c 'echo $PPID') ] || echo other; kill $!; wait $!; echo $?";
    assert_eq!(simulated(&machine, script).await.1, "other\n143\n");
    // As `depart.sh` names the process that it may have to kill: exec keeps the id.
    let script = "sh -c 'echo $$ >sender; exec sh -c \"echo \\$\\$\"' >second; read a <sender; read b <second; [ $a = $b ] && echo same";
    assert_eq!(simulated(&machine, script).await.1, "same\n");
}

#[tokio::test(start_paused = true)]
async fn a_killed_shell_leaves_its_children_alone() {
    let machine = machine_for_tests();
    let ((input, keys), (screen, output)) = (Pipe::ends(), Pipe::ends());
    let mut process = Process::new(&machine);
    process.files.insert(0, OpenFile::reader(input));
    process.files.insert(1, OpenFile::writer(output));
    let id = process.id();
    let script = "sh -c 'echo started; read x; echo \"got $x\"'; echo never";
    let words = ["sh", "-c", script].map(str::to_owned).into();
    let mut running = programs::start_program(process, words);
    until(&screen, "started").await;
    machine.processes.get(id).unwrap().signal(Signal::Kill);
    assert_eq!(running.wait().await, 137);
    keys.write("word\n".into()).await.unwrap();
    assert_eq!(until(&screen, "got").await, "got word\n");
    assert_eq!(screen.read(1).await, "", "nothing else comes");
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_a_closed_pipe_dies_unless_it_ignores_that() {
    // The reader closes its end before it lets the writer go on.
    let script = |trap: &str| {
        format!(
            "{{ {trap} sh -c 'read go <gate; echo x; echo $? >status'; echo $? >code; }} 2>/dev/null | exec sh -c 'exec 0<&-; echo go >gate'; read c <code; echo $c; [ -e status ] && read s <status && echo $s"
        )
    };
    for (trap, expected) in [("", "141\n"), ("trap \"\" PIPE;", "0\n1\n")] {
        let machine = machine_with_fifo("/srv/gate");
        assert_eq!(simulated(&machine, &script(trap)).await.1, expected, "{trap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trap_interrupts_wait_and_the_job_goes_on() {
    let machine = machine_with_fifo("/srv/never");
    let script = "trap 'echo usr1' USR1; me=$$; { kill -USR1 $me; read x <>never; } & wait $!; echo $?; kill $!; wait $!; echo $?";
    assert_eq!(simulated(&machine, script).await.1, "usr1\n138\n143\n");
}

#[tokio::test(start_paused = true)]
async fn no_descriptor_keeps_a_pipe_open() {
    // Each would never end if a shell or one of its children held an end that it has no use for.
    for script in [
        "{ { echo a; } | { while read x; do echo $x; done; }; } 3>&1 | while read y; do echo \"<$y>\"; done",
        "f() { echo b; }; f | f | while read x; do echo $x; done; { f; } >o; read x <o; echo $x",
        "exec 3>&1; x=$({ echo c >&3; exec 3>&-; echo d; } 3>&1); echo \"$x\"",
        "x=$(read y </dev/null & echo e); echo $x; echo f | { read x; echo $x; } >&2",
        "{ while read -r line; do :; done; echo end; } <&3 3<o & wait",
    ] {
        let machine = machine_for_tests();
        let script = format!("echo one >o; {script}");
        let ended = tokio::time::timeout(Duration::from_secs(60), simulated(&machine, &script)).await;
        assert!(ended.is_ok(), "{script} does not end");
        assert!(machine.processes.all().is_empty(), "{script} leaves processes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_background_command_has_no_input_and_power_ends_all() {
    let machine = machine_with_fifo("/srv/never");
    let (code, out, _) =
        run_words(&machine, &["sh", "-c", "{ read x; echo \"[$x]\"; } & wait; read y; echo $y"], b"line\n")
            .await;
    assert_eq!((code, out.as_str()), (0, "[]\nline\n"));
    let words =
        ["sh", "-c", "read x <>/srv/never & read x <>/srv/never | read y; echo no"].map(str::to_owned).into();
    let mut running = programs::start_program(Process::new(&machine), words);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(machine.processes.all().len() >= 4);
    machine.cut_power();
    assert_eq!(running.wait().await, 137);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(machine.processes.all().is_empty());
}
