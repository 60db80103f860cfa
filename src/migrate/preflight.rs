//! Whether a move will work: what was seen on both hosts, judged line by line, without touching anything.

mod belongings;
mod connections;
mod container;
mod hosts;
mod identity;
mod room;
#[cfg(test)]
mod tests;

use super::event::{Check, Severity, Tcp};
use super::networks::{Fit, NetworkPlan};
use super::probe::HostFacts;
use crate::engine::{Address, Arrival, Connections, Inspected, Segment, Volumes};
use crate::fleet::HostName;

/// What is known of the container's present host.
pub struct Source {
    /// Its name.
    pub host: HostName,
    /// Its engine's version.
    pub version: String,
    /// The host and the container.
    pub facts: HostFacts,
    /// The container, with its published ports as they shall be at the destination.
    pub container: Inspected,
    /// What shall become of open TCP connections, where somebody has chosen.
    pub tcp: Option<Tcp>,
}

/// What is known of the host to which it shall go.
pub struct Destination {
    /// Its name.
    pub host: HostName,
    /// Its engine's version.
    pub version: String,
    /// The host.
    pub facts: HostFacts,
    /// Memory that must stay available, bytes.
    pub memory_reserve: u64,
    /// A container there that has the name or the id already.
    pub namesake: Option<String>,
    /// Whether the image is there.
    pub image: Image,
    /// Named volumes of the container that exist there already.
    pub volumes: Vec<String>,
    /// The container's networks with the addresses in use on each; none where the network is missing.
    pub networks: Vec<(String, Option<Vec<String>>)>,
    /// Paths of bind mounts that are missing there.
    pub missing_binds: Vec<String>,
    /// Secrets of the container that are missing there.
    pub missing_secrets: Vec<String>,
    /// How the container's networks fit to it.
    pub network_plans: Vec<NetworkPlan>,
}

/// Whether and how the image has to be shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// It is there.
    Present,
    /// It is there without its name, which is free.
    Tag,
    /// It is shipped with its name.
    Ship,
    /// It is shipped without its name, because another image has that name there.
    ShipNameless,
}

/// Archive and restored memory at once, then some room for the engine itself: Podman and CRIU take about 100 MiB
/// while they restore (measured on the lab with an idle container).
const ENGINE_ROOM: u64 = 100 << 20;

/// Where the archive is kept at the destination until it is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// /dev/shm: 4–5 times faster, when memory allows for the archive beside the restored container.
    Memory,
    /// /var/tmp.
    Disk,
}

/// Where the archive goes, and how large it will be at most.
pub fn keep(source: &HostFacts, destination: &Destination) -> (Keep, u64) {
    // While the difference is put into the archive it is there twice.
    let archive = source.archive() + 2 * source.upper;
    let needed =
        archive + source.container_memory.unwrap_or_default() + ENGINE_ROOM + destination.memory_reserve;
    let fits = destination.facts.memory_available >= needed && destination.facts.free_memory_files >= archive;
    (if fits { Keep::Memory } else { Keep::Disk }, archive)
}

/// How the container is restored there.
pub fn arrival(source: &Source, destination: &Destination, published: Vec<String>) -> Arrival {
    let taken = taken_addresses(source, destination);
    Arrival {
        address: if taken.is_empty() { Address::Keep } else { Address::Renew },
        connections: match source.tcp {
            Some(Tcp::Close) => Connections::Close,
            Some(Tcp::Keep | Tcp::Refuse) | None => Connections::Keep,
        },
        published,
        segment: segment(destination),
        volumes: Volumes::Engine,
    }
}

/// Whether any of the container's networks is the host's own.
fn segment(destination: &Destination) -> Segment {
    let shared = |plan: &NetworkPlan| plan.network.segment() == Segment::Shared;
    if destination.network_plans.iter().any(shared) { Segment::Shared } else { Segment::Own }
}

fn taken_addresses(source: &Source, destination: &Destination) -> Vec<String> {
    let taken = |network: &str, address: &str| {
        destination.networks.iter().any(|(name, used)| {
            name == network && used.as_ref().is_some_and(|used| used.iter().any(|other| other == address))
        })
    };
    source
        .container
        .networks
        .iter()
        .filter_map(|(network, address)| address.as_ref().filter(|address| taken(network, address)).cloned())
        .collect()
}

/// Judges a move. The worst lines come first; a move with an error is refused.
pub fn checks(source: &Source, destination: &Destination) -> Vec<Check> {
    let mut list = List(Vec::new());
    container::container(&mut list, source);
    hosts::hosts(&mut list, source, destination);
    identity::identity(&mut list, source, destination);
    connections::connections(&mut list, source, destination);
    room::room(&mut list, source, destination);
    belongings::belongings(&mut list, source, destination);
    list.0.sort_by_key(|check| std::cmp::Reverse(check.severity));
    list.0
}

/// Whether the list forbids the move.
pub fn refuses(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.severity == Severity::Error)
}

struct List(Vec<Check>);

impl List {
    fn add(
        &mut self,
        id: &str,
        severity: Severity,
        host: Option<&HostName>,
        seen: String,
        fix: impl Into<String>,
    ) {
        self.0.push(Check { id: id.into(), severity, host: host.cloned(), seen, fix: fix.into() });
    }

    fn pass(&mut self, id: &str, seen: String) {
        self.add(id, Severity::Pass, None, seen, "");
    }
}
