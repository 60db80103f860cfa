//! Loads over time: how much of something is used at a moment, and how much has been used until then.
//!
//! A load is a pure function of the time since the world began, so that a day can pass in a second, and twice
//! the same. The integral is exact and not a sum of samples: a counter such as `cpuacct.usage` agrees with the
//! load however often it is read.

use std::f64::consts::TAU;
use std::time::Duration;

/// How much of something: cores, bytes, or bytes per second. Never negative, always finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Level(f64);

impl Level {
    /// Nothing at all.
    pub const ZERO: Self = Self(0.0);

    /// A level; none for a negative, infinite or undefined number.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0.0);

    /// A share; none outside of 0 to 1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number, from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A length of time that is not zero, so that it can be divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    /// A period; none when it is zero.
    pub fn new(length: Duration) -> Option<Self> {
        (!length.is_zero()).then_some(Self(length))
    }

    /// The length.
    pub fn get(self) -> Duration {
        self.0
    }

    /// How many whole periods fit into a time, and what is left, in seconds.
    fn divide(self, time: Duration) -> (u64, f64) {
        // In whole nanoseconds: the remainder of a float would drift after some days.
        let (time, period) = (time.as_nanos(), self.0.as_nanos());
        let whole = u64::try_from(time / period).unwrap_or(u64::MAX);
        (whole, (time % period) as f64 / 1e9)
    }
}

/// When bursts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// At the beginning of every period.
    Regular,
    /// Somewhere in every period, drawn anew for each from a seed.
    Irregular {
        /// What the places are drawn from; equal seeds give equal bursts.
        seed: u64,
    },
}

/// One load over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Always the same.
    Constant(Level),
    /// High for a share of each period, then low: stress-ng for 10 s, sleep for 15 s, and again, with which the
    /// autonomous collector was measured, is a period of 25 s with a duty of 40 %.
    Square {
        /// Between the high parts.
        low: Level,
        /// At the beginning of each period.
        high: Level,
        /// From one beginning to the next.
        period: Period,
        /// The part of the period that is high.
        duty: Share,
        /// How far into a period the world begins.
        phase: Duration,
    },
    /// From one level to another in a straight line, then it stays there.
    Ramp {
        /// Until `begin`.
        from: Level,
        /// Once the ramp is over.
        to: Level,
        /// When the level begins to change.
        begin: Duration,
        /// How long the change takes.
        over: Period,
    },
    /// Low, with one burst in every period.
    Burst {
        /// Between bursts.
        low: Level,
        /// During a burst.
        high: Level,
        /// Each period of this length has one burst.
        every: Period,
        /// How long a burst is; at most the whole period counts.
        lasts: Duration,
        /// Where in its period a burst is.
        rhythm: Rhythm,
    },
    /// A sine, by default of a day.
    Diurnal {
        /// The least, half a period from the peak.
        low: Level,
        /// At the peak.
        high: Level,
        /// From peak to peak.
        period: Period,
        /// When the first peak is, counted from the beginning of the world.
        peak: Duration,
    },
    /// One place of a round: high while it is this one's turn.
    Moving {
        /// When it is another's turn.
        low: Level,
        /// When it is this one's.
        high: Level,
        /// How long a turn is.
        dwell: Period,
        /// Which one this is, from 0; beyond the last one it counts on from the first.
        place: u32,
        /// How many take turns; with none the level is low.
        places: u32,
    },
}

impl Load {
    /// The level at a time since the world began.
    pub fn at(&self, time: Duration) -> f64 {
        match *self {
            Self::Constant(level) => level.get(),
            Self::Square { low, high, period, duty, phase } => {
                let (_, inside) = period.divide(time.saturating_add(phase));
                let is_high = inside < period.get().as_secs_f64() * duty.get();
                if is_high { high.get() } else { low.get() }
            }
            Self::Ramp { from, to, begin, over } => {
                let part = time.saturating_sub(begin).as_secs_f64() / over.get().as_secs_f64();
                from.get() + (to.get() - from.get()) * part.min(1.0)
            }
            Self::Burst { low, high, every, lasts, rhythm } => {
                let (index, inside) = every.divide(time);
                let (begin, end) = burst(index, every, lasts, rhythm);
                if (begin..end).contains(&inside) { high.get() } else { low.get() }
            }
            Self::Diurnal { low, high, period, peak } => {
                let turn = angle(time, period) - angle(peak, period);
                low.get() + (high.get() - low.get()) * (1.0 + turn.cos()) / 2.0
            }
            Self::Moving { low, high, dwell, place, places } => {
                let (turn, _) = dwell.divide(time);
                let is_high = places > 0 && turn % u64::from(places) == u64::from(place % places);
                if is_high { high.get() } else { low.get() }
            }
        }
    }

    /// All that was used since the world began: the level's unit times seconds. It never falls by more than
    /// the last digits of a float; a counter made of it keeps the largest value that it has shown.
    pub fn integral(&self, time: Duration) -> f64 {
        let seconds = time.as_secs_f64();
        match *self {
            Self::Constant(level) => level.get() * seconds,
            Self::Square { low, high, period, duty, phase } => {
                let high_part = period.get().as_secs_f64() * duty.get();
                let highs = |time: Duration| {
                    let (whole, inside) = period.divide(time);
                    (whole, inside.min(high_part))
                };
                let (end, end_inside) = highs(time.saturating_add(phase));
                let (begin, begin_inside) = highs(phase);
                let high_seconds = (end - begin) as f64 * high_part + (end_inside - begin_inside);
                low.get() * seconds + (high.get() - low.get()) * high_seconds
            }
            Self::Ramp { from, to, begin, over } => {
                let length = over.get().as_secs_f64();
                let since = time.saturating_sub(begin).as_secs_f64();
                let inside = since.min(length);
                let change = (to.get() - from.get()) * (inside * inside / (2.0 * length) + (since - inside));
                from.get() * seconds + change
            }
            Self::Burst { low, high, every, lasts, rhythm } => {
                let (index, inside) = every.divide(time);
                let (begin, end) = burst(index, every, lasts, rhythm);
                let high_seconds = index as f64 * (end - begin) + (inside - begin).clamp(0.0, end - begin);
                low.get() * seconds + (high.get() - low.get()) * high_seconds
            }
            Self::Diurnal { low, high, period, peak } => {
                let start = angle(peak, period);
                let sines = (angle(time, period) - start).sin() + start.sin();
                let wave = seconds + sines * period.get().as_secs_f64() / TAU;
                low.get() * seconds + (high.get() - low.get()) * wave / 2.0
            }
            Self::Moving { low, high, dwell, place, places } => {
                let (turn, inside) = dwell.divide(time);
                let high_seconds = if places == 0 {
                    0.0
                } else {
                    let (rounds, now) = (turn / u64::from(places), turn % u64::from(places));
                    let length = dwell.get().as_secs_f64();
                    let this_round = match now.cmp(&u64::from(place % places)) {
                        std::cmp::Ordering::Less => 0.0,
                        std::cmp::Ordering::Equal => inside,
                        std::cmp::Ordering::Greater => length,
                    };
                    rounds as f64 * length + this_round
                };
                low.get() * seconds + (high.get() - low.get()) * high_seconds
            }
        }
    }
}

/// Where in its period a burst begins and ends, in seconds.
fn burst(index: u64, every: Period, lasts: Duration, rhythm: Rhythm) -> (f64, f64) {
    let length = lasts.min(every.get()).as_secs_f64();
    let begin = match rhythm {
        Rhythm::Regular => 0.0,
        Rhythm::Irregular { seed } => (every.get().as_secs_f64() - length).max(0.0) * draw(seed, index),
    };
    (begin, begin + length)
}

/// A number from 0 to 1 that depends on nothing but a seed and an index: SplitMix64 (Steele, Lea and Flood,
/// “Fast splittable pseudorandom number generators”, 2014), which can be asked for any index at once.
pub fn draw(seed: u64, index: u64) -> f64 {
    let mut bits = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // The upper 53 bits are what a float can hold.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A time as an angle of its period.
fn angle(time: Duration, period: Period) -> f64 {
    let (_, inside) = period.divide(time);
    TAU * inside / period.get().as_secs_f64()
}

#[cfg(test)]
mod tests;
