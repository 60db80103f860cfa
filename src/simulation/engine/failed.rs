//! Why a command of an engine ended early.

use crate::simulation::machine::errno::Errno;

/// Why it ended; `USUAL` is the exit code of the engine's program when nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed<const USUAL: u8> {
    /// With these words, which the program may dress, and this exit code.
    Said(String, u8),
    /// Without a word.
    Silent(u8),
    /// Its output could not be written.
    Output(Errno),
}

impl<const USUAL: u8> Failed<USUAL> {
    /// With these words and the usual exit code.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self::Said(text.into(), USUAL)
    }
}

impl<const USUAL: u8> From<Errno> for Failed<USUAL> {
    fn from(error: Errno) -> Self {
        Self::Output(error)
    }
}

/// How a program ends whose command ended so: with an exit code, and words before it.
pub(super) fn ending<const USUAL: u8>(
    done: Result<(), Failed<USUAL>>,
) -> Result<(u8, Option<String>), Errno> {
    match done {
        Ok(()) => Ok((0, None)),
        Err(Failed::Silent(code)) => Ok((code, None)),
        Err(Failed::Said(text, code)) => Ok((code, Some(text))),
        Err(Failed::Output(error)) => Err(error),
    }
}
