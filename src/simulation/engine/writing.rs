//! What programs in containers write: a counter's file and everybody's log, brought up to date when somebody looks.

use std::time::Duration;

use bytes::Bytes;

use super::container::Container;
use super::containers::Containers;
use super::disk;
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Inode, Kind};
use crate::simulation::scenario::Workload;

/// A log that has become longer loses its older half, as with `--log-opt max-size=1mb`.
const LONGEST_LOG: u64 = 1 << 20;

impl Containers {
    /// What a counter finds in its file.
    pub(super) fn counted(&self, machine: &Machine, container: &Container) -> u64 {
        let file = disk::read(machine, &format!("{}/srv/count", container.merged()));
        let text = file.map(|content| String::from_utf8_lossy(&content.whole()).into_owned());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }

    /// Writes down what programs have done since the last time: their files are looked at only now and then.
    pub fn settle(&self) {
        let Some(machine) = self.machine.upgrade() else { return };
        for container in self.running() {
            self.settle_one(&machine, &container);
        }
    }

    pub(super) fn settle_one(&self, machine: &Machine, container: &Container) {
        if container.plan.workload != Workload::Counter {
            return;
        }
        let now = machine.clock.now();
        let (program, written) = container.change(|record| {
            let written = record.program.written;
            if record.state.live().is_some() {
                record.program.written = record.program.count(now);
            }
            (record.program.clone(), written)
        });
        if program.written <= written {
            return;
        }
        let ago = program.since_count(program.written, now);
        let _ = write_count(machine, container, program.written, ago);
        let mut lines = String::new();
        // What would be cut off at once need not be written.
        let first = (written + 1).max(program.written.saturating_sub(LONGEST_LOG / 64));
        for number in first..=program.written {
            let at = machine.calendar().saturating_sub(program.since_count(number, now));
            lines.push_str(&container.log_line(at, number));
        }
        self.log(machine, container, lines.into());
    }

    pub(super) fn say(&self, machine: &Machine, container: &Container, line: &str, ago: Duration) {
        let at = machine.calendar().saturating_sub(ago);
        self.log(machine, container, container.log_line(at, line).into());
    }

    fn log(&self, machine: &Machine, container: &Container, lines: Bytes) {
        if lines.is_empty() {
            return;
        }
        let path = container.log();
        // A program whose log has no room goes on; conmon drops its lines.
        let _ = disk::append(machine, &path, lines);
        if let Some(content) = disk::read(machine, &path).filter(|content| content.length() > LONGEST_LOG) {
            let whole = content.whole();
            let half = whole.len() / 2;
            let line = whole[half..].iter().position(|byte| *byte == b'\n').map_or(half, |at| half + at + 1);
            let _ = disk::put(machine, &path, Content::from(whole.slice(line..)), 0o600);
        }
    }
}

/// Writes a counter's file through its mounted root, so that the image's file stays as it is.
fn write_count(machine: &Machine, container: &Container, count: u64, ago: Duration) -> Result<(), Errno> {
    let directory = disk::node(machine, &format!("{}/srv", container.merged())).ok_or(Errno::NotFound)?;
    let text = Content::from(format!("{count}\n"));
    let file = match &directory.kind {
        Kind::Overlay(overlay) if directory.entry("count").is_ok() => overlay.writable("count")?,
        _ if directory.entry("count").is_ok() => directory.entry("count")?,
        _ => {
            let file = Inode::file(&machine.disk, Bytes::new(), disk::metadata(machine, 0o644))?;
            directory.insert("count", file.clone())?;
            file
        }
    };
    file.write(|content| *content = text)?;
    file.change(|metadata| metadata.modified = machine.calendar().saturating_sub(ago));
    Ok(())
}
