//! What migrations report.

use super::{Change, Dialog, MigrationTrack, NoticeLevel, State};
use crate::fleet::seconds;
use crate::migrate::{MigrationEvent, MigrationId, Request, Whereabouts};

/// Migrations kept for looking back.
const KEPT: usize = 50;

impl State {
    pub(super) fn reported(&mut self, id: MigrationId, event: &MigrationEvent, at_ms: u64) -> Change {
        let fresh = self.track(id).is_none();
        if fresh {
            // Begun elsewhere, or the beginning of a recording: only a beginning says what it is about.
            let request = match event {
                MigrationEvent::Started { request } => request,
                MigrationEvent::Finished { summary } => &summary.request,
                MigrationEvent::Failed { failure } => &failure.request,
                _ => return Change::None,
            };
            self.begin(id, request.clone(), at_ms);
        }
        let Some(track) = self.migrations.iter_mut().find(|track| track.id == id) else {
            return Change::None;
        };
        if !track.runs() {
            return Change::None;
        }
        let before = track.clone();
        track.report(event, at_ms);
        let changed = *track != before;
        let name = track.name();
        match event {
            MigrationEvent::Finished { summary } => {
                let Request { from, to, .. } = &summary.request;
                let (total, down) = (seconds(summary.total), seconds(summary.downtime));
                let text = format!("{name} moved {from} → {to} in {total}, downtime {down}");
                self.note(at_ms, NoticeLevel::Success, Some(to.clone()), text);
                for warning in &summary.warnings {
                    self.note(at_ms, NoticeLevel::Warning, Some(to.clone()), warning.clone());
                }
                Change::Visible
            }
            MigrationEvent::Failed { failure } => {
                let place = whereabouts(&failure.whereabouts, &failure.request);
                let text = format!("{name}: {} failed: {}; {place}", failure.stage, failure.cause);
                self.note(at_ms, NoticeLevel::Error, Some(failure.request.from.clone()), text);
                Change::Visible
            }
            // What it moves marks containers on the whole screen.
            MigrationEvent::Started { .. } => Change::when(fresh || changed),
            _ => {
                let read = self
                    .dialogs
                    .iter()
                    .any(|dialog| matches!(dialog, Dialog::Details { id: read, .. } if *read == id));
                Change::when(changed && (read || self.shown_migration == Some(id)))
            }
        }
    }

    /// Writes down a new migration and shows it.
    pub(super) fn begin(&mut self, id: MigrationId, request: Request, at_ms: u64) {
        self.last_migration = self.last_migration.max(id.0);
        let track = MigrationTrack::new(id, request, at_ms);
        let Request { from, to, .. } = track.request.clone();
        self.note(
            at_ms,
            NoticeLevel::Info,
            Some(from.clone()),
            format!("{}: move {from} → {to} ordered", track.name()),
        );
        self.migrations.push(track);
        self.shown_migration = Some(id);
        if self.migrations.len() > KEPT
            && let Some(oldest) = self.migrations.iter().position(|track| !track.runs())
        {
            self.migrations.remove(oldest);
        }
    }
}

/// Where the container is, in words.
pub(crate) fn whereabouts(place: &Whereabouts, request: &Request) -> String {
    let Request { from, to, .. } = request;
    match place {
        Whereabouts::Untouched => format!("it runs on {from} and was never stopped"),
        Whereabouts::BackOnSource => format!("it runs on {from} again, from where it was frozen"),
        Whereabouts::AtDestination => format!("it runs on {to}; only tidying up failed"),
        Whereabouts::Kept(directory) => {
            format!("it runs nowhere; its checkpoint is kept on {from} in {directory}")
        }
        Whereabouts::Unknown(words) => words.clone(),
    }
}
