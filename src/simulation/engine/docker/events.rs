//! What happens to Docker's containers, in the daemon's words.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value, json};
use std::time::Duration;

use super::arguments::parse;
use super::{Done, Failed};
use crate::simulation::engine::events::Event;
use crate::simulation::engine::podman::fill_template;
use crate::simulation::engine::time;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::Engine;

/// The daemon's word for what happened; none for what only Podman tells.
fn action(event: &Event) -> Option<&'static str> {
    match event.status {
        _ if event.engine != Engine::Docker => None,
        "init" | "cleanup" | "restore" => None,
        "died" => Some("die"),
        "remove" => Some("destroy"),
        "exec" => Some("exec_start"),
        "exec_died" => Some("exec_die"),
        other => Some(other),
    }
}

/// One event as `GET /events` says it.
fn value(machine: &Machine, event: &Event) -> Option<Value> {
    let action = action(event)?;
    let mut attributes: Map<String, Value> =
        event.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    if action == "die" {
        // How long its last life was.
        let began = machine
            .containers
            .events
            .past()
            .into_iter()
            .rev()
            .find(|other| other.id == event.id && other.status == "start" && other.at <= event.at);
        let lasted = began.map_or(Duration::ZERO, |began| event.at.saturating_sub(began.at));
        attributes.insert("execDuration".into(), json!(lasted.as_secs().to_string()));
    }
    if let Some(code) = event.exit_code {
        attributes.insert("exitCode".into(), json!(code.to_string()));
    }
    attributes.insert("image".into(), json!(event.image));
    attributes.insert("name".into(), json!(event.name));
    Some(json!({
        "status": action,
        "id": event.id,
        "from": event.image,
        "Type": "container",
        "Action": action,
        "Actor": { "ID": event.id, "Attributes": attributes },
        "scope": "local",
        "time": event.at.as_secs(),
        "timeNano": event.at.as_nanos() as u64,
    }))
}

/// Which events are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Since when, since 1970; without it nothing of the past.
    pub since: Option<Duration>,
    /// Until when.
    pub until: Option<Duration>,
    /// Keys with their alternatives.
    pub filters: Vec<(String, Vec<String>)>,
}

impl Wanted {
    fn has(&self, value: &Value) -> bool {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.filters.iter().all(|(key, values)| {
            values.iter().any(|wanted| match key.as_str() {
                "type" => wanted == "container",
                "event" => *wanted == text("/Action"),
                "container" => {
                    *wanted == text("/Actor/Attributes/name") || text("/id").starts_with(wanted.as_str())
                }
                "image" => *wanted == text("/from"),
                "label" => match wanted.split_once('=') {
                    Some((label, is)) => text(&format!("/Actor/Attributes/{label}")) == is,
                    None => value.pointer("/Actor/Attributes").is_some_and(|all| all.get(wanted).is_some()),
                },
                "scope" => wanted == "local",
                _ => false,
            })
        })
    }
}

/// Past events and those to come, as far as they are wanted. It ends at `until`, if that is given.
pub(super) fn follow(machine: &std::sync::Arc<Machine>, wanted: Wanted) -> BoxStream<'static, Value> {
    let listener = machine.containers.events.listen();
    let past = match wanted.since {
        Some(since) => {
            machine.containers.events.past().into_iter().filter(|event| event.at >= since).collect()
        }
        None => Vec::new(),
    };
    let live = stream::unfold(listener, |mut listener| async move {
        loop {
            match listener.recv().await {
                Ok(event) => return Some((event, listener)),
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    let left = wanted.until.map(|until| until.saturating_sub(machine.calendar()));
    let clock = machine.clock.clone();
    let end = async move {
        match left {
            Some(left) => clock.sleep(left).await,
            None => std::future::pending().await,
        }
    };
    let weak = std::sync::Arc::downgrade(machine);
    // The past is told however long it takes.
    stream::iter(past)
        .chain(live.take_until(end))
        .filter_map(move |event| {
            let value =
                weak.upgrade().and_then(|machine| value(&machine, &event)).filter(|value| wanted.has(value));
            async move { value }
        })
        .boxed()
}

/// One event as a line of `GET /events`.
pub(super) fn line(value: &Value) -> Bytes {
    Bytes::from(value.to_string() + "\n")
}

/// Seconds since 1970 with a fraction, or how long ago: `10m`.
pub(super) fn moment(text: &str, now: Duration) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Duration::try_from(at.as_duration()).ok();
    }
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    Some(now.saturating_sub(Duration::from_secs(number * seconds)))
}

/// `docker events`
pub(super) async fn command(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("events", "filter/f= format= since= until=", words)?;
    let machine = process.machine.clone();
    let mut wanted = Wanted::default();
    let now = machine.calendar();
    for (flag, at) in [("since", &mut wanted.since), ("until", &mut wanted.until)] {
        if let Some(text) = arguments.value(flag) {
            let parsed = moment(text, now);
            *at = Some(parsed.ok_or_else(|| {
                Failed::new(format!(
                    "Error response from daemon: failed to parse value as time or duration: {text:?}"
                ))
            })?);
        }
    }
    for filter in arguments.values("filter") {
        let Some((key, value)) = filter.split_once('=') else {
            return Err(Failed::Said(
                format!(
                    "invalid argument {filter:?} for \"-f, --filter\" flag: bad format of filter (expected name=value)"
                ),
                125,
            ));
        };
        match wanted.filters.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(value.to_owned()),
            None => wanted.filters.push((key.to_owned(), vec![value.to_owned()])),
        }
    }
    let mut events = follow(&machine, wanted);
    let out = process.files.get(&1).cloned();
    loop {
        let unread = async {
            match &out {
                Some(out) => out.unread().await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = events.next() => event,
            // It writes only when something happens, and would not learn of it before.
            () = unread => std::future::pending().await,
        };
        let Some(event) = event else { return Ok(()) };
        let text = match arguments.value("format") {
            Some("json" | "{{json .}}") => event.to_string() + "\n",
            Some(format) => fill_template("events", format, &event).map_err(Failed::new)? + "\n",
            None => plain(&event),
        };
        process.out(text).await?;
    }
}

fn plain(event: &Value) -> String {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let at = Duration::from_nanos(event.get("timeNano").and_then(Value::as_u64).unwrap_or_default());
    let attributes = event.pointer("/Actor/Attributes").and_then(Value::as_object);
    let mut inside: Vec<String> = attributes
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    inside.sort();
    let stamp = time::log_stamp(at).replace("+00:00", "Z");
    format!("{stamp} container {} {} ({})\n", text("/Action"), text("/id"), inside.join(", "))
}
