//! The beginning and the end of files: head, tail.

use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Failure, Grammar, Outcome, amount, fail, input, quoted};
use super::lines::{PIECE, read_whole};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::process::Process;

/// `-5` instead of `-n 5`, as it was once written.
fn modern(words: &[String]) -> Vec<String> {
    let old = |word: &str| {
        word.strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && amount(rest).is_some())
    };
    let mut modern = words.to_vec();
    if let Some(word) = modern.get_mut(1).filter(|word| old(word)) {
        *word = format!("-n{}", &word[1..]);
    }
    modern
}

const ENDS: Grammar = Grammar {
    short: "c:n:qvzfFs:",
    long: &[
        ("bytes=", 'c'),
        ("lines=", 'n'),
        ("quiet", 'q'),
        ("silent", 'q'),
        ("verbose", 'v'),
        ("zero-terminated", 'z'),
        ("follow?", 'f'),
        ("retry", 'r'),
        ("pid=", 'p'),
        ("sleep-interval=", 's'),
    ],
    wrong: 1,
};

/// How much of a file is wanted.
struct Part {
    bytes: bool,
    /// `-` or `+` before the number.
    sign: Option<char>,
    number: u64,
    delimiter: u8,
}

fn part(call: &Call) -> Result<Part, Failure> {
    let bytes = call.last_of("cn") == Some('c');
    let text = call.value(if bytes { 'c' } else { 'n' }).unwrap_or("10");
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'));
    let unit = if bytes { "bytes" } else { "lines" };
    let Some(number) = amount(text.trim_start_matches(['+', '-'])) else {
        return fail(format!("invalid number of {unit}: {}", quoted(text)));
    };
    Ok(Part { bytes, sign, number, delimiter: if call.has('z') { 0 } else { b'\n' } })
}

/// Writes which file comes, where several do.
async fn title(
    process: &Process,
    call: &Call,
    paths: &[String],
    (index, first): (usize, bool),
) -> Result<(), Errno> {
    let wanted = match call.last_of("qv") {
        Some('q') => false,
        Some(_) => true,
        None => paths.len() > 1,
    };
    if !wanted {
        return Ok(());
    }
    let name = if paths[index] == "-" { "standard input" } else { &paths[index] };
    process.out(format!("{}==> {name} <==\n", if first { "" } else { "\n" })).await
}

/// head(1)
pub(super) async fn head(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(&modern(words), &ENDS)?;
    let part = part(&call)?;
    let paths = call.inputs();
    let (mut code, mut first) = (0, true);
    for index in 0..paths.len() {
        let path = &paths[index];
        let read = match input(process, path).await {
            Ok(file) => {
                title(process, &call, &paths, (index, std::mem::take(&mut first))).await?;
                head_of(process, &part, file).await
            }
            Err(error) => {
                process.complain(format!("head: cannot open {} for reading: {error}", quoted(path))).await;
                code = 1;
                continue;
            }
        };
        match read {
            Ok(()) => {}
            Err(Failure::Said(_, error)) => {
                process.complain(format!("head: error reading {}: {error}", quoted(path))).await;
                code = 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(code)
}

async fn head_of(process: &Process, part: &Part, file: Arc<OpenFile>) -> Result<(), Failure> {
    let unreadable = |error: Errno| Failure::Said(1, error.to_string());
    if part.sign == Some('-') {
        let whole = read_whole(&file).await.map_err(unreadable)?;
        let end = if part.bytes {
            whole.len().saturating_sub(part.number as usize)
        } else {
            tail_start(&whole, part.number, part.delimiter)
        };
        return Ok(process.out(whole.slice(..end)).await?);
    }
    let mut left = part.number;
    while left > 0 {
        let most = if part.bytes { PIECE.min(left as usize) } else { PIECE };
        let mut bytes = file.read(most).await.map_err(unreadable)?;
        if bytes.is_empty() {
            break;
        }
        if part.bytes {
            left -= bytes.len() as u64;
        } else {
            for at in 0..bytes.len() {
                if bytes[at] == part.delimiter {
                    left -= 1;
                    if left == 0 {
                        bytes.truncate(at + 1);
                        break;
                    }
                }
            }
        }
        process.out(bytes).await?;
    }
    Ok(())
}

/// Where the last so many lines begin.
fn tail_start(bytes: &[u8], lines: u64, delimiter: u8) -> usize {
    if lines == 0 {
        return bytes.len();
    }
    let without_last = bytes.len().saturating_sub(1);
    let mut ends = (0..without_last).rev().filter(|at| bytes[*at] == delimiter);
    ends.nth(lines as usize - 1).map_or(0, |at| at + 1)
}

/// How often `tail -f` looks.
const LOOK: Duration = Duration::from_secs(1);

/// tail(1)
pub(super) async fn tail(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(&modern(words), &ENDS)?;
    let part = part(&call)?;
    let paths = call.inputs();
    let (mut code, mut first) = (0, true);
    let mut followed = Vec::new();
    for index in 0..paths.len() {
        let path = &paths[index];
        let opened = match input(process, path).await {
            Ok(file) => {
                title(process, &call, &paths, (index, std::mem::take(&mut first))).await?;
                tail_of(process, &part, &file).await?.map(|()| file)
            }
            Err(error) => {
                process.complain(format!("tail: cannot open {} for reading: {error}", quoted(path))).await;
                code = 1;
                continue;
            }
        };
        match opened {
            Ok(file) => followed.push((index, file)),
            Err(error) => {
                process.complain(format!("tail: error reading {}: {error}", quoted(path))).await;
                code = 1;
            }
        }
    }
    if call.has('f') || call.has('F') {
        // A pipe that has ended brings nothing more.
        followed.retain(|(_, file)| file.node().is_some());
        let mut shown = followed.last().map(|(index, _)| *index);
        while !followed.is_empty() {
            process.machine.clock.sleep(LOOK).await;
            for (index, file) in &followed {
                let bytes = file.read(PIECE).await?;
                if !bytes.is_empty() {
                    if shown.replace(*index) != Some(*index) {
                        title(process, &call, &paths, (*index, false)).await?;
                    }
                    process.out(bytes).await?;
                }
            }
        }
    }
    Ok(code)
}

async fn tail_of(process: &Process, part: &Part, file: &OpenFile) -> Result<Result<(), Errno>, Errno> {
    let whole = match read_whole(file).await {
        Ok(whole) => whole,
        Err(error) => return Ok(Err(error)),
    };
    let start = match (part.bytes, part.sign) {
        (true, Some('+')) => part.number.saturating_sub(1) as usize,
        (true, _) => whole.len().saturating_sub(part.number as usize),
        (false, Some('+')) => {
            let mut ends = whole.iter().enumerate().filter(|(_, byte)| **byte == part.delimiter);
            match part.number {
                0 | 1 => 0,
                number => ends.nth(number as usize - 2).map_or(whole.len(), |(at, _)| at + 1),
            }
        }
        (false, _) => tail_start(&whole, part.number, part.delimiter),
    };
    process.out(whole.slice(start.min(whole.len())..)).await.map(Ok)
}
