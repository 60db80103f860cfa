//! Docker 26: its daemon's API and its command line, over the containers of a machine.
//!
//! In come words or HTTP requests; out go the texts, JSON fields, exit codes and statuses that Docker 26.1.5 was
//! seen to give for the same on a host of the lab. `daemon` does what is asked, `values` says what there is;
//! the API ([`api`]) and the commands (`commands` and its neighbours) are two ways to both. A checkpoint is a directory of CRIU's images: those of another host's container can be put into a new one's.

pub mod api;
mod arguments;
mod belongings;
mod checkpoint;
mod commands;
mod create;
mod daemon;
mod events;
mod exec;
mod files;
mod host;
mod logs;
mod networks;
mod output;
mod ps;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod transfer;
mod values;

use std::time::Duration;

use hyper::StatusCode;

pub(super) use exec::environment;
pub use files::{OVERLAY, control_group, log_line, mac, make_files, run_directory, shim, static_directory};
pub(super) use output::table;
pub use store::Store;

use super::disk;
use super::failed::ending;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::{Process, Ran};

/// Where the daemon listens; /var/run is a link to /run.
pub const SOCKET: &str = "/run/docker.sock";

/// From the start of the program to the daemon's answer, on an idle host of the lab.
const BEGIN: Duration = Duration::from_millis(25);

/// Why the daemon did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    status: StatusCode,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// An error of the daemon's own.
    fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

/// Why a command ended early.
type Failed = super::failed::Failed<1>;

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::new(format!("Error response from daemon: {}", refused.message))
    }
}

type Done = Result<(), Failed>;

/// Docker's version on a host.
fn version(machine: &Machine) -> String {
    machine.plan.docker.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// `docker`
pub async fn main(process: &mut Process, words: &[String]) -> Ran {
    process.machine.spend(BEGIN).await;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let (code, said) = ending(command(process, &words).await)?;
    if let Some(text) = said {
        process.complain(text).await;
    }
    Ok(code)
}

/// Options of the program itself that take a value.
const GLOBAL: [&str; 7] = ["--config", "--context", "-c", "--host", "-H", "--log-level", "-l"];

async fn command(process: &mut Process, words: &[&str]) -> Done {
    let mut words = words;
    while let [first, rest @ ..] = words {
        if !first.starts_with('-') {
            break;
        }
        if matches!(*first, "--version" | "-v") {
            process.out(format!("Docker version {}, build a72d7cd\n", version(&process.machine))).await?;
            return Ok(());
        }
        let takes = GLOBAL.contains(first);
        if !takes && !matches!(*first, "--debug" | "-D" | "--tls" | "--tlsverify") && !first.contains('=') {
            return Err(Failed::Said(format!("unknown flag: {first}\nSee 'docker --help'."), 125));
        }
        words = if takes { rest.get(1..).unwrap_or_default() } else { rest };
    }
    let machine = process.machine.clone();
    let [name, rest @ ..] = words else {
        process.out(USAGE).await?;
        return Ok(());
    };
    if disk::node(&machine, SOCKET).is_none() {
        if *name == "version" {
            process.out(show::client_version(&machine)).await?;
        }
        return Err(Failed::new(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        ));
    }
    machine.containers.settle();
    match (*name, rest) {
        ("container", ["ls" | "list" | "ps", rest @ ..]) | ("ps", rest) => ps::ps(process, rest).await,
        ("container", ["inspect", rest @ ..]) => show::inspect(process, "container", rest).await,
        ("image", ["inspect", rest @ ..]) => show::inspect(process, "image", rest).await,
        ("inspect", rest) => show::inspect(process, "", rest).await,
        ("image", ["ls" | "list", rest @ ..]) | ("images", rest) => show::images(process, rest).await,
        ("version", rest) => show::version(process, rest).await,
        ("system", ["info", rest @ ..]) | ("info", rest) => show::info(process, rest).await,
        ("volume", [action, rest @ ..]) => networks::volume(process, action, rest).await,
        ("network", [action, rest @ ..]) => networks::network(process, action, rest).await,
        ("checkpoint", [action, rest @ ..]) => commands::checkpoint(process, action, rest).await,
        ("image", ["save", rest @ ..]) | ("save", rest) => transfer::save(process, rest).await,
        ("image", ["load", rest @ ..]) | ("load", rest) => transfer::load(process, rest).await,
        ("image", ["tag", rest @ ..]) | ("tag", rest) => commands::tag(process, rest),
        ("image", ["rm", rest @ ..]) | ("rmi", rest) => commands::remove_image(process, rest).await,
        ("container", ["logs", rest @ ..]) | ("logs", rest) => logs::command(process, rest).await,
        ("system", ["events", rest @ ..]) | ("events", rest) => events::command(process, rest).await,
        ("container", ["stats", rest @ ..]) | ("stats", rest) => ps::stats(process, rest).await,
        ("container", ["top", rest @ ..]) | ("top", rest) => ps::top(process, rest).await,
        ("container", ["exec", rest @ ..]) | ("exec", rest) => exec::command(process, rest).await,
        ("container", [action @ ("run" | "create"), rest @ ..]) => {
            create::command(process, action, rest).await
        }
        ("run" | "create", rest) => create::command(process, name, rest).await,
        ("container", [action, rest @ ..]) if commands::knows(action) => {
            commands::command(process, action, rest).await
        }
        (action, rest) if commands::knows(action) => commands::command(process, action, rest).await,
        ("help" | "container" | "image" | "system" | "volume" | "network" | "checkpoint", _) => {
            process.out(USAGE).await?;
            Ok(())
        }
        _ => Err(Failed::new(format!("docker: '{name}' is not a docker command.\nSee 'docker --help'"))),
    }
}

const USAGE: &str = "
Usage:  docker [OPTIONS] COMMAND

A self-sufficient runtime for containers

This simulated docker knows what drover, and those who look on, need.
";
