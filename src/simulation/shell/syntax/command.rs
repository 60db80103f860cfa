//! Commands: lists, pipelines, compound and simple commands, redirections.

use std::sync::Arc;

use super::parser::{Parsed, Parser, SyntaxError};
use super::{
    AndOr, Command, Course, GoesOn, Item, Joint, Kind, List, Piece, Pipeline, RESERVED, Redirect, Target,
    Word, is_name,
};

impl Parser {
    /// The reserved word that stands here, if any.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        RESERVED.into_iter().find(|word| {
            self.looking_at(word)
                && self
                    .peek_at(word.len())
                    .is_none_or(|next| next.is_ascii_whitespace() || ";&|<>()".contains(next))
        })
    }

    fn take_reserved(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found = self.reserved() == Some(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &'static str) -> Parsed<()> {
        if self.take_reserved(word) { Ok(()) } else { Err(self.unexpected(Some(word))) }
    }

    /// What is on one line.
    pub(super) fn list_of_a_line(&mut self) -> Parsed<List> {
        let mut items = Vec::new();
        loop {
            let list = Arc::new(self.and_or()?);
            let course = self.separator();
            items.push(Item { list, course: course.unwrap_or(Course::Foreground) });
            self.skip_blanks();
            if course.is_none() || matches!(self.peek(), None | Some('\n')) {
                return Ok(List(items));
            }
        }
    }

    /// `;` or `&`, if it is there.
    fn separator(&mut self) -> Option<Course> {
        self.skip_blanks();
        match (self.peek(), self.peek_at(1)) {
            (Some('&'), next) if next != Some('&') => {
                self.at += 1;
                Some(Course::Background)
            }
            (Some(';'), next) if next != Some(';') => {
                self.at += 1;
                Some(Course::Foreground)
            }
            _ => None,
        }
    }

    /// What stands within another command, up to a word or sign that ends it.
    pub(super) fn list(&mut self) -> Parsed<List> {
        let mut items = Vec::new();
        loop {
            self.newlines();
            if self.at_end_of_list() {
                return Ok(List(items));
            }
            let list = Arc::new(self.and_or()?);
            let course = self.separator();
            items.push(Item { list, course: course.unwrap_or(Course::Foreground) });
            self.skip_blanks();
            if course.is_none() && self.peek() != Some('\n') {
                return Ok(List(items));
            }
        }
    }

    fn at_end_of_list(&self) -> bool {
        matches!(self.peek(), None | Some(')'))
            || self.looking_at(";;")
            || matches!(self.reserved(), Some("}" | "do" | "done" | "elif" | "else" | "esac" | "fi" | "then"))
    }

    /// As [`Parser::list`], where something must be in it.
    fn filled_list(&mut self) -> Parsed<List> {
        let list = self.list()?;
        if list.0.is_empty() { Err(self.unexpected(None)) } else { Ok(list) }
    }

    fn and_or(&mut self) -> Parsed<AndOr> {
        let mut pipelines = vec![(Joint::Start, self.pipeline()?)];
        loop {
            self.skip_blanks();
            let joint = if self.take("&&") {
                Joint::And
            } else if self.take("||") {
                Joint::Or
            } else {
                return Ok(AndOr(pipelines));
            };
            self.newlines();
            pipelines.push((joint, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let mut negated = false;
        while self.take_reserved("!") {
            negated = !negated;
        }
        let mut commands = vec![Arc::new(self.command()?)];
        loop {
            self.skip_blanks();
            if self.peek() != Some('|') || self.peek_at(1) == Some('|') {
                return Ok(Pipeline { negated, commands });
            }
            self.at += 1;
            self.newlines();
            commands.push(Arc::new(self.command()?));
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        self.deeper(Self::command_here)
    }

    fn command_here(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let line = self.line;
        let kind = match self.reserved() {
            Some("if") => self.if_clause()?,
            Some("while") => self.loop_clause("while", GoesOn::While)?,
            Some("until") => self.loop_clause("until", GoesOn::Until)?,
            Some("for") => self.for_clause()?,
            Some("case") => self.case_clause()?,
            Some("{") => {
                self.at += 1;
                let list = self.filled_list()?;
                self.expect("}")?;
                Kind::Group(list)
            }
            Some(_) => return Err(self.unexpected(None)),
            None if self.take("(") => {
                let list = self.filled_list()?;
                if !self.take(")") {
                    return Err(self.unexpected(Some(")")));
                }
                Kind::Subshell(Arc::new(list))
            }
            None => return self.simple(line),
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { line, kind, redirects })
    }

    fn if_clause(&mut self) -> Parsed<Kind> {
        let mut arms = Vec::new();
        self.expect("if")?;
        loop {
            let condition = self.filled_list()?;
            self.expect("then")?;
            arms.push((condition, self.filled_list()?));
            if self.take_reserved("elif") {
                continue;
            }
            let otherwise = if self.take_reserved("else") { Some(self.filled_list()?) } else { None };
            self.expect("fi")?;
            return Ok(Kind::If { arms, otherwise });
        }
    }

    fn loop_clause(&mut self, word: &'static str, goes_on: GoesOn) -> Parsed<Kind> {
        self.expect(word)?;
        let condition = self.filled_list()?;
        let body = self.do_group()?;
        Ok(Kind::Loop { goes_on, condition, body })
    }

    fn do_group(&mut self) -> Parsed<List> {
        self.expect("do")?;
        let body = self.filled_list()?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_clause(&mut self) -> Parsed<Kind> {
        self.expect("for")?;
        self.skip_blanks();
        let name = match self.word()?.as_slice() {
            [Piece::Text(name)] if is_name(name) => name.clone(),
            _ => return Err(self.error("Syntax error: Bad for loop variable")),
        };
        self.newlines();
        let words = if self.take_reserved("in") {
            let mut words = Vec::new();
            loop {
                self.skip_blanks();
                match self.peek() {
                    Some(';' | '\n') => break,
                    None | Some('&' | '|' | '<' | '>' | '(' | ')') => return Err(self.unexpected(None)),
                    Some(_) => words.push(self.word()?),
                }
            }
            Some(words)
        } else {
            None
        };
        if self.peek() == Some(';') && self.peek_at(1) != Some(';') {
            self.at += 1;
        }
        self.newlines();
        Ok(Kind::For { name, words, body: self.do_group()? })
    }

    fn case_clause(&mut self) -> Parsed<Kind> {
        self.expect("case")?;
        self.skip_blanks();
        let word = self.filled_word()?;
        self.newlines();
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.take_reserved("esac") {
                return Ok(Kind::Case { word, arms });
            }
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                patterns.push(self.filled_word()?);
                self.skip_blanks();
                if !self.take("|") {
                    break;
                }
            }
            if !self.take(")") {
                return Err(self.unexpected(Some(")")));
            }
            arms.push((patterns, self.list()?));
            self.newlines();
            if !self.take(";;") && self.reserved() != Some("esac") {
                return Err(self.unexpected(Some(";;")));
            }
        }
    }

    fn filled_word(&mut self) -> Parsed<Word> {
        match self.peek() {
            None | Some('\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => Err(self.unexpected(None)),
            Some(_) => self.word(),
        }
    }

    fn simple(&mut self, line: u32) -> Parsed<Command> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            match self.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')') => break,
                Some('(') => {
                    return match words.as_slice() {
                        [name] if assignments.is_empty() && redirects.is_empty() => self.function(line, name),
                        _ => Err(self.unexpected(None)),
                    };
                }
                Some(_) => {}
            }
            match self.assigned_name().filter(|_| words.is_empty()) {
                Some(name) => {
                    self.at += name.len() + 1;
                    assignments.push((name, self.word()?));
                }
                None => words.push(self.word()?),
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.unexpected(None));
        }
        Ok(Command { line, kind: Kind::Simple { assignments, words }, redirects })
    }

    /// The name of `name=` if that stands here.
    fn assigned_name(&self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().position(|character| !super::in_name(*character))?;
        let name: String = rest.get(..length)?.iter().collect();
        (rest.get(length) == Some(&'=') && is_name(&name)).then_some(name)
    }

    fn function(&mut self, line: u32, name: &Word) -> Parsed<Command> {
        self.at += 1;
        self.skip_blanks();
        if !self.take(")") {
            return Err(self.unexpected(Some(")")));
        }
        let name = match name.as_slice() {
            [Piece::Text(name)] if is_name(name) => name.clone(),
            _ => return Err(self.error("Syntax error: Bad function name")),
        };
        self.newlines();
        let body = Arc::new(self.command()?);
        Ok(Command { line, kind: Kind::Function { name, body }, redirects: Vec::new() })
    }

    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        self.skip_blanks();
        let digit = self.peek().and_then(|character| character.to_digit(10));
        let ahead = usize::from(digit.is_some());
        let descriptor = match self.peek_at(ahead) {
            Some('<') => digit.unwrap_or(0),
            Some('>') => digit.unwrap_or(1),
            _ => return Ok(None),
        };
        self.at += ahead;
        type Make = fn(Word) -> Target;
        let kinds: [(&str, Option<Make>); 9] = [
            ("<<-", None),
            ("<<", None),
            ("<&", Some(Target::Duplicate)),
            ("<>", Some(Target::ReadWrite)),
            ("<", Some(Target::Read)),
            (">>", Some(Target::Append)),
            (">&", Some(Target::Duplicate)),
            (">|", Some(Target::Clobber)),
            (">", Some(Target::Write)),
        ];
        for (sign, make) in kinds {
            if self.take(sign) {
                let target = match make {
                    Some(make) => {
                        self.skip_blanks();
                        make(self.filled_word()?)
                    }
                    None => Target::Here(self.expect_here_document(sign == "<<-")?),
                };
                return Ok(Some(Redirect { descriptor, target }));
            }
        }
        Ok(None)
    }

    /// The commands of `$(…)` up to its closing sign.
    pub(super) fn substitution(&mut self) -> Parsed<List> {
        let list = self.list()?;
        if self.take(")") { Ok(list) } else { Err(self.unexpected(Some(")"))) }
    }

    /// All commands of a text that is a whole, as between backquotes.
    pub(super) fn whole(&mut self) -> Result<List, SyntaxError> {
        let list = self.list()?;
        self.here_documents();
        if self.peek().is_none() { Ok(list) } else { Err(self.unexpected(None)) }
    }
}
