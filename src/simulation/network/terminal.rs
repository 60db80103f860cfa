//! The least of a terminal's line discipline that a person needs who logs in by plain ssh: an echo, backspace,
//! Ctrl-C, Ctrl-D and Ctrl-U, and a carriage return before each line feed.

use crate::simulation::machine::signal::Signal;

/// What came of some typed bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// What the person sees of it.
    pub echo: Vec<u8>,
    /// Lines that are ready for the program.
    pub input: Vec<u8>,
    /// Whether the end of the input was typed.
    pub end: bool,
    /// A signal that was typed.
    pub signal: Option<Signal>,
}

/// A line that is being typed.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: Vec<u8>,
    /// Within an escape sequence of a cursor key, which means nothing here.
    escape: bool,
}

impl Line {
    pub fn type_bytes(&mut self, bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        for byte in bytes {
            if self.escape {
                self.escape = !byte.is_ascii_alphabetic() && *byte != b'~';
                continue;
            }
            match byte {
                b'\r' | b'\n' => {
                    self.text.push(b'\n');
                    typed.echo.extend_from_slice(b"\r\n");
                    typed.input.append(&mut self.text);
                }
                0x7f | 0x08 => {
                    if self.text.pop().is_some() {
                        typed.echo.extend_from_slice(b"\x08 \x08");
                    }
                }
                0x15 => {
                    for _ in self.text.drain(..) {
                        typed.echo.extend_from_slice(b"\x08 \x08");
                    }
                }
                0x03 => {
                    self.text.clear();
                    typed.echo.extend_from_slice(b"^C\r\n");
                    typed.signal = Some(Signal::Interrupt);
                }
                0x04 if self.text.is_empty() => typed.end = true,
                0x04 => typed.input.append(&mut self.text),
                0x1b => self.escape = true,
                byte if *byte < 0x20 && *byte != b'\t' => {}
                byte => {
                    self.text.push(*byte);
                    typed.echo.push(*byte);
                }
            }
        }
        typed
    }
}

/// What a terminal makes of a program's output.
pub(super) fn shown(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(*byte);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_before_the_program_gets_it() {
        let mut line = Line::default();
        let typed = line.type_bytes(b"lx\x7fs\x1b[A -l\r");
        assert_eq!(typed.input, b"ls -l\n");
        assert_eq!(typed.echo, b"lx\x08 \x08s -l\r\n");
        let typed = line.type_bytes(b"sleep 9\x03\x04");
        assert_eq!((typed.signal, typed.end, typed.input), (Some(Signal::Interrupt), true, vec![]));
        assert_eq!(shown(b"a\nb"), b"a\r\nb");
    }
}
