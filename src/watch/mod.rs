//! What is going on: one sampling loop per host, its parsers, and the rates made from its counters; lists of
//! containers, renewed when an engine says that something happened.
//!
//! In comes a [`crate::ssh::Remote`] and a [`Pace`]; out go [`WatchMessage`]s on a bounded channel. Each host
//! has tasks of its own, so a dead one never delays another. Nothing in a host's answers is trusted: what
//! cannot be understood becomes a gap.

mod containers;
mod frame;
mod laptop;
mod limited;
mod listing;
mod message;
mod rates;
mod reading;
mod sample;
mod sampler;
#[cfg(test)]
mod testing;

pub use containers::containers;
pub use laptop::{LaptopFigures, laptop};
pub use message::{Pace, WatchEnd, WatchMessage};
pub use sample::{ContainerSample, Pressure, Sample};
pub use sampler::watch;
