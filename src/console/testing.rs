//! The screen as text, for tests of other rooms.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::Glyphs;
use super::screens::{look, text};
use super::theme::ColourDepth;
use crate::session::State;

/// What a terminal of the state's size shows.
pub(crate) fn screen(state: &State) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.columns, state.rows));
    super::screen::draw(state, &look(ColourDepth::True, Glyphs::Unicode), &mut buffer);
    text(&buffer)
}
