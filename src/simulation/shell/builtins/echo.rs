//! `echo`, whose escapes dash always interprets.

use super::format::{Escapes, unescape};
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;

/// `echo`
pub async fn echo(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let (ends, words) = match words {
        [_, flag, rest @ ..] if flag == "-n" => (false, rest),
        [_, rest @ ..] => (true, rest),
        [] => (true, words),
    };
    let mut bytes = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            bytes.push(b' ');
        }
        if unescape(word, Escapes::Echo, &mut bytes).is_break() {
            return shell.say(bytes).await;
        }
    }
    if ends {
        bytes.push(b'\n');
    }
    shell.say(bytes).await
}
