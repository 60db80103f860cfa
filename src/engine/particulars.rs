//! What of a container decides whether it can be moved, beyond what the move itself needs.

use serde::{Deserialize, Serialize};

/// Peculiarities of a container, as its engine tells them; what an engine does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Particulars {
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart_policy: String,
    /// Sessions of `exec` that have not ended.
    pub exec_sessions: usize,
    /// Containers without which it cannot run.
    pub dependencies: Vec<String>,
    /// `private`, `host`, `container:…`, …
    pub pid_mode: String,
    /// `shareable`, `host`, …
    pub ipc_mode: String,
    /// Devices of the host that it was given.
    pub devices: Vec<String>,
    /// `systemd` or `cgroupfs`.
    pub cgroup_manager: String,
    /// Processors to which it is bound, as a list of the kernel's: `0-3,8`.
    pub cpuset: String,
    /// Whether it was restored from a checkpoint before.
    pub restored: bool,
    /// Volumes with a driver other than `local`: name and driver.
    pub foreign_volumes: Vec<(String, String)>,
    /// Bind mounts with an option or propagation out of the ordinary: destination and word.
    pub special_mounts: Vec<(String, String)>,
}
