//! Everything drover knows in a session, including what is chosen, open and scrolled.

use super::host::HostState;
use super::layout::{Bottom, Layout};
use super::notice::{Notice, Notices};
use super::track::MigrationTrack;
use super::{Dialog, LinkState, MoveDialog, NoticeLevel, Question, QuestionId, QuestionKind, Sort};
use crate::fleet::{Container, HostName};
use crate::migrate::MigrationId;

/// The pane that has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    #[default]
    Hosts,
    Containers,
    Events,
}

/// Whether the filter is being typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Typing {
    #[default]
    No,
    Filter,
}

/// From this width on the title bar has room for the laptop's figures.
const LAPTOP_FROM: u16 = 100;

/// What drover knows. [`State::apply`] is the only way to change it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(crate) title: String,
    pub(super) clock_ms: i64,
    /// Where the fleet is a simulated one.
    pub(crate) simulation: Option<super::Simulation>,
    /// The time for which the screen is drawn: that of the newest visible change.
    pub(crate) shown_ms: u64,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) hosts: Vec<HostState>,
    /// The chosen host; the fleet's order never changes, so its row is its identity.
    pub(crate) host_row: usize,
    pub(crate) host_offset: usize,
    pub(crate) focus: Focus,
    pub(crate) filter: String,
    pub(crate) typing: Typing,
    pub(crate) sort: Sort,
    /// The laptop's own processor share in percent, and its available memory in words.
    pub(crate) laptop: Option<(u8, String)>,
    pub(crate) notices: Notices,
    pub(crate) migrations: Vec<MigrationTrack>,
    /// The migration in the bottom pane.
    pub(crate) shown_migration: Option<MigrationId>,
    pub(super) last_migration: u64,
    pub(crate) dialogs: Vec<Dialog>,
    /// Questions that wait until no other dialog is open.
    pub(super) questions: std::collections::VecDeque<Question>,
    pub(super) watched: Vec<HostName>,
}

impl State {
    /// A session in which nothing has happened, on a terminal of no size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether something on the screen shows a running time, so that `Happening::Second` is worth sending.
    pub fn wants_seconds(&self) -> bool {
        let Some(layout) = self.layout() else { return false };
        let moving = self.shown_track().is_some_and(MigrationTrack::runs);
        let counting = |host: &HostState| matches!(host.link, LinkState::Retrying { .. });
        let seen = self.hosts.iter().skip(self.host_offset).take(layout.host_capacity());
        moving || seen.into_iter().any(counting) || self.chosen_host().is_some_and(counting)
    }

    /// Whether the fleet is known.
    pub(crate) fn has_begun(&self) -> bool {
        self.clock_ms != 0
    }

    /// Unix milliseconds at the session's beginning.
    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// The question whose secret is being typed. While there is one, characters belong to the console's
    /// hidden field and never become events.
    pub fn secret_wanted(&self) -> Option<QuestionId> {
        // Nobody types into what cannot be seen.
        self.layout()?;
        match self.dialogs.last()? {
            Dialog::Question { question, .. } if question.kind == QuestionKind::Secret => Some(question.id),
            _ => None,
        }
    }

    /// Whether characters are text now and not commands.
    pub(crate) fn takes_text(&self) -> bool {
        self.dialogs.is_empty() && self.typing == Typing::Filter
    }

    /// The migrations under way that have not been asked to stop.
    pub(crate) fn running(&self) -> impl Iterator<Item = MigrationId> {
        self.migrations.iter().filter(|track| track.phase == super::Phase::Running).map(|track| track.id)
    }

    /// Migrations under way.
    pub fn running_migrations(&self) -> usize {
        self.migrations.iter().filter(|track| track.runs()).count()
    }

    pub(crate) fn layout(&self) -> Option<Layout> {
        let bottom = match self.shown_track() {
            Some(_) => Bottom::Migration,
            None => Bottom::Events,
        };
        Layout::new(self.columns, self.rows, self.hosts.len(), bottom)
    }

    pub(crate) fn host(&self, name: &HostName) -> Option<&HostState> {
        self.hosts.iter().find(|host| host.name() == name)
    }

    pub(super) fn host_index(&self, name: &HostName) -> Option<usize> {
        self.hosts.iter().position(|host| host.name() == name)
    }

    pub(crate) fn chosen_host(&self) -> Option<&HostState> {
        self.hosts.get(self.host_row)
    }

    pub(crate) fn live_hosts(&self) -> usize {
        self.hosts.iter().filter(|host| host.is_live()).count()
    }

    pub(crate) fn waiting_questions(&self) -> usize {
        self.questions.len()
    }

    /// Whether the title has room for the laptop's figures.
    pub(crate) fn shows_laptop(&self) -> bool {
        self.layout().is_some() && self.columns >= LAPTOP_FROM
    }

    pub(crate) fn shown_track(&self) -> Option<&MigrationTrack> {
        let shown = self.shown_migration?;
        self.migrations.iter().find(|track| track.id == shown)
    }

    pub(crate) fn track(&self, id: MigrationId) -> Option<&MigrationTrack> {
        self.migrations.iter().find(|track| track.id == id)
    }

    pub(crate) fn move_dialog(&self) -> Option<&MoveDialog> {
        self.dialogs.iter().find_map(|dialog| match dialog {
            Dialog::Move(dialog) => Some(dialog),
            _ => None,
        })
    }

    /// Whether a container is on the move now.
    pub(crate) fn is_moving(&self, host: &HostName, container: &Container) -> bool {
        self.migrations.iter().filter(|track| track.runs()).any(|track| {
            let named =
                track.request.container == container.name || track.request.container == container.id.0;
            named && (track.request.from == *host || track.request.to == *host)
        })
    }

    /// The minute that the clock shows, since the Unix epoch.
    pub(crate) fn minute(&self) -> i64 {
        self.minute_at(self.shown_ms)
    }

    pub(super) fn minute_at(&self, at_ms: u64) -> i64 {
        self.unix_ms(at_ms).div_euclid(60_000)
    }

    /// A moment of the session as Unix milliseconds.
    pub(crate) fn unix_ms(&self, at_ms: u64) -> i64 {
        self.clock_ms.saturating_add_unsigned(at_ms)
    }

    pub(super) fn note(&mut self, at_ms: u64, level: NoticeLevel, host: Option<HostName>, text: String) {
        self.notices.push(Notice { at_ms, level, host, text });
    }
}
