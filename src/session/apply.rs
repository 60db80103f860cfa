//! The fold: one event in, effects out.

use super::host::Cursor;
use super::{Effect, Event, Happening, HostState, State};
use crate::fleet::HostName;

/// Whether the screen differs after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It would be drawn exactly as before.
    None,
    /// It must be drawn again.
    Visible,
}

impl Change {
    pub(super) fn when(changed: bool) -> Self {
        if changed { Self::Visible } else { Self::None }
    }
}

/// What an event led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is to be done to the world, in this order.
    pub effects: Vec<Effect>,
    /// Whether the screen differs.
    pub change: Change,
}

impl State {
    /// Takes in one event. Pure: the same events always give the same state, effects and screens.
    pub fn apply(&mut self, event: &Event) -> Outcome {
        // A recording put together by hand may run backwards; the screen's clock does not.
        let at_ms = event.at_ms.max(self.shown_ms);
        let mut effects = Vec::new();
        let mut change = match &event.what {
            Happening::Started { fleet, clock_ms, title } => {
                self.title.clone_from(title);
                self.clock_ms = *clock_ms;
                self.simulation = None;
                let mut names = std::collections::HashSet::new();
                let fleet = fleet.iter().filter(|spec| names.insert(spec.name.clone()));
                self.hosts = fleet.cloned().map(HostState::new).collect();
                (self.host_row, self.host_offset) = (0, 0);
                // Whoever watches has begun anew too and must be told what is in sight.
                self.watched.clear();
                Change::Visible
            }
            Happening::Link { host, state } => self.linked(host, state, at_ms),
            Happening::Sampled { host, sample } => self.sampled(host, sample),
            Happening::Containers { host, containers } => self.listed(host, containers),
            Happening::ContainersUnknown { host, cause } => self.not_listed(host, cause, at_ms),
            Happening::Laptop { cpu, memory_available, .. } => self.laptop_measured(*cpu, *memory_available),
            Happening::Simulation { scenario, pace } => self.simulated(scenario, *pace),
            Happening::Asked { question } => self.asked(question),
            Happening::Withdrawn { id } => self.withdrawn(*id),
            Happening::Considered { request, checks } => self.considered(request, checks),
            Happening::Facts { host, facts, taken } => self.looked_at(host, facts, *taken),
            Happening::Migration { id, event } => self.reported(*id, event, at_ms),
            Happening::Notice { level, host, text } => {
                self.note(at_ms, *level, host.clone(), text.clone());
                Change::Visible
            }
            Happening::Pressed { key } => self.pressed(*key, at_ms, &mut effects),
            Happening::Resized { columns, rows } => {
                let before = (self.columns, self.rows);
                (self.columns, self.rows) = (*columns, *rows);
                Change::when(before != (*columns, *rows))
            }
            Happening::Second => Change::when(self.wants_seconds()),
            Happening::Terminated => {
                self.leave(&mut effects);
                Change::None
            }
        };
        if self.ask_next(at_ms) || self.minute_at(at_ms) != self.minute() {
            change = Change::Visible;
        }
        if change == Change::Visible {
            self.shown_ms = at_ms;
            self.settle(&mut effects);
        }
        Outcome { effects, change }
    }

    /// Brings what is chosen and scrolled in line with what there is.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        let Some(layout) = self.layout() else {
            self.settle_cursor(1);
            return;
        };
        self.host_row = self.host_row.min(self.hosts.len().saturating_sub(1));
        let capacity = layout.host_capacity();
        self.host_offset = scrolled(self.host_offset, self.host_row, capacity, self.hosts.len());
        self.settle_cursor(layout.container_capacity());
        if layout.events.is_none() && self.focus == super::Focus::Events {
            self.focus = super::Focus::Containers;
        }
        let seen = self.hosts.iter().skip(self.host_offset).take(capacity);
        let watched: Vec<HostName> = seen.map(|host| host.name().clone()).collect();
        if watched != self.watched {
            self.watched.clone_from(&watched);
            effects.push(Effect::Focus(watched));
        }
    }

    fn settle_cursor(&mut self, capacity: usize) {
        let Some(host) = self.chosen_host() else { return };
        let rows = self.container_rows();
        let chosen = host.cursor.chosen.as_ref();
        let found = chosen.and_then(|chosen| rows.iter().position(|row| row.id == *chosen));
        let row = found.unwrap_or(host.cursor.row).min(rows.len().saturating_sub(1));
        let offset = scrolled(host.cursor.offset, row, capacity, rows.len());
        let cursor = Cursor { chosen: rows.get(row).map(|row| row.id.clone()), row, offset };
        if let Some(host) = self.hosts.get_mut(self.host_row) {
            host.cursor = cursor;
        }
    }
}

/// The first row in sight, moved no further than needed for `row` to be seen and the list to fill its room.
fn scrolled(offset: usize, row: usize, capacity: usize, rows: usize) -> usize {
    let lowest = (row + 1).saturating_sub(capacity);
    offset.clamp(lowest, row).min(rows.saturating_sub(capacity))
}

#[cfg(test)]
mod tests {
    use super::scrolled;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_chosen_row_is_always_in_sight(
            offset in 0..200usize, rows in 1..100usize, row in 0..100usize, capacity in 1..50usize,
        ) {
            let row = row.min(rows - 1);
            let first = scrolled(offset, row, capacity, rows);
            prop_assert!((first..first + capacity).contains(&row));
            prop_assert!(first + capacity <= rows.max(capacity));
        }
    }
}
