//! The start screen, drawn from its state.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::fold::{Offer, Page, Start};
use super::{ImportOffer, LabOffer};
use crate::console::ascii;
use crate::console::look::{Glyphs, Look};
use crate::console::theme::{ColourDepth, Meaning};
use crate::console::views::plural;
use crate::console::widgets::{message, part, put, put_right, row};
use crate::session::{MINIMUM_COLUMNS, MINIMUM_ROWS, cut, wrap};

/// Longer lines are no pleasure to read.
const WIDEST: u16 = 84;
/// Columns of an alias in the list; longer ones push their route to the right.
const ALIAS: usize = 20;

/// Draws everything. The same state and look always give the same buffer.
pub(super) fn draw(start: &Start, look: &Look, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(buffer.area, theme.text(Meaning::Text).patch(theme.plane(Meaning::Background)));
    if start.fits() {
        let area = buffer.area;
        title(start, look, Rect { height: 1, ..area }, buffer);
        let width = area.width.min(WIDEST) - 2;
        let x = (area.width - width) / 2;
        let body = Rect::new(x, 1, width, area.height - 3);
        match start.page {
            Page::Offers => offers(start, look, body, buffer),
            Page::Import => import(start, look, body, buffer),
        }
        if let Some(text) = start.complaint {
            let place = Rect::new(x, body.bottom(), width, 1);
            put(buffer, place, Line::styled(text, theme.text(Meaning::Warning)));
        }
        footer(start, look, Rect { y: area.bottom() - 1, height: 1, ..area }, buffer);
    } else {
        let (columns, rows) = start.size();
        let text = format!(
            "This terminal is too small for drover.\nIt has {columns}x{rows}, drover needs {MINIMUM_COLUMNS}x{MINIMUM_ROWS}.\nMake it larger, or press q to leave."
        );
        message(buffer, look, &text);
    }
    if look.glyphs == Glyphs::Ascii {
        ascii::reduce(buffer);
    }
}

fn title(start: &Start, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(area, theme.plane(Meaning::Surface));
    let badge = theme.text(Meaning::Focus).add_modifier(Modifier::BOLD | Modifier::REVERSED);
    let (left, right) = match start.page {
        Page::Offers => ("", "no fleet yet ".to_string()),
        Page::Import => {
            ("Hosts of ~/.ssh/config", format!("{} of {} chosen ", start.chosen.len(), start.hosts().len()))
        }
    };
    let line =
        vec![Span::styled(" drover ", badge), Span::raw(" "), Span::styled(left, theme.text(Meaning::Text))];
    put(buffer, area, line);
    put_right(buffer, area, &right, theme.text(Meaning::Strong));
}

fn footer(start: &Start, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    buffer.set_style(area, theme.plane(Meaning::Surface));
    let cap = match theme.depth() {
        ColourDepth::None => theme.text(Meaning::Focus).add_modifier(Modifier::BOLD),
        _ => theme.text(Meaning::Focus),
    };
    let mut left = area;
    for action in start.footer() {
        let key = action.keys.first().map(ToString::to_string).unwrap_or_default();
        let line = Line::from(vec![
            Span::styled(format!(" {key}"), cap),
            Span::styled(format!(" {} ", action.label), theme.text(Meaning::Muted)),
        ]);
        if line.width() > usize::from(left.width) {
            break;
        }
        let end = put(buffer, left, line);
        left = part(area, end - area.x, area.width);
    }
}

/// What is put under each other, from the top; what has no room is left out.
struct Column<'a> {
    area: Rect,
    next: u16,
    buffer: &'a mut Buffer,
}

impl Column<'_> {
    fn line<'l>(&mut self, line: impl Into<Line<'l>>) {
        if let Some(place) = row(self.area, self.next) {
            put(self.buffer, place, line);
        }
        self.next += 1;
    }

    fn words(&mut self, text: &str, style: Style) {
        for line in wrap(text, self.area.width) {
            self.line(Line::styled(line, style));
        }
    }
}

fn offers(start: &Start, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    // On a large screen the eye begins above the middle.
    let top = area.height.saturating_sub(13) / 3;
    let area = Rect { y: area.y + top, height: area.height - top, ..area };
    let mut column = Column { area, next: 0, buffer };
    column.words(
        "drover moves running containers between hosts over SSH, and shows what each host is doing. Choose the hosts:",
        theme.text(Meaning::Text),
    );
    column.line("");
    for (number, offer) in Offer::ALL.into_iter().enumerate() {
        let here = number == start.offer;
        if here && let Some(place) = row(column.area, column.next) {
            column.buffer.set_style(place, theme.plane(Meaning::Selection));
        }
        column.line(offer_line(start, look, offer, here));
    }
    column.line("");
    if let Some(offer) = Offer::ALL.get(start.offer) {
        let (meaning, text, command) = details(start, *offer);
        column.words(&text, theme.text(meaning));
        if let Some(command) = command {
            column.line(Line::styled(format!("As a command: {command}"), theme.text(Meaning::Muted)));
        }
    }
}

fn offer_line(start: &Start, look: &Look, offer: Offer, here: bool) -> Line<'static> {
    let theme = &look.theme;
    let possible = match offer {
        Offer::Lab => !matches!(start.offers.lab, LabOffer::Impossible(_)),
        Offer::Import => !start.hosts().is_empty(),
        Offer::Demo | Offer::FleetFile => true,
    };
    let text = match offer {
        Offer::Lab => "the lab: real hosts on this machine".into(),
        Offer::Demo => "the demo: a simulated fleet, which needs nothing".into(),
        Offer::FleetFile => "a fleet file of your own".into(),
        Offer::Import if possible => format!("import from ~/.ssh/config ({})", start.hosts().len()),
        Offer::Import => "import from ~/.ssh/config".into(),
    };
    let meaning = match (possible, here) {
        (false, _) => Meaning::Muted,
        (true, true) => Meaning::Strong,
        (true, false) => Meaning::Text,
    };
    let mut spans = vec![
        Span::styled(if here { "▸ " } else { "  " }, theme.text(Meaning::Focus)),
        Span::styled(offer.letter().to_string(), theme.text(Meaning::Focus).add_modifier(Modifier::BOLD)),
        Span::styled(format!("  {text}"), theme.text(meaning)),
    ];
    if !possible {
        spans.push(Span::styled("  not possible", theme.text(Meaning::Warning)));
    }
    Line::from(spans)
}

/// What there is to know before taking an offer, and the command that does the same where it is possible.
fn details(start: &Start, offer: Offer) -> (Meaning, String, Option<&'static str>) {
    let file = start.offers.fleet_file.display();
    let (text, command) = match offer {
        Offer::Lab => match &start.offers.lab {
            LabOffer::Impossible(reason) => {
                return (Meaning::Warning, format!("Not here: {reason}"), None);
            }
            LabOffer::Ready => (LAB.into(), "drover lab"),
            LabOffer::Lacks(packages) => {
                let text = format!("{LAB} It asks before it installs {}.", plural(packages.len(), "package"));
                (text, "drover lab")
            }
        },
        Offer::Demo => (
            "Hosts, containers, loads and faults that exist inside this program only: no rights, no network, no file."
                .into(),
            "drover demo",
        ),
        Offer::FleetFile => (
            format!("Writes {file}, a sample in which every key is explained, and says how to go on."),
            "drover fleet new",
        ),
        Offer::Import => match &start.offers.import {
            ImportOffer::Nothing(reason) => {
                return (Meaning::Warning, format!("Nothing to import: {reason}"), None);
            }
            ImportOffer::Hosts { .. } => (
                format!(
                    "You choose hosts, drover writes them into {file} and opens the console on them. How they are \
                     reached stays with ~/.ssh/config."
                ),
                "drover fleet import",
            ),
        },
    };
    (Meaning::Text, text, Some(command))
}

const LAB: &str = "Three hosts made of namespaces, each with an SSH server, Podman and CRIU, and containers to move. \
                   Building them takes a minute or two the first time.";

fn import(start: &Start, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    let capacity = start.capacity();
    for (number, host) in start.hosts().iter().enumerate().skip(start.offset).take(capacity) {
        let line = u16::try_from(number - start.offset).unwrap_or(u16::MAX);
        let Some(place) = row(area, line) else { break };
        let here = number == start.row;
        if here {
            buffer.set_style(place, theme.plane(Meaning::Selection));
        }
        let (mark, meaning) = match start.chosen.contains(&number) {
            true => ("[x]", Meaning::Strong),
            false => ("[ ]", Meaning::Text),
        };
        let alias = format!(" {:<ALIAS$} ", host.alias);
        let taken = 5 + u16::try_from(alias.len()).unwrap_or(u16::MAX);
        let line = vec![
            Span::styled(if here { "▸" } else { " " }, theme.text(Meaning::Focus)),
            Span::styled(mark, theme.text(meaning)),
            Span::styled(alias, theme.text(meaning)),
            Span::styled(cut(&host.route(), area.width.saturating_sub(taken)), theme.text(Meaning::Muted)),
        ];
        put(buffer, place, line);
    }
    let below = start.hosts().len().saturating_sub(start.offset + capacity);
    let words = u16::try_from(capacity).unwrap_or(u16::MAX);
    if below > 0
        && let Some(place) = row(area, words)
    {
        put_right(buffer, place, &format!("↓ {below} more"), theme.text(Meaning::Focus));
    }
    if let ImportOffer::Hosts { notes, .. } = &start.offers.import
        && let Some(note) = notes.first()
        && let Some(place) = row(area, words + 1)
    {
        let more = if notes.len() > 1 { format!(" (and {} more)", notes.len() - 1) } else { String::new() };
        let text = cut(note, area.width.saturating_sub(u16::try_from(more.len()).unwrap_or(0)));
        put(buffer, place, Line::styled(text + &more, theme.text(Meaning::Muted)));
    }
    if let Some(place) = row(area, words + 2) {
        let text = format!("Enter writes {} and opens the console.", start.offers.fleet_file.display());
        put(buffer, place, Line::styled(cut(&text, area.width), theme.text(Meaning::Muted)));
    }
}
