//! The reader of a script's characters, with what is common to commands and words.

use std::sync::{Arc, OnceLock};

use super::{List, Piece, Word};

/// Constructs within one another before a script is refused: each takes some of this thread's stack.
const DEEPEST: u32 = 60;

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Line where it was found.
    pub line: u32,
    /// dash's words for it.
    pub message: String,
    /// Whether more text could mend it.
    pub at_end: bool,
}

/// A here-document whose text stands further below.
#[derive(Debug)]
struct Pending {
    delimiter: String,
    /// `<<-`
    without_tabs: bool,
    /// Whether nothing in it is expanded.
    quoted: bool,
    text: Arc<OnceLock<Word>>,
}

/// Reads a script command by command.
#[derive(Debug)]
pub struct Parser {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) depth: u32,
    pending: Vec<Pending>,
    /// Whether a here-document ended with the text instead of its own last line.
    cut_short: bool,
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

impl Parser {
    /// A reader of a text whose first line has this number.
    pub fn new(text: &str, line: u32) -> Self {
        Self { text: text.chars().collect(), at: 0, line, depth: 0, pending: Vec::new(), cut_short: false }
    }

    /// Whether a here-document has no end yet.
    pub fn cut_short(&self) -> bool {
        self.cut_short
    }

    /// The commands of the next line, or several lines where one is not enough; none at the end.
    pub fn next_line(&mut self) -> Parsed<Option<List>> {
        self.newlines();
        if self.peek().is_none() {
            return Ok(None);
        }
        let list = self.list_of_a_line()?;
        self.skip_blanks();
        match self.peek() {
            None => self.here_documents(),
            Some('\n') => self.newline(),
            Some(_) => return Err(self.unexpected(None)),
        }
        Ok(Some(list))
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(index, character)| self.peek_at(index) == Some(character))
    }

    /// Takes a text if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Takes one character that is part of a word, counting lines.
    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    /// Goes one level deeper, if that is still allowed.
    pub(super) fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return Err(self.error("Syntax error: too deeply nested"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.line, message: message.into(), at_end: false }
    }

    pub(super) fn unfinished(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { at_end: true, ..self.error(message) }
    }

    /// Blanks, comments and continued lines.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('\\') if self.peek_at(1) == Some('\n') => {
                    self.at += 2;
                    self.line += 1;
                }
                Some('#') => {
                    while self.peek().is_some_and(|character| character != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// The end of a line, and the here-documents that begin on the next.
    pub(super) fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.here_documents();
    }

    pub(super) fn newlines(&mut self) {
        loop {
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return;
            }
            self.newline();
        }
    }

    pub(super) fn expect_here_document(&mut self, without_tabs: bool) -> Parsed<Arc<OnceLock<Word>>> {
        self.skip_blanks();
        let (delimiter, quoted) = self.delimiter()?;
        let text = Arc::new(OnceLock::new());
        self.pending.push(Pending { delimiter, without_tabs, quoted, text: text.clone() });
        Ok(text)
    }

    pub(super) fn here_documents(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let line = self.line;
            let raw = self.here_text(&pending);
            let word = if pending.quoted {
                vec![Piece::Quoted(raw)]
            } else {
                let mut inner = Self { depth: self.depth, ..Self::new(&raw, line) };
                // What is wrong in it is an error only when it is reached.
                inner.here_word().unwrap_or_else(|_| vec![Piece::Bad])
            };
            let _ = pending.text.set(word);
        }
    }

    fn here_text(&mut self, pending: &Pending) -> String {
        let mut text = String::new();
        loop {
            if self.peek().is_none() {
                self.cut_short = true;
                return text;
            }
            let mut line = String::new();
            if pending.without_tabs {
                while self.peek() == Some('\t') {
                    self.at += 1;
                }
            }
            while let Some(character) = self.peek().filter(|character| *character != '\n') {
                line.push(character);
                self.at += 1;
            }
            let ended = self.next().is_some();
            if line == pending.delimiter {
                return text;
            }
            text.push_str(&line);
            if ended {
                text.push('\n');
            }
        }
    }

    /// dash's words for a token that may not stand here.
    pub(super) fn unexpected(&mut self, expecting: Option<&str>) -> SyntaxError {
        self.skip_blanks();
        let expecting = expecting.map(|text| format!(" (expecting \"{text}\")")).unwrap_or_default();
        let found = match self.peek() {
            None => {
                return self.unfinished(format!("Syntax error: end of file unexpected{expecting}"));
            }
            Some('\n') => "newline".to_owned(),
            Some(_) => match self.operator() {
                Some(operator) => format!("\"{operator}\""),
                None => match self.reserved() {
                    Some(word) => format!("\"{word}\""),
                    None => "word".to_owned(),
                },
            },
        };
        self.error(format!("Syntax error: {found} unexpected{expecting}"))
    }

    fn operator(&self) -> Option<&'static str> {
        ["&&", "||", ";;", "&", "|", ";", "(", ")"].into_iter().find(|operator| self.looking_at(operator))
    }
}
