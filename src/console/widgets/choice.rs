//! No or yes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::put;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::session::Choice;

/// Draws both answers; the highlighted one stands in brackets too.
pub(crate) fn choice(buffer: &mut Buffer, area: Rect, look: &Look, choice: Choice, answers: (&str, &str)) {
    let theme = &look.theme;
    let answer = |text: &str, here: bool| {
        if here {
            let style = theme.plane(Meaning::Selection).patch(theme.text(Meaning::Strong));
            Span::styled(format!("[ {text} ]"), style.add_modifier(Modifier::BOLD))
        } else {
            Span::styled(format!("  {text}  "), theme.text(Meaning::Muted))
        }
    };
    let line = Line::from(vec![
        answer(answers.0, choice == Choice::No),
        Span::raw("   "),
        answer(answers.1, choice == Choice::Yes),
    ]);
    put(buffer, area, line);
}
