//! Where a host's containers are listed and how it is learnt that something happened to one: an engine's API
//! through its socket, or the engine's command line.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::engine::docker_client;
use crate::fleet::{Container, ContainerId, ContainerStatus, Engine, printable};
use crate::ssh::{Command, Process, Remote};

const PODMAN_SOCKET: &str = "/run/podman/podman.sock";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// An engine that is there says its version in milliseconds; no lock is taken for it.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// As for the API: a list waits for containers that are being checkpointed.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);

/// One event is some hundred bytes; labels can make it longer.
const LONGEST_EVENT: usize = 64 * 1024;

/// Details are asked for one container at a time; a host with very many gets them over several lists.
const MOST_INSPECTIONS: usize = 64;

/// Something happened to this container, or to one that the engine did not name.
pub(super) type Happened = Result<Option<ContainerId>, String>;

/// What only an inspection of a running container tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Details {
    pid: Option<u32>,
    started: Option<i64>,
}

/// Details that are known already, of containers to which nothing has happened since.
pub(super) type Known = BTreeMap<ContainerId, Details>;

/// One way to learn about a host's containers.
#[derive(Clone)]
pub(super) enum Source {
    /// An engine's API.
    Api(Docker),
    /// `podman ps` and `podman events`.
    PodmanCommands(Arc<dyn Remote>),
    /// `runc list`, which knows no events.
    RuncCommand(Arc<dyn Remote>),
}

impl Source {
    /// Finds the best source that answers: a socket first, commands where there is none.
    pub async fn find(remote: &Arc<dyn Remote>, engine: Engine) -> Result<Self, String> {
        match engine {
            Engine::Podman => Ok(match by_socket(remote, PODMAN_SOCKET).await {
                Ok(source) => source,
                Err(_) => Self::PodmanCommands(Arc::clone(remote)),
            }),
            Engine::Docker => by_socket(remote, DOCKER_SOCKET).await.map_err(|cause| {
                format!(
                    "Docker does not answer at {DOCKER_SOCKET} ({cause}); \
                     is the daemon running (systemctl status docker)?"
                )
            }),
            Engine::Runc => Ok(Self::RuncCommand(Arc::clone(remote))),
            Engine::Auto => {
                if let Ok(source) = by_socket(remote, PODMAN_SOCKET).await {
                    return Ok(source);
                }
                if run(&**remote, &Command::new("podman").argument("--version")).await.is_ok() {
                    return Ok(Self::PodmanCommands(Arc::clone(remote)));
                }
                by_socket(remote, DOCKER_SOCKET).await.map_err(|cause| {
                    format!(
                        "there is neither Podman nor a Docker daemon ({DOCKER_SOCKET}: {cause}); \
                         install one, or name the host's engine in the fleet file"
                    )
                })
            }
        }
    }

    /// Lists all containers. Takes details that are known and gives back those that are known now.
    pub async fn list(self, known: Known) -> Result<(Vec<Container>, Known), String> {
        match self {
            Self::Api(docker) => list_by_api(&docker, known).await,
            Self::PodmanCommands(remote) => {
                let command = Command::new("podman").arguments(["ps", "--all", "--format", "json"]);
                let output = run(&*remote, &command).await?;
                Ok((podman_containers(&output)?, known))
            }
            Self::RuncCommand(remote) => {
                let output =
                    run(&*remote, &Command::new("runc").arguments(["list", "--format", "json"])).await?;
                Ok((runc_containers(&output)?, known))
            }
        }
    }

    /// Follows the engine's events; none where the engine has none.
    pub fn events(&self) -> Option<BoxStream<'static, Happened>> {
        match self {
            Self::Api(docker) => {
                let filters = HashMap::from([("type", vec!["container"])]);
                let options = EventsOptionsBuilder::new().filters(&filters).build();
                let events = docker.events(Some(options)).filter_map(|event| async move {
                    let event = match event {
                        Ok(event) => event,
                        Err(error) => return Some(Err(reason(&error))),
                    };
                    let action = event.action.unwrap_or_default();
                    changes_the_list(&action)
                        .then(|| Ok(event.actor.and_then(|actor| container_id(actor.id?))))
                });
                Some(events.boxed())
            }
            Self::PodmanCommands(remote) => Some(podman_events(Arc::clone(remote)).boxed()),
            Self::RuncCommand(_) => None,
        }
    }
}

/// The engine behind a socket, if it says its version.
async fn by_socket(remote: &Arc<dyn Remote>, socket: &str) -> Result<Source, String> {
    let version = async {
        let docker = docker_client(Arc::clone(remote), socket).map_err(|error| reason(&error))?;
        docker.negotiate_version().await.map_err(|error| reason(&error))
    };
    match tokio::time::timeout(VERSION_TIMEOUT, version).await {
        Ok(docker) => docker.map(Source::Api),
        Err(_) => Err(format!("no answer within {} s", VERSION_TIMEOUT.as_secs())),
    }
}

/// Health checks and commands in a container are events too, and change nothing that is listed.
fn changes_the_list(action: &str) -> bool {
    !["exec", "health", "top", "attach", "resize", "stats"].iter().any(|other| action.starts_with(other))
}

async fn list_by_api(docker: &Docker, known: Known) -> Result<(Vec<Container>, Known), String> {
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let summaries = docker.list_containers(Some(options)).await.map_err(|error| reason(&error))?;
    let mut details = Known::new();
    let mut containers = Vec::new();
    let mut inspections = 0;
    for summary in summaries {
        let Some(id) = summary.id.and_then(container_id) else { continue };
        let status = status(&summary.state.map(|state| state.to_string()).unwrap_or_default());
        let mut container = Container {
            name: name(summary.names.unwrap_or_default(), &id),
            image: summary.image.unwrap_or_default(),
            status,
            created: summary.created.unwrap_or_default(),
            started: None,
            pid: None,
            labels: summary.labels.unwrap_or_default().into_iter().collect(),
            id,
        };
        if matches!(status, ContainerStatus::Running | ContainerStatus::Paused) {
            let found = match known.get(&container.id) {
                Some(known) => Some(*known),
                None if inspections < MOST_INSPECTIONS => {
                    inspections += 1;
                    inspect(docker, &container.id).await
                }
                None => None,
            };
            if let Some(found) = found {
                (container.pid, container.started) = (found.pid, found.started);
                details.insert(container.id.clone(), found);
            }
        }
        containers.push(container);
    }
    Ok((containers, details))
}

/// Left alone, `podman events` would stay on the host until it next has something to write. Here it ends with
/// standard input, that is with the connection.
const PODMAN_EVENTS: &str = r#"
exec 3<&0
podman events --filter type=container --format json </dev/null &
events=$!
{ while read -r line; do :; done; kill "$events"; } <&3 >/dev/null 2>&1 &
guard=$!
wait "$events"
kill "$guard" 2>/dev/null
"#;

/// A container that cannot be inspected (removed meanwhile, say) is listed without details.
async fn inspect(docker: &Docker, id: &ContainerId) -> Option<Details> {
    let state = docker.inspect_container(&id.0, None::<InspectContainerOptions>).await.ok()?.state?;
    Some(Details {
        pid: state.pid.and_then(pid),
        started: state
            .started_at
            .and_then(|at| at.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_second),
    })
}

fn podman_events(remote: Arc<dyn Remote>) -> impl Stream<Item = Happened> + Send {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "ID", alias = "Id")]
        id: Option<String>,
        #[serde(rename = "Status", default)]
        action: String,
    }
    let start = async move {
        let no_arguments: [&str; 0] = [];
        match remote.spawn(&Command::script(PODMAN_EVENTS, no_arguments)).await {
            Ok(Process { stdin, stdout, ended }) => {
                let lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(LONGEST_EVENT));
                // Standard input and the end are kept as long as the events are wanted.
                stream::unfold((lines, stdin, ended), |mut state| async move {
                    let happened = state.0.next().await?.map_err(|error| error.to_string());
                    Some((happened, state))
                })
                .boxed()
            }
            Err(error) => stream::iter([Err(error.to_string())]).boxed(),
        }
    };
    stream::once(start).flatten().filter_map(|line| async move {
        let event = match line.map(|line| serde_json::from_str::<Event>(&line)) {
            Ok(Ok(event)) => event,
            // A line that is no event says at least that something happened.
            Ok(Err(_)) => return Some(Ok(None)),
            Err(cause) => return Some(Err(cause)),
        };
        changes_the_list(&event.action).then(|| Ok(event.id.and_then(container_id)))
    })
}

async fn run(remote: &dyn Remote, command: &Command) -> Result<Vec<u8>, String> {
    match tokio::time::timeout(LIST_TIMEOUT, remote.run(command)).await {
        Ok(output) => output.map_err(|error| error.to_string()),
        Err(_) => Err(format!("“{command}” has not answered for {} s", LIST_TIMEOUT.as_secs())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PodmanContainer {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    state: Option<String>,
    created: Option<i64>,
    started_at: Option<i64>,
    pid: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
}

fn podman_containers(output: &[u8]) -> Result<Vec<Container>, String> {
    let listed: Vec<PodmanContainer> = serde_json::from_slice(output)
        .map_err(|error| format!("the list of “podman ps” cannot be understood: {error}"))?;
    let container = |listed: PodmanContainer| {
        let id = container_id(listed.id)?;
        Some(Container {
            name: name(listed.names.unwrap_or_default(), &id),
            image: listed.image.unwrap_or_default(),
            status: status(&listed.state.unwrap_or_default()),
            created: listed.created.unwrap_or_default(),
            // Go's zero time, of a container that was never started, lies before 1970.
            started: listed.started_at.filter(|at| *at > 0),
            pid: listed.pid.and_then(pid),
            labels: listed.labels.unwrap_or_default(),
            id,
        })
    };
    Ok(listed.into_iter().filter_map(container).collect())
}

#[derive(Deserialize)]
struct RuncContainer {
    id: String,
    pid: Option<i64>,
    status: Option<String>,
    bundle: Option<String>,
    created: Option<jiff::Timestamp>,
    annotations: Option<BTreeMap<String, String>>,
}

fn runc_containers(output: &[u8]) -> Result<Vec<Container>, String> {
    // Without containers runc prints “null”.
    let listed: Option<Vec<RuncContainer>> = serde_json::from_slice(output)
        .map_err(|error| format!("the list of “runc list” cannot be understood: {error}"))?;
    let container = |listed: RuncContainer| {
        let id = container_id(listed.id)?;
        Some(Container {
            name: id.0.clone(),
            image: listed.bundle.unwrap_or_default(),
            status: status(&listed.status.unwrap_or_default()),
            created: listed.created.map(jiff::Timestamp::as_second).unwrap_or_default(),
            started: None,
            pid: listed.pid.and_then(pid),
            labels: listed.annotations.unwrap_or_default(),
            id,
        })
    };
    Ok(listed.unwrap_or_default().into_iter().filter_map(container).collect())
}

fn status(state: &str) -> ContainerStatus {
    match state {
        "running" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "created" | "configured" | "initialized" => ContainerStatus::Created,
        "exited" | "stopped" => ContainerStatus::Exited,
        _ => ContainerStatus::Other,
    }
}

fn pid(pid: i64) -> Option<u32> {
    u32::try_from(pid).ok().filter(|pid| *pid > 0)
}

/// Ids go back to the host as arguments and into paths: only what an engine makes is taken for one.
fn container_id(id: String) -> Option<ContainerId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let starts_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    (starts_well && id.len() <= 128 && id.bytes().all(allowed)).then_some(ContainerId(id))
}

/// The first name, without the slash that the API puts before it.
fn name(names: Vec<String>, id: &ContainerId) -> String {
    let name = names.into_iter().next().unwrap_or_else(|| id.short().to_string());
    name.strip_prefix('/').map_or(name.clone(), str::to_string)
}

/// An API error with what lies beneath it, for hyper's own words are only “client error (Connect)”.
fn reason(error: &bollard::errors::Error) -> String {
    if matches!(error, bollard::errors::Error::RequestTimeoutError) {
        return "the engine has not answered for two minutes; a checkpoint under way makes it wait, \
                else it needs a restart"
            .into();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let deeper_text = deeper.to_string();
        if !text.contains(&deeper_text) {
            text = format!("{text}: {deeper_text}");
        }
        cause = deeper.source();
    }
    printable(&text)
}

#[cfg(test)]
mod tests;
