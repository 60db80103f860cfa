//! Every check, from a move that has nothing against it and one change at a time.

use std::collections::BTreeSet;

use super::*;
use crate::engine::{Mount, Network, PublishedPort};
use crate::fleet::{ContainerId, ContainerStatus};

const MIB: u64 = 1 << 20;

fn facts() -> HostFacts {
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
        ..HostFacts::default()
    }
}

fn source() -> Source {
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
    };
    let facts = HostFacts { container_memory: Some(200 * MIB), upper: 10 * MIB, ..facts() };
    Source { host: HostName::new("h1").unwrap(), version: "5.4.2".into(), facts, container, tcp: None }
}

fn network(fit: Fit) -> NetworkPlan {
    let network = Network { name: "podman".into(), driver: "bridge".into(), ..Network::default() };
    NetworkPlan { network, fit, command: "podman network create podman".into() }
}

fn destination() -> Destination {
    Destination {
        host: HostName::new("h2").unwrap(),
        version: "5.4.2".into(),
        facts: facts(),
        memory_reserve: 256 * MIB,
        namesake: None,
        image: Image::Present,
        volumes: Vec::new(),
        networks: vec![("podman".into(), Some(vec!["10.88.0.9".into()]))],
        missing_binds: Vec::new(),
        missing_secrets: Vec::new(),
        network_plans: vec![network(Fit::There)],
    }
}

/// What is not a pass, as `severity id`, after one change.
fn found(change: impl FnOnce(&mut Source, &mut Destination)) -> Vec<String> {
    let (mut source, mut destination) = (source(), destination());
    change(&mut source, &mut destination);
    let checks = checks(&source, &destination);
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
    assert_eq!(found(|source, _| source.container.status = ContainerStatus::Paused), ["Error running"]);
    assert_eq!(found(|source, _| source.container.auto_remove = true), ["Error auto-remove"]);
    assert_eq!(
        found(|source, _| source.container.systemd_unit = Some("web.service".into())),
        ["Error systemd"]
    );
    assert_eq!(found(|source, _| source.container.pod = Some("p".into())), ["Error pod"]);
    assert_eq!(found(|source, _| source.container.network_mode = "container:x".into()), ["Error network"]);
    assert_eq!(found(|source, _| source.container.storage_driver = "vfs".into()), ["Error storage"]);
    assert_eq!(found(|source, _| source.container.terminal = true), ["Warning terminal"]);
    assert_eq!(found(|source, _| source.container.log_driver = "journald".into()), ["Warning log"]);
}

#[test]
fn the_hosts_are_judged() {
    assert_eq!(found(|_, destination| destination.facts.user = Some(1000)), ["Error root"]);
    assert_eq!(found(|_, destination| destination.facts.criu.clear()), ["Error criu"]);
    assert_eq!(found(|_, destination| destination.facts.criu_works = false), ["Error criu"]);
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
    let fits = |fit: Fit| found(|_, destination| destination.network_plans = vec![network(fit)]);
    assert_eq!(fits(Fit::Missing), ["Info network"]);
    assert_eq!(fits(Fit::Different("its driver is macvlan".into())), ["Error network"]);
    assert_eq!(fits(Fit::Impossible("its parent is missing".into())), ["Error network"]);
    let taken = |destination: &mut Destination| destination.networks[0].1 = Some(vec!["10.88.0.2".into()]);
    assert_eq!(found(|_, destination| taken(destination)), ["Warning address"]);
    let connected = |source: &mut Source, destination: &mut Destination| {
        source.facts.established = 1;
        taken(destination);
    };
    assert_eq!(found(connected), ["Error address"]);
    let choose = |tcp: Tcp, address: fn(&mut Destination)| {
        found(move |source, destination| {
            source.facts.established = 1;
            source.tcp = Some(tcp);
            address(destination);
        })
    };
    assert_eq!(choose(Tcp::Keep, taken), ["Error address"]);
    assert_eq!(choose(Tcp::Close, taken), ["Warning address", "Warning connections"]);
    assert_eq!(choose(Tcp::Refuse, |_| {}), ["Error connections"]);
    assert_eq!(choose(Tcp::Close, |_| {}), ["Warning connections"]);
    assert_eq!(choose(Tcp::Keep, |_| {}), ["Warning connections"]);
    let shared = |destination: &mut Destination| {
        destination.network_plans[0].network.driver = "macvlan".into();
    };
    assert_eq!(choose(Tcp::Keep, shared), ["Info connections"]);
    let host = |source: &mut Source, _: &mut Destination| {
        source.facts.established = 1;
        source.container.network_mode = "host".into();
    };
    assert_eq!(found(host), ["Warning connections"]);
    let secret = |_: &mut Source, destination: &mut Destination| {
        destination.missing_secrets = vec!["token".into()];
    };
    assert_eq!(found(secret), ["Error secret"]);
    assert_eq!(found(|source, _| source.facts.established = 1), ["Warning connections"]);
}

#[test]
fn memory_and_disk_must_suffice() {
    // 200 MiB of the container, 100 for the engine, 256 in reserve.
    assert_eq!(found(|_, destination| destination.facts.memory_available = 556 * MIB), Vec::<String>::new());
    assert_eq!(found(|_, destination| destination.facts.memory_available = 555 * MIB), ["Error memory"]);
    assert_eq!(found(|_, destination| destination.memory_reserve = 1700 * MIB), ["Error memory"]);
    assert_eq!(found(|_, destination| destination.facts.free_storage = 100 * MIB), ["Error disk"]);
    assert_eq!(found(|source, _| source.facts.free_storage = 100 * MIB), ["Error disk"]);
    assert_eq!(found(|source, _| source.facts.container_memory = None), ["Error memory"]);
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
    assert_eq!(found(both), ["Error volume"]);
    let bind = Mount::Bind { source: "/etc/x".into(), destination: "/x".into() };
    assert_eq!(found(|source, _| source.container.mounts = vec![bind.clone()]), ["Warning bind"]);
    let missing = |source: &mut Source, destination: &mut Destination| {
        source.container.mounts = vec![bind.clone()];
        destination.missing_binds = vec!["/etc/x".into()];
    };
    assert_eq!(found(missing), ["Error bind"]);
}

#[test]
fn hostile_names_are_made_harmless() {
    let (mut source, destination) = (source(), destination());
    source.container.name = "we\u{1b}[2Jb".into();
    source.container.image_name = "\u{202e}image".into();
    for check in checks(&source, &destination) {
        assert!(!format!("{}{}", check.seen, check.fix).chars().any(|c| c.is_control() || c == '\u{202e}'));
    }
}
