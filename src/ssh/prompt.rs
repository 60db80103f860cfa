//! Questions that only a person can answer: is this host key right, what is the passphrase.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

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
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let mut terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    if !terminal.is_terminal() {
        return Err(io::Error::other("no terminal to ask on"));
    }
    let restore = match echo {
        Echo::On => None,
        Echo::Off => {
            let before = tcgetattr(&terminal)?;
            let mut silent = before.clone();
            silent.local_modes &= !LocalModes::ECHO;
            silent.local_modes |= LocalModes::ECHONL;
            tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
            Some(Restore { terminal: &terminal, before })
        }
    };
    (&terminal).write_all(question.as_bytes())?;
    let answer = read_answer(&mut io::BufReader::new(&terminal));
    drop(restore);
    terminal.flush()?;
    answer
}

fn read_answer(input: &mut impl BufRead) -> io::Result<Secret> {
    let mut line = Zeroizing::new(String::new());
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret(line))
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
        let answer = read_answer(&mut io::Cursor::new(b" with spaces \r\nrest")).unwrap();
        assert_eq!(answer.expose(), " with spaces ");
        assert!(read_answer(&mut io::Cursor::new(b"")).is_err());
    }

    #[tokio::test]
    async fn without_anybody_to_ask_the_answer_is_no() {
        let host = HostName::new("h1").unwrap();
        assert!(!NoPrompter.confirm(&host, "sure?").await);
        assert!(NoPrompter.secret(&host, "passphrase").await.is_none());
    }
}
