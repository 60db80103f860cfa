//! The laptop's side of a transaction that goes on: from one report to the next order.

use serde::{Deserialize, Serialize};

/// How far the laptop has come. Each phase waits for the report on one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Locks and records are made on both hosts ([`Order::Begin`]).
    Begin,
    /// The destination gets ready ([`Order::Prepare`]).
    Prepare,
    /// The source is frozen and its images reach the destination ([`Order::Freeze`]).
    Perform,
    /// The source is asked for its promise ([`Order::Hand`]).
    Hand,
    /// The destination starts and is judged ([`Order::Go`]).
    Finish,
    /// Commit is recorded at the destination ([`Order::Decide`]).
    Decide,
    /// The source ends its copy ([`Order::Commit`]).
    Commit,
    /// The source's copy is removed, both sides are tidied ([`Order::Confirm`]).
    Confirm,
    /// On the way back: the destination is closed ([`Order::Undo`]).
    Undo,
    /// On the way back: the source thaws ([`Order::Abort`]).
    Abort,
    /// On the way back: both sides are tidied ([`Order::Tidy`]).
    Tidy,
    /// Over.
    Ended(End),
}

/// How a transaction ended for the laptop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The container lives at the destination, nothing is left.
    Moved,
    /// It lives at the destination; the source may not know yet.
    MovedUntidy,
    /// It runs on the source.
    Back,
    /// A host does not answer: `drover recover` ends it.
    Open,
}

/// What the laptop asks of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Lock and record on both hosts.
    Begin,
    /// Prepare the destination.
    Prepare,
    /// Freeze, ship, verify.
    Freeze,
    /// `handed` to the source.
    Hand,
    /// `go` to the destination, then judge its health.
    Go,
    /// Record commit at the destination, unless undo is recorded there.
    Decide,
    /// `commit` to the source.
    Commit,
    /// Remove the source's copy, tidy both.
    Confirm,
    /// Record undo at the destination, unless commit is recorded there; then remove what it has.
    Undo,
    /// `abort` to the source.
    Abort,
    /// Tidy both.
    Tidy,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Done: the order's purpose is reached.
    Done,
    /// It failed, or the operator cancelled before it was done.
    Failed,
    /// [`Order::Decide`] or [`Order::Undo`] found that the other one is recorded already.
    Overruled,
    /// The host does not answer: what became of the order is not known.
    Lost,
}

/// The next phase and the order with which it begins; none when the report is not of this phase (late, or twice).
///
/// The one way back is the same from everywhere: close the destination, and only then let the source thaw.
pub fn step(phase: Phase, report: Report) -> Option<(Phase, Option<Order>)> {
    use Report::{Done, Failed, Lost, Overruled};
    let to = |phase, order| Some((phase, Some(order)));
    let end = |end| Some((Phase::Ended(end), None));
    match (phase, report) {
        (Phase::Begin, Done) => to(Phase::Prepare, Order::Prepare),
        (Phase::Prepare, Done) => to(Phase::Perform, Order::Freeze),
        (Phase::Perform, Done) => to(Phase::Hand, Order::Hand),
        (Phase::Hand, Done) => to(Phase::Finish, Order::Go),
        (Phase::Finish, Done) => to(Phase::Decide, Order::Decide),
        (Phase::Decide, Done) => to(Phase::Commit, Order::Commit),
        (Phase::Commit, Done) => to(Phase::Confirm, Order::Confirm),
        (Phase::Confirm, Done) => end(End::Moved),

        (Phase::Begin | Phase::Prepare | Phase::Perform | Phase::Hand | Phase::Finish, Failed | Lost)
        | (Phase::Decide, Failed | Lost | Overruled) => to(Phase::Undo, Order::Undo),
        (Phase::Commit | Phase::Confirm, Failed | Lost) => end(End::MovedUntidy),

        (Phase::Undo, Done) => to(Phase::Abort, Order::Abort),
        // Somebody has committed meanwhile: then it is committed.
        (Phase::Undo, Overruled) => to(Phase::Commit, Order::Commit),
        (Phase::Undo | Phase::Abort, Failed | Lost) => end(End::Open),
        (Phase::Abort, Done) => to(Phase::Tidy, Order::Tidy),
        (Phase::Tidy, Done | Failed | Lost) => end(End::Back),

        (
            Phase::Begin
            | Phase::Prepare
            | Phase::Perform
            | Phase::Hand
            | Phase::Finish
            | Phase::Commit
            | Phase::Confirm
            | Phase::Abort
            | Phase::Tidy,
            Overruled,
        )
        | (Phase::Ended(_), _) => None,
    }
}

impl Phase {
    /// Whether a wish to cancel still leads back: commit has not been recorded.
    pub fn can_cancel(self) -> bool {
        matches!(self, Self::Begin | Self::Prepare | Self::Perform | Self::Hand | Self::Finish)
    }

    /// The word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Prepare => "prepare",
            Self::Perform => "perform",
            Self::Hand => "hand",
            Self::Finish => "finish",
            Self::Decide => "decide",
            Self::Commit => "commit",
            Self::Confirm => "confirm",
            Self::Undo => "undo",
            Self::Abort => "abort",
            Self::Tidy => "tidy",
            Self::Ended(_) => "ended",
        }
    }
}
