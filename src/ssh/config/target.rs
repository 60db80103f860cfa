//! One machine on the way to a host, with everything decided that is needed to connect to it.

use std::path::PathBuf;
use std::str::FromStr;

use super::{AgentKeys, AgentSocket, Person, Query, Settings};
use crate::fleet::{HostSpec, printable};

/// Text that is no address of a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{0}” is not an address: write “host”, “user@host” or “user@host:port”, with a name, an alias or an IP \
     address that does not begin with “-”"
)]
pub struct InvalidAddress(String);

/// `[user@]host[:port]`, as jump hosts are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopAddress {
    /// The user, where one is given.
    pub user: Option<String>,
    /// Name, alias or IP address.
    pub host: String,
    /// The port, where one is given.
    pub port: Option<u16>,
}

impl FromStr for HopAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(printable(text));
        let bare = text.trim().strip_prefix("ssh://").unwrap_or(text.trim()).trim_end_matches('/');
        let (user, place) = match bare.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_string()), place),
            None => (None, bare),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(invalid)?;
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return Err(invalid()),
                }
            }
            // More than one colon without brackets is an IPv6 address.
            None if place.matches(':').count() > 1 => (place, None),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(invalid()),
        };
        if !safe_host(host) || user.as_deref().is_some_and(|user| !safe_user(user)) {
            return Err(invalid());
        }
        Ok(Self { user, host: host.to_string(), port })
    }
}

/// Addresses are handed to `ssh -G`, which may hand them to a shell (`Match exec`): a leading `-` would be
/// an option, and shell syntax a command.
fn safe_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%');
    !host.is_empty() && host.len() <= 255 && !host.starts_with('-') && host.chars().all(allowed)
}

fn safe_user(user: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '@' | '\\');
    !user.is_empty() && !user.starts_with('-') && user.chars().all(allowed)
}

/// Everything needed to connect to one machine.
#[derive(Clone, Debug)]
pub struct Target {
    /// What the configuration says, overridden where the fleet file says otherwise.
    pub settings: Settings,
    /// Keys that the fleet file names: they are tried before everything else and must exist.
    pub own_identities: Vec<PathBuf>,
    /// Hops before this machine, nearest first.
    pub hops: Vec<HopAddress>,
    /// The agent's socket, if there is an agent.
    pub agent: Option<PathBuf>,
}

impl Target {
    /// What to ask the configuration about a host.
    pub fn query(spec: &HostSpec) -> Result<Query, InvalidAddress> {
        let address = spec.address.trim_start_matches('[').trim_end_matches(']');
        let user_is_safe = spec.user.as_deref().is_none_or(safe_user);
        if !safe_host(address) || !user_is_safe {
            return Err(InvalidAddress(printable(&match &spec.user {
                Some(user) if !user_is_safe => format!("{user}@{}", spec.address),
                _ => spec.address.clone(),
            })));
        }
        Ok(Query { address: address.into(), user: spec.user.clone(), port: spec.port })
    }

    /// Puts the fleet file's own values over the configuration's.
    pub fn new(spec: &HostSpec, settings: Settings, person: &Person) -> Result<Self, InvalidAddress> {
        let mut target = Self::plain(settings, person)?;
        target.own_identities = spec.identity.iter().map(|file| super::in_home(file, person)).collect();
        if !spec.known_hosts.is_empty() {
            target.settings.user_known_hosts =
                spec.known_hosts.iter().map(|file| super::in_home(file, person)).collect();
            target.settings.global_known_hosts.clear();
        }
        if !spec.jump.is_empty() {
            target.hops = spec.jump.iter().map(|hop| hop.parse()).collect::<Result<_, _>>()?;
            target.settings.proxy_command = None;
        }
        Ok(target)
    }

    /// A jump host: it takes over the fleet file's keys and known_hosts files of the host behind it.
    pub fn hop(
        behind: &Self,
        spec: &HostSpec,
        settings: Settings,
        person: &Person,
    ) -> Result<Self, InvalidAddress> {
        let mut target = Self::plain(settings, person)?;
        target.own_identities.clone_from(&behind.own_identities);
        if !spec.known_hosts.is_empty() {
            target.settings.user_known_hosts.clone_from(&behind.settings.user_known_hosts);
            target.settings.global_known_hosts.clear();
        }
        Ok(target)
    }

    fn plain(settings: Settings, person: &Person) -> Result<Self, InvalidAddress> {
        let hops = settings.jump.iter().map(|hop| hop.parse()).collect::<Result<_, _>>()?;
        let agent = match &settings.agent {
            AgentSocket::None => None,
            AgentSocket::Environment => person.agent.clone(),
            AgentSocket::Path(path) if path.as_os_str().is_empty() => None,
            AgentSocket::Path(path) => Some(path.clone()),
        };
        Ok(Self { settings, own_identities: Vec::new(), hops, agent })
    }

    /// Whether the agent may offer keys that no file names.
    pub fn offers_all_agent_keys(&self) -> bool {
        self.settings.agent_keys == AgentKeys::All
    }
}
