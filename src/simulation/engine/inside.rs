//! Processes of a host that go into a container, and programs that are in images only.

use std::sync::Arc;

use super::container::Container;
use super::{disk, docker, podman};
use crate::simulation::machine::namespace::{Mount, Namespace};
use crate::simulation::machine::process::{Process, Ran};
use crate::simulation::machine::programs;
use crate::simulation::scenario::{Engine, Workload};

/// A child of a process in a container: in its files, with its environment and these `KEY=VALUE` besides. Nothing
/// where its root is not mounted.
pub(super) fn enter(process: &Process, container: &Container, environment: &[String]) -> Option<Process> {
    let machine = &process.machine;
    let (own, options) = match container.plan.engine {
        Engine::Podman => (podman::environment(container), "rw,nosuid,nodev,relatime"),
        Engine::Docker | Engine::Runc => (docker::environment(container), "rw,relatime"),
    };
    let root = disk::node(machine, &container.merged())?;
    let mut child = process.fork();
    child.namespace = Arc::new(Namespace::new(root));
    let volumes = machine.containers.volumes_of(container.plan.engine);
    for volume in &container.plan.volumes {
        let place = volumes.get(&volume.name).map(|volume| volume.mountpoint());
        if let Some(root) = place.and_then(|place| disk::node(machine, &place)) {
            child.namespace.mount(Mount {
                at: volume.path.clone(),
                root,
                kind: "ext4".into(),
                source: "/dev/vda1".into(),
                options: options.into(),
            });
        }
    }
    child.directory = container.directory.clone();
    child.environment = own
        .iter()
        .chain(environment)
        .filter_map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    Some(child)
}

/// One program under many names: that by which it was called decides what it does.
pub async fn busybox(process: &mut Process, words: &[String]) -> Ran {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let applet = name.rsplit('/').next().unwrap_or_default();
    match programs::named(applet).filter(|_| applet != "busybox") {
        Some(program) => program(process, words).await,
        None => {
            process.complain(format!("{applet}: applet not found")).await;
            Ok(127)
        }
    }
}

/// The container that a process of `exec` is in: the one whose root it has.
fn own(process: &Process) -> Option<Arc<Container>> {
    let root = process.namespace.root().node;
    let has_it = |one: &Arc<Container>| {
        disk::node(&process.machine, &one.merged()).is_some_and(|node| Arc::ptr_eq(&node, &root))
    };
    process.machine.containers.running().into_iter().find(has_it)
}

/// The few commands of Redis with which one sees that nothing was lost.
pub async fn redis_cli(process: &mut Process, words: &[String]) -> Ran {
    let container = own(process)
        .filter(|container| container.plan.workload == Workload::Redis && container.state().live().is_some());
    let Some(container) = container else {
        process.complain("Could not connect to Redis at 127.0.0.1:6379: Connection refused").await;
        return Ok(1);
    };
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let upper = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    let answer = match (upper.as_str(), words.get(1..).unwrap_or_default()) {
        ("PING", []) => "PONG".into(),
        ("PING", [text]) | ("ECHO", [text]) => (*text).to_owned(),
        ("SET", [key, value]) => {
            container.change(|record| record.program.keys.insert((*key).into(), (*value).into()));
            "OK".into()
        }
        ("GET", [key]) => container.record().program.keys.get(*key).cloned().unwrap_or_default(),
        ("DEL", [key]) => {
            let removed = container.change(|record| record.program.keys.remove(*key));
            u8::from(removed.is_some()).to_string()
        }
        ("DBSIZE", []) => container.record().program.keys.len().to_string(),
        ("INCR", [key]) => container.change(|record| {
            let value = record.program.keys.entry((*key).into()).or_insert_with(|| "0".into());
            match value.parse::<i64>().ok().and_then(|number| number.checked_add(1)) {
                Some(number) => {
                    *value = number.to_string();
                    value.clone()
                }
                None => "ERR value is not an integer or out of range".into(),
            }
        }),
        _ => format!("ERR unknown command or wrong arguments: {}", words.join(" ")),
    };
    process.out(answer + "\n").await?;
    Ok(0)
}
