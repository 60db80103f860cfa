//! `set -e` and its like.

/// The options that can be switched, by letter and by name.
pub const OPTIONS: [(char, &str); 16] = [
    ('e', "errexit"),
    ('f', "noglob"),
    ('I', "ignoreeof"),
    ('i', "interactive"),
    ('m', "monitor"),
    ('n', "noexec"),
    ('s', "stdin"),
    ('x', "xtrace"),
    ('v', "verbose"),
    ('V', "vi"),
    ('E', "emacs"),
    ('C', "noclobber"),
    ('a', "allexport"),
    ('b', "notify"),
    ('u', "nounset"),
    ('l', "nolog"),
];

/// Which are on, by letter.
#[derive(Clone, Debug, Default)]
pub struct Options(String);

impl Options {
    /// Whether one is on.
    pub fn has(&self, letter: char) -> bool {
        self.0.contains(letter)
    }

    /// Switches one; false if there is none of that letter.
    pub fn switch(&mut self, letter: char, on: bool) -> bool {
        self.0.retain(|known| known != letter);
        if on {
            self.0.push(letter);
        }
        OPTIONS.iter().any(|(known, _)| *known == letter)
    }

    /// What `$-` says.
    pub fn letters(&self) -> String {
        OPTIONS.iter().rev().map(|(letter, _)| *letter).filter(|letter| self.has(*letter)).collect()
    }
}
