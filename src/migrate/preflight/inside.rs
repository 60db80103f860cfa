//! What the container's processes have and do that CRIU cannot take along.

use std::collections::BTreeSet;

use super::hosts::older;
use super::{List, Source};
use crate::fleet::bytes;
use crate::migrate::probe::{Descriptor, FileType};

/// What CRIU carries of a deleted file when nobody says otherwise, bytes (criu/include/criu-options, ghost_limit).
const GHOST_LIMIT: u64 = 1 << 20;

/// Character devices without a state, which CRIU opens again, and what only lies in /dev.
fn is_harmless(path: &str) -> bool {
    let directories = ["/dev/pts/", "/dev/shm/", "/dev/mqueue/"];
    let devices = [
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/console",
        "/dev/net/tun",
    ];
    directories.iter().any(|directory| path.starts_with(directory)) || devices.contains(&path)
}

pub(super) fn inside(list: &mut List, source: &Source) {
    processes(list, source);
    files(list, source);
    connections(list, source);
}

fn processes(list: &mut List, source: &Source) {
    let Source { host, container, scan, .. } = source;
    let host = Some(host);
    let joined: Vec<_> = scan.joined(container.pid).collect();
    if let Some(task) = joined.first() {
        let seen = format!("process {} ({}) came in by exec; {} in all", task.pid, task.name, joined.len());
        list.found("exec", host, seen, &[("pid", &task.pid.to_string())]);
    }
    if let Some(task) = scan.tasks.iter().find(|task| task.tracer != 0) {
        let seen = format!("process {} ({}) is traced by process {}", task.pid, task.name, task.tracer);
        list.found("traced", host, seen, &[("tracer", &task.tracer.to_string())]);
    }
    let in_state = |state: char| scan.tasks.iter().filter(move |task| task.state == state);
    if let Some(task) = in_state('Z').next() {
        let seen =
            format!("process {} ({}) is a zombie; {} in all", task.pid, task.name, in_state('Z').count());
        list.found("zombie", host, seen, &[]);
    }
    // In control groups of the first version everything frozen looks like this.
    if let Some(task) = in_state('D').next().filter(|_| !scan.frozen) {
        let seen = format!("process {} ({}) waits uninterruptibly (state D)", task.pid, task.name);
        list.found("uninterruptible", host, seen, &[("pid", &task.pid.to_string())]);
    }
    let (locks, shared) = scan.own_locks();
    if let Some(file) = shared {
        let seen = format!("the file {file} (device and number) is locked by others, too");
        list.found("shared-lock", host, seen, &[("file", &file)]);
    } else if locks > 0 {
        list.found("lock", host, format!("{locks} locks on files"), &[]);
    }
    if scan.mappings.contains("uprobes") {
        list.found("uprobes", host, "probes (uprobes) are in the memory of its programs", &[]);
    }
    if scan.mappings.contains("aio") && older(&source.facts.criu, &[4, 0]) {
        list.found("aio", host, format!("it uses asynchronous IO, and CRIU is {}", source.facts.criu), &[]);
    }
    if scan.mappings.contains("hsperfdata") {
        list.found("perfdata", host, "Java's counters (hsperfdata) are mapped", &[]);
    }
    for (how, at) in &scan.shared_mounts {
        list.found("shared-mount", host, format!("the mount at {at} is {how}"), &[("path", at)]);
    }
    for (at, word) in &container.particulars.special_mounts {
        if word == "src-nofollow" {
            list.found("nofollow", host, format!("{at} is mounted with src-nofollow"), &[]);
        } else if scan.shared_mounts.is_empty() {
            list.found(
                "shared-mount",
                host,
                format!("{at} is mounted with propagation {word}"),
                &[("path", at)],
            );
        }
    }
}

fn files(list: &mut List, source: &Source) {
    let Source { host, container, scan, facts, .. } = source;
    let host = Some(host);
    let who = |found: &Descriptor| format!("process {} ({})", found.pid, scan.name_of(found.pid));
    let of_kind = |mark: &str| {
        let mark = mark.to_owned();
        scan.open.values().filter(move |found| found.target.starts_with(&mark))
    };
    if let Some(found) = of_kind("anon_inode:[io_uring]").next() {
        let rings = of_kind("anon_inode:[io_uring]").count();
        list.found("io-uring", host, format!("{} has io_uring open ({rings} in all)", who(found)), &[]);
    }
    let watches = of_kind("anon_inode:inotify").chain(of_kind("anon_inode:[fanotify]")).count();
    if watches > 0 {
        list.found("inotify", host, format!("files are watched (inotify), by {watches} in all"), &[]);
    }
    let mut devices: BTreeSet<String> = container.particulars.devices.iter().cloned().collect();
    devices.retain(|device| device != "/dev/net/tun");
    for found in scan.open.values() {
        let deleted = found.target.ends_with("(deleted)");
        match found.kind {
            FileType::Block => {
                list.found("block-device", host, format!("{} has {} open", who(found), found.target), &[]);
            }
            FileType::Character if !is_harmless(&found.target) => {
                devices.insert(found.target.clone());
            }
            // A mapping tells no kind of its own.
            FileType::Other
                if found.mapped
                    && !deleted
                    && found.target.starts_with("/dev/")
                    && !is_harmless(&found.target) =>
            {
                devices.insert(found.target.clone());
            }
            _ => {}
        }
    }
    if !devices.is_empty() {
        let devices = devices.into_iter().collect::<Vec<_>>().join(", ");
        list.found("device", host, format!("it uses {devices}"), &[]);
    }
    // Memory that only looks like a file: CRIU has ways of its own for it.
    let made_up = |target: &str| {
        ["/memfd:", "/SYSV", "/dev/zero", "/[aio]", "/dev/shm/", "/i915"]
            .iter()
            .any(|start| target.starts_with(start))
    };
    let deleted =
        || scan.open.values().filter(|found| found.target.ends_with(" (deleted)") && !made_up(&found.target));
    let shown = |target: &str| target.trim_end_matches(" (deleted)").to_owned();
    let large = deleted().filter(|found| found.links == 0 && found.size > GHOST_LIMIT);
    if let Some(found) = large.max_by_key(|found| found.size)
        && !facts.criu_option("ghost-limit")
    {
        let seen = format!(
            "{} has {} open, deleted and {} large",
            who(found),
            shown(&found.target),
            bytes(found.size)
        );
        let limit = (found.size >> 20) + 16;
        list.found("ghost-file", host, seen, &[("limit", &limit.to_string())]);
    }
    if let Some(found) = deleted().find(|found| found.links > 0)
        && !facts.criu_option("link-remap")
    {
        let seen = format!(
            "{} has {} open, deleted with {} other names",
            who(found),
            shown(&found.target),
            found.links
        );
        list.found("unlinked-file", host, seen, &[]);
    }
}

fn connections(list: &mut List, source: &Source) {
    let Source { host, scan, facts, .. } = source;
    let host = Some(host);
    let outer = scan.outer_unix();
    if outer > 0 && !facts.criu_option("ext-unix-sk") {
        list.found(
            "external-socket",
            host,
            format!("Unix sockets that lead out of the container: {outer}"),
            &[],
        );
    }
    if scan.mptcp > 0 {
        list.found("mptcp", host, format!("{} Multipath TCP sockets", scan.mptcp), &[]);
    }
    let half = scan.tcp_in(3).count();
    if half > 0 && !facts.criu_option("skip-in-flight") {
        list.found("half-open", host, format!("{half} connections are being made (SYN-RECV)"), &[]);
    }
}
