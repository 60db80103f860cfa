//! The containers of the chosen host.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::bars::plural;
use super::hosts::{cause, link};
use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{Focused, pane, part, put, put_right, rect, row};
use crate::fleet::{Container, ContainerStatus};
use crate::session::{Containers, Focus, HostState, Layout, Sort, State, age, cut, wrap};

/// Columns of the table; an absent one has no room.
struct Columns {
    name: u16,
    image: u16,
    age: u16,
    gap: u16,
}

const STATUS: u16 = 9;
const CPU: u16 = 5;
const MEMORY: u16 = 8;
const AGE: u16 = 4;

impl Columns {
    fn new(width: u16) -> Self {
        let gap = if width >= 70 { 2 } else { 1 };
        let fixed = 1 + STATUS + CPU + MEMORY + 1;
        let all = width.saturating_sub(fixed + AGE + 5 * gap);
        if all >= 16 {
            let name = (all * 45 / 100).clamp(9, 36);
            return Self { name, image: all - name, age: AGE, gap };
        }
        let without_image = width.saturating_sub(fixed + AGE + 4 * gap);
        if without_image >= 8 {
            return Self { name: without_image, image: 0, age: AGE, gap };
        }
        Self { name: width.saturating_sub(fixed + 3 * gap), image: 0, age: 0, gap }
    }
}

/// The table, or why there is none.
pub(crate) fn containers(state: &State, look: &Look, layout: &Layout, buffer: &mut Buffer) {
    let theme = &look.theme;
    let focused = if state.focus == Focus::Containers { Focused::Yes } else { Focused::No };
    let area = rect(layout.containers);
    let Some(host) = state.chosen_host() else {
        let inner = pane(buffer, area, look, focused, "Containers", Vec::new(), "");
        let text = if state.has_begun() {
            "The fleet has no hosts. Name some in the fleet file."
        } else {
            "Starting …"
        };
        message(look, inner, Meaning::Muted, text, buffer);
        return;
    };
    let rows = state.container_rows();
    let all = host.containers.len();
    let typing = state.context().layer == crate::session::Layer::Filter;
    let mut right = Vec::new();
    let count = if typing || !state.filter.is_empty() {
        let end = if typing { "█" } else { "" };
        let style = theme.text(Meaning::Focus).add_modifier(Modifier::BOLD);
        let room = layout.containers.width / 3;
        right.push(Span::styled(format!(" /{}{end} ", cut(&state.filter, room)), style));
        format!("{} of {all}", rows.len())
    } else {
        if state.sort != Sort::Name {
            right.push(Span::styled(format!(" by {} ", state.sort.word()), theme.text(Meaning::Muted)));
        }
        all.to_string()
    };
    let title = match host.listing {
        Containers::Unknown => format!("Containers on {}", host.name()),
        _ => format!("Containers on {} ({count})", host.name()),
    };
    let below = host.summary().map_or_else(String::new, |summary| {
        let processors = plural(summary.processors as usize, "CPU");
        format!("{processors} · load {} · {}", summary.load, summary.memory)
    });
    let inner = pane(buffer, area, look, focused, &title, right, &below);
    let Some(inner) = trouble(state, look, host, inner, buffer) else { return };
    if rows.is_empty() {
        let text = match (&host.listing, all) {
            (Containers::Unknown, _) => format!("Asking {} for its containers …", host.name()),
            (_, 0) => format!("No containers on {}.", host.name()),
            _ => format!("No container matches “{}”. Esc drops the filter.", state.filter),
        };
        message(look, inner, Meaning::Muted, &text, buffer);
        return;
    }
    let columns = Columns::new(inner.width);
    if let Some(line) = row(inner, 0) {
        heading(state, look, &columns, line, buffer);
    }
    let offset = host.cursor.offset;
    for (number, container) in (1..inner.height).zip(rows.iter().skip(offset)) {
        let Some(line) = row(inner, number) else { break };
        entry(state, look, &columns, host, container, line, buffer);
    }
}

/// Says why the list cannot be trusted, if so, and gives the room below; `None` when there is nothing below.
fn trouble(state: &State, look: &Look, host: &HostState, inner: Rect, buffer: &mut Buffer) -> Option<Rect> {
    let (text, meaning) = if !host.is_live() {
        let (_, word, meaning) = link(state, host);
        let cause = cause(host).map_or_else(String::new, |cause| format!("\n{cause}"));
        let key = if cause.is_empty() { "" } else { "\nR tries the connection now." };
        (format!("{}: {word}{cause}{key}", host.name()), meaning)
    } else if let Containers::Failed(cause) = &host.listing {
        (format!("The containers could not be listed: {cause}"), Meaning::Warning)
    } else {
        return Some(inner);
    };
    let used = message(look, inner, meaning, &text, buffer);
    if host.containers.is_empty() {
        return None;
    }
    let used = used + 1;
    Some(Rect::new(inner.x, inner.y + used.min(inner.height), inner.width, inner.height.saturating_sub(used)))
}

fn message(look: &Look, inner: Rect, meaning: Meaning, text: &str, buffer: &mut Buffer) -> u16 {
    let lines = wrap(text, inner.width.saturating_sub(3));
    for (number, text) in (0..).zip(&lines) {
        let meaning = if number == 0 { meaning } else { Meaning::Muted };
        if let Some(line) = row(inner, number) {
            put(buffer, part(line, 2, line.width), Line::styled(text.as_str(), look.theme.text(meaning)));
        }
    }
    u16::try_from(lines.len()).unwrap_or(inner.height)
}

fn heading(state: &State, look: &Look, columns: &Columns, line: Rect, buffer: &mut Buffer) {
    let style = look.theme.text(Meaning::Muted);
    let sorted = |sort: Sort| {
        if state.sort == sort { style.add_modifier(Modifier::UNDERLINED) } else { style }
    };
    let mut cells = Cells::new(line, columns.gap);
    put(buffer, cells.next(columns.name), Line::styled("name", sorted(Sort::Name)));
    if columns.image > 0 {
        put(buffer, cells.next(columns.image), Line::styled("image", style));
    }
    put(buffer, cells.next(STATUS), Line::styled("status", style));
    put_right(buffer, cells.next(CPU), "cpu", sorted(Sort::Cpu));
    put_right(buffer, cells.next(MEMORY), "memory", sorted(Sort::Memory));
    if columns.age > 0 {
        put_right(buffer, cells.next(AGE), "age", sorted(Sort::Age));
    }
}

fn entry(
    state: &State,
    look: &Look,
    columns: &Columns,
    host: &HostState,
    container: &Container,
    line: Rect,
    buffer: &mut Buffer,
) {
    let theme = &look.theme;
    let chosen = host.cursor.chosen.as_ref() == Some(&container.id);
    let stale = !host.is_live();
    let running = container.status == ContainerStatus::Running && !stale;
    let text = theme.text(if running { Meaning::Text } else { Meaning::Muted });
    let name_style = if chosen { theme.text(Meaning::Strong) } else { text };
    if chosen {
        put(buffer, line, Line::styled("▸", theme.text(Meaning::Focus)));
    }
    let figures = host.container_figures(container);
    let mut cells = Cells::new(line, columns.gap);
    let name = if container.name.is_empty() { container.id.short() } else { &container.name };
    put(buffer, cells.next(columns.name), Line::styled(cut(name, columns.name), name_style));
    if columns.image > 0 {
        let image = cut(short_image(&container.image), columns.image);
        put(buffer, cells.next(columns.image), Line::styled(image, theme.text(Meaning::Muted)));
    }
    let (mark, word, meaning) = if state.is_moving(host.name(), container) {
        ("⇢", "moving", Meaning::Migration)
    } else if stale {
        ("○", "unknown", Meaning::Muted)
    } else {
        status(container.status)
    };
    let status =
        Line::from(vec![Span::styled(format!("{mark} "), theme.text(meaning)), Span::styled(word, text)]);
    put(buffer, cells.next(STATUS), status);
    put_right(buffer, cells.next(CPU), &figures.cpu, text);
    put_right(buffer, cells.next(MEMORY), &figures.memory, text);
    if columns.age > 0 {
        put_right(buffer, cells.next(AGE), &age(container, state), text);
    }
    if chosen {
        let meaning = if state.focus == Focus::Containers { Meaning::Selection } else { Meaning::Mark };
        buffer.set_style(line, theme.plane(meaning));
    }
}

/// Walks along a row, cell by cell.
struct Cells {
    line: Rect,
    from: u16,
    gap: u16,
}

impl Cells {
    fn new(line: Rect, gap: u16) -> Self {
        // The first column is for the marker.
        Self { line, from: 1, gap }
    }

    fn next(&mut self, width: u16) -> Rect {
        let cell = part(self.line, self.from, width);
        self.from += width + self.gap;
        cell
    }
}

fn status(status: ContainerStatus) -> (&'static str, &'static str, Meaning) {
    match status {
        ContainerStatus::Running => ("●", "running", Meaning::Good),
        ContainerStatus::Paused => ("‖", "paused", Meaning::Warning),
        ContainerStatus::Created => ("○", "created", Meaning::Muted),
        ContainerStatus::Exited => ("■", "exited", Meaning::Muted),
        ContainerStatus::Other => ("?", "other", Meaning::Warning),
    }
}

/// An image without what all images have.
fn short_image(image: &str) -> &str {
    let prefixes = ["docker.io/library/", "docker.io/", "localhost/"];
    let short = prefixes.iter().find_map(|prefix| image.strip_prefix(prefix)).unwrap_or(image);
    short.strip_suffix(":latest").unwrap_or(short)
}
