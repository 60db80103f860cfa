//! One migration from the operator's command to its end: forward through the stages, or back.
//!
//! What has happened is kept in [`Reached`], which decides how to go back:
//!
//! | reached | the way back in two phases | the way back by kept images |
//! |---|---|---|
//! | nothing frozen | undo what the destination prepared, remove our directories | remove our directories |
//! | frozen | the source thaws | the source restores from the images that it kept |
//! | restore ordered | first the destination's copy is proven gone, then as above | likewise |
//! | committed | none: the container lives at the destination | none |

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::MigrateError;
use super::event::{FailedMigration, MigrationEvent, Publish, Request, Stage, Summary, Way, Whereabouts};
use super::identity::TransactionId;
use super::journal::Times;
use super::manifest::Manifest;
use super::networks::{self, Fit};
use super::note::Note;
use super::preflight::{self, Image, Keep};
use super::recover::{self, Act};
use super::report::Reporter;
use super::ship::{ship_image, step};
use super::survey::{Hosts, Party, sensible, survey};
use super::two_phase;
use crate::engine::{Arrival, Codec, Inspected, Mount, Network, Size};
use crate::fleet::{ContainerStatus, HostName, printable};
use crate::ssh::{Command, ExitStatus, RemoteError};

/// How far a migration has come, as far as going back is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
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
pub(super) struct Traveller {
    pub(super) container: Inspected,
    pub(super) codec: Codec,
    pub(super) size: Size,
    pub(super) arrival: Arrival,
    /// Networks that its destination lacks.
    pub(super) networks: Vec<Network>,
    pub(super) image: Image,
    pub(super) warnings: Vec<String>,
}

pub(super) struct Transaction {
    pub(super) request: Request,
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) reporter: Reporter,
    pub(super) reached: Reached,
    pub(super) identity: TransactionId,
    /// Where it is written down.
    pub(super) journal: Note,
    pub(super) source_directory: String,
    pub(super) destination_directory: String,
    pub(super) container: Option<Inspected>,
    /// How it goes back.
    pub(super) way: Way,
    /// Names of the networks that are made for it at its destination.
    pub(super) networks: Vec<String>,
    /// What a person has to run after the container has gone over.
    pub(super) left_over: Vec<String>,
}

/// Moves a container. Whatever happens, the answer says where it is.
pub async fn migrate(
    request: Request,
    hosts: Arc<dyn Hosts>,
    events: mpsc::Sender<MigrationEvent>,
    cancel: CancellationToken,
) -> Result<Summary, FailedMigration> {
    let identity = TransactionId::random();
    let journal = hosts.journal().await;
    let mut transaction = Transaction {
        source_directory: format!("/run/drover/{identity}"),
        destination_directory: format!("/var/tmp/drover-{identity}"),
        identity,
        journal: Note::new(journal),
        request,
        hosts,
        reporter: Reporter::new(events),
        reached: Reached::NothingFrozen,
        container: None,
        way: Way::KeptImages,
        networks: Vec::new(),
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
            let times = Times { total: summary.total, downtime: summary.downtime };
            transaction.journal.end(&transaction.identity, "moved", Some(times)).await;
            transaction.reporter.tell(MigrationEvent::Finished { summary: summary.clone() }).await;
            Ok(summary)
        }
        Err(error) => {
            let failure = transaction.back(error).await;
            // What is not known or not cleared away stays open, for “drover recover”.
            if matches!(failure.whereabouts, Whereabouts::Untouched | Whereabouts::BackOnSource) {
                transaction.journal.end(&transaction.identity, &failure.cause, None).await;
            }
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
        let (traveller, metadata) =
            tokio::join!(self.check(&from, &to), two_phase::metadata(&request.container, &from, &to));
        let traveller = traveller?;
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

        match metadata {
            Ok(metadata) => self.in_two_phases(&from, &to, traveller, metadata, committed).await,
            Err(cause) if request.keep.is_some() => Err(MigrateError::Refused(format!(
                "the stopped copy can be kept only after a move in two phases, which is not possible here: {cause}"
            ))),
            Err(_) => self.by_kept_images(&from, &to, traveller, committed).await,
        }
    }

    /// A script that looks at the container's files on the source.
    pub(super) fn view(&self, container: &Inspected, tail: &str) -> Command {
        let script =
            format!("{}\n{}\n{tail}", include_str!("scripts/entries.sh"), include_str!("scripts/view.sh"));
        let arguments = [self.source_directory.clone(), container.merged.clone()];
        let words = ["--mount", "sh", "-c", script.as_str(), "drover"];
        Command::new("unshare").arguments(words).arguments(arguments)
    }

    /// The commands for what could not be cleared away: the source's stopped copy and the directories of either side.
    pub(super) fn left_over(&self, removed: bool, source: bool, destination: bool) -> Vec<String> {
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
            arrival: preflight::arrival(
                &source,
                &destination,
                Publish::words(&self.request.publish, &source.container.ports),
            ),
            networks: destination
                .network_plans
                .into_iter()
                .filter_map(|plan| (plan.fit == Fit::Missing).then_some(plan.network))
                .collect(),
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
    pub(super) async fn verify(
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

    /// Makes the networks that the destination lacks.
    pub(super) async fn make_networks(
        &mut self,
        to: &Party,
        traveller: &Traveller,
    ) -> Result<(), MigrateError> {
        // Before the first is made: one that is being made when this ends must go, too.
        self.networks = traveller.networks.iter().map(|network| network.name.clone()).collect();
        networks::create(to, &traveller.networks, &self.identity.to_string()).await
    }

    /// Takes back the networks that were made for a container that did not come; the answer is what is left to do.
    async fn remove_networks(&self, whereabouts: &Whereabouts) -> Option<String> {
        if self.networks.is_empty()
            || matches!(whereabouts, Whereabouts::AtDestination | Whereabouts::Unknown(_))
        {
            return None;
        }
        let command = |party: &Party| party.engine.remove_networks(&self.identity.to_string());
        let names: Vec<String> = self.networks.iter().map(|name| printable(name)).collect();
        self.insist(&self.request.to, command).await.err().map(|cause| {
            let to = &self.request.to;
            format!(
                "; “podman network rm {}” on {to} removes what was made for it ({cause})",
                names.join(" ")
            )
        })
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
        let advice = advice + &self.remove_networks(&whereabouts).await.unwrap_or_default();
        self.reporter.finish(None).await;
        FailedMigration {
            request: self.request.clone(),
            reason: error.reason(),
            stage,
            cause: error.to_string(),
            log_line,
            explanation: super::explain::of_error(&error),
            whereabouts,
            advice,
        }
    }

    /// Makes the source's copy run again; it is frozen, or about to be.
    async fn stay(&self, container: &Inspected) -> (Whereabouts, String) {
        let from = &self.request.from;
        let name = printable(&container.name);
        let command = |party: &Party| match (self.way, party.engine.two_phase()) {
            (Way::TwoPhase, Some(engine)) => engine.abort(&self.source_directory, &container.id),
            _ => party.engine.stay(&self.source_directory, &container.id),
        };
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
        if self.way == Way::TwoPhase && self.reached == Reached::RestoreOrdered {
            return self.close(container, &volumes).await;
        }
        let command = |party: &Party| match (self.way, party.engine.two_phase()) {
            (Way::TwoPhase, Some(engine)) => {
                engine.undo(&self.destination_directory, &container.id, &volumes)
            }
            _ => party.engine.undo_restore(&self.destination_directory, &container.id, &volumes),
        };
        match self.insist(&self.request.to, command).await {
            Ok(output) if output.contains("undone") => Ok(()),
            Ok(_) => Err("its copy could not be removed".into()),
            Err(cause) => Err(cause),
        }
    }

    /// The same where a restore was ordered: somebody else may have recovered the move meanwhile, so the decision that is
    /// recorded at the destination counts.
    async fn close(&self, container: &Inspected, volumes: &[String]) -> Result<(), String> {
        let act = Act::Close(volumes);
        let command = |_: &Party| recover::command(&act, &self.identity, &container.id);
        let said = self.insist(&self.request.to, command).await?;
        match said.lines().last().unwrap_or_default() {
            "closed" => {}
            "committed" => return Err("another drover has finished this move meanwhile".into()),
            other => return Err(format!("the destination says “{}”", printable(other))),
        }
        let conclude = |party: &Party| match party.engine.two_phase() {
            Some(engine) => engine.conclude(&self.destination_directory, &container.id),
            None => party.engine.tidy(&self.destination_directory, &container.id),
        };
        // Nothing of the container is there; a directory that stays is no reason to keep it frozen.
        let _ = self.insist(&self.request.to, conclude).await;
        Ok(())
    }

    /// Removes our directory on a host where nothing else was done; a host that does not answer keeps an
    /// empty directory until it is asked again.
    async fn discard(&self, host: &HostName) {
        let Some(container) = self.container.clone() else { return };
        if self.way == Way::TwoPhase && *host == self.request.to {
            // The destination may have prepared a container already.
            let _ = self.undo_restore(&container).await;
            return;
        }
        let directory =
            if *host == self.request.from { &self.source_directory } else { &self.destination_directory };
        if let Ok(party) = Party::reach(&*self.hosts, host).await {
            let command = match (self.way, party.engine.two_phase()) {
                (Way::TwoPhase, Some(engine)) => engine.conclude(directory, &container.id),
                _ => party.engine.tidy(directory, &container.id),
            };
            let _ = party.remote.run(&command).await;
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
