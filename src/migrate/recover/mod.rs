//! Ends what was interrupted: looks at both hosts of each transaction, decides by the table of [`super::protocol`],
//! acts, and looks again until nothing is left to do.
//!
//! In come ways to reach the hosts; out comes one [`Recovered`] for each transaction. The hosts' own records are
//! enough, so it works from any laptop; the journal only names hosts to ask. It can be repeated, stopped anywhere and
//! run twice at once: each step holds a lock on its host and does nothing when somebody has done it before, and a
//! container that was started is kept or undone by one decision that is recorded where it runs.

mod act;
mod case;
mod look;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::identity::TransactionId;
use super::journal::{Journal, Way};
use super::protocol::{DestinationState, Intent, Processes, Recovery, SourceState, recovery};
use super::survey::Hosts;
use crate::fleet::{ContainerId, HostName};
use crate::ssh::{Remote, RemoteError};

pub use act::{Act, Answer, act, command};
use case::{Case, Speaker};
pub use look::{Found, Lease, Look, Seen, look};

/// How long a laptop may be silent before its transaction counts as interrupted. The source's own lease ends by then.
pub const LEASE: Duration = Duration::from_secs(20);
/// How often a host is looked at again while something has to come by itself.
const AGAIN: Duration = Duration::from_millis(500);
/// Longer than Podman gives a runtime, after which every restore has an outcome.
const OUTCOME: Duration = Duration::from_secs(270);
/// More steps than the longest way through the table has.
const STEPS: usize = 24;

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What can be done is done.
    Act,
    /// What would be done first is said.
    DryRun,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to act.
    pub mode: Mode,
    /// Only transactions in which this host takes part.
    pub host: Option<HostName>,
}

/// How one transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The container runs on its source; nothing of the transaction is left.
    OnSource,
    /// It runs at its destination; nothing of the transaction is left.
    AtDestination,
    /// Neither host has it; what was left of the transaction is removed.
    Nowhere,
    /// Its laptop still speaks: it goes on.
    UnderWay,
    /// Nothing could be done safely; the table says why.
    Held,
    /// It runs on both hosts.
    TwoCopies,
    /// A step did not reach its purpose.
    Failed,
    /// Nothing was done because only a look was asked for.
    WouldAct,
}

/// One transaction after recovery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovered {
    /// Which.
    pub tx: TransactionId,
    /// The container's full id, when it is known.
    pub container: Option<ContainerId>,
    /// Its name, untrusted text.
    pub name: String,
    /// Its source, by the fleet's name where the host is of the fleet.
    pub from: String,
    /// Its destination.
    pub to: String,
    /// Who began it.
    pub who: String,
    /// When.
    pub since: String,
    /// What was found first.
    pub found: (SourceState, DestinationState),
    /// What had been decided.
    pub decided: Intent,
    /// What was done, or would be done first.
    pub did: Vec<Recovery>,
    /// How it ended.
    pub ended: Ended,
    /// All of it in words, with where the container is and what to do next.
    pub message: String,
}

/// Everything that was found.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Transactions, oldest identity first.
    pub transactions: Vec<Recovered>,
    /// Hosts that could not be asked, with the reason.
    pub unreachable: BTreeMap<HostName, String>,
}

/// Looks for interrupted transactions on all hosts and ends them.
pub async fn recover(hosts: &dyn Hosts, journal: Option<&Journal>, options: &Options) -> Outcome {
    let mut field = Field::reach(hosts).await;
    let open = match journal {
        Some(journal) => journal.open_transactions().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut transactions = field.transactions();
    // One whose drover lives may not have reached its hosts yet.
    let interrupted = open.iter().filter(|entry| !entry.is_led());
    transactions.extend(interrupted.map(|entry| entry.tx.clone()));
    let mut outcome = Outcome::default();
    for tx in transactions {
        let entry = open.iter().find(|entry| entry.tx == tx);
        let mut case = Case::new(tx.clone(), entry, &field);
        if options.host.as_ref().is_some_and(|host| !case.concerns(host)) {
            continue;
        }
        let recovered = end(&mut case, &mut field, options.mode).await;
        if let (Some(journal), Some(_), Mode::Act) = (journal, entry, options.mode) {
            note_end(journal, &recovered).await;
        }
        outcome.transactions.push(recovered);
    }
    outcome.unreachable = field.unreachable;
    outcome
}

/// The journal is told what became of its transaction; the hosts' records are gone by now, so a failure here only
/// makes it ask again.
async fn note_end(journal: &Journal, recovered: &Recovered) {
    let words = match recovered.ended {
        Ended::OnSource => "recovered: on source",
        Ended::AtDestination => "recovered: at destination",
        Ended::Nowhere => "recovered: nowhere",
        Ended::UnderWay | Ended::Held | Ended::TwoCopies | Ended::Failed | Ended::WouldAct => return,
    };
    let _ = journal.end(&recovered.tx, words, None).await;
}

/// All hosts of the fleet, as far as they answer.
struct Field {
    remotes: BTreeMap<HostName, Arc<dyn Remote>>,
    looks: BTreeMap<HostName, Look>,
    unreachable: BTreeMap<HostName, String>,
}

impl Field {
    async fn reach(hosts: &dyn Hosts) -> Self {
        let mut field =
            Self { remotes: BTreeMap::new(), looks: BTreeMap::new(), unreachable: BTreeMap::new() };
        let attempts = hosts.names().into_iter().map(|name| async move {
            let attempt = async {
                let remote = hosts.connect(&name).await?;
                let look = look(&*remote, &[]).await?;
                Ok::<_, RemoteError>((remote, look))
            };
            (name.clone(), attempt.await)
        });
        for (name, attempt) in join_all(attempts).await {
            match attempt {
                Ok((remote, look)) => {
                    field.looks.insert(name.clone(), look);
                    field.remotes.insert(name, remote);
                }
                Err(error) => {
                    field.unreachable.insert(name, error.to_string());
                }
            }
        }
        field
    }

    fn transactions(&self) -> BTreeSet<TransactionId> {
        self.looks.values().flat_map(|look| &look.found).map(|found| found.tx.clone()).collect()
    }

    /// Looks at some hosts again. One that does not answer any more is unreachable from then on.
    async fn look_again(&mut self, names: &[HostName], container: Option<&ContainerId>) {
        let asked: Vec<ContainerId> = container.into_iter().cloned().collect();
        let again = names.iter().filter_map(|name| self.remotes.get(name).map(|remote| (name, remote)));
        let attempts = again.map(|(name, remote)| {
            let asked = &asked;
            async move { (name.clone(), look(&**remote, asked).await) }
        });
        for (name, attempt) in join_all(attempts).await {
            match attempt {
                Ok(look) => {
                    self.looks.insert(name, look);
                }
                Err(error) => self.lose(&name, &error),
            }
        }
    }

    fn lose(&mut self, name: &HostName, error: &RemoteError) {
        self.remotes.remove(name);
        self.looks.remove(name);
        self.unreachable.insert(name.clone(), error.to_string());
    }
}

/// Takes one transaction to its end.
async fn end(case: &mut Case, field: &mut Field, mode: Mode) -> Recovered {
    let began = Instant::now();
    let mut first = None;
    let mut did = Vec::new();
    for _ in 0..STEPS {
        let (action, ended) = loop {
            field.look_again(&case.hosts(), case.container.as_ref()).await;
            case.judge(field);
            first.get_or_insert((case.source, case.destination));
            if mode == Mode::DryRun {
                let action = recovery(case.source, case.destination, case.decided);
                let silent = case.speaker(Duration::ZERO) == Speaker::Silent;
                break (action, Some(if silent { Ended::WouldAct } else { Ended::UnderWay }));
            }
            match case.speaker(began.elapsed()) {
                Speaker::Silent => {}
                Speaker::Perhaps => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Speaker::Speaks => break (Recovery::WaitForOutcome, Some(Ended::UnderWay)),
            }
            let action = recovery(case.source, case.destination, case.decided);
            match action {
                Recovery::WaitForOutcome if began.elapsed() < OUTCOME => tokio::time::sleep(AGAIN).await,
                Recovery::WaitForOutcome => break (action, Some(Ended::Failed)),
                Recovery::Hold(_) => break (action, Some(Ended::Held)),
                Recovery::Alarm => break (action, Some(Ended::TwoCopies)),
                Recovery::Tidy
                | Recovery::AbortBoth
                | Recovery::CommitForward
                | Recovery::ThawSource
                | Recovery::RestoreKept
                | Recovery::UndoDestination => break (action, None),
            }
        };
        let found = first.unwrap_or((case.source, case.destination));
        if did.last() != Some(&action) && ended != Some(Ended::UnderWay) {
            did.push(action);
        }
        if let Some(ended) = ended {
            return words::tell(case, field, found, did, ended, None);
        }
        match case.carry_out(action, field).await {
            Ok(()) if action == Recovery::Tidy => {
                let ended = match (case.source, case.destination) {
                    (_, DestinationState::Restored) => Ended::AtDestination,
                    (SourceState::Running, _) if case.source_processes != Processes::None => Ended::OnSource,
                    _ => Ended::Nowhere,
                };
                return words::tell(case, field, found, did, ended, None);
            }
            Ok(()) => {}
            Err(cause) => return words::tell(case, field, found, did, Ended::Failed, Some(cause)),
        }
    }
    let found = first.unwrap_or((case.source, case.destination));
    words::tell(case, field, found, did, Ended::Failed, Some("its state changes again and again".into()))
}

/// Whether this transaction's way has words of its own on the hosts.
fn is_two_phase(way: Option<Way>) -> bool {
    way != Some(Way::KeptImages)
}
