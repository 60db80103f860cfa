//! Which hosts fit each other: a table of all by all, and why for the chosen way.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{dialog, put, row};
use crate::fleet::HostName;
use crate::migrate::{Fitness, Severity};
use crate::session::{State, cut, since_then, wrap};

/// Columns of a cell: sign, word and a gap.
const CELL: u16 = 11;
/// Lines that the reasons have at least.
const REASONS: usize = 6;

/// The dialog.
pub(crate) fn matrix(state: &State, here: (usize, usize), look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    let names: Vec<&HostName> = state.hosts.iter().map(|host| host.name()).collect();
    let columns = buffer.area.width.saturating_sub(10).min(120);
    let most = usize::from(buffer.area.height.saturating_sub(6));
    let first_column = names.iter().map(|name| name.as_str().len()).max().unwrap_or(0).clamp(6, 20);
    let room = usize::from(columns).saturating_sub(first_column + 4);
    let across = (room / usize::from(CELL)).clamp(1, names.len().max(1));
    let down = names.len().min(most.saturating_sub(REASONS + 2).max(1));
    let last = names.len().saturating_sub(1);
    let (row_at, column_at) = (here.0.min(last), here.1.min(last));
    let (top, left) = ((row_at + 1).saturating_sub(down), (column_at + 1).saturating_sub(across));
    let shown = |name: &HostName, width: usize| cut(name.as_str(), u16::try_from(width).unwrap_or(CELL));
    let cell_width = usize::from(CELL);
    let mut head =
        vec![Span::styled(format!("  {:<first_column$}  ", "from \\ to"), theme.text(Meaning::Muted))];
    for (number, name) in names.iter().enumerate().skip(left).take(across) {
        let meaning = if number == column_at { Meaning::Strong } else { Meaning::Muted };
        let text = format!("{:<cell_width$}", shown(name, cell_width - 2));
        head.push(Span::styled(text, theme.text(meaning)));
    }
    let mut lines = vec![Line::from(head)];
    for (number, from) in names.iter().enumerate().skip(top).take(down) {
        let chosen = number == row_at;
        let mut spans = vec![
            Span::styled(if chosen { "▸ " } else { "  " }, theme.text(Meaning::Focus)),
            Span::styled(
                format!("{:<first_column$}  ", shown(from, first_column)),
                theme.text(if chosen { Meaning::Strong } else { Meaning::Text }),
            ),
        ];
        for (other, to) in names.iter().enumerate().skip(left).take(across) {
            let (text, style) = cell(state, from, to, look);
            let marked = chosen && other == column_at;
            let text = if marked { format!("[{text}]") } else { format!(" {text} ") };
            let style = if marked { style.patch(theme.plane(Meaning::Selection)) } else { style };
            spans.push(Span::styled(text.clone(), style));
            spans.push(Span::raw(" ".repeat(cell_width.saturating_sub(text.chars().count()))));
        }
        lines.push(Line::from(spans));
    }
    lines.push(Line::default());
    let left_over = most.saturating_sub(lines.len()).max(1);
    let mut reasons = match (names.get(row_at), names.get(column_at)) {
        (Some(from), Some(to)) => reasons(state, from, to, columns, look),
        _ => vec![Line::styled("the fleet has no hosts", theme.text(Meaning::Muted))],
    };
    if reasons.len() > left_over {
        reasons.truncate(left_over.saturating_sub(1));
        let text = "… “drover matrix” prints all reasons";
        reasons.push(Line::styled(text, theme.text(Meaning::Muted)));
    }
    lines.extend(reasons);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = dialog(buffer, look, (columns, rows), "Which hosts fit each other", Meaning::Focus);
    for (number, line) in (0..).zip(lines) {
        let Some(place) = row(inner, number) else { break };
        put(buffer, place, line);
    }
}

fn cell(state: &State, from: &HostName, to: &HostName, look: &Look) -> (String, Style) {
    let theme = &look.theme;
    if from == to {
        return ("–".into(), theme.text(Meaning::Muted));
    }
    let (fitness, _) = state.fitness(from, to);
    (format!("{} {}", fitness.sign(), fitness.word()), theme.text(meaning(fitness)))
}

fn meaning(fitness: Fitness) -> Meaning {
    match fitness {
        Fitness::Green => Meaning::Good,
        Fitness::Yellow => Meaning::Warning,
        Fitness::Red => Meaning::Error,
        Fitness::Unknown => Meaning::Muted,
    }
}

/// Why the chosen way is as it is, and how old that knowledge is.
fn reasons(state: &State, from: &HostName, to: &HostName, columns: u16, look: &Look) -> Vec<Line<'static>> {
    let theme = &look.theme;
    if from == to {
        return vec![Line::styled("a host and itself", theme.text(Meaning::Muted))];
    }
    let (fitness, checks) = state.fitness(from, to);
    let said = match fitness {
        Fitness::Green => "nothing speaks against it",
        Fitness::Yellow => "possible, with care",
        Fitness::Red => "refused",
        Fitness::Unknown => "not known: one of them was never seen",
    };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{from} → {to}  "), theme.text(Meaning::Strong)),
        Span::styled(format!("{} {said}", fitness.sign()), theme.text(meaning(fitness))),
    ])];
    for check in &checks {
        let (sign, meaning) = match check.severity {
            Severity::Error => ("✗", Meaning::Error),
            _ => ("!", Meaning::Warning),
        };
        let host = check.host.as_ref().map(|host| format!("{host}: ")).unwrap_or_default();
        let text = format!("{sign} {}: {host}{}", check.id, check.seen);
        lines.extend(wrap(&text, columns).into_iter().map(|line| Line::styled(line, theme.text(meaning))));
        let fix = if check.fix.is_empty() { Vec::new() } else { wrap(&check.fix, columns.saturating_sub(4)) };
        for (number, line) in fix.into_iter().enumerate() {
            let head = if number == 0 { "  → " } else { "    " };
            lines.push(Line::styled(format!("{head}{line}"), theme.text(Meaning::Muted)));
        }
    }
    let now = state.minute() * 60;
    let seen = |name: &HostName| match state.host(name).and_then(|host| host.seen.as_ref()) {
        Some(seen) => format!("{name} seen {} ago", since_then(now - seen.taken)),
        None => format!("{name} never seen"),
    };
    let ages = format!("{}, {}; R looks again", seen(from), seen(to));
    lines.push(Line::styled(ages, theme.text(Meaning::Muted)));
    lines
}
