//! Podman, rootful: its API where the host has the socket (a question costs some milliseconds), its command
//! line everywhere else (each call costs about 0.1 s), and shell scripts for what must outlive a connection.

mod glance;
mod inspect;
mod metadata;
mod network;
mod particulars;
mod two_phase;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::api::{ask, greet, segment};
use super::{
    Address, Answer, Arrival, Codec, Connections, Engine, EngineError, EngineFacts, Glance, Inspected,
    Network, Question, Size, Volume,
};
use crate::fleet::{ContainerId, printable};
use crate::ssh::{Command, Remote};

/// Where `podman system service` of root listens.
pub const SOCKET: &str = "/run/podman/podman.sock";

/// The API's path prefix; every Podman since 4.0 answers it.
const API: &str = "/v4.0.0/libpod";

/// What ends a departure, at once or on guard.
const STAY: &str = concat!(include_str!("source.sh"), include_str!("stay.sh"));

/// How long the socket may take to greet. It answers in some 20 ms; one that accepts and never answers must not
/// keep a frozen container waiting.
const GREETING: Duration = Duration::from_secs(5);

/// How this host's Podman is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through its socket.
    Socket,
    /// Through its command line.
    CommandLine,
}

/// The options of a restore that publish other ports.
fn publish(arrival: &Arrival) -> impl Iterator<Item = String> + '_ {
    arrival.published.iter().flat_map(|port| ["--publish".to_owned(), port.clone()])
}

/// Podman on one host.
pub struct Podman {
    remote: Arc<dyn Remote>,
    way: Way,
    /// As the socket's greeting says it.
    version: Option<String>,
}

impl Podman {
    /// Finds out whether the host has the API socket.
    pub async fn new(remote: Arc<dyn Remote>) -> Self {
        let path = format!("{API}/_ping");
        let greeting = tokio::time::timeout(GREETING, greet(&*remote, SOCKET, &path, "Libpod-API-Version"));
        match greeting.await {
            Ok(Ok(version)) => Self { remote, way: Way::Socket, version },
            Ok(Err(_)) | Err(_) => Self { remote, way: Way::CommandLine, version: None },
        }
    }

    /// The socket where it is there and worth its price.
    fn socket(&self, size: Size) -> &'static str {
        match (self.way, size) {
            (Way::Socket, Size::Small) => SOCKET,
            _ => "",
        }
    }

    fn unreadable(&self, question: &'static str, cause: impl ToString) -> EngineError {
        EngineError::Unreadable {
            host: self.remote.host().clone(),
            engine: self.name(),
            question,
            cause: cause.to_string(),
        }
    }

    fn refused(&self, cause: &str) -> EngineError {
        EngineError::Refused {
            host: self.remote.host().clone(),
            engine: self.name(),
            cause: printable(cause.trim()),
        }
    }

    /// Asks the API; a 404 is `None`.
    async fn get(&self, question: &'static str, path: &str) -> Result<Option<Value>, EngineError> {
        let (status, body) = ask(&*self.remote, SOCKET, Method::GET, &format!("{API}{path}")).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                serde_json::from_slice(&body).map(Some).map_err(|error| self.unreadable(question, error))
            }
            status => Err(self.refused(&format!("{status}: {}", String::from_utf8_lossy(&body)))),
        }
    }

    /// Asks the command line for JSON; “no such …” is `None`.
    async fn command_json(
        &self,
        question: &'static str,
        words: &[&str],
    ) -> Result<Option<Value>, EngineError> {
        let command = Command::new("podman").arguments(words.iter().copied());
        let output = self.remote.output(&command, &[]).await?;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout)
                .map(Some)
                .map_err(|error| self.unreadable(question, error));
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        if stderr.to_lowercase().contains("no such") || stderr.contains("not found") {
            return Ok(None);
        }
        Err(self.refused(&stderr))
    }

    /// A network as Podman describes it.
    async fn network(&self, network: &str) -> Result<Option<Value>, EngineError> {
        let value = match self.way {
            Way::Socket => self.get("network", &format!("/networks/{}/json", segment(network))).await?,
            Way::CommandLine => self.command_json("network", &["network", "inspect", "--", network]).await?,
        };
        Ok(value.and_then(unwrapped))
    }

    /// Whether something exists: 204 or 404 of the API, 0 or 1 of the command line.
    async fn exists(&self, kind: &'static str, path: &str, name: &str) -> Result<bool, EngineError> {
        match self.way {
            Way::Socket => {
                let path = format!("{API}/{path}/{}/exists", segment(name));
                let (status, body) = ask(&*self.remote, SOCKET, Method::GET, &path).await?;
                match status {
                    StatusCode::NO_CONTENT => Ok(true),
                    StatusCode::NOT_FOUND => Ok(false),
                    status => Err(self.refused(&format!("{status}: {}", String::from_utf8_lossy(&body)))),
                }
            }
            Way::CommandLine => {
                let command = Command::new("podman").arguments([kind, "exists", "--", name]);
                let output = self.remote.output(&command, &[]).await?;
                match output.status {
                    crate::ssh::ExitStatus::Code(0) => Ok(true),
                    crate::ssh::ExitStatus::Code(1) => Ok(false),
                    _ => Err(self.refused(&String::from_utf8_lossy(&output.stderr))),
                }
            }
        }
    }
}

/// The first element of an array, or the value itself: the command line wraps what the API does not.
fn unwrapped(value: Value) -> Option<Value> {
    match value {
        Value::Array(values) => values.into_iter().next(),
        value => Some(value),
    }
}

#[async_trait]
impl Engine for Podman {
    fn name(&self) -> &'static str {
        "Podman"
    }

    fn two_phase(&self) -> Option<&dyn super::TwoPhase> {
        Some(self)
    }

    async fn version(&self) -> Result<String, EngineError> {
        if let Some(version) = &self.version {
            return Ok(version.clone());
        }
        let output = self.remote.run(&Command::new("podman").argument("--version")).await?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.split_whitespace().last().unwrap_or_default().to_owned())
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        let info = match self.way {
            Way::Socket => self.get("info", "/info").await?,
            Way::CommandLine => self.command_json("info", &["info", "--format", "json"]).await?,
        };
        let info = info.ok_or_else(|| self.unreadable("info", "no answer"))?;
        inspect::facts(&info).ok_or_else(|| self.unreadable("info", "a field is missing"))
    }

    async fn inspect(&self, container: &str) -> Result<Option<Inspected>, EngineError> {
        let value = match self.way {
            Way::Socket => self.get("inspect", &format!("/containers/{}/json", segment(container))).await?,
            Way::CommandLine => {
                self.command_json("inspect", &["container", "inspect", "--", container]).await?
            }
        };
        match value.and_then(unwrapped) {
            None => Ok(None),
            Some(value) => {
                inspect::inspected(value).map(Some).map_err(|error| self.unreadable("inspect", error))
            }
        }
    }

    async fn has_image(&self, id: &str) -> Result<bool, EngineError> {
        self.exists("image", "images", id).await
    }

    async fn image_id(&self, name: &str) -> Result<Option<String>, EngineError> {
        let value = match self.way {
            Way::Socket => self.get("image", &format!("/images/{}/json", segment(name))).await?,
            Way::CommandLine => self.command_json("image", &["image", "inspect", "--", name]).await?,
        };
        let id = value.and_then(unwrapped).and_then(|image| image.get("Id")?.as_str().map(str::to_owned));
        Ok(id.map(|id| id.trim_start_matches("sha256:").to_owned()))
    }

    async fn tag_image(&self, id: &str, name: &str) -> Result<(), EngineError> {
        self.remote.run(&Command::new("podman").arguments(["image", "tag", "--", id, name])).await?;
        Ok(())
    }

    async fn has_volume(&self, name: &str) -> Result<bool, EngineError> {
        self.exists("volume", "volumes", name).await
    }

    async fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        let value = match self.way {
            Way::Socket => self.get("volume", &format!("/volumes/{}/json", segment(name))).await?,
            Way::CommandLine => self.command_json("volume", &["volume", "inspect", "--", name]).await?,
        };
        let read = |value| serde_json::from_value(value).map_err(|error| self.unreadable("volume", error));
        value.and_then(unwrapped).map(read).transpose()
    }

    fn create_volume(&self, volume: &Volume) -> Command {
        let mut command = Command::new("podman").arguments(["volume", "create"]);
        if !volume.driver.is_empty() {
            command = command.arguments(["--driver", &volume.driver]);
        }
        for (name, value) in &volume.labels {
            command = command.argument("--label").argument(format!("{name}={value}"));
        }
        for (name, value) in volume.given_options() {
            command = command.argument("--opt").argument(format!("{name}={value}"));
        }
        command.arguments(["--", &volume.name])
    }

    async fn has_secret(&self, name: &str) -> Result<bool, EngineError> {
        // Podman knows “exists” of secrets by its command line alone.
        let command = Command::new("podman").arguments(["secret", "exists", "--", name]);
        let output = self.remote.output(&command, &[]).await?;
        match output.status {
            crate::ssh::ExitStatus::Code(0) => Ok(true),
            crate::ssh::ExitStatus::Code(1) => Ok(false),
            _ => Err(self.refused(&String::from_utf8_lossy(&output.stderr))),
        }
    }

    async fn networks(&self) -> Result<Vec<Network>, EngineError> {
        network::all(self).await
    }

    fn create_network(&self, network: &Network, transaction: Option<&str>) -> Command {
        Command::new("podman").arguments(network::create(network, transaction))
    }

    fn remove_networks(&self, transaction: &str) -> Command {
        network::remove(transaction)
    }

    async fn addresses(&self, network: &str) -> Result<Option<Vec<String>>, EngineError> {
        Ok(self.network(network).await?.map(|value| inspect::addresses(&value)))
    }

    fn glance(&self, questions: &[Question]) -> Option<Glance> {
        (self.way == Way::Socket).then(|| glance::glance(SOCKET, questions))
    }

    fn understand(&self, question: &Question, code: u16, body: &str) -> Result<Answer, EngineError> {
        glance::understood(question, code, body).map_err(|cause| self.unreadable("glance", cause))
    }

    async fn answer(&self, question: &Question) -> Result<Answer, EngineError> {
        Ok(match question {
            Question::Container(name) => Answer::Container(self.inspect(name).await?.map(Box::new)),
            Question::Image(name) => Answer::Image(self.image_id(name).await?),
            Question::Volume(name) => Answer::Volume(self.has_volume(name).await?),
            Question::Network(name) => {
                Answer::Network(self.network(name).await?.as_ref().map(glance::network))
            }
            Question::Networks => Answer::Networks(self.networks().await?),
            Question::Secret(name) => Answer::Secret(self.has_secret(name).await?),
        })
    }

    async fn remove_stopped(&self, container: &ContainerId) -> Result<(), EngineError> {
        match self.way {
            Way::Socket => {
                let path = format!("{API}/containers/{}?force=false&ignore=true", segment(&container.0));
                let (status, body) = ask(&*self.remote, SOCKET, Method::DELETE, &path).await?;
                if status.is_success() || status == StatusCode::NOT_FOUND {
                    return Ok(());
                }
                Err(self.refused(&format!("{status}: {}", String::from_utf8_lossy(&body))))
            }
            Way::CommandLine => {
                let command =
                    Command::new("podman").arguments(["container", "rm", "--ignore", "--", &container.0]);
                let output = self.remote.output(&command, &[]).await?;
                if output.status.success() {
                    return Ok(());
                }
                Err(self.refused(&String::from_utf8_lossy(&output.stderr)))
            }
        }
    }

    fn save_image(&self, image: &str, codec: Codec) -> Command {
        // A failed save must not look like a short image: its status is carried past the compressor.
        let script = "set -u; exec 3>&1; code=$({ { podman image save --quiet -- \"$1\"; echo $? >&4; } | \"$2\" -q -1 -c >&3; } 4>&1); exit \"$code\"";
        Command::script(script, [image, codec.program()])
    }

    fn load_image(&self, codec: Codec) -> Command {
        Command::script("set -u; \"$1\" -q -d -c | podman image load --quiet", [codec.program()])
    }

    fn depart(&self, directory: &str, container: &Inspected, codec: Codec, size: Size) -> Command {
        let pid = container.pid.to_string();
        let words = [directory, &container.id.0, codec.program(), self.socket(size), &pid];
        Command::script(concat!(include_str!("source.sh"), include_str!("depart.sh")), words)
    }

    fn stay(&self, directory: &str, container: &ContainerId) -> Command {
        Command::script(STAY, [directory, &container.0, ""])
    }

    fn guard(&self, directory: &str, container: &ContainerId) -> Command {
        Command::script(STAY, [directory, &container.0, "guard"])
    }

    fn arrive(&self, directory: &str, codec: Codec) -> Command {
        Command::script(include_str!("arrive.sh"), [directory, "archive", codec.program()])
    }

    fn arrive_difference(&self, directory: &str) -> Command {
        Command::script(include_str!("arrive.sh"), [directory, "rootfs-diff.tar", ""])
    }

    fn restore(&self, directory: &str, container: &ContainerId, arrival: &Arrival, size: Size) -> Command {
        let address = match arrival.address {
            Address::Keep => "keep",
            Address::Renew => "renew",
        };
        // The API takes neither ports in this form nor CRIU's own options.
        let plain = arrival.published.is_empty() && arrival.connections == Connections::Keep;
        let socket = if plain { self.socket(size) } else { "" };
        let connections = match arrival.connections {
            Connections::Keep => "keep",
            Connections::Close => "close",
        };
        let words = [directory, &container.0, socket, address, connections];
        Command::script(include_str!("restore.sh"), words).arguments(publish(arrival))
    }

    fn undo_restore(&self, directory: &str, container: &ContainerId, volumes: &[String]) -> Command {
        let words = [directory, &container.0];
        Command::script(include_str!("undo_restore.sh"), words).arguments(volumes.iter().cloned())
    }

    fn tidy(&self, directory: &str, container: &ContainerId) -> Command {
        let script = concat!(include_str!("source.sh"), include_str!("tidy.sh"));
        Command::script(script, [directory, &container.0])
    }
}
