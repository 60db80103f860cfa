//! A made-up fleet for the tests of this room and of the console.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::{Event, Happening, Key, LinkState, NoticeLevel, SimulationMotion, SimulationPace, State};
use crate::fleet::{Container, ContainerId, ContainerStatus, Engine, HostName, HostSpec, Sudo};
use crate::migrate::{Check, HostFacts, Overriding, Request, Severity, Stage, StageTime};
use crate::watch::{ContainerSample, Sample};

/// 2026-11-20 12:33:05 UTC.
pub(crate) const CLOCK_MS: i64 = 1_795_177_985_000;
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn name(text: &str) -> HostName {
    HostName::new(text).unwrap()
}

pub(crate) fn spec(text: &str) -> HostSpec {
    HostSpec {
        name: name(text),
        address: format!("{text}.example"),
        user: None,
        port: None,
        identity: Vec::new(),
        jump: Vec::new(),
        known_hosts: Vec::new(),
        engine: Engine::Podman,
        sudo: Sudo::Auto,
        labels: BTreeMap::new(),
        host_key_check: crate::fleet::HostKeyCheck::default(),
        memory_reserve: 256 * MIB,
    }
}

pub(crate) fn started(hosts: &[&str]) -> Happening {
    Happening::Started {
        fleet: hosts.iter().map(|host| spec(host)).collect(),
        clock_ms: CLOCK_MS,
        title: "local lab".into(),
    }
}

pub(crate) fn live(host: &str, round_trip_ms: u32) -> Happening {
    Happening::Link { host: name(host), state: LinkState::Live { round_trip_ms } }
}

pub(crate) fn simulated(scenario: &str, speed: u32, runs: bool) -> Happening {
    let motion = if runs { SimulationMotion::Running } else { SimulationMotion::Paused };
    let pace = SimulationPace { speed: NonZeroU32::new(speed).unwrap(), motion };
    Happening::Simulation { scenario: scenario.into(), pace }
}

pub(crate) fn container(id: &str, shown: &str, image: &str) -> Container {
    Container {
        id: ContainerId(id.into()),
        name: shown.into(),
        image: image.into(),
        status: ContainerStatus::Running,
        created: CLOCK_MS / 1000 - 8_000,
        started: Some(CLOCK_MS / 1000 - 7_500),
        pid: Some(4242),
        labels: BTreeMap::new(),
    }
}

pub(crate) fn listed(host: &str, containers: Vec<Container>) -> Happening {
    Happening::Containers { host: name(host), containers }
}

pub(crate) fn sample(cpu: f64, total: u64, available: u64, containers: &[(&str, f64, u64)]) -> Sample {
    Sample {
        cpu: Some(cpu),
        processors: 2,
        memory_total: total,
        memory_available: available,
        load: [0.42, 0.3, 0.2],
        containers: containers
            .iter()
            .map(|(id, cpu, memory)| ContainerSample {
                id: ContainerId((*id).into()),
                cpu: Some(*cpu),
                memory: *memory,
                memory_limit: None,
                pids: Some(3),
            })
            .collect(),
        ..Sample::default()
    }
}

pub(crate) fn sampled(host: &str, sample: Sample) -> Happening {
    Happening::Sampled { host: name(host), sample }
}

pub(crate) fn key(key: Key) -> Happening {
    Happening::Pressed { key }
}

pub(crate) fn request(container: &str, from: &str, to: &str) -> Request {
    Request::new(container, name(from), name(to))
}

pub(crate) fn check(id: &str, severity: Severity, seen: &str, fix: &str) -> Check {
    Check {
        id: id.into(),
        severity,
        host: None,
        seen: seen.into(),
        why: String::new(),
        fix: fix.into(),
        predicts: Vec::new(),
        overriding: Overriding::Impossible,
    }
}

pub(crate) fn good_checks() -> Vec<Check> {
    vec![
        check("image", Severity::Info, "the image is not there and will be streamed, 41.0 MiB", ""),
        check("engine", Severity::Pass, "podman 5.4.2 on both, rootful", ""),
        check("criu", Severity::Pass, "CRIU 4.2.1 on both", ""),
        check("memory", Severity::Pass, "needs 12.0 MiB of 1.21 GiB available", ""),
        check("name", Severity::Pass, "the name is free", ""),
    ]
}

pub(crate) fn bad_checks() -> Vec<Check> {
    vec![
        check(
            "memory",
            Severity::Error,
            "needs 1.50 GiB, 410 MiB available without the reserve",
            "stop something or choose another host",
        ),
        check(
            "cpu",
            Severity::Warning,
            "the destination lacks avx512f",
            "restore may fail in a process that uses it",
        ),
        check("engine", Severity::Pass, "podman 5.4.2 on both, rootful", ""),
    ]
}

/// A refusal that can be passed over, one that cannot, and why.
pub(crate) fn explained_checks() -> Vec<Check> {
    let mut checks = vec![
        Check {
            host: Some(name("h1")),
            why: "CRIU cannot take io_uring along".into(),
            predicts: vec!["F40".into()],
            overriding: Overriding::Possible,
            ..check(
                "io-uring",
                Severity::Error,
                "process 7 (node) has io_uring open (2 in all)",
                "switch it off in the program (UV_USE_IO_URING=0 for Node.js), and restart the container",
            )
        },
        Check {
            host: Some(name("h2")),
            why: "they survive only where the network leads to web on h2 as well".into(),
            ..check("connections", Severity::Warning, "4 open TCP connections", "")
        },
    ];
    checks.extend(good_checks());
    checks
}

/// What was seen of a host; `change` makes it another.
pub(crate) fn seen(host: &str, change: impl FnOnce(&mut HostFacts)) -> Happening {
    let mut facts = HostFacts {
        user: Some(0),
        architecture: "x86_64".into(),
        kernel: "6.12.48".into(),
        criu: "4.2.1".into(),
        criu_works: true,
        runtimes: ["crun".to_owned()].into(),
        ..HostFacts::default()
    };
    change(&mut facts);
    Happening::Facts { host: name(host), facts: Box::new(facts), taken: CLOCK_MS / 1000 - 400 }
}

/// All three hosts seen: the second has an older kernel, the third no CRIU.
pub(crate) fn all_seen() -> Vec<Happening> {
    vec![
        seen("h1", |_| {}),
        seen("h2", |facts| facts.kernel = "6.1.0".into()),
        seen("h3", |facts| facts.criu.clear()),
    ]
}

pub(crate) fn time(stage: Stage, start: f64, seconds: f64, bytes: Option<u64>) -> StageTime {
    StageTime { stage, start, seconds, bytes }
}

/// Three hosts: the first with containers, the second nearly empty, the third empty; 14 seconds of readings.
pub(crate) fn fleet() -> Vec<Happening> {
    let mut happenings = vec![
        started(&["h1", "h2", "h3"]),
        live("h1", 3),
        live("h2", 4),
        live("h3", 3),
        listed(
            "h1",
            vec![
                container("c0ffee01", "counter", "localhost/counter:latest"),
                container("c0ffee02", "redis", "docker.io/library/redis:7.2"),
                container("c0ffee03", "web", "localhost/web:latest"),
                Container {
                    status: ContainerStatus::Exited,
                    started: None,
                    ..container("c0ffee04", "old-batch", "quay.io/team/batch:2026-10")
                },
            ],
        ),
        listed("h2", vec![container("beef0001", "proxy", "docker.io/library/nginx:1.29")]),
        listed("h3", vec![]),
    ];
    for second in 0..14u32 {
        let wave = f64::from(second % 7) / 7.0;
        let own = [
            ("c0ffee01", 0.004, 3 * MIB),
            ("c0ffee02", 0.31 * wave, 211 * MIB),
            ("c0ffee03", 0.02, 24 * MIB),
        ];
        happenings.push(sampled("h1", sample(0.15 + 0.8 * wave, 2 * GIB, 2 * GIB - 790 * MIB, &own)));
        happenings
            .push(sampled("h2", sample(0.04, 2 * GIB, 2 * GIB - 410 * MIB, &[("beef0001", 0.01, 9 * MIB)])));
        happenings.push(sampled("h3", sample(0.01, 2 * GIB, 2 * GIB - u64::from(second) * 60 * MIB, &[])));
    }
    happenings.push(Happening::Laptop { cpu: 0.08, memory_available: 21 * GIB, memory_total: 32 * GIB });
    happenings.push(Happening::Notice {
        level: NoticeLevel::Info,
        host: Some(name("h1")),
        text: "counter started".into(),
    });
    happenings
}

/// A session on a terminal of some size, with the clock beside it.
pub(crate) struct Session {
    pub(crate) state: State,
    pub(crate) at_ms: u64,
    pub(crate) effects: Vec<super::Effect>,
}

impl Session {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let mut session = Self { state: State::new(), at_ms: 0, effects: Vec::new() };
        session.happen(Happening::Resized { columns, rows });
        session
    }

    /// One event, 100 ms after the one before.
    pub(crate) fn happen(&mut self, what: Happening) -> super::Change {
        self.at_ms += 100;
        let outcome = self.state.apply(&Event { at_ms: self.at_ms, what });
        self.effects.extend(outcome.effects);
        outcome.change
    }

    pub(crate) fn happen_all(&mut self, happenings: impl IntoIterator<Item = Happening>) -> &mut Self {
        for what in happenings {
            self.happen(what);
        }
        self
    }

    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for pressed in Key::parse_all(keys).unwrap() {
            self.happen(key(pressed));
        }
        self
    }
}
