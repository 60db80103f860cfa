//! What hosts report: connections, readings, container lists.

use super::percent;
use super::{Change, Containers, LinkState, NoticeLevel, State};
use crate::fleet::{Container, HostName, bytes};
use crate::watch::Sample;

impl State {
    pub(super) fn linked(&mut self, name: &HostName, link: &LinkState, at_ms: u64) -> Change {
        let Some(index) = self.host_index(name) else { return Change::None };
        let host = &mut self.hosts[index];
        if host.link == *link {
            return Change::None;
        }
        let before = std::mem::replace(&mut host.link, link.clone());
        if !host.is_live() {
            host.cpu.push(None);
            host.memory.push(None);
        }
        let told = match (&before, link) {
            (LinkState::Live { .. }, LinkState::Live { .. }) => None,
            (_, LinkState::Live { round_trip_ms }) => {
                Some((NoticeLevel::Success, format!("live, {round_trip_ms} ms")))
            }
            // A host that stays away fails again and again for the same reason: one line says it.
            (LinkState::Retrying { cause: old, .. }, LinkState::Retrying { cause, .. }) if old == cause => {
                None
            }
            (_, LinkState::Retrying { cause, .. }) => {
                Some((NoticeLevel::Warning, format!("not connected: {cause}")))
            }
            (_, LinkState::Refused { cause }) => Some((NoticeLevel::Error, format!("refused: {cause}"))),
            (_, LinkState::Connecting) => None,
        };
        if let Some((level, text)) = told
            && !self.heard_lately(name, &text)
        {
            self.note(at_ms, level, Some(name.clone()), text);
        }
        Change::Visible
    }

    /// Whether the newest line about this host says the same: between two failing tries lies a `Connecting`.
    fn heard_lately(&self, name: &HostName, text: &str) -> bool {
        let mut newest_first = self.notices.seen(usize::MAX).rev();
        newest_first.find(|line| line.host.as_ref() == Some(name)).is_some_and(|line| line.text == text)
    }

    pub(super) fn sampled(&mut self, name: &HostName, sample: &Sample) -> Change {
        let Some(index) = self.host_index(name) else { return Change::None };
        let before = self.drawn(index);
        let host = &mut self.hosts[index];
        let memory = (sample.memory_total > 0)
            .then(|| 1.0 - sample.memory_available as f64 / sample.memory_total as f64);
        host.cpu.push(sample.cpu);
        host.memory.push(memory);
        host.sample = Some(sample.clone());
        Change::when(self.drawn(index) != before)
    }

    pub(super) fn laptop_measured(&mut self, cpu: f64, memory_available: u64) -> Change {
        let before = self.laptop.take();
        self.laptop = Some((percent(cpu), bytes(memory_available)));
        Change::when(self.laptop != before && self.shows_laptop())
    }

    pub(super) fn listed(&mut self, name: &HostName, containers: &[Container]) -> Change {
        let Some(index) = self.host_index(name) else { return Change::None };
        let mut ids = std::collections::HashSet::new();
        let unique =
            containers.iter().filter(|container| ids.insert(&container.id)).cloned().collect::<Vec<_>>();
        let host = &mut self.hosts[index];
        let changed = host.listing != Containers::Listed || host.containers != unique;
        host.listing = Containers::Listed;
        host.containers = unique;
        Change::when(changed && index == self.host_row)
    }

    pub(super) fn not_listed(&mut self, name: &HostName, cause: &str, at_ms: u64) -> Change {
        let Some(index) = self.host_index(name) else { return Change::None };
        let failed = Containers::Failed(cause.to_string());
        if self.hosts[index].listing == failed {
            return Change::None;
        }
        self.hosts[index].listing = failed;
        self.note(at_ms, NoticeLevel::Warning, Some(name.clone()), format!("containers not listed: {cause}"));
        Change::Visible
    }
}
