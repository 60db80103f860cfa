//! Shell patterns on whole texts, as fnmatch(3) without flags: `*` matches slashes and leading dots, too.

/// Whether letters of both cases are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Case {
    /// They are not.
    Exact,
    /// They are.
    Fold,
}

/// Whether a pattern fits a text.
pub(super) fn fits(pattern: &str, text: &str, case: Case) -> bool {
    let characters = |text: &str| -> Vec<char> {
        if case == Case::Fold { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    matches(&characters(pattern), &characters(text))
}

fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut here) = (0, 0);
    // Where the last star stood and how far it has eaten.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, here));
            at += 1;
            continue;
        }
        match (one(&pattern[at..], text.get(here).copied()), here < text.len()) {
            (Some(length), true) => {
                at += length;
                here += 1;
                continue;
            }
            (_, false) if at == pattern.len() => return true,
            _ => {}
        }
        match star {
            Some((place, eaten)) if eaten < text.len() => {
                star = Some((place, eaten + 1));
                (at, here) = (place + 1, eaten + 1);
            }
            _ => return false,
        }
    }
}

/// How long the beginning of a pattern is that stands for this character.
fn one(pattern: &[char], character: Option<char>) -> Option<usize> {
    let character = character?;
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == character).then_some(2),
        ['[', ..] => match bracket(pattern, character) {
            Some((length, fits)) => fits.then_some(length),
            None => (character == '[').then_some(1),
        },
        [first, ..] => (*first == character).then_some(1),
        [] => None,
    }
}

/// The length of a bracket expression and whether it has the character; nothing where it does not end.
fn bracket(pattern: &[char], character: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let (mut at, mut found) = (start, false);
    loop {
        let first = *pattern.get(at)?;
        if first == ']' && at > start {
            return Some((at + 1, found != negated));
        }
        if first == '[' && pattern.get(at + 1) == Some(&':') {
            let end = at + 2 + pattern[at + 2..].windows(2).position(|pair| pair == [':', ']'])?;
            let name: String = pattern[at + 2..end].iter().collect();
            found |= class(&name, character);
            at = end + 2;
            continue;
        }
        let (first, after) = if first == '\\' { (*pattern.get(at + 1)?, at + 2) } else { (first, at + 1) };
        match (pattern.get(after), pattern.get(after + 1)) {
            (Some('-'), Some(last)) if *last != ']' => {
                found |= (first..=*last).contains(&character);
                at = after + 2;
            }
            _ => {
                found |= first == character;
                at = after;
            }
        }
    }
}

fn class(name: &str, c: char) -> bool {
    match name {
        "alpha" => c.is_ascii_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_ascii_alphanumeric(),
        "upper" => c.is_ascii_uppercase(),
        "lower" => c.is_ascii_lowercase(),
        "space" => c.is_ascii_whitespace() || c == '\u{b}',
        "punct" => c.is_ascii_punctuation(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_fnmatch_says() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", ".a/b", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]a]", "]", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[[:digit:]]*", "7up", true),
            ("*libpod-0a*", "./machine.slice/libpod-0a1", true),
        ] {
            assert_eq!(fits(pattern, text, Case::Exact), expected, "{pattern} {text}");
        }
        assert!(fits("*.TXT", "a.txt", Case::Fold));
    }
}
