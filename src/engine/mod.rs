//! How containers are spoken to: one trait for every engine; nothing above this room knows a flag of theirs.
//!
//! In comes a [`crate::ssh::Remote`]; out go facts ([`Inspected`], [`EngineFacts`]) and [`Command`]s that freeze,
//! stream, restore and remove a container. When to run them is for [`crate::migrate`] to decide.

mod api;
mod glance;
mod http;
mod network;
mod particulars;
pub mod podman;
mod two_phase;
mod volume;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::fleet::{ContainerId, ContainerStatus, HostName};
use crate::ssh::{Command, RemoteError};

pub use glance::{Answer, Glance, NetworkFacts, Question};
pub use http::docker_client;
pub use network::{Difference, LeaseRange, Network, Route, Segment, Subnet, overlap};
pub use particulars::Particulars;
pub use podman::Podman;
pub use two_phase::{Errand, Metadata, TwoPhase};
pub use volume::Volume;

/// Why an engine could not be asked, or what it answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host could not be reached or a command on it failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The engine answered something that cannot be read.
    #[error("{host}: {engine} answered “{question}” with something unexpected: {cause}")]
    Unreadable {
        /// The host.
        host: HostName,
        /// The engine.
        engine: &'static str,
        /// What was asked.
        question: &'static str,
        /// What is wrong with the answer.
        cause: String,
    },
    /// The engine refused.
    #[error("{host}: {engine}: {cause}")]
    Refused {
        /// The host.
        host: HostName,
        /// The engine.
        engine: &'static str,
        /// Its words, printable.
        cause: String,
    },
}

/// What an engine on a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// Version as the engine writes it.
    pub version: String,
    /// Name of the OCI runtime used for new containers: `crun`, `runc`.
    pub runtime: String,
    /// Whether the engine runs as root.
    pub rootful: bool,
    /// Directory of images and containers.
    pub storage_root: String,
    /// Storage driver: `overlay`, `vfs`, …
    pub storage_driver: String,
}

/// Where a container's mount comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A directory or file of the host.
    Bind {
        /// Path on the host.
        source: String,
        /// Path in the container.
        destination: String,
    },
    /// A volume of the engine.
    Volume {
        /// Its name.
        name: String,
        /// Path on the host.
        source: String,
        /// Path in the container.
        destination: String,
    },
    /// Anything else, such as a tmpfs.
    Other {
        /// What the engine calls it.
        kind: String,
        /// Path in the container.
        destination: String,
    },
}

/// A port of the host that leads into the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Address of the host on which it listens; empty for all.
    #[serde(default)]
    pub host_address: String,
    /// Port on the host.
    pub host_port: u16,
    /// `80/tcp`.
    pub container_port: String,
}

/// What an engine knows of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// Full id.
    pub id: ContainerId,
    /// Name, untrusted text.
    pub name: String,
    /// What it is doing.
    pub status: ContainerStatus,
    /// First process on the host; 0 when none runs.
    pub pid: u32,
    /// Id of its image.
    pub image_id: String,
    /// Reference of its image, untrusted text.
    pub image_name: String,
    /// OCI runtime it was made with.
    pub runtime: String,
    /// Pod it belongs to.
    pub pod: Option<String>,
    /// Whether the engine deletes it when it ends (`--rm`).
    pub auto_remove: bool,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// The systemd unit that starts it, when one does.
    pub systemd_unit: Option<String>,
    /// Where its output is kept: `k8s-file`, `journald`, …
    pub log_driver: String,
    /// Mounts besides the root file system.
    pub mounts: Vec<Mount>,
    /// Networks by name with the address it has there; no address when it does not run.
    pub networks: Vec<(String, Option<String>)>,
    /// `bridge`, `host`, `container:…`, …
    pub network_mode: String,
    /// Ports of the host.
    pub ports: Vec<PublishedPort>,
    /// Names of the secrets that are mounted in it.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The writable layer on the host.
    pub upper: String,
    /// The whole root file system on the host while it is mounted.
    pub merged: String,
    /// Storage driver.
    pub storage_driver: String,
    /// The engine's own directory for it; CRIU's logs lie here.
    pub static_directory: String,
    /// What may stand in the way of a move.
    pub particulars: Particulars,
}

/// Compression between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// zstd at level 1: faster than a 5 Gbit/s link (field measurements: 500–790 MB/s).
    Zstd,
    /// gzip at level 1, where zstd is missing.
    Gzip,
    /// None, where the network is faster than any compressor.
    Plain,
}

impl Codec {
    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Plain => "cat",
        }
    }

    /// The command that compresses its input.
    pub fn compress(self) -> &'static [&'static str] {
        match self {
            Self::Zstd => &["zstd", "-q", "-1", "-c"],
            Self::Gzip => &["gzip", "-1", "-c"],
            Self::Plain => &["cat"],
        }
    }

    /// The command that decompresses its input, in shell words.
    pub fn decompress(self) -> &'static str {
        match self {
            Self::Zstd => "zstd -q -d -c",
            Self::Gzip => "gzip -d -c",
            Self::Plain => "cat",
        }
    }
}

/// The label of what was made for a move, with the transaction's id as its value.
pub const TRANSACTION_LABEL: &str = "drover.transaction";

/// What becomes of open TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// They are made anew as they were.
    Keep,
    /// The container finds them closed.
    Close,
}

/// How a container is restored at its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What becomes of its addresses.
    pub address: Address,
    /// What becomes of its open TCP connections.
    pub connections: Connections,
    /// Its published ports, `ADDRESS:HOST:CONTAINER/PROTOCOL` each; none when they stay as they are.
    pub published: Vec<String>,
    /// Whether its address may be up on both hosts for a moment.
    pub segment: Segment,
    /// Who makes its volumes there.
    pub volumes: Volumes,
}

/// Who makes the volumes of a container at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// The engine while it restores; it knows only their names.
    Engine,
    /// They are there already.
    Made,
}

/// What becomes of a container's addresses at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It keeps its addresses.
    Keep,
    /// The engine chooses new ones; open connections do not survive.
    Renew,
}

/// How much memory a checkpoint has to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So little that the start of a process outweighs another copy of the archive.
    Small,
    /// Streamed while it is written.
    Large,
}

impl Size {
    /// Podman's service writes an archive to its disk before it sends it; at some 500 MB/s that costs less than the
    /// 0.1 to 0.2 s that a new process takes up to this size, with room for slower disks.
    const SMALL: u64 = 24 << 20;

    /// Of a container with this much memory, bytes.
    pub fn of(memory: u64) -> Self {
        if memory <= Self::SMALL { Self::Small } else { Self::Large }
    }
}

/// A container engine on one host.
///
/// The commands run as root. `directory` is a path of ours on that host which the first of them makes
/// (0700) and [`Engine::tidy`] removes.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's name for messages.
    fn name(&self) -> &'static str;

    /// The commands of a move in two phases, where this engine has them.
    fn two_phase(&self) -> Option<&dyn TwoPhase>;

    /// The engine's version, without the cost of all its facts.
    async fn version(&self) -> Result<String, EngineError>;

    /// What the engine is. Podman takes 0.1 s for the answer.
    async fn facts(&self) -> Result<EngineFacts, EngineError>;

    /// One container by name or id; none when there is no such container.
    async fn inspect(&self, container: &str) -> Result<Option<Inspected>, EngineError>;

    /// Whether an image is there, by id.
    async fn has_image(&self, id: &str) -> Result<bool, EngineError>;

    /// The id of the image that has this reference.
    async fn image_id(&self, name: &str) -> Result<Option<String>, EngineError>;

    /// Gives an image that is there a reference that is free.
    async fn tag_image(&self, id: &str, name: &str) -> Result<(), EngineError>;

    /// Whether a named volume is there.
    async fn has_volume(&self, name: &str) -> Result<bool, EngineError>;

    /// A named volume; none when it is not there.
    async fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError>;

    /// Makes a volume like this one, empty.
    fn create_volume(&self, volume: &Volume) -> Command;

    /// Whether a secret is there, by name.
    async fn has_secret(&self, name: &str) -> Result<bool, EngineError>;

    /// All networks of the host.
    async fn networks(&self) -> Result<Vec<Network>, EngineError>;

    /// Makes a network like this one, with the label [`TRANSACTION_LABEL`] when it is made for a transaction.
    fn create_network(&self, network: &Network, transaction: Option<&str>) -> Command;

    /// Removes the networks that a transaction has made and nothing uses; fails when one is left.
    fn remove_networks(&self, transaction: &str) -> Command;

    /// Addresses in use on a network; none when there is no such network.
    async fn addresses(&self, network: &str) -> Result<Option<Vec<String>>, EngineError>;

    /// How a script on the engine's own host can ask it this; none where only we can, see [`Engine::answer`].
    fn glance(&self, questions: &[Question]) -> Option<Glance>;

    /// Reads what came of one question of a [`Glance`]: status code and body.
    fn understand(&self, question: &Question, code: u16, body: &str) -> Result<Answer, EngineError>;

    /// Answers a question from here.
    async fn answer(&self, question: &Question) -> Result<Answer, EngineError>;

    /// Removes a container that does not run; refuses a running one.
    async fn remove_stopped(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// Writes an image, compressed, to standard output.
    fn save_image(&self, image: &str, codec: Codec) -> Command;

    /// Reads what [`Engine::save_image`] wrote.
    fn load_image(&self, codec: Codec) -> Command;

    /// Freezes a container and streams its checkpoint archive, compressed, to standard output. The last line
    /// of standard error is `departed HASH`, or `stayed` with the container running again, or `lost` when even that failed. When
    /// its output is closed early the container is restored where it is.
    fn depart(&self, directory: &str, container: &Inspected, codec: Codec, size: Size) -> Command;

    /// Ends a departure that has not been taken up: the container runs again where it was. Can be run any
    /// number of times, also when nothing had begun. Prints `stayed`, `lost`, or `elsewhere` when another migration
    /// has the container under way.
    fn stay(&self, directory: &str, container: &ContainerId) -> Command;

    /// Waits on the source while a departure is under way. The line `handed` on its standard input means that
    /// the destination answers for the container from now on, and is answered by `handed`; the end of the input
    /// without it means that whoever ordered the departure has gone, and does what [`Engine::stay`] does.
    fn guard(&self, directory: &str, container: &ContainerId) -> Command;

    /// Receives what [`Engine::depart`] sends; its last line of output is `HASH BYTES`.
    fn arrive(&self, directory: &str, codec: Codec) -> Command;

    /// Receives the file-system difference as a tar stream; waits for its standard input. Same last line.
    fn arrive_difference(&self, directory: &str) -> Command;

    /// Restores from what arrived, once the list of deleted paths (JSON) has been read from standard input.
    /// Prints `since SECONDS` (the host's clock), then `restored`, or fails with the engine's words and CRIU's first error on standard error.
    fn restore(&self, directory: &str, container: &ContainerId, arrival: &Arrival, size: Size) -> Command;

    /// Removes what a restore left of this container, running or not, the volumes that came with it, and our
    /// directory. Prints `undone`.
    fn undo_restore(&self, directory: &str, container: &ContainerId, volumes: &[String]) -> Command;

    /// Removes our directory and our lock on the container; nothing else.
    fn tidy(&self, directory: &str, container: &ContainerId) -> Command;
}
