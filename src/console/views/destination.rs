//! The choice of a destination, with its checks.

use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};

use super::hosts::link;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{dialog, put, row};
use crate::fleet::printable;
use crate::migrate::{Check, Severity};
use crate::session::{Candidate, Checks, MoveDialog, Standing, State, cut, wrap};

/// Destinations in sight at once; the rest is reached by scrolling.
const CANDIDATES: usize = 6;

/// The dialog.
pub(crate) fn destination(state: &State, move_dialog: &MoveDialog, look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    let columns = buffer.area.width.saturating_sub(10).min(76);
    let most = usize::from(buffer.area.height.saturating_sub(6));
    let candidates = state.candidates(move_dialog);
    let seen = CANDIDATES.min(most / 3).max(2);
    let here =
        move_dialog.order.iter().position(|host| Some(host) == move_dialog.chosen.as_ref()).unwrap_or(0);
    let first = (here + 1).saturating_sub(seen);
    let names =
        candidates.iter().map(|candidate| candidate.host.as_str().len()).max().unwrap_or(0).clamp(8, 28);
    let mut lines = vec![heading(look, "Destination", candidates.len() > seen, here, candidates.len())];
    for candidate in candidates.iter().skip(first).take(seen) {
        lines.push(candidate_line(state, move_dialog, candidate, names, look));
    }
    if candidates.is_empty() {
        lines.push(Line::styled("  the fleet has no other host", theme.text(Meaning::Muted)));
    }
    lines.push(Line::default());
    let last: Vec<Line<'_>> = match &move_dialog.complaint {
        Some(text) => wrap(text, columns)
            .into_iter()
            .map(|line| Line::styled(line, theme.text(Meaning::Error)))
            .collect(),
        None => Vec::new(),
    };
    let room = most.saturating_sub(lines.len() + last.len() + usize::from(!last.is_empty()));
    lines.extend(checks(move_dialog, look, columns, room));
    if !last.is_empty() {
        lines.push(Line::default());
        lines.extend(last);
    }
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let title = format!("Move {} from {}", printable(&move_dialog.container), move_dialog.from);
    let inner = dialog(buffer, look, (columns, rows), &title, Meaning::Focus);
    for (number, line) in (0..).zip(lines) {
        let Some(place) = row(inner, number) else { break };
        let chosen = line.spans.first().is_some_and(|span| span.content == "▸");
        put(buffer, place, line);
        if chosen {
            buffer.set_style(place, theme.plane(Meaning::Selection));
        }
    }
}

fn heading(look: &Look, text: &str, long: bool, here: usize, all: usize) -> Line<'static> {
    let count = if long { format!("  {} of {all}", here + 1) } else { String::new() };
    Line::from(vec![
        Span::styled(text.to_string(), look.theme.text(Meaning::Strong)),
        Span::styled(count, look.theme.text(Meaning::Muted)),
    ])
}

fn candidate_line(
    state: &State,
    dialog: &MoveDialog,
    candidate: &Candidate,
    names: usize,
    look: &Look,
) -> Line<'static> {
    let theme = &look.theme;
    let chosen = dialog.chosen.as_ref() == Some(&candidate.host);
    let (mark, meaning) = match state.host(&candidate.host) {
        Some(host) => {
            let (mark, _, meaning) = link(state, host);
            (mark, meaning)
        }
        None => ("?", Meaning::Muted),
    };
    let able = matches!(candidate.standing, Standing::Choosable { .. });
    let name = match (chosen, able) {
        (true, _) => Meaning::Strong,
        (false, true) => Meaning::Text,
        (false, false) => Meaning::Muted,
    };
    Line::from(vec![
        Span::styled(if chosen { "▸" } else { " " }, theme.text(Meaning::Focus)),
        Span::styled(format!("{mark} "), theme.text(meaning)),
        Span::styled(format!("{:<names$}  ", cut(candidate.host.as_str(), 28)), theme.text(name)),
        Span::styled(candidate.remark(), theme.text(if able { Meaning::Text } else { Meaning::Muted })),
    ])
}

/// The checks, worst first, in some rows.
fn checks(dialog: &MoveDialog, look: &Look, columns: u16, room: usize) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let Some(chosen) = &dialog.chosen else { return Vec::new() };
    let mut lines = vec![heading(look, &format!("Checks for {chosen}"), false, 0, 0)];
    let known = match &dialog.checks {
        Checks::Asked => {
            lines.push(Line::styled("  … checking", theme.text(Meaning::Muted)));
            return lines;
        }
        Checks::Known(known) => known,
    };
    let blocks: Vec<Vec<Line<'static>>> =
        known.iter().map(|check| check_lines(check, look, columns)).collect();
    let mut left = blocks.len();
    for block in blocks {
        // The last row is for the number of those that had no room, as long as there are any.
        let reserved = usize::from(left > 1);
        if lines.len() + block.len() + reserved > room {
            break;
        }
        lines.extend(block);
        left -= 1;
    }
    if left > 0 {
        lines.push(Line::styled(format!("  … and {left} more"), theme.text(Meaning::Muted)));
    }
    lines
}

fn check_lines(check: &Check, look: &Look, columns: u16) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let (mark, word, meaning) = match check.severity {
        Severity::Pass => ("✓", "ok", Meaning::Good),
        Severity::Info => ("·", "note", Meaning::Muted),
        Severity::Warning => ("!", "warning", Meaning::Warning),
        Severity::Error => ("✗", "error", Meaning::Error),
    };
    let host = check.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
    const HEAD: u16 = 12;
    let seen = wrap(&format!("{host}{}", check.seen), columns.saturating_sub(HEAD));
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (number, text) in seen.into_iter().enumerate() {
        let head = if number == 0 { format!("  {mark} {word:<8}") } else { " ".repeat(usize::from(HEAD)) };
        lines.push(Line::from(vec![
            Span::styled(head, theme.text(meaning)),
            Span::styled(text, theme.text(Meaning::Text)),
        ]));
    }
    if check.severity >= Severity::Warning && !check.fix.is_empty() {
        for (number, text) in wrap(&check.fix, columns.saturating_sub(HEAD + 2)).into_iter().enumerate() {
            let head = if number == 0 { "            → " } else { "              " };
            lines.push(Line::from(vec![
                Span::styled(head, theme.text(meaning)),
                Span::styled(text, theme.text(Meaning::Muted)),
            ]));
        }
    }
    lines
}
