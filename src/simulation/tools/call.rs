//! How a program is called and how it ends: options as getopt(3) reads them, and failures with their words.

use std::sync::Arc;

use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::{Process, Ran};

/// How a program of this room ended.
pub(super) type Outcome = Result<u8, Failure>;

/// Why a program could not go on.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its output could not be written.
    Output(Errno),
    /// It says so, without its own name in front, and ends with a code.
    Said(u8, String),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Output(error)
    }
}

/// Ends a program with code 1 and a message.
pub(super) fn fail<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Said(1, text.into()))
}

/// Says what a program wants said at its end.
pub(super) async fn settle(process: &Process, words: &[String], outcome: Outcome) -> Ran {
    match outcome {
        Ok(code) => Ok(code),
        Err(Failure::Output(error)) => Err(error),
        Err(Failure::Said(code, text)) => {
            process.complain(format!("{}: {text}", base(words))).await;
            Ok(code)
        }
    }
}

/// The name by which a program was called, without directories.
pub(super) fn base(words: &[String]) -> &str {
    words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default()
}

/// Which options a program takes.
pub(super) struct Grammar {
    /// As for getopt(3): `a` is an option, `b:` one with a value, `c::` one whose value must be attached; a
    /// leading `+` means that options end at the first other word.
    pub short: &'static str,
    /// Long names and the option that each stands for; `name=` takes a value, `name?` may.
    pub long: &'static [(&'static str, char)],
    /// Exit code when a call is wrong.
    pub wrong: u8,
}

/// The words of a call, sorted.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Options in order, with their values or nothing.
    pub options: Vec<(char, String)>,
    /// All other words.
    pub operands: Vec<String>,
    /// How many options stood before each of them.
    pub places: Vec<usize>,
}

impl Call {
    /// Sorts the words of a call.
    pub fn parse(words: &[String], grammar: &Grammar) -> Result<Self, Failure> {
        let name = base(words);
        let wrong = |text: String| {
            Failure::Said(grammar.wrong, format!("{text}\nTry '{name} --help' for more information."))
        };
        let short = grammar.short.trim_start_matches('+');
        let takes = |key: char| {
            let mut after = short[short.find(key)? + key.len_utf8()..].chars();
            Some(match (after.next(), after.next()) {
                (Some(':'), Some(':')) => Takes::Attached,
                (Some(':'), _) => Takes::Value,
                _ => Takes::Nothing,
            })
        };
        let mut call = Self::default();
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            if word == "--" {
                break;
            }
            if let Some(long) = word.strip_prefix("--") {
                let (long, attached) = match long.split_once('=') {
                    Some((long, value)) => (long, Some(value)),
                    None => (long, None),
                };
                let (entry, key) = find_long(long, grammar.long).map_err(&wrong)?;
                let value = match (attached, entry.chars().last()) {
                    (Some(value), Some('=' | '?')) => value.to_owned(),
                    (Some(_), _) => {
                        return Err(wrong(format!("option '--{entry}' doesn't allow an argument")));
                    }
                    (None, Some('=')) => rest.next().cloned().ok_or_else(|| {
                        wrong(format!("option '--{}' requires an argument", entry.trim_end_matches('=')))
                    })?,
                    (None, _) => String::new(),
                };
                call.options.push((key, value));
            } else if word.len() > 1 && word.starts_with('-') {
                for (at, letter) in word[1..].char_indices() {
                    let takes = if letter == ':' { None } else { takes(letter) };
                    let takes = takes.ok_or_else(|| wrong(format!("invalid option -- '{letter}'")))?;
                    let attached = &word[1 + at + letter.len_utf8()..];
                    match takes {
                        Takes::Nothing => {
                            call.options.push((letter, String::new()));
                            continue;
                        }
                        Takes::Attached => call.options.push((letter, attached.to_owned())),
                        Takes::Value if !attached.is_empty() => {
                            call.options.push((letter, attached.to_owned()));
                        }
                        Takes::Value => {
                            let value = rest
                                .next()
                                .cloned()
                                .ok_or_else(|| wrong(format!("option requires an argument -- '{letter}'")))?;
                            call.options.push((letter, value));
                        }
                    }
                    break;
                }
            } else {
                call.operands.push(word.clone());
                call.places.push(call.options.len());
                if grammar.short.starts_with('+') {
                    break;
                }
            }
        }
        call.operands.extend(rest.cloned());
        call.places.resize(call.operands.len(), call.options.len());
        Ok(call)
    }

    /// Whether an option was given.
    pub fn has(&self, key: char) -> bool {
        self.options.iter().any(|(given, _)| *given == key)
    }

    /// The last value of an option.
    pub fn value(&self, key: char) -> Option<&str> {
        self.options.iter().rev().find(|(given, _)| *given == key).map(|(_, value)| value.as_str())
    }

    /// The last given one of some options that exclude each other.
    pub fn last_of(&self, keys: &str) -> Option<char> {
        self.options.iter().rev().map(|(key, _)| *key).find(|key| keys.contains(*key))
    }

    /// The operands, or standard input's name where there are none.
    pub fn inputs(&self) -> Vec<String> {
        if self.operands.is_empty() { vec!["-".to_owned()] } else { self.operands.clone() }
    }

    /// An error where there are no operands at all.
    pub fn need_operand(&self, words: &[String]) -> Result<(), Failure> {
        if self.operands.is_empty() {
            return fail(format!("missing operand\nTry '{} --help' for more information.", base(words)));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    Value,
    Attached,
}

/// The entry of a long name, which may be cut short as long as only one fits.
fn find_long(name: &str, entries: &'static [(&'static str, char)]) -> Result<(&'static str, char), String> {
    let bare = |entry: &'static str| entry.trim_end_matches(['=', '?']);
    if let Some(found) = entries.iter().find(|(entry, _)| bare(entry) == name) {
        return Ok(*found);
    }
    let fitting: Vec<_> = entries.iter().filter(|(entry, _)| entry.starts_with(name)).collect();
    match fitting.as_slice() {
        [one] => Ok(**one),
        [] => Err(format!("unrecognized option '--{name}'")),
        several => {
            let names: Vec<String> =
                several.iter().map(|(entry, _)| format!("'--{}'", bare(entry))).collect();
            Err(format!("option '--{name}' is ambiguous; possibilities: {}", names.join(" ")))
        }
    }
}

/// Opens an input; `-` is standard input.
pub(super) async fn input(process: &Process, path: &str) -> Result<Arc<OpenFile>, Errno> {
    if path == "-" {
        return process.files.get(&0).cloned().ok_or(Errno::BadDescriptor);
    }
    process.open(path, Access::Read).await
}

/// A number of bytes or lines with GNU's suffixes: `10`, `4k`, `1MiB`, `5kB`.
pub(super) fn amount(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = if end == 0 { 1 } else { text[..end].parse().ok()? };
    let suffix = &text[end..];
    if end == 0 && suffix.is_empty() {
        return None;
    }
    let mut letters = suffix.chars();
    let power = match letters.next() {
        None => return Some(number),
        Some('b') if suffix == "b" => return number.checked_mul(512),
        Some('B') if suffix == "B" => return Some(number),
        Some(letter) => "KMGTPE".find(letter.to_ascii_uppercase())? as u32 + 1,
    };
    let unit: u64 = match letters.as_str() {
        "" | "iB" => 1024,
        "B" => 1000,
        _ => return None,
    };
    number.checked_mul(unit.checked_pow(power)?)
}

/// A name as coreutils quote it in messages.
pub(super) fn quoted(name: &str) -> String {
    if name.chars().any(|c| c.is_control() || c == '\'') {
        let mut text = String::from("'");
        for c in name.chars() {
            match c {
                '\'' => text.push_str("'\\''"),
                '\n' => text.push_str("'$'\\n''"),
                c => text.push(c),
            }
        }
        return text + "'";
    }
    format!("'{name}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Result<Call, Failure> {
        const GRAMMAR: Grammar = Grammar {
            short: "an:o::",
            long: &[("all", 'a'), ("number=", 'n'), ("null", 'z'), ("other?", 'o')],
            wrong: 1,
        };
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Call::parse(&words, &GRAMMAR)
    }

    #[test]
    fn options_come_in_all_the_ways_that_getopt_knows() {
        let parsed = call("x file -an5 -n 6 -o -o7 --num=8 --number 9 --other --all -- -n").unwrap();
        let values: Vec<String> = parsed.options.iter().map(|(key, value)| format!("{key}{value}")).collect();
        assert_eq!(values, ["a", "n5", "n6", "o", "o7", "n8", "n9", "o", "a"]);
        assert_eq!(parsed.operands, ["file", "-n"]);
        for (line, expected) in [
            ("x -q", "invalid option -- 'q'"),
            ("x -n", "option requires an argument -- 'n'"),
            ("x --nu=3", "option '--nu' is ambiguous; possibilities: '--number' '--null'"),
            ("x --none", "unrecognized option '--none'"),
            ("x --all=3", "option '--all' doesn't allow an argument"),
        ] {
            let Err(Failure::Said(1, text)) = call(line) else { panic!("{line}") };
            assert_eq!(text, format!("{expected}\nTry 'x --help' for more information."));
        }
    }

    #[test]
    fn amounts_have_suffixes() {
        assert_eq!(amount("12"), Some(12));
        assert_eq!(amount("2k"), Some(2048));
        assert_eq!(amount("3MB"), Some(3_000_000));
        assert_eq!(amount("M"), Some(1 << 20));
        assert_eq!(amount("1x"), None);
        assert_eq!(amount(""), None);
    }
}
