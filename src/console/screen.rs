//! The whole screen from the state.

use ratatui::buffer::Buffer;

use super::ascii;
use super::look::{Glyphs, Look};
use super::theme::Meaning;
use super::views;
use super::widgets::rect;
use crate::session::{Dialog, State};

/// Draws everything. The same state and look always give the same buffer.
pub(crate) fn draw(state: &State, look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(buffer.area, theme.text(Meaning::Text).patch(theme.plane(Meaning::Background)));
    match state.layout() {
        None => views::too_small(state, look, buffer),
        Some(layout) => {
            views::title(state, look, rect(layout.title), buffer);
            views::hosts(state, look, &layout, buffer);
            views::containers(state, look, &layout, buffer);
            if let Some(area) = layout.collector {
                views::collector(look, rect(area), buffer);
            }
            if let Some((area, track)) = layout.migration.zip(state.shown_track()) {
                views::migration(state, track, look, rect(area), buffer);
            }
            if let Some(area) = layout.events {
                views::events(state, look, rect(area), buffer);
            }
            views::footer(state, look, rect(layout.footer), buffer);
            match state.dialogs.last() {
                None => {}
                Some(Dialog::Help { scroll }) => views::help(state.scope(), *scroll, look, buffer),
                Some(Dialog::Details { id, scroll }) => views::details(state, *id, *scroll, look, buffer),
                Some(Dialog::Matrix { row, column }) => views::matrix(state, (*row, *column), look, buffer),
                Some(Dialog::Move(dialog)) => views::destination(state, dialog, look, buffer),
                Some(Dialog::Quit { choice }) => views::quit(state, *choice, look, buffer),
                Some(Dialog::Cancel { id, choice }) => views::cancel(state, *id, *choice, look, buffer),
                Some(Dialog::Question { question, choice, .. }) => {
                    views::question(question, *choice, look, buffer);
                }
            }
        }
    }
    if look.glyphs == Glyphs::Ascii {
        ascii::reduce(buffer);
    }
}
