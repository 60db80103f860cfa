//! Which hosts fit each other, from what is known of them, whatever is moved.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{List, hosts};
use crate::fleet::HostName;
use crate::migrate::probe::HostFacts;
use crate::migrate::{Check, Severity};

/// Whether containers can go from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fitness {
    /// Nothing speaks against it.
    Green,
    /// They can, with a consequence.
    Yellow,
    /// They cannot.
    Red,
    /// One of the hosts was never seen.
    Unknown,
}

impl Fitness {
    /// From a list of checks.
    pub fn of(checks: &[Check]) -> Self {
        match checks.iter().map(|check| check.severity).max() {
            Some(Severity::Error) => Self::Red,
            Some(Severity::Warning) => Self::Yellow,
            _ => Self::Green,
        }
    }

    /// The word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "good",
            Self::Yellow => "care",
            Self::Red => "no",
            Self::Unknown => "unknown",
        }
    }

    /// A sign that can be told apart without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Green => "✓",
            Self::Yellow => "!",
            Self::Red => "✗",
            Self::Unknown => "?",
        }
    }
}

/// One host and what is known of it.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// The host.
    pub host: &'a HostName,
    /// What is known of it.
    pub facts: &'a HostFacts,
}

/// Judges a way from one host to another. Errors and warnings only, worst first; what changes by the minute (memory,
/// ports) is left out.
pub fn fitness(from: Pair<'_>, to: Pair<'_>) -> Vec<Check> {
    let mut list = List::new("the container", from.host, to.host);
    hosts::host(&mut list, from.host, from.facts);
    hosts::host(&mut list, to.host, to.facts);
    hosts::pair(&mut list, from.facts, to.facts);
    let checkpointing = |facts: &HostFacts| -> BTreeSet<String> {
        facts.runtimes.difference(&facts.runtimes_without_criu).cloned().collect()
    };
    let (ours, theirs) = (checkpointing(from.facts), checkpointing(to.facts));
    for (pair, own) in [(from, &ours), (to, &theirs)] {
        if own.is_empty() && !pair.facts.runtimes.is_empty() {
            let runtime = pair.facts.runtimes.first().map(String::as_str).unwrap_or_default();
            let blanks = [("runtime", runtime)];
            list.found("runtime-criu", Some(pair.host), "no runtime there can checkpoint", &blanks);
        }
    }
    if ours.is_disjoint(&theirs) && !ours.is_empty() && !theirs.is_empty() {
        let words = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let seen =
            format!("{} here, {} there: only the same runtime can restore", words(&ours), words(&theirs));
        list.found("runtime", Some(to.host), seen, &[("runtime", ours.first().map_or("", String::as_str))]);
    }
    let mut checks = list.finish(&BTreeSet::new());
    checks.retain(|check| check.severity >= Severity::Warning);
    checks
}
