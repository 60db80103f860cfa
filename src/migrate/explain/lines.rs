//! Lines of any input: whatever its size and bytes, one line of bounded length at a time.

use std::io::{self, BufRead, ErrorKind};
use std::sync::LazyLock;

use regex::Regex;

use crate::fleet::printable;

/// What is kept of a line, in bytes; what stands behind it is passed over.
pub(super) const LONGEST: usize = 16 << 10;

/// What is shown of a line, in characters.
const SHOWN: usize = 600;

/// Calls for each line with its number, from 1, and its bytes without the line break.
pub(super) fn each(reader: &mut impl BufRead, mut take: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    let (mut number, mut begun) = (0, false);
    loop {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            if begun {
                take(number + 1, &line);
            }
            return Ok(());
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&part[..part.len().min(LONGEST - line.len())]);
        begun = true;
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            number += 1;
            take(number, &line);
            line.clear();
            begun = false;
        }
    }
}

/// Colours and other sequences of terminals.
static ESCAPES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("\u{1b}(\\[[0-9;?]*[ -/]*[@-~]|\\][^\u{7}\u{1b}]*(\u{7}|\u{1b}\\\\)?)").ok());

/// Bytes as text that can be matched and shown: one line, no escape sequences, no control characters, and quotes as
/// they were before a logger or an API put a backslash before them.
pub(super) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = match &*ESCAPES {
        Some(escapes) if text.contains('\u{1b}') => escapes.replace_all(&text, ""),
        _ => text,
    };
    let text = text.replace(['\t', '\r', '\n'], " ").replace("\\\"", "\"");
    printable(&text).trim().to_owned()
}

/// As much of a line as is worth showing.
pub(super) fn shown(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}
