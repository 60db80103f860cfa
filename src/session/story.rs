//! A migration told in sentences: for its details, and for the pane when it failed.

use super::migrations::whereabouts;
use super::{Dialog, MigrationTrack, Phase, StageTrack, State, help_lines, large_dialog, wrap};
use crate::fleet::{bytes, printable, seconds};
use crate::migrate::FailedMigration;
use crate::migrate::explain::Explanation;

/// What a line is, so that the view can dress it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Good,
    Warning,
    Error,
    Quiet,
}

/// What went wrong, where the container is, and what next, in as few lines as will do: of a known failure its title
/// stands for the engine's words.
pub(crate) fn failure_summary(failure: &FailedMigration) -> Vec<(Tone, String)> {
    let known = failure.explanation.as_deref().filter(|explanation| explanation.failure().is_some());
    let what = known.map_or_else(|| failure.cause.clone(), Explanation::meaning);
    let mut lines = beginning(failure, &what);
    lines.extend(fix(failure));
    lines.extend(next(failure));
    lines
}

/// The same with every word.
fn failure_story(failure: &FailedMigration) -> Vec<(Tone, String)> {
    let mut lines = beginning(failure, &failure.cause);
    if let Some(explanation) = &failure.explanation {
        lines.push((Tone::Warning, format!("why: {}", printable(&explanation.why()))));
    }
    lines.extend(fix(failure));
    lines.extend(next(failure));
    lines
}

fn beginning(failure: &FailedMigration, what: &str) -> Vec<(Tone, String)> {
    let mut lines = vec![(Tone::Error, format!("failed in {}: {}", failure.stage, printable(what)))];
    if let Some(line) = &failure.log_line {
        lines.push((Tone::Quiet, format!("CRIU: {}", printable(line))));
    }
    let place = whereabouts(&failure.whereabouts, &failure.request);
    lines.push((Tone::Plain, format!("now: {}", printable(&place))));
    lines
}

fn fix(failure: &FailedMigration) -> Option<(Tone, String)> {
    let known = failure.explanation.as_ref()?.failure()?;
    Some((Tone::Good, format!("fix: {}", printable(&known.fix))))
}

fn next(failure: &FailedMigration) -> Option<(Tone, String)> {
    (!failure.advice.is_empty()).then(|| (Tone::Good, format!("next: {}", printable(&failure.advice))))
}

/// The whole story.
pub(crate) fn story(track: &MigrationTrack, shown_ms: u64) -> Vec<(Tone, String)> {
    let mut lines =
        vec![(Tone::Heading, format!("{}: {} → {}", track.name(), track.request.from, track.request.to))];
    lines.push((Tone::Plain, String::new()));
    match &track.phase {
        Phase::Running => {
            lines.push((Tone::Plain, format!("running for {}", seconds(track.elapsed(shown_ms)))))
        }
        Phase::Cancelling => {
            lines.push((Tone::Warning, "being cancelled; the container goes on at its source".into()))
        }
        Phase::Finished(summary) => {
            lines.push((Tone::Good, format!("it runs on {}", track.request.to)));
            lines.push((Tone::Plain, format!("total migration time  {}", seconds(summary.total))));
            lines.push((Tone::Plain, format!("downtime              {}", seconds(summary.downtime))));
            let (before, wire) = (bytes(summary.bytes), bytes(summary.wire_bytes));
            lines.push((Tone::Plain, format!("data                  {before}, {wire} on the wire")));
            lines.extend(
                summary
                    .warnings
                    .iter()
                    .map(|warning| (Tone::Warning, format!("warning: {}", printable(warning)))),
            );
        }
        Phase::Failed(failure) => lines.extend(failure_story(failure)),
    }
    lines.push((Tone::Plain, String::new()));
    lines.push((Tone::Heading, "Stages, in seconds since the order".into()));
    for (stage, progress) in track.stages() {
        let text = match progress {
            StageTrack::Waiting => "–".into(),
            StageTrack::Running { start, .. } => format!("began at {start:.2}, not ended"),
            StageTrack::Done(time) => {
                let moved = time.bytes.map_or_else(String::new, |count| format!(", {}", bytes(count)));
                format!(
                    "{:.2} to {:.2}: {}{moved}",
                    time.start,
                    time.start + time.seconds,
                    seconds(time.seconds)
                )
            }
        };
        lines.push((Tone::Plain, format!("{:<11} {text}", stage.word())));
    }
    if !track.warnings.is_empty() {
        lines.push((Tone::Plain, String::new()));
        lines.push((Tone::Heading, "The checks said".into()));
        lines.extend(track.warnings.iter().map(|warning| (Tone::Warning, printable(warning))));
    }
    lines
}

impl State {
    /// How far the topmost dialog can be scrolled.
    pub(super) fn longest_scroll(&self) -> u16 {
        let (columns, rows) = large_dialog(self.columns, self.rows);
        let lines = match self.dialogs.last() {
            Some(Dialog::Help { .. }) => help_lines(self.scope()).len(),
            Some(Dialog::Details { id, .. }) => self.track(*id).map_or(0, |track| {
                story(track, self.shown_ms).iter().map(|(_, line)| wrap(line, columns).len()).sum()
            }),
            _ => 0,
        };
        u16::try_from(lines.saturating_sub(usize::from(rows))).unwrap_or(u16::MAX)
    }
}
