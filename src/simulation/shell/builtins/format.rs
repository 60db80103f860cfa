//! Backslash sequences of `echo` and `printf`.

use std::ops::ControlFlow;

/// Whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// `echo` and `%b`: octal with a 0 before it, `\c` ends all output.
    Echo,
    /// The format of `printf`: octal without.
    Format,
}

/// Adds a text with its sequences interpreted; a break means that nothing more is to be written.
pub fn unescape(text: &str, escapes: Escapes, out: &mut Vec<u8>) -> ControlFlow<()> {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(next) = bytes.next() else {
            out.push(b'\\');
            break;
        };
        let byte = match next {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            b'c' if escapes == Escapes::Echo => return ControlFlow::Break(()),
            b'0'..=b'7' => {
                let leading = escapes == Escapes::Echo && next == b'0';
                let (mut value, most) = if leading { (0, 3) } else { (u32::from(next - b'0'), 2) };
                for _ in 0..most {
                    let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                }
                value as u8
            }
            other => {
                out.push(b'\\');
                other
            }
        };
        out.push(byte);
    }
    ControlFlow::Continue(())
}
