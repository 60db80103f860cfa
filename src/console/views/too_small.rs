//! A terminal in which nothing useful fits.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::bars::plural;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::put;
use crate::session::{Dialog, MINIMUM_COLUMNS, MINIMUM_ROWS, State, wrap};

/// Says what is needed and what there is.
pub(crate) fn too_small(state: &State, look: &Look, buffer: &mut Buffer) {
    let area = buffer.area;
    let leave = match state.dialogs.last() {
        Some(Dialog::Quit { .. }) => {
            let running = plural(state.running_migrations(), "migration");
            format!("{running} under way: y cancels and quits, n stays.")
        }
        _ => "Make it larger, or press q to quit.".into(),
    };
    let text = format!(
        "This terminal is too small for drover.\nIt has {}x{}, drover needs {MINIMUM_COLUMNS}x{MINIMUM_ROWS}.\n{leave}",
        state.columns, state.rows
    );
    let lines = wrap(&text, area.width);
    let height = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let top = (area.height - height) / 2;
    for (row, line) in (0..height).zip(&lines) {
        let width =
            u16::try_from(ratatui::text::Span::raw(line).width()).unwrap_or(area.width).min(area.width);
        let place = Rect::new((area.width - width) / 2, top + row, width, 1);
        let meaning = if row == 0 { Meaning::Warning } else { Meaning::Text };
        put(buffer, place, ratatui::text::Line::styled(line.as_str(), look.theme.text(meaning)));
    }
}
