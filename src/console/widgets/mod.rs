//! Small pieces that several views are made of. They draw into a buffer and know nothing of the state.

mod choice;
mod frame;
mod gauge;
mod message;
mod spark;
mod stage_bar;

pub(crate) use choice::choice;
pub(crate) use frame::{Focused, dialog, pane};
pub(crate) use gauge::gauge;
pub(crate) use message::message;
pub(crate) use spark::{level, spark};
pub(crate) use stage_bar::stage_bar;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::session::Area;

/// An area in the terms of the drawing library.
pub(crate) fn rect(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}

/// The `row`th line of an area, if it has so many.
pub(crate) fn row(area: Rect, row: u16) -> Option<Rect> {
    (row < area.height).then(|| Rect::new(area.x, area.y + row, area.width, 1))
}

/// Puts a line at the beginning of a row and gives the column after it.
pub(crate) fn put<'a>(buffer: &mut Buffer, area: Rect, line: impl Into<Line<'a>>) -> u16 {
    if area.height == 0 {
        return area.x;
    }
    buffer.set_line(area.x, area.y, &line.into(), area.width).0
}

/// Puts a text at the end of a row.
pub(crate) fn put_right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    put_line_right(buffer, area, &Line::styled(text, style));
}

/// Puts a line at the end of a row.
pub(crate) fn put_line_right(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    if area.height > 0 {
        buffer.set_line(area.right() - width, area.y, line, width);
    }
}

/// Part of a row: `width` columns from `from` on, cut at the row's end.
pub(crate) fn part(area: Rect, from: u16, width: u16) -> Rect {
    let from = from.min(area.width);
    Rect::new(area.x + from, area.y, width.min(area.width - from), area.height)
}
