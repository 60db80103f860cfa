//! What happened, newest at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{Focused, pane, part, put, row};
use crate::session::{Focus, NoticeLevel, State, cut};

/// The event list.
pub(crate) fn events(state: &State, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    let focused = if state.focus == Focus::Events { Focused::Yes } else { Focused::No };
    let below = match state.notices.back() {
        0 => String::new(),
        newer => format!("{newer} newer below"),
    };
    let title = format!("Events ({})", state.notices.len());
    let inner = pane(buffer, area, look, focused, &title, Vec::new(), &below);
    for (number, notice) in (0..).zip(state.notices.seen(usize::from(inner.height))) {
        let Some(line) = row(inner, number) else { break };
        let (mark, meaning) = match notice.level {
            NoticeLevel::Info => ("·", Meaning::Muted),
            NoticeLevel::Success => ("✓", Meaning::Good),
            NoticeLevel::Warning => ("!", Meaning::Warning),
            NoticeLevel::Error => ("✗", Meaning::Error),
        };
        let text = if notice.level == NoticeLevel::Error { Meaning::Error } else { Meaning::Text };
        let time =
            look.time(state.unix_ms(notice.at_ms), if inner.width < 44 { "%H:%M" } else { "%H:%M:%S" });
        let host = notice.host.as_ref().map_or_else(String::new, |host| format!("{host} "));
        let end = put(
            buffer,
            part(line, 1, line.width),
            Line::from(vec![
                Span::styled(format!("{time} "), theme.text(Meaning::Muted)),
                Span::styled(format!("{mark} "), theme.text(meaning)),
                Span::styled(host, theme.text(Meaning::Strong)),
            ]),
        );
        let rest = part(line, end - line.x, line.width);
        put(buffer, rest, Line::styled(cut(&notice.text, rest.width), theme.text(text)));
    }
}
