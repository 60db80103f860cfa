//! test(1) as a program, for those who have no shell at hand, such as `find -exec`.

use super::call::{Failure, Outcome, base, quoted};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

struct Condition<'a> {
    process: &'a Process,
    words: &'a [String],
    at: usize,
}

fn wrong<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Said(2, text.into()))
}

/// test(1) and `[`
pub(super) async fn test(process: &mut Process, words: &[String]) -> Outcome {
    let mut inner = words.get(1..).unwrap_or_default();
    if base(words) == "[" {
        match inner.split_last() {
            Some((last, before)) if last == "]" => inner = before,
            _ => return wrong("missing ']'"),
        }
    }
    let mut condition = Condition { process, words: inner, at: 0 };
    let result = match inner {
        [] => false,
        [one] => !one.is_empty(),
        _ => condition.any()?,
    };
    match inner.get(condition.at) {
        // Of two words the first should have been an operator.
        Some(extra) if inner.len() == 2 => wrong(format!("missing argument after {}", quoted(extra))),
        Some(extra) if inner.len() > 1 => wrong(format!("extra argument {}", quoted(extra))),
        _ => Ok(u8::from(!result)),
    }
}

impl<'a> Condition<'a> {
    fn next(&mut self) -> Result<&'a str, Failure> {
        let Some(word) = self.words.get(self.at) else {
            let last = self.words.last().map_or("", String::as_str);
            return wrong(format!("missing argument after {}", quoted(last)));
        };
        self.at += 1;
        Ok(word)
    }

    fn takes(&mut self, word: &str) -> bool {
        let here = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(here);
        here
    }

    fn any(&mut self) -> Result<bool, Failure> {
        let mut result = self.all()?;
        while self.takes("-o") {
            result |= self.all()?;
        }
        Ok(result)
    }

    fn all(&mut self) -> Result<bool, Failure> {
        let mut result = self.not()?;
        while self.takes("-a") {
            result &= self.not()?;
        }
        Ok(result)
    }

    fn not(&mut self) -> Result<bool, Failure> {
        // `! = x` compares an exclamation mark.
        if self.words.len() - self.at > 1 && !self.is_binary(self.at + 1) && self.takes("!") {
            return Ok(!self.not()?);
        }
        if !self.is_binary(self.at + 1) && self.takes("(") {
            let result = self.any()?;
            return if self.takes(")") { Ok(result) } else { wrong("')' expected") };
        }
        self.primary()
    }

    fn is_binary(&self, at: usize) -> bool {
        const BINARY: [&str; 12] =
            ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
        self.words.get(at).is_some_and(|word| BINARY.contains(&word.as_str())) && at + 1 < self.words.len()
    }

    fn primary(&mut self) -> Result<bool, Failure> {
        let first = self.next()?;
        if self.is_binary(self.at) {
            let (operator, second) = (self.next()?, self.next()?);
            return self.compared(first, operator, second);
        }
        let letter = match first.as_bytes() {
            [b'-', letter] if self.at < self.words.len() => *letter,
            _ => return Ok(!first.is_empty()),
        };
        let word = self.next()?;
        let last = if matches!(letter, b'h' | b'L') { LastLink::Keep } else { LastLink::Follow };
        let node = self.process.find(word, last).ok().map(|place| place.node);
        let kind = |letter: char| node.as_ref().is_some_and(|node| node.type_letter() == letter);
        let mode = |bits: u32| node.as_ref().is_some_and(|node| node.metadata().mode & bits != 0);
        Ok(match letter {
            b'n' => !word.is_empty(),
            b'z' => word.is_empty(),
            b'e' => node.is_some(),
            b'f' => kind('f'),
            b'd' => kind('d'),
            b'p' => kind('p'),
            b'S' => kind('s'),
            b'c' => kind('c'),
            b'b' => false,
            b'h' | b'L' => kind('l'),
            b's' => node.is_some_and(|node| node.size() > 0),
            // Root reads and writes everything, and runs what anybody may run.
            b'r' => node.is_some(),
            b'w' => node.as_ref().is_some_and(|node| node.type_letter() != 'f' || mode(0o222)),
            b'x' => node.as_ref().is_some_and(|node| node.is_directory() || mode(0o111)),
            b'O' | b'G' => node.is_some(),
            b'u' => mode(0o4000),
            b'g' => mode(0o2000),
            b'k' => mode(0o1000),
            b't' => false,
            _ => return wrong(format!("{}: unary operator expected", quoted(first))),
        })
    }

    fn compared(&self, first: &str, operator: &str, second: &str) -> Result<bool, Failure> {
        let number = |text: &str| match text.trim().parse::<i128>() {
            Ok(number) => Ok(number),
            Err(_) => wrong(format!("invalid integer {}", quoted(text))),
        };
        let node = |path: &str| self.process.find(path, LastLink::Follow).ok().map(|place| place.node);
        let age = |path: &str| node(path).map(|node| node.metadata().modified);
        Ok(match operator {
            "=" | "==" => first == second,
            "!=" => first != second,
            "-eq" => number(first)? == number(second)?,
            "-ne" => number(first)? != number(second)?,
            "-lt" => number(first)? < number(second)?,
            "-le" => number(first)? <= number(second)?,
            "-gt" => number(first)? > number(second)?,
            "-ge" => number(first)? >= number(second)?,
            "-nt" => age(first) > age(second),
            "-ot" => age(first) < age(second),
            _ => match (node(first), node(second)) {
                (Some(one), Some(other)) => std::sync::Arc::ptr_eq(&one, &other),
                _ => false,
            },
        })
    }
}
