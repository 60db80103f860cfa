//! The last readings of one figure, gaps kept as gaps.

use std::collections::VecDeque;

/// Readings kept per figure: more columns than any sparkline on a 300 column terminal has.
const KEPT: usize = 120;

/// A ring of readings between 0 and 1; `None` is a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    readings: VecDeque<Option<f64>>,
}

impl History {
    /// Adds a reading. Gaps do not pile up: a host that was away an hour leaves one empty column.
    pub(crate) fn push(&mut self, reading: Option<f64>) {
        if reading.is_none() && self.readings.back().is_none_or(Option::is_none) {
            return;
        }
        if self.readings.len() == KEPT {
            self.readings.pop_front();
        }
        self.readings.push_back(reading.filter(|value| value.is_finite()));
    }

    /// The newest `columns` readings as heights 0 to 7, oldest first.
    pub(crate) fn levels(&self, columns: u16) -> Vec<Option<u8>> {
        let skipped = self.readings.len().saturating_sub(usize::from(columns));
        let level = |value: f64| (value.clamp(0.0, 1.0) * 7.0).round() as u8;
        self.readings.iter().skip(skipped).map(|reading| reading.map(level)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_span_the_range_and_keep_gaps() {
        let mut history = History::default();
        for reading in [None, Some(0.0), Some(0.5), None, None, Some(1.0), Some(f64::NAN)] {
            history.push(reading);
        }
        assert_eq!(history.levels(10), [Some(0), Some(4), None, Some(7), None]);
        assert_eq!(history.levels(2), [Some(7), None]);
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut history = History::default();
        for _ in 0..10 * KEPT {
            history.push(Some(0.1));
        }
        assert_eq!(history.levels(u16::MAX).len(), KEPT);
    }
}
