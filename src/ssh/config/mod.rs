//! What ~/.ssh/config says of a host, and how the fleet file overrides it.
//!
//! `ssh -G` answers where an OpenSSH client is installed, because only it knows Match, Include and tokens
//! exactly; a built-in reader answers otherwise and says so. Neither touches the network.

mod aliases;
mod builtin;
mod openssh;
mod target;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::known_hosts::Naming;

pub use aliases::{AliasError, ConfiguredHost, ConfiguredHosts, configured_hosts};
pub use builtin::BuiltinResolver;
pub use openssh::OpenSshResolver;
pub use target::{HopAddress, InvalidAddress, Target};

/// Who resolved a host's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedBy {
    /// `ssh -G`, exactly as OpenSSH would.
    OpenSsh,
    /// The built-in reader, without Match and with few tokens.
    Builtin,
    /// Nobody: there was no configuration to read.
    Nothing,
}

impl std::fmt::Display for ResolvedBy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::OpenSsh => "ssh -G",
            Self::Builtin => "the built-in reader of ~/.ssh/config (no Match)",
            Self::Nothing => "no SSH configuration",
        })
    }
}

/// Which keys of the agent may be offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentKeys {
    /// All.
    #[default]
    All,
    /// Only those configured as identity files (`IdentitiesOnly`).
    Configured,
}

/// Where the agent listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentSocket {
    /// Where the environment says.
    #[default]
    Environment,
    /// At this path.
    Path(PathBuf),
    /// No agent is to be used.
    None,
}

/// What the configuration says of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address to connect to.
    pub host_name: String,
    /// TCP port.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// Private keys, in the order in which to try them.
    pub identity_files: Vec<PathBuf>,
    /// User certificates that do not stand beside their key.
    pub certificate_files: Vec<PathBuf>,
    /// Which keys of the agent to offer.
    pub agent_keys: AgentKeys,
    /// Which agent to ask.
    pub agent: AgentSocket,
    /// Jump hosts, nearest first.
    pub jump: Vec<String>,
    /// A `ProxyCommand`, which drover does not run.
    pub proxy_command: Option<String>,
    /// The user's known_hosts files; new keys go into the first.
    pub user_known_hosts: Vec<PathBuf>,
    /// The system's known_hosts files.
    pub global_known_hosts: Vec<PathBuf>,
    /// The name to look host keys up under.
    pub host_key_alias: Option<String>,
    /// How new names are written to known_hosts.
    pub naming: Naming,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Who answered.
    pub resolved_by: ResolvedBy,
}

/// Whom the configuration is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Address or alias.
    pub address: String,
    /// User, where it is already decided.
    pub user: Option<String>,
    /// Port, where it is already decided.
    pub port: Option<u16>,
}

/// Answers what the configuration says.
#[async_trait]
pub trait HostResolver: Send + Sync {
    /// The settings of a host; an error is a text for the person who wrote the configuration.
    async fn resolve(&self, query: &Query) -> Result<Settings, String>;
}

/// The person who runs drover: read from the process once, given in tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Login name on this machine.
    pub user: String,
    /// Home directory.
    pub home: PathBuf,
    /// The agent's socket (`SSH_AUTH_SOCK`).
    pub agent: Option<PathBuf>,
}

impl Person {
    /// The person of this process.
    pub fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let root = || rustix::process::getuid().is_root().then(|| "root".to_string());
        Self {
            user: text("USER").or_else(|| text("LOGNAME")).or_else(root).unwrap_or_else(|| "nobody".into()),
            home: std::env::home_dir().unwrap_or_else(|| "/".into()),
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|value| !value.is_empty()).map(PathBuf::from),
        }
    }
}

impl Settings {
    /// What holds for a host nothing is said about.
    pub fn defaults(query: &Query, person: &Person) -> Self {
        let dot_ssh = person.home.join(".ssh");
        Self {
            host_name: query.address.clone(),
            port: query.port.unwrap_or(22),
            user: query.user.clone().unwrap_or_else(|| person.user.clone()),
            identity_files: ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| dot_ssh.join(name)).into(),
            certificate_files: Vec::new(),
            agent_keys: AgentKeys::All,
            agent: AgentSocket::Environment,
            jump: Vec::new(),
            proxy_command: None,
            user_known_hosts: vec![dot_ssh.join("known_hosts"), dot_ssh.join("known_hosts2")],
            global_known_hosts: ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
                .map(PathBuf::from)
                .into(),
            host_key_alias: None,
            naming: Naming::Plain,
            connect_timeout: None,
            resolved_by: ResolvedBy::Nothing,
        }
    }
}

/// Reads the real configuration: through `ssh -G`, and where there is no `ssh`, by the built-in reader.
pub struct SystemResolver {
    openssh: OpenSshResolver,
    builtin: BuiltinResolver,
}

impl SystemResolver {
    /// The configuration of this person.
    pub fn new(person: Person) -> Self {
        Self { openssh: OpenSshResolver::new(person.clone()), builtin: BuiltinResolver::new(person) }
    }
}

#[async_trait]
impl HostResolver for SystemResolver {
    async fn resolve(&self, query: &Query) -> Result<Settings, String> {
        match self.openssh.ask(query).await {
            Err(openssh::Failure::NotInstalled) => self.builtin.resolve(query).await,
            Err(openssh::Failure::Refused(cause)) => Err(cause),
            Ok(settings) => Ok(settings),
        }
    }
}

/// Ignores every configuration: what the fleet file says is all. The lab and tests use it.
#[derive(Clone, Debug)]
pub struct NoConfiguration {
    person: Person,
}

impl NoConfiguration {
    /// Defaults for this person.
    pub fn new(person: Person) -> Self {
        Self { person }
    }
}

#[async_trait]
impl HostResolver for NoConfiguration {
    async fn resolve(&self, query: &Query) -> Result<Settings, String> {
        Ok(Settings::defaults(query, &self.person))
    }
}

/// Replaces `~/` and the tokens that `ssh -G` leaves in file names.
fn expand(text: &str, settings: &Settings, query: &Query, person: &Person) -> PathBuf {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('%') => out.push('%'),
            Some('d') => out.push_str(&person.home.to_string_lossy()),
            Some('h') => out.push_str(&settings.host_name),
            Some('n') => out.push_str(&query.address),
            Some('p') => out.push_str(&settings.port.to_string()),
            Some('r') => out.push_str(&settings.user),
            Some('u') => out.push_str(&person.user),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    in_home(Path::new(&out), person)
}

/// Replaces the tokens that a `HostName` may have.
fn expand_alias(text: &str, alias: &str) -> String {
    text.replace("%h", alias).replace("%%", "%")
}

/// A path with a leading `~` replaced by the home directory.
fn in_home(path: &Path, person: &Person) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => person.home.join(rest),
        Err(_) => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests;
