//! `drover lab …`: its words, and what is printed.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::progress::Progress;
use super::{
    Cpus, Disks, HostCount, HostState, Lab, LabError, LabName, LabStatus, Memory, Mirror, Options, down,
    ensure_up, install, install_line, kill_host, missing_packages, shell, start_host, status,
};
use crate::fleet::{bytes, seconds};

/// What can be done with a lab.
#[derive(Clone, Debug, Subcommand)]
pub enum LabCommand {
    /// Bring the lab up, or what of it is missing
    Up(UpArguments),
    /// Take the lab down: its hosts and their disks go, what was built for it stays in the cache
    Down {
        /// The lab
        #[arg(long, default_value_t)]
        name: LabName,
        /// Keep the hosts' disks for the next “up”
        #[arg(long)]
        keep: bool,
    },
    /// Show what the lab's hosts are doing
    Status {
        /// The lab
        #[arg(long, default_value_t)]
        name: LabName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Open a shell on a host, or run a command there
    Shell {
        /// The lab
        #[arg(long, default_value_t)]
        name: LabName,
        /// The host: h1, h2, …
        host: String,
        /// The command, behind “--”
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// End a host as a power cut does; its disk stays
    Kill {
        /// The lab
        #[arg(long, default_value_t)]
        name: LabName,
        /// The host: h1, h2, …
        host: String,
    },
    /// Start a host again that is down
    Start {
        /// The lab
        #[arg(long, default_value_t)]
        name: LabName,
        /// The host: h1, h2, …
        host: String,
    },
}

/// The options of `drover lab up`.
#[derive(Clone, Debug, Default, Args)]
pub struct UpArguments {
    /// The lab
    #[arg(long, default_value_t)]
    pub name: LabName,
    /// How many hosts, 1 to 50 [default: 3]
    #[arg(long, value_name = "N")]
    pub hosts: Option<HostCount>,
    /// Memory of each host [default: 2G]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
    /// Processors of each host, such as 2 or 0.5 [default: all of this machine]
    #[arg(long, value_name = "N")]
    pub cpus: Option<Cpus>,
    /// Debian mirror to build the hosts from [default: this machine's own]
    #[arg(long, value_name = "URL")]
    pub mirror: Option<Mirror>,
    /// Install what is missing on this machine without asking
    #[arg(long, short)]
    pub yes: bool,
}

impl UpArguments {
    /// The same as the library takes it.
    pub fn options(&self) -> Options {
        Options {
            name: self.name.clone(),
            hosts: self.hosts,
            memory: self.memory,
            cpus: self.cpus,
            mirror: self.mirror.clone(),
        }
    }
}

/// What there is on the other side of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal, who can be asked and sees a line change.
    Terminal,
    /// A file or a program.
    Plain,
}

/// Where the words of a command go: results to `out`, progress and questions to `notes`.
pub struct Output<'a> {
    /// Results.
    pub out: &'a mut (dyn Write + Send),
    /// Progress and questions.
    pub notes: &'a mut (dyn Write + Send),
    /// Who reads the notes.
    pub audience: Audience,
}

impl Output<'_> {
    fn say(&mut self, text: &str) -> Result<(), LabError> {
        writeln!(self.out, "{text}").map_err(LabError::Output)
    }

    /// Shows one piece of progress. Progress that cannot be shown is no reason to stop.
    fn progress(&mut self, progress: &Progress) {
        let (text, passing) = match progress {
            Progress::Build { percent, step } => (format!("[{percent:>3}%] {step}"), true),
            Progress::Step(step) => (step.clone(), true),
            Progress::Note(note) => (note.clone(), false),
        };
        let _ = match (self.audience, passing) {
            // Back to the first column, and clear what was there.
            (Audience::Terminal, true) => write!(self.notes, "\r\x1b[K{text}"),
            (Audience::Terminal, false) => writeln!(self.notes, "\r\x1b[K{text}"),
            (Audience::Plain, _) => writeln!(self.notes, "{text}"),
        };
        let _ = self.notes.flush();
    }

    fn end_progress(&mut self) {
        if self.audience == Audience::Terminal {
            let _ = write!(self.notes, "\r\x1b[K");
            let _ = self.notes.flush();
        }
    }

    /// Does something that reports progress.
    fn during<T>(
        &mut self,
        work: impl FnOnce(&mut (dyn FnMut(Progress) + Send)) -> Result<T, LabError>,
    ) -> Result<T, LabError> {
        let result = work(&mut |progress| self.progress(&progress));
        self.end_progress();
        result
    }
}

/// Carries out a command.
pub fn run(command: &LabCommand, output: &mut Output<'_>) -> Result<ExitCode, LabError> {
    match command {
        LabCommand::Up(arguments) => {
            let began = std::time::Instant::now();
            let lab = up(arguments, output)?;
            output.say(&up_text(&lab, began.elapsed().as_secs_f64()))?;
        }
        LabCommand::Down { name, keep } => {
            let disks = if *keep { Disks::Keep } else { Disks::Remove };
            output.during(|report| down(name, disks, report))?;
            output.say(&format!("the lab “{name}” is down"))?;
        }
        LabCommand::Status { name, json } => return show_status(name, *json, output),
        LabCommand::Shell { name, host, command } => {
            let mut command = shell(name, host, command)?;
            // Only returns when the program could not be started.
            let error = command.exec();
            return Err(LabError::Program {
                step: "opening a shell",
                program: "ssh".into(),
                cause: error.to_string(),
            });
        }
        LabCommand::Kill { name, host } => {
            output.during(|report| kill_host(name, host, report))?;
            output.say(&format!(
                "{host} is down, its disk is kept: “drover lab start {host}” starts it again"
            ))?;
        }
        LabCommand::Start { name, host } => {
            output.during(|report| start_host(name, host, report))?;
            output.say(&format!("{host} is up"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Brings a lab up; a person at a terminal is asked before anything is installed.
pub fn up(arguments: &UpArguments, output: &mut Output<'_>) -> Result<Lab, LabError> {
    let missing = missing_packages();
    if !missing.is_empty() && (arguments.yes || agrees(&missing, output)) {
        output.progress(&Progress::Note(install_line(&missing)));
        install(&missing)?;
    }
    output.during(|report| ensure_up(&arguments.options(), report))
}

fn agrees(missing: &[&str], output: &mut Output<'_>) -> bool {
    if output.audience != Audience::Terminal || !rustix::process::geteuid().is_root() {
        return false;
    }
    let asked = write!(
        output.notes,
        "The lab needs packages that are missing here. Install them with\n  {}\nnow? [y/N] ",
        install_line(missing)
    )
    .and_then(|()| output.notes.flush());
    let mut answer = String::new();
    asked.is_ok()
        && std::io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn up_text(lab: &Lab, took: f64) -> String {
    let hosts: Vec<String> = lab.hosts.iter().map(|host| format!("{} {}", host.name, host.address)).collect();
    let name = if lab.name == LabName::default() { String::new() } else { format!(" --name {}", lab.name) };
    format!(
        "the lab “{}” is up ({}): {}\nfleet file: {}\na shell on a host: drover lab shell{name} {}",
        lab.name,
        seconds(took),
        hosts.join(", "),
        lab.fleet_file.display(),
        lab.hosts.first().map_or("h1", |host| host.name.as_str()),
    )
}

fn show_status(name: &LabName, json: bool, output: &mut Output<'_>) -> Result<ExitCode, LabError> {
    let status = status(name)?;
    let text = if json {
        serde_json::to_string_pretty(&status)
            .map_err(|error| LabError::Output(std::io::Error::other(error)))?
    } else {
        status_text(&status)
    };
    output.say(&text)?;
    let up = status.hosts.iter().all(|host| host.state == HostState::Up);
    Ok(if up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn status_text(status: &LabStatus) -> String {
    let mut lines = vec![format!(
        "lab {}, of {}, up for {}{}",
        status.name,
        status.owner,
        seconds(status.uptime.max(0) as f64),
        status.cpus.as_ref().map_or(String::new(), |cpus| format!(", {cpus} processors each")),
    )];
    for host in &status.hosts {
        let state = match host.state {
            HostState::Up => "up",
            HostState::Partial => "partial",
            HostState::Down => "down",
        };
        let containers: Vec<String> = host
            .containers
            .iter()
            .map(|container| format!("{} ({})", container.name, container.state))
            .collect();
        let detail = match &host.problem {
            Some(problem) => problem.clone(),
            None => format!(
                "{} of {} used, {} processes, {}",
                host.memory_used.map_or_else(|| "?".into(), bytes),
                bytes(host.memory),
                host.processes,
                if containers.is_empty() { "no containers".into() } else { containers.join(", ") },
            ),
        };
        lines.push(format!("  {:<4} {:<14} {state:<8} {detail}", host.name, host.address));
    }
    lines.push(format!("fleet file: {}", status.fleet_file.display()));
    lines.join("\n")
}
