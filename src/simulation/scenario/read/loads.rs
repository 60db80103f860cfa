//! `[[loads]]`.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::{Entry, Reader, key_span};
use crate::fleet::values::word;
use crate::simulation::load::{Level, Load, Period, Rhythm, Share};
use crate::simulation::scenario::{Bearer, LoadPlan, Metric, values};

const KEYS: [&str; 5] = ["host", "container", "metric", "shape", "stagger"];

const METRICS: [(&str, Metric); 4] =
    [("cpu", Metric::Cpu), ("memory", Metric::Memory), ("network", Metric::Network), ("disk", Metric::Disk)];

/// What reads a level of a metric.
type ReadLevel = fn(&DeValue<'_>) -> Result<Level, String>;

#[derive(Clone, Copy)]
enum Shape {
    Constant,
    Square,
    Ramp,
    Burst,
    Diurnal,
    Moving,
}

const SHAPES: [(&str, Shape); 6] = [
    ("constant", Shape::Constant),
    ("square", Shape::Square),
    ("ramp", Shape::Ramp),
    ("burst", Shape::Burst),
    ("diurnal", Shape::Diurnal),
    ("moving", Shape::Moving),
];

impl Shape {
    /// The keys that it has besides those of every load.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Constant => &["level"],
            Self::Square => &["low", "high", "period", "duty", "phase"],
            Self::Ramp => &["from", "to", "begin", "over"],
            Self::Burst => &["low", "high", "every", "lasts", "rhythm"],
            Self::Diurnal => &["low", "high", "period", "peak"],
            Self::Moving => &["low", "high", "dwell"],
        }
    }
}

impl Reader<'_, '_> {
    pub(super) fn loads(&mut self, top: &DeTable<'_>) -> Vec<LoadPlan> {
        let mut loads = Vec::new();
        for (index, entry) in self.tables(top, "loads").iter().enumerate() {
            let shape = self.need(entry, "shape", "\"square\"", |value| word(value, &SHAPES));
            let bearers = self.bearers(entry);
            let metric = self.need(entry, "metric", "\"cpu\"", |value| word(value, &METRICS));
            let stagger = self.get(entry.1, "stagger", values::duration).unwrap_or_default();
            let Some(shape) = shape else { continue };
            self.known_only(entry.1, &[&KEYS, shape.keys()]);
            let (Some(bearers), Some(metric)) = (bearers, metric) else { continue };
            let Some(load) = self.shape(entry, shape, metric, index as u64) else { continue };
            if stagger > Duration::ZERO
                && matches!(load, Load::Constant(_) | Load::Burst { .. } | Load::Moving { .. })
            {
                let text = "stagger: this shape has nothing to stagger: leave it out";
                self.document.problem(key_span(entry, "stagger"), text);
            }
            let places = bearers.len() as u32;
            loads.extend(bearers.into_iter().zip(0..).map(|(on, place)| LoadPlan {
                on,
                metric,
                shape: staggered(load, place, places, stagger),
            }));
        }
        loads
    }

    /// Who bears a load: hosts or containers.
    fn bearers(&mut self, entry: &Entry<'_, '_>) -> Option<Vec<Bearer>> {
        let table = entry.1;
        let hosts = self.refer(table, "host", |names, value| names.hosts(value));
        let containers = self.refer(table, "container", |names, value| names.containers(value));
        match (table.contains_key("host"), table.contains_key("container")) {
            (true, true) => {
                let text = "container: the load is on “host” already: write two loads";
                self.document.problem(key_span(entry, "container"), text);
                None
            }
            (false, false) => {
                self.absent(entry, "nobody bears this load: add host = \"h1\" or container = \"web-1\"");
                None
            }
            (true, false) => Some(hosts?.into_iter().map(Bearer::Host).collect()),
            (false, true) => Some(containers?.into_iter().map(Bearer::Container).collect()),
        }
    }

    fn shape(&mut self, entry: &Entry<'_, '_>, shape: Shape, metric: Metric, index: u64) -> Option<Load> {
        let day = Period::new(Duration::from_secs(86_400));
        let (read, example): (ReadLevel, &str) = match metric {
            Metric::Cpu => (values::level, "0.5"),
            Metric::Memory => (values::amount, "\"100M\""),
            Metric::Network | Metric::Disk => (values::byte_rate_level, "\"10M/s\""),
        };
        let table = entry.1;
        let duration = |reader: &mut Self, key: &str| reader.get(table, key, values::duration);
        let low = self.get(table, "low", read).unwrap_or_default();
        Some(match shape {
            Shape::Constant => Load::Constant(self.need(entry, "level", example, read)?),
            Shape::Square => {
                let high = self.need(entry, "high", example, read);
                let period = self.need(entry, "period", "\"25 s\"", values::period);
                let duty = self.get(table, "duty", values::share).or(Share::new(0.5)).unwrap_or_default();
                let phase = duration(self, "phase").unwrap_or_default();
                Load::Square { low, high: high?, period: period?, duty, phase }
            }
            Shape::Ramp => {
                let from = self.get(table, "from", read).unwrap_or_default();
                let to = self.need(entry, "to", example, read);
                let begin = duration(self, "begin").unwrap_or_default();
                let over = self.need(entry, "over", "\"5 min\"", values::period);
                Load::Ramp { from, to: to?, begin, over: over? }
            }
            Shape::Burst => {
                let high = self.need(entry, "high", example, read);
                let every = self.need(entry, "every", "\"30 s\"", values::period);
                let lasts = self.need(entry, "lasts", "\"4 s\"", values::duration);
                // Loads with one seed would burst together.
                let seed = self.seed.wrapping_add(index << 32);
                let rhythms = [("regular", Rhythm::Regular), ("irregular", Rhythm::Irregular { seed })];
                let rhythm = self.get(table, "rhythm", |value| word(value, &rhythms)).unwrap_or(rhythms[1].1);
                if let (Some(every), Some(lasts)) = (every, lasts)
                    && lasts > every.get()
                {
                    let text = "lasts: a burst cannot last longer than from one to the next (“every”)";
                    self.document.problem(key_span(entry, "lasts"), text);
                }
                Load::Burst { low, high: high?, every: every?, lasts: lasts?, rhythm }
            }
            Shape::Diurnal => {
                let high = self.need(entry, "high", example, read);
                let period = self.get(table, "period", values::period).or(day);
                let peak = duration(self, "peak").unwrap_or(Duration::from_secs(12 * 3600));
                Load::Diurnal { low, high: high?, period: period?, peak }
            }
            Shape::Moving => {
                let high = self.need(entry, "high", example, read);
                let dwell = self.need(entry, "dwell", "\"60 s\"", values::period);
                Load::Moving { low, high: high?, dwell: dwell?, place: 0, places: 1 }
            }
        })
    }
}

/// A load as one of several bearers has it.
fn staggered(load: Load, place: u32, places: u32, stagger: Duration) -> Load {
    let lag = stagger.saturating_mul(place);
    match load {
        Load::Constant(_) => load,
        Load::Square { low, high, period, duty, phase } => {
            // To lag is to begin earlier in the period.
            let whole = period.get().as_nanos();
            let ahead = (phase.as_nanos() % whole + whole - lag.as_nanos() % whole) % whole;
            let phase = Duration::from_nanos(u64::try_from(ahead).unwrap_or_default());
            Load::Square { low, high, period, duty, phase }
        }
        Load::Ramp { from, to, begin, over } => {
            Load::Ramp { from, to, begin: begin.saturating_add(lag), over }
        }
        Load::Burst { low, high, every, lasts, rhythm } => {
            let rhythm = match rhythm {
                Rhythm::Regular => Rhythm::Regular,
                Rhythm::Irregular { seed } => Rhythm::Irregular {
                    seed: seed.wrapping_add(u64::from(place)).wrapping_mul(0x2545_f491_4f6c_dd1d),
                },
            };
            Load::Burst { low, high, every, lasts, rhythm }
        }
        Load::Diurnal { low, high, period, peak } => {
            Load::Diurnal { low, high, period, peak: peak.saturating_add(lag) }
        }
        Load::Moving { low, high, dwell, .. } => Load::Moving { low, high, dwell, place, places },
    }
}
