//! sed's `s`.

use regex::bytes::{Captures, Regex};

/// One `s` command.
#[derive(Debug)]
pub(super) struct Substitution {
    /// What is looked for; none means the last one used.
    pub regex: Option<Regex>,
    /// What comes in its place.
    pub pieces: Vec<Piece>,
    /// All from the `nth` on.
    pub global: bool,
    /// Which one is replaced, from one.
    pub nth: u64,
    /// Whether the result is printed.
    pub print: bool,
}

/// A part of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// `\1`; 0 is `&`.
    Group(usize),
    /// `\U`, `\L`, `\u`, `\l`, `\E`
    Letters(char),
}

impl Piece {
    pub fn group(&self) -> Option<usize> {
        if let Self::Group(group) = self { Some(*group) } else { None }
    }
}

/// Reads the right side of `s`.
pub(super) fn parse_replacement(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = Vec::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let piece = match c {
            '&' => Piece::Group(0),
            '\\' => match characters.next() {
                Some(digit @ '0'..='9') => Piece::Group(digit as usize - '0' as usize),
                Some(letter @ ('U' | 'L' | 'u' | 'l' | 'E')) => Piece::Letters(letter),
                Some('n') => {
                    plain.push(b'\n');
                    continue;
                }
                Some('t') => {
                    plain.push(b'\t');
                    continue;
                }
                Some(other) => {
                    plain.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                None => continue,
            },
            other => {
                plain.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(piece);
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

impl Substitution {
    /// The changed text; nothing where nothing was found.
    pub fn apply(&self, regex: &Regex, text: &[u8]) -> Option<Vec<u8>> {
        let mut result = Vec::with_capacity(text.len());
        let mut end = 0;
        let mut changed = false;
        for (index, captures) in regex.captures_iter(text).enumerate() {
            let number = index as u64 + 1;
            if number < self.nth {
                continue;
            }
            let Some(found) = captures.get(0) else { continue };
            result.extend_from_slice(&text[end..found.start()]);
            self.replace(&captures, &mut result);
            end = found.end();
            changed = true;
            if !self.global {
                break;
            }
        }
        result.extend_from_slice(&text[end..]);
        changed.then_some(result)
    }

    fn replace(&self, captures: &Captures<'_>, result: &mut Vec<u8>) {
        let (mut all, mut one) = (None, None);
        for piece in &self.pieces {
            let bytes = match piece {
                Piece::Text(bytes) => bytes.as_slice(),
                Piece::Group(group) => captures.get(*group).map_or(&[][..], |found| found.as_bytes()),
                Piece::Letters(letter @ ('u' | 'l')) => {
                    one = Some(*letter);
                    continue;
                }
                Piece::Letters('E') => {
                    all = None;
                    continue;
                }
                Piece::Letters(letter) => {
                    all = Some(*letter);
                    continue;
                }
            };
            for byte in bytes {
                result.push(match one.take().or(all) {
                    Some('U' | 'u') => byte.to_ascii_uppercase(),
                    Some(_) => byte.to_ascii_lowercase(),
                    None => *byte,
                });
            }
        }
    }
}
