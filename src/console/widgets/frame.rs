//! Frames with titles.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::console::look::Look;
use crate::console::theme::Meaning;

/// Whether a pane has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focused {
    Yes,
    No,
}

/// Draws a pane's frame and gives what is inside. The pane with the keys has a bright frame and a marked title, so
/// that it is known without colour too.
pub(crate) fn pane(
    buffer: &mut Buffer,
    area: Rect,
    look: &Look,
    focused: Focused,
    title: &str,
    right: Vec<Span<'_>>,
    below: &str,
) -> Rect {
    let theme = &look.theme;
    let (frame, heading, marker) = match focused {
        Focused::Yes => {
            (theme.text(Meaning::Focus), theme.text(Meaning::Focus).add_modifier(Modifier::BOLD), "▸")
        }
        Focused::No => (theme.text(Meaning::Border), theme.text(Meaning::Text), ""),
    };
    let room = area.width.saturating_sub(4);
    let title = Span::styled(crate::session::cut(&format!("{marker} {title} "), room), heading);
    let taken = u16::try_from(title.width()).unwrap_or(room);
    let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(frame).title(title);
    let right = Line::from(right);
    if right.width() > 0 && usize::from(taken) + right.width() < usize::from(room) {
        block = block.title(right.right_aligned());
    }
    if !below.is_empty() {
        let below = format!(" {} ", crate::session::cut(below, room.saturating_sub(2)));
        block = block.title_bottom(Line::styled(below, theme.text(Meaning::Muted)).right_aligned());
    }
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

/// Draws a dialog's frame in the middle of the screen, large enough for some content, and gives what is inside.
pub(crate) fn dialog(
    buffer: &mut Buffer,
    look: &Look,
    content: (u16, u16),
    title: &str,
    meaning: Meaning,
) -> Rect {
    let screen = buffer.area;
    let (width, height) = ((content.0 + 4).min(screen.width), (content.1 + 2).min(screen.height));
    let area = Rect::new((screen.width - width) / 2, (screen.height - height) / 2, width, height);
    Clear.render(area, buffer);
    let theme = &look.theme;
    let style = theme.text(meaning);
    let title = format!(" {} ", crate::session::cut(title, width.saturating_sub(6)));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(style)
        .style(theme.text(Meaning::Text).patch(theme.plane(Meaning::Surface)))
        .title(Line::styled(title, style.add_modifier(Modifier::BOLD)));
    let inner = block.inner(area);
    block.render(area, buffer);
    Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height)
}
