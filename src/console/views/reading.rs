//! Dialogs that are only read: the help and a migration's details.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::migration::dress;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{dialog, put, put_right, row};
use crate::migrate::MigrationId;
use crate::session::{HelpLine, Scope, State, help_lines, large_dialog, story, wrap};

/// Columns of the keys in the help.
const KEYS: usize = 24;

/// Every key, from the registry.
pub(crate) fn help(scope: Scope, scroll: u16, look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    let lines = help_lines(scope).into_iter().map(|line| match line {
        HelpLine::Heading(text) => Line::styled(text, theme.text(Meaning::Strong)),
        HelpLine::Action { keys, help } => Line::from(vec![
            Span::styled(format!("  {keys:<KEYS$}"), theme.text(Meaning::Focus)),
            Span::styled(help, theme.text(Meaning::Text)),
        ]),
    });
    scrolled("Keys", lines.collect(), scroll, look, buffer);
}

/// Everything about one migration.
pub(crate) fn details(state: &State, id: MigrationId, scroll: u16, look: &Look, buffer: &mut Buffer) {
    let Some(track) = state.track(id) else { return };
    let (columns, _) = large_dialog(buffer.area.width, buffer.area.height);
    let lines = story(track, state.shown_ms).into_iter().flat_map(|(tone, text)| {
        let style = dress(tone, look);
        wrap(&text, columns).into_iter().map(move |line| Line::styled(line, style)).collect::<Vec<_>>()
    });
    scrolled(&format!("Migration {}", id.0), lines.collect(), scroll, look, buffer);
}

fn scrolled(title: &str, lines: Vec<Line<'_>>, scroll: u16, look: &Look, buffer: &mut Buffer) {
    let (columns, rows) = large_dialog(buffer.area.width, buffer.area.height);
    let total = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let rows = rows.min(total);
    let inner = dialog(buffer, look, (columns, rows), title, Meaning::Focus);
    for (number, line) in (0..).zip(lines.into_iter().skip(usize::from(scroll))) {
        let Some(place) = row(inner, number) else { break };
        put(buffer, place, line);
    }
    let below = total.saturating_sub(scroll + rows);
    if (below > 0 || scroll > 0) && inner.width > 0 {
        let edge = Rect::new(inner.x, inner.bottom().min(buffer.area.bottom() - 1), inner.width, 1);
        let text = if below > 0 { format!(" ↓ {below} more ") } else { " end ".into() };
        put_right(buffer, edge, &text, look.theme.text(Meaning::Focus));
    }
}
