//! From the fleet file's tables to hosts and groups, collecting every mistake on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::document::{Document, Value, examine, in_order};
use super::position::{Problem, suggestion};
use super::values;
use super::{Engine, Fleet, HostKeyCheck, HostName, HostSpec, Sudo};

/// What stays available on a host when neither it nor `[defaults]` says: enough for its own services.
const MEMORY_RESERVE: u64 = 256 << 20;

const TOP: [&str; 4] = ["title", "defaults", "hosts", "groups"];

/// The keys of a host; all but the first may stand in `[defaults]`.
const HOST: [&str; 11] = [
    "address",
    "user",
    "port",
    "identity",
    "jump",
    "known_hosts",
    "host_key_check",
    "engine",
    "sudo",
    "labels",
    "memory_reserve",
];

/// Reads a text as the fleet file at `path`, or says everything that is wrong with it.
pub(super) fn read(text: &str, path: &Path, home: Option<&Path>) -> Result<Fleet, Vec<Problem>> {
    let beside = path.parent().unwrap_or(Path::new(""));
    examine(text, |document, table| Reader { document, beside, home }.fleet(table, path))
}

struct Reader<'d, 't> {
    document: &'d mut Document<'t>,
    beside: &'d Path,
    home: Option<&'d Path>,
}

/// What one host's table or `[defaults]` says.
#[derive(Clone, Default)]
struct Settings {
    address: Option<String>,
    user: Option<String>,
    port: Option<u16>,
    identity: Option<Vec<PathBuf>>,
    jump: Option<Vec<String>>,
    known_hosts: Option<Vec<PathBuf>>,
    host_key_check: Option<HostKeyCheck>,
    engine: Option<Engine>,
    sudo: Option<Sudo>,
    labels: BTreeMap<String, String>,
    memory_reserve: Option<u64>,
}

impl Settings {
    /// A host with these settings, where it is silent those of `[defaults]`.
    fn host(self, name: HostName, defaults: &Settings) -> HostSpec {
        let defaults = defaults.clone();
        let mut labels = defaults.labels;
        labels.extend(self.labels);
        HostSpec {
            address: self.address.unwrap_or_else(|| name.to_string()),
            name,
            user: self.user.or(defaults.user),
            port: self.port.or(defaults.port),
            identity: self.identity.or(defaults.identity).unwrap_or_default(),
            jump: self.jump.or(defaults.jump).unwrap_or_default(),
            known_hosts: self.known_hosts.or(defaults.known_hosts).unwrap_or_default(),
            host_key_check: self.host_key_check.or(defaults.host_key_check).unwrap_or_default(),
            engine: self.engine.or(defaults.engine).unwrap_or_default(),
            sudo: self.sudo.or(defaults.sudo).unwrap_or_default(),
            labels,
            memory_reserve: self.memory_reserve.or(defaults.memory_reserve).unwrap_or(MEMORY_RESERVE),
        }
    }
}

impl Reader<'_, '_> {
    fn fleet(&mut self, top: &DeTable<'_>, path: &Path) -> Fleet {
        for (key, _) in in_order(top) {
            if !TOP.contains(&key.get_ref().as_ref()) {
                self.document.unknown(key, &TOP);
            }
        }
        let title = match top.get_key_value("title") {
            Some((key, value)) => self.document.value(key, value, values::line),
            None => path.file_name().map(|name| super::printable(&name.to_string_lossy())),
        };
        let defaults = match top.get("defaults").map(|value| self.document.table("defaults", value)) {
            Some(Some(table)) => self.settings(table, &HOST[1..]),
            _ => Settings::default(),
        };
        let hosts = match top.get("hosts") {
            Some(value) => self.hosts(value, &defaults),
            None => Vec::new(),
        };
        if hosts.is_empty() && self.document.is_sound() {
            self.document.problem(
                0..0,
                "the fleet has no host: add a table such as [hosts.name] with address = \"…\"",
            );
        }
        let groups = match top.get("groups") {
            Some(value) => self.groups(value, &hosts),
            None => BTreeMap::new(),
        };
        Fleet { title: title.unwrap_or_default(), path: path.to_path_buf(), hosts, groups }
    }

    fn hosts(&mut self, value: &Value<'_>, defaults: &Settings) -> Vec<HostSpec> {
        let mut hosts: Vec<HostSpec> = Vec::new();
        let Some(table) = self.document.table("hosts", value) else { return hosts };
        for (key, value) in in_order(table) {
            let name = HostName::new(key.get_ref().as_ref());
            if let Err(error) = &name {
                self.document.problem(key.span(), error.to_string());
            }
            let Some(table) = self.document.table(key.get_ref(), value) else { continue };
            let settings = self.settings(table, &HOST);
            let Ok(name) = name else { continue };
            let host = settings.host(name, defaults);
            let same = |other: &&HostSpec| {
                HostSpec { name: host.name.clone(), labels: host.labels.clone(), ..(*other).clone() } == host
            };
            if let Some(twin) = hosts.iter().find(same) {
                let text =
                    format!("“{}” is the same machine as “{}”: keep one of them", host.name, twin.name);
                self.document.problem(key.span(), text);
            }
            hosts.push(host);
        }
        hosts
    }

    fn settings(&mut self, table: &DeTable<'_>, known: &[&str]) -> Settings {
        let mut settings = Settings::default();
        let (beside, home) = (self.beside, self.home);
        let path = |value: &DeValue<'_>| values::path(value, beside, home);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                name if !known.contains(&name) => {
                    if name == "address" {
                        self.document.problem(
                            key.span(),
                            "“address” differs from host to host: it cannot have a default",
                        );
                    } else {
                        self.document.unknown(key, known);
                    }
                }
                "address" => settings.address = self.document.value(key, value, values::address),
                "user" => settings.user = self.document.value(key, value, values::user),
                "port" => settings.port = self.document.value(key, value, values::port),
                "identity" => settings.identity = self.document.list(key, value, path),
                "jump" => settings.jump = self.document.list(key, value, values::jump),
                "known_hosts" => settings.known_hosts = self.document.list(key, value, path),
                "host_key_check" => {
                    settings.host_key_check = self
                        .document
                        .value(key, value, |value| values::word(value, &values::HOST_KEY_CHECKS));
                }
                "engine" => {
                    settings.engine =
                        self.document.value(key, value, |value| values::word(value, &values::ENGINES));
                }
                "sudo" => {
                    settings.sudo =
                        self.document.value(key, value, |value| values::word(value, &values::SUDO))
                }
                "labels" => settings.labels = self.labels(value),
                "memory_reserve" => settings.memory_reserve = self.document.value(key, value, values::memory),
                _ => self.document.unknown(key, known),
            }
        }
        settings
    }

    fn labels(&mut self, value: &Value<'_>) -> BTreeMap<String, String> {
        let Some(table) = self.document.table("labels", value) else { return BTreeMap::new() };
        let mut labels = BTreeMap::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref();
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                self.document.problem(key.span(), format!("“{name}” is no name for a label"));
            } else if let Some(text) = self.document.value(key, value, values::line) {
                labels.insert(name.to_string(), text);
            }
        }
        labels
    }

    fn groups(&mut self, value: &Value<'_>, hosts: &[HostSpec]) -> BTreeMap<String, Vec<HostName>> {
        let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        let mut groups = BTreeMap::new();
        if self.document.misses_tables() {
            return groups;
        }
        let Some(table) = self.document.table("groups", value) else { return groups };
        let member = |value: &DeValue<'_>| {
            let host = values::line(value)?;
            let known =
                hosts.iter().find(|known| known.name.as_str() == host).map(|known| known.name.clone());
            known.ok_or_else(|| format!("unknown host “{host}”; {}", suggestion(&host, &names)))
        };
        for (key, value) in in_order(table) {
            let group = key.get_ref();
            // A group is typed where a host may be typed: the same letters, and never the same word.
            if HostName::new(group.as_ref()).is_err() {
                let text = format!("“{group}” is no name for a group: the rules are those of host names");
                self.document.problem(key.span(), text);
            } else if names.contains(&group.as_ref()) {
                self.document
                    .problem(key.span(), format!("the group “{group}” has the name of a host: rename one"));
            }
            if let Some(members) = self.document.list(key, value, member) {
                groups.insert(group.to_string(), members);
            }
        }
        groups
    }
}
