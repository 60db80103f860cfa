//! How a container travels: checks, stages, shipping, rollback.
//!
//! In comes a [`Request`] and a [`crate::ssh::Remote`] for each side; out go [`MigrationEvent`]s. No other room
//! freezes, restores or removes a container.

mod event;

pub use event::{
    Check, FailedMigration, MigrationEvent, MigrationId, Request, Severity, Stage, StageTime, Summary,
    Whereabouts,
};
