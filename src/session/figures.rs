//! Figures as they are shown: rounded, so that what looks the same is the same.
//!
//! The views draw from these and the fold compares these, which is how it knows that a reading changes
//! nothing on the screen.

use super::host::since;
use super::{Density, HostState, State};
use crate::fleet::{Container, bytes};

/// A share of 1 as whole percent.
pub(crate) fn percent(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// What one host shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostFigures {
    pub(crate) cpu: Option<u8>,
    pub(crate) memory: Option<u8>,
    pub(crate) cpu_levels: Vec<Option<u8>>,
    pub(crate) memory_levels: Vec<Option<u8>>,
}

/// What the frame of the container list says of its host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostSummary {
    pub(crate) processors: u32,
    pub(crate) load: String,
    pub(crate) memory: String,
}

/// What one container shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerFigures {
    pub(crate) cpu: String,
    pub(crate) memory: String,
}

impl HostState {
    pub(crate) fn figures(&self, columns: u16) -> HostFigures {
        let sample = self.sample.as_ref().filter(|_| self.is_live());
        let used =
            |total: u64, available: u64| (total > 0).then(|| percent(1.0 - available as f64 / total as f64));
        HostFigures {
            cpu: sample.and_then(|sample| sample.cpu).filter(|cpu| cpu.is_finite()).map(percent),
            memory: sample.and_then(|sample| used(sample.memory_total, sample.memory_available)),
            cpu_levels: self.cpu.levels(columns),
            memory_levels: self.memory.levels(columns),
        }
    }

    pub(crate) fn summary(&self) -> Option<HostSummary> {
        let sample = self.sample.as_ref().filter(|_| self.is_live())?;
        let (free, total) = (bytes(sample.memory_available), bytes(sample.memory_total));
        Some(HostSummary {
            processors: sample.processors,
            load: format!("{:.2}", sample.load[0]),
            memory: format!("{free} free of {total}"),
        })
    }

    pub(crate) fn container_figures(&self, container: &Container) -> ContainerFigures {
        let reading = self.reading(&container.id);
        let cpu = reading.and_then(|reading| reading.cpu).filter(|cpu| cpu.is_finite());
        ContainerFigures {
            cpu: cpu.map_or_else(|| "–".into(), |cpu| share(cpu * 100.0)),
            memory: reading.map_or_else(|| "–".into(), |reading| bytes(reading.memory)),
        }
    }
}

/// Percent of one processor, in at most five characters.
fn share(percent: f64) -> String {
    let percent = percent.clamp(0.0, 9999.0);
    if percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// The time since a moment in the coarsest useful unit; exact to the minute, so that it changes with the clock.
pub(crate) fn age(container: &Container, state: &State) -> String {
    let now = state.minute() * 60;
    since_then(now.saturating_sub(since(container)))
}

/// Some seconds as an age.
pub(crate) fn since_then(seconds: i64) -> String {
    match seconds {
        ..60 => "<1m".into(),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", (seconds / 31_536_000).min(999)),
    }
}

/// All that a reading of one host can change on the screen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    figures: Option<HostFigures>,
    summary: Option<HostSummary>,
    rows: Vec<(crate::fleet::ContainerId, ContainerFigures)>,
    free: Option<String>,
}

impl State {
    /// What of the host at `index` can be seen now.
    pub(super) fn drawn(&self, index: usize) -> Option<Drawn> {
        let (host, layout) = (self.hosts.get(index)?, self.layout()?);
        let seen = (self.host_offset..self.host_offset + layout.host_capacity()).contains(&index);
        let chosen = self.host_row == index;
        let columns = match layout.density {
            Density::Line => 1,
            Density::Full | Density::Airy => layout.spark_columns(),
        };
        let rows = if chosen { self.container_rows() } else { Vec::new() };
        let in_sight = rows.iter().skip(host.cursor.offset).take(layout.container_capacity());
        Some(Drawn {
            figures: seen.then(|| host.figures(columns)),
            summary: if chosen { host.summary() } else { None },
            rows: in_sight.map(|row| (row.id.clone(), host.container_figures(row))).collect(),
            free: self.move_dialog().and(host.sample.as_ref()).map(|sample| bytes(sample.memory_available)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_take_five_characters_at_most() {
        for (percent, shown) in
            [(0.0, "0.0%"), (9.94, "9.9%"), (9.96, "10%"), (123.4, "123%"), (1e9, "9999%")]
        {
            assert_eq!(share(percent), shown);
        }
    }

    #[test]
    fn percentages_are_clamped() {
        assert_eq!((percent(-1.0), percent(0.126), percent(7.0)), (0, 13, 100));
    }
}
