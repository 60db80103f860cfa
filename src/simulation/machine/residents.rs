//! What the kernel of a machine sees of its containers: processes, memory, sockets, control groups.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::kernel::meter::Wanting;
use crate::simulation::engine::container::Container;
use crate::simulation::locked;
use crate::simulation::scenario::Metric;

/// A TCP socket.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// Local port.
    pub port: u16,
    /// The port of whoever is connected; none for one that listens.
    pub peer: Option<u16>,
}

impl Machine {
    /// The container whose control group this is, while it has processes.
    pub fn container_in(&self, cgroup: &str) -> Option<Arc<Container>> {
        // Its last name has the id in it, which is compared much faster than a path is made.
        let last = cgroup.rsplit('/').next().filter(|last| !last.is_empty())?;
        let running = self.containers.running().into_iter();
        running
            .filter(|container| last.trim_end_matches(".scope").ends_with(container.id.as_str()))
            .find(|container| container.control_group() == cgroup)
    }

    /// Whether a control group has others below it.
    pub fn has_cgroups_below(&self, cgroup: &str) -> bool {
        let is_below = |path: &str| path.strip_prefix(cgroup).is_some_and(|rest| rest.starts_with('/'));
        self.containers.running().iter().any(|container| is_below(&container.control_group()))
            || self.cgroups().iter().any(|path| is_below(path))
    }

    /// The control group of a process; none for one outside of containers.
    pub fn cgroup_of(&self, pid: u32) -> Option<String> {
        self.containers.of_process(pid).map(|container| container.control_group())
    }

    /// All control groups of containers, of those that are gone, too, where they were left.
    pub fn cgroups(&self) -> Vec<String> {
        self.containers.control_group_paths().into_iter().collect()
    }

    /// Memory of a process, bytes.
    pub fn memory_of(&self, pid: u32) -> u64 {
        self.containers.of_process(pid).map_or(2 << 20, |container| container.memory())
    }

    /// Memory that is in use, in bytes: the system, loads, containers, and files in memory.
    fn memory_wanted(&self) -> u64 {
        let loads = self.loads.of_host(&self.plan.name, Metric::Memory) as u64;
        let others = *locked(&self.other_memory);
        let containers = self.containers.memory() + self.memory_loads();
        let files = self.shared_memory.used() + self.run.used();
        (self.plan.memory_used + loads + containers + files).saturating_add_signed(others)
    }

    /// Memory that a new program could have, bytes.
    pub fn memory_available(&self) -> u64 {
        // The kernel keeps a little for itself however much is asked for.
        self.plan.memory.saturating_sub(self.memory_wanted()).max(self.plan.memory / 200)
    }

    /// Memory that has gone to the disk, bytes.
    pub fn swap_used(&self) -> u64 {
        self.memory_wanted().saturating_sub(self.plan.memory).min(self.plan.swap)
    }

    /// What part of the wanted memory is not there, from 0 to 1.
    pub fn memory_shortage(&self) -> f64 {
        let wanted = self.memory_wanted().max(1);
        wanted.saturating_sub(self.plan.memory) as f64 / wanted as f64
    }

    /// Memory that something outside of the containers takes, or gives back.
    pub fn use_memory(&self, amount: i64) {
        *locked(&self.other_memory) += amount;
    }

    /// Memory that the scenario's loads let containers use beyond their own, bytes.
    fn memory_loads(&self) -> u64 {
        let running = self.containers.running();
        running.iter().map(|container| self.grown(container)).sum()
    }

    /// Memory that a load lets a container use beyond its own, bytes.
    pub fn grown(&self, container: &Container) -> u64 {
        self.loads.of_container(&container.plan.origin(), Metric::Memory) as u64
    }

    /// What each running container wants of the processors between two times.
    pub fn wanting(&self, from: Duration, to: Duration) -> Vec<Wanting> {
        let running = self.containers.running().into_iter().filter(|container| !container.is_frozen());
        running
            .map(|container| {
                let from = from.max(to.saturating_sub(container.ran_since_start(to)));
                let own = container.plan.cpu.get() * to.saturating_sub(from).as_secs_f64();
                let loads = self.loads.container_total(&container.plan.origin(), Metric::Cpu, from, to);
                Wanting { id: container.id.clone(), seconds: own + loads }
            })
            .collect()
    }

    /// Bytes of the network each way, or of the disk, that loads have moved between two times.
    pub fn traffic(&self, metric: Metric, from: Duration, to: Duration) -> f64 {
        let containers = self.containers.running().into_iter().map(|container| {
            let from = from.max(to.saturating_sub(container.ran_since_start(to)));
            self.loads.container_total(&container.plan.origin(), metric, from, to)
        });
        self.loads.host_total(&self.plan.name, metric, from, to) + containers.sum::<f64>()
    }

    /// The TCP sockets of a container's process, or of the host itself.
    pub fn sockets(&self, pid: Option<u32>) -> Vec<Socket> {
        let Some(container) = pid.and_then(|pid| self.containers.of_process(pid)) else {
            let running = self.containers.running();
            let published = running.iter().flat_map(|container| container.plan.ports.iter().copied());
            return std::iter::once(22).chain(published).map(|port| Socket { port, peer: None }).collect();
        };
        let port = container.plan.ports.first().copied().unwrap_or(8080);
        let listening = container.plan.ports.iter().map(|port| Socket { port: *port, peer: None });
        let established =
            (0..container.plan.sockets).map(|index| Socket { port, peer: Some(40_000 + index as u16) });
        listening.chain(established).collect()
    }
}
