//! `drover recover`: ends what was interrupted, from the hosts' own records.

use std::io::Write;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::reach::FleetHosts;
use crate::fleet::{Fleet, HostName, printable};
use crate::migrate::journal::Journal;
use crate::migrate::recover::{Ended, Mode, Options, Outcome, recover};
use crate::ssh::{Connector, TerminalPrompter};

/// `drover recover`.
#[derive(Debug, Args)]
pub struct RecoverArguments {
    /// Only say what was found and what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only migrations from or to this host
    #[arg(long, value_name = "HOST")]
    host: Option<HostName>,
}

/// Runs the command.
pub async fn run(fleet: Arc<Fleet>, arguments: RecoverArguments) -> anyhow::Result<Exit> {
    let RecoverArguments { dry_run, json, host } = arguments;
    if let Some(host) = &host
        && fleet.host(host).is_none()
    {
        writeln!(std::io::stderr(), "there is no host “{host}” in the fleet file")?;
        return Ok(Exit::Fleet);
    }
    let hosts = FleetHosts::new(fleet, Connector::new(), Arc::new(TerminalPrompter::new()));
    let journal = journal().await?;
    let options = Options { mode: if dry_run { Mode::DryRun } else { Mode::Act }, host };
    let outcome = recover(&hosts, journal.as_ref(), &options).await;
    if json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&outcome)?)?;
    } else {
        print(&outcome)?;
    }
    Ok(Exit::of_recovery(&outcome))
}

/// The journal, when there is one. Recovery does not need it, so it is neither made nor insisted on.
async fn journal() -> anyhow::Result<Option<Journal>> {
    let Some(place) = Journal::place().filter(|place| place.exists()) else { return Ok(None) };
    match Journal::open(&place).await {
        Ok(journal) => {
            if let Some(notice) = journal.notice() {
                writeln!(std::io::stderr(), "{notice}")?;
            }
            Ok(Some(journal))
        }
        Err(error) => {
            writeln!(std::io::stderr(), "{error}; going on with what the hosts have recorded")?;
            Ok(None)
        }
    }
}

fn print(outcome: &Outcome) -> anyhow::Result<()> {
    let (mut out, mut error) = (std::io::stdout(), std::io::stderr());
    for recovered in &outcome.transactions {
        writeln!(out, "{} {}", recovered.tx, recovered.message)?;
    }
    if outcome.transactions.is_empty() {
        writeln!(out, "no interrupted migration was found; nothing is to be done")?;
    }
    for (host, cause) in &outcome.unreachable {
        writeln!(error, "{host} was not asked: {}", printable(cause))?;
    }
    let two = outcome.transactions.iter().filter(|recovered| recovered.ended == Ended::TwoCopies).count();
    if two > 0 {
        writeln!(error, "{two} running twice: act on it before anything else")?;
    }
    Ok(())
}
