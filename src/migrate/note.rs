//! What a transaction writes down of itself.

use std::sync::Arc;

use super::identity::TransactionId;
use super::journal::{Begun, Journal, JournalError, Times};
use super::protocol::Phase;

/// A transaction's hand in the journal. Without a journal, and when writing fails, the move goes on: the hosts' own records
/// are enough to recover it.
pub struct Note {
    journal: Option<Arc<Journal>>,
}

impl Note {
    /// With the journal, where there is one.
    pub fn new(journal: Option<Arc<Journal>>) -> Self {
        Self { journal }
    }

    fn complain(result: Result<(), JournalError>) {
        if let Err(error) = result {
            tracing::warn!("the journal could not be written: {error}");
        }
    }

    /// It begins.
    pub async fn begin(&self, tx: &TransactionId, begun: Begun) {
        if let Some(journal) = &self.journal {
            Self::complain(journal.begin(tx, begun).await);
        }
    }

    /// A phase is about to be ordered; durable when this returns.
    pub async fn intent(&self, tx: &TransactionId, phase: Phase) {
        if let Some(journal) = &self.journal {
            Self::complain(journal.intent(tx, phase.word(), serde_json::Value::Null).await);
        }
    }

    /// It is over.
    pub async fn end(&self, tx: &TransactionId, words: &str, times: Option<Times>) {
        if let Some(journal) = &self.journal {
            Self::complain(journal.end(tx, words, times).await);
        }
    }
}
