//! One migration as its reports add up.

use crate::fleet::printable;
use crate::migrate::{
    FailedMigration, MigrationEvent, MigrationId, Request, Severity, Stage, StageTime, Summary,
};

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StageTrack {
    /// Not begun.
    Waiting,
    /// Under way. Times are seconds since the operator's command.
    Running { start: f64, at: f64, bytes: u64, expected: Option<u64> },
    /// Ended.
    Done(StageTime),
}

/// How far a migration is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Under way.
    Running,
    /// Under way, and asked to stop.
    Cancelling,
    /// It runs at the destination.
    Finished(Summary),
    /// It does not, or something is left to do.
    Failed(FailedMigration),
}

/// One migration of this session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MigrationTrack {
    pub(crate) id: MigrationId,
    pub(crate) request: Request,
    pub(crate) phase: Phase,
    /// What the checks said that the operator should know.
    pub(crate) warnings: Vec<String>,
    stages: [StageTrack; Stage::ALL.len()],
    /// The newest time in a report, and when the report came.
    at: f64,
    at_ms: u64,
}

impl MigrationTrack {
    pub(crate) fn new(id: MigrationId, request: Request, at_ms: u64) -> Self {
        Self {
            id,
            request,
            phase: Phase::Running,
            warnings: Vec::new(),
            stages: [StageTrack::Waiting; Stage::ALL.len()],
            at: 0.0,
            at_ms,
        }
    }

    /// The container's name, safe to show.
    pub(crate) fn name(&self) -> String {
        printable(&self.request.container)
    }

    /// Whether it is still under way.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Cancelling)
    }

    /// All stages in their order.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (Stage, StageTrack)> {
        Stage::ALL.into_iter().zip(self.stages)
    }

    /// Seconds since the operator's command, at a moment of the session; the total once it is over.
    pub(crate) fn elapsed(&self, shown_ms: u64) -> f64 {
        match &self.phase {
            Phase::Finished(summary) => summary.total,
            Phase::Failed(_) => self.at,
            Phase::Running | Phase::Cancelling => {
                self.at + shown_ms.saturating_sub(self.at_ms) as f64 / 1000.0
            }
        }
    }

    /// Takes in a report.
    pub(crate) fn report(&mut self, event: &MigrationEvent, at_ms: u64) {
        if !self.runs() {
            return;
        }
        match event {
            MigrationEvent::Started { request } => self.request = request.clone(),
            MigrationEvent::Checked { checks } => {
                let heavy = checks.iter().filter(|check| check.severity >= Severity::Warning);
                self.warnings = heavy.map(|check| check.told()).collect();
            }
            MigrationEvent::StageStarted { stage, at } => {
                self.advance(*at, at_ms);
                let at = self.at_least_zero(*at);
                self.stages[*stage as usize] =
                    StageTrack::Running { start: at, at, bytes: 0, expected: None };
            }
            MigrationEvent::Progress { stage, at, bytes, expected } => {
                self.advance(*at, at_ms);
                let at = self.at_least_zero(*at);
                let start = match self.stages[*stage as usize] {
                    StageTrack::Running { start, .. } => start,
                    StageTrack::Waiting | StageTrack::Done(_) => at,
                };
                self.stages[*stage as usize] =
                    StageTrack::Running { start, at, bytes: *bytes, expected: *expected };
            }
            MigrationEvent::StageFinished { time } => {
                self.advance(time.start + time.seconds, at_ms);
                self.stages[time.stage as usize] = StageTrack::Done(*time);
            }
            MigrationEvent::Finished { summary } => {
                // The summary has the last word: reports of single stages may have been dropped on the way.
                for time in &summary.stages {
                    self.stages[time.stage as usize] = StageTrack::Done(*time);
                }
                self.phase = Phase::Finished(summary.clone());
            }
            MigrationEvent::Failed { failure } => {
                let elapsed = self.elapsed(at_ms);
                self.phase = Phase::Failed(failure.clone());
                self.at = elapsed;
            }
        }
    }

    fn at_least_zero(&self, at: f64) -> f64 {
        if at.is_finite() { at.max(0.0) } else { self.at }
    }

    fn advance(&mut self, at: f64, at_ms: u64) {
        let now = self.elapsed(at_ms);
        self.at = if at.is_finite() && at > self.at { at } else { now };
        self.at_ms = at_ms;
    }
}
