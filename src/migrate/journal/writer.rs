//! The thread that owns the file: one job after the other, each answered when it is on the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::schema;
use super::{Begun, Entry, JournalError, JournalRecord, Kind, Times, Way};
use crate::fleet::{ContainerId, HostName};
use crate::migrate::identity::TransactionId;

type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What the thread is asked for.
pub(super) enum Job {
    Begin { tx: TransactionId, begun: Box<Begun>, answer: Answer<()> },
    Record { tx: TransactionId, step: String, kind: Kind, detail: Value, answer: Answer<()> },
    End { tx: TransactionId, outcome: String, measured: Option<Times>, answer: Answer<()> },
    Open { answer: Answer<Vec<Entry>> },
    History { limit: u32, answer: Answer<Vec<Entry>> },
    Records { tx: TransactionId, answer: Answer<Vec<JournalRecord>> },
}

/// Works until nobody has the journal any more.
pub(super) fn run(path: &Path, opened: Answer<Option<String>>, mut jobs: mpsc::Receiver<Job>) {
    let connection = match schema::open(path) {
        Ok((connection, notice)) => {
            let _ = opened.send(Ok(notice));
            connection
        }
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    let mut writer = Writer { path, connection, crash: Crash::of_environment() };
    while let Some(job) = jobs.blocking_recv() {
        writer.work(job);
    }
}

struct Writer<'a> {
    path: &'a Path,
    connection: Connection,
    crash: Crash,
}

/// The test aid of [`super`].
struct Crash {
    after: Option<u64>,
    written: u64,
}

impl Crash {
    fn of_environment() -> Self {
        let after = std::env::var("DROVER_CRASH_AFTER_RECORD").ok().filter(|_| cfg!(debug_assertions));
        Self { after: after.and_then(|number| number.parse().ok()), written: 0 }
    }

    fn record_is_durable(&mut self) {
        self.written += 1;
        if self.after == Some(self.written) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

const COLUMNS: &str = "tx, container, name, source, destination, source_address, destination_address, way, process, \
    began, ended, outcome, predicted_total, predicted_downtime, total, downtime";

impl Writer<'_> {
    fn work(&mut self, job: Job) {
        // Whoever asked may have gone meanwhile; what it said is on the disk all the same.
        match job {
            Job::Begin { tx, begun, answer } => drop(answer.send(self.begin(&tx, &begun))),
            Job::Record { tx, step, kind, detail, answer } => {
                drop(answer.send(self.record(&tx, &step, kind, &detail)));
            }
            Job::End { tx, outcome, measured, answer } => {
                drop(answer.send(self.end(&tx, &outcome, measured)))
            }
            Job::Open { answer } => {
                let query =
                    format!("SELECT {COLUMNS} FROM transactions WHERE ended IS NULL ORDER BY began, rowid");
                drop(answer.send(self.entries(&query, -1)));
            }
            Job::History { limit, answer } => {
                let query = format!("SELECT {COLUMNS} FROM transactions ORDER BY began DESC, rowid DESC");
                drop(answer.send(self.entries(&query, i64::from(limit))));
            }
            Job::Records { tx, answer } => drop(answer.send(self.records(&tx))),
        }
    }

    fn begin(&mut self, tx: &TransactionId, begun: &Begun) -> Result<(), JournalError> {
        let now = now();
        self.write(|connection| {
            connection.execute(
                &format!("INSERT INTO transactions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL, ?11, ?12, NULL, NULL)"),
                params![
                    tx.as_str(),
                    begun.container.0,
                    begun.name,
                    begun.from.as_str(),
                    begun.to.as_str(),
                    begun.from_address,
                    begun.to_address,
                    begun.way.word(),
                    std::process::id(),
                    now,
                    begun.predicted.map(|times| times.total),
                    begun.predicted.map(|times| times.downtime),
                ],
            )?;
            insert(connection, tx, now, "begin", Kind::Intent, &Value::Null)
        })?;
        self.crash.record_is_durable();
        Ok(())
    }

    fn record(
        &mut self,
        tx: &TransactionId,
        step: &str,
        kind: Kind,
        detail: &Value,
    ) -> Result<(), JournalError> {
        if !self.knows(tx)? {
            return Err(JournalError::Unknown { path: self.path.to_owned(), tx: tx.to_string() });
        }
        self.write(|connection| insert(connection, tx, now(), step, kind, detail))?;
        self.crash.record_is_durable();
        Ok(())
    }

    fn end(
        &mut self,
        tx: &TransactionId,
        outcome: &str,
        measured: Option<Times>,
    ) -> Result<(), JournalError> {
        let now = now();
        let ended = self.write(|connection| {
            let changed = connection.execute(
                "UPDATE transactions SET ended = ?2, outcome = ?3, total = ?4, downtime = ?5 WHERE tx = ?1 AND ended IS NULL",
                params![tx.as_str(), now, outcome, measured.map(|times| times.total), measured.map(|times| times.downtime)],
            )?;
            if changed > 0 {
                insert(connection, tx, now, "end", Kind::Outcome, &Value::from(outcome))?;
            }
            Ok(changed > 0)
        })?;
        if ended {
            self.crash.record_is_durable();
        }
        Ok(())
    }

    fn knows(&self, tx: &TransactionId) -> Result<bool, JournalError> {
        let found = self
            .connection
            .query_row("SELECT 1 FROM transactions WHERE tx = ?1", [tx.as_str()], |_| Ok(()))
            .optional();
        Ok(found.map_err(|error| JournalError::sqlite(self.path, &error))?.is_some())
    }

    /// One transaction of SQLite; with `synchronous=FULL` it is on the disk when this returns.
    fn write<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let attempt = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        attempt().map_err(|error: rusqlite::Error| JournalError::sqlite(self.path, &error))
    }

    fn entries(&self, query: &str, limit: i64) -> Result<Vec<Entry>, JournalError> {
        let read = || {
            let mut statement = self.connection.prepare(&format!("{query} LIMIT ?1"))?;
            let rows = statement.query_map([limit], entry)?;
            rows.filter_map(Result::transpose).collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| JournalError::sqlite(self.path, &error))
    }

    fn records(&self, tx: &TransactionId) -> Result<Vec<JournalRecord>, JournalError> {
        let read = || {
            let query =
                "SELECT sequence, at, phase, kind, detail FROM records WHERE tx = ?1 ORDER BY sequence";
            let mut statement = self.connection.prepare(query)?;
            let rows = statement.query_map([tx.as_str()], |row| {
                let (kind, detail): (String, String) = (row.get(3)?, row.get(4)?);
                Ok(JournalRecord {
                    sequence: row.get(0)?,
                    at: row.get(1)?,
                    step: row.get(2)?,
                    kind: if kind == "intent" { Kind::Intent } else { Kind::Outcome },
                    detail: serde_json::from_str(&detail).unwrap_or(Value::String(detail)),
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| JournalError::sqlite(self.path, &error))
    }
}

fn insert(
    connection: &Connection,
    tx: &TransactionId,
    at: i64,
    step: &str,
    kind: Kind,
    detail: &Value,
) -> rusqlite::Result<()> {
    let kind = match kind {
        Kind::Intent => "intent",
        Kind::Outcome => "outcome",
    };
    connection.execute(
        "INSERT INTO records (tx, sequence, at, phase, kind, detail) VALUES
            (?1, (SELECT coalesce(max(sequence), 0) + 1 FROM records WHERE tx = ?1), ?2, ?3, ?4, ?5)",
        params![tx.as_str(), at, step, kind, detail.to_string()],
    )?;
    Ok(())
}

/// One row; none when names in it are not such as drover writes.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let texts: [String; 4] = [row.get(0)?, row.get(3)?, row.get(4)?, row.get(7)?];
    let [tx, from, to, way] = &texts;
    let (Some(tx), Ok(from), Ok(to)) = (TransactionId::parse(tx), HostName::new(from), HostName::new(to))
    else {
        return Ok(None);
    };
    let times = |total: Option<f64>, downtime: Option<f64>| {
        total.zip(downtime).map(|(total, downtime)| Times { total, downtime })
    };
    Ok(Some(Entry {
        tx,
        begun: Begun {
            container: ContainerId(row.get(1)?),
            name: row.get(2)?,
            from,
            to,
            from_address: row.get(5)?,
            to_address: row.get(6)?,
            way: if way == Way::TwoPhase.word() { Way::TwoPhase } else { Way::KeptImages },
            predicted: times(row.get(12)?, row.get(13)?),
        },
        process: row.get(8)?,
        began: row.get(9)?,
        ended: row.get(10)?,
        outcome: row.get(11)?,
        measured: times(row.get(14)?, row.get(15)?),
    }))
}

/// Unix milliseconds.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
