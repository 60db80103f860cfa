//! The choice of a destination, with its checks.

use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};

use super::hosts::link;
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{dialog, put, row};
use crate::fleet::printable;
use crate::migrate::{Check, Overriding, Severity};
use crate::session::{Candidate, Checks, MoveDialog, MovePart, Standing, State, cut, wrap};

/// Destinations in sight at once; the rest is reached by scrolling.
const CANDIDATES: usize = 6;
/// Columns before a check's id: mark, sign and word.
const HEAD: usize = 12;
/// Columns before what is said of the chosen check.
const INDENT: u16 = 4;

/// The dialog.
pub(crate) fn destination(state: &State, move_dialog: &MoveDialog, look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    let columns = buffer.area.width.saturating_sub(10).min(96);
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
        lines.push(candidate_line(state, move_dialog, candidate, names, columns, look));
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
    columns: u16,
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
    let pointer = match (chosen, dialog.part) {
        (true, MovePart::Destinations) => "▸",
        (true, MovePart::Checks) => "›",
        (false, _) => " ",
    };
    let remark = match candidate.standing {
        Standing::Choosable { .. } => Meaning::Text,
        Standing::Unfit(_) => Meaning::Error,
        Standing::Not(_) => Meaning::Muted,
    };
    let width = columns.saturating_sub(u16::try_from(names).unwrap_or(0) + 6);
    let name = match (chosen, able) {
        (true, _) => Meaning::Strong,
        (false, true) => Meaning::Text,
        (false, false) => Meaning::Muted,
    };
    Line::from(vec![
        Span::styled(pointer, theme.text(Meaning::Focus)),
        Span::styled(format!("{mark} "), theme.text(meaning)),
        Span::styled(format!("{:<names$}  ", cut(candidate.host.as_str(), 28)), theme.text(name)),
        Span::styled(cut(&candidate.remark(), width), theme.text(remark)),
    ])
}

/// The checks, worst first, in some rows; why and what to do stand below the chosen one.
fn checks(dialog: &MoveDialog, look: &Look, columns: u16, room: usize) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let Some(chosen) = &dialog.chosen else { return Vec::new() };
    let known = match &dialog.checks {
        Checks::Asked => {
            return vec![
                heading(look, &format!("Checks for {chosen}"), false, 0, 0),
                Line::styled("  … checking", theme.text(Meaning::Muted)),
            ];
        }
        Checks::Known(known) => known,
    };
    let ids = known.iter().map(|check| check.id.len()).max().unwrap_or(0).min(usize::from(columns / 5));
    let blocks: Vec<Vec<Line<'static>>> = known
        .iter()
        .enumerate()
        .map(|(number, check)| {
            let chosen = number == dialog.line;
            let mark = match (chosen, dialog.part) {
                (true, MovePart::Checks) => "▸",
                (true, MovePart::Destinations) => "›",
                (false, _) => " ",
            };
            let mut lines = check_lines(check, mark, ids, look, columns);
            if chosen {
                lines.extend(explained(check, look, columns));
            }
            lines
        })
        .collect();
    let long = blocks.iter().map(Vec::len).sum::<usize>() + 1 > room;
    let mut lines = vec![heading(look, &format!("Checks for {chosen}"), long, dialog.line, known.len())];
    // Scrolled no further than needed for the chosen line and what is said of it to be seen.
    let place = room.saturating_sub(2);
    let mut first = 0;
    while first < dialog.line
        && blocks
            .get(first..=dialog.line)
            .is_some_and(|part| part.iter().map(Vec::len).sum::<usize>() > place)
    {
        first += 1;
    }
    let mut left = blocks.len() - first;
    for block in blocks.into_iter().skip(first) {
        // The last row is for the number of those that had no room, as long as there are any.
        let reserved = usize::from(left > 1);
        if lines.len() + block.len() + reserved > room {
            if lines.len() == 1 {
                lines.extend(block.into_iter().take(room.saturating_sub(2)));
                left -= 1;
            }
            break;
        }
        lines.extend(block);
        left -= 1;
    }
    if left > 0 {
        lines.push(Line::styled(format!("    … and {left} more"), theme.text(Meaning::Muted)));
    }
    lines
}

fn check_lines(
    check: &Check,
    mark: &'static str,
    ids: usize,
    look: &Look,
    columns: u16,
) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let (sign, word, meaning) = match check.severity {
        Severity::Pass => ("✓", "ok", Meaning::Good),
        Severity::Info => ("·", "note", Meaning::Muted),
        Severity::Warning => ("!", "warning", Meaning::Warning),
        Severity::Error => ("✗", "error", Meaning::Error),
    };
    let host = check.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
    let given = if check.overriding == Overriding::Given { " (passed over)" } else { "" };
    let head = HEAD + ids + 1;
    let width = columns.saturating_sub(u16::try_from(head).unwrap_or(0));
    let id = cut(&check.id, u16::try_from(ids).unwrap_or(0));
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (number, text) in wrap(&format!("{host}{}{given}", check.seen), width).into_iter().enumerate() {
        let mut spans = match number {
            0 => vec![
                Span::styled(mark, theme.text(Meaning::Focus)),
                Span::styled(format!(" {sign} {word:<8}"), theme.text(meaning)),
                Span::styled(format!("{id:<ids$} "), theme.text(Meaning::Muted)),
            ],
            _ => vec![Span::raw(" ".repeat(head))],
        };
        spans.push(Span::styled(text, theme.text(Meaning::Text)));
        lines.push(Line::from(spans));
    }
    lines
}

/// Why it matters, and what to do.
fn explained(check: &Check, look: &Look, columns: u16) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let width = columns.saturating_sub(INDENT + 2);
    let indent = " ".repeat(usize::from(INDENT));
    let mut lines = Vec::new();
    let mut say = |head: &str, text: &str, meaning: Meaning| {
        for (number, line) in wrap(text, width).into_iter().enumerate() {
            let head = if number == 0 { head.to_owned() } else { "  ".to_owned() };
            lines.push(Line::from(vec![
                Span::styled(format!("{indent}{head}"), theme.text(Meaning::Muted)),
                Span::styled(line, theme.text(meaning)),
            ]));
        }
    };
    if check.severity == Severity::Pass {
        return Vec::new();
    }
    if !check.why.is_empty() {
        say("  ", &check.why, Meaning::Muted);
    }
    if !check.fix.is_empty() {
        say("→ ", &check.fix, Meaning::Text);
    }
    match check.overriding {
        Overriding::Possible => say("o ", "passes over this refusal", Meaning::Muted),
        Overriding::Given => say("o ", "refuses again", Meaning::Muted),
        Overriding::Impossible => {}
    }
    lines
}
