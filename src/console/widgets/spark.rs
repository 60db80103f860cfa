//! A row of little columns, newest at the right end, gaps left empty.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// One level as a character; a gap is a blank.
pub(crate) fn level(level: Option<u8>) -> &'static str {
    level.map_or(" ", |level| HEIGHTS[usize::from(level).min(7)])
}

/// Draws the newest levels that fit.
pub(crate) fn spark(buffer: &mut Buffer, area: Rect, levels: &[Option<u8>], style: Style) {
    if area.height == 0 {
        return;
    }
    let columns = (area.left()..area.right()).rev();
    for (x, level) in columns.zip(levels.iter().rev()) {
        if level.is_some() {
            buffer[(x, area.y)].set_symbol(self::level(*level)).set_style(style);
        }
    }
}
