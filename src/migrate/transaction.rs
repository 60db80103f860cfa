//! One migration from the operator's command to its end: forward through the stages, or back.
//!
//! What has happened is kept in [`Reached`], which decides how to go back:
//!
//! | reached | the way back |
//! |---|---|
//! | nothing frozen | remove our directories |
//! | frozen | the source restores from the images that it kept |
//! | restore ordered | first the destination's copy is proven gone, then the source restores |
//! | committed | none: the container lives at the destination |

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::MigrateError;
use super::event::{FailedMigration, MigrationEvent, Request, Stage, Summary, Whereabouts};
use super::manifest::Manifest;
use super::preflight::{self, Image, Keep};
use super::report::Reporter;
use super::ship::{View, departed, hash_and_length, lost, ship_difference, ship_image, since, step};
use super::stream::{Broken, finish, relay};
use super::survey::{Hosts, Party, sensible, survey};
use crate::engine::{Address, Codec, Inspected, Mount, Size};
use crate::fleet::{ContainerStatus, HostName, printable};
use crate::ssh::{Command, ExitStatus, RemoteError};

/// How far a migration has come, as far as going back is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    NothingFrozen,
    Frozen,
    RestoreOrdered,
    Committed,
}

/// How often, and with which pauses, a host is tried again that must be asked before the way back is safe:
/// together a minute, as long as a rebooting virtual machine or a Wi-Fi hand-over takes.
const RETRIES: [Duration; 7] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(20),
];

/// What a person types to bring a checkpointed container back where it was frozen.
const RESTORE: &str = "podman container restore --tcp-established --file-locks";

/// What has been found out about the container that travels.
struct Traveller {
    container: Inspected,
    codec: Codec,
    size: Size,
    address: Address,
    image: Image,
    warnings: Vec<String>,
}

struct Transaction {
    request: Request,
    hosts: Arc<dyn Hosts>,
    reporter: Reporter,
    reached: Reached,
    source_directory: String,
    destination_directory: String,
    container: Option<Inspected>,
    /// What a person has to run after the container has gone over.
    left_over: Vec<String>,
}

/// Moves a container. Whatever happens, the answer says where it is.
pub async fn migrate(
    request: Request,
    hosts: Arc<dyn Hosts>,
    events: mpsc::Sender<MigrationEvent>,
    cancel: CancellationToken,
) -> Result<Summary, FailedMigration> {
    let identity = format!("{:016x}", rand::random::<u64>());
    let mut transaction = Transaction {
        source_directory: format!("/run/drover/{identity}"),
        destination_directory: format!("/var/tmp/drover-{identity}"),
        request,
        hosts,
        reporter: Reporter::new(events),
        reached: Reached::NothingFrozen,
        container: None,
        left_over: Vec::new(),
    };
    transaction.reporter.tell(MigrationEvent::Started { request: transaction.request.clone() }).await;
    let committed = CancellationToken::new();
    let forward = tokio::select! {
        result = transaction.forward(&committed) => result,
        () = cancelled_before(&cancel, &committed) => Err(MigrateError::Cancelled),
    };
    match forward {
        Ok(summary) => {
            transaction.reporter.tell(MigrationEvent::Finished { summary: summary.clone() }).await;
            Ok(summary)
        }
        Err(error) => {
            let failure = transaction.back(error).await;
            transaction.reporter.tell(MigrationEvent::Failed { failure: failure.clone() }).await;
            Err(failure)
        }
    }
}

/// Waits for the operator's word to stop, which means nothing any more once the destination has it.
async fn cancelled_before(cancel: &CancellationToken, committed: &CancellationToken) {
    cancel.cancelled().await;
    if committed.is_cancelled() {
        std::future::pending::<()>().await;
    }
}

impl Transaction {
    async fn forward(&mut self, committed: &CancellationToken) -> Result<Summary, MigrateError> {
        let request = self.request.clone();
        self.reporter.begin(Stage::Checks).await;
        sensible(&request, &*self.hosts)?;
        let (from, to) = tokio::try_join!(
            Party::reach(&*self.hosts, &request.from),
            Party::reach(&*self.hosts, &request.to)
        )?;
        let traveller = self.check(&from, &to).await?;
        let id = traveller.container.id.clone();
        match traveller.image {
            Image::Present => {}
            Image::Tag => {
                to.engine.tag_image(&traveller.container.image_id, &traveller.container.image_name).await?;
            }
            presence @ (Image::Ship | Image::ShipNameless) => {
                self.reporter.begin(Stage::Image).await;
                let (container, codec) = (&traveller.container, traveller.codec);
                let bytes = ship_image(&from, &to, container, presence, codec, &self.reporter).await?;
                self.reporter.finish(Some(bytes)).await;
            }
        }

        // Everything that can wait for its order is started before the freeze.
        let view = |tail: &str| {
            let script = format!(
                "{}\n{}\n{tail}",
                include_str!("scripts/entries.sh"),
                include_str!("scripts/view.sh")
            );
            let arguments = [self.source_directory.clone(), traveller.container.merged.clone()];
            let words = ["--mount", "sh", "-c", script.as_str(), "drover"];
            Command::new("unshare").arguments(words).arguments(arguments)
        };
        let difference = view(include_str!("scripts/difference.sh"));
        let manifest = view(include_str!("scripts/manifest.sh"));
        let arrive = to.engine.arrive(&self.destination_directory, traveller.codec);
        let arrive_difference = to.engine.arrive_difference(&self.destination_directory);
        let restore = to.engine.restore(&self.destination_directory, &id, traveller.address, traveller.size);
        let ready = async {
            Ok::<_, MigrateError>(tokio::try_join!(
                to.remote.spawn(&arrive),
                to.remote.spawn(&arrive_difference),
                to.remote.spawn(&restore),
            )?)
        };
        let (difference, manifest, (mut arrive, arrive_difference, mut restore)) =
            tokio::try_join!(View::open(&from, &difference), View::open(&from, &manifest), ready)?;

        self.reporter.begin(Stage::Checkpoint).await;
        let frozen_at = self.reporter.now();
        self.reached = Reached::Frozen;
        let mut depart = from
            .remote
            .spawn(&from.engine.depart(
                &self.source_directory,
                &traveller.container,
                traveller.codec,
                traveller.size,
            ))
            .await?;
        let mut guard = from.remote.spawn(&from.engine.guard(&self.source_directory, &id)).await?;
        let mut first = vec![0; 64 << 10];
        let count = depart.stdout.read(&mut first).await.map_err(|error| lost(&*from.remote, error))?;
        if count == 0 {
            finish(&*from.remote, depart, "the checkpoint").await?;
            return Err(step(&request.from, "the checkpoint ended without an archive"));
        }

        self.reporter.begin(Stage::Transfer).await;
        let mut progress = self.reporter.progress();
        let archive = async {
            let head = arrive.stdin.write_all(&first[..count]).await.map_err(Broken::Destination);
            progress.add(count as u64);
            let relayed = match head {
                Ok(()) => relay(&mut *depart.stdout, &mut *arrive.stdin, &mut progress).await,
                Err(broken) => Err(broken),
            };
            if let Err(Broken::Source(error)) = relayed {
                return Err(lost(&*from.remote, error));
            }
            if relayed.is_err() {
                // What the destination says of it is worth more than a broken pipe; dropping the source's
                // stream makes the container run there again meanwhile.
                drop(depart);
                finish(&*to.remote, arrive, "receiving the archive").await?;
                return Err(step(&request.to, "receiving the archive failed"));
            }
            let (departed, arrived) = tokio::try_join!(
                departed(&*from.remote, depart),
                finish(&*to.remote, arrive, "receiving the archive")
            )?;
            let (hash, bytes) = hash_and_length(&arrived)
                .ok_or_else(|| step(&request.to, "receiving the archive ended without its hash"))?;
            if hash != departed {
                return Err(step(&request.to, "the archive arrived damaged: its hash is not the source's"));
            }
            Ok::<u64, MigrateError>(bytes)
        };
        let files = ship_difference(&from, &to, difference, arrive_difference, &self.reporter);
        let (archive_bytes, (deleted, difference_bytes)) = tokio::try_join!(archive, files)?;
        let wire_bytes = progress.bytes() + difference_bytes;
        self.reporter.finish(Some(wire_bytes)).await;

        self.reporter.begin(Stage::Restore).await;
        // Until here the source brings the container back by itself when we are gone. Only when it has
        // promised not to may the destination start it.
        guard.stdin.write_all(b"handed\n").await.map_err(|error| lost(&*from.remote, error))?;
        if finish(&*from.remote, guard, "the guard").await? != b"handed\n" {
            return Err(step(&request.from, "the source has taken the container back"));
        }
        self.reached = Reached::RestoreOrdered;
        let order = |error: std::io::Error| lost(&*to.remote, error);
        restore.stdin.write_all(deleted.as_bytes()).await.map_err(order)?;
        restore.stdin.write_all(b"\n").await.map_err(order)?;
        // Described while the destination restores: the processors there are busy, ours are not.
        let ours = manifest.describe(&from);
        let (restored, ours) = tokio::try_join!(finish(&*to.remote, restore, "the restore"), ours)?;
        let since =
            since(&restored).ok_or_else(|| step(&request.to, "the restore did not say that it worked"))?;

        self.reporter.begin(Stage::Verify).await;
        self.verify(&to, &traveller.container, &Manifest::of_source(&ours), since).await?;
        let running_at = self.reporter.now();

        self.reporter.begin(Stage::Remove).await;
        self.reached = Reached::Committed;
        committed.cancel();
        let removed = from.engine.remove_stopped(&id).await;
        // Whatever came of that: what arrived fills memory there, and the lock keeps the container here.
        let (left, right) =
            (from.engine.tidy(&self.source_directory, &id), to.engine.tidy(&self.destination_directory, &id));
        let (left, right) = tokio::join!(from.remote.run(&left), to.remote.run(&right));
        self.left_over = self.left_over(removed.is_ok(), left.is_ok(), right.is_ok());
        removed?;
        left?;
        right?;
        self.reporter.finish(None).await;
        Ok(Summary {
            request,
            stages: self.reporter.stages().to_vec(),
            total: self.reporter.now(),
            downtime: running_at - frozen_at,
            bytes: archive_bytes + difference_bytes,
            wire_bytes,
            warnings: traveller.warnings,
        })
    }

    /// The commands for what could not be cleared away: the source's stopped copy and the directories of either side.
    fn left_over(&self, removed: bool, source: bool, destination: bool) -> Vec<String> {
        let Request { container, from, to, .. } = &self.request;
        let commands = [
            (removed, format!("“podman container rm {}” on {from}", printable(container))),
            (source, format!("“rm -r {}” on {from}", self.source_directory)),
            (destination, format!("“rm -r {}” on {to}", self.destination_directory)),
        ];
        commands.into_iter().filter(|(done, _)| !done).map(|(_, command)| command).collect()
    }

    /// Surveys both hosts and judges the move.
    async fn check(&mut self, from: &Party, to: &Party) -> Result<Traveller, MigrateError> {
        let (source, destination) = survey(&self.request, from, to, &*self.hosts).await?;
        let checks = preflight::checks(&source, &destination, &self.request.overrides);
        self.reporter.tell(MigrationEvent::Checked { checks: checks.clone() }).await;
        if preflight::refuses(&checks) {
            let reasons = checks.iter().filter(|check| check.severity == super::Severity::Error);
            let reasons: Vec<String> = reasons
                .map(|check| match &check.host {
                    Some(host) => format!("{host}: {}", check.seen),
                    None => check.seen.clone(),
                })
                .collect();
            return Err(MigrateError::Refused(reasons.join("; ")));
        }
        if preflight::keep(&source.facts, &destination).0 == Keep::Memory {
            self.destination_directory = self.destination_directory.replace("/var/tmp/", "/dev/shm/");
        }
        self.container = Some(source.container.clone());
        let both = |codec| source.facts.codec() == codec && destination.facts.codec() == codec;
        Ok(Traveller {
            codec: if both(Codec::Zstd) { Codec::Zstd } else { Codec::Gzip },
            size: Size::of(source.facts.archive() + source.facts.upper),
            address: preflight::address(&source, &destination),
            image: destination.image,
            container: source.container,
            warnings: checks
                .into_iter()
                .filter(|check| check.severity == super::Severity::Warning)
                .map(|check| check.told())
                .collect(),
        })
    }

    /// Proves that the destination's copy runs and that its files are the source's.
    async fn verify(
        &self,
        to: &Party,
        container: &Inspected,
        ours: &Manifest,
        since: f64,
    ) -> Result<(), MigrateError> {
        let host = &self.request.to;
        let arrived = to.engine.inspect(&container.id.0).await?;
        let arrived =
            arrived.ok_or_else(|| step(host, "the engine does not know the container it restored"))?;
        if arrived.status != ContainerStatus::Running || arrived.pid == 0 {
            return Err(step(host, "the container ended right after its restore"));
        }
        let script =
            format!("{}\n{}", include_str!("scripts/entries.sh"), include_str!("scripts/arrived.sh"));
        let words = [arrived.merged.clone(), arrived.pid.to_string(), self.destination_directory.clone()];
        let output = to.remote.output(&Command::script(&script, words), &ours.paths()).await?;
        match output.status {
            ExitStatus::Code(0) => {}
            ExitStatus::Code(96) => return Err(step(host, "the container's first process is gone")),
            status => {
                return Err(step(host, &format!("the arrived files could not be looked at ({status})")));
            }
        }
        let differences = ours.differences(&Manifest::parse(&output.stdout), since);
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(step(
                host,
                &format!(
                    "{} of {} changed files did not arrive as they were: {first}",
                    differences.len(),
                    ours.len()
                ),
            )),
        }
    }

    /// Goes back as far as it takes for the container to run exactly once.
    async fn back(&mut self, error: MigrateError) -> FailedMigration {
        let stage = self.reporter.stage();
        let (from, to) = (self.request.from.clone(), self.request.to.clone());
        let name = printable(&self.request.container);
        let log_line = error.log_line();
        let (whereabouts, advice) = match (self.reached, self.container.clone()) {
            (Reached::NothingFrozen, container) => {
                if container.is_some() {
                    self.discard(&from).await;
                    self.discard(&to).await;
                }
                (Whereabouts::Untouched, "nothing was changed; mend the cause and try again".to_owned())
            }
            (Reached::Committed, _) => (
                Whereabouts::AtDestination,
                format!("only clearing away is left; run {}", self.left_over.join(", ")),
            ),
            (Reached::Frozen, Some(container)) => {
                // A destination that does not answer must not keep the container frozen.
                let ((), stayed) = tokio::join!(self.discard(&to), self.stay(&container));
                stayed
            }
            (Reached::RestoreOrdered, Some(container)) => match self.undo_restore(&container).await {
                Ok(()) => self.stay(&container).await,
                Err(cause) => (
                    Whereabouts::Unknown(format!(
                        "its restore on {to} was ordered and could not be undone ({cause}), so it is not started on {from}: it might run twice"
                    )),
                    format!(
                        "when {to} answers: if “podman ps” there shows {name}, run “podman container rm {name}” on {from}; otherwise run “{RESTORE} {name}” on {from}"
                    ),
                ),
            },
            (_, None) => (Whereabouts::Untouched, String::new()),
        };
        self.reporter.finish(None).await;
        FailedMigration {
            request: self.request.clone(),
            reason: error.reason(),
            stage,
            cause: error.to_string(),
            log_line,
            whereabouts,
            advice,
        }
    }

    /// Makes the source's copy run again; it is frozen, or about to be.
    async fn stay(&self, container: &Inspected) -> (Whereabouts, String) {
        let from = &self.request.from;
        let name = printable(&container.name);
        let command = |party: &Party| party.engine.stay(&self.source_directory, &container.id);
        match self.insist(from, command).await {
            Ok(output) if output.contains("stayed") => {
                (Whereabouts::BackOnSource, "mend the cause and try again".into())
            }
            Ok(output) if output.contains("elsewhere") => {
                (Whereabouts::Untouched, "wait for the other migration to end, then look where it is".into())
            }
            Ok(_) => (
                Whereabouts::Kept(format!("{}/checkpoint", container.static_directory)),
                format!("on {from}: “{RESTORE} {name}” says why it does not start"),
            ),
            Err(cause) => (
                Whereabouts::Unknown(format!(
                    "{from} does not answer ({cause}); it restarts the container by itself as soon as it notices that this connection is gone"
                )),
                format!(
                    "when {from} answers: “podman ps -a” shows {name}; if it does not run, “{RESTORE} {name}” brings it back"
                ),
            ),
        }
    }

    /// Proves that nothing of a restore is left at the destination.
    async fn undo_restore(&self, container: &Inspected) -> Result<(), String> {
        // Those that preflight saw there would have been an error; what is there now came with the restore.
        let volumes: Vec<String> = container
            .mounts
            .iter()
            .filter_map(|mount| match mount {
                Mount::Volume { name, .. } => Some(name.clone()),
                _ => None,
            })
            .collect();
        let command =
            |party: &Party| party.engine.undo_restore(&self.destination_directory, &container.id, &volumes);
        match self.insist(&self.request.to, command).await {
            Ok(output) if output.contains("undone") => Ok(()),
            Ok(_) => Err("its copy could not be removed".into()),
            Err(cause) => Err(cause),
        }
    }

    /// Removes our directory on a host where nothing else was done; a host that does not answer keeps an
    /// empty directory until it is asked again.
    async fn discard(&self, host: &HostName) {
        let Some(container) = &self.container else { return };
        let directory =
            if *host == self.request.from { &self.source_directory } else { &self.destination_directory };
        if let Ok(party) = Party::reach(&*self.hosts, host).await {
            let _ = party.remote.run(&party.engine.tidy(directory, &container.id)).await;
        }
    }

    /// Runs a command that can be repeated until it has run once, over new connections.
    async fn insist(&self, host: &HostName, command: impl Fn(&Party) -> Command) -> Result<String, String> {
        let mut cause = String::new();
        for pause in [Duration::ZERO].iter().chain(&RETRIES) {
            tokio::time::sleep(*pause).await;
            let attempt = async {
                let party = Party::reach(&*self.hosts, host).await?;
                party.remote.run(&command(&party)).await
            };
            match attempt.await {
                Ok(output) => return Ok(String::from_utf8_lossy(&output).into_owned()),
                // It answers; asking again would only be told the same.
                Err(error @ RemoteError::Command { .. }) => return Err(error.to_string()),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(cause)
    }
}
