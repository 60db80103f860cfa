//! Texts as they appear, and what is made of them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::catalogue::{catalogue, compile, read};
use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    cases: Vec<Case>,
    lines: Vec<Lines>,
}

/// Other wordings of a failure, each alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    id: String,
    texts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: Option<String>,
    name: String,
    /// Where the text is from; for readers.
    #[serde(rename = "from")]
    _from: Option<String>,
    #[serde(default = "known")]
    verdict: String,
    line: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    candidates: Vec<String>,
    process: Option<String>,
    log: Option<String>,
    text: String,
}

fn known() -> String {
    "known".into()
}

fn file() -> Golden {
    toml::from_str(include_str!("golden.toml")).unwrap()
}

fn ids(references: &[Reference]) -> Vec<&str> {
    references.iter().map(|reference| reference.id.as_str()).collect()
}

#[test]
fn every_text_is_taken_for_what_it_is() {
    let mut wrong = Vec::new();
    for case in file().cases {
        let found = explain(&case.text);
        let (word, id, candidates) = match &found.verdict {
            Verdict::Known { failure } => ("known", Some(failure.id.as_str()), &[][..]),
            Verdict::Unknown => ("unknown", None, &[][..]),
            Verdict::Consequence => ("consequence", None, &[][..]),
            Verdict::Wrapper { candidates } => ("wrapper", None, &candidates[..]),
            Verdict::Nothing => ("nothing", None, &[][..]),
        };
        let line = match (&found.line, &case.line) {
            (Some(line), Some(expected)) => line.contains(expected),
            (line, expected) => line.is_none() && expected.is_none(),
        };
        let command = found.process.as_ref().and_then(|process| process.command.as_deref());
        let right = word == case.verdict
            && id == case.id.as_deref()
            && line
            && ids(&found.also) == case.also
            && ids(candidates) == case.candidates
            && command == case.process.as_deref()
            && found.log == case.log;
        if !right {
            wrong.push(format!("{}: {found:#?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_entry_has_a_text_or_says_what_is_seen_instead() {
    let cases = file().cases;
    let shown: BTreeSet<&str> =
        cases.iter().flat_map(|case| case.id.iter().chain(&case.candidates)).map(String::as_str).collect();
    for entry in &catalogue().entries {
        assert_ne!(
            shown.contains(entry.id()),
            entry.patterns.is_empty() && entry.wrapper.is_empty(),
            "{}",
            entry.id()
        );
        let silent = entry.patterns.is_empty() && entry.wrapper.is_empty();
        assert!(!silent || entry.sign.is_some(), "{}: neither words nor a sign", entry.id());
    }
    let silent = catalogue().entries.iter().filter(|entry| !shown.contains(entry.id()));
    assert_eq!(silent.map(|entry| entry.id()).collect::<Vec<_>>(), ["F35", "F65"]);
}

#[test]
fn every_other_wording_is_known_too_and_no_pattern_is_dead() {
    let file = file();
    for Lines { id, texts } in &file.lines {
        for text in texts {
            let found = explain(text);
            assert_eq!(found.failure().map(|failure| &failure.id), Some(id), "{text}: {found:#?}");
        }
    }
    let cases = file.cases.iter().flat_map(|case| case.text.lines());
    let texts: Vec<&str> =
        cases.chain(file.lines.iter().flat_map(|one| one.texts.iter().map(String::as_str))).collect();
    for entry in &catalogue().entries {
        for pattern in &entry.patterns {
            let pattern = regex::Regex::new(pattern).unwrap();
            assert!(
                texts.iter().any(|text| pattern.is_match(text)),
                "{}: nothing shows {pattern}",
                entry.id()
            );
        }
    }
}

#[test]
fn the_catalogue_is_complete_and_in_order() {
    let file = read().unwrap();
    let numbers: Vec<String> = file.failures.iter().map(|entry| entry.id().to_owned()).collect();
    assert_eq!(numbers, (1..=70).map(|number| format!("F{number}")).collect::<Vec<_>>());
    assert!(compile(file).is_ok());
    assert_eq!(catalogue().entries.len(), 70, "what is used is what stands there");
    for failure in failures() {
        let Failure { id, title, stages, sign: _, cause, fix, check, overriding } = failure;
        assert!(!stages.is_empty() && stages.is_sorted(), "{id}");
        assert!(!title.is_empty() && !title.ends_with('.'), "{id}");
        for sentence in [&cause, &fix] {
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{id}: {sentence}");
        }
        let word = |check: &str| check.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(check.as_deref().is_none_or(word), "{id}: {check:?}");
        assert!(check.is_some() || overriding == Overriding::Useless, "{id}: nothing to override");
    }
}
