//! A terminal in which nothing useful fits.

use ratatui::buffer::Buffer;

use super::bars::plural;
use crate::console::look::Look;
use crate::console::widgets::message;
use crate::session::{Dialog, MINIMUM_COLUMNS, MINIMUM_ROWS, State};

/// Says what is needed and what there is.
pub(crate) fn too_small(state: &State, look: &Look, buffer: &mut Buffer) {
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
    message(buffer, look, &text);
}
