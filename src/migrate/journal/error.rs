//! What can go wrong with the journal, with its file.

use std::path::{Path, PathBuf};

/// The journal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The file or its directory cannot be opened or written.
    #[error("the journal {} cannot be used: {cause}. Without it nothing is moved; free space or mend its permissions", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system or SQLite said.
        cause: String,
    },
    /// A newer drover wrote it.
    #[error(
        "the journal {} was written by a newer drover (its version is {found}, this drover knows up to {known}). Use that drover, or move the file away",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The transaction is not in the journal.
    #[error("the journal {} has no transaction {tx}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The transaction.
        tx: String,
    },
}

impl JournalError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Unusable { path: path.to_owned(), cause: error.to_string() }
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        Self::Unusable { path: path.to_owned(), cause: error.to_string() }
    }

    pub(super) fn ended(path: &Path) -> Self {
        Self::Unusable { path: path.to_owned(), cause: "its writer has ended".into() }
    }
}
