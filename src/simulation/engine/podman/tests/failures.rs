use super::*;
use crate::simulation::scenario::Architecture;

/// A machine with a container, and the archive of another one's checkpoint at /tmp/a.tar.
async fn with_archive(change: impl FnOnce(&mut HostPlan)) -> Arc<Machine> {
    let (from, to) = (machine_for_tests(), changed(&machine_for_tests(), change));
    from.furnish(&plan("counter", Workload::Counter), 1);
    said(&from, "container checkpoint --compress none --export /tmp/a.tar counter").await;
    carry(&from, &to, "/tmp/a.tar", "/tmp/a.tar");
    to.containers.images.provide(&to, Workload::Counter, &Workload::Counter.image()).unwrap();
    to
}

const RESTORE: &str = "container restore --import /tmp/a.tar";

#[tokio::test(start_paused = true)]
async fn what_is_altered_or_cut_off_is_refused() {
    let machine = with_archive(|_| {}).await;
    let whole = disk::read(&machine, "/tmp/a.tar").unwrap();
    let mut cut = whole.clone();
    cut.resize(whole.length() / 2);
    disk::put(&machine, "/tmp/a.tar", cut, 0o600).unwrap();
    let (code, words) = error(&machine, RESTORE).await;
    assert_eq!(
        (code, words.as_str()),
        (
            125,
            "Error: failed extracting runtime information from /tmp/a.tar: unpacking of checkpoint archive /tmp/a.tar failed: unexpected EOF\n"
        )
    );
    assert!(machine.containers.all().is_empty());
    // One byte in the middle of the pages.
    let mut altered = whole.clone();
    altered.write(whole.length() / 2, Bytes::from_static(b"?"));
    disk::put(&machine, "/tmp/a.tar", altered, 0o600).unwrap();
    let (_, words) = error(&machine, RESTORE).await;
    assert!(words.contains("crun: CRIU restoring failed -52.  Please check CRIU logfile"), "{words}");
    let container = machine.containers.find("counter").unwrap();
    assert_eq!(container.state().word(), "created");
    let log = disk::read(&machine, &format!("{}/restore.log", container.static_directory())).unwrap().whole();
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.contains("Error (criu/pagemap.c:432): pages-1.img"), "{log}");
    assert!(machine.containers.control_groups().contains(&container.id));
    said(&machine, "rm -f -t 0 counter").await;
    disk::put(&machine, "/tmp/a.tar", whole, 0o600).unwrap();
    said(&machine, RESTORE).await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_fit_refuses_in_podman_s_words() {
    let refused = async |machine: &Arc<Machine>, part: &str| {
        let (code, words) = error(machine, RESTORE).await;
        assert_eq!(code, 125);
        assert!(words.contains(part), "{words}");
    };
    let machine = with_archive(|_| {}).await;
    machine.furnish(&plan("other", Workload::Counter), 2);
    refused(&machine, "IPAM error: requested ip address 10.88.0.2 is already allocated to container ID ")
        .await;
    said(&machine, "rm -f counter").await;
    said(&machine, &format!("{RESTORE} --ignore-static-ip --ignore-static-mac")).await;
    refused(&machine, "Error: creating container storage: that ID is already in use").await;

    let machine = with_archive(|_| {}).await;
    machine.furnish(&plan("counter", Workload::Counter), 2);
    refused(&machine, "the container name \"counter\" is already in use by ").await;

    let machine = with_archive(|_| {}).await;
    said(&machine, "image rm counter").await;
    refused(&machine, "Error: initializing source docker://localhost/drover/counter:latest: pinging container registry localhost").await;
    assert!(machine.containers.all().is_empty());

    let machine = with_archive(|plan| plan.criu = Version::new("3.17.1")).await;
    refused(&machine, "CRIU restoring failed").await;
    let machine = with_archive(|plan| plan.criu = None).await;
    refused(
        &machine,
        "Error: failed to check for criu version: exec: \"criu\": executable file not found in $PATH",
    )
    .await;
    let machine = with_archive(|plan| plan.architecture = Architecture::Aarch64).await;
    // Its own image is another one.
    refused(&machine, "image not known").await;
    let machine = with_archive(|plan| plan.memory_used = plan.memory).await;
    refused(&machine, "CRIU restoring failed").await;

    let machine = with_archive(|plan| plan.cpu_flags.pop().map_or((), |_| ())).await;
    said(&machine, RESTORE).await;
    machine.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(said(&machine, "inspect -f {{.State.ExitCode}} counter").await, "132\n");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_lets_the_container_run_on() {
    let machine = machine_for_tests();
    machine.furnish(&ContainerPlan { memory: 50 << 20, ..plan("counter", Workload::Counter) }, 1);
    machine.disk.occupy(machine.disk.capacity() - machine.disk.used() - (10 << 20));
    let (_, words) = error(&machine, "container checkpoint --export /dev/shm/a.tar counter").await;
    assert!(words.contains("CRIU checkpointing failed -52"), "{words}");
    let container = machine.containers.find("counter").unwrap();
    let log = disk::read(&machine, &format!("{}/dump.log", container.static_directory())).unwrap().whole();
    assert!(String::from_utf8_lossy(&log).contains("No space left on device"));
    let before = count(&machine, "counter").await;
    machine.clock.sleep(Duration::from_secs(5)).await;
    assert!(count(&machine, "counter").await >= before + 5);
}

#[tokio::test(start_paused = true)]
async fn peculiar_containers_are_dumped_only_where_that_is_allowed() {
    let machine = machine_for_tests();
    let peculiar = |name, one| ContainerPlan { peculiar: [one].into(), ..plan(name, Workload::Idle) };
    machine.furnish(&peculiar("ring", Peculiarity::IoUring), 1);
    machine.furnish(&peculiar("locked", Peculiarity::FileLock), 1);
    machine.furnish(&ContainerPlan { sockets: 2, ..plan("connected", Workload::Web) }, 1);
    machine.furnish(&peculiar("gone", Peculiarity::AutoRemove), 1);
    let (code, words) = error(&machine, "container checkpoint --tcp-established --file-locks ring").await;
    assert_eq!(code, 125);
    assert!(words.contains("/userdata/dump.log"), "{words}");
    let ring = machine.containers.find("ring").unwrap();
    let log = disk::read(&machine, &format!("{}/dump.log", ring.static_directory())).unwrap().whole();
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.contains("anon_inode:[io_uring]") && log.ends_with("Dumping FAILED.\n"), "{log}");
    assert!(log.lines().all(|line| line.starts_with('(')), "{log}");
    assert_eq!(ring.state().word(), "running");
    for (name, flag) in [("locked", "--file-locks"), ("connected", "--tcp-established")] {
        error(&machine, &format!("container checkpoint {name}")).await;
        said(&machine, &format!("container checkpoint {flag} {name}")).await;
    }
    let (_, words) = error(&machine, "container checkpoint gone").await;
    assert!(words.contains("started with '--rm' unless '--export' is used"), "{words}");
    said(&machine, "container checkpoint --export /tmp/gone.tar gone").await;
    assert!(machine.containers.find("gone").is_err());
}

#[tokio::test(start_paused = true)]
async fn ordered_failures_leave_the_world_as_the_catalogue_says() {
    let order =
        |machine: &Machine, stage, id: &str| *locked(&machine.armed) = Some((stage, failure(id).unwrap()));
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Workload::Counter), 1);
    order(&machine, Stage::Checkpoint, "F10");
    let (_, words) = error(&machine, "container checkpoint --export /tmp/a.tar counter").await;
    assert!(words.contains("No space left on device"), "{words}");
    assert_eq!(said(&machine, "inspect -f {{.State.Status}} counter").await, "exited\n");
    said(&machine, "container restore counter").await;
    order(&machine, Stage::Checkpoint, "F8");
    error(&machine, "container checkpoint counter").await;
    assert_eq!(machine.containers.find("counter").unwrap().state().word(), "running");

    let machine = with_archive(|plan| plan.cgroup = CgroupVersion::One).await;
    order(&machine, Stage::Restore, "F53");
    error(&machine, RESTORE).await;
    let id = machine.containers.find("counter").unwrap().id.clone();
    assert_eq!(said(&machine, "ps -a --format {{.State}}").await, "created\n");
    // The container goes, and with it its groups; without it they hinder the next one.
    said(&machine, "rm counter").await;
    machine.containers.leave_control_group(&id);
    let (_, words) = error(&machine, RESTORE).await;
    assert!(words.contains("devices.deny"), "{words}");
    said(&machine, "rm counter").await;
    assert!(machine.containers.control_groups().is_empty());
    said(&machine, RESTORE).await;
}
