//! What can lie over the screen and wait for a person.

use super::{LinkState, Question, State};
use crate::fleet::{HostName, bytes};
use crate::migrate::{Check, MigrationId, Request, Severity};

/// One dialog; the topmost one has the keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dialog {
    /// All keys.
    Help { scroll: u16 },
    /// Where shall the container go?
    Move(MoveDialog),
    /// A migration's whole story.
    Details { id: MigrationId, scroll: u16 },
    /// Leave although migrations run?
    Quit { choice: Choice },
    /// Stop this migration?
    Cancel { id: MigrationId, choice: Choice },
    /// A question of a host. `since_ms` is when it came on the screen.
    Question { question: Question, choice: Choice, since_ms: u64 },
}

/// The highlighted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The default everywhere.
    No,
    Yes,
}

impl Choice {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
        }
    }
}

/// The choice of a destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MoveDialog {
    /// The container's name as the engine wrote it, or its id where it has none.
    pub(crate) container: String,
    pub(crate) from: HostName,
    /// All other hosts, in the order of the moment at which the dialog opened, so that no line moves away
    /// under a finger.
    pub(crate) order: Vec<HostName>,
    /// The chosen line, when any can be chosen.
    pub(crate) chosen: Option<HostName>,
    pub(crate) checks: Checks,
    /// Why the last Enter did nothing.
    pub(crate) complaint: Option<String>,
}

/// What is known of the chosen move.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Checks {
    /// Asked for, no answer yet.
    Asked,
    /// The answer.
    Known(Vec<Check>),
}

impl MoveDialog {
    /// The move as it would be ordered.
    pub(crate) fn request(&self) -> Option<Request> {
        let to = self.chosen.clone()?;
        Some(Request::new(self.container.clone(), self.from.clone(), to))
    }

    /// Why this move cannot be confirmed now, if so.
    pub(crate) fn objection(&self, state: &State) -> Option<String> {
        let Some(chosen) = &self.chosen else {
            return Some("No other host is live, so there is no destination.".into());
        };
        if let Standing::Not(reason) = state.standing(chosen) {
            return Some(format!("{chosen} cannot be chosen now: {reason}."));
        }
        match &self.checks {
            Checks::Asked => Some("The checks are still running; Enter works when they are there.".into()),
            Checks::Known(checks) => {
                let first = checks.iter().find(|check| check.severity == Severity::Error)?;
                Some(format!("Refused by the check “{}”: {}", first.id, first.seen))
            }
        }
    }
}

/// Whether a host can be a destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// Yes, with this much memory free, where that is known.
    Choosable { free: Option<u64> },
    /// No, for this reason.
    Not(&'static str),
}

/// One line of the list of destinations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) host: HostName,
    pub(crate) standing: Standing,
}

impl Candidate {
    /// What stands beside the name.
    pub(crate) fn remark(&self) -> String {
        match &self.standing {
            Standing::Choosable { free: Some(free) } => format!("{} free", bytes(*free)),
            Standing::Choosable { free: None } => "memory not known yet".into(),
            Standing::Not(reason) => (*reason).to_string(),
        }
    }
}

impl State {
    /// Whether a host can be a destination now.
    pub(crate) fn standing(&self, name: &HostName) -> Standing {
        match self.host(name).map(|host| (&host.link, &host.sample)) {
            None => Standing::Not("not in the fleet"),
            Some((LinkState::Connecting, _)) => Standing::Not("still connecting"),
            Some((LinkState::Retrying { .. }, _)) => Standing::Not("not connected, retrying"),
            Some((LinkState::Refused { .. }, _)) => Standing::Not("connection refused"),
            Some((LinkState::Live { .. }, sample)) => {
                Standing::Choosable { free: sample.as_ref().map(|sample| sample.memory_available) }
            }
        }
    }

    /// The lines of the list of destinations.
    pub(crate) fn candidates(&self, dialog: &MoveDialog) -> Vec<Candidate> {
        let candidate = |host: &HostName| Candidate { host: host.clone(), standing: self.standing(host) };
        dialog.order.iter().map(candidate).collect()
    }
}
