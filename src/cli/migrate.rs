//! `drover migrate`: one move without a console.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::MigrateArguments;
use super::check::{self, Wishes, print_checks};
use super::exit::Exit;
use super::reach::FleetHosts;
use crate::fleet::{Fleet, bytes, printable, seconds};
use crate::migrate::journal::Journal;
use crate::migrate::{
    Check, FailedMigration, Judgement, MigrationEvent, Reason, Request, Severity, Stage, Summary,
    Whereabouts, judge, migrate, refuses,
};
use crate::ssh::{Connector, TerminalPrompter};

/// Events that may wait while a line is being printed; more are never under way at once.
const EVENTS: usize = 64;

/// Runs the command.
pub async fn run(fleet: Arc<Fleet>, arguments: MigrateArguments) -> anyhow::Result<Exit> {
    let MigrateArguments { container, from, to, dry_run, overrides, wishes, json, yes, keep, probe } =
        arguments;
    let prompter = Arc::new(TerminalPrompter::new());
    let hosts = FleetHosts::new(fleet, Connector::new(), prompter).with_notes();
    let hosts = Arc::new(hosts.writing_down(Journal::place()));
    let keep = keep.map(|keep| keep.as_secs());
    let Wishes { tcp, publish } = wishes;
    let overrides = overrides.ids();
    let request = Request { overrides, tcp, publish, keep, probe, ..Request::new(container, from, to) };
    let asks = !yes && !json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if dry_run || asks {
        match judge(&request, &*hosts).await {
            Ok(judgement) if dry_run => return check::tell(&request, &judgement, json),
            Ok(Judgement { checks, .. }) => {
                print_checks(&mut std::io::stderr(), &checks)?;
                if refuses(&checks) {
                    return Ok(Exit::of_checks(&checks));
                }
                if !confirmed(&request).await? {
                    writeln!(std::io::stderr(), "Nothing was done.")?;
                    return Ok(Exit::OnSource);
                }
            }
            Err(error) => return check::failed(&request, &error, json),
        }
    }
    go(hosts, request, json).await
}

async fn confirmed(request: &Request) -> anyhow::Result<bool> {
    let question =
        format!("Move {} from {} to {}? [y/N] ", printable(&request.container), request.from, request.to);
    let answer = tokio::task::spawn_blocking(move || {
        let mut error = std::io::stderr();
        write!(error, "{question}")?;
        error.flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok::<_, std::io::Error>(line)
    });
    Ok(matches!(answer.await??.trim(), "y" | "Y" | "yes"))
}

async fn go(hosts: Arc<FleetHosts>, request: Request, json: bool) -> anyhow::Result<Exit> {
    let (sender, mut events) = mpsc::channel(EVENTS);
    let cancel = CancellationToken::new();
    let mut interrupts = Interrupts::new()?;
    // From here to its end nothing may leave this function: a terminal that is gone is no reason to leave a
    // container frozen.
    let moving = tokio::spawn(migrate(request, hosts, sender, cancel.clone()));
    let mut error = std::io::stderr();
    let mut checks = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                None => break,
                Some(event) => {
                    if let MigrationEvent::Checked { checks: found } = &event {
                        checks.clone_from(found);
                    }
                    if !json {
                        let _ = tell(&mut error, &event);
                    }
                }
            },
            () = interrupts.next() => {
                let words = if cancel.is_cancelled() {
                    "still bringing the container back; leaving now would leave it frozen"
                } else {
                    "cancelling: the container is brought back if it was frozen"
                };
                cancel.cancel();
                let _ = writeln!(error, "{words}");
            }
        }
    }
    let result = moving.await?;
    let mut out = std::io::stdout();
    match (&result, json) {
        (Ok(summary), true) => {
            let answer = serde_json::json!({ "result": "moved", "summary": summary });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        (Err(failure), true) => {
            let answer = serde_json::json!({ "result": "failed", "failure": failure });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        (Ok(summary), false) => print_summary(&mut out, summary)?,
        (Err(failure), false) => print_failure(&mut error, failure)?,
    }
    Ok(match result {
        Ok(_) => Exit::Done,
        Err(failure) => Exit::of(&failure, &checks),
    })
}

/// The signals that ask for an end.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Progress for people: the checks that matter, and a line for each finished stage.
fn tell(out: &mut dyn Write, event: &MigrationEvent) -> std::io::Result<()> {
    match event {
        MigrationEvent::Checked { checks } => {
            let notable: Vec<Check> =
                checks.iter().filter(|check| check.severity != Severity::Pass).cloned().collect();
            print_checks(out, &notable)
        }
        MigrationEvent::StageFinished { time } => {
            let moved = time.bytes.map(|moved| {
                format!("  {}, {}/s", bytes(moved), bytes((moved as f64 / time.seconds.max(0.001)) as u64))
            });
            writeln!(
                out,
                "{:<10} {:>8}{}",
                time.stage.word(),
                seconds(time.seconds),
                moved.unwrap_or_default()
            )
        }
        _ => Ok(()),
    }
}

fn print_summary(out: &mut dyn Write, summary: &Summary) -> std::io::Result<()> {
    let Request { container, from, to, .. } = &summary.request;
    writeln!(out, "{} runs on {to} and is gone from {from}", printable(container))?;
    let seen = summary.client_gap.map(|gap| format!(" ({} as the probe saw it)", seconds(gap)));
    let (total, downtime) = (seconds(summary.total), seconds(summary.downtime));
    writeln!(out, "total migration time {total}, downtime {downtime}{}", seen.unwrap_or_default())?;
    writeln!(out, "{} moved, {} on the wire", bytes(summary.bytes), bytes(summary.wire_bytes))
}

fn print_failure(out: &mut dyn Write, failure: &FailedMigration) -> std::io::Result<()> {
    let FailedMigration { request: Request { container, from, to, .. }, stage, .. } = failure;
    let name = printable(container);
    if matches!(failure.reason, Reason::Refused | Reason::Absent) {
        writeln!(out, "{name} was not moved: {}.", failure.cause)?;
        return writeln!(out, "Nothing was touched.");
    }
    let stage = if *stage == Stage::Checks { String::new() } else { format!(" in stage {stage}") };
    writeln!(out, "The move of {name} from {from} to {to} failed{stage}: {}", failure.cause)?;
    if let Some(line) = &failure.log_line {
        writeln!(out, "CRIU says: {line}")?;
    }
    let whereabouts = match &failure.whereabouts {
        Whereabouts::Untouched => format!("{name} was not touched: nothing was frozen on {from}"),
        Whereabouts::BackOnSource => format!("{name} runs on {from} again, from where it was frozen"),
        Whereabouts::AtDestination => format!("{name} runs on {to}"),
        Whereabouts::Kept(directory) => {
            format!("{name} runs nowhere now; its checkpoint is kept on {from} in {}", printable(directory))
        }
        Whereabouts::Unknown(words) => format!("where {name} runs is not known: {words}"),
    };
    writeln!(out, "{whereabouts}.")?;
    if let Some(explanation) = &failure.explanation {
        writeln!(out, "Why: {}", explanation.why())?;
        if let Some(known) = explanation.failure() {
            writeln!(out, "Fix: {}", known.fix)?;
        }
    }
    if failure.advice.is_empty() { Ok(()) } else { writeln!(out, "Next: {}.", failure.advice) }
}
