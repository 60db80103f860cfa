//! Bytes as letters: base64, od, hexdump.

use super::call::{Call, Failure, Grammar, Outcome, amount, fail, input, quoted};
use super::lines::read_whole;
use crate::simulation::machine::process::Process;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// base64(1)
pub(super) async fn base64(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "diw:",
            long: &[("decode", 'd'), ("ignore-garbage", 'i'), ("wrap=", 'w')],
            wrong: 1,
        },
    )?;
    let path = call.operands.first().map_or("-", String::as_str);
    let bytes = match input(process, path).await {
        Ok(file) => read_whole(&file).await.map_err(|error| Failure::Said(1, format!("{path}: {error}")))?,
        Err(error) => return fail(format!("{path}: {error}")),
    };
    if call.has('d') {
        let (bytes, good) = decoded(&bytes, call.has('i'));
        process.out(bytes).await?;
        return if good { Ok(0) } else { fail("invalid input") };
    }
    let width = match call.value('w').map(str::parse::<usize>) {
        None => 76,
        Some(Ok(width)) => width,
        Some(Err(_)) => {
            return fail(format!("invalid wrap size: {}", quoted(call.value('w').unwrap_or_default())));
        }
    };
    let mut text = Vec::with_capacity(bytes.len() / 3 * 4 + 4);
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, at| number << 8 | u32::from(*group.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { letter } else { b'=' });
        }
    }
    if width == 0 {
        process.out(text).await?;
    } else {
        let lines: Vec<u8> = text.chunks(width).flat_map(|line| [line, b"\n"]).flatten().copied().collect();
        process.out(lines).await?;
    }
    Ok(0)
}

/// What letters stand for, and whether all of them stood for something.
fn decoded(text: &[u8], ignore: bool) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let (mut number, mut count, mut padding) = (0_u32, 0, 0);
    for letter in text.iter().filter(|letter| **letter != b'\n') {
        match LETTERS.iter().position(|known| known == letter) {
            Some(value) if padding == 0 => {
                number = number << 6 | value as u32;
                count += 1;
            }
            None if *letter == b'=' && count >= 2 => padding += 1,
            _ if ignore => {}
            _ => return (bytes, false),
        }
        if count + padding == 4 {
            let group = (number << (6 * padding)).to_be_bytes();
            bytes.extend_from_slice(&group[1..4 - padding as usize]);
            (number, count, padding) = (0, 0, 0);
        }
    }
    (bytes, count == 0 && padding == 0)
}

/// How many bytes stand in a line.
const ROW: usize = 16;

/// hexdump(1), in its one form that people use: `-C`
pub(super) async fn hexdump(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "Cvn:s:", long: &[("canonical", 'C')], wrong: 1 })?;
    if !call.has('C') {
        return fail("only -C is known on this host");
    }
    let bytes = some_of(process, &call, ['s', 'n']).await?;
    let (skipped, bytes) = bytes;
    let mut text = String::new();
    rows(&bytes, call.has('v'), |at, row| match row {
        None => text.push_str("*\n"),
        Some(row) => {
            text.push_str(&format!("{:08x} ", at + skipped));
            for index in 0..ROW {
                text.push_str(if index == 8 { "  " } else { " " });
                match row.get(index) {
                    Some(byte) => text.push_str(&format!("{byte:02x}")),
                    None => text.push_str("  "),
                }
            }
            let shown = |byte: &u8| if (32..127).contains(byte) { char::from(*byte) } else { '.' };
            text.push_str(&format!("  |{}|\n", row.iter().map(shown).collect::<String>()));
        }
    });
    if !bytes.is_empty() {
        text.push_str(&format!("{:08x}\n", skipped + bytes.len()));
    }
    process.out(text).await?;
    Ok(0)
}

/// od(1): single bytes in hexadecimal, octal, decimal, or as characters
pub(super) async fn od(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "A:t:cbxvN:j:",
            long: &[
                ("address-radix=", 'A'),
                ("format=", 't'),
                ("output-duplicates", 'v'),
                ("read-bytes=", 'N'),
                ("skip-bytes=", 'j'),
            ],
            wrong: 1,
        },
    )?;
    let kind = match (call.last_of("tcbx"), call.value('t')) {
        (Some('c'), _) | (Some('t'), Some("c")) => 'c',
        (Some('b'), _) | (Some('t'), Some("o1")) => 'o',
        (Some('t'), Some("x1")) => 'x',
        (Some('t'), Some("u1")) => 'u',
        (Some('t'), Some("a")) => 'c',
        _ => return fail("only single bytes (-c, -b, -t x1, -t o1, -t u1) are known on this host"),
    };
    let (skipped, bytes) = some_of(process, &call, ['j', 'N']).await?;
    let address = |at: usize| match call.value('A') {
        Some("n") => String::new(),
        Some("d") => format!("{at:07}"),
        Some("x") => format!("{at:06x}"),
        _ => format!("{at:07o}"),
    };
    let cell = |byte: u8| match (kind, byte) {
        ('x', byte) => format!(" {byte:02x}"),
        ('o', byte) => format!(" {byte:03o}"),
        ('u', byte) => format!(" {byte:>3}"),
        (_, 0) => "  \\0".to_owned(),
        (_, 7) => "  \\a".to_owned(),
        (_, 8) => "  \\b".to_owned(),
        (_, 9) => "  \\t".to_owned(),
        (_, 10) => "  \\n".to_owned(),
        (_, 11) => "  \\v".to_owned(),
        (_, 12) => "  \\f".to_owned(),
        (_, 13) => "  \\r".to_owned(),
        (_, byte @ 32..127) => format!("   {}", char::from(byte)),
        (_, byte) => format!(" {byte:03o}"),
    };
    let mut text = String::new();
    rows(&bytes, call.has('v'), |at, row| match row {
        None => text.push_str("*\n"),
        Some(row) => {
            text.push_str(&address(at + skipped));
            text.extend(row.iter().map(|byte| cell(*byte)));
            text.push('\n');
        }
    });
    if call.value('A') != Some("n") {
        text.push_str(&format!("{}\n", address(skipped + bytes.len())));
    }
    process.out(text).await?;
    Ok(0)
}

/// The wanted part of all inputs one after the other, and where it begins.
async fn some_of(
    process: &Process,
    call: &Call,
    [skip, most]: [char; 2],
) -> Result<(usize, Vec<u8>), Failure> {
    let mut bytes = Vec::new();
    for path in call.inputs() {
        match input(process, &path).await {
            Ok(file) => bytes.extend_from_slice(&read_whole(&file).await?),
            Err(error) => return fail(format!("{path}: {error}")),
        }
    }
    let number = |key: char| call.value(key).and_then(amount).map(|number| number as usize);
    let start = number(skip).unwrap_or(0).min(bytes.len());
    let mut part = bytes.split_off(start);
    part.truncate(number(most).unwrap_or(usize::MAX));
    Ok((start, part))
}

/// Goes through the rows; of equal ones after one another only the first is told, and then that there are more.
fn rows(bytes: &[u8], all: bool, mut tell: impl FnMut(usize, Option<&[u8]>)) {
    let mut last: Option<&[u8]> = None;
    let mut starred = false;
    for (index, row) in bytes.chunks(ROW).enumerate() {
        let same = !all && row.len() == ROW && last == Some(row);
        if !same {
            tell(index * ROW, Some(row));
        } else if !starred {
            tell(index * ROW, None);
        }
        starred = same;
        last = Some(row);
    }
}
