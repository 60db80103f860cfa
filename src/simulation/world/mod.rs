//! The world: hosts, the wires between them, and what happens at given times.
//!
//! In comes a scenario; out go machines, a fleet that names them, and a connector that reaches them. Whatever
//! happens later, happens by the scenario's events ([`happenings`]) or because somebody does it over SSH.

pub mod happenings;
mod loads;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::clock::Clock;
use super::locked;
use super::machine::Machine;
use super::network::wire::Wire;
use super::network::{Keys, Network};
use super::scenario::{Place, Scenario};
use crate::fleet::{Fleet, HostKeyCheck, HostName, HostSpec, Sudo};
use crate::ssh::Connector;
use crate::ssh::config::{AgentSocket, HostResolver, Person, Query, Settings};
use happenings::Happenings;
pub use loads::Loads;

/// What every host keeps for itself when nobody says otherwise; the scenario's hosts are small.
const MEMORY_RESERVE: u64 = 256 << 20;

/// Addresses that each host has to itself of 10.88.0.0/16: whoever moves containers plans their network so.
const ADDRESSES: u32 = 256;

/// A simulated world.
pub struct World {
    /// What it was made from.
    pub scenario: Scenario,
    /// Its time.
    pub clock: Arc<Clock>,
    /// Who may log in, and what the hosts prove themselves with.
    pub keys: Keys,
    machines: BTreeMap<HostName, Arc<Machine>>,
    wires: Mutex<BTreeMap<(Place, Place), Arc<Wire>>>,
    happenings: Happenings,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "World({})", self.scenario.name)
    }
}

/// A world could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no keys could be made for the simulated hosts: {0}")]
pub struct NoWorld(#[from] russh::keys::ssh_key::Error);

impl World {
    /// Makes a world whose calendar begins at `began` (since 1970), and lets its time run. Must be called
    /// within a tokio runtime.
    pub fn begin(scenario: Scenario, began: Duration) -> Result<Arc<Self>, NoWorld> {
        let clock = Arc::new(Clock::new(began));
        let loads = Arc::new(Loads::new(&scenario, clock.clone()));
        let machines = scenario
            .hosts
            .iter()
            .map(|plan| (plan.name.clone(), Machine::new(plan.clone(), clock.clone(), loads.clone())))
            .collect();
        let world = Arc::new(Self {
            happenings: Happenings::new(&scenario),
            keys: Keys::new()?,
            machines,
            wires: Mutex::default(),
            clock,
            scenario,
        });
        for (place, machine) in (0..).zip(world.machines.values()) {
            machine.containers.networks.begin_at("podman", place * ADDRESSES + 1);
        }
        // Of several with the same port one is published, or they could not meet on one host.
        let mut published = BTreeSet::new();
        for plan in &world.scenario.containers {
            let mut plan = plan.clone();
            plan.ports.retain(|port| published.insert(*port));
            if let Some(machine) = world.machines.get(&plan.host) {
                machine.furnish(&plan, world.scenario.seed);
            }
        }
        for machine in world.machines.values() {
            machine.watched_by(&world);
        }
        happenings::run(&world);
        Ok(world)
    }

    /// The machines, by name.
    pub fn machines(&self) -> impl Iterator<Item = &Arc<Machine>> {
        self.machines.values()
    }

    /// A machine.
    pub fn machine(&self, name: &HostName) -> Option<&Arc<Machine>> {
        self.machines.get(name)
    }

    /// The machine that answers at an address, which is its name.
    pub fn machine_at(&self, address: &str) -> Option<Arc<Machine>> {
        let name = HostName::new(address).ok()?;
        self.machines.get(&name).cloned()
    }

    /// The wire between two places.
    pub fn wire(&self, one: &Place, other: &Place) -> Arc<Wire> {
        let ends = if one <= other { (one, other) } else { (other, one) };
        let mut wires = locked(&self.wires);
        let seed = self.scenario.seed ^ wires.len() as u64;
        wires
            .entry((ends.0.clone(), ends.1.clone()))
            .or_insert_with(|| Wire::new(self.clock.clone(), self.scenario.links.between(one, other), seed))
            .clone()
    }

    /// The fleet of its hosts, as a fleet file would give it.
    pub fn fleet(&self) -> Fleet {
        let host = |name: &HostName| HostSpec {
            name: name.clone(),
            address: name.to_string(),
            user: Some("root".into()),
            port: None,
            identity: Vec::new(),
            jump: Vec::new(),
            known_hosts: Vec::new(),
            host_key_check: HostKeyCheck::Strict,
            engine: Default::default(),
            sudo: Sudo::Never,
            labels: BTreeMap::new(),
            memory_reserve: MEMORY_RESERVE,
        };
        Fleet {
            title: self.scenario.title.clone(),
            path: PathBuf::from("simulated"),
            hosts: self.scenario.hosts.iter().map(|plan| host(&plan.name)).collect(),
            groups: BTreeMap::new(),
        }
    }

    /// Reaches the hosts from the operator's machine, without a network, a file or an agent.
    pub fn connector(self: &Arc<Self>) -> Result<Connector, NoWorld> {
        let known: Result<String, _> =
            self.machines.keys().map(|name| self.keys.known(name.as_str())).collect();
        let person = Person { user: "root".into(), home: PathBuf::from("/"), agent: None };
        Ok(Connector::with(person.clone(), NoFiles(person))
            .over(Network::from(self, Place::Laptop))
            .holding(self.keys.operator.clone())
            .knowing(&known?))
    }
}

/// Settings that name no file at all.
struct NoFiles(Person);

#[async_trait]
impl HostResolver for NoFiles {
    async fn resolve(&self, query: &Query) -> Result<Settings, String> {
        Ok(Settings {
            identity_files: Vec::new(),
            agent: AgentSocket::None,
            user_known_hosts: Vec::new(),
            global_known_hosts: Vec::new(),
            ..Settings::defaults(query, &self.0)
        })
    }
}

#[cfg(test)]
mod tests;
