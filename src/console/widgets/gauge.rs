//! Horizontal gauges, and what other bars are made of.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::console::look::Look;
use crate::console::theme::{ColourDepth, Meaning};

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws a share of 100 as a line into one row; without a reading only the track. A line and not a block, so that
/// gauges one above the other stay apart.
pub(crate) fn gauge(buffer: &mut Buffer, area: Rect, look: &Look, percent: Option<u8>, meaning: Meaning) {
    if area.height == 0 {
        return;
    }
    let theme = &look.theme;
    let style = match theme.depth() {
        ColourDepth::Indexed | ColourDepth::True => Style::new().fg(theme.colour(Meaning::Track)),
        ColourDepth::None | ColourDepth::Sixteen => theme.text(Meaning::Border),
    };
    // Thinner than the filled part, so that they differ without colour too.
    buffer.set_string(area.x, area.y, "─".repeat(usize::from(area.width)), style);
    let halves = u16::from(percent.unwrap_or(0).min(100)) * area.width * 2;
    // A little is not nothing.
    let halves = (halves / 100).max(u16::from(percent > Some(0)));
    for x in 0..halves.div_ceil(2).min(area.width) {
        let symbol = if 2 * x + 1 == halves { "╸" } else { "━" };
        let style = theme.text(meaning).remove_modifier(Modifier::DIM);
        buffer[(area.x + x, area.y)].set_symbol(symbol).set_style(style);
    }
}

/// The empty part: a plane where there are colours for it, dots where there are not.
pub(super) fn track(buffer: &mut Buffer, area: Rect, look: &Look) {
    let theme = &look.theme;
    match theme.depth() {
        ColourDepth::Indexed | ColourDepth::True => buffer.set_style(area, theme.plane(Meaning::Track)),
        ColourDepth::None | ColourDepth::Sixteen => {
            let dots = "░".repeat(usize::from(area.width));
            buffer.set_string(area.x, area.y, dots, theme.text(Meaning::Border));
        }
    }
}

/// Fills from a whole cell on for a number of eighths.
pub(super) fn fill(buffer: &mut Buffer, area: Rect, from: u16, eighths: u32, style: Style) {
    // The track under it may be dim.
    let style = style.remove_modifier(Modifier::DIM);
    let whole = u16::try_from(eighths / 8).unwrap_or(area.width).min(area.width.saturating_sub(from));
    for x in 0..whole {
        buffer[(area.x + from + x, area.y)].set_symbol("█").set_style(style);
    }
    let rest = EIGHTHS[(eighths % 8) as usize];
    if !rest.is_empty() && from + whole < area.width {
        buffer[(area.x + from + whole, area.y)].set_symbol(rest).set_style(style);
    }
}
