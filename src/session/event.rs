//! Everything that can happen, and everything that can be asked for.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::fleet::{Container, HostName, HostSpec};
use crate::migrate::{Check, HostFacts, MigrationEvent, MigrationId, Request};
use crate::watch::Sample;

/// One thing that happened, with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the session began, from a monotonic clock.
    pub at_ms: u64,
    /// What happened.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Happening {
    /// The session begins.
    Started {
        /// All hosts of the fleet, in the file's order.
        fleet: Vec<HostSpec>,
        /// Unix milliseconds at the session's beginning, to turn `at_ms` into a time of day.
        clock_ms: i64,
        /// What the title bar calls the fleet: a file name, or `local lab`.
        title: String,
    },
    /// A host's connection changed.
    Link {
        /// The host.
        host: HostName,
        /// Its connection now.
        state: LinkState,
    },
    /// A host was sampled.
    Sampled {
        /// The host.
        host: HostName,
        /// The reading.
        sample: Sample,
    },
    /// A host's containers were listed; the list is whole.
    Containers {
        /// The host.
        host: HostName,
        /// All its containers, running or not.
        containers: Vec<Container>,
    },
    /// A host's containers could not be listed.
    ContainersUnknown {
        /// The host.
        host: HostName,
        /// Why, and what to do.
        cause: String,
    },
    /// The laptop's own figures.
    Laptop {
        /// Share of all processors in use, 0 to 1.
        cpu: f64,
        /// Memory available, bytes.
        memory_available: u64,
        /// Memory in all, bytes.
        memory_total: u64,
    },
    /// Somebody must be asked before a connection can go on.
    Asked {
        /// The question.
        question: Question,
    },
    /// The question needs no answer any more (connection gone, answered elsewhere).
    Withdrawn {
        /// Which.
        id: QuestionId,
    },
    /// The checks of a move that is being considered are there.
    Considered {
        /// The move.
        request: Request,
        /// All lines, worst first.
        checks: Vec<Check>,
    },
    /// A host was looked at for what it can do, now or in an earlier session.
    Facts {
        /// The host.
        host: HostName,
        /// What was seen.
        facts: Box<HostFacts>,
        /// When, Unix seconds.
        taken: i64,
    },
    /// A running migration reports.
    Migration {
        /// Which.
        id: MigrationId,
        /// What.
        event: MigrationEvent,
    },
    /// A line for the event list.
    Notice {
        /// How grave.
        level: NoticeLevel,
        /// The host concerned.
        host: Option<HostName>,
        /// Printable text.
        text: String,
    },
    /// A key was pressed.
    Pressed {
        /// Which.
        key: Key,
    },
    /// The terminal has this size.
    Resized {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// The fleet is simulated: told once when the session begins, and again whenever its time goes at another pace.
    Simulation {
        /// What is simulated, in a word or two; the title bar shows it in place of the fleet's title.
        scenario: String,
        /// How its time goes now.
        pace: SimulationPace,
    },
    /// A second of the wall clock began while something on the screen shows a running time.
    Second,
    /// The operating system asked drover to end (SIGTERM, SIGHUP).
    Terminated,
}

/// A key press, independent of the terminal library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// A character as typed, shift applied.
    Char(char),
    /// A character with Control held.
    Ctrl(char),
    /// A character with Alt held.
    Alt(char),
    /// A named key.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// F1 to F12.
    Function(u8),
}

/// State of a host's watching connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "link")]
pub enum LinkState {
    /// On its way.
    Connecting,
    /// Up.
    Live {
        /// Round-trip time of the login's last exchange, milliseconds.
        round_trip_ms: u32,
    },
    /// Lost or not reached; a new try comes.
    Retrying {
        /// Why the last try failed.
        cause: String,
        /// Milliseconds since the session began, at which the next try starts.
        next_try_at_ms: u64,
    },
    /// No further try makes sense until somebody acts (host key, authentication).
    Refused {
        /// Why, and what to do.
        cause: String,
    },
}

/// Identifies a question of this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QuestionId(pub u64);

/// Something only a person can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its identity.
    pub id: QuestionId,
    /// The host concerned.
    pub host: HostName,
    /// Printable text, one or several lines.
    pub text: String,
    /// What kind of answer it waits for.
    pub kind: QuestionKind,
}

/// What kind of answer a question waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// Yes or no; no is the default.
    Confirm,
    /// A passphrase or password, never recorded.
    Secret,
}

/// How the time of a simulated fleet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SimulationPace {
    /// Simulated seconds in one real second while time goes on: 1, 2, 5, 10, 60, …
    pub speed: NonZeroU32,
    /// Whether time goes on at all.
    pub motion: SimulationMotion,
}

/// Whether the time of a simulated fleet goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SimulationMotion {
    /// It does.
    #[default]
    Running,
    /// It stands still until told to go on; the hosts answer all the same.
    Paused,
}

/// What a person wants of a simulated fleet's time. Each order is safe to give twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaceOrder {
    /// The next higher speed, if there is one.
    Faster,
    /// The next lower speed, if there is one.
    Slower,
    /// Stand still.
    Pause,
    /// Go on at the speed of before.
    GoOn,
}

/// Which hosts are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookAt {
    /// Live ones of which nothing is known yet.
    Unseen,
    /// All that are live.
    All,
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeLevel {
    /// For the record.
    Info,
    /// Something ended well.
    Success,
    /// Something needs watching.
    Warning,
    /// Something failed.
    Error,
}

/// Something to be done to the world; whoever does it answers with events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Check a move without changing anything; answers with [`Happening::Considered`].
    Consider(Request),
    /// Look what hosts can do; answers with [`Happening::Facts`] for each.
    Look(LookAt),
    /// Start a migration; answers with [`Happening::Migration`].
    Migrate(MigrationId, Request),
    /// Stop a running migration where that is still possible, rolling back.
    Cancel(MigrationId),
    /// Try a host's connection now.
    Reconnect(HostName),
    /// Answer a question with yes or no.
    Answer(QuestionId, bool),
    /// Answer a question with the secret typed in; it is kept out of events and state.
    AnswerSecret(QuestionId),
    /// Sample exactly these hosts once a second and the others slowly.
    Focus(Vec<HostName>),
    /// Let a simulated fleet's time go at another pace; answers with [`Happening::Simulation`].
    SimulationPace(PaceOrder),
    /// Put a text on the clipboard.
    Copy(String),
    /// Stop the process with Ctrl-Z.
    Suspend,
    /// End.
    Quit,
}
