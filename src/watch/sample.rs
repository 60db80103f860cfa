//! What one round of the sampling loop says about a host and its containers.

use serde::{Deserialize, Serialize};

use crate::fleet::ContainerId;

/// One reading of a host. Rates are per second over the time since the reading before; they are `None` in
/// the first reading, after a gap, and when a counter went backwards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The host's own clock, Unix milliseconds.
    pub host_clock_ms: i64,
    /// How far the host's clock is ahead of the laptop's, milliseconds, half the round trip taken off.
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
    /// Share of all processors in use, 0 to 1.
    pub cpu: Option<f64>,
    /// Number of processors.
    pub processors: u32,
    /// MemTotal, bytes.
    pub memory_total: u64,
    /// MemAvailable, bytes.
    pub memory_available: u64,
    /// SwapTotal − SwapFree, bytes.
    pub swap_used: u64,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes read from disks per second.
    pub disk_read: Option<f64>,
    /// Bytes written to disks per second.
    pub disk_write: Option<f64>,
    /// Bytes received per second from outside: loopback, bridges and containers' links are not counted.
    pub net_receive: Option<f64>,
    /// Bytes sent per second to the outside, counted in the same way.
    pub net_send: Option<f64>,
    /// Pressure stall information, where the kernel has it.
    pub pressure: Option<Pressure>,
    /// The containers' own figures.
    pub containers: Vec<ContainerSample>,
}

/// `some avg10` of /proc/pressure, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Processor.
    pub cpu: f64,
    /// Memory.
    pub memory: f64,
    /// Block devices.
    pub io: f64,
}

/// One reading of a container's cgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerSample {
    /// The container.
    pub id: ContainerId,
    /// Processors in use: 1.5 is one and a half.
    pub cpu: Option<f64>,
    /// Memory in use without the page cache that can be dropped, bytes.
    pub memory: u64,
    /// Memory limit, bytes, where there is one.
    pub memory_limit: Option<u64>,
    /// Number of tasks.
    pub pids: Option<u32>,
}
