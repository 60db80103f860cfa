//! drover moves running containers between hosts over SSH and shows what every host is doing.
//!
//! Everything that happens is an [`session::Event`]; the only thing that changes what drover knows is
//! `session::State::apply`; what is seen is drawn from the state; what is done to the world is an
//! [`session::Effect`] that a task carries out and answers with events. Rooms import downwards only, in
//! the order in which they are listed here.

// An inspection of Podman has so many fields.
#![recursion_limit = "512"]

pub mod cli;

pub mod console;

pub mod session;

pub mod migrate;

pub mod watch;

pub mod engine;

pub mod lab;

pub mod simulation;
pub mod ssh;

pub mod fleet;
