//! How much of what has been used: counters that only grow.
//!
//! What is wanted of the processors may be more than there is: between two looks everybody then gets the same
//! share of what they wanted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::scenario::Metric;

/// Processor time that a system uses that does nothing, in cores: timers, its own services.
const IDLE_SYSTEM: f64 = 0.012;

/// Counters are brought up to date no more often than this, seconds: a kernel's own ticks are 4 ms.
const GRAIN: f64 = 0.004;

/// The counters of a machine.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Counters>);

/// What has been counted.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Up to when, in the world's time.
    until: Duration,
    /// Processor seconds used by all together.
    pub processor: f64,
    /// Seconds in which somebody waited for a processor.
    pub waited: f64,
    /// The load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// What part of the last while somebody waited for a processor, and for memory, in percent.
    pub pressure: [f64; 2],
    /// Processor seconds of each container since it was started here, by id.
    pub containers: BTreeMap<String, f64>,
    /// Processor seconds that programs have asked for outside of loads.
    spent: f64,
    /// Bytes received and sent over the network.
    pub network: [f64; 2],
    /// Bytes read from and written to the disk.
    pub disk: [f64; 2],
}

/// Somebody who wants processor time.
#[derive(Clone, Debug)]
pub struct Wanting {
    /// The container's id.
    pub id: String,
    /// Processor seconds wanted between the two times.
    pub seconds: f64,
}

impl Meter {
    /// Counts processor time that a program uses.
    pub fn spend(&self, processor_time: Duration) {
        locked(&self.0).spent += processor_time.as_secs_f64();
    }

    /// Counts bytes that passed the network.
    pub fn carried(&self, received: u64, sent: u64) {
        let mut counters = locked(&self.0);
        counters.network[0] += received as f64;
        counters.network[1] += sent as f64;
    }

    /// Begins again with zeros, as a kernel that boots.
    pub fn begin_anew(&self, now: Duration) {
        *locked(&self.0) = Counters { until: now, ..Counters::default() };
    }

    /// Counts up to now and returns the counters.
    pub fn read(&self, machine: &Machine) -> Counters {
        let now = machine.clock.now();
        let mut counters = locked(&self.0);
        let (from, seconds) = (counters.until, now.saturating_sub(counters.until).as_secs_f64());
        // Within one look at many files nothing has changed that could be seen.
        if seconds <= GRAIN {
            return counters.clone();
        }
        counters.until = now;
        let (name, loads) = (&machine.plan.name, &machine.loads);
        let wanting = machine.wanting(from, now);
        let spent = std::mem::take(&mut counters.spent);
        let of_host = loads.host_total(name, Metric::Cpu, from, now) + IDLE_SYSTEM * seconds + spent;
        let wanted = of_host + wanting.iter().map(|wanting| wanting.seconds).sum::<f64>();
        let available = f64::from(machine.plan.cores) * seconds;
        let share = (available / wanted.max(1e-9)).min(1.0);
        counters.processor += wanted * share;
        for wanting in wanting {
            *counters.containers.entry(wanting.id).or_default() += wanting.seconds * share;
        }
        let waiting = (wanted / available - 1.0).max(0.0);
        counters.waited += seconds * waiting.min(1.0);
        // The kernel's own exponential averages (kernel/sched/loadavg.c, psi.c).
        let smooth = |value: &mut f64, target: f64, span: f64| {
            *value = target + (*value - target) * (-seconds / span).exp();
        };
        let running = wanted / seconds;
        for (load, span) in counters.load.iter_mut().zip([60.0, 300.0, 900.0]) {
            smooth(load, running, span);
        }
        let short = machine.memory_shortage() * 100.0;
        let waits = (1.0 - share) * 100.0;
        for (pressure, target) in counters.pressure.iter_mut().zip([waits, short]) {
            smooth(pressure, target, 10.0);
        }
        let traffic = |metric| machine.traffic(metric, from, now);
        let (network, disk) = (traffic(Metric::Network), traffic(Metric::Disk));
        counters.network.iter_mut().for_each(|bytes| *bytes += network);
        // Two thirds of what a server's disk does is writing.
        counters.disk[0] += disk / 3.0;
        counters.disk[1] += disk * 2.0 / 3.0;
        counters.clone()
    }
}
