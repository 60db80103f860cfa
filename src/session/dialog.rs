//! What can lie over the screen and wait for a person.

use std::collections::BTreeSet;

use super::{LinkState, Question, State};
use crate::fleet::{HostName, bytes};
use crate::migrate::{Check, MigrationId, Overriding, Request, Severity};

/// One dialog; the topmost one has the keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dialog {
    /// All keys.
    Help { scroll: u16 },
    /// Where shall the container go?
    Move(MoveDialog),
    /// Which hosts fit each other; the cursor's row and column are hosts in the fleet's order.
    Matrix { row: usize, column: usize },
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
    /// What the arrows move in.
    pub(crate) part: MovePart,
    /// The chosen line of the checks.
    pub(crate) line: usize,
    /// Checks whose errors are passed over.
    pub(crate) overrides: BTreeSet<String>,
    /// Why the last Enter did nothing.
    pub(crate) complaint: Option<String>,
}

/// The two lists of the dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MovePart {
    #[default]
    Destinations,
    Checks,
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
        let request = Request::new(self.container.clone(), self.from.clone(), to);
        Some(Request { overrides: self.overrides.clone(), ..request })
    }

    /// Whether an answer to this question belongs to what is chosen, whatever is passed over.
    pub(super) fn is_about(&self, request: &Request) -> bool {
        self.chosen.as_ref() == Some(&request.to)
            && self.from == request.from
            && self.container == request.container
    }

    /// The chosen line of the checks.
    pub(crate) fn chosen_check(&self) -> Option<&Check> {
        match &self.checks {
            Checks::Known(checks) => checks.get(self.line),
            Checks::Asked => None,
        }
    }

    /// Brings the lines in line with what is passed over, worst first.
    pub(super) fn judge(&mut self) {
        if let Checks::Known(checks) = &mut self.checks {
            checks.iter_mut().for_each(|check| check.override_by(&self.overrides));
            checks.sort_by_key(|check| std::cmp::Reverse(check.severity));
        }
    }

    /// Why this move cannot be confirmed now, if so.
    pub(crate) fn objection(&self, state: &State) -> Option<String> {
        let Some(chosen) = &self.chosen else {
            let live = self.order.iter().any(|host| state.standing(&self.from, host).can_be_chosen());
            return Some(match live {
                true => "No host fits by what was seen of them; j chooses one all the same.".into(),
                false => "No other host is live, so there is no destination.".into(),
            });
        };
        if let Standing::Not(reason) = state.standing(&self.from, chosen) {
            return Some(format!("{chosen} cannot be chosen now: {reason}."));
        }
        match &self.checks {
            Checks::Asked => Some("The checks are still running; Enter works when they are there.".into()),
            Checks::Known(checks) => {
                let first = checks.iter().find(|check| check.severity == Severity::Error)?;
                let hint = if first.overriding == Overriding::Possible { " (o passes over it)" } else { "" };
                Some(format!("Refused by the check “{}”: {}{hint}", first.id, first.seen))
            }
        }
    }
}

/// Whether a host can be a destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// Yes, with this much memory free, where that is known.
    Choosable { free: Option<u64> },
    /// It can, but what was seen of it speaks against it.
    Unfit(String),
    /// No, for this reason.
    Not(&'static str),
}

impl Standing {
    /// Whether a person may choose it.
    pub(crate) fn can_be_chosen(&self) -> bool {
        !matches!(self, Self::Not(_))
    }
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
            Standing::Unfit(reason) => format!("✗ {reason}"),
            Standing::Not(reason) => (*reason).to_string(),
        }
    }
}

impl State {
    /// Whether a host can be a destination now.
    pub(crate) fn standing(&self, from: &HostName, name: &HostName) -> Standing {
        match self.host(name).map(|host| (&host.link, &host.sample)) {
            None => Standing::Not("not in the fleet"),
            Some((LinkState::Connecting, _)) => Standing::Not("still connecting"),
            Some((LinkState::Retrying { .. }, _)) => Standing::Not("not connected, retrying"),
            Some((LinkState::Refused { .. }, _)) => Standing::Not("connection refused"),
            Some((LinkState::Live { .. }, sample)) => {
                let (_, checks) = self.fitness(from, name);
                if let Some(worst) = checks.first().filter(|check| check.severity == Severity::Error) {
                    return Standing::Unfit(format!("{}: {}", worst.id, worst.seen));
                }
                Standing::Choosable { free: sample.as_ref().map(|sample| sample.memory_available) }
            }
        }
    }

    /// The lines of the list of destinations.
    pub(crate) fn candidates(&self, dialog: &MoveDialog) -> Vec<Candidate> {
        let candidate =
            |host: &HostName| Candidate { host: host.clone(), standing: self.standing(&dialog.from, host) };
        dialog.order.iter().map(candidate).collect()
    }
}
