//! Goes through a text once and keeps what an explanation needs.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::catalogue::catalogue;
use super::line::{Said, named, passes, read};
use super::lines::{clean, shown};
use super::{Explanation, Process, Reference, Verdict};

/// Processes whose names are kept; a container with more of them is not explained better.
const PROCESSES: usize = 1 << 16;

/// Wrappers whose words are kept; they come in twos or threes.
const WRAPPERS: usize = 4;

/// A line that may be the root.
struct Found {
    line: String,
    number: u64,
    entry: Option<usize>,
    process: Option<Process>,
}

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Scan {
    /// The first error of CRIU's; it goes before an engine's, which comes of it.
    criu: Option<Found>,
    /// The first error of an engine's.
    engine: Option<Found>,
    /// The first line that only follows.
    cascade: Option<Found>,
    wrappers: Vec<(String, u64)>,
    log: Option<String>,
    /// Entries of later lines, each once, in their order.
    others: Vec<usize>,
    names: HashMap<u32, String>,
    /// What CRIU has said of its end; the first word counts, another one is of another run.
    end: End,
}

/// How far CRIU's log has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Failed,
    Succeeded,
}

/// Numbers that may be those of processes.
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b\d{1,9}\b").ok());

impl Scan {
    /// The next line.
    pub fn line(&mut self, number: u64, bytes: &[u8]) {
        if passes(bytes) {
            return;
        }
        let line = clean(bytes);
        match read(&line, catalogue()) {
            Said::Nothing => {}
            Said::Named(pid, command) => {
                if self.names.len() < PROCESSES {
                    self.names.insert(pid, command);
                }
            }
            Said::Finished if self.end == End::Open => {
                // Whatever CRIU complained of, it did not stop it.
                self.criu = None;
                self.cascade = None;
                self.others.clear();
                self.end = End::Succeeded;
            }
            Said::Finished => {}
            Said::Criu { text, entry } => {
                let process = self.process(&text);
                let found = Found { line: shown(&line), number, entry, process };
                let first = self.criu.is_none();
                self.note(first, found, |scan| &mut scan.criu);
            }
            Said::Engine { entry } => {
                let found = Found { line: shown(&line), number, entry, process: None };
                let first = self.engine.is_none();
                self.note(first, found, |scan| &mut scan.engine);
            }
            Said::Cascade { pid, last } => {
                if last && self.criu.is_some() {
                    self.end = End::Failed;
                }
                let process = pid.map(|pid| Process { pid, command: self.names.get(&pid).cloned() });
                if let Some(root) = &mut self.criu
                    && root.process.is_none()
                {
                    root.process.clone_from(&process);
                }
                // Beside a success it means nothing.
                if self.cascade.is_none() && (last || self.end == End::Open) {
                    self.cascade = Some(Found { line: shown(&line), number, entry: None, process });
                }
            }
            Said::Wrapper { log } => {
                self.log = self.log.take().or(log);
                if self.wrappers.len() < WRAPPERS {
                    self.wrappers.push((shown(&line), number));
                }
            }
        }
    }

    fn note(&mut self, first: bool, found: Found, place: impl Fn(&mut Self) -> &mut Option<Found>) {
        if first {
            *place(self) = Some(found);
        } else if let Some(entry) = found.entry
            && catalogue().entries.get(entry).is_some_and(|entry| !entry.follows)
            && !self.others.contains(&entry)
        {
            self.others.push(entry);
        }
    }

    /// The process that an error names, or whose number stands in it when it has been named before.
    fn process(&self, text: &str) -> Option<Process> {
        if let Some((pid, command)) = named(text) {
            return Some(Process { pid, command: Some(command) });
        }
        let message = text.split_once("): ").map_or(text, |(_, message)| message);
        let mut numbers =
            NUMBERS.as_ref()?.find_iter(message).filter_map(|found| found.as_str().parse().ok());
        numbers.find_map(|pid| {
            let command = self.names.get(&pid)?;
            Some(Process { pid, command: Some(command.clone()) })
        })
    }

    /// The wrapper that is shown: one that speaks of CRIU, where there is one.
    fn wrapper(&self) -> Option<&(String, u64)> {
        let speaks = |line: &str| line.contains("CRIU") || line.contains("criu");
        self.wrappers.iter().find(|(line, _)| speaks(line)).or(self.wrappers.first())
    }

    /// What it all says.
    pub fn finish(mut self) -> Explanation {
        let (root, other) = match (self.criu.take(), self.engine.take()) {
            (Some(criu), engine) => (Some(criu), engine.and_then(|engine| engine.entry)),
            (None, engine) => (engine, None),
        };
        let mut also: Vec<usize> = other.into_iter().chain(std::mem::take(&mut self.others)).collect();
        if let Some(root) = &root {
            also.retain(|entry| Some(*entry) != root.entry);
        }
        let mut seen = Vec::new();
        also.retain(|entry| !seen.contains(entry) && (seen.push(*entry), true).1);
        let (verdict, found) = match (root, self.wrapper().cloned(), self.cascade.take()) {
            (Some(root), ..) => {
                let failure = root.entry.and_then(|place| catalogue().entries.get(place));
                let verdict = match failure {
                    Some(entry) => Verdict::Known { failure: entry.failure() },
                    None => Verdict::Unknown,
                };
                (verdict, Some(root))
            }
            (None, _, Some(cascade)) => (Verdict::Consequence, Some(cascade)),
            (None, Some((line, number)), None) => {
                let words: Vec<&str> = self.wrappers.iter().map(|(line, _)| line.as_str()).collect();
                let candidates = references(catalogue().behind(&words.join(" ")));
                let found = Found { line, number, entry: None, process: None };
                (Verdict::Wrapper { candidates }, Some(found))
            }
            (None, None, None) => (Verdict::Nothing, None),
        };
        let (line, number, process) = match found {
            Some(found) => (Some(found.line), Some(found.number), found.process),
            None => (None, None, None),
        };
        Explanation { verdict, line, number, process, log: self.log, also: references(also) }
    }
}

fn references(places: Vec<usize>) -> Vec<Reference> {
    let entries = places.into_iter().filter_map(|place| catalogue().entries.get(place));
    entries.map(|entry| Reference { id: entry.id().to_owned(), title: entry.title().to_owned() }).collect()
}
