//! `[[containers]]`.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::{Entry, NUMBER, Placed, Reader, key_span};
use crate::fleet::document::in_order;
use crate::fleet::values::{line, memory, port, word};
use crate::fleet::{HostName, bytes};
use crate::simulation::scenario::{
    ContainerPlan, Engine, FilePlan, HostPlan, Origin, Peculiarity, Status, VolumePlan, Workload, values,
};

/// More containers than anybody looks at: a hundred on each of two hundred hosts.
const MOST_CONTAINERS: usize = 20_000;

pub(super) const KEYS: [&str; 17] = [
    "name",
    "host",
    "engine",
    "workload",
    "image",
    "memory",
    "dirty_rate",
    "cpu",
    "sockets",
    "ports",
    "volumes",
    "files",
    "peculiar",
    "status",
    "labels",
    "count",
    "per_host",
];

pub(super) const ENGINES: [(&str, Engine); 3] =
    [("podman", Engine::Podman), ("docker", Engine::Docker), ("runc", Engine::Runc)];
const WORKLOADS: [(&str, Workload); 5] = [
    ("counter", Workload::Counter),
    ("redis", Workload::Redis),
    ("web", Workload::Web),
    ("looper", Workload::Looper),
    ("idle", Workload::Idle),
];
const STATES: [(&str, Status); 2] = [("running", Status::Running), ("exited", Status::Exited)];

impl Reader<'_, '_> {
    /// Reads all containers into `self.containers` and their names into `self.names`.
    pub(super) fn read_containers(&mut self, top: &DeTable<'_>) {
        for entry in self.tables(top, "containers") {
            self.known_only(entry.1, &[&KEYS]);
            let hosts = self.must_refer(&entry, "host", "\"h1\"", |names, value| names.hosts(value));
            let name = self.need(&entry, "name", "\"web-1\"", values::name);
            let (name, hosts) = match (name, hosts) {
                (Some(name), Some(hosts)) => (name, hosts),
                (Some(name), None) if !name.contains(NUMBER) => {
                    self.names.lost.push(name);
                    continue;
                }
                _ => {
                    self.names.incomplete = true;
                    continue;
                }
            };
            let Some(first) = hosts.first() else { continue };
            let plan = self.container(&entry, &name, first);
            let places = self.places(&entry, &hosts);
            if self.containers.len() + places.len() > MOST_CONTAINERS {
                let text = format!(
                    "a scenario has at most {MOST_CONTAINERS} containers, and with these it has more"
                );
                self.document.problem(entry.0.clone(), text);
                self.names.incomplete = true;
                continue;
            }
            let mut family = Vec::new();
            for (host, numbered) in places.iter().zip(self.numbered(&entry, &name, places.len())) {
                let plan = ContainerPlan { name: numbered, host: host.clone(), ..plan.clone() };
                family.push(plan.origin());
                self.containers.push(Placed { plan, span: key_span(&entry, "name") });
            }
            self.without_engine(&entry, &hosts, plan.engine);
            if name.contains(NUMBER) {
                self.names.container_families.entry(name).or_default().extend(family.iter().cloned());
            }
            self.names.containers.extend(family);
        }
        self.same_names();
        self.too_much();
    }

    /// The host of each container of a table, in the order of their numbers.
    fn places(&mut self, entry: &Entry<'_, '_>, hosts: &[HostName]) -> Vec<HostName> {
        let most = MOST_CONTAINERS as u64;
        let count = self.get(entry.1, "count", |value| values::whole(value, 1..=most));
        let per_host = self.get(entry.1, "per_host", |value| values::whole(value, 1..=most));
        if count.is_some() && per_host.is_some() {
            let text = "per_host: “count” says already how many there are: keep one of them";
            self.document.problem(key_span(entry, "per_host"), text);
        }
        match count {
            Some(count) => hosts.iter().cycle().take(count as usize).cloned().collect(),
            None => {
                let each = per_host.unwrap_or(1) as usize;
                hosts
                    .iter()
                    .flat_map(|host| std::iter::repeat_n(host.clone(), each))
                    // What is beyond is refused anyway, and need not fill the memory before that.
                    .take(MOST_CONTAINERS + 1)
                    .collect()
            }
        }
    }

    /// What a table says of one container, on top of what is usual for its workload.
    pub(super) fn container(&mut self, entry: &Entry<'_, '_>, name: &str, host: &HostName) -> ContainerPlan {
        let table = entry.1;
        let workload = self
            .need(entry, "workload", "\"counter\"", |value| word(value, &WORKLOADS))
            .unwrap_or(Workload::Idle);
        let usual = workload.usual();
        let sockets = self.get(table, "sockets", |value| values::whole(value, 0..=10_000));
        let list = table.get_key_value("peculiar");
        let peculiar = list
            .and_then(|(key, value)| self.document.list(key, value, |value| word(value, &Peculiarity::ALL)));
        let list = table.get_key_value("ports");
        let ports = list.and_then(|(key, value)| self.document.list(key, value, port));
        let memory_size = self.get(table, "memory", memory).unwrap_or(usual.memory);
        ContainerPlan {
            name: name.to_string(),
            host: host.clone(),
            engine: self.get(table, "engine", |value| word(value, &ENGINES)).unwrap_or_default(),
            workload,
            image: self.get(table, "image", values::word).unwrap_or_else(|| workload.image()),
            memory: memory_size,
            dirty_rate: self.get(table, "dirty_rate", values::byte_rate).unwrap_or(usual.dirty_rate),
            cpu: self.get(table, "cpu", values::level).unwrap_or(usual.cpu),
            sockets: sockets.unwrap_or_default() as u32,
            ports: ports.unwrap_or_else(|| usual.ports.to_vec()),
            volumes: self.volumes(table),
            files: self.files(table),
            peculiar: peculiar.unwrap_or_default().into_iter().collect(),
            status: self.get(table, "status", |value| word(value, &STATES)).unwrap_or_default(),
            labels: self.labels(table),
        }
    }

    fn volumes(&mut self, table: &DeTable<'_>) -> Vec<VolumePlan> {
        let mut volumes: Vec<VolumePlan> = Vec::new();
        for entry in self.tables(table, "volumes") {
            self.known_only(entry.1, &[&["name", "size", "path"]]);
            let name = self.need(&entry, "name", "\"data\"", values::single_name);
            let path = self.need(&entry, "path", "\"/data\"", values::path);
            let size = self.get(entry.1, "size", memory).unwrap_or_default();
            let (Some(name), Some(path)) = (name, path) else { continue };
            if volumes.iter().any(|other| other.path == path) {
                let text = format!("path: another volume is at “{path}” already: choose another path");
                self.document.problem(key_span(&entry, "path"), text);
            }
            volumes.push(VolumePlan { name, size, path });
        }
        volumes
    }

    fn files(&mut self, table: &DeTable<'_>) -> Vec<FilePlan> {
        let mut files: Vec<FilePlan> = Vec::new();
        for entry in self.tables(table, "files") {
            self.known_only(entry.1, &[&["path", "size"]]);
            let path = self.need(&entry, "path", "\"/srv/data\"", values::path);
            let size = self.get(entry.1, "size", memory).unwrap_or_default();
            let Some(path) = path else { continue };
            if files.iter().any(|other| other.path == path) {
                let text = format!("path: “{path}” is there already: keep one of them");
                self.document.problem(key_span(&entry, "path"), text);
            }
            files.push(FilePlan { path, size });
        }
        files
    }

    fn labels(&mut self, table: &DeTable<'_>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let Some((_, table)) = self.table(table, "labels") else { return labels };
        for (key, value) in in_order(table) {
            let name = key.get_ref();
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                self.document.problem(key.span(), format!("“{name}” is no name for a label"));
            } else if let Some(text) = self.document.value(key, value, line) {
                labels.insert(name.to_string(), text);
            }
        }
        labels
    }

    /// Refuses a container on a host without its engine.
    pub(super) fn without_engine(&mut self, entry: &Entry<'_, '_>, hosts: &[HostName], engine: Engine) {
        let lacks = |name: &&HostName| self.host(name).is_some_and(|host| !host.has(engine));
        if let Some(host) = hosts.iter().find(lacks) {
            let word = engine.word();
            let text = format!(
                "engine: “{host}” has no {word}: give that host {word} = \"VERSION\", or choose another engine"
            );
            let key = if entry.1.contains_key("engine") { "engine" } else { "host" };
            self.document.problem(key_span(entry, key), text);
        }
    }

    /// Refuses two containers of one name on one host.
    fn same_names(&mut self) {
        let mut seen: BTreeSet<Origin> = BTreeSet::new();
        let mut reported = Vec::new();
        for placed in &self.containers {
            let origin = placed.plan.origin();
            // One message for a table is enough.
            if !seen.insert(origin.clone()) && !reported.contains(&placed.span) {
                reported.push(placed.span.clone());
                let text =
                    format!("name: there is a “{}” on {} already: rename one", origin.name, origin.host);
                self.document.problem(placed.span.clone(), text);
            }
        }
    }

    /// Refuses containers that do not fit into the memory and the disk of their host.
    fn too_much(&mut self) {
        let mut used: BTreeMap<&HostName, (&HostPlan, u64, u64)> =
            self.hosts.iter().map(|host| (&host.name, (host, host.memory_used, host.disk_used))).collect();
        let mut reported = Vec::new();
        for Placed { plan, span } in &self.containers {
            let Some((host, memory, disk)) = used.get_mut(&plan.host) else { continue };
            let (memory_before, disk_before) = (*memory, *disk);
            if plan.status == Status::Running {
                *memory = memory.saturating_add(plan.memory);
            }
            let sizes =
                plan.volumes.iter().map(|volume| volume.size).chain(plan.files.iter().map(|file| file.size));
            *disk = sizes.fold(*disk, u64::saturating_add);
            for (what, before, now, all) in
                [("memory", memory_before, *memory, host.memory), ("disk", disk_before, *disk, host.disk)]
            {
                // The first one that does not fit is where a person has to look.
                if before <= all && now > all && !reported.contains(&(span.clone(), what)) {
                    reported.push((span.clone(), what));
                    let text = format!(
                        "“{}” does not fit into the {what} of {}: with it {} of {} are used",
                        plan.name,
                        plan.host,
                        bytes(now),
                        bytes(all)
                    );
                    self.document.problem(span.clone(), text);
                }
            }
        }
    }
}
