//! What the exit code of a command means; the same table stands in the README.

use std::process::ExitCode;

use crate::migrate::protocol::{DestinationState, Recovery, Why};
use crate::migrate::recover::{Ended, Outcome, Recovered};
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

    /// The code for a recovery: that of the worst transaction.
    pub fn of_recovery(outcome: &Outcome) -> Self {
        let codes = outcome.transactions.iter().map(Self::of_recovered);
        // What only waits is better than what needs a hand, and that better than what cannot be known.
        let order = [Self::Untidy, Self::Kept, Self::Unknown, Self::Failed];
        match codes.max_by_key(|code| order.iter().position(|other| other == code)) {
            Some(code) if code != Self::Done => code,
            _ if !outcome.unreachable.is_empty() => Self::Unreachable,
            _ => Self::Done,
        }
    }

    fn of_recovered(recovered: &Recovered) -> Self {
        match (recovered.ended, recovered.did.last()) {
            (
                Ended::OnSource | Ended::AtDestination | Ended::Nowhere | Ended::UnderWay | Ended::WouldAct,
                _,
            ) => Self::Done,
            (Ended::Held, Some(Recovery::Hold(why))) => match why {
                Why::SourceUnreachable if recovered.found.1 == DestinationState::Restored => Self::Untidy,
                Why::SourceUnreachable | Why::DestinationUnreachable | Why::BothUnreachable => Self::Unknown,
                Why::GoneAfterCommit => Self::Kept,
                Why::OnlyStopped | Why::OnlyCopy => Self::Failed,
            },
            (Ended::Held | Ended::TwoCopies | Ended::Failed, _) => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::HostName;
    use crate::migrate::identity::TransactionId;
    use crate::migrate::protocol::{Intent, SourceState};

    fn recovered(ended: Ended, destination: DestinationState, did: &[Recovery]) -> Recovered {
        Recovered {
            tx: TransactionId::random(),
            container: None,
            name: "web".into(),
            from: "h1".into(),
            to: "h2".into(),
            who: String::new(),
            since: String::new(),
            found: (SourceState::Unreachable, destination),
            decided: Intent::Open,
            did: did.to_vec(),
            ended,
            message: String::new(),
        }
    }

    #[test]
    fn a_recovery_ends_with_the_code_of_its_worst_transaction() {
        let mut outcome = Outcome::default();
        assert_eq!(Exit::of_recovery(&outcome), Exit::Done);
        outcome.unreachable.insert(HostName::new("h3").unwrap(), "no route".into());
        assert_eq!(Exit::of_recovery(&outcome), Exit::Unreachable);
        let held = Recovery::Hold(Why::SourceUnreachable);
        for (next, code) in [
            (recovered(Ended::OnSource, DestinationState::Absent, &[Recovery::Tidy]), Exit::Unreachable),
            (recovered(Ended::Held, DestinationState::Restored, &[held]), Exit::Untidy),
            (
                recovered(Ended::Held, DestinationState::Absent, &[Recovery::Hold(Why::GoneAfterCommit)]),
                Exit::Kept,
            ),
            (recovered(Ended::Held, DestinationState::Absent, &[held]), Exit::Unknown),
            (recovered(Ended::TwoCopies, DestinationState::Restored, &[Recovery::Alarm]), Exit::Failed),
            (recovered(Ended::UnderWay, DestinationState::Absent, &[]), Exit::Failed),
        ] {
            outcome.transactions.push(next);
            assert_eq!(Exit::of_recovery(&outcome), code);
        }
    }
}
