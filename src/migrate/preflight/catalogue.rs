//! The checks as data: `checks.toml`, part of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::migrate::Severity;

/// What keeps a container from moving, as exit codes tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It does not run.
    NotRunning,
    /// Its name, its id or its volume is taken at the destination.
    Taken,
    /// Processors, kernels or control groups do not fit each other.
    Incompatible,
    /// CRIU is missing, or cannot do what is needed.
    Criu,
    /// The engine, its runtime, root or a tool is missing.
    Engine,
    /// Memory or disk do not suffice.
    Room,
    /// A port, an address or a network stands in the way.
    Network,
    /// Something that belongs to it is missing at the destination.
    Missing,
    /// Something in it cannot be frozen or made again.
    Inside,
    /// It belongs together with something that does not move.
    Bound,
}

/// One check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What scripts call it.
    pub id: String,
    /// Failures of the catalogue that it foresees.
    #[serde(default)]
    pub predicts: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether a person may pass over it.
    #[serde(default)]
    pub overridable: bool,
    /// What kind of obstacle it is; every error has one.
    pub cause: Option<Cause>,
    /// What happens otherwise.
    pub why: String,
    /// What to do, with {blanks}.
    #[serde(default)]
    pub fix: String,
}

/// Failures that no check can foresee; for people and for the tests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "it is for people and for the tests"))]
pub struct Unpredictable {
    /// Their ids.
    pub ids: Vec<String>,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    check: Vec<Entry>,
    #[cfg_attr(not(test), allow(dead_code, reason = "it is for people and for the tests"))]
    unpredictable: Vec<Unpredictable>,
}

// A mistake in it makes the catalogue empty, and the tests fail.
static FILE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(include_str!("checks.toml")).unwrap_or_default());

static CHECKS: LazyLock<BTreeMap<&'static str, &'static Entry>> =
    LazyLock::new(|| FILE.check.iter().map(|entry| (entry.id.as_str(), entry)).collect());

/// A check by its id.
pub fn entry(id: &str) -> Option<&'static Entry> {
    CHECKS.get(id).copied()
}

/// All checks in the file's order.
#[cfg(test)]
pub fn entries() -> &'static [Entry] {
    &FILE.check
}

/// Failures that no check can foresee.
#[cfg(test)]
pub fn unpredictable() -> &'static [Unpredictable] {
    &FILE.unpredictable
}

/// The kind of obstacle that a check stands for.
pub fn cause_of(id: &str) -> Option<Cause> {
    entry(id)?.cause
}

/// Whether a check of this id may be passed over; the error says why not.
pub fn may_override(id: &str) -> Result<(), String> {
    match entry(id) {
        Some(entry) if entry.overridable => Ok(()),
        Some(entry) if entry.severity == Severity::Error => {
            Err(format!("“{id}” cannot be overridden: {}", entry.why))
        }
        Some(_) => Err(format!("“{id}” never refuses a move, so there is nothing to override")),
        None => {
            let known = CHECKS.keys().map(|known| (strsim::jaro_winkler(id, known), *known));
            let near = known.filter(|(near, _)| *near > 0.8).max_by(|one, other| one.0.total_cmp(&other.0));
            let hint = near.map(|(_, near)| format!("; did you mean “{near}”?")).unwrap_or_else(|| {
                format!("; overridable are {}", overridable().into_iter().collect::<Vec<_>>().join(", "))
            });
            Err(format!("there is no check “{}”{hint}", crate::fleet::printable(id)))
        }
    }
}

/// The ids of all checks that may be passed over.
pub fn overridable() -> BTreeSet<&'static str> {
    CHECKS.values().filter(|entry| entry.overridable).map(|entry| entry.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_holds_together() {
        assert!(entries().len() > 60, "{}", entries().len());
        assert_eq!(CHECKS.len(), entries().len(), "an id stands for one check");
        for entry in entries() {
            let error = entry.severity == Severity::Error;
            assert_eq!(entry.cause.is_some(), error, "{}: an error has a cause, nothing else has", entry.id);
            assert!(!entry.overridable || error, "{}: only errors are overridden", entry.id);
            assert!(!error || !entry.fix.is_empty(), "{}: what is to be done?", entry.id);
            assert!(!entry.why.is_empty() && entry.severity != Severity::Pass, "{}", entry.id);
        }
    }

    #[test]
    fn only_what_may_be_overridden_is() {
        assert_eq!(may_override("cpu"), Ok(()));
        assert!(may_override("architecture").unwrap_err().contains("cannot be overridden"));
        assert!(may_override("volume").unwrap_err().contains("nothing to override"));
        assert!(may_override("memry").unwrap_err().contains("did you mean “memory”"));
        assert!(may_override("zzz").unwrap_err().contains("overridable are"));
    }
}
