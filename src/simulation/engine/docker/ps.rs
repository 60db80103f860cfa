//! `docker ps`, `stats` and `top`: what containers do.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::{parse, some};
use super::show::{ago, list};
use super::{Done, Failed, Refused, daemon, output, values};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::time::go;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;

fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        text.to_owned()
    } else {
        text.chars().take(length - 1).chain(['…']).collect()
    }
}

/// `docker ps`
pub(super) async fn ps(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("ps", "all/a quiet/q format= filter/f= no-trunc last/n= latest/l size/s", words)?;
    let machine = process.machine.clone();
    let filters: Vec<(&str, &str)> =
        arguments.values("filter").map(|filter| filter.split_once('=').unwrap_or((filter, ""))).collect();
    let last = if arguments.has("latest") {
        Some(1)
    } else {
        arguments.value("last").and_then(|last| last.parse::<usize>().ok())
    };
    let every = arguments.has("all")
        || last.is_some()
        || filters.iter().any(|(key, _)| matches!(*key, "status" | "exited"));
    let mut shown = Vec::new();
    // The newest first.
    for container in values::containers(&machine).into_iter().rev() {
        if (every || container.state().live().is_some()) && passes(&container, &filters)? {
            shown.push(container);
        }
    }
    shown.truncate(last.unwrap_or(usize::MAX));
    let full = arguments.has("no-trunc");
    let id = |one: &Arc<Container>| if full { one.id.clone() } else { one.short_id().to_owned() };
    let text = if arguments.has("quiet") {
        shown.iter().map(|one| id(one) + "\n").collect()
    } else {
        const HEAD: [(&str, &str); 7] = [
            ("CONTAINER ID", "ID"),
            ("IMAGE", "Image"),
            ("COMMAND", "Command"),
            ("CREATED", "RunningFor"),
            ("STATUS", "Status"),
            ("PORTS", "Ports"),
            ("NAMES", "Names"),
        ];
        let rows: Vec<Value> = shown.iter().map(|one| row(&machine, one, full)).collect();
        list("ps", arguments.value("format"), &HEAD, &rows)?
    };
    process.out(text).await?;
    Ok(())
}

fn passes(container: &Container, filters: &[(&str, &str)]) -> Result<bool, Failed> {
    let mut verdicts = std::collections::BTreeMap::new();
    for (key, value) in filters {
        let fits = match *key {
            "name" => regex::Regex::new(value).is_ok_and(|pattern| pattern.is_match(&container.name())),
            "id" => container.id.starts_with(value),
            "status" => values::word(container) == *value,
            "label" => match value.split_once('=') {
                Some((label, wanted)) => {
                    container.plan.labels.get(label).is_some_and(|value| value == wanted)
                }
                None => container.plan.labels.contains_key(*value),
            },
            "ancestor" => container.image_name.starts_with(value) || container.image.starts_with(value),
            "exited" => {
                container.state() == State::Exited && container.record().exit_code.to_string() == *value
            }
            "volume" => {
                container.plan.volumes.iter().any(|volume| volume.name == *value || volume.path == *value)
            }
            "network" => container.network.as_deref() == Some(*value),
            _ => return Err(Refused::internal(format!("invalid filter '{key}'")).into()),
        };
        *verdicts.entry(*key).or_insert(false) |= fits;
    }
    Ok(verdicts.into_values().all(|verdict| verdict))
}

fn row(machine: &Machine, container: &Container, full: bool) -> Value {
    let live = container.state().live().is_some();
    let ports: Vec<String> = ["0.0.0.0:", ":::"]
        .iter()
        .flat_map(|ip| values::published(container).iter().map(move |port| format!("{ip}{port}->{port}/tcp")))
        .filter(|_| live)
        .collect();
    let labels: Vec<String> =
        container.plan.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mounts: Vec<&str> = container.plan.volumes.iter().map(|volume| volume.name.as_str()).collect();
    let command = container.command.join(" ");
    json!({
        "Command": format!("\"{}\"", if full { command } else { cut(&command, 20) }),
        "CreatedAt": go(Duration::from_secs(container.created.as_secs())),
        "ID": if full { container.id.as_str() } else { container.short_id() },
        "Image": container.image_name,
        "Labels": labels.join(","),
        "LocalVolumes": mounts.len().to_string(),
        "Mounts": mounts.join(","),
        "Names": container.name(),
        "Networks": container.network.as_deref().unwrap_or("host"),
        "Ports": ports.join(", "),
        "RunningFor": ago(machine, container.created),
        "Size": "0B",
        "State": values::word(container),
        "Status": values::status(machine, container),
    })
}

/// `docker stats`
pub(super) async fn stats(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("stats", "no-stream format= all/a no-trunc", words)?;
    let machine = process.machine.clone();
    loop {
        let chosen = if arguments.words.is_empty() {
            values::containers(&machine)
                .into_iter()
                .rev()
                .filter(|one| arguments.has("all") || one.state().live().is_some())
                .collect()
        } else {
            arguments
                .words
                .iter()
                .map(|wanted| daemon::find(&machine, wanted))
                .collect::<Result<Vec<_>, _>>()?
        };
        // Of processor time it is told what was used since the figures before.
        machine.clock.sleep(Duration::from_secs(1)).await;
        let row = |container: &Arc<Container>| {
            let memory = container.memory();
            let share = if values::is_paused(container) || memory == 0 {
                0.0
            } else {
                container.plan.cpu.get() * 100.0
            };
            let id = if arguments.has("no-trunc") { container.id.as_str() } else { container.short_id() };
            json!({
                "BlockIO": "0B / 0B",
                "CPUPerc": format!("{share:.2}%"),
                "Container": id,
                "ID": id,
                "MemPerc": format!("{:.2}%", memory as f64 / machine.plan.memory as f64 * 100.0),
                "MemUsage": format!("{} / {}", output::binary(memory), output::binary(machine.plan.memory)),
                "Name": container.name(),
                "NetIO": "0B / 0B",
                "PIDs": u8::from(memory > 0).to_string(),
            })
        };
        const HEAD: [(&str, &str); 8] = [
            ("CONTAINER ID", "ID"),
            ("NAME", "Name"),
            ("CPU %", "CPUPerc"),
            ("MEM USAGE / LIMIT", "MemUsage"),
            ("MEM %", "MemPerc"),
            ("NET I/O", "NetIO"),
            ("BLOCK I/O", "BlockIO"),
            ("PIDS", "PIDs"),
        ];
        let rows: Vec<Value> = chosen.iter().map(row).collect();
        process.out(list("stats", arguments.value("format"), &HEAD, &rows)?).await?;
        if arguments.has("no-stream") {
            return Ok(());
        }
    }
}

/// What `ps` on the host says of a container's processes.
pub(super) fn processes(machine: &Machine, container: &Container) -> Result<Value, Refused> {
    let Some(live) = container.state().live() else {
        return Err(Refused::new(hyper::StatusCode::CONFLICT, daemon::not_running(container)));
    };
    let time = container.processor_time(machine.clock.now()).as_secs();
    let begun = container
        .record()
        .started
        .and_then(|at| i64::try_from(at.as_secs()).ok())
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    let entry = machine.processes.get(live.pid);
    let command = entry.map(|entry| crate::simulation::locked(&entry.words).join(" ")).unwrap_or_default();
    let row = [
        "root".to_owned(),
        live.pid.to_string(),
        live.conmon.to_string(),
        "0".into(),
        begun.map(|at| at.strftime("%H:%M").to_string()).unwrap_or_default(),
        "?".into(),
        format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60),
        command,
    ];
    Ok(json!({ "Processes": [row], "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"] }))
}

/// `docker top`
pub(super) async fn top(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("top", "+", words)?;
    some("top", &arguments.words)?;
    let machine = process.machine.clone();
    let container = daemon::find(&machine, arguments.words.first().copied().unwrap_or_default())?;
    let value = processes(&machine, &container)?;
    let cells = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|cell| cell.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let titles = value.get("Titles").map(cells).unwrap_or_default();
    let rows = value.get("Processes").and_then(Value::as_array).into_iter().flatten().map(cells);
    // Wider than other tables.
    process.out(output::table(&std::iter::once(titles).chain(rows).collect::<Vec<_>>(), 20)).await?;
    Ok(())
}
