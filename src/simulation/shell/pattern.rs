//! Patterns: `*`, `?` and `[…]`.

use super::expand::Glyph;

/// A pattern that texts are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    Any,
    Many,
    Set(Kind, Vec<Member>),
}

/// Whether a set names what it matches, or what it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Listed,
    Others,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    Range(char, char),
    Class(String),
}

impl Pattern {
    /// The pattern that glyphs are: what is quoted stands for itself.
    pub fn of(glyphs: &[Glyph]) -> Self {
        // Each character with whether it may mean something.
        let mut characters = Vec::with_capacity(glyphs.len());
        let mut escaped = false;
        for glyph in glyphs {
            match glyph {
                Glyph::Plain('\\') | Glyph::Loose('\\') if !escaped => escaped = true,
                Glyph::Plain(character) | Glyph::Loose(character) => {
                    characters.push((*character, !std::mem::take(&mut escaped)));
                }
                Glyph::Quoted(character) => characters.push((*character, false)),
                Glyph::Break => characters.push((' ', false)),
                Glyph::Empty => {}
            }
        }
        let mut parts = Vec::with_capacity(characters.len());
        let mut at = 0;
        while let Some(character) = characters.get(at) {
            at += 1;
            parts.push(match character {
                ('*', true) => Part::Many,
                ('?', true) => Part::Any,
                ('[', true) => match set(&characters, at) {
                    Some((part, next)) => {
                        at = next;
                        part
                    }
                    None => Part::One('['),
                },
                (character, _) => Part::One(*character),
            });
        }
        parts.dedup_by(|second, first| *first == Part::Many && *second == Part::Many);
        Self(parts)
    }

    /// Whether it matches more than one text.
    pub fn has_wildcards(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::One(_)))
    }

    /// Its text, where it has no wildcards.
    pub fn literal(&self) -> String {
        self.0
            .iter()
            .filter_map(|part| if let Part::One(character) = part { Some(*character) } else { None })
            .collect()
    }

    /// Whether it asks for hidden files.
    pub fn starts_with_dot(&self) -> bool {
        self.0.first() == Some(&Part::One('.'))
    }

    /// Whether it matches the whole of a text. After a mismatch only the last `*` is tried with more, which takes
    /// at most the product of both lengths.
    pub fn matches(&self, text: &[char]) -> bool {
        let (mut part, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            match self.0.get(part) {
                Some(Part::Many) => {
                    star = Some((part, at));
                    part += 1;
                    continue;
                }
                Some(one) if text.get(at).is_some_and(|character| one.takes(*character)) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                None if at == text.len() => return true,
                _ => {}
            }
            let Some((again, from)) = star.filter(|(_, from)| *from < text.len()) else { return false };
            star = Some((again, from + 1));
            (part, at) = (again + 1, from + 1);
        }
    }
}

impl Part {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::One(one) => *one == character,
            Self::Any | Self::Many => true,
            Self::Set(kind, members) => {
                let listed = members.iter().any(|member| member.takes(character));
                listed == (*kind == Kind::Listed)
            }
        }
    }
}

impl Member {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Range(from, to) => (*from..=*to).contains(&character),
            Self::Class(name) => match name.as_str() {
                "alnum" => character.is_ascii_alphanumeric(),
                "alpha" => character.is_ascii_alphabetic(),
                "blank" => matches!(character, ' ' | '\t'),
                "cntrl" => character.is_ascii_control(),
                "digit" => character.is_ascii_digit(),
                "graph" => character.is_ascii_graphic(),
                "lower" => character.is_ascii_lowercase(),
                "print" => character.is_ascii_graphic() || character == ' ',
                "punct" => character.is_ascii_punctuation(),
                "space" => character.is_ascii_whitespace() || character == '\x0b',
                "upper" => character.is_ascii_uppercase(),
                "xdigit" => character.is_ascii_hexdigit(),
                _ => false,
            },
        }
    }
}

/// A set whose `[` stands before `at`, and where it ends; none where it has no end.
fn set(characters: &[(char, bool)], at: usize) -> Option<(Part, usize)> {
    let (kind, first) = match characters.get(at)? {
        ('!' | '^', true) => (Kind::Others, at + 1),
        _ => (Kind::Listed, at),
    };
    let mut members = Vec::new();
    let mut at = first;
    loop {
        let (character, means) = *characters.get(at)?;
        if character == ']' && means && at > first {
            return Some((Part::Set(kind, members), at + 1));
        }
        if character == '[' && means && characters.get(at + 1).is_some_and(|next| next.0 == ':') {
            let name: String = characters
                .iter()
                .skip(at + 2)
                .map(|(character, _)| *character)
                .take_while(|c| c.is_ascii_alphabetic())
                .collect();
            let end = at + 2 + name.len();
            if characters.get(end).is_some_and(|next| next.0 == ':')
                && characters.get(end + 1).is_some_and(|next| next.0 == ']')
            {
                members.push(Member::Class(name));
                at = end + 2;
                continue;
            }
        }
        match (characters.get(at + 1), characters.get(at + 2)) {
            (Some(('-', true)), Some((to, means))) if !(*to == ']' && *means) => {
                members.push(Member::Range(character, *to));
                at += 3;
            }
            _ => {
                members.push(Member::Range(character, character));
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let glyphs: Vec<Glyph> = pattern.chars().map(Glyph::Plain).collect();
        Pattern::of(&glyphs).matches(&text.chars().collect::<Vec<_>>())
    }

    #[test]
    fn wildcards_match_what_dash_matches() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "ä", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[!]]", "x", true),
            ("[a", "[a", true),
            ("[[:digit:]]*", "1a", true),
            ("[[:foo:]]", ":", false),
            ("[a-]", "-", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} and {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_decided_at_once() {
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
