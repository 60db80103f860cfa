//! One simulated host: a small Unix with files, pipes, processes and a clock of its own.
//!
//! In comes a host's plan; programs (see [`programs`]) run on it as processes of [`process`]. What they do to files
//! stays until the host's disk is thrown away with the world; what is in /run and /dev/shm goes with a reboot.

pub mod content;
pub mod errno;
pub mod files;
pub mod kernel;
pub mod namespace;
pub mod open;
pub mod overlay;
pub mod pipe;
pub mod process;
pub mod programs;
pub mod residents;
pub mod signal;
mod skeleton;
mod visitors;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;

use super::clock::Clock;
use super::engine::containers::Containers;
#[cfg(test)]
use super::failure::Failure;
#[cfg(test)]
use super::scenario::Stage;
use super::scenario::{Engine, HostPlan};
use super::world::{Loads, World};
use super::{digest, locked};
use files::Filesystem;
use kernel::meter::Meter;
use namespace::Namespace;
use process::Processes;

/// Whether a host does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// It works.
    On,
    /// It takes connections and does nothing more.
    Hung,
    /// It is dead: nobody answers.
    Off,
}

/// Processor time below which waiting for it would take longer than it does.
const WORTH_A_TIMER: Duration = Duration::from_millis(8);

/// One simulated host.
pub struct Machine {
    /// What it is.
    pub plan: HostPlan,
    /// The world's time.
    pub clock: Arc<Clock>,
    /// What its processes see mounted, unless they have a namespace of their own.
    pub namespace: Arc<Namespace>,
    /// What runs.
    pub processes: Processes,
    /// Its one disk.
    pub disk: Arc<Filesystem>,
    /// /dev/shm
    pub shared_memory: Arc<Filesystem>,
    /// /run
    pub run: Arc<Filesystem>,
    /// /dev
    pub devices: Arc<Filesystem>,
    /// /proc and /sys
    pub kernel: Arc<Filesystem>,
    /// Its containers, whatever the engine.
    pub containers: Containers,
    /// What was used of it so far.
    pub meter: Meter,
    /// What the scenario lets be used.
    pub loads: Arc<Loads>,
    world: OnceLock<Weak<World>>,
    /// Memory that something outside of containers and loads has taken, bytes.
    other_memory: Mutex<i64>,
    /// Processor time that programs have used and not yet waited for.
    small: Mutex<Duration>,
    skew: Mutex<SignedDuration>,
    power: watch::Sender<Power>,
    /// When it was last started, in the world's time; none while that lies before the world's beginning.
    started: Mutex<Option<Duration>>,
    boots: AtomicU32,
    /// The failure in which a stage ends next.
    #[cfg(test)]
    pub(crate) armed: Mutex<Option<(Stage, &'static Failure)>>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Machine({})", self.plan.name)
    }
}

impl Machine {
    /// A host as it is when the world begins, with the files of a fresh system.
    pub fn new(plan: HostPlan, clock: Arc<Clock>, loads: Arc<Loads>) -> Arc<Self> {
        let disk = Filesystem::new("ext4", "/dev/vda1", plan.disk);
        disk.occupy(plan.disk_used);
        // Linux gives a tmpfs half of the memory when nothing is said; systemd gives /run a fifth.
        let shared_memory = Filesystem::new("tmpfs", "tmpfs", plan.memory / 2);
        let run = Filesystem::new("tmpfs", "tmpfs", plan.memory / 5);
        let devices = Filesystem::new("devtmpfs", "udev", plan.memory / 2);
        let kernel = Filesystem::new("proc", "proc", 0);
        let calendar = clock.unix();
        let namespace = skeleton::namespace(&plan, calendar, [&disk, &devices, &run, &shared_memory]);
        let machine = Arc::new_cyclic(|machine| Self {
            containers: Containers::new(machine.clone()),
            meter: Meter::default(),
            loads,
            world: OnceLock::new(),
            other_memory: Mutex::default(),
            small: Mutex::default(),
            skew: Mutex::new(plan.clock_skew),
            plan,
            clock,
            namespace: Arc::new(namespace),
            // A system that has been up for days has used up many numbers.
            processes: Processes::after(1_200),
            disk,
            shared_memory,
            run,
            devices,
            kernel,
            power: watch::Sender::new(Power::On),
            started: Mutex::new(None),
            boots: AtomicU32::new(0),
            #[cfg(test)]
            armed: Mutex::default(),
        });
        kernel::mount(&machine);
        machine.start_service(Engine::Podman);
        machine.start_service(Engine::Docker);
        machine
    }

    /// What its calendar says: time since 1970, by a clock that may be wrong.
    pub fn calendar(&self) -> Duration {
        let right = SignedDuration::try_from(self.clock.unix()).unwrap_or(SignedDuration::MAX);
        Duration::try_from(right.saturating_add(*locked(&self.skew))).unwrap_or_default()
    }

    /// Sets its calendar forward, or back.
    pub fn jump_clock(&self, by: SignedDuration) {
        let mut skew = locked(&self.skew);
        *skew = skew.saturating_add(by);
    }

    /// How often it was started since the world began.
    pub fn boots(&self) -> u32 {
        self.boots.load(Ordering::Relaxed)
    }

    /// How long it has been up.
    pub fn uptime(&self) -> Duration {
        match *locked(&self.started) {
            Some(started) => self.clock.now().saturating_sub(started),
            None => self.plan.boot + self.clock.now(),
        }
    }

    /// How long it had been up when the world began; nothing once it has been started anew.
    pub fn up_before(&self) -> Duration {
        locked(&self.started).map_or(self.plan.boot, |_| Duration::ZERO)
    }

    /// Its boot id: another one after each boot, the same in each run of the same world.
    pub fn boot_id(&self) -> String {
        let hex = digest(format!("{}/{}", self.plan.name, self.boots.load(Ordering::Relaxed)));
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }

    /// Whether it works, to be followed.
    pub fn power(&self) -> watch::Receiver<Power> {
        self.power.subscribe()
    }

    /// Hangs it, or lets it go on.
    pub fn hang(&self, hung: bool) {
        self.power.send_replace(if hung { Power::Hung } else { Power::On });
    }

    /// Takes its power away: what runs is gone at once, and so is what is only in memory.
    pub fn cut_power(&self) {
        self.power.send_replace(Power::Off);
        self.containers.power_cut();
        skeleton::forget_memory(self);
    }

    /// Starts it again after [`Machine::cut_power`].
    pub fn boot(self: &Arc<Self>) {
        self.boots.fetch_add(1, Ordering::Relaxed);
        *locked(&self.started) = Some(self.clock.now());
        self.meter.begin_anew(self.clock.now());
        skeleton::fill_memory(self);
        self.start_service(Engine::Podman);
        self.start_service(Engine::Docker);
        self.power.send_replace(Power::On);
    }

    /// Lets a program use a processor for so long: that is how long it takes, unless others want them, too.
    /// Small amounts are put together until they are worth a timer, whose grain is a millisecond.
    pub async fn spend(&self, processor_time: Duration) {
        let due = {
            let mut small = locked(&self.small);
            *small += processor_time;
            if *small < WORTH_A_TIMER {
                return;
            }
            std::mem::take(&mut *small)
        };
        self.meter.spend(due);
        self.clock.sleep(due.mul_f64(self.slowdown())).await;
    }

    /// How many times longer things take because others want the processors.
    fn slowdown(&self) -> f64 {
        let running = self.meter.read(self).load[0] + 1.0;
        (running / f64::from(self.plan.cores)).max(1.0)
    }
}

/// A host for tests, with all engines, and a clock that begins at a fixed time.
#[cfg(test)]
pub(crate) fn machine_for_tests() -> Arc<Machine> {
    use super::scenario::{Architecture, CgroupVersion, Runtime, Version};

    let plan = HostPlan {
        name: crate::fleet::HostName::new("h1").unwrap(),
        memory: 2 << 30,
        memory_used: 300 << 20,
        swap: 0,
        cores: 2,
        disk: 20 << 30,
        disk_used: 4 << 30,
        architecture: Architecture::X86_64,
        kernel: "6.12.48+deb13-amd64".into(),
        distribution: "Debian GNU/Linux 13 (trixie)".into(),
        criu: Version::new("4.1.1"),
        podman: Version::new("5.4.2"),
        docker: Version::new("26.1.5"),
        runc: Version::new("1.1.15"),
        runtime: Runtime::Crun,
        cgroup: CgroupVersion::Two,
        cpu_flags: vec!["fpu".into(), "sse2".into()],
        cpu_model: "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz".into(),
        clock_skew: SignedDuration::ZERO,
        boot: Duration::from_secs(3 * 86_400),
    };
    let clock = Arc::new(Clock::new(Duration::from_secs(1_760_000_000)));
    Machine::new(plan, clock.clone(), Arc::new(Loads::none(clock)))
}
