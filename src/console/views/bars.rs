//! The title bar and the footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::{ColourDepth, Meaning};
use crate::console::widgets::{part, put};
use crate::session::{ACTIONS, Layer, Simulation, State, cut};

/// Columns of the program's name and the space after it.
const BADGE: usize = 9;
/// Parts on the right that are shown in any case: the mark, the number of live hosts, the time.
const ALWAYS: usize = 3;

/// What must be said of a simulated fleet comes before everything else: there must be no doubt about it.
fn simulation_words(state: &State, look: &Look) -> Vec<Span<'static>> {
    let bold = |meaning| look.theme.text(meaning).add_modifier(Modifier::BOLD);
    let words = state.simulation.iter().flat_map(Simulation::words);
    words.flat_map(|word| [Span::styled(word, bold(Meaning::Warning)), Span::raw(" ")]).collect()
}

/// What this is, which fleet, how it stands, what time it is.
pub(crate) fn title(state: &State, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(area, theme.plane(Meaning::Surface));
    let badge = theme.text(Meaning::Focus).add_modifier(Modifier::BOLD | Modifier::REVERSED);
    let live = state.live_hosts();
    let all = state.hosts.len();
    let health = match live {
        _ if live == all && all > 0 => Meaning::Good,
        0 => Meaning::Error,
        _ => Meaning::Warning,
    };
    let mut right = Vec::new();
    if let Some((cpu, memory)) = state.laptop.as_ref().filter(|_| state.shows_laptop()) {
        right.push(Span::styled(
            format!("this machine: cpu {cpu}%, {memory} free   "),
            theme.text(Meaning::Muted),
        ));
    }
    if state.waiting_questions() > 0 {
        let text = format!("? {} waiting  ", plural(state.waiting_questions(), "question"));
        right.push(Span::styled(text, theme.text(Meaning::Warning)));
    }
    let moving = state.running_migrations();
    if moving > 0 {
        right.push(Span::styled(format!("⇢ {moving} moving  "), theme.text(Meaning::Migration)));
    }
    right.push(Span::styled("● ", theme.text(health)));
    right.push(Span::styled(format!("hosts live {live}/{all}"), theme.text(Meaning::Text)));
    let time = look.time(state.unix_ms(state.shown_ms), "%H:%M");
    right.push(Span::styled(format!("  {time} "), theme.text(Meaning::Strong)));
    let simulation = simulation_words(state, look);
    if !simulation.is_empty() {
        // What stands first on the right is the first that can be done without.
        let room = usize::from(area.width).saturating_sub(BADGE + width_of(&simulation));
        while right.len() > ALWAYS && width_of(&right) > room {
            right.remove(0);
        }
    }
    let right = Line::from(right);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let mut left = vec![Span::styled(" drover ", badge), Span::raw(" ")];
    left.extend(simulation);
    let name = state.simulation.as_ref().map_or(&state.title, |simulation| &simulation.scenario);
    let taken = u16::try_from(width_of(&left)).unwrap_or(area.width);
    let room = area.width.saturating_sub(width.saturating_add(taken).saturating_add(2));
    left.push(Span::styled(cut(name, room), theme.text(Meaning::Text)));
    let left = Line::from(left);
    put(buffer, part(area, 0, area.width - width), left);
    put(buffer, part(area, area.width - width, width), right);
}

fn width_of(spans: &[Span<'_>]) -> usize {
    spans.iter().map(Span::width).sum()
}

/// The keys that do something now. Help and leaving are always in sight.
pub(crate) fn footer(state: &State, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(area, theme.plane(Meaning::Surface));
    let cap = match theme.depth() {
        ColourDepth::None => theme.text(Meaning::Focus).add_modifier(Modifier::BOLD),
        _ => theme.text(Meaning::Focus),
    };
    let context = state.context();
    let offered = ACTIONS.iter().filter(|action| !action.label.is_empty() && action.is_offered(context));
    let item = |action: &crate::session::Action| {
        let key = action.keys.first().map(ToString::to_string).unwrap_or_default();
        Line::from(vec![
            Span::styled(format!(" {key}"), cap),
            Span::styled(format!(" {} ", action.label), theme.text(Meaning::Muted)),
        ])
    };
    let mut left = area;
    let (tail, head): (Vec<_>, Vec<_>) = offered.partition(|action| action.stays_in_footer());
    let reserved: usize = tail.iter().map(|action| item(action).width()).sum();
    if context.layer == Layer::Filter {
        let end = put(buffer, left, Line::styled(" type to narrow ", theme.text(Meaning::Text)));
        left = part(area, end, area.width);
    }
    for action in head {
        let line = item(action);
        if line.width() + reserved > usize::from(left.width) {
            break;
        }
        let end = put(buffer, left, line);
        left = part(area, end - area.x, area.width);
    }
    let reserved = u16::try_from(reserved).unwrap_or(area.width).min(left.width);
    let mut right = part(area, area.width - reserved, reserved);
    for action in tail {
        let end = put(buffer, right, item(action));
        right = part(area, end - area.x, area.width);
    }
}

/// `1 host`, `2 hosts`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
