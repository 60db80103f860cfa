//! A horizontal gauge with eighths of a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::look::Look;
use crate::console::theme::{ColourDepth, Meaning};

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws a share of 100 into one row; without a reading only the track.
pub(crate) fn gauge(buffer: &mut Buffer, area: Rect, look: &Look, percent: Option<u8>, meaning: Meaning) {
    let theme = &look.theme;
    if area.height == 0 {
        return;
    }
    track(buffer, area, look);
    let Some(percent) = percent else { return };
    let eighths = u32::from(percent.min(100)) * u32::from(area.width) * 8 / 100;
    // A little is not nothing.
    let eighths = if percent > 0 { eighths.max(1) } else { 0 };
    fill(buffer, area, 0, eighths, theme.text(meaning));
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
pub(super) fn fill(buffer: &mut Buffer, area: Rect, from: u16, eighths: u32, style: ratatui::style::Style) {
    let whole = u16::try_from(eighths / 8).unwrap_or(area.width).min(area.width.saturating_sub(from));
    for x in 0..whole {
        buffer[(area.x + from + x, area.y)].set_symbol("█").set_style(style);
    }
    let rest = EIGHTHS[(eighths % 8) as usize];
    if !rest.is_empty() && from + whole < area.width {
        buffer[(area.x + from + whole, area.y)].set_symbol(rest).set_style(style);
    }
}
