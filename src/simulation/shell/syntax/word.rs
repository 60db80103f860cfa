//! Words: quotes, `$`, backquotes, and the text of here-documents.

use std::sync::Arc;

use super::parser::{Parsed, Parser};
use super::{Emptiness, End, Extent, Operation, Parameter, Piece, Word, in_name, starts_name};

/// What surrounds a piece of a word, and so which characters mean something in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// No quotes.
    Nothing,
    /// `"…"`
    Double,
    /// A here-document or `$((…))`: as in quotes, which themselves mean nothing.
    Here,
}

/// Collects a word's pieces.
#[derive(Default)]
struct Pieces {
    done: Word,
    text: String,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(std::mem::take(&mut self.text)));
        }
        self.done.push(piece);
    }

    fn quoted(&mut self, character: char) {
        if let (true, Some(Piece::Quoted(last))) = (self.text.is_empty(), self.done.last_mut()) {
            last.push(character);
        } else {
            self.push(Piece::Quoted(character.into()));
        }
    }

    fn finish(mut self) -> Word {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(self.text));
        }
        self.done
    }
}

impl Parser {
    /// A word up to a blank or an operator.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let mut pieces = Pieces::default();
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                _ => self.piece(&mut pieces, Within::Nothing)?,
            }
        }
        Ok(pieces.finish())
    }

    /// The whole text as a here-document's.
    pub(super) fn here_word(&mut self) -> Parsed<Word> {
        let mut pieces = Pieces::default();
        while self.peek().is_some() {
            self.piece(&mut pieces, Within::Here)?;
        }
        Ok(vec![Piece::Double(pieces.finish())])
    }

    /// What follows `<<`, without its quotes, and whether it had any.
    pub(super) fn delimiter(&mut self) -> Parsed<(String, bool)> {
        let (mut text, mut quoted) = (String::new(), false);
        let mut within = None;
        while let Some(character) = self.peek() {
            match (within, character) {
                (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => break,
                (None, '\'' | '"') => (within, quoted) = (Some(character), true),
                (Some(quote), _) if quote == character => within = None,
                (None, '\\') => {
                    quoted = true;
                    self.at += 1;
                    text.extend(self.peek());
                }
                _ => text.push(character),
            }
            self.next();
        }
        if within.is_some() {
            return Err(self.unfinished("Syntax error: Unterminated quoted string"));
        }
        if text.is_empty() && !quoted { Err(self.unexpected(None)) } else { Ok((text, quoted)) }
    }

    /// The next piece, or character, of a word.
    fn piece(&mut self, pieces: &mut Pieces, within: Within) -> Parsed<()> {
        let Some(character) = self.next() else { return Ok(()) };
        match character {
            '\\' => match self.next() {
                Some('\n') => {}
                Some(next) if within == Within::Nothing => pieces.quoted(next),
                Some(next @ ('$' | '`' | '\\')) => pieces.quoted(next),
                Some('"') if within == Within::Double => pieces.quoted('"'),
                Some(next) => {
                    pieces.quoted('\\');
                    pieces.quoted(next);
                }
                None => pieces.quoted('\\'),
            },
            '\'' if within == Within::Nothing => {
                let mut text = String::new();
                loop {
                    match self.next() {
                        Some('\'') => break,
                        Some(character) => text.push(character),
                        None => return Err(self.unfinished("Syntax error: Unterminated quoted string")),
                    }
                }
                pieces.push(Piece::Quoted(text));
            }
            '"' if within == Within::Nothing => {
                let inner = self.deeper(Self::double)?;
                pieces.push(Piece::Double(inner));
            }
            '$' => {
                let piece = self.deeper(|parser| parser.dollar(within))?;
                match piece {
                    Some(piece) => pieces.push(piece),
                    None => pieces.text.push('$'),
                }
            }
            '`' => {
                let piece = self.deeper(|parser| parser.backquoted(within))?;
                pieces.push(piece);
            }
            _ => pieces.text.push(character),
        }
        Ok(())
    }

    /// After `"`.
    fn double(&mut self) -> Parsed<Word> {
        let mut pieces = Pieces::default();
        loop {
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(pieces.finish());
                }
                Some(_) => self.piece(&mut pieces, Within::Double)?,
                None => return Err(self.unfinished("Syntax error: Unterminated quoted string")),
            }
        }
    }

    /// After a backquote: its text is read once to find its end, and then as commands.
    fn backquoted(&mut self, within: Within) -> Parsed<Piece> {
        let line = self.line;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(next @ ('$' | '`' | '\\')) => text.push(next),
                    Some('"') if within == Within::Double => text.push('"'),
                    Some(next) => text.extend(['\\', next]),
                    None => {}
                },
                Some(character) => text.push(character),
                None => return Err(self.unfinished("Syntax error: EOF in backquote substitution")),
            }
        }
        let mut inner = Self::new(&text, line);
        inner.depth = self.depth;
        let list = inner.whole().map_err(|error| super::SyntaxError { at_end: false, ..error })?;
        Ok(Piece::Command(Arc::new(list)))
    }

    /// After `$`; none where it stands for itself.
    fn dollar(&mut self, within: Within) -> Parsed<Option<Piece>> {
        let Some(character) = self.peek() else { return Ok(None) };
        if self.take("((") {
            return Ok(Some(Piece::Arithmetic(self.arithmetic()?)));
        }
        if self.take("(") {
            return Ok(Some(Piece::Command(Arc::new(self.substitution()?))));
        }
        if self.take("{") {
            return Ok(Some(self.braced(within)?));
        }
        if starts_name(character) {
            return Ok(Some(Piece::Parameter(Parameter::Named(self.name()), Operation::Value)));
        }
        let parameter = match character.to_digit(10) {
            Some(0) => Some(Parameter::Name),
            Some(digit) => Some(Parameter::Positional(digit as usize)),
            None => special(character),
        };
        self.at += usize::from(parameter.is_some());
        Ok(parameter.map(|parameter| Piece::Parameter(parameter, Operation::Value)))
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(character) = self.peek().filter(|character| in_name(*character)) {
            name.push(character);
            self.at += 1;
        }
        name
    }

    /// After `$((`.
    fn arithmetic(&mut self) -> Parsed<Word> {
        let mut pieces = Pieces::default();
        let mut open = 0_u32;
        loop {
            match self.peek() {
                None => return Err(self.unfinished("Syntax error: Missing '))'")),
                Some('(') => open += 1,
                Some(')') if open > 0 => open -= 1,
                Some(')') if self.take("))") => return Ok(pieces.finish()),
                Some('"') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            self.piece(&mut pieces, Within::Here)?;
        }
    }

    /// After `${`.
    fn braced(&mut self, within: Within) -> Parsed<Piece> {
        if self.peek() == Some('#') {
            let here = self.at;
            self.at += 1;
            if let Some(parameter) = self.parameter()
                && self.take("}")
            {
                return Ok(Piece::Parameter(parameter, Operation::Length));
            }
            self.at = here;
        }
        let Some(parameter) = self.parameter() else { return self.bad_substitution() };
        if self.take("}") {
            return Ok(Piece::Parameter(parameter, Operation::Value));
        }
        let emptiness = if self.take(":") { Emptiness::IsNone } else { Emptiness::Counts };
        let Some(sign) = self.next() else { return Err(self.unfinished("Syntax error: Missing '}'")) };
        let operation = match (sign, emptiness) {
            ('-', _) => Operation::Default(emptiness, self.operand(within)?),
            ('=', _) => Operation::Assign(emptiness, self.operand(within)?),
            ('?', _) => Operation::Error(emptiness, self.operand(within)?),
            ('+', _) => Operation::Alternative(emptiness, self.operand(within)?),
            ('%' | '#', Emptiness::Counts) => {
                let end = if sign == '#' { End::Front } else { End::Back };
                let extent = if self.peek() == Some(sign) {
                    self.at += 1;
                    Extent::Longest
                } else {
                    Extent::Shortest
                };
                // Quotes keep their meaning in a pattern, even within quotes.
                Operation::Trim(end, extent, self.operand(Within::Nothing)?)
            }
            _ => {
                self.at -= 1;
                return self.bad_substitution();
            }
        };
        Ok(Piece::Parameter(parameter, operation))
    }

    fn parameter(&mut self) -> Option<Parameter> {
        let character = self.peek()?;
        if starts_name(character) {
            return Some(Parameter::Named(self.name()));
        }
        if character.is_ascii_digit() {
            let mut number = 0_usize;
            while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
                number = number.saturating_mul(10).saturating_add(digit as usize);
                self.at += 1;
            }
            return Some(if number == 0 { Parameter::Name } else { Parameter::Positional(number) });
        }
        let parameter = special(character)?;
        self.at += 1;
        Some(parameter)
    }

    fn operand(&mut self, within: Within) -> Parsed<Word> {
        let mut pieces = Pieces::default();
        loop {
            match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok(pieces.finish());
                }
                Some('\\') if within != Within::Nothing && self.peek_at(1) == Some('}') => {
                    self.at += 2;
                    pieces.quoted('}');
                }
                // Quotes within quotes are taken away.
                Some('"') if within == Within::Double => {
                    self.at += 1;
                    let inner = self.deeper(Self::double)?;
                    pieces.push(Piece::Double(inner));
                }
                Some(_) => self.piece(&mut pieces, within)?,
                None => return Err(self.unfinished("Syntax error: Missing '}'")),
            }
        }
    }

    /// Goes past a `${…}` that means nothing.
    fn bad_substitution(&mut self) -> Parsed<Piece> {
        loop {
            match self.next() {
                Some('}') => return Ok(Piece::Bad),
                Some(_) => {}
                None => return Err(self.unfinished("Syntax error: Missing '}'")),
            }
        }
    }
}

fn special(character: char) -> Option<Parameter> {
    Some(match character {
        '@' => Parameter::Each,
        '*' => Parameter::Joined,
        '#' => Parameter::Count,
        '?' => Parameter::Status,
        '-' => Parameter::Flags,
        '$' => Parameter::Id,
        '!' => Parameter::Background,
        _ => return None,
    })
}
