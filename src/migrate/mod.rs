//! How a container travels: checks, stages, shipping, and the way back.
//!
//! In comes a [`Request`] and a way to reach the [`Hosts`]; out go [`MigrationEvent`]s and at the end either a
//! [`Summary`] or a [`FailedMigration`] that says where the container is. No other room freezes, restores or
//! removes a container.

mod conversation;
mod error;
mod event;
pub mod explain;
mod health;
pub mod identity;
pub mod journal;
mod kept_images;
mod manifest;
mod networks;
mod note;
mod preflight;
mod probe;
pub mod protocol;
pub mod record;
pub mod recover;
mod report;
mod ship;
mod stream;
mod survey;
mod transaction;
mod two_phase;
mod wish;

pub use error::MigrateError;
pub use event::{
    Check, FailedMigration, Mark, MigrationEvent, MigrationId, Overriding, Publish, Reason, Request,
    Severity, Stage, StageTime, Summary, Tcp, Way, Whereabouts,
};
pub use health::Probe;
pub use preflight::{Cause, Fitness, Pair, cause_of, causes, fitness, may_override, refuses};
pub use probe::remember::{Remembered, keep, recall};
pub use probe::{HostFacts, probe};
pub use survey::Hosts;
pub use transaction::migrate;

use std::time::Duration;

use crate::fleet::HostName;
use survey::Party;

/// What was found out about a move.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// All lines, worst first.
    pub checks: Vec<Check>,
    /// How long the look at each host took, from the order to the answer's end.
    pub looks: [(HostName, Duration); 2],
}

/// Judges a move without changing anything.
pub async fn judge(request: &Request, hosts: &dyn Hosts) -> Result<Judgement, MigrateError> {
    survey::sensible(request, hosts)?;
    let (from, to) = tokio::try_join!(Party::reach(hosts, &request.from), Party::reach(hosts, &request.to))?;
    let (source, destination) = survey::survey(request, &from, &to, hosts).await?;
    let checks = preflight::checks(&source, &destination, &request.overrides);
    Ok(Judgement { checks, looks: [(source.host, source.took), (destination.host, destination.took)] })
}

/// The lines of [`judge`] alone.
pub async fn consider(request: &Request, hosts: &dyn Hosts) -> Result<Vec<Check>, MigrateError> {
    Ok(judge(request, hosts).await?.checks)
}
