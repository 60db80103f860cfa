//! A golden case for every failure that can be foreseen: what was seen of hosts and container, and the line that comes of
//! it. All lines together are in `snapshots/`; the catalogue of failures goes from F1 to F70.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{entries, entry, unpredictable};
use super::tests::{MIB, destination, elsewhere, network, planned, source};
use super::*;
use crate::engine::{Difference, Mount, PublishedPort};
use crate::fleet::ContainerStatus;
use crate::migrate::probe::{Clock, Descriptor, FileType, Task, TcpSocket};

type Change = fn(&mut Source, &mut Destination);

fn strings(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Something that process 7 has open.
fn open(source: &mut Source, target: &str, kind: FileType, size: u64, links: u64) {
    let found = Descriptor { pid: 7, target: target.into(), size, links, kind, mapped: false };
    source.scan.open.insert(format!("/proc/7/fd/{}", source.scan.open.len() + 3), found);
}

fn tcp(source: &mut Source, state: u8, local: &str, remote: &str) {
    let socket = TcpSocket { local: local.into(), remote: remote.into(), state, inode: 100 };
    source.scan.tcp.push(socket);
    source.facts.established = source.scan.connections().count() as u32;
}

fn task(source: &mut Source, state: char, parent: u32, tracer: u32) {
    source.scan.tasks.push(Task { pid: 8, parent, state, tracer, name: "worker".into() });
}

fn volume(source: &mut Source) {
    let (name, path) = ("data".to_owned(), "/v/data".to_owned());
    source.container.mounts = vec![Mount::Volume { name, source: path, destination: "/data".into() }];
}

fn bind(source: &mut Source, destination: &mut Destination, there: FileKind) {
    source.container.mounts = vec![Mount::Bind { source: "/srv/conf".into(), destination: "/conf".into() }];
    source.binds = vec![("/srv/conf".into(), FileKind::Directory)];
    destination.binds = vec![("/srv/conf".into(), there)];
}

/// Failure, check, and what was seen.
const CASES: &[(&str, &str, Change)] = &[
    ("F1", "criu", |_, to| to.facts.criu.clear()),
    ("F2", "criu-old", |_, to| to.facts.criu = "3.9".into()),
    ("F2", "criu-version", |_, to| to.facts.criu = "3.19".into()),
    ("F3", "runtime-criu", |from, _| from.facts.runtimes_without_criu = strings(&["crun"])),
    ("F4", "libcriu", |_, to| to.facts.libcriu = Some(false)),
    ("F5", "root", |from, _| from.facts.user = Some(1000)),
    ("F6", "runtime", |_, to| to.facts.runtimes = strings(&["runc"])),
    ("F7", "criu-works", |_, to| to.facts.criu_works = false),
    ("F7", "criu-rseq", |from, _| from.facts.criu = "3.16.1".into()),
    ("F8", "firewall", |from, _| {
        from.facts.firewalls.clear();
        from.facts.criu_lacks = strings(&["network_lock_nftables"]);
    }),
    ("F9", "criu-first-run", |_, to| to.facts.criu_first_run = true),
    ("F10", "memory", |_, to| to.facts.memory_available = 300 * MIB),
    ("F10", "disk", |_, to| to.facts.free_storage = 100 * MIB),
    ("F11", "name", |_, to| to.namesake = Some("web".into())),
    ("F11", "id", |_, to| to.twin = Some("web".into())),
    ("F12", "image", |_, to| to.image = Image::ShipNameless),
    ("F12", "perfdata", |from, _| _ = from.scan.mappings.insert("hsperfdata")),
    ("F12", "bind", |from, to| bind(from, to, FileKind::Directory)),
    ("F13", "volume-exists", |from, to| {
        volume(from);
        to.volumes = vec!["data".into()];
    }),
    ("F14", "volume-driver", |from, _| {
        volume(from);
        from.container.particulars.foreign_volumes = vec![("data".into(), "nfs".into())];
    }),
    ("F15", "image", |_, to| to.image = Image::Ship),
    ("F16", "new-address", |_, to| to.networks[0].1 = Some(network("10.88.0.2"))),
    ("F16", "address", |from, to| {
        tcp(from, 1, "0200580A:1F90", "0100000A:9000");
        to.networks[0].1 = Some(network("10.88.0.2"));
    }),
    ("F17", "subnet", |_, to| elsewhere(to)),
    ("F18", "network", |_, to| {
        let reason = "its subnet 10.88.0.0/16 is used by network old there".to_owned();
        (to.networks[0].1, to.network_plans) = (None, vec![planned(Fit::Impossible(reason))]);
    }),
    ("F18", "network", |_, to| {
        let driver = Difference::Driver { ours: "bridge".into(), theirs: "macvlan".into() };
        to.network_plans = vec![planned(Fit::Different(driver))];
    }),
    ("F18", "network-made", |_, to| {
        (to.networks[0].1, to.network_plans) = (None, vec![planned(Fit::Missing)]);
    }),
    ("F19", "port", |_, to| to.facts.listening = BTreeSet::from([8080])),
    ("F19", "port", |from, to| {
        from.container.ports = vec![PublishedPort {
            host_address: String::new(),
            host_port: 53,
            container_port: "53/udp".into(),
        }];
        to.facts.listening_udp = BTreeSet::from([53]);
    }),
    ("F20", "pod", |from, _| from.container.pod = Some("shop".into())),
    ("F20", "shared-network", |from, _| from.container.network_mode = "container:proxy".into()),
    ("F20", "dependencies", |from, _| from.container.particulars.dependencies = vec!["d".repeat(64)]),
    ("F21", "auto-remove", |from, _| from.container.auto_remove = true),
    ("F22", "cgroup-manager", |_, to| to.facts.cgroup_manager = "cgroupfs".into()),
    ("F23", "cpu", |_, to| to.facts.cpu_flags = strings(&["fpu", "sse2"])),
    ("F23", "cpu-model", |from, _| _ = from.facts.cpu_flags.insert("erms".into())),
    ("F24", "architecture", |_, to| to.facts.architecture = "aarch64".into()),
    ("F25", "cpu", |from, to| {
        for facts in [&mut from.facts, &mut to.facts] {
            (facts.architecture, facts.cpu_flags) = ("aarch64".into(), strings(&["fp", "asimd"]));
        }
        from.facts.cpu_flags.extend(strings(&["paca", "pacg"]));
    }),
    ("F26", "kernel", |_, to| to.facts.kernel = "5.15.0-91-generic".into()),
    ("F27", "pre-copy", |from, _| from.facts.criu_lacks = strings(&["mem_dirty_track"])),
    ("F28", "post-copy", |_, to| to.facts.criu_lacks = strings(&["uffd"])),
    ("F29", "connections", |from, _| tcp(from, 1, "0200580A:1F90", "0100000A:9000")),
    ("F29", "connections-kept", |from, to| {
        tcp(from, 1, "0200580A:1F90", "0100000A:9000");
        to.network_plans[0].network.driver = "macvlan".into();
    }),
    ("F29", "connections-closed", |from, _| {
        tcp(from, 1, "0200580A:1F90", "0100000A:9000");
        from.tcp = Some(Tcp::Close);
    }),
    ("F29", "connections-refused", |from, _| {
        tcp(from, 1, "0200580A:1F90", "0100000A:9000");
        from.tcp = Some(Tcp::Refuse);
    }),
    ("F31", "half-open", |from, _| tcp(from, 3, "0200580A:1F90", "0100000A:9000")),
    ("F32", "host-address", |from, _| {
        from.container.network_mode = "host".into();
        tcp(from, 10, "0200000A:1F90", "00000000:0000");
    }),
    ("F33", "mptcp", |from, _| from.scan.mptcp = 2),
    ("F36", "ghost-file", |from, _| open(from, "/tmp/.nettyabc (deleted)", FileType::Other, 5 * MIB, 0)),
    ("F37", "unlinked-file", |from, _| open(from, "/data/a (deleted)", FileType::Other, 9, 1)),
    ("F38", "external-socket", |from, _| from.scan.unix = vec![(100, 999)]),
    ("F39", "lock", |from, _| from.scan.locks = vec![("POSIX".into(), 7, "08:01:12".into())]),
    ("F39", "shared-lock", |from, _| {
        from.scan.locks =
            vec![("FLOCK".into(), 7, "08:01:12".into()), ("FLOCK".into(), 900, "08:01:12".into())];
    }),
    ("F40", "io-uring", |from, _| open(from, "anon_inode:[io_uring]", FileType::Other, 0, 0)),
    ("F41", "device", |from, _| open(from, "/dev/nvidia0", FileType::Character, 0, 1)),
    ("F41", "device", |from, _| from.container.particulars.devices = vec!["/dev/kvm".into()]),
    ("F42", "block-device", |from, _| open(from, "/dev/sdc2", FileType::Block, 0, 1)),
    ("F43", "shared-mount", |from, _| from.scan.shared_mounts = vec![("shared:12".into(), "/data".into())]),
    ("F43", "shared-mount", |from, _| {
        from.container.particulars.special_mounts = vec![("/data".into(), "rslave".into())];
    }),
    ("F44", "bind-missing", |from, to| bind(from, to, FileKind::Missing)),
    ("F44", "bind-kind", |from, to| bind(from, to, FileKind::File)),
    ("F45", "nofollow", |from, _| {
        from.container.particulars.special_mounts = vec![("/data".into(), "src-nofollow".into())];
    }),
    ("F46", "inotify", |from, _| open(from, "anon_inode:inotify", FileType::Other, 0, 0)),
    ("F47", "terminal", |from, _| from.container.terminal = true),
    ("F47", "exec", |from, _| task(from, 'S', 3, 0)),
    ("F48", "aio", |from, to| {
        for facts in [&mut from.facts, &mut to.facts] {
            facts.criu = "3.19".into();
        }
        from.scan.mappings.insert("aio");
    }),
    ("F49", "traced", |from, _| task(from, 't', 7, 4242)),
    ("F49", "zombie", |from, _| task(from, 'Z', 7, 0)),
    ("F50", "selinux", |_, to| (to.facts.selinux_enforcing, to.facts.criu_selinux) = (true, Some(false))),
    ("F51", "security-module", |_, to| to.facts.security = vec!["capability".into(), "selinux".into()]),
    ("F52", "criu-log-file", |from, _| {
        from.facts.selinux_enforcing = true;
        from.facts.criu_options = vec!["log-file=/tmp/criu.log".into()];
    }),
    ("F53", "cgroup-version", |_, to| to.facts.cgroup_version = 1),
    ("F53", "cgroup-controllers", |_, to| to.facts.cgroup_controllers = strings(&["cpu", "pids", "memory"])),
    ("F53", "cpuset", |from, _| from.container.particulars.cpuset = "0-7".into()),
    ("F54", "frozen", |from, _| from.scan.frozen = true),
    ("F54", "uninterruptible", |from, _| task(from, 'D', 7, 0)),
    ("F55", "left-over", |_, to| {
        to.left_over = Some("/sys/fs/cgroup/machine.slice/libpod-cccc.scope".into())
    }),
    ("F56", "seccomp", |from, _| {
        from.scan.seccomp = true;
        from.facts.criu_lacks = strings(&["seccomp_filters"]);
    }),
    ("F57", "capabilities", |from, to| {
        from.scan.capabilities = Some(0x8004_05fb);
        to.facts.capabilities = Some(0xfb);
    }),
    ("F59", "slow-restore", |from, to| {
        from.facts.container_memory = Some(40 << 30);
        from.facts.free_storage = 200 << 30;
        (to.facts.memory_available, to.facts.free_storage, to.facts.free_disk) =
            (64 << 30, 200 << 30, 200 << 30);
    }),
    ("F60", "pid-mode", |from, _| from.container.particulars.pid_mode = "host".into()),
    ("F61", "ipc-mode", |from, _| from.container.particulars.ipc_mode = "host".into()),
    ("F62", "restored", |from, _| from.container.particulars.restored = true),
    ("F63", "log", |from, _| from.container.log_driver = "journald".into()),
    ("F63", "storage", |from, _| from.container.storage_driver = "vfs".into()),
    ("F64", "timens", |_, to| to.facts.criu_lacks = strings(&["timens"])),
    ("F64", "clock", |from, to| {
        from.facts.clock = Some(Clock { offset: 1000.0, margin: 0.1 });
        to.facts.clock = Some(Clock { offset: 1042.0, margin: 0.2 });
    }),
    ("F65", "restart-policy", |from, _| from.container.particulars.restart_policy = "always".into()),
    ("F65", "systemd", |from, _| from.container.systemd_unit = Some("web.service".into())),
    ("F68", "criu-version", |_, to| to.facts.criu = "4.0".into()),
    ("F68", "criu-versions", |_, to| to.facts.criu = "4.3".into()),
    ("F69", "uprobes", |from, _| _ = from.scan.mappings.insert("uprobes")),
    ("F70", "engine", |_, to| _ = to.facts.missing.insert("podman".into())),
    // No failure of the catalogue, but checks all the same.
    ("–", "running", |from, _| from.container.status = ContainerStatus::Exited),
    ("–", "paused", |from, _| from.container.status = ContainerStatus::Paused),
    ("–", "tools", |_, to| to.facts.missing = strings(&["comm"])),
    ("–", "kernels", |_, to| to.facts.kernel = "6.18.2".into()),
    ("–", "memory-unknown", |from, _| from.facts.container_memory = None),
    ("–", "secret", |_, to| to.missing_secrets = vec!["token".into()]),
    ("–", "volume", |from, _| volume(from)),
    ("–", "growth", |from, _| from.scan.set_growth(8.0 * MIB as f64)),
];

/// The lines of one case that are not as they should be.
fn lines(change: Change) -> Vec<Check> {
    let (mut source, mut destination) = (source(), destination());
    change(&mut source, &mut destination);
    let mut checks = checks(&source, &destination, &BTreeSet::new());
    checks.retain(|check| check.severity != Severity::Pass);
    checks
}

#[test]
fn every_failure_of_the_catalogue_is_foreseen_or_said_not_to_be() {
    let mut foreseen: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries() {
        for failure in &entry.predicts {
            foreseen.entry(failure.clone()).or_default().insert(&entry.id);
        }
    }
    let hopeless: BTreeSet<&str> =
        unpredictable().iter().flat_map(|entry| entry.ids.iter().map(String::as_str)).collect();
    assert!(unpredictable().iter().all(|entry| !entry.reason.is_empty()));
    let all: BTreeSet<String> = (1..=70).map(|number| format!("F{number}")).collect();
    for failure in &all {
        let cases = CASES.iter().filter(|case| case.0 == failure).count();
        if hopeless.contains(failure.as_str()) {
            assert_eq!(cases, 0, "{failure} cannot be foreseen and has a case");
            continue;
        }
        assert!(foreseen.contains_key(failure), "no check foresees {failure}");
        assert!(cases > 0, "{failure} has no case");
    }
    assert!(foreseen.keys().all(|failure| all.contains(failure)), "a check foresees what there is not");
}

#[test]
fn every_check_has_a_case_and_every_case_gives_its_line() {
    let used: BTreeSet<&str> = CASES.iter().map(|case| case.1).collect();
    for entry in entries() {
        assert!(used.contains(entry.id.as_str()), "the check {} has no case", entry.id);
    }
    for (failure, id, change) in CASES {
        let lines = lines(*change);
        let line = lines.iter().find(|check| check.id == *id);
        let line = line.unwrap_or_else(|| panic!("{failure}: {id} is not among {lines:#?}"));
        assert!(*failure == "–" || line.predicts.iter().any(|other| other == failure), "{failure} {line:#?}");
        assert_eq!(Some(line.severity), entry(id).map(|entry| entry.severity));
        for text in [&line.seen, &line.why, &line.fix] {
            assert!(!text.contains(['{', '}']), "{failure}: a blank was left in {text}");
        }
        let further = lines.iter().filter(|check| check.severity == Severity::Error && check.id != *id);
        assert_eq!(further.count(), 0, "{failure}: one thing seen, one refusal: {lines:#?}");
    }
}

#[test]
fn the_lines() {
    let mut text = String::new();
    for (failure, id, change) in CASES {
        for line in lines(*change).iter().filter(|check| check.id == *id) {
            let host = line.host.as_ref().map_or("both", HostName::as_str);
            text += &format!("{failure} {id} ({:?}, {host}): {}\n", line.severity, line.seen);
            text += &format!("    why: {}\n", line.why);
            if !line.fix.is_empty() {
                text += &format!("    fix: {}\n", line.fix);
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_criu_was_told_on_the_host_is_respected() {
    for (option, id, change) in [
        ("ghost-limit 512M", "ghost-file", CASES.iter().find(|case| case.1 == "ghost-file").unwrap().2),
        ("link-remap", "unlinked-file", CASES.iter().find(|case| case.1 == "unlinked-file").unwrap().2),
        ("ext-unix-sk=", "external-socket", CASES.iter().find(|case| case.1 == "external-socket").unwrap().2),
        ("skip-in-flight", "half-open", CASES.iter().find(|case| case.1 == "half-open").unwrap().2),
    ] {
        let (mut source, mut destination) = (source(), destination());
        change(&mut source, &mut destination);
        source.facts.criu_options = vec![format!("  {option}"), "# a comment".into()];
        let checks = checks(&source, &destination, &BTreeSet::new());
        assert!(!checks.iter().any(|check| check.id == id), "{option}");
    }
}

#[test]
fn what_every_container_has_open_is_no_reason() {
    let harmless: Change = |from, _| {
        for (target, kind) in [
            ("/dev/null", FileType::Character),
            ("/dev/pts/0", FileType::Character),
            ("/dev/net/tun", FileType::Character),
            ("/memfd:x (deleted)", FileType::Other),
            ("/dev/shm/sem (deleted)", FileType::Other),
            ("/dev/zero (deleted)", FileType::Other),
            ("anon_inode:[eventpoll]", FileType::Other),
        ] {
            open(from, target, kind, 9 * MIB, 0);
        }
        tcp(from, 1, "0100007F:1F90", "0100007F:9000");
    };
    assert_eq!(lines(harmless), Vec::<Check>::new());
}
