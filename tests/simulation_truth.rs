//! Simulated hosts beside real ones: the same questions to both, the shapes of the answers compared. What the
//! simulation says may be less than what the real thing says; nothing of it may be invented.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use drover::fleet::HostName;
use drover::simulation::scenario::Scenario;
use drover::simulation::world::World;
use drover::ssh::{Command, Connection, NoPrompter, Prompter, Purpose, Remote};
use support::moving::Scene;

const FLEET: &str = r#"
title = "two hosts like the lab's"
[host]
memory = "2G"
cores = 2
cgroup = CGROUP
[[hosts]]
name = "h1"
[[hosts]]
name = "h2"
[[containers]]
name = "truth"
host = "h1"
workload = "counter"
"#;

/// The simulated counterpart of a lab.
struct Simulated {
    runtime: tokio::runtime::Runtime,
    hosts: Vec<Connection>,
}

impl Simulated {
    fn like(scene: &Scene) -> Self {
        let cgroup =
            match scene.ssh("h1", "[ -e /sys/fs/cgroup/cgroup.controllers ] && echo 2 || echo 1").as_str() {
                "2" => "2",
                _ => "1",
            };
        let text = FLEET.replace("CGROUP", cgroup);
        let scenario = Scenario::parse("truth", &text, "truth.toml".as_ref(), None).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let hosts = runtime.block_on(async {
            let world = World::begin(scenario, Duration::from_secs(1_795_000_000)).unwrap();
            let (fleet, connector) = (world.fleet(), world.connector().unwrap());
            let prompter: Arc<dyn Prompter> = Arc::new(NoPrompter);
            let mut hosts = Vec::new();
            for spec in &fleet.hosts {
                hosts.push(connector.connect(spec, Purpose::Commands, &prompter).await.unwrap());
            }
            hosts
        });
        Self { runtime, hosts }
    }

    /// Runs a script and answers what it printed on both outputs.
    fn ssh(&self, host: &str, script: &str) -> String {
        let host = self.hosts.iter().find(|known| *known.host() == HostName::new(host).unwrap()).unwrap();
        let command = Command::new("sh").arguments(["-c", script]);
        let output = self.runtime.block_on(host.output(&command, &[])).unwrap();
        assert!(
            output.status.success(),
            "{script}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// Every path of a JSON value with the type that stands there. Keys that are data (ids, labels, variables) are
/// one and the same.
fn paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    use serde_json::Value;
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(values) => {
            for value in values {
                paths(value, &format!("{path}[]"), found);
            }
            "array"
        }
        Value::Object(fields) => {
            let data = [
                "Labels",
                "Annotations",
                "Networks",
                "PortBindings",
                "Ports",
                "Sysctl",
                "NamesHistory",
                "Tmpfs",
                "containers",
            ];
            for (key, value) in fields {
                let is_data = data.iter().any(|name| path.ends_with(name));
                let key = if is_data { "*" } else { key };
                paths(value, &format!("{path}.{key}"), found);
            }
            "object"
        }
    };
    found.insert(format!("{path}: {kind}"));
}

fn shape_of_json(text: &str) -> BTreeSet<String> {
    let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut found = BTreeSet::new();
    paths(&value, "", &mut found);
    found
}

/// Asserts that the simulation invents nothing, and that what drover reads is there on both sides.
fn compare_json(question: &str, real: &str, simulated: &str, read_by_drover: &[&str]) -> Vec<String> {
    let (real, simulated) = (shape_of_json(real), shape_of_json(simulated));
    // An empty list, object or null says nothing of what would be in it, or of its type.
    let path = |line: &String| line.rsplit_once(": ").unwrap().0.to_owned();
    let real_paths: BTreeSet<String> = real.iter().map(path).collect();
    let open: BTreeSet<String> = real
        .iter()
        .filter(|line| [": null", ": array", ": object"].iter().any(|kind| line.ends_with(kind)))
        .map(path)
        .collect();
    let invented: Vec<&String> = simulated
        .iter()
        // An image may have labels or none.
        .filter(|line| !real.contains(*line) && !line.contains(".Config.Labels"))
        .filter(|line| {
            let own = path(line);
            let below_open = open.iter().any(|parent| {
                own.starts_with(parent.as_str())
                    && !real_paths
                        .iter()
                        .any(|other| other.len() > parent.len() && other.starts_with(parent.as_str()))
            });
            !(below_open || line.ends_with(": null") && real_paths.contains(&own))
        })
        .collect();
    let mut problems: Vec<String> =
        invented.iter().map(|line| format!("{question}: the simulation invents {line}")).collect();
    for wanted in read_by_drover {
        let there =
            |shape: &BTreeSet<String>| shape.iter().any(|line| line.starts_with(&format!("{wanted}:")));
        for (whose, shape) in [("the real one", &real), ("the simulation", &simulated)] {
            if !there(shape) {
                problems.push(format!("{question}: {whose} has no {wanted}"));
            }
        }
    }
    problems
}

/// Lines with every number as N and every long hexadecimal word as X, each once.
fn shape_of_lines(text: &str) -> BTreeSet<String> {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if bare.len() >= 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return word.replace(bare, "X");
        }
        let mut shape = String::new();
        let mut in_number = false;
        for c in word.chars() {
            if c.is_ascii_digit() {
                if !in_number {
                    shape.push('N');
                }
                in_number = true;
            } else if !(in_number && c == '.') {
                in_number = false;
                shape.push(c);
            }
        }
        shape
    };
    text.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

/// One scene for all questions: a lab costs seconds.
#[test]
fn the_simulation_answers_as_real_hosts_do() {
    let Some(scene) = Scene::begin() else { return };
    let id = scene.counter("h1", "truth");
    let simulated_hosts = Simulated::like(&scene);
    let both = |script: &str| (scene.ssh("h1", script), simulated_hosts.ssh("h1", script));

    let json: [(&str, &[&str]); 8] = [
        (
            "podman ps --all --filter name=truth --format json",
            &["[].Id", "[].Names", "[].Image", "[].State", "[].Pid", "[].Created", "[].StartedAt"],
        ),
        (
            "podman container inspect truth",
            &[
                "[].Id",
                "[].Name",
                "[].Image",
                "[].ImageName",
                "[].State.Running",
                "[].State.Pid",
                "[].State.Status",
                "[].GraphDriver.Data.MergedDir",
                "[].GraphDriver.Data.UpperDir",
                "[].Mounts",
                "[].OCIRuntime",
                "[].StaticDir",
                "[].NetworkSettings.Networks",
                "[].HostConfig.NetworkMode",
            ],
        ),
        ("podman image inspect localhost/drover/counter:latest", &["[].Id", "[].RepoTags"]),
        ("podman network inspect podman", &["[].name", "[].subnets"]),
        ("podman info --format json", &[".host.ociRuntime.name", ".store.graphRoot", ".version.Version"]),
        ("podman version --format json", &[".Client.Version"]),
        (
            "curl -s --unix-socket /run/podman/podman.sock http://d/v4.0.0/libpod/containers/truth/json",
            &[".Id", ".State.Running"],
        ),
        (
            "curl -s --unix-socket /run/podman/podman.sock 'http://d/v1.41/containers/json?all=true'",
            &["[].Id", "[].Names", "[].State", "[].Created"],
        ),
    ];
    let mut problems = Vec::new();
    for (question, wanted) in json {
        let (real, simulated) = both(question);
        let wanted: Vec<&str> = wanted.iter().copied().filter(|path| !path.is_empty()).collect();
        problems.extend(compare_json(question, &real, &simulated, &wanted));
    }

    // Lines: the simulation's are among the real ones.
    for question in [
        "head -n 1 /proc/stat; cat /proc/uptime; grep -E '^(MemTotal|MemAvailable|SwapTotal|SwapFree|Cached|Buffers):' /proc/meminfo",
        "cat /proc/pressure/cpu 2>/dev/null | head -n 1",
        "head -n 2 /proc/net/dev",
        "podman --version; criu --version | head -n 1; podman version --format '{{.Client.APIVersion}}' | cut -d. -f1",
        "podman container exists truth; echo $?; podman container exists none; echo $?",
        "podman container inspect none 2>&1; echo $?",
        "podman container checkpoint none 2>&1; echo $?",
        "podman container restore truth 2>&1; echo $?",
        "podman image exists none; echo $?; podman volume exists none; echo $?; podman network exists podman; echo $?",
        "podman rm truth 2>&1; echo $?",
        "cat /nothing 2>&1; ls /nothing 2>&1; nothing 2>&1; echo $?",
        "df -P -B1 /dev/shm | head -n 1; tar --version | head -n 1 | cut -d' ' -f 1-2",
    ] {
        let (real, simulated) = both(question);
        let (real, simulated) = (shape_of_lines(&real), shape_of_lines(&simulated));
        let invented: Vec<&String> = simulated.difference(&real).collect();
        if !invented.is_empty() {
            problems.push(format!("{question}: the simulation invents {invented:#?}; real: {real:#?}"));
        }
    }

    // The look before a move: each kind of line that the simulation gives is one that a real host gives.
    let probe = concat!(
        include_str!("../src/migrate/scripts/probe.sh"),
        include_str!("../src/migrate/scripts/scan.sh")
    );
    let url = "http://d/v4.0.0/libpod/containers/truth/json";
    let look = |run: &dyn Fn(&str) -> String| {
        let words = ["socket=/run/podman/podman.sock".to_owned(), format!("ask={url}")];
        let command = drover::ssh::Command::script(probe, words).to_string();
        let text = run(&format!("{command} </dev/null"));
        assert!(text.contains("answer-code 200"), "{text}");
        let known = text.lines().skip_while(|line| *line != "answers-end").skip(1);
        let first = text.lines().take_while(|line| *line != "answers").chain(known);
        first.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (real, simulated) =
        (look(&|script| scene.ssh("h1", script)), look(&|script| simulated_hosts.ssh("h1", script)));
    // Whether CRIU ran before depends on what was done with the host before.
    let invented: Vec<&String> = simulated.difference(&real).filter(|key| *key != "first-run").collect();
    if !invented.is_empty() {
        problems.push(format!("the look: the simulation invents {invented:?}; real: {real:?}"));
    }
    let needed = [
        "known",
        "user",
        "system",
        "free",
        "MemAvailable",
        "criu",
        "cpu-flags",
        "cgroup",
        "process",
        "memory",
    ];
    for key in needed {
        assert!(simulated.contains(key) && real.contains(key), "no {key}: {real:?}, {simulated:?}");
    }

    // What an archive has in it.
    let archive = "set -e; f=$(mktemp /var/tmp/truth.XXXXXX); podman container checkpoint --ignore-rootfs --compress none \
                   --export $f truth >/dev/null; tar --list --file $f; rm -f $f; podman container restore truth >/dev/null";
    let (real, simulated) = both(archive);
    let name = |line: String| line.trim_start_matches("./").trim_end_matches('/').to_owned();
    let names = |text: &str| shape_of_lines(text).into_iter().map(name).collect::<BTreeSet<_>>();
    let (real, simulated) = (names(&real), names(&simulated));
    let invented: Vec<&String> = simulated.difference(&real).collect();
    if !invented.is_empty() {
        problems.push(format!("the archive: the simulation invents {invented:#?}; real: {real:#?}"));
    }
    for wanted in [
        "config.dump",
        "spec.dump",
        "checkpoint/inventory.img",
        "checkpoint/pages-Nimg",
        "checkpoint/core-Nimg",
    ] {
        assert!(simulated.contains(wanted), "no {wanted} in {simulated:#?}");
    }
    scene.ssh("h1", &format!("podman rm --force --time 0 {id}"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
