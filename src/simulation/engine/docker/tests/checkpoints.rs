use super::*;

const CHECKPOINTS: &str = "/var/lib/docker/containers";

/// Makes a container of the same image on another machine with the checkpoint's images in its directory.
async fn arrive(one: &Arc<Machine>, two: &Arc<Machine>, name: &str, checkpoint: &str) -> String {
    let from = one.containers.find_of(Engine::Docker, name).unwrap().id.clone();
    if two.containers.docker.images.find(&Workload::Counter.image()).is_none() {
        said(one, "save -o /tmp/image.tar localhost/drover/counter").await;
        carry(one, two, "/tmp/image.tar", "/tmp/image.tar");
        said(two, "load -i /tmp/image.tar").await;
    }
    let id = said(two, &format!("create --name {name} localhost/drover/counter")).await.trim().to_owned();
    let (from, to) = (
        format!("{CHECKPOINTS}/{from}/checkpoints/{checkpoint}"),
        format!("{CHECKPOINTS}/{id}/checkpoints/{checkpoint}"),
    );
    carry(one, two, &from, &to);
    to
}

#[tokio::test(start_paused = true)]
async fn a_container_goes_on_where_it_was_on_another_machine() {
    let one = machine_for_tests();
    let two = another(&one, "h2");
    one.furnish(&docker_plan("counter", Workload::Counter), 1);
    one.clock.sleep(Duration::from_secs(30)).await;
    assert_eq!(said(&one, "checkpoint create counter k1").await, "k1\n");
    assert_eq!(said(&one, "checkpoint ls counter").await, "CHECKPOINT NAME\nk1\n");
    let frozen = count(&one, "counter").await;
    assert!((30..33).contains(&frozen), "{frozen}");
    assert_eq!(said(&one, "inspect -f {{.State.Status}}/{{.State.ExitCode}} counter").await, "exited/137\n");
    one.clock.sleep(Duration::from_secs(1_000)).await;
    let place = arrive(&one, &two, "counter", "k1").await;
    assert_eq!(disk::read(&two, &format!("{place}/pages-1.img")).unwrap().length(), 3 << 20);
    assert_eq!(said(&two, "start --checkpoint k1 counter").await, "");
    two.clock.sleep(Duration::from_secs(10)).await;
    let later = count(&two, "counter").await;
    assert!((frozen + 10..=frozen + 12).contains(&later), "{frozen} {later}");
    let arrived = two.containers.find_of(Engine::Docker, "counter").unwrap();
    assert_eq!(arrived.memory(), 3 << 20, "its memory is that of the process, not of a new one");
    assert_eq!(arrived.plan.origin().to_string(), "h1/counter");
    // Where it came from it can be taken up again, too.
    said(&one, "start --checkpoint k1 counter").await;
    assert!(count(&one, "counter").await <= frozen + 1);
}

#[tokio::test(start_paused = true)]
async fn altered_images_are_refused_and_nothing_runs() {
    let one = machine_for_tests();
    one.furnish(&docker_plan("counter", Workload::Counter), 1);
    one.clock.sleep(Duration::from_secs(5)).await;
    said(&one, "checkpoint create counter k1").await;
    type Alteration = (&'static str, fn(&mut Vec<u8>), &'static str);
    let altered: [Alteration; 4] = [
        ("pages-1.img", |bytes| bytes[1_000_000] ^= 1, "NOTIFY"),
        ("pages-1.img", |bytes| bytes.truncate(4096), "NOTIFY"),
        ("core-1.img", |bytes| bytes.fill(7), "NOTIFY"),
        ("inventory.img", |bytes| bytes.clear(), "RESTORE"),
    ];
    for (name, alter, kind) in altered {
        let two = another(&one, "h2");
        let place = arrive(&one, &two, "counter", "k1").await;
        let path = format!("{place}/{name}");
        let mut bytes = disk::read(&two, &path).unwrap().whole().to_vec();
        alter(&mut bytes);
        if bytes.is_empty() {
            disk::remove(&two, &path)
        } else {
            disk::put(&two, &path, Bytes::from(bytes), 0o644).map(|_| ()).unwrap()
        }
        let id = two.containers.find_of(Engine::Docker, "counter").unwrap().id.clone();
        let expected = format!(
            "OCI runtime restore failed: criu failed: type {kind} errno 0\nlog file: /var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{id}/work/restore.log: unknown"
        );
        assert_eq!(
            error(&two, "start --checkpoint k1 counter").await,
            (1, format!("Error response from daemon: {expected}\n")),
            "{name}"
        );
        assert!(two.containers.running().is_empty());
        let state = get(&two, "/v1.45/containers/counter/json").await["State"].clone();
        assert_eq!(
            (&state["Status"], &state["ExitCode"], &state["Error"]),
            (&json!("created"), &json!(128), &json!(expected))
        );
        // Started anew it counts from the beginning, and the error is forgotten.
        said(&two, "start counter").await;
        assert_eq!(get(&two, "/v1.45/containers/counter/json").await["State"]["Error"], "");
    }
}

#[tokio::test(start_paused = true)]
async fn what_docker_cannot_do_is_refused_in_its_words() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    machine.furnish(&ContainerPlan { sockets: 2, ..docker_plan("redis", Workload::Redis) }, 1);
    let id = |name: &str| machine.containers.find_of(Engine::Docker, name).unwrap().id.clone();
    let daemon = |text: String| (1, format!("Error response from daemon: {text}\n"));
    said(&machine, "create --name new localhost/drover/counter").await;
    for (words, text) in [
        ("checkpoint create nope x1", "No such container: nope".to_owned()),
        ("checkpoint create new x1", format!("container {} is not running", id("new"))),
        (
            "checkpoint create counter a/b",
            "Invalid checkpoint ID (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed".into(),
        ),
        ("checkpoint rm counter nope", "checkpoint nope does not exist for container counter".into()),
        ("start --checkpoint c9 new", "checkpoint c9 does not exist for container /new".into()),
        ("start --checkpoint c9 --checkpoint-dir /tmp new", "custom checkpointdir is not supported".into()),
    ] {
        assert_eq!(error(&machine, words).await, daemon(text), "{words}");
    }
    assert_eq!(
        error(&machine, "checkpoint create redis s1").await,
        daemon(format!(
            "Cannot checkpoint container redis: runc did not terminate successfully: exit status 1: criu failed: type NOTIFY errno 0 path= /var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{}/criu-dump.log: unknown",
            id("redis")
        ))
    );
    assert_eq!(said(&machine, "ps --filter name=redis --format {{.State}}").await, "running\n");
    let log = disk::read(
        &machine,
        &format!(
            "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{}/criu-dump.log",
            id("redis")
        ),
    );
    let log = String::from_utf8(log.unwrap().whole().to_vec()).unwrap();
    assert!(log.contains("Dumping FAILED"), "{log}");
    // What the command cannot say the file does.
    disk::put(&machine, "/etc/criu/runc.conf", "tcp-established\n", 0o644).unwrap();
    said(&machine, "checkpoint create redis s1").await;
    said(&machine, "start --checkpoint s1 redis").await;
    let (status, text) = post(
        &machine,
        "POST",
        "/v1.45/containers/new/start?checkpoint=c&checkpoint-dir=/tmp/x",
        &Value::Null,
    )
    .await;
    assert_eq!((status, text.as_str()), (403, "custom checkpointdir is not supported"));
}

#[tokio::test(start_paused = true)]
async fn the_api_makes_checkpoints_where_one_wants_them_and_leaves_running_what_shall_run() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    let path = "/v1.45/containers/counter/checkpoints";
    let body = json!({ "CheckpointID": "cp1", "CheckpointDir": "/root/cps", "Exit": false });
    assert_eq!(post(&machine, "POST", path, &body).await, (201, String::new()));
    assert!(disk::node(&machine, "/root/cps/cp1/pages-1.img").is_some());
    assert_eq!(
        post(&machine, "POST", path, &body).await,
        (500, "cannot checkpoint container counter: checkpoint with name cp1 already exists for container counter".into())
    );
    assert_eq!(get(&machine, path).await, json!([]));
    assert_eq!(get(&machine, &format!("{path}?dir=/root/cps")).await, json!([{ "Name": "cp1" }]));
    let before = count(&machine, "counter").await;
    machine.clock.sleep(Duration::from_secs(3)).await;
    assert_eq!(count(&machine, "counter").await, before + 3);
    assert_eq!(post(&machine, "DELETE", &format!("{path}/cp1?dir=/root/cps"), &Value::Null).await.0, 204);
    assert!(disk::node(&machine, "/root/cps/cp1").is_none());
    let body = json!({ "CheckpointID": "cp2", "Exit": true });
    assert_eq!(post(&machine, "POST", path, &body).await.0, 201);
    assert!(machine.containers.running().is_empty());
    let past: Vec<&str> =
        machine.containers.events.past().iter().map(|event| event.status).rev().take(4).collect();
    assert_eq!(past, ["died", "checkpoint", "pause", "checkpoint"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_a_scenario_orders_comes_at_its_stage() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("counter", Workload::Counter), 1);
    let arm = |stage, id: &str| *locked(&machine.armed) = Some((stage, failure(id).unwrap()));
    // An external socket: CRIU gives up and the container runs on.
    arm(Stage::Checkpoint, "F38");
    let (code, err) = error(&machine, "checkpoint create counter k1").await;
    assert!(
        code == 1 && err.contains("Cannot checkpoint container counter: runc did not terminate"),
        "{err}"
    );
    let before = count(&machine, "counter").await;
    machine.clock.sleep(Duration::from_secs(5)).await;
    assert!(count(&machine, "counter").await >= before + 5);
    assert_eq!(said(&machine, "checkpoint ls counter").await, "CHECKPOINT NAME\n");
    said(&machine, "checkpoint create counter k1").await;
    // A file of another size at the destination.
    arm(Stage::Restore, "F12");
    let (_, err) = error(&machine, "start --checkpoint k1 counter").await;
    assert!(err.contains("OCI runtime restore failed: criu failed: type NOTIFY errno 0"), "{err}");
    assert!(machine.containers.running().is_empty());
    said(&machine, "start --checkpoint k1 counter").await;
    assert_eq!(machine.containers.running().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_checkpoint_grows_with_memory() {
    let machine = machine_for_tests();
    machine.furnish(&docker_plan("small", Workload::Counter), 1);
    machine.furnish(&ContainerPlan { memory: 300 << 20, ..docker_plan("large", Workload::Redis) }, 1);
    let mut took = Vec::new();
    for name in ["small", "large"] {
        let began = machine.clock.now();
        said(&machine, &format!("checkpoint create {name} k1")).await;
        took.push((machine.clock.now() - began).as_secs_f64());
    }
    assert!((0.15..0.3).contains(&took[0]) && (2.0..3.5).contains(&took[1]), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_does_not_hinder_and_a_removed_one_is_gone() {
    let machine = machine_for_tests();
    let peculiar = [Peculiarity::Terminal, Peculiarity::AutoRemove].into();
    machine.furnish(&ContainerPlan { peculiar, ..docker_plan("counter", Workload::Counter) }, 1);
    // As seen on the lab with CRIU 4.2.1 and runC 1.1.15.
    said(&machine, "checkpoint create --checkpoint-dir /root/cps counter k1").await;
    assert_eq!(said(&machine, "ps -aq").await, "");
    assert!(disk::node(&machine, "/root/cps/k1/inventory.img").is_some());
}
