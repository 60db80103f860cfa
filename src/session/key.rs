//! Keys as words: how a test or a script writes them, and how the footer and the help show them.

use std::fmt;
use std::str::FromStr;

use super::Key;

/// A word that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” names no key: write a character, or <enter>, <esc>, <tab>, <up>, <c-d>, <a-x>, <f1>, …")]
pub struct UnknownKey(String);

const NAMED: [(&str, Key); 16] = [
    ("<up>", Key::Up),
    ("<down>", Key::Down),
    ("<left>", Key::Left),
    ("<right>", Key::Right),
    ("<pageup>", Key::PageUp),
    ("<pagedown>", Key::PageDown),
    ("<home>", Key::Home),
    ("<end>", Key::End),
    ("<enter>", Key::Enter),
    ("<esc>", Key::Esc),
    ("<tab>", Key::Tab),
    ("<backtab>", Key::BackTab),
    ("<backspace>", Key::Backspace),
    ("<delete>", Key::Delete),
    ("<space>", Key::Char(' ')),
    ("<lt>", Key::Char('<')),
];

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(word: &str) -> Result<Self, UnknownKey> {
        if let Some((_, key)) = NAMED.iter().find(|(name, _)| *name == word) {
            return Ok(*key);
        }
        let unknown = || UnknownKey(crate::fleet::printable(word));
        let single = |text: &str| {
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        if let Some(inner) = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            if let Some(c) = inner.strip_prefix("c-").and_then(single) {
                return Ok(Self::Ctrl(c));
            }
            if let Some(c) = inner.strip_prefix("a-").and_then(single) {
                return Ok(Self::Alt(c));
            }
            return match inner.strip_prefix('f').and_then(|number| number.parse().ok()) {
                Some(number @ 1..=12) => Ok(Self::Function(number)),
                _ => Err(unknown()),
            };
        }
        single(word).map(Self::Char).ok_or_else(unknown)
    }
}

impl Key {
    /// Reads keys separated by white space: `j j m <enter>`.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, UnknownKey> {
        text.split_whitespace().map(str::parse).collect()
    }
}

/// The short form that the footer and the help show.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Char(' ') => "Space",
            Self::Char(c) => return write!(formatter, "{c}"),
            Self::Ctrl(c) => return write!(formatter, "Ctrl-{c}"),
            Self::Alt(c) => return write!(formatter, "Alt-{c}"),
            Self::Function(number) => return write!(formatter, "F{number}"),
            Self::Up => "↑",
            Self::Down => "↓",
            Self::Left => "←",
            Self::Right => "→",
            Self::PageUp => "PgUp",
            Self::PageDown => "PgDn",
            Self::Home => "Home",
            Self::End => "End",
            Self::Enter => "Enter",
            Self::Esc => "Esc",
            Self::Tab => "Tab",
            Self::BackTab => "Shift-Tab",
            Self::Backspace => "Backspace",
            Self::Delete => "Del",
        };
        formatter.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_strings_are_read() {
        let keys = Key::parse_all("j G / <c-d> <a-x> <f12> <enter> <lt> <space>").unwrap();
        let expected = [
            Key::Char('j'),
            Key::Char('G'),
            Key::Char('/'),
            Key::Ctrl('d'),
            Key::Alt('x'),
            Key::Function(12),
            Key::Enter,
            Key::Char('<'),
            Key::Char(' '),
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn words_that_name_no_key_are_refused() {
        for word in ["jj", "<f13>", "<enterr>", "<c->", "<>"] {
            assert!(word.parse::<Key>().is_err(), "{word}");
        }
    }
}
