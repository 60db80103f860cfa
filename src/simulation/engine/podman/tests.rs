use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::Value;

use crate::simulation::engine::container::Freezer;
use crate::simulation::engine::testing::{self, another, carry, changed};
use crate::simulation::engine::{PODMAN_SOCKET, disk};
use crate::simulation::failure::failure;
use crate::simulation::locked;
use crate::simulation::machine::signal::Signal;
use crate::simulation::machine::{Machine, machine_for_tests};
use crate::simulation::scenario::{
    CgroupVersion, ContainerPlan, Engine, HostPlan, Peculiarity, Stage, Status, Version, VolumePlan, Workload,
};

mod failures;
mod shapes;

fn plan(name: &str, workload: Workload) -> ContainerPlan {
    testing::plan(name, Engine::Podman, workload)
}

async fn podman(machine: &Arc<Machine>, words: &str) -> (u8, String, String) {
    testing::run(machine, "podman", words).await
}

async fn said(machine: &Arc<Machine>, words: &str) -> String {
    testing::said(machine, "podman", words).await
}

async fn error(machine: &Arc<Machine>, words: &str) -> (u8, String) {
    testing::error(machine, "podman", words).await
}

async fn count(machine: &Arc<Machine>, name: &str) -> u64 {
    testing::count(machine, "podman", name).await
}

/// One request to the API.
async fn ask(
    machine: &Arc<Machine>,
    method: &str,
    path: &str,
    body: Bytes,
) -> (StatusCode, testing::Headers, Bytes) {
    testing::ask(machine, PODMAN_SOCKET, method, path, body).await
}

async fn json(machine: &Arc<Machine>, path: &str) -> Value {
    let (status, _, body) = ask(machine, "GET", path, Bytes::new()).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn containers_are_listed_and_looked_at() {
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Workload::Counter), 1);
    machine.furnish(&ContainerPlan { ports: vec![6379], ..plan("redis", Workload::Redis) }, 1);
    machine.furnish(&ContainerPlan { status: Status::Exited, ..plan("idle", Workload::Idle) }, 1);
    machine.clock.sleep(Duration::from_secs(200)).await;
    let table = said(&machine, "ps").await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[0].starts_with("CONTAINER ID  IMAGE                            COMMAND               CREATED"),
        "{table}"
    );
    assert!(
        lines[1].contains("/usr/local/bin/co...")
            && lines[1].contains("Up 3 minutes")
            && lines[1].ends_with("counter"),
        "{table}"
    );
    assert!(lines[2].contains("0.0.0.0:6379->6379/tcp  redis"), "{table}");
    assert_eq!(said(&machine, "ps -aq").await.lines().count(), 3);
    assert_eq!(said(&machine, "ps -a --filter status=exited --format {{.Names}}").await, "idle\n");
    assert_eq!(said(&machine, "container inspect --format {{.State.Running}} counter").await, "true\n");
    let pid: u32 = said(&machine, "inspect -f {{.State.Pid}} counter").await.trim().parse().unwrap();
    assert!(machine.processes.get(pid).is_some());
    assert_eq!(machine.containers.of_process(pid).unwrap().name(), "counter");
    let merged = said(&machine, "inspect -f {{.GraphDriver.Data.MergedDir}} counter").await;
    let seen = disk::read(&machine, &format!("{}/srv/count", merged.trim())).unwrap().whole();
    let seen: u64 = std::str::from_utf8(&seen).unwrap().trim().parse().unwrap();
    assert!((200..205).contains(&seen), "{seen}");
    assert_eq!(
        count(&machine, "counter").await,
        seen + 1 - u64::from(count(&machine, "counter").await == seen)
    );
    let mounted = machine.namespace.mounts().into_iter().find(|mount| mount.at == merged.trim()).unwrap();
    assert!(
        mounted.options.contains(",upperdir=/var/lib/containers/storage/overlay/"),
        "{}",
        mounted.options
    );
    assert_eq!(
        error(&machine, "ps --nosuch").await,
        (125, "Error: unknown flag: --nosuch\nSee 'podman ps --help'\n".into())
    );
    assert_eq!(
        podman(&machine, "inspect nosuch").await,
        (125, "[]\n".into(), "Error: no such object: \"nosuch\"\n".into())
    );
    assert_eq!(podman(&machine, "container exists nosuch").await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_moves_and_loses_nothing() {
    let (one, two) = (machine_for_tests(), another(&machine_for_tests(), "h2"));
    let volumes = vec![VolumePlan { name: "data".into(), size: 5_000, path: "/data".into() }];
    one.furnish(&ContainerPlan { volumes, ..plan("counter", Workload::Counter) }, 1);
    one.clock.sleep(Duration::from_secs(30)).await;
    said(&one, "image save -o /tmp/image.tar counter").await;
    carry(&one, &two, "/tmp/image.tar", "/tmp/image.tar");
    assert_eq!(
        podman(&two, "image load -q -i /tmp/image.tar").await.1,
        "Loaded image: localhost/drover/counter:latest\n"
    );
    assert_eq!(
        said(&one, "image inspect -f {{.Id}} counter").await,
        said(&two, "image inspect -f {{.Id}} counter").await
    );
    let pid = one.containers.find("counter").unwrap().pid().unwrap();
    said(&one, "container checkpoint --tcp-established --file-locks --export /tmp/a.tar counter").await;
    let frozen = count(&one, "counter").await;
    assert!((30..33).contains(&frozen), "{frozen}");
    assert!(one.processes.get(pid).is_none());
    assert_eq!(
        said(&one, "inspect -f {{.State.Status}}/{{.State.Checkpointed}} counter").await,
        "exited/true\n"
    );
    one.clock.sleep(Duration::from_secs(1_000)).await;
    carry(&one, &two, "/tmp/a.tar", "/tmp/a.tar");
    let id = said(&two, "container restore --tcp-established --file-locks --import /tmp/a.tar").await;
    assert_eq!(id.trim(), one.containers.find("counter").unwrap().id);
    let arrived = two.containers.find("counter").unwrap();
    assert!(count(&two, "counter").await <= frozen + 1);
    two.clock.sleep(Duration::from_secs(10)).await;
    let later = count(&two, "counter").await;
    assert!((frozen + 10..=frozen + 11).contains(&later), "{frozen} {later}");
    assert_eq!(arrived.memory(), 3 << 20);
    assert_eq!(said(&two, "inspect -f {{.State.Restored}} counter").await, "true\n");
    let volume = "/var/lib/containers/storage/volumes/data/_data/data";
    assert_eq!(disk::read(&one, volume).unwrap().whole(), disk::read(&two, volume).unwrap().whole());
    let file = format!("{}/var/lib/data.bin", arrived.merged());
    assert_eq!(disk::read(&two, &file).unwrap().length(), 100_000);
    let again = arrived.ran_since_start(two.clock.now());
    assert!(
        again < Duration::from_secs(12) && arrived.processor_time(two.clock.now()) == again.mul_f64(0.25)
    );
    // The images are not needed any more here, and are kept there.
    assert!(disk::node(&two, &format!("{}/checkpoint", arrived.static_directory())).is_none());
    assert!(disk::node(&one, &format!("{}/checkpoint/inventory.img", arrived.static_directory())).is_some());
    assert_eq!(said(&one, "rm counter").await, "counter\n");
    assert!(one.containers.find("counter").is_err());
    assert!(disk::node(&one, &arrived.upper()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_checkpointed_container_comes_back_where_it_was() {
    let machine = machine_for_tests();
    machine.furnish(&plan("redis", Workload::Redis), 1);
    assert_eq!(said(&machine, "exec redis redis-cli set town Fleetwood").await, "OK\n");
    assert_eq!(error(&machine, "container restore redis").await.0, 125);
    said(&machine, "container checkpoint redis").await;
    machine.clock.sleep(Duration::from_secs(100)).await;
    assert_eq!(said(&machine, "container restore redis").await, "redis\n");
    assert_eq!(said(&machine, "exec redis redis-cli get town").await, "Fleetwood\n");
    let (code, words) = error(&machine, "exec redis nosuch").await;
    assert_eq!(code, 127);
    assert!(words.starts_with("Error: crun: executable file `nosuch` not found in $PATH"), "{words}");
    let ran = machine.containers.find("redis").unwrap().record().program.ran(machine.clock.now());
    assert!(ran < Duration::from_secs(5), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn containers_of_another_engine_are_none_of_its_business() {
    let machine = machine_for_tests();
    machine.furnish(&testing::plan("other", Engine::Docker, Workload::Counter), 1);
    machine.furnish(&testing::plan("bundle", Engine::Runc, Workload::Counter), 1);
    assert_eq!(json(&machine, "/v4.0.0/libpod/containers/json?all=true").await, serde_json::json!([]));
    assert_eq!(testing::said(&machine, "docker", "checkpoint create other k1").await, "k1\n");
    assert_eq!(said(&machine, "container restore --all").await, "");
    let (code, words) = error(&machine, "container restore other").await;
    assert_eq!((code, words.as_str()), (125, "Error: no such container or image: other\n"));
    let other = machine.containers.find_of(Engine::Docker, "other").unwrap();
    assert!(other.state().live().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_api_moves_a_container_as_the_scripts_do() {
    let (one, two) = (machine_for_tests(), machine_for_tests());
    one.furnish(&plan("counter", Workload::Counter), 1);
    two.containers.images.provide(&two, Workload::Counter, &Workload::Counter.image()).unwrap();
    one.clock.sleep(Duration::from_secs(5)).await;
    let (status, headers, _) = ask(&one, "GET", "/v4.0.0/libpod/_ping", Bytes::new()).await;
    assert_eq!((status, headers["libpod-api-version"].as_str()), (StatusCode::OK, "5.4.2"));
    let container = one.containers.find("counter").unwrap();
    one.containers.freeze(&container, Freezer::Frozen);
    let path = format!(
        "/v4.0.0/libpod/containers/{}/checkpoint?export=true&ignoreRootFS=true&tcpEstablished=true&fileLocks=true",
        container.id
    );
    let (status, _, archive) = ask(&one, "POST", &path, Bytes::new()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(archive.len() > 3 << 20);
    let path = "/v4.0.0/libpod/containers/import/restore?import=true&tcpEstablished=true&fileLocks=true";
    let (status, _, body) = ask(&two, "POST", path, archive.clone()).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["Id"], container.id.as_str());
    let (status, _, body) = ask(&two, "POST", path, archive).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(said["message"], "creating container storage: that ID is already in use");
    let (status, _, body) = ask(
        &two,
        "DELETE",
        &format!("/v4.0.0/libpod/containers/{}?force=false&ignore=true", container.id),
        Bytes::new(),
    )
    .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(String::from_utf8_lossy(&body).contains("\"cause\":\"container state improper\""));
    let (status, _, _) = ask(
        &one,
        "DELETE",
        &format!("/v4.0.0/libpod/containers/{}?force=false&ignore=true", container.id),
        Bytes::new(),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, _) = ask(&one, "GET", "/v4.0.0/libpod/images/nosuch/exists", Bytes::new()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn processes_end_as_they_should() {
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Workload::Counter), 1);
    machine.furnish(&plan("idle", Workload::Idle), 1);
    machine.furnish(
        &ContainerPlan { peculiar: [Peculiarity::RestartAlways].into(), ..plan("always", Workload::Web) },
        1,
    );
    let mut events = machine.containers.events.listen();
    let began = machine.clock.now();
    said(&machine, "stop counter").await;
    assert!(machine.clock.now() - began < Duration::from_secs(1));
    assert_eq!(said(&machine, "inspect -f {{.State.ExitCode}} counter").await, "0\n");
    // Nothing there hears SIGTERM.
    said(&machine, "stop -t 3 idle").await;
    assert!(machine.clock.now() - began > Duration::from_secs(3));
    assert_eq!(said(&machine, "inspect -f {{.State.ExitCode}} idle").await, "137\n");
    let first = machine.containers.find("always").unwrap().pid().unwrap();
    machine.processes.get(first).unwrap().signal(Signal::Kill);
    machine.clock.sleep(Duration::from_millis(10)).await;
    let second = machine.containers.find("always").unwrap().pid().unwrap();
    assert_ne!(first, second);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push((event.name, event.status));
    }
    assert_eq!(told[0], ("counter".into(), "died"));
    assert!(told.contains(&("always".into(), "start")), "{told:?}");
    said(&machine, "start counter").await;
    machine.cut_power();
    assert!(machine.containers.running().is_empty());
    machine.boot();
    assert_eq!(said(&machine, "ps -q").await, "");
    assert!(said(&machine, "ps -a").await.contains("Exited (137)"));
    assert!(disk::node(&machine, "/run/podman/podman.sock").is_some());
}

#[tokio::test(start_paused = true)]
async fn events_are_written_as_they_come() {
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Workload::Counter), 1);
    let follower = tokio::spawn({
        let machine = machine.clone();
        async move {
            // Ends with the machine.
            podman(&machine, "events --filter type=container --format json").await.1
        }
    });
    machine.clock.sleep(Duration::from_secs(1)).await;
    said(&machine, "pause counter").await;
    said(&machine, "rm -f -t 0 counter").await;
    machine.cut_power();
    let text = follower.await.unwrap();
    let words: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["Status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["pause", "unpause", "died", "cleanup", "stop", "remove"]);
}
