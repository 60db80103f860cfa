//! The world behind the console: one task per host, migrations, questions.
//!
//! In come the session's effects and the passphrases typed in the console; out go happenings, on one bounded
//! channel. Nothing here draws, and nothing here decides what is shown.

mod host;
mod interrupted;
mod looks;
mod questions;
mod surroundings;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::console::{SecretAnswer, World};
use crate::fleet::{Fleet, HostName};
use crate::migrate::{Check, Hosts, MigrationId, Overriding, Request, Severity, consider, migrate};
use crate::session::{Effect, Happening};
use crate::ssh::{Host, Remote, RemoteError};
use crate::watch::Pace;

use super::reach::FleetHosts;
use looks::{Unasked, WallClock, look_over};
use questions::Questions;
pub use surroundings::{LaptopSource, SimulationControl, Spread, Surroundings};

/// Happenings that may wait for the console: a second's worth of a fleet of two hundred hosts. Whoever has more
/// to say waits, and with it its host, never the console.
const HAPPENINGS: usize = 256;
/// Effects that may wait: what a person presses faster than tasks can be started.
const EFFECTS: usize = 64;
/// Reports of one migration that may wait.
const REPORTS: usize = 64;

/// One host that is watched.
struct Watched {
    host: Arc<Host>,
    pace: watch::Sender<Pace>,
}

/// All tasks behind a console. Dropping it ends the watching; migrations are waited for by [`Tasks::finish`].
pub struct Tasks {
    loop_task: JoinHandle<()>,
}

impl Tasks {
    /// Starts them for a fleet.
    pub fn start(fleet: Arc<Fleet>, surroundings: Surroundings) -> (Self, World) {
        let (happenings, events) = mpsc::channel(HAPPENINGS);
        let (effect_sender, effects) = mpsc::channel(EFFECTS);
        let (secret_sender, secrets) = mpsc::channel(EFFECTS);
        let began = Instant::now();
        let started = Happening::Started {
            fleet: fleet.hosts.clone(),
            clock_ms: surroundings.clock_ms,
            title: fleet.title.clone(),
        };
        // The channel is empty, so there is room; what is in it now is part of the first frame.
        let _ = happenings.try_send(started);
        if let Some(simulation) = &surroundings.simulation {
            let _ = happenings.try_send(simulation.state());
        }
        let loop_task = tokio::spawn(run(fleet, surroundings, began, happenings, effects, secrets));
        (Self { loop_task }, World { began, events, effects: effect_sender, secrets: secret_sender })
    }

    /// Waits until every migration has come to its end, after the console has gone.
    pub async fn finish(self) {
        // A panic in there has been reported by the hook already.
        let _ = self.loop_task.await;
    }
}

/// Carries out effects until the console is gone and no migration is under way.
async fn run(
    fleet: Arc<Fleet>,
    surroundings: Surroundings,
    began: Instant,
    happenings: mpsc::Sender<Happening>,
    mut effects: mpsc::Receiver<Effect>,
    mut secrets: mpsc::Receiver<SecretAnswer>,
) {
    let questions = Arc::new(Questions::new(happenings.clone()));
    let Surroundings { connector, laptop, simulation, spread, clock_ms, journal } = surroundings;
    let bulk =
        FleetHosts::new(fleet.clone(), connector.clone(), questions.clone()).writing_down(journal.clone());
    // What a simulated host can do is nothing to be remembered.
    let (bulk, unasked) = match simulation {
        Some(_) => (bulk, Unasked::Wait),
        None => (bulk.with_notes(), Unasked::Look),
    };
    let (looks, orders) = watch::channel(None);
    let clock = WallClock { began, clock_ms };
    let mut watching = JoinSet::new();
    let mut watched = HashMap::new();
    for spec in &fleet.hosts {
        let host =
            Arc::new(Host::start(spec.clone(), connector.clone(), questions.clone(), spread.backoff()));
        let (pace, paces) = watch::channel(Pace::Hidden);
        watching.spawn(host::watch_over(host.clone(), began, paces, happenings.clone()));
        let notes = bulk.notes(&spec.name);
        watching.spawn(look_over(host.clone(), notes, clock, unasked, orders.clone(), happenings.clone()));
        watched.insert(spec.name.clone(), Watched { host, pace });
    }
    watching.spawn(laptop.tell(happenings.clone()));
    if let Some(journal) = journal.clone() {
        watching.spawn(interrupted::tell(journal, happenings.clone()));
    }
    if let Some(simulation) = &simulation {
        watching.spawn(simulation.tell(happenings.clone()));
    }
    drop(orders);
    let reach = Arc::new(WorldHosts { watched, bulk });
    let mut migrations = JoinSet::new();
    let mut cancels: HashMap<MigrationId, CancellationToken> = HashMap::new();
    let mut considering: Option<JoinHandle<()>> = None;
    loop {
        let effect = tokio::select! {
            biased;
            Some(SecretAnswer { id, secret }) = secrets.recv() => {
                questions.typed(id, secret);
                continue;
            }
            effect = effects.recv() => effect,
            Some(_) = migrations.join_next(), if !migrations.is_empty() => continue,
        };
        match effect {
            None => break,
            Some(Effect::Consider(request)) => {
                // Only the last destination looked at is of interest.
                if let Some(earlier) = considering.take() {
                    earlier.abort();
                }
                let (reach, happenings) = (reach.clone(), happenings.clone());
                considering = Some(tokio::spawn(async move {
                    let checks = considered(&request, &Watching(reach)).await;
                    let _ = happenings.send(Happening::Considered { request, checks }).await;
                }));
            }
            Some(Effect::Look(which)) => _ = looks.send(Some(which)),
            Some(Effect::Migrate(id, request)) => {
                let cancel = CancellationToken::new();
                cancels.insert(id, cancel.clone());
                migrations.spawn(one_migration(id, request, reach.clone(), happenings.clone(), cancel));
            }
            Some(Effect::Cancel(id)) => {
                if let Some(cancel) = cancels.get(&id) {
                    cancel.cancel();
                }
            }
            Some(Effect::Reconnect(name)) => {
                if let Some(watched) = reach.watched.get(&name) {
                    watched.host.reconnect_now();
                }
            }
            Some(Effect::Answer(id, yes)) => questions.answer(id, yes),
            Some(Effect::Focus(shown)) => {
                for (name, watched) in &reach.watched {
                    let pace = if shown.contains(name) { Pace::Shown } else { Pace::Hidden };
                    watched.pace.send_if_modified(|now| std::mem::replace(now, pace) != pace);
                }
            }
            Some(Effect::SimulationPace(order)) => {
                if let Some(simulation) = &simulation {
                    simulation.order(order);
                }
            }
            // The secret itself came on its own channel; the others are the console's.
            Some(Effect::AnswerSecret(_) | Effect::Copy(_) | Effect::Suspend | Effect::Quit) => {}
        }
    }
    drop(watching);
    // Whatever was frozen is brought to its end before the process may go.
    while migrations.join_next().await.is_some() {}
}

/// The checks of a move; what keeps them from being made is an error line of its own.
async fn considered(request: &Request, hosts: &dyn Hosts) -> Vec<Check> {
    match consider(request, hosts).await {
        Ok(checks) => checks,
        Err(error) => vec![Check {
            id: "survey".into(),
            severity: Severity::Error,
            host: None,
            seen: error.to_string(),
            why: String::new(),
            fix: String::new(),
            predicts: Vec::new(),
            overriding: Overriding::Impossible,
        }],
    }
}

async fn one_migration(
    id: MigrationId,
    request: Request,
    hosts: Arc<WorldHosts>,
    happenings: mpsc::Sender<Happening>,
    cancel: CancellationToken,
) {
    let (sender, mut events) = mpsc::channel(REPORTS);
    let telling = async {
        while let Some(event) = events.recv().await {
            // A console that has gone does not stop the migration.
            let _ = happenings.send(Happening::Migration { id, event }).await;
        }
    };
    let (_result, ()) = tokio::join!(migrate(request, hosts, sender, cancel), telling);
}

/// The hosts as the console's migrations reach them: connections of their own.
struct WorldHosts {
    watched: HashMap<HostName, Watched>,
    bulk: FleetHosts,
}

#[async_trait]
impl Hosts for WorldHosts {
    async fn connect(&self, host: &HostName) -> Result<Arc<dyn Remote>, RemoteError> {
        self.bulk.connect(host).await
    }

    fn names(&self) -> Vec<HostName> {
        self.bulk.names()
    }

    async fn journal(&self) -> Option<Arc<crate::migrate::journal::Journal>> {
        self.bulk.journal().await
    }

    fn memory_reserve(&self, host: &HostName) -> u64 {
        self.bulk.memory_reserve(host)
    }

    fn notes(&self, host: &HostName) -> Option<PathBuf> {
        self.bulk.notes(host)
    }
}

/// The hosts as checks reach them: over the connections that are there already.
struct Watching(Arc<WorldHosts>);

#[async_trait]
impl Hosts for Watching {
    async fn connect(&self, host: &HostName) -> Result<Arc<dyn Remote>, RemoteError> {
        let live = self.0.watched.get(host).and_then(|watched| watched.host.connection());
        match live {
            Some(connection) => Ok(Arc::new(connection)),
            None => Err(RemoteError::Connection {
                host: host.clone(),
                cause: "it is not connected now; R tries again".into(),
            }),
        }
    }

    fn names(&self) -> Vec<HostName> {
        self.0.names()
    }

    fn memory_reserve(&self, host: &HostName) -> u64 {
        self.0.memory_reserve(host)
    }

    fn notes(&self, host: &HostName) -> Option<PathBuf> {
        self.0.notes(host)
    }
}
