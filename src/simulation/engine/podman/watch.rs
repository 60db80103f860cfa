//! `podman logs`, `events`, `stats` and `top`.

use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::parse;
use super::{Done, Failed, find, output};
use crate::simulation::engine::disk;
use crate::simulation::engine::events::Event;
use crate::simulation::engine::time::go;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::Engine;

/// How often a log is looked at for new lines.
const LOOK: Duration = Duration::from_millis(250);

/// `podman logs`
pub(super) async fn logs(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("logs", "follow/f tail= timestamps/t since= until= names/n latest/l color", words)?;
    let machine = process.machine.clone();
    let [wanted, ..] = arguments.words.as_slice() else {
        return Err(Failed::new("specify at least one container name or ID to log"));
    };
    let container = find(&machine, wanted)?;
    let stamps = arguments.has("timestamps");
    let text = || {
        disk::read(&machine, &container.log())
            .map(|content| String::from_utf8_lossy(&content.whole()).into_owned())
            .unwrap_or_default()
    };
    // `TIME STREAM F TEXT`
    let line = |line: &str| {
        let mut fields = line.splitn(4, ' ');
        let (time, text) = (fields.next().unwrap_or_default(), fields.nth(2).unwrap_or_default());
        if stamps { format!("{time} {text}\n") } else { format!("{text}\n") }
    };
    let whole = text();
    let lines: Vec<&str> = whole.lines().collect();
    let tail = arguments.value("tail").and_then(|tail| tail.parse::<usize>().ok()).unwrap_or(lines.len());
    let mut last = lines.last().map(|line| (*line).to_owned());
    process
        .out(lines.iter().skip(lines.len().saturating_sub(tail)).map(|text| line(text)).collect::<String>())
        .await?;
    if !arguments.has("follow") {
        return Ok(());
    }
    loop {
        let running = container.state().live().is_some();
        machine.containers.settle();
        let whole = text();
        let lines: Vec<&str> = whole.lines().collect();
        let seen = last
            .as_ref()
            .and_then(|last| lines.iter().rposition(|line| line == last))
            .map_or(0, |index| index + 1);
        let fresh: String = lines.iter().skip(seen).map(|text| line(text)).collect();
        last = lines.last().map(|line| (*line).to_owned()).or(last);
        process.out(fresh).await?;
        if !running {
            return Ok(());
        }
        machine.clock.sleep(LOOK).await;
    }
}

/// `podman events`
pub(super) async fn events(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("events", "filter/f= format= stream since= until= no-trunc", words)?;
    let machine = process.machine.clone();
    let mut filters = Vec::new();
    for filter in arguments.values("filter") {
        let (key, value) = filter.split_once('=').unwrap_or((filter, ""));
        if !matches!(key, "type" | "event" | "status" | "container" | "image" | "label") {
            return Err(Failed::new(format!("failed to parse event filters: {key} is an invalid filter")));
        }
        filters.push((key.to_owned(), value.to_owned()));
    }
    let passes = move |event: &Event| {
        event.engine == Engine::Podman
            && filters.iter().all(|(key, value)| match key.as_str() {
                "type" => value == "container",
                "event" | "status" => event.status == value,
                "container" => event.name == *value || event.id.starts_with(value.as_str()),
                "image" => event.image == *value,
                _ => event.labels.contains_key(value.split('=').next().unwrap_or_default()),
            })
    };
    let as_json = arguments.value("format") == Some("json");
    let line = |event: &Event| {
        if as_json { json_line(event) + "\n" } else { text_line(event) + "\n" }
    };
    let mut listener = machine.containers.events.listen();
    let only_past = arguments.value("stream") == Some("false");
    if only_past || arguments.value("since").is_some() {
        for event in machine.containers.events.past().iter().filter(|event| passes(event)) {
            process.out(line(event)).await?;
        }
    }
    if only_past {
        return Ok(());
    }
    // Like the real one it learns that nobody reads any more only when it next writes.
    loop {
        match listener.recv().await {
            Ok(event) if passes(&event) => process.out(line(&event)).await?,
            Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(()),
        }
    }
}

fn json_line(event: &Event) -> String {
    let attributes: serde_json::Map<String, Value> =
        event.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let mut value =
        json!({ "ID": event.id, "Image": event.image, "Name": event.name, "Status": event.status });
    if let Some(fields) = value.as_object_mut() {
        if let Some(code) = event.exit_code {
            fields.insert("ContainerExitCode".into(), json!(code));
        }
        fields.insert("time".into(), json!(event.at.as_secs()));
        fields.insert("timeNano".into(), json!(event.at.as_nanos() as u64));
        fields.insert("Type".into(), json!("container"));
        fields.insert("Attributes".into(), Value::Object(attributes));
    }
    value.to_string()
}

fn text_line(event: &Event) -> String {
    let mut inside = vec![format!("image={}", event.image), format!("name={}", event.name)];
    inside.extend(event.labels.iter().map(|(key, value)| format!("{key}={value}")));
    format!("{} container {} {} ({})", go(event.at), event.status, event.id, inside.join(", "))
}

/// `podman stats`, once.
pub(super) async fn stats(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("stats", "no-stream format= all/a no-reset interval/i= no-trunc latest/l", words)?;
    let machine = process.machine.clone();
    let chosen = if arguments.words.is_empty() {
        machine
            .containers
            .of(Engine::Podman)
            .into_iter()
            .filter(|one| one.state().live().is_some())
            .collect::<Vec<_>>()
    } else {
        arguments.words.iter().map(|wanted| find(&machine, wanted)).collect::<Result<_, _>>()?
    };
    loop {
        let now = machine.clock.now();
        const HEAD: [&str; 10] = [
            "ID",
            "NAME",
            "CPU %",
            "MEM USAGE / LIMIT",
            "MEM %",
            "NET IO",
            "BLOCK IO",
            "PIDS",
            "CPU TIME",
            "AVG CPU %",
        ];
        let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
        let mut values = Vec::new();
        for container in &chosen {
            let time = container.processor_time(now);
            let share = container.plan.cpu.get() * 100.0;
            let memory = container.memory();
            let part = memory as f64 / machine.plan.memory as f64 * 100.0;
            let usage = format!("{} / {}", output::size(memory, ""), output::size(machine.plan.memory, ""));
            let row = [
                container.short_id().to_owned(),
                container.name(),
                format!("{share:.2}%"),
                usage,
                format!("{part:.2}%"),
                "0B / 0B".into(),
                "0B / 0B".into(),
                "1".into(),
                format!("{time:?}"),
                format!("{share:.2}%"),
            ];
            let keys = [
                "id",
                "name",
                "cpu_percent",
                "mem_usage",
                "mem_percent",
                "net_io",
                "block_io",
                "pids",
                "cpu_time",
                "avg_cpu",
            ];
            values.push(Value::Object(
                keys.iter().zip(&row).map(|(key, cell)| ((*key).to_owned(), json!(cell))).collect(),
            ));
            rows.push(row.to_vec());
        }
        let text = if arguments.value("format") == Some("json") {
            output::indented(&Value::Array(values), 1)
        } else {
            output::table(&rows)
        };
        process.out(text).await?;
        if arguments.has("no-stream") {
            return Ok(());
        }
        machine.clock.sleep(Duration::from_secs(5)).await;
    }
}

/// `podman top`
pub(super) async fn top(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("top", "latest/l +", words)?;
    let machine = process.machine.clone();
    let wanted = arguments.words.first().copied().unwrap_or_default();
    let container = find(&machine, wanted).map_err(|failed| match failed {
        Failed::Said(text, code) => {
            Failed::Said(format!("unable to look up requested container: {text}"), code)
        }
        other => other,
    })?;
    if container.state().live().is_none() {
        return Err(Failed::new("top can only be used on running containers"));
    }
    let now = machine.clock.now();
    let head =
        ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"].map(str::to_owned).to_vec();
    let row = vec![
        "root".to_owned(),
        "1".into(),
        "0".into(),
        format!("{:.3}", container.plan.cpu.get() * 100.0),
        format!("{:?}", container.ran_since_start(now)),
        "?".into(),
        format!("{}s", container.processor_time(now).as_secs()),
        container.command.join(" "),
    ];
    process.out(output::table(&[head, row])).await?;
    Ok(())
}
