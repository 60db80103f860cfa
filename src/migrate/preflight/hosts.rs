//! Whether both hosts can do their part, and fit each other.

use super::cpu::lacking;
use super::{Destination, List, Source};
use crate::fleet::{HostName, seconds};
use crate::migrate::probe::HostFacts;

/// From this on, a clock that jumps is worth a word, seconds.
const SKEW: f64 = 1.0;

/// Numbers of a version.
fn version(text: &str) -> Vec<u32> {
    let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    text.split(['.', '-']).map_while(number).collect()
}

/// Whether a version is known and lower than another.
pub(super) fn older(text: &str, than: &[u32]) -> bool {
    let version = version(text);
    !version.is_empty() && version.as_slice() < than
}

/// One host by itself.
pub(super) fn host(list: &mut List, name: &HostName, facts: &HostFacts) {
    let host = Some(name);
    if facts.user != Some(0) {
        list.found("root", host, "commands do not run as root", &[]);
    }
    if facts.missing.contains("podman") {
        list.found("engine", host, "Podman is not installed", &[]);
    }
    let missing = facts.missing_tools();
    if !missing.is_empty() {
        let seen = format!("missing, or without the GNU options needed: {}", missing.join(", "));
        list.found("tools", host, seen, &[]);
    }
    criu(list, name, facts);
    let uses_crun = facts.runtimes.contains("crun");
    if uses_crun && facts.libcriu == Some(false) {
        list.found("libcriu", host, "libcriu.so.2 is not installed", &[]);
    }
    if !facts.firewalls.contains("iptables") && facts.criu_lacks.contains("network_lock_nftables") {
        list.found("firewall", host, "no iptables-restore, and CRIU was built without nftables", &[]);
    }
    if facts.selinux_enforcing && facts.criu_selinux == Some(false) {
        list.found("selinux", host, "SELinux enforces, and CRIU was built without it", &[]);
    }
    if facts.selinux_enforcing && facts.criu_option("log-file") {
        list.found("criu-log-file", host, "SELinux enforces, and /etc/criu sets log-file", &[]);
    }
}

fn criu(list: &mut List, name: &HostName, facts: &HostFacts) {
    let host = Some(name);
    if facts.criu.is_empty() {
        return list.found("criu", host, "CRIU is not installed", &[]);
    }
    if older(&facts.criu, &[3, 11]) {
        return list.found("criu-old", host, format!("CRIU is {}", facts.criu), &[]);
    }
    if !facts.criu_works {
        let seen = format!("CRIU {} does not work with kernel {}", facts.criu, facts.kernel);
        list.found("criu-works", host, seen, &[]);
    }
    let new_library = !facts.glibc.is_empty() && !older(&facts.glibc, &[2, 35]);
    if older(&facts.criu, &[3, 17]) && new_library {
        list.found("criu-rseq", host, format!("CRIU is {}, the C library {}", facts.criu, facts.glibc), &[]);
    }
    if facts.criu_first_run {
        list.found("criu-first-run", host, "these checks were CRIU's first run since the boot", &[]);
    }
}

/// Two hosts beside each other, whatever is moved between them.
pub(super) fn pair(list: &mut List, source: &HostFacts, destination: &HostFacts) {
    let (from, to) = (list.from().to_owned(), list.to().to_owned());
    let both = |what: &dyn Fn(&HostFacts) -> String| {
        format!("{} on {from}, {} on {to}", what(source), what(destination))
    };
    if source.architecture == destination.architecture {
        list.pass("architecture", format!("both are {}", source.architecture));
        match lacking(source, destination) {
            None => {}
            Some(lacking) if !lacking.used.is_empty() => {
                let flags = lacking.used.into_iter().collect::<Vec<_>>().join(", ");
                list.found(
                    "cpu",
                    None,
                    format!("the processors of {to} lack {flags}, which those of {from} have"),
                    &[],
                );
            }
            Some(lacking) if !lacking.harmless.is_empty() || source.cpu_model != destination.cpu_model => {
                let models = both(&|facts| {
                    if facts.cpu_model.is_empty() {
                        "an unnamed processor".into()
                    } else {
                        facts.cpu_model.clone()
                    }
                });
                list.found("cpu-model", None, models, &[]);
            }
            Some(_) => list.pass("cpu", format!("both have {}", source.cpu_model)),
        }
    } else {
        let seen = both(&|facts| facts.architecture.clone());
        list.found("architecture", None, seen, &[("architecture", &source.architecture)]);
    }
    if source.kernel != destination.kernel {
        let lower = older(&destination.kernel, &version(&source.kernel));
        list.found(if lower { "kernel" } else { "kernels" }, None, both(&|facts| facts.kernel.clone()), &[]);
    }
    if !source.criu.is_empty() && source.criu == destination.criu {
        list.pass("criu", format!("CRIU {} on both", source.criu));
    } else if !source.criu.is_empty() && !destination.criu.is_empty() {
        let lower = older(&destination.criu, &version(&source.criu));
        let seen = both(&|facts| format!("CRIU {}", facts.criu));
        list.found(if lower { "criu-version" } else { "criu-versions" }, None, seen, &[]);
    }
    let versions = (source.cgroup_version, destination.cgroup_version);
    if versions.0 != versions.1 && versions.0 > 0 && versions.1 > 0 {
        let seen = both(&|facts| format!("control groups v{}", facts.cgroup_version));
        let wanted = if versions.0 == 2 { "1" } else { "0" };
        list.found("cgroup-version", None, seen, &[("wanted", wanted)]);
    } else {
        let gone: Vec<&str> = source
            .cgroup_controllers
            .difference(&destination.cgroup_controllers)
            .map(String::as_str)
            .filter(|name| matches!(*name, "cpu" | "cpuset" | "memory" | "pids" | "io" | "blkio" | "hugetlb"))
            .collect();
        if !gone.is_empty() && !destination.cgroup_controllers.is_empty() {
            let gone = gone.join(", ");
            let seen = format!("controllers of {from} are off on {to}: {gone}");
            list.found("cgroup-controllers", None, seen, &[("controllers", &gone)]);
        }
    }
    let labels = |facts: &HostFacts| -> Vec<String> {
        let major = |name: &&String| matches!(name.as_str(), "selinux" | "apparmor" | "smack" | "tomoyo");
        facts.security.iter().filter(major).cloned().collect()
    };
    // Where a list could not be read nothing is known.
    let told = !source.security.is_empty() && !destination.security.is_empty();
    if told && labels(source) != labels(destination) {
        let words = |facts: &HostFacts| match labels(facts).join(", ") {
            none if none.is_empty() => "no security module".to_owned(),
            some => some,
        };
        list.found("security-module", None, both(&words), &[]);
    }
    if let (Some(one), Some(other)) = (source.clock, destination.clock) {
        let ahead = other.offset - one.offset;
        let sure = ahead.abs() - one.margin - other.margin;
        if sure > SKEW {
            let way = if ahead > 0.0 { "ahead of" } else { "behind" };
            let seen = format!("the clock of {to} is {} {way} that of {from}", seconds(ahead.abs()));
            list.found("clock", None, seen, &[]);
        }
    }
}

/// What the hosts must be able to do for this container.
pub(super) fn of_container(list: &mut List, source: &Source, destination: &Destination) {
    let sides = [(&source.host, &source.facts), (&destination.host, &destination.facts)];
    let runtime = source.container.runtime.as_str();
    for (name, facts) in sides {
        if facts.runtimes_without_criu.contains(runtime) {
            list.found(
                "runtime-criu",
                Some(name),
                format!("{runtime} cannot checkpoint"),
                &[("runtime", runtime)],
            );
        }
        if source.scan.seccomp && facts.criu_lacks.contains("seccomp_filters") {
            list.found("seccomp", Some(name), "CRIU cannot handle seccomp filters here", &[]);
        }
        if facts.criu_lacks.contains("timens") && !facts.criu.is_empty() {
            list.found("timens", Some(name), "no time namespaces", &[]);
        }
    }
    if destination.facts.runtimes.contains(runtime) {
        let versions = format!("Podman {} → {}, {runtime}", source.version, destination.version);
        list.pass("engine", versions);
    } else {
        let seen = format!("the container was made with {runtime}, which is missing there");
        list.found("runtime", Some(&destination.host), seen, &[("runtime", runtime)]);
    }
    let wanted = &source.container.particulars.cgroup_manager;
    let manager = &destination.facts.cgroup_manager;
    if !wanted.is_empty() && !manager.is_empty() && wanted != manager {
        let seen =
            format!("the container's control group was made by {wanted}, the engine there uses {manager}");
        list.found("cgroup-manager", Some(&destination.host), seen, &[("manager", wanted)]);
    }
    let last = source
        .container
        .particulars
        .cpuset
        .split([',', '-'])
        .filter_map(|part| part.trim().parse::<u32>().ok())
        .max();
    let processors = destination.facts.processors;
    if let Some(last) = last.filter(|last| processors > 0 && *last >= processors) {
        let seen = format!("the container is bound to processor {last}, and there are {processors}");
        list.found("cpuset", Some(&destination.host), seen, &[("last", &(processors - 1).to_string())]);
    }
    if let (Some(needed), Some(there)) = (source.scan.capabilities, destination.facts.capabilities)
        && needed & !there != 0
    {
        let seen =
            format!("the container may have capabilities {:#x} that nobody can have there", needed & !there);
        list.found("capabilities", Some(&destination.host), seen, &[]);
    }
    let host = Some(&source.host);
    if source.facts.criu_lacks.contains("mem_dirty_track") {
        list.found("pre-copy", host, "CRIU cannot track changed memory (mem_dirty_track)", &[]);
    }
    if destination.facts.criu_lacks.contains("uffd") {
        list.found("post-copy", Some(&destination.host), "CRIU cannot fetch memory later (uffd)", &[]);
    }
    if let Some(group) = &destination.left_over {
        list.found("left-over", Some(&destination.host), format!("{group} is there"), &[("group", group)]);
    }
}
