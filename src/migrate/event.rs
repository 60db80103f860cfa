//! What a migration says of itself while it runs, and at its end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::explain::Explanation;
use super::health::Probe;
pub use super::wish::{Publish, Tcp};
use crate::fleet::HostName;

/// A migration of this session, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MigrationId(pub u64);

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Name or id of the container on its source.
    pub container: String,
    /// Where it runs now.
    pub from: HostName,
    /// Where it shall run.
    pub to: HostName,
    /// Checks whose errors are passed over, by id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overrides: BTreeSet<String>,
    /// What shall become of open TCP connections, where somebody has chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    /// Published ports that shall be others there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// For how many seconds the source's stopped copy stays after the move, under another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
    /// What has to answer at the destination before the move is taken for done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

impl Request {
    /// The plain move of a container.
    pub fn new(container: impl Into<String>, from: HostName, to: HostName) -> Self {
        Self {
            container: container.into(),
            from,
            to,
            overrides: BTreeSet::new(),
            tcp: None,
            publish: Vec::new(),
            keep: None,
            probe: None,
        }
    }
}

/// The stages of a migration in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Both hosts are looked at; nothing is changed.
    Checks,
    /// The image is brought to the destination, when it is not there.
    Image,
    /// The destination gets everything ready that does not need the freeze.
    Prepare,
    /// The processes are frozen and written out.
    Checkpoint,
    /// What is left of the archive and the file-system difference reaches the destination.
    Transfer,
    /// The processes are made again.
    Restore,
    /// The destination proves that it runs.
    Verify,
    /// The source's copy is removed.
    Remove,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Self; 8] = [
        Self::Checks,
        Self::Image,
        Self::Prepare,
        Self::Checkpoint,
        Self::Transfer,
        Self::Restore,
        Self::Verify,
        Self::Remove,
    ];

    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Image => "image",
            Self::Prepare => "prepare",
            Self::Checkpoint => "checkpoint",
            Self::Transfer => "transfer",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Remove => "remove",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.word())
    }
}

/// How bad a check's finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Pass,
    /// Worth knowing.
    Info,
    /// The move may go on, with a consequence.
    Warning,
    /// The move is refused.
    Error,
}

/// One line of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A stable word for scripts: `memory`, `criu`, `name`, …
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The host on which it was seen; none when it concerns both.
    pub host: Option<HostName>,
    /// What was seen.
    pub seen: String,
    /// What happens otherwise; empty for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What to do, as a command or a sentence; empty when there is nothing to do.
    pub fix: String,
    /// Failures of the catalogue that it foresees: `F23`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicts: Vec<String>,
    /// Whether this line can be passed over, or was.
    #[serde(default)]
    pub overriding: Overriding,
}

impl Check {
    /// What was seen and what comes of it, in one line.
    pub fn told(&self) -> String {
        if self.why.is_empty() { self.seen.clone() } else { format!("{}: {}", self.seen, self.why) }
    }
}

/// Whether an error of the checks can be passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overriding {
    /// It cannot, or there is nothing to pass over.
    #[default]
    Impossible,
    /// It can be.
    Possible,
    /// It was: the error is a warning now.
    Given,
}

/// One finished stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage.
    pub stage: Stage,
    /// Start, in seconds since the operator's command.
    pub start: f64,
    /// How long it took, seconds.
    pub seconds: f64,
    /// Bytes moved in it over the network, compressed, when it moves any.
    pub bytes: Option<u64>,
}

/// How a move can be taken back while it is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The source's processes stay frozen until the destination is proven running; going back thaws them.
    TwoPhase,
    /// The source's processes end with the checkpoint; going back restores them from the images that it keeps.
    #[default]
    KeptImages,
}

impl Way {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::TwoPhase => "two-phase",
            Self::KeptImages => "kept-images",
        }
    }
}

/// A moment that a host stamped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The host.
    pub host: HostName,
    /// What happened: `frozen`, `dumped`, `placed`, `post-resume`, …
    pub word: String,
    /// Seconds since the operator's command, by this machine's clock.
    pub at: f64,
}

/// A migration that came to its end well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What was asked.
    pub request: Request,
    /// Every stage that ran.
    pub stages: Vec<StageTime>,
    /// Total migration time: from the operator's command until the source's copy is gone, seconds.
    pub total: f64,
    /// Downtime, seconds: in two phases from the freeze until the processes run again, as the hosts stamped it; otherwise
    /// from the order to freeze until the destination is proven running.
    pub downtime: f64,
    /// The longest time between two answers to the probe, seconds, as a client on this machine sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_gap: Option<f64>,
    /// Bytes of the archive and of the file-system difference, before compression.
    pub bytes: u64,
    /// Bytes on the wire to the destination.
    pub wire_bytes: u64,
    /// What the operator should know although it went well.
    pub warnings: Vec<String>,
    /// How it could have been taken back.
    #[serde(default)]
    pub way: Way,
    /// What the hosts stamped, in order of time.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

/// Where a container is after a migration that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whereabouts {
    /// It runs on its source and was never stopped.
    Untouched,
    /// It runs on its source again, from where it was frozen.
    BackOnSource,
    /// It runs at the destination; only tidying up failed.
    AtDestination,
    /// It runs nowhere; its checkpoint is kept in this directory of the source.
    Kept(String),
    /// A host could not be asked any more: what is known, in words.
    Unknown(String),
}

/// Why a migration did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It cannot be made as it was asked for; nothing was touched.
    Refused,
    /// The source has no such container.
    Absent,
    /// A host could not be reached, or was lost on the way.
    Unreachable,
    /// A step failed.
    Failed,
    /// The operator cancelled it.
    Cancelled,
}

/// A migration that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedMigration {
    /// What was asked.
    pub request: Request,
    /// Why, in one word for scripts.
    pub reason: Reason,
    /// The stage in which it failed.
    pub stage: Stage,
    /// What happened, with the host.
    pub cause: String,
    /// First error line of CRIU's log, when there is one.
    pub log_line: Option<String>,
    /// What that means, when a host's words say it.
    #[serde(default)]
    pub explanation: Option<Box<Explanation>>,
    /// Where the container is now.
    pub whereabouts: Whereabouts,
    /// What to do next.
    pub advice: String,
}

/// What a migration reports while it runs. Times are seconds since the operator's command, from one clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum MigrationEvent {
    /// It has begun.
    Started {
        /// What was asked.
        request: Request,
    },
    /// The checks are done; the same list answers a dry run.
    Checked {
        /// All lines, worst first.
        checks: Vec<Check>,
    },
    /// A stage has begun.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// When.
        at: f64,
    },
    /// A stage goes on; sent at most ten times a second.
    Progress {
        /// The stage.
        stage: Stage,
        /// When.
        at: f64,
        /// Bytes moved so far.
        bytes: u64,
        /// Bytes expected, where that is known.
        expected: Option<u64>,
    },
    /// A stage has ended.
    StageFinished {
        /// Its figures.
        time: StageTime,
    },
    /// It is over and the container runs at the destination.
    Finished {
        /// All figures.
        summary: Summary,
    },
    /// It is over and the container does not run at the destination, or something is left to do.
    Failed {
        /// What, where, and what next.
        failure: FailedMigration,
    },
}
