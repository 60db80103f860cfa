//! What happens on the start screen: one event in, the next state and perhaps a choice out.

use std::collections::BTreeSet;

use super::{Chosen, ImportOffer, LabOffer, Offers};
use crate::session::{Key, MINIMUM_COLUMNS, MINIMUM_ROWS};
use crate::ssh::config::ConfiguredHost;

use Key::{Char, Ctrl, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartEvent {
    Pressed(Key),
    Resized {
        columns: u16,
        rows: u16,
    },
    /// Ctrl-Z did nothing, because nobody could ever bring drover back.
    NotSuspended,
}

/// What an event led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing that is seen.
    Same,
    /// The screen differs.
    Visible,
    Suspend,
    Done(Chosen),
}

/// One line of the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Lab,
    Demo,
    FleetFile,
    Import,
}

impl Offer {
    pub(crate) const ALL: [Self; 4] = [Self::Lab, Self::Demo, Self::FleetFile, Self::Import];

    /// The letter that takes it.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Lab => 'l',
            Self::Demo => 'd',
            Self::FleetFile => 'f',
            Self::Import => 'i',
        }
    }
}

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Offers,
    Import,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Do {
    Up,
    Down,
    First,
    Last,
    HalfUp,
    HalfDown,
    Take,
    TakeOffer(Offer),
    Mark,
    MarkAll,
    Back,
    Leave,
    Suspend,
}

/// One thing that a person can do on some pages. Keys and footer both come from this table.
pub(crate) struct Action {
    what: Do,
    pub(crate) keys: &'static [Key],
    pages: &'static [Page],
    /// Words for the footer; empty where it has no place there.
    pub(crate) label: &'static str,
}

const BOTH: &[Page] = &[Page::Offers, Page::Import];
const FIRST: &[Page] = &[Page::Offers];
const IMPORT: &[Page] = &[Page::Import];

const fn action(what: Do, keys: &'static [Key], pages: &'static [Page], label: &'static str) -> Action {
    Action { what, keys, pages, label }
}

static ACTIONS: &[Action] = &[
    action(Do::Take, &[Enter, Right], FIRST, "take this"),
    action(Do::TakeOffer(Offer::Lab), &[Char('l')], FIRST, ""),
    action(Do::TakeOffer(Offer::Demo), &[Char('d')], FIRST, ""),
    action(Do::TakeOffer(Offer::FleetFile), &[Char('f')], FIRST, ""),
    action(Do::TakeOffer(Offer::Import), &[Char('i')], FIRST, ""),
    action(Do::Mark, &[Char(' ')], IMPORT, "choose"),
    action(Do::MarkAll, &[Char('a')], IMPORT, "all"),
    action(Do::Take, &[Enter], IMPORT, "write and open"),
    action(Do::Back, &[Esc, Left, Char('h')], IMPORT, "back"),
    action(Do::Leave, &[Char('q'), Ctrl('c')], BOTH, "leave"),
    action(Do::Up, &[Up, Char('k')], BOTH, "up"),
    action(Do::Down, &[Down, Char('j')], BOTH, "down"),
    action(Do::First, &[Home, Char('g')], BOTH, ""),
    action(Do::Last, &[End, Char('G')], BOTH, ""),
    action(Do::HalfUp, &[Ctrl('u'), PageUp], BOTH, ""),
    action(Do::HalfDown, &[Ctrl('d'), PageDown], BOTH, ""),
    action(Do::Suspend, &[Ctrl('z')], BOTH, ""),
    action(Do::Leave, &[Esc], FIRST, ""),
];

/// The start screen's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) offers: Offers,
    columns: u16,
    rows: u16,
    pub(crate) page: Page,
    /// The marked line of the first page.
    pub(crate) offer: usize,
    /// The marked line of the list of hosts, and the first one in sight.
    pub(crate) row: usize,
    pub(crate) offset: usize,
    /// The hosts chosen for the import, by line.
    pub(crate) chosen: BTreeSet<usize>,
    /// Why the last key did nothing.
    pub(crate) complaint: Option<&'static str>,
}

impl Start {
    pub(crate) fn new(offers: Offers, (columns, rows): (u16, u16)) -> Self {
        // Where there can be no lab, the demo is the first thing that works.
        let first = if matches!(offers.lab, LabOffer::Impossible(_)) { Offer::Demo } else { Offer::Lab };
        Self {
            offers,
            columns,
            rows,
            page: Page::Offers,
            offer: Offer::ALL.iter().position(|offer| *offer == first).unwrap_or(0),
            row: 0,
            offset: 0,
            chosen: BTreeSet::new(),
            complaint: None,
        }
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (u16, u16) {
        (self.columns, self.rows)
    }

    /// Whether there is room for more than a word about the size.
    pub(crate) fn fits(&self) -> bool {
        self.columns >= MINIMUM_COLUMNS && self.rows >= MINIMUM_ROWS
    }

    /// The keys that do something on this page and have a place in the footer.
    pub(crate) fn footer(&self) -> impl Iterator<Item = &'static Action> {
        let page = self.page;
        ACTIONS.iter().filter(move |action| action.pages.contains(&page) && !action.label.is_empty())
    }

    /// Hosts that can be imported.
    pub(crate) fn hosts(&self) -> &[ConfiguredHost] {
        match &self.offers.import {
            ImportOffer::Hosts { hosts, .. } => hosts,
            ImportOffer::Nothing(_) => &[],
        }
    }

    /// Lines of the list of hosts: all but title, footer, three lines of words below the list, and one for a complaint.
    pub(crate) fn capacity(&self) -> usize {
        usize::from(self.rows.saturating_sub(6)).max(1)
    }

    /// Takes in one event. Pure.
    pub(crate) fn apply(&mut self, event: &StartEvent) -> Step {
        let before = self.clone();
        let done = match event {
            StartEvent::Resized { columns, rows } => {
                (self.columns, self.rows) = (*columns, *rows);
                None
            }
            StartEvent::NotSuspended => {
                self.complaint = Some("not stopped: no shell is there that could bring drover back");
                None
            }
            StartEvent::Pressed(key) => {
                self.complaint = None;
                self.pressed(*key)
            }
        };
        self.row = self.row.min(self.hosts().len().saturating_sub(1));
        let lowest = (self.row + 1).saturating_sub(self.capacity());
        self.offset = self.offset.clamp(lowest, self.row);
        match done {
            Some(step) => step,
            None if *self == before => Step::Same,
            None => Step::Visible,
        }
    }

    fn pressed(&mut self, key: Key) -> Option<Step> {
        let found =
            ACTIONS.iter().find(|action| action.keys.contains(&key) && action.pages.contains(&self.page))?;
        // What cannot be seen is not chosen; leaving is spoken of at any size.
        if !self.fits() && !matches!(found.what, Do::Leave | Do::Suspend) {
            return None;
        }
        let half = (self.capacity() / 2).max(1).cast_signed();
        match found.what {
            Do::Up => self.step(-1),
            Do::Down => self.step(1),
            Do::HalfUp => self.step(-half),
            Do::HalfDown => self.step(half),
            Do::First => self.step(isize::MIN),
            Do::Last => self.step(isize::MAX),
            Do::Mark => {
                if !self.chosen.remove(&self.row) {
                    self.chosen.insert(self.row);
                }
            }
            Do::MarkAll => {
                let all = 0..self.hosts().len();
                self.chosen = if self.chosen.len() == all.len() { BTreeSet::new() } else { all.collect() };
            }
            Do::Back => self.page = Page::Offers,
            Do::Leave => return Some(Step::Done(Chosen::Leave)),
            Do::Suspend => return Some(Step::Suspend),
            Do::TakeOffer(offer) => {
                self.offer = Offer::ALL.iter().position(|other| *other == offer).unwrap_or(self.offer);
                return self.take(offer);
            }
            Do::Take if self.page == Page::Import => return self.import(),
            Do::Take => return self.take(*Offer::ALL.get(self.offer)?),
        }
        None
    }

    fn step(&mut self, lines: isize) {
        let (line, count) = match self.page {
            Page::Offers => (&mut self.offer, Offer::ALL.len()),
            Page::Import => {
                let count = self.hosts().len();
                (&mut self.row, count)
            }
        };
        *line = line.saturating_add_signed(lines).min(count.saturating_sub(1));
    }

    fn take(&mut self, offer: Offer) -> Option<Step> {
        match (offer, &self.offers.lab, &self.offers.import) {
            (Offer::Lab, LabOffer::Impossible(_), _) => {
                self.complaint = Some("No lab can be made here; the reason stands above.");
            }
            (Offer::Import, _, ImportOffer::Nothing(_)) => {
                self.complaint = Some("There is nothing to import; the reason stands above.");
            }
            (Offer::Lab, ..) => return Some(Step::Done(Chosen::Lab)),
            (Offer::Demo, ..) => return Some(Step::Done(Chosen::Demo)),
            (Offer::FleetFile, ..) => return Some(Step::Done(Chosen::FleetFile)),
            (Offer::Import, _, ImportOffer::Hosts { .. }) => self.page = Page::Import,
        }
        None
    }

    fn import(&mut self) -> Option<Step> {
        if self.chosen.is_empty() {
            self.complaint = Some("Choose at least one host: Space for one, a for all.");
            return None;
        }
        let hosts = self.hosts();
        let names = self.chosen.iter().filter_map(|row| hosts.get(*row)).map(|host| host.alias.clone());
        Some(Step::Done(Chosen::Import(names.collect())))
    }
}
