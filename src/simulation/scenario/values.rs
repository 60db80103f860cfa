//! Single values of a scenario that a fleet file does not have: times, rates, shares, names.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;
use toml::de::DeValue;

use super::{Rate, Version};
use crate::fleet::values::{found, line, memory};
use crate::simulation::load::{Level, Period, Share};

/// The longest time that a scenario may speak of, seconds: ten years.
const LONGEST: f64 = 10.0 * 365.25 * 86_400.0;

/// A whole number between two others.
pub(super) fn whole(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, String> {
    match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
    .filter(|number| range.contains(number))
    .ok_or_else(|| {
        let upper = match *range.end() {
            u64::MAX => "on".to_string(),
            end => format!("to {end}"),
        };
        format!("expected a whole number from {} {upper}, found {}", range.start(), found(value))
    })
}

/// A number that is not negative, whole or not.
pub(super) fn level(value: &DeValue<'_>) -> Result<Level, String> {
    let number = match value {
        DeValue::Integer(number) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64)
        }
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    number
        .and_then(Level::new)
        .ok_or_else(|| format!("expected a number such as 0.5, found {}", found(value)))
}

/// An amount of memory or of a disk as a level.
pub(super) fn amount(value: &DeValue<'_>) -> Result<Level, String> {
    Ok(Level::new(memory(value)? as f64).unwrap_or_default())
}

/// Bytes per second: `"10M/s"`.
pub(super) fn byte_rate(value: &DeValue<'_>) -> Result<u64, String> {
    let wrong = || format!("expected bytes per second such as “10M/s”, found {}", found(value));
    let text = value.as_str().and_then(|text| text.strip_suffix("/s")).ok_or_else(wrong)?;
    memory(&DeValue::String(text.into())).map_err(|_| wrong())
}

/// Bytes per second as a level.
pub(super) fn byte_rate_level(value: &DeValue<'_>) -> Result<Level, String> {
    Ok(Level::new(byte_rate(value)? as f64).unwrap_or_default())
}

/// Bits per second: `"1 Gbit/s"`, decimal; or `"unlimited"`.
pub(super) fn rate(value: &DeValue<'_>) -> Result<Rate, String> {
    value.as_str().and_then(rate_text).ok_or_else(|| {
        format!("expected bits per second such as “100 Mbit/s”, or “unlimited”, found {}", found(value))
    })
}

fn rate_text(text: &str) -> Option<Rate> {
    if text == "unlimited" {
        return Some(Rate::Unlimited);
    }
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "bit/s" => 1.0,
        "kbit/s" => 1e3,
        "Mbit/s" => 1e6,
        "Gbit/s" => 1e9,
        "Tbit/s" => 1e12,
        _ => return None,
    };
    // A float beyond u64 becomes its largest value, which is no rate of this world either.
    let bits = Some(number * factor).filter(|bits| *bits <= 1e15)?;
    NonZeroU64::new(bits.round() as u64).map(Rate::Bits)
}

/// A share in percent: `"0.5 %"`.
pub(super) fn share(value: &DeValue<'_>) -> Result<Share, String> {
    value
        .as_str()
        .and_then(number_and_unit)
        .filter(|(_, unit)| *unit == "%")
        .and_then(|(number, _)| Share::new(number / 100.0))
        .ok_or_else(|| format!("expected a share from “0 %” to “100 %”, found {}", found(value)))
}

/// A time: `"250 ms"`, `"10 s"`, `"1 h 30 min"`.
pub(super) fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    value.as_str().and_then(duration_text).ok_or_else(|| {
        format!("expected a time such as “250 ms”, “10 s” or “1 h 30 min”, found {}", found(value))
    })
}

/// A time that is not zero.
pub(super) fn period(value: &DeValue<'_>) -> Result<Period, String> {
    Period::new(duration(value)?).ok_or_else(|| format!("expected a time above zero, found {}", found(value)))
}

/// A time in either direction: `"-2 min"`.
pub(super) fn signed_duration(value: &DeValue<'_>) -> Result<SignedDuration, String> {
    let read = |text: &str| {
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        Some(SignedDuration::try_from(duration_text(text.trim_start())?).ok()? * sign)
    };
    value
        .as_str()
        .and_then(read)
        .ok_or_else(|| format!("expected a time such as “2 s” or “-3 min”, found {}", found(value)))
}

fn duration_text(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    loop {
        let (number, after) = leading_number(rest)?;
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        seconds += number
            * match unit {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "min" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= LONGEST)
}

/// A decimal number without a sign, and what follows it, without the spaces between.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest.trim_start()))
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    leading_number(text).map(|(number, unit)| (number, unit.trim_end()))
}

/// A name of a container, a volume: letters, digits, `_`, `.`, `-`, beginning with a letter or digit, as the
/// engines want it. `{}` stays: it is replaced by a number later.
pub(super) fn name(value: &DeValue<'_>) -> Result<String, String> {
    let text = line(value)?;
    let shape = text.replacen("{}", "0", 1);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let good = shape.starts_with(|c: char| c.is_ascii_alphanumeric())
        && shape.len() <= 100
        && shape.chars().all(allowed);
    if good {
        Ok(text)
    } else {
        Err(format!(
            "expected a name of letters, digits, “-”, “_” and “.”, beginning with a letter or digit, found {}",
            found(value)
        ))
    }
}

/// A name that stands for one thing.
pub(super) fn single_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = name(value)?;
    if name.contains("{}") {
        Err(format!("expected a name without “{{}}”, found {}", found(value)))
    } else {
        Ok(name)
    }
}

/// A word without spaces.
pub(super) fn word(value: &DeValue<'_>) -> Result<String, String> {
    let text = line(value)?;
    if text.chars().any(char::is_whitespace) {
        return Err(format!("expected a word without spaces, found {}", found(value)));
    }
    Ok(text)
}

/// An absolute path without detours.
pub(super) fn path(value: &DeValue<'_>) -> Result<String, String> {
    let text = line(value)?;
    let straight = text.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    if text == "/" || (text.starts_with('/') && straight) {
        Ok(text)
    } else {
        Err(format!("expected a whole path such as “/srv/data”, found {}", found(value)))
    }
}

/// The version of a program, or that it is not there.
pub(super) fn version(value: &DeValue<'_>) -> Result<Option<Version>, String> {
    let text = value.as_str().unwrap_or_default();
    if text == "none" {
        return Ok(None);
    }
    Version::new(text)
        .map(Some)
        .ok_or_else(|| format!("expected a version such as “4.1.1”, or “none”, found {}", found(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> DeValue<'_> {
        DeValue::String(text.into())
    }

    #[test]
    fn times() {
        assert_eq!(duration_text("250 ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration_text("0.25ms"), Some(Duration::from_micros(250)));
        assert_eq!(duration_text(" 1 h 30 min "), Some(Duration::from_secs(5400)));
        assert_eq!(duration_text("3 d"), Some(Duration::from_secs(3 * 86_400)));
        assert_eq!(duration_text("0 s"), Some(Duration::ZERO));
        for wrong in ["", "s", "10", "10 m", "-1 s", "1e3 s", "1.2.3 s", "10 s,", "99999999 d", "1 s s"] {
            assert_eq!(duration_text(wrong), None, "{wrong}");
        }
        assert_eq!(signed_duration(&text("-2 min")), Ok(SignedDuration::from_secs(-120)));
        assert_eq!(signed_duration(&text("+1.5 s")), Ok(SignedDuration::from_millis(1500)));
        assert!(signed_duration(&text("--2 s")).is_err());
        assert!(period(&text("0 s")).is_err());
    }

    #[test]
    fn rates_and_shares() {
        let bits = |bits| NonZeroU64::new(bits).map(Rate::Bits);
        assert_eq!(rate_text("1 Gbit/s"), bits(1_000_000_000));
        assert_eq!(rate_text("2.5Mbit/s"), bits(2_500_000));
        assert_eq!(rate_text("unlimited"), Some(Rate::Unlimited));
        for wrong in ["1 GB/s", "1 gbit/s", "0 bit/s", "1", "", "9999999 Tbit/s", "-1 bit/s"] {
            assert_eq!(rate_text(wrong), None, "{wrong}");
        }
        assert_eq!(share(&text("0.5 %")), Ok(Share::new(0.005).unwrap()));
        assert_eq!(share(&text("100%")), Ok(Share::new(1.0).unwrap()));
        for wrong in ["101 %", "0.5", "% 5", "-1 %"] {
            assert!(share(&text(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(byte_rate(&text("10M/s")), Ok(10 << 20));
        assert!(byte_rate(&text("10M")).is_err());
    }

    #[test]
    fn names_and_paths() {
        assert_eq!(name(&text("web-{}")).as_deref(), Ok("web-{}"));
        for wrong in ["", "-web", "a b", "{}{}", "a/b", "ä"] {
            assert!(name(&text(wrong)).is_err(), "{wrong}");
        }
        assert!(single_name(&text("web-{}")).is_err());
        assert!(path(&text("/srv/data")).is_ok());
        for wrong in ["srv", "/a/../b", "/a//b", "/a/"] {
            assert!(path(&text(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(version(&text("none")), Ok(None));
        assert_eq!(version(&text("3.17-2+deb12")).unwrap().unwrap().numbers(), [3, 17]);
        assert!(version(&text("new")).is_err());
    }
}
