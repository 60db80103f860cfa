//! runC 1.1 without an engine above it: containers made from bundles, known by their names.
//!
//! In come words; out go the texts and exit codes that runC 1.1.15 was seen to give for the same on a host of the
//! lab. A container's files are its bundle (`bundle`), which runC neither makes nor removes; what it keeps of it
//! (`state`) is in memory and gone with a reboot. Output is not kept: who starts a container says where it goes,
//! and a log file of the host could not be dumped.

mod bundle;
mod checkpoint;
mod configuration;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub(super) use bundle::furnish;
pub use configuration::configured;

use super::container::{Container, Ending, State};
use super::containers::Beginning;
use super::disk;
use super::failed::ending;
use super::inside::enter;
use super::podman::{Arguments, read_words};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::{Process, Ran};
use crate::simulation::machine::programs;
use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::{Engine, Stage};

/// How long the program takes for what needs no container's processes, on an idle host of the lab.
const BEGIN: Duration = Duration::from_millis(6);

/// How long it takes to make a container's first process.
const MAKE: Duration = Duration::from_millis(60);

/// The root file system in a bundle.
pub fn rootfs(bundle: &str) -> String {
    format!("{bundle}/rootfs")
}

/// Where runC keeps the state of a container.
pub fn state_directory(id: &str) -> String {
    format!("/run/runc/{id}")
}

/// The control group of a container, as a path from the root of each hierarchy.
pub fn control_group(id: &str) -> String {
    format!("/{id}")
}

/// Why a command ended early; its words go to its log, which is its standard error.
type Failed = super::failed::Failed<1>;

type Done = Result<(), Failed>;

const MISSING: &str = "container does not exist";
const EXISTS: &str = "container with given ID already exists";
const NOT_RUNNING: &str = "container not running";

/// `runc`
pub async fn main(process: &mut Process, words: &[String]) -> Ran {
    process.machine.spend(BEGIN).await;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let (code, said) = ending(command(process, &words).await)?;
    if let Some(text) = said {
        log(process, "error", &text).await;
    }
    Ok(code)
}

/// A line as logrus writes it.
async fn log(process: &mut Process, level: &str, text: &str) {
    let second = Duration::from_secs(process.machine.calendar().as_secs());
    process.complain(format!("time={:?} level={level} msg={text:?}", super::time::stamp(second))).await;
}

async fn command(process: &mut Process, words: &[&str]) -> Done {
    let mut words = words;
    while let [first, rest @ ..] = words {
        if !first.starts_with('-') {
            break;
        }
        if matches!(*first, "--version" | "-v") {
            process.out(version(&process.machine)).await?;
            return Ok(());
        }
        let takes = matches!(*first, "--root" | "--log" | "--log-format" | "--criu" | "--rootless");
        words = if takes { rest.get(1..).unwrap_or_default() } else { rest };
    }
    let machine = process.machine.clone();
    machine.containers.settle();
    match words {
        [] | ["help" | "--help", ..] => {
            process.out("NAME:\n   runc - Open Container Initiative runtime\n\nThis simulated runc knows what drover, and those who look on, need.\n").await?;
            Ok(())
        }
        ["list", rest @ ..] => state::list(process, rest).await,
        ["state", rest @ ..] => state::state(process, rest).await,
        ["ps", rest @ ..] => state::ps(process, rest).await,
        ["events", rest @ ..] => state::events(process, rest).await,
        ["spec", rest @ ..] => bundle::spec(process, rest).await,
        [action @ ("run" | "create"), rest @ ..] => make(process, action, rest).await,
        ["start", rest @ ..] => start(process, rest).await,
        ["kill", rest @ ..] => kill(process, rest).await,
        ["delete", rest @ ..] => delete(process, rest).await,
        [action @ ("pause" | "resume"), rest @ ..] => pause(&machine, action, rest),
        ["exec", rest @ ..] => exec(process, rest).await,
        ["checkpoint", rest @ ..] => checkpoint::checkpoint(process, rest).await,
        ["restore", rest @ ..] => checkpoint::restore(process, rest).await,
        ["features", ..] => {
            process
                .out("{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"1.2.0\"\n}\n")
                .await?;
            Ok(())
        }
        [other, ..] => Err(Failed::Said(format!("No help topic for '{other}'\n"), 3)),
    }
}

fn version(machine: &Machine) -> String {
    let version = machine.plan.runc.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("runc version {version}\ncommit: {version}-2+b4\nspec: 1.2.0\ngo: go1.24.4\nlibseccomp: 2.6.0\n")
}

/// Reads words by a list of known flags, see [`read_words`].
fn parse<'a>(command: &str, known: &'static str, words: &[&'a str]) -> Result<Arguments<'a>, Failed> {
    read_words(command, known, words).map_err(|text| {
        let first = text.lines().next().unwrap_or_default();
        match first.strip_prefix("unknown flag: -") {
            Some(flag) => Failed::new(format!("flag provided but not defined: {flag}")),
            None => Failed::new(first),
        }
    })
}

/// The only word of a command.
fn one<'a>(command: &str, words: &[&'a str]) -> Result<&'a str, Failed> {
    match words {
        [word] => Ok(word),
        _ => Err(Failed::new(format!("runc: \"{command}\" requires exactly 1 argument(s)"))),
    }
}

/// A container by its name, which must be said in full.
fn find(machine: &Machine, id: &str) -> Result<Arc<Container>, Failed> {
    let found = machine.containers.of(Engine::Runc).into_iter().find(|container| container.id == id);
    found.ok_or_else(|| Failed::new(MISSING))
}

/// `runc run`, `runc create`
async fn make(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let arguments = parse(
        action,
        "bundle/b= detach/d pid-file= console-socket= no-subreaper no-pivot no-new-keyring preserve-fds= keep",
        words,
    )?;
    let machine = process.machine.clone();
    let failed = |text: &str| Failed::new(format!("runc {action} failed: {text}"));
    let id = one(action, &arguments.words)?;
    let directory = bundle::directory(process, arguments.value("bundle")).map_err(|text| failed(&text))?;
    let container = bundle::container(&machine, id, &directory).map_err(|text| failed(&text))?;
    if action == "create" {
        state::created(&machine, &container);
    } else {
        machine.spend(MAKE).await;
        begin(&machine, &container)?;
    }
    write_pid(process, &container, arguments.value("pid-file"));
    if action == "run" && !arguments.has("detach") {
        machine.containers.gone(&container).await;
        let code = container.record().exit_code;
        machine.containers.remove(&container);
        return if code == 0 { Ok(()) } else { Err(Failed::Silent(code)) };
    }
    Ok(())
}

fn write_pid(process: &Process, container: &Container, path: Option<&str>) {
    if let Some(path) = path {
        let path =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", process.directory) };
        let pid = state::pid(&process.machine, container);
        // Who asked for it sees that it is missing.
        let _ = disk::put(&process.machine, &path, pid.to_string(), 0o644);
    }
}

/// Lets a container's processes begin.
fn begin(machine: &Machine, container: &Arc<Container>) -> Done {
    state::forget_created(machine, container);
    let started = machine.containers.start(container, Beginning::Anew);
    started.map_err(|error| {
        Failed::new(format!(
            "runc run failed: unable to start container process: {}",
            error.to_string().to_lowercase()
        ))
    })?;
    state::write(machine, container);
    machine.containers.tell(container, "start", None);
    Ok(())
}

/// `runc start`
async fn start(process: &mut Process, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let container = find(&machine, one("start", words)?)?;
    match container.state() {
        State::Created => begin(&machine, &container),
        State::Exited => Err(Failed::new("cannot start a container that has stopped")),
        State::Running(_) | State::Paused(_) => Err(Failed::new("cannot start an already running container")),
    }
}

/// `runc kill`
async fn kill(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("kill", "all/a", words)?;
    let machine = process.machine.clone();
    let (id, signal) = match arguments.words.as_slice() {
        [id] => (*id, "TERM"),
        [id, signal] => (*id, *signal),
        _ => return Err(Failed::new("runc: \"kill\" requires a minimum of 1 argument")),
    };
    let container = find(&machine, id)?;
    if matches!(signal, "0") {
        return if container.state().live().is_some() { Ok(()) } else { Err(Failed::new(NOT_RUNNING)) };
    }
    let signal: Signal = signal.parse().map_err(|()| Failed::new(format!("unknown signal {signal:?}")))?;
    if container.state().live().is_none() {
        if container.state() == State::Created {
            machine.containers.remove(&container);
            return Ok(());
        }
        return Err(Failed::new(NOT_RUNNING));
    }
    container.change(|record| record.ending = Ending::Ordered);
    machine.containers.signal(&container, signal);
    Ok(())
}

/// `runc delete`
async fn delete(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("delete", "force/f", words)?;
    let machine = process.machine.clone();
    let container = match find(&machine, one("delete", &arguments.words)?) {
        Err(_) if arguments.has("force") => return Ok(()),
        found => found?,
    };
    let state = container.state();
    if state.live().is_some() && !arguments.has("force") {
        return Err(Failed::new(format!(
            "cannot delete container {} that is not stopped: {}",
            container.id,
            state.word()
        )));
    }
    if let Some(failure) = machine.reached(Stage::Remove, &container.name()).await {
        return Err(checkpoint::said(&machine, &container, failure, Stage::Remove, ""));
    }
    state::forget_created(&machine, &container);
    machine.containers.remove(&container);
    Ok(())
}

/// `runc pause`, `runc resume`
fn pause(machine: &Machine, action: &str, words: &[&str]) -> Done {
    let container = find(machine, one(action, words)?)?;
    match (container.state(), action) {
        (State::Running(_), "pause") => machine.containers.pause(&container, true),
        (State::Paused(_), "resume") => machine.containers.pause(&container, false),
        (_, "pause") => return Err(Failed::new(NOT_RUNNING)),
        _ => return Err(Failed::new("container not paused")),
    }
    Ok(())
}

/// `runc exec`
async fn exec(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("exec", "tty/t detach/d env/e= user/u= cwd= process/p= pid-file= +", words)?;
    let machine = process.machine.clone();
    let failed = |text: &str| Failed::Said(format!("exec failed: {text}"), 255);
    let [id, command @ ..] = arguments.words.as_slice() else {
        return Err(Failed::new("runc: \"exec\" requires a minimum of 1 argument"));
    };
    let container = find(&machine, id).map_err(|_| failed(MISSING))?;
    match container.state() {
        State::Running(_) => {}
        State::Paused(_) => {
            return Err(failed("cannot exec in a paused container (use --ignore-paused to override)"));
        }
        State::Created | State::Exited => return Err(failed("cannot exec in a stopped container")),
    }
    let environment: Vec<String> = arguments.values("env").map(str::to_owned).collect();
    let child = enter(process, &container, &environment).ok_or_else(|| failed("no root file system"))?;
    let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let name = words.first().cloned().unwrap_or_default();
    if programs::locate(&child, &name).is_err() {
        return Err(failed(&format!(
            "unable to start container process: exec: {name:?}: executable file not found in $PATH"
        )));
    }
    match programs::run(child, words).await {
        0 => Ok(()),
        code => Err(Failed::Silent(code)),
    }
}
