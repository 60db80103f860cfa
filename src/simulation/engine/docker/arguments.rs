//! Flags and arguments as Docker reads them; they are read as Podman's are, refused in other words.

use super::Failed;
use crate::simulation::engine::podman::{Arguments, read_words};

/// See [`read_words`]. A command that is refused says how it is used.
pub(super) fn parse<'a>(
    command: &str,
    known: &'static str,
    words: &[&'a str],
) -> Result<Arguments<'a>, Failed> {
    read_words(command, known, words).map_err(|text| {
        let first = text.lines().next().unwrap_or_default();
        Failed::Said(format!("{first}\nSee 'docker {command} --help'."), 125)
    })
}

/// As many words as a command wants.
pub(super) fn exactly<'a, const N: usize>(command: &str, words: &[&'a str]) -> Result<[&'a str; N], Failed> {
    words.try_into().map_err(|_| {
        let plural = if N == 1 { "" } else { "s" };
        Failed::new(format!(
            "\"docker {command}\" requires exactly {N} argument{plural}.\nSee 'docker {command} --help'.\n\nUsage:  docker {command}"
        ))
    })
}

/// At least one word.
pub(super) fn some(command: &str, words: &[&str]) -> Result<(), Failed> {
    if words.is_empty() {
        return Err(Failed::new(format!(
            "\"docker {command}\" requires at least 1 argument.\nSee 'docker {command} --help'.\n\nUsage:  docker {command} [OPTIONS] CONTAINER [CONTAINER...]"
        )));
    }
    Ok(())
}
