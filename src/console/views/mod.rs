//! One file per thing that is seen. Each draws from the state into a buffer and decides nothing.

mod bars;
mod collector;
mod containers;
mod destination;
mod dialogs;
mod events;
mod hosts;
mod matrix;
mod migration;
mod reading;
mod too_small;

pub(crate) use bars::{footer, plural, title};
pub(crate) use collector::collector;
pub(crate) use containers::containers;
pub(crate) use destination::destination;
pub(crate) use dialogs::{cancel, question, quit};
pub(crate) use events::events;
pub(crate) use hosts::hosts;
pub(crate) use matrix::matrix;
pub(crate) use migration::migration;
pub(crate) use reading::{details, help};
pub(crate) use too_small::too_small;
