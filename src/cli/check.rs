//! `drover check`: would this move work, and if not, why? And the grid of checks as every command prints it.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::reach::FleetHosts;
use super::table;
use crate::fleet::{Fleet, HostName, printable};
use crate::migrate::{
    Check, Judgement, MigrateError, Overriding, Publish, Reason, Request, Severity, Tcp, judge, may_override,
    refuses,
};
use crate::ssh::{Connector, TerminalPrompter};

/// Which refusals are passed over.
#[derive(Clone, Debug, Default, Args)]
pub struct Overrides {
    /// Pass over the refusal of this check (cpu, memory, …); several with commas, or the option several times
    #[arg(long = "override", value_name = "ID", value_delimiter = ',', value_parser = check_id)]
    ids: Vec<String>,
}

impl Overrides {
    /// Their ids.
    pub fn ids(self) -> BTreeSet<String> {
        self.ids.into_iter().collect()
    }
}

/// What an operator may choose for a move.
#[derive(Clone, Debug, Default, Args)]
pub struct Wishes {
    /// What shall become of open TCP connections [default: they are kept where the address goes along; otherwise the
    /// move is refused]
    #[arg(long, value_enum, value_name = "HOW")]
    pub tcp: Option<Tcp>,
    /// Publish a port of the container as another port of its new host, the others as before: HOST:CONTAINER, with
    /// /udp behind it for UDP; may be repeated
    #[arg(long, value_name = "PORTS")]
    pub publish: Vec<Publish>,
}

fn check_id(text: &str) -> Result<String, String> {
    may_override(text.trim()).map(|()| text.trim().to_owned())
}

/// `drover check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Name or id of the container
    container: String,
    /// Host on which it runs
    #[arg(long, value_name = "HOST")]
    from: HostName,
    /// Host to which it would go
    #[arg(long, value_name = "HOST")]
    to: HostName,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    wishes: Wishes,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(fleet: Arc<Fleet>, arguments: CheckArguments) -> anyhow::Result<Exit> {
    let CheckArguments { container, from, to, overrides, wishes: Wishes { tcp, publish }, json } = arguments;
    let prompter = Arc::new(TerminalPrompter::new());
    let hosts = FleetHosts::new(fleet, Connector::new(), prompter).with_notes();
    let overrides = overrides.ids();
    let request = Request { overrides, tcp, publish, ..Request::new(container, from, to) };
    match judge(&request, &hosts).await {
        Ok(judgement) => tell(&request, &judgement, json),
        Err(error) => failed(&request, &error, json),
    }
}

/// Prints what the checks say and answers with the exit code.
pub fn tell(request: &Request, judgement: &Judgement, json: bool) -> anyhow::Result<Exit> {
    let checks = &judgement.checks;
    let exit = Exit::of_checks(checks);
    let mut out = std::io::stdout();
    if json {
        let looks = judgement.looks.iter();
        let looks: serde_json::Map<String, serde_json::Value> =
            looks.map(|(host, took)| (host.to_string(), (took.as_secs_f64() * 1e3).round().into())).collect();
        let answer = serde_json::json!({
            "request": request,
            "possible": !refuses(checks),
            "exit_code": exit as u8,
            "checks": checks,
            "probe_milliseconds": looks,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(exit);
    }
    print_checks(&mut out, checks)?;
    writeln!(out, "{}", verdict(request, checks))?;
    Ok(exit)
}

/// What could not even be looked at.
pub fn failed(request: &Request, error: &MigrateError, json: bool) -> anyhow::Result<Exit> {
    if json {
        let answer = serde_json::json!({ "request": request, "possible": false, "error": error.to_string() });
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&answer)?)?;
    } else {
        writeln!(std::io::stderr(), "{error}")?;
    }
    Ok(match error.reason() {
        Reason::Unreachable => Exit::Unreachable,
        Reason::Refused => Exit::Refused,
        Reason::Absent => Exit::Absent,
        Reason::Failed | Reason::Cancelled => Exit::Failed,
    })
}

fn verdict(request: &Request, checks: &[Check]) -> String {
    let Request { container, from, to, .. } = request;
    let count = |severity| checks.iter().filter(|check| check.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = if errors > 0 { "would be refused" } else { "would go ahead" };
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let numbers = format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    format!(
        "{} from {from} to {to}: the move {verdict} ({numbers}); nothing was touched",
        printable(container)
    )
}

/// The grid: a line each, and below what is not as it should be, why that matters and what to do.
pub fn print_checks(out: &mut dyn Write, checks: &[Check]) -> std::io::Result<()> {
    for line in grid(checks) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn grid(checks: &[Check]) -> Vec<String> {
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            let host = check.host.as_ref().map_or("–", HostName::as_str);
            vec![word(check.severity).into(), check.id.clone(), host.into(), check.seen.clone()]
        })
        .collect();
    let mut table = table::lines(&["", "CHECK", "HOST", "SEEN"], &rows).into_iter();
    let mut lines: Vec<String> = table.next().into_iter().collect();
    for (check, line) in checks.iter().zip(table) {
        lines.push(line.trim_end().to_owned());
        if check.severity < Severity::Warning {
            continue;
        }
        if !check.why.is_empty() {
            let failures = check.predicts.join(", ");
            let known = if failures.is_empty() { String::new() } else { format!("  [{failures}]") };
            lines.push(format!("         why: {}{known}", check.why));
        }
        if !check.fix.is_empty() {
            lines.push(format!("         fix: {}", check.fix));
        }
        match check.overriding {
            Overriding::Possible => lines.push(format!("         or:  --override {}", check.id)),
            Overriding::Given => lines.push(format!("         overridden by --override {}", check.id)),
            Overriding::Impossible => {}
        }
    }
    lines
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "warning",
        Severity::Info => "note",
        Severity::Pass => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_says_what_why_and_what_to_do() {
        let check = |id: &str, severity, overriding| Check {
            id: id.into(),
            severity,
            host: HostName::new("h2").ok(),
            seen: "seen".into(),
            why: "because".into(),
            fix: "do it".into(),
            predicts: vec!["F1".into()],
            overriding,
        };
        let checks = [
            check("cpu", Severity::Error, Overriding::Possible),
            check("memory", Severity::Warning, Overriding::Given),
            check("image", Severity::Info, Overriding::Impossible),
        ];
        assert_eq!(
            grid(&checks),
            [
                "         CHECK   HOST  SEEN",
                "ERROR    cpu     h2    seen",
                "         why: because  [F1]",
                "         fix: do it",
                "         or:  --override cpu",
                "warning  memory  h2    seen",
                "         why: because  [F1]",
                "         fix: do it",
                "         overridden by --override memory",
                "note     image   h2    seen",
            ]
        );
    }

    #[test]
    fn only_overridable_checks_are_taken() {
        assert_eq!(check_id(" cpu "), Ok("cpu".into()));
        assert!(check_id("name").is_err() && check_id("nonsense").is_err());
    }
}
