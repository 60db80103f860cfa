//! Where in a text something is wrong, and which word was probably meant.

use std::ops::Range;

use super::printable;

/// One mistake in a file that a person has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong and what was probably meant, printable.
    pub text: String,
}

impl Problem {
    /// A problem at a byte range of `source`.
    pub(crate) fn at(source: &str, span: Range<usize>, text: impl Into<String>) -> Self {
        let (line, column) = position(source, span.start);
        Self { line, column, text: printable(&text.into()) }
    }
}

/// Line and column of a byte offset. An offset behind the last line break belongs to the last line that
/// exists, so that an editor can go there.
fn position(source: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let (mut before, after) = source.split_at(end);
    if after.is_empty() {
        before = before.strip_suffix('\n').unwrap_or(before);
    }
    let line = before.matches('\n').count() + 1;
    let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start_of_line..].chars().count() + 1)
}

/// The end of a message about an unknown word: the nearest known one, or all of them.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    // A third of the letters may differ: enough for a slip or two, too little for another word.
    let near_enough = (word.chars().count() / 3).max(1);
    let nearest = known
        .iter()
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance);
    // “memory” for “memory_reserve”, “identity_file” for “identity”.
    let beginning = |candidate: &&&str| {
        word.len().min(candidate.len()) >= 4 && (word.starts_with(**candidate) || candidate.starts_with(word))
    };
    match nearest.map(|(_, candidate)| candidate).or_else(|| known.iter().find(beginning)) {
        Some(candidate) => format!("did you mean “{candidate}”?"),
        None if known.is_empty() => "there is none to choose from".into(),
        None => format!("known are {}", quoted(known)),
    }
}

/// Words in quotation marks, with commas.
pub(crate) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_stay_inside() {
        assert_eq!(position("é = 1\nab", 3), (1, 3));
        assert_eq!(position("a\nbc\n", 2), (2, 1));
        assert_eq!(position("a\nbc\n", 5), (2, 3));
        assert_eq!(position("", 9), (1, 1));
    }

    #[test]
    fn the_nearest_word_wins() {
        let known = ["address", "user", "port"];
        assert_eq!(suggestion("adress", &known), "did you mean “address”?");
        assert_eq!(suggestion("prot", &known), "did you mean “port”?");
        assert_eq!(suggestion("username", &known), "did you mean “user”?");
        assert_eq!(suggestion("colour", &known), "known are “address”, “user”, “port”");
    }
}
