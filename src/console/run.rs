//! The loop: keys first, then the world; a frame only when something visible changed.
//!
//! One event is taken at a time and every turn looks at the keys first, so no flood of events can hold them up; the
//! frames of a flood are bounded by their pace.
//!
//! It has no tick. It wakes for input, for events, for a frame that is due, for the next second while something
//! on the screen counts, and for the next minute because of the clock in the title.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::Event as Reported;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::input::{Input, SecretAnswer, SecretField, read};
use super::look::Look;
use super::screen;
use super::surface::{Painter, Surface};
use super::terminal::{Host, Signal, Suspension};
use crate::session::{Change, Effect, Event, Happening, Key, NoticeLevel, State};

/// Shortest time between two frames after a key: below this no eye sees a difference (tools of the kind use 10 ms).
const AFTER_KEY: Duration = Duration::from_millis(10);
/// Shortest time between two frames for data: 30 frames a second are more than anybody reads.
const AFTER_DATA: Duration = Duration::from_millis(33);
/// Characters taken from one paste into a filter; more cannot be meant.
const LONGEST_PASTE: usize = 256;

/// What the console is connected to.
pub struct World {
    /// The session's beginning, from which all `_ms` times of events count; `clock_ms` of [`Happening::Started`] is
    /// the wall clock at this moment.
    pub began: Instant,
    /// What happens outside: connections, readings, migrations, questions. The first one is [`Happening::Started`];
    /// sent before [`super::run`] is called, it is part of the first frame. When the channel is closed the console
    /// goes on with what it knows. Keys, sizes, seconds and signals are the console's own to report.
    pub events: mpsc::Receiver<Happening>,
    /// What is to be done. [`Effect::Quit`], [`Effect::Suspend`] and [`Effect::Copy`] are carried out by the console
    /// itself and do not arrive here.
    pub effects: mpsc::Sender<Effect>,
    /// Passphrases. The answer is sent before its [`Effect::AnswerSecret`].
    pub secrets: mpsc::Sender<SecretAnswer>,
}

/// Why the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The person left.
    Quit,
    /// The operating system asked for it, or the terminal is gone.
    Terminated,
}

/// What the console leaves behind.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub ending: Ending,
    /// Frames that reached the terminal.
    pub frames: u64,
    /// Everything that was known at the end.
    pub state: State,
}

/// Why the console could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The terminal did not take a frame or did not give a key.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    /// The theme that drover carries cannot be read.
    #[error(transparent)]
    Theme(#[from] super::theme::ThemeError),
    /// There is no terminal.
    #[error("the console needs a terminal; standard input and output must both be one")]
    NoTerminal,
    /// A part of drover panicked.
    #[error("drover stopped because of a fault in itself, described above; please report it")]
    Fault,
}

/// What woke the loop.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is used up at once")]
enum Woken {
    Signal(Signal),
    Input(Option<io::Result<Reported>>),
    World(Option<Box<Happening>>),
    Sent,
    Deadline,
}

/// The running console.
pub(crate) struct Loop<'a, S, H> {
    painter: Painter<S>,
    host: H,
    look: &'a Look,
    state: State,
    began: Instant,
    secret: SecretField,
    /// Effects that the channel had no room for; of those that say the same or replace each other only the newest, so
    /// there are at most as many as there are hosts, migrations and questions.
    backlog: VecDeque<Effect>,
    /// When the next frame is due, if one is needed.
    due: Option<Instant>,
    drawn: Instant,
    /// The period in which the clock was looked at last, and its length.
    ticked: (i64, i64),
    ending: Option<Ending>,
}

impl<'a, S, H> Loop<'a, S, H>
where
    S: Surface,
    S::Error: Send + Sync + 'static,
    H: Host,
{
    pub(crate) fn new(surface: S, host: H, look: &'a Look) -> Self {
        let now = Instant::now();
        Self {
            painter: Painter::new(surface),
            host,
            look,
            state: State::new(),
            began: now,
            secret: SecretField::default(),
            backlog: VecDeque::new(),
            due: None,
            drawn: now.checked_sub(AFTER_DATA).unwrap_or(now),
            ticked: (0, 0),
            ending: None,
        }
    }

    /// Runs until somebody leaves. `size` is the terminal's at the beginning.
    pub(crate) async fn run<I>(
        mut self,
        mut input: I,
        mut world: World,
        size: (u16, u16),
    ) -> Result<Ended, ConsoleError>
    where
        I: Stream<Item = io::Result<Reported>> + Unpin,
    {
        self.began = world.began;
        let result = self.turns(&mut input, &mut world, size).await;
        if result.is_err() {
            // Nobody can watch or stop a migration any more.
            let running = self.state.running();
            self.backlog.extend(running.map(Effect::Cancel));
        }
        // What the last key asked for still has to be done, such as cancelling migrations.
        for effect in self.backlog.drain(..) {
            if world.effects.send(effect).await.is_err() {
                break;
            }
        }
        result?;
        let ending = self.ending.unwrap_or(Ending::Quit);
        Ok(Ended { ending, frames: self.painter.frames(), state: self.state })
    }

    async fn turns<I>(
        &mut self,
        input: &mut I,
        world: &mut World,
        size: (u16, u16),
    ) -> Result<(), ConsoleError>
    where
        I: Stream<Item = io::Result<Reported>> + Unpin,
    {
        self.happen(Happening::Resized { columns: size.0, rows: size.1 }, AFTER_KEY)?;
        let mut open = true;
        while self.ending.is_none() {
            let wake = self.wake_at();
            let woken = tokio::select! { biased;
                signal = self.host.signal() => Woken::Signal(signal),
                reported = input.next() => Woken::Input(reported),
                permit = world.effects.reserve(), if !self.backlog.is_empty() => {
                    match (permit, self.backlog.pop_front()) {
                        (Ok(permit), Some(effect)) => permit.send(effect),
                        // Nobody carries out effects any more.
                        _ => self.backlog.clear(),
                    }
                    Woken::Sent
                }
                happening = world.events.recv(), if open => Woken::World(happening.map(Box::new)),
                () = tokio::time::sleep_until(wake) => Woken::Deadline,
            };
            match woken {
                Woken::Signal(signal) => self.signalled(signal)?,
                Woken::Input(reported) => self.reported(reported, world)?,
                Woken::World(None) => open = false,
                Woken::World(Some(happening)) => self.happen(*happening, AFTER_DATA)?,
                Woken::Sent | Woken::Deadline => {}
            }
            self.tick()?;
            self.draw_if_due()?;
        }
        Ok(())
    }

    fn reported(
        &mut self,
        reported: Option<io::Result<Reported>>,
        world: &World,
    ) -> Result<(), ConsoleError> {
        let Some(reported) = reported else {
            // No input will ever come again: the terminal is gone.
            self.ending = Some(Ending::Terminated);
            return Ok(());
        };
        match read(reported?) {
            Some(Input::Key(key)) => self.key(key, world),
            Some(Input::Paste(text)) => self.pasted(&text),
            Some(Input::Size(columns, rows)) => self.happen(Happening::Resized { columns, rows }, AFTER_KEY),
            None => Ok(()),
        }
    }

    fn key(&mut self, key: Key, world: &World) -> Result<(), ConsoleError> {
        let wanted = self.state.secret_wanted();
        self.secret.belong_to(wanted);
        if wanted.is_some() {
            if self.secret.takes(key) {
                return Ok(());
            }
            if key == Key::Enter
                && let Some(answer) = self.secret.take()
                && world.secrets.try_send(answer).is_err()
            {
                // Whoever asked is gone or asks faster than it listens; the question is then withdrawn or repeated.
                return Ok(());
            }
        }
        self.happen(Happening::Pressed { key }, AFTER_KEY)
    }

    /// Pasted text is typed only where text is typed; elsewhere every letter would be a command.
    fn pasted(&mut self, text: &str) -> Result<(), ConsoleError> {
        let wanted = self.state.secret_wanted();
        self.secret.belong_to(wanted);
        if wanted.is_some() {
            text.trim_end_matches(['\r', '\n']).chars().for_each(|c| self.secret.add(c));
            return Ok(());
        }
        if !self.state.takes_text() {
            return Ok(());
        }
        for c in text.chars().filter(|c| !c.is_control()).take(LONGEST_PASTE) {
            self.happen(Happening::Pressed { key: Key::Char(c) }, AFTER_KEY)?;
        }
        Ok(())
    }

    fn signalled(&mut self, signal: Signal) -> Result<(), ConsoleError> {
        match signal {
            Signal::Terminate => self.happen(Happening::Terminated, AFTER_KEY),
            Signal::Fault => Err(ConsoleError::Fault),
            Signal::Continued => {
                self.painter.forget();
                if let Some((columns, rows)) = self.host.resume()? {
                    self.happen(Happening::Resized { columns, rows }, AFTER_KEY)?;
                }
                self.need_frame(AFTER_KEY);
                Ok(())
            }
        }
    }

    fn happen(&mut self, what: Happening, pace: Duration) -> Result<(), ConsoleError> {
        let terminated = what == Happening::Terminated;
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = self.state.apply(&Event { at_ms, what });
        if outcome.change == Change::Visible {
            self.need_frame(pace);
        }
        for effect in outcome.effects {
            match effect {
                Effect::Quit => {
                    self.ending = Some(if terminated { Ending::Terminated } else { Ending::Quit });
                }
                Effect::Suspend => self.suspend()?,
                Effect::Copy(text) => self.painter.surface.copy(&text)?,
                other => {
                    self.backlog.retain(|waiting| !is_replaced(waiting, &other));
                    self.backlog.push_back(other);
                }
            }
        }
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), ConsoleError> {
        match self.host.suspend()? {
            Suspension::Coming => Ok(()),
            Suspension::Impossible => {
                let text = "not stopped: no shell with job control is there to bring drover back".into();
                self.happen(Happening::Notice { level: NoticeLevel::Warning, host: None, text }, AFTER_KEY)
            }
        }
    }

    fn need_frame(&mut self, pace: Duration) {
        let due = (self.drawn + pace).max(Instant::now());
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    fn draw_if_due(&mut self) -> Result<(), ConsoleError> {
        if self.due.is_some_and(|due| due <= Instant::now()) && self.host.is_shown() {
            let size = (self.state.columns, self.state.rows);
            self.painter.draw(size, |buffer| screen::draw(&self.state, self.look, buffer))?;
            (self.due, self.drawn) = (None, Instant::now());
        }
        Ok(())
    }

    /// Tells the state that a second (or, when nothing counts, a minute) of the wall clock has begun.
    fn tick(&mut self) -> Result<(), ConsoleError> {
        let (period, clock) = self.clock();
        let now = (clock.div_euclid(period), period);
        let before = std::mem::replace(&mut self.ticked, now);
        if before.1 == period && before.0 != now.0 {
            self.happen(Happening::Second, AFTER_DATA)?;
        }
        Ok(())
    }

    /// How finely the clock matters now, and what it says, both in milliseconds.
    fn clock(&self) -> (i64, i64) {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let period = if self.state.wants_seconds() { 1_000 } else { 60_000 };
        (period, self.state.clock_ms().saturating_add(elapsed))
    }

    /// When something must happen even if nothing comes in.
    fn wake_at(&self) -> Instant {
        let (period, clock) = self.clock();
        let left = period - clock.rem_euclid(period);
        let next = Instant::now() + Duration::from_millis(left.unsigned_abs());
        match self.due {
            Some(due) if self.host.is_shown() => due.min(next),
            _ => next,
        }
    }
}

/// Whether an effect that still waits is of no use once a newer one has been asked for.
fn is_replaced(waiting: &Effect, newer: &Effect) -> bool {
    match (waiting, newer) {
        (Effect::Focus(_), Effect::Focus(_)) | (Effect::Consider(_), Effect::Consider(_)) => true,
        _ => waiting == newer,
    }
}
