//! find's expressions as words.

use std::time::Duration;

use super::super::call::quoted;
use super::super::change::mode;
use super::super::glob::Case;
use super::super::pattern::{Syntax, compile, translate};
use super::super::show::identity;
use super::super::time;
use super::show::{Shown, format};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// What find was told.
#[derive(Debug)]
pub(super) struct Plan {
    pub expression: Expression,
    pub shallowest: usize,
    pub deepest: usize,
    /// What is in a directory comes before it.
    pub depth_first: bool,
    pub one_device: bool,
    /// How many `-exec … +` there are.
    pub batches: usize,
}

#[derive(Debug)]
pub(super) enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    List(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Test(Test),
    Action(Action),
}

impl Expression {
    /// All `-exec … +` with their commands.
    pub fn each_batch(&self, found: &mut dyn FnMut(usize, &[String])) {
        match self {
            Self::And(one, other) | Self::Or(one, other) | Self::List(one, other) => {
                one.each_batch(found);
                other.each_batch(found);
            }
            Self::Not(inner) => inner.each_batch(found),
            Self::Action(Action::Batch(index, words)) => found(*index, words),
            Self::Test(_) | Self::Action(_) => {}
        }
    }

    fn acts(&self) -> bool {
        match self {
            Self::And(one, other) | Self::Or(one, other) | Self::List(one, other) => {
                one.acts() || other.acts()
            }
            Self::Not(inner) => inner.acts(),
            Self::Test(_) | Self::Action(Action::Prune | Action::Quit) => false,
            Self::Action(_) => true,
        }
    }
}

/// A number as find takes it: `5`, `+5` for more, `-5` for less.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range {
    Less(u64),
    Same(u64),
    More(u64),
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.split_at_checked(1)? {
            ("+", number) => Self::More(number.parse().ok()?),
            ("-", number) => Self::Less(number.parse().ok()?),
            _ => Self::Same(text.parse().ok()?),
        })
    }

    pub fn has(self, value: u64) -> bool {
        match self {
            Self::Less(limit) => value < limit,
            Self::Same(number) => value == number,
            Self::More(limit) => value > limit,
        }
    }
}

/// `-perm`
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Exactly(u32),
    AllOf(u32),
    AnyOf(u32),
}

impl Mode {
    pub fn fits(self, mode: u32) -> bool {
        match self {
            Self::Exactly(wanted) => mode == wanted,
            Self::AllOf(wanted) => mode & wanted == wanted,
            Self::AnyOf(wanted) => wanted == 0 || mode & wanted != 0,
        }
    }
}

#[derive(Debug)]
pub(super) enum Test {
    Yes,
    No,
    Type(Vec<char>),
    Name(String, Case),
    Path(String, Case),
    LinkName(String),
    Regex(regex::bytes::Regex),
    Newer(Duration),
    Minutes(Range),
    Days(Range),
    Size(Range, u64),
    Empty,
    Mode(Mode),
    User(u32),
    Group(u32),
    NoUser,
    NoGroup,
    Inode(Range),
    Links(Range),
    Same(u64),
    Access(u32),
}

#[derive(Debug)]
pub(super) enum Action {
    Print(char),
    Printf(Vec<Shown>),
    List,
    Prune,
    Quit,
    Delete,
    Run { words: Vec<String>, in_directory: bool },
    Batch(usize, Vec<String>),
}

struct Parser<'a> {
    process: &'a Process,
    rest: std::iter::Peekable<std::slice::Iter<'a, String>>,
    plan: Plan,
}

type Parsed<T> = Result<T, String>;

/// Reads find's words after the starting points.
pub(super) fn parse(process: &Process, words: &[String]) -> Parsed<Plan> {
    let plan = Plan {
        expression: Expression::Test(Test::Yes),
        shallowest: 0,
        deepest: usize::MAX,
        depth_first: false,
        one_device: false,
        batches: 0,
    };
    let mut parser = Parser { process, rest: words.iter().peekable(), plan };
    if parser.rest.peek().is_some() {
        parser.plan.expression = parser.list()?;
        match parser.rest.next().map(String::as_str) {
            None => {}
            Some(")") => return Err("invalid expression; you have too many ')'".into()),
            Some(other) => return Err(format!("paths must precede expression: `{other}'")),
        }
    }
    let mut plan = parser.plan;
    if !plan.expression.acts() {
        let print = Box::new(Expression::Action(Action::Print('\n')));
        plan.expression = Expression::And(Box::new(plan.expression), print);
    }
    Ok(plan)
}

impl Parser<'_> {
    fn list(&mut self) -> Parsed<Expression> {
        let mut left = self.or()?;
        while self.rest.next_if(|word| *word == ",").is_some() {
            left = Expression::List(Box::new(left), Box::new(self.or()?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.and()?;
        while self.rest.next_if(|word| matches!(word.as_str(), "-o" | "-or")).is_some() {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut left = self.not()?;
        loop {
            let and = self.rest.next_if(|word| matches!(word.as_str(), "-a" | "-and")).is_some();
            match self.rest.peek().map(|word| word.as_str()) {
                None | Some(")" | "," | "-o" | "-or") if !and => return Ok(left),
                Some(word) if !and && !word.starts_with(['-', '(', '!']) => return Ok(left),
                _ => left = Expression::And(Box::new(left), Box::new(self.not()?)),
            }
        }
    }

    fn not(&mut self) -> Parsed<Expression> {
        if self.rest.next_if(|word| matches!(word.as_str(), "!" | "-not")).is_some() {
            return Ok(Expression::Not(Box::new(self.not()?)));
        }
        if self.rest.next_if(|word| *word == "(").is_some() {
            if self.rest.peek().is_some_and(|word| *word == ")") {
                return Err("invalid expression; empty parentheses are not allowed.".into());
            }
            let inner = self.list()?;
            return match self.rest.next() {
                Some(word) if word == ")" => Ok(inner),
                _ => {
                    Err("invalid expression; I was expecting to find a ')' somewhere but did not see one."
                        .into())
                }
            };
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let Some(word) = self.rest.next() else {
            return Err("invalid expression; you have used a binary operator with nothing after it.".into());
        };
        let test = |test| Ok(Expression::Test(test));
        let action = |action| Ok(Expression::Action(action));
        let name = word.as_str();
        match name {
            "-true" | "-noleaf" | "-daystart" | "-warn" | "-nowarn" | "-ignore_readdir_race" => {
                return test(Test::Yes);
            }
            "-false" => return test(Test::No),
            "-depth" | "-d" => {
                self.plan.depth_first = true;
                return test(Test::Yes);
            }
            "-xdev" | "-mount" => {
                self.plan.one_device = true;
                return test(Test::Yes);
            }
            "-empty" => return test(Test::Empty),
            "-nouser" => return test(Test::NoUser),
            "-nogroup" => return test(Test::NoGroup),
            "-readable" => return test(Test::Access(0o444)),
            "-writable" => return test(Test::Access(0o222)),
            "-executable" => return test(Test::Access(0o111)),
            "-print" => return action(Action::Print('\n')),
            "-print0" => return action(Action::Print('\0')),
            "-ls" => return action(Action::List),
            "-prune" => return action(Action::Prune),
            "-quit" => return action(Action::Quit),
            "-delete" => {
                self.plan.depth_first = true;
                return action(Action::Delete);
            }
            "-exec" | "-execdir" => return self.command(name),
            _ => {}
        }
        if !KNOWN.contains(&name) {
            return Err(match word.starts_with('-') {
                true => format!("unknown predicate `{word}'"),
                false => format!("paths must precede expression: `{word}'"),
            });
        }
        let value = self.rest.next().ok_or_else(|| format!("missing argument to `{word}'"))?;
        let invalid = || format!("invalid argument `{value}' to `{word}'");
        let range = || Range::parse(value).ok_or_else(invalid);
        let case = if name.starts_with("-i") && name != "-inum" { Case::Fold } else { Case::Exact };
        test(match name {
            "-mindepth" | "-maxdepth" => {
                let depth = value.parse().map_err(|_| {
                    format!(
                        "Expected a positive decimal integer argument to {word}, but got {}",
                        quoted(value)
                    )
                })?;
                match name {
                    "-mindepth" => self.plan.shallowest = depth,
                    _ => self.plan.deepest = depth,
                }
                Test::Yes
            }
            "-type" | "-xtype" => {
                let letters: Vec<char> = value.split(',').filter_map(|part| part.chars().next()).collect();
                match letters.iter().find(|letter| !"bcdpflsD".contains(**letter)) {
                    Some(letter) => return Err(format!("Unknown argument to {word}: {letter}")),
                    None if letters.is_empty() => {
                        return Err(format!("Arguments to {word} should contain at least one letter"));
                    }
                    None => Test::Type(letters),
                }
            }
            "-name" | "-iname" => Test::Name(value.clone(), case),
            "-path" | "-ipath" | "-wholename" => Test::Path(value.clone(), case),
            "-lname" => Test::LinkName(value.clone()),
            "-regex" | "-iregex" => {
                let pattern = translate(value, Syntax::Basic)?;
                Test::Regex(compile(&format!("^(?:{pattern})$"), case)?)
            }
            "-newer" => match self.process.find(value, LastLink::Follow) {
                Ok(place) => Test::Newer(place.node.metadata().modified),
                Err(error) => return Err(format!("{}: {error}", quoted(value))),
            },
            "-newermt" => {
                let parsed = time::parse(value, self.process.machine.calendar());
                Test::Newer(parsed.ok_or_else(|| {
                    format!("I cannot figure out how to interpret {} as a date or time", quoted(value))
                })?)
            }
            "-mmin" | "-amin" | "-cmin" => Test::Minutes(range()?),
            "-mtime" | "-atime" | "-ctime" => Test::Days(range()?),
            "-size" => {
                let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let unit = match &value[digits.len()..] {
                    "" | "b" => 512,
                    "c" => 1,
                    "w" => 2,
                    "k" => 1 << 10,
                    "M" => 1 << 20,
                    "G" => 1 << 30,
                    _ => return Err(format!("invalid -size type `{}'", &value[digits.len()..])),
                };
                Test::Size(Range::parse(digits).ok_or_else(invalid)?, unit)
            }
            "-perm" => {
                let bits = |text: &str| {
                    mode(text, 0, false, 0).ok_or_else(|| format!("invalid mode {}", quoted(value)))
                };
                Test::Mode(match value.split_at_checked(1) {
                    Some(("-", text)) => Mode::AllOf(bits(text)?),
                    Some(("/", text)) => Mode::AnyOf(bits(text)?),
                    _ => Mode::Exactly(bits(value)?),
                })
            }
            "-user" | "-uid" => Test::User(
                identity(self.process, "/etc/passwd", value)
                    .ok_or_else(|| format!("{} is not the name of a known user", quoted(value)))?,
            ),
            "-group" | "-gid" => Test::Group(
                identity(self.process, "/etc/group", value)
                    .ok_or_else(|| format!("{} is not the name of an existing group", quoted(value)))?,
            ),
            "-inum" => Test::Inode(range()?),
            "-links" => Test::Links(range()?),
            "-samefile" => match self.process.find(value, LastLink::Keep) {
                Ok(place) => Test::Same(place.node.number),
                Err(error) => return Err(format!("{}: {error}", quoted(value))),
            },
            // -printf
            _ => return action(Action::Printf(format(value))),
        })
    }

    fn command(&mut self, name: &str) -> Parsed<Expression> {
        let mut words = Vec::new();
        loop {
            let Some(word) = self.rest.next() else { return Err(format!("missing argument to `{name}'")) };
            if word == ";" {
                if words.is_empty() {
                    return Err(format!("invalid argument `;' to `{name}'"));
                }
                return Ok(Expression::Action(Action::Run { words, in_directory: name == "-execdir" }));
            }
            if word == "+" && words.last().is_some_and(|word| word == "{}") {
                words.pop();
                if words.is_empty() {
                    return Err(format!("invalid argument `+' to `{name}'"));
                }
                self.plan.batches += 1;
                return Ok(Expression::Action(Action::Batch(self.plan.batches - 1, words)));
            }
            words.push(word.clone());
        }
    }
}

/// What takes a value.
const KNOWN: &[&str] = &[
    "-mindepth",
    "-maxdepth",
    "-type",
    "-xtype",
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-lname",
    "-regex",
    "-iregex",
    "-newer",
    "-newermt",
    "-mmin",
    "-amin",
    "-cmin",
    "-mtime",
    "-atime",
    "-ctime",
    "-size",
    "-perm",
    "-user",
    "-uid",
    "-group",
    "-gid",
    "-inum",
    "-links",
    "-samefile",
    "-printf",
];
