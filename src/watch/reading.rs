//! From a frame's lines to counters. Everything here is text from a host: whatever does not parse is left out,
//! so that one odd line never costs a whole sample.
//!
//! The parsers are our own and small: only a few numbers are wanted, and general ones for /proc overflow or
//! slice inside a character when a host sends nonsense.

use std::collections::BTreeMap;

use super::Pressure;
use super::frame::Frame;
use crate::fleet::ContainerId;

/// A limit of this size is none: version 1 says “unlimited” with a number near 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// /proc/diskstats counts sectors of 512 bytes whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// Counters of a host at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub sequence: u64,
    /// Seconds since the host's start; the clock for rates.
    pub uptime: f64,
    pub clock_ms: i64,
    pub processors: u32,
    pub cpu: Option<CpuTicks>,
    pub memory_total: u64,
    pub memory_available: u64,
    pub swap_used: u64,
    pub load: [f64; 3],
    /// Bytes read and written by disks.
    pub disk: Option<(u64, u64)>,
    /// Bytes received and sent by the host's own interfaces.
    pub net: Option<(u64, u64)>,
    pub pressure: Option<Pressure>,
    pub containers: BTreeMap<ContainerId, Usage>,
}

/// Ticks of all processors since the host's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuTicks {
    pub total: u64,
    pub idle: u64,
}

/// Counters of one container's cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub cpu_nanoseconds: Option<u64>,
    pub memory: Option<u64>,
    pub inactive_file: Option<u64>,
    pub memory_limit: Option<u64>,
    pub pids: Option<u32>,
}

/// A frame that says nothing of the host's memory is no sample of a Linux host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's sample has no MemTotal: is /proc mounted, and is grep installed?")]
pub(super) struct NoSample;

impl Reading {
    /// Reads a frame's lines.
    pub fn parse(frame: &Frame) -> Result<Self, NoSample> {
        let mut reading = Self {
            sequence: frame.sequence,
            uptime: frame.uptime,
            clock_ms: (frame.clock * 1000.0) as i64,
            processors: frame.processors,
            ..Self::default()
        };
        let mut swap = (0u64, 0u64);
        let mut disks: Vec<(&str, u64, u64)> = Vec::new();
        for line in &frame.lines {
            let Some((file, line)) = line.split_once(':') else { continue };
            match file {
                "/proc/stat" => reading.cpu = reading.cpu.or(cpu_ticks(line)),
                "/proc/meminfo" => match kibibytes(line) {
                    Some(("MemTotal", bytes)) => reading.memory_total = bytes,
                    Some(("MemAvailable", bytes)) => reading.memory_available = bytes,
                    Some(("SwapTotal", bytes)) => swap.0 = bytes,
                    Some(("SwapFree", bytes)) => swap.1 = bytes,
                    _ => {}
                },
                "/proc/loadavg" => reading.load = load(line).unwrap_or_default(),
                "/proc/diskstats" => disks.extend(disk(line)),
                "/proc/net/dev" => {
                    if let Some((receive, send)) = interface(line) {
                        let (received, sent) = reading.net.unwrap_or_default();
                        reading.net = Some((received.saturating_add(receive), sent.saturating_add(send)));
                    }
                }
                "/proc/pressure/cpu" => reading.pressure(line, |pressure| &mut pressure.cpu),
                "/proc/pressure/memory" => reading.pressure(line, |pressure| &mut pressure.memory),
                "/proc/pressure/io" => reading.pressure(line, |pressure| &mut pressure.io),
                _ => {
                    if let Some((id, name)) = container_file(file) {
                        reading.containers.entry(id).or_default().take(name, line);
                    }
                }
            }
        }
        if reading.memory_total == 0 {
            return Err(NoSample);
        }
        reading.memory_available = reading.memory_available.min(reading.memory_total);
        reading.swap_used = swap.0.saturating_sub(swap.1);
        reading.disk = whole_disks(&disks);
        // A directory that only looks like a container's has none of its files.
        reading.containers.retain(|_, usage| usage.memory.is_some() || usage.cpu_nanoseconds.is_some());
        Ok(reading)
    }

    fn pressure(&mut self, line: &str, field: impl Fn(&mut Pressure) -> &mut f64) {
        let average = line
            .strip_prefix("some ")
            .and_then(|rest| rest.split_whitespace().find_map(|word| word.strip_prefix("avg10=")))
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|percent| (0.0..=100.0).contains(percent));
        if let Some(average) = average {
            *field(self.pressure.get_or_insert_default()) = average;
        }
    }
}

impl Usage {
    fn take(&mut self, file: &str, line: &str) {
        let number = || line.trim().parse::<u64>().ok();
        let after = |key: &str| line.strip_prefix(key)?.trim().parse::<u64>().ok();
        match file {
            "cpuacct.usage" => self.cpu_nanoseconds = number(),
            "cpu.stat" => {
                let microseconds = after("usage_usec ");
                self.cpu_nanoseconds =
                    microseconds.and_then(|us| us.checked_mul(1000)).or(self.cpu_nanoseconds);
            }
            "memory.usage_in_bytes" | "memory.current" => self.memory = number(),
            // Version 1 has both words, and only the second counts the cgroups below.
            "memory.stat" => {
                self.inactive_file =
                    after("total_inactive_file ").or(self.inactive_file).or(after("inactive_file "));
            }
            "memory.limit_in_bytes" | "memory.max" => {
                self.memory_limit = number().filter(|limit| *limit < NO_LIMIT)
            }
            "pids.current" => self.pids = number().and_then(|pids| u32::try_from(pids).ok()),
            _ => {}
        }
    }
}

/// The container and the file's name, of a path such as
/// `memory/libpod_parent/libpod-ID/memory.stat` or `system.slice/docker-ID.scope/cpu.stat`.
fn container_file(path: &str) -> Option<(ContainerId, &str)> {
    let (directory, file) = path.rsplit_once('/')?;
    let cgroup = directory.rsplit_once('/').map_or(directory, |(_, last)| last);
    let cgroup = cgroup.strip_suffix(".scope").unwrap_or(cgroup);
    let id = cgroup.strip_prefix("libpod-").or(cgroup.strip_prefix("docker-")).unwrap_or(cgroup);
    let is_id =
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_id.then(|| (ContainerId(id.to_string()), file))
}

fn cpu_ticks(line: &str) -> Option<CpuTicks> {
    let numbers = line.strip_prefix("cpu ")?.split_whitespace().map(str::parse::<u64>);
    // user, nice, system, idle, iowait, irq, softirq, steal; the guests' time that follows is in “user” already.
    let ticks = numbers.take(8).collect::<Result<Vec<u64>, _>>().ok()?;
    let idle = ticks.get(3)?.checked_add(ticks.get(4).copied().unwrap_or(0))?;
    let total = ticks.iter().try_fold(0u64, |sum, ticks| sum.checked_add(*ticks))?;
    Some(CpuTicks { total, idle })
}

fn kibibytes(line: &str) -> Option<(&str, u64)> {
    let (key, rest) = line.split_once(':')?;
    let number: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((key, number.checked_mul(1024)?))
}

fn load(line: &str) -> Option<[f64; 3]> {
    let mut numbers = line
        .split_whitespace()
        .map(|word| word.parse::<f64>().ok().filter(|load| load.is_finite() && *load >= 0.0));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// Name, bytes read, bytes written.
fn disk(line: &str) -> Option<(&str, u64, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let sectors = |index: usize| fields.get(index)?.parse::<u64>().ok()?.checked_mul(SECTOR);
    Some((fields.get(2)?, sectors(5)?, sectors(9)?))
}

/// The sum over disks, without the partitions of disks that are listed themselves.
fn whole_disks(disks: &[(&str, u64, u64)]) -> Option<(u64, u64)> {
    let partition = |name: &str| {
        disks.iter().any(|(disk, _, _)| {
            let number = name.strip_prefix(disk).map(|rest| rest.strip_prefix('p').unwrap_or(rest));
            number
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    disks
        .iter()
        .filter(|(name, _, _)| !partition(name))
        .map(|(_, read, written)| (*read, *written))
        .reduce(|(a, b), (c, d)| (a.saturating_add(c), b.saturating_add(d)))
}

/// Bytes received and sent. Loopback, bridges and the host's ends of containers' links are left out: what
/// passes through them and leaves the host is counted once more at the interface by which it leaves.
fn interface(line: &str) -> Option<(u64, u64)> {
    const INNER: [&str; 9] = ["veth", "podman", "docker", "br-", "cni", "virbr", "vnet", "tap", "ifb"];
    let (name, rest) = line.split_once(':')?;
    let name = name.trim();
    if name == "lo" || INNER.iter().any(|inner| name.starts_with(inner)) {
        return None;
    }
    let mut numbers = rest.split_whitespace().map(|word| word.parse::<u64>().ok());
    Some((numbers.next()??, numbers.nth(7)??))
}

#[cfg(test)]
mod tests;
