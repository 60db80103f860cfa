//! What runs in a container: its own clock, and what it has done by it. All of this travels in a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::Workload;

/// A program that has been started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// How long it has run, up to `since`.
    pub ran: Duration,
    /// Since when it runs, in the world's time; none while it is frozen or not running.
    #[serde(skip)]
    pub since: Option<Duration>,
    /// How long it had run when it was last started or restored: what its engine counts as processor time
    /// begins there.
    #[serde(skip)]
    pub ran_before: Duration,
    /// What a counter found in its file when it began.
    pub base: u64,
    /// The last line that it has written.
    pub written: u64,
    /// What a Redis holds.
    pub keys: BTreeMap<String, String>,
    /// How often it was dumped.
    pub dumps: u64,
}

impl Program {
    /// How long it has run in all, frozen and stopped time left out.
    pub fn ran(&self, now: Duration) -> Duration {
        self.ran + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// Lets it go on.
    pub fn go(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// Stops its clock.
    pub fn stop(&mut self, now: Duration) {
        self.ran = self.ran(now);
        self.since = None;
    }

    /// What a counter has counted: it says the first number as soon as it runs, and one more each second.
    pub fn count(&self, now: Duration) -> u64 {
        self.base + self.ran(now).as_secs() + 1
    }

    /// How long ago a counter has said a number.
    pub fn since_count(&self, number: u64, now: Duration) -> Duration {
        let said = Duration::from_secs(number.saturating_sub(self.base + 1));
        self.ran(now).saturating_sub(said)
    }
}

/// The signals that its first process does not hear: it has no parent in its world that could send those for
/// which it has no handler.
pub fn ignored(workload: Workload) -> BTreeSet<Signal> {
    let handled: &[Signal] = match workload {
        Workload::Counter | Workload::Redis | Workload::Web => &[Signal::Terminate, Signal::Interrupt],
        Workload::Looper | Workload::Idle => &[],
    };
    Signal::ALL.into_iter().filter(|signal| *signal != Signal::Kill && !handled.contains(signal)).collect()
}

/// The exit code of a program that a signal ended.
pub fn exit_code(workload: Workload, signal: Signal) -> u8 {
    if signal != Signal::Kill && !ignored(workload).contains(&signal) { 0 } else { 128 + signal.number() }
}

/// What it says when it begins.
pub fn greeting(workload: Workload) -> &'static [&'static str] {
    match workload {
        Workload::Redis => &[
            "1:C * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
            "1:C * Redis version=8.0.2, bits=64, commit=00000000, modified=0, pid=1, just started",
            "1:C * Configuration loaded",
            "1:M * monotonic clock: POSIX clock_gettime",
            "1:M * Running mode=standalone, port=6379.",
            "1:M * Server initialized",
            "1:M * Ready to accept connections tcp",
        ],
        Workload::Counter | Workload::Web | Workload::Looper | Workload::Idle => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_clock_stands_while_it_is_frozen_and_goes_on_after() {
        let seconds = Duration::from_secs;
        let mut program = Program { base: 10, ..Program::default() };
        program.go(seconds(100));
        assert_eq!(program.count(seconds(103)), 14);
        program.stop(seconds(103));
        assert_eq!(program.count(seconds(200)), 14);
        program.go(seconds(200));
        assert_eq!(program.count(seconds(201)), 15);
        assert_eq!(program.since_count(14, seconds(202)), seconds(2));
    }

    #[test]
    fn only_programs_with_a_handler_end_by_sigterm() {
        assert_eq!(exit_code(Workload::Counter, Signal::Terminate), 0);
        assert_eq!(exit_code(Workload::Counter, Signal::Kill), 137);
        assert!(ignored(Workload::Idle).contains(&Signal::Terminate));
    }
}
