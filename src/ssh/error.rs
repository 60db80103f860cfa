//! Why a host cannot be connected to, what to do about it, and whether trying again makes sense.

use std::path::PathBuf;
use std::time::Duration;

use super::known_hosts::{CertificateFault, Location};
use crate::fleet::HostName;

/// The step at which connecting stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opening the TCP connection.
    Tcp,
    /// Agreeing on keys and ciphers.
    Handshake,
    /// Proving who the user is.
    Authentication,
    /// Opening the way through a jump host.
    Jump,
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "opening the TCP connection",
            Self::Handshake => "the SSH handshake",
            Self::Authentication => "the login",
            Self::Jump => "opening the way through the jump host",
        })
    }
}

/// Whether another attempt may end differently without anybody doing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may: the host or the network was not ready.
    Worthwhile,
    /// It will not: a person has to change something first.
    Pointless,
}

/// Why a host's key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyRefusal {
    /// Nothing is on record for the host.
    #[error(
        "its host key is not on record: {offered}. If that fingerprint is right, add it with \
         “ssh-keyscan -p {port} {address} >> {}”, or connect once with host keys set to ask", file.display()
    )]
    Unknown {
        /// Fingerprint of the key that was offered.
        offered: String,
        /// Address that offered it.
        address: String,
        /// Its port.
        port: u16,
        /// Where it would be recorded.
        file: PathBuf,
    },
    /// Only keys of other types are on record.
    #[error(
        "its host key {offered} is not on record, though {} {} on record at {}. A host that suddenly offers \
         another type of key may be another host; if it is right, add the key to that file",
        recorded.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>().join(", "),
        if recorded.len() == 1 { "is" } else { "are" },
        recorded.iter().map(|(_, location)| location.to_string()).collect::<Vec<_>>().join(", ")
    )]
    OtherType {
        /// Fingerprint of the key that was offered.
        offered: String,
        /// Types on record, and where.
        recorded: Vec<(String, Location)>,
    },
    /// Another key of this type is on record.
    #[error(
        "ITS HOST KEY HAS CHANGED: it offers {offered}, on record is {recorded} at {location}. Either the host \
         was set up anew or somebody stands in between. Ask whoever runs it; only if the new fingerprint is \
         right, remove that line and connect again"
    )]
    Changed {
        /// Fingerprint of the key that was offered.
        offered: String,
        /// Fingerprint of the key on record.
        recorded: String,
        /// Where it is on record.
        location: Location,
    },
    /// The key is marked as revoked.
    #[error(
        "its host key {offered} is marked @revoked at {location}: whoever has that key is not to be trusted. \
         Give the host a new key"
    )]
    Revoked {
        /// Fingerprint of the key that was offered.
        offered: String,
        /// Where it is revoked.
        location: Location,
    },
    /// A trusted authority's certificate does not hold.
    #[error("its host certificate, signed by the authority at {location}, does not hold: {fault}")]
    Certificate {
        /// The authority's line.
        location: Location,
        /// What is wrong.
        fault: CertificateFault,
    },
    /// The person asked said no.
    #[error("its host key {offered} was not accepted")]
    Declined {
        /// Fingerprint of the key that was offered.
        offered: String,
    },
    /// The key was accepted but could not be written down.
    #[error("its host key {offered} was accepted but could not be recorded in {}: {cause}", file.display())]
    NotRecorded {
        /// Fingerprint of the key that was offered.
        offered: String,
        /// The file.
        file: PathBuf,
        /// Why not.
        cause: String,
    },
    /// The record itself cannot be read, so nothing can be trusted.
    #[error("the known host keys cannot be read: {0}")]
    Unreadable(String),
}

/// What was tried to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginReport {
    /// Methods the server offers.
    pub offered: Vec<String>,
    /// What was tried and how it went, one line each.
    pub tried: Vec<String>,
    /// Whether the server ended the connection, as after too many keys (`MaxAuthTries`).
    pub hung_up: bool,
}

impl std::fmt::Display for LoginReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |items: &[String]| match items {
            [] => "nothing".to_string(),
            items => items.join("; "),
        };
        if self.hung_up {
            write!(formatter, "the server ended the connection. Tried: {}. ", list(&self.tried))?;
            return formatter.write_str(
                "If an agent holds many keys, name the right one with “identity” in the fleet file",
            );
        }
        write!(formatter, "the server accepts {}. Tried: {}. ", list(&self.offered), list(&self.tried))?;
        formatter.write_str(
            "Set “identity” in the fleet file to a key whose public half is in the user's authorized_keys, \
             or load it into the agent with ssh-add",
        )
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The fleet file or ~/.ssh/config says something that cannot be used.
    #[error("{host}: {cause}")]
    Configuration {
        /// The host.
        host: HostName,
        /// What is wrong and what to do.
        cause: String,
    },
    /// There is no way to the host.
    #[error("{host}: {address} cannot be reached: {cause}. Is the host up, and are address and port right?")]
    Unreachable {
        /// The host.
        host: HostName,
        /// Address and port tried.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The host did not answer in time.
    #[error("{host}: no answer from {address} within {} s during {step}", .after.as_secs())]
    Timeout {
        /// The host.
        host: HostName,
        /// Address and port tried.
        address: String,
        /// What was waited for.
        step: Step,
        /// How long.
        after: Duration,
    },
    /// The host's key is not trusted.
    #[error("{host}: {refusal}")]
    HostKey {
        /// The host.
        host: HostName,
        /// Why.
        refusal: Box<HostKeyRefusal>,
    },
    /// The user could not log in.
    #[error("{host}: {user} could not log in: {report}")]
    Login {
        /// The host.
        host: HostName,
        /// The user.
        user: String,
        /// What was offered and tried.
        report: Box<LoginReport>,
    },
    /// The two ends could not speak to each other.
    #[error("{host}: {address} broke off during {step}: {cause}")]
    Protocol {
        /// The host.
        host: HostName,
        /// Address and port.
        address: String,
        /// When.
        step: Step,
        /// What the transport said.
        cause: String,
    },
    /// A jump host on the way failed.
    #[error("{host}: its jump host {hop} failed: {cause}")]
    Jump {
        /// The host behind it.
        host: HostName,
        /// The jump host.
        hop: String,
        /// What happened there, without the name of the host behind it.
        cause: Box<ConnectError>,
    },
}

impl ConnectError {
    /// Whether trying again by itself makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Configuration { .. } | Self::HostKey { .. } | Self::Login { .. } => Retry::Pointless,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Protocol { .. } => Retry::Worthwhile,
            Self::Jump { cause, .. } => cause.retry(),
        }
    }
}
