//! Reads ~/.ssh/config without OpenSSH, for machines that have no `ssh` program.

use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ssh2_config::{HostParams, ParseRule, SshConfig};

use super::{
    AgentKeys, AgentSocket, HostResolver, Naming, Person, Query, ResolvedBy, Settings, expand, expand_alias,
    in_home,
};

/// A configuration is some pages; more than this is some other file.
const LARGEST_FILE: u64 = 1 << 20;

/// Whether a file has Match blocks, which the reader does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    /// None.
    Absent,
    /// What they say was left out.
    LeftOut,
}

/// Reads one file and those that it includes; `None` where there is none.
pub(super) fn read_file(path: &Path, person: &Person) -> Result<Option<(SshConfig, Matches)>, String> {
    let failed = |cause: String| format!("{}: {}", path.display(), crate::fleet::printable(&cause));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    let (text, matches) = without_match(&text);
    let rules = ParseRule::ALLOW_UNKNOWN_FIELDS | ParseRule::ALLOW_UNSUPPORTED_FIELDS;
    let config = SshConfig::default()
        .home_dir(&person.home)
        .parse(&mut BufReader::new(text.as_bytes()), rules)
        .map_err(|error| failed(error.to_string()))?;
    Ok(Some((config, matches)))
}

/// Gives what stands behind Match to hosts that do not exist: the library would give it to the host before.
fn without_match(text: &str) -> (String, Matches) {
    let mut matches = Matches::Absent;
    let mut out = String::new();
    for line in text.lines() {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
        let is_match = words.next().is_some_and(|word| word.eq_ignore_ascii_case("match"));
        let always = words.next().is_some_and(|word| word.eq_ignore_ascii_case("all"));
        out.push_str(match (is_match, always) {
            (true, true) => "Host *",
            (true, false) => {
                matches = Matches::LeftOut;
                "Host !*"
            }
            _ => line,
        });
        out.push('\n');
    }
    (out, matches)
}

/// Resolves hosts by reading the files itself. Match blocks are not understood, so it says that it answered.
#[derive(Clone, Debug)]
pub struct BuiltinResolver {
    person: Person,
    files: Vec<PathBuf>,
}

impl BuiltinResolver {
    /// With the person's and the system's files.
    pub fn new(person: Person) -> Self {
        let files = vec![person.home.join(".ssh/config"), "/etc/ssh/ssh_config".into()];
        Self { person, files }
    }

    /// With other files, the first of which wins.
    #[must_use]
    pub fn with_files(mut self, files: Vec<PathBuf>) -> Self {
        self.files = files;
        self
    }

    fn read(&self, query: &Query) -> Result<Settings, String> {
        let mut settings = Settings::defaults(query, &self.person);
        let mut parameters: Option<HostParams> = None;
        for path in &self.files {
            let Some((config, _)) = read_file(path, &self.person)? else { continue };
            let found = config.query(&query.address);
            match &mut parameters {
                Some(earlier) => earlier.overwrite_if_none(&found),
                None => parameters = Some(found),
            }
        }
        if let Some(parameters) = parameters {
            self.apply(&parameters, query, &mut settings);
        }
        Ok(settings)
    }

    fn apply(&self, found: &HostParams, query: &Query, settings: &mut Settings) {
        let person = &self.person;
        settings.resolved_by = ResolvedBy::Builtin;
        if let Some(name) = &found.host_name {
            settings.host_name = expand_alias(name, &query.address);
        }
        // The caller's own choice wins, as on the command line of ssh.
        settings.port = query.port.or(found.port).unwrap_or(settings.port);
        if let (None, Some(user)) = (&query.user, &found.user) {
            settings.user.clone_from(user);
        }
        let path = |path: &PathBuf| expand(&path.to_string_lossy(), settings, query, person);
        let identities = found.identity_file.as_ref().map(|files| files.iter().map(path).collect());
        let certificates = found.certificate_file.iter().map(path).collect();
        if let Some(identities) = identities {
            settings.identity_files = identities;
        }
        settings.certificate_files = certificates;
        settings.connect_timeout = found.connect_timeout;
        settings.jump = found.proxy_jump.clone().unwrap_or_default();
        settings.jump.retain(|hop| hop != "none");
        let other = |name: &str| -> Option<&Vec<String>> {
            found
                .unsupported_fields
                .iter()
                .chain(&found.ignored_fields)
                .find(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, values)| values)
        };
        let first = |name: &str| other(name).and_then(|values| values.first()).map(String::as_str);
        let files = |values: &Vec<String>| {
            values.iter().filter(|file| *file != "none").map(|file| in_home(file.as_ref(), person)).collect()
        };
        if first("identitiesonly") == Some("yes") {
            settings.agent_keys = AgentKeys::Configured;
        }
        match first("identityagent") {
            Some("none") => settings.agent = AgentSocket::None,
            None | Some("SSH_AUTH_SOCK") => {}
            Some(socket) => settings.agent = AgentSocket::Path(in_home(socket.as_ref(), person)),
        }
        if let Some(values) = other("userknownhostsfile") {
            settings.user_known_hosts = files(values);
        }
        if let Some(values) = other("globalknownhostsfile") {
            settings.global_known_hosts = files(values);
        }
        if first("hashknownhosts") == Some("yes") {
            settings.naming = Naming::Hashed;
        }
        settings.host_key_alias = first("hostkeyalias").map(str::to_string);
        settings.proxy_command =
            other("proxycommand").map(|words| words.join(" ")).filter(|command| command != "none");
    }
}

#[async_trait]
impl HostResolver for BuiltinResolver {
    async fn resolve(&self, query: &Query) -> Result<Settings, String> {
        let (this, query) = (self.clone(), query.clone());
        tokio::task::spawn_blocking(move || this.read(&query)).await.map_err(|error| error.to_string())?
    }
}
