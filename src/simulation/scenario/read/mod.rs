//! From a scenario's tables to hosts, links, containers, loads and events, collecting every mistake.

mod containers;
mod events;
mod hosts;
mod links;
mod loads;
mod names;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{ContainerPlan, HostPlan, Links, Scenario, values};
use crate::fleet::document::{Document, Value, examine, in_order};
use crate::fleet::values::line;
use crate::fleet::{HostName, Problem};
use names::Names;

const TOP: [&str; 11] =
    ["title", "teaches", "try", "seed", "host", "hosts", "link", "links", "containers", "loads", "events"];

/// What becomes one of several by its number.
const NUMBER: &str = "{}";

/// Reads a text as the scenario of a name, or says everything that is wrong with it.
/// `seed` goes before the text's own.
pub(super) fn read(name: &str, text: &str, seed: Option<u64>) -> Result<Scenario, Vec<Problem>> {
    examine(text, |document, top| {
        let names = Names { incomplete: document.misses_tables(), ..Names::default() };
        Reader { document, names, hosts: Vec::new(), containers: Vec::new(), seed: 0 }
            .scenario(top, name, seed)
    })
}

struct Reader<'d, 't> {
    document: &'d mut Document<'t>,
    names: Names,
    hosts: Vec<HostPlan>,
    containers: Vec<Placed>,
    seed: u64,
}

/// A container and the table that describes it.
struct Placed {
    plan: ContainerPlan,
    span: Range<usize>,
}

/// One table of a list of tables, with its place.
type Entry<'a, 'i> = (Range<usize>, &'a DeTable<'i>);

impl Reader<'_, '_> {
    fn scenario(mut self, top: &DeTable<'_>, name: &str, seed: Option<u64>) -> Scenario {
        self.known_only(top, &[&TOP]);
        let title = self.get(top, "title", line).unwrap_or_else(|| name.to_string());
        let teaches = self.get(top, "teaches", line).unwrap_or_default();
        let try_this = match top.get_key_value("try") {
            Some((key, value)) => self.document.list(key, value, line).unwrap_or_default(),
            None => Vec::new(),
        };
        let own = self.get(top, "seed", |value| values::whole(value, 0..=u64::MAX));
        self.seed = seed.or(own).unwrap_or_default();
        self.read_hosts(top);
        let links = self.links(top);
        self.read_containers(top);
        let loads = self.loads(top);
        let events = self.events(top);
        Scenario {
            name: name.to_string(),
            title,
            teaches,
            try_this,
            seed: self.seed,
            hosts: self.hosts,
            links,
            containers: self.containers.into_iter().map(|placed| placed.plan).collect(),
            loads,
            events,
        }
    }

    /// Refuses every key that is in none of the lists.
    fn known_only(&mut self, table: &DeTable<'_>, lists: &[&[&str]]) {
        let known = lists.concat();
        for (key, _) in in_order(table) {
            if !known.contains(&key.get_ref().as_ref()) {
                self.document.unknown(key, &known);
            }
        }
    }

    /// The value of a key, where the table has it and it is right.
    fn get<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let (key, value) = table.get_key_value(key)?;
        self.document.value(key, value, read)
    }

    /// The value of a key that must be there.
    fn need<T>(
        &mut self,
        entry: &Entry<'_, '_>,
        key: &str,
        example: &str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.missing(entry, key, example);
        self.get(entry.1, key, read)
    }

    /// As [`Reader::get`], for a value that names hosts or containers.
    fn refer<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        read: impl FnOnce(&Names, &DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let (key, value) = table.get_key_value(key)?;
        self.document.value(key, value, |value| read(&self.names, value))
    }

    /// As [`Reader::need`], for a value that names hosts or containers.
    fn must_refer<T>(
        &mut self,
        entry: &Entry<'_, '_>,
        key: &str,
        example: &str,
        read: impl FnOnce(&Names, &DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.missing(entry, key, example);
        self.refer(entry.1, key, read)
    }

    /// Says so when a key is missing.
    fn missing(&mut self, entry: &Entry<'_, '_>, key: &str, example: &str) {
        if !entry.1.contains_key(key) {
            self.absent(entry, format!("“{key}” is missing: add {key} = {example}"));
        }
    }

    /// Notes that a table lacks something, unless it may stand in a line that is no TOML.
    fn absent(&mut self, entry: &Entry<'_, '_>, text: impl Into<String>) {
        if !self.document.misses_lines() {
            self.document.problem(entry.0.clone(), text);
        }
    }

    /// A list of tables, `[[key]]`.
    fn tables<'a, 'i>(&mut self, table: &'a DeTable<'i>, key: &str) -> Vec<Entry<'a, 'i>> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.document
                .problem(value.span(), format!("{key}: expected tables, each beginning with [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            if let Some(table) = self.document.table(key, item) {
                tables.push((span_of(item), table));
            }
        }
        tables
    }

    /// The table of a key, where there is one.
    fn table<'a, 'i>(&mut self, table: &'a DeTable<'i>, key: &str) -> Option<Entry<'a, 'i>> {
        let value = table.get(key)?;
        Some((span_of(value), self.document.table(key, value)?))
    }

    /// The names that a name with or without `{}` stands for, when there are so many.
    fn numbered(&mut self, entry: &Entry<'_, '_>, name: &str, count: usize) -> Vec<String> {
        if !name.contains(NUMBER) {
            if count > 1 {
                let text = format!("name: {count} cannot all be called “{name}”: write “{name}-{{}}”");
                self.document.problem(key_span(entry, "name"), text);
            }
            return vec![name.to_string()];
        }
        let width = count.to_string().len();
        (1..=count).map(|number| name.replace(NUMBER, &format!("{number:0width$}"))).collect()
    }

    /// The host of a name, of those that were read well.
    fn host(&self, name: &HostName) -> Option<&HostPlan> {
        self.hosts.iter().find(|host| host.name == *name)
    }
}

fn span_of(value: &Value<'_>) -> Range<usize> {
    value.span()
}

/// Where a key's value is in a table, else where the table is.
fn key_span((span, table): &Entry<'_, '_>, key: &str) -> Range<usize> {
    table.get(key).map_or_else(|| span.clone(), span_of)
}

/// Names in quotation marks, the first few of many.
fn some_of<T: std::fmt::Display>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("“{name}”")).collect();
    let rest = names.len().saturating_sub(5);
    if rest > 0 { format!("{} and {rest} more", shown.join(", ")) } else { shown.join(", ") }
}
