//! One container as an engine lists it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An engine's full container id (64 hexadecimal digits with Podman and Docker).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerId(pub String);

impl ContainerId {
    /// The first twelve digits, as the engines print them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// What an engine says a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerStatus {
    /// Processes run.
    Running,
    /// Frozen by the engine.
    Paused,
    /// Made, never started.
    Created,
    /// Ended, or checkpointed.
    Exited,
    /// Anything else the engine may say.
    Other,
}

/// One container of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's id.
    pub id: ContainerId,
    /// The engine's name of it, as the engine wrote it: untrusted text, show it through [`super::printable`].
    pub name: String,
    /// Image reference, untrusted text.
    pub image: String,
    /// What it is doing.
    pub status: ContainerStatus,
    /// Unix seconds at which the engine made it.
    pub created: i64,
    /// Unix seconds at which it was last started, when the engine says so.
    pub started: Option<i64>,
    /// Process id of its first process on the host, when it runs.
    pub pid: Option<u32>,
    /// Labels, untrusted text.
    pub labels: BTreeMap<String, String>,
}
