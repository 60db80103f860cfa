//! One host of the fleet: its name, how to reach it, and what it may be used for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The name by which a person calls a host: 1 to 63 letters, digits, `-`, `_` or `.`, beginning with a
/// letter or a digit. It is safe in messages, file names and on the screen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// A text that is no [`HostName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{0}” is not a host name: use 1 to 63 letters, digits, “-”, “_” or “.”, beginning with a letter or digit"
)]
pub struct InvalidHostName(String);

impl HostName {
    /// Checks a text and takes it as a host name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidHostName> {
        let name = name.into();
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if starts_well && name.len() <= 63 && name.chars().all(allowed) {
            Ok(Self(name))
        } else {
            Err(InvalidHostName(super::printable(&name)))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = InvalidHostName;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl std::str::FromStr for HostName {
    type Err = InvalidHostName;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

/// Which container engine a host is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Podman, rootful.
    #[default]
    Podman,
    /// Docker with the daemon's experimental features.
    Docker,
    /// runC bundles under a configured root.
    Runc,
    /// Whatever the host has, Podman first.
    Auto,
}

/// How commands on a host become root's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// As the login user where that is root, else through `sudo -n`.
    #[default]
    Auto,
    /// Always through `sudo -n`.
    Always,
    /// Never; the login user must be root.
    Never,
}

/// What to do with a host whose key is in no known_hosts file. A key that differs from a known one is
/// refused in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyCheck {
    /// Refuse it.
    #[default]
    Strict,
    /// Show its fingerprint and let the person decide.
    Ask,
    /// Take it and remember it.
    AcceptNew,
}

/// All that the fleet file says of one host, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// The name shown and typed.
    pub name: HostName,
    /// An address or an alias of ~/.ssh/config.
    pub address: String,
    /// Login user; none leaves it to ~/.ssh/config, then to the local user name.
    pub user: Option<String>,
    /// TCP port; none leaves it to ~/.ssh/config, then to 22.
    pub port: Option<u16>,
    /// Private key files to try, before those of ~/.ssh/config.
    pub identity: Vec<PathBuf>,
    /// Jump hosts, `[user@]host[:port]`, nearest first.
    pub jump: Vec<String>,
    /// known_hosts files instead of the user's and the system's.
    pub known_hosts: Vec<PathBuf>,
    /// What to do with an unknown host key.
    #[serde(default)]
    pub host_key_check: HostKeyCheck,
    /// The engine to speak to.
    pub engine: Engine,
    /// How to become root.
    pub sudo: Sudo,
    /// Free words for filters and groups.
    pub labels: BTreeMap<String, String>,
    /// Memory, in bytes, that must stay available on this host after a container has moved in.
    pub memory_reserve: u64,
}
