//! What uses a host or container, and what happens to the world.

use std::time::Duration;

use jiff::SignedDuration;

use super::{ContainerPlan, Engine, Origin, Rate};
use crate::fleet::HostName;
use crate::simulation::failure::Failure;
use crate::simulation::load::{Load, Share};

/// A load on a host or a container.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPlan {
    /// Who bears it.
    pub on: Bearer,
    /// What is used.
    pub metric: Metric,
    /// How much of it, over time.
    pub shape: Load,
}

/// Who bears a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The host itself, outside of every container.
    Host(HostName),
    /// A container, wherever it is: the load moves with it.
    Container(Origin),
}

/// What a load uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Processor time, in cores.
    Cpu,
    /// Memory, in bytes, on top of what is used anyway.
    Memory,
    /// Network traffic, in bytes per second each way.
    Network,
    /// Disk traffic, in bytes per second.
    Disk,
}

/// The steps of a migration as a host sees them. A simulated host knows them by what is asked of it, not by
/// what drover says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Both hosts are looked at.
    Checks,
    /// The image is brought to the destination.
    Image,
    /// The processes are frozen and written out.
    Checkpoint,
    /// The archive and the file-system difference travel.
    Transfer,
    /// The processes are made again.
    Restore,
    /// The destination is asked whether it runs.
    Verify,
    /// The source's copy is removed.
    Remove,
}

impl Stage {
    /// All of them in order, with the word for each in a scenario.
    pub const ALL: [(&str, Self); 7] = [
        ("checks", Self::Checks),
        ("image", Self::Image),
        ("checkpoint", Self::Checkpoint),
        ("transfer", Self::Transfer),
        ("restore", Self::Restore),
        ("verify", Self::Verify),
        ("remove", Self::Remove),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, stage)| *stage == self).map_or("", |(word, _)| word)
    }
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPlan {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub action: Action,
    /// How often.
    pub times: Times,
}

/// When an event happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// At a time since the world began.
    At(Duration),
    /// As soon as a move is in a stage.
    During {
        /// The stage.
        stage: Stage,
        /// Only moves of this container; none for all.
        container: Option<Origin>,
        /// Only moves from or to this host; none for all.
        host: Option<HostName>,
    },
}

/// How often an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So many times, at least once. An event with a time happens once.
    Count(u32),
    /// Each time.
    Always,
}

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// So long, then it is as before.
    For(Duration),
    /// To the end.
    ForGood,
}

/// A host of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This one.
    Host(HostName),
    /// The one that the container leaves; only for an event during a move.
    Source,
    /// The one that the container goes to; only for an event during a move.
    Destination,
}

/// One end of a link of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The operator's machine.
    Laptop,
    /// A host.
    Host(Whom),
}

/// A container of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Container(Origin),
    /// The one that is being moved; only for an event during a move.
    Moving,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing passes a link: connections on it neither close nor carry anything.
    CutLink {
        /// Its ends.
        between: [End; 2],
        /// Until it heals.
        lasting: Lasting,
    },
    /// A link changes; what is none stays as it is.
    SlowLink {
        /// Its ends.
        between: [End; 2],
        /// Its new rate.
        rate: Option<Rate>,
        /// Its new delay.
        delay: Option<Duration>,
        /// Its new loss.
        loss: Option<Share>,
        /// Until it is as before.
        lasting: Lasting,
    },
    /// Something fills a disk.
    FillDisk {
        /// Whose.
        host: Whom,
        /// The directory in which it writes; absolute.
        path: String,
        /// What it leaves free, bytes.
        leave: u64,
        /// Until it is deleted.
        lasting: Lasting,
    },
    /// Something outside of the containers takes memory.
    UseMemory {
        /// Whose.
        host: Whom,
        /// How much, bytes.
        amount: u64,
        /// Until it ends.
        lasting: Lasting,
    },
    /// The next move that comes to the failure's stage fails there, as the catalogue says.
    Fail {
        /// What fails.
        failure: &'static Failure,
    },
    /// A host ends as by a power cut.
    Die {
        /// Which.
        host: Whom,
        /// Until it boots.
        lasting: Lasting,
    },
    /// A host accepts connections and answers nothing, its containers stand still.
    Hang {
        /// Which.
        host: Whom,
        /// Until it goes on.
        lasting: Lasting,
    },
    /// A host's clock jumps.
    JumpClock {
        /// Whose.
        host: Whom,
        /// How far; backwards when negative.
        by: SignedDuration,
    },
    /// Someone else makes and starts a container.
    RunContainer(Box<ContainerPlan>),
    /// Someone else starts one that is there.
    StartContainer(Which),
    /// Someone else stops one.
    StopContainer(Which),
    /// Someone else removes one, by force.
    RemoveContainer(Which),
    /// An engine's service restarts: its API is gone for a moment, containers run on.
    RestartEngine {
        /// Where.
        host: Whom,
        /// Which.
        engine: Engine,
    },
}
