//! What a shell knows: all that a subshell gets a copy of.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::flow::{Step, Unwind};
use super::options::Options;
use super::syntax::{Command, SyntaxError};
use super::traps::Traps;
use super::variables::{Variable, Variables};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::Running;

/// A shell at work.
pub struct Shell<'p> {
    pub process: &'p mut Process,
    pub state: State,
}

/// All that is not the process' own.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub variables: Variables,
    pub functions: BTreeMap<String, Arc<Command>>,
    /// `$0`
    pub name: String,
    /// `$1` and on.
    pub parameters: Vec<String>,
    pub options: Options,
    /// `$?`
    pub status: u8,
    /// Exit code of the last command substitution of the current command.
    pub substituted: Option<u8>,
    /// `$$`, which subshells keep.
    pub id: u32,
    /// `$!`
    pub background: Option<u32>,
    /// What runs in the background and was not waited for.
    pub jobs: BTreeMap<u32, Running>,
    pub traps: Traps,
    /// Line of the command that runs, for messages.
    pub line: u32,
    /// How many loops this is in.
    pub loops: u32,
    /// How many functions this is in, and for each what `local` has covered up.
    pub covered: Vec<Vec<(String, Option<Variable>)>>,
    /// How many constructs are being run within one another.
    pub depth: u32,
    /// Within how many conditions this is, where a failure does not end a `set -e`.
    pub tested: u32,
    /// Commands run so far.
    pub steps: u32,
    /// Those of them for which time has passed.
    pub steps_paid: u32,
    /// The directory as `cd` was told it, with its links.
    pub directory: String,
    /// Where `getopts` is in a word with several letters.
    pub letters: usize,
    /// The builtin that runs, for messages.
    pub builtin: Option<String>,
    /// Whether somebody sits before it.
    pub interactive: bool,
}

impl State {
    /// What a subshell begins with.
    pub fn forked(&self) -> Self {
        let mut state = self.clone();
        state.jobs.clear();
        state.traps.keep_ignored();
        state.interactive = false;
        state.loops = 0;
        state.depth = 0;
        state
    }
}

impl Deref for Shell<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Shell<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Shell<'_> {
    /// Says what is wrong, with the shell's name and the line, as dash does.
    pub fn complain(&self, message: impl AsRef<str>) -> BoxFuture<'_, ()> {
        let builtin = match &self.state.builtin {
            Some(name) => format!("{name}: "),
            None => String::new(),
        };
        let line = self.line.max(1);
        let line = format!("{}: {line}: {builtin}{}", self.name, message.as_ref());
        Box::pin(self.process.complain(line))
    }

    /// Says what is wrong and ends the shell with status 2.
    pub fn fail<T>(&mut self, message: impl AsRef<str>) -> BoxFuture<'_, Step<T>> {
        self.status = 2;
        let complaint = self.complain(message);
        Box::pin(async move {
            complaint.await;
            Err(Unwind::Failed)
        })
    }

    /// Says where a script's grammar is wrong.
    pub async fn complain_syntax(&mut self, error: &SyntaxError) {
        self.line = error.line;
        self.complain(&error.message).await;
        self.status = 2;
    }
}
