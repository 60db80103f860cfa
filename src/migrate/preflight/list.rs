//! The lines of the checks while they are being made.

use std::collections::BTreeSet;

use super::catalogue::entry;
use crate::fleet::{HostName, printable};
use crate::migrate::{Check, Overriding, Severity};

/// Collects lines; texts come from the catalogue.
pub struct List {
    checks: Vec<Check>,
    name: String,
    from: String,
    to: String,
}

impl List {
    /// For a move of this container.
    pub fn new(container: &str, from: &HostName, to: &HostName) -> Self {
        Self { checks: Vec::new(), name: printable(container), from: from.to_string(), to: to.to_string() }
    }

    /// The source's name.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The destination's name.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Something was found that the check `id` is about. `seen` and the blanks' texts are made printable here.
    pub fn found(
        &mut self,
        id: &str,
        host: Option<&HostName>,
        seen: impl AsRef<str>,
        blanks: &[(&str, &str)],
    ) {
        let Some(entry) = entry(id) else { return };
        let fill = |text: &str| {
            let own = [("{name}", self.name.as_str()), ("{from}", &self.from), ("{to}", &self.to)];
            let host = host.map_or("both hosts", HostName::as_str);
            let mut text = text.replace("{host}", host);
            for (blank, value) in own {
                text = text.replace(blank, value);
            }
            for (blank, value) in blanks {
                text = text.replace(&format!("{{{blank}}}"), &printable(value));
            }
            text
        };
        let overriding = if entry.overridable { Overriding::Possible } else { Overriding::Impossible };
        self.checks.push(Check {
            id: entry.id.clone(),
            severity: entry.severity,
            host: host.cloned(),
            seen: printable(seen.as_ref()),
            why: fill(&entry.why),
            fix: fill(&entry.fix),
            predicts: entry.predicts.clone(),
            overriding,
        });
    }

    /// Something is as it should be.
    pub fn pass(&mut self, id: &str, seen: impl AsRef<str>) {
        let predicts = entry(id).map(|entry| entry.predicts.clone()).unwrap_or_default();
        self.checks.push(Check {
            id: id.to_owned(),
            severity: Severity::Pass,
            host: None,
            seen: printable(seen.as_ref()),
            why: String::new(),
            fix: String::new(),
            predicts,
            overriding: Overriding::Impossible,
        });
    }

    /// Whether a line of this kind is there.
    pub fn has(&self, id: &str) -> bool {
        self.checks.iter().any(|check| check.id == id && check.severity != Severity::Pass)
    }

    /// All lines, worst first; what is to be passed over is a warning.
    pub fn finish(self, overrides: &BTreeSet<String>) -> Vec<Check> {
        let mut checks = self.checks;
        for check in &mut checks {
            check.override_by(overrides);
        }
        checks.sort_by_key(|check| std::cmp::Reverse(check.severity));
        checks
    }
}

impl Check {
    /// Makes an error a warning when it is among those passed over, and the other way round.
    pub fn override_by(&mut self, overrides: &BTreeSet<String>) {
        match (self.overriding, overrides.contains(&self.id)) {
            (Overriding::Possible, true) => {
                (self.overriding, self.severity) = (Overriding::Given, Severity::Warning);
            }
            (Overriding::Given, false) => {
                (self.overriding, self.severity) = (Overriding::Possible, Severity::Error);
            }
            _ => {}
        }
    }
}
