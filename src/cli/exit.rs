//! What the exit code of a command means; the same table stands in the README.

use std::process::ExitCode;

use crate::migrate::{FailedMigration, Reason, Whereabouts};

/// How a command ended. 2 is missing: it is what the parser of arguments ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `migrate`: the container runs at the destination; for `explain`: the error is known.
    Done = 0,
    /// Something else went wrong.
    Failed = 1,
    /// The fleet file cannot be used.
    Fleet = 3,
    /// A host could not be reached.
    Unreachable = 4,
    /// The checks refuse the move; nothing was touched.
    Refused = 5,
    /// The move failed and the container runs on its source.
    OnSource = 6,
    /// The container runs at the destination, but something is left to do on the source.
    Untidy = 7,
    /// The container runs nowhere; its checkpoint is kept on the source.
    Kept = 8,
    /// A host stopped answering: where the container runs is not known.
    Unknown = 9,
}

impl Exit {
    /// The code for a migration that failed.
    pub fn of(failure: &FailedMigration) -> Self {
        match (&failure.whereabouts, failure.reason) {
            (Whereabouts::Untouched, Reason::Refused) => Self::Refused,
            (Whereabouts::Untouched, Reason::Unreachable) => Self::Unreachable,
            (Whereabouts::Untouched | Whereabouts::BackOnSource, _) => Self::OnSource,
            (Whereabouts::AtDestination, _) => Self::Untidy,
            (Whereabouts::Kept(_), _) => Self::Kept,
            (Whereabouts::Unknown(_), _) => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
