//! The transaction as pure logic: what each side can be in, what the laptop does next, how an interrupted one ends.
//!
//! In come words that hosts wrote and what their engines say; out come [`Order`]s for a transaction that goes on
//! ([`step`]) and one [`Recovery`] for each pair of states of one that was interrupted ([`recovery`]). Nothing here
//! does IO. Safety rests on four rules, which the tests check over all orders of events:
//!
//! 1. The source is asked to let go (`handed`) before the destination is told to start (`go`), and from its answer
//!    on it never thaws by itself.
//! 2. Whether a started destination stays or goes is decided once, at the destination: the first of [`Intent::Commit`]
//!    and [`Intent::Undo`] that is recorded there holds for everybody, however late they come.
//! 3. Nobody tells the source to thaw before the destination is proven closed: undone, and unable to start any more.
//! 4. The source's images go only after commit is recorded at the destination.
//!
//! What recovery does, by what was found on the two hosts (a test keeps this table true):
//!
#![doc = include_str!("table.md")]

mod phase;
mod recovery;
mod state;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use phase::{End, Order, Phase, Report, step};
pub use recovery::{Recovery, Why, recovery};
pub use state::{
    DestinationState, DestinationView, DestinationWord, EngineView, Intent, Party, Processes, Record,
    SourceState, SourceView, SourceWord,
};
