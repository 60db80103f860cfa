//! POSIX regular expressions, basic and extended, in the words of the crate `regex`.
//!
//! Two things differ from GNU's matcher and are not used by scripts that care for other systems: back-references in
//! a pattern are refused, and of several alternatives the first that fits is taken, not the longest.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use regex::bytes::{Regex, RegexBuilder};

use super::glob::Case;
use crate::simulation::locked;

/// Which language a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Syntax {
    /// `grep`, `sed`
    Basic,
    /// `grep -E`, `sed -E`, `awk`
    Extended,
    /// `grep -P`
    Perl,
    /// `grep -F`
    Fixed,
}

/// Compiled patterns, since scripts use the same few again and again.
static KNOWN: LazyLock<Mutex<HashMap<(String, Case), Regex>>> = LazyLock::new(Mutex::default);
const MOST_KNOWN: usize = 200;

/// Compiles a pattern that is already in the words of the crate `regex`.
pub(super) fn compile(pattern: &str, case: Case) -> Result<Regex, String> {
    let key = (pattern.to_owned(), case);
    if let Some(regex) = locked(&KNOWN).get(&key) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(case == Case::Fold)
        .build()
        .map_err(|_| "Invalid regular expression".to_owned())?;
    let mut known = locked(&KNOWN);
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(key, regex.clone());
    Ok(regex)
}

/// A pattern in the words of the crate `regex`, or what is wrong with it in GNU's words.
pub(super) fn translate(pattern: &str, syntax: Syntax) -> Result<String, String> {
    match syntax {
        Syntax::Perl => Ok(pattern.to_owned()),
        Syntax::Fixed => Ok(regex::escape(pattern)),
        Syntax::Basic | Syntax::Extended => Translation {
            source: pattern.chars().collect(),
            extended: syntax == Syntax::Extended,
            at: 0,
            open: 0,
        }
        .run(),
    }
}

struct Translation {
    source: Vec<char>,
    extended: bool,
    at: usize,
    open: usize,
}

impl Translation {
    fn run(mut self) -> Result<String, String> {
        let mut out = String::new();
        // Whether a repetition has something before it that it can repeat.
        let mut start = true;
        while let Some(first) = self.source.get(self.at).copied() {
            self.at += 1;
            let (special, c) = match first {
                '\\' => {
                    let escaped = *self.source.get(self.at).ok_or("Trailing backslash")?;
                    self.at += 1;
                    match escaped {
                        '(' | ')' | '{' | '}' | '|' | '+' | '?' => (!self.extended, escaped),
                        '1'..='9' => return Err("Invalid back reference".into()),
                        'w' => {
                            out.push_str("[A-Za-z0-9_]");
                            start = false;
                            continue;
                        }
                        'W' => {
                            out.push_str("[^A-Za-z0-9_]");
                            start = false;
                            continue;
                        }
                        's' | 'S' | 'b' | 'B' | 'n' | 't' | 'r' | 'f' | 'v' | 'a' => {
                            out.extend(['\\', escaped]);
                            start = false;
                            continue;
                        }
                        '<' | '>' => {
                            out.push_str(if escaped == '<' { "\\b{start}" } else { "\\b{end}" });
                            continue;
                        }
                        '`' | '\'' => {
                            out.push_str(if escaped == '`' { "\\A" } else { "\\z" });
                            continue;
                        }
                        other => (false, other),
                    }
                }
                '(' | ')' | '{' | '}' | '|' | '+' | '?' => (self.extended, first),
                '.' | '[' => (true, first),
                '*' => (!start, first),
                '^' => (self.extended || start_of_branch(&out), first),
                '$' => (self.extended || self.ends_branch(), first),
                other => (false, other),
            };
            if !special {
                push_literal(&mut out, c);
                start = false;
                continue;
            }
            match c {
                '[' => {
                    self.bracket(&mut out)?;
                    start = false;
                }
                '(' => {
                    self.open += 1;
                    out.push('(');
                    start = true;
                }
                ')' if self.open == 0 => {
                    if !self.extended {
                        return Err("Unmatched ) or \\)".into());
                    }
                    push_literal(&mut out, ')');
                    start = false;
                }
                ')' => {
                    self.open -= 1;
                    out.push(')');
                    start = false;
                }
                '|' => {
                    out.push('|');
                    start = true;
                }
                '{' => match self.interval() {
                    Some(interval) if !start => out.push_str(&interval),
                    Some(_) if !self.extended => return Err("Invalid preceding regular expression".into()),
                    Some(_) => {}
                    None if self.extended => push_literal(&mut out, '{'),
                    None => return Err("Invalid content of \\{\\}".into()),
                },
                '}' => push_literal(&mut out, '}'),
                '*' | '+' | '?' => {
                    // What is repeated already is repeated once more, which is not Perl's lazy form.
                    if start {
                        continue;
                    }
                    if out.ends_with(['*', '+', '?', '}']) && !out.ends_with(['\\']) && repeated(&out) {
                        out = wrap_last(out);
                    }
                    out.push(c);
                }
                '^' => {
                    out.push('^');
                    // A basic expression's star after it stands for itself.
                    start = true;
                }
                other => {
                    out.push(other);
                    start = false;
                }
            }
        }
        if self.open > 0 {
            return Err("Unmatched ( or \\(".into());
        }
        Ok(out)
    }

    /// Whether a `$` that was just read is the last of a basic expression or of a part of it.
    fn ends_branch(&self) -> bool {
        matches!(self.source[self.at..], [] | ['\\', ')' | '|', ..])
    }

    /// What stands between braces, if it is a number of times.
    fn interval(&mut self) -> Option<String> {
        let rest = &self.source[self.at..];
        let end = if self.extended {
            rest.iter().position(|c| *c == '}')?
        } else {
            rest.windows(2).position(|pair| pair == ['\\', '}'])?
        };
        let inside: String = rest[..end].iter().collect();
        let number = |text: &str| text.is_empty() || text.parse::<u16>().is_ok();
        let (from, to) =
            inside.split_once(',').map_or((inside.as_str(), None), |(from, to)| (from, Some(to)));
        if !number(from) || !to.is_none_or(number) || from.is_empty() && to.is_none() {
            return None;
        }
        self.at += end + if self.extended { 1 } else { 2 };
        let from = if from.is_empty() { "0" } else { from };
        Some(to.map_or(format!("{{{from}}}"), |to| format!("{{{from},{to}}}")))
    }

    /// A bracket expression, whose `[` was just read. A backslash in it stands for itself, but `\n` and `\t`
    /// mean what they mean in sed and awk.
    fn bracket(&mut self, out: &mut String) -> Result<(), String> {
        let unmatched = || "Unmatched [, [^, [:, [., or [=".to_owned();
        out.push('[');
        if self.source.get(self.at) == Some(&'^') {
            out.push('^');
            self.at += 1;
        }
        let start = self.at;
        loop {
            let c = *self.source.get(self.at).ok_or_else(unmatched)?;
            let next = self.source.get(self.at + 1).copied();
            match (c, next) {
                (']', _) if self.at > start => {
                    self.at += 1;
                    out.push(']');
                    return Ok(());
                }
                ('[', Some(kind @ (':' | '.' | '='))) => {
                    let rest = &self.source[self.at + 2..];
                    let end = rest.windows(2).position(|pair| pair == [kind, ']']).ok_or_else(unmatched)?;
                    let name: String = rest[..end].iter().collect();
                    if kind == ':' {
                        out.push_str(&format!("[:{name}:]"));
                    } else {
                        name.chars().for_each(|c| push_in_bracket(out, c));
                    }
                    self.at += end + 4;
                }
                ('\\', Some(letter @ ('n' | 't'))) => {
                    out.extend(['\\', letter]);
                    self.at += 2;
                }
                ('-', Some(after)) if self.at > start && after != ']' && !out.ends_with('[') => {
                    out.push('-');
                    self.at += 1;
                }
                (c, _) => {
                    push_in_bracket(out, c);
                    self.at += 1;
                }
            }
        }
    }
}

fn start_of_branch(out: &str) -> bool {
    out.is_empty() || (out.ends_with(['(', '|']) && !out.ends_with("\\(") && !out.ends_with("\\|"))
}

fn push_literal(out: &mut String, c: char) {
    if regex_syntax_special(c) {
        out.push('\\');
    }
    out.push(c);
}

fn push_in_bracket(out: &mut String, c: char) {
    if matches!(c, '[' | ']' | '\\' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}

fn regex_syntax_special(c: char) -> bool {
    matches!(
        c,
        '\\' | '.'
            | '+'
            | '*'
            | '?'
            | '('
            | ')'
            | '|'
            | '['
            | ']'
            | '{'
            | '}'
            | '^'
            | '$'
            | '#'
            | '&'
            | '-'
            | '~'
    )
}

/// Whether the last thing of a translated pattern is a repetition and not an escaped sign.
fn repeated(out: &str) -> bool {
    let before = &out[..out.len() - 1];
    before.chars().rev().take_while(|c| *c == '\\').count() % 2 == 0
}

/// Puts the last repeated thing into a group, so that it can be repeated again.
fn wrap_last(out: String) -> String {
    // A doubled repetition means the same as the wider of both; `x*` twice is `x*`.
    let mut out = out;
    out.pop();
    if out.ends_with(|c: char| c.is_ascii_digit() || c == ',')
        && let Some(open) = out.rfind('{')
    {
        out.truncate(open);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_posix_says() {
        use Syntax::{Basic, Extended};
        for (syntax, pattern, text, expected) in [
            (Basic, "a+b", "a+b", true),
            (Basic, "a+b", "aab", false),
            (Basic, "a\\+b", "aab", true),
            (Basic, "*a", "*a", true),
            (Basic, "^*a", "*a", true),
            (Basic, "a^b$c", "a^b$c", true),
            (Basic, "\\(a\\|b\\)\\{2\\}$", "xab", true),
            (Basic, "\\(a\\|b\\)\\{2\\}$", "xa", false),
            (Basic, "x(y)", "x(y)", true),
            (Basic, "[]x]", "]", true),
            (Basic, "[^]x]", "]", false),
            (Basic, "[a\\]", "\\", true),
            (Basic, "[a-]", "-", true),
            (Extended, "^(cpu |max$|[0-9])", "max", true),
            (Extended, "^(cpu |max$|[0-9])", "maxi", false),
            (Extended, "a{2,}", "aa", true),
            (Extended, "a{x", "a{x", true),
            (Extended, "a**", "b", true),
            (Extended, "[[:space:]]x", "\tx", true),
            (Extended, "\\bword\\>", "a word.", true),
            (Extended, "a|b", "b", true),
            (Extended, "1\\.2", "1x2", false),
            (Extended, "x&&y", "x&&y", true),
        ] {
            let regex = compile(&translate(pattern, syntax).unwrap(), Case::Exact).unwrap();
            assert_eq!(regex.is_match(text.as_bytes()), expected, "{pattern} on {text}");
        }
        assert_eq!(translate("(a", Extended), Err("Unmatched ( or \\(".into()));
        assert_eq!(translate("[a", Basic), Err("Unmatched [, [^, [:, [., or [=".into()));
        assert_eq!(translate("\\(a\\)\\1", Basic), Err("Invalid back reference".into()));
    }
}
