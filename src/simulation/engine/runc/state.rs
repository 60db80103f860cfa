//! What runC knows of its containers, and how it says it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Done, Failed, NOT_RUNNING, find, one, parse, rootfs, state_directory};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::disk;
use crate::simulation::engine::docker::table;
use crate::simulation::engine::time::stamp;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{CgroupVersion, Engine};

/// runC's word for what a container does.
fn word(container: &Container) -> &'static str {
    match container.state() {
        State::Created => "created",
        State::Running(_) => "running",
        State::Paused(_) => "paused",
        State::Exited => "stopped",
    }
}

fn path(container: &Container) -> String {
    format!("{}/state.json", state_directory(&container.id))
}

/// The id of its first process, which waits for its start where it is only created; 0 of one that has ended.
pub(super) fn pid(machine: &Machine, container: &Container) -> u32 {
    match container.state() {
        State::Created => {
            let kept = disk::read(machine, &path(container))
                .and_then(|content| serde_json::from_slice::<Value>(&content.whole()).ok());
            kept.and_then(|value| u32::try_from(value.get("init_process_pid")?.as_u64()?).ok())
                .unwrap_or_default()
        }
        state => state.live().map_or(0, |live| live.pid),
    }
}

/// Writes down what a container is.
pub(super) fn write(machine: &Machine, container: &Container) {
    keep(machine, container, container.pid().unwrap_or_default());
}

fn keep(machine: &Machine, container: &Container, pid: u32) {
    let value = json!({
        "id": container.id,
        "init_process_pid": pid,
        "init_process_start": (machine.uptime().as_secs_f64() * 100.0) as u64,
        "created": stamp(container.created),
        "config": {
            "rootfs": rootfs(&container.image_name),
            "hostname": "runc",
            "labels": [format!("bundle={}", container.image_name)],
            "cgroups": { "path": container.control_group() },
        },
        "rootless": false,
        "cgroup_paths": { "": format!("/sys/fs/cgroup{}", container.control_group()) },
    });
    // Without room in memory it cannot be found again, as with the real one.
    let _ = disk::put(machine, &path(container), value.to_string(), 0o600);
}

/// A container that is created has a process already, which waits.
pub(super) fn created(machine: &Machine, container: &Container) {
    let words = ["runc", "init"].map(str::to_owned).to_vec();
    let entry = machine.processes.enter(1, machine.clock.now(), words, Default::default());
    keep(machine, container, entry.id);
}

/// That process becomes another, or ends.
pub(super) fn forget_created(machine: &Machine, container: &Container) {
    if container.state() == State::Created {
        machine.processes.leave(pid(machine, container));
    }
}

fn value(machine: &Machine, container: &Container, owner: &str) -> Value {
    let mut value = json!({
        "ociVersion": "1.2.0",
        "id": container.id,
        "pid": pid(machine, container),
        "status": word(container),
        "bundle": container.image_name,
        "rootfs": rootfs(&container.image_name),
        "created": stamp(container.created),
    });
    if let Some(fields) = value.as_object_mut() {
        if !container.plan.labels.is_empty() {
            fields.insert("annotations".into(), json!(container.plan.labels));
        }
        fields.insert("owner".into(), json!(owner));
    }
    value
}

/// `runc list`
pub(super) async fn list(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("list", "format/f= quiet/q", words)?;
    let machine = process.machine.clone();
    let mut all = machine.containers.of(Engine::Runc);
    // In the order of the directories.
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let text = if arguments.has("quiet") {
        all.iter().map(|one| format!("{}\n", one.id)).collect()
    } else {
        match arguments.value("format").unwrap_or("table") {
            "json" if all.is_empty() => "null\n".into(),
            "json" => {
                all.iter().map(|one| value(&machine, one, "root")).collect::<Value>().to_string() + "\n"
            }
            "table" => {
                let mut rows =
                    vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned).to_vec()];
                for one in &all {
                    let pid = pid(&machine, one).to_string();
                    rows.push(vec![
                        one.id.clone(),
                        pid,
                        word(one).into(),
                        one.image_name.clone(),
                        stamp(one.created),
                        "root".into(),
                    ]);
                }
                table(&rows, 12)
            }
            _ => return Err(Failed::new("invalid format option")),
        }
    };
    process.out(text).await?;
    Ok(())
}

/// `runc state`
pub(super) async fn state(process: &mut Process, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let container = find(&machine, one("state", words)?)?;
    let text = serde_json::to_string_pretty(&value(&machine, &container, "")).unwrap_or_default();
    process.out(text).await?;
    Ok(())
}

/// `runc ps`
pub(super) async fn ps(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("ps", "format/f= +", words)?;
    let machine = process.machine.clone();
    let id = arguments.words.first().copied().unwrap_or_default();
    let container = find(&machine, id)?;
    let pid = container.pid();
    if arguments.value("format") == Some("json") {
        process.out(json!(pid.into_iter().collect::<Vec<_>>()).to_string() + "\n").await?;
        return Ok(());
    }
    let mut text = String::from("UID          PID    PPID  C STIME TTY          TIME CMD\n");
    if let Some(pid) = pid {
        let command = machine
            .processes
            .get(pid)
            .map(|entry| crate::simulation::locked(&entry.words).join(" "))
            .unwrap_or_default();
        let begun = container.record().started.map(stamp).unwrap_or_default();
        let minute = begun.get(11..16).unwrap_or("?");
        let time = container.processor_time(machine.clock.now()).as_secs();
        let time = format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60);
        text.push_str(&format!("root     {pid:>7}       1  0 {minute} ?        {time} {command}\n"));
    }
    process.out(text).await?;
    Ok(())
}

/// `runc events`
pub(super) async fn events(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("events", "stats interval=", words)?;
    let machine = process.machine.clone();
    let container = find(&machine, one("events", &arguments.words)?)?;
    loop {
        if container.state().live().is_none() {
            let id = &container.id;
            return if arguments.has("stats") {
                Err(Failed::new(format!("container with id {id} is not running")))
            } else {
                Err(Failed::new(NOT_RUNNING))
            };
        }
        let memory = container.memory();
        let time = container.processor_time(machine.clock.now()).as_nanos() as u64;
        let limit =
            if machine.plan.cgroup == CgroupVersion::One { 9_223_372_036_854_771_712u64 } else { u64::MAX };
        let of = |usage: u64| json!({ "limit": limit, "usage": usage, "failcnt": 0 });
        let line = json!({
            "type": "stats",
            "id": container.id,
            "data": {
                "cpu": { "usage": { "total": time, "kernel": time / 2, "user": time - time / 2 }, "throttling": {} },
                "cpuset": {},
                "memory": { "usage": of(memory), "swap": of(0), "kernel": of(0), "kernelTCP": of(0), "raw": { "anon": memory, "file": 0 } },
                "pids": { "current": 1 },
                "blkio": {},
                "hugetlb": {},
                "intel_rdt": {},
                "network_interfaces": null,
            },
        });
        process.out(line.to_string() + "\n").await?;
        if arguments.has("stats") {
            return Ok(());
        }
        let text = arguments.value("interval").unwrap_or("5s");
        let seconds = text.trim_end_matches('s').parse().unwrap_or(5.0);
        machine.clock.sleep(Duration::from_secs_f64(seconds)).await;
    }
}
