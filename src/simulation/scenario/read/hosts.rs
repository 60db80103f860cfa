//! `[host]` and `[[hosts]]`.

use std::time::Duration;

use jiff::SignedDuration;
use toml::de::DeTable;

use super::names::RESERVED;
use super::{Entry, NUMBER, Reader, key_span};
use crate::fleet::position::suggestion;
use crate::fleet::values::{line, memory, word};
use crate::fleet::{HostName, bytes};
use crate::simulation::scenario::{Architecture, CgroupVersion, HostPlan, Runtime, Version, values};

/// More hosts than a screen can list.
const MOST_HOSTS: u64 = 1000;

const NAME: [&str; 2] = ["name", "count"];
const HOST: [&str; 18] = [
    "memory",
    "memory_used",
    "swap",
    "cores",
    "disk",
    "disk_used",
    "architecture",
    "kernel",
    "distribution",
    "criu",
    "podman",
    "docker",
    "runc",
    "runtime",
    "cgroup",
    "cpu_flags",
    "without_cpu_flags",
    "cpu_model",
];
const TIMES: [&str; 2] = ["clock_skew", "boot"];

/// What one table says of a host.
#[derive(Clone, Default)]
struct Settings {
    memory: Option<u64>,
    memory_used: Option<u64>,
    swap: Option<u64>,
    cores: Option<u32>,
    disk: Option<u64>,
    disk_used: Option<u64>,
    architecture: Option<Architecture>,
    kernel: Option<String>,
    distribution: Option<String>,
    criu: Option<Option<Version>>,
    podman: Option<Option<Version>>,
    docker: Option<Option<Version>>,
    runc: Option<Option<Version>>,
    runtime: Option<Runtime>,
    cgroup: Option<CgroupVersion>,
    cpu_flags: Option<Vec<String>>,
    without_cpu_flags: Option<Vec<String>>,
    cpu_model: Option<String>,
    clock_skew: Option<SignedDuration>,
    boot: Option<Duration>,
}

impl Settings {
    /// A host with these settings, where they are silent with the usual ones.
    fn host(self, name: HostName) -> HostPlan {
        let version = |text: &str| Version::new(text);
        let architecture = self.architecture.unwrap_or_default();
        let runtime = self.runtime.unwrap_or_default();
        let kernel = match architecture {
            Architecture::X86_64 => "6.12.48+deb13-amd64",
            Architecture::Aarch64 => "6.12.48+deb13-arm64",
        };
        let without = self.without_cpu_flags.unwrap_or_default();
        let flags = self.cpu_flags.unwrap_or_else(|| {
            architecture.usual_flags().split_ascii_whitespace().map(str::to_string).collect()
        });
        HostPlan {
            name,
            memory: self.memory.unwrap_or(4 << 30),
            memory_used: self.memory_used.unwrap_or(300 << 20),
            swap: self.swap.unwrap_or(0),
            cores: self.cores.unwrap_or(4),
            disk: self.disk.unwrap_or(40 << 30),
            disk_used: self.disk_used.unwrap_or(4 << 30),
            architecture,
            kernel: self.kernel.unwrap_or_else(|| kernel.into()),
            distribution: self.distribution.unwrap_or_else(|| "Debian GNU/Linux 13 (trixie)".into()),
            criu: self.criu.unwrap_or_else(|| version("4.1.1")),
            podman: self.podman.unwrap_or_else(|| version("5.4.2")),
            docker: self.docker.unwrap_or_default(),
            // Who makes containers with runC has one.
            runc: self.runc.unwrap_or_else(|| match runtime {
                Runtime::Runc => version("1.1.15"),
                Runtime::Crun => None,
            }),
            runtime,
            cgroup: self.cgroup.unwrap_or_default(),
            cpu_flags: flags.into_iter().filter(|flag| !without.contains(flag)).collect(),
            cpu_model: self.cpu_model.unwrap_or_else(|| architecture.usual_model().into()),
            clock_skew: self.clock_skew.unwrap_or_default(),
            boot: self.boot.unwrap_or(Duration::from_secs(3 * 86_400)),
        }
    }
}

impl Reader<'_, '_> {
    /// Reads all hosts into `self.hosts` and their names into `self.names`.
    pub(super) fn read_hosts(&mut self, top: &DeTable<'_>) {
        let usual = match self.table(top, "host") {
            Some((_, table)) => {
                self.known_only(table, &[&HOST, &TIMES]);
                self.settings(table, Settings::default())
            }
            None => Settings::default(),
        };
        for entry in self.tables(top, "hosts") {
            self.known_only(entry.1, &[&NAME, &HOST, &TIMES]);
            let settings = self.settings(entry.1, usual.clone());
            let Some(name) = self.need(&entry, "name", "\"h1\"", values::name) else {
                self.names.incomplete = true;
                continue;
            };
            let count = self.get(entry.1, "count", |value| values::whole(value, 1..=MOST_HOSTS));
            if name.contains(NUMBER) && !entry.1.contains_key("count") {
                let at = (key_span(&entry, "name"), entry.1);
                self.absent(&at, format!("name: “{name}” needs a count: add count = 3"));
            }
            let mut family = Vec::new();
            for name in self.numbered(&entry, &name, count.unwrap_or(1) as usize) {
                if let Some(name) = self.new_host(&entry, name) {
                    family.push(name.clone());
                    let host = settings.clone().host(name);
                    if family.len() == 1 {
                        self.sound(&entry, &host, &settings);
                    }
                    self.hosts.push(host);
                }
            }
            self.names.hosts.extend(family.iter().cloned());
            if name.contains(NUMBER) {
                self.names.host_families.entry(name).or_default().extend(family);
            }
        }
        if self.hosts.len() > MOST_HOSTS as usize {
            let text =
                format!("a scenario has at most {MOST_HOSTS} hosts, and these are {}", self.hosts.len());
            self.document.problem(0..0, text);
        }
        if self.hosts.is_empty() && self.document.is_sound() {
            self.document.problem(0..0, "the scenario has no host: add [[hosts]] with name = \"h1\"");
        }
    }

    /// A name that no other host has.
    fn new_host(&mut self, entry: &Entry<'_, '_>, name: String) -> Option<HostName> {
        let name = match HostName::new(name) {
            Ok(name) => name,
            Err(error) => {
                self.document.problem(key_span(entry, "name"), error.to_string());
                self.names.incomplete = true;
                return None;
            }
        };
        if RESERVED.contains(&name.as_str()) {
            let text = format!("name: “{name}” means something else in a scenario: choose another name");
            self.document.problem(key_span(entry, "name"), text);
        } else if self.names.hosts.contains(&name) {
            let text = format!("name: there is a host “{name}” already: rename one");
            self.document.problem(key_span(entry, "name"), text);
            return None;
        }
        Some(name)
    }

    /// Whether what a host has suffices for what its system takes.
    fn sound(&mut self, entry: &Entry<'_, '_>, host: &HostPlan, settings: &Settings) {
        for (key, what, used, all) in [
            ("memory_used", "memory", host.memory_used, host.memory),
            ("disk_used", "disk", host.disk_used, host.disk),
        ] {
            if used > all {
                let text = format!(
                    "{key}: the system of “{}” takes {} and its {what} has {}: give it more {what}",
                    host.name,
                    bytes(used),
                    bytes(all)
                );
                let key = if entry.1.contains_key(key) { key } else { what };
                self.document.problem(key_span(entry, key), text);
            }
        }
        if host.runtime == Runtime::Runc && host.runc.is_none() {
            let text = "runtime: this host has runc = \"none\": leave that out, or write runtime = \"crun\"";
            self.document.problem(key_span(entry, "runtime"), text);
        }
        let all = match &settings.cpu_flags {
            Some(flags) => flags.iter().map(String::as_str).collect(),
            None => host.architecture.usual_flags().split_ascii_whitespace().collect::<Vec<_>>(),
        };
        for flag in settings.without_cpu_flags.iter().flatten() {
            if !all.contains(&flag.as_str()) {
                let near = suggestion(flag, &all);
                let near = if near.starts_with("did you mean") { near } else { "leave it out".into() };
                let text = format!("without_cpu_flags: the processor has no “{flag}” anyway; {near}");
                self.document.problem(key_span(entry, "without_cpu_flags"), text);
            }
        }
    }

    /// What a table says, on top of what is usual.
    fn settings(&mut self, table: &DeTable<'_>, usual: Settings) -> Settings {
        const ARCHITECTURES: [(&str, Architecture); 2] =
            [("x86_64", Architecture::X86_64), ("aarch64", Architecture::Aarch64)];
        const RUNTIMES: [(&str, Runtime); 2] = [("crun", Runtime::Crun), ("runc", Runtime::Runc)];
        let list = |reader: &mut Self, key: &str| {
            let (key, value) = table.get_key_value(key)?;
            reader.document.list(key, value, values::word)
        };
        let whole = |value: &toml::de::DeValue<'_>| values::whole(value, 1..=1024);
        let cgroup = self.get(table, "cgroup", |value| values::whole(value, 1..=2));
        Settings {
            memory: self.get(table, "memory", memory).or(usual.memory),
            memory_used: self.get(table, "memory_used", memory).or(usual.memory_used),
            swap: self.get(table, "swap", memory).or(usual.swap),
            cores: self.get(table, "cores", whole).map(|cores| cores as u32).or(usual.cores),
            disk: self.get(table, "disk", memory).or(usual.disk),
            disk_used: self.get(table, "disk_used", memory).or(usual.disk_used),
            architecture: self
                .get(table, "architecture", |value| word(value, &ARCHITECTURES))
                .or(usual.architecture),
            kernel: self.get(table, "kernel", values::word).or(usual.kernel),
            distribution: self.get(table, "distribution", line).or(usual.distribution),
            criu: self.get(table, "criu", values::version).or(usual.criu),
            podman: self.get(table, "podman", values::version).or(usual.podman),
            docker: self.get(table, "docker", values::version).or(usual.docker),
            runc: self.get(table, "runc", values::version).or(usual.runc),
            runtime: self.get(table, "runtime", |value| word(value, &RUNTIMES)).or(usual.runtime),
            cgroup: cgroup
                .map(|version| if version == 1 { CgroupVersion::One } else { CgroupVersion::Two })
                .or(usual.cgroup),
            cpu_flags: list(self, "cpu_flags").or(usual.cpu_flags),
            without_cpu_flags: list(self, "without_cpu_flags").or(usual.without_cpu_flags),
            cpu_model: self.get(table, "cpu_model", line).or(usual.cpu_model),
            clock_skew: self.get(table, "clock_skew", values::signed_duration).or(usual.clock_skew),
            boot: self.get(table, "boot", values::duration).or(usual.boot),
        }
    }
}
