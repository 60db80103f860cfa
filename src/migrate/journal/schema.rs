//! The file itself: how it is opened, checked, brought up to date, and moved aside when it is damaged.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::JournalError;

/// How long one drover waits for another's write; each takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The steps from one version of the file to the next; `user_version` counts those that were taken.
const STEPS: [&str; 1] = ["
    CREATE TABLE transactions (
        tx TEXT PRIMARY KEY, container TEXT NOT NULL, name TEXT NOT NULL,
        source TEXT NOT NULL, destination TEXT NOT NULL, source_address TEXT NOT NULL, destination_address TEXT NOT NULL,
        way TEXT NOT NULL, process INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER, outcome TEXT,
        predicted_total REAL, predicted_downtime REAL, total REAL, downtime REAL
    ) STRICT;
    CREATE INDEX open_transactions ON transactions (began) WHERE ended IS NULL;
    CREATE TABLE records (
        tx TEXT NOT NULL REFERENCES transactions (tx), sequence INTEGER NOT NULL, at INTEGER NOT NULL,
        phase TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('intent', 'outcome')), detail TEXT NOT NULL,
        PRIMARY KEY (tx, sequence)
    ) STRICT;
"];

/// Opens or makes the file. Answers what a person should know of it, too.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<String>), JournalError> {
    make_private(path).map_err(|error| JournalError::io(path, &error))?;
    match usable(path) {
        Ok(connection) => Ok((connection, None)),
        Err(Trouble::Damaged(cause)) => {
            let aside = move_aside(path).map_err(|error| JournalError::io(path, &error))?;
            make_private(path).map_err(|error| JournalError::io(path, &error))?;
            let connection = usable(path).map_err(|trouble| trouble.into_error(path))?;
            let notice = format!(
                "the journal {} is damaged ({cause}); it was moved to {} and a new one begun. “drover recover” finds interrupted migrations on the hosts without it",
                path.display(),
                aside.display()
            );
            Ok((connection, Some(notice)))
        }
        Err(trouble) => Err(trouble.into_error(path)),
    }
}

enum Trouble {
    Damaged(String),
    Newer(i64),
    Other(rusqlite::Error),
}

impl Trouble {
    fn into_error(self, path: &Path) -> JournalError {
        match self {
            Self::Damaged(cause) => JournalError::Unusable { path: path.to_owned(), cause },
            Self::Newer(found) => JournalError::Newer { path: path.to_owned(), found, known: known() },
            Self::Other(error) => JournalError::sqlite(path, &error),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            _ => Self::Other(error),
        }
    }
}

fn known() -> i64 {
    STEPS.len() as i64
}

fn usable(path: &Path) -> Result<Connection, Trouble> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Of several that open a new journal at once one changes its mode; SQLite lets the others fail without waiting.
    let began = std::time::Instant::now();
    while let Err(error) = connection.pragma_update(None, "journal_mode", "wal") {
        if error.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy) || began.elapsed() > PATIENCE
        {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // An intent must survive a loss of power, not only the end of the process.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Trouble::Damaged(verdict));
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let taken = usize::try_from(version).ok().filter(|taken| *taken <= STEPS.len());
    let Some(taken) = taken else { return Err(Trouble::Newer(version)) };
    for step in STEPS.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known())?;
    transaction.commit()?;
    Ok(connection)
}

/// Directory 0700, file 0600; SQLite gives its side files the mode of the file.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        if let Some(above) = directory.parent() {
            std::fs::create_dir_all(above)?;
        }
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        std::fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Gives a damaged file and its side files another name. Another drover may have done so already.
fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let now = jiff::Timestamp::now().as_millisecond();
    let aside = named(&format!(".damaged-{now}"));
    for side in ["", "-wal", "-shm"] {
        match std::fs::rename(named(side), named(&format!(".damaged-{now}{side}"))) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    Ok(aside)
}
