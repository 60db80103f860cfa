//! grep(1)

use std::collections::VecDeque;

use bytes::Bytes;
use regex::bytes::Regex;

use super::call::{Call, Failure, Grammar, Outcome, base, input};
use super::glob::{self, Case};
use super::lines::{Lines, Output, read_whole};
use super::pattern::{Syntax, compile, translate};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

const GRAMMAR: Grammar = Grammar {
    short: "EFGPe:f:ivwxcloqsnbHhm:rRA:B:C:azLUyT",
    long: &[
        ("extended-regexp", 'E'),
        ("fixed-strings", 'F'),
        ("basic-regexp", 'G'),
        ("perl-regexp", 'P'),
        ("regexp=", 'e'),
        ("file=", 'f'),
        ("ignore-case", 'i'),
        ("invert-match", 'v'),
        ("word-regexp", 'w'),
        ("line-regexp", 'x'),
        ("count", 'c'),
        ("files-with-matches", 'l'),
        ("files-without-match", 'L'),
        ("only-matching", 'o'),
        ("quiet", 'q'),
        ("silent", 'q'),
        ("no-messages", 's'),
        ("line-number", 'n'),
        ("byte-offset", 'b'),
        ("with-filename", 'H'),
        ("no-filename", 'h'),
        ("max-count=", 'm'),
        ("recursive", 'r'),
        ("dereference-recursive", 'R'),
        ("after-context=", 'A'),
        ("before-context=", 'B'),
        ("context=", 'C'),
        ("text", 'a'),
        ("null-data", 'z'),
        ("null", 'Z'),
        ("include=", '1'),
        ("exclude=", '2'),
        ("line-buffered", '3'),
        ("color?", '4'),
        ("colour?", '4'),
        ("binary-files=", '5'),
    ],
    wrong: 2,
};

struct Search {
    call: Call,
    regex: Regex,
    /// Whether lines begin with the file's name.
    named: bool,
    most: u64,
    before: usize,
    after: u64,
    end: u8,
}

/// How the search in a file ended.
struct Found {
    lines: u64,
    /// Whether all is known and no other file needs to be looked at.
    enough: bool,
}

/// grep(1)
pub(super) async fn grep(process: &mut Process, words: &[String]) -> Outcome {
    let mut words = words.to_vec();
    // `-3` for three lines around.
    for word in words.iter_mut().skip(1).take_while(|word| *word != "--") {
        if word.len() > 1 && word.starts_with('-') && word[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            *word = format!("-C{}", &word[1..]);
        }
    }
    let mut call = Call::parse(&words, &GRAMMAR)?;
    let wrong = |text: String| Failure::Said(2, text);
    let mut patterns: Vec<String> = Vec::new();
    for (key, value) in call.options.clone() {
        match key {
            'e' => patterns.extend(value.split('\n').map(str::to_owned)),
            'f' => {
                let read = match input(process, &value).await {
                    Ok(file) => read_whole(&file).await,
                    Err(error) => Err(error),
                };
                let bytes = read.map_err(|error| wrong(format!("{value}: {error}")))?;
                patterns.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
            }
            _ => {}
        }
    }
    if !call.has('e') && !call.has('f') {
        if call.operands.is_empty() {
            process
                .complain(
                    "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.",
                )
                .await;
            return Ok(2);
        }
        patterns.extend(call.operands.remove(0).split('\n').map(str::to_owned));
    }
    let syntax = match call.last_of("EFGP") {
        Some('E') => Syntax::Extended,
        Some('F') => Syntax::Fixed,
        Some('P') => Syntax::Perl,
        _ if base(&words) == "egrep" => Syntax::Extended,
        _ if base(&words) == "fgrep" => Syntax::Fixed,
        _ => Syntax::Basic,
    };
    let regex = regex(&call, &patterns, syntax).map_err(wrong)?;
    let number = |key: char| match call.value(key) {
        None => Ok(None),
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| wrong(format!("{text}: invalid context length argument"))),
    };
    let around = number('C')?.unwrap_or(0);
    let search = Search {
        before: number('B')?.unwrap_or(around) as usize,
        after: number('A')?.unwrap_or(around),
        most: match call.value('m') {
            None => u64::MAX,
            Some(text) => text.parse().map_err(|_| wrong("invalid max count".into()))?,
        },
        end: if call.has('z') { 0 } else { b'\n' },
        named: match call.last_of("Hh") {
            Some(key) => key == 'H',
            None => call.operands.len() > 1 || call.has('r') || call.has('R'),
        },
        regex,
        call,
    };
    search.run(process).await
}

fn regex(call: &Call, patterns: &[String], syntax: Syntax) -> Result<Regex, String> {
    let mut parts = Vec::new();
    for pattern in patterns {
        parts.push(format!("(?:{})", translate(pattern, syntax)?));
    }
    // No pattern at all fits nothing.
    let mut text = if parts.is_empty() { "[^\\x00-\\xff]".to_owned() } else { parts.join("|") };
    if call.has('x') {
        text = format!("^(?:{text})$");
    } else if call.has('w') {
        text = format!("\\b{{start-half}}(?:{text})\\b{{end-half}}");
    }
    compile(&text, if call.has('i') || call.has('y') { Case::Fold } else { Case::Exact })
}

impl Search {
    async fn run(&self, process: &Process) -> Outcome {
        let recursive = self.call.has('r') || self.call.has('R');
        let mut waiting: VecDeque<String> = match self.call.operands.as_slice() {
            [] if recursive => [".".to_owned()].into(),
            [] => ["-".to_owned()].into(),
            paths => paths.iter().cloned().collect(),
        };
        let (mut any, mut failed) = (false, false);
        let mut output = Output::default();
        while let Some(path) = waiting.pop_front() {
            if recursive
                && let Ok(place) = process.find(&path, LastLink::Follow)
                && place.node.is_directory()
            {
                let names = place.node.names().unwrap_or_default();
                let implicit = self.call.operands.is_empty() && path == ".";
                let inside = names.into_iter().map(|name| match implicit {
                    true => name,
                    false => format!("{}/{name}", path.trim_end_matches('/')),
                });
                for inside in inside.rev() {
                    if self.wanted(process, &inside) {
                        waiting.push_front(inside);
                    }
                }
                continue;
            }
            match self.file(process, &path, &mut output).await? {
                Ok(found) => {
                    any |= found.lines > 0;
                    if found.enough {
                        break;
                    }
                }
                Err(error) => {
                    failed = true;
                    output.flush(process).await?;
                    if !self.call.has('s') {
                        process.complain(format!("grep: {path}: {error}")).await;
                    }
                }
            }
        }
        output.flush(process).await?;
        Ok(match (any, failed) {
            (true, true) if self.call.has('q') => 0,
            (_, true) => 2,
            (true, false) => 0,
            (false, false) => 1,
        })
    }

    /// Whether a recursive search looks at something that it has come upon.
    fn wanted(&self, process: &Process, path: &str) -> bool {
        let last = if self.call.has('R') { LastLink::Follow } else { LastLink::Keep };
        let Ok(place) = process.find(path, last) else { return false };
        let name = path.rsplit('/').next().unwrap_or(path);
        let fits = |key: char| {
            let mut values = self.call.options.iter().filter(|(given, _)| *given == key);
            values.any(|(_, pattern)| glob::fits(pattern, name, Case::Exact))
        };
        match place.node.type_letter() {
            'd' => true,
            'f' => (!self.call.has('1') || fits('1')) && !fits('2'),
            _ => false,
        }
    }

    async fn file(
        &self,
        process: &Process,
        path: &str,
        output: &mut Output,
    ) -> Result<Result<Found, Errno>, Errno> {
        let file = match input(process, path).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let shown = if path == "-" { "(standard input)" } else { path };
        let has = |key| self.call.has(key);
        let listing = has('l') || has('L');
        let lines_shown = !listing && !has('c') && !has('q');
        let mut lines = Lines::new(file, self.end);
        let (mut selected, mut number, mut offset) = (0_u64, 0_u64, 0_u64);
        let mut earlier: VecDeque<(u64, u64, Bytes)> = VecDeque::new();
        let (mut after, mut last_shown) = (0, None);
        while selected < self.most || after > 0 {
            if !lines.has_line() {
                output.flush(process).await?;
            }
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            number += 1;
            let start = offset;
            offset += line.bytes.len() as u64 + 1;
            let text = line.bytes;
            if selected >= self.most || self.regex.is_match(&text) == has('v') {
                if lines_shown && after > 0 {
                    after -= 1;
                    last_shown = Some(number);
                    self.line(process, output, shown, '-', (number, start), &text).await?;
                } else if self.before > 0 && lines_shown {
                    earlier.push_back((number, start, text));
                    if earlier.len() > self.before {
                        earlier.pop_front();
                    }
                }
                continue;
            }
            selected += 1;
            if has('q') || listing {
                break;
            }
            if !lines_shown {
                continue;
            }
            if lines.binary && !has('a') && !has('z') && self.call.value('5') != Some("text") {
                output.flush(process).await?;
                process.complain(format!("grep: {shown}: binary file matches")).await;
                break;
            }
            let first = earlier.front().map_or(number, |(number, ..)| *number);
            if (self.before > 0 || self.after > 0) && last_shown.is_some_and(|last| last + 1 < first) {
                output.line(process, b"--", b'\n').await?;
            }
            for (number, start, text) in earlier.drain(..) {
                self.line(process, output, shown, '-', (number, start), &text).await?;
            }
            if has('o') {
                for found in self.regex.find_iter(&text).filter(|found| !has('v') && !found.is_empty()) {
                    let at = (number, start + found.start() as u64);
                    self.line(process, output, shown, ':', at, found.as_bytes()).await?;
                }
            } else {
                self.line(process, output, shown, ':', (number, start), &text).await?;
            }
            after = self.after;
            last_shown = Some(number);
        }
        let terminator = if has('Z') { 0 } else { b'\n' };
        if has('q') {
            return Ok(Ok(Found { lines: selected, enough: selected > 0 }));
        }
        if listing {
            if (selected > 0) == has('l') {
                output.line(process, shown.as_bytes(), terminator).await?;
            }
            // What counts is whether a name is listed.
            let lines = u64::from((selected > 0) == has('l'));
            return Ok(Ok(Found { lines, enough: false }));
        } else if has('c') {
            let prefix = if self.named { format!("{shown}:") } else { String::new() };
            output.line(process, format!("{prefix}{selected}").as_bytes(), b'\n').await?;
        }
        Ok(Ok(Found { lines: selected, enough: false }))
    }

    async fn line(
        &self,
        process: &Process,
        output: &mut Output,
        name: &str,
        mark: char,
        (number, offset): (u64, u64),
        text: &[u8],
    ) -> Result<(), Errno> {
        let mut prefix = String::new();
        if self.named {
            prefix.push_str(name);
            prefix.push(if self.call.has('Z') { '\0' } else { mark });
        }
        if self.call.has('n') {
            prefix.push_str(&format!("{number}{mark}"));
        }
        if self.call.has('b') {
            prefix.push_str(&format!("{offset}{mark}"));
        }
        output.put(process, prefix.as_bytes()).await?;
        output.line(process, text, self.end).await
    }
}
