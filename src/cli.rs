//! Every command and flag.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::lab::{Audience, LabCommand, Output};

/// Moves running containers between hosts over SSH.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A fleet of real hosts on this machine
    #[command(subcommand)]
    Lab(LabCommand),
}

/// Runs drover with the arguments of this process.
pub fn run() -> anyhow::Result<ExitCode> {
    let Arguments { command: Verb::Lab(command) } = Arguments::parse();
    let audience = if std::io::stderr().is_terminal() { Audience::Terminal } else { Audience::Plain };
    let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
    let mut output = Output { out: &mut out, notes: &mut notes, audience };
    Ok(crate::lab::run(&command, &mut output)?)
}
