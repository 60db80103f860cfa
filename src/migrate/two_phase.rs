//! A move in two phases: the destination prepares its restore while the container still runs, the source freezes it and
//! ships what is left, and its processes end only when the destination's are proven running.
//!
//! What the hosts do when we are gone is written in [`crate::engine::TwoPhase`].

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::conversation::{Side, now, ready};
use super::error::MigrateError;
use super::event::{Mark, Stage, Summary, Way};
use super::health::{self, Watch};
use super::journal::Begun;
use super::manifest::Manifest;
use super::protocol::{Intent, Phase};
use super::record::{HostRecord, Role};
use super::recover::{self, Act, Answer};
use super::ship::{View, lost, ship_changes, step};
use super::stream::{Broken, finish, relay};
use super::survey::Party;
use super::transaction::{Reached, Transaction, Traveller};
use crate::engine::{Errand, Inspected, Metadata, Mount, Segment, TwoPhase, Volumes};

/// How long the hosts may take to get ready while nothing is frozen: they start two processes of Podman, each some 0.1 s on
/// an idle host, and networks.
const PREPARATION: Duration = Duration::from_secs(60);

/// What the destination needs before the freeze; an error says why this move cannot be made in two phases.
pub(super) async fn metadata(container: &str, from: &Party, to: &Party) -> Result<Metadata, String> {
    let (Some(source), Some(_)) = (from.engine.two_phase(), to.engine.two_phase()) else {
        return Err("the engine has no way for it".into());
    };
    let inspected = from.engine.inspect(container).await.map_err(|error| error.to_string())?;
    source.metadata(&inspected.ok_or("there is no such container")?).await
}

impl Transaction {
    fn errand(&self, traveller: &Traveller, role: Role) -> Errand {
        let who = format!(
            "{}@{}",
            std::env::var("USER").unwrap_or_else(|_| "somebody".into()),
            rustix::system::uname().nodename().to_string_lossy()
        );
        let record = HostRecord {
            tx: self.identity.clone(),
            container: traveller.container.id.clone(),
            name: traveller.container.name.clone(),
            from: self.request.from.to_string(),
            to: self.request.to.to_string(),
            role,
            who: who.clone(),
            since: jiff::Timestamp::now().to_string(),
            way: Way::TwoPhase,
            volumes: volumes(&traveller.container),
        };
        Errand {
            directory: self.source_directory.clone(),
            container: traveller.container.id.clone(),
            who,
            // Nothing in it can fail to be written as JSON.
            record: serde_json::to_string(&record).unwrap_or_default(),
        }
    }

    /// Prepares, freezes, ships, restores, verifies, commits and removes.
    pub(super) async fn in_two_phases(
        &mut self,
        from: &Party,
        to: &Party,
        mut traveller: Traveller,
        metadata: Metadata,
        committed: &CancellationToken,
    ) -> Result<Summary, MigrateError> {
        let (Some(leaving), Some(arriving)) = (from.engine.two_phase(), to.engine.two_phase()) else {
            return Err(step(&self.request.from, "the engine has no way to move in two phases"));
        };
        self.way = Way::TwoPhase;
        self.destination_directory = self.source_directory.clone();
        let began = now() - self.reporter.now();
        let id = traveller.container.id.clone();
        self.reporter.begin(Stage::Prepare).await;
        let begun = Begun {
            container: id.clone(),
            name: traveller.container.name.clone(),
            from: self.request.from.clone(),
            to: self.request.to.clone(),
            from_address: from.remote.host().to_string(),
            to_address: to.remote.host().to_string(),
            way: Way::TwoPhase,
            predicted: None,
        };
        self.journal.begin(&self.identity, begun).await;
        self.journal.intent(&self.identity, Phase::Prepare).await;
        self.make_networks(to, &traveller).await?;
        traveller.arrival.volumes = make_volumes(from, to, &volumes(&traveller.container)).await?;
        let difference = self.view(&traveller.container, include_str!("scripts/changes.sh"));
        let manifest = self.view(&traveller.container, include_str!("scripts/manifest.sh"));
        let prepared = tokio::time::timeout(
            PREPARATION,
            self.prepare(from, to, leaving, arriving, &traveller, metadata),
        );
        let (prepared, difference, manifest, listened) = tokio::try_join!(
            async {
                prepared.await.unwrap_or_else(|_| Err(step(&self.request.to, "preparing takes too long")))
            },
            View::open(from, &difference),
            View::open(from, &manifest),
            async { Ok(health::listening(&*from.remote, traveller.container.pid).await?) },
        )?;
        let Prepared { mut source, mut destination, mut send, places } = prepared;

        self.reporter.begin(Stage::Checkpoint).await;
        self.journal.intent(&self.identity, Phase::Perform).await;
        self.reached = Reached::Frozen;
        let watch = self.request.probe.as_ref().and_then(Watch::begin);
        source.say("freeze").await?;
        tokio::io::AsyncWriteExt::write_all(&mut send.stdin, b"go\n")
            .await
            .map_err(|error| lost(&*from.remote, error))?;
        source.until_stamp(&["locked", "dumped"]).await?;
        let (mut place, place_changes) = match places {
            Some(places) => places,
            None => {
                // The address may be up there only now that nothing answers to it here.
                destination.say("begin").await?;
                let waiting = self.until_waiting(to, arriving, &traveller, &mut destination);
                let waiting = tokio::time::timeout(PREPARATION, waiting);
                waiting.await.unwrap_or_else(|_| Err(step(&self.request.to, "preparing takes too long")))?
            }
        };
        let mut progress = self.reporter.progress();
        let images = async {
            let mut first = vec![0; 64 << 10];
            let count = send.stdout.read(&mut first).await.map_err(|error| lost(&*from.remote, error))?;
            self.reporter.begin(Stage::Transfer).await;
            let head = tokio::io::AsyncWriteExt::write_all(&mut place.stdin, &first[..count]).await;
            progress.add(count as u64);
            let relayed = match head.map_err(Broken::Destination) {
                Ok(()) => relay(&mut *send.stdout, &mut *place.stdin, &mut progress).await,
                Err(broken) => Err(broken),
            };
            match relayed {
                Err(Broken::Source(error)) => return Err(lost(&*from.remote, error)),
                Err(Broken::Destination(error)) => {
                    finish(&*to.remote, place, "placing the images").await?;
                    return Err(lost(&*to.remote, error));
                }
                Ok(()) => {}
            }
            finish(&*from.remote, send, "sending the images").await?;
            placed(to, finish(&*to.remote, place, "placing the images").await?)?;
            Ok::<u64, MigrateError>(progress.bytes())
        };
        let handing = async {
            source.until("dumped").await?;
            // The source promises not to thaw by itself any more; only then may the destination start.
            source.say("handed").await?;
            source.until("handed").await
        };
        let changes = ship_changes(from, to, difference, place_changes);
        let (image_bytes, (), change_bytes) = tokio::try_join!(images, handing, changes)?;
        let wire_bytes = image_bytes + change_bytes;
        self.reporter.finish(Some(wire_bytes)).await;

        self.reporter.begin(Stage::Restore).await;
        self.journal.intent(&self.identity, Phase::Finish).await;
        self.reached = Reached::RestoreOrdered;
        destination.say("go").await?;
        let (restored, ours) = tokio::join!(destination.until_outcome("restored"), manifest.describe(from));
        restored?;
        let ours = ours?;

        self.reporter.begin(Stage::Verify).await;
        let since = destination.stamped_there("pre-restore").unwrap_or_default();
        self.verify(to, &traveller.container, &Manifest::of_source(&ours), since).await?;
        self.listens(to, &traveller.container, &listened).await?;
        if let Some(probe) = &self.request.probe {
            probe
                .answered(to, &id)
                .await
                .map_err(|cause| step(&self.request.to, &format!("{probe} is not answered: {cause}")))?;
        }
        let client_gap = watch.map(|watch| watch.longest_gap());

        self.reporter.begin(Stage::Remove).await;
        self.journal.intent(&self.identity, Phase::Decide).await;
        // Somebody else may be recovering this move at the same time: what is recorded at the destination first, counts.
        match recover::act(&*to.remote, &Act::Decide(Intent::Commit), &self.identity, &id).await? {
            Answer::Committed => {}
            Answer::Undo => return Err(step(&self.request.to, "another drover has taken this move back")),
            other => {
                return Err(step(&self.request.to, &format!("the move cannot be decided there: {other:?}")));
            }
        }
        self.reached = Reached::Committed;
        committed.cancel();
        // The source removes its copy by itself; the destination's directory is all that is left.
        let conclude = arriving.conclude(&self.destination_directory, &id);
        let ended = async {
            source.say("commit").await?;
            source.until_outcome("committed").await
        };
        let (ended, right) = tokio::join!(ended, to.remote.run(&conclude));
        let ended = match ended {
            // Whoever should have cleared away was killed, or was away for so long that the images were kept: a stopped
            // copy can be removed from here as well.
            Err(error) if self.request.keep.is_none() => {
                let conclude = leaving.conclude(&self.source_directory, &id);
                match (from.engine.remove_stopped(&id).await, from.remote.run(&conclude).await) {
                    (Ok(()), Ok(_)) => Ok(()),
                    _ => Err(error),
                }
            }
            ended => ended,
        };
        self.left_over = self.left_over(ended.is_ok(), ended.is_ok(), right.is_ok());
        ended?;
        right?;
        self.reporter.finish(None).await;
        let mark = |host: &crate::fleet::HostName, (word, at): (&str, f64)| Mark {
            host: host.clone(),
            word: word.to_owned(),
            at: at - began,
        };
        let mut marks: Vec<Mark> = source.stamps().map(|stamp| mark(&self.request.from, stamp)).collect();
        marks.extend(destination.stamps().map(|stamp| mark(&self.request.to, stamp)));
        marks.sort_by(|left, right| left.at.total_cmp(&right.at));
        let downtime = match (source.stamped("frozen"), destination.stamped("post-resume")) {
            (Some(frozen), Some(resumed)) => resumed - frozen,
            _ => self.reporter.now(),
        };
        Ok(Summary {
            request: self.request.clone(),
            stages: self.reporter.stages().to_vec(),
            total: self.reporter.now(),
            downtime,
            client_gap,
            bytes: wire_bytes,
            wire_bytes,
            warnings: traveller.warnings,
            way: Way::TwoPhase,
            marks,
        })
    }

    /// Whether the same ports are listened on as at the source before the freeze.
    async fn listens(
        &self,
        to: &Party,
        container: &Inspected,
        listened: &[String],
    ) -> Result<(), MigrateError> {
        // In the host's own namespace others listen, too.
        if listened.is_empty() || container.network_mode == "host" {
            return Ok(());
        }
        let host = &self.request.to;
        let arrived = to.engine.inspect(&container.id.0).await?;
        let pid = arrived.map_or(0, |arrived| arrived.pid);
        let now = health::listening(&*to.remote, pid).await?;
        let missing: Vec<&str> =
            listened.iter().filter(|port| !now.contains(port)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(step(host, &format!("the container listened on {} and does not any more", missing.join(", "))))
    }

    async fn prepare<'a>(
        &self,
        from: &'a Party,
        to: &'a Party,
        leaving: &dyn TwoPhase,
        arriving: &dyn TwoPhase,
        traveller: &Traveller,
        metadata: Metadata,
    ) -> Result<Prepared<'a>, MigrateError> {
        let Traveller { container, codec, arrival, .. } = traveller;
        let volumes = volumes(container);
        let keep = Duration::from_secs(self.request.keep.unwrap_or_default());
        let leave = leaving.source(&self.errand(traveller, Role::Source), container, keep);
        let send = leaving.send(&self.source_directory, *codec);
        let errand = self.errand(traveller, Role::Destination);
        let arrive = arriving.destination(&errand, metadata.archive.len(), arrival, &volumes);
        let source = async {
            let process = from.remote.spawn(&leave).await?;
            let mut side = Side::new(&*from.remote, "the checkpoint", process, Vec::new());
            side.until("prepared").await?;
            side.compare_clocks().await?;
            Ok::<_, MigrateError>(side)
        };
        let destination = async {
            let process = to.remote.spawn(&arrive).await?;
            let mut side = Side::new(&*to.remote, "the restore", process, metadata.archive);
            let places = match arrival.segment {
                Segment::Own => Some(self.until_waiting(to, arriving, traveller, &mut side).await?),
                Segment::Shared => {
                    side.until("prepared").await?;
                    None
                }
            };
            side.compare_clocks().await?;
            Ok((side, places))
        };
        let (source, send, (destination, places)) =
            tokio::try_join!(source, async { Ok(from.remote.spawn(&send).await?) }, destination)?;
        Ok(Prepared { source, destination, send, places })
    }

    /// Listens until the restore waits for what is to be put in its places.
    async fn until_waiting(
        &self,
        to: &Party,
        arriving: &dyn TwoPhase,
        traveller: &Traveller,
        side: &mut Side<'_>,
    ) -> Result<Places, MigrateError> {
        side.until("waiting").await?;
        let place =
            arriving.place(&self.destination_directory, traveller.codec, &volumes(&traveller.container));
        let changes = arriving.place_changes(&self.destination_directory);
        let (mut place, mut changes) = tokio::try_join!(to.remote.spawn(&place), to.remote.spawn(&changes))?;
        ready(&*to.remote, &mut place, "placing the images").await?;
        ready(&*to.remote, &mut changes, "placing the changed files").await?;
        Ok((place, changes))
    }
}

/// The volumes that come to the destination with the container; that it had none of them is a check.
fn volumes(container: &Inspected) -> Vec<String> {
    let name = |mount: &Mount| match mount {
        Mount::Volume { name, .. } => Some(name.clone()),
        _ => None,
    };
    container.mounts.iter().filter_map(name).collect()
}

/// Both hosts, waiting.
struct Prepared<'a> {
    source: Side<'a>,
    destination: Side<'a>,
    send: crate::ssh::Process,
    /// None where the restore must not begin before the freeze.
    places: Option<Places>,
}

/// What puts the images, and what puts the changed files in their places.
type Places = (crate::ssh::Process, crate::ssh::Process);

/// Makes the volumes of a container where any of them is more than a name, since the engine's restore knows no more.
async fn make_volumes(from: &Party, to: &Party, names: &[String]) -> Result<Volumes, MigrateError> {
    let mut volumes = Vec::new();
    for name in names {
        let volume = from.engine.volume(name).await?;
        volumes.push(volume.ok_or_else(|| step(from.host(), &format!("volume {name} is gone")))?);
    }
    if !volumes.iter().any(crate::engine::Volume::is_special) {
        return Ok(Volumes::Engine);
    }
    for volume in &volumes {
        to.remote.run(&to.engine.create_volume(volume)).await?;
    }
    Ok(Volumes::Made)
}

/// Whether a script said that everything is in its place.
fn placed(to: &Party, output: Vec<u8>) -> Result<(), MigrateError> {
    if output.ends_with(b"placed\n") {
        return Ok(());
    }
    Err(step(to.host(), "what was sent is not in its place"))
}
