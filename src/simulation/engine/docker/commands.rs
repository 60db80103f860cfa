//! `docker start`, `stop`, `checkpoint` and their like.

use super::arguments::{exactly, parse, some};
use super::checkpoint::Then;
use super::daemon::PATIENCE;
use super::{Done, Failed, Refused, checkpoint as checkpoints, daemon, output, transfer, values};
use crate::simulation::engine::podman::Arguments;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use std::time::Duration;

/// Whether this is one of the commands here.
pub(super) fn knows(action: &str) -> bool {
    matches!(
        action,
        "start" | "stop" | "kill" | "pause" | "unpause" | "restart" | "rm" | "rename" | "wait" | "port"
    )
}

/// One of them.
pub(super) async fn command(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let known = match action {
        "start" => "attach/a interactive/i checkpoint= checkpoint-dir= detach-keys=",
        "stop" | "restart" => "time/t= signal/s=",
        "kill" => "signal/s=",
        "rm" => "force/f volumes/v link/l",
        _ => "",
    };
    let arguments = parse(action, known, words)?;
    let machine = process.machine.clone();
    if action == "rename" {
        let [old, new] = exactly("rename", &arguments.words)?;
        return Ok(daemon::rename(&machine, &*daemon::find(&machine, old)?, new)?);
    }
    some(action, &arguments.words)?;
    if arguments.value("checkpoint").is_some() && arguments.words.len() > 1 {
        return Err(Failed::new("you cannot restore multiple containers at once"));
    }
    let mut failed = Vec::new();
    for wanted in &arguments.words {
        match one(&machine, action, wanted, &arguments).await {
            // A start from a checkpoint says nothing.
            Ok(text) if !text.is_empty() => process.out(text + "\n").await?,
            Ok(_) => {}
            Err(refused) => {
                process.complain(format!("Error response from daemon: {}", refused.message)).await;
                failed.push(*wanted);
            }
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        _ if action == "start" && arguments.value("checkpoint").is_none() => {
            Err(Failed::new(format!("Error: failed to start containers: {}", failed.join(", "))))
        }
        _ => Err(Failed::Silent(1)),
    }
}

async fn one(
    machine: &Machine,
    action: &str,
    wanted: &str,
    arguments: &Arguments<'_>,
) -> Result<String, Refused> {
    let container = match daemon::find(machine, wanted) {
        // What is not there need not be removed.
        Err(refused) if action == "rm" && arguments.has("force") => {
            return if refused.status == hyper::StatusCode::NOT_FOUND {
                Ok(String::new())
            } else {
                Err(refused)
            };
        }
        found => found?,
    };
    let patience =
        arguments.value("time").and_then(|text| text.parse().ok()).map_or(PATIENCE, Duration::from_secs);
    match action {
        "start" => match arguments.value("checkpoint") {
            Some(checkpoint) => {
                checkpoints::start(machine, &container, checkpoint, arguments.value("checkpoint-dir"))
                    .await?;
                return Ok(String::new());
            }
            None => {
                daemon::start(machine, &container).await?;
            }
        },
        "stop" => {
            daemon::stop(machine, &container, patience).await;
        }
        "restart" => {
            daemon::stop(machine, &container, patience).await;
            daemon::start(machine, &container).await?;
            machine.containers.tell(&container, "restart", None);
        }
        "kill" => {
            daemon::kill(machine, &container, wanted, arguments.value("signal").unwrap_or("KILL")).await?
        }
        "pause" | "unpause" => daemon::pause(machine, &container, action == "pause")?,
        "rm" => daemon::remove(machine, &container, arguments.has("force")).await?,
        "wait" => {
            machine.containers.gone(&container).await;
            return Ok(container.record().exit_code.to_string());
        }
        _ => {
            let ports = values::published(&container).iter();
            let lines =
                ports.flat_map(|port| ["0.0.0.0", "[::]"].map(|ip| format!("{port}/tcp -> {ip}:{port}")));
            return Ok(lines.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(wanted.to_owned())
}

/// `docker checkpoint`
pub(super) async fn checkpoint(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    match action {
        "create" => {
            let arguments = parse("checkpoint create", "checkpoint-dir= leave-running", words)?;
            let [wanted, id] = exactly("checkpoint create", &arguments.words)?;
            let then = if arguments.has("leave-running") { Then::RunOn } else { Then::Exit };
            let container = daemon::find(&machine, wanted)?;
            checkpoints::create(&machine, &container, wanted, id, arguments.value("checkpoint-dir"), then)
                .await?;
            process.out(format!("{id}\n")).await?;
        }
        "ls" | "list" => {
            let arguments = parse("checkpoint ls", "checkpoint-dir=", words)?;
            let [wanted] = exactly("checkpoint ls", &arguments.words)?;
            let container = daemon::find(&machine, wanted)?;
            let names = checkpoints::list(&machine, &container, arguments.value("checkpoint-dir"));
            process
                .out(output::listed(&["CHECKPOINT NAME"], names.into_iter().map(|name| vec![name])))
                .await?;
        }
        "rm" | "remove" => {
            let arguments = parse("checkpoint rm", "checkpoint-dir=", words)?;
            let [wanted, id] = exactly("checkpoint rm", &arguments.words)?;
            let container = daemon::find(&machine, wanted)?;
            checkpoints::remove(&machine, &container, wanted, id, arguments.value("checkpoint-dir"))?;
        }
        _ => return Err(Failed::new("Usage:  docker checkpoint COMMAND")),
    }
    Ok(())
}

/// `docker tag`
pub(super) fn tag(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("tag", "", words)?;
    let [wanted, name] = exactly("tag", &arguments.words)?;
    let images = &process.machine.containers.docker.images;
    let image = images.find(wanted).ok_or_else(|| transfer::no_such_image(wanted))?;
    images.tag(&image.id, name);
    Ok(())
}

/// `docker rmi`
pub(super) async fn remove_image(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("rmi", "force/f no-prune", words)?;
    some("rmi", &arguments.words)?;
    let machine = process.machine.clone();
    let images = &machine.containers.docker.images;
    for wanted in &arguments.words {
        let image = images.find(wanted).ok_or_else(|| transfer::no_such_image(wanted))?;
        let user = values::containers(&machine).into_iter().find(|one| one.image == image.id);
        if let Some(user) = user.filter(|_| !arguments.has("force")) {
            let short = image.id.get(..12).unwrap_or_default();
            let text = format!(
                "conflict: unable to remove repository reference {wanted:?} (must force) - container {} is using its referenced image {short}",
                user.short_id()
            );
            return Err(Refused::new(hyper::StatusCode::CONFLICT, text).into());
        }
        images.remove(&machine, &image.id);
        let mut text: String = image.names.iter().map(|name| format!("Untagged: {name}\n")).collect();
        text.push_str(&format!("Deleted: sha256:{}\n", image.id));
        process.out(text).await?;
    }
    Ok(())
}
