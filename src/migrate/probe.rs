//! What a host and a container are like at this moment, by one script in one round trip.
//!
//! In come a connection and what an earlier look at the same host found; out goes a [`Sight`]. What takes long to find
//! out and does not change before the next boot is looked at only once, see [`remember`].

mod facts;
pub mod remember;
mod scan;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, Instant};

use crate::ssh::{Command, Process, Remote, RemoteError};

#[cfg(test)]
pub use facts::Clock;
pub use facts::HostFacts;
pub use scan::{Descriptor, FileType, Scan};
#[cfg(test)]
pub use scan::{Task, TcpSocket};

/// The script; the second part looks at a container's processes.
const SCRIPT: &str = concat!(include_str!("scripts/probe.sh"), include_str!("scripts/scan.sh"));

/// Largest output that is read: the scan's own limits keep it far below.
const LARGEST_OUTPUT: u64 = 16 << 20;

/// What is at a path of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing.
    Missing,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A socket.
    Socket,
    /// Something else, such as a device.
    Other,
}

/// What is looked at beside the host.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The engine's socket, where a script can ask it.
    pub socket: Option<&'static str>,
    /// What to ask the socket, known from the start.
    pub urls: Vec<String>,
    /// A container's first process, writable layer and volumes, where the socket cannot be asked.
    pub container: Option<(u32, String, Vec<String>)>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// The host.
    pub facts: HostFacts,
    /// The container's processes.
    pub scan: Scan,
    /// Status code and body of each question, when the engine was asked.
    pub answers: Vec<(u16, String)>,
    /// What is at each path asked for.
    pub files: Vec<FileKind>,
    /// Whether an earlier try left control groups of this container.
    pub left_over: Option<String>,
    /// From the order to the answer's end.
    pub took: Duration,
}

/// A look that is under way and takes further questions.
pub struct Looking {
    process: Process,
    began: Instant,
    known: Option<HostFacts>,
}

impl Looking {
    /// Starts to look at a host.
    pub async fn begin(
        remote: &dyn Remote,
        wanted: &Wanted,
        known: Option<HostFacts>,
    ) -> Result<Self, RemoteError> {
        // What was missing may have been installed since, as we said that it should be.
        let known = known.filter(HostFacts::is_able);
        let mut arguments = Vec::new();
        arguments.extend(known.as_ref().map(|facts| format!("known={}", facts.known)));
        arguments.extend(wanted.socket.map(|socket| format!("socket={socket}")));
        arguments.extend(wanted.urls.iter().map(|url| format!("ask={url}")));
        if let Some((pid, upper, volumes)) = &wanted.container {
            arguments.push(format!("pid={pid}"));
            arguments.push(format!("upper={upper}"));
            arguments.extend(volumes.iter().map(|volume| format!("volume={volume}")));
        }
        let began = Instant::now();
        let process = remote.spawn(&Command::script(SCRIPT, arguments)).await?;
        Ok(Self { process, began, known })
    }

    /// Asks the rest (lines of the script's standard input) and waits for all answers. Times of the host's clock are
    /// measured against `epoch`.
    pub async fn end(
        self,
        remote: &dyn Remote,
        lines: &[String],
        epoch: Instant,
    ) -> Result<Sight, RemoteError> {
        let Self { process: Process { mut stdin, stdout, ended }, began, known } = self;
        let lost = |cause: String| RemoteError::Connection { host: remote.host().clone(), cause };
        let mut input = String::new();
        for line in lines {
            // A line break in a path would make two questions of one.
            input.push_str(&line.replace('\n', "\u{fffd}"));
            input.push('\n');
        }
        // A script that has ended does not read any more: its output says what came of it.
        let _ = stdin.write_all(input.as_bytes()).await;
        let _ = stdin.shutdown().await;
        let mut output = Vec::new();
        let mut stdout = stdout.take(LARGEST_OUTPUT);
        stdout.read_to_end(&mut output).await.map_err(|error| lost(error.to_string()))?;
        let ended_at = Instant::now();
        drop(stdout);
        ended.await.map_err(|_| lost("the connection ended before the command did".into()))??;
        let mut sight = read(&String::from_utf8_lossy(&output));
        sight.facts.recall(known.as_ref());
        sight.facts.set_clock(began.duration_since(epoch), ended_at.duration_since(epoch));
        sight.took = ended_at.duration_since(began);
        Ok(sight)
    }
}

/// Looks at a host alone.
pub async fn probe(remote: &dyn Remote, known: Option<HostFacts>) -> Result<HostFacts, RemoteError> {
    let epoch = Instant::now();
    let looking = Looking::begin(remote, &Wanted::default(), known).await?;
    Ok(looking.end(remote, &[], epoch).await?.facts)
}

/// Reads the script's output; a line that cannot be read leaves its field at the default, which the checks then
/// report as missing.
fn read(text: &str) -> Sight {
    let mut sight = Sight::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "answers" => {
                let mut body = String::new();
                for line in lines.by_ref().take_while(|line| *line != "answers-end") {
                    match line.strip_prefix("answer-code ") {
                        Some(code) => {
                            let code = code.trim().parse().unwrap_or_default();
                            sight.answers.push((code, std::mem::take(&mut body)));
                        }
                        None => body.push_str(line),
                    }
                }
            }
            "file" => sight.files.push(match value {
                "file" => FileKind::File,
                "directory" => FileKind::Directory,
                "socket" => FileKind::Socket,
                "missing" => FileKind::Missing,
                _ => FileKind::Other,
            }),
            "left-over" => sight.left_over = Some(value.to_owned()),
            _ => {
                if !sight.facts.take(key, value) {
                    sight.scan.take(key, value);
                }
            }
        }
    }
    sight.facts.established = sight.scan.connections().count() as u32;
    sight
}

#[cfg(test)]
mod tests;
