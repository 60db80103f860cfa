//! Looking at one host: one round trip, nothing changed, nothing believed that does not have the right form.

use crate::fleet::ContainerId;
use crate::migrate::identity::{TransactionId, is_hexadecimal};
use crate::migrate::protocol::{EngineView, Intent, Party, Processes};
use crate::migrate::record::{HostRecord, Role};
use crate::ssh::{Command, ExitStatus, Remote, RemoteError};

/// What is on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Transactions of which something is there.
    pub found: Vec<Found>,
    /// The containers that were asked about.
    pub asked: Vec<(ContainerId, Seen)>,
}

/// Where a container is on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its processes.
    pub processes: Processes,
    /// What the engine says, when it could be asked.
    pub engine: EngineView,
    /// When its oldest process began, in the host's words.
    pub started: Option<String>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { processes: Processes::None, engine: EngineView::Silent, started: None }
    }
}

/// Whether the laptop that began a transaction still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// There is nothing through which it would.
    None,
    /// The host has noticed that it does not.
    Ended,
    /// Its last word came so many seconds ago, by the host's clock.
    Seconds(u64),
}

/// A transaction on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub tx: TransactionId,
    /// Its durable record.
    pub record: Option<HostRecord>,
    /// The word in its `state`; empty when there is none.
    pub state: String,
    /// The side by its FIFO, for when there is no record.
    pub side: Option<Role>,
    /// What has been decided, at the destination.
    pub decision: Intent,
    /// Whether a process of it lives.
    pub holder: Party,
    /// Whether its laptop speaks.
    pub lease: Lease,
    /// The container.
    pub container: Option<ContainerId>,
    /// Where that is.
    pub seen: Seen,
}

impl Found {
    fn new(tx: TransactionId) -> Self {
        Self {
            tx,
            record: None,
            state: String::new(),
            side: None,
            decision: Intent::Open,
            holder: Party::Gone,
            lease: Lease::None,
            container: None,
            seen: Seen::default(),
        }
    }

    /// Which side the host is, as far as it knows.
    pub fn role(&self) -> Option<Role> {
        self.record.as_ref().map(|record| record.role).or(self.side)
    }
}

/// Looks at a host, and for some containers there.
pub async fn look(remote: &dyn Remote, containers: &[ContainerId]) -> Result<Look, RemoteError> {
    let script = concat!(include_str!("scripts/common.sh"), include_str!("scripts/look.sh"));
    let words: Vec<String> = containers.iter().map(|container| container.0.clone()).collect();
    let output = remote.output(&Command::script(script, words), &[]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A list that was cut short must not look like a host with nothing on it.
    if output.status != ExitStatus::Code(0) || !text.ends_with("complete\n") {
        return Err(RemoteError::Command {
            host: remote.host().clone(),
            program: "sh".into(),
            status: output.status,
            stderr: crate::fleet::printable(String::from_utf8_lossy(&output.stderr).trim()),
        });
    }
    Ok(parse(&text))
}

enum Part {
    Transaction(Box<Found>),
    Asked(ContainerId, Seen),
}

fn parse(text: &str) -> Look {
    let mut look = Look::default();
    let mut part: Option<Part> = None;
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        match key {
            "tx" => part = TransactionId::parse(value).map(|tx| Part::Transaction(Box::new(Found::new(tx)))),
            "asked" => part = container(value).map(|id| Part::Asked(id, Seen::default())),
            "end" => match part.take() {
                Some(Part::Transaction(found)) => look.found.push(*found),
                Some(Part::Asked(id, seen)) => look.asked.push((id, seen)),
                None => {}
            },
            _ => match &mut part {
                Some(Part::Transaction(found)) => transaction_line(found, key, value),
                Some(Part::Asked(_, seen)) => seen_line(seen, key, value),
                None => {}
            },
        }
    }
    look
}

fn container(text: &str) -> Option<ContainerId> {
    is_hexadecimal(text, 64).then(|| ContainerId(text.to_owned()))
}

fn transaction_line(found: &mut Found, key: &str, value: &str) {
    match key {
        "record" => found.record = HostRecord::read(&found.tx, value),
        "state" => value.clone_into(&mut found.state),
        "side" => {
            found.side = match value {
                "source" => Some(Role::Source),
                "destination" => Some(Role::Destination),
                _ => None,
            }
        }
        "decision" => found.decision = Intent::parse(value).unwrap_or_default(),
        "holder" => found.holder = if value == "alive" { Party::Alive } else { Party::Gone },
        "lease" => {
            found.lease = match value {
                "none" => Lease::None,
                "ended" => Lease::Ended,
                // A clock that was set back makes the age negative: then the last word is as good as new.
                age => {
                    age.parse::<i64>().map_or(Lease::None, |age| Lease::Seconds(age.max(0).unsigned_abs()))
                }
            }
        }
        "container" => found.container = container(value),
        _ => seen_line(&mut found.seen, key, value),
    }
}

fn seen_line(seen: &mut Seen, key: &str, value: &str) {
    match key {
        "processes" => {
            seen.processes = match value {
                "free" => Processes::Free,
                "frozen" => Processes::Frozen,
                _ => Processes::None,
            }
        }
        "engine" => {
            seen.engine = match value {
                "absent" => EngineView::Absent,
                "stopped" => EngineView::Stopped,
                "images" => EngineView::StoppedWithImages,
                _ => EngineView::Silent,
            }
        }
        "started" => seen.started = Some(crate::fleet::printable(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_becomes_nothing() {
        let look = parse(
            "tx ../../etc\nstate x\nend\nasked zz\nend\ntx 0123456789abcdef\nrecord {\"tx\":1}\nstate handed\ndecision rm -rf\nlease 99999999999999999999\ncontainer ;reboot\nprocesses \nengine \nend\ncomplete\n",
        );
        let mut expected = Found::new(TransactionId::parse("0123456789abcdef").unwrap());
        expected.state = "handed".into();
        assert_eq!(look, Look { found: vec![expected], asked: Vec::new() });
    }

    /// The script itself, on this machine: it must work where there is nothing, too.
    #[test]
    fn a_host_without_anything_says_so() {
        let script = concat!(include_str!("scripts/common.sh"), include_str!("scripts/look.sh"))
            .replace("run=/run/drover keep=/var/lib/drover", "run=/nonexistent/a keep=/nonexistent/b");
        let output = std::process::Command::new("sh").args(["-c", &script, "drover"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "complete\n", "{output:?}");
    }

    #[test]
    fn files_of_a_host_are_read_as_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let (run, keep) = (directory.path().join("run"), directory.path().join("keep"));
        std::fs::create_dir_all(run.join("0123456789abcdef")).unwrap();
        std::fs::create_dir_all(run.join("not-a-transaction")).unwrap();
        std::fs::create_dir_all(&keep).unwrap();
        std::fs::write(run.join("0123456789abcdef/state"), "handed\n").unwrap();
        std::fs::write(run.join("0123456789abcdef/stamps"), "dumped 1.5\nlost 2.5\n").unwrap();
        let container = "b".repeat(64);
        let record = format!(
            "{{\"tx\":\"0123456789abcdef\",\"container\":\"{container}\",\n\"name\":\"wéb\",\"from\":\"h1\",\"to\":\"h2\",\"role\":\"source\",\"who\":\"a@b\",\"since\":\"x\",\"way\":\"two-phase\"}}\n"
        );
        std::fs::write(keep.join("0123456789abcdef.json"), record).unwrap();
        std::os::unix::fs::symlink("undo", keep.join("0123456789abcdef.decision")).unwrap();
        let places = format!("run={} keep={}", run.display(), keep.display());
        let script = concat!(include_str!("scripts/common.sh"), include_str!("scripts/look.sh"))
            .replace("run=/run/drover keep=/var/lib/drover", &places);
        let output = std::process::Command::new("sh").args(["-c", &script, "drover"]).output().unwrap();
        let look = parse(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(look.found.len(), 1, "{look:?}");
        let found = &look.found[0];
        assert_eq!(found.state, "handed");
        assert_eq!((found.decision, found.holder, found.lease), (Intent::Undo, Party::Gone, Lease::Ended));
        assert_eq!(found.record.as_ref().unwrap().name, "wéb");
        assert_eq!(found.container, Some(ContainerId(container)));
        assert_eq!(found.seen.processes, Processes::None);
    }
}
