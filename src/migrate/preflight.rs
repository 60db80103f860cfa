//! Whether a move will work: what was seen on both hosts, judged line by line, without touching anything.
//!
//! What is judged lies in `checks.toml`: id, severity, why it matters, what to do. What is seen is found by one file for
//! each kind of thing. `golden.rs` has a case for every failure that can be foreseen.

mod belongings;
mod catalogue;
mod connections;
mod container;
mod cpu;
mod fleet;
#[cfg(test)]
mod golden;
mod hosts;
mod identity;
mod inside;
mod list;
mod room;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{Check, Severity, Tcp};
use super::networks::{Fit, NetworkPlan};
use super::probe::{FileKind, HostFacts, Scan};
use crate::engine::{Address, Arrival, Connections, Inspected, NetworkFacts, Segment, Volumes};
use crate::fleet::HostName;
pub use catalogue::{Cause, cause_of, may_override};
pub use fleet::{Fitness, Pair, fitness};
use list::List;

/// What is known of the container's present host.
pub struct Source {
    /// Its name.
    pub host: HostName,
    /// Its engine's version.
    pub version: String,
    /// The host and the container.
    pub facts: HostFacts,
    /// The container's processes.
    pub scan: Scan,
    /// The container, with its published ports as they shall be at the destination.
    pub container: Inspected,
    /// What shall become of open TCP connections, where somebody has chosen.
    pub tcp: Option<Tcp>,
    /// What lies at the host's end of each bind mount; paths that were not asked are missing.
    pub binds: Vec<(String, FileKind)>,
    /// How long the look took.
    pub took: Duration,
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
    /// A container there that has the name already.
    pub namesake: Option<String>,
    /// A container there that has the id already, by its name.
    pub twin: Option<String>,
    /// Control groups that an earlier try has left.
    pub left_over: Option<String>,
    /// Whether the image is there.
    pub image: Image,
    /// Named volumes of the container that exist there already.
    pub volumes: Vec<String>,
    /// The container's networks as they are there; none where the network is missing.
    pub networks: Vec<(String, Option<NetworkFacts>)>,
    /// How the container's networks fit to it.
    pub network_plans: Vec<NetworkPlan>,
    /// Secrets of the container that are missing there.
    pub missing_secrets: Vec<String>,
    /// What lies there at the paths of bind mounts.
    pub binds: Vec<(String, FileKind)>,
    /// How long the look took.
    pub took: Duration,
}

/// Whether and how the image has to be shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Image {
    /// It is there.
    #[default]
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
    let lost = identity::lost_addresses(source, destination);
    Arrival {
        address: if lost.is_empty() { Address::Keep } else { Address::Renew },
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

/// Judges a move. The worst lines come first; a move with an error is refused. Errors that are among `overrides` and
/// may be passed over become warnings.
pub fn checks(source: &Source, destination: &Destination, overrides: &BTreeSet<String>) -> Vec<Check> {
    let mut list = List::new(&source.container.name, &source.host, &destination.host);
    container::container(&mut list, source);
    hosts::host(&mut list, &source.host, &source.facts);
    hosts::host(&mut list, &destination.host, &destination.facts);
    hosts::pair(&mut list, &source.facts, &destination.facts);
    hosts::of_container(&mut list, source, destination);
    inside::inside(&mut list, source);
    identity::identity(&mut list, source, destination);
    connections::connections(&mut list, source, destination);
    room::room(&mut list, source, destination);
    belongings::belongings(&mut list, source, destination);
    list.finish(overrides)
}

/// Whether the list forbids the move.
pub fn refuses(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.severity == Severity::Error)
}

/// What kinds of obstacles the list names.
pub fn causes(checks: &[Check]) -> BTreeSet<Cause> {
    let errors = checks.iter().filter(|check| check.severity == Severity::Error);
    errors.filter_map(|check| cause_of(&check.id)).collect()
}
