//! From the fleet file's tables to hosts and groups, collecting every mistake on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::position::{Problem, suggestion};
use super::values::{self, found};
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

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

/// Reads a text as the fleet file at `path`, or says everything that is wrong with it.
pub(super) fn read(text: &str, path: &Path, home: Option<&Path>) -> Result<Fleet, Vec<Problem>> {
    let mut reader = Reader {
        text,
        beside: path.parent().unwrap_or(Path::new("")),
        home,
        found: Vec::new(),
        broken_lines: BTreeSet::new(),
        broken_header: false,
    };
    let (mut table, errors) = DeTable::parse_recoverable(text);
    reader.syntax(errors);
    // The parser stops at some mistakes: without the broken lines it also reaches what lies behind them.
    let mended;
    if !reader.broken_lines.is_empty() {
        mended = reader.without_broken_lines();
        let (rest, errors) = DeTable::parse_recoverable(&mended);
        reader.syntax(errors.into_iter().filter(is_duplicate));
        table = rest;
    }
    let fleet = reader.fleet(table.get_ref(), path);
    let mut problems = reader.found;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    if problems.is_empty() { Ok(fleet) } else { Err(problems) }
}

/// Whether the parser found a second value for a key; the line is sound in itself.
fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().starts_with("duplicate key")
}

struct Reader<'t> {
    text: &'t str,
    beside: &'t Path,
    home: Option<&'t Path>,
    found: Vec<Problem>,
    /// Lines that are no TOML: what the parser made of them is not worth a second message.
    broken_lines: BTreeSet<usize>,
    /// Whether a broken line may have named a host: what groups say of hosts cannot be judged then.
    broken_header: bool,
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

/// A table's entries in the file's order; the parser keeps them by name.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Reader<'_> {
    /// Takes the parser's errors over into ours.
    fn syntax(&mut self, errors: impl IntoIterator<Item = toml::de::Error>) {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let name = self.text.get(span.clone()).unwrap_or_default();
            let problem = if is_duplicate(&error) {
                Problem::at(self.text, span, format!("duplicate “{name}”: keep one of them"))
            } else {
                let problem = Problem::at(self.text, span, error.message());
                self.broken_lines.insert(problem.line);
                problem
            };
            self.found.push(problem);
        }
    }

    /// The text with every broken line blanked, all else at its place. Under a broken header everything up to
    /// the next header goes too, for it would be read as part of another table.
    fn without_broken_lines(&mut self) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut headless = false;
        for (index, line) in self.text.split_inclusive('\n').enumerate() {
            let broken = self.broken_lines.contains(&(index + 1));
            if line.trim_start().starts_with('[') {
                headless = broken;
                self.broken_header |= broken;
            }
            if broken || headless {
                let blank = |byte: u8| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' };
                text.extend(line.bytes().map(blank));
            } else {
                text.push_str(line);
            }
        }
        text
    }

    fn problem(&mut self, span: Range<usize>, text: impl Into<String>) {
        let problem = Problem::at(self.text, span, text);
        if !self.broken_lines.contains(&problem.line) {
            self.found.push(problem);
        }
    }

    fn unknown(&mut self, key: &Key<'_>, known: &[&str]) {
        let name = key.get_ref();
        self.problem(key.span(), format!("unknown key “{name}”; {}", suggestion(name, known)));
    }

    /// A value through one of the readers of [`values`]; the message begins with the key.
    fn value<T>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        read(value.get_ref())
            .map_err(|text| self.problem(value.span(), format!("{}: {text}", key.get_ref())))
            .ok()
    }

    /// One value or a list of them.
    fn list<T: PartialEq>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(items) = value.get_ref() else {
            return Some(vec![self.value(key, value, read)?]);
        };
        let mut list = Vec::new();
        for item in items.iter() {
            let Some(read) = self.value(key, item, &read) else { continue };
            if list.contains(&read) {
                let text =
                    format!("{}: duplicate {}: keep one of them", key.get_ref(), found(item.get_ref()));
                self.problem(item.span(), text);
            } else {
                list.push(read);
            }
        }
        Some(list)
    }

    fn table<'a, 'i>(&mut self, name: &str, value: &'a Value<'i>) -> Option<&'a DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                self.problem(value.span(), format!("{name}: expected a table, found {}", found(other)));
                None
            }
        }
    }

    fn fleet(&mut self, top: &DeTable<'_>, path: &Path) -> Fleet {
        for (key, _) in in_order(top) {
            if !TOP.contains(&key.get_ref().as_ref()) {
                self.unknown(key, &TOP);
            }
        }
        let title = match top.get_key_value("title") {
            Some((key, value)) => self.value(key, value, values::line),
            None => path.file_name().map(|name| super::printable(&name.to_string_lossy())),
        };
        let defaults = match top.get("defaults").map(|value| self.table("defaults", value)) {
            Some(Some(table)) => self.settings(table, &HOST[1..]),
            _ => Settings::default(),
        };
        let hosts = match top.get("hosts") {
            Some(value) => self.hosts(value, &defaults),
            None => Vec::new(),
        };
        if hosts.is_empty() && self.found.is_empty() {
            self.problem(
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
        let Some(table) = self.table("hosts", value) else { return hosts };
        for (key, value) in in_order(table) {
            let name = HostName::new(key.get_ref().as_ref());
            if let Err(error) = &name {
                self.problem(key.span(), error.to_string());
            }
            let Some(table) = self.table(key.get_ref(), value) else { continue };
            let settings = self.settings(table, &HOST);
            let Ok(name) = name else { continue };
            let host = settings.host(name, defaults);
            let same = |other: &&HostSpec| {
                HostSpec { name: host.name.clone(), labels: host.labels.clone(), ..(*other).clone() } == host
            };
            if let Some(twin) = hosts.iter().find(same) {
                let text =
                    format!("“{}” is the same machine as “{}”: keep one of them", host.name, twin.name);
                self.problem(key.span(), text);
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
                        self.problem(
                            key.span(),
                            "“address” differs from host to host: it cannot have a default",
                        );
                    } else {
                        self.unknown(key, known);
                    }
                }
                "address" => settings.address = self.value(key, value, values::address),
                "user" => settings.user = self.value(key, value, values::user),
                "port" => settings.port = self.value(key, value, values::port),
                "identity" => settings.identity = self.list(key, value, path),
                "jump" => settings.jump = self.list(key, value, values::jump),
                "known_hosts" => settings.known_hosts = self.list(key, value, path),
                "host_key_check" => {
                    settings.host_key_check =
                        self.value(key, value, |value| values::word(value, &values::HOST_KEY_CHECKS));
                }
                "engine" => {
                    settings.engine = self.value(key, value, |value| values::word(value, &values::ENGINES));
                }
                "sudo" => settings.sudo = self.value(key, value, |value| values::word(value, &values::SUDO)),
                "labels" => settings.labels = self.labels(value),
                "memory_reserve" => settings.memory_reserve = self.value(key, value, values::memory),
                _ => self.unknown(key, known),
            }
        }
        settings
    }

    fn labels(&mut self, value: &Value<'_>) -> BTreeMap<String, String> {
        let Some(table) = self.table("labels", value) else { return BTreeMap::new() };
        let mut labels = BTreeMap::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref();
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                self.problem(key.span(), format!("“{name}” is no name for a label"));
            } else if let Some(text) = self.value(key, value, values::line) {
                labels.insert(name.to_string(), text);
            }
        }
        labels
    }

    fn groups(&mut self, value: &Value<'_>, hosts: &[HostSpec]) -> BTreeMap<String, Vec<HostName>> {
        let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        let mut groups = BTreeMap::new();
        if self.broken_header {
            return groups;
        }
        let Some(table) = self.table("groups", value) else { return groups };
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
                self.problem(key.span(), text);
            } else if names.contains(&group.as_ref()) {
                self.problem(key.span(), format!("the group “{group}” has the name of a host: rename one"));
            }
            if let Some(members) = self.list(key, value, member) {
                groups.insert(group.to_string(), members);
            }
        }
        groups
    }
}
