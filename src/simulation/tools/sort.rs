//! sort(1), in the C locale: by bytes.

use std::cmp::Ordering;

use bytes::Bytes;

use super::call::{Call, Failure, Grammar, Outcome, input, quoted};
use super::lines::{Output, read_whole, records};
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;

/// How keys are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Order {
    numeric: bool,
    human: bool,
    version: bool,
    fold: bool,
    blanks: bool,
    dictionary: bool,
    reverse: bool,
}

impl Order {
    /// Takes an option's letter and says whether it is one.
    fn take(&mut self, letter: char) -> bool {
        match letter {
            'n' => self.numeric = true,
            'h' => self.human = true,
            'V' => self.version = true,
            'f' => self.fold = true,
            'b' => self.blanks = true,
            'd' => self.dictionary = true,
            'r' => self.reverse = true,
            'g' => self.numeric = true,
            _ => return false,
        }
        true
    }
}

/// A place in a line: field and character in it, both from one; character 0 is the field's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    field: usize,
    character: usize,
}

/// A part of the line by which it is sorted.
#[derive(Clone, Copy, Debug)]
struct Key {
    from: Spot,
    to: Option<Spot>,
    order: Order,
    own: bool,
}

fn wrong(text: impl Into<String>) -> Failure {
    Failure::Said(2, text.into())
}

fn key(text: &str) -> Result<Key, Failure> {
    let invalid =
        || wrong(format!("invalid number at field start: invalid count at start of {}", quoted(text)));
    let mut order = Order::default();
    let mut own = false;
    let mut spot = |text: &str| {
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        for letter in text[end..].chars() {
            own = true;
            if !order.take(letter) {
                return Err(wrong(format!(
                    "stray character in field spec: invalid field specification {}",
                    quoted(text)
                )));
            }
        }
        let (field, character) = match text[..end].split_once('.') {
            Some((field, character)) => (field, Some(character)),
            None => (&text[..end], None),
        };
        let field: usize = field.parse().map_err(|_| invalid())?;
        let character = character.map(str::parse).transpose().map_err(|_| invalid())?;
        if field == 0 {
            return Err(wrong(format!("field number is zero: invalid field specification {}", quoted(text))));
        }
        Ok((field, character))
    };
    let (from, to) = match text.split_once(',') {
        Some((from, to)) => (spot(from)?, Some(spot(to)?)),
        None => (spot(text)?, None),
    };
    Ok(Key {
        from: Spot { field: from.0, character: from.1.unwrap_or(1) },
        to: to.map(|(field, character)| Spot { field, character: character.unwrap_or(0) }),
        order,
        own,
    })
}

fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Where a field begins and ends. Without a separator, blanks before a field belong to it.
fn field(line: &[u8], number: usize, separator: Option<u8>) -> (usize, usize) {
    let mut start = 0;
    for current in 1.. {
        let end = match separator {
            Some(separator) => {
                line[start..].iter().position(|byte| *byte == separator).map_or(line.len(), |at| start + at)
            }
            None => {
                let text = start + line[start..].iter().take_while(|byte| blank(**byte)).count();
                text + line[text..].iter().take_while(|byte| !blank(**byte)).count()
            }
        };
        if current == number {
            return (start, end);
        }
        if end >= line.len() {
            break;
        }
        start = if separator.is_some() { end + 1 } else { end };
    }
    (line.len(), line.len())
}

impl Key {
    fn part<'a>(&self, line: &'a [u8], separator: Option<u8>) -> &'a [u8] {
        let skip = |at: usize, to: usize| {
            if self.order.blanks {
                at + line[at..to].iter().take_while(|byte| blank(**byte)).count()
            } else {
                at
            }
        };
        let (start, end) = field(line, self.from.field, separator);
        let from = (skip(start, end) + self.from.character.saturating_sub(1)).min(line.len());
        let to = match self.to {
            None => line.len(),
            Some(spot) => {
                let (start, end) = field(line, spot.field, separator);
                if spot.character == 0 { end } else { (skip(start, end) + spot.character).min(line.len()) }
            }
        };
        if from < to { &line[from..to] } else { &[] }
    }
}

/// A leading number: sign, digits, fraction; none counts as zero.
fn number(text: &[u8]) -> (bool, &[u8], &[u8], usize) {
    let skipped = text.iter().take_while(|byte| blank(**byte)).count();
    let mut at = skipped;
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(negative);
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = &text[at..at + digits(at)];
    at += whole.len();
    let mut fraction: &[u8] = &[];
    if text.get(at) == Some(&b'.') {
        fraction = &text[at + 1..at + 1 + digits(at + 1)];
        at += 1 + fraction.len();
    }
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let used = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    (negative, &whole[zeros..], &fraction[..used], at)
}

fn compare_numbers(one: &[u8], other: &[u8]) -> Ordering {
    let (a, b) = (number(one), number(other));
    let zero =
        |(_, whole, fraction, _): &(bool, &[u8], &[u8], usize)| whole.is_empty() && fraction.is_empty();
    let sizes = || a.1.len().cmp(&b.1.len()).then_with(|| a.1.cmp(b.1)).then_with(|| a.2.cmp(b.2));
    match (a.0 && !zero(&a), b.0 && !zero(&b)) {
        (false, false) => sizes(),
        (true, true) => sizes().reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

fn compare_human(one: &[u8], other: &[u8]) -> Ordering {
    let unit = |text: &[u8]| {
        let (negative, whole, fraction, end) = number(text);
        let power = text
            .get(end)
            .and_then(|letter| b"KMGTPEZY".iter().position(|known| known == &letter.to_ascii_uppercase()));
        let size =
            if whole.is_empty() && fraction.is_empty() { 0 } else { power.map_or(1, |at| at as i32 + 2) };
        if negative { -size } else { size }
    };
    unit(one).cmp(&unit(other)).then_with(|| compare_numbers(one, other))
}

/// Digits by value, the rest by bytes, letters before others.
fn compare_versions(mut one: &[u8], mut other: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    while !one.is_empty() || !other.is_empty() {
        let text = |bytes: &[u8]| bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
        while text(one) || text(other) {
            let order = rank(one.first()).cmp(&rank(other.first()));
            if order != Ordering::Equal {
                return order;
            }
            one = one.get(1..).unwrap_or_default();
            other = other.get(1..).unwrap_or_default();
        }
        let split = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ((a, after_a), (b, after_b)) = (one.split_at(split(one)), other.split_at(split(other)));
        let strip = |digits: &[u8]| digits.iter().take_while(|byte| **byte == b'0').count();
        let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
        let order = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (after_a, after_b);
    }
    Ordering::Equal
}

fn compare_parts(order: Order, one: &[u8], other: &[u8]) -> Ordering {
    let plain = |bytes: &[u8]| -> Vec<u8> {
        let start = if order.blanks { bytes.iter().take_while(|byte| blank(**byte)).count() } else { 0 };
        bytes[start..]
            .iter()
            .filter(|byte| !order.dictionary || byte.is_ascii_alphanumeric() || blank(**byte))
            .map(|byte| if order.fold { byte.to_ascii_uppercase() } else { *byte })
            .collect()
    };
    let result = if order.human {
        compare_human(one, other)
    } else if order.numeric {
        compare_numbers(one, other)
    } else if order.version {
        compare_versions(one, other)
    } else if order.fold || order.blanks || order.dictionary {
        plain(one).cmp(&plain(other))
    } else {
        one.cmp(other)
    };
    if order.reverse { result.reverse() } else { result }
}

/// sort(1)
pub(super) async fn sort(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "bcCdfghmnrsuVzk:o:t:S:T:",
            long: &[
                ("ignore-leading-blanks", 'b'),
                ("check?", 'c'),
                ("dictionary-order", 'd'),
                ("ignore-case", 'f'),
                ("general-numeric-sort", 'g'),
                ("human-numeric-sort", 'h'),
                ("merge", 'm'),
                ("numeric-sort", 'n'),
                ("reverse", 'r'),
                ("stable", 's'),
                ("unique", 'u'),
                ("version-sort", 'V'),
                ("zero-terminated", 'z'),
                ("key=", 'k'),
                ("output=", 'o'),
                ("field-separator=", 't'),
                ("buffer-size=", 'S'),
                ("temporary-directory=", 'T'),
                ("parallel=", 'p'),
                ("files0-from=", 'F'),
            ],
            wrong: 2,
        },
    )?;
    let mut global = Order::default();
    let mut keys = Vec::new();
    for (letter, value) in &call.options {
        if *letter == 'k' {
            keys.push(key(value)?);
        } else {
            global.take(*letter);
        }
    }
    for key in &mut keys {
        if !key.own {
            key.order = global;
        }
    }
    let separator = match call.value('t').map(str::as_bytes) {
        None => None,
        Some([byte]) => Some(*byte),
        Some(b"\\0") => Some(0),
        Some([]) => return Err(wrong("empty tab")),
        Some(_) => {
            return Err(wrong(format!(
                "multi-character tab {}",
                quoted(call.value('t').unwrap_or_default())
            )));
        }
    };
    let end = if call.has('z') { 0 } else { b'\n' };
    let mut lines: Vec<Bytes> = Vec::new();
    for path in call.inputs() {
        let read = match input(process, &path).await {
            Ok(file) => read_whole(&file).await.map_err(|error| format!("read failed: {path}: {error}")),
            Err(error) => Err(format!("cannot read: {path}: {error}")),
        };
        lines.extend(records(&read.map_err(wrong)?, end));
    }
    let by_keys = |one: &Bytes, other: &Bytes| {
        if keys.is_empty() {
            return compare_parts(global, one, other);
        }
        let compared = keys
            .iter()
            .map(|key| compare_parts(key.order, key.part(one, separator), key.part(other, separator)));
        compared.fold(Ordering::Equal, Ordering::then)
    };
    let unique = call.has('u');
    let last_resort = !unique && !call.has('s') && (!keys.is_empty() || global != Order::default());
    let order = |one: &Bytes, other: &Bytes| {
        by_keys(one, other).then_with(|| match (last_resort, global.reverse) {
            (false, _) => Ordering::Equal,
            (true, false) => one.cmp(other),
            (true, true) => other.cmp(one),
        })
    };
    if call.has('c') || call.has('C') {
        let disordered = |pair: &[Bytes]| {
            let order = order(&pair[0], &pair[1]);
            order == Ordering::Greater || unique && order == Ordering::Equal
        };
        let Some(at) = lines.windows(2).position(disordered) else { return Ok(0) };
        if call.has('c') {
            let (path, line) = (call.inputs().swap_remove(0), String::from_utf8_lossy(&lines[at + 1]));
            process.complain(format!("sort: {path}:{}: disorder: {line}", at + 2)).await;
        }
        return Ok(1);
    }
    lines.sort_by(order);
    if unique {
        lines.dedup_by(|later, earlier| by_keys(earlier, later) == Ordering::Equal);
    }
    if let Some(path) = call.value('o') {
        match process.open(path, Access::Write).await {
            Ok(file) => drop(process.files.insert(1, file)),
            Err(error) => return Err(wrong(format!("open failed: {path}: {error}"))),
        }
    }
    let mut output = Output::default();
    let written = async {
        for line in &lines {
            output.line(process, line, end).await?;
        }
        output.flush(process).await
    };
    match (written.await, call.value('o')) {
        (Err(error), Some(path)) => Err(wrong(format!("write failed: {path}: {error}"))),
        (written, _) => Ok(written.map(|()| 0)?),
    }
}
