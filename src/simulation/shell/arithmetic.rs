//! `$((…))`: C's integer expressions as dash knows them, with 64 bits that wrap around.

use super::syntax::{in_name, starts_name};
use super::variables::Variables;

/// Parentheses and signs within one another before an expression is refused.
const DEEPEST: u32 = 40;

/// An expression's value, or dash's words for what is wrong.
pub fn evaluate(text: &str, variables: &mut Variables, nounset: bool) -> Result<i64, String> {
    let characters: Vec<char> = text.chars().collect();
    let mut reader = Reader { text: &characters, at: 0, depth: 0, variables, nounset };
    let result = reader.assignment(Live::Yes).and_then(|value| {
        reader.blanks();
        if reader.at == characters.len() { Ok(value) } else { Err(reader.wrong("expecting EOF")) }
    });
    result.map_err(|problem| match problem {
        Problem::Expression(what) => format!("arithmetic expression: {what}: \"{text}\""),
        Problem::Other(message) => message,
    })
}

/// A number as dash reads it: decimal, octal with 0, hexadecimal with 0x, with blanks around.
pub fn number(text: &str) -> Option<i64> {
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let value = literal(digits)?;
    Some(if negative { value.wrapping_neg() } else { value })
}

fn literal(digits: &str) -> Option<i64> {
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|character| character.is_digit(radix)) {
        return None;
    }
    Some(i64::from_str_radix(digits, radix).unwrap_or(i64::MAX))
}

/// Whether what is read is also done: the other side of `&&`, `||` and `?:` is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    Yes,
    No,
}

enum Problem {
    Expression(&'static str),
    Other(String),
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
    depth: u32,
    variables: &'a mut Variables,
    nounset: bool,
}

type Value = Result<i64, Problem>;

/// Two-sided operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Reader<'_> {
    fn wrong(&self, what: &'static str) -> Problem {
        Problem::Expression(what)
    }

    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(|character| character.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(index, character)| self.text.get(self.at + index) == Some(&character))
    }

    fn take(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.looking_at(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn name(&mut self) -> Option<String> {
        self.blanks();
        let rest = self.text.get(self.at..)?;
        rest.first().filter(|character| starts_name(**character))?;
        let name: String = rest.iter().take_while(|character| in_name(**character)).collect();
        self.at += name.len();
        Some(name)
    }

    fn assignment(&mut self, live: Live) -> Value {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("too deeply nested"));
        }
        let value = self.assignment_here(live);
        self.depth -= 1;
        value
    }

    fn assignment_here(&mut self, live: Live) -> Value {
        let start = self.at;
        if let Some(name) = self.name() {
            self.blanks();
            let operators = ["=", "*=", "/=", "%=", "+=", "-=", "<<=", ">>=", "&=", "^=", "|="];
            let found = operators.into_iter().find(|operator| self.looking_at(operator));
            if let Some(operator) = found.filter(|operator| *operator != "=" || !self.looking_at("==")) {
                self.at += operator.len();
                let right = self.assignment(live)?;
                let operator = operator.trim_end_matches('=');
                let value = match operator {
                    "" => right,
                    _ if live == Live::No => right,
                    operator => {
                        let left = self.variable(&name)?;
                        self.apply(operator, left, right)?
                    }
                };
                if live == Live::Yes && self.variables.set(&name, value.to_string()).is_err() {
                    return Err(Problem::Other(format!("{name}: is read only")));
                }
                return Ok(value);
            }
            self.at = start;
        }
        self.conditional(live)
    }

    fn conditional(&mut self, live: Live) -> Value {
        let condition = self.binary(0, live)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let dead = |wanted: bool| if wanted { live } else { Live::No };
        let yes = self.assignment(dead(condition != 0))?;
        if !self.take(":") {
            return Err(self.wrong("expecting ':'"));
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("too deeply nested"));
        }
        let no = self.conditional(dead(condition == 0))?;
        self.depth -= 1;
        Ok(if condition != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize, live: Live) -> Value {
        let Some(operators) = LEVELS.get(level) else { return self.unary(live) };
        let mut left = self.binary(level + 1, live)?;
        while let Some(operator) = self.operator(operators) {
            let right_live = match operator {
                "||" if left != 0 => Live::No,
                "&&" if left == 0 => Live::No,
                _ => live,
            };
            let right = self.binary(level + 1, right_live)?;
            left = if live == Live::No { left } else { self.apply(operator, left, right)? };
        }
        Ok(left)
    }

    /// One of some operators, unless it is the beginning of a longer one.
    fn operator(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        self.blanks();
        let found = operators.iter().copied().find(|operator| self.looking_at(operator))?;
        let next = self.text.get(self.at + found.len()).copied();
        let longer = match (found, next) {
            ("|", Some('|')) | ("&", Some('&')) | ("<", Some('<')) | (">", Some('>')) => true,
            ("==" | "!=" | "<=" | ">=" | "||" | "&&", _) => false,
            (_, next) => next == Some('='),
        };
        if longer {
            return None;
        }
        self.at += found.len();
        Some(found)
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Value {
        let truth = |holds: bool| Ok(i64::from(holds));
        match operator {
            "||" => truth(left != 0 || right != 0),
            "&&" => truth(left != 0 && right != 0),
            "|" => Ok(left | right),
            "^" => Ok(left ^ right),
            "&" => Ok(left & right),
            "==" => truth(left == right),
            "!=" => truth(left != right),
            "<=" => truth(left <= right),
            ">=" => truth(left >= right),
            "<" => truth(left < right),
            ">" => truth(left > right),
            "<<" => Ok(left.wrapping_shl(right as u32)),
            ">>" => Ok(left.wrapping_shr(right as u32)),
            "+" => Ok(left.wrapping_add(right)),
            "-" => Ok(left.wrapping_sub(right)),
            "*" => Ok(left.wrapping_mul(right)),
            "/" | "%" if right == 0 => Err(self.wrong("division by zero")),
            "/" => Ok(left.wrapping_div(right)),
            _ => Ok(left.wrapping_rem(right)),
        }
    }

    fn unary(&mut self, live: Live) -> Value {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("too deeply nested"));
        }
        self.blanks();
        let value = match self.text.get(self.at) {
            Some('!') if !self.looking_at("!=") => {
                self.at += 1;
                i64::from(self.unary(live)? == 0)
            }
            Some('~') => {
                self.at += 1;
                !self.unary(live)?
            }
            Some('-') => {
                self.at += 1;
                self.unary(live)?.wrapping_neg()
            }
            Some('+') => {
                self.at += 1;
                self.unary(live)?
            }
            Some('(') => {
                self.at += 1;
                let value = self.assignment(live)?;
                if !self.take(")") {
                    return Err(self.wrong("expecting ')'"));
                }
                value
            }
            Some(digit) if digit.is_ascii_digit() => self.digits()?,
            _ => match self.name() {
                Some(name) if live == Live::Yes => self.variable(&name)?,
                Some(_) => 0,
                None => return Err(self.wrong("expecting primary")),
            },
        };
        self.depth -= 1;
        Ok(value)
    }

    fn digits(&mut self) -> Value {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let hexadecimal = matches!(rest, ['0', 'x' | 'X', digit, ..] if digit.is_ascii_hexdigit());
        let (skip, radix) = match rest {
            _ if hexadecimal => (2, 16),
            ['0', ..] => (0, 8),
            _ => (0, 10),
        };
        let digits: String = rest.iter().skip(skip).take_while(|digit| digit.is_digit(radix)).collect();
        self.at += skip + digits.len();
        Ok(i64::from_str_radix(&digits, radix).unwrap_or(i64::MAX))
    }

    fn variable(&self, name: &str) -> Value {
        match self.variables.value(name) {
            Some(value) if value.trim().is_empty() => Ok(0),
            Some(value) => number(value).ok_or_else(|| Problem::Other(format!("Illegal number: {value}"))),
            None if self.nounset => Err(Problem::Other(format!("{name}: parameter not set"))),
            None => Ok(0),
        }
    }
}
