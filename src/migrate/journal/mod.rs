//! The laptop's journal of migrations: what was meant before it is ordered, what came of it afterwards.
//!
//! In come intents and outcomes; they are on the disk when the call returns. Out come the transactions that were
//! never ended, for recovery and the console's start, and the history with predicted and measured times. One thread
//! of its own writes (SQLite blocks); it is fed through a bounded channel. Several drovers may use the file at once.
//!
//! Test aid: with `DROVER_CRASH_AFTER_RECORD=N` in the environment, a build with debug assertions kills itself with
//! SIGKILL as soon as the N-th record that it wrote is durable. Release builds do not look at it.

mod error;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::identity::TransactionId;
use super::protocol::Intent;
use crate::fleet::{ContainerId, HostName};

pub use super::event::Way;
pub use error::JournalError;
use writer::Job;

/// Orders that may wait for the disk: no transaction has more than one under way.
const WAITING: usize = 64;

/// What is known of a transaction when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Full id of the container.
    pub container: ContainerId,
    /// Its name, untrusted text.
    pub name: String,
    /// Source.
    pub from: HostName,
    /// Destination.
    pub to: HostName,
    /// Address of the source, for people who look at the journal from another fleet file.
    pub from_address: String,
    /// Address of the destination.
    pub to_address: String,
    /// Which way back it has.
    pub way: Way,
    /// Predicted total and downtime.
    pub predicted: Option<Times>,
}

/// Total migration time and downtime, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// From the operator's command until committed.
    pub total: f64,
    /// Frozen until running again.
    pub downtime: f64,
}

/// One transaction of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its identity.
    pub tx: TransactionId,
    /// How it began.
    pub begun: Begun,
    /// When, Unix milliseconds of the laptop.
    pub began: i64,
    /// When it ended, if it has.
    pub ended: Option<i64>,
    /// How: `moved`, `back`, `recovered: …`.
    pub outcome: Option<String>,
    /// Measured times.
    pub measured: Option<Times>,
    /// The process that made it.
    pub process: u32,
}

impl Entry {
    /// Whether the process that began it lives.
    pub fn is_led(&self) -> bool {
        is_alive(self.process)
    }
}

/// Before or after the deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What is about to be ordered.
    Intent,
    /// What came of it.
    Outcome,
}

/// One record of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRecord {
    /// Counted from 1 in each transaction.
    pub sequence: i64,
    /// Unix milliseconds of the laptop.
    pub at: i64,
    /// The step: a word of [`super::protocol::Phase`], or `begin`, `end`.
    pub step: String,
    /// Before or after.
    pub kind: Kind,
    /// Whatever belongs to it.
    pub detail: Value,
}

/// The journal. Clones share one writer, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Journal {
    jobs: mpsc::Sender<Job>,
    path: PathBuf,
    notice: Option<String>,
}

impl Journal {
    /// `drover/journal.db` in the XDG state directory; none without a home directory.
    pub fn place() -> Option<PathBuf> {
        let base = etcetera::base_strategy::Xdg::new().ok()?;
        Some(base.state_dir()?.join("drover/journal.db"))
    }

    /// Opens the journal, or makes it (0600, in a directory 0700). A damaged file is moved aside, never deleted, and
    /// [`Journal::notice`] says so.
    ///
    /// # Errors
    /// When the file cannot be opened or made, or was written by a newer drover.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (opened, answer) = oneshot::channel();
        let place = path.to_owned();
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer::run(&place, opened, waiting))
            .map_err(|error| JournalError::io(path, &error))?;
        let notice = answer.await.map_err(|_| JournalError::ended(path))??;
        Ok(Self { jobs, path: path.to_owned(), notice })
    }

    /// What a person should know of how it was opened.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a transaction. The returned record is durable.
    pub async fn begin(&self, tx: &TransactionId, begun: Begun) -> Result<(), JournalError> {
        let tx = tx.clone();
        self.ask(|answer| Job::Begin { tx, begun: Box::new(begun), answer }).await
    }

    /// Says what is about to be ordered; order it only after this has returned.
    pub async fn intent(&self, tx: &TransactionId, step: &str, detail: Value) -> Result<(), JournalError> {
        self.record(tx, step, Kind::Intent, detail).await
    }

    /// Says what came of it.
    pub async fn outcome(&self, tx: &TransactionId, step: &str, detail: Value) -> Result<(), JournalError> {
        self.record(tx, step, Kind::Outcome, detail).await
    }

    async fn record(
        &self,
        tx: &TransactionId,
        step: &str,
        kind: Kind,
        detail: Value,
    ) -> Result<(), JournalError> {
        let (tx, step) = (tx.clone(), step.to_owned());
        self.ask(|answer| Job::Record { tx, step, kind, detail, answer }).await
    }

    /// Ends a transaction. Ending one that has ended, or is not known, changes nothing.
    pub async fn end(
        &self,
        tx: &TransactionId,
        outcome: &str,
        measured: Option<Times>,
    ) -> Result<(), JournalError> {
        let (tx, outcome) = (tx.clone(), outcome.to_owned());
        self.ask(|answer| Job::End { tx, outcome, measured, answer }).await
    }

    /// Transactions that have not ended, oldest first.
    pub async fn open_transactions(&self) -> Result<Vec<Entry>, JournalError> {
        self.ask(|answer| Job::Open { answer }).await
    }

    /// Those of them whose process is gone: they were interrupted.
    pub async fn interrupted(&self) -> Result<Vec<Entry>, JournalError> {
        let mut open = self.open_transactions().await?;
        open.retain(|entry| !entry.is_led());
        Ok(open)
    }

    /// The newest transactions, newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<Entry>, JournalError> {
        self.ask(|answer| Job::History { limit, answer }).await
    }

    /// All records of a transaction in their order.
    pub async fn records(&self, tx: &TransactionId) -> Result<Vec<JournalRecord>, JournalError> {
        let tx = tx.clone();
        self.ask(|answer| Job::Records { tx, answer }).await
    }

    /// What the laptop had decided, for words only: the destination's own record is what counts.
    pub async fn intended(&self, tx: &TransactionId) -> Result<Intent, JournalError> {
        let records = self.records(tx).await?;
        let decided = records.iter().rev().find_map(|record| match record.step.as_str() {
            "decide" | "commit" if record.kind == Kind::Outcome => Some(Intent::Commit),
            "undo" => Some(Intent::Undo),
            _ => None,
        });
        Ok(decided.unwrap_or_default())
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, JournalError>>) -> Job,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        let ended = || JournalError::ended(&self.path);
        self.jobs.send(job(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// Whether a process of this machine lives.
fn is_alive(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    // One of somebody else's may not be signalled, and lives all the same.
    !matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
}
