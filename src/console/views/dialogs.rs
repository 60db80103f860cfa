//! Dialogs that wait for an answer.

use ratatui::buffer::Buffer;
use ratatui::text::Line;

use super::bars::plural;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{choice as draw_choice, dialog, put, row};
use crate::migrate::MigrationId;
use crate::session::{Choice, Question, QuestionKind, State, wrap};

/// Columns of a question; fingerprints of 50 characters fit on a line.
const COLUMNS: u16 = 66;

/// Leave although migrations run?
pub(crate) fn quit(state: &State, choice: Choice, look: &Look, buffer: &mut Buffer) {
    let running = plural(state.running_migrations(), "migration");
    let text = format!(
        "{running} under way. Leaving cancels what is under way: as long as the source's copy is there, the container goes on at its source."
    );
    asking("Quit?", &text, choice, ("No, stay", "Yes, cancel and quit"), Meaning::Warning, look, buffer);
}

/// Stop this migration?
pub(crate) fn cancel(state: &State, id: MigrationId, choice: Choice, look: &Look, buffer: &mut Buffer) {
    let Some(track) = state.track(id) else { return };
    let (from, to) = (&track.request.from, &track.request.to);
    let text = if track.runs() {
        format!("{} is on its way from {from} to {to}. Cancelled, it goes on at {from}.", track.name())
    } else {
        format!("The migration of {} is over; there is nothing to cancel.", track.name())
    };
    asking(
        "Cancel the migration?",
        &text,
        choice,
        ("No, go on", "Yes, cancel it"),
        Meaning::Warning,
        look,
        buffer,
    );
}

/// A host's question.
pub(crate) fn question(question: &Question, choice: Choice, look: &Look, buffer: &mut Buffer) {
    let title = format!("Question about {}", question.host);
    match question.kind {
        QuestionKind::Confirm => {
            asking(&title, &question.text, choice, ("No", "Yes"), Meaning::Warning, look, buffer);
        }
        QuestionKind::Secret => {
            let columns = COLUMNS.min(buffer.area.width.saturating_sub(8));
            let text = lines(&question.text, columns, buffer.area.height.saturating_sub(6));
            let height = u16::try_from(text.len()).unwrap_or(u16::MAX) + 2;
            let inner = dialog(buffer, look, (columns, height), &title, Meaning::Warning);
            let hint = "What you type is not shown and not recorded.";
            for (number, line) in (0..).zip(text.iter().map(String::as_str).chain(["", hint])) {
                let Some(place) = row(inner, number) else { break };
                let meaning = if line == hint { Meaning::Muted } else { Meaning::Text };
                put(buffer, place, Line::styled(line, look.theme.text(meaning)));
            }
        }
    }
}

fn asking(
    title: &str,
    text: &str,
    choice: Choice,
    answers: (&str, &str),
    meaning: Meaning,
    look: &Look,
    buffer: &mut Buffer,
) {
    let columns = COLUMNS.min(buffer.area.width.saturating_sub(8));
    let text = lines(text, columns, buffer.area.height.saturating_sub(6));
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX) + 2;
    let inner = dialog(buffer, look, (columns, height), title, meaning);
    for (number, line) in (0..).zip(&text) {
        if let Some(place) = row(inner, number) {
            put(buffer, place, Line::styled(line.as_str(), look.theme.text(Meaning::Text)));
        }
    }
    if let Some(place) = row(inner, height - 1) {
        draw_choice(buffer, place, look, choice, answers);
    }
}

/// A text in at most some rows, so that the answers stay in sight.
fn lines(text: &str, columns: u16, rows: u16) -> Vec<String> {
    let mut lines = wrap(text, columns);
    let rows = usize::from(rows).max(1);
    if lines.len() > rows {
        lines.truncate(rows);
        if let Some(last) = lines.last_mut() {
            *last = "… (make the terminal taller to read all)".into();
        }
    }
    lines
}
