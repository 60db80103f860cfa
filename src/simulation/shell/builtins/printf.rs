//! `printf`

use std::ops::ControlFlow;

use super::format::{Escapes, unescape};
use super::operands;
use crate::simulation::shell::arithmetic;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;

/// Wider fields than this are nobody's wish.
const WIDEST: usize = 10_000;

/// `printf`
pub async fn printf(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let Some((format, arguments)) = operands(words).split_first() else {
        return shell.fail("usage: printf format [arg ...]").await;
    };
    let mut printer = Printer { arguments, next: 0, out: Vec::new(), problems: Vec::new() };
    loop {
        let before = printer.next;
        match printer.once(format) {
            ControlFlow::Continue(()) if printer.next > before && printer.next < arguments.len() => {}
            _ => break,
        }
    }
    let Printer { out, problems, .. } = printer;
    for problem in &problems {
        shell.complain(problem).await;
    }
    let status = shell.say(out).await?;
    Ok(if problems.is_empty() { status } else { 1 })
}

struct Printer<'a> {
    arguments: &'a [String],
    next: usize,
    out: Vec<u8>,
    problems: Vec<String>,
}

/// What stands between `%` and its letter.
#[derive(Default)]
struct Shape {
    left: bool,
    zeros: bool,
    sign: Option<char>,
    other_form: bool,
    width: usize,
    precision: Option<usize>,
}

impl<'a> Printer<'a> {
    fn argument(&mut self) -> Option<&'a str> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        Some(argument)
    }

    /// Goes through the format once.
    fn once(&mut self, format: &str) -> ControlFlow<()> {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            let (text, after) = rest.split_at(at);
            let _ = unescape(text, Escapes::Format, &mut self.out);
            rest = self.directive(after.get(1..).unwrap_or_default())?;
        }
        let _ = unescape(rest, Escapes::Format, &mut self.out);
        ControlFlow::Continue(())
    }

    /// Prints one directive and gives back what follows it.
    fn directive<'f>(&mut self, text: &'f str) -> ControlFlow<(), &'f str> {
        let mut characters = text.char_indices().peekable();
        let mut shape = Shape::default();
        while let Some((_, flag)) = characters.next_if(|(_, flag)| "-0+ #".contains(*flag)) {
            match flag {
                '-' => shape.left = true,
                '0' => shape.zeros = true,
                '#' => shape.other_form = true,
                '+' => shape.sign = Some('+'),
                _ => shape.sign = shape.sign.or(Some(' ')),
            }
        }
        shape.width = if characters.next_if(|(_, star)| *star == '*').is_some() {
            let width = self.integer();
            shape.left |= width < 0;
            width.unsigned_abs() as usize
        } else {
            digits(&mut characters)
        }
        .min(WIDEST);
        if characters.next_if(|(_, point)| *point == '.').is_some() {
            let precision = if characters.next_if(|(_, star)| *star == '*').is_some() {
                usize::try_from(self.integer()).ok()
            } else {
                Some(digits(&mut characters))
            };
            shape.precision = precision.map(|precision| precision.min(WIDEST));
        }
        let Some((at, letter)) = characters.next() else {
            self.problems.push(format!("%{text}: missing format character"));
            return ControlFlow::Break(());
        };
        match letter {
            '%' => self.out.push(b'%'),
            's' => {
                let bytes = self.argument().unwrap_or_default().as_bytes();
                self.pad(shape.cut(bytes), &shape);
            }
            'b' => {
                let mut bytes = Vec::new();
                let flow = unescape(self.argument().unwrap_or_default(), Escapes::Echo, &mut bytes);
                self.pad(shape.cut(&bytes), &shape);
                flow?;
            }
            'c' => {
                let first = self.argument().unwrap_or_default().as_bytes().get(..1).unwrap_or_default();
                self.pad(first, &shape);
            }
            'd' | 'i' => {
                let value = self.integer();
                let sign =
                    if value < 0 { "-".to_owned() } else { shape.sign.map(String::from).unwrap_or_default() };
                self.print_number(&sign, value.unsigned_abs().to_string(), &shape);
            }
            'u' => {
                let value = self.integer() as u64;
                self.print_number("", value.to_string(), &shape);
            }
            'o' => {
                let value = self.integer();
                self.print_number(if shape.other_form { "0" } else { "" }, format!("{value:o}"), &shape);
            }
            'x' => {
                let value = self.integer();
                let sign = if shape.other_form && value != 0 { "0x" } else { "" };
                self.print_number(sign, format!("{value:x}"), &shape);
            }
            'X' => {
                let value = self.integer();
                let sign = if shape.other_form && value != 0 { "0X" } else { "" };
                self.print_number(sign, format!("{value:X}"), &shape);
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let value = self.float();
                let sign = if value.is_sign_negative() {
                    "-".to_owned()
                } else {
                    shape.sign.map(String::from).unwrap_or_default()
                };
                let text = float_text(value.abs(), letter, shape.precision.unwrap_or(6));
                self.print_number(&sign, text, &Shape { precision: None, ..shape });
            }
            _ => {
                let read = text.get(..at + letter.len_utf8()).unwrap_or_default();
                self.problems.push(format!("%{read}: invalid directive"));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(text.get(at + letter.len_utf8()..).unwrap_or_default())
    }

    fn pad(&mut self, bytes: &[u8], shape: &Shape) {
        let blanks = std::iter::repeat_n(b' ', shape.width.saturating_sub(bytes.len()));
        if shape.left {
            self.out.extend_from_slice(bytes);
            self.out.extend(blanks);
        } else {
            self.out.extend(blanks);
            self.out.extend_from_slice(bytes);
        }
    }

    fn print_number(&mut self, sign: &str, digits: String, shape: &Shape) {
        let zeros = match shape.precision {
            Some(precision) => precision.saturating_sub(digits.len()),
            None if shape.zeros && !shape.left => shape.width.saturating_sub(digits.len() + sign.len()),
            None => 0,
        };
        let text = format!("{sign}{}{digits}", "0".repeat(zeros));
        self.pad(text.as_bytes(), shape);
    }

    fn integer(&mut self) -> i64 {
        let Some(text) = self.argument() else { return 0 };
        if let Some(character) = text.strip_prefix(['"', '\'']) {
            return character.bytes().next().map_or(0, i64::from);
        }
        if let Some(number) = arithmetic::number(text) {
            return number;
        }
        // As much of it as is a number, and a complaint about the rest.
        let lengths = (1..text.len()).rev().filter(|length| text.is_char_boundary(*length));
        let found = lengths.filter_map(|length| arithmetic::number(text.get(..length)?)).next();
        self.problems.push(match found {
            Some(_) => format!("{text}: not completely converted"),
            None => format!("{text}: expected numeric value"),
        });
        found.unwrap_or(0)
    }

    fn float(&mut self) -> f64 {
        let Some(text) = self.argument() else { return 0.0 };
        text.trim().parse().unwrap_or_else(|_| {
            self.problems.push(format!("{text}: expected numeric value"));
            0.0
        })
    }
}

impl Shape {
    fn cut<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(..self.precision.unwrap_or(bytes.len())).unwrap_or(bytes)
    }
}

fn digits(characters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> usize {
    let mut number = 0_usize;
    while let Some((_, digit)) = characters.next_if(|(_, digit)| digit.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(digit.to_digit(10).unwrap_or(0) as usize);
    }
    number
}

/// A number that is not negative as C prints it.
fn float_text(value: f64, letter: char, precision: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan".into() } else { "inf".into() };
    }
    let scientific = |precision: usize| {
        let text = format!("{value:.precision$e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        (digits.to_owned(), exponent)
    };
    let spelled = |(digits, exponent): (String, i32)| {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    };
    let text = match letter.to_ascii_lowercase() {
        'f' => format!("{value:.precision$}"),
        'e' => spelled(scientific(precision)),
        _ => {
            let precision = precision.max(1);
            let (_, exponent) = scientific(precision - 1);
            let trim = |text: String| {
                if text.contains('.') {
                    text.trim_end_matches('0').trim_end_matches('.').to_owned()
                } else {
                    text
                }
            };
            if exponent < -4 || exponent >= precision as i32 {
                let (digits, exponent) = scientific(precision - 1);
                spelled((trim(digits), exponent))
            } else {
                let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
                trim(format!("{value:.decimals$}"))
            }
        }
    };
    if letter.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}
