//! The grammar: what a script's text means, before anything of it is run.
//!
//! In comes text, out come commands one line at a time, since a shell runs a line before it reads the next.
//! brush-parser was tried first: its word grammar needs exponential time for unbalanced quotes, it reads
//! `for i in; do` like `for i; do` and `$(case x in x) ;; esac)` not at all, and it cannot say which word was
//! unexpected, as dash does.

mod command;
mod parser;
mod word;

use std::sync::{Arc, OnceLock};

pub use parser::{Parser, SyntaxError};

/// And-or lists one after the other.
#[derive(Debug, Default)]
pub struct List(pub Vec<Item>);

/// One of them.
#[derive(Debug)]
pub struct Item {
    pub list: Arc<AndOr>,
    pub course: Course,
}

/// Whether it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Foreground,
    Background,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub struct AndOr(pub Vec<(Joint, Pipeline)>);

/// When a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// Always: it is the first.
    Start,
    And,
    Or,
}

/// Commands that run at the same time, each reading what the one before it writes.
#[derive(Debug)]
pub struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Arc<Command>>,
}

/// A command with its redirections.
#[derive(Debug)]
pub struct Command {
    pub line: u32,
    pub kind: Kind,
    pub redirects: Vec<Redirect>,
}

/// What kind of command.
#[derive(Debug)]
pub enum Kind {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word> },
    Subshell(Arc<List>),
    Group(List),
    If { arms: Vec<(List, List)>, otherwise: Option<List> },
    Loop { goes_on: GoesOn, condition: List, body: List },
    For { name: String, words: Option<Vec<Word>>, body: List },
    Case { word: Word, arms: Vec<(Vec<Word>, List)> },
    Function { name: String, body: Arc<Command> },
}

/// What `while` and `until` wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn {
    While,
    Until,
}

/// A change of one descriptor.
#[derive(Debug)]
pub struct Redirect {
    pub descriptor: u32,
    pub target: Target,
}

/// What the descriptor becomes.
#[derive(Debug)]
pub enum Target {
    Read(Word),
    Write(Word),
    Clobber(Word),
    Append(Word),
    ReadWrite(Word),
    Duplicate(Word),
    /// A here-document, which stands below the line that names it.
    Here(Arc<OnceLock<Word>>),
}

/// A word, before it is expanded.
pub type Word = Vec<Piece>;

/// A part of a word.
#[derive(Debug)]
pub enum Piece {
    /// Text without quotes.
    Text(String),
    /// Text in which nothing has a meaning.
    Quoted(String),
    /// `"…"`
    Double(Word),
    /// `$x`, `${x…}`
    Parameter(Parameter, Operation),
    /// `$(…)`
    Command(Arc<List>),
    /// `$((…))`
    Arithmetic(Word),
    /// `${…}` that means nothing, which is an error only when it is reached.
    Bad,
}

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    Named(String),
    /// `$1` and on.
    Positional(usize),
    /// `$0`
    Name,
    /// `$@`
    Each,
    /// `$*`
    Joined,
    /// `$#`
    Count,
    /// `$?`
    Status,
    /// `$-`
    Flags,
    /// `$$`
    Id,
    /// `$!`
    Background,
}

/// What is done with what was found.
#[derive(Debug)]
pub enum Operation {
    Value,
    Length,
    Default(Emptiness, Word),
    Assign(Emptiness, Word),
    Error(Emptiness, Word),
    Alternative(Emptiness, Word),
    Trim(End, Extent, Word),
}

/// Whether an empty value is taken for none (the colon in `${x:-y}`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptiness {
    Counts,
    IsNone,
}

/// Which end is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// How much is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Shortest,
    Longest,
}

/// Whether a text can be a variable's name.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_name) && characters.all(in_name)
}

pub(super) fn starts_name(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

pub(super) fn in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The words that mean something where a command may begin.
pub const RESERVED: [&str; 16] = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until",
    "while",
];
