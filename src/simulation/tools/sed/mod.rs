//! sed(1): a script becomes a row of commands ([`script`]), which run over the lines of the inputs.

mod script;
mod substitute;

use std::collections::VecDeque;

use bytes::Bytes;
use regex::bytes::Regex;

use self::script::{Address, Command, Do, Until};
use super::call::{Call, Failure, Grammar, Outcome, input};
use super::lines::{Line, Lines, Output};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;

const GRAMMAR: Grammar = Grammar {
    short: "nEri::e:f:suz",
    long: &[
        ("quiet", 'n'),
        ("silent", 'n'),
        ("regexp-extended", 'E'),
        ("in-place?", 'i'),
        ("expression=", 'e'),
        ("file=", 'f'),
        ("separate", 's'),
        ("unbuffered", 'u'),
        ("null-data", 'z'),
        ("posix", 'p'),
    ],
    wrong: 1,
};

/// sed(1)
pub(super) async fn sed(process: &mut Process, words: &[String]) -> Outcome {
    let mut call = Call::parse(words, &GRAMMAR)?;
    let mut text: Vec<String> = Vec::new();
    for (key, value) in &call.options {
        match key {
            'e' => text.push(value.clone()),
            'f' => match process.content(value) {
                Ok(bytes) => text.push(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()),
                Err(error) => {
                    return Err(Failure::Said(1, format!("couldn't open file {value}: {error}")));
                }
            },
            _ => {}
        }
    }
    if text.is_empty() {
        if call.operands.is_empty() {
            process.complain("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...").await;
            return Ok(1);
        }
        text.push(call.operands.remove(0));
    }
    let commands = script::parse(&text.join("\n"), call.has('E') || call.has('r'))
        .map_err(|text| Failure::Said(1, format!("-e expression #1, {text}")))?;
    let paths = call.inputs();
    let (mut files, mut code) = (VecDeque::new(), 0);
    for path in paths {
        match input(process, &path).await {
            Ok(file) if file.node().is_some_and(|node| node.is_directory()) => {
                let what = if call.has('i') { "couldn't edit" } else { "couldn't read" };
                let text = if call.has('i') { "not a regular file" } else { "Is a directory" };
                let message = match call.has('i') {
                    true => format!("sed: {what} {path}: {text}"),
                    false => format!("sed: {what} {path}: {text}").replace("couldn't read", "read error on"),
                };
                process.complain(message).await;
                code = if call.has('i') { 4 } else { 2 };
            }
            Ok(file) => files.push_back((path, file)),
            Err(error) => {
                process.complain(format!("sed: can't read {path}: {error}")).await;
                code = 2;
            }
        }
    }
    let separate = call.has('s') || call.has('i');
    let groups: Vec<VecDeque<_>> =
        if separate { files.into_iter().map(|file| [file].into()).collect() } else { vec![files] };
    let mut run = Run {
        end: if call.has('z') { 0 } else { b'\n' },
        quiet: call.has('n') || commands.first().is_some_and(|first| matches!(first.does, Do::Silence)),
        inside: vec![Inside::No; commands.len()],
        commands: &commands,
        files: VecDeque::new(),
        lines: None,
        peeked: None,
        number: 0,
        hold: Vec::new(),
        hold_ended: true,
        last: None,
        output: Output::default(),
        missing: false,
        kept: None,
    };
    for group in groups {
        let target = group.front().map(|(path, _)| path.clone());
        run.files = group.into_iter().map(|(_, file)| file).collect();
        run.kept = call.has('i').then(Vec::new);
        if separate {
            run.number = 0;
        }
        let quit = run.all(process).await?;
        if let (Some(bytes), Some(path)) = (run.kept.take(), target) {
            run.missing = false;
            let written = match process.open(&path, Access::Write).await {
                Ok(file) => file.write(bytes.into()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                return Err(Failure::Said(4, format!("couldn't edit {path}: {error}")));
            }
        }
        if let Some(quit) = quit {
            run.output.flush(process).await?;
            return Ok(quit);
        }
    }
    run.output.flush(process).await?;
    Ok(code)
}

/// Whether a command's range has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    No,
    /// Until its end fits.
    Yes,
    /// Until this line.
    Up(u64),
}

struct Run<'a> {
    commands: &'a [Command],
    inside: Vec<Inside>,
    files: VecDeque<std::sync::Arc<OpenFile>>,
    lines: Option<Lines>,
    peeked: Option<Line>,
    number: u64,
    hold: Vec<u8>,
    /// Whether the line that the hold space came from had its end.
    hold_ended: bool,
    /// The last expression used, which an empty one stands for.
    last: Option<Regex>,
    output: Output,
    /// Whether the last line written lacks its end.
    missing: bool,
    /// What is written in place instead of to standard output.
    kept: Option<Vec<u8>>,
    quiet: bool,
    end: u8,
}

impl Run<'_> {
    async fn pull(&mut self, process: &Process) -> Result<Option<Line>, Errno> {
        if let Some(line) = self.peeked.take() {
            return Ok(Some(line));
        }
        loop {
            if let Some(lines) = &mut self.lines {
                if !lines.has_line() {
                    self.output.flush(process).await?;
                }
                if let Some(line) = lines.next().await? {
                    return Ok(Some(line));
                }
            }
            match self.files.pop_front() {
                Some(file) => self.lines = Some(Lines::new(file, self.end)),
                None => return Ok(None),
            }
        }
    }

    async fn is_last(&mut self, process: &Process) -> Result<bool, Errno> {
        if self.peeked.is_none() {
            self.peeked = self.pull(process).await?;
        }
        Ok(self.peeked.is_none())
    }

    async fn put(&mut self, process: &Process, text: &[u8], ended: bool) -> Result<(), Errno> {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        if std::mem::replace(&mut self.missing, !ended) {
            bytes.push(self.end);
        }
        bytes.extend_from_slice(text);
        if ended {
            bytes.push(self.end);
        }
        match &mut self.kept {
            Some(kept) => kept.extend_from_slice(&bytes),
            None => self.output.put(process, &bytes).await?,
        }
        Ok(())
    }

    /// Whether the line is one that a command is for.
    async fn chosen(&mut self, process: &Process, at: usize, space: &[u8]) -> Result<bool, Errno> {
        let commands = self.commands;
        let command = &commands[at];
        let Some(first) = &command.first else { return Ok(!command.negated) };
        let Some(until) = &command.until else {
            return Ok(self.fits(process, first, space).await? != command.negated);
        };
        let chosen = match self.inside[at] {
            Inside::No => {
                let begins = match first {
                    Address::Zero => self.number == 1,
                    first => self.fits(process, first, space).await?,
                };
                if begins {
                    self.inside[at] = match until {
                        Until::Plus(0) => Inside::No,
                        Until::Plus(more) => Inside::Up(self.number + more),
                        Until::Multiple(of) if self.number.is_multiple_of((*of).max(1)) => Inside::No,
                        Until::Multiple(of) => Inside::Up(self.number.next_multiple_of((*of).max(1))),
                        Until::Address(Address::Line(line)) if *line <= self.number => Inside::No,
                        Until::Address(Address::Line(line)) => Inside::Up(*line),
                        Until::Address(end) if matches!(first, Address::Zero) => {
                            if self.fits(process, end, space).await? { Inside::No } else { Inside::Yes }
                        }
                        Until::Address(Address::Last) if self.is_last(process).await? => Inside::No,
                        Until::Address(_) => Inside::Yes,
                    };
                }
                begins
            }
            Inside::Up(line) => {
                if self.number >= line {
                    self.inside[at] = Inside::No;
                }
                self.number <= line
            }
            Inside::Yes => {
                if let Until::Address(end) = until
                    && self.fits(process, end, space).await?
                {
                    self.inside[at] = Inside::No;
                }
                true
            }
        };
        Ok(chosen != command.negated)
    }

    async fn fits(&mut self, process: &Process, address: &Address, space: &[u8]) -> Result<bool, Errno> {
        Ok(match address {
            Address::Zero => false,
            Address::Line(line) => self.number == *line,
            Address::Step(first, 0) => self.number == *first,
            Address::Step(first, step) => {
                self.number >= *first && (self.number - first).is_multiple_of(*step)
            }
            Address::Last => self.is_last(process).await?,
            Address::Regex(regex) => self.regex(regex.as_ref()).is_some_and(|regex| regex.is_match(space)),
        })
    }

    fn regex(&mut self, given: Option<&Regex>) -> Option<Regex> {
        if let Some(regex) = given {
            self.last = Some(regex.clone());
        }
        self.last.clone()
    }

    /// Runs the script over all lines; the exit code of a command that ends it.
    async fn all(&mut self, process: &Process) -> Result<Option<u8>, Errno> {
        let mut again: Option<Vec<u8>> = None;
        let mut ended = true;
        loop {
            let mut space = match again.take() {
                Some(space) => space,
                None => {
                    let Some(line) = self.pull(process).await? else { return Ok(None) };
                    self.number += 1;
                    ended = line.ended;
                    line.bytes.to_vec()
                }
            };
            let mut after: Vec<Bytes> = Vec::new();
            let (mut at, mut replaced, mut print) = (0, false, !self.quiet);
            let mut quit = None;
            while at < self.commands.len() {
                let chosen = self.chosen(process, at, &space).await?;
                let commands = self.commands;
                let command = &commands[at];
                at += 1;
                if let Do::Block(end) = command.does {
                    if !chosen {
                        at = end;
                    }
                    continue;
                }
                if !chosen {
                    continue;
                }
                match &command.does {
                    Do::Block(_) | Do::Nothing | Do::Silence => {}
                    Do::Substitute(substitution) => {
                        let Some(regex) = self.regex(substitution.regex.as_ref()) else { continue };
                        if let Some(result) = substitution.apply(&regex, &space) {
                            space = result;
                            replaced = true;
                            if substitution.print {
                                self.put(process, &space.clone(), ended).await?;
                            }
                        }
                    }
                    Do::Delete => {
                        print = false;
                        break;
                    }
                    Do::DeleteFirst => {
                        print = false;
                        if let Some(end) = space.iter().position(|byte| *byte == b'\n') {
                            again = Some(space.split_off(end + 1));
                        }
                        break;
                    }
                    Do::Print => self.put(process, &space.clone(), ended).await?,
                    Do::PrintFirst => {
                        let end = space.iter().position(|byte| *byte == b'\n');
                        let first = space[..end.unwrap_or(space.len())].to_vec();
                        self.put(process, &first, end.is_some() || ended).await?;
                    }
                    Do::Number => self.put(process, self.number.to_string().as_bytes(), true).await?,
                    Do::Next => {
                        if print {
                            self.put(process, &space.clone(), ended).await?;
                        }
                        self.flush_after(process, &mut after).await?;
                        match self.pull(process).await? {
                            Some(line) => {
                                self.number += 1;
                                ended = line.ended;
                                space = line.bytes.to_vec();
                            }
                            None => return Ok(None),
                        }
                    }
                    Do::AppendNext => match self.pull(process).await? {
                        Some(line) => {
                            self.number += 1;
                            ended = line.ended;
                            space.push(b'\n');
                            space.extend_from_slice(&line.bytes);
                        }
                        None => break,
                    },
                    Do::Quit(code) => {
                        quit = Some(*code);
                        break;
                    }
                    Do::QuitSilently(code) => {
                        return Ok(Some(*code));
                    }
                    Do::Append(text) => after.push(text.clone()),
                    Do::Read(path) => {
                        if let Ok(bytes) = process.content(path) {
                            after.push(bytes);
                        }
                    }
                    Do::Insert(text) => self.put(process, text, true).await?,
                    Do::Change(text) => {
                        print = false;
                        // Of a range only the last line is changed.
                        if command.negated || command.until.is_none() || self.inside[at - 1] == Inside::No {
                            self.put(process, text, true).await?;
                        }
                        break;
                    }
                    Do::Transliterate(table) => {
                        for byte in &mut space {
                            *byte = table[usize::from(*byte)];
                        }
                    }
                    Do::Hold => {
                        self.hold = space.clone();
                        self.hold_ended = ended;
                    }
                    Do::HoldAppend => {
                        self.hold.push(b'\n');
                        self.hold.extend_from_slice(&space);
                        self.hold_ended = ended;
                    }
                    Do::Get => {
                        space = self.hold.clone();
                        ended = self.hold_ended;
                    }
                    Do::GetAppend => {
                        space.push(b'\n');
                        space.extend_from_slice(&self.hold);
                        ended = self.hold_ended;
                    }
                    Do::Exchange => {
                        std::mem::swap(&mut space, &mut self.hold);
                        std::mem::swap(&mut ended, &mut self.hold_ended);
                    }
                    Do::Branch(to) => at = *to,
                    Do::BranchIf(to) => {
                        if std::mem::take(&mut replaced) {
                            at = *to;
                        }
                    }
                    Do::BranchUnless(to) => {
                        if !std::mem::take(&mut replaced) {
                            at = *to;
                        }
                    }
                }
            }
            if print {
                self.put(process, &space, ended).await?;
            }
            self.flush_after(process, &mut after).await?;
            if quit.is_some() {
                return Ok(quit);
            }
        }
    }

    async fn flush_after(&mut self, process: &Process, after: &mut Vec<Bytes>) -> Result<(), Errno> {
        for text in after.drain(..) {
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            self.put(process, text, true).await?;
        }
        Ok(())
    }
}
