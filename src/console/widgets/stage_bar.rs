//! When a stage ran, on the time line of its migration.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::gauge::{fill, track};
use crate::console::look::Look;
use crate::console::theme::Meaning;

/// Draws `from` to `to` of `all` seconds. A stage that ran is seen, however short it was.
pub(crate) fn stage_bar(
    buffer: &mut Buffer,
    area: Rect,
    look: &Look,
    (from, to, all): (f64, f64, f64),
    meaning: Meaning,
) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    track(buffer, area, look);
    let all = if all > 0.0 { all } else { 1.0 };
    let width = f64::from(area.width);
    let start = ((from / all).clamp(0.0, 1.0) * width).floor().min(width - 1.0);
    let eighths = ((((to / all).clamp(0.0, 1.0) * width) - start) * 8.0).round().max(1.0);
    fill(buffer, area, start as u16, eighths as u32, look.theme.text(meaning));
}
