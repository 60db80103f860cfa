//! Somebody who watches a demonstration in virtual time and presses keys, for tests: the console's state and
//! screen without its terminal, the very tasks behind it, and the simulated world.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::cli::world::{LaptopSource, Tasks};
use crate::console::{World as ConsoleWorld, testing};
use crate::session::{Effect, Event, Happening, Key, State};
use crate::simulation::scenario::{Scenario, Shipped};
use crate::simulation::world::World;
use crate::watch::LaptopFigures;

/// 2026-01-05 08:00 UTC: any moment, as long as it is always the same.
const BEGAN: Duration = Duration::from_secs(1_767_600_000);

/// The console and who sits before it.
pub struct Audience {
    /// Lives as long as somebody watches.
    _world: Arc<World>,
    state: State,
    console: ConsoleWorld,
    _tasks: Tasks,
    pacing: tokio::task::JoinHandle<()>,
}

impl Audience {
    /// Opens a shipped scenario.
    pub fn of(name: &str, size: (u16, u16)) -> Self {
        Self::open(Shipped::find(name).unwrap().load(None).unwrap(), size)
    }

    fn open(scenario: Scenario, (columns, rows): (u16, u16)) -> Self {
        let world = World::begin(scenario, BEGAN).unwrap();
        let figures = LaptopFigures { cpu: 0.07, memory_available: 9 << 30, memory_total: 16 << 30 };
        let (surroundings, pacing) = super::surroundings(&world, LaptopSource::Fixed(figures)).unwrap();
        let pacing = tokio::spawn(pacing);
        let (tasks, console) = Tasks::start(Arc::new(world.fleet()), surroundings);
        let mut audience = Self { _world: world, state: State::new(), console, _tasks: tasks, pacing };
        audience.happen(Happening::Resized { columns, rows });
        audience
    }

    fn happen(&mut self, what: Happening) {
        let at_ms = self.console.began.elapsed().as_millis() as u64;
        for effect in self.state.apply(&Event { at_ms, what }).effects {
            if !matches!(effect, Effect::Quit | Effect::Suspend | Effect::Copy(_)) {
                self.console.effects.try_send(effect).unwrap();
            }
        }
    }

    /// Presses keys, written as in the key table: `j`, `<enter>`, `<esc>`, …
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in Key::parse_all(keys).unwrap() {
            self.happen(Happening::Pressed { key });
        }
        self
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        testing::screen(&self.state)
    }

    /// The screen without what may differ by a hair from run to run: figures, and bars drawn from them.
    pub fn picture(&self) -> String {
        let mut picture = String::new();
        for line in self.screen().lines() {
            let is_bar = |c: char| ('\u{2581}'..='\u{258f}').contains(&c);
            let mut kept = String::new();
            for c in line.chars().filter(|c| !is_bar(*c)) {
                let c = match c {
                    '0'..='9' => '#',
                    '━' | '╸' => '─',
                    other => other,
                };
                // Numbers and columns have the width of their figures.
                if !(matches!(c, '#' | ' ' | '─' | '.') && kept.ends_with(c)
                    || c == '.' && kept.ends_with('#'))
                {
                    kept.push(c);
                }
            }
            picture.push_str(kept.trim_end());
            picture.push('\n');
        }
        picture.replace("#.#", "#").replace("##", "#")
    }

    /// Waits until something is on the screen; panics with the screen when it does not come within the time.
    pub async fn until(&mut self, within: Duration, mut seen: impl FnMut(&str) -> bool) -> &mut Self {
        let end = Instant::now() + within;
        loop {
            if seen(&self.screen()) {
                return self;
            }
            assert!(Instant::now() < end, "not seen within {within:?}:\n{}", self.screen());
            self.next(end).await;
        }
    }

    /// Waits until a text is on the screen.
    pub async fn sees(&mut self, text: &str, within_seconds: u64) -> &mut Self {
        let text = text.to_owned();
        self.until(Duration::from_secs(within_seconds), |screen| screen.contains(&text)).await
    }

    /// Lets time pass.
    pub async fn waits(&mut self, duration: Duration) -> &mut Self {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.next(end).await;
        }
        self
    }

    /// Takes what happens next, at most until then.
    async fn next(&mut self, end: Instant) {
        let elapsed = self.console.began.elapsed();
        let second = self.console.began + Duration::from_secs(elapsed.as_secs() + 1);
        let due = if self.state.wants_seconds() { second.min(end) } else { end };
        match timeout_at(due, self.console.events.recv()).await {
            Ok(Some(happening)) => self.happen(happening),
            Ok(None) => sleep_until(end).await,
            Err(_) if due == second => self.happen(Happening::Second),
            Err(_) => {}
        }
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.pacing.abort();
    }
}
