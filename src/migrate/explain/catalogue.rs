//! The catalogue of failures, read from `failures.toml`, which is part of the program.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use crate::migrate::Stage;

/// One known way to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its number: `F1` to `F70`.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    /// Where in a migration it comes; never empty.
    pub stages: Vec<Stage>,
    /// What is seen where no program says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<String>,
    /// Why, in plain words.
    pub cause: String,
    /// What to do, as a sentence or command.
    pub fix: String,
    /// The check that finds it before anything is frozen; none where nothing can.
    pub check: Option<String>,
    /// Whether overriding that check can make sense.
    pub overriding: Overriding,
}

/// Whether a move may be tried against what a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overriding {
    /// It may go well all the same, or what is lost may be of no worth.
    Possible,
    /// It fails again.
    Useless,
}

/// An entry as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: String,
    title: String,
    stages: Vec<Stage>,
    pub patterns: Vec<String>,
    #[serde(default)]
    pub wrapper: Vec<String>,
    #[serde(default)]
    pub follows: bool,
    pub sign: Option<String>,
    cause: String,
    fix: String,
    check: Option<String>,
    overriding: Overriding,
}

impl Entry {
    /// What is told of it.
    pub fn failure(&self) -> Failure {
        Failure {
            id: self.id.clone(),
            title: self.title.clone(),
            stages: self.stages.clone(),
            sign: self.sign.clone(),
            cause: self.cause.clone(),
            fix: self.fix.clone(),
            check: self.check.clone(),
            overriding: self.overriding,
        }
    }

    /// Its number.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is.
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub harmless: Vec<String>,
    pub cascade: Vec<String>,
    pub wrappers: Vec<String>,
    pub failures: Vec<Entry>,
}

/// The file with its expressions compiled.
#[derive(Default)]
pub(super) struct Catalogue {
    /// All entries, in the order of their numbers.
    pub entries: Vec<Entry>,
    /// Errors to CRIU alone.
    pub harmless: RegexSet,
    /// What follows from an error.
    pub cascade: RegexSet,
    /// Words that only lead to CRIU's log.
    pub wrappers: RegexSet,
    /// Every pattern of every entry, to find quickly those that match at all.
    any: RegexSet,
    /// The same patterns one by one, each with the place of its entry.
    patterns: Vec<(usize, Regex)>,
    /// The wrappers that are all that is seen of an entry.
    own_wrappers: Vec<(usize, Regex)>,
}

/// Parsed once. That nothing in it is wrong is what the tests are for.
static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| compile(read().unwrap_or_default()).unwrap_or_default());

/// The file of this program, parsed.
pub(super) fn read() -> Result<File, toml::de::Error> {
    toml::from_str(include_str!("failures.toml"))
}

/// Compiles every expression.
pub(super) fn compile(file: File) -> Result<Catalogue, regex::Error> {
    let (mut patterns, mut own_wrappers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (place, entry) in file.failures.iter().enumerate() {
        for pattern in &entry.patterns {
            patterns.push((place, Regex::new(pattern)?));
            texts.push(pattern);
        }
        for wrapper in &entry.wrapper {
            own_wrappers.push((place, Regex::new(wrapper)?));
        }
    }
    Ok(Catalogue {
        harmless: RegexSet::new(&file.harmless)?,
        cascade: RegexSet::new(&file.cascade)?,
        wrappers: RegexSet::new(&file.wrappers)?,
        any: RegexSet::new(&texts)?,
        patterns,
        own_wrappers,
        entries: file.failures,
    })
}

/// The catalogue.
pub(super) fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

impl Catalogue {
    /// The entry that says most about a line: that of the longest match, the first of equals.
    pub fn entry(&self, line: &str) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        for number in &self.any.matches(line) {
            let Some((place, pattern)) = self.patterns.get(number) else { continue };
            let length = pattern.find_iter(line).map(|found| found.len()).max().unwrap_or(0);
            if best.is_none_or(|(_, longest)| length > longest) {
                best = Some((*place, length));
            }
        }
        best.map(|(place, _)| place)
    }

    /// The entries of which nothing but these words is ever seen.
    pub fn behind(&self, wrapper: &str) -> Vec<usize> {
        let mut places: Vec<usize> = self
            .own_wrappers
            .iter()
            .filter(|(_, pattern)| pattern.is_match(wrapper))
            .map(|(place, _)| *place)
            .collect();
        places.dedup();
        places
    }
}

/// Every failure of the catalogue, in the order of their numbers.
pub fn failures() -> impl Iterator<Item = Failure> {
    catalogue().entries.iter().map(Entry::failure)
}
