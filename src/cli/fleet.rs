//! `drover fleet check`, `drover hosts`, `drover ps`: what there is, without a console.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

use super::exit::Exit;
use super::reach::FleetHosts;
use super::table;
use crate::engine::{Engine, EngineFacts, Podman};
use crate::fleet::{Container, ContainerStatus, Fleet, HostName, HostSpec, bytes, printable};
use crate::migrate::{HostFacts, Hosts, probe};
use crate::ssh::{Connector, Purpose, Remote, TerminalPrompter};
use crate::watch::WatchMessage;

/// How long the containers of one host may take to be listed. Podman's list waits for containers that are being
/// checkpointed, which takes seconds for each GiB.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);

/// One host as it was found.
#[derive(Serialize)]
struct Found {
    host: HostName,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<HostFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<EngineFacts>,
    /// What is wrong and what to do.
    problems: Vec<String>,
    #[serde(skip)]
    reached: bool,
}

fn hosts_of(fleet: &Arc<Fleet>) -> Arc<FleetHosts> {
    let prompter = Arc::new(TerminalPrompter::new());
    Arc::new(FleetHosts::new(fleet.clone(), Connector::new(), prompter).with_notes())
}

/// Looks at every host at once; the answer is in the file's order.
async fn look(fleet: &Arc<Fleet>) -> Vec<Found> {
    let hosts = hosts_of(fleet);
    let tasks: Vec<_> = fleet
        .hosts
        .iter()
        .cloned()
        .map(|spec| {
            let hosts = hosts.clone();
            tokio::spawn(async move { look_at(&hosts, spec).await })
        })
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.extend(task.await.ok());
    }
    found
}

async fn look_at(hosts: &FleetHosts, spec: HostSpec) -> Found {
    let mut found = Found {
        host: spec.name.clone(),
        address: spec.address.clone(),
        facts: None,
        engine: None,
        problems: Vec::new(),
        reached: false,
    };
    let remote: Arc<dyn Remote> = match hosts.reach(&spec, Purpose::Commands).await {
        Ok(connection) => Arc::new(connection),
        Err(error) => {
            found.problems.push(error.to_string());
            return found;
        }
    };
    found.reached = true;
    match probe(&*remote, hosts.remembered(&spec.name).await).await {
        Ok(facts) => {
            hosts.remember(&spec.name, &facts).await;
            found.problems.extend(facts.problems());
            found.facts = Some(facts);
        }
        Err(error) => found.problems.push(error.to_string()),
    }
    match Podman::new(remote.clone()).await.facts().await {
        Ok(engine) => {
            if !engine.rootful {
                found
                    .problems
                    .push("Podman runs without root, and CRIU needs root: log in as root or set sudo".into());
            }
            found.engine = Some(engine);
        }
        Err(error) => found.problems.push(error.to_string()),
    }
    found
}

impl Found {
    fn engine_words(&self) -> String {
        match (&self.engine, &self.facts) {
            (Some(engine), Some(facts)) => printable(&format!(
                "Podman {} ({}), CRIU {}",
                engine.version,
                engine.runtime,
                if facts.criu.is_empty() { "missing" } else { &facts.criu }
            )),
            _ => "–".into(),
        }
    }
}

/// `drover fleet check`.
pub async fn check(fleet: Arc<Fleet>) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout();
    writeln!(out, "{}: {} hosts, no mistakes", fleet.path.display(), fleet.hosts.len())?;
    let found = look(&fleet).await;
    for host in &found {
        if host.problems.is_empty() {
            let facts = host.facts.as_ref();
            let kernel = facts.map(|facts| printable(&format!("{} {}", facts.architecture, facts.kernel)));
            writeln!(
                out,
                "{}: good. {}, {}, {} of {} available",
                host.host,
                host.engine_words(),
                kernel.unwrap_or_default(),
                bytes(facts.map_or(0, |facts| facts.memory_available)),
                bytes(facts.map_or(0, |facts| facts.memory_total)),
            )?;
        } else {
            writeln!(out, "{}: {}", host.host, host.problems.join("; "))?;
        }
    }
    Ok(verdict(&found))
}

fn verdict(found: &[Found]) -> Exit {
    if found.iter().any(|host| !host.reached) {
        Exit::Unreachable
    } else if found.iter().any(|host| !host.problems.is_empty()) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// `drover hosts`.
pub async fn hosts(fleet: Arc<Fleet>, json: bool) -> anyhow::Result<Exit> {
    let found = look(&fleet).await;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
        return Ok(verdict(&found));
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|host| {
            let memory = host
                .facts
                .as_ref()
                .map(|facts| format!("{} of {}", bytes(facts.memory_available), bytes(facts.memory_total)));
            vec![
                host.host.to_string(),
                printable(&host.address),
                if host.reached { "live" } else { "unreachable" }.into(),
                memory.unwrap_or_else(|| "–".into()),
                host.engine_words(),
                host.problems.join("; "),
            ]
        })
        .collect();
    for line in table::lines(&["HOST", "ADDRESS", "STATE", "MEMORY AVAILABLE", "ENGINE", "PROBLEMS"], &rows) {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(verdict(&found))
}

/// The containers of one host, by the same task that the console uses.
async fn list(hosts: &FleetHosts, spec: &HostSpec) -> Result<Vec<Container>, String> {
    let connection = hosts.reach(spec, Purpose::Commands).await.map_err(|error| error.to_string())?;
    let (sender, mut messages) = mpsc::channel(4);
    let listing = crate::watch::containers(Arc::new(connection), spec.engine, sender);
    tokio::pin!(listing);
    let answer = async {
        while let Some(message) = messages.recv().await {
            match message {
                WatchMessage::Containers(containers) => return Ok(containers),
                WatchMessage::ContainersUnknown { cause } => return Err(cause),
                _ => {}
            }
        }
        Err("the list did not come".into())
    };
    tokio::select! {
        answer = tokio::time::timeout(LIST_TIMEOUT, answer) => {
            answer.unwrap_or_else(|_| Err(format!("no list within {} s", LIST_TIMEOUT.as_secs())))
        }
        end = &mut listing => Err(end.to_string()),
    }
}

#[derive(Serialize)]
struct Listed {
    host: HostName,
    #[serde(flatten)]
    container: Container,
}

/// `drover ps`.
pub async fn ps(fleet: Arc<Fleet>, only: Option<HostName>, json: bool) -> anyhow::Result<Exit> {
    let specs: Vec<HostSpec> = match &only {
        None => fleet.hosts.clone(),
        Some(name) => match fleet.host(name) {
            Some(spec) => vec![spec.clone()],
            None => anyhow::bail!("there is no host “{name}” in {}", fleet.path.display()),
        },
    };
    let hosts = hosts_of(&fleet);
    let tasks: Vec<_> = specs
        .into_iter()
        .map(|spec| {
            let hosts = hosts.clone();
            tokio::spawn(async move {
                let list = list(&hosts, &spec).await;
                (spec.name, list)
            })
        })
        .collect();
    let (mut listed, mut exit) = (Vec::new(), Exit::Done);
    for task in tasks {
        match task.await {
            Ok((host, Ok(containers))) => {
                listed
                    .extend(containers.into_iter().map(|container| Listed { host: host.clone(), container }));
            }
            Ok((host, Err(cause))) => {
                writeln!(std::io::stderr(), "{host}: {cause}")?;
                exit = Exit::Unreachable;
            }
            Err(_) => exit = Exit::Failed,
        }
    }
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&listed)?)?;
        return Ok(exit);
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|Listed { host, container }| {
            vec![
                host.to_string(),
                printable(&container.name),
                status(container.status).into(),
                printable(&container.image),
                container.id.short().into(),
            ]
        })
        .collect();
    for line in table::lines(&["HOST", "NAME", "STATUS", "IMAGE", "ID"], &rows) {
        writeln!(out, "{line}")?;
    }
    Ok(exit)
}

fn status(status: ContainerStatus) -> &'static str {
    match status {
        ContainerStatus::Running => "running",
        ContainerStatus::Paused => "paused",
        ContainerStatus::Created => "created",
        ContainerStatus::Exited => "exited",
        ContainerStatus::Other => "other",
    }
}
