//! Asks OpenSSH itself: `ssh -G host` prints the settings that hold for a host.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    AgentKeys, AgentSocket, HostResolver, Naming, Person, Query, ResolvedBy, Settings, expand, in_home,
};

/// `ssh -G` reads some files and prints; 5 s is far more than that takes even where `Match exec` runs a
/// program.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves hosts through `ssh -G`.
#[derive(Clone, Debug)]
pub struct OpenSshResolver {
    person: Person,
    program: OsString,
    config: Option<PathBuf>,
}

pub(super) enum Failure {
    NotInstalled,
    Refused(String),
}

impl OpenSshResolver {
    /// With the `ssh` of the search path and the person's own configuration.
    pub fn new(person: Person) -> Self {
        Self { person, program: "ssh".into(), config: None }
    }

    /// With another configuration file, which then is the only one.
    #[must_use]
    pub fn with_config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Some(file.into());
        self
    }

    /// With another `ssh` program.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    pub(super) async fn ask(&self, query: &Query) -> Result<Settings, Failure> {
        let mut command = tokio::process::Command::new(&self.program);
        command.arg("-G").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        if let Some(config) = &self.config {
            command.arg("-F").arg(config);
        }
        if let Some(user) = &query.user {
            command.arg("-l").arg(user);
        }
        if let Some(port) = query.port {
            command.arg("-p").arg(port.to_string());
        }
        command.arg("--").arg(&query.address);
        let output = match tokio::time::timeout(ANSWER_TIMEOUT, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::NotInstalled);
            }
            Ok(Err(error)) => return Err(Failure::Refused(format!("ssh -G did not start: {error}"))),
            Err(_) => {
                return Err(Failure::Refused(
                    "ssh -G did not answer within 5 s; look for a “Match exec” in the SSH configuration"
                        .into(),
                ));
            }
        };
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let words = words.trim().lines().map(crate::fleet::printable).collect::<Vec<_>>().join(" / ");
            return Err(Failure::Refused(format!("ssh -G refused the SSH configuration: {words}")));
        }
        Ok(read(&String::from_utf8_lossy(&output.stdout), query, &self.person))
    }
}

#[async_trait]
impl HostResolver for OpenSshResolver {
    async fn resolve(&self, query: &Query) -> Result<Settings, String> {
        self.ask(query).await.map_err(|failure| match failure {
            Failure::NotInstalled => "there is no ssh program on this machine".into(),
            Failure::Refused(cause) => cause,
        })
    }
}

/// Reads the flat `keyword value` lines. Scalars come before lists that use them in tokens, so file names
/// are expanded at the end.
pub(super) fn read(text: &str, query: &Query, person: &Person) -> Settings {
    let mut settings = Settings { resolved_by: ResolvedBy::OpenSsh, ..Settings::defaults(query, person) };
    let (mut identities, mut certificates) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Some((keyword, value)) = line.split_once(' ') else { continue };
        let value = value.trim();
        let given = !matches!(value, "" | "none");
        let files = || value.split_ascii_whitespace().filter(|file| *file != "none");
        match keyword.to_ascii_lowercase().as_str() {
            "hostname" if given => settings.host_name = value.into(),
            "user" if given => settings.user = value.into(),
            "port" => settings.port = value.parse().unwrap_or(settings.port),
            "identityfile" if given => identities.push(value),
            "certificatefile" if given => certificates.push(value),
            "identitiesonly" if value == "yes" => settings.agent_keys = AgentKeys::Configured,
            "identityagent" => {
                settings.agent = match value {
                    "none" => AgentSocket::None,
                    "SSH_AUTH_SOCK" | "" => AgentSocket::Environment,
                    path => AgentSocket::Path(match path.strip_prefix('$') {
                        Some(name) => {
                            std::env::var_os(name.trim_matches(['{', '}'])).unwrap_or_default().into()
                        }
                        None => expand(path, &settings, query, person),
                    }),
                };
            }
            "proxyjump" if given => {
                settings.jump = value.split(',').map(|hop| hop.trim().to_string()).collect();
            }
            "proxycommand" if given => settings.proxy_command = Some(value.into()),
            "userknownhostsfile" => {
                settings.user_known_hosts = files().map(|file| in_home(file.as_ref(), person)).collect();
            }
            "globalknownhostsfile" => {
                settings.global_known_hosts = files().map(|file| in_home(file.as_ref(), person)).collect();
            }
            "hostkeyalias" if given => settings.host_key_alias = Some(value.into()),
            "hashknownhosts" if value == "yes" => settings.naming = Naming::Hashed,
            "connecttimeout" => {
                settings.connect_timeout = value.parse().ok().filter(|s| *s > 0).map(Duration::from_secs);
            }
            _ => {}
        }
    }
    let all = |texts: Vec<&str>| texts.iter().map(|text| expand(text, &settings, query, person)).collect();
    let (identities, certificates) = (all(identities), all(certificates));
    settings.identity_files = identities;
    settings.certificate_files = certificates;
    settings
}
