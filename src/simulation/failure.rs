//! The failures of checkpoints and restores that a simulated host can produce, in the words of the programs
//! that report them.
//!
//! In comes `failures.toml`, part of the program; out go [`Failure`]s with what CRIU writes into its log, what
//! the engine prints and returns, and how the world is left. Ids and texts are those of the catalogue of what
//! was seen to go wrong with Podman, crun, runC and CRIU; the texts were read in their sources and issues.
//!
//! A text has blanks in braces. Some are what the world knows (`container`, `id`, `pid`, `log`, `archive`,
//! `image`, `address`); for the others the catalogue has an example.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::scenario::{Runtime, Stage};

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Its number in the catalogue: `F1` to `F70`.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    /// The stages of a migration at which it can come, and how each leaves the world; never empty.
    at: BTreeMap<Stage, Effect>,
    /// Who notices first.
    pub speaker: Speaker,
    /// Lines of CRIU's log without its time stamps, the cause first; see [`Failure::criu_log`].
    #[serde(default)]
    criu: Vec<String>,
    /// What the engine prints, when it is not the wrapper around CRIU's failure.
    #[serde(default)]
    stderr: Vec<String>,
    /// What it prints at the restore, when that is something else.
    #[serde(default)]
    restore_stderr: Vec<String>,
    /// The engine's exit code.
    #[serde(default = "usual_exit_code")]
    pub exit_code: u8,
    /// What stands in a blank that the world does not fill.
    #[serde(default)]
    example: BTreeMap<String, String>,
}

/// The programs that notice a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// CRIU, in dump.log or restore.log; the engine wraps it.
    Criu,
    /// Podman.
    Podman,
    /// The OCI runtime, crun or runC, through the engine.
    Runtime,
    /// Nobody: the command succeeds.
    Nobody,
}

/// How the world is left after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Refused before anything was touched: a container that was to be checkpointed runs on, of one that was
    /// to come nothing was made.
    Untouched,
    /// CRIU gave up and thawed it: the container runs on, dump.log is left.
    RunsOn,
    /// The container has exited, its images are kept beside it, and there is no archive: it can be restored
    /// where it was.
    ExitedImagesKept,
    /// A half-made container is left at the destination, with restore.log.
    HalfMade,
    /// As [`Effect::HalfMade`], and its control groups are left, too.
    HalfMadeWithControlGroups,
    /// It is restored, and its process then ends by SIGILL: exited (132).
    RestoredThenDies,
    /// It is restored and runs, with something of it missing.
    RestoredIncomplete,
}

fn usual_exit_code() -> u8 {
    125
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    failures: Vec<Failure>,
}

/// Parsed once. That it can be parsed is what the tests below are for.
static CATALOGUE: LazyLock<Vec<Failure>> = LazyLock::new(|| {
    let catalogue: Result<Catalogue, _> = toml::from_str(include_str!("failures.toml"));
    catalogue.map(|catalogue| catalogue.failures).unwrap_or_default()
});

/// All failures, in the order of their numbers.
pub fn all() -> &'static [Failure] {
    &CATALOGUE
}

/// The failure of a number such as `F12`.
pub fn failure(id: &str) -> Option<&'static Failure> {
    all().iter().find(|failure| failure.id == id)
}

impl Failure {
    /// The stages at which it can come, in their order.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        self.at.keys().copied()
    }

    /// How it leaves the world when it comes at a stage; none where it cannot come.
    pub fn effect(&self, stage: Stage) -> Option<Effect> {
        self.at.get(&stage).copied()
    }

    /// The lines that CRIU writes at the end of its log at a stage, without time stamps: the cause, then what
    /// follows from it. Empty when CRIU has no part in it.
    pub fn criu_log(&self, stage: Stage, blanks: &[(&str, &str)]) -> Vec<String> {
        if self.criu.is_empty() {
            return Vec::new();
        }
        let end = match stage {
            Stage::Checkpoint => Some("Error (criu/cr-dump.c:2111): Dumping FAILED."),
            Stage::Restore => Some("Error (criu/cr-restore.c:2605): Restoring FAILED."),
            // That is `criu check`, which has no last word.
            _ => None,
        };
        self.criu.iter().map(|line| self.fill(line, blanks)).chain(end.map(str::to_string)).collect()
    }

    /// What the engine prints on its standard error, without the line break. Empty when it succeeds.
    pub fn stderr(&self, stage: Stage, runtime: Runtime, blanks: &[(&str, &str)]) -> String {
        let wrapper: &[&str] = match (self.speaker, runtime, stage) {
            (Speaker::Nobody, ..) => &[],
            (_, Runtime::Crun, Stage::Checkpoint) => &[
                "Error: OCI runtime error: crun: CRIU checkpointing failed -52.  Please check CRIU logfile {log}",
            ],
            (_, Runtime::Crun, _) => &[
                "Error: OCI runtime error: crun: CRIU restoring failed -52.  Please check CRIU logfile {log}",
            ],
            (_, Runtime::Runc, Stage::Checkpoint) => {
                &["Error: OCI runtime error: runc: criu failed: type DUMP errno 0", "log file: {log}"]
            }
            (_, Runtime::Runc, _) => {
                &["Error: OCI runtime error: runc: criu failed: type NOTIFY errno 0", "log file: {log}"]
            }
        };
        let own = match stage {
            Stage::Restore if !self.restore_stderr.is_empty() => &self.restore_stderr,
            _ => &self.stderr,
        };
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let lines = if own.is_empty() { wrapper } else { &own };
        lines.iter().map(|line| self.fill(line, blanks)).collect::<Vec<_>>().join("\n")
    }

    /// A text with its blanks filled: from the world, else with the example.
    fn fill(&self, text: &str, blanks: &[(&str, &str)]) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let Some(end) = rest[start..].find('}').map(|end| start + end) else { break };
            let blank = &rest[start + 1..end];
            let known = blanks.iter().find(|(name, _)| *name == blank).map(|(_, value)| *value);
            let value = known.or_else(|| self.example.get(blank).map(String::as_str));
            filled.push_str(&rest[..start]);
            filled.push_str(value.unwrap_or(&rest[start..=end]));
            rest = &rest[end + 1..];
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests;
