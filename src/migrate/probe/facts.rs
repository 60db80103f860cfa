//! What a host is like.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tokio::time::Duration;

use crate::engine::Codec;
use crate::fleet::printable;

/// What was seen on one host. All texts come from the host and are not made printable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// The boot and the tools for which the slow facts hold.
    pub known: String,
    /// Numeric id of the user who runs commands.
    pub user: Option<u32>,
    /// The distribution's own name for itself.
    pub distribution: String,
    /// `uname -m`.
    pub architecture: String,
    /// `uname -r`.
    pub kernel: String,
    /// What its processors can do: `flags` (x86) or `Features` (Arm) of /proc/cpuinfo.
    pub cpu_flags: BTreeSet<String>,
    /// The processors' name.
    pub cpu_model: String,
    /// How many there are.
    pub processors: u32,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes.
    pub memory_available: u64,
    /// Bytes of swap that are free.
    pub swap_free: u64,
    /// Bytes free in /dev/shm.
    pub free_memory_files: u64,
    /// Bytes free in /var/tmp.
    pub free_disk: u64,
    /// Bytes free in /tmp.
    pub free_temporary: u64,
    /// Bytes free where the engine keeps containers.
    pub free_storage: u64,
    /// Programs that are missing, or are there in a variant without the options needed.
    pub missing: BTreeSet<String>,
    /// OCI runtimes that are installed.
    pub runtimes: BTreeSet<String>,
    /// Those of them that cannot checkpoint.
    pub runtimes_without_criu: BTreeSet<String>,
    /// CRIU's version, empty without CRIU.
    pub criu: String,
    /// Whether `criu check` was content.
    pub criu_works: bool,
    /// Whether this was CRIU's first run since the boot.
    pub criu_first_run: bool,
    /// Whether CRIU knows SELinux; none where nobody could tell.
    pub criu_selinux: Option<bool>,
    /// What CRIU's own check says that it cannot do here: `mem_dirty_track`, `uffd`, `timens`, …
    pub criu_lacks: BTreeSet<String>,
    /// Lines of CRIU's configuration files on the host.
    pub criu_options: Vec<String>,
    /// Whether libcriu.so.2 is there; none where nobody could tell.
    pub libcriu: Option<bool>,
    /// The C library's version, such as `2.41`; empty for another C library.
    pub glibc: String,
    /// Version of the control groups: 1 or 2; 0 where it was not seen.
    pub cgroup_version: u8,
    /// The controllers that are on.
    pub cgroup_controllers: BTreeSet<String>,
    /// `systemd` or `cgroupfs`.
    pub cgroup_manager: String,
    /// Security modules of the kernel that are on; empty where it was not seen.
    pub security: Vec<String>,
    /// Whether SELinux enforces.
    pub selinux_enforcing: bool,
    /// Firewall programs: `iptables`, `nft`.
    pub firewalls: BTreeSet<String>,
    /// The capabilities that our commands can have at most, as the kernel's bits.
    pub capabilities: Option<u64>,
    /// TCP ports on which something listens.
    pub listening: BTreeSet<u16>,
    /// UDP ports on which something waits.
    pub listening_udp: BTreeSet<u16>,
    /// Established TCP connections of the container that lead out of it.
    pub established: u32,
    /// Memory of the container that a checkpoint has to write, bytes: anonymous and shared. None when it
    /// could not be read.
    pub container_memory: Option<u64>,
    /// Size of the container's writable layer, bytes.
    pub upper: u64,
    /// Size of the container's volumes, bytes.
    pub volumes: u64,
    /// The host's clock against ours.
    #[serde(skip)]
    pub clock: Option<Clock>,
    /// What the host's clock said first and last while it was looked at, seconds since the Unix epoch.
    #[serde(skip)]
    pub clock_readings: Option<(f64, f64)>,
    /// Whether the script left out what is known.
    #[serde(skip)]
    pub slow_known: bool,
}

/// A host's clock, as seconds since the Unix epoch at the moment zero of a clock of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The middle of what is possible.
    pub offset: f64,
    /// How far it may be off, seconds.
    pub margin: f64,
}

impl HostFacts {
    /// Bytes of the checkpoint archive as the engine writes it: memory and volumes, and some for the rest of CRIU's
    /// images, which are 0.1 MB for a small container.
    pub fn archive(&self) -> u64 {
        self.container_memory.unwrap_or_default() + self.volumes + (4 << 20)
    }

    /// The better of the codecs that are there.
    pub fn codec(&self) -> Codec {
        if self.missing.contains("zstd") { Codec::Gzip } else { Codec::Zstd }
    }

    /// Programs that are missing and needed; zstd can be done without.
    pub fn missing_tools(&self) -> Vec<&str> {
        let own = |tool: &&str| !matches!(*tool, "criu" | "zstd" | "podman");
        self.missing.iter().map(String::as_str).filter(own).collect()
    }

    /// Whether CRIU's configuration files set an option.
    pub fn criu_option(&self, name: &str) -> bool {
        let set = |line: &String| {
            line.split(|c: char| c == '=' || c.is_whitespace()).find(|word| !word.is_empty()) == Some(name)
        };
        self.criu_options.iter().any(set)
    }

    /// Whether all slow facts were as they should be.
    pub(super) fn is_able(&self) -> bool {
        self.criu_works
            && self.missing.is_empty()
            && self.libcriu != Some(false)
            && self.runtimes_without_criu.is_empty()
            && !self.runtimes.is_empty()
    }

    /// What keeps this host from sending or receiving containers, each with what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.user != Some(0) {
            problems
                .push("commands do not run as root, and CRIU needs root: log in as root or set sudo".into());
        }
        if self.criu.is_empty() {
            problems.push("CRIU is not installed: apt-get install criu libcriu2".into());
        } else if !self.criu_works {
            let (criu, kernel) = (printable(&self.criu), printable(&self.kernel));
            problems.push(format!(
                "CRIU {criu} does not work with kernel {kernel}: “criu check” says what is missing"
            ));
        }
        let missing = self.missing_tools();
        if !missing.is_empty() {
            problems.push(format!("missing, or without the GNU options needed: {}", missing.join(", ")));
        }
        problems
    }

    /// Takes the slow facts from an earlier look, where the script left them out.
    pub(super) fn recall(&mut self, known: Option<&Self>) {
        let Some(known) = known.filter(|known| self.slow_known && known.known == self.known) else { return };
        let known = known.clone();
        self.distribution = known.distribution;
        self.cpu_flags = known.cpu_flags;
        self.cpu_model = known.cpu_model;
        self.missing = known.missing;
        self.runtimes = known.runtimes;
        self.runtimes_without_criu = known.runtimes_without_criu;
        self.criu = known.criu;
        self.criu_works = known.criu_works;
        self.criu_selinux = known.criu_selinux;
        self.criu_lacks = known.criu_lacks;
        self.libcriu = known.libcriu;
        self.glibc = known.glibc;
    }

    /// Works out the host's clock from when the script was ordered and when its end arrived, both since our moment zero.
    pub(super) fn set_clock(&mut self, ordered: Duration, arrived: Duration) {
        let Some((first, last)) = self.clock_readings else { return };
        // The first reading is younger than the order, the last one older than its arrival.
        let (most, least) = (first - ordered.as_secs_f64(), last - arrived.as_secs_f64());
        let margin = ((most - least) / 2.0).max(0.0);
        self.clock = Some(Clock { offset: f64::midpoint(most, least), margin });
    }

    /// Takes in a line of the script; false when it is none of the host's.
    pub(super) fn take(&mut self, key: &str, value: &str) -> bool {
        let number = || value.trim().parse::<u64>().unwrap_or_default();
        let kibibytes = || number().saturating_mul(1024);
        let port = || u16::from_str_radix(value, 16).ok();
        let word = || value.trim().to_owned();
        match key {
            "known" => self.known = word(),
            "slow" => self.slow_known = true,
            "user" => self.user = value.trim().parse().ok(),
            "distribution" => self.distribution = value.trim().trim_matches('"').to_owned(),
            "system" => {
                let mut words = value.split_whitespace().map(str::to_owned);
                self.kernel = words.next().unwrap_or_default();
                self.architecture = words.next().unwrap_or_default();
            }
            "cpu-flags" => self.cpu_flags = value.split_whitespace().map(str::to_owned).collect(),
            "cpu-model" => self.cpu_model = word(),
            "processors" => self.processors = number() as u32,
            "MemTotal" => self.memory_total = kibibytes(),
            "MemAvailable" => self.memory_available = kibibytes(),
            "SwapFree" => self.swap_free = kibibytes(),
            "free" => {
                let mut words = value.split_whitespace();
                let mut number =
                    || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
                let bytes = number().saturating_mul(number());
                match words.next() {
                    Some("/dev/shm") => self.free_memory_files = bytes,
                    Some("/var/tmp") => self.free_disk = bytes,
                    Some("/tmp") => self.free_temporary = bytes,
                    Some("storage") => self.free_storage = bytes,
                    _ => {}
                }
            }
            "missing" => {
                self.missing.insert(word());
            }
            "runtime" => {
                self.runtimes.insert(word());
            }
            "runtime-lacks" => {
                self.runtimes.insert(word());
                self.runtimes_without_criu.insert(word());
            }
            "criu" => self.criu = word(),
            "criu-check" => self.criu_works = value == "good",
            "first-run" => self.criu_first_run = true,
            "criu-selinux" => self.criu_selinux = Some(value == "yes"),
            "lacks" => {
                self.criu_lacks.insert(word());
            }
            "criu-option" => self.criu_options.push(word()),
            "libcriu" => self.libcriu = Some(value == "there"),
            // Another C library's answer has no number, or none at all.
            "glibc" => self.glibc = value.strip_prefix("glibc ").unwrap_or_default().trim().to_owned(),
            "cgroup" => {
                let mut words = value.split_whitespace();
                self.cgroup_version = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
                self.cgroup_controllers = words.map(str::to_owned).collect();
            }
            "cgroup-manager" => self.cgroup_manager = word(),
            "security" => self.security = value.trim().split(',').map(str::to_owned).collect(),
            "selinux" => self.selinux_enforcing = value.trim() == "1",
            "firewall" => {
                self.firewalls.insert(word());
            }
            "capabilities" => self.capabilities = u64::from_str_radix(value.trim(), 16).ok(),
            "listening" => self.listening.extend(port()),
            "listening-udp" => self.listening_udp.extend(port()),
            "memory" => self.container_memory = value.trim().parse().ok(),
            "upper" => self.upper = number(),
            "volume" => self.volumes += number(),
            "clock" => {
                if let Ok(now) = value.trim().parse() {
                    let first = self.clock_readings.map_or(now, |(first, _)| first);
                    self.clock_readings = Some((first, now));
                }
            }
            _ => return false,
        }
        true
    }
}
