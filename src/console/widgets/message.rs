//! Some words in the middle of an otherwise empty screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::put;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::session::wrap;

/// Draws the words; the first line is the news.
pub(crate) fn message(buffer: &mut Buffer, look: &Look, text: &str) {
    let area = buffer.area;
    let lines = wrap(text, area.width);
    let height = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let top = (area.height - height) / 2;
    for (row, line) in (0..height).zip(&lines) {
        let width = u16::try_from(Span::raw(line).width()).unwrap_or(area.width).min(area.width);
        let place = Rect::new((area.width - width) / 2, top + row, width, 1);
        let meaning = if row == 0 { Meaning::Warning } else { Meaning::Text };
        put(buffer, place, Line::styled(line.as_str(), look.theme.text(meaning)));
    }
}
