//! Questions that only a person can answer: is this host key right, what is the passphrase.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::fleet::{HostName, printable};

/// A passphrase, password or code. It never prints itself and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Asks a person. The console answers with its own dialogs, headless commands through the terminal.
#[async_trait]
pub trait Prompter: Send + Sync {
    /// A question to be answered by yes or no. `text` may have several lines and is safe to show.
    async fn confirm(&self, host: &HostName, text: &str) -> bool;

    /// A question answered by something that must not be shown; `None` when there is no answer to be had.
    async fn secret(&self, host: &HostName, text: &str) -> Option<Secret>;
}

/// Answers no to everything: for tests, and where nobody can be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrompter;

#[async_trait]
impl Prompter for NoPrompter {
    async fn confirm(&self, _: &HostName, _: &str) -> bool {
        false
    }

    async fn secret(&self, _: &HostName, _: &str) -> Option<Secret> {
        None
    }
}

/// Asks on the controlling terminal (`/dev/tty`), one question at a time, with echo switched off for
/// secrets. Without a terminal every answer is no.
#[derive(Debug, Default)]
pub struct TerminalPrompter {
    /// Two hosts connecting at once must not mix their questions.
    turn: tokio::sync::Mutex<()>,
}

impl TerminalPrompter {
    /// A prompter for headless commands.
    pub fn new() -> Self {
        Self::default()
    }

    async fn ask(&self, question: String, echo: Echo) -> Option<Secret> {
        // Held while a person thinks: that is its purpose. Nothing but questions waits for it.
        let _turn = self.turn.lock().await;
        tokio::task::spawn_blocking(move || ask_terminal(&question, echo)).await.ok()?.ok()
    }
}

#[derive(Clone, Copy)]
enum Echo {
    On,
    Off,
}

/// Restores the terminal's settings however the question ends.
struct Restore<'a> {
    terminal: &'a std::fs::File,
    before: rustix::termios::Termios,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // Nothing can be done about a terminal that went away meanwhile.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn ask_terminal(question: &str, echo: Echo) -> io::Result<Secret> {
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    ask_on(&terminal, question, echo)
}

fn ask_on(mut terminal: &std::fs::File, question: &str, echo: Echo) -> io::Result<Secret> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

    if !terminal.is_terminal() {
        return Err(io::Error::other("no terminal to ask on"));
    }
    if matches!(echo, Echo::On) {
        terminal.write_all(question.as_bytes())?;
        return read_line(&mut io::BufReader::new(terminal));
    }
    let before = tcgetattr(terminal)?;
    let mut silent = before.clone();
    // Signals are off too: Ctrl-C would end the process with the echo still off. It comes as a byte instead.
    silent.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    silent.special_codes[SpecialCodeIndex::VMIN] = 1;
    silent.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(terminal, OptionalActions::Flush, &silent)?;
    let restore = Restore { terminal, before };
    terminal.write_all(question.as_bytes())?;
    let answer = read_silently(&mut &*terminal);
    drop(restore);
    terminal.write_all(b"\n")?;
    answer
}

fn read_line(input: &mut impl BufRead) -> io::Result<Secret> {
    let mut line = Zeroizing::new(String::new());
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret(line))
}

/// Reads an answer key by key, with the few keys for correcting it that people expect.
fn read_silently(input: &mut impl Read) -> io::Result<Secret> {
    // Enough for every passphrase, so that no half of it stays behind when the buffer would grow.
    let mut answer = Zeroizing::new(Vec::with_capacity(1024));
    loop {
        let mut key = [0];
        input.read_exact(&mut key)?;
        match key[0] {
            b'\r' | b'\n' => break,
            // Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\ and Escape: no answer.
            0x03 | 0x04 | 0x1a | 0x1b | 0x1c => return Err(io::ErrorKind::Interrupted.into()),
            // Backspace takes a whole character: the bytes after its first one begin with the bits 10.
            0x08 | 0x7f => while answer.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U: begin anew.
            0x15 => answer.clear(),
            byte if answer.len() < answer.capacity() => answer.push(byte),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    let text = std::str::from_utf8(&answer).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Secret::new(text.to_string()))
}

/// Keeps the lines of a question and makes everything else in it harmless.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[async_trait]
impl Prompter for TerminalPrompter {
    async fn confirm(&self, host: &HostName, text: &str) -> bool {
        let question = format!("{host}: {} [yes/no] ", lines(text));
        // A whole “yes”, as OpenSSH wants it: a trust decision should not hang on one stray key.
        self.ask(question, Echo::On).await.is_some_and(|answer| answer.expose().eq_ignore_ascii_case("yes"))
    }

    async fn secret(&self, host: &HostName, text: &str) -> Option<Secret> {
        self.ask(format!("{host}: {} ", lines(text)), Echo::Off).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter2".into());
        assert!(!format!("{secret:?} {:?}", Some(secret.clone())).contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn an_answer_loses_only_its_line_end() {
        let answer = read_line(&mut io::Cursor::new(b" with spaces \r\nrest")).unwrap();
        assert_eq!(answer.expose(), " with spaces ");
        assert!(read_line(&mut io::Cursor::new(b"")).is_err());
    }

    #[test]
    fn a_silent_answer_can_be_corrected_and_given_up() {
        let typed =
            |keys: &[u8]| read_silently(&mut io::Cursor::new(keys)).map(|answer| answer.expose().to_string());
        assert_eq!(typed(b"secret\r").unwrap(), "secret");
        assert_eq!(typed(b"x\x15se\xc3\xa9\x7fcret\x08t\n").unwrap(), "secret");
        for keys in [&b"abc\x03\n"[..], b"\x04", b"abc"] {
            assert!(typed(keys).is_err());
        }
        assert!(typed(&[b'a'; 5000]).is_err());
    }

    #[test]
    fn a_secret_is_not_echoed_and_the_terminal_is_as_before() {
        use portable_pty::{PtySize, native_pty_system};
        use rustix::termios::tcgetattr;

        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        let terminal = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let before = tcgetattr(&terminal).unwrap().local_modes;
        let mut screen = pair.master.try_clone_reader().unwrap();
        let mut keyboard = pair.master.take_writer().unwrap();
        let person = std::thread::spawn(move || {
            // The question is written once the echo is off, so whoever answers it cannot be seen.
            let mut shown = Vec::new();
            while !shown.ends_with(b"passphrase? ") {
                let mut byte = [0];
                screen.read_exact(&mut byte).unwrap();
                shown.push(byte[0]);
            }
            keyboard.write_all(b"hunter2\r").unwrap();
            let mut line = [0; 2];
            screen.read_exact(&mut line).unwrap();
            (shown, line)
        });
        let answer = ask_on(&terminal, "passphrase? ", Echo::Off).unwrap();
        assert_eq!(answer.expose(), "hunter2");
        assert_eq!(tcgetattr(&terminal).unwrap().local_modes, before);
        let (shown, line) = person.join().unwrap();
        assert_eq!((shown.as_slice(), &line), (&b"passphrase? "[..], b"\r\n"));
    }

    #[tokio::test]
    async fn without_anybody_to_ask_the_answer_is_no() {
        let host = HostName::new("h1").unwrap();
        assert!(!NoPrompter.confirm(&host, "sure?").await);
        assert!(NoPrompter.secret(&host, "passphrase").await.is_none());
    }
}
