//! What is going on: one sampling loop per host, its parsers, and the rates made from its counters.
//!
//! In comes a [`crate::ssh::Remote`]; out go [`Sample`]s and container lists, as messages on a bounded channel.

mod sample;

pub use sample::{ContainerSample, Pressure, Sample};
