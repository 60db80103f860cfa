//! One container on one machine, whatever the engine.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Duration;

use super::image::OVERLAY;
use super::program::Program;
use super::{docker, runc};
use crate::simulation::locked;
use crate::simulation::scenario::{ContainerPlan, Engine, Peculiarity, Runtime};

/// A container. What never changes stands here, what changes in its [`Record`].
#[derive(Debug)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What it is.
    pub plan: ContainerPlan,
    /// Its image's id.
    pub image: String,
    /// Its image's reference.
    pub image_name: String,
    /// The image's layers, the lowest first.
    pub layers: Vec<String>,
    /// The id of its writable layer.
    pub layer: String,
    /// What it runs.
    pub command: Vec<String>,
    /// Its environment, without what the engine adds.
    pub environment: Vec<String>,
    /// Where its command begins.
    pub directory: String,
    /// The network it is on; none with the host's own.
    pub network: Option<String>,
    /// What made it.
    pub runtime: Runtime,
    /// When it was made, since 1970 by its host's clock.
    pub created: Duration,
    /// The command by which a person made it.
    pub create_command: Vec<String>,
    /// Its place among the engine's locks.
    pub lock: u32,
    /// Of what is drawn for it.
    pub seed: u64,
    record: Mutex<Record>,
}

/// What changes of a container.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: State,
    /// What runs in it.
    pub program: Program,
    /// Its address, while it has one.
    pub address: Option<Address>,
    /// When it was last started, since 1970 by its host's clock; likewise the others.
    pub started: Option<Duration>,
    /// When it last ended.
    pub finished: Option<Duration>,
    /// With what it last ended.
    pub exit_code: u8,
    /// When it was last frozen and written out.
    pub checkpointed: Option<Duration>,
    /// When it was last made again from images.
    pub restored: Option<Duration>,
    /// Whether its images lie beside it, and it waits for its restore.
    pub images: Images,
    /// The processes of which they are; Podman goes on to name them.
    pub dumped: Option<Live>,
    /// Whether somebody wanted it to end.
    pub ending: Ending,
    /// Whether its freezer is shut.
    pub freezer: Freezer,
    /// Counts its lives: what still waits for the end of an earlier one does nothing.
    pub life: u64,
}

/// What a container does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It has never run here.
    #[default]
    Created,
    /// It runs.
    Running(Live),
    /// `podman pause`
    Paused(Live),
    /// It has ended.
    Exited,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running(_) => "running",
            Self::Paused(_) => "paused",
            Self::Exited => "exited",
        }
    }

    /// Its processes, while there are any.
    pub fn live(self) -> Option<Live> {
        match self {
            Self::Running(live) | Self::Paused(live) => Some(live),
            Self::Created | Self::Exited => None,
        }
    }
}

/// The processes of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its first one.
    pub pid: u32,
    /// conmon's, which waits for it.
    pub conmon: u32,
}

/// Whether images of a checkpoint lie beside a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// No.
    #[default]
    None,
    /// Yes, and it ended with them.
    Kept,
}

/// Why a container ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Nobody asked it to.
    #[default]
    Itself,
    /// Somebody stopped or killed it.
    Ordered,
}

/// A container's freezer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freezer {
    /// Its processes run.
    #[default]
    Thawed,
    /// They stand still.
    Frozen,
}

/// An address on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// IPv4.
    pub ip: Ipv4Addr,
    /// Ethernet.
    pub mac: [u8; 6],
}

impl Address {
    /// The Ethernet address as it is written.
    pub fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }
}

/// What a new container is made of; see [`Container`] for the fields.
#[derive(Clone, Debug)]
pub struct Spec {
    #[allow(missing_docs)]
    pub id: String,
    /// Its name here; the plan's is the one that it had when the world began.
    pub name: String,
    #[allow(missing_docs)]
    pub plan: ContainerPlan,
    #[allow(missing_docs)]
    pub image: super::image::Image,
    #[allow(missing_docs)]
    pub image_name: String,
    #[allow(missing_docs)]
    pub command: Vec<String>,
    #[allow(missing_docs)]
    pub network: Option<String>,
    #[allow(missing_docs)]
    pub runtime: Runtime,
    #[allow(missing_docs)]
    pub created: Duration,
    #[allow(missing_docs)]
    pub create_command: Vec<String>,
    #[allow(missing_docs)]
    pub seed: u64,
}

impl Container {
    pub(super) fn new(spec: Spec, lock: u32) -> Self {
        let Spec {
            id,
            name,
            plan,
            image,
            image_name,
            command,
            network,
            runtime,
            created,
            create_command,
            seed,
        } = spec;
        Self {
            layer: crate::simulation::digest(format!("layer of {id} {}", created.as_nanos())),
            image: image.id.clone(),
            layers: image.layers.clone(),
            environment: image.environment(),
            directory: image.directory().to_owned(),
            record: Mutex::new(Record { name, ..Record::default() }),
            id,
            plan,
            image_name,
            command,
            network,
            runtime,
            created,
            create_command,
            lock,
            seed,
        }
    }

    /// What changes of it, as it is now.
    pub fn record(&self) -> Record {
        locked(&self.record).clone()
    }

    /// Changes that.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut locked(&self.record))
    }

    /// Its name.
    pub fn name(&self) -> String {
        locked(&self.record).name.clone()
    }

    /// What it does.
    pub fn state(&self) -> State {
        locked(&self.record).state
    }

    /// Its first process' id, while it has one.
    pub fn pid(&self) -> Option<u32> {
        self.state().live().map(|live| live.pid)
    }

    /// Whether its processes stand still.
    pub fn is_frozen(&self) -> bool {
        let record = locked(&self.record);
        record.freezer == Freezer::Frozen || matches!(record.state, State::Paused(_))
    }

    /// How long its program has run since it was last started or restored: processor time is counted from there.
    pub fn ran_since_start(&self, now: Duration) -> Duration {
        let record = locked(&self.record);
        record.program.ran(now).saturating_sub(record.program.ran_before)
    }

    /// Processor time that it has used of its own accord since it was last started or restored.
    pub fn processor_time(&self, now: Duration) -> Duration {
        self.ran_since_start(now).mul_f64(self.plan.cpu.get())
    }

    /// Memory of its processes, bytes; none without processes.
    pub fn memory(&self) -> u64 {
        if self.state().live().is_some() { self.plan.memory } else { 0 }
    }

    /// Its control group, as a path from the root of each hierarchy.
    pub fn control_group(&self) -> String {
        match self.plan.engine {
            Engine::Podman => control_group(&self.id),
            Engine::Docker => docker::control_group(&self.id),
            Engine::Runc => runc::control_group(&self.id),
        }
    }

    /// Whether something sets it apart.
    pub fn is(&self, peculiarity: Peculiarity) -> bool {
        self.plan.peculiar.contains(&peculiarity)
    }

    /// The first 12 digits of its id.
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The directory of its writable layer.
    pub fn place(&self) -> String {
        format!("{}/{}", self.overlay(), self.layer)
    }

    /// Where its root file system is mounted while it runs.
    pub fn merged(&self) -> String {
        match self.plan.engine {
            Engine::Runc => runc::rootfs(&self.image_name),
            Engine::Podman | Engine::Docker => format!("{}/merged", self.place()),
        }
    }

    /// Where its engine keeps layers.
    pub fn overlay(&self) -> &'static str {
        if self.plan.engine == Engine::Docker { docker::OVERLAY } else { OVERLAY }
    }

    /// Its writable layer.
    pub fn upper(&self) -> String {
        match self.plan.engine {
            Engine::Runc => runc::rootfs(&self.image_name),
            Engine::Podman | Engine::Docker => format!("{}/diff", self.place()),
        }
    }

    /// Where its engine keeps its files.
    pub fn static_directory(&self) -> String {
        match self.plan.engine {
            Engine::Podman => static_directory(&self.id),
            Engine::Docker => docker::static_directory(&self.id),
            Engine::Runc => runc::state_directory(&self.id),
        }
    }

    /// Where its engine keeps what is lost with a reboot.
    pub fn run_directory(&self) -> String {
        match self.plan.engine {
            Engine::Podman => format!("/run/containers/storage/overlay-containers/{}/userdata", self.id),
            Engine::Docker => docker::run_directory(&self.id),
            Engine::Runc => runc::state_directory(&self.id),
        }
    }

    /// Its log.
    pub fn log(&self) -> String {
        match self.plan.engine {
            Engine::Docker => format!("{}/{}-json.log", self.static_directory(), self.id),
            Engine::Podman | Engine::Runc => format!("{}/ctr.log", self.static_directory()),
        }
    }

    /// A line of it; none where its output is kept nowhere.
    pub(super) fn log_line(&self, at: Duration, line: impl std::fmt::Display) -> String {
        match self.plan.engine {
            Engine::Podman => format!("{} stdout F {line}\n", super::time::log_stamp(at)),
            Engine::Docker => docker::log_line(at, &line.to_string()),
            Engine::Runc => String::new(),
        }
    }

    /// The same container with another plan, for one whose processes came from elsewhere.
    pub(super) fn with_plan(&self, plan: ContainerPlan, seed: u64) -> Self {
        Self {
            id: self.id.clone(),
            plan,
            image: self.image.clone(),
            image_name: self.image_name.clone(),
            layers: self.layers.clone(),
            layer: self.layer.clone(),
            command: self.command.clone(),
            environment: self.environment.clone(),
            directory: self.directory.clone(),
            network: self.network.clone(),
            runtime: self.runtime,
            created: self.created,
            create_command: self.create_command.clone(),
            lock: self.lock,
            seed,
            record: Mutex::new(self.record()),
        }
    }
}

/// The control group of a container, as a path from the root of each hierarchy.
pub fn control_group(id: &str) -> String {
    format!("/libpod_parent/libpod-{id}")
}

/// Where Podman keeps the files of a container.
pub fn static_directory(id: &str) -> String {
    format!("/var/lib/containers/storage/overlay-containers/{id}/userdata")
}
