//! The panel kept for the collector.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{Focused, pane, put, row};
use crate::session::wrap;

/// Says that none is running.
pub(crate) fn collector(look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    let inner = pane(buffer, area, look, Focused::No, "Collector", Vec::new(), "");
    let state = Line::from(vec![
        Span::styled(" ○ ", theme.text(Meaning::Muted)),
        Span::styled("not running", theme.text(Meaning::Text)),
    ]);
    if let Some(line) = row(inner, 0) {
        put(buffer, line, state);
    }
    let text = wrap("No collector travels through this fleet.", inner.width.saturating_sub(4));
    for (number, text) in (2..).zip(&text) {
        if let Some(line) = row(inner, number) {
            put(buffer, line, Line::styled(format!("   {text}"), theme.text(Meaning::Muted)));
        }
    }
}
