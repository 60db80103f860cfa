//! What can be run on a simulated host, and how it is run.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::Power;
use super::errno::Errno;
use super::files::Kind;
use super::namespace::{LastLink, Place};
use super::process::{Process, Ran};
use super::signal::Signal;
use crate::simulation::scenario::HostPlan;
use crate::simulation::{engine, shell, tools};

/// A program: its own process and its words, the first of which is the name it was called by.
pub type Program = for<'a> fn(&'a mut Process, &'a [String]) -> BoxFuture<'a, Ran>;

/// The program of a name.
pub(in crate::simulation) fn named(name: &str) -> Option<Program> {
    let lists = [shell::PROGRAMS, tools::PROGRAMS, engine::PROGRAMS];
    lists.into_iter().flatten().find(|(known, _)| *known == name).map(|(_, program)| *program)
}

/// The names of all programs that a host has in /usr/bin.
pub(super) fn installed(plan: &HostPlan) -> impl Iterator<Item = &'static str> {
    let engines = engine::PROGRAMS.iter().filter(|(name, _)| engine::installed(plan, name));
    shell::PROGRAMS.iter().chain(tools::PROGRAMS).chain(engines).map(|(name, _)| *name)
}

/// Where a program's file is: the path itself if it has a slash, else the first in `PATH`.
pub fn locate(process: &Process, name: &str) -> Result<Place, Errno> {
    let executable = |path: &str| {
        let place = process.find(path, LastLink::Follow)?;
        match &place.node.kind {
            Kind::File(_) if place.node.metadata().mode & 0o111 != 0 => Ok(place),
            _ => Err(Errno::Denied),
        }
    };
    if name.contains('/') {
        return executable(name);
    }
    let path = process.environment.get("PATH").cloned().unwrap_or_default();
    path.split(':')
        .find_map(|directory| executable(&format!("{directory}/{name}")).ok())
        .ok_or(Errno::NotFound)
}

/// Runs words as a program in this process and returns its exit code, as the shell sees it.
pub async fn run(mut process: Process, words: Vec<String>) -> u8 {
    let outside = Outside::of(&process);
    outside.or(exec(&mut process, &words)).await
}

/// What can end a process whatever it does: a signal, and the machine's power.
#[derive(Debug)]
pub struct Outside<S> {
    ended: S,
    power: watch::Receiver<Power>,
}

impl Outside<()> {
    /// What can end this process.
    pub fn of(process: &Process) -> Outside<impl Future<Output = Signal> + Send + use<>> {
        Outside { ended: process.ended(), power: process.machine.power() }
    }
}

impl<S: Future<Output = Signal>> Outside<S> {
    /// What a process does to its own end or until it is ended: its exit code.
    pub async fn or(mut self, body: impl Future<Output = u8>) -> u8 {
        let gone = async move {
            // The machine lives as long as its processes.
            let _ = self.power.wait_for(|power| *power == Power::Off).await;
        };
        tokio::select! {
            biased;
            () = gone => 128 + Signal::Kill.number(),
            signal = self.ended => 128 + signal.number(),
            code = body => code,
        }
    }
}

/// Lets words take the place of what the process ran so far, and returns their exit code.
pub async fn exec(process: &mut Process, words: &[String]) -> u8 {
    process.set_words(words);
    match execute(process, words).await {
        Ok(code) => code,
        Err(Errno::BrokenPipe) if !process.ignores(Signal::Pipe) => 128 + Signal::Pipe.number(),
        Err(error) => {
            let name = words.first().map(String::as_str).unwrap_or_default();
            process.complain(format!("{name}: write error: {error}")).await;
            1
        }
    }
}

/// What the words of a command line turn out to be.
pub(in crate::simulation) enum Resolved {
    /// The shell, with these words: itself, or a script for it.
    Shell(Vec<String>),
    /// Another program.
    Other(Program),
}

/// Finds out what some words would run.
pub(in crate::simulation) fn resolve(process: &Process, words: &[String]) -> Result<Resolved, Errno> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let place = locate(process, name)?;
    let content = place.node.content()?.whole();
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    if let Some(name) = first.strip_prefix("\u{7f}ELF ") {
        if shell::PROGRAMS.iter().any(|(known, _)| *known == name) {
            return Ok(Resolved::Shell(words.to_vec()));
        }
        if let Some(program) = named(name) {
            return Ok(Resolved::Other(program));
        }
    }
    // A script, with or without a first line that says so.
    let script = ["sh".into(), place.path].into_iter().chain(words.iter().skip(1).cloned());
    Ok(Resolved::Shell(script.collect()))
}

/// What starting a program costs a processor: fork, exec and the dynamic linker.
const START: Duration = Duration::from_millis(1);

/// Finds the program of some words and lets it run to its end in this process, as `exec` does.
pub async fn execute(process: &mut Process, words: &[String]) -> Ran {
    let Some(name) = words.first() else { return Ok(0) };
    process.machine.spend(START).await;
    match resolve(process, words) {
        Ok(Resolved::Shell(words)) => (shell::MAIN)(process, &words).await,
        Ok(Resolved::Other(program)) => program(process, words).await,
        Err(Errno::NotFound) => {
            process.complain(format!("sh: 1: {name}: not found")).await;
            Ok(127)
        }
        Err(error) => {
            process.complain(format!("sh: 1: {name}: {error}")).await;
            Ok(126)
        }
    }
}

/// A process that was started and runs on its own.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its process id.
    pub id: u32,
    exit: watch::Receiver<Option<u8>>,
}

impl Running {
    /// Its exit code, once it has ended.
    pub fn code(&self) -> Option<u8> {
        *self.exit.borrow()
    }

    /// Waits for its end and returns its exit code.
    pub async fn wait(&mut self) -> u8 {
        match self.exit.wait_for(Option::is_some).await.map(|code| *code) {
            Ok(Some(code)) => code,
            // Dropped with the world.
            Ok(None) | Err(_) => 128 + Signal::Kill.number(),
        }
    }
}

/// Starts something in a process of its own.
pub fn start<F>(process: Process, body: impl FnOnce(Process) -> F) -> Running
where
    F: Future<Output = u8> + Send + 'static,
{
    let id = process.id();
    let (sender, exit) = watch::channel(None);
    let body = body(process);
    tokio::spawn(async move {
        let code = body.await;
        sender.send_replace(Some(code));
    });
    Running { id, exit }
}

/// Starts a program in a process of its own.
pub fn start_program(process: Process, words: Vec<String>) -> Running {
    start(process, |process| run(process, words))
}

/// Runs words with an input and returns exit code, output and errors.
#[cfg(test)]
pub(crate) async fn run_words(
    machine: &std::sync::Arc<super::Machine>,
    words: &[&str],
    input: &[u8],
) -> (u8, String, String) {
    run_process(Process::new(machine), words, input).await
}

/// Runs words in a process that a test has made ready, and returns exit code, output and errors.
#[cfg(test)]
pub(crate) async fn run_process(mut process: Process, words: &[&str], input: &[u8]) -> (u8, String, String) {
    use super::open::OpenFile;
    use super::pipe::Pipe;

    let ((in_reader, in_writer), (out_reader, out_writer), (err_reader, err_writer)) =
        (Pipe::ends(), Pipe::ends(), Pipe::ends());
    process.files.insert(0, OpenFile::reader(in_reader));
    process.files.insert(1, OpenFile::writer(out_writer));
    process.files.insert(2, OpenFile::writer(err_writer));
    let mut running = start_program(process, words.iter().map(|word| (*word).to_owned()).collect());
    let feed = {
        let input = bytes::Bytes::copy_from_slice(input);
        async move {
            let _ = in_writer.write(input).await;
        }
    };
    let drain = |reader: super::pipe::ReadEnd| async move {
        let mut all = Vec::new();
        loop {
            let bytes = reader.read(1 << 20).await;
            if bytes.is_empty() {
                return String::from_utf8_lossy(&all).into_owned();
            }
            all.extend_from_slice(&bytes);
        }
    };
    let ((), out, err) = tokio::join!(feed, drain(out_reader), drain(err_reader));
    (running.wait().await, out, err)
}
