//! One transaction: which hosts are its sides, what was seen there, and each action as steps on them.

use std::time::Duration;

use super::act::{Act, Answer, act};
use super::look::{Found, Lease, Seen};
use super::{Field, LEASE, is_two_phase};
use crate::fleet::{ContainerId, HostName};
use crate::migrate::identity::TransactionId;
use crate::migrate::journal::{Entry, Way};
use crate::migrate::protocol::{
    DestinationState, DestinationView, DestinationWord, Intent, Party, Processes, Record, Recovery,
    SourceState, SourceView, SourceWord,
};
use crate::migrate::record::{HostRecord, Role};

/// One transaction.
pub(super) struct Case {
    pub tx: TransactionId,
    pub container: Option<ContainerId>,
    pub name: String,
    pub who: String,
    pub since: String,
    /// The names by which the sides are known, whether or not they are of this fleet.
    pub from: String,
    pub to: String,
    /// Where the sides were found.
    pub from_host: Option<HostName>,
    pub to_host: Option<HostName>,
    pub way: Option<Way>,
    pub volumes: Vec<String>,
    pub source: SourceState,
    pub destination: DestinationState,
    pub decided: Intent,
    /// What runs on the source.
    pub source_processes: Processes,
    /// When the copy on each side began to run.
    pub started: [Option<String>; 2],
    lease: Option<Duration>,
    guarded: bool,
}

/// Whether the laptop that began a transaction still leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Silent,
    /// Its last word is young; it may have been its last.
    Perhaps,
    Speaks,
}

impl Case {
    /// Gathers what hosts and journal say of a transaction.
    pub fn new(tx: TransactionId, entry: Option<&Entry>, field: &Field) -> Self {
        let mut case = Self {
            tx,
            container: entry.map(|entry| entry.begun.container.clone()),
            name: entry.map(|entry| entry.begun.name.clone()).unwrap_or_default(),
            who: String::new(),
            since: String::new(),
            from: entry.map(|entry| entry.begun.from.to_string()).unwrap_or_default(),
            to: entry.map(|entry| entry.begun.to.to_string()).unwrap_or_default(),
            from_host: entry.map(|entry| entry.begun.from.clone()),
            to_host: entry.map(|entry| entry.begun.to.clone()),
            way: entry.map(|entry| entry.begun.way),
            volumes: Vec::new(),
            source: SourceState::Unreachable,
            destination: DestinationState::Unreachable,
            decided: Intent::Open,
            source_processes: Processes::None,
            started: [None, None],
            lease: None,
            guarded: false,
        };
        if case.container.is_none() {
            // Interrupted before its record was written: nothing had begun, and no container has this id.
            case.container = Some(ContainerId("0".repeat(64)));
        }
        let mut records = Vec::new();
        for (host, look) in &field.looks {
            let Some(found) = look.found.iter().find(|found| found.tx == case.tx) else { continue };
            records.extend(found.record.clone());
            if let Some(container) = &found.container {
                case.container = Some(container.clone());
            }
            // Where it was found counts more than a name: another laptop may call its hosts otherwise.
            match found.role() {
                Some(Role::Source) => case.from_host = Some(host.clone()),
                Some(Role::Destination) => case.to_host = Some(host.clone()),
                None => {}
            }
        }
        for record in &records {
            case.take_in(record, field);
        }
        for (place, name) in [(&case.from_host, &mut case.from), (&case.to_host, &mut case.to)] {
            if let Some(host) = place {
                *name = host.to_string();
            }
        }
        case
    }

    fn take_in(&mut self, record: &HostRecord, field: &Field) {
        self.container = Some(record.container.clone());
        self.name.clone_from(&record.name);
        self.who.clone_from(&record.who);
        self.since.clone_from(&record.since);
        self.way = Some(record.way);
        if record.role == Role::Destination {
            self.volumes.clone_from(&record.volumes);
        }
        let named = |name: &str| {
            let known = HostName::new(name).ok()?;
            let of_fleet = field.looks.contains_key(&known) || field.unreachable.contains_key(&known);
            of_fleet.then_some(known)
        };
        for (place, name, text) in [
            (&mut self.from_host, &mut self.from, &record.from),
            (&mut self.to_host, &mut self.to, &record.to),
        ] {
            name.clone_from(text);
            if place.is_none() {
                *place = named(text);
            }
        }
    }

    /// Whether a host is one of the sides.
    pub fn concerns(&self, host: &HostName) -> bool {
        [&self.from_host, &self.to_host].into_iter().flatten().any(|side| side == host)
    }

    /// The sides that are of this fleet.
    pub fn hosts(&self) -> Vec<HostName> {
        [&self.from_host, &self.to_host].into_iter().flatten().cloned().collect()
    }

    /// Judges what was seen last.
    pub fn judge(&mut self, field: &Field) {
        let (source, at_source) = self.side(field, self.from_host.as_ref());
        let (destination, at_destination) = self.side(field, self.to_host.as_ref());
        self.started =
            [at_source.clone(), at_destination.clone()].map(|seen| seen.and_then(|seen| seen.started));
        self.decided = destination.as_ref().map(|found| found.decision).unwrap_or_default();
        let leases =
            [&source, &destination].into_iter().flatten().filter(|found| found.holder == Party::Alive);
        self.lease = leases
            .filter_map(|found| match found.lease {
                Lease::Seconds(age) => Some(Duration::from_secs(age)),
                Lease::None | Lease::Ended => None,
            })
            .min();
        if [&source, &destination].into_iter().flatten().any(|found| found.lease == Lease::Ended) {
            self.lease = None;
        }
        self.source_processes = at_source.as_ref().map_or(Processes::None, |seen| seen.processes);
        self.guarded = source.as_ref().is_some_and(|found| found.holder == Party::Alive);
        self.source = match at_source {
            Some(seen) => source_state(source.as_ref(), &seen),
            None if self.has_no_side(&self.from, field) => SourceState::Absent,
            None => SourceState::Unreachable,
        };
        self.destination = match at_destination {
            Some(seen) => destination_state(destination.as_ref(), &seen),
            None if self.has_no_side(&self.to, field) => DestinationState::Absent,
            None => DestinationState::Unreachable,
        };
    }

    /// Nobody knows of a host on this side, and every host was asked.
    fn has_no_side(&self, name: &str, field: &Field) -> bool {
        name.is_empty() && field.unreachable.is_empty()
    }

    /// What one side has of the transaction, and where the container is there; nothing when it does not answer.
    fn side(&self, field: &Field, host: Option<&HostName>) -> (Option<Found>, Option<Seen>) {
        let Some(look) = host.and_then(|host| field.looks.get(host)) else { return (None, None) };
        let found = look.found.iter().find(|found| found.tx == self.tx).cloned();
        let asked =
            look.asked.iter().find(|(id, _)| Some(id) == self.container.as_ref()).map(|(_, seen)| seen);
        let seen =
            found.as_ref().filter(|found| found.container.is_some()).map(|found| &found.seen).or(asked);
        (found.clone(), seen.cloned())
    }

    /// Whether its laptop still leads it. `elapsed` is how long it has been watched.
    pub fn speaker(&self, elapsed: Duration) -> Speaker {
        let busy = matches!(self.source, SourceState::Frozen | SourceState::Handed)
            || matches!(self.destination, DestinationState::Waiting | DestinationState::Released);
        if !is_two_phase(self.way) {
            // Its guard lives as long as its laptop's connection, and then brings the container back by itself.
            return if self.guarded && busy { Speaker::Speaks } else { Speaker::Silent };
        }
        match self.lease {
            Some(age) if busy && age < LEASE => {
                // Watched for some seconds, it has spoken again meanwhile.
                if elapsed > age + Duration::from_secs(2) { Speaker::Speaks } else { Speaker::Perhaps }
            }
            _ => Speaker::Silent,
        }
    }

    /// One action of the table, as steps on the hosts. After it both are looked at again.
    pub async fn carry_out(&self, action: Recovery, field: &mut Field) -> Result<(), String> {
        match action {
            Recovery::Tidy => self.tidy(field).await,
            Recovery::UndoDestination => self.close(field).await.map(drop),
            Recovery::AbortBoth => {
                if self.close(field).await? {
                    self.at_source(field, &Act::Abort).await?;
                }
                Ok(())
            }
            Recovery::ThawSource if self.source == SourceState::Frozen => {
                self.at_source(field, &Act::AwaitThaw).await.map(drop)
            }
            Recovery::ThawSource => {
                if self.close(field).await? {
                    self.at_source(field, &Act::Abort).await?;
                }
                Ok(())
            }
            Recovery::RestoreKept => {
                if self.close(field).await? {
                    match self.at_source(field, &Act::RestoreKept).await? {
                        Answer::Running | Answer::Gone => {}
                        answer => return Err(self.failed("restoring the kept images", &self.from, &answer)),
                    }
                }
                Ok(())
            }
            Recovery::CommitForward => self.commit(field).await,
            Recovery::WaitForOutcome | Recovery::Hold(_) | Recovery::Alarm => Ok(()),
        }
    }

    /// Closes the destination; false when commit is recorded there, which then holds.
    async fn close(&self, field: &mut Field) -> Result<bool, String> {
        if self.to_host.is_none() && self.destination == DestinationState::Absent {
            return Ok(true);
        }
        match self.at(field, self.to_host.as_ref(), &Act::Close(&self.volumes)).await? {
            Answer::Closed => Ok(true),
            Answer::Committed => Ok(false),
            answer => Err(self.failed("undoing the restore", &self.to, &answer)),
        }
    }

    async fn commit(&self, field: &mut Field) -> Result<(), String> {
        match self.at(field, self.to_host.as_ref(), &Act::Decide(Intent::Commit)).await? {
            // A destination that was tidied had its commit before.
            Answer::Committed | Answer::Gone => {}
            // Somebody undoes it, or it ended just now: the next look says so.
            Answer::Undo | Answer::Stopped => return Ok(()),
            answer => return Err(self.failed("recording the commit", &self.to, &answer)),
        }
        match self.at_source(field, &Act::Commit).await? {
            Answer::Removed | Answer::Gone => Ok(()),
            answer => Err(self.failed("removing the source's copy", &self.from, &answer)),
        }
    }

    async fn tidy(&self, field: &mut Field) -> Result<(), String> {
        for (place, name) in [(&self.to_host, &self.to), (&self.from_host, &self.from)] {
            let there = place.as_ref().and_then(|host| field.looks.get(host));
            if there.is_some_and(|look| look.found.iter().any(|found| found.tx == self.tx)) {
                match self.at(field, place.as_ref(), &Act::Tidy).await? {
                    Answer::Tidied => {}
                    answer => return Err(self.failed("tidying up", name, &answer)),
                }
            }
        }
        Ok(())
    }

    async fn at_source(&self, field: &mut Field, step: &Act<'_>) -> Result<Answer, String> {
        self.at(field, self.from_host.as_ref(), step).await
    }

    async fn at(&self, field: &mut Field, host: Option<&HostName>, step: &Act<'_>) -> Result<Answer, String> {
        let Some(container) = &self.container else {
            return Err("which container it was is not recorded".into());
        };
        let Some((host, remote)) = host.and_then(|host| field.remotes.get_key_value(host)) else {
            return Err("a host that is needed is not reached".into());
        };
        let (host, remote) = (host.clone(), remote.clone());
        act(&*remote, step, &self.tx, container).await.map_err(|error| {
            field.lose(&host, &error);
            error.to_string()
        })
    }

    fn failed(&self, what: &str, host: &str, answer: &Answer) -> String {
        let words = match answer {
            Answer::Other(words) => words.clone(),
            Answer::Running => "it runs there".into(),
            Answer::Stopped => "it is stopped there".into(),
            Answer::Gone => "its record is gone".into(),
            Answer::Closed | Answer::Committed | Answer::Undo | Answer::Removed | Answer::Tidied => {
                "the host answered something else".into()
            }
        };
        format!("{what} on {} did not work: {words}", crate::fleet::printable(host))
    }
}

fn source_state(found: Option<&Found>, seen: &Seen) -> SourceState {
    let word = found.and_then(|found| SourceWord::parse(&found.state));
    let holder = found.map_or(Party::Gone, |found| found.holder);
    SourceState::of(SourceView { word, holder, processes: seen.processes, engine: seen.engine })
}

fn destination_state(found: Option<&Found>, seen: &Seen) -> DestinationState {
    DestinationState::of(DestinationView {
        word: found.and_then(|found| DestinationWord::parse(&found.state)),
        holder: found.map_or(Party::Gone, |found| found.holder),
        processes: seen.processes,
        engine: seen.engine,
        record: if found.is_some_and(|found| found.record.is_some()) {
            Record::Present
        } else {
            Record::Missing
        },
    })
}
