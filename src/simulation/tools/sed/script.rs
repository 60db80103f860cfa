//! Reading sed's scripts.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

use bytes::Bytes;
use regex::bytes::Regex;

use super::substitute::{Substitution, parse_replacement};
use crate::simulation::tools::glob::Case;
use crate::simulation::tools::pattern::{Syntax, compile, translate};

/// Which lines a command is for.
#[derive(Debug)]
pub(super) enum Address {
    /// `0`, before the first line.
    Zero,
    /// `5`
    Line(u64),
    /// `first~step`
    Step(u64, u64),
    /// `$`
    Last,
    /// `/x/`; empty means the last one used.
    Regex(Option<Regex>),
}

/// Where a range ends.
#[derive(Debug)]
pub(super) enum Until {
    /// As any address.
    Address(Address),
    /// `+5`
    Plus(u64),
    /// `~5`
    Multiple(u64),
}

/// A command and the lines it is for.
#[derive(Debug)]
pub(super) struct Command {
    pub first: Option<Address>,
    pub until: Option<Until>,
    pub negated: bool,
    pub does: Do,
}

/// What a command does.
#[derive(Debug)]
pub(super) enum Do {
    Nothing,
    /// `#n` as the script's first line.
    Silence,
    /// `{`; the place after its end.
    Block(usize),
    Substitute(Substitution),
    Delete,
    DeleteFirst,
    Print,
    PrintFirst,
    Number,
    Next,
    AppendNext,
    Quit(u8),
    QuitSilently(u8),
    Append(Bytes),
    Insert(Bytes),
    Change(Bytes),
    Read(String),
    Transliterate(Box<[u8; 256]>),
    Hold,
    HoldAppend,
    Get,
    GetAppend,
    Exchange,
    Branch(usize),
    BranchIf(usize),
    BranchUnless(usize),
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    read: usize,
    extended: bool,
}

type Parsed<T> = Result<T, String>;

/// Reads a script; an error is in GNU's words, from `char N` on.
pub(super) fn parse(text: &str, extended: bool) -> Parsed<Vec<Command>> {
    let mut parser = Parser { rest: text.chars().peekable(), read: 0, extended };
    let mut commands: Vec<Command> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut labels: HashMap<String, usize> = HashMap::new();
    let mut jumps: Vec<(usize, String)> = Vec::new();
    if text == "#n" || text.starts_with("#n\n") {
        commands.push(Command { first: None, until: None, negated: false, does: Do::Silence });
    }
    loop {
        parser.skip(|c| c.is_whitespace() || c == ';');
        if parser.rest.peek().is_none() {
            break;
        }
        let first = parser.address()?;
        parser.skip(char::is_whitespace);
        let mut until = None;
        if first.is_some() && parser.rest.peek() == Some(&',') {
            parser.next();
            parser.skip(char::is_whitespace);
            until = Some(parser.until()?);
        }
        if matches!(first, Some(Address::Zero)) && !matches!(until, Some(Until::Address(Address::Regex(_)))) {
            return Err(parser.at("invalid usage of line address 0"));
        }
        parser.skip(char::is_whitespace);
        let negated = parser.rest.peek() == Some(&'!');
        if negated {
            parser.next();
            parser.skip(|c| c.is_whitespace() || c == '!');
        }
        let letter = parser.next().ok_or_else(|| parser.at("missing command"))?;
        let does = match letter {
            '#' if first.is_none() => {
                parser.skip(|c| c != '\n');
                continue;
            }
            ':' => {
                let label = parser.word();
                if label.is_empty() {
                    return Err(parser.at("\":\" lacks a label"));
                }
                labels.insert(label, commands.len());
                continue;
            }
            '{' => {
                open.push(commands.len());
                Do::Block(0)
            }
            '}' => {
                let start = open.pop().ok_or_else(|| parser.at("unexpected `}'"))?;
                let end = commands.len();
                if let Some(Command { does: Do::Block(to), .. }) = commands.get_mut(start) {
                    *to = end;
                }
                parser.end()?;
                continue;
            }
            'b' | 't' | 'T' => {
                let label = parser.word();
                jumps.push((commands.len(), label));
                match letter {
                    'b' => Do::Branch(0),
                    't' => Do::BranchIf(0),
                    _ => Do::BranchUnless(0),
                }
            }
            's' => Do::Substitute(parser.substitution()?),
            'y' => parser.transliteration()?,
            'a' | 'i' | 'c' => {
                let text = parser.text()?;
                match letter {
                    'a' => Do::Append(text),
                    'i' => Do::Insert(text),
                    _ => Do::Change(text),
                }
            }
            'r' => {
                parser.skip(|c| c == ' ');
                let mut path = String::new();
                while let Some(c) = parser.rest.next_if(|c| *c != '\n') {
                    path.push(c);
                }
                Do::Read(path)
            }
            'q' | 'Q' => {
                parser.skip(|c| c == ' ');
                let code = parser.number().unwrap_or(0) as u8;
                if letter == 'q' { Do::Quit(code) } else { Do::QuitSilently(code) }
            }
            'd' => Do::Delete,
            'D' => Do::DeleteFirst,
            'p' => Do::Print,
            'P' => Do::PrintFirst,
            '=' => Do::Number,
            'n' => Do::Next,
            'N' => Do::AppendNext,
            'h' => Do::Hold,
            'H' => Do::HoldAppend,
            'g' => Do::Get,
            'G' => Do::GetAppend,
            'x' => Do::Exchange,
            other => return Err(parser.at(&format!("unknown command: `{other}'"))),
        };
        if !matches!(does, Do::Block(_) | Do::Append(_) | Do::Insert(_) | Do::Change(_)) {
            parser.end()?;
        }
        commands.push(Command { first, until, negated, does });
    }
    if !open.is_empty() {
        return Err("char 0: unmatched `{'".into());
    }
    let end = commands.len();
    for (at, label) in jumps {
        let to = match label.as_str() {
            "" => end,
            label => *labels.get(label).ok_or_else(|| format!("can't find label for jump to `{label}'"))?,
        };
        if let Some(Do::Branch(place) | Do::BranchIf(place) | Do::BranchUnless(place)) =
            commands.get_mut(at).map(|command| &mut command.does)
        {
            *place = to;
        }
    }
    if commands.is_empty() {
        commands.push(Command { first: None, until: None, negated: false, does: Do::Nothing });
    }
    Ok(commands)
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.read += usize::from(next.is_some());
        next
    }

    fn at(&self, text: &str) -> String {
        format!("char {}: {text}", self.read)
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        while self.rest.next_if(|c| skipped(*c)).is_some() {
            self.read += 1;
        }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = None;
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            self.read += 1;
            let digit = u64::from(digit.to_digit(10).unwrap_or(0));
            number = Some(number.unwrap_or(0_u64).saturating_mul(10).saturating_add(digit));
        }
        number
    }

    fn word(&mut self) -> String {
        self.skip(|c| c == ' ');
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && *c != ';' && *c != '}') {
            self.read += 1;
            word.push(c);
        }
        word
    }

    /// Nothing may follow a command but its end.
    fn end(&mut self) -> Parsed<()> {
        self.skip(|c| c == ' ' || c == '\t');
        match self.rest.peek() {
            None | Some('\n' | ';' | '}' | '#') => Ok(()),
            Some(_) => {
                self.read += 1;
                Err(self.at("extra characters after command"))
            }
        }
    }

    fn address(&mut self) -> Parsed<Option<Address>> {
        Ok(Some(match self.rest.peek() {
            Some('$') => {
                self.next();
                Address::Last
            }
            Some('0'..='9') => {
                let number = self.number().unwrap_or(0);
                if self.rest.peek() == Some(&'~') {
                    self.next();
                    Address::Step(number, self.number().unwrap_or(0))
                } else if number == 0 {
                    Address::Zero
                } else {
                    Address::Line(number)
                }
            }
            Some('/') => {
                self.next();
                self.regex_address('/')?
            }
            Some('\\') => {
                self.next();
                let mark = self.next().ok_or_else(|| self.at("unexpected end of script"))?;
                self.regex_address(mark)?
            }
            _ => return Ok(None),
        }))
    }

    fn regex_address(&mut self, mark: char) -> Parsed<Address> {
        let text = self.until_mark(mark, "unterminated address regex")?;
        let mut case = Case::Exact;
        while let Some(flag) = self.rest.next_if(|c| matches!(c, 'I' | 'M')) {
            if flag == 'I' {
                case = Case::Fold;
            }
        }
        Ok(Address::Regex(self.regex(&text, case)?))
    }

    fn regex(&self, text: &str, case: Case) -> Parsed<Option<Regex>> {
        if text.is_empty() {
            return Ok(None);
        }
        let syntax = if self.extended { Syntax::Extended } else { Syntax::Basic };
        let regex = translate(text, syntax).and_then(|text| compile(&text, case));
        regex.map(Some).map_err(|text| self.at(&text))
    }

    fn until(&mut self) -> Parsed<Until> {
        match self.rest.peek() {
            Some('+') => {
                self.next();
                Ok(Until::Plus(self.number().ok_or_else(|| self.at("expected newer version of sed"))?))
            }
            Some('~') => {
                self.next();
                Ok(Until::Multiple(self.number().unwrap_or(0)))
            }
            _ => match self.address()? {
                Some(Address::Zero) => Ok(Until::Address(Address::Line(0))),
                Some(address) => Ok(Until::Address(address)),
                None => Err(self.at("unexpected `,'")),
            },
        }
    }

    /// What stands before the next mark that is not escaped and, in an expression, not in brackets.
    fn until_mark(&mut self, mark: char, message: &str) -> Parsed<String> {
        let mut text = String::new();
        let mut bracket: Option<usize> = None;
        loop {
            let c = self.next().ok_or_else(|| self.at(message))?;
            match (c, bracket) {
                (c, None) if c == mark => return Ok(text),
                ('\\', None) => {
                    let escaped = self.next().ok_or_else(|| self.at(message))?;
                    // The mark loses what it means otherwise; `\n` becomes a line end either way.
                    if escaped != mark || mark == 'n' {
                        text.push('\\');
                    }
                    text.push(escaped);
                    continue;
                }
                ('[', None) => bracket = Some(0),
                (']', Some(inside)) if inside > 0 => bracket = None,
                ('\n', None) if message.contains("address") => return Err(self.at(message)),
                ('^', Some(0)) => {}
                (_, Some(inside)) => bracket = Some(inside + 1),
                _ => {}
            }
            text.push(c);
        }
    }

    /// The same for what stands to the right: brackets mean nothing there.
    fn plain_until_mark(&mut self, mark: char, message: &str) -> Parsed<String> {
        let mut text = String::new();
        loop {
            let c = self.next().ok_or_else(|| self.at(message))?;
            if c == mark {
                return Ok(text);
            }
            text.push(c);
            if c == '\\' {
                let escaped = self.next().ok_or_else(|| self.at(message))?;
                if escaped == mark && mark != '&' {
                    text.pop();
                }
                text.push(escaped);
            }
        }
    }

    fn substitution(&mut self) -> Parsed<Substitution> {
        let message = "unterminated `s' command";
        let mark = self.next().ok_or_else(|| self.at(message))?;
        let pattern = self.until_mark(mark, message)?;
        let replacement = self.plain_until_mark(mark, message)?;
        let (mut global, mut print, mut nth, mut case) = (false, false, 1, Case::Exact);
        loop {
            match self.rest.peek() {
                Some('g') => global = true,
                Some('p') => print = true,
                Some('i' | 'I') => case = Case::Fold,
                Some('m' | 'M') => {}
                Some('0'..='9') => {
                    nth = self.number().unwrap_or(1);
                    if nth == 0 {
                        return Err(self.at("number option to `s' command may not be zero"));
                    }
                    continue;
                }
                None | Some('\n' | ';' | '}' | '#' | ' ' | '\t') => break,
                Some(_) => {
                    self.read += 1;
                    return Err(self.at("unknown option to `s'"));
                }
            }
            self.next();
        }
        let regex = self.regex(&pattern, case)?;
        let pieces = parse_replacement(&replacement);
        let groups = regex.as_ref().map_or(9, |regex| regex.captures_len() - 1);
        if let Some(group) = pieces.iter().filter_map(|piece| piece.group()).find(|group| *group > groups) {
            return Err(self.at(&format!("invalid reference \\{group} on `s' command's RHS")));
        }
        Ok(Substitution { regex, pieces, global, nth, print })
    }

    fn transliteration(&mut self) -> Parsed<Do> {
        let message = "unterminated `y' command";
        let mark = self.next().ok_or_else(|| self.at(message))?;
        let mut side = || -> Parsed<Vec<u8>> {
            let text = self.plain_until_mark(mark, message)?;
            Ok(text.replace("\\n", "\n").replace("\\\\", "\\").into_bytes())
        };
        let (from, to) = (side()?, side()?);
        if from.len() != to.len() {
            return Err(self.at("strings for `y' command are different lengths"));
        }
        let mut table = Box::new([0; 256]);
        for (at, byte) in table.iter_mut().enumerate() {
            *byte = at as u8;
        }
        for (from, to) in from.iter().zip(to) {
            table[usize::from(*from)] = to;
        }
        Ok(Do::Transliterate(table))
    }

    /// The text of `a`, `i`, `c`: after a backslash and a line end, or on the same line.
    fn text(&mut self) -> Parsed<Bytes> {
        self.skip(|c| c == ' ' || c == '\t');
        if self.rest.peek() == Some(&'\\') {
            self.next();
            self.skip(|c| c == ' ' || c == '\t');
            if self.rest.peek() == Some(&'\n') {
                self.next();
            }
        }
        if self.rest.peek().is_none() {
            return Err(self.at("expected \\ after `a', `c' or `i'"));
        }
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '\\' => text.extend(self.next()),
                c => text.push(c),
            }
        }
        Ok(Bytes::from(text))
    }
}
