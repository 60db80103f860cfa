//! How commands end other than by going on to the next.

use crate::simulation::machine::signal::Signal;

/// Why what comes next is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwind {
    /// Out of so many loops.
    Break(u32),
    /// To the next turn of the loop that is so many out.
    Continue(u32),
    /// Out of a function or a file that is read in.
    Return,
    /// The end of the shell.
    Exit,
    /// An error that ends a shell, unless somebody sits before it.
    Failed,
    /// Other words take this process over.
    Exec(Vec<String>),
    /// A signal ends it at once.
    Killed(Signal),
}

/// Going on, or not.
pub type Step<T = ()> = Result<T, Unwind>;

/// Whether a command is the last thing that its process does, so that it may take the process over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// More comes.
    More,
    /// Nothing comes after it.
    Last,
}
