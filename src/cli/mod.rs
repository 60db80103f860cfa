//! Every command and flag: parse, dispatch, print.
//!
//! In come the arguments of the process; out go lines on standard output (results), on standard error
//! (progress, questions, errors), and an exit code from the table in [`Exit`].

mod bench;
mod check;
pub mod demo;
mod exit;
mod explain;
mod fleet;
mod matrix;
mod migrate;
mod own_fleet;
mod reach;
#[cfg(test)]
mod readme;
mod recover;
mod start;
mod table;
pub mod world;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::fleet::{Environment, Fleet, FleetError, HostName};
use crate::lab::{Audience, LabCommand, Output, UpArguments};
use crate::ssh::config::Person;
use demo::DemoArguments;
pub use exit::Exit;

/// Moves running containers between hosts over SSH, and shows what every host is doing.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    /// Fleet file [default: $DROVER_FLEET, else drover/fleet.toml in the XDG configuration directory, else ./fleet.toml]
    #[arg(long, global = true, value_name = "FILE")]
    fleet: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A fleet of real hosts on this machine; alone: bring it up if needed and open the console on it
    Lab(LabArguments),
    /// A simulated fleet inside this program; needs no rights, no network, no file
    Demo(DemoArguments),
    /// Look at the fleet file and at each of its hosts, or make one
    Fleet {
        #[command(subcommand)]
        verb: FleetVerb,
    },
    /// One line per host: connection, memory, engine
    Hosts {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// The containers of all hosts
    Ps {
        /// Only this host
        #[arg(long)]
        host: Option<HostName>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say whether a move would work, and if not, why and what to do; touch nothing
    Check(check::CheckArguments),
    /// From which host to which can containers go? Green, yellow or red, each with its reason
    Matrix(matrix::MatrixArguments),
    /// Move a running container to another host
    Migrate(MigrateArguments),
    /// Say what an error of CRIU, Podman, Docker, crun, runC or containerd means, and what to do; needs no host
    Explain(explain::ExplainArguments),
    /// Finish or undo migrations that were interrupted, wherever they were begun
    Recover(recover::RecoverArguments),
    /// Measure drover beside the engine's own commands
    Bench {
        #[command(subcommand)]
        verb: BenchVerb,
    },
}

#[derive(Debug, Subcommand)]
enum BenchVerb {
    /// Move a container to and fro, by turns with drover and with podman checkpoint, rsync, podman restore; the
    /// source must reach the destination by its own ssh as root, as in the local lab
    Migrate(bench::BenchArguments),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct LabArguments {
    #[command(subcommand)]
    verb: Option<LabCommand>,
    #[command(flatten)]
    up: crate::lab::UpArguments,
}

#[derive(Debug, Subcommand)]
enum FleetVerb {
    /// Check the file, then connect to each host and say what was found or what to do
    Check,
    /// Write a fleet file in which every key is explained, for you to edit; an existing file is left alone
    New {
        /// Where to write it [default: where drover looks for it]
        file: Option<PathBuf>,
    },
    /// Write a fleet file of hosts that ~/.ssh/config names; an existing file is left alone
    Import(own_fleet::ImportArguments),
}

/// `drover migrate`.
#[derive(Debug, Args)]
pub struct MigrateArguments {
    /// Name or id of the container
    container: String,
    /// Host on which it runs
    #[arg(long, value_name = "HOST")]
    from: HostName,
    /// Host to which it shall go
    #[arg(long, value_name = "HOST")]
    to: HostName,
    /// Only check whether the move would work; touch nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    overrides: check::Overrides,
    #[command(flatten)]
    wishes: check::Wishes,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Do not ask (on a terminal, drover shows the checks and asks once)
    #[arg(long, short)]
    yes: bool,
    /// Keep the source's stopped copy for so long, under another name: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    keep: Option<std::time::Duration>,
    /// What has to answer at the destination before the move is taken for done: tcp://ADDRESS:PORT,
    /// http://ADDRESS:PORT/PATH as this machine reaches it, or exec:PROGRAM ARGUMENTS in the container
    #[arg(long, value_name = "PROBE")]
    probe: Option<crate::migrate::Probe>,
}

/// Reads `90s`, `10m`, `2h`, and what else the friendly format of durations has.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let duration: jiff::SignedDuration = text.parse().map_err(|_| "write it as 90s, 10m or 2h".to_owned())?;
    std::time::Duration::try_from(duration).map_err(|_| "it must not be negative".to_owned())
}

/// Runs drover with the arguments of this process.
pub fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.verb {
        Some(Verb::Lab(LabArguments { verb: Some(command), .. })) => {
            with_output(|output| Ok(crate::lab::run(&command, output)?))
        }
        Some(Verb::Lab(LabArguments { verb: None, up })) => lab(&up),
        Some(Verb::Demo(arguments)) => demo::run(&arguments),
        Some(Verb::Explain(arguments)) => Ok(explain::run(&arguments)?.into()),
        Some(Verb::Fleet { verb: FleetVerb::New { file } }) => {
            let place = own_fleet::place(file.as_deref().or(arguments.fleet.as_deref()));
            Ok(own_fleet::new(&place)?.into())
        }
        Some(Verb::Fleet { verb: FleetVerb::Import(import) }) => {
            let place = own_fleet::place(import.to.as_deref().or(arguments.fleet.as_deref()));
            Ok(own_fleet::import(&import, &place, &Person::of_process())?.into())
        }
        None => console(arguments.fleet.as_deref()),
        Some(verb) => match load(arguments.fleet.as_deref()) {
            Ok(fleet) => headless(verb, Arc::new(fleet)),
            Err(error) => {
                writeln!(std::io::stderr(), "{error}")?;
                Ok(Exit::Fleet.into())
            }
        },
    }
}

/// Brings a lab up if needed and opens the console on it.
fn lab(up: &UpArguments) -> anyhow::Result<ExitCode> {
    let lab = with_output(|output| Ok(crate::lab::up(up, output)?))?;
    let code = console(Some(&lab.fleet_file))?;
    let name = if up.name == Default::default() { String::new() } else { format!(" --name {}", up.name) };
    writeln!(std::io::stderr(), "The lab goes on running; “drover lab down{name}” takes it down.")?;
    Ok(code)
}

fn with_output<T>(action: impl FnOnce(&mut Output<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let audience = if std::io::stderr().is_terminal() { Audience::Terminal } else { Audience::Plain };
    let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
    action(&mut Output { out: &mut out, notes: &mut notes, audience })
}

fn load(asked_for: Option<&std::path::Path>) -> Result<Fleet, FleetError> {
    Fleet::find(asked_for, &Environment::of_process())
}

fn headless(verb: Verb, fleet: Arc<Fleet>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match verb {
            Verb::Fleet { verb: FleetVerb::Check } => fleet::check(fleet).await,
            Verb::Hosts { json } => fleet::hosts(fleet, json).await,
            Verb::Ps { host, json } => fleet::ps(fleet, host, json).await,
            Verb::Matrix(arguments) => matrix::run(fleet, arguments).await,
            Verb::Check(arguments) => check::run(fleet, arguments).await,
            Verb::Migrate(arguments) => migrate::run(fleet, arguments).await,
            Verb::Recover(arguments) => recover::run(fleet, arguments).await,
            Verb::Bench { verb: BenchVerb::Migrate(arguments) } => bench::run(fleet, arguments).await,
            // These need no fleet and were carried out before one was looked for.
            Verb::Lab(_)
            | Verb::Demo(_)
            | Verb::Explain(_)
            | Verb::Fleet { verb: FleetVerb::New { .. } | FleetVerb::Import(_) } => Ok(Exit::Done),
        }
    });
    // A question on the terminal that nobody answers must not keep the process.
    runtime.shutdown_background();
    Ok(result?.into())
}

/// Opens the console on a fleet and, when it is left, waits for what it has begun.
fn console(asked_for: Option<&std::path::Path>) -> anyhow::Result<ExitCode> {
    let fleet = match load(asked_for) {
        Ok(fleet) => fleet,
        Err(FleetError::NoneFound { .. }) if start::is_possible() => return start::run(),
        Err(error) => {
            writeln!(std::io::stderr(), "{error}")?;
            return Ok(Exit::Fleet.into());
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (tasks, world) = world::Tasks::start(Arc::new(fleet), world::Surroundings::real());
        let ended = crate::console::run(crate::console::ConsoleOptions::default(), world).await;
        tasks.finish().await;
        ended
    });
    runtime.shutdown_background();
    result?;
    Ok(Exit::Done.into())
}
