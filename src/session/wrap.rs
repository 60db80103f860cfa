//! Untrusted text cut and broken by what it takes on the screen, not by its number of characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::fleet::printable;

/// Makes a text safe and fits it into some columns; what is cut off is marked by `…`.
pub(crate) fn cut(text: &str, columns: u16) -> String {
    let text = printable(text);
    let columns = usize::from(columns);
    if text.width() <= columns {
        return text;
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > columns {
            break;
        }
        used += width;
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// Makes a text safe and breaks it into lines of some columns, between words where that is possible.
pub(crate) fn wrap(text: &str, columns: u16) -> Vec<String> {
    let columns = usize::from(columns).max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let paragraph = printable(paragraph.trim_end_matches('\r'));
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let gap = usize::from(!line.is_empty());
            if line.width() + gap + word.width() <= columns {
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                if line.width() + c.width().unwrap_or(0) > columns {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\nabcdefghij", 4), ["a", "abcd", "efgh", "ij"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語x", 6), "日本…");
        assert_eq!(cut("abc", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_room(text in "(.|\n){0,60}", columns in 2..30u16) {
            prop_assert!(cut(&text, columns).width() <= usize::from(columns));
            for line in wrap(&text, columns) {
                prop_assert!(line.width() <= usize::from(columns));
            }
        }
    }
}
