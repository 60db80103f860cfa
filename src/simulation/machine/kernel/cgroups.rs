//! /sys/fs/cgroup: the control groups of containers, version 1 and 2.
//!
//! Groups that a failed restore has left are directories without processes, until somebody removes them.

use std::sync::Arc;

use super::{Maker, Names};
use crate::simulation::engine::container::{Freezer as Shut, control_group};
use crate::simulation::machine::Machine;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Figure, Living, Node};
use crate::simulation::machine::namespace::Mount;
use crate::simulation::scenario::CgroupVersion;

const CONTROLLERS: [&str; 4] = ["cpuacct", "freezer", "memory", "pids"];

/// Mounts the hierarchies of a machine.
pub(super) fn mount(machine: &Arc<Machine>, maker: &Maker) {
    let root = |hierarchy: Option<&'static str>| {
        let group = Group { maker: maker.clone(), hierarchy, path: String::new() };
        maker.living(&format!("/sys/fs/cgroup/{hierarchy:?}"), group)
    };
    let mount = |at: String, root: Node, kind: &str, options: &str| {
        machine.namespace.mount(Mount {
            at,
            root,
            kind: kind.into(),
            source: kind.into(),
            options: options.into(),
        });
    };
    let usual = "rw,nosuid,nodev,noexec,relatime";
    match machine.plan.cgroup {
        CgroupVersion::Two => mount("/sys/fs/cgroup".into(), root(None), "cgroup2", usual),
        CgroupVersion::One => {
            let inner = maker.clone();
            let make = move |name: &str| {
                let hierarchy = CONTROLLERS.into_iter().find(|known| *known == name)?;
                let group = Group { maker: inner.clone(), hierarchy: Some(hierarchy), path: String::new() };
                Some(inner.living(&format!("/sys/fs/cgroup/{name}"), group))
            };
            let names = Names { names: CONTROLLERS.into(), make: Box::new(make) };
            mount("/sys/fs/cgroup".into(), maker.living("/sys/fs/cgroup", names), "tmpfs", usual);
            for controller in CONTROLLERS {
                mount(
                    format!("/sys/fs/cgroup/{controller}"),
                    root(Some(controller)),
                    "cgroup",
                    &format!("{usual},{controller}"),
                );
            }
        }
    }
}

/// One control group.
struct Group {
    maker: Maker,
    hierarchy: Option<&'static str>,
    /// From the hierarchy's root; the root's own is empty.
    path: String,
}

impl Group {
    /// The names of the groups below, from the paths of all that are there.
    fn below(&self, machine: &Machine) -> Vec<String> {
        if machine.container_in(&self.path).is_some() {
            return Vec::new();
        }
        let prefix = format!("{}/", self.path);
        let mut names: Vec<String> = machine
            .cgroups()
            .iter()
            .filter_map(|path| path.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn files(&self, machine: &Machine) -> Vec<&'static str> {
        let is_container = machine.container_in(&self.path).is_some();
        match (self.hierarchy, is_container, self.path.is_empty()) {
            (None, _, true) => vec!["cgroup.controllers", "cgroup.procs"],
            (None, true, _) => vec![
                "cgroup.freeze",
                "cgroup.procs",
                "cpu.stat",
                "memory.current",
                "memory.max",
                "memory.stat",
                "pids.current",
            ],
            (Some("cpuacct"), true, _) => vec!["cgroup.procs", "cpuacct.usage"],
            (Some("memory"), true, _) => {
                vec!["cgroup.procs", "memory.limit_in_bytes", "memory.stat", "memory.usage_in_bytes"]
            }
            (Some("pids"), true, _) => vec!["cgroup.procs", "pids.current"],
            (Some("freezer"), true, _) => vec!["cgroup.procs", "freezer.state"],
            _ => vec!["cgroup.procs"],
        }
    }
}

impl Living for Group {
    fn names(&self) -> Vec<String> {
        let Some(machine) = self.maker.machine() else { return Vec::new() };
        let files = self.files(&machine).into_iter().map(str::to_owned);
        self.below(&machine).into_iter().chain(files).collect()
    }

    fn entry(&self, name: &str) -> Option<Node> {
        let machine = self.maker.machine()?;
        let path = format!("{}/{name}", self.path);
        let is_group = || {
            machine.container_in(&path).is_some()
                || machine.has_cgroups_below(&path)
                || machine.cgroups().contains(&path)
        };
        let own = self.files(&machine).into_iter().find(|file| *file == name);
        if own.is_none() && is_group() {
            let group = Group { maker: self.maker.clone(), hierarchy: self.hierarchy, path: path.clone() };
            return Some(self.maker.living(&format!("cgroup {:?} {path}", self.hierarchy), group));
        }
        let file = own?;
        let group = self.path.clone();
        if matches!(file, "freezer.state" | "cgroup.freeze") {
            let freezer = Freezer { maker: self.maker.clone(), group, version_two: self.hierarchy.is_none() };
            return Some(self.maker.figure(&format!("cgroup {path}"), 0o644, freezer));
        }
        let text = move |machine: &Arc<Machine>| text(machine, &group, file);
        Some(self.maker.file(&format!("cgroup {:?} {path}", self.hierarchy), text))
    }

    fn remove(&self, name: &str) -> Result<(), Errno> {
        let machine = self.maker.machine().ok_or(Errno::NotFound)?;
        let path = format!("{}/{name}", self.path);
        let left = machine.containers.control_groups().into_iter().find(|id| control_group(id) == path);
        match left {
            Some(id) => machine.containers.remove_control_group(&id),
            // It has others below it, or is a file.
            None => Err(Errno::Busy),
        }
    }
}

fn text(machine: &Arc<Machine>, group: &str, file: &str) -> String {
    let Some(container) = machine.container_in(group) else {
        return if file == "cgroup.controllers" {
            "cpuset cpu io memory pids\n".into()
        } else {
            String::new()
        };
    };
    let processor = || {
        let counters = machine.meter.read(machine);
        counters.containers.get(&container.id).copied().unwrap_or_default()
    };
    let memory = container.memory() + machine.grown(&container);
    // A little of what is counted are files that could be dropped at once.
    let inactive = memory / 50;
    match file {
        "cgroup.procs" => format!("{}\n", container.pid().unwrap_or_default()),
        "cpu.stat" => {
            let usage = processor() * 1e6;
            format!("usage_usec {usage:.0}\nuser_usec {:.0}\nsystem_usec {:.0}\n", usage * 0.8, usage * 0.2)
        }
        "cpuacct.usage" => format!("{:.0}\n", processor() * 1e9),
        "memory.current" | "memory.usage_in_bytes" => format!("{}\n", memory + inactive),
        "memory.max" => "max\n".into(),
        "memory.limit_in_bytes" => "9223372036854771712\n".into(),
        "memory.stat" if machine.plan.cgroup == CgroupVersion::Two => {
            format!(
                "anon {memory}\nfile {inactive}\nshmem 0\ninactive_anon {memory}\nactive_anon 0\ninactive_file {inactive}\nactive_file 0\n"
            )
        }
        "memory.stat" => format!(
            "cache {inactive}\nrss {memory}\nshmem 0\ninactive_file {inactive}\nactive_file 0\ntotal_cache {inactive}\n\
             total_rss {memory}\ntotal_shmem 0\ntotal_inactive_file {inactive}\ntotal_active_file 0\n"
        ),
        "pids.current" => "1\n".into(),
        _ => String::new(),
    }
}

/// The file that stops all processes of a group.
struct Freezer {
    maker: Maker,
    group: String,
    version_two: bool,
}

impl Figure for Freezer {
    fn read(&self) -> Vec<u8> {
        let container = self.maker.machine().and_then(|machine| machine.container_in(&self.group));
        let frozen = container.is_some_and(|container| container.is_frozen());
        let text = match (self.version_two, frozen) {
            (true, true) => "1\n",
            (true, false) => "0\n",
            (false, true) => "FROZEN\n",
            (false, false) => "THAWED\n",
        };
        text.into()
    }

    fn write(&self, text: &str) -> Result<(), Errno> {
        let frozen = match text {
            "1" | "FROZEN" => Shut::Frozen,
            "0" | "THAWED" => Shut::Thawed,
            _ => return Err(Errno::Invalid),
        };
        let machine = self.maker.machine().ok_or(Errno::NotFound)?;
        let container = machine.container_in(&self.group).ok_or(Errno::NotFound)?;
        machine.containers.freeze(&container, frozen);
        Ok(())
    }
}
