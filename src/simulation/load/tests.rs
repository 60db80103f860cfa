use proptest::prelude::*;

use super::*;

fn level(value: f64) -> Level {
    Level::new(value).unwrap()
}

fn seconds(value: u64) -> Duration {
    Duration::from_secs(value)
}

fn period(value: u64) -> Period {
    Period::new(seconds(value)).unwrap()
}

/// The mean level between two different times.
fn mean(load: &Load, from: Duration, to: Duration) -> f64 {
    (load.integral(to) - load.integral(from)) / (to - from).as_secs_f64()
}

/// stress-ng for 10 s with half of 2 GiB, sleep for 15 s.
fn stress() -> Load {
    let (low, high) = (Level::ZERO, level((1u64 << 30) as f64));
    Load::Square { low, high, period: period(25), duty: Share::new(0.4).unwrap(), phase: Duration::ZERO }
}

#[test]
fn what_cannot_be_is_not_made() {
    assert_eq!(Level::new(-0.1), None);
    assert_eq!(Level::new(f64::NAN), None);
    assert_eq!(Level::new(f64::INFINITY), None);
    assert_eq!(Share::new(1.01), None);
    assert_eq!(Share::new(f64::NAN), None);
    assert_eq!(Period::new(Duration::ZERO), None);
}

#[test]
fn a_square_wave_is_high_first() {
    let gib = (1u64 << 30) as f64;
    assert_eq!(stress().at(seconds(0)), gib);
    assert_eq!(stress().at(Duration::from_millis(9_999)), gib);
    assert_eq!(stress().at(seconds(10)), 0.0);
    assert_eq!(stress().at(seconds(25)), gib);
    assert_eq!(stress().integral(seconds(100)), 40.0 * gib);
    assert_eq!(mean(&stress(), seconds(0), seconds(25)), 0.4 * gib);
}

#[test]
fn a_ramp_stays_where_it_ends() {
    let ramp = Load::Ramp { from: level(1.0), to: level(3.0), begin: seconds(10), over: period(20) };
    assert_eq!(ramp.at(seconds(5)), 1.0);
    assert_eq!(ramp.at(seconds(20)), 2.0);
    assert_eq!(ramp.at(seconds(99)), 3.0);
    assert_eq!(ramp.integral(seconds(40)), 10.0 + 40.0 + 30.0);
}

#[test]
fn a_day_has_one_peak() {
    let day =
        Load::Diurnal { low: level(1.0), high: level(5.0), period: period(86_400), peak: seconds(14 * 3600) };
    assert!((day.at(seconds(14 * 3600)) - 5.0).abs() < 1e-9);
    assert!((day.at(seconds(2 * 3600)) - 1.0).abs() < 1e-9);
    assert!((day.at(seconds(38 * 3600)) - 5.0).abs() < 1e-9);
    assert!((day.integral(seconds(86_400)) - 3.0 * 86_400.0).abs() < 1e-6);
}

#[test]
fn a_hot_spot_is_in_one_place_at_a_time() {
    let places: Vec<Load> = (0..3)
        .map(|place| Load::Moving { low: Level::ZERO, high: level(1.0), dwell: period(30), place, places: 3 })
        .collect();
    for time in (0..400).map(seconds) {
        let hot: Vec<usize> = (0..3).filter(|place| places[*place].at(time) == 1.0).collect();
        assert_eq!(hot, [(time.as_secs() / 30 % 3) as usize], "{time:?}");
    }
    assert_eq!(places[1].integral(seconds(100)), 30.0);
    assert_eq!(places[0].integral(seconds(100)), 40.0);
}

#[test]
fn irregular_bursts_differ_from_each_other_and_from_those_of_another_seed() {
    let begins = |seed| -> Vec<f64> {
        (0..50).map(|index| burst(index, period(20), seconds(2), Rhythm::Irregular { seed }).0).collect()
    };
    assert_eq!(begins(1), begins(1));
    assert_ne!(begins(1), begins(2));
    assert!(begins(1).iter().all(|begin| (0.0..=18.0).contains(begin)));
    let spread = begins(1).iter().fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(*at), high.max(*at)));
    assert!(spread.0 < 3.0 && spread.1 > 15.0, "{spread:?}");
}

fn loads() -> impl Strategy<Value = Load> {
    let level = || (0.0..1e10f64).prop_map(level);
    let length =
        || (1u64..100_000_000).prop_map(|micros| Period::new(Duration::from_micros(micros)).unwrap());
    let time = || (0u64..100_000_000).prop_map(Duration::from_micros);
    let share = (0.0..=1.0f64).prop_map(|share| Share::new(share).unwrap());
    let rhythm = prop_oneof![Just(Rhythm::Regular), any::<u64>().prop_map(|seed| Rhythm::Irregular { seed })];
    prop_oneof![
        level().prop_map(Load::Constant),
        (level(), level(), length(), share, time())
            .prop_map(|(low, high, period, duty, phase)| Load::Square { low, high, period, duty, phase }),
        (level(), level(), time(), length()).prop_map(|(from, to, begin, over)| Load::Ramp {
            from,
            to,
            begin,
            over
        }),
        (level(), level(), length(), time(), rhythm)
            .prop_map(|(low, high, every, lasts, rhythm)| Load::Burst { low, high, every, lasts, rhythm }),
        (level(), level(), length(), time()).prop_map(|(low, high, period, peak)| Load::Diurnal {
            low,
            high,
            period,
            peak
        }),
        (level(), level(), length(), 0u32..9, 0u32..9)
            .prop_map(|(low, high, dwell, place, places)| Load::Moving { low, high, dwell, place, places }),
    ]
}

proptest! {
    #[test]
    fn a_level_is_never_negative_and_the_same_each_time(load in loads(), micros in 0u64..1_000_000_000_000) {
        let time = Duration::from_micros(micros);
        prop_assert!(load.at(time) >= 0.0);
        prop_assert_eq!(load.at(time), load.at(time));
        prop_assert_eq!(load.integral(time), load.integral(time));
    }

    #[test]
    fn what_was_used_never_becomes_less(load in loads(), times in prop::collection::vec(0u64..1_000_000_000_000, 2..50)) {
        let mut times = times;
        times.sort_unstable();
        prop_assert_eq!(load.integral(Duration::ZERO), 0.0);
        let used: Vec<f64> = times.iter().map(|micros| load.integral(Duration::from_micros(*micros))).collect();
        for pair in used.windows(2) {
            prop_assert!(pair[1] >= pair[0] - 1e-9 * pair[0].abs(), "{pair:?}");
        }
    }

    /// Where the load is smooth, the integral grows as fast as the load says; at a jump it grows at a speed
    /// between the two levels. Either way a short step lies between the extremes around it.
    #[test]
    fn the_integral_grows_as_fast_as_the_load_says(load in loads(), micros in 0u64..1_000_000_000) {
        let step = Duration::from_nanos(400);
        let time = Duration::from_micros(micros);
        let around: Vec<f64> = (0..=4u32).map(|part| load.at(time + step * part / 4)).collect();
        let speed = mean(&load, time, time + step);
        let (least, most) = around.iter().fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(*at), high.max(*at)));
        // What the difference of two large floats loses, over the step.
        let lost = 8.0 * f64::EPSILON * (load.integral(time + step) + 1e10 * time.as_secs_f64()) / step.as_secs_f64();
        let curve = 1e-4 * most.abs().max(1.0);
        prop_assert!(speed >= least - lost - curve && speed <= most + lost + curve, "{speed} {least} {most} {lost}");
    }

    #[test]
    fn over_a_long_time_samples_and_integral_agree(load in loads()) {
        let end = Duration::from_secs(100);
        let samples = 40_000u32;
        let sum: f64 = (0..samples)
            // Not in step with any period.
            .map(|index| load.at(end.mul_f64((f64::from(index) + draw(1, u64::from(index))) / f64::from(samples))))
            .sum();
        let sampled = sum / f64::from(samples);
        let highest = match load {
            Load::Constant(level) => level.get(),
            Load::Ramp { from, to, .. } => from.get().max(to.get()),
            Load::Square { low, high, .. }
            | Load::Burst { low, high, .. }
            | Load::Diurnal { low, high, .. }
            | Load::Moving { low, high, .. } => low.get().max(high.get()),
        };
        prop_assert!((sampled - mean(&load, Duration::ZERO, end)).abs() <= 0.02 * highest.max(1.0));
    }
}
