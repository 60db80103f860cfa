//! `test` and `[`

use std::sync::Arc;

use crate::simulation::machine::files::{Inode, Kind};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;
use crate::simulation::shell::arithmetic;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;

/// Parentheses and negations within one another before an expression is refused.
const DEEPEST: u32 = 60;

/// `test` and `[`
pub async fn test(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let mut operands = words.get(1..).unwrap_or_default();
    if words.first().is_some_and(|name| name == "[") {
        operands = match operands.split_last() {
            Some((last, rest)) if last == "]" => rest,
            _ => return shell.refuse(2, "missing ]").await,
        };
    }
    let mut expression = Expression { words: operands, process: shell.process, depth: 0 };
    match expression.whole() {
        Ok(holds) => Ok(u8::from(!holds)),
        Err(message) => shell.refuse(2, message).await,
    }
}

type Truth = Result<bool, String>;

/// The words that are still to be read.
struct Expression<'a> {
    words: &'a [String],
    process: &'a Process,
    depth: u32,
}

impl<'a> Expression<'a> {
    /// POSIX decides by the number of words, where there are few.
    fn whole(&mut self) -> Truth {
        match self.words {
            [] => return Ok(false),
            [one] => return Ok(!one.is_empty()),
            [not, one] if not == "!" => return Ok(one.is_empty()),
            [left, operator, right] if is_binary(operator) => return self.binary(left, operator, right),
            [open, one, close] if open == "(" && close == ")" => return Ok(!one.is_empty()),
            [not, left, operator, right] if not == "!" && is_binary(operator) => {
                return self.binary(left, operator, right).map(|holds| !holds);
            }
            _ => {}
        }
        let all = self.words;
        let holds = self.or()?;
        // dash names the word before the one that it cannot place.
        let before = all.len().saturating_sub(self.words.len() + 1);
        match all.get(before).filter(|_| !self.words.is_empty()) {
            Some(word) => Err(format!("{word}: unexpected operator")),
            None => Ok(holds),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first().is_some_and(|first| first == word);
        if found {
            self.next();
        }
        found
    }

    fn or(&mut self) -> Truth {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("too deeply nested".into());
        }
        let mut holds = self.and()?;
        while self.take("-o") {
            holds |= self.and()?;
        }
        self.depth -= 1;
        Ok(holds)
    }

    fn and(&mut self) -> Truth {
        let mut holds = self.not()?;
        while self.take("-a") {
            holds &= self.not()?;
        }
        Ok(holds)
    }

    fn not(&mut self) -> Truth {
        let mut negated = false;
        while self.words.len() > 1 && self.take("!") {
            negated = !negated;
        }
        Ok(self.primary()? != negated)
    }

    fn primary(&mut self) -> Truth {
        if let [left, operator, right, ..] = self.words
            && is_binary(operator)
        {
            self.words = self.words.get(3..).unwrap_or_default();
            return self.binary(left, operator, right);
        }
        if self.words.len() > 1 && self.take("(") {
            let holds = self.or()?;
            return if self.take(")") { Ok(holds) } else { Err("closing paren expected".into()) };
        }
        let Some(word) = self.next() else { return Err("argument expected".into()) };
        if let Some(letter) = unary(word) {
            return match self.next() {
                Some(operand) => self.unary(letter, operand),
                None => Ok(!word.is_empty()),
            };
        }
        Ok(!word.is_empty())
    }

    fn node(&self, path: &str, last: LastLink) -> Option<Arc<Inode>> {
        self.process.find(path, last).ok().map(|place| place.node)
    }

    fn unary(&self, letter: char, operand: &str) -> Truth {
        let node = || self.node(operand, LastLink::Follow);
        let is = |check: fn(&Inode) -> bool| node().is_some_and(|node| check(&node));
        let mode = |bits: u32| node().is_some_and(|node| node.metadata().mode & bits != 0);
        Ok(match letter {
            'n' => !operand.is_empty(),
            'z' => operand.is_empty(),
            'e' => node().is_some(),
            // Root may read and write what is there, but not what is made up to be read only.
            'r' => node().is_some(),
            'w' => is(|node| !matches!(node.kind, Kind::Figure(_)) || node.metadata().mode & 0o222 != 0),
            'x' => is(|node| node.is_directory() || node.metadata().mode & 0o111 != 0),
            'f' => is(|node| matches!(node.kind, Kind::File(_) | Kind::Figure(_))),
            'd' => is(Inode::is_directory),
            's' => is(|node| node.size() > 0),
            'p' => is(|node| matches!(node.kind, Kind::Fifo(_))),
            'S' => is(|node| matches!(node.kind, Kind::Socket(_))),
            'c' => is(|node| matches!(node.kind, Kind::Device(_))),
            'b' => false,
            'h' | 'L' => {
                self.node(operand, LastLink::Keep).is_some_and(|node| matches!(node.kind, Kind::Link(_)))
            }
            'u' => mode(0o4000),
            'g' => mode(0o2000),
            'k' => mode(0o1000),
            'O' => is(|node| node.metadata().user == 0),
            'G' => is(|node| node.metadata().group == 0),
            // No descriptor of a program here is a terminal.
            _ => {
                integer(operand)?;
                false
            }
        })
    }

    fn binary(&self, left: &str, operator: &str, right: &str) -> Truth {
        let modified = |path: &str| self.node(path, LastLink::Follow).map(|node| node.metadata().modified);
        Ok(match operator {
            "=" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-eq" => integer(left)? == integer(right)?,
            "-ne" => integer(left)? != integer(right)?,
            "-gt" => integer(left)? > integer(right)?,
            "-ge" => integer(left)? >= integer(right)?,
            "-lt" => integer(left)? < integer(right)?,
            "-le" => integer(left)? <= integer(right)?,
            // In dash both must be there.
            "-nt" => matches!((modified(left), modified(right)), (Some(left), Some(right)) if left > right),
            "-ot" => matches!((modified(left), modified(right)), (Some(left), Some(right)) if left < right),
            _ => match (self.node(left, LastLink::Follow), self.node(right, LastLink::Follow)) {
                (Some(left), Some(right)) => {
                    left.number == right.number && Arc::ptr_eq(&left.filesystem, &right.filesystem)
                }
                _ => false,
            },
        })
    }
}

fn is_binary(word: &str) -> bool {
    let operators = ["=", "!=", "<", ">", "-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-nt", "-ot", "-ef"];
    operators.contains(&word)
}

fn unary(word: &str) -> Option<char> {
    let letter = word.strip_prefix('-')?;
    let mut letters = letter.chars();
    letters.next().filter(|letter| letters.next().is_none() && "nzerwxfdspScbhLugkOGt".contains(*letter))
}

fn integer(text: &str) -> Result<i64, String> {
    let trimmed = text.trim().trim_start_matches(['-', '+']);
    // Here a leading zero means nothing.
    if trimmed.is_empty() || !trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("Illegal number: {text}"));
    }
    let decimal = text.trim().trim_start_matches('+');
    Ok(decimal.parse().ok().or_else(|| arithmetic::number(text)).unwrap_or(i64::MAX))
}
