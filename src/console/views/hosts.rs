//! The hosts: connection, processor, memory.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{
    Focused, gauge, level, pane, part, put, put_line_right, put_right, rect, row, spark,
};
use crate::session::{Density, Focus, HostState, Layout, LinkState, State, cut, wrap};

/// From this share on a gauge asks for attention.
const HIGH: u8 = 90;

/// A host on one line shows its round trip from this width on; below it the name needs the room.
const WITH_LINK: u16 = 30;

/// All hosts in the order of the fleet file.
pub(crate) fn hosts(state: &State, look: &Look, layout: &Layout, buffer: &mut Buffer) {
    let focused = if state.focus == Focus::Hosts { Focused::Yes } else { Focused::No };
    let capacity = layout.host_capacity();
    let total = state.hosts.len();
    let below = if total > capacity {
        format!("{}–{} of {total}", state.host_offset + 1, (state.host_offset + capacity).min(total))
    } else {
        String::new()
    };
    let inner =
        pane(buffer, rect(layout.hosts), look, focused, &format!("Hosts ({total})"), Vec::new(), &below);
    let stride = layout.density.stride();
    let heading = u16::from(layout.density == Density::Line);
    if heading == 1
        && let Some(line) = row(inner, 0)
    {
        put(buffer, line, Line::styled("  host", look.theme.text(Meaning::Muted)));
        let words = if inner.width < WITH_LINK { "cpu   mem  " } else { "cpu   mem   link " };
        put_right(buffer, line, words, look.theme.text(Meaning::Muted));
    }
    for (seen, (index, host)) in
        state.hosts.iter().enumerate().skip(state.host_offset).take(capacity).enumerate()
    {
        let top = heading + u16::try_from(seen).unwrap_or(u16::MAX).saturating_mul(stride);
        let area = Rect::new(
            inner.x,
            inner.y + top.min(inner.height),
            inner.width,
            stride.min(inner.height.saturating_sub(top)),
        );
        let chosen = index == state.host_row;
        match layout.density {
            Density::Line => line(state, look, host, area, chosen, buffer),
            Density::Full | Density::Airy => full(state, look, layout, host, area, chosen, buffer),
        }
    }
}

/// How a connection is marked and called, shortest first, and what colours it.
pub(super) fn link(state: &State, host: &HostState) -> (&'static str, String, Meaning) {
    match &host.link {
        LinkState::Connecting => ("◌", "connecting".into(), Meaning::Muted),
        LinkState::Live { round_trip_ms } => ("●", format!("live {round_trip_ms} ms"), Meaning::Good),
        LinkState::Retrying { next_try_at_ms, .. } => {
            let left = next_try_at_ms.saturating_sub(state.shown_ms).div_ceil(1000);
            let text = if left == 0 { "retrying now".into() } else { format!("retrying in {left} s") };
            ("↻", text, Meaning::Warning)
        }
        LinkState::Refused { .. } => ("✗", "refused".into(), Meaning::Error),
    }
}

/// Why a host is not live.
pub(super) fn cause(host: &HostState) -> Option<&str> {
    match &host.link {
        LinkState::Retrying { cause, .. } | LinkState::Refused { cause } => Some(cause),
        LinkState::Connecting | LinkState::Live { .. } => None,
    }
}

fn select(state: &State, look: &Look, area: Rect, buffer: &mut Buffer) {
    let meaning = if state.focus == Focus::Hosts { Meaning::Selection } else { Meaning::Mark };
    buffer.set_style(area, look.theme.plane(meaning));
}

fn full(
    state: &State,
    look: &Look,
    layout: &Layout,
    host: &HostState,
    area: Rect,
    chosen: bool,
    buffer: &mut Buffer,
) {
    let theme = &look.theme;
    let Some(first) = row(area, 0) else { return };
    let (mark, word, meaning) = link(state, host);
    let marker = if chosen { "▸" } else { " " };
    let room = area.width.saturating_sub(u16::try_from(word.len()).unwrap_or(area.width) + 5);
    let name = cut(host.name().as_str(), room);
    let name_style = if chosen { theme.text(Meaning::Strong) } else { theme.text(Meaning::Text) };
    put(
        buffer,
        first,
        Line::from(vec![
            Span::styled(marker, theme.text(Meaning::Focus)),
            Span::styled(format!("{mark} "), theme.text(meaning)),
            Span::styled(name, name_style.add_modifier(Modifier::BOLD)),
        ]),
    );
    put_right(buffer, part(first, 0, first.width.saturating_sub(1)), &word, theme.text(meaning));
    if chosen {
        select(state, look, first, buffer);
    }
    if let Some(cause) = cause(host) {
        let lines = wrap(cause, area.width.saturating_sub(4));
        let more = lines.len() > 2;
        for (number, text) in (1..3).zip(lines) {
            let text = if more && number == 2 { cut(&format!("{text} …"), area.width - 4) } else { text };
            if let Some(line) = row(area, number) {
                put(buffer, part(line, 3, line.width), Line::styled(text, theme.text(Meaning::Muted)));
            }
        }
        return;
    }
    if !host.is_live() {
        return;
    }
    let figures = host.figures(layout.spark_columns());
    let readings = [
        ("cpu", figures.cpu, &figures.cpu_levels, Meaning::Cpu),
        ("mem", figures.memory, &figures.memory_levels, Meaning::Memory),
    ];
    for (number, (word, percent, levels, meaning)) in (1..).zip(readings) {
        let Some(line) = row(area, number) else { return };
        put(buffer, part(line, 3, 3), Line::styled(word, theme.text(Meaning::Muted)));
        let columns = layout.gauge_columns();
        let high = percent.is_some_and(|percent| percent >= HIGH);
        gauge(buffer, part(line, 7, columns), look, percent, if high { Meaning::Warning } else { meaning });
        let text = percent.map_or_else(|| "–".into(), |percent| format!("{percent}%"));
        let style = if high {
            theme.text(Meaning::Warning).add_modifier(Modifier::BOLD)
        } else {
            theme.text(Meaning::Text)
        };
        put_right(buffer, part(line, 7 + columns, 4), &text, style);
        let from = 7 + columns + 5;
        let width = line.width.saturating_sub(from + 1);
        spark(buffer, part(line, from, width), levels, theme.text(meaning));
    }
}

fn line(state: &State, look: &Look, host: &HostState, area: Rect, chosen: bool, buffer: &mut Buffer) {
    let theme = &look.theme;
    if area.height == 0 {
        return;
    }
    let (mark, word, meaning) = link(state, host);
    let marker = if chosen { "▸" } else { " " };
    let figures = host.figures(1);
    let percent = |value: Option<u8>| value.map_or_else(|| "–".into(), |value| format!("{value}%"));
    let right = match &host.link {
        LinkState::Live { round_trip_ms } => {
            let last = |levels: &[Option<u8>]| level(levels.last().copied().flatten());
            let text = theme.text(Meaning::Text);
            let mut spans = vec![
                Span::styled(format!("{:>4}", percent(figures.cpu)), text),
                Span::styled(last(&figures.cpu_levels), theme.text(Meaning::Cpu)),
                Span::styled(format!(" {:>4}", percent(figures.memory)), text),
                Span::styled(last(&figures.memory_levels), theme.text(Meaning::Memory)),
                Span::raw(" "),
            ];
            if area.width >= WITH_LINK {
                let link = format!("{}ms", (*round_trip_ms).min(999));
                spans.push(Span::styled(format!("{link:>5} "), text));
            }
            Line::from(spans)
        }
        _ => Line::styled(format!("{word} "), theme.text(meaning)),
    };
    let taken = u16::try_from(right.width()).unwrap_or(area.width);
    let name = cut(host.name().as_str(), area.width.saturating_sub(taken + 4));
    let name_style = if chosen { theme.text(Meaning::Strong) } else { theme.text(Meaning::Text) };
    put(
        buffer,
        area,
        Line::from(vec![
            Span::styled(marker, theme.text(Meaning::Focus)),
            Span::styled(format!("{mark} "), theme.text(meaning)),
            Span::styled(name, name_style),
        ]),
    );
    put_line_right(buffer, area, &right);
    if chosen {
        select(state, look, area, buffer);
    }
}
