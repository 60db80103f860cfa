//! The recent past of one figure, for sparklines.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Values further apart than this have a gap between them: one and a half times the slowest pace.
const GAP_MS: u64 = 15_000;

/// A ring of equally long time slots. A slot is empty where nothing is known; it is never filled with a guess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    slots: VecDeque<Option<f32>>,
    capacity: usize,
    slot_ms: u64,
    /// Number of the newest slot since time 0.
    newest: Option<u64>,
    /// When the newest value came.
    recorded_ms: u64,
}

impl History {
    /// An empty history of `capacity` slots of `slot_ms` milliseconds each.
    pub fn new(capacity: usize, slot_ms: u64) -> Self {
        Self {
            slots: VecDeque::with_capacity(capacity),
            capacity: capacity.max(1),
            slot_ms: slot_ms.max(1),
            newest: None,
            recorded_ms: 0,
        }
    }

    /// Takes a value that was measured at `at_ms`, or `None` where the measurement failed. A rate holds for
    /// the time since the value before, so slots in between get it too; after a gap they stay empty. In one
    /// slot the last value wins, and a time before the newest slot counts as the newest.
    pub fn record(&mut self, at_ms: u64, value: Option<f32>) {
        let value = value.filter(|value| value.is_finite());
        let slot = at_ms / self.slot_ms;
        match self.newest {
            Some(newest) if slot <= newest => {
                self.slots.pop_back();
            }
            Some(newest) => {
                let between = if at_ms.saturating_sub(self.recorded_ms) <= GAP_MS { value } else { None };
                let missing = usize::try_from(slot - newest - 1).unwrap_or(usize::MAX).min(self.capacity);
                for _ in 0..missing {
                    self.push(between);
                }
            }
            None => {}
        }
        self.newest = Some(self.newest.map_or(slot, |newest| newest.max(slot)));
        self.recorded_ms = self.recorded_ms.max(at_ms);
        self.push(value);
    }

    fn push(&mut self, value: Option<f32>) {
        if self.slots.len() == self.capacity {
            self.slots.pop_front();
        }
        self.slots.push_back(value);
    }

    /// The last `count` slots up to now, oldest first; empty slots where nothing is known, also for the time
    /// since the newest value.
    pub fn last(&self, count: usize, now_ms: u64) -> Vec<Option<f32>> {
        let now = now_ms / self.slot_ms;
        let since = self.newest.map_or(0, |newest| now.saturating_sub(newest));
        // A slow pace is no gap: the newest value stands until the next is overdue.
        let since = if now_ms.saturating_sub(self.recorded_ms) <= GAP_MS { 0 } else { since };
        let empty = usize::try_from(since).unwrap_or(usize::MAX).min(count);
        let known = (count - empty).min(self.slots.len());
        let mut last = vec![None; count - empty - known];
        last.extend(self.slots.range(self.slots.len() - known..));
        last.extend(std::iter::repeat_n(None, empty));
        last
    }

    /// The largest value that is remembered.
    pub fn max(&self) -> Option<f32> {
        self.slots.iter().flatten().copied().reduce(f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_slot_gives_way() {
        let mut history = History::new(3, 1000);
        for second in 0..5u16 {
            history.record(u64::from(second) * 1000, Some(second.into()));
        }
        assert_eq!(history.last(3, 4000), [Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(history.last(2, 4900), [Some(3.0), Some(4.0)]);
        assert_eq!(history.last(5, 4000), [None, None, Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(history.max(), Some(4.0));
    }

    #[test]
    fn a_slow_pace_fills_its_slots_and_a_gap_leaves_them_empty() {
        let mut history = History::new(100, 1000);
        history.record(1000, Some(1.0));
        history.record(4000, Some(2.0));
        assert_eq!(history.last(4, 4000), [Some(1.0), Some(2.0), Some(2.0), Some(2.0)]);
        history.record(24_000, Some(3.0));
        assert_eq!(history.last(3, 24_000), [None, None, Some(3.0)]);
        history.record(25_000, None);
        assert_eq!(history.last(2, 25_000), [Some(3.0), None]);
        assert_eq!(history.last(2, 60_000), [None, None]);
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        let mut history = History::new(3, 1000);
        history.record(0, Some(f32::NAN));
        assert_eq!(history.last(1, 0), [None]);
        let read: History = serde_json::from_str(&serde_json::to_string(&history).unwrap()).unwrap();
        assert_eq!(read, history);
    }

    proptest! {
        #[test]
        fn it_never_grows(times in proptest::collection::vec(any::<u64>(), 0..50), count in 0usize..200) {
            let mut history = History::new(20, 1000);
            for at in times {
                history.record(at, Some(1.0));
                prop_assert!(history.slots.len() <= 20);
                prop_assert_eq!(history.last(count, at).len(), count);
            }
        }
    }
}
