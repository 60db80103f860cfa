//! A TOML document under examination: every mistake in it is collected with its place, so that a person
//! mends all of them in one go.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::position::{Problem, suggestion};
use super::values::found;

/// A key with its place.
pub(crate) type Key<'i> = Spanned<DeString<'i>>;
/// A value with its place.
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// What is known to be wrong with a text so far.
pub(crate) struct Document<'t> {
    text: &'t str,
    found: Vec<Problem>,
    /// Lines that are no TOML: what the parser made of them is not worth a second message.
    broken_lines: BTreeSet<usize>,
    /// Whether a broken line may have begun a table: what others say of that table cannot be judged then.
    broken_header: bool,
}

/// Parses a text as TOML and has its tables read, or says everything that is wrong with it.
pub(crate) fn examine<T>(
    text: &str,
    read: impl FnOnce(&mut Document<'_>, &DeTable<'_>) -> T,
) -> Result<T, Vec<Problem>> {
    let mut document =
        Document { text, found: Vec::new(), broken_lines: BTreeSet::new(), broken_header: false };
    let (mut table, errors) = DeTable::parse_recoverable(text);
    document.syntax(errors);
    // The parser stops at some mistakes: without the broken lines it also reaches what lies behind them.
    let mended;
    if !document.broken_lines.is_empty() {
        mended = document.without_broken_lines();
        let (rest, errors) = DeTable::parse_recoverable(&mended);
        document.syntax(errors.into_iter().filter(is_duplicate));
        table = rest;
    }
    let value = read(&mut document, table.get_ref());
    let mut problems = document.found;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

/// Whether the parser found a second value for a key; the line is sound in itself.
fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().starts_with("duplicate key")
}

/// A table's entries in the file's order; the parser keeps them by name.
pub(crate) fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Document<'_> {
    /// Whether nothing wrong has been found yet.
    pub(crate) fn is_sound(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether some lines are no TOML, so that keys may be missing which the file has.
    pub(crate) fn misses_lines(&self) -> bool {
        !self.broken_lines.is_empty()
    }

    /// Whether a broken line may have begun a table, so that names which it gave are missing.
    pub(crate) fn misses_tables(&self) -> bool {
        self.broken_header
    }

    /// Takes the parser's errors over into ours.
    fn syntax(&mut self, errors: impl IntoIterator<Item = toml::de::Error>) {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let name = self.text.get(span.clone()).unwrap_or_default();
            let problem = if is_duplicate(&error) {
                Problem::at(self.text, span, format!("duplicate “{name}”: keep one of them"))
            } else {
                let problem = Problem::at(self.text, span, error.message());
                self.broken_lines.insert(problem.line);
                problem
            };
            self.found.push(problem);
        }
    }

    /// The text with every broken line blanked, all else at its place. Under a broken header everything up to
    /// the next header goes too, for it would be read as part of another table.
    fn without_broken_lines(&mut self) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut headless = false;
        for (index, line) in self.text.split_inclusive('\n').enumerate() {
            let broken = self.broken_lines.contains(&(index + 1));
            if line.trim_start().starts_with('[') {
                headless = broken;
                self.broken_header |= broken;
            }
            if broken || headless {
                let blank = |byte: u8| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' };
                text.extend(line.bytes().map(blank));
            } else {
                text.push_str(line);
            }
        }
        text
    }

    /// Notes something wrong at a place.
    pub(crate) fn problem(&mut self, span: Range<usize>, text: impl Into<String>) {
        let problem = Problem::at(self.text, span, text);
        if !self.broken_lines.contains(&problem.line) {
            self.found.push(problem);
        }
    }

    /// Notes a key that does not exist, with the nearest one.
    pub(crate) fn unknown(&mut self, key: &Key<'_>, known: &[&str]) {
        let name = key.get_ref();
        self.problem(key.span(), format!("unknown key “{name}”; {}", suggestion(name, known)));
    }

    /// A value through one of the readers of `values`; the message begins with the key.
    pub(crate) fn value<T>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        read(value.get_ref())
            .map_err(|text| self.problem(value.span(), format!("{}: {text}", key.get_ref())))
            .ok()
    }

    /// One value or a list of them.
    pub(crate) fn list<T: PartialEq>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(items) = value.get_ref() else {
            return Some(vec![self.value(key, value, read)?]);
        };
        let mut list = Vec::new();
        for item in items.iter() {
            let Some(read) = self.value(key, item, &read) else { continue };
            if list.contains(&read) {
                let text =
                    format!("{}: duplicate {}: keep one of them", key.get_ref(), found(item.get_ref()));
                self.problem(item.span(), text);
            } else {
                list.push(read);
            }
        }
        Some(list)
    }

    /// A value that must be a table.
    pub(crate) fn table<'a, 'i>(&mut self, name: &str, value: &'a Value<'i>) -> Option<&'a DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                self.problem(value.span(), format!("{name}: expected a table, found {}", found(other)));
                None
            }
        }
    }
}
