//! Every check, from a move that has nothing against it and one change at a time.

use std::collections::BTreeSet;

use super::*;
use crate::engine::{Difference, Mount, Network, Particulars, PublishedPort};
use crate::fleet::{ContainerId, ContainerStatus};
use crate::migrate::probe::Task;

pub(super) const MIB: u64 = 1 << 20;

pub(super) fn facts() -> HostFacts {
    HostFacts {
        user: Some(0),
        architecture: "x86_64".into(),
        kernel: "6.12.0".into(),
        memory_total: 2048 * MIB,
        memory_available: 1900 * MIB,
        free_memory_files: 1000 * MIB,
        free_disk: 5000 * MIB,
        free_storage: 5000 * MIB,
        runtimes: BTreeSet::from(["crun".to_owned()]),
        criu: "4.2.1".into(),
        criu_works: true,
        libcriu: Some(true),
        cpu_flags: ["fpu", "sse2", "avx2"].map(str::to_owned).into(),
        cpu_model: "Example 5000".into(),
        processors: 4,
        glibc: "2.41".into(),
        cgroup_version: 2,
        cgroup_controllers: ["cpu", "cpuset", "memory", "pids"].map(str::to_owned).into(),
        cgroup_manager: "systemd".into(),
        security: vec!["capability".into(), "apparmor".into()],
        firewalls: BTreeSet::from(["iptables".to_owned()]),
        capabilities: Some(0x1ff_ffff_ffff),
        ..HostFacts::default()
    }
}

pub(super) fn source() -> Source {
    let container = Inspected {
        id: ContainerId("c".repeat(64)),
        name: "web".into(),
        status: ContainerStatus::Running,
        pid: 7,
        image_id: "i".repeat(64),
        image_name: "localhost/web:latest".into(),
        runtime: "crun".into(),
        pod: None,
        auto_remove: false,
        terminal: false,
        systemd_unit: None,
        log_driver: "k8s-file".into(),
        mounts: Vec::new(),
        networks: vec![("podman".into(), Some("10.88.0.2".into()))],
        network_mode: "bridge".into(),
        ports: vec![PublishedPort {
            host_address: String::new(),
            host_port: 8080,
            container_port: "80/tcp".into(),
        }],
        secrets: vec!["token".into()],
        upper: "/u".into(),
        merged: "/m".into(),
        storage_driver: "overlay".into(),
        static_directory: "/s".into(),
        particulars: Particulars {
            restart_policy: "no".into(),
            cgroup_manager: "systemd".into(),
            ..Particulars::default()
        },
    };
    let facts = HostFacts { container_memory: Some(200 * MIB), upper: 10 * MIB, ..facts() };
    let task = Task { pid: 7, parent: 3, state: 'S', tracer: 0, name: "web".into() };
    let sockets = Some(BTreeSet::from([100, 101]));
    let scan = Scan { tasks: vec![task], sockets, ..Scan::default() };
    let host = HostName::new("h1").unwrap();
    let took = Duration::ZERO;
    let version = "5.4.2".into();
    Source { host, version, facts, scan, container, tcp: None, binds: Vec::new(), took }
}

pub(super) fn destination() -> Destination {
    Destination {
        host: HostName::new("h2").unwrap(),
        version: "5.4.2".into(),
        facts: facts(),
        memory_reserve: 256 * MIB,
        namesake: None,
        twin: None,
        left_over: None,
        image: Image::Present,
        volumes: Vec::new(),
        networks: vec![("podman".into(), Some(network("10.88.0.9")))],
        network_plans: vec![planned(Fit::There)],
        missing_secrets: Vec::new(),
        binds: Vec::new(),
        took: Duration::ZERO,
    }
}

/// The default network with one address in use.
pub(super) fn network(used: &str) -> NetworkFacts {
    NetworkFacts { addresses: vec![used.into()], subnets: vec!["10.88.0.0/16".into()] }
}

/// How the default network fits.
pub(super) fn planned(fit: Fit) -> NetworkPlan {
    let network = Network { name: "podman".into(), driver: "bridge".into(), ..Network::default() };
    NetworkPlan { network, fit, command: "podman network create -- podman".into() }
}

/// The default network is there, but with another subnet.
pub(super) fn elsewhere(destination: &mut Destination) {
    let (ours, theirs) = ("10.88.0.0/16".to_owned(), "172.16.0.0/12".to_owned());
    destination.networks[0].1 =
        Some(NetworkFacts { subnets: vec![theirs.clone()], ..NetworkFacts::default() });
    let difference = Difference::Subnets { ours: vec![ours], theirs: vec![theirs] };
    destination.network_plans = vec![planned(Fit::Different(difference))];
}

/// What is not a pass, as `severity id`, after one change.
fn found(change: impl FnOnce(&mut Source, &mut Destination)) -> Vec<String> {
    let (mut source, mut destination) = (source(), destination());
    change(&mut source, &mut destination);
    let checks = checks(&source, &destination, &BTreeSet::new());
    assert!(checks.is_sorted_by_key(|check| std::cmp::Reverse(check.severity)), "{checks:#?}");
    assert_eq!(refuses(&checks), checks.iter().any(|check| check.severity == Severity::Error));
    let notable = checks.iter().filter(|check| check.severity != Severity::Pass);
    notable.map(|check| format!("{:?} {}", check.severity, check.id)).collect()
}

#[test]
fn nothing_speaks_against_a_plain_move() {
    assert_eq!(found(|_, _| {}), Vec::<String>::new());
}

#[test]
fn the_container_is_judged() {
    assert_eq!(found(|source, _| source.container.status = ContainerStatus::Exited), ["Error running"]);
    assert_eq!(found(|source, _| source.container.status = ContainerStatus::Paused), ["Error paused"]);
    assert_eq!(found(|source, _| source.container.auto_remove = true), ["Error auto-remove"]);
    assert_eq!(
        found(|source, _| source.container.systemd_unit = Some("web.service".into())),
        ["Error systemd"]
    );
    assert_eq!(found(|source, _| source.container.pod = Some("p".into())), ["Error pod"]);
    assert_eq!(
        found(|source, _| source.container.network_mode = "container:x".into()),
        ["Error shared-network"]
    );
    assert_eq!(found(|source, _| source.container.storage_driver = "vfs".into()), ["Error storage"]);
    assert_eq!(found(|source, _| source.container.terminal = true), ["Warning terminal"]);
    assert_eq!(found(|source, _| source.container.log_driver = "journald".into()), ["Warning log"]);
}

#[test]
fn the_hosts_are_judged() {
    assert_eq!(found(|_, destination| destination.facts.user = Some(1000)), ["Error root"]);
    assert_eq!(found(|_, destination| destination.facts.criu.clear()), ["Error criu"]);
    assert_eq!(found(|_, destination| destination.facts.criu_works = false), ["Error criu-works"]);
    assert_eq!(found(|_, destination| destination.facts.criu = "3.17".into()), ["Warning criu-version"]);
    assert_eq!(
        found(|_, destination| destination.facts.architecture = "aarch64".into()),
        ["Error architecture"]
    );
    assert_eq!(found(|_, destination| destination.facts.kernel = "5.10".into()), ["Warning kernel"]);
    assert_eq!(found(|_, destination| destination.facts.runtimes.clear()), ["Error runtime"]);
    let missing = |tool: &str| BTreeSet::from([tool.to_owned()]);
    assert_eq!(found(|source, _| source.facts.missing = missing("comm")), ["Error tools"]);
    assert_eq!(found(|source, _| source.facts.missing = missing("zstd")), Vec::<String>::new());
}

#[test]
fn name_ports_and_addresses_must_be_free() {
    assert_eq!(found(|_, destination| destination.namesake = Some("web".into())), ["Error name"]);
    assert_eq!(found(|_, destination| destination.facts.listening = BTreeSet::from([8080])), ["Error port"]);
    let udp = |source: &mut Source, destination: &mut Destination| {
        source.container.ports[0].container_port = "53/udp".into();
        destination.facts.listening = BTreeSet::from([8080]);
    };
    assert_eq!(found(udp), Vec::<String>::new());
    let fits = |there: Option<NetworkFacts>, fit: Fit| {
        found(|_, destination| {
            (destination.networks[0].1, destination.network_plans) = (there, vec![planned(fit)]);
        })
    };
    assert_eq!(fits(None, Fit::Missing), ["Info network-made"]);
    assert_eq!(fits(None, Fit::Impossible("its parent is missing".into())), ["Error network"]);
    let driver = Difference::Driver { ours: "bridge".into(), theirs: "macvlan".into() };
    assert_eq!(fits(Some(network("10.88.0.9")), Fit::Different(driver)), ["Error network"]);
    assert_eq!(found(|_, destination| elsewhere(destination)), ["Error subnet"]);
    // A network that the source does not know cannot be made like it.
    let unknown = |_: &mut Source, destination: &mut Destination| {
        destination.networks[0].1 = None;
        destination.network_plans.clear();
    };
    assert_eq!(found(unknown), ["Error network"]);
    let taken = |destination: &mut Destination| destination.networks[0].1 = Some(network("10.88.0.2"));
    assert_eq!(found(|_, destination| taken(destination)), ["Warning new-address"]);
    let connected = |source: &mut Source, destination: &mut Destination| {
        source.facts.established = 1;
        taken(destination);
    };
    assert_eq!(found(connected), ["Error address"]);
    let secret = |_: &mut Source, destination: &mut Destination| {
        destination.missing_secrets = vec!["token".into()];
    };
    assert_eq!(found(secret), ["Error secret"]);
    assert_eq!(found(|source, _| source.facts.established = 1), ["Warning connections"]);
}

#[test]
fn connections_are_judged_by_what_was_chosen() {
    let taken = |destination: &mut Destination| destination.networks[0].1 = Some(network("10.88.0.2"));
    let choose = |tcp: Option<Tcp>, address: fn(&mut Destination)| {
        found(move |source, destination| {
            source.facts.established = 1;
            source.tcp = tcp;
            address(destination);
        })
    };
    for kept in [None, Some(Tcp::Keep)] {
        assert_eq!(choose(kept, taken), ["Error address"]);
        assert_eq!(choose(kept, |_| {}), ["Warning connections"]);
        assert_eq!(choose(kept, elsewhere), ["Error subnet", "Error address"]);
    }
    assert_eq!(choose(Some(Tcp::Close), taken), ["Warning new-address", "Warning connections-closed"]);
    assert_eq!(choose(Some(Tcp::Close), |_| {}), ["Warning connections-closed"]);
    assert_eq!(choose(Some(Tcp::Close), elsewhere), ["Error subnet", "Warning connections-closed"]);
    assert_eq!(choose(Some(Tcp::Refuse), |_| {}), ["Error connections-refused"]);
    assert_eq!(choose(Some(Tcp::Refuse), taken), ["Error connections-refused"]);
    assert_eq!(found(|source, _| source.tcp = Some(Tcp::Refuse)), Vec::<String>::new());
    let shared = |destination: &mut Destination| {
        destination.network_plans[0].network.driver = "macvlan".into();
    };
    assert_eq!(choose(Some(Tcp::Keep), shared), ["Info connections-kept"]);
    let made = |destination: &mut Destination| {
        (destination.networks[0].1, destination.network_plans) = (None, vec![planned(Fit::Missing)]);
    };
    assert_eq!(choose(None, made), ["Warning connections", "Info network-made"]);
    let host = |tcp: Option<Tcp>| {
        found(move |source, destination| {
            source.facts.established = 1;
            source.container.network_mode = "host".into();
            source.container.networks.clear();
            source.tcp = tcp;
            destination.networks.clear();
            destination.network_plans.clear();
        })
    };
    assert_eq!(host(None), ["Error host-address"]);
    assert_eq!(host(Some(Tcp::Close)), ["Warning connections-closed"]);
    assert_eq!(host(Some(Tcp::Refuse)), ["Error connections-refused"]);
}

#[test]
fn memory_and_disk_must_suffice() {
    // 200 MiB of the container, 100 for the engine, 256 in reserve.
    assert_eq!(found(|_, destination| destination.facts.memory_available = 556 * MIB), Vec::<String>::new());
    assert_eq!(found(|_, destination| destination.facts.memory_available = 555 * MIB), ["Error memory"]);
    assert_eq!(found(|_, destination| destination.memory_reserve = 1700 * MIB), ["Error memory"]);
    assert_eq!(found(|_, destination| destination.facts.free_storage = 100 * MIB), ["Error disk"]);
    assert_eq!(found(|source, _| source.facts.free_storage = 100 * MIB), ["Error disk"]);
    assert_eq!(found(|source, _| source.facts.container_memory = None), ["Error memory-unknown"]);
    assert_eq!(
        found(|source, _| source.facts.volumes = 6000 * MIB),
        ["Error disk", "Error disk", "Error disk"]
    );
    let no_room_for_the_archive = |_: &mut Source, destination: &mut Destination| {
        destination.facts.free_memory_files = MIB;
        destination.facts.free_disk = MIB;
    };
    assert_eq!(found(no_room_for_the_archive), ["Error disk"]);
}

#[test]
fn the_archive_is_kept_in_memory_only_where_there_is_room_for_both() {
    let (source, mut destination) = (source(), destination());
    assert_eq!(keep(&source.facts, &destination).0, Keep::Memory);
    destination.facts.memory_available = 700 * MIB;
    assert_eq!(keep(&source.facts, &destination).0, Keep::Disk);
}

#[test]
fn belongings_are_judged() {
    assert_eq!(found(|_, destination| destination.image = Image::Tag), ["Info image"]);
    assert_eq!(found(|_, destination| destination.image = Image::Ship), ["Info image"]);
    assert_eq!(found(|_, destination| destination.image = Image::ShipNameless), ["Info image"]);
    let volume = Mount::Volume { name: "data".into(), source: "/v".into(), destination: "/data".into() };
    assert_eq!(found(|source, _| source.container.mounts = vec![volume.clone()]), ["Warning volume"]);
    let both = |source: &mut Source, destination: &mut Destination| {
        source.container.mounts = vec![volume.clone()];
        destination.volumes = vec!["data".into()];
    };
    assert_eq!(found(both), ["Error volume-exists"]);
    let bind = Mount::Bind { source: "/etc/x".into(), destination: "/x".into() };
    let there = |kind: FileKind| {
        let mount = bind.clone();
        move |source: &mut Source, destination: &mut Destination| {
            source.container.mounts = vec![mount];
            source.binds = vec![("/etc/x".into(), FileKind::File)];
            destination.binds = vec![("/etc/x".into(), kind)];
        }
    };
    assert_eq!(found(there(FileKind::File)), ["Warning bind"]);
    assert_eq!(found(there(FileKind::Missing)), ["Error bind-missing"]);
    assert_eq!(found(there(FileKind::Directory)), ["Error bind-kind"]);
    // What could not be asked about counts as missing.
    assert_eq!(found(|source, _| source.container.mounts = vec![bind.clone()]), ["Error bind-missing"]);
}

#[test]
fn hostile_names_are_made_harmless() {
    let (mut source, destination) = (source(), destination());
    source.container.name = "we\u{1b}[2Jb".into();
    source.container.image_name = "\u{202e}image".into();
    for check in checks(&source, &destination, &BTreeSet::new()) {
        assert!(
            !format!("{}{}{}", check.seen, check.why, check.fix)
                .chars()
                .any(|c| c.is_control() || c == '\u{202e}')
        );
    }
}

#[test]
fn an_override_makes_one_error_a_warning_and_nothing_else() {
    let (source, mut destination) = (source(), destination());
    destination.facts.cpu_flags.clear();
    destination.facts.cpu_flags.insert("fpu".into());
    destination.namesake = Some("web".into());
    let judged = |ids: &[&str]| {
        let overrides = ids.iter().map(|id| (*id).to_owned()).collect();
        let checks = checks(&source, &destination, &overrides);
        let notable = checks.into_iter().filter(|check| check.severity > Severity::Info);
        notable.map(|check| (check.id, check.severity, check.overriding)).collect::<Vec<_>>()
    };
    use crate::migrate::Overriding::{Given, Impossible, Possible};
    let name = ("name".to_owned(), Severity::Error, Impossible);
    assert_eq!(judged(&[]), [("cpu".to_owned(), Severity::Error, Possible), name.clone()]);
    // The name is not overridable, whatever is asked.
    assert_eq!(judged(&["cpu", "name"]), [name, ("cpu".to_owned(), Severity::Warning, Given)]);
}

#[test]
fn ways_between_hosts_are_judged_without_a_container() {
    let (one, other) = (HostName::new("h1").unwrap(), HostName::new("h2").unwrap());
    let judged = |change: &dyn Fn(&mut HostFacts)| {
        let (source, mut destination) = (facts(), facts());
        change(&mut destination);
        let checks = fitness(Pair { host: &one, facts: &source }, Pair { host: &other, facts: &destination });
        (Fitness::of(&checks), checks.into_iter().map(|check| check.id).collect::<Vec<_>>())
    };
    assert_eq!(judged(&|_| {}), (Fitness::Green, vec![]));
    // What changes by the minute is no reason.
    assert_eq!(judged(&|facts| facts.memory_available = 0), (Fitness::Green, vec![]));
    assert_eq!(judged(&|facts| facts.kernel = "5.10".into()), (Fitness::Yellow, vec!["kernel".to_owned()]));
    assert_eq!(judged(&|facts| facts.criu.clear()), (Fitness::Red, vec!["criu".to_owned()]));
    let other_runtime = |facts: &mut HostFacts| facts.runtimes = BTreeSet::from(["runc".to_owned()]);
    assert_eq!(judged(&other_runtime), (Fitness::Red, vec!["runtime".to_owned()]));
    let lame = |facts: &mut HostFacts| facts.runtimes_without_criu = BTreeSet::from(["crun".to_owned()]);
    assert_eq!(judged(&lame), (Fitness::Red, vec!["runtime-criu".to_owned()]));
}
