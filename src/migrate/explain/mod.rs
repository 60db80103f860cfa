//! What the words of a failure mean: the root line, its cause, and what to do.
//!
//! In comes any text of CRIU, Podman, Docker, crun, runC or containerd: a log, what a command printed, or both. Out
//! comes an [`Explanation`]. The first real error counts; what follows from it, what is harmless, and the wrappers
//! that engines put around a failure of CRIU are passed over. What is known stands in `failures.toml`, read from
//! texts and sources; `golden.toml` has texts as they appear, with what they are to be taken for.

mod catalogue;
mod line;
mod lines;
mod logs;
mod scan;

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::error::MigrateError;
use super::event::Reason;
pub use catalogue::{Failure, Overriding, failures};
pub use logs::{Log, is_log, logs};

/// What a text says of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The root line, as it stands there but for control characters.
    pub line: Option<String>,
    /// Where that line stands, from 1.
    pub number: Option<u64>,
    /// The process that it is about, where the text names it.
    pub process: Option<Process>,
    /// The log to which the engine's words lead, on the host where it ran.
    pub log: Option<String>,
    /// Other known failures in the same text.
    pub also: Vec<Reference>,
}

/// What a text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The root line is of the catalogue.
    Known {
        /// Its entry.
        failure: Failure,
    },
    /// The root line is not of the catalogue.
    Unknown,
    /// There is only what follows from an error; the error itself is missing.
    Consequence,
    /// There are only an engine's words around a failure of CRIU.
    Wrapper {
        /// Failures of which no more than these words is seen.
        candidates: Vec<Reference>,
    },
    /// There is no error in it.
    Nothing,
}

/// A failure by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its number.
    pub id: String,
    /// What it is.
    pub title: String,
}

/// A process of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number on the host.
    pub pid: u32,
    /// Its command, where the log has it.
    pub command: Option<String>,
}

/// Explains a text.
pub fn explain(text: &str) -> Explanation {
    explain_bytes(text.as_bytes())
}

fn explain_bytes(bytes: &[u8]) -> Explanation {
    let mut scan = scan::Scan::default();
    // Memory can be read without an error.
    let _ = lines::each(&mut { bytes }, |number, line| scan.line(number, line));
    scan.finish()
}

/// Explains what a reader gives, of any length, in bounded memory.
pub fn explain_read(reader: &mut impl BufRead) -> io::Result<Explanation> {
    let mut scan = scan::Scan::default();
    lines::each(reader, |number, line| scan.line(number, line))?;
    Ok(scan.finish())
}

/// The root line among the lines of CRIU's log that a host's script has sent, each behind `criu: `.
pub(super) fn criu_line(stderr: &str) -> Option<String> {
    let lines: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("criu: ")).collect();
    explain(&lines.join("\n")).line
}

/// What a failed step of a migration means; none when it was refused or cancelled, lost its host, or says nothing
/// that an engine could have said.
pub(super) fn of_error(error: &MigrateError) -> Option<Box<Explanation>> {
    if error.reason() != Reason::Failed {
        return None;
    }
    let words = [Some(error.to_string()), error.log_line()];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Some(Box::new(explain(&words.join("\n")))).filter(|explanation| explanation.verdict != Verdict::Nothing)
}

impl Explanation {
    /// The entry of the catalogue.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Known { failure } => Some(failure),
            _ => None,
        }
    }

    /// What it is and why, in a line.
    pub fn why(&self) -> String {
        match self.failure() {
            Some(failure) => format!("{}. {}", self.meaning(), failure.cause),
            None => format!("{}.", self.meaning()),
        }
    }

    /// What it is, in a sentence without its end.
    pub fn meaning(&self) -> String {
        match &self.verdict {
            Verdict::Known { failure } => format!("{}, {}", failure.id, failure.title),
            Verdict::Unknown => "this error is not in drover’s catalogue of failures".into(),
            Verdict::Consequence => {
                "this only follows from an error that is missing here; it stands further up in the complete log".into()
            }
            Verdict::Wrapper { .. } => match &self.log {
                Some(log) => format!("these words hold no cause; it stands in {log} on the host where they were said"),
                None => "these words hold no cause; it stands in CRIU’s dump.log or restore.log".into(),
            },
            Verdict::Nothing => "there is no error in it".into(),
        }
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
