//! Who uses how much of what, over time: the scenario's loads, by bearer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::fleet::HostName;
use crate::simulation::clock::Clock;
use crate::simulation::load::Load;
use crate::simulation::scenario::{Bearer, Metric, Origin, Scenario};

/// The loads of a world.
#[derive(Debug)]
pub struct Loads {
    clock: Arc<Clock>,
    hosts: BTreeMap<HostName, Vec<(Metric, Load)>>,
    containers: BTreeMap<Origin, Vec<(Metric, Load)>>,
}

impl Loads {
    /// Those of a scenario.
    pub fn new(scenario: &Scenario, clock: Arc<Clock>) -> Self {
        let mut loads = Self { clock, hosts: BTreeMap::new(), containers: BTreeMap::new() };
        for plan in &scenario.loads {
            let list = match &plan.on {
                Bearer::Host(host) => loads.hosts.entry(host.clone()).or_default(),
                Bearer::Container(origin) => loads.containers.entry(origin.clone()).or_default(),
            };
            list.push((plan.metric, plan.shape));
        }
        loads
    }

    /// A world without loads.
    pub fn none(clock: Arc<Clock>) -> Self {
        Self { clock, hosts: BTreeMap::new(), containers: BTreeMap::new() }
    }

    /// What a host bears now, outside of its containers.
    pub fn of_host(&self, host: &HostName, metric: Metric) -> f64 {
        level(self.hosts.get(host), metric, self.clock.now())
    }

    /// What a host has borne between two times: the level's unit times seconds.
    pub fn host_total(&self, host: &HostName, metric: Metric, from: Duration, to: Duration) -> f64 {
        total(self.hosts.get(host), metric, from, to)
    }

    /// What a container bears now, where it runs.
    pub fn of_container(&self, origin: &Origin, metric: Metric) -> f64 {
        level(self.containers.get(origin), metric, self.clock.now())
    }

    /// What a container bears between two times in which it runs.
    pub fn container_total(&self, origin: &Origin, metric: Metric, from: Duration, to: Duration) -> f64 {
        total(self.containers.get(origin), metric, from, to)
    }
}

fn level(loads: Option<&Vec<(Metric, Load)>>, metric: Metric, at: Duration) -> f64 {
    let loads = loads.into_iter().flatten();
    loads.filter(|(of, _)| *of == metric).map(|(_, load)| load.at(at)).sum()
}

fn total(loads: Option<&Vec<(Metric, Load)>>, metric: Metric, from: Duration, to: Duration) -> f64 {
    let loads = loads.into_iter().flatten();
    loads.filter(|(of, _)| *of == metric).map(|(_, load)| load.integral(to) - load.integral(from)).sum()
}
