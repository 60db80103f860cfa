//! One action for each pair of states.

use serde::{Deserialize, Serialize};

use super::state::{DestinationState as To, Intent, SourceState as From};

/// What ends an interrupted transaction, or brings it one step nearer to its end. After each step both hosts are
/// looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action", content = "why")]
pub enum Recovery {
    /// The container is where it should be: only records, locks and directories are removed.
    Tidy,
    /// Close the destination, then let the source thaw.
    AbortBoth,
    /// Record commit at the destination, end and remove the source's copy, tidy up.
    CommitForward,
    /// Close the destination for good, whatever it seemed to be, then let the source thaw.
    ThawSource,
    /// Close the destination for good, then restore on the source from the images that it kept.
    RestoreKept,
    /// Remove what the destination has and close it.
    UndoDestination,
    /// The outcome of an order that was accepted comes by itself: wait and look again.
    WaitForOutcome,
    /// Nothing can be done safely now.
    Hold(Why),
    /// It runs on both hosts: nothing is deleted, a person has to choose.
    Alarm,
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The source does not answer.
    SourceUnreachable,
    /// The destination does not answer, and may run it.
    DestinationUnreachable,
    /// Neither answers.
    BothUnreachable,
    /// It was committed to the destination, which does not run it any more. The source's copy is older.
    GoneAfterCommit,
    /// The only copy is stopped and nothing is there from which it could go on.
    OnlyStopped,
    /// The only running copy was to be undone.
    OnlyCopy,
}

/// What to do about an interrupted transaction. The table is in [`super`].
pub fn recovery(source: From, destination: To, intent: Intent) -> Recovery {
    use Recovery::{
        AbortBoth, Alarm, CommitForward, Hold, RestoreKept, ThawSource, Tidy, UndoDestination, WaitForOutcome,
    };
    // What has been committed is never undone, and what is to be undone is never committed.
    let undecided = |then: Recovery| match intent {
        Intent::Open | Intent::Undo => then,
        Intent::Commit => Hold(Why::GoneAfterCommit),
    };
    match (source, destination) {
        (From::Unreachable, To::Unreachable) => Hold(Why::BothUnreachable),
        (_, To::Released) => WaitForOutcome,

        (From::Running, To::Absent | To::Undone) => Tidy,
        (From::Running, To::Waiting | To::Failed) => undecided(UndoDestination),
        (From::Running, To::Restored) => Alarm,

        (From::Frozen, To::Absent | To::Undone | To::Waiting | To::Failed) => AbortBoth,
        // Nobody says “go” before the source has promised, so it can only be a second copy.
        (From::Frozen, To::Restored) => Alarm,
        // Rule 3 holds all the same: the source thaws by its own clock, before it has promised anything.
        (From::Frozen, To::Unreachable) => ThawSource,

        (From::Handed, To::Absent | To::Undone) => undecided(ThawSource),
        (From::Kept, To::Absent | To::Undone) => undecided(RestoreKept),
        (From::Handed | From::Kept, To::Waiting | To::Failed) => undecided(UndoDestination),
        (From::Handed | From::Kept, To::Restored) => match intent {
            Intent::Open | Intent::Commit => CommitForward,
            Intent::Undo => UndoDestination,
        },

        (From::Committed, To::Restored) => CommitForward,
        (From::Committed, To::Absent | To::Waiting | To::Failed | To::Undone) => Hold(Why::GoneAfterCommit),

        (From::Absent, To::Absent | To::Undone) => Tidy,
        (From::Absent, To::Restored) => match intent {
            Intent::Open | Intent::Commit => Tidy,
            Intent::Undo => Hold(Why::OnlyCopy),
        },
        // What waits has never run: it is no copy that could be lost.
        (From::Absent, To::Waiting) => UndoDestination,
        (From::Absent, To::Failed) => match intent {
            Intent::Commit => Tidy,
            Intent::Open | Intent::Undo => Hold(Why::OnlyStopped),
        },

        (From::Lost, To::Restored) => match intent {
            Intent::Open | Intent::Commit => CommitForward,
            Intent::Undo => Hold(Why::OnlyCopy),
        },
        (From::Lost, To::Absent | To::Waiting | To::Failed | To::Undone) => Hold(Why::OnlyStopped),

        (
            From::Running | From::Handed | From::Kept | From::Committed | From::Absent | From::Lost,
            To::Unreachable,
        ) => Hold(Why::DestinationUnreachable),
        (From::Unreachable, To::Waiting) => UndoDestination,
        (From::Unreachable, To::Failed) => undecided(UndoDestination),
        (From::Unreachable, To::Absent | To::Restored | To::Undone) => Hold(Why::SourceUnreachable),
    }
}

impl Recovery {
    /// Whether nothing more can be done now.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Hold(_) | Self::Alarm)
    }

    /// The word of the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::AbortBoth => "abort both",
            Self::CommitForward => "commit forward",
            Self::ThawSource => "thaw the source",
            Self::RestoreKept => "restore the kept images",
            Self::UndoDestination => "undo the destination",
            Self::WaitForOutcome => "wait for the outcome",
            Self::Hold(_) => "hold",
            Self::Alarm => "alarm",
        }
    }
}
