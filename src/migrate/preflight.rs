//! Whether a move will work: what was seen on both hosts, judged line by line, without touching anything.

use super::event::{Check, Severity};
use super::probe::HostFacts;
use crate::engine::{Address, Inspected, Mount};
use crate::fleet::{ContainerStatus, HostName, bytes, printable};

/// What is known of the container's present host.
pub struct Source {
    /// Its name.
    pub host: HostName,
    /// Its engine's version.
    pub version: String,
    /// The host and the container.
    pub facts: HostFacts,
    /// The container.
    pub container: Inspected,
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
}

/// Whether and how the image has to be shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// It is there.
    Present,
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
    let archive = source.container_memory + source.upper + (4 << 20);
    let needed = archive + source.container_memory + ENGINE_ROOM + destination.memory_reserve;
    let fits = destination.facts.memory_available >= needed && destination.facts.free_memory_files >= archive;
    (if fits { Keep::Memory } else { Keep::Disk }, archive)
}

/// What becomes of the container's addresses.
pub fn address(source: &Source, destination: &Destination) -> Address {
    if taken_addresses(source, destination).is_empty() { Address::Keep } else { Address::Renew }
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
    container(&mut list, source);
    hosts(&mut list, source, destination);
    identity(&mut list, source, destination);
    room(&mut list, source, destination);
    belongings(&mut list, source, destination);
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

fn container(list: &mut List, source: &Source) {
    let Source { host, container, .. } = source;
    let name = printable(&container.name);
    match container.status {
        ContainerStatus::Running => list.pass("running", format!("{name} runs on {host}")),
        ContainerStatus::Paused => list.add(
            "running",
            Severity::Error,
            Some(host),
            format!("{name} is paused, and the engine does not checkpoint a paused container"),
            format!("podman unpause {name}"),
        ),
        _ => list.add(
            "running",
            Severity::Error,
            Some(host),
            format!("{name} does not run, so there is nothing to move"),
            format!("podman start {name}"),
        ),
    }
    if container.auto_remove {
        list.add(
            "auto-remove",
            Severity::Error,
            Some(host),
            format!("{name} was started with --rm: the engine would delete it when it is frozen, and with it the way back"),
            "start it again without --rm",
        );
    }
    if let Some(pod) = &container.pod {
        let pod = printable(pod);
        list.add(
            "pod",
            Severity::Error,
            Some(host),
            format!("{name} belongs to pod {pod}; pods are not moved yet"),
            "",
        );
    }
    if container.terminal {
        list.add(
            "terminal",
            Severity::Warning,
            Some(host),
            format!("{name} has a terminal (-t); whoever is attached to it is cut off"),
            "",
        );
    }
    if let Some(other) = container.network_mode.strip_prefix("container:") {
        let other = printable(other);
        list.add(
            "network",
            Severity::Error,
            Some(host),
            format!("{name} shares the network of container {other}; it cannot leave alone"),
            "",
        );
    }
    if container.storage_driver != "overlay" {
        list.add(
            "storage",
            Severity::Error,
            Some(host),
            format!(
                "storage driver is {}; the difference to the image can only be read from overlay",
                printable(&container.storage_driver)
            ),
            "set driver = \"overlay\" in /etc/containers/storage.conf",
        );
    }
    if !matches!(container.log_driver.as_str(), "k8s-file" | "json-file") {
        list.add(
            "log",
            Severity::Warning,
            Some(host),
            format!(
                "output goes to {}; what was written so far stays on {host}",
                printable(&container.log_driver)
            ),
            "",
        );
    }
}

fn hosts(list: &mut List, source: &Source, destination: &Destination) {
    let sides = [(&source.host, &source.facts), (&destination.host, &destination.facts)];
    for (host, facts) in sides {
        if facts.user != Some(0) {
            list.add(
                "root",
                Severity::Error,
                Some(host),
                "commands do not run as root, and CRIU needs root".into(),
                "set user = \"root\" or sudo = \"always\" for this host in the fleet file",
            );
        }
        if facts.criu.is_empty() {
            list.add(
                "criu",
                Severity::Error,
                Some(host),
                "CRIU is not installed".into(),
                "apt-get install criu libcriu2",
            );
        } else if !facts.criu_works {
            list.add(
                "criu",
                Severity::Error,
                Some(host),
                format!(
                    "CRIU {} does not work with kernel {}",
                    printable(&facts.criu),
                    printable(&facts.kernel)
                ),
                "criu check  (its output says what is missing)",
            );
        }
        let missing = facts.missing_tools();
        if !missing.is_empty() {
            list.add(
                "tools",
                Severity::Error,
                Some(host),
                format!("missing, or without the GNU options needed: {}", missing.join(", ")),
                "apt-get install tar findutils coreutils mawk util-linux gzip",
            );
        }
    }
    if source.facts.architecture == destination.facts.architecture {
        list.pass("architecture", format!("both are {}", printable(&source.facts.architecture)));
    } else {
        list.add(
            "architecture",
            Severity::Error,
            None,
            format!(
                "{} is {}, {} is {}",
                source.host,
                printable(&source.facts.architecture),
                destination.host,
                printable(&destination.facts.architecture)
            ),
            "choose a destination of the same architecture",
        );
    }
    if source.facts.kernel != destination.facts.kernel {
        list.add(
            "kernel",
            Severity::Warning,
            None,
            format!(
                "kernels differ: {} on {}, {} on {}",
                printable(&source.facts.kernel),
                source.host,
                printable(&destination.facts.kernel),
                destination.host
            ),
            "",
        );
    }
    if !source.facts.criu.is_empty() && source.facts.criu == destination.facts.criu {
        list.pass("criu", format!("CRIU {} on both", printable(&source.facts.criu)));
    } else if !source.facts.criu.is_empty() && !destination.facts.criu.is_empty() {
        list.add(
            "criu-version",
            Severity::Warning,
            None,
            format!(
                "CRIU {} on {}, {} on {}; an older one may not read the newer one's images",
                printable(&source.facts.criu),
                source.host,
                printable(&destination.facts.criu),
                destination.host
            ),
            "",
        );
    }
    let runtime = &source.container.runtime;
    if destination.facts.runtimes.contains(runtime) {
        list.pass(
            "engine",
            format!(
                "Podman {} → {}, {}",
                printable(&source.version),
                printable(&destination.version),
                printable(runtime)
            ),
        );
    } else {
        let runtime = printable(runtime);
        list.add(
            "runtime",
            Severity::Error,
            Some(&destination.host),
            format!("the container was made with {runtime}, which is missing there; only the same runtime can restore it"),
            format!("apt-get install {runtime}"),
        );
    }
}

fn identity(list: &mut List, source: &Source, destination: &Destination) {
    let name = printable(&source.container.name);
    match &destination.namesake {
        None => list.pass("name", format!("the name {name} is free on {}", destination.host)),
        Some(other) => list.add(
            "name",
            Severity::Error,
            Some(&destination.host),
            format!("a container {} is there already", printable(other)),
            format!("podman rename or podman rm it on {}", destination.host),
        ),
    }
    for port in &source.container.ports {
        if destination.facts.listening.contains(&port.host_port) {
            list.add(
                "port",
                Severity::Error,
                Some(&destination.host),
                format!("something listens on port {} already, which {name} publishes", port.host_port),
                format!("ss -ltnp 'sport = :{}'  (says what it is)", port.host_port),
            );
        }
    }
    for (network, used) in &destination.networks {
        if used.is_none() {
            let network = printable(network);
            list.add(
                "network",
                Severity::Error,
                Some(&destination.host),
                format!("network {network} is missing"),
                format!("podman network create {network}  (like the one on {})", source.host),
            );
        }
    }
    let taken = taken_addresses(source, destination);
    if !taken.is_empty() {
        let taken = taken.join(", ");
        if source.facts.established > 0 {
            list.add(
                "address",
                Severity::Error,
                Some(&destination.host),
                format!(
                    "address {taken} is in use there, and {} open TCP connections need it",
                    source.facts.established
                ),
                "close the connections, or free the address",
            );
        } else {
            list.add(
                "address",
                Severity::Warning,
                Some(&destination.host),
                format!("address {taken} is in use there; {name} gets a new one"),
                "",
            );
        }
    } else if source.facts.established > 0 && source.container.network_mode == "bridge" {
        list.add(
            "connections",
            Severity::Warning,
            Some(&source.host),
            format!(
                "{} open TCP connections; they survive only where the network leads to {name} on {} as well",
                source.facts.established, destination.host
            ),
            "",
        );
    }
}

fn room(list: &mut List, source: &Source, destination: &Destination) {
    let facts = &destination.facts;
    let (place, archive) = keep(&source.facts, destination);
    let needed = source.facts.container_memory + ENGINE_ROOM + destination.memory_reserve;
    let numbers = format!(
        "{} available on {}; the container has {}, restoring takes {}, the reserve is {}",
        bytes(facts.memory_available),
        destination.host,
        bytes(source.facts.container_memory),
        bytes(ENGINE_ROOM),
        bytes(destination.memory_reserve)
    );
    if facts.memory_available >= needed {
        list.pass("memory", numbers);
    } else {
        list.add(
            "memory",
            Severity::Error,
            Some(&destination.host),
            numbers,
            "choose a host with more memory, or lower memory_reserve in the fleet file",
        );
    }
    let mut storage = source.facts.upper;
    if place == Keep::Disk {
        storage += archive;
        if facts.free_disk < archive {
            list.add(
                "disk",
                Severity::Error,
                Some(&destination.host),
                format!(
                    "{} free in /var/tmp, {} needed for the archive",
                    bytes(facts.free_disk),
                    bytes(archive)
                ),
                "free some space there",
            );
        }
    }
    if facts.free_storage < storage + archive {
        list.add(
            "disk",
            Severity::Error,
            Some(&destination.host),
            format!("{} free for containers, {} needed", bytes(facts.free_storage), bytes(storage + archive)),
            "free some space there",
        );
    } else {
        list.pass("disk", format!("{} free on {}", bytes(facts.free_storage), destination.host));
    }
    if source.facts.free_storage < archive {
        list.add(
            "disk",
            Severity::Error,
            Some(&source.host),
            format!(
                "{} free for the checkpoint, {} needed",
                bytes(source.facts.free_storage),
                bytes(archive)
            ),
            "free some space there",
        );
    }
}

fn belongings(list: &mut List, source: &Source, destination: &Destination) {
    let image = printable(&source.container.image_name);
    match destination.image {
        Image::Present => list.pass("image", format!("{image} is on {}", destination.host)),
        Image::Ship => list.add(
            "image",
            Severity::Info,
            Some(&destination.host),
            format!("{image} is not there and is shipped first, while the container runs"),
            "",
        ),
        Image::ShipNameless => list.add(
            "image",
            Severity::Info,
            Some(&destination.host),
            format!("another image is called {image} there; ours is shipped first, without the name"),
            "",
        ),
    }
    for mount in &source.container.mounts {
        match mount {
            Mount::Bind { source: path, .. } if destination.missing_binds.contains(path) => list.add(
                "bind",
                Severity::Error,
                Some(&destination.host),
                format!("{} is mounted from the host and is missing there", printable(path)),
                "copy it there, or mount the same storage",
            ),
            Mount::Bind { source: path, .. } => list.add(
                "bind",
                Severity::Warning,
                None,
                format!(
                    "{} is mounted from the host; the destination's own content is used",
                    printable(path)
                ),
                "",
            ),
            Mount::Volume { name, .. } if destination.volumes.contains(name) => list.add(
                "volume",
                Severity::Error,
                Some(&destination.host),
                format!("a volume {} is there already and would be mixed up with ours", printable(name)),
                format!("podman volume rm {}  (after a look at what it holds)", printable(name)),
            ),
            Mount::Volume { name, .. } => list.add(
                "volume",
                Severity::Warning,
                Some(&source.host),
                format!(
                    "volume {} is copied; the copy on {} stays until you remove it",
                    printable(name),
                    source.host
                ),
                "",
            ),
            Mount::Other { .. } => {}
        }
    }
}
