use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::simulation::engine::disk;
use crate::simulation::engine::testing::{self, Headers, another, carry, plan};
use crate::simulation::failure::failure;
use crate::simulation::locked;
use crate::simulation::machine::programs::run_words;
use crate::simulation::machine::{Machine, machine_for_tests};
use crate::simulation::scenario::{ContainerPlan, Engine, Peculiarity, Stage, Status, VolumePlan, Workload};

mod checkpoints;
mod shapes;

fn docker_plan(name: &str, workload: Workload) -> ContainerPlan {
    plan(name, Engine::Docker, workload)
}

async fn docker(machine: &Arc<Machine>, words: &str) -> (u8, String, String) {
    testing::run(machine, "docker", words).await
}

async fn said(machine: &Arc<Machine>, words: &str) -> String {
    testing::said(machine, "docker", words).await
}

async fn error(machine: &Arc<Machine>, words: &str) -> (u8, String) {
    testing::error(machine, "docker", words).await
}

async fn count(machine: &Arc<Machine>, name: &str) -> u64 {
    testing::count(machine, "docker", name).await
}

/// One request to the API.
async fn ask(machine: &Arc<Machine>, method: &str, path: &str, body: &Value) -> (StatusCode, Headers, Bytes) {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    testing::ask(machine, "/var/run/docker.sock", method, path, body).await
}

async fn get(machine: &Arc<Machine>, path: &str) -> Value {
    let (status, _, body) = ask(machine, "GET", path, &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    serde_json::from_slice(&body).unwrap()
}

/// Status and message of a request that changes something.
async fn post(machine: &Arc<Machine>, method: &str, path: &str, body: &Value) -> (u16, String) {
    let (status, _, body) = ask(machine, method, path, body).await;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status.as_u16(), value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn containers_are_listed_and_looked_at_and_are_not_those_of_other_engines() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    machine.furnish(&plan("counter", Engine::Podman, Workload::Redis), 1);
    machine.furnish(&ContainerPlan { ports: vec![6379], ..docker_plan("redis", Workload::Redis) }, 1);
    machine.furnish(&ContainerPlan { status: Status::Exited, ..docker_plan("idle", Workload::Idle) }, 1);
    machine.clock.sleep(Duration::from_secs(200)).await;
    let table = said(&machine, "ps").await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("CONTAINER ID   IMAGE                             COMMAND "), "{table}");
    assert!(lines[1].contains("\"/usr/bin/redis-serv…\"   3 minutes ago   Up 3 minutes   0.0.0.0:6379->6379/tcp, :::6379->6379/tcp   redis"), "{table}");
    assert!(lines[2].contains("/usr/local/bin/coun…") && lines[2].ends_with("counter"), "{table}");
    assert_eq!(said(&machine, "ps -aq").await.lines().count(), 3);
    let (_, podman, _) =
        run_words(&machine, &["podman", "ps", "-a", "--format", "{{.Names}} {{.Image}}"], b"").await;
    assert_eq!(podman, "counter localhost/drover/redis:latest\n");
    assert_eq!(said(&machine, "ps -a --filter status=exited --format {{.Names}}").await, "idle\n");
    let pid: u32 = said(&machine, "inspect --format {{.State.Pid}} counter").await.trim().parse().unwrap();
    let container = machine.containers.of_process(pid).unwrap();
    assert_eq!((container.name().as_str(), container.plan.engine), ("counter", Engine::Docker));
    assert_eq!(container.control_group(), format!("/docker/{}", container.id));
    let groups = run_words(&machine, &["cat", &format!("/proc/{pid}/cgroup")], b"").await.1;
    assert_eq!(groups, format!("0::/docker/{}\n", container.id));
    let memory = format!("/sys/fs/cgroup/docker/{}/memory.current", container.id);
    let used: u64 = run_words(&machine, &["cat", &memory], b"").await.1.trim().parse().unwrap();
    assert!((3 << 20..4 << 20).contains(&used), "{used}");
    let merged = said(&machine, "inspect -f {{.GraphDriver.Data.MergedDir}} counter").await;
    assert!(merged.starts_with("/var/lib/docker/overlay2/"), "{merged}");
    let seen = disk::read(&machine, &format!("{}/srv/count", merged.trim())).unwrap().whole();
    let seen: u64 = std::str::from_utf8(&seen).unwrap().trim().parse().unwrap();
    assert!((200..205).contains(&seen), "{seen}");
    assert!(count(&machine, "counter").await - seen <= 1);
    let log = said(&machine, "inspect -f {{.LogPath}} counter").await;
    let line = disk::read(&machine, log.trim()).unwrap().whole();
    let line: Value = serde_json::from_slice(line.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&line["log"], &line["stream"]), (&json!("1\n"), &json!("stdout")));
    let parent = machine.processes.get(machine.processes.get(pid).unwrap().parent).unwrap();
    assert_eq!(locked(&parent.words)[0], "/usr/bin/containerd-shim-runc-v2");
}

#[tokio::test(start_paused = true)]
async fn mistakes_get_the_words_of_docker() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("rd", Workload::Redis), 1);
    let id = machine.containers.find("rd").unwrap().id.clone();
    let daemon = |text: &str| (1, format!("Error response from daemon: {text}\n"));
    assert_eq!(
        error(&machine, "ps --nope").await,
        (125, "unknown flag: --nope\nSee 'docker ps --help'.\n".into())
    );
    assert_eq!(
        docker(&machine, "inspect nope").await,
        (1, "[]\n".into(), "Error: No such object: nope\n".into())
    );
    assert_eq!(error(&machine, "logs nope").await, daemon("No such container: nope"));
    assert_eq!(
        error(&machine, "start nope").await,
        (
            1,
            "Error response from daemon: No such container: nope\nError: failed to start containers: nope\n"
                .into()
        )
    );
    assert_eq!(
        error(&machine, "rm rd").await,
        daemon(
            "cannot remove container \"/rd\": container is running: stop the container before removing or force remove"
        )
    );
    said(&machine, "pause rd").await;
    assert_eq!(error(&machine, "pause rd").await, daemon(&format!("Container {id} is already paused")));
    assert!(said(&machine, "ps").await.contains("(Paused)"));
    said(&machine, "unpause rd").await;
    assert_eq!(
        error(&machine, "kill -s FOO rd").await,
        daemon("cannot kill container: rd: invalid signal: FOO")
    );
    said(&machine, "kill rd").await;
    assert_eq!(said(&machine, "inspect -f {{.State.Status}}/{{.State.ExitCode}} rd").await, "exited/137\n");
    assert_eq!(error(&machine, "exec rd ls").await, daemon(&format!("container {id} is not running")));
    assert_eq!(
        error(&machine, "run -d --name rd localhost/drover/redis").await,
        (
            125,
            format!(
                "docker: Error response from daemon: Conflict. The container name \"/rd\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name.\nSee 'docker run --help'.\n"
            )
        )
    );
    assert_eq!(
        error(&machine, "foo").await,
        (1, "docker: 'foo' is not a docker command.\nSee 'docker --help'\n".into())
    );
    machine.stop_service(Engine::Docker);
    assert_eq!(
        error(&machine, "ps").await,
        (1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n".into())
    );
    machine.start_service(Engine::Docker);
    assert_eq!(said(&machine, "rm rd").await, "rd\n");
    assert!(disk::node(&machine, &format!("/var/lib/docker/containers/{id}")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_person_can_make_use_and_remove_a_container() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("redis", Workload::Redis), 1);
    let id =
        said(&machine, "run -d --name two -p 7000:7000 -v data:/data --label a=b localhost/drover/redis")
            .await;
    assert_eq!(id.trim().len(), 64);
    assert_eq!(said(&machine, "exec two redis-cli set key value").await, "OK\n");
    assert_eq!(said(&machine, "exec two redis-cli get key").await, "value\n");
    assert_eq!(docker(&machine, "exec two nothing").await.0, 127);
    assert_eq!(said(&machine, "exec two cat /etc/passwd").await, "root:x:0:0:root:/:/bin/sh\n");
    assert_eq!(said(&machine, "volume ls").await, "DRIVER    VOLUME NAME\nlocal     data\n");
    assert_eq!(said(&machine, "inspect -f {{.NetworkSettings.IPAddress}} two").await, "172.17.0.3\n");
    assert_eq!(said(&machine, "network ls").await.lines().count(), 4);
    let top = said(&machine, "top two").await;
    assert!(top.lines().nth(1).unwrap().ends_with("--enable-debug-command yes"), "{top}");
    let (code, _, err) = docker(&machine, "run -d --name three -p 7000:7000 localhost/drover/redis").await;
    assert_eq!(code, 125);
    assert!(err.contains("Bind for 0.0.0.0:7000 failed: port is already allocated."), "{err}");
    assert_eq!(
        said(&machine, "ps -a --filter name=three --format {{.Status}}").await.split(' ').next(),
        Some("Created\n")
    );
    assert_eq!(said(&machine, "stop two").await, "two\n");
    assert_eq!(said(&machine, "wait two").await, "0\n");
    assert_eq!(said(&machine, "rm two three").await, "two\nthree\n");
    let (code, _, err) = docker(&machine, "run -d nothere/image").await;
    assert!(code == 125 && err.starts_with("Unable to find image 'nothere/image:latest' locally\n"), "{err}");
}

#[tokio::test(start_paused = true)]
async fn the_api_answers_as_the_daemon_does() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    let (status, headers, body) = ask(&machine, "GET", "/_ping", &Value::Null).await;
    assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"OK")));
    assert_eq!(headers["api-version"], "1.45");
    assert_eq!(headers["server"], "Docker/26.1.5 (linux)");
    let id = machine.containers.find("counter").unwrap().id.clone();
    let post = async |method: &str, path: &str| post(&machine, method, path, &Value::Null).await;
    let empty = String::new;
    assert_eq!(post("GET", "/v1.45/containers/nope/json").await, (404, "No such container: nope".into()));
    assert_eq!(post("GET", "/v1.45/nosuch").await, (404, "page not found".into()));
    assert_eq!(
        post("GET", "/v1.99/info").await,
        (400, "client version 1.99 is too new. Maximum supported API version is 1.45".into())
    );
    assert_eq!(post("POST", "/v1.45/containers/counter/stop").await, (204, empty()));
    assert_eq!(post("POST", "/v1.45/containers/counter/stop").await, (304, empty()));
    assert_eq!(
        post("POST", "/v1.45/containers/counter/kill").await,
        (409, format!("cannot kill container: counter: container {id} is not running"))
    );
    assert_eq!(post("POST", "/v1.45/containers/counter/start").await, (204, empty()));
    assert_eq!(post("POST", "/v1.45/containers/counter/start").await, (304, empty()));
    assert_eq!(post("GET", "/v1.45/containers/counter/logs").await.0, 400);
    machine.clock.sleep(Duration::from_secs(3)).await;
    let (_, headers, body) =
        ask(&machine, "GET", "/v1.45/containers/counter/logs?stdout=1&tail=1", &Value::Null).await;
    assert_eq!(headers["content-type"], "application/vnd.docker.multiplexed-stream");
    assert_eq!(&body[..8], [1, 0, 0, 0, 0, 0, 0, (body.len() - 8) as u8]);
    let stats = get(&machine, "/v1.45/containers/counter/stats?stream=false").await;
    let used = |key: &str| stats[key]["cpu_usage"]["total_usage"].as_u64().unwrap();
    assert_eq!(
        used("cpu_stats") - used("precpu_stats"),
        250_000_000,
        "a quarter of a processor for a second"
    );
    assert_eq!(post("DELETE", "/v1.45/containers/counter").await.0, 409);
    assert_eq!(post("DELETE", "/v1.45/containers/counter?force=1").await, (204, empty()));
    let body = json!({ "Image": "localhost/drover/counter:latest" });
    let (status, _, made) = ask(&machine, "POST", "/v1.45/containers/create?name=again", &body).await;
    assert_eq!(status, StatusCode::CREATED);
    let made: Value = serde_json::from_slice(&made).unwrap();
    assert_eq!(get(&machine, "/v1.45/containers/again/json").await["Id"], made["Id"]);
    assert_eq!(
        super::tests::post(&machine, "POST", "/v1.45/containers/create?name=again", &body).await.0,
        409
    );
}

#[tokio::test(start_paused = true)]
async fn events_come_as_they_happen_and_can_be_asked_for_later() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    machine.furnish(&plan("other", Engine::Podman, Workload::Counter), 1);
    let follower = tokio::spawn({
        let machine = machine.clone();
        let until = machine.calendar().as_secs() + 100;
        async move {
            docker(&machine, &format!("events --until {until} --filter type=container --format json")).await.1
        }
    });
    machine.clock.sleep(Duration::from_secs(5)).await;
    said(&machine, "kill counter").await;
    machine.someone("remove", "other");
    said(&machine, "rm counter").await;
    let lines = follower.await.unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = events.iter().map(|event| event["Action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["kill", "die", "destroy"]);
    assert_eq!(events[1]["Actor"]["Attributes"]["exitCode"], "137");
    assert_eq!(events[1]["Actor"]["Attributes"]["execDuration"], "5");
    let until = machine.calendar().as_secs();
    let (_, _, body) = ask(
        &machine,
        "GET",
        &format!("/v1.45/events?since=0&until={until}&filters=%7B%22event%22%3A%5B%22start%22%5D%7D"),
        &Value::Null,
    )
    .await;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(body.lines().count(), 1, "{body}");
}

#[tokio::test(start_paused = true)]
async fn an_image_travels_by_command_and_by_api_and_a_broken_one_is_refused() {
    let (one, two) = (machine_for_tests(), machine_for_tests());
    one.furnish(&docker_plan("counter", Workload::Counter), 1);
    said(&one, "save -o /tmp/image.tar localhost/drover/counter").await;
    carry(&one, &two, "/tmp/image.tar", "/tmp/image.tar");
    assert_eq!(said(&two, "load -i /tmp/image.tar").await, "Loaded image: localhost/drover/counter:latest\n");
    let id = said(&one, "inspect -f {{.Id}} localhost/drover/counter:latest").await;
    assert_eq!(said(&two, "image inspect -f {{.Id}} localhost/drover/counter:latest").await, id);
    assert_eq!(said(&two, "create --name cc localhost/drover/counter").await.trim().len(), 64);
    let (status, _, archive) =
        ask(&one, "GET", "/v1.45/images/get?names=localhost/drover/counter", &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(disk::read(&one, "/tmp/image.tar").unwrap().whole(), archive);
    let three = machine_for_tests();
    let mut broken = archive.to_vec();
    broken[2000] ^= 1;
    disk::put(&three, "/tmp/image.tar", Bytes::from(broken), 0o600).unwrap();
    let (code, err) = error(&three, "load -i /tmp/image.tar").await;
    assert!(code == 1 && err.starts_with("invalid diffID for layer 0: expected"), "{err}");
    assert_eq!(said(&three, "images -q").await, "");
}
