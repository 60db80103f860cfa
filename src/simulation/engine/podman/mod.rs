//! Podman 5: its command line and its API, over the containers of a machine.
//!
//! In come words or HTTP requests; out go the texts, JSON fields, exit codes and statuses that Podman 5.4.2 was
//! seen to give for the same on a host of the lab.

pub mod api;
mod arguments;
mod checkpoint;
mod config;
mod docker;
mod exec;
mod images;
mod info;
mod inspect;
mod lifecycle;
mod networks;
mod output;
mod ps;
mod restore;
mod run;
mod template;
#[cfg(test)]
mod tests;
mod transfer;
mod watch;

use std::sync::Arc;
use std::time::Duration;

pub(super) use arguments::Arguments;
use arguments::parse;
pub(super) use inspect::environment;

use super::container::Container;
use super::containers::NotFound;
use super::failed::ending;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::{Process, Ran};
use crate::simulation::scenario::Engine;

/// From the start of the program to the first thing it does.
const BEGIN: Duration = Duration::from_millis(60);

/// Why a command or a request ended early; the command line begins its words with “Error: ”.
type Failed = super::failed::Failed<125>;

type Done = Result<(), Failed>;

/// Reads words as [`parse`] does, for engines that refuse in other words.
pub(super) fn read_words<'a>(
    command: &str,
    known: &'static str,
    words: &[&'a str],
) -> Result<Arguments<'a>, String> {
    parse(command, known, words).map_err(text)
}

/// Fills a template of Go's from a value, for engines that refuse in other words.
pub(super) fn fill_template(
    command: &str,
    wanted: &str,
    value: &serde_json::Value,
) -> Result<String, String> {
    template::fill(command, wanted, value).map_err(text)
}

fn text(failed: Failed) -> String {
    match failed {
        Failed::Said(text, _) => text,
        Failed::Silent(_) => String::new(),
        Failed::Output(error) => error.to_string(),
    }
}

/// `podman`
pub async fn main(process: &mut Process, words: &[String]) -> Ran {
    process.machine.spend(BEGIN).await;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let (code, said) = ending(command(process, &words).await)?;
    if let Some(text) = said {
        process.complain(format!("Error: {text}")).await;
    }
    Ok(code)
}

/// Options of the program itself that take a value.
const GLOBAL: [&str; 8] = [
    "--log-level",
    "--root",
    "--runroot",
    "--cgroup-manager",
    "--events-backend",
    "--storage-driver",
    "--runtime",
    "--url",
];

async fn command(process: &mut Process, words: &[&str]) -> Done {
    let mut words = words;
    while let [first, rest @ ..] = words {
        if !first.starts_with('-') {
            break;
        }
        if matches!(*first, "--version" | "-v") {
            process.out(format!("podman version {}\n", info::version(&process.machine))).await?;
            return Ok(());
        }
        let name = first.split('=').next().unwrap_or(first);
        if !GLOBAL.contains(&name) {
            return Err(Failed::new(format!("unknown flag: {first}\nSee 'podman --help'")));
        }
        words = if first.contains('=') { rest } else { rest.get(1..).unwrap_or_default() };
    }
    let machine = process.machine.clone();
    machine.containers.settle();
    match words {
        ["ps", rest @ ..] => ps::ps(process, "ps", rest).await,
        ["container", "ls" | "list" | "ps", rest @ ..] => ps::ps(process, "container ls", rest).await,
        ["inspect", rest @ ..] => inspect::any(process, rest).await,
        ["container", "inspect", rest @ ..] => inspect::container(process, rest).await,
        ["container", "exists", rest @ ..] => {
            let found = machine.containers.find_of(Engine::Podman, one("container exists", rest)?).is_ok();
            if found { Ok(()) } else { Err(Failed::Silent(1)) }
        }
        ["container", "checkpoint", rest @ ..] => checkpoint::command(process, rest).await,
        ["container", "restore", rest @ ..] => restore::command(process, rest).await,
        ["images", rest @ ..] | ["image", "ls" | "list", rest @ ..] => images::list(process, rest).await,
        ["image", "inspect", rest @ ..] => images::inspect(process, rest).await,
        ["image", "exists", rest @ ..] => {
            let found = machine.containers.images.find(one("image exists", rest)?).is_some();
            if found { Ok(()) } else { Err(Failed::Silent(1)) }
        }
        ["tag", rest @ ..] | ["image", "tag", rest @ ..] => images::tag(process, rest),
        ["rmi", rest @ ..] | ["image", "rm", rest @ ..] => images::remove(process, rest).await,
        ["save", rest @ ..] | ["image", "save", rest @ ..] => transfer::save(process, rest).await,
        ["load", rest @ ..] | ["image", "load", rest @ ..] => transfer::load(process, rest).await,
        ["volume", action, rest @ ..] => networks::volume(process, action, rest).await,
        ["network", action, rest @ ..] => networks::network(process, action, rest).await,
        ["info", rest @ ..] => info::info(process, rest).await,
        ["version", rest @ ..] => info::say_version(process, rest).await,
        ["logs", rest @ ..] | ["container", "logs", rest @ ..] => watch::logs(process, rest).await,
        ["events", rest @ ..] => watch::events(process, rest).await,
        ["stats", rest @ ..] | ["container", "stats", rest @ ..] => watch::stats(process, rest).await,
        ["top", rest @ ..] | ["container", "top", rest @ ..] => watch::top(process, rest).await,
        ["exec", rest @ ..] | ["container", "exec", rest @ ..] => exec::exec(process, rest).await,
        ["run", rest @ ..] | ["container", "run", rest @ ..] => run::run(process, "run", rest).await,
        ["create", rest @ ..] | ["container", "create", rest @ ..] => run::run(process, "create", rest).await,
        [action, rest @ ..] | ["container", action, rest @ ..] if lifecycle::knows(action) => {
            lifecycle::command(process, action, rest).await
        }
        ["container" | "image", action, ..] => {
            let kind = words.first().unwrap_or(action);
            let text = format!(
                "unrecognized command `podman {kind} {action}`\nTry 'podman {kind} --help' for more information"
            );
            Err(Failed::new(text))
        }
        [action, ..] if !matches!(*action, "container" | "image" | "volume" | "network" | "help") => {
            Err(Failed::new(format!(
                "unrecognized command `podman {action}`\nTry 'podman --help' for more information"
            )))
        }
        _ => {
            process
                .out("Manage pods, containers and images\n\nUsage:\n  podman [options] [command]\n\nThis simulated podman knows what drover, and those who look on, need.\n")
                .await?;
            Err(Failed::Silent(if words.is_empty() { 125 } else { 0 }))
        }
    }
}

/// The only argument of a command.
fn one<'a>(command: &str, words: &[&'a str]) -> Result<&'a str, Failed> {
    let arguments = parse(command, "", words)?;
    match arguments.words.as_slice() {
        [word] => Ok(word),
        words => Err(Failed::new(format!("accepts 1 arg(s), received {}", words.len()))),
    }
}

/// A container by what a person calls it.
fn find(machine: &Machine, wanted: &str) -> Result<Arc<Container>, Failed> {
    machine.containers.find_of(Engine::Podman, wanted).map_err(|error| Failed::new(not_found(wanted, error)))
}

fn not_found(wanted: &str, error: NotFound) -> String {
    match error {
        NotFound::Missing => format!("no container with name or ID \"{wanted}\" found: no such container"),
        NotFound::Ambiguous => {
            format!("more than one result for container name or ID {wanted}: container already exists")
        }
    }
}
