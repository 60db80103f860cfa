//! What has happened: events, the state they add up to, and the effects they ask for.
//!
//! In come [`Event`]s; [`State::apply`] is the one fold over them; out go [`Effect`]s and the word whether
//! anything on the screen is different now. It reads no clock, no random number and no file: time comes in
//! with the event, and whatever must be done to the world goes out as an effect.

mod action;
mod apply;
mod dialog;
mod dialogs;
mod event;
mod figures;
mod history;
mod host;
mod hosts;
mod key;
mod keys;
mod layout;
mod matrix;
mod migrations;
mod notice;
mod simulation;
mod state;
mod story;
mod track;
mod wrap;

#[cfg(test)]
pub(crate) mod properties;
#[cfg(test)]
pub(crate) mod sample_fleet;
#[cfg(test)]
mod scenarios;

pub(crate) use action::{ACTIONS, Action, HelpLine, Layer, Scope, help_lines};
pub use apply::{Change, Outcome};
pub(crate) use dialog::{Candidate, Checks, Choice, Dialog, MoveDialog, MovePart, Standing};
pub use event::{
    Effect, Event, Happening, Key, LinkState, LookAt, NoticeLevel, PaceOrder, Question, QuestionId,
    QuestionKind, SimulationMotion, SimulationPace,
};
pub(crate) use figures::{age, percent, since_then};
pub(crate) use host::{Containers, HostState, Sort};
pub use key::UnknownKey;
pub(crate) use layout::{Area, Density, Layout, MINIMUM_COLUMNS, MINIMUM_ROWS, large_dialog};
pub(crate) use notice::Notice;
pub(crate) use simulation::Simulation;
pub(crate) use state::Focus;
pub use state::State;
pub(crate) use story::{Tone, failure_summary, story};
pub(crate) use track::{MigrationTrack, Phase, StageTrack};
pub(crate) use wrap::{cut, wrap};
