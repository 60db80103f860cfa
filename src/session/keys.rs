//! What keys do where no dialog is open.

use super::action::{Do, Layer, find};
use super::state::Typing;
use super::{Change, Dialog, Effect, Focus, Key, LookAt, NoticeLevel, PaceOrder, State};
use crate::fleet::printable;

/// Characters of a filter: more than any list of containers needs.
const LONGEST_FILTER: usize = 64;

impl State {
    pub(super) fn pressed(&mut self, key: Key, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        let context = self.context();
        let found =
            find(key, context).filter(|action| self.layout().is_some() || self.works_unseen(action.what));
        let Some(action) = found else {
            return match (context.layer, key) {
                (Layer::Filter, Key::Char(c)) if self.filter.chars().count() < LONGEST_FILTER => {
                    self.filter.push_str(&printable(&c.to_string()));
                    Change::Visible
                }
                _ => Change::None,
            };
        };
        match action.what {
            Do::Quit => return self.quit(effects),
            // The whole process would stop, and with it a container that is frozen on its way.
            Do::Suspend if self.running_migrations() > 0 => {
                let text = "not suspended: a container is on its way, and would stand still with drover";
                self.note(at_ms, NoticeLevel::Warning, None, text.into());
            }
            Do::Suspend => effects.push(Effect::Suspend),
            Do::Help => self.dialogs.push(Dialog::Help { scroll: 0 }),
            Do::Up => return self.step(-1, effects),
            Do::Down => return self.step(1, effects),
            Do::First => return self.step(-FAR, effects),
            Do::Last => return self.step(FAR, effects),
            Do::HalfUp => return self.step(-self.half_page(), effects),
            Do::HalfDown => return self.step(self.half_page(), effects),
            Do::NextPane => self.focus = self.pane_after(1),
            Do::PreviousPane => self.focus = self.pane_after(2),
            Do::Open => self.focus = Focus::Containers,
            Do::Back => return self.back(),
            Do::ToHosts => return self.go_to_hosts(),
            Do::Filter => (self.typing, self.focus) = (Typing::Filter, Focus::Containers),
            Do::KeepFilter => self.typing = Typing::No,
            Do::DropFilter => {
                self.typing = Typing::No;
                self.filter.clear();
            }
            Do::EraseFilter => return Change::when(self.filter.pop().is_some()),
            Do::WipeFilter => self.filter.clear(),
            Do::Sort => self.sort = self.sort.next(),
            Do::Move => return self.open_move(at_ms, effects),
            Do::Matrix => return self.open_matrix(effects),
            Do::Look => {
                effects.push(Effect::Look(LookAt::All));
                return Change::None;
            }
            Do::Left => return self.step_matrix(0, -1),
            Do::Right => return self.step_matrix(0, 1),
            Do::Override => return self.toggle_override(),
            Do::OtherPart => return self.other_part(),
            Do::Cancel => return self.ask_cancel(),
            Do::Dismiss => self.shown_migration = None,
            Do::Details => {
                let Some(id) = self.shown_migration else { return Change::None };
                self.dialogs.push(Dialog::Details { id, scroll: 0 });
            }
            Do::NextMigration => self.show_migration(1),
            Do::PreviousMigration => self.show_migration(self.migrations.len().saturating_sub(1)),
            Do::Copy => return self.copy(at_ms, effects),
            Do::Reconnect => {
                let Some(host) = self.chosen_host() else { return Change::None };
                effects.push(Effect::Reconnect(host.name().clone()));
            }
            // The simulation answers with its new pace, and only that changes the title.
            Do::Faster => return order(PaceOrder::Faster, effects),
            Do::Slower => return order(PaceOrder::Slower, effects),
            Do::Pause => return order(PaceOrder::Pause, effects),
            Do::GoOn => return order(PaceOrder::GoOn, effects),
            Do::Close
            | Do::Confirm
            | Do::OtherChoice
            | Do::Yes
            | Do::No
            | Do::SendSecret
            | Do::RefuseSecret => return self.answer(action.what, at_ms, effects),
        }
        Change::Visible
    }

    /// Whether an action makes sense on a terminal below the minimum, on which only leaving is spoken of.
    fn works_unseen(&self, what: Do) -> bool {
        match what {
            Do::Quit | Do::Suspend => true,
            Do::Yes | Do::No => matches!(self.dialogs.last(), Some(Dialog::Quit { .. })),
            _ => false,
        }
    }

    fn quit(&mut self, effects: &mut Vec<Effect>) -> Change {
        if self.running_migrations() == 0 {
            effects.push(Effect::Quit);
            return Change::None;
        }
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Quit { .. }));
        self.dialogs.push(Dialog::Quit { choice: super::Choice::No });
        Change::Visible
    }

    /// Moves what the arrows move here.
    fn step(&mut self, lines: isize, effects: &mut Vec<Effect>) -> Change {
        match self.dialogs.last() {
            Some(Dialog::Help { .. } | Dialog::Details { .. }) => return self.scroll_dialog(lines),
            Some(Dialog::Move(_)) => return self.step_destination(lines, effects),
            Some(Dialog::Matrix { .. }) => return self.step_matrix(lines, 0),
            _ => {}
        }
        let moved = |row: usize, rows: usize| row.saturating_add_signed(lines).min(rows.saturating_sub(1));
        match self.focus {
            Focus::Hosts => {
                let row = moved(self.host_row, self.hosts.len());
                Change::when(std::mem::replace(&mut self.host_row, row) != row)
            }
            Focus::Containers => {
                let Some(before) = self.chosen_host().map(|host| host.cursor.row) else {
                    return Change::None;
                };
                let rows = self.container_rows();
                let row = moved(before, rows.len());
                let chosen = rows.get(row).map(|row| row.id.clone());
                if let Some(host) = self.hosts.get_mut(self.host_row) {
                    (host.cursor.row, host.cursor.chosen) = (row, chosen);
                }
                Change::when(before != row)
            }
            Focus::Events => {
                let before = self.notices.back();
                self.notices.scroll(lines.saturating_neg());
                Change::when(self.notices.back() != before)
            }
        }
    }

    fn half_page(&self) -> isize {
        let Some(layout) = self.layout() else { return 1 };
        let capacity = match (self.dialogs.last(), self.focus) {
            (Some(_), _) => usize::from(self.rows) / 2,
            (None, Focus::Hosts) => layout.host_capacity(),
            (None, Focus::Containers) => layout.container_capacity(),
            (None, Focus::Events) => layout.event_capacity(),
        };
        (capacity / 2).max(1).cast_signed()
    }

    fn pane_after(&self, steps: usize) -> Focus {
        let mut panes = vec![Focus::Hosts, Focus::Containers];
        if self.layout().is_some_and(|layout| layout.events.is_some()) {
            panes.push(Focus::Events);
        }
        let here = panes.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        // Two steps forward among three panes are one step back; among two panes one step is.
        let steps = if steps > 1 { panes.len() - 1 } else { steps };
        panes[(here + steps) % panes.len()]
    }

    fn back(&mut self) -> Change {
        if self.focus == Focus::Containers && !self.filter.is_empty() {
            self.filter.clear();
            return Change::Visible;
        }
        if self.focus == Focus::Events && self.notices.back() > 0 {
            self.notices.scroll(isize::MIN);
            return Change::Visible;
        }
        self.go_to_hosts()
    }

    fn go_to_hosts(&mut self) -> Change {
        Change::when(std::mem::replace(&mut self.focus, Focus::Hosts) != Focus::Hosts)
    }

    fn show_migration(&mut self, steps: usize) {
        let here = self.migrations.iter().position(|track| Some(track.id) == self.shown_migration);
        let next = here
            .map_or(self.migrations.len().saturating_sub(1), |here| (here + steps) % self.migrations.len());
        self.shown_migration = self.migrations.get(next).map(|track| track.id);
    }

    fn copy(&mut self, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        let text = match self.focus {
            Focus::Hosts => self.chosen_host().map(|host| host.name().to_string()),
            Focus::Containers => self.chosen_container().map(|container| printable(&container.name)),
            Focus::Events => self.notices.seen(1).last().map(|notice| printable(&notice.text)),
        };
        let Some(text) = text else { return Change::None };
        self.note(at_ms, super::NoticeLevel::Info, None, format!("copied: {text}"));
        effects.push(Effect::Copy(text));
        Change::Visible
    }
}

fn order(order: PaceOrder, effects: &mut Vec<Effect>) -> Change {
    effects.push(Effect::SimulationPace(order));
    Change::None
}

/// More lines than any list has, in either direction.
const FAR: isize = 1 << 40;
