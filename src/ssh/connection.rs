//! A live connection to a host: commands, streams and forwarded sockets over one SSH session.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelOpenFailure, Disconnect};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use super::Command;
use super::channel::{Patience, Socket, Surroundings, attach_process, attach_socket};
use super::config::ResolvedBy;
use super::handshake::{ClientHandler, Ended, describe};
use super::remote::{Duplex, Process, Remote, RemoteError};
use crate::fleet::{HostName, Sudo, printable};

/// sshd's `MaxSessions` is 10 by default; two are left for what has not finished closing.
pub const SESSION_LIMIT: usize = 8;
/// How long a command waits for one of the session channels before it says that all are taken.
const SESSION_WAIT: Duration = Duration::from_secs(30);
/// How long a host may take to open a channel. PAM session modules may take seconds; a host that is dead
/// is found by the keepalives before this.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Watching and commands: small windows, and a channel whose output is left unread is given up after
    /// 8 MiB so that the others go on.
    #[default]
    Commands,
    /// One big stream: a 64 MiB window, and whoever reads slowly slows the whole connection down.
    Bulk,
}

/// A live connection; clones are the same connection. It ends when the last clone and the last channel are
/// dropped.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    host: HostName,
    user: String,
    sudo: Sudo,
    purpose: Purpose,
    resolved_by: ResolvedBy,
    handle: Handle<ClientHandler>,
    ended: Ended,
    sessions: Arc<Semaphore>,
    privilege: OnceCell<Privilege>,
}

/// How commands become root's here, found out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Privilege {
    Root,
    Sudo,
}

pub(super) struct Parts {
    pub host: HostName,
    pub user: String,
    pub sudo: Sudo,
    pub purpose: Purpose,
    pub resolved_by: ResolvedBy,
    pub handle: Handle<ClientHandler>,
    pub ended: Ended,
}

impl Connection {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { host, user, sudo, purpose, resolved_by, handle, ended } = parts;
        let sessions = Arc::new(Semaphore::new(SESSION_LIMIT));
        let privilege = OnceCell::new();
        Self {
            shared: Arc::new(Shared {
                host,
                user,
                sudo,
                purpose,
                resolved_by,
                handle,
                ended,
                sessions,
                privilege,
            }),
        }
    }

    /// The user who logged in.
    pub fn user(&self) -> &str {
        &self.shared.user
    }

    /// What the connection is for.
    pub fn purpose(&self) -> Purpose {
        self.shared.purpose
    }

    /// Who answered what ~/.ssh/config says of the host.
    pub fn resolved_by(&self) -> ResolvedBy {
        self.shared.resolved_by
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.handle.is_closed()
    }

    /// Waits until the connection has ended and says why.
    pub async fn closed(&self) -> String {
        let mut ended = self.shared.ended.clone();
        let cause = match ended.wait_for(Option::is_some).await {
            Ok(ending) => ending.as_ref().map(|ending| ending.cause.clone()),
            Err(_) => None,
        };
        cause.unwrap_or_else(|| "the connection was lost".into())
    }

    /// Measures one round trip through the host's sshd; none when the connection ended meanwhile.
    pub async fn round_trip(&self) -> Option<Duration> {
        let begun = Instant::now();
        self.shared.handle.send_ping().await.ok()?;
        (!self.is_closed()).then(|| begun.elapsed())
    }

    /// Says good-bye. Everything under way on the connection fails.
    pub async fn disconnect(&self) {
        // An error means that it is disconnected already.
        let _ = self.shared.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }

    /// Opens a TCP connection from the host, as a jump host does.
    pub async fn forward_tcp(&self, address: &str, port: u16) -> Result<Box<dyn Duplex>, RemoteError> {
        let (name, own) = (address.to_string(), self.shared.clone());
        let open =
            async move { own.handle.channel_open_direct_tcpip(name, port.into(), "127.0.0.1", 0).await };
        self.socket(open, &format!("{} port {port}", printable(address))).await
    }

    async fn socket(
        &self,
        open: impl Future<Output = Result<Channel<Msg>, russh::Error>> + Send + 'static,
        what: &str,
    ) -> Result<Box<dyn Duplex>, RemoteError> {
        let shared = self.shared.clone();
        let what = what.to_string();
        // In a task of its own: a channel that opens after its caller went away is still closed properly.
        let task = tokio::spawn(async move {
            let channel = shared.opened(open, &what).await?;
            Ok::<Socket, RemoteError>(attach_socket(channel, shared.surroundings(None)))
        });
        match task.await {
            Ok(socket) => Ok(Box::new(socket?)),
            Err(error) => Err(self.shared.lost(error.to_string())),
        }
    }

    /// Starts a command line as the login user, without sudo.
    async fn start(&self, line: String) -> Result<Process, RemoteError> {
        let permit = match timeout(SESSION_WAIT, self.shared.sessions.clone().acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            _ => {
                return Err(self.shared.lost(format!(
                    "{SESSION_LIMIT} commands already run on this connection, as many as sshd allows by default; \
                     none ended within {} s",
                    SESSION_WAIT.as_secs()
                )));
            }
        };
        let shared = self.shared.clone();
        let task = tokio::spawn(async move {
            let own = shared.clone();
            let open = async move { own.handle.channel_open_session().await };
            let channel = shared.opened(open, "a session for a command").await?;
            // The answer is not waited for: that would cost a round trip, and the draining task sees it.
            channel.exec(true, line).await.map_err(|error| shared.lost(describe(&error)))?;
            Ok(attach_process(channel, shared.surroundings(Some(permit))))
        });
        let (stdin, stdout, ended) = match task.await {
            Ok(attached) => attached?,
            Err(error) => return Err(self.shared.lost(error.to_string())),
        };
        Ok(Process { stdin: Box::new(stdin), stdout: Box::new(stdout), ended })
    }

    async fn privilege(&self) -> Result<Privilege, RemoteError> {
        let find = || async {
            let script = match self.shared.sudo {
                Sudo::Never => return Ok(Privilege::Root),
                // By convention the name root has user id 0, and asking would cost two round trips.
                Sudo::Auto if self.shared.user == "root" => return Ok(Privilege::Root),
                Sudo::Auto => "if [ \"$(id -u)\" = 0 ]; then echo root; else sudo -n true && echo sudo; fi",
                Sudo::Always => "sudo -n true && echo sudo",
            };
            let process = self.start(Command::script(script, [""; 0]).to_string()).await?;
            let output = process.collect(&self.shared.host, &[]).await?;
            match output.stdout.trim_ascii() {
                b"root" => Ok(Privilege::Root),
                b"sudo" => Ok(Privilege::Sudo),
                _ => Err(RemoteError::Privilege {
                    host: self.shared.host.clone(),
                    user: printable(&self.shared.user),
                    cause: printable(
                        String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or(""),
                    ),
                }),
            }
        };
        self.shared.privilege.get_or_try_init(find).await.copied()
    }
}

impl Shared {
    fn lost(&self, cause: String) -> RemoteError {
        RemoteError::Connection { host: self.host.clone(), cause }
    }

    fn surroundings(&self, permit: Option<tokio::sync::OwnedSemaphorePermit>) -> Surroundings {
        Surroundings {
            host: self.host.clone(),
            patience: match self.purpose {
                Purpose::Commands => Patience::GiveUp,
                Purpose::Bulk => Patience::Wait,
            },
            connection: self.ended.clone(),
            permit,
        }
    }

    async fn opened(
        &self,
        open: impl Future<Output = Result<Channel<Msg>, russh::Error>>,
        what: &str,
    ) -> Result<Channel<Msg>, RemoteError> {
        let cause = match timeout(OPEN_TIMEOUT, open).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => refusal(&reason, what),
            Ok(Err(error)) => match &*self.ended.borrow() {
                Some(ending) => ending.cause.clone(),
                None => describe(&error),
            },
            Err(_) => format!("the host did not open {what} within {} s", OPEN_TIMEOUT.as_secs()),
        };
        Err(self.lost(cause))
    }
}

fn refusal(reason: &ChannelOpenFailure, what: &str) -> String {
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => format!(
            "the host does not permit {what}; see AllowTcpForwarding, AllowStreamLocalForwarding and \
             MaxSessions in its sshd_config"
        ),
        ChannelOpenFailure::ConnectFailed => {
            format!("the host could not connect to {what}; is the service behind it running?")
        }
        ChannelOpenFailure::UnknownChannelType => format!("the host's SSH server cannot open {what}"),
        ChannelOpenFailure::ResourceShortage => format!("the host has no resources left for {what}"),
        ChannelOpenFailure::Other { code, reason } => {
            format!("the host refused {what} with code {code}: {}", printable(reason))
        }
    }
}

#[async_trait]
impl Remote for Connection {
    fn host(&self) -> &HostName {
        &self.shared.host
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let line = match self.privilege().await? {
            Privilege::Root => command.to_string(),
            Privilege::Sudo => command.clone().with_sudo().to_string(),
        };
        self.start(line).await
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        let (name, own) = (path.to_string(), self.shared.clone());
        let open = async move { own.handle.channel_open_direct_streamlocal(name).await };
        self.socket(open, &format!("the socket {}", printable(path))).await
    }
}
