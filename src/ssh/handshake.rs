//! The client's side of russh's callbacks: judges the host key, turns away every channel the server opens,
//! and keeps the reason why a connection ended.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::watch;

use super::error::HostKeyRefusal;
use super::known_hosts::{self, Lookup, Naming, SharedKnownHosts, Verdict};
use super::pause::Pause;
use super::prompt::Prompter;
use crate::fleet::{HostKeyCheck, HostName, printable};

/// Everything needed to judge one machine's key.
pub(super) struct Judge {
    pub host: HostName,
    pub address: String,
    pub port: u16,
    pub lookup: Lookup,
    pub known: SharedKnownHosts,
    pub mode: HostKeyCheck,
    pub naming: Naming,
    /// New keys go here; none where the configuration names no file.
    pub file: Option<std::path::PathBuf>,
    pub prompter: Arc<dyn Prompter>,
    pub pause: Pause,
}

/// Why the handshake stopped.
#[derive(Debug)]
pub(super) enum HandshakeError {
    Refused(Box<HostKeyRefusal>),
    Transport(russh::Error),
}

impl From<russh::Error> for HandshakeError {
    fn from(error: russh::Error) -> Self {
        Self::Transport(error)
    }
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub cause: String,
    pub by: EndedBy,
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// The server, with a message.
    Server,
    /// The network, or nobody knows.
    Transport,
}

/// Empty while the connection lives.
pub(super) type Ended = watch::Receiver<Option<Ending>>;

/// The callbacks of one connection.
pub(super) struct ClientHandler {
    judge: Judge,
    ended: watch::Sender<Option<Ending>>,
}

impl ClientHandler {
    pub(super) fn new(judge: Judge) -> (Self, Ended) {
        let (ended, watched) = watch::channel(None);
        (Self { judge, ended }, watched)
    }
}

impl Judge {
    async fn judge(&self, offered: &PublicKeyOrCertificate) -> Result<(), HostKeyRefusal> {
        let key = offered.public_key();
        let print = known_hosts::fingerprint(&key);
        let verdict = match offered.certificate() {
            Some(certificate) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.known.check_certificate(&self.lookup, certificate, now.as_secs())
            }
            None => self.known.check(&self.lookup, &key),
        };
        match verdict {
            Verdict::Known(_) | Verdict::Certified(_) => Ok(()),
            Verdict::Changed { location, recorded } => {
                Err(HostKeyRefusal::Changed { offered: print, recorded, location })
            }
            Verdict::Revoked(location) => Err(HostKeyRefusal::Revoked { offered: print, location }),
            Verdict::BadCertificate { location, fault } => {
                Err(HostKeyRefusal::Certificate { location, fault })
            }
            Verdict::OtherType { recorded } => match self.mode {
                HostKeyCheck::Ask => {
                    let types: Vec<String> =
                        recorded.iter().map(|(kind, location)| format!("{kind} at {location}")).collect();
                    self.ask(
                        &key,
                        print,
                        &format!("On record are only keys of other types: {}.\n", types.join(", ")),
                    )
                    .await
                }
                // Somebody in between would offer just that, so it is no “new host”.
                HostKeyCheck::Strict | HostKeyCheck::AcceptNew => {
                    Err(HostKeyRefusal::OtherType { offered: print, recorded })
                }
            },
            Verdict::Unknown => match self.mode {
                HostKeyCheck::Strict => Err(HostKeyRefusal::Unknown {
                    offered: print,
                    address: self.address.clone(),
                    port: self.port,
                    file: self.file.clone().unwrap_or_else(|| "known_hosts".into()),
                }),
                HostKeyCheck::Ask => self.ask(&key, print, "").await,
                HostKeyCheck::AcceptNew => self.record(&key, print).await,
            },
        }
    }

    async fn ask(&self, key: &PublicKey, print: String, warning: &str) -> Result<(), HostKeyRefusal> {
        let question = format!(
            "The host key of {} is not on record.\n{warning}Its fingerprint is {print}.\nTrust it and remember it?",
            printable(&self.lookup.recorded()),
        );
        let yes = self.pause.during(self.prompter.confirm(&self.host, &question)).await;
        if yes { self.record(key, print).await } else { Err(HostKeyRefusal::Declined { offered: print }) }
    }

    async fn record(&self, key: &PublicKey, offered: String) -> Result<(), HostKeyRefusal> {
        let Some(file) = self.file.clone() else {
            // “UserKnownHostsFile none”: the person wants nothing remembered.
            return Ok(());
        };
        let (path, lookup, key, naming) = (file.clone(), self.lookup.clone(), key.clone(), self.naming);
        let written =
            tokio::task::spawn_blocking(move || known_hosts::remember(&path, &lookup, &key, naming)).await;
        let cause = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(HostKeyRefusal::NotRecorded { offered, file, cause })
    }
}

/// Nothing that drover asks for makes a server open channels, so one that does is turned away. russh's own
/// defaults would accept all of these.
macro_rules! reject {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        #[allow(clippy::too_many_arguments)]
        async fn $name(
            &mut self,
            _channel: Channel<Msg>,
            $($argument: $kind,)*
            reply: ChannelOpenHandle,
            _session: &mut Session,
        ) -> Result<(), Self::Error> {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            Ok(())
        }
    )*};
}

impl client::Handler for ClientHandler {
    type Error = HandshakeError;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        match self.judge.judge(offered).await {
            Ok(()) => Ok(true),
            Err(refusal) => Err(HandshakeError::Refused(Box::new(refusal))),
        }
    }

    reject! {
        server_channel_open_forwarded_tcpip(_a: &str, _b: u32, _c: &str, _d: u32);
        server_channel_open_forwarded_streamlocal(_path: &str);
        server_channel_open_agent_forward();
        server_channel_open_unknown();
        server_channel_open_session();
        server_channel_open_direct_tcpip(_a: &str, _b: u32, _c: &str, _d: u32);
        server_channel_open_direct_streamlocal(_path: &str);
        server_channel_open_x11(_a: &str, _b: u32);
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let by = match &reason {
            DisconnectReason::ReceivedDisconnect(_) => EndedBy::Server,
            DisconnectReason::Error(_) => EndedBy::Transport,
        };
        let cause = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the host ended the connection: {}", printable(info.message.trim()))
            }
            DisconnectReason::Error(HandshakeError::Refused(refusal)) => refusal.to_string(),
            DisconnectReason::Error(HandshakeError::Transport(error)) => describe(error),
        };
        self.ended.send_replace(Some(Ending { cause, by }));
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Says in words what russh says in a word.
pub(super) fn describe(error: &russh::Error) -> String {
    match error {
        russh::Error::KeepaliveTimeout => "the host stopped answering".into(),
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the host closed the connection".into()
        }
        russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the host closed the connection".into()
        }
        russh::Error::IO(error) => error.to_string(),
        other => printable(&other.to_string()),
    }
}
