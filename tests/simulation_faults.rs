//! Every failure of the catalogue, and everything else that can happen to hosts and links, at every stage of a
//! move on simulated hosts, in virtual time: afterwards the container runs exactly once, and nothing is left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use drover::fleet::{Fleet, HostName};
use drover::migrate::explain::Verdict;
use drover::migrate::{FailedMigration, Hosts, Reason, Request, Summary, Whereabouts, consider, migrate};
use drover::simulation::failure::{self, Effect, Speaker};
use drover::simulation::scenario::{Scenario, Stage};
use drover::simulation::world::World;
use drover::ssh::{Command, Connector, NoPrompter, Prompter, Purpose, Remote, RemoteError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const FLEET: &str = r#"
title = "faults"
seed = 11
[host]
memory = "2G"
cores = 2
[[hosts]]
name = "h1"
[[hosts]]
name = "h2"
[[containers]]
name = "counter"
host = "h1"
workload = "counter"
memory = "6M"
files = [{ path = "/srv/kept", size = "20K" }]
"#;

/// The hosts of a world as a migration reaches them.
struct Reach {
    fleet: Fleet,
    connector: Connector,
    prompter: Arc<dyn Prompter>,
}

#[async_trait]
impl Hosts for Reach {
    async fn connect(&self, host: &HostName) -> Result<Arc<dyn Remote>, RemoteError> {
        let spec = self.fleet.host(host).unwrap();
        let connected = self.connector.connect(spec, Purpose::Bulk, &self.prompter).await;
        let failed = |cause: String| RemoteError::Connection { host: host.clone(), cause };
        Ok(Arc::new(connected.map_err(|error| failed(error.to_string()))?))
    }

    fn names(&self) -> Vec<HostName> {
        self.fleet.hosts.iter().map(|spec| spec.name.clone()).collect()
    }

    fn memory_reserve(&self, _: &HostName) -> u64 {
        0
    }
}

/// A world in which something happens.
struct Scene {
    world: Arc<World>,
    reach: Arc<Reach>,
}

fn name(host: &str) -> HostName {
    HostName::new(host).unwrap()
}

impl Scene {
    fn with(events: &str) -> Self {
        let text = format!("{FLEET}\n{events}");
        let scenario = Scenario::parse("faults", &text, Path::new("faults.toml"), None);
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let world = World::begin(scenario, Duration::from_secs(1_767_600_000)).unwrap();
        let prompter: Arc<dyn Prompter> = Arc::new(NoPrompter);
        let reach = Arc::new(Reach { fleet: world.fleet(), connector: world.connector().unwrap(), prompter });
        Self { world, reach }
    }

    async fn moves(&self) -> Result<Summary, FailedMigration> {
        let request = Request::new("counter", name("h1"), name("h2"));
        let (sender, mut events) = mpsc::channel(64);
        let draining = async { while events.recv().await.is_some() {} };
        let moving = migrate(request, self.reach.clone(), sender, CancellationToken::new());
        tokio::join!(moving, draining).0
    }

    /// Runs a script on a host and answers what it prints.
    async fn ask(&self, host: &str, script: &str) -> String {
        let remote = self.reach.connect(&name(host)).await.unwrap();
        let output = remote.output(&Command::new("sh").arguments(["-c", script]), &[]).await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The hosts on which the container runs, by the hosts' own kernels.
    fn running(&self) -> Vec<String> {
        let machines = self.world.machines();
        let running = machines.filter(|machine| {
            machine.containers.running().iter().any(|container| container.name() == "counter")
        });
        running.map(|machine| machine.plan.name.to_string()).collect()
    }

    /// The number that the container has come to.
    async fn count(&self, host: &str) -> u64 {
        let text = self.ask(host, "podman exec counter cat /srv/count").await;
        text.trim().parse().unwrap_or_else(|_| panic!("no count on {host}: {text:?}"))
    }

    /// What drover or a half-made restore has left on a host.
    async fn left_on(&self, host: &str) -> String {
        let script = "ls -d /run/drover /dev/shm/drover-* /var/tmp/drover-* 2>/dev/null
            podman ps --all --format '{{.Names}} {{.State}}'
            find /sys/fs/cgroup -type d -name 'libpod-*' | wc -l";
        self.ask(host, script).await
    }
}

/// What a look at a container's processes finds, is said before anything is frozen.
#[tokio::test(start_paused = true)]
async fn what_is_inside_a_container_is_foreseen() {
    let mut containers = String::new();
    for word in ["io_uring", "inotify", "file-lock", "traced"] {
        containers += &format!(
            "[[containers]]\nname = \"{word}\"\nhost = \"h1\"\nworkload = \"looper\"\npeculiar = [\"{word}\"]\n"
        );
    }
    let scene = Scene::with(&containers);
    for (container, id) in
        [("io_uring", "io-uring"), ("inotify", "inotify"), ("file-lock", "lock"), ("traced", "traced")]
    {
        let request = Request::new(container, name("h1"), name("h2"));
        let checks = consider(&request, &*scene.reach).await.unwrap();
        let found: Vec<&str> = checks.iter().map(|check| check.id.as_str()).collect();
        assert!(found.contains(&id), "{container}: {checks:#?}");
        // Nothing else of them is suspected.
        for other in ["io-uring", "inotify", "lock", "traced"].into_iter().filter(|other| *other != id) {
            assert!(!found.contains(&other), "{container}: {checks:#?}");
        }
    }
}

/// What is wrong after a move: the container must run once, where it is said to run, go on counting, have its file,
/// and nothing must be left.
async fn wrong(
    scene: &Scene,
    before: &(u64, String),
    result: &Result<Summary, FailedMigration>,
) -> Option<String> {
    let died =
        |host: &str| scene.world.history().iter().any(|(_, text)| *text == format!("{host} loses its power"));
    let running = scene.running();
    let (told, untidy) = match result {
        Ok(_) => ("h2", false),
        Err(failed) => match failed.whereabouts {
            Whereabouts::Untouched | Whereabouts::BackOnSource => ("h1", false),
            // What is left on the source is said.
            Whereabouts::AtDestination => ("h2", true),
            ref other => return Some(format!("nobody knows where it is: {other:?}: {failed:?}")),
        },
    };
    if died(told) && running.is_empty() {
        // Its host took it along after it had gone over, as it would have taken any other.
        return None;
    }
    if running != [told] {
        return Some(format!("runs on {running:?}, told {told}: {result:#?}\n{:#?}", scene.world.history()));
    }
    let count = scene.count(told).await;
    if count < before.0 {
        return Some(format!("counts {count} after {}", before.0));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    if scene.count(told).await < count + 4 {
        return Some("does not go on counting".into());
    }
    let kept = scene.ask(told, "podman exec counter sha256sum /srv/kept").await;
    if kept != before.1 {
        return Some(format!("its file changed: {kept} after {}", before.1));
    }
    let other = if told == "h1" { "h2" } else { "h1" };
    let (left, here) = (scene.left_on(other).await, scene.left_on(told).await);
    if !untidy && left != "0\n" {
        return Some(format!("left on {other}: {left}{result:#?}\n{:#?}", scene.world.history()));
    }
    (!untidy && here != "counter running\n1\n").then(|| format!("left on {told}: {here}{result:#?}"))
}

async fn before(scene: &Scene) -> (u64, String) {
    let kept = scene.ask("h1", "podman exec counter sha256sum /srv/kept").await;
    assert!(kept.contains("/srv/kept"), "{kept}");
    (scene.count("h1").await, kept)
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_and_it_arrives() {
    let scene = Scene::with("");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = before(&scene).await;
    let moved = scene.moves().await;
    assert!(moved.is_ok(), "{moved:#?}");
    assert_eq!(wrong(&scene, &before, &moved).await, None);
}

#[tokio::test(start_paused = true)]
async fn every_failure_of_the_catalogue_leaves_it_running_once() {
    let mut problems = Vec::new();
    for failure in failure::all() {
        for stage in failure.stages() {
            let word = Stage::ALL.iter().find(|(_, known)| *known == stage).unwrap().0;
            let what = format!("{} at {word}", failure.id);
            let scene = Scene::with(&format!(
                "[[events]]\nduring = \"{word}\"\nwhat = \"fail\"\nfailure = \"{}\"",
                failure.id
            ));
            tokio::time::sleep(Duration::from_secs(20)).await;
            let before = before(&scene).await;
            let result = scene.moves().await;
            assert!(
                scene.world.history().iter().any(|(_, text)| text.contains(&failure.id)),
                "{what}: it did not happen: {result:#?}"
            );
            if let Some(text) = wrong(&scene, &before, &result).await {
                problems.push(format!("{what}: {text}"));
            }
            if let Err(failed) = &result
                && failed.reason == Reason::Failed
                && failure.speaker != Speaker::Nobody
                // The engine's API fails without a word, and asked again it only says that the container has exited.
                && !(stage == Stage::Transfer || failure.effect(stage) == Some(Effect::ExitedImagesKept))
                && explained(failed) != Some(&failure.id)
            {
                problems.push(format!("{what}: explained as another: {failed:?}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// The number of the failure that a failed move is explained as.
fn explained(failed: &FailedMigration) -> Option<&String> {
    match &failed.explanation.as_ref()?.verdict {
        Verdict::Known { failure } => Some(&failure.id),
        Verdict::Wrapper { candidates } => candidates.first().map(|candidate| &candidate.id),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_links_and_hosts_it_runs_once() {
    let happenings = [
        (
            "a cut link to the source",
            "what = \"cut-link\"\nbetween = [\"laptop\", \"source\"]\nfor = \"45 s\"",
        ),
        (
            "a cut link to the destination",
            "what = \"cut-link\"\nbetween = [\"laptop\", \"destination\"]\nfor = \"45 s\"",
        ),
        ("a short cut", "what = \"cut-link\"\nbetween = [\"laptop\", \"destination\"]\nfor = \"4 s\""),
        (
            "a slow link",
            "what = \"slow-link\"\nbetween = [\"laptop\", \"source\"]\nrate = \"2 Mbit/s\"\nfor = \"20 s\"",
        ),
        ("a destination that hangs", "what = \"host-hangs\"\nhost = \"destination\"\nfor = \"40 s\""),
        ("a destination that dies", "what = \"host-dies\"\nhost = \"destination\"\nfor = \"30 s\""),
        (
            "a full disk",
            "what = \"fill-disk\"\nhost = \"destination\"\npath = \"/dev/shm\"\nleave = \"64K\"\nfor = \"60 s\"",
        ),
        ("a jumping clock", "what = \"jump-clock\"\nhost = \"destination\"\nby = \"-90 s\""),
    ];
    let mut problems = Vec::new();
    for (what, event) in happenings {
        for (stage, _) in Stage::ALL.into_iter().filter(|(_, stage)| *stage != Stage::Checks) {
            let what = format!("{what} during {stage}");
            let scene = Scene::with(&format!("[[events]]\nduring = \"{stage}\"\n{event}"));
            tokio::time::sleep(Duration::from_secs(20)).await;
            let before = before(&scene).await;
            let result = scene.moves().await;
            // Whatever was cut, hung or dead is there again.
            tokio::time::sleep(Duration::from_secs(90)).await;
            match &result {
                // Not known from outside: then the hosts must still have it once at most, and somebody is told.
                Err(FailedMigration {
                    whereabouts: Whereabouts::Unknown(_) | Whereabouts::Kept(_), ..
                }) => {
                    assert!(scene.running().len() <= 1, "{what}: {result:#?}");
                }
                _ => {
                    if let Some(text) = wrong(&scene, &before, &result).await {
                        problems.push(format!("{what}: {text}"));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}
