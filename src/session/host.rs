//! One host as the console knows it.

use std::collections::HashMap;

use super::history::History;
use super::{LinkState, State};
use crate::fleet::{Container, ContainerId, HostName, HostSpec};
use crate::watch::{ContainerSample, Sample};

/// What is known of a host's containers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Containers {
    /// Not asked yet.
    Unknown,
    /// Listed.
    Listed,
    /// The last listing failed; older lines may still be there.
    Failed(String),
}

/// The order of the container list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Name,
    Cpu,
    Memory,
    Age,
}

impl Sort {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Name => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Age,
            Self::Age => Self::Name,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Age => "age",
        }
    }
}

/// Where a list stands: what is chosen, at which row it was last seen, and the first row in sight.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) chosen: Option<ContainerId>,
    pub(crate) row: usize,
    pub(crate) offset: usize,
}

/// One host: its figures and its containers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostState {
    pub(crate) spec: HostSpec,
    pub(crate) link: LinkState,
    pub(crate) sample: Option<Sample>,
    pub(crate) cpu: History,
    pub(crate) memory: History,
    pub(crate) listing: Containers,
    pub(crate) containers: Vec<Container>,
    pub(crate) cursor: Cursor,
    /// What the last look for its abilities found.
    pub(crate) seen: Option<super::matrix::Seen>,
}

impl HostState {
    pub(crate) fn new(spec: HostSpec) -> Self {
        Self {
            spec,
            link: LinkState::Connecting,
            sample: None,
            cpu: History::default(),
            memory: History::default(),
            listing: Containers::Unknown,
            containers: Vec::new(),
            cursor: Cursor::default(),
            seen: None,
        }
    }

    pub(crate) fn name(&self) -> &HostName {
        &self.spec.name
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.link, LinkState::Live { .. })
    }

    /// The latest reading of a container, as long as the host is live.
    pub(crate) fn reading(&self, id: &ContainerId) -> Option<&ContainerSample> {
        let sample = self.sample.as_ref().filter(|_| self.is_live())?;
        sample.containers.iter().find(|container| container.id == *id)
    }
}

/// A filter of the container list: `text` keeps what contains it in name, image or id, `!text` the others.
pub(crate) fn matches(filter: &str, container: &Container) -> bool {
    let (wanted, text) = match filter.strip_prefix('!') {
        Some(rest) if !rest.is_empty() => (false, rest),
        _ => (true, filter),
    };
    let text = text.to_lowercase();
    let found = container.name.to_lowercase().contains(&text)
        || container.image.to_lowercase().contains(&text)
        || container.id.0.starts_with(&text);
    found == wanted
}

impl State {
    /// The containers of the chosen host as the list shows them: filtered and sorted.
    pub(crate) fn container_rows(&self) -> Vec<&Container> {
        let Some(host) = self.chosen_host() else { return Vec::new() };
        let mut rows: Vec<&Container> =
            host.containers.iter().filter(|container| matches(&self.filter, container)).collect();
        rows.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.id.cmp(&other.id)));
        if self.sort == Sort::Name {
            return rows;
        }
        let sample = host.sample.as_ref().filter(|_| host.is_live());
        let samples = sample.map(|sample| sample.containers.as_slice()).unwrap_or_default();
        let readings: HashMap<&ContainerId, &ContainerSample> =
            samples.iter().map(|reading| (&reading.id, reading)).collect();
        // Sorting by a figure keeps the order of names among equals.
        rows.sort_by(|one, other| {
            let (one_reading, other_reading) = (readings.get(&one.id), readings.get(&other.id));
            match self.sort {
                Sort::Name => std::cmp::Ordering::Equal,
                Sort::Cpu => {
                    let cpu =
                        |reading: Option<&&ContainerSample>| reading.and_then(|r| r.cpu).unwrap_or(-1.0);
                    cpu(other_reading).total_cmp(&cpu(one_reading))
                }
                Sort::Memory => other_reading.map(|r| r.memory).cmp(&one_reading.map(|r| r.memory)),
                Sort::Age => since(other).cmp(&since(one)),
            }
        });
        rows
    }

    /// The container under the cursor.
    pub(crate) fn chosen_container(&self) -> Option<&Container> {
        let host = self.chosen_host()?;
        let chosen = host.cursor.chosen.as_ref()?;
        host.containers.iter().find(|container| container.id == *chosen)
    }
}

/// Unix seconds from which a container's age counts.
pub(crate) fn since(container: &Container) -> i64 {
    container.started.unwrap_or(container.created)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sample_fleet::container;

    #[test]
    fn filters_look_at_name_image_and_id_without_case() {
        let redis = container("ab12", "Cache", "docker.io/library/Redis:7");
        assert!(matches("redis", &redis) && matches("CACHE", &redis) && matches("ab", &redis));
        assert!(matches("", &redis) && !matches("web", &redis));
        assert!(matches("!web", &redis) && !matches("!cache", &redis));
    }
}
