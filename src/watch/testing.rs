//! Remotes for tests: this machine, and one whose processes and sockets are scripted by the test.

use std::process::Stdio;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};

use crate::fleet::HostName;
use crate::ssh::{Command, Duplex, ExitStatus, Process, Remote, RemoteError};

/// This machine as a host: commands run through a shell of the test's choice, sockets are those of this machine.
pub(crate) struct LocalRemote {
    host: HostName,
    shell: Vec<String>,
}

impl LocalRemote {
    /// `shell` also stands in for the `sh` that [`Command::script`] names.
    pub fn with_shell(shell: &[&str]) -> Self {
        let shell = shell.iter().map(ToString::to_string).collect();
        Self { host: HostName::new("local").unwrap(), shell }
    }

    fn connection(&self, error: &std::io::Error) -> RemoteError {
        RemoteError::Connection { host: self.host.clone(), cause: error.to_string() }
    }
}

#[async_trait]
impl Remote for LocalRemote {
    fn host(&self) -> &HostName {
        &self.host
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let mut local = match command.words() {
            [sh, arguments @ ..] if sh == "sh" => {
                let mut local = tokio::process::Command::new(&self.shell[0]);
                local.args(&self.shell[1..]).args(arguments);
                local
            }
            _ => {
                let mut local = tokio::process::Command::new("sh");
                local.arg("-c").arg(command.to_string());
                local
            }
        };
        local.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = local.spawn().map_err(|error| self.connection(&error))?;
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (send, ended) = oneshot::channel();
        tokio::spawn(async move {
            let mut errors = Vec::new();
            let _ = stderr.read_to_end(&mut errors).await;
            let status = child.wait().await.unwrap();
            let status = match status.code() {
                Some(code) => ExitStatus::Code(code.try_into().unwrap()),
                None => ExitStatus::Signal,
            };
            let _ = send.send(Ok((status, errors)));
        });
        Ok(Process { stdin: Box::new(stdin), stdout: Box::new(stdout), ended })
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| self.connection(&error))?;
        Ok(Box::new(stream))
    }
}

/// Where a test says how a process ends.
pub(crate) type Ending = oneshot::Sender<Result<(ExitStatus, Vec<u8>), RemoteError>>;

/// The host's side of one process or socket that drover opened.
pub(crate) struct Opened {
    /// The command line, or the socket's path.
    pub what: String,
    /// What drover writes can be read here, and what is written here drover reads.
    pub stream: DuplexStream,
    /// For a process: how it ends. Dropping it is a lost connection.
    pub ended: Option<Ending>,
}

/// A host of which the test plays every part.
pub(crate) struct ScriptedRemote {
    host: HostName,
    opened: mpsc::Sender<Opened>,
    /// Paths of sockets that are there.
    sockets: Mutex<Vec<String>>,
}

impl ScriptedRemote {
    pub fn new(sockets: &[&str]) -> (Self, mpsc::Receiver<Opened>) {
        let (opened, receiver) = mpsc::channel(16);
        let sockets = Mutex::new(sockets.iter().map(ToString::to_string).collect());
        (Self { host: HostName::new("scripted").unwrap(), opened, sockets }, receiver)
    }

    fn gone(&self) -> RemoteError {
        RemoteError::Connection { host: self.host.clone(), cause: "refused by the test".into() }
    }
}

#[async_trait]
impl Remote for ScriptedRemote {
    fn host(&self) -> &HostName {
        &self.host
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (send, ended) = oneshot::channel();
        let opened = Opened { what: command.to_string(), stream: theirs, ended: Some(send) };
        self.opened.send(opened).await.map_err(|_| self.gone())?;
        let (stdout, stdin) = tokio::io::split(ours);
        Ok(Process { stdin: Box::new(stdin), stdout: Box::new(stdout), ended })
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        if !self.sockets.lock().unwrap().iter().any(|socket| socket == path) {
            return Err(self.gone());
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let opened = Opened { what: path.to_string(), stream: theirs, ended: None };
        self.opened.send(opened).await.map_err(|_| self.gone())?;
        Ok(Box::new(ours))
    }
}
