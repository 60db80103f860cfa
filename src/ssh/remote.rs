//! The one view of a host that everything above the SSH room has.

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Command;
use crate::fleet::HostName;

/// A stream in both directions, such as a forwarded socket.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// How a remote command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended by itself with this code.
    Code(u32),
    /// A signal ended it.
    Signal,
}

impl ExitStatus {
    /// Whether the command ended with code 0.
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal => formatter.write_str("ended by a signal"),
        }
    }
}

/// What went wrong between drover and a host.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// No connection, or it ended while the command was under way: what the command did is not known.
    #[error("{host}: the connection failed: {cause}")]
    Connection {
        /// The host.
        host: HostName,
        /// What the transport said, and what to do.
        cause: String,
    },
    /// The command ran and failed.
    #[error("{host}: “{program}” failed with {status}{}{stderr}", if stderr.is_empty() { "" } else { ": " })]
    Command {
        /// The host.
        host: HostName,
        /// First word of the command, for the message.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its standard error, made printable.
        stderr: String,
    },
    /// Commands cannot be run as root.
    #[error(
        "{host}: {user} cannot become root: {cause}. Log in as root, or permit “sudo -n” with a NOPASSWD rule in \
         the host's sudoers, or set sudo to never in the fleet file"
    )]
    Privilege {
        /// The host.
        host: HostName,
        /// The login user.
        user: String,
        /// What sudo said.
        cause: String,
    },
}

/// A finished command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// The end of standard error, at most 64 KiB.
    pub stderr: Vec<u8>,
}

/// A running remote command. Standard error is drained in the background (its last 64 KiB are kept), so it
/// can never stall the others.
///
/// Output that nobody reads may stall others: read it, drop it (it is then thrown away as it comes), or use
/// a connection for bulk. Dropping both `stdout` and `ended` lets the command go: its input ends, it is sent
/// SIGHUP where sshd permits that (OpenSSH 9 does not when root logs in), and its channel is closed. A
/// command that neither reads nor writes then goes on by itself, so end it otherwise if that matters.
pub struct Process {
    /// Its standard input; drop or shut down to end it.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output. An error here is a lost connection; a clean end is the end of the output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Answers with exit status and the end of standard error, once the command has ended.
    pub ended: tokio::sync::oneshot::Receiver<Result<(ExitStatus, Vec<u8>), RemoteError>>,
}

impl Process {
    /// Writes `input`, collects the output and waits for the end. `host` is for messages.
    pub async fn collect(self, host: &HostName, input: &[u8]) -> Result<Output, RemoteError> {
        let Self { mut stdin, mut stdout, ended } = self;
        let mut collected = Vec::new();
        let write = async {
            // A command may end without reading its input: its exit status says whether that matters.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        };
        let (read, ()) = tokio::join!(stdout.read_to_end(&mut collected), write);
        let lost = |cause| RemoteError::Connection { host: host.clone(), cause };
        read.map_err(|error| lost(error.to_string()))?;
        let (status, stderr) = match ended.await {
            Ok(ended) => ended?,
            Err(_) => return Err(lost("the connection ended before the command did".into())),
        };
        Ok(Output { status, stdout: collected, stderr })
    }
}

/// A host on which commands can be run and sockets reached.
#[async_trait]
pub trait Remote: Send + Sync {
    /// The host's name in the fleet.
    fn host(&self) -> &HostName;

    /// Starts a command; where the fleet file says so, as root through sudo.
    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError>;

    /// Opens a stream to a unix socket on the host.
    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError>;

    /// Runs a command with `input` on its standard input and collects everything. A failing command is an
    /// `Ok` whose status is not 0; see [`Remote::run`].
    async fn output(&self, command: &Command, input: &[u8]) -> Result<Output, RemoteError> {
        self.spawn(command).await?.collect(self.host(), input).await
    }

    /// Runs a command that must succeed and returns its standard output.
    async fn run(&self, command: &Command) -> Result<Vec<u8>, RemoteError> {
        let output = self.output(command, &[]).await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(RemoteError::Command {
            host: self.host().clone(),
            program: command.words().first().cloned().unwrap_or_default(),
            status: output.status,
            stderr: stderr
                .trim()
                .lines()
                .rev()
                .take(3)
                .map(crate::fleet::printable)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
                .join(" / "),
        })
    }
}
