//! Logs of the driver json-file: `docker logs` and `GET /containers/ID/logs`.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;

use super::arguments::{exactly, parse};
use super::{Done, daemon};
use crate::simulation::engine::container::Container;
use crate::simulation::engine::disk;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;

/// How often a log is looked at for new lines.
const LOOK: Duration = Duration::from_millis(250);

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Line {
    log: String,
    stream: String,
    time: String,
}

impl Line {
    /// As it is said, with its time before it if that is wanted.
    pub(super) fn text(&self, stamps: bool) -> String {
        if stamps { format!("{} {}", self.time, self.log) } else { self.log.clone() }
    }

    /// As the API sends it where there is no terminal: stream, three zeros, length, text.
    pub(super) fn frame(&self, stamps: bool) -> Bytes {
        let text = self.text(stamps);
        let mut bytes = BytesMut::with_capacity(text.len() + 8);
        bytes.put_u32(if self.stream == "stderr" { 2 << 24 } else { 1 << 24 });
        bytes.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        bytes.extend_from_slice(text.as_bytes());
        bytes.freeze()
    }
}

/// The last lines of a log, all of them without a number.
pub(super) fn last(machine: &Machine, container: &Container, tail: Option<usize>) -> Vec<Line> {
    machine.containers.settle();
    let content = disk::read(machine, &container.log()).map(|content| content.whole()).unwrap_or_default();
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut lines: Vec<Line> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let skip = tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    lines.drain(..skip);
    lines
}

/// The lines that have come after one.
pub(super) fn fresh(machine: &Machine, container: &Container, seen: Option<&Line>) -> Vec<Line> {
    let mut lines = last(machine, container, None);
    let known =
        seen.and_then(|seen| lines.iter().rposition(|line| line == seen)).map_or(0, |index| index + 1);
    lines.drain(..known);
    lines
}

/// `docker logs`
pub(super) async fn command(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("logs", "follow/f tail/n= timestamps/t since= until= details", words)?;
    let machine = process.machine.clone();
    let [wanted] = exactly("logs", &arguments.words)?;
    let container = daemon::find(&machine, wanted)?;
    let stamps = arguments.has("timestamps");
    let tail = arguments.value("tail").and_then(|tail| tail.parse().ok());
    let mut lines = last(&machine, &container, tail);
    let mut seen = None;
    loop {
        let running = container.state().live().is_some();
        let text: String = lines.iter().map(|line| line.text(stamps)).collect();
        seen = lines.pop().or(seen);
        process.out(text).await?;
        if !arguments.has("follow") || !running {
            return Ok(());
        }
        machine.clock.sleep(LOOK).await;
        lines = fresh(&machine, &container, seen.as_ref());
    }
}
