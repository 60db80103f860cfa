//! Which hosts fit each other, from what was seen of them: for the matrix, and for who is proposed as a destination.

use super::{Change, Dialog, Effect, LookAt, State};
use crate::fleet::HostName;
use crate::migrate::{Check, Fitness, HostFacts, Pair, fitness};

/// What was seen of a host, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) facts: HostFacts,
    /// Unix seconds.
    pub(crate) taken: i64,
}

impl State {
    /// Whether containers can go from one host to another; errors and warnings, worst first.
    pub(crate) fn fitness(&self, from: &HostName, to: &HostName) -> (Fitness, Vec<Check>) {
        let seen = |name: &HostName| self.host(name).and_then(|host| host.seen.as_ref());
        match (seen(from), seen(to)) {
            (Some(one), Some(other)) => {
                let checks =
                    fitness(Pair { host: from, facts: &one.facts }, Pair { host: to, facts: &other.facts });
                (Fitness::of(&checks), checks)
            }
            _ => (Fitness::Unknown, Vec::new()),
        }
    }

    pub(super) fn looked_at(&mut self, name: &HostName, facts: &HostFacts, taken: i64) -> Change {
        let Some(index) = self.host_index(name) else { return Change::None };
        let seen = Some(Seen { facts: facts.clone(), taken });
        if self.hosts[index].seen == seen {
            return Change::None;
        }
        self.hosts[index].seen = seen;
        let shown = |dialog: &Dialog| matches!(dialog, Dialog::Matrix { .. } | Dialog::Move(_));
        Change::when(self.dialogs.iter().any(shown))
    }

    pub(super) fn open_matrix(&mut self, effects: &mut Vec<Effect>) -> Change {
        let row = self.host_row;
        self.dialogs.push(Dialog::Matrix { row, column: usize::from(row == 0) });
        effects.push(Effect::Look(LookAt::Unseen));
        Change::Visible
    }

    /// Moves the matrix' cursor, down or to the right.
    pub(super) fn step_matrix(&mut self, rows: isize, columns: isize) -> Change {
        let last = self.hosts.len().saturating_sub(1);
        let Some(Dialog::Matrix { row, column }) = self.dialogs.last_mut() else { return Change::None };
        let before = (*row, *column);
        *row = row.saturating_add_signed(rows).min(last);
        *column = column.saturating_add_signed(columns).min(last);
        Change::when(before != (*row, *column))
    }
}
