//! cut, tr, uniq.

use bytes::Bytes;

use super::call::{Call, Failure, Grammar, Outcome, fail, input, quoted};
use super::lines::{Lines, Output, PIECE};
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;

/// cut(1)
pub(super) async fn cut(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "b:c:d:f:nsz",
            long: &[
                ("bytes=", 'b'),
                ("characters=", 'c'),
                ("delimiter=", 'd'),
                ("fields=", 'f'),
                ("complement", 'C'),
                ("only-delimited", 's'),
                ("output-delimiter=", 'o'),
                ("zero-terminated", 'z'),
            ],
            wrong: 1,
        },
    )?;
    let end = if call.has('z') { 0 } else { b'\n' };
    let Some((key, list)) = call.options.iter().find(|(key, _)| "bcf".contains(*key)) else {
        return fail(
            "you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.",
        );
    };
    let fields = *key == 'f';
    let ranges = ranges(list, fields)?;
    let complement = call.has('C');
    let wanted = |place: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&place)) != complement;
    let delimiter = call.value('d').unwrap_or("\t").as_bytes().to_vec();
    if delimiter.len() != 1 {
        return fail("the delimiter must be a single character\nTry 'cut --help' for more information.");
    }
    let joint = call.value('o').map_or(delimiter.clone(), |text| text.as_bytes().to_vec());
    let mut code = 0;
    let mut output = Output::default();
    for path in call.inputs() {
        let mut lines = match input(process, &path).await {
            Ok(file) => Lines::new(file, end),
            Err(error) => {
                process.complain(format!("cut: {path}: {error}")).await;
                code = 1;
                continue;
            }
        };
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line.bytes,
                Ok(None) => break,
                Err(error) => {
                    process.complain(format!("cut: {path}: {error}")).await;
                    code = 1;
                    break;
                }
            };
            if !fields {
                let mut kept = Vec::new();
                let mut last = None;
                for (at, byte) in line.iter().enumerate().filter(|(at, _)| wanted(at + 1)) {
                    if call.has('o') && last.is_some_and(|last| last + 1 != at) {
                        kept.extend_from_slice(&joint);
                    }
                    kept.push(*byte);
                    last = Some(at);
                }
                output.line(process, &kept, end).await?;
            } else if !line.contains(&delimiter[0]) {
                if !call.has('s') {
                    output.line(process, &line, end).await?;
                }
            } else {
                let parts = line.split(|byte| *byte == delimiter[0]).enumerate();
                let kept: Vec<&[u8]> = parts.filter(|(at, _)| wanted(at + 1)).map(|(_, part)| part).collect();
                output.line(process, &kept.join(joint.as_slice()), end).await?;
            }
        }
    }
    output.flush(process).await?;
    Ok(code)
}

/// `1,3-5,7-` as ranges that count from one.
fn ranges(list: &str, fields: bool) -> Result<Vec<(usize, usize)>, Failure> {
    let what = if fields { "field" } else { "byte/character position" };
    let mut ranges = Vec::new();
    for text in list.split([',', ' ']) {
        let number = |text: &str| text.parse::<usize>().ok();
        let range = match text.split_once('-') {
            None => number(text).map(|at| (at, at)),
            Some(("", "")) => None,
            Some(("", to)) => number(to).map(|to| (1, to)),
            Some((from, "")) => number(from).map(|from| (from, usize::MAX)),
            Some((from, to)) => number(from).zip(number(to)),
        };
        match range {
            Some((0, _)) => {
                return fail(format!("{what}s are numbered from 1\nTry 'cut --help' for more information."));
            }
            Some((from, to)) if from > to => {
                return fail("invalid decreasing range\nTry 'cut --help' for more information.");
            }
            Some(range) => ranges.push(range),
            None => {
                return fail(format!(
                    "invalid {what} value {}\nTry 'cut --help' for more information.",
                    quoted(text)
                ));
            }
        }
    }
    Ok(ranges)
}

/// tr(1)
pub(super) async fn tr(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "+cCdst",
            long: &[("complement", 'c'), ("delete", 'd'), ("squeeze-repeats", 's'), ("truncate-set1", 't')],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let complement = call.has('c') || call.has('C');
    let mut first = set(&call.operands[0])?;
    if complement {
        first = (0..=255).filter(|byte| !first.contains(byte)).collect();
    }
    let second = call.operands.get(1).map(|text| set(text)).transpose()?;
    let delete = call.has('d');
    let squeeze: Vec<u8> = match (&second, call.has('s')) {
        (_, false) => Vec::new(),
        (Some(second), true) => second.clone(),
        (None, true) => first.clone(),
    };
    let mut table: Vec<Option<u8>> = (0..=255).map(Some).collect();
    if delete {
        for byte in &first {
            table[usize::from(*byte)] = None;
        }
    } else if let Some(second) = &second {
        let Some(last) = second.last() else {
            return fail("when not truncating set1, string2 must be non-empty");
        };
        for (at, byte) in first.iter().enumerate() {
            match second.get(at) {
                Some(other) => table[usize::from(*byte)] = Some(*other),
                None if call.has('t') => {}
                None => table[usize::from(*byte)] = Some(*last),
            }
        }
    } else if !call.has('s') {
        return fail(format!(
            "missing operand after {}\nTwo strings must be given when translating.\nTry 'tr --help' for more information.",
            quoted(&call.operands[0])
        ));
    }
    let mut last = None;
    loop {
        let bytes = process.read(0, PIECE).await?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut result = Vec::with_capacity(bytes.len());
        for byte in bytes {
            let Some(byte) = table[usize::from(byte)] else { continue };
            if squeeze.contains(&byte) && last == Some(byte) {
                continue;
            }
            last = Some(byte);
            result.push(byte);
        }
        process.out(result).await?;
    }
}

/// The bytes of a set: characters, escapes, ranges and classes.
fn set(text: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        if let Some((name, after)) = text_class(rest) {
            let class = |byte: &u8| match name {
                "alpha" => byte.is_ascii_alphabetic(),
                "digit" => byte.is_ascii_digit(),
                "alnum" => byte.is_ascii_alphanumeric(),
                "upper" => byte.is_ascii_uppercase(),
                "lower" => byte.is_ascii_lowercase(),
                "space" => matches!(byte, b' ' | 9..=13),
                "blank" => matches!(byte, b' ' | b'\t'),
                "punct" => byte.is_ascii_punctuation(),
                "cntrl" => byte.is_ascii_control(),
                "print" => (32..127).contains(byte),
                "graph" => (33..127).contains(byte),
                "xdigit" => byte.is_ascii_hexdigit(),
                _ => false,
            };
            bytes.extend((0..=255).filter(class));
            rest = after;
            continue;
        }
        let (from, after) = if *first == b'\\' { escaped(rest) } else { (*first, &rest[1..]) };
        rest = after;
        if let Some((b'-', after)) = rest.split_first()
            && !after.is_empty()
        {
            let (to, after) = if after[0] == b'\\' { escaped(after) } else { (after[0], &after[1..]) };
            if from > to {
                return fail(format!(
                    "range-endpoints of '{}-{}' are in reverse collating sequence order",
                    char::from(from),
                    char::from(to)
                ));
            }
            bytes.extend(from..=to);
            rest = after;
        } else {
            bytes.push(from);
        }
    }
    Ok(bytes)
}

fn text_class(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let inside = bytes.strip_prefix(b"[:")?;
    let end = inside.windows(2).position(|pair| pair == b":]")?;
    Some((std::str::from_utf8(&inside[..end]).ok()?, &inside[end + 2..]))
}

fn escaped(bytes: &[u8]) -> (u8, &[u8]) {
    let rest = &bytes[1..];
    let digits = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    if digits > 0 {
        let value = rest[..digits].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
        return (value as u8, &rest[digits..]);
    }
    let Some((first, after)) = rest.split_first() else { return (b'\\', rest) };
    let byte = match first {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        other => *other,
    };
    (byte, after)
}

/// uniq(1)
pub(super) async fn uniq(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "cdf:is:uw:z",
            long: &[
                ("count", 'c'),
                ("repeated", 'd'),
                ("skip-fields=", 'f'),
                ("ignore-case", 'i'),
                ("skip-chars=", 's'),
                ("unique", 'u'),
                ("check-chars=", 'w'),
                ("zero-terminated", 'z'),
            ],
            wrong: 1,
        },
    )?;
    let end = if call.has('z') { 0 } else { b'\n' };
    let path = call.operands.first().map_or("-", String::as_str);
    let number = |key| call.value(key).and_then(|text| text.parse::<usize>().ok());
    let key = |line: &Bytes| {
        let mut at = 0;
        for _ in 0..number('f').unwrap_or(0) {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
            at += line[at..].iter().take_while(|byte| blank(byte)).count();
            at += line[at..].iter().take_while(|byte| !blank(byte)).count();
        }
        at = (at + number('s').unwrap_or(0)).min(line.len());
        let to = number('w').map_or(line.len(), |most| (at + most).min(line.len()));
        let part = &line[at..to];
        if call.has('i') { part.to_ascii_lowercase() } else { part.to_vec() }
    };
    let file = match input(process, path).await {
        Ok(file) => file,
        Err(error) => return fail(format!("{path}: {error}")),
    };
    if let Some(path) = call.operands.get(1) {
        match process.open(path, Access::Write).await {
            Ok(file) => drop(process.files.insert(1, file)),
            Err(error) => return fail(format!("{path}: {error}")),
        }
    }
    let mut lines = Lines::new(file, end);
    let mut output = Output::default();
    let mut group: Option<(Bytes, u64)> = None;
    loop {
        let line = lines.next().await?.map(|line| line.bytes);
        if let (Some(line), Some((first, count))) = (&line, &mut group)
            && key(line) == key(first)
        {
            *count += 1;
            continue;
        }
        let ended = line.is_none();
        let finished = std::mem::replace(&mut group, line.map(|line| (line, 1)));
        if let Some((line, count)) = finished {
            let shown = (!call.has('d') || count > 1) && (!call.has('u') || count == 1);
            if shown {
                if call.has('c') {
                    output.put(process, format!("{count:>7} ").as_bytes()).await?;
                }
                output.line(process, &line, end).await?;
            }
        }
        if ended {
            output.flush(process).await?;
            return Ok(0);
        }
    }
}
