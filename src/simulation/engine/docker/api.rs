//! Docker's API behind its socket.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use super::checkpoint::{self as checkpoints, Then};
use super::daemon::{self, Changed, PATIENCE};
use super::{Refused, belongings, create, events, host, logs, ps, transfer, values, version};
use crate::simulation::engine::container::Container;
use crate::simulation::engine::http::{self, Body, Query, empty, streamed, told, typed};
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::files::Service;
use crate::simulation::scenario::Peculiarity;

/// How long an answer takes, on an idle host of the lab.
const ANSWER: Duration = Duration::from_millis(5);

/// How often a log that is followed is looked at for new lines.
const LOOK: Duration = Duration::from_millis(250);

/// The service behind Docker's socket.
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

type Answer = Result<Response<Body>, Refused>;

#[async_trait::async_trait]
impl Service for Api {
    async fn serve(&self, stream: DuplexStream) {
        http::serve(&self.machine, stream, |machine, request| async move { answer(&machine, request).await })
            .await;
    }
}

fn ok(value: &Value) -> Answer {
    Ok(told(StatusCode::OK, value))
}

/// 204, or 304 where it was so already.
fn done(changed: Changed) -> Answer {
    Ok(empty(if changed == Changed::Yes { StatusCode::NO_CONTENT } else { StatusCode::NOT_MODIFIED }))
}

/// Answers one request.
async fn answer(machine: &Arc<Machine>, request: Request<Incoming>) -> Response<Body> {
    machine.spend(ANSWER).await;
    machine.containers.settle();
    let (parts, body) = request.into_parts();
    let query = Query::new(parts.uri.query().unwrap_or_default());
    let path = http::parts(parts.uri.path());
    let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
    let spoken = path.first().and_then(|first| number(first.strip_prefix('v')?));
    if spoken.is_some() {
        path.remove(0);
    }
    let unfit = spoken.and_then(|spoken| unfit(spoken).map(|why| (spoken, why)));
    let result = match unfit {
        Some(((major, minor), why)) => {
            Err(Refused::new(StatusCode::BAD_REQUEST, format!("client version {major}.{minor} is too {why}")))
        }
        None => route(machine, &parts.method, &path, &query, body).await,
    };
    let unknown = matches!(&result, Err(refused) if refused.message == NOT_FOUND);
    let mut response =
        result.unwrap_or_else(|refused| told(refused.status, &json!({ "message": refused.message })));
    if !unknown {
        let server = format!("Docker/{} (linux)", version(machine));
        let fields = [
            ("api-version", host::API_VERSION),
            ("docker-experimental", "true"),
            ("ostype", "linux"),
            ("server", &server),
        ];
        http::add_headers(&mut response, fields);
    }
    response
}

fn number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why the daemon does not speak a version.
fn unfit(spoken: (u32, u32)) -> Option<String> {
    let (newest, oldest) = (number(host::API_VERSION)?, number(host::OLDEST_API_VERSION)?);
    if spoken > newest {
        return Some(format!("new. Maximum supported API version is {}", host::API_VERSION));
    }
    (spoken < oldest).then(|| {
        format!(
            "old. Minimum supported API version is {}, please upgrade your client to a newer version",
            host::OLDEST_API_VERSION
        )
    })
}

const NOT_FOUND: &str = "page not found";

async fn route(
    machine: &Arc<Machine>,
    method: &Method,
    path: &[&str],
    query: &Query,
    body: Incoming,
) -> Answer {
    let store = &machine.containers.docker;
    match (method.as_str(), path) {
        ("GET" | "HEAD", ["_ping"]) => Ok(ping()),
        ("GET", ["version"]) => ok(&host::versions(machine)),
        ("GET", ["info"]) => ok(&host::info(machine)),
        ("GET", ["events"]) => follow_events(machine, query),
        ("GET", ["containers", "json"]) => {
            let every = query.is("all");
            // The newest first.
            let shown = values::containers(machine)
                .into_iter()
                .rev()
                .filter(|one| every || one.state().live().is_some());
            ok(&shown.map(|one| values::listed(machine, &one)).collect())
        }
        ("POST", ["containers", "create"]) => {
            let container = create::create(machine, query.get("name"), &read(body).await?)?;
            Ok(told(StatusCode::CREATED, &json!({ "Id": container.id, "Warnings": [] })))
        }
        (_, ["containers", wanted, rest @ ..]) => {
            of_container(machine, method, wanted, rest, query, body).await
        }
        ("GET", ["images", "json"]) => ok(&store.images.all().iter().map(belongings::listed_image).collect()),
        ("GET", ["images", "get"]) => {
            let names: Vec<&str> = query.get("names").unwrap_or_default().split(',').collect();
            archive(machine, &names).await
        }
        ("POST", ["images", "load"]) => {
            let said = transfer::unpack(machine, receive(body).await?).await?;
            let lines: String =
                said.iter().map(|text| json!({ "stream": text }).to_string() + "\r\n").collect();
            Ok(typed(StatusCode::OK, "application/json", lines))
        }
        ("GET", ["images", name @ .., "get"]) => archive(machine, &[&name.join("/")]).await,
        ("GET", ["images", name @ .., "json"]) => {
            let name = name.join("/");
            let image = store.images.find(&name).ok_or_else(|| transfer::no_such_image(&name))?;
            ok(&belongings::inspected_image(&image))
        }
        ("GET", ["volumes"]) => {
            let all: Vec<Value> = store.volumes.all().iter().map(belongings::volume).collect();
            ok(&json!({ "Volumes": all, "Warnings": null }))
        }
        ("POST", ["volumes", "create"]) => {
            let body = read(body).await?;
            let name = body.get("Name").and_then(Value::as_str).unwrap_or("unnamed");
            let made = match store.volumes.get(name) {
                Some(volume) => volume,
                None => store
                    .volumes
                    .create(machine, name, 0)
                    .map_err(|error| Refused::internal(error.to_string().to_lowercase()))?,
            };
            Ok(told(StatusCode::CREATED, &belongings::volume(&made)))
        }
        ("GET", ["volumes", name]) => {
            let missing = || Refused::new(StatusCode::NOT_FOUND, format!("get {name}: no such volume"));
            ok(&belongings::volume(&store.volumes.get(name).ok_or_else(missing)?))
        }
        ("GET", ["networks"]) => ok(&Value::Array(belongings::networks(machine))),
        ("GET", ["networks", name]) => {
            let missing = || Refused::new(StatusCode::NOT_FOUND, format!("network {name} not found"));
            ok(&belongings::network(machine, name).ok_or_else(missing)?)
        }
        _ => Err(Refused::new(StatusCode::NOT_FOUND, NOT_FOUND)),
    }
}

async fn of_container(
    machine: &Arc<Machine>,
    method: &Method,
    wanted: &str,
    rest: &[&str],
    query: &Query,
    body: Incoming,
) -> Answer {
    let container = daemon::find(machine, wanted)?;
    let directory = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match (method.as_str(), rest) {
        ("GET", ["json"]) => ok(&values::inspected(machine, &container)),
        ("GET", ["top"]) => ok(&ps::processes(machine, &container)?),
        ("GET", ["stats"]) => Ok(stats(
            machine,
            &container,
            query.get("stream") != Some("false") && query.get("stream") != Some("0"),
        )
        .await),
        ("GET", ["logs"]) => read_log(machine, &container, query),
        ("POST", ["start"]) => done(match query.get("checkpoint").filter(|name| !name.is_empty()) {
            Some(checkpoint) => {
                checkpoints::start(machine, &container, checkpoint, query.get("checkpoint-dir")).await?
            }
            None => daemon::start(machine, &container).await?,
        }),
        ("POST", ["stop"]) => {
            let patience =
                query.get("t").and_then(|text| text.parse().ok()).map_or(PATIENCE, Duration::from_secs);
            done(daemon::stop(machine, &container, patience).await)
        }
        ("POST", ["kill"]) => {
            daemon::kill(machine, &container, wanted, query.get("signal").unwrap_or("KILL")).await?;
            done(Changed::Yes)
        }
        ("POST", [action @ ("pause" | "unpause")]) => {
            daemon::pause(machine, &container, *action == "pause")?;
            done(Changed::Yes)
        }
        ("POST", ["rename"]) => {
            daemon::rename(machine, &container, query.get("name").unwrap_or_default())?;
            done(Changed::Yes)
        }
        ("POST", ["wait"]) => {
            machine.containers.gone(&container).await;
            ok(&json!({ "StatusCode": container.record().exit_code }))
        }
        ("DELETE", []) => {
            daemon::remove(machine, &container, query.is("force")).await?;
            done(Changed::Yes)
        }
        ("GET", ["checkpoints"]) => {
            let names = checkpoints::list(machine, &container, query.get("dir"));
            ok(&names.into_iter().map(|name| json!({ "Name": name })).collect())
        }
        ("POST", ["checkpoints"]) => {
            let body = read(body).await?;
            let id = body.get("CheckpointID").and_then(Value::as_str).unwrap_or_default();
            let then = if body.get("Exit").and_then(Value::as_bool).unwrap_or_default() {
                Then::Exit
            } else {
                Then::RunOn
            };
            checkpoints::create(
                machine,
                &container,
                wanted,
                id,
                directory(&body, "CheckpointDir").as_deref(),
                then,
            )
            .await?;
            Ok(empty(StatusCode::CREATED))
        }
        ("DELETE", ["checkpoints", id]) => {
            checkpoints::remove(machine, &container, wanted, id, query.get("dir"))?;
            done(Changed::Yes)
        }
        _ => Err(Refused::new(StatusCode::NOT_FOUND, NOT_FOUND)),
    }
}

fn ping() -> Response<Body> {
    let mut response = typed(StatusCode::OK, "text/plain; charset=utf-8", "OK");
    let fields = [
        ("builder-version", "2"),
        ("cache-control", "no-cache, no-store, must-revalidate"),
        ("pragma", "no-cache"),
        ("swarm", "inactive"),
    ];
    http::add_headers(&mut response, fields);
    response
}

/// What was sent, as it comes.
async fn receive(body: Incoming) -> Result<Content, Refused> {
    http::receive(body).await.map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "unexpected EOF"))
}

/// The JSON that was sent.
async fn read(body: Incoming) -> Result<Value, Refused> {
    let bytes = receive(body).await?.whole();
    serde_json::from_slice(&bytes)
        .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, format!("invalid JSON: {error}")))
}

async fn archive(machine: &Machine, names: &[&str]) -> Answer {
    let content = transfer::pack(machine, names).await?;
    Ok(streamed("application/x-tar", futures::stream::iter(content.pieces().to_vec())))
}

fn follow_events(machine: &Arc<Machine>, query: &Query) -> Answer {
    let now = machine.calendar();
    let moment = |key: &str| match query.get(key).filter(|text| !text.is_empty()) {
        Some(text) => {
            let bad = || {
                Refused::new(
                    StatusCode::BAD_REQUEST,
                    format!("failed to parse value as time or duration: {text:?}"),
                )
            };
            events::moment(text, now).ok_or_else(bad).map(Some)
        }
        None => Ok(None),
    };
    let mut wanted = events::Wanted { since: moment("since")?, until: moment("until")?, filters: Vec::new() };
    let filters: Value =
        query.get("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for (key, values) in filters.as_object().into_iter().flatten() {
        // `{"type":["container"]}`, or as the oldest clients write it `{"type":{"container":true}}`.
        let values = match values {
            Value::Array(values) => values.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            Value::Object(values) => values.keys().cloned().collect(),
            _ => Vec::new(),
        };
        wanted.filters.push((key.clone(), values));
    }
    let lines = events::follow(machine, wanted).map(|event| events::line(&event));
    Ok(streamed("application/json", lines))
}

async fn stats(machine: &Arc<Machine>, container: &Arc<Container>, every: bool) -> Response<Body> {
    if !every {
        // Of processor time it is told what was used in a second.
        machine.clock.sleep(Duration::from_secs(1)).await;
        return told(StatusCode::OK, &values::stats(machine, container));
    }
    let (machine, container) = (Arc::downgrade(machine), container.clone());
    let lines = futures::stream::unfold((machine, container), |(weak, container)| async move {
        let clock = weak.upgrade()?.clock.clone();
        clock.sleep(Duration::from_secs(1)).await;
        let line = values::stats(&*weak.upgrade()?, &container).to_string() + "\n";
        Some((Bytes::from(line), (weak, container)))
    });
    streamed("application/json", lines)
}

fn read_log(machine: &Arc<Machine>, container: &Arc<Container>, query: &Query) -> Answer {
    if !query.is("stdout") && !query.is("stderr") {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let stamps = query.is("timestamps");
    let raw = container.is(Peculiarity::Terminal);
    let told = move |line: &logs::Line| if raw { Bytes::from(line.text(stamps)) } else { line.frame(stamps) };
    let tail = query.get("tail").and_then(|tail| tail.parse().ok());
    let lines = if query.is("stdout") { logs::last(machine, container, tail) } else { Vec::new() };
    let kind =
        if raw { "application/vnd.docker.raw-stream" } else { "application/vnd.docker.multiplexed-stream" };
    let seen = lines.last().cloned();
    let first = futures::stream::iter(lines.iter().map(told).collect::<Vec<_>>());
    if !query.is("follow") {
        return Ok(streamed(kind, first));
    }
    let state = (Arc::downgrade(machine), container.clone(), seen);
    let rest = futures::stream::unfold(state, move |(weak, container, seen)| async move {
        let running = container.state().live().is_some();
        let clock = weak.upgrade()?.clock.clone();
        clock.sleep(LOOK).await;
        let fresh = logs::fresh(&*weak.upgrade()?, &container, seen.as_ref());
        if fresh.is_empty() && !running {
            return None;
        }
        let bytes: Vec<u8> = fresh.iter().flat_map(|line| told(line).to_vec()).collect();
        Some((Bytes::from(bytes), (weak, container, fresh.last().cloned().or(seen))))
    });
    let rest = rest.filter(|bytes| futures::future::ready(!bytes.is_empty()));
    Ok(streamed(kind, first.chain(rest)))
}
