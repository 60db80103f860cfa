//! Programs that say what they are told: echo, printf, seq, yes, true, false, clear.

use super::call::{Call, Grammar, Outcome, fail, quoted};
use crate::simulation::machine::process::Process;

/// echo(1)
pub(super) async fn echo(process: &mut Process, words: &[String]) -> Outcome {
    let (mut newline, mut escapes) = (true, false);
    let mut rest = words.get(1..).unwrap_or_default();
    while let Some(options) = rest.first().and_then(|word| word.strip_prefix('-')) {
        if options.is_empty() || !options.chars().all(|c| "neE".contains(c)) {
            break;
        }
        for option in options.chars() {
            match option {
                'n' => newline = false,
                option => escapes = option == 'e',
            }
        }
        rest = &rest[1..];
    }
    let text = rest.join(" ");
    let (mut bytes, stop) = if escapes { unescape(&text, true) } else { (text.into_bytes(), false) };
    if newline && !stop {
        bytes.push(b'\n');
    }
    process.out(bytes).await?;
    Ok(0)
}

/// Resolves backslashes; whether `\c` ended all output. In `echo` and `%b` octal numbers begin with a zero.
fn unescape(text: &str, zero: bool) -> (Vec<u8>, bool) {
    let mut bytes = Vec::with_capacity(text.len());
    let source = text.as_bytes();
    let mut at = 0;
    while at < source.len() {
        if source[at] != b'\\' || at + 1 == source.len() {
            bytes.push(source[at]);
            at += 1;
            continue;
        }
        let letter = source[at + 1];
        at += 2;
        let digits = |from: usize, most: usize, radix: u32| {
            source[from.min(source.len())..]
                .iter()
                .take(most)
                .take_while(|byte| char::from(**byte).is_digit(radix))
                .count()
        };
        let number = |from: usize, count: usize, radix: u32| {
            let text = std::str::from_utf8(&source[from..from + count]).unwrap_or_default();
            u32::from_str_radix(text, radix).unwrap_or(0) as u8
        };
        match letter {
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'c' => return (bytes, true),
            b'e' => bytes.push(27),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(11),
            b'\\' => bytes.push(b'\\'),
            b'x' if digits(at, 2, 16) > 0 => {
                let count = digits(at, 2, 16);
                bytes.push(number(at, count, 16));
                at += count;
            }
            b'0' if zero => {
                let count = digits(at, 3, 8);
                bytes.push(number(at, count, 8));
                at += count;
            }
            b'0'..=b'7' if !zero => {
                let count = digits(at - 1, 3, 8);
                bytes.push(number(at - 1, count, 8));
                at += count - 1;
            }
            b'"' if !zero => bytes.push(b'"'),
            other => bytes.extend([b'\\', other]),
        }
    }
    (bytes, false)
}

/// printf(1)
pub(super) async fn printf(process: &mut Process, words: &[String]) -> Outcome {
    let words = match words.get(1) {
        Some(word) if word == "--" => &words[1..],
        _ => words,
    };
    let Some(format) = words.get(1) else {
        return fail("missing operand\nTry 'printf --help' for more information.");
    };
    let mut arguments = words[2..].iter();
    let mut out = Vec::new();
    let mut complaints = Vec::new();
    loop {
        let before = arguments.len();
        let ended = once(format, &mut arguments, &mut out, &mut complaints);
        if ended || arguments.len() == 0 || arguments.len() == before {
            break;
        }
    }
    process.out(out).await?;
    for complaint in &complaints {
        process.complain(format!("printf: {complaint}")).await;
    }
    Ok(u8::from(!complaints.is_empty()))
}

/// Goes through the format once; whether all output has ended.
fn once(
    format: &str,
    arguments: &mut std::slice::Iter<'_, String>,
    out: &mut Vec<u8>,
    complaints: &mut Vec<String>,
) -> bool {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (text, ended) = unescape(&rest[..at], false);
        out.extend(text);
        if ended {
            return true;
        }
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push(b'%');
            rest = after;
            continue;
        }
        let flags = rest.len() - rest.trim_start_matches(['-', '+', ' ', '#', '0']).len();
        let (flags, after) = rest.split_at(flags);
        let mut take_number = |after: &mut &str| {
            if let Some(more) = after.strip_prefix('*') {
                *after = more;
                return arguments.next().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            }
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let number = after[..end].parse().unwrap_or(0);
            *after = &after[end..];
            number
        };
        let mut after = after;
        let width = take_number(&mut after);
        let precision = after.strip_prefix('.').map(|more| {
            after = more;
            take_number(&mut after).max(0) as usize
        });
        let Some(letter) = after.chars().next() else {
            complaints.push(format!("%{rest}: invalid conversion specification"));
            return true;
        };
        rest = &after[letter.len_utf8()..];
        let argument = arguments.next().map_or("", String::as_str);
        let mut ended = false;
        let cut = |mut bytes: Vec<u8>| {
            bytes.truncate(precision.unwrap_or(usize::MAX));
            bytes
        };
        let mut numeric = true;
        let body = match letter {
            's' | 'b' | 'c' | 'q' => {
                numeric = false;
                match letter {
                    's' => cut(argument.as_bytes().to_vec()),
                    // The end of an empty word is a character, too.
                    'c' => vec![argument.bytes().next().unwrap_or(0)],
                    'q' => quoted(argument).into_bytes(),
                    _ => {
                        let (bytes, stop) = unescape(argument, true);
                        ended = stop;
                        cut(bytes)
                    }
                }
            }
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let value = integer(argument, complaints);
                integer_text(letter, value, flags, precision).into_bytes()
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let value: f64 = match argument.trim_start().parse() {
                    Ok(value) => value,
                    Err(_) if argument.is_empty() => 0.0,
                    Err(_) => {
                        complaints.push(format!("{}: expected a numeric value", quoted(argument)));
                        0.0
                    }
                };
                let digits = precision.unwrap_or(6);
                let text = match letter {
                    'f' | 'F' => format!("{value:.digits$}"),
                    'e' | 'E' => exponential(value, digits),
                    _ => general(value, digits.max(1)),
                };
                let sign = if flags.contains('+') && value >= 0.0 { "+" } else { "" };
                format!("{sign}{text}").into_bytes()
            }
            other => {
                complaints.push(format!("%{other}: invalid conversion specification"));
                return true;
            }
        };
        let fill = (width.unsigned_abs() as usize).saturating_sub(body.len());
        if flags.contains('-') || width < 0 {
            out.extend(&body);
            out.extend(std::iter::repeat_n(b' ', fill));
        } else if flags.contains('0') && numeric && precision.is_none_or(|_| "feg".contains(letter)) {
            let sign = usize::from(body.starts_with(b"-") || body.starts_with(b"+"));
            out.extend(&body[..sign]);
            out.extend(std::iter::repeat_n(b'0', fill));
            out.extend(&body[sign..]);
        } else {
            out.extend(std::iter::repeat_n(b' ', fill));
            out.extend(&body);
        }
        if ended {
            return true;
        }
    }
    let (text, ended) = unescape(rest, false);
    out.extend(text);
    ended
}

fn integer(text: &str, complaints: &mut Vec<String>) -> i128 {
    // The value of a character, as POSIX has it.
    if let Some(character) = text.strip_prefix(['\'', '"']) {
        return character.chars().next().map_or(0, |c| u32::from(c).into());
    }
    let trimmed = text.trim_start();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let value = i128::from_str_radix(&digits[..end], radix).unwrap_or(0);
    if end == 0 && !text.is_empty() {
        complaints.push(format!("{}: expected a numeric value", quoted(text)));
    } else if end < digits.len() {
        complaints.push(format!("{}: value not completely converted", quoted(text)));
    }
    if negative { -value } else { value }
}

fn integer_text(letter: char, value: i128, flags: &str, precision: Option<usize>) -> String {
    let unsigned = if value < 0 { (value as i64 as u64).into() } else { value.unsigned_abs() };
    let alternative = flags.contains('#') && value != 0;
    let (sign, digits) = match letter {
        'd' | 'i' => {
            let sign = if value < 0 {
                "-"
            } else if flags.contains('+') {
                "+"
            } else if flags.contains(' ') {
                " "
            } else {
                ""
            };
            (sign, value.unsigned_abs().to_string())
        }
        'x' => (if alternative { "0x" } else { "" }, format!("{unsigned:x}")),
        'X' => (if alternative { "0X" } else { "" }, format!("{unsigned:X}")),
        'o' => (if alternative { "0" } else { "" }, format!("{unsigned:o}")),
        _ => ("", unsigned.to_string()),
    };
    let least = precision.unwrap_or(1);
    format!("{sign}{digits:0>least$}")
}

fn exponential(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, number) = match exponent.strip_prefix('-') {
        Some(number) => ('-', number),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{number:0>2}")
}

fn general(value: f64, digits: usize) -> String {
    let text = exponential(value, digits - 1);
    let exponent: i32 = text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let trim = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if exponent < -4 || exponent >= digits as i32 {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{exponent}", trim(mantissa.to_owned()));
    }
    let after = (digits as i32 - 1 - exponent).max(0) as usize;
    trim(format!("{value:.after$}"))
}

/// seq(1)
pub(super) async fn seq(process: &mut Process, words: &[String]) -> Outcome {
    // A negative number is no option.
    let number = |word: &String| word.parse::<f64>().is_ok();
    let split = words.iter().skip(1).position(number).map_or(words.len(), |at| at + 1);
    let mut call = Call::parse(
        &words[..split],
        &Grammar { short: "+s:w", long: &[("separator=", 's'), ("equal-width", 'w')], wrong: 1 },
    )?;
    call.operands.extend(words[split..].iter().cloned());
    call.need_operand(words)?;
    let mut numbers = Vec::new();
    let mut places = 0;
    for text in &call.operands {
        match text.parse::<f64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                let help = "Try 'seq --help' for more information.";
                return fail(format!("invalid floating point argument: {}\n{help}", quoted(text)));
            }
        }
        places = places.max(text.split_once('.').map_or(0, |(_, fraction)| fraction.len()));
    }
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1.0, 1.0, *last),
        [first, last] => (*first, 1.0, *last),
        [first, step, last] => (*first, *step, *last),
        _ => return fail(format!("extra operand {}", quoted(&call.operands[3]))),
    };
    if step == 0.0 {
        return fail("invalid Zero increment value: '0'\nTry 'seq --help' for more information.");
    }
    let separator = call.value('s').unwrap_or("\n");
    let text = |value: f64| format!("{value:.places$}");
    let width = if call.has('w') { text(first).len().max(text(last).len()) } else { 0 };
    let mut out = String::new();
    let mut written = false;
    let count = ((last - first) / step + 1e-9).floor();
    let mut index = 0.0;
    while index <= count {
        if written {
            out.push_str(separator);
        }
        out.push_str(&format!("{:0>width$}", text(first + index * step)));
        written = true;
        index += 1.0;
        if out.len() > 32 << 10 {
            process.out(std::mem::take(&mut out)).await?;
        }
    }
    if written {
        out.push('\n');
    }
    process.out(out).await?;
    Ok(0)
}

/// yes(1)
pub(super) async fn yes(process: &mut Process, words: &[String]) -> Outcome {
    let line = if words.len() > 1 { words[1..].join(" ") } else { "y".to_owned() } + "\n";
    let block = bytes::Bytes::from(line.repeat((8 << 10) / line.len() + 1));
    loop {
        process.out(block.clone()).await?;
        // Where nobody waits for room, as on /dev/null, others must have their turn.
        tokio::task::yield_now().await;
    }
}

/// true(1), and what need not do anything here
pub(super) async fn yes_indeed(_process: &mut Process, _words: &[String]) -> Outcome {
    Ok(0)
}

/// false(1)
pub(super) async fn no(_process: &mut Process, _words: &[String]) -> Outcome {
    Ok(1)
}

/// clear(1)
pub(super) async fn clear(process: &mut Process, _words: &[String]) -> Outcome {
    process.out("\u{1b}[H\u{1b}[2J\u{1b}[3J").await?;
    Ok(0)
}
