//! Looks at both hosts of a move, in as few round trips as it takes, without touching anything.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::MigrateError;
use super::event::{Publish, Request};
use super::journal::Journal;
use super::networks;
use super::preflight::{Destination, Image, Source};
use super::probe::{Belongings, probe};
use crate::engine::{Engine, EngineError, Inspected, Mount, Podman};
use crate::fleet::{HostName, printable};
use crate::ssh::{Command, Remote, RemoteError};

/// How a migration reaches the hosts of the fleet.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// A connection for this migration alone: its streams must not slow the watching of the host.
    async fn connect(&self, host: &HostName) -> Result<Arc<dyn Remote>, RemoteError>;

    /// The names of all hosts of the fleet.
    fn names(&self) -> Vec<HostName>;

    /// Where migrations are written down; none where nothing is real, or where it cannot be opened.
    async fn journal(&self) -> Option<Arc<Journal>> {
        None
    }

    /// Memory that must stay available on a host, bytes.
    fn memory_reserve(&self, host: &HostName) -> u64;
}

/// Refuses what no look at the hosts could make possible.
pub fn sensible(request: &Request, hosts: &dyn Hosts) -> Result<(), MigrateError> {
    let names = hosts.names();
    for host in [&request.from, &request.to] {
        if !names.contains(host) {
            let known: Vec<&str> = names.iter().map(HostName::as_str).collect();
            return Err(MigrateError::Refused(format!(
                "there is no host “{host}” in the fleet file; known are {}",
                known.join(", ")
            )));
        }
    }
    if request.from == request.to {
        return Err(MigrateError::Refused(format!("{} is both source and destination", request.from)));
    }
    Ok(())
}

/// A host with its engine.
pub struct Party {
    /// The connection.
    pub remote: Arc<dyn Remote>,
    /// The engine.
    pub engine: Arc<dyn Engine>,
}

impl Party {
    /// Connects to a host and finds its engine.
    pub async fn reach(hosts: &dyn Hosts, host: &HostName) -> Result<Self, RemoteError> {
        let remote = hosts.connect(host).await?;
        let engine = Arc::new(Podman::new(remote.clone()).await);
        Ok(Self { remote, engine })
    }

    /// The host's name.
    pub fn host(&self) -> &HostName {
        self.remote.host()
    }
}

/// Everything that the checks judge.
pub async fn survey(
    request: &Request,
    from: &Party,
    to: &Party,
    memory_reserve: u64,
) -> Result<(Source, Destination), MigrateError> {
    let mut container = from.engine.inspect(&request.container).await?.ok_or_else(|| {
        MigrateError::Refused(format!(
            "{}: there is no container “{}”; “drover ps --host {}” lists what is there",
            request.from,
            printable(&request.container),
            request.from
        ))
    })?;
    container.ports = Publish::remapped(&request.publish, container.ports);
    let volume_directories: Vec<&str> = container
        .mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Volume { source, .. } => Some(source.as_str()),
            _ => None,
        })
        .collect();
    let seen = Some(Belongings { pid: container.pid, upper: &container.upper, volumes: &volume_directories });
    let (
        source_facts,
        source_version,
        facts,
        version,
        namesakes,
        image,
        volumes,
        networks,
        missing_binds,
        missing_secrets,
        network_plans,
    ) = tokio::try_join!(
        async { probe(&*from.remote, seen).await.map_err(MigrateError::from) },
        async { from.engine.version().await.map_err(MigrateError::from) },
        async { probe(&*to.remote, None).await.map_err(MigrateError::from) },
        async { to.engine.version().await.map_err(MigrateError::from) },
        async { namesakes(to, &container).await.map_err(MigrateError::from) },
        async { image(to, &container.image_id, &container.image_name).await.map_err(MigrateError::from) },
        async { volumes(to, &container.mounts).await.map_err(MigrateError::from) },
        async { addresses(to, &container).await.map_err(MigrateError::from) },
        async { missing_binds(to, &container.mounts).await.map_err(MigrateError::from) },
        async { missing_secrets(to, &container.secrets).await.map_err(MigrateError::from) },
        networks::plan(from, to, &container),
    )?;
    let source = Source {
        host: request.from.clone(),
        version: source_version,
        facts: source_facts,
        container,
        tcp: request.tcp,
    };
    let destination = Destination {
        host: request.to.clone(),
        version,
        facts,
        memory_reserve,
        namesake: namesakes,
        image,
        volumes,
        networks,
        missing_binds,
        missing_secrets,
        network_plans,
    };
    Ok((source, destination))
}

/// The name of a container at the destination that has our container's name or id.
async fn namesakes(to: &Party, container: &Inspected) -> Result<Option<String>, EngineError> {
    let (by_name, by_id) =
        tokio::try_join!(to.engine.inspect(&container.name), to.engine.inspect(&container.id.0))?;
    Ok(by_name.or(by_id).map(|other| other.name))
}

async fn image(to: &Party, id: &str, name: &str) -> Result<Image, EngineError> {
    let (by_id, by_name) = tokio::try_join!(to.engine.has_image(id), async {
        if name.is_empty() { Ok(None) } else { to.engine.image_id(name).await }
    })?;
    Ok(match (by_id, by_name) {
        (true, Some(_)) => Image::Present,
        (true, None) if name.is_empty() => Image::Present,
        // Podman looks for the name when it restores, and asks a registry for it when it is missing.
        (true, None) => Image::Tag,
        (false, None) => Image::Ship,
        (false, Some(_)) => Image::ShipNameless,
    })
}

async fn volumes(to: &Party, mounts: &[Mount]) -> Result<Vec<String>, EngineError> {
    let mut present = Vec::new();
    for mount in mounts {
        if let Mount::Volume { name, .. } = mount
            && to.engine.has_volume(name).await?
        {
            present.push(name.clone());
        }
    }
    Ok(present)
}

async fn missing_secrets(to: &Party, secrets: &[String]) -> Result<Vec<String>, EngineError> {
    let mut missing = Vec::new();
    for secret in secrets {
        if !to.engine.has_secret(secret).await? {
            missing.push(secret.clone());
        }
    }
    Ok(missing)
}

async fn addresses(
    to: &Party,
    container: &Inspected,
) -> Result<Vec<(String, Option<Vec<String>>)>, EngineError> {
    let mut networks = Vec::new();
    // “host” and “none” are no networks that somebody has to create.
    if container.network_mode != "bridge" {
        return Ok(networks);
    }
    for (name, _) in &container.networks {
        networks.push((name.clone(), to.engine.addresses(name).await?));
    }
    Ok(networks)
}

async fn missing_binds(to: &Party, mounts: &[Mount]) -> Result<Vec<String>, RemoteError> {
    let sources: Vec<&str> = mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Bind { source, .. } => Some(source.as_str()),
            _ => None,
        })
        .collect();
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let script = "for path; do [ -e \"$path\" ] || printf '%s\\0' \"$path\"; done";
    let output = to.remote.run(&Command::script(script, sources)).await?;
    let missing = output.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(missing.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}
