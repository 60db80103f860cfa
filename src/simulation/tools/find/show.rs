//! What find's `-printf` and `-ls` write.

use std::time::Duration;

use super::super::show::{disk_usage, links, mode_text, name_of};
use super::super::stat::device_of;
use super::super::time;
use super::Visit;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::process::Process;

/// Writes a format for one name.
pub(super) fn show(process: &Process, parts: &[Shown], visit: &Visit, out: &mut String) {
    for part in parts {
        match part {
            Shown::Text(text) => out.push_str(text),
            Shown::Stop => return,
            Shown::Value(flags, letters) => {
                let text = value(process, letters, visit, flags.contains('#'));
                let width: usize = flags
                    .trim_start_matches(['-', '+', ' ', '#', '0'])
                    .split('.')
                    .next()
                    .and_then(|digits| digits.parse().ok())
                    .unwrap_or(0);
                if flags.contains('-') {
                    out.push_str(&format!("{text:<width$}"));
                } else if flags.starts_with('0') {
                    out.push_str(&format!("{text:0>width$}"));
                } else {
                    out.push_str(&format!("{text:>width$}"));
                }
            }
        }
    }
}

fn value(process: &Process, letters: &str, visit: &Visit, alternative: bool) -> String {
    let node = visit.node();
    let metadata = node.metadata();
    match letters {
        "p" => visit.path.clone(),
        "f" => visit.name().to_owned(),
        "P" => visit.path[visit.start..].trim_start_matches('/').to_owned(),
        "H" => visit.path[..visit.start].to_owned(),
        "h" => match visit.path.trim_end_matches('/').rsplit_once('/') {
            Some((above, _)) => above.to_owned(),
            None if visit.path.starts_with('/') => String::new(),
            None => ".".to_owned(),
        },
        "d" => visit.depth.to_string(),
        "y" | "Y" => node.type_letter().to_string(),
        "m" if alternative => format!("0{:o}", metadata.mode),
        "m" => format!("{:o}", metadata.mode),
        "M" => mode_text(node),
        "U" => metadata.user.to_string(),
        "G" => metadata.group.to_string(),
        "u" => name_of(process, "/etc/passwd", metadata.user),
        "g" => name_of(process, "/etc/group", metadata.group),
        "s" => node.size().to_string(),
        "b" => (disk_usage(node) / 512).to_string(),
        "k" => (disk_usage(node) / 1024).to_string(),
        "i" => node.number.to_string(),
        "n" => links(node).to_string(),
        "D" => device_of(process, &visit.place.path).to_string(),
        "F" => process.namespace.mount_of(&visit.place.path).map(|mount| mount.kind).unwrap_or_default(),
        "l" => match &node.kind {
            Kind::Link(target) => target.clone(),
            _ => String::new(),
        },
        "t" | "a" | "c" => time::format(metadata.modified, "%a %b %e %H:%M:%S.%N0 %Y"),
        other => match other.split_at_checked(1) {
            Some(("T" | "A" | "C", letter)) => of_time(metadata.modified, letter),
            _ => format!("%{other}"),
        },
    }
}

/// `%T` and its like: strftime's letters, `@` and `+`, with findutils' ten digits after the point.
fn of_time(modified: Duration, letter: &str) -> String {
    match letter {
        "@" => time::format(modified, "%s.%N0"),
        "+" => time::format(modified, "%Y-%m-%d+%H:%M:%S.%N0"),
        "S" => time::format(modified, "%S.%N0"),
        "T" | "X" => time::format(modified, "%H:%M:%S.%N0"),
        letter => time::format(modified, &format!("%{letter}")),
    }
}

/// A line of `-ls`.
pub(super) fn long(process: &Process, visit: &Visit, blocks: u64, now: Duration) -> String {
    let node = visit.node();
    let metadata = node.metadata();
    let half_a_year = Duration::from_secs(15_778_476);
    let recent = metadata.modified <= now && now.saturating_sub(metadata.modified) < half_a_year;
    let when = time::format(metadata.modified, if recent { "%b %e %H:%M" } else { "%b %e  %Y" });
    let target = match &node.kind {
        Kind::Link(target) => format!(" -> {target}"),
        _ => String::new(),
    };
    format!(
        "{:>9} {blocks:>6} {} {:>3} {:<8} {:<8} {:>8} {when} {}{target}\n",
        node.number,
        mode_text(node),
        links(node),
        name_of(process, "/etc/passwd", metadata.user),
        name_of(process, "/etc/group", metadata.group),
        node.size(),
        visit.path
    )
}

/// A part of a `-printf` format.
#[derive(Debug)]
pub(super) enum Shown {
    Text(String),
    /// Flags and width, and the letter; `T@` and its like have two.
    Value(String, String),
    /// `\c`
    Stop,
}

/// Reads a `-printf` format.
pub(super) fn format(text: &str) -> Vec<Shown> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some('a') => plain.push('\u{7}'),
                Some('b') => plain.push('\u{8}'),
                Some('f') => plain.push('\u{c}'),
                Some('v') => plain.push('\u{b}'),
                Some('c') => {
                    parts.push(Shown::Text(std::mem::take(&mut plain)));
                    parts.push(Shown::Stop);
                    return parts;
                }
                Some(digit @ '0'..='7') => {
                    let mut value = digit.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        if let Some(digit) = rest.next_if(|c| c.is_digit(8)) {
                            value = value * 8 + digit.to_digit(8).unwrap_or(0);
                        }
                    }
                    plain.extend(char::from_u32(value));
                }
                Some('\\') => plain.push('\\'),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            '%' => {
                if rest.next_if_eq(&'%').is_some() {
                    plain.push('%');
                    continue;
                }
                let mut flags = String::new();
                while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '.' | '0'..='9'))
                {
                    flags.push(flag);
                }
                let mut letters: String = rest.next().into_iter().collect();
                if matches!(letters.as_str(), "A" | "C" | "T" | "B") {
                    letters.extend(rest.next());
                }
                if !plain.is_empty() {
                    parts.push(Shown::Text(std::mem::take(&mut plain)));
                }
                parts.push(Shown::Value(flags, letters));
            }
            c => plain.push(c),
        }
    }
    parts.push(Shown::Text(plain));
    parts
}
