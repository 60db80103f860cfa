//! The world's time: as fast as people's, faster, or standing still.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::locked;

/// How the world's time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// World seconds for each second of the person's; never zero.
    pub speed: u32,
    /// Whether it runs at all.
    pub flow: Flow,
}

/// Whether the world's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Running,
    /// It stands still until it is told to go on.
    Paused,
}

impl Pace {
    /// The speeds a person can choose from.
    pub const SPEEDS: [u32; 6] = [1, 2, 5, 10, 60, 600];

    /// The next higher or lower of [`Pace::SPEEDS`].
    #[must_use]
    pub fn shifted(self, up: bool) -> Self {
        let found = if up {
            Self::SPEEDS.into_iter().find(|speed| *speed > self.speed)
        } else {
            Self::SPEEDS.into_iter().rev().find(|speed| *speed < self.speed)
        };
        Self { speed: found.unwrap_or(self.speed), ..self }
    }

    fn rate(self) -> f64 {
        match self.flow {
            Flow::Running => f64::from(self.speed),
            Flow::Paused => 0.0,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { speed: 1, flow: Flow::Running }
    }
}

/// The clock that the whole world goes by. With tokio's paused time it runs as fast as the machine can.
#[derive(Debug)]
pub struct Clock {
    began_unix: Duration,
    anchor: Mutex<Anchor>,
    pace: watch::Sender<Pace>,
}

/// Where the world's time stood at a moment of the person's.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: Instant,
    world: Duration,
}

impl Clock {
    /// A clock that stands at zero now. `began_unix` is what the hosts' calendars say then, since 1970.
    pub fn new(began_unix: Duration) -> Self {
        Self {
            began_unix,
            anchor: Mutex::new(Anchor { at: Instant::now(), world: Duration::ZERO }),
            pace: watch::Sender::new(Pace::default()),
        }
    }

    /// Time since the world began.
    pub fn now(&self) -> Duration {
        let anchor = *locked(&self.anchor);
        anchor.world + anchor.at.elapsed().mul_f64(self.pace.borrow().rate())
    }

    /// Time since 1970 on a host whose clock is right.
    pub fn unix(&self) -> Duration {
        self.began_unix + self.now()
    }

    /// How it runs, to be followed.
    pub fn paces(&self) -> watch::Receiver<Pace> {
        self.pace.subscribe()
    }

    /// Changes how it runs, from now on.
    pub fn set_pace(&self, pace: Pace) {
        let world = self.now();
        *locked(&self.anchor) = Anchor { at: Instant::now(), world };
        self.pace.send_replace(pace);
    }

    /// Waits until the world is so old.
    pub async fn sleep_until(&self, world: Duration) {
        let mut paces = self.pace.subscribe();
        loop {
            let rate = paces.borrow_and_update().rate();
            let Some(left) = world.checked_sub(self.now()).filter(|left| !left.is_zero()) else { return };
            if rate > 0.0 {
                // Rounded up, so that the last step does not end a hair too early again and again.
                let real = left.div_f64(rate) + Duration::from_nanos(1);
                tokio::select! {
                    () = sleep(real) => {}
                    changed = paces.changed() => if changed.is_err() { return },
                }
            } else if paces.changed().await.is_err() {
                return;
            }
        }
    }

    /// How long something on a wire takes a person: connections outlive a pause, so wires do not stand still.
    pub fn wire_time(&self, duration: Duration) -> Duration {
        duration / self.pace.borrow().speed
    }

    /// Waits as long as something on a wire takes.
    pub async fn wire_sleep(&self, duration: Duration) {
        sleep(self.wire_time(duration)).await;
    }

    /// Waits for some of the world's time.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_world_runs_at_its_pace_and_stands_still_when_paused() {
        let clock = std::sync::Arc::new(Clock::new(Duration::from_secs(1_000)));
        clock.set_pace(Pace { speed: 60, flow: Flow::Running });
        let began = Instant::now();
        clock.sleep(Duration::from_secs(600)).await;
        assert!(began.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(5));
        clock.set_pace(Pace { speed: 60, flow: Flow::Paused });
        let stood = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(1)).await }
        });
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now(), stood);
        assert!(!sleeper.is_finished());
        clock.set_pace(Pace::default());
        sleeper.await.unwrap();
        assert!(clock.unix() >= Duration::from_secs(1_601));
    }

    #[test]
    fn speeds_end_at_the_first_and_the_last() {
        let pace = Pace::default();
        assert_eq!(pace.shifted(false), pace);
        assert_eq!(pace.shifted(true).speed, 2);
        assert_eq!(Pace { speed: 600, ..pace }.shifted(true).speed, 600);
    }
}
