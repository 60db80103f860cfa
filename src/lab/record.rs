//! What drover remembers of a lab between two commands.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::file;
use super::places::{Owner, Places, private_directory, write};
use super::{Cpus, LabError, LabName, Memory};

/// One process, so that its number cannot be taken for another's later on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessMark {
    /// Its number.
    pub pid: u32,
    /// When it began, in ticks since the boot.
    pub started: u64,
}

impl ProcessMark {
    /// The mark of a running process.
    pub fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // A zombie holds nothing any more.
        match state_and_start(&status)? {
            ('Z' | 'X', _) => None,
            (_, started) => Some(Self { pid, started }),
        }
    }

    /// Whether the process still runs.
    pub fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// State and start time in /proc/PID/stat; the program's name before them may hold blanks and brackets.
fn state_and_start(status: &str) -> Option<(char, u64)> {
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// One host of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostRecord {
    /// `h1`, `h2`, …
    pub name: String,
    /// The last byte of its address.
    pub number: u8,
    /// Its first process, when it was started.
    pub init: Option<ProcessMark>,
}

/// Whether the sample workloads were started once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Samples {
    /// They have to be.
    Due,
    /// They were; where they are now is the person's business.
    Started,
}

/// All of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Whose it is.
    pub owner: Owner,
    /// The boot at which it was brought up.
    pub boot: String,
    /// Unix seconds at which it was brought up.
    pub since: i64,
    /// The third byte of its network, 10.78.N.0/24.
    pub network: u8,
    /// Memory of each host.
    pub memory: Memory,
    /// Processors of each host.
    pub cpus: Option<Cpus>,
    /// The base in use, so that a newer one does not replace it under running hosts.
    pub base: PathBuf,
    /// The sample workloads.
    pub samples: Samples,
    /// Its hosts.
    pub hosts: Vec<HostRecord>,
}

impl Record {
    /// What is remembered, with nothing of an earlier boot taken for alive.
    pub fn load(places: &Places) -> Result<Option<Self>, LabError> {
        let path = places.record();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file("reading", path)(error)),
        };
        let mut record: Self = serde_json::from_slice(&text)
            .map_err(|error| file("reading", path)(std::io::Error::other(error)))?;
        record.forget_dead(&boot());
        Ok(Some(record))
    }

    fn forget_dead(&mut self, boot: &str) {
        let same = self.boot == boot;
        let alive = |mark: ProcessMark| same && mark.lives();
        for host in &mut self.hosts {
            host.init = host.init.filter(|mark| alive(*mark));
        }
    }

    /// Remembers it.
    pub fn store(&self, places: &Places) -> Result<(), LabError> {
        private_directory(&places.state)?;
        let path = places.record();
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| file("writing", &path)(std::io::Error::other(error)))?;
        write(&path, 0o600, &text)
    }

    /// The address of a host.
    pub fn address(&self, host: &HostRecord) -> String {
        format!("10.78.{}.{}", self.network, host.number)
    }

    /// The address of the bridge, the hosts' way out.
    pub fn gateway(&self) -> String {
        format!("10.78.{}.1", self.network)
    }

    /// One host by name.
    pub fn host(&self, lab: &LabName, name: &str) -> Result<&HostRecord, LabError> {
        self.hosts.iter().find(|host| host.name == name).ok_or_else(|| LabError::NoHost {
            lab: lab.to_string(),
            host: crate::fleet::printable(name),
            hosts: self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// A new host: its number is its address' last byte less ten.
    pub fn new_host(index: u8) -> HostRecord {
        HostRecord { name: format!("h{index}"), number: 10 + index, init: None }
    }
}

/// What /run says of a lab that is up: enough to refuse others and to find its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// Whose it is.
    pub owner: Owner,
    /// Where its files are.
    pub state: PathBuf,
}

/// Refuses a lab of somebody else, or one whose files are elsewhere.
pub(super) fn check_owner(name: &LabName, places: &Places, record: Option<&Record>) -> Result<(), LabError> {
    let current = Owner::current();
    let claim: Option<Claim> =
        std::fs::read(places.owner()).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let owners = claim.iter().map(|claim| &claim.owner).chain(record.map(|record| &record.owner));
    for owner in owners {
        if *owner != current {
            return Err(LabError::OtherOwner { lab: name.to_string(), owner: owner.to_string() });
        }
    }
    match claim {
        Some(claim) if claim.state != places.state => Err(LabError::OtherPlace {
            lab: name.to_string(),
            found: claim.state,
            expected: places.state.clone(),
        }),
        _ => Ok(()),
    }
}

/// Claims the lab's name at this boot.
pub(super) fn claim(places: &Places) -> Result<(), LabError> {
    private_directory(&places.run)?;
    let path = places.owner();
    let claim = Claim { owner: Owner::current(), state: places.state.clone() };
    let text =
        serde_json::to_vec(&claim).map_err(|error| file("writing", &path)(std::io::Error::other(error)))?;
    write(&path, 0o600, &text)
}

/// What tells this boot from all others.
pub(super) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            owner: Owner { uid: 0, sudo_uid: Some(1000) },
            boot: "here".into(),
            since: 1_700_000_000,
            network: 3,
            memory: Memory::default(),
            cpus: Some("0.5".parse().unwrap()),
            base: "/var/cache/drover/base-1".into(),
            samples: Samples::Due,
            hosts: vec![Record::new_host(1), Record::new_host(2)],
        }
    }

    #[test]
    fn a_record_reads_back_and_plans_addresses() {
        let record = record();
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert_eq!(record.address(&record.hosts[1]), "10.78.3.12");
        assert_eq!(record.gateway(), "10.78.3.1");
        let error = record.host(&LabName::default(), "h9").unwrap_err();
        assert_eq!(error.to_string(), "the lab “lab” has no host “h9”: it has h1, h2");
    }

    #[test]
    fn processes_of_another_boot_or_another_age_are_dead() {
        let mut record = record();
        let mark = ProcessMark::of(std::process::id()).unwrap();
        record.hosts[0].init = Some(mark);
        record.hosts[1].init = Some(ProcessMark { started: mark.started + 1, ..mark });
        record.forget_dead("here");
        assert_eq!(record.hosts[0].init, Some(mark));
        assert_eq!(record.hosts[1].init, None);
        record.forget_dead("elsewhere");
        assert_eq!(record.hosts[0].init, None);
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let line = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(state_and_start(line), Some(('S', 4242)));
    }
}
