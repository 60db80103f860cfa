//! Looks at both hosts of a move, in as few round trips as it takes, without touching anything.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::error::MigrateError;
use super::event::{Publish, Request};
use super::journal::Journal;
use super::networks;
use super::preflight::{Destination, Image, Source, may_override};
use super::probe::{FileKind, HostFacts, Looking, Sight, Wanted, remember};
use crate::engine::{Answer, Engine, EngineError, Inspected, Mount, Network, NetworkFacts, Podman, Question};
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

    /// The file of this machine in which is kept what was seen of a host; none keeps nothing.
    fn notes(&self, _host: &HostName) -> Option<PathBuf> {
        None
    }

    /// What was seen of a host before.
    async fn remembered(&self, host: &HostName) -> Option<HostFacts> {
        Some(remember::recall(&self.notes(host)?).await?.facts)
    }

    /// Keeps what was seen of a host.
    async fn remember(&self, host: &HostName, facts: &HostFacts) {
        if let Some(file) = self.notes(host) {
            remember::keep(&file, facts, jiff::Timestamp::now().as_second()).await;
        }
    }
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
    for id in &request.overrides {
        may_override(id).map_err(MigrateError::Refused)?;
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

/// Everything that the checks judge. Both hosts are looked at at once, by one command each; the destination's waits on
/// its standard input for what only the source knows.
pub async fn survey(
    request: &Request,
    from: &Party,
    to: &Party,
    hosts: &dyn Hosts,
) -> Result<(Source, Destination), MigrateError> {
    let epoch = Instant::now();
    let (known_here, known_there) =
        tokio::join!(hosts.remembered(&request.from), hosts.remembered(&request.to));
    let wanted = Wanted { socket: to.engine.glance(&[]).map(|glance| glance.socket), ..Wanted::default() };
    let (looking, seen, here, there) = tokio::try_join!(
        async { Looking::begin(&*to.remote, &wanted, known_there).await.map_err(MigrateError::from) },
        look_at_source(request, from, known_here, epoch),
        async { from.engine.version().await.map_err(MigrateError::from) },
        async { to.engine.version().await.map_err(MigrateError::from) },
    )?;
    let (mut container, ours, here_seen) = seen;
    container.ports = Publish::remapped(&request.publish, container.ports);
    let questions = questions(&container);
    let paths = binds(&container);
    let mut lines = vec![format!("id {}", container.id.0)];
    lines.extend(paths.iter().map(|path| format!("file {path}")));
    let glance = to.engine.glance(&questions);
    lines.extend(glance.iter().flat_map(|glance| &glance.urls).map(|url| format!("ask {url}")));
    let (sight, here_kinds) =
        tokio::try_join!(looking.end(&*to.remote, &lines, epoch), kinds(&*from.remote, &paths))?;
    let answers = answers(to, &questions, &sight).await?;
    tokio::join!(hosts.remember(&request.from, &here_seen.facts), hosts.remember(&request.to, &sight.facts));
    let source = Source {
        host: request.from.clone(),
        version: here,
        facts: here_seen.facts,
        scan: here_seen.scan,
        took: here_seen.took,
        binds: paths.iter().cloned().zip(here_kinds).collect(),
        tcp: request.tcp,
        container,
    };
    let told = told(&source.container, questions.into_iter().zip(answers));
    let on = |network: &Network| source.container.networks.iter().any(|(name, _)| *name == network.name);
    let needed = ours.into_iter().filter(on).collect();
    let destination = Destination {
        host: request.to.clone(),
        version: there,
        facts: sight.facts,
        memory_reserve: hosts.memory_reserve(&request.to),
        namesake: told.namesake,
        twin: told.twin,
        left_over: sight.left_over,
        image: told.image,
        volumes: told.volumes,
        networks: told.networks,
        network_plans: networks::plan(to, needed, &told.all_networks).await?,
        missing_secrets: told.missing_secrets,
        binds: paths.into_iter().zip(sight.files).collect(),
        took: sight.took,
    };
    Ok((source, destination))
}

/// The source with its container and its networks: by one command where the engine can be asked from there.
async fn look_at_source(
    request: &Request,
    from: &Party,
    known: Option<HostFacts>,
    epoch: Instant,
) -> Result<(Inspected, Vec<Network>, Sight), MigrateError> {
    let questions = [Question::Container(request.container.clone()), Question::Networks];
    if let Some(glance) = from.engine.glance(&questions) {
        let wanted = Wanted { socket: Some(glance.socket), urls: glance.urls, container: None };
        let looking = Looking::begin(&*from.remote, &wanted, known.clone()).await?;
        let sight = looking.end(&*from.remote, &[], epoch).await?;
        if let [(found, container), (listed, networks)] = sight.answers.as_slice()
            && *found != 0
            && *listed != 0
        {
            let [container_asked, networks_asked] = &questions;
            let Answer::Container(Some(container)) =
                from.engine.understand(container_asked, *found, container)?
            else {
                return Err(absent(request));
            };
            let networks = match is_on_networks(&container) {
                true => from.engine.understand(networks_asked, *listed, networks)?,
                false => Answer::Networks(Vec::new()),
            };
            if let Answer::Networks(networks) = networks {
                return Ok((*container, networks, sight));
            }
        }
    }
    let container = from.engine.inspect(&request.container).await?.ok_or_else(|| absent(request))?;
    let volumes = container.mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { source, .. } => Some(source.clone()),
        _ => None,
    });
    let places = (container.pid, container.upper.clone(), volumes.collect());
    let wanted = Wanted { container: Some(places), ..Wanted::default() };
    let looking = Looking::begin(&*from.remote, &wanted, known).await?;
    let (sight, networks) = tokio::try_join!(
        async { looking.end(&*from.remote, &[], epoch).await.map_err(MigrateError::from) },
        async {
            match is_on_networks(&container) {
                true => from.engine.networks().await.map_err(MigrateError::from),
                false => Ok(Vec::new()),
            }
        },
    )?;
    Ok((container, networks, sight))
}

fn absent(request: &Request) -> MigrateError {
    MigrateError::Absent(format!(
        "{}: there is no container “{}”; “drover ps --host {}” lists what is there",
        request.from,
        printable(&request.container),
        request.from
    ))
}

/// What is asked at the destination.
fn questions(container: &Inspected) -> Vec<Question> {
    let mut questions = vec![
        Question::Container(container.name.clone()),
        Question::Container(container.id.0.clone()),
        Question::Image(container.image_id.clone()),
    ];
    if !container.image_name.is_empty() {
        questions.push(Question::Image(container.image_name.clone()));
    }
    questions.extend(container.mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { name, .. } => Some(Question::Volume(name.clone())),
        _ => None,
    }));
    questions.extend(container.secrets.iter().cloned().map(Question::Secret));
    if is_on_networks(container) {
        questions.extend(container.networks.iter().map(|(name, _)| Question::Network(name.clone())));
        questions.push(Question::Networks);
    }
    questions
}

/// Whether it needs networks of the engine: “host” and “none” are none that somebody has to make.
fn is_on_networks(container: &Inspected) -> bool {
    container.network_mode == "bridge" && !container.networks.is_empty()
}

/// The answers that came with the look, or else those that the engine gives to us.
async fn answers(to: &Party, questions: &[Question], sight: &Sight) -> Result<Vec<Answer>, EngineError> {
    let whole = sight.answers.len() == questions.len() && sight.answers.iter().all(|(code, _)| *code != 0);
    if whole {
        let both = questions.iter().zip(&sight.answers);
        return both.map(|(question, (code, body))| to.engine.understand(question, *code, body)).collect();
    }
    futures::future::try_join_all(questions.iter().map(|question| to.engine.answer(question))).await
}

/// What the engine at the destination says.
#[derive(Default)]
struct Told {
    namesake: Option<String>,
    twin: Option<String>,
    image: Image,
    volumes: Vec<String>,
    networks: Vec<(String, Option<NetworkFacts>)>,
    all_networks: Vec<Network>,
    missing_secrets: Vec<String>,
}

fn told(container: &Inspected, answers: impl Iterator<Item = (Question, Answer)>) -> Told {
    let mut destination = Told::default();
    let (mut by_id, mut by_name) = (None, None);
    for (question, answer) in answers {
        match (question, answer) {
            (Question::Container(asked), Answer::Container(found)) => {
                let found = found.map(|found| found.name);
                if asked == container.id.0 {
                    destination.twin = found;
                } else {
                    destination.namesake = found;
                }
            }
            (Question::Image(asked), Answer::Image(found)) => {
                if asked == container.image_id {
                    by_id = found
                } else {
                    by_name = found
                }
            }
            (Question::Volume(name), Answer::Volume(true)) => destination.volumes.push(name),
            (Question::Network(name), Answer::Network(facts)) => destination.networks.push((name, facts)),
            (Question::Networks, Answer::Networks(all)) => destination.all_networks = all,
            (Question::Secret(name), Answer::Secret(false)) => destination.missing_secrets.push(name),
            _ => {}
        }
    }
    destination.image = match (by_id.is_some(), by_name) {
        (true, Some(_)) => Image::Present,
        (true, None) if container.image_name.is_empty() => Image::Present,
        // Podman looks for the name when it restores, and asks a registry for it when it is missing.
        (true, None) => Image::Tag,
        (false, None) => Image::Ship,
        (false, Some(_)) => Image::ShipNameless,
    };
    destination
}

/// The host's paths of a container's bind mounts.
fn binds(container: &Inspected) -> Vec<String> {
    let binds = container.mounts.iter().filter_map(|mount| match mount {
        Mount::Bind { source, .. } => Some(source.clone()),
        _ => None,
    });
    binds.collect()
}

/// What is at some paths, when there are any.
async fn kinds(remote: &dyn Remote, paths: &[String]) -> Result<Vec<FileKind>, RemoteError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let script = "for path; do [ -d \"$path\" ] && echo d || { [ -f \"$path\" ] && echo f; } ||
        { [ -S \"$path\" ] && echo s; } || { [ -e \"$path\" ] && echo o; } || echo m; done";
    let output = remote.run(&Command::script(script, paths.iter().cloned())).await?;
    let kind = |byte: &u8| match byte {
        b'd' => Some(FileKind::Directory),
        b'f' => Some(FileKind::File),
        b's' => Some(FileKind::Socket),
        b'o' => Some(FileKind::Other),
        b'm' => Some(FileKind::Missing),
        _ => None,
    };
    Ok(output.iter().filter_map(kind).collect())
}
