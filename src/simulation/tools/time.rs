//! date(1), sleep(1), and times as text. The hosts' time zone is UTC.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::call::{Call, Grammar, Outcome, fail, quoted};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// A moment as the calendar shows it.
pub(super) fn civil(time: Duration) -> DateTime {
    let timestamp = SignedDuration::try_from(time).ok().and_then(|time| Timestamp::from_duration(time).ok());
    TimeZone::UTC.to_datetime(timestamp.unwrap_or_default())
}

/// A time as strftime(3) and date(1) write it.
pub(super) fn format(time: Duration, format: &str) -> String {
    let at = civil(time);
    let hour12 = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut pad, mut width, mut colons) = (None, String::new(), 0);
        let letter = loop {
            match rest.next() {
                Some(flag @ ('-' | '_' | '^' | '#')) => pad = Some(flag),
                Some('0') if width.is_empty() && pad.is_none() => pad = Some('0'),
                Some(digit @ '0'..='9') => width.push(digit),
                Some(':') => colons += 1,
                Some('E' | 'O') => {}
                other => break other,
            }
        };
        let inner = |text: &str| self::format(time, text);
        let (number, usual, digits): (i64, char, usize) = match letter {
            Some('d') => (at.day().into(), '0', 2),
            Some('e') => (at.day().into(), '_', 2),
            Some('H') => (at.hour().into(), '0', 2),
            Some('k') => (at.hour().into(), '_', 2),
            Some('I') => (hour12.into(), '0', 2),
            Some('l') => (hour12.into(), '_', 2),
            Some('M') => (at.minute().into(), '0', 2),
            Some('S') => (at.second().into(), '0', 2),
            Some('m') => (at.month().into(), '0', 2),
            Some('j') => (at.day_of_year().into(), '0', 3),
            Some('y') => ((at.year() % 100).into(), '0', 2),
            Some('Y') => (at.year().into(), '0', 4),
            Some('C') => ((at.year() / 100).into(), '0', 2),
            Some('G') => (at.date().iso_week_date().year().into(), '0', 4),
            Some('V') => (at.date().iso_week_date().week().into(), '0', 2),
            Some('u') => (at.weekday().to_monday_one_offset().into(), '0', 1),
            Some('w') => (at.weekday().to_sunday_zero_offset().into(), '0', 1),
            Some('q') => (((at.month() - 1) / 3 + 1).into(), '0', 1),
            Some('s') => (time.as_secs().try_into().unwrap_or(i64::MAX), '0', 1),
            Some('N') => {
                let nanoseconds = format!("{:09}", time.subsec_nanos());
                let most = width.parse().unwrap_or(9_usize);
                out.push_str(&nanoseconds[..most.min(9)]);
                out.extend(std::iter::repeat_n('0', most.saturating_sub(9)));
                continue;
            }
            _ => {
                let text = match letter {
                    Some('a') => weekday(at)[..3].to_owned(),
                    Some('A') => weekday(at).to_owned(),
                    Some('b' | 'h') => month(at)[..3].to_owned(),
                    Some('B') => month(at).to_owned(),
                    Some('p') => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
                    Some('P') => if at.hour() < 12 { "am" } else { "pm" }.to_owned(),
                    Some('F') => inner("%Y-%m-%d"),
                    Some('T' | 'X') => inner("%H:%M:%S"),
                    Some('R') => inner("%H:%M"),
                    Some('D' | 'x') => inner("%m/%d/%y"),
                    Some('c') => inner("%a %b %e %H:%M:%S %Y"),
                    Some('r') => inner("%I:%M:%S %p"),
                    Some('z') => ["+0000", "+00:00", "+00:00:00"].get(colons).unwrap_or(&"+0000").to_string(),
                    Some('Z') => "UTC".to_owned(),
                    Some('n') => "\n".to_owned(),
                    Some('t') => "\t".to_owned(),
                    Some('%') => "%".to_owned(),
                    Some(other) => format!("%{other}"),
                    None => "%".to_owned(),
                };
                out.push_str(&if pad == Some('^') { text.to_uppercase() } else { text });
                continue;
            }
        };
        let width = width.parse().unwrap_or(digits);
        out.push_str(&match pad.unwrap_or(usual) {
            '-' => number.to_string(),
            '_' => format!("{number:>width$}"),
            _ => format!("{number:0>width$}"),
        });
    }
    out
}

fn weekday(at: DateTime) -> &'static str {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    NAMES[at.weekday().to_sunday_zero_offset() as usize % 7]
}

fn month(at: DateTime) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES[(at.month() as usize - 1) % 12]
}

/// A time that a person wrote: `@seconds`, a date with or without a time, `now`, `yesterday`, `-2 hours`,
/// `3 days ago`.
pub(super) fn parse(text: &str, now: Duration) -> Option<Duration> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let nanoseconds: u32 =
            if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").get(..9)?.parse().ok()? };
        return Some(Duration::new(whole.parse().ok()?, nanoseconds));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Duration::try_from(timestamp.as_duration()).ok();
    }
    let cut = text.trim_end_matches("UTC").trim_end_matches(['Z', ' ']);
    if let Ok(at) = cut.parse::<DateTime>() {
        return Duration::try_from(TimeZone::UTC.to_timestamp(at).ok()?.as_duration()).ok();
    }
    // touch -t: [[CC]YY]MMDDhhmm[.ss]
    let (digits, seconds) = text.split_once('.').unwrap_or((text, "00"));
    if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let written = format!(
            "{}-{}-{}T{}:{}:{seconds}",
            &digits[..4],
            &digits[4..6],
            &digits[6..8],
            &digits[8..10],
            &digits[10..]
        );
        let at = written.parse::<DateTime>().ok()?;
        return Duration::try_from(TimeZone::UTC.to_timestamp(at).ok()?.as_duration()).ok();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (number, unit, ago) = match words.as_slice() {
        [] | ["now" | "today"] => return Some(now),
        ["yesterday"] => (-1, "day", false),
        ["tomorrow"] => (1, "day", false),
        [number, unit] => (number.parse::<i64>().ok()?, *unit, false),
        [number, unit, "ago"] => (number.parse::<i64>().ok()?, *unit, true),
        _ => return None,
    };
    let seconds = match unit.trim_end_matches('s') {
        "" | "sec" | "second" => 1,
        "min" | "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        _ => return None,
    };
    let shift = Duration::from_secs(number.unsigned_abs().checked_mul(seconds)?);
    if (number < 0) != ago { now.checked_sub(shift) } else { now.checked_add(shift) }
}

/// date(1)
pub(super) async fn date(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "d:I::Rr:us:",
            long: &[
                ("date=", 'd'),
                ("iso-8601?", 'I'),
                ("rfc-email", 'R'),
                ("rfc-3339=", '3'),
                ("reference=", 'r'),
                ("utc", 'u'),
                ("universal", 'u'),
                ("set=", 's'),
            ],
            wrong: 1,
        },
    )?;
    let mut time = process.machine.calendar();
    if let Some(text) = call.value('s') {
        let Some(wanted) = parse(text, time) else { return fail(format!("invalid date {}", quoted(text))) };
        let signed = |time: Duration| SignedDuration::try_from(time).unwrap_or_default();
        process.machine.jump_clock(signed(wanted).saturating_sub(signed(time)));
        time = wanted;
    }
    if let Some(text) = call.value('d') {
        let Some(wanted) = parse(text, time) else { return fail(format!("invalid date {}", quoted(text))) };
        time = wanted;
    }
    if let Some(path) = call.value('r') {
        match process.find(path, LastLink::Follow) {
            Ok(place) => time = place.node.metadata().modified,
            Err(error) => return fail(format!("{path}: {error}")),
        }
    }
    let seconds = "%Y-%m-%dT%H:%M:%S%:z";
    let pattern = match call.operands.first() {
        Some(operand) => match operand.strip_prefix('+') {
            Some(pattern) => pattern,
            None => return fail(format!("invalid date {}", quoted(operand))),
        },
        None if call.has('R') => "%a, %d %b %Y %H:%M:%S %z",
        None => match (call.value('I'), call.value('3')) {
            (Some("" | "date"), _) | (_, Some("date")) => "%Y-%m-%d",
            (Some("hours"), _) => "%Y-%m-%dT%H%:z",
            (Some("minutes"), _) => "%Y-%m-%dT%H:%M%:z",
            (Some("seconds"), _) => seconds,
            (Some("ns"), _) => "%Y-%m-%dT%H:%M:%S,%N%:z",
            (_, Some("seconds")) => "%Y-%m-%d %H:%M:%S%:z",
            (_, Some("ns")) => "%Y-%m-%d %H:%M:%S.%N%:z",
            (Some(other), _) => {
                return fail(format!("invalid argument {} for '--iso-8601'", quoted(other)));
            }
            _ => "%a %b %e %H:%M:%S %Z %Y",
        },
    };
    process.out(format(time, pattern) + "\n").await?;
    Ok(0)
}

/// A length of time as sleep(1) and timeout(1) take it: `1.5`, `2m`, `1h`.
pub(super) fn interval(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3_600.0),
        (at, 'd') => (&text[..at], 86_400.0),
        _ => (text, 1.0),
    };
    if number == "inf" || number == "infinity" {
        return Some(Duration::from_secs(u64::from(u32::MAX)));
    }
    let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = number.parse().ok().filter(|_| digits)?;
    Duration::try_from_secs_f64(seconds * unit).ok()
}

/// sleep(1), in the world's time
pub(super) async fn sleep(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "", long: &[], wrong: 1 })?;
    call.need_operand(words)?;
    let mut total = Duration::ZERO;
    for text in &call.operands {
        match interval(text) {
            Some(duration) => total += duration,
            None => {
                return fail(format!(
                    "invalid time interval {}\nTry 'sleep --help' for more information.",
                    quoted(text)
                ));
            }
        }
    }
    process.machine.clock.sleep(total).await;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_ways_that_people_write_them() {
        let now = Duration::from_secs(1_760_000_000);
        for (text, expected) in [
            ("@5.25", Some(Duration::new(5, 250_000_000))),
            ("2025-10-09 08:53:20", Some(now)),
            ("2025-10-09T08:53:20Z", Some(now)),
            ("2025-10-09", Some(Duration::from_secs(1_759_968_000))),
            ("202510090853.20", Some(now)),
            ("-1 hour", Some(now - Duration::from_secs(3_600))),
            ("2 days ago", Some(now - Duration::from_secs(172_800))),
            ("now", Some(now)),
            ("sometime", None),
        ] {
            assert_eq!(parse(text, now), expected, "{text}");
        }
        assert_eq!(interval("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(interval("-1"), None);
        assert_eq!(interval("x"), None);
    }
}
