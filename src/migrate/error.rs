//! What can go wrong in a migration, before it is known where the container is.

use super::event::Reason;
use crate::engine::EngineError;
use crate::ssh::RemoteError;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// An engine did not do what was asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A host could not be reached, or a command failed there.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The move cannot be made as asked.
    #[error("{0}")]
    Refused(String),
    /// The source has no such container.
    #[error("{0}")]
    Absent(String),
    /// A step of the migration failed.
    #[error("{cause}")]
    Step {
        /// In words, with the host.
        cause: String,
        /// CRIU's first error line.
        log_line: Option<String>,
    },
    /// The operator cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl MigrateError {
    /// The same in one word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(_) => Reason::Refused,
            Self::Absent(_) => Reason::Absent,
            Self::Remote(RemoteError::Connection { .. })
            | Self::Engine(EngineError::Remote(RemoteError::Connection { .. })) => Reason::Unreachable,
            Self::Engine(_) | Self::Remote(_) | Self::Step { .. } => Reason::Failed,
            Self::Cancelled => Reason::Cancelled,
        }
    }

    /// CRIU's first error line, when the failing command quoted one.
    pub fn log_line(&self) -> Option<String> {
        match self {
            Self::Step { log_line, .. } => log_line.clone(),
            _ => None,
        }
    }
}
