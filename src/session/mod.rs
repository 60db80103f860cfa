//! What has happened: events, the state they add up to, and the effects they ask for.
//!
//! `State::apply` is the one fold. It reads no clock, no random number and no file: time comes in with the
//! event, and whatever must be done to the world goes out as an [`Effect`].

mod event;

pub use event::{Effect, Event, Happening, Key, LinkState, NoticeLevel, Question, QuestionId, QuestionKind};
