//! What the fold costs: a reading of one host, and a key, in a fleet of 50 hosts with 10 containers each.

use std::collections::BTreeMap;

use drover::fleet::{
    Container, ContainerId, ContainerStatus, Engine, HostKeyCheck, HostName, HostSpec, Sudo,
};
use drover::session::{Event, Happening, Key, State};
use drover::watch::{ContainerSample, Sample};

const HOSTS: usize = 50;
const CONTAINERS: usize = 10;

fn main() {
    divan::main();
}

fn name(host: usize) -> HostName {
    HostName::new(format!("h{host}")).unwrap_or_else(|error| unreachable!("{error}"))
}

fn spec(host: usize) -> HostSpec {
    HostSpec {
        name: name(host),
        address: format!("10.0.0.{host}"),
        user: None,
        port: None,
        identity: Vec::new(),
        jump: Vec::new(),
        known_hosts: Vec::new(),
        host_key_check: HostKeyCheck::default(),
        engine: Engine::default(),
        sudo: Sudo::default(),
        labels: BTreeMap::new(),
        memory_reserve: 0,
    }
}

fn id(host: usize, container: usize) -> ContainerId {
    ContainerId(format!("{host:032x}{container:032x}"))
}

fn container(host: usize, container: usize) -> Container {
    Container {
        id: id(host, container),
        name: format!("container-{container}"),
        image: "localhost/drover/counter:latest".into(),
        status: ContainerStatus::Running,
        created: 0,
        started: None,
        pid: None,
        labels: BTreeMap::new(),
    }
}

fn sampled(host: usize, at_ms: u64) -> Event {
    let containers = (0..CONTAINERS)
        .map(|container| ContainerSample {
            id: id(host, container),
            cpu: Some((at_ms % 97) as f64 / 97.0),
            memory: 1 << 20,
            memory_limit: None,
            pids: Some(2),
        })
        .collect();
    let sample = Sample {
        cpu: Some((at_ms % 89) as f64 / 89.0),
        processors: 2,
        memory_total: 2 << 30,
        memory_available: (1 << 30) + at_ms,
        containers,
        ..Sample::default()
    };
    Event { at_ms, what: Happening::Sampled { host: name(host), sample } }
}

fn fleet() -> State {
    let mut state = State::new();
    let mut happen = |what| state.apply(&Event { at_ms: 0, what });
    happen(Happening::Started { fleet: (0..HOSTS).map(spec).collect(), clock_ms: 0, title: "bench".into() });
    happen(Happening::Resized { columns: 200, rows: 50 });
    for host in 0..HOSTS {
        let containers = (0..CONTAINERS).map(|index| container(host, index)).collect();
        happen(Happening::Containers { host: name(host), containers });
    }
    state
}

/// One round of the whole fleet's readings.
#[divan::bench]
fn readings_of_50_hosts(bencher: divan::Bencher<'_, '_>) {
    let mut at_ms = 0;
    bencher.with_inputs(fleet).bench_local_values(|mut state| {
        at_ms += 1000;
        for host in 0..HOSTS {
            divan::black_box(state.apply(&sampled(host, at_ms)));
        }
        state
    });
}

/// One key that moves the selection.
#[divan::bench]
fn a_key(bencher: divan::Bencher<'_, '_>) {
    let down = Event { at_ms: 1, what: Happening::Pressed { key: Key::Down } };
    bencher.with_inputs(fleet).bench_local_values(|mut state| {
        divan::black_box(state.apply(&down));
        state
    });
}
