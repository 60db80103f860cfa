//! What the exit code of a command means; the same table stands in the README.

use std::process::ExitCode;

use crate::migrate::protocol::{DestinationState, Recovery, Why};
use crate::migrate::recover::{Ended, Outcome, Recovered};
use crate::migrate::{Cause, Check, FailedMigration, Reason, Whereabouts, causes, refuses};

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
    /// The checks refuse the move for several causes, or it makes no sense; nothing was touched.
    Refused = 5,
    /// The move failed and the container runs on its source.
    OnSource = 6,
    /// The container runs at the destination, but something is left to do on the source.
    Untidy = 7,
    /// The container runs nowhere; its checkpoint is kept on the source.
    Kept = 8,
    /// A host stopped answering: where the container runs is not known.
    Unknown = 9,
    /// Refused: the source has no such container.
    Absent = 10,
    /// Refused: the container does not run, or is paused.
    NotRunning = 11,
    /// Refused: the destination has its name, its id or its volume already.
    Taken = 12,
    /// Refused: processors, kernels, control groups or security modules do not fit each other.
    Incompatible = 13,
    /// Refused: CRIU is missing on a host, or cannot do what is needed.
    Criu = 14,
    /// Refused: the engine, its runtime, root's rights or a tool is missing on a host.
    Engine = 15,
    /// Refused: memory or disk do not suffice.
    NoRoom = 16,
    /// Refused: a port, an address or a network stands in the way.
    Network = 17,
    /// Refused: something that belongs to the container is missing at the destination.
    Missing = 18,
    /// Refused: something in the container cannot be frozen or made again.
    Inside = 19,
    /// Refused: the container belongs together with something that does not move, such as a pod or a systemd unit.
    Bound = 20,
}

impl Exit {
    /// The code for checks: the cause where there is one, [`Self::Refused`] where there are several.
    pub fn of_checks(checks: &[Check]) -> Self {
        if !refuses(checks) {
            return Self::Done;
        }
        let causes = causes(checks);
        let mut causes = causes.iter();
        match (causes.next(), causes.next()) {
            (Some(cause), None) => match cause {
                Cause::NotRunning => Self::NotRunning,
                Cause::Taken => Self::Taken,
                Cause::Incompatible => Self::Incompatible,
                Cause::Criu => Self::Criu,
                Cause::Engine => Self::Engine,
                Cause::Room => Self::NoRoom,
                Cause::Network => Self::Network,
                Cause::Missing => Self::Missing,
                Cause::Inside => Self::Inside,
                Cause::Bound => Self::Bound,
            },
            _ => Self::Refused,
        }
    }

    /// The code for a migration that failed, with the checks that it reported.
    pub fn of(failure: &FailedMigration, checks: &[Check]) -> Self {
        match (&failure.whereabouts, failure.reason) {
            (Whereabouts::Untouched, Reason::Refused) if refuses(checks) => Self::of_checks(checks),
            (Whereabouts::Untouched, Reason::Refused) => Self::Refused,
            (Whereabouts::Untouched, Reason::Absent) => Self::Absent,
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
    use crate::migrate::{Overriding, Severity};

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

    fn error(id: &str) -> Check {
        Check {
            id: id.into(),
            severity: Severity::Error,
            host: None,
            seen: String::new(),
            why: String::new(),
            fix: String::new(),
            predicts: Vec::new(),
            overriding: Overriding::Impossible,
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

    #[test]
    fn one_cause_has_a_code_of_its_own_and_several_share_one() {
        for (ids, code) in [
            (&[][..], Exit::Done),
            (&["running"], Exit::NotRunning),
            (&["name"], Exit::Taken),
            (&["name", "volume-exists"], Exit::Taken),
            (&["cpu"], Exit::Incompatible),
            (&["criu"], Exit::Criu),
            (&["runtime"], Exit::Engine),
            (&["disk", "memory"], Exit::NoRoom),
            (&["port"], Exit::Network),
            (&["bind-missing"], Exit::Missing),
            (&["io-uring"], Exit::Inside),
            (&["auto-remove"], Exit::Bound),
            (&["port", "cpu"], Exit::Refused),
        ] {
            let checks: Vec<Check> = ids.iter().map(|id| error(id)).collect();
            assert_eq!(Exit::of_checks(&checks), code, "{ids:?}");
        }
    }
}
