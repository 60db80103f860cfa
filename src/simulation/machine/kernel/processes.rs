//! /proc/PID: what the kernel says of each process.

use std::sync::Arc;

use super::{Maker, Names};
use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::machine::files::{Living, Node};
use crate::simulation::machine::process::Entry;
use crate::simulation::scenario::{CgroupVersion, Peculiarity};

/// The numbers of all processes; the first is init.
pub(super) fn numbers(machine: &Machine) -> Vec<u32> {
    std::iter::once(1).chain(machine.processes.all().iter().map(|entry| entry.id)).collect()
}

/// What is found of a process.
struct Found {
    id: u32,
    parent: u32,
    words: Vec<String>,
    started: std::time::Duration,
}

fn found(machine: &Machine, id: u32) -> Option<Found> {
    if id == 1 {
        let words = vec!["/sbin/init".into()];
        return Some(Found { id, parent: 0, words, started: Default::default() });
    }
    let entry: Arc<Entry> = machine.processes.get(id)?;
    let words = locked(&entry.words).clone();
    Some(Found { id, parent: entry.parent, words, started: entry.started })
}

fn name(found: &Found) -> String {
    let first = found.words.first().map(String::as_str).unwrap_or("sh");
    // The kernel keeps 15 characters (TASK_COMM_LEN).
    first.rsplit('/').next().unwrap_or(first).chars().take(15).collect()
}

/// The directory of a process, if there is one.
pub(super) fn directory(maker: &Maker, id: u32) -> Option<Node> {
    found(&*maker.machine()?, id)?;
    let inner = maker.clone();
    let path = format!("/proc/{id}");
    let base = path.clone();
    let make = move |file: &str| {
        let path = format!("{base}/{file}");
        let with = |make: fn(&Machine, &Found) -> String| {
            let text = move |machine: &Arc<Machine>| {
                found(machine, id).map(|found| make(machine, &found)).unwrap_or_default()
            };
            Some(inner.file(&path, text))
        };
        match file {
            "cgroup" => with(cgroup),
            "cmdline" => with(|_, found| found.words.iter().map(|word| format!("{word}\0")).collect()),
            "comm" => with(|_, found| name(found) + "\n"),
            "fd" => Some(descriptors(&inner, &path, id)),
            "mounts" => with(|machine, _| mounts(machine)),
            "net" => Some(super::proc::net(&inner, Some(id))),
            "stat" => with(stat),
            "status" => with(status),
            _ => None,
        }
    };
    let names = vec!["cgroup", "cmdline", "comm", "fd", "mounts", "net", "stat", "status"];
    Some(maker.living(&path, Names { names, make: Box::new(make) }))
}

/// What a process has open, as far as somebody asks: its sockets, and what sets its container apart.
struct Descriptors {
    maker: Maker,
    path: String,
    process: u32,
}

impl Descriptors {
    fn open(&self) -> Vec<(String, String)> {
        let Some(machine) = self.maker.machine() else { return Vec::new() };
        let mut targets = vec!["/dev/null".to_owned()];
        if let Some(container) = machine.containers.of_process(self.process) {
            let special = [
                (Peculiarity::IoUring, "anon_inode:[io_uring]"),
                (Peculiarity::Inotify, "anon_inode:inotify"),
            ];
            let own = special.into_iter().filter(|(peculiarity, _)| container.is(*peculiarity));
            targets.extend(own.map(|(_, target)| target.to_owned()));
            let sockets = machine.sockets(Some(self.process)).len();
            targets.extend((0..sockets).map(|line| format!("socket:[{}]", super::proc::FIRST_SOCKET + line)));
        }
        targets.into_iter().enumerate().map(|(number, target)| (number.to_string(), target)).collect()
    }
}

impl Living for Descriptors {
    fn names(&self) -> Vec<String> {
        self.open().into_iter().map(|(number, _)| number).collect()
    }

    fn entry(&self, name: &str) -> Option<Node> {
        let (_, target) = self.open().into_iter().find(|(number, _)| number == name)?;
        Some(self.maker.link(&format!("{}/{name}", self.path), target))
    }
}

fn descriptors(maker: &Maker, path: &str, process: u32) -> Node {
    let (maker, path) = (maker.clone(), path.to_owned());
    maker.clone().living(&path.clone(), Descriptors { maker, path, process })
}

fn cgroup(machine: &Machine, found: &Found) -> String {
    let path = machine.cgroup_of(found.id).unwrap_or_else(|| "/user.slice".into());
    match machine.plan.cgroup {
        CgroupVersion::Two => format!("0::{path}\n"),
        CgroupVersion::One => {
            let controllers = ["pids", "memory", "freezer", "cpu,cpuacct"];
            let mut text = String::new();
            for (index, controller) in controllers.iter().enumerate() {
                text += &format!("{}:{controller}:{path}\n", controllers.len() - index);
            }
            text
        }
    }
}

/// The mount table as /proc/self/mounts prints it: blanks as octal numbers.
pub(super) fn mounts(machine: &Machine) -> String {
    let escaped = |text: &str| text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011");
    let lines = machine.namespace.mounts().into_iter().map(|mount| {
        format!(
            "{} {} {} {} 0 0\n",
            escaped(&mount.source),
            escaped(&mount.at),
            mount.kind,
            escaped(&mount.options)
        )
    });
    lines.collect()
}

fn status(machine: &Machine, found: &Found) -> String {
    let memory = machine.memory_of(found.id) / 1024;
    let container = machine.containers.of_process(found.id);
    let traced = container.is_some_and(|container| container.is(Peculiarity::Traced));
    let tracer = if traced { 4242 } else { 0 };
    format!(
        "Name:\t{}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{id}\nNgid:\t0\nPid:\t{id}\nPPid:\t{}\nTracerPid:\t{tracer}\n\
         Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmRSS:\t{memory:8} kB\nThreads:\t1\n",
        name(found),
        found.parent,
        id = found.id
    )
}

fn stat(machine: &Machine, found: &Found) -> String {
    let started = (machine.plan.boot + found.started).as_secs_f64() * 100.0;
    let pages = machine.memory_of(found.id) / 4096;
    format!(
        "{} ({}) S {} {} {} 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {started:.0} 2641920 {pages} 18446744073709551615\n",
        found.id,
        name(found),
        found.parent,
        found.id,
        found.id
    )
}
