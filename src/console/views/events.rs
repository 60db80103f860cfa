//! What happened, newest at the bottom.

use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{Focused, pane, part, put, row};
use crate::session::{Focus, Notice, NoticeLevel, State, wrap};

/// Below this width the seconds make room for the text.
const NARROW: u16 = 44;

/// The event list.
pub(crate) fn events(state: &State, look: &Look, area: Rect, buffer: &mut Buffer) {
    let focused = if state.focus == Focus::Events { Focused::Yes } else { Focused::No };
    let inner = area.inner(Margin::new(1, 1));
    let room = usize::from(inner.height);
    let width = inner.width.saturating_sub(1);
    let mut lines: VecDeque<Line<'static>> = VecDeque::new();
    for notice in state.notices.seen(room).rev() {
        for line in written(state, look, notice, width).into_iter().rev() {
            lines.push_front(line);
        }
        if lines.len() >= room {
            break;
        }
    }
    lines.drain(..lines.len().saturating_sub(room));
    // Near the beginning of the list there is room for what came later.
    let mut below = state.notices.back();
    for notice in state.notices.newer() {
        if lines.len() >= room {
            break;
        }
        lines.extend(written(state, look, notice, width));
        below -= 1;
    }
    let title = format!("Events ({})", state.notices.len());
    let below = if below > 0 { format!("{below} newer below") } else { String::new() };
    pane(buffer, area, look, focused, &title, Vec::new(), &below);
    for (number, line) in (0..inner.height).zip(lines) {
        if let Some(place) = row(inner, number) {
            put(buffer, part(place, 1, width), line);
        }
    }
}

/// One notice in a few lines; the further ones stand under the text of the first.
fn written(state: &State, look: &Look, notice: &Notice, width: u16) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let (mark, meaning) = match notice.level {
        NoticeLevel::Info => ("·", Meaning::Muted),
        NoticeLevel::Success => ("✓", Meaning::Good),
        NoticeLevel::Warning => ("!", Meaning::Warning),
        NoticeLevel::Error => ("✗", Meaning::Error),
    };
    let text = if notice.level == NoticeLevel::Error { Meaning::Error } else { Meaning::Text };
    let (format, most) = if width < NARROW { ("%H:%M", 2) } else { ("%H:%M:%S", 3) };
    let time = look.time(state.unix_ms(notice.at_ms), format);
    let host = notice.host.as_ref().map_or_else(String::new, |host| format!("{host} "));
    let head = vec![
        Span::styled(format!("{time} "), theme.text(Meaning::Muted)),
        Span::styled(format!("{mark} "), theme.text(meaning)),
        Span::styled(host, theme.text(Meaning::Strong)),
    ];
    // A long host name must not leave the text in a column of two characters.
    let head_width = Line::from(head.clone()).width();
    let indent = head_width.min(usize::from(width) / 2);
    let mut texts =
        wrap(&notice.text, width.saturating_sub(u16::try_from(head_width).unwrap_or(width)).max(width / 2));
    if texts.len() > most {
        texts.truncate(most);
        if let Some(last) = texts.last_mut() {
            last.push('…');
        }
    }
    let mut texts = texts.into_iter();
    let mut first = head;
    first.extend(texts.next().map(|line| Span::styled(line, theme.text(text))));
    let further = texts
        .map(|line| Line::from(vec![Span::raw(" ".repeat(indent)), Span::styled(line, theme.text(text))]));
    std::iter::once(Line::from(first)).chain(further).collect()
}
