//! `podman ps`, and what the API says to the same question.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::arguments::parse;
use super::{Done, Failed, output, template};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::time::{NEVER_SECONDS, human, stamp};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Engine, Peculiarity, Workload};

const KNOWN: &str = "all/a quiet/q format= filter/f= no-trunc last/n= latest/l size/s noheading external sync sort= namespace/ns pod/p watch/w=";

/// `podman ps`
pub(super) async fn ps(process: &mut Process, command: &str, words: &[&str]) -> Done {
    let arguments = parse(command, KNOWN, words)?;
    let machine = process.machine.clone();
    let filters: Vec<(&str, &str)> =
        arguments.values("filter").map(|filter| filter.split_once('=').unwrap_or((filter, ""))).collect();
    let by_state = filters.iter().any(|(key, _)| *key == "status");
    let every =
        arguments.has("all") || by_state || arguments.has("latest") || arguments.value("last").is_some();
    let mut listed = Vec::new();
    for container in machine.containers.of(Engine::Podman) {
        let shown = every || matches!(container.state(), State::Running(_) | State::Paused(_));
        if shown && matches(&container, &filters)? {
            listed.push(container);
        }
    }
    let last = if arguments.has("latest") {
        Some(1)
    } else {
        arguments.value("last").and_then(|last| last.parse().ok())
    };
    if let Some(last) = last {
        let skip = listed.len().saturating_sub(last);
        listed.drain(..skip);
    }
    let full = arguments.has("no-trunc");
    let text = match arguments.value("format") {
        Some("json") => output::indented(&listed.iter().map(|one| entry(&machine, one)).collect(), 2),
        Some(wanted) if !wanted.starts_with("table") || wanted.contains("{{") => {
            let mut text = String::new();
            for container in &listed {
                text.push_str(&template::fill("ps", wanted, &row(&machine, container, full))?);
                text.push('\n');
            }
            text
        }
        _ if arguments.has("quiet") => {
            let id = |one: &Arc<Container>| if full { one.id.clone() } else { one.short_id().to_owned() };
            listed.iter().map(|one| id(one) + "\n").collect()
        }
        _ => {
            const HEAD: [&str; 7] =
                ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
            const KEYS: [&str; 7] = ["ID", "Image", "Command", "CreatedHuman", "Status", "Ports", "Names"];
            let mut rows = Vec::new();
            if !arguments.has("noheading") {
                rows.push(HEAD.map(str::to_owned).to_vec());
            }
            for container in &listed {
                let row = row(&machine, container, full);
                rows.push(KEYS.map(|key| row.get(key).map(template::printed).unwrap_or_default()).to_vec());
            }
            output::table(&rows)
        }
    };
    process.out(text).await?;
    Ok(())
}

/// Whether all filters let a container through; several values of one key are alternatives.
pub(super) fn matches(container: &Container, filters: &[(&str, &str)]) -> Result<bool, Failed> {
    let record = container.record();
    let mut verdicts: Map<String, Value> = Map::new();
    for (key, value) in filters {
        let fits = match *key {
            "name" => regex::Regex::new(value).is_ok_and(|pattern| pattern.is_match(&record.name)),
            "id" => container.id.starts_with(value),
            "status" => match *value {
                "created" | "running" | "paused" | "exited" => record.state.word() == *value,
                "stopped" | "initialized" | "removing" | "unknown" | "configured" | "stopping" => false,
                _ => return Err(Failed::new(format!("unknown container state: {value}: invalid argument"))),
            },
            "label" => match value.split_once('=') {
                Some((label, wanted)) => {
                    container.plan.labels.get(label).is_some_and(|value| value == wanted)
                }
                None => container.plan.labels.contains_key(*value),
            },
            "ancestor" => container.image_name.contains(value) || container.image.starts_with(value),
            "exited" => record.state == State::Exited && record.exit_code.to_string() == *value,
            "volume" => {
                container.plan.volumes.iter().any(|volume| volume.name == *value || volume.path == *value)
            }
            "network" => container.network.as_deref() == Some(*value),
            _ => return Err(Failed::new(format!("{key} is an invalid filter"))),
        };
        let before = verdicts.get(*key).is_some_and(|verdict| verdict == &Value::Bool(true));
        verdicts.insert((*key).into(), Value::Bool(before || fits));
    }
    Ok(verdicts.values().all(|verdict| verdict == &Value::Bool(true)))
}

/// “Up 3 minutes” and its like.
pub(super) fn status(machine: &Machine, container: &Container) -> String {
    let record = container.record();
    let ago = |since: Option<std::time::Duration>| {
        human(machine.calendar().saturating_sub(since.unwrap_or_default()))
    };
    match record.state {
        State::Created => "Created".into(),
        State::Running(_) => format!("Up {}", ago(record.started)),
        State::Paused(_) => "Paused".into(),
        State::Exited => format!("Exited ({}) {} ago", record.exit_code, ago(record.finished)),
    }
}

/// Published ports are those of the plan, each on the same number of the host.
pub(super) fn published(container: &Container) -> &[u16] {
    if container.network.is_some() { &container.plan.ports } else { &[] }
}

/// The fields that templates and the table know.
fn row(machine: &Machine, container: &Container, full: bool) -> Value {
    let cut = |text: &str, length: usize| {
        if full || text.chars().count() <= length {
            text.to_owned()
        } else {
            text.chars().take(length - 3).collect::<String>() + "..."
        }
    };
    let record = container.record();
    let ports: Vec<String> =
        published(container).iter().map(|port| format!("0.0.0.0:{port}->{port}/tcp")).collect();
    let ago = human(machine.calendar().saturating_sub(container.created)) + " ago";
    json!({
        "ID": if full { container.id.as_str() } else { container.short_id() },
        "Image": container.image_name,
        "ImageID": container.image,
        "Command": cut(&container.command.join(" "), 20),
        "CreatedHuman": ago,
        "CreatedAt": crate::simulation::engine::time::go(container.created),
        "Created": ago,
        "RunningFor": ago,
        "Status": status(machine, container),
        "State": record.state.word(),
        "Ports": ports.join(", "),
        "Names": record.name,
        "Labels": container.plan.labels,
        "Pid": container.pid().unwrap_or_default(),
        "PIDS": container.pid().unwrap_or_default(),
        "Networks": container.network.clone().unwrap_or_default(),
        "Mounts": container.plan.volumes.iter().map(|volume| volume.path.clone()).collect::<Vec<_>>().join(","),
        "Pod": "",
        "PodName": "",
        "Restarts": 0,
        "Size": "",
    })
}

/// One container as `podman ps --format json` lists it.
pub(super) fn entry(machine: &Machine, container: &Container) -> Value {
    let mut value = listed(container);
    if let Some(object) = value.as_object_mut() {
        let ago = human(machine.calendar().saturating_sub(container.created)) + " ago";
        object.insert("CreatedAt".into(), json!(ago));
        object.insert("Status".into(), json!(status(machine, container)));
        object.shift_remove("Created");
        object.insert("Created".into(), json!(container.created.as_secs()));
    }
    value
}

/// One container as `GET /libpod/containers/json` lists it.
pub(super) fn listed(container: &Container) -> Value {
    let record = container.record();
    let announced: Vec<u16> = match container.plan.workload {
        Workload::Redis => vec![6379],
        Workload::Web => vec![8080],
        Workload::Counter | Workload::Looper | Workload::Idle => Vec::new(),
    };
    let exposed: Map<String, Value> =
        announced.iter().map(|port| (port.to_string(), json!(["tcp"]))).collect();
    let ports: Vec<Value> = published(container)
        .iter()
        .map(|port| {
            json!({ "host_ip": "", "container_port": port, "host_port": port, "range": 1, "protocol": "tcp" })
        })
        .collect();
    let list = |values: Vec<Value>| if values.is_empty() { Value::Null } else { Value::Array(values) };
    let mounts: Vec<&str> = container.plan.volumes.iter().map(|volume| volume.path.as_str()).collect();
    json!({
        "AutoRemove": container.is(Peculiarity::AutoRemove),
        "Command": container.command,
        "Created": stamp(container.created),
        "CreatedAt": "",
        "CIDFile": "",
        "Exited": record.state == State::Exited,
        "ExitedAt": record.finished.map_or(json!(NEVER_SECONDS), |at| json!(at.as_secs())),
        "ExitCode": record.exit_code,
        "ExposedPorts": if exposed.is_empty() { Value::Null } else { Value::Object(exposed) },
        "Id": container.id,
        "Image": container.image_name,
        "ImageID": container.image,
        "IsInfra": false,
        "Labels": if container.plan.labels.is_empty() { Value::Null } else { json!(container.plan.labels) },
        "Mounts": mounts,
        "Names": [record.name],
        "Namespaces": {},
        "Networks": container.network.iter().collect::<Vec<_>>(),
        "Pid": container.pid().unwrap_or_default(),
        "Pod": "",
        "PodName": "",
        "Ports": list(ports),
        "Restarts": 0,
        "Size": null,
        "StartedAt": record.started.map_or(json!(NEVER_SECONDS), |at| json!(at.as_secs())),
        "State": record.state.word(),
        "Status": "",
    })
}
