//! Tells listeners how a migration goes, with times from one clock.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::event::{MigrationEvent, Stage, StageTime};

/// People cannot read faster than this, and a slow listener must not slow the transfer.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The one clock of a migration and its listeners.
pub struct Reporter {
    start: Instant,
    events: mpsc::Sender<MigrationEvent>,
    running: Option<(Stage, f64)>,
    finished: Vec<StageTime>,
}

impl Reporter {
    /// Starts the clock.
    pub fn new(events: mpsc::Sender<MigrationEvent>) -> Self {
        Self { start: Instant::now(), events, running: None, finished: Vec::new() }
    }

    /// Seconds since the operator's command.
    pub fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Tells the listeners; one that has gone changes nothing about the migration.
    pub async fn tell(&self, event: MigrationEvent) {
        let _ = self.events.send(event).await;
    }

    /// Ends the running stage and begins the next.
    pub async fn begin(&mut self, stage: Stage) {
        self.finish(None).await;
        let at = self.now();
        self.running = Some((stage, at));
        self.tell(MigrationEvent::StageStarted { stage, at }).await;
    }

    /// Ends the running stage.
    pub async fn finish(&mut self, bytes: Option<u64>) {
        if let Some((stage, start)) = self.running.take() {
            let time = StageTime { stage, start, seconds: self.now() - start, bytes };
            self.finished.push(time);
            self.tell(MigrationEvent::StageFinished { time }).await;
        }
    }

    /// The stage under way, or the last one.
    pub fn stage(&self) -> Stage {
        self.running
            .map(|(stage, _)| stage)
            .or(self.finished.last().map(|time| time.stage))
            .unwrap_or(Stage::Checks)
    }

    /// All finished stages.
    pub fn stages(&self) -> &[StageTime] {
        &self.finished
    }

    /// A counter of bytes for the running stage that reports by itself.
    pub fn progress(&self) -> Progress {
        Progress { start: self.start, events: self.events.clone(), stage: self.stage(), bytes: 0, last: None }
    }
}

/// Counts bytes of one stage.
pub struct Progress {
    start: Instant,
    events: mpsc::Sender<MigrationEvent>,
    stage: Stage,
    bytes: u64,
    last: Option<Instant>,
}

impl Progress {
    /// Adds bytes and reports now and then; a report that finds no room is left out.
    pub fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        let now = Instant::now();
        if self.last.is_none_or(|last| now - last >= PROGRESS_INTERVAL) {
            self.last = Some(now);
            let at = (now - self.start).as_secs_f64();
            let event = MigrationEvent::Progress { stage: self.stage, at, bytes: self.bytes, expected: None };
            let _ = self.events.try_send(event);
        }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
