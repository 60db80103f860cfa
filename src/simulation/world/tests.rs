//! Days of a world in seconds, and the same days again.

use std::time::Duration;

use super::*;
use crate::simulation::machine::programs::run_words;
use crate::simulation::scenario::Shipped;

/// What every host of a scenario says of itself at each hour of a day.
async fn day(name: &str, seed: Option<u64>) -> Vec<String> {
    let scenario = Shipped::find(name).unwrap().load(seed).unwrap();
    let world = World::begin(scenario, Duration::from_secs(1_767_600_000)).unwrap();
    let question = "cat /proc/uptime /proc/loadavg /proc/meminfo /proc/diskstats /proc/net/dev
        grep -h usage_usec /sys/fs/cgroup/libpod_parent/libpod-*/cpu.stat; podman ps --format '{{.ID}} {{.Names}}'";
    let mut said = Vec::new();
    for _ in 0..24 {
        world.clock.sleep(Duration::from_secs(3_600)).await;
        for machine in world.machines() {
            let (code, out, err) = run_words(machine, &["sh", "-c", question], b"").await;
            assert_eq!(code, 0, "{out}{err}");
            said.push(out);
        }
    }
    said
}

#[tokio::test(start_paused = true)]
async fn a_day_takes_seconds_and_is_the_same_from_the_same_seed() {
    let (one, again) = (day("healthy", None).await, day("healthy", None).await);
    assert_eq!(one, again);
    assert_ne!(one, day("healthy", Some(99)).await, "another seed is another world");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_takes_its_memory_along_and_boots_with_its_disk() {
    let scenario = Shipped::find("healthy").unwrap().load(None).unwrap();
    let world = World::begin(scenario, Duration::from_secs(1_767_600_000)).unwrap();
    let machine = world.machine_at("h1").unwrap();
    let before = machine.boot_id();
    let words = |text: &'static str| ["sh", "-c", text];
    run_words(&machine, &words("echo kept >/var/tmp/disk; echo lost >/dev/shm/memory"), b"").await;
    machine.cut_power();
    world.clock.sleep(Duration::from_secs(60)).await;
    machine.boot();
    let question = "cat /var/tmp/disk /dev/shm/memory; podman ps --quiet | wc -l; cut -d. -f1 /proc/uptime";
    let (_, out, err) = run_words(&machine, &words(question), b"").await;
    assert_eq!(out, "kept\n0\n0\n", "{err}");
    assert!(err.contains("/dev/shm/memory: No such file or directory"), "{err}");
    assert_ne!(machine.boot_id(), before);
}
