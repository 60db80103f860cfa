//! One simulated container as a scenario describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::fleet::HostName;
use crate::simulation::load::Level;

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerPlan {
    /// Its name: letters, digits, `_`, `.`, `-`, as the engines allow.
    pub name: String,
    /// Where it is when the world begins.
    pub host: HostName,
    /// Whose it is.
    pub engine: Engine,
    /// What runs in it.
    pub workload: Workload,
    /// Its image's reference.
    pub image: String,
    /// Memory of its processes, bytes.
    pub memory: u64,
    /// Bytes of that which it writes anew each second.
    pub dirty_rate: u64,
    /// Processor time it uses of its own accord, in cores.
    pub cpu: Level,
    /// TCP connections that are established.
    pub sockets: u32,
    /// TCP ports on which it listens.
    pub ports: Vec<u16>,
    /// Its named volumes.
    pub volumes: Vec<VolumePlan>,
    /// Files in its writable layer.
    pub files: Vec<FilePlan>,
    /// What a migration may stumble over.
    pub peculiar: BTreeSet<Peculiarity>,
    /// Whether it runs.
    pub status: Status,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl ContainerPlan {
    /// How the scenario names it elsewhere.
    pub fn origin(&self) -> Origin {
        Origin { host: self.host.clone(), name: self.name.clone() }
    }
}

/// A container by the host on which it was when the world began, wherever it is now. Names alone may be there
/// several times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The host.
    pub host: HostName,
    /// The container's name.
    pub name: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.name)
    }
}

/// Whose a container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Podman, rootful.
    #[default]
    Podman,
    /// Docker.
    Docker,
    /// A bundle of runC without an engine above it.
    Runc,
}

impl Engine {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
            Self::Runc => "runc",
        }
    }
}

/// What runs in a container. Those of the lab do in the simulation what they do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Counts seconds on its standard output and in /srv/count.
    Counter,
    /// A Redis without files.
    Redis,
    /// A small HTTP server that counts requests.
    Web,
    /// Keeps one processor busy.
    Looper,
    /// Sleeps.
    Idle,
}

impl Workload {
    /// The word for it, also in the name of its image.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Redis => "redis",
            Self::Web => "web",
            Self::Looper => "looper",
            Self::Idle => "idle",
        }
    }

    /// The image of the lab.
    pub fn image(self) -> String {
        format!("localhost/drover/{}:latest", self.word())
    }

    /// What it is like when the scenario says no more: memory, dirty rate, cores, ports. Of the orders of
    /// magnitude seen on the lab: a shell, a small Redis, perl.
    pub(super) fn usual(self) -> Usual {
        let (memory, dirty_rate, cpu, ports): (u64, u64, f64, &'static [u16]) = match self {
            Self::Counter => (1 << 20, 8 << 10, 0.002, &[]),
            Self::Redis => (12 << 20, 64 << 10, 0.01, &[6379]),
            Self::Web => (9 << 20, 32 << 10, 0.02, &[8080]),
            Self::Looper => (2 << 20, 16 << 10, 0.98, &[]),
            Self::Idle => (512 << 10, 0, 0.0, &[]),
        };
        Usual { memory, dirty_rate, cpu: Level::new(cpu).unwrap_or_default(), ports }
    }
}

/// What a workload is like by default.
pub(super) struct Usual {
    pub memory: u64,
    pub dirty_rate: u64,
    pub cpu: Level,
    pub ports: &'static [u16],
}

/// A named volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePlan {
    /// Its name.
    pub name: String,
    /// What is in it, bytes.
    pub size: u64,
    /// Where the container sees it; absolute.
    pub path: String,
}

/// A file that the container has written or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// Where; absolute.
    pub path: String,
    /// Its size, bytes.
    pub size: u64,
}

/// Whether a container runs when the world begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    #[default]
    Running,
    /// It has ended.
    Exited,
}

/// What sets a container apart from a plain one, where a migration takes notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peculiarity {
    /// Started with a terminal.
    Terminal,
    /// Uses io_uring, which CRIU cannot dump.
    IoUring,
    /// Has a Unix socket whose other end is outside.
    ExternalUnixSocket,
    /// Holds a large file open that has been deleted.
    DeletedOpenFile,
    /// Holds a lock on a file.
    FileLock,
    /// Has a device open.
    Device,
    /// Has a zombie with threads among its processes.
    Zombie,
    /// A debugger is attached.
    Traced,
    /// Watches files with inotify.
    Inotify,
    /// Has all capabilities and devices.
    Privileged,
    /// Uses the host's network.
    HostNetwork,
    /// Uses the host's process numbers.
    HostProcesses,
    /// Uses the host's System V IPC.
    HostIpc,
    /// Is part of a pod.
    Pod,
    /// Started with `--rm`.
    AutoRemove,
    /// Restarted by its engine whenever it ends.
    RestartAlways,
    /// Started by a unit of systemd.
    SystemdUnit,
}

impl Peculiarity {
    /// All of them, with the word for each in a scenario.
    pub const ALL: [(&str, Self); 17] = [
        ("tty", Self::Terminal),
        ("io_uring", Self::IoUring),
        ("external-unix-socket", Self::ExternalUnixSocket),
        ("deleted-open-file", Self::DeletedOpenFile),
        ("file-lock", Self::FileLock),
        ("device", Self::Device),
        ("zombie", Self::Zombie),
        ("traced", Self::Traced),
        ("inotify", Self::Inotify),
        ("privileged", Self::Privileged),
        ("host-network", Self::HostNetwork),
        ("host-pid", Self::HostProcesses),
        ("host-ipc", Self::HostIpc),
        ("pod", Self::Pod),
        ("rm", Self::AutoRemove),
        ("restart-always", Self::RestartAlways),
        ("systemd-unit", Self::SystemdUnit),
    ];

    /// The failure of the catalogue in which a checkpoint by CRIU ends because of it, whatever the options.
    pub fn failure(self) -> Option<&'static str> {
        match self {
            Self::IoUring => Some("F40"),
            Self::ExternalUnixSocket => Some("F38"),
            Self::DeletedOpenFile => Some("F36"),
            Self::Device => Some("F41"),
            Self::Zombie | Self::Traced => Some("F49"),
            Self::Inotify => Some("F46"),
            Self::HostIpc => Some("F61"),
            Self::Terminal
            | Self::FileLock
            | Self::Privileged
            | Self::HostNetwork
            | Self::HostProcesses
            | Self::Pod
            | Self::AutoRemove
            | Self::RestartAlways
            | Self::SystemdUnit => None,
        }
    }
}
