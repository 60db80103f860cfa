//! `drover matrix`: from which host to which can containers go?

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use clap::Args;
use futures::StreamExt;
use serde::Serialize;

use super::exit::Exit;
use super::reach::FleetHosts;
use super::table;
use crate::fleet::{Fleet, HostName, printable};
use crate::migrate::{
    Check, Fitness, HostFacts, Hosts, Pair, Reason, Remembered, Request, Severity, fitness, judge, probe,
    recall,
};
use crate::ssh::{Connector, TerminalPrompter};

/// How many hosts are looked at at once.
const AT_ONCE: usize = 16;

/// `drover matrix`.
#[derive(Debug, Args)]
pub struct MatrixArguments {
    /// Where could this container go? Looks at it and at every other host now
    #[arg(long, requires = "from")]
    container: Option<String>,
    /// The container's host
    #[arg(long, value_name = "HOST", requires = "container")]
    from: Option<HostName>,
    /// Look at every host now, and do not rely on what was seen before
    #[arg(long)]
    refresh: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One way between two hosts.
#[derive(Serialize)]
struct Cell {
    from: HostName,
    to: HostName,
    fitness: Fitness,
    /// Errors and warnings, worst first.
    checks: Vec<Check>,
    /// Why nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

/// What is known of a host.
enum Known {
    Seen(Box<Remembered>),
    Unknown(String),
}

/// Runs the command.
pub async fn run(fleet: Arc<Fleet>, arguments: MatrixArguments) -> anyhow::Result<Exit> {
    let prompter = Arc::new(TerminalPrompter::new());
    let hosts = FleetHosts::new(fleet, Connector::new(), prompter).with_notes();
    let names = hosts.names();
    if let (Some(container), Some(from)) = (arguments.container, arguments.from) {
        let cells = row(&hosts, &container, &from, &names).await;
        let title = format!("{} FROM", printable(&container).to_uppercase());
        return told(&title, &[from], &names, &cells, &BTreeMap::new(), arguments.json);
    }
    let looks = futures::stream::iter(names.clone()).map(|host| {
        let hosts = &hosts;
        async move {
            let known = known(hosts, &host, arguments.refresh).await;
            (host, known)
        }
    });
    let known: BTreeMap<HostName, Known> = looks.buffer_unordered(AT_ONCE).collect().await;
    let cells = cells(&names, &known);
    told("FROM", &names, &names, &cells, &known, arguments.json)
}

/// What was seen of a host before, or else what is seen now.
async fn known(hosts: &FleetHosts, host: &HostName, refresh: bool) -> Known {
    let before = match hosts.notes(host) {
        Some(file) => recall(&file).await,
        None => None,
    };
    if let Some(before) = before.clone().filter(|_| !refresh) {
        return Known::Seen(Box::new(before));
    }
    let facts: Option<HostFacts> = before.map(|before| before.facts);
    let remote = match hosts.connect(host).await {
        Ok(remote) => remote,
        Err(error) => return Known::Unknown(error.to_string()),
    };
    match probe(&*remote, facts).await {
        Ok(facts) => {
            hosts.remember(host, &facts).await;
            Known::Seen(Box::new(Remembered { facts, taken: jiff::Timestamp::now().as_second() }))
        }
        Err(error) => Known::Unknown(error.to_string()),
    }
}

fn cells(names: &[HostName], known: &BTreeMap<HostName, Known>) -> Vec<Cell> {
    let mut cells = Vec::new();
    for from in names {
        for to in names.iter().filter(|to| *to != from) {
            let (fitness, checks, unknown) = match (known.get(from), known.get(to)) {
                (Some(Known::Seen(one)), Some(Known::Seen(other))) => {
                    let checks = fitness(
                        Pair { host: from, facts: &one.facts },
                        Pair { host: to, facts: &other.facts },
                    );
                    (Fitness::of(&checks), checks, None)
                }
                (Some(Known::Unknown(cause)), _) | (_, Some(Known::Unknown(cause))) => {
                    (Fitness::Unknown, Vec::new(), Some(cause.clone()))
                }
                _ => (Fitness::Unknown, Vec::new(), Some("never seen".into())),
            };
            cells.push(Cell { from: from.clone(), to: to.clone(), fitness, checks, unknown });
        }
    }
    cells
}

/// Where one container could go.
async fn row(hosts: &FleetHosts, container: &str, from: &HostName, names: &[HostName]) -> Vec<Cell> {
    let others = names.iter().filter(|to| *to != from);
    let looks = futures::stream::iter(others).map(|to| async move {
        let request = Request::new(container.to_owned(), from.clone(), to.clone());
        let (fitness, mut checks, unknown) = match judge(&request, hosts).await {
            Ok(judgement) => (Fitness::of(&judgement.checks), judgement.checks, None),
            // Asked about something that there is not: no host can do that.
            Err(error) if matches!(error.reason(), Reason::Absent | Reason::Refused) => {
                (Fitness::Red, Vec::new(), Some(error.to_string()))
            }
            Err(error) => (Fitness::Unknown, Vec::new(), Some(error.to_string())),
        };
        checks.retain(|check| check.severity >= Severity::Warning);
        Cell { from: from.clone(), to: to.clone(), fitness, checks, unknown }
    });
    looks.buffered(AT_ONCE / 4).collect().await
}

fn told(
    title: &str,
    rows: &[HostName],
    names: &[HostName],
    cells: &[Cell],
    known: &BTreeMap<HostName, Known>,
    json: bool,
) -> anyhow::Result<Exit> {
    let now = jiff::Timestamp::now().as_second();
    let age = |known: &Known| match known {
        Known::Seen(seen) => Some((now - seen.taken).max(0)),
        Known::Unknown(_) => None,
    };
    let mut out = std::io::stdout();
    if json {
        let ages: BTreeMap<&HostName, Option<i64>> =
            known.iter().map(|(host, known)| (host, age(known))).collect();
        let answer = serde_json::json!({ "cells": cells, "seen_seconds_ago": ages });
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
    } else {
        for line in text(title, rows, names, cells) {
            writeln!(out, "{line}")?;
        }
        let ages: Vec<String> =
            known.iter().filter_map(|(host, known)| Some(format!("{host} {}", since(age(known)?)))).collect();
        if !ages.is_empty() {
            writeln!(out, "seen: {}; --refresh looks again", ages.join(", "))?;
        }
    }
    let unknown = cells.iter().any(|cell| cell.fitness == Fitness::Unknown);
    Ok(if unknown { Exit::Unreachable } else { Exit::Done })
}

/// The table, and below it each reason once with the ways for which it holds.
fn text(title: &str, rows: &[HostName], names: &[HostName], cells: &[Cell]) -> Vec<String> {
    let mut head = vec![format!("{title} \\ TO")];
    head.extend(names.iter().map(HostName::to_string));
    let find =
        |from: &HostName, to: &HostName| cells.iter().find(|cell| cell.from == *from && cell.to == *to);
    let word = |from: &HostName, to: &HostName| {
        let found = find(from, to);
        found.map_or("–".to_owned(), |cell| format!("{} {}", cell.fitness.sign(), cell.fitness.word()))
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|from| std::iter::once(from.to_string()).chain(names.iter().map(|to| word(from, to))).collect())
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut lines = table::lines(&head, &rows);
    let mut reasons: BTreeMap<(std::cmp::Reverse<Severity>, String), Vec<String>> = BTreeMap::new();
    for cell in cells {
        let way = format!("{} → {}", cell.from, cell.to);
        for check in &cell.checks {
            let host = check.host.as_ref().map(|host| format!("{host}: ")).unwrap_or_default();
            let fix = if check.fix.is_empty() { String::new() } else { format!("; fix: {}", check.fix) };
            let text = format!("{}: {host}{}{fix}", check.id, check.seen);
            reasons.entry((std::cmp::Reverse(check.severity), text)).or_default().push(way.clone());
        }
        if let Some(cause) = &cell.unknown {
            reasons.entry((std::cmp::Reverse(Severity::Pass), printable(cause))).or_default().push(way);
        }
    }
    for ((severity, text), ways) in reasons {
        let sign = match severity.0 {
            Severity::Error => Fitness::Red.sign(),
            Severity::Warning => Fitness::Yellow.sign(),
            _ => Fitness::Unknown.sign(),
        };
        lines.push(format!("{sign} {text}"));
        const SHOWN: usize = 4;
        let more = ways.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("    {}{more}", ways[..ways.len().min(SHOWN)].join(", ")));
    }
    lines
}

/// How long ago, for people.
fn since(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(change: impl FnOnce(&mut HostFacts)) -> Known {
        let mut facts = HostFacts {
            user: Some(0),
            architecture: "x86_64".into(),
            kernel: "6.12".into(),
            criu: "4.2.1".into(),
            criu_works: true,
            runtimes: ["crun".to_owned()].into(),
            ..HostFacts::default()
        };
        change(&mut facts);
        Known::Seen(Box::new(Remembered { facts, taken: 0 }))
    }

    #[test]
    fn the_table_can_be_read_without_colour_and_gives_each_reason_once() {
        let names = ["h1", "h2", "h3", "h4"].map(|name| HostName::new(name).unwrap());
        let known = BTreeMap::from([
            (names[0].clone(), seen(|_| {})),
            (names[1].clone(), seen(|facts| facts.kernel = "6.1".into())),
            (names[2].clone(), seen(|facts| facts.criu.clear())),
            (names[3].clone(), Known::Unknown("h4: no route to host".into())),
        ]);
        let lines = text("FROM", &names, &names, &cells(&names, &known));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn ages_are_for_people() {
        assert_eq!([5, 61, 7200, 200_000].map(since), ["5 s ago", "1 min ago", "2 h ago", "2 days ago"]);
    }
}
