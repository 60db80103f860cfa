//! Podman's API: libpod's own paths, and those of Docker's that its clients use.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use super::checkpoint::{self, transfer};
use super::{Failed, docker, find, images, info, inspect, lifecycle, networks, not_found, ps, restore};
use crate::simulation::engine::archive::Compression;
use crate::simulation::engine::container::State;
use crate::simulation::engine::criu::Allowed;
use crate::simulation::engine::disk;
use crate::simulation::engine::events::Event;
use crate::simulation::engine::http::{self, Body, Query, empty, told, typed};
use crate::simulation::machine::Machine;
use crate::simulation::machine::files::Service;
use crate::simulation::scenario::Engine;

/// How long an answer takes that does nothing, and one that looks at containers.
const ANSWER: Duration = Duration::from_millis(15);

/// The service behind Podman's socket.
#[derive(Debug)]
pub struct Api {
    machine: Weak<Machine>,
}

impl Api {
    /// The service of a machine.
    pub fn new(machine: Weak<Machine>) -> Self {
        Self { machine }
    }
}

#[async_trait::async_trait]
impl Service for Api {
    async fn serve(&self, stream: DuplexStream) {
        http::serve(&self.machine, stream, |machine, request| async move { answer(&machine, request).await })
            .await;
    }
}

/// An error as Podman says it: the last part of the message is the cause.
fn refused(status: StatusCode, message: &str) -> Response<Body> {
    let cause = message.rsplit(": ").next().unwrap_or(message);
    told(status, &json!({ "cause": cause, "message": message, "response": status.as_u16() }))
}

fn failed(failed: Failed) -> Response<Body> {
    match failed {
        Failed::Said(text, _) => {
            let missing = ["no such container", "no such volume", "network not found", "image not known"];
            let status = if missing.iter().any(|end| text.ends_with(end)) {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            refused(status, &text)
        }
        Failed::Silent(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the command failed"),
        Failed::Output(error) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string().to_lowercase())
        }
    }
}

fn exists(found: bool, message: &str) -> Response<Body> {
    if found { empty(StatusCode::NO_CONTENT) } else { refused(StatusCode::NOT_FOUND, message) }
}

/// Answers one request.
async fn answer(machine: &Arc<Machine>, request: Request<Incoming>) -> Response<Body> {
    machine.spend(ANSWER).await;
    machine.containers.settle();
    let (parts, body) = request.into_parts();
    let query = Query::new(parts.uri.query().unwrap_or_default());
    let path = http::parts(parts.uri.path());
    let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
    // `/v4.0.0/libpod/…`, `/v1.41/…`
    let old = path.first().is_some_and(|first| first.starts_with("v3") || first.starts_with("v4"));
    if path.first().is_some_and(|first| {
        first.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }) {
        path.remove(0);
    }
    let mut response = match path.split_first() {
        Some((&"libpod", rest)) => libpod(machine, &parts.method, rest, &query, body, old).await,
        _ => compatible(machine, &parts.method, &path, &query).await,
    };
    let known =
        response.status() != StatusCode::NOT_FOUND || response.headers().contains_key(header::CONTENT_TYPE);
    if known {
        let version = info::version(machine);
        let server = format!("Libpod/{version} (linux)");
        let fields =
            [("api-version", docker::API_VERSION), ("libpod-api-version", &version), ("server", &server)];
        http::add_headers(&mut response, fields);
    }
    response
}

fn unknown() -> Response<Body> {
    http::plain(StatusCode::NOT_FOUND, "Not Found\n")
}

fn ping() -> Response<Body> {
    let mut response = typed(StatusCode::OK, "text/plain; charset=utf-8", "OK");
    let fields = [
        ("docker-experimental", "true"),
        ("ostype", "linux"),
        ("libpod-buildah-version", "1.39.3"),
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
    ];
    http::add_headers(&mut response, fields);
    response
}

/// What Docker's clients ask.
async fn compatible(machine: &Arc<Machine>, method: &Method, path: &[&str], query: &Query) -> Response<Body> {
    let containers = &machine.containers;
    match (method.as_str(), path) {
        ("GET" | "HEAD", ["_ping"]) => ping(),
        ("GET", ["version"]) => told(StatusCode::OK, &docker::version(machine)),
        ("GET", ["containers", "json"]) => {
            let every = query.is("all");
            let shown =
                containers.of(Engine::Podman).into_iter().filter(|one| every || one.state().live().is_some());
            told(StatusCode::OK, &shown.map(|one| docker::listed(machine, &one)).collect())
        }
        ("GET", ["containers", id, "json"]) => match find(machine, id) {
            Ok(container) => told(StatusCode::OK, &docker::inspected(machine, &container)),
            Err(error) => failed(error),
        },
        ("GET", ["events"]) => events(machine, query),
        _ => unknown(),
    }
}

/// Events until nobody listens.
fn events(machine: &Arc<Machine>, query: &Query) -> Response<Body> {
    let filters: Value =
        query.get("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let wanted = |key: &str, value: &str| match filters.get(key) {
        Some(Value::Array(values)) => values.iter().any(|one| one == value),
        Some(Value::Object(values)) => values.contains_key(value),
        _ => true,
    };
    if !wanted("type", "container") {
        return empty(StatusCode::OK);
    }
    let since = query.get("since").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let past: Vec<Event> = match since {
        Some(since) => {
            machine.containers.events.past().into_iter().filter(|event| event.at >= since).collect()
        }
        None => Vec::new(),
    };
    let listener = machine.containers.events.listen();
    let live = futures::stream::unfold(listener, |mut listener| async move {
        loop {
            match listener.recv().await {
                Ok(event) => return Some((event, listener)),
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    let lines = futures::stream::iter(past)
        .chain(live)
        .filter(|event| futures::future::ready(event.engine == Engine::Podman))
        .map(|event| Bytes::from(docker::event(&event).to_string() + "\n"));
    http::streamed("application/json", lines)
}

/// What libpod's clients ask.
async fn libpod(
    machine: &Arc<Machine>,
    method: &Method,
    path: &[&str],
    query: &Query,
    body: Incoming,
    old: bool,
) -> Response<Body> {
    let containers = &machine.containers;
    let ok = |value: &Value| told(StatusCode::OK, value);
    match (method.as_str(), path) {
        ("GET" | "HEAD", ["_ping"]) => ping(),
        ("GET", ["info"]) => ok(&info::value(machine)),
        ("GET", ["version"]) => ok(&docker::version(machine)),
        ("GET", ["events"]) => events(machine, query),
        ("GET", ["containers", "json"]) => {
            let every = query.is("all");
            let shown = containers
                .of(Engine::Podman)
                .into_iter()
                .filter(|one| every || matches!(one.state(), State::Running(_) | State::Paused(_)));
            ok(&shown.map(|one| ps::listed(&one)).collect())
        }
        ("GET", ["containers", id, "exists"]) => {
            exists(containers.find_of(Engine::Podman, id).is_ok(), "no such container")
        }
        ("GET", ["containers", id, "json"]) => match find(machine, id) {
            Ok(container) => {
                let mut value = inspect::value(machine, &container);
                if let Some(config) = value.get_mut("Config").filter(|_| old).and_then(Value::as_object_mut) {
                    // Before version 5 these two had other types.
                    config.insert("Entrypoint".into(), json!(""));
                    config.insert("StopSignal".into(), json!(15));
                }
                ok(&value)
            }
            Err(error) => failed(error),
        },
        ("POST", ["containers", id, "checkpoint"]) => checkpoint(machine, id, query).await,
        ("POST", ["containers", _, "restore"]) if query.is("import") => {
            match import(machine, query, body).await {
                Ok(value) => ok(&value),
                Err(error) => failed(error),
            }
        }
        ("POST", ["containers", id, "restore"]) => match again(machine, id, query).await {
            Ok(value) => ok(&value),
            Err(error) => failed(error),
        },
        ("POST", ["containers", id, action @ ("start" | "stop" | "pause" | "unpause")]) => {
            match act(machine, id, action).await {
                Ok(()) => empty(StatusCode::NO_CONTENT),
                Err(error) => failed(error),
            }
        }
        ("DELETE", ["containers", id]) => remove(machine, id, query).await,
        ("GET", ["images", "json"]) => ok(&containers.images.all().iter().map(images::value).collect()),
        ("GET", ["images", name @ .., "exists"]) => {
            let name = name.join("/");
            exists(containers.images.find(&name).is_some(), &format!("failed to find image {name}"))
        }
        ("GET", ["images", name @ .., "json"]) => {
            let name = name.join("/");
            match containers.images.find(&name) {
                Some(image) => ok(&images::value(&image)),
                None => refused(
                    StatusCode::NOT_FOUND,
                    &format!("failed to find image {name}: {name}: image not known"),
                ),
            }
        }
        ("GET", ["volumes", name, "exists"]) => {
            exists(containers.volumes.get(name).is_some(), "no such volume")
        }
        ("GET", ["volumes", name, "json"]) => match containers.volumes.get(name) {
            Some(volume) => ok(&networks::volume_value(machine, &volume)),
            None => refused(StatusCode::NOT_FOUND, "no such volume"),
        },
        ("GET", ["networks", "json"]) => {
            ok(&containers.networks.all().iter().map(networks::network_head).collect())
        }
        ("GET", ["networks", name, "exists"]) => {
            exists(containers.networks.get(name).is_some(), "network not found")
        }
        ("GET", ["networks", name, "json"]) => match containers.networks.get(name) {
            Some(network) => ok(&networks::network_value(machine, &network)),
            None => refused(StatusCode::NOT_FOUND, "network not found"),
        },
        _ => unknown(),
    }
}

async fn act(machine: &Machine, id: &str, action: &str) -> Result<(), Failed> {
    let container = find(machine, id)?;
    match action {
        "start" => lifecycle::start(machine, &container)?,
        "stop" => lifecycle::stop(machine, &container, Duration::from_secs(10)).await,
        _ => machine.containers.pause(&container, action == "pause"),
    }
    Ok(())
}

fn api_missing(id: &str, error: crate::simulation::engine::containers::NotFound) -> Response<Body> {
    refused(StatusCode::NOT_FOUND, &not_found(id, error).replace("name or ID", "ID or name"))
}

async fn checkpoint(machine: &Arc<Machine>, id: &str, query: &Query) -> Response<Body> {
    let container = match machine.containers.find_of(Engine::Podman, id) {
        Ok(container) => container,
        Err(error) => return api_missing(id, error),
    };
    let options = checkpoint::Options {
        allowed: allowed(query),
        // The API offers no choice.
        export: query.is("export").then_some(Compression::None),
        ignore_rootfs: query.is("ignoreRootFS"),
        // Named in its documentation, and not read: volumes always travel.
        ignore_volumes: false,
        keep: query.is("keep"),
        leave_running: query.is("leaveRunning"),
    };
    let done = match checkpoint::checkpoint(machine, &container, options).await {
        Ok(done) => done,
        Err(error) => return failed(error),
    };
    let Some(archive) = done.archive else {
        return told(
            StatusCode::OK,
            &json!({ "Id": container.id, "runtime_checkpoint_duration": 0, "criu_statistics": null }),
        );
    };
    if let Err(error) = transfer(machine, &container).await {
        return failed(error);
    }
    let pieces = futures::stream::iter(archive.pieces().to_vec());
    http::streamed("application/octet; charset=us-ascii", pieces)
}

fn allowed(query: &Query) -> Allowed {
    Allowed { tcp_established: query.is("tcpEstablished"), file_locks: query.is("fileLocks") }
}

fn restore_options(query: &Query) -> restore::Options {
    restore::Options {
        allowed: allowed(query),
        keep: query.is("keep"),
        name: query.get("name").filter(|name| !name.is_empty()).map(str::to_owned),
        ignore_rootfs: query.is("ignoreRootFS"),
        ignore_volumes: query.is("ignoreVolumes"),
        ignore_static_ip: query.is("ignoreStaticIP"),
        ignore_static_mac: query.is("ignoreStaticMAC"),
    }
}

async fn import(machine: &Arc<Machine>, query: &Query, body: Incoming) -> Result<Value, Failed> {
    let place = format!("/var/tmp/podman{}", machine.clock.now().as_nanos());
    let full = |_| Failed::new(format!("write {place}: no space left on device"));
    let content =
        http::receive(body).await.map_err(|error| Failed::new(format!("unexpected EOF: {error}")))?;
    // It is kept in a file until all of it is unpacked.
    disk::put(machine, &place, content.clone(), 0o600).map_err(full)?;
    let result = async {
        let members = restore::members(content).map_err(|cause| {
            Failed::new(format!("unpacking of checkpoint archive {place} failed: {cause}"))
        })?;
        restore::import(machine, members, &place, &restore_options(query), None).await
    }
    .await;
    disk::remove(machine, &place);
    let (container, _) = result?;
    Ok(json!({ "Id": container.id, "runtime_restore_duration": 0, "criu_statistics": null }))
}

async fn again(machine: &Arc<Machine>, id: &str, query: &Query) -> Result<Value, Failed> {
    let container = find(machine, id)?;
    restore::again(machine, &container, &restore_options(query)).await?;
    Ok(json!({ "Id": container.id, "runtime_restore_duration": 0, "criu_statistics": null }))
}

async fn remove(machine: &Arc<Machine>, id: &str, query: &Query) -> Response<Body> {
    let container = match machine.containers.find_of(Engine::Podman, id) {
        Ok(container) => container,
        Err(_) if query.is("ignore") => return told(StatusCode::OK, &json!([])),
        Err(error) => return api_missing(id, error),
    };
    let patience = Duration::from_secs(query.get("timeout").and_then(|text| text.parse().ok()).unwrap_or(10));
    match lifecycle::remove_one(machine, &container, query.is("force"), patience).await {
        Ok(()) => told(StatusCode::OK, &json!([{ "Id": container.id }])),
        Err(error) => failed(error),
    }
}
