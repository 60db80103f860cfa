//! What the terminal reports, as what the session understands; and the field for secrets.

use crossterm::event::{Event as Reported, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::session::{Key, QuestionId};

/// An answer that no event, no state and no recording ever holds.
pub struct SecretAnswer {
    /// The question it answers.
    pub id: QuestionId,
    /// What was typed.
    pub secret: String,
}

impl std::fmt::Debug for SecretAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretAnswer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A passphrase may be a sentence; nothing reasonable is longer.
const LONGEST_SECRET: usize = 4096;

/// The hidden field. It belongs to one question; another one begins with an empty field.
#[derive(Default)]
pub(crate) struct SecretField {
    owner: Option<QuestionId>,
    typed: String,
}

impl SecretField {
    /// Says whose answer is typed now.
    pub(crate) fn belong_to(&mut self, owner: Option<QuestionId>) {
        if self.owner != owner {
            self.owner = owner;
            self.wipe();
        }
    }

    /// Takes a key that is part of the secret or edits it; the others are for the session.
    pub(crate) fn takes(&mut self, key: Key) -> bool {
        match key {
            Key::Char(c) => self.add(c),
            Key::Backspace => {
                self.typed.pop();
            }
            Key::Ctrl('u') => self.wipe(),
            Key::Enter | Key::Esc | Key::Ctrl('c' | 'z') => return false,
            // Nothing else has a meaning here, and what was meant may be part of a secret.
            _ => {}
        }
        true
    }

    pub(crate) fn add(&mut self, c: char) {
        if !c.is_control() && self.typed.len() < LONGEST_SECRET {
            // Grow into a new allocation would leave a copy of the beginning behind.
            self.typed.reserve(LONGEST_SECRET - self.typed.len());
            self.typed.push(c);
        }
    }

    /// Hands the secret over and forgets it.
    pub(crate) fn take(&mut self) -> Option<SecretAnswer> {
        let id = self.owner.take()?;
        Some(SecretAnswer { id, secret: std::mem::take(&mut self.typed) })
    }

    fn wipe(&mut self) {
        let mut bytes = std::mem::take(&mut self.typed).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
}

/// What a report of the terminal means here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Key(Key),
    Paste(String),
    Size(u16, u16),
}

/// Reads a report; what has no meaning is `None`. Releases of keys are not presses.
pub(crate) fn read(reported: Reported) -> Option<Input> {
    match reported {
        Reported::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Input::Key),
        Reported::Paste(text) => Some(Input::Paste(text)),
        Reported::Resize(columns, rows) => Some(Input::Size(columns, rows)),
        _ => None,
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    let key = match event.code {
        KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Ctrl(c.to_ascii_lowercase())
        }
        KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::ALT) => Key::Alt(c),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => Key::BackTab,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::F(number @ 1..=12) => Key::Function(number),
        _ => return None,
    };
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presses_and_repeats_are_keys_and_releases_are_not() {
        let press =
            |kind| read(Reported::Key(KeyEvent::new_with_kind(KeyCode::Char('j'), KeyModifiers::NONE, kind)));
        assert_eq!(press(KeyEventKind::Press), Some(Input::Key(Key::Char('j'))));
        assert_eq!(press(KeyEventKind::Repeat), Some(Input::Key(Key::Char('j'))));
        assert_eq!(press(KeyEventKind::Release), None);
    }

    #[test]
    fn shifted_letters_stay_letters_and_control_is_lower_case() {
        let with = |code, modifiers| read(Reported::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(with(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Input::Key(Key::Char('G'))));
        assert_eq!(with(KeyCode::Char('C'), KeyModifiers::CONTROL), Some(Input::Key(Key::Ctrl('c'))));
        assert_eq!(with(KeyCode::Tab, KeyModifiers::SHIFT), Some(Input::Key(Key::BackTab)));
    }

    #[test]
    fn a_secret_is_edited_belongs_to_one_question_and_is_not_printed() {
        let mut field = SecretField::default();
        field.belong_to(Some(QuestionId(1)));
        for c in "wrong".chars() {
            assert!(field.takes(Key::Char(c)));
        }
        field.belong_to(Some(QuestionId(2)));
        for key in [Key::Char('a'), Key::Ctrl('u'), Key::Char('q'), Key::Char('x'), Key::Backspace, Key::Tab]
        {
            assert!(field.takes(key));
        }
        assert!(!field.takes(Key::Enter) && !field.takes(Key::Esc) && !field.takes(Key::Ctrl('c')));
        let answer = field.take().unwrap();
        assert_eq!((answer.id, answer.secret.as_str()), (QuestionId(2), "q"));
        assert!(!format!("{answer:?}").contains("\"q\""));
        assert!(field.take().is_none());
    }
}
