//! Programs that pass streams on, piece by piece and in the world's time.

use std::time::Duration;

use bytes::Bytes;

use super::Twins;
use crate::simulation::machine::machine_for_tests;
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::pipe::{Pipe, ReadEnd, WriteEnd};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{Running, run_words, start_program};
use crate::simulation::machine::signal::Signal;

/// Starts a program with pipes at its input and output.
fn piped(process: Process, words: &[&str]) -> (Running, WriteEnd, ReadEnd) {
    let mut process = process;
    let ((in_reader, in_writer), (out_reader, out_writer)) = (Pipe::ends(), Pipe::ends());
    process.files.insert(0, OpenFile::reader(in_reader));
    process.files.insert(1, OpenFile::writer(out_writer));
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    (start_program(process, words), in_writer, out_reader)
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_passed_on_at_once_and_not_copied() {
    let machine = machine_for_tests();
    for words in [&["cat"][..], &["tee"]] {
        let (mut running, input, output) = piped(Process::new(&machine), words);
        let piece = Bytes::from(vec![7; 100_000]);
        input.write(piece.clone()).await.unwrap();
        let through = output.read(1 << 20).await;
        assert_eq!(through.as_ptr(), piece.as_ptr(), "{words:?} copies");
        drop(input);
        assert_eq!(running.wait().await, 0);
    }
    // A line comes out while the input is still open.
    for words in [&["grep", "b"][..], &["sed", "s/a/b/"], &["head", "-n", "3"]] {
        let (mut running, input, output) = piped(Process::new(&machine), words);
        input.write(Bytes::from_static(b"ab\n")).await.unwrap();
        assert!(output.read(100).await.ends_with(b"b\n"), "{words:?}");
        drop(input);
        assert_eq!(running.wait().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_enough_does_not_wait_for_the_end() {
    let machine = machine_for_tests();
    for words in [&["head", "-n", "1"][..], &["grep", "-q", "a"], &["grep", "-m", "1", "a"], &["sed", "q"]] {
        let (mut running, input, _output) = piped(Process::new(&machine), words);
        input.write(Bytes::from_static(b"a\nb\n")).await.unwrap();
        assert_eq!(running.wait().await, 0, "{words:?}");
        drop(input);
    }
}

#[tokio::test(start_paused = true)]
async fn tee_ends_at_a_full_disk_only_when_told_to() {
    let machine = machine_for_tests();
    let (code, out, errors) = run_words(&machine, &["tee", "/dev/full"], b"text").await;
    assert_eq!((code, out.as_str()), (1, "text"));
    assert_eq!(errors, "tee: /dev/full: No space left on device\n");
    let (mut running, input, output) =
        piped(Process::new(&machine), &["tee", "--output-error=exit", "/dev/full"]);
    input.write(Bytes::from_static(b"text")).await.unwrap();
    assert_eq!(running.wait().await, 1, "the input is still open");
    drop((input, output));
    // A reader that goes ends it by its signal, or, where that is ignored, only that output.
    let (mut running, input, output) = piped(Process::new(&machine), &["tee", "/tmp/kept"]);
    drop(output);
    input.write(Bytes::from_static(b"text")).await.unwrap();
    assert_eq!(running.wait().await, 128 + Signal::Pipe.number());
    let process = Process::new(&machine);
    process.ignore(Signal::Pipe);
    let (mut running, input, output) = piped(process, &["tee", "/tmp/kept"]);
    drop(output);
    input.write(Bytes::from_static(b"text")).await.unwrap();
    input.write(Bytes::from_static(b" more")).await.unwrap();
    drop(input);
    assert_eq!(running.wait().await, 1);
    assert_eq!(run_words(&machine, &["cat", "/tmp/kept"], b"").await.1, "text more");
}

#[tokio::test(start_paused = true)]
async fn tail_follows_a_growing_file_until_it_is_killed() {
    let machine = machine_for_tests();
    run_words(&machine, &["tee", "/tmp/log"], b"one\n").await;
    let (mut running, _input, output) = piped(Process::new(&machine), &["tail", "-f", "/tmp/log"]);
    assert_eq!(output.read(100).await, "one\n");
    run_words(&machine, &["tee", "-a", "/tmp/log"], b"two\n").await;
    assert_eq!(output.read(100).await, "two\n");
    machine.processes.get(running.id).unwrap().signal(Signal::Terminate);
    assert_eq!(running.wait().await, 128 + Signal::Terminate.number());
}

#[tokio::test(start_paused = true)]
async fn what_takes_time_takes_the_worlds_time() {
    let machine = machine_for_tests();
    let begun = machine.clock.now();
    assert_eq!(run_words(&machine, &["sleep", "1.5", "2m"], b"").await.0, 0);
    let slept = (machine.clock.now() - begun).as_secs_f64();
    assert!((121.5..121.6).contains(&slept), "{slept}");
    let begun = machine.clock.now();
    let (code, ..) = run_words(&machine, &["timeout", "5", "sleep", "100"], b"").await;
    assert_eq!(code, 124);
    assert!((machine.clock.now() - begun).abs_diff(Duration::from_secs(5)) < Duration::from_millis(50));
    // 400 MB a second.
    let (begun, megabytes) = (machine.clock.now(), vec![0; 40_000_000]);
    assert_eq!(run_words(&machine, &["zstd", "-q", "-1", "-c"], &megabytes).await.0, 0);
    let took = (machine.clock.now() - begun).as_secs_f64();
    assert!((0.1..0.11).contains(&took), "{took}");
}

/// Bytes that are neither all the same nor without any pattern.
fn mixed(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    (0..length).map(|at| if at % 3 == 0 { (next() >> 24) as u8 } else { (at / 1000) as u8 }).collect()
}

#[tokio::test(start_paused = true)]
async fn archives_of_either_side_are_read_by_the_other() {
    let Some(twins) = Twins::new().await else { return };
    let bytes = mixed(700_000);
    for program in ["gzip", "zstd"] {
        if std::process::Command::new(program).arg("--version").output().is_err() {
            continue;
        }
        std::fs::write(twins.real_path("plain"), &bytes).unwrap();
        let ours = binary(&twins, &[program, "-q", "-1", "-c"], &bytes).await;
        assert!(ours.len() < bytes.len());
        std::fs::write(twins.real_path("ours"), &ours).unwrap();
        let shell = format!("{program} -dc <ours | cmp - plain && {program} -1 -c plain >theirs");
        assert_eq!(twins.real(&["sh", "-c", &shell], b""), (0, String::new(), String::new()));
        let theirs = std::fs::read(twins.real_path("theirs")).unwrap();
        assert!(binary(&twins, &[program, "-q", "-d", "-c"], &theirs).await == bytes, "{program}");
        // Two archives one after the other are one.
        let twice = [theirs.clone(), theirs.clone()].concat();
        assert_eq!(binary(&twins, &[program, "-dc"], &twice).await.len(), 2 * bytes.len());
        for broken in [&theirs[..theirs.len() / 2], b"no archive at all", b""] {
            let (code, _, errors) = twins.simulated(&[program, "-d", "-c"], broken).await;
            let (real_code, _, real_errors) = twins.real(&[program, "-d", "-c"], broken);
            let last = |errors: &str| errors.trim().lines().last().unwrap_or_default().trim().to_owned();
            twins.equal(&[program], &(code, last(&errors)), &(real_code, last(&real_errors)));
        }
    }
}

/// Runs a program whose output is not text.
async fn binary(twins: &Twins, words: &[&str], input: &[u8]) -> Vec<u8> {
    let (mut running, writer, reader) = piped(twins.process(), words);
    let feed = {
        let input = Bytes::copy_from_slice(input);
        async move {
            let _ = writer.write(input).await;
        }
    };
    let drain = async {
        let mut all = Vec::new();
        loop {
            let bytes = reader.read(1 << 20).await;
            if bytes.is_empty() {
                return all;
            }
            all.extend_from_slice(&bytes);
        }
    };
    let ((), all) = tokio::join!(feed, drain);
    assert_eq!(running.wait().await, 0, "{words:?}");
    all
}
