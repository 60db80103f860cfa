//! What opens dialogs, and what keys do in them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::action::Do;
use super::state::Typing;
use super::{
    Change, Checks, Choice, Dialog, Effect, MoveDialog, MovePart, NoticeLevel, Question, QuestionId,
    Standing, State,
};
use crate::fleet::{ContainerStatus, HostName, printable};
use crate::migrate::{Check, MigrationId, Overriding, Request};

/// A question that appears while somebody types takes no yes before this: a key meant for something else must
/// not accept a host key. Longer than the pause between two keys of a fast typist (about 100 ms).
const YES_AFTER_MS: u64 = 500;

/// Memory that changes from one second to the next on a host that does nothing.
const ABOUT_EQUAL: u64 = 64 << 20;

impl State {
    pub(super) fn open_move(&mut self, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        let Some((host, container)) = self.chosen_host().zip(self.chosen_container()) else {
            return Change::None;
        };
        let (from, shown) = (host.name().clone(), printable(&container.name));
        let refusal = if !host.is_live() {
            Some(format!("{from} is not connected, so {shown} cannot be moved"))
        } else if container.status != ContainerStatus::Running {
            Some(format!("{shown} does not run; only running containers are moved"))
        } else if self.is_moving(&from, container) {
            Some(format!("{shown} is on the move already"))
        } else {
            None
        };
        if let Some(text) = refusal {
            self.note(at_ms, NoticeLevel::Warning, Some(from), text);
            return Change::Visible;
        }
        let name = if container.name.is_empty() { container.id.0.clone() } else { container.name.clone() };
        let mut order: Vec<(usize, HostName, Standing)> = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(_, host)| *host.name() != from)
            .map(|(row, host)| (row, host.name().clone(), self.standing(&from, host.name())))
            .collect();
        // A few MiB more or less are no reason: hosts that are about equal stay in the fleet file's order.
        order.sort_by_key(|(row, _, standing)| match standing {
            Standing::Choosable { free } => (0, Reverse(free.unwrap_or(0) / ABOUT_EQUAL), *row),
            Standing::Unfit(_) => (1, Reverse(0), *row),
            Standing::Not(_) => (2, Reverse(0), *row),
        });
        let best = order.first().filter(|(_, _, standing)| matches!(standing, Standing::Choosable { .. }));
        let dialog = MoveDialog {
            container: name,
            from,
            chosen: best.map(|(_, name, _)| name.clone()),
            order: order.into_iter().map(|(_, name, _)| name).collect(),
            checks: Checks::Asked,
            part: MovePart::Destinations,
            line: 0,
            overrides: BTreeSet::new(),
            complaint: None,
        };
        effects.extend(dialog.request().map(Effect::Consider));
        self.dialogs.push(Dialog::Move(dialog));
        Change::Visible
    }

    /// Goes to another destination; hosts that cannot be chosen are passed over.
    pub(super) fn step_destination(&mut self, lines: isize, effects: &mut Vec<Effect>) -> Change {
        let Some(dialog) = self.move_dialog() else { return Change::None };
        if dialog.part == MovePart::Checks {
            return self.step_check(lines);
        }
        let able = |host: &&HostName| self.standing(&dialog.from, host).can_be_chosen();
        let choosable: Vec<HostName> = dialog.order.iter().filter(able).cloned().collect();
        let here = choosable.iter().position(|host| Some(host) == dialog.chosen.as_ref());
        let row = match here {
            Some(here) => here.saturating_add_signed(lines).min(choosable.len() - 1),
            None => 0,
        };
        let next = choosable.get(row).cloned();
        let Some(Dialog::Move(dialog)) = self.dialogs.last_mut() else { return Change::None };
        if next.is_none() || next == dialog.chosen {
            return Change::None;
        }
        (dialog.chosen, dialog.checks, dialog.complaint) = (next, Checks::Asked, None);
        // What was passed over was seen of another host.
        (dialog.line, dialog.overrides) = (0, BTreeSet::new());
        effects.extend(dialog.request().map(Effect::Consider));
        Change::Visible
    }

    pub(super) fn considered(&mut self, request: &Request, checks: &[Check]) -> Change {
        let dialog = self.dialogs.iter_mut().find_map(|dialog| match dialog {
            Dialog::Move(dialog) if dialog.is_about(request) => Some(dialog),
            _ => None,
        });
        let Some(dialog) = dialog else { return Change::None };
        (dialog.checks, dialog.complaint, dialog.line) = (Checks::Known(checks.to_vec()), None, 0);
        dialog.judge();
        Change::Visible
    }

    /// Goes to another line of the checks.
    fn step_check(&mut self, lines: isize) -> Change {
        let Some(Dialog::Move(dialog)) = self.dialogs.last_mut() else { return Change::None };
        let Checks::Known(checks) = &dialog.checks else { return Change::None };
        let line = dialog.line.saturating_add_signed(lines).min(checks.len().saturating_sub(1));
        Change::when(std::mem::replace(&mut dialog.line, line) != line)
    }

    /// Passes over the chosen error, or takes that back.
    pub(super) fn toggle_override(&mut self) -> Change {
        let Some(Dialog::Move(dialog)) = self.dialogs.last_mut() else { return Change::None };
        let Some(check) = dialog.chosen_check().filter(|check| check.overriding != Overriding::Impossible)
        else {
            return Change::None;
        };
        let (id, seen) = (check.id.clone(), check.seen.clone());
        if !dialog.overrides.remove(&id) {
            dialog.overrides.insert(id.clone());
        }
        dialog.judge();
        dialog.complaint = None;
        // The line goes where its severity belongs, and the cursor with it.
        if let Checks::Known(checks) = &dialog.checks {
            let place = checks.iter().position(|check| check.id == id && check.seen == seen);
            dialog.line = place.unwrap_or(0);
        }
        Change::Visible
    }

    pub(super) fn other_part(&mut self) -> Change {
        let Some(Dialog::Move(dialog)) = self.dialogs.last_mut() else { return Change::None };
        dialog.part = match dialog.part {
            MovePart::Destinations => MovePart::Checks,
            MovePart::Checks => MovePart::Destinations,
        };
        Change::Visible
    }

    pub(super) fn ask_cancel(&mut self) -> Change {
        let Some(track) = self.shown_track().filter(|track| track.runs()) else { return Change::None };
        let id = track.id;
        self.dialogs.push(Dialog::Cancel { id, choice: Choice::No });
        Change::Visible
    }

    pub(super) fn scroll_dialog(&mut self, lines: isize) -> Change {
        let most = self.longest_scroll();
        let Some(Dialog::Help { scroll } | Dialog::Details { scroll, .. }) = self.dialogs.last_mut() else {
            return Change::None;
        };
        let next = usize::from(*scroll).saturating_add_signed(lines).min(usize::from(most));
        let next = u16::try_from(next).unwrap_or(most);
        Change::when(std::mem::replace(scroll, next) != next)
    }

    /// A key in a dialog.
    pub(super) fn answer(&mut self, what: Do, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        let Some(top) = self.dialogs.last_mut() else { return Change::None };
        let choice = match top {
            Dialog::Quit { choice } | Dialog::Cancel { choice, .. } | Dialog::Question { choice, .. } => {
                Some(choice)
            }
            Dialog::Help { .. } | Dialog::Move(_) | Dialog::Details { .. } | Dialog::Matrix { .. } => None,
        };
        match (what, choice) {
            (Do::OtherChoice, Some(choice)) => *choice = choice.other(),
            (Do::Close, _) => {
                self.dialogs.pop();
            }
            (Do::Confirm, None) => return self.confirm_move(at_ms, effects),
            (Do::Confirm, Some(choice)) => {
                let choice = *choice;
                return self.decide(choice, at_ms, effects);
            }
            (Do::Yes, Some(_)) => return self.decide(Choice::Yes, at_ms, effects),
            (Do::No, Some(_)) => return self.decide(Choice::No, at_ms, effects),
            (Do::SendSecret, _) => return self.close_question(effects, Effect::AnswerSecret),
            (Do::RefuseSecret, _) => return self.close_question(effects, |id| Effect::Answer(id, false)),
            _ => return Change::None,
        }
        Change::Visible
    }

    /// Ends the session; migrations under way are stopped first, so that their containers go on at the source.
    pub(super) fn leave(&mut self, effects: &mut Vec<Effect>) {
        for track in self.migrations.iter_mut().filter(|track| track.phase == super::Phase::Running) {
            track.phase = super::Phase::Cancelling;
            effects.push(Effect::Cancel(track.id));
        }
        effects.push(Effect::Quit);
    }

    fn close_question(&mut self, effects: &mut Vec<Effect>, effect: fn(QuestionId) -> Effect) -> Change {
        if let Some(Dialog::Question { question, .. }) = self.dialogs.pop() {
            effects.push(effect(question.id));
        }
        Change::Visible
    }

    fn confirm_move(&mut self, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        let objection = self.move_dialog().and_then(|dialog| dialog.objection(self));
        let Some(Dialog::Move(dialog)) = self.dialogs.last_mut() else { return Change::None };
        if objection.is_some() {
            let changed = dialog.complaint != objection;
            dialog.complaint = objection;
            return Change::when(changed);
        }
        let Some(request) = dialog.request() else { return Change::None };
        self.dialogs.pop();
        let id = MigrationId(self.last_migration + 1);
        self.begin(id, request.clone(), at_ms);
        effects.push(Effect::Migrate(id, request));
        Change::Visible
    }

    fn decide(&mut self, choice: Choice, at_ms: u64, effects: &mut Vec<Effect>) -> Change {
        if let Some(Dialog::Question { since_ms, .. }) = self.dialogs.last()
            && choice == Choice::Yes
            && at_ms < since_ms + YES_AFTER_MS
        {
            return Change::None;
        }
        match (self.dialogs.pop(), choice) {
            (Some(Dialog::Quit { .. }), Choice::Yes) => {
                self.leave(effects);
            }
            (Some(Dialog::Cancel { id, .. }), Choice::Yes) => {
                let running = |track: &&mut super::MigrationTrack| {
                    track.id == id && track.phase == super::Phase::Running
                };
                if let Some(track) = self.migrations.iter_mut().find(running) {
                    track.phase = super::Phase::Cancelling;
                    effects.push(Effect::Cancel(id));
                }
            }
            (Some(Dialog::Question { question, .. }), choice) => {
                effects.push(Effect::Answer(question.id, choice == Choice::Yes));
            }
            _ => {}
        }
        Change::Visible
    }

    pub(super) fn asked(&mut self, question: &Question) -> Change {
        let open = self.dialogs.iter().any(
            |dialog| matches!(dialog, Dialog::Question { question: asked, .. } if asked.id == question.id),
        );
        if open || self.questions.iter().any(|asked| asked.id == question.id) {
            return Change::None;
        }
        self.questions.push_back(question.clone());
        Change::Visible
    }

    pub(super) fn withdrawn(&mut self, id: QuestionId) -> Change {
        let before = (self.dialogs.len(), self.questions.len());
        self.dialogs
            .retain(|dialog| !matches!(dialog, Dialog::Question { question, .. } if question.id == id));
        self.questions.retain(|question| question.id != id);
        Change::when(before != (self.dialogs.len(), self.questions.len()))
    }

    /// Puts the next waiting question on the screen, when nobody is in the middle of something.
    pub(super) fn ask_next(&mut self, at_ms: u64) -> bool {
        if !self.dialogs.is_empty() || self.typing == Typing::Filter {
            return false;
        }
        let Some(question) = self.questions.pop_front() else { return false };
        self.dialogs.push(Dialog::Question { question, choice: Choice::No, since_ms: at_ms });
        true
    }
}
