//! From counters to rates: two readings make a sample.

use super::reading::{Reading, Usage};
use super::{ContainerSample, Sample};

/// Readings further apart than this are on either side of a gap: one and a half times the slowest pace.
const GAP_SECONDS: f64 = 15.0;

/// Readings closer together than this differ by less than the hundredth of a second in which /proc counts
/// allows a rate to be told.
const SHORTEST_SECONDS: f64 = 0.05;

/// Remembers the last reading of a host.
#[derive(Debug, Default)]
pub(super) struct Rates {
    previous: Option<Reading>,
}

impl Rates {
    /// Turns a reading into a sample, with rates over the time since the reading before.
    pub fn sample(&mut self, reading: Reading) -> Sample {
        let sample = match &self.previous {
            Some(previous) => between(previous, &reading),
            None => between(&Reading::default(), &reading).without_rates(),
        };
        self.previous = Some(reading);
        sample
    }

    /// A sample was missed: the next one has no rates.
    pub fn gap(&mut self) {
        self.previous = None;
    }
}

impl Sample {
    fn without_rates(mut self) -> Self {
        self.cpu = None;
        (self.disk_read, self.disk_write, self.net_receive, self.net_send) = (None, None, None, None);
        for container in &mut self.containers {
            container.cpu = None;
        }
        self
    }
}

fn between(before: &Reading, now: &Reading) -> Sample {
    let seconds = now.uptime - before.uptime;
    // The uptime runs backwards when the host was restarted in between.
    let in_time = (SHORTEST_SECONDS..=GAP_SECONDS).contains(&seconds);
    let rate = |before: Option<u64>, now: Option<u64>| {
        let difference = now?.checked_sub(before?)?;
        in_time.then(|| difference as f64 / seconds)
    };
    let cpu = || {
        let (before, now) = (before.cpu?, now.cpu?);
        let total = now.total.checked_sub(before.total).filter(|ticks| *ticks > 0)?;
        let idle = now.idle.checked_sub(before.idle)?;
        in_time.then(|| (1.0 - idle as f64 / total as f64).clamp(0.0, 1.0))
    };
    let (disk, net) = (before.disk.unzip(), before.net.unzip());
    let (disk_now, net_now) = (now.disk.unzip(), now.net.unzip());
    Sample {
        host_clock_ms: now.clock_ms,
        clock_skew_ms: None,
        cpu: cpu(),
        processors: now.processors,
        memory_total: now.memory_total,
        memory_available: now.memory_available,
        swap_used: now.swap_used,
        load: now.load,
        disk_read: rate(disk.0, disk_now.0),
        disk_write: rate(disk.1, disk_now.1),
        net_receive: rate(net.0, net_now.0),
        net_send: rate(net.1, net_now.1),
        pressure: now.pressure,
        containers: now
            .containers
            .iter()
            .map(|(id, usage)| {
                let before = before.containers.get(id).and_then(|before| before.cpu_nanoseconds);
                ContainerSample {
                    id: id.clone(),
                    cpu: rate(before, usage.cpu_nanoseconds).map(|nanoseconds| nanoseconds / 1e9),
                    memory: in_use(usage),
                    memory_limit: usage.memory_limit,
                    pids: usage.pids,
                }
            })
            .collect(),
    }
}

/// Memory without the page cache that can be dropped at once.
fn in_use(usage: &Usage) -> u64 {
    usage.memory.unwrap_or(0).saturating_sub(usage.inactive_file.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::reading::CpuTicks;
    use super::*;
    use crate::fleet::ContainerId;
    use proptest::prelude::*;

    fn reading(uptime: f64, counter: u64) -> Reading {
        let usage =
            Usage { cpu_nanoseconds: Some(counter * 1_000_000), memory: Some(100), ..Usage::default() };
        Reading {
            uptime,
            cpu: Some(CpuTicks { total: counter, idle: counter / 4 }),
            disk: Some((counter, 2 * counter)),
            net: Some((3 * counter, 4 * counter)),
            containers: BTreeMap::from([(
                ContainerId("a".into()),
                Usage { inactive_file: Some(40), ..usage },
            )]),
            ..Reading::default()
        }
    }

    #[test]
    fn the_second_reading_has_rates() {
        let mut rates = Rates::default();
        let first = rates.sample(reading(100.0, 4000));
        assert_eq!((first.cpu, first.disk_read, first.containers[0].cpu), (None, None, None));
        assert_eq!(first.containers[0].memory, 60);
        let second = rates.sample(reading(102.0, 8000));
        assert_eq!(second.cpu, Some(0.75));
        assert_eq!((second.disk_read, second.disk_write), (Some(2000.0), Some(4000.0)));
        assert_eq!((second.net_receive, second.net_send), (Some(6000.0), Some(8000.0)));
        assert_eq!(second.containers[0].cpu, Some(2.0));
    }

    #[test]
    fn counters_that_ran_backwards_have_no_rate() {
        let mut rates = Rates::default();
        rates.sample(reading(100.0, 4000));
        let sample = rates.sample(reading(101.0, 400));
        assert_eq!(
            (sample.cpu, sample.disk_read, sample.net_send, sample.containers[0].cpu),
            (None, None, None, None)
        );
        assert_eq!(rates.sample(reading(102.0, 800)).disk_read, Some(400.0));
    }

    #[test]
    fn gaps_and_restarts_have_no_rate() {
        let mut rates = Rates::default();
        rates.sample(reading(100.0, 4000));
        assert_eq!(rates.sample(reading(116.0, 8000)).cpu, None);
        assert_eq!(rates.sample(reading(3.0, 9000)).cpu, None);
        rates.gap();
        assert_eq!(rates.sample(reading(4.0, 10_000)).cpu, None);
        assert!(rates.sample(reading(5.0, 11_000)).cpu.is_some());
    }

    #[test]
    fn a_new_container_has_no_rate_in_its_first_reading() {
        let mut rates = Rates::default();
        rates.sample(Reading { containers: BTreeMap::new(), ..reading(1.0, 1) });
        assert_eq!(rates.sample(reading(2.0, 2)).containers[0].cpu, None);
    }

    proptest! {
        #[test]
        fn rates_are_never_negative_nor_infinite(
            readings in proptest::collection::vec((0.0..1e6f64, any::<u32>()), 1..20)
        ) {
            let mut rates = Rates::default();
            for (uptime, counter) in readings {
                let sample = rates.sample(reading(uptime, counter.into()));
                prop_assert!(sample.cpu.is_none_or(|share| (0.0..=1.0).contains(&share)));
                for rate in [sample.disk_read, sample.net_send, sample.containers[0].cpu].into_iter().flatten() {
                    prop_assert!(rate.is_finite() && rate >= 0.0);
                }
            }
        }
    }
}
