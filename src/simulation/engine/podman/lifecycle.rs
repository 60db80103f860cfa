//! `podman start`, `stop`, `kill`, `pause`, `rm` and their like.

use std::sync::Arc;
use std::time::Duration;

use super::arguments::{Arguments, parse};
use super::checkpoint::said;
use super::{Done, Failed, find, not_found};
use crate::simulation::engine::container::{Container, Ending, State};
use crate::simulation::engine::containers::Beginning;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::{Engine, Stage};

/// How long the runtime takes to start or end a container.
const WORK: Duration = Duration::from_millis(60);

/// Whether this is one of the commands here.
pub(super) fn knows(action: &str) -> bool {
    matches!(
        action,
        "start"
            | "stop"
            | "kill"
            | "pause"
            | "unpause"
            | "restart"
            | "rm"
            | "rename"
            | "wait"
            | "port"
            | "init"
    )
}

/// One of them.
pub(super) async fn command(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let known = match action {
        "stop" | "restart" => "time/t= all/a ignore/i latest/l filter/f=",
        "kill" => "signal/s= all/a latest/l",
        "rm" => "force/f time/t= ignore/i all/a volumes/v depend latest/l",
        "start" => "attach/a interactive/i all latest/l",
        _ => "all/a latest/l interval/i= condition= ignore",
    };
    let arguments = parse(action, known, words)?;
    let machine = process.machine.clone();
    if action == "rename" {
        return rename(&machine, &arguments);
    }
    let wanted: Vec<String> = if arguments.has("all") {
        machine.containers.of(Engine::Podman).iter().map(|one| one.name()).collect()
    } else {
        arguments.words.iter().map(|word| (*word).to_owned()).collect()
    };
    if wanted.is_empty() && !arguments.has("all") {
        return Err(Failed::new("you must provide at least one name or id"));
    }
    for wanted in wanted {
        if let Some(text) = one(&machine, action, &wanted, &arguments).await? {
            process.out(text + "\n").await?;
        }
    }
    Ok(())
}

async fn one(
    machine: &Machine,
    action: &str,
    wanted: &str,
    arguments: &Arguments<'_>,
) -> Result<Option<String>, Failed> {
    if action == "rm" {
        return remove(machine, wanted, arguments).await;
    }
    let container = match find(machine, wanted) {
        Err(_) if arguments.has("ignore") => return Ok(None),
        found => found?,
    };
    let state = container.state();
    match action {
        "start" => {
            machine.spend(WORK).await;
            start(machine, &container)?;
        }
        "stop" => stop(machine, &container, seconds(arguments)).await,
        "restart" => {
            stop(machine, &container, seconds(arguments)).await;
            machine.spend(WORK).await;
            start(machine, &container)?;
            machine.containers.tell(&container, "restart", None);
        }
        "kill" => {
            let name = arguments.value("signal").unwrap_or("KILL");
            let signal: Signal = name.parse().map_err(|()| Failed::new(format!("invalid signal: {name}")))?;
            if state.live().is_none() {
                return Err(Failed::new(format!(
                    "can only kill running containers. {} is in state {}: container state improper",
                    container.id,
                    state.word()
                )));
            }
            container.change(|record| record.ending = Ending::Ordered);
            machine.containers.tell(&container, "kill", None);
            machine.containers.signal(&container, signal);
            if signal == Signal::Kill {
                machine.containers.gone(&container).await;
            }
        }
        "pause" => match state {
            State::Running(_) => machine.containers.pause(&container, true),
            State::Paused(_) => {
                return Err(Failed::new(format!(
                    "{:?} is already paused: container state improper",
                    container.id
                )));
            }
            _ => {
                return Err(Failed::new(format!(
                    "{:?} is not running, can't pause: container state improper",
                    state.word()
                )));
            }
        },
        "unpause" => match state {
            State::Paused(_) => machine.containers.pause(&container, false),
            _ => {
                return Err(Failed::new(format!(
                    "{:?} is not paused, can't unpause: container state improper",
                    container.id
                )));
            }
        },
        "wait" => {
            machine.containers.gone(&container).await;
            return Ok(Some(container.record().exit_code.to_string()));
        }
        "port" => {
            let lines: Vec<String> = super::ps::published(&container)
                .iter()
                .map(|port| format!("{port}/tcp -> 0.0.0.0:{port}"))
                .collect();
            return Ok((!lines.is_empty()).then(|| lines.join("\n")));
        }
        _ => {}
    }
    Ok(Some(wanted.to_owned()))
}

fn seconds(arguments: &Arguments<'_>) -> Duration {
    Duration::from_secs(arguments.value("time").and_then(|text| text.parse().ok()).unwrap_or(10))
}

/// Starts a container anew; one that runs already stays as it is.
pub(super) fn start(machine: &Machine, container: &Arc<Container>) -> Done {
    if container.state().live().is_some() {
        return Ok(());
    }
    for port in super::ps::published(container) {
        if machine.containers.running().iter().any(|other| other.plan.ports.contains(port)) {
            return Err(Failed::new(format!(
                "unable to start container {:?}: cannot listen on the TCP port: listen tcp4 :{port}: bind: address already in use",
                container.id
            )));
        }
    }
    let started = machine.containers.start(container, Beginning::Anew);
    started.map_err(|error| {
        Failed::new(format!(
            "unable to start container {:?}: {}",
            container.id,
            error.to_string().to_lowercase()
        ))
    })?;
    machine.containers.tell(container, "init", None);
    machine.containers.tell(container, "start", None);
    Ok(())
}

/// Asks a container to end, and ends it when it has not after a while.
pub(super) async fn stop(machine: &Machine, container: &Arc<Container>, patience: Duration) {
    if let State::Paused(_) = container.state() {
        machine.containers.pause(container, false);
    }
    if container.state().live().is_none() {
        return;
    }
    container.change(|record| record.ending = Ending::Ordered);
    machine.containers.signal(container, Signal::Terminate);
    tokio::select! {
        () = machine.containers.gone(container) => {}
        () = machine.clock.sleep(patience) => {
            machine.containers.signal(container, Signal::Kill);
            machine.containers.gone(container).await;
        }
    }
    machine.containers.tell(container, "stop", None);
}

async fn remove(
    machine: &Machine,
    wanted: &str,
    arguments: &Arguments<'_>,
) -> Result<Option<String>, Failed> {
    match machine.containers.find_of(Engine::Podman, wanted) {
        Err(_) if arguments.has("ignore") || arguments.has("force") => Ok(None),
        Err(error) => {
            let text = not_found(wanted, error).replace("name or ID", "ID or name");
            Err(Failed::Said(text, 1))
        }
        Ok(container) => {
            remove_one(machine, &container, arguments.has("force"), seconds(arguments)).await?;
            Ok(Some(wanted.to_owned()))
        }
    }
}

/// Removes a container; one with processes only by force.
pub(super) async fn remove_one(
    machine: &Machine,
    container: &Arc<Container>,
    force: bool,
    patience: Duration,
) -> Done {
    if container.state().live().is_some() && !force {
        return Err(Failed::Said(
            format!(
                "cannot remove container {} as it is {} - running or paused containers cannot be removed without force: container state improper",
                container.id,
                container.state().word()
            ),
            2,
        ));
    }
    if let Some(failure) = machine.reached(Stage::Remove, &container.name()).await {
        return Err(said(machine, container, failure, Stage::Remove));
    }
    stop(machine, container, patience).await;
    machine.spend(WORK).await;
    machine.containers.remove(container);
    Ok(())
}

fn rename(machine: &Machine, arguments: &Arguments<'_>) -> Done {
    let [old, new] = arguments.words.as_slice() else {
        return Err(Failed::new(format!("accepts 2 arg(s), received {}", arguments.words.len())));
    };
    let container = find(machine, old)?;
    if let Ok(other) = machine.containers.find_of(Engine::Podman, new)
        && other.name() == **new
    {
        return Err(Failed::new(format!("name {new:?} is in use: container already exists")));
    }
    container.change(|record| record.name = (*new).to_owned());
    machine.containers.tell(&container, "rename", None);
    Ok(())
}
