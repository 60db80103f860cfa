use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::simulation::engine::disk;
use crate::simulation::engine::testing::{self, another, carry, plan};
use crate::simulation::failure::failure;
use crate::simulation::locked;
use crate::simulation::machine::programs::run_words;
use crate::simulation::machine::{Machine, machine_for_tests};
use crate::simulation::scenario::{ContainerPlan, Engine, Stage, Status, Workload};

fn runc_plan(name: &str, workload: Workload) -> ContainerPlan {
    plan(name, Engine::Runc, workload)
}

async fn runc(machine: &Arc<Machine>, words: &str) -> (u8, String, String) {
    testing::run(machine, "runc", words).await
}

async fn said(machine: &Arc<Machine>, words: &str) -> String {
    testing::said(machine, "runc", words).await
}

/// Exit code and last message of one that fails.
async fn error(machine: &Arc<Machine>, words: &str) -> (u8, String) {
    let (code, err) = testing::error(machine, "runc", words).await;
    let line = err.lines().last().unwrap_or_default();
    let message = line.split_once("msg=").unwrap_or_else(|| panic!("{err}")).1;
    (code, serde_json::from_str(message).unwrap())
}

fn counted(machine: &Machine, name: &str) -> u64 {
    machine.containers.settle();
    let content = disk::read(machine, &format!("/srv/bundles/{name}/rootfs/srv/count")).unwrap().whole();
    std::str::from_utf8(&content).unwrap().trim().parse().unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn bundles_are_listed_as_the_real_one_lists_them() {
    let machine = machine_for_tests();
    assert_eq!(said(&machine, "list -f json").await, "null\n");
    assert_eq!(
        said(&machine, "list").await,
        "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
    );
    machine.furnish(&ContainerPlan { labels: Default::default(), ..runc_plan("cnt", Workload::Counter) }, 1);
    machine.furnish(&ContainerPlan { status: Status::Exited, ..runc_plan("not", Workload::Counter) }, 1);
    machine.furnish(&plan("cnt", Engine::Podman, Workload::Counter), 1);
    machine.clock.sleep(Duration::from_secs(3)).await;
    let list: Value = serde_json::from_str(&said(&machine, "list -f json").await).unwrap();
    let real: Value = serde_json::from_str(include_str!("tests/list.json")).unwrap();
    assert_eq!((list.as_array().unwrap().len(), keys(&list[0])), (1, keys(&real[0])));
    assert_eq!(
        (list[0]["status"].as_str(), list[0]["bundle"].as_str()),
        (Some("running"), Some("/srv/bundles/cnt"))
    );
    let state = said(&machine, "state cnt").await;
    assert!(state.starts_with("{\n  \"ociVersion\": \"1.2.0\",\n  \"id\": \"cnt\","), "{state}");
    let real: Value = serde_json::from_str(include_str!("tests/state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(keys(&state), keys(&real));
    let pid = u32::try_from(state["pid"].as_u64().unwrap()).unwrap();
    let container = machine.containers.of_process(pid).unwrap();
    assert_eq!((container.plan.engine, container.control_group().as_str()), (Engine::Runc, "/cnt"));
    assert_eq!(machine.processes.get(pid).unwrap().parent, 1);
    let kept: Value =
        serde_json::from_slice(&disk::read(&machine, "/run/runc/cnt/state.json").unwrap().whole()).unwrap();
    assert_eq!(kept["init_process_pid"], state["pid"]);
    assert!(counted(&machine, "cnt") >= 3);
    assert_eq!(said(&machine, "list -q").await, "cnt\n");
    assert_eq!(said(&machine, "ps -f json cnt").await, format!("[{pid}]\n"));
    let stats: Value = serde_json::from_str(&said(&machine, "events --stats cnt").await).unwrap();
    assert_eq!(stats["data"]["memory"]["usage"]["usage"], 3 << 20);
    assert!(said(&machine, "--version").await.starts_with("runc version 1.1.15\ncommit: "));
    machine.cut_power();
    machine.boot();
    assert_eq!(said(&machine, "list -f json").await, "null\n");
    assert!(disk::node(&machine, "/srv/bundles/cnt/config.json").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_life_goes_its_way_and_mistakes_get_the_words_of_runc() {
    let machine = machine_for_tests();
    machine.furnish(&plan("cnt", Engine::Podman, Workload::Redis), 1);
    machine.furnish(&runc_plan("cnt", Workload::Redis), 1);
    let is = |text: &str| (1, text.to_owned());
    assert_eq!(said(&machine, "exec cnt redis-cli set a b").await, "OK\n");
    assert_eq!(run_words(&machine, &["podman", "exec", "cnt", "redis-cli", "get", "a"], b"").await.1, "\n");
    assert_eq!(error(&machine, "state nope").await, is("container does not exist"));
    assert_eq!(error(&machine, "exec nope ls").await, (255, "exec failed: container does not exist".into()));
    assert_eq!(
        error(&machine, "delete cnt").await,
        is("cannot delete container cnt that is not stopped: running")
    );
    assert_eq!(said(&machine, "delete --force nope").await, "");
    said(&machine, "pause cnt").await;
    assert_eq!(error(&machine, "pause cnt").await, is("container not running"));
    said(&machine, "resume cnt").await;
    assert_eq!(error(&machine, "resume cnt").await, is("container not paused"));
    assert_eq!(error(&machine, "start cnt").await, is("cannot start an already running container"));
    assert_eq!(
        error(&machine, "run -d -b /srv/bundles/cnt cnt").await,
        is("runc run failed: container with given ID already exists")
    );
    assert_eq!(
        error(&machine, "run -d xx").await,
        is("runc run failed: JSON specification file config.json not found")
    );
    assert_eq!(
        error(&machine, "run -d -b /srv/bundles/cnt a/b").await,
        is("runc run failed: invalid container ID format")
    );
    assert_eq!(error(&machine, "list --nope").await, is("flag provided but not defined: -nope"));
    assert_eq!(error(&machine, "list -f xx").await, is("invalid format option"));
    assert_eq!(error(&machine, "foo").await, (3, "No help topic for 'foo'\n".into()));
    said(&machine, "kill cnt KILL").await;
    machine.clock.sleep(Duration::from_millis(200)).await;
    assert!(said(&machine, "state cnt").await.contains("\"pid\": 0,\n  \"status\": \"stopped\""));
    assert_eq!(error(&machine, "kill cnt").await, is("container not running"));
    assert_eq!(
        error(&machine, "checkpoint cnt").await,
        is("Container cannot be checkpointed in stopped state")
    );
    assert_eq!(error(&machine, "events --stats cnt").await, is("container with id cnt is not running"));
    said(&machine, "delete cnt").await;
    assert!(disk::node(&machine, "/run/runc/cnt").is_none());
    said(&machine, "create -b /srv/bundles/cnt cnt").await;
    let state: Value = serde_json::from_str(&said(&machine, "state cnt").await).unwrap();
    let waiting = u32::try_from(state["pid"].as_u64().unwrap()).unwrap();
    assert!(state["status"] == "created" && machine.processes.get(waiting).is_some());
    assert_eq!(
        error(&machine, "checkpoint cnt").await,
        is("Container cannot be checkpointed in created state")
    );
    said(&machine, "start cnt").await;
    assert!(machine.processes.get(waiting).is_none());
    assert_eq!(error(&machine, "checkpoint --pre-dump cnt").await, is("CRIU is missing features"));
    said(&machine, "delete -f cnt").await;
    assert_eq!(
        error(&machine, "spec -b /srv/bundles/cnt").await,
        is("File config.json exists. Remove it first")
    );
}

#[tokio::test(start_paused = true)]
async fn a_bundle_moves_and_goes_on_where_it_was() {
    let one = machine_for_tests();
    let two = another(&one, "h2");
    one.furnish(&runc_plan("cnt", Workload::Counter), 1);
    one.clock.sleep(Duration::from_secs(30)).await;
    said(&one, "checkpoint --image-path /tmp/img --work-path /tmp/work --tcp-established --file-locks cnt")
        .await;
    let frozen = counted(&one, "cnt");
    assert!((30..33).contains(&frozen), "{frozen}");
    assert_eq!(said(&one, "list -f json").await, "null\n");
    let log = disk::read(&one, "/tmp/work/dump.log").unwrap().whole();
    assert!(String::from_utf8_lossy(&log).contains("Dumping finished successfully"));
    one.clock.sleep(Duration::from_secs(500)).await;
    carry(&one, &two, "/srv/bundles/cnt", "/srv/bundles/cnt");
    carry(&one, &two, "/tmp/img", "/tmp/img");
    said(&two, "restore -d --image-path /tmp/img --work-path /tmp/work --bundle /srv/bundles/cnt cnt").await;
    two.clock.sleep(Duration::from_secs(10)).await;
    let later = counted(&two, "cnt");
    assert!((frozen + 10..=frozen + 11).contains(&later), "{frozen} {later}");
    assert!(said(&two, "list").await.lines().nth(1).unwrap().contains("running     /srv/bundles/cnt   "));
    assert_eq!(two.containers.find("cnt").unwrap().plan.origin().to_string(), "h1/cnt");
    assert_eq!(counted(&one, "cnt"), frozen);
    assert_eq!(
        error(&two, "restore -d --image-path /tmp/img --bundle /srv/bundles/cnt cnt").await,
        (1, "container with given ID already exists".into())
    );
}

#[tokio::test(start_paused = true)]
async fn altered_images_are_refused_and_nothing_is_left() {
    let machine = machine_for_tests();
    machine.furnish(&runc_plan("cnt", Workload::Counter), 1);
    said(&machine, "checkpoint --image-path /tmp/img cnt").await;
    let restore = "restore -d --image-path /tmp/bad --work-path /tmp/work --bundle /srv/bundles/cnt cnt";
    for (name, kind) in [("pages-1.img", "NOTIFY"), ("core-1.img", "NOTIFY"), ("inventory.img", "RESTORE")] {
        disk::remove(&machine, "/tmp/bad");
        carry(&machine, &machine, "/tmp/img", "/tmp/bad");
        if name == "pages-1.img" {
            let mut bytes = disk::read(&machine, "/tmp/bad/pages-1.img").unwrap().whole().to_vec();
            bytes[12_345] ^= 1;
            disk::put(&machine, "/tmp/bad/pages-1.img", Bytes::from(bytes), 0o644).unwrap();
        } else {
            disk::remove(&machine, &format!("/tmp/bad/{name}"));
        }
        let expected = format!("criu failed: type {kind} errno 0\nlog file: /tmp/work/restore.log");
        assert_eq!(error(&machine, restore).await, (1, expected), "{name}");
        assert_eq!(said(&machine, "list -f json").await, "null\n");
        assert!(disk::node(&machine, "/run/runc/cnt").is_none());
    }
    let log = disk::read(&machine, "/tmp/work/restore.log").unwrap().whole();
    assert!(String::from_utf8_lossy(&log).contains("Restoring FAILED"));
    assert_eq!(
        error(&machine, "restore -d --image-path /tmp/nope --bundle /srv/bundles/cnt cnt").await,
        (1, "open /tmp/nope/descriptors.json: no such file or directory".into())
    );
    assert_eq!(
        error(&machine, "restore -d --image-path /tmp/img --bundle /nope cnt").await,
        (1, "chdir /nope: no such file or directory".into())
    );
    said(&machine, "restore -d --image-path /tmp/img --bundle /srv/bundles/cnt cnt").await;
}

#[tokio::test(start_paused = true)]
async fn a_dump_that_fails_leaves_it_running() {
    let machine = machine_for_tests();
    machine.furnish(&ContainerPlan { sockets: 1, ..runc_plan("cnt", Workload::Counter) }, 1);
    let (code, _, err) = runc(&machine, "checkpoint --image-path /tmp/img cnt").await;
    assert_eq!(code, 1);
    let messages: Vec<&str> =
        err.lines().filter_map(|line| line.split_once("level=error ")).map(|(_, text)| text).collect();
    assert_eq!(
        messages,
        ["msg=\"container still running\"", "msg=\"criu failed: type NOTIFY errno 0\\nlog file: dump.log\""]
    );
    *locked(&machine.armed) = Some((Stage::Checkpoint, failure("F38").unwrap()));
    assert_eq!(runc(&machine, "checkpoint --tcp-established --image-path /tmp/img cnt").await.0, 1);
    let before = counted(&machine, "cnt");
    machine.clock.sleep(Duration::from_secs(4)).await;
    assert!(counted(&machine, "cnt") >= before + 4);
    said(&machine, "checkpoint --leave-running --tcp-established --image-path /tmp/img cnt").await;
    assert_eq!(said(&machine, "list -q").await, "cnt\n");
}
