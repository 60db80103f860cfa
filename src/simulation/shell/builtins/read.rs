//! `read`

use std::time::Duration;

use super::operands;
use crate::simulation::shell::expand::LONGEST;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::syntax::is_name;

/// Each byte is a call of the kernel's.
const BYTES_PER_MILLISECOND: u64 = 1_024;

/// A byte of the line, with whether a backslash stood before it.
type Byte = (u8, bool);

/// `read`: takes one line byte by byte, so that what follows stays for others.
pub async fn read(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let mut raw = false;
    let mut rest = operands(words);
    while let [flag, more @ ..] = rest {
        match flag.as_str() {
            "-r" => raw = true,
            "-p" => {
                let prompt = more.first().cloned().unwrap_or_default();
                let _ = shell.process.write(2, prompt).await;
                rest = more.get(1..).unwrap_or_default();
                continue;
            }
            _ => break,
        }
        rest = more;
    }
    let names = rest;
    if names.is_empty() {
        return shell.fail("arg count").await;
    }
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return shell.fail(format!("{name}: bad variable name")).await;
    }
    let mut line: Vec<Byte> = Vec::new();
    let mut status = 1;
    let mut escaped = false;
    let mut count = 0_u64;
    loop {
        let interrupted = shell.process.interrupted();
        let read = tokio::select! {
            biased;
            read = shell.process.read(0, 1) => read,
            () = interrupted => return Ok(128),
        };
        let Some(byte) = read.ok().and_then(|bytes| bytes.first().copied()) else { break };
        count += 1;
        if count.is_multiple_of(BYTES_PER_MILLISECOND) {
            Box::pin(shell.process.machine.spend(Duration::from_millis(1))).await;
        }
        if line.len() > LONGEST {
            return shell.fail("Out of space").await;
        }
        match byte {
            0 => {}
            byte if escaped => {
                escaped = false;
                if byte != b'\n' {
                    line.push((byte, true));
                }
            }
            b'\\' if !raw => escaped = true,
            b'\n' => {
                status = 0;
                break;
            }
            byte => line.push((byte, false)),
        }
    }
    let separators = shell.variables.value("IFS").unwrap_or(" \t\n").to_owned();
    let mut values = split(&line, separators.as_bytes(), names.len()).into_iter();
    for name in names {
        let value = values.next().unwrap_or_default();
        shell.assign(name, value).await?;
    }
    Ok(status)
}

/// Cuts a line into at most so many values, the last of which takes the rest.
fn split(line: &[Byte], separators: &[u8], most: usize) -> Vec<String> {
    let blank =
        |byte: &Byte| !byte.1 && matches!(byte.0, b' ' | b'\t' | b'\n') && separators.contains(&byte.0);
    let other =
        |byte: &Byte| !byte.1 && !matches!(byte.0, b' ' | b'\t' | b'\n') && separators.contains(&byte.0);
    let text = |bytes: &[Byte]| {
        let bytes: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let skip_blanks = |bytes: &mut &[Byte]| {
        while let Some((_, rest)) = bytes.split_first().filter(|(first, _)| blank(first)) {
            *bytes = rest;
        }
    };
    let mut rest = line;
    let mut values = Vec::new();
    skip_blanks(&mut rest);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| blank(byte) || other(byte)).unwrap_or(rest.len());
        let (value, mut after) = rest.split_at(end);
        skip_blanks(&mut after);
        if let Some((_, more)) = after.split_first().filter(|(first, _)| other(first)) {
            after = more;
            skip_blanks(&mut after);
        }
        if values.len() + 1 == most && !after.is_empty() {
            // The rest goes to the last as it is, without the blanks at its end.
            let kept = rest.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
            values.push(text(rest.get(..kept).unwrap_or_default()));
            return values;
        }
        values.push(text(value));
        rest = after;
    }
    values
}
