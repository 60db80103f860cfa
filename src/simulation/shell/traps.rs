//! `trap`: what a shell does about signals and at its end.

use std::collections::BTreeMap;

use futures::future::BoxFuture;

use super::flow::{Step, Tail, Unwind};
use super::state::Shell;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::signal::Signal;

/// What is waited for: a signal, or none for the shell's end.
pub type Condition = Option<Signal>;

/// Commands by what they wait for; an empty one means that it is ignored.
#[derive(Clone, Debug, Default)]
pub struct Traps(BTreeMap<Condition, String>);

impl Traps {
    /// Whether any command waits.
    pub fn any(&self) -> bool {
        self.0.values().any(|action| !action.is_empty())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&Condition, &String)> {
        self.0.iter()
    }

    /// What is to be done.
    pub fn action(&self, condition: Condition) -> Option<&String> {
        self.0.get(&condition)
    }

    /// A subshell does not inherit commands, but what is ignored stays so.
    pub fn keep_ignored(&mut self) {
        self.0.retain(|_, action| action.is_empty());
    }

    /// Sets or takes away an action, in the process too.
    pub fn change(&mut self, process: &Process, condition: Condition, action: Option<&str>) {
        if let Some(signal) = condition {
            // What was ignored when the shell began stays so.
            if process.ignores(signal) && !self.0.contains_key(&condition) {
                return;
            }
            match action {
                Some("") => process.ignore(signal),
                Some(_) => process.catch(signal),
                None => process.reset(signal),
            }
        }
        match action {
            Some(action) => self.0.insert(condition, action.to_owned()),
            None => self.0.remove(&condition),
        };
    }

    /// What another program in this process finds: nothing is caught any more.
    pub fn release(&self, process: &Process) {
        for (condition, action) in &self.0 {
            if let (Some(signal), false) = (condition, action.is_empty()) {
                process.reset(*signal);
            }
        }
    }
}

impl Shell<'_> {
    /// Runs the traps of the signals that have come.
    pub fn deliver<'a>(&'a mut self) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            for signal in self.process.caught() {
                if self.interactive
                    && signal == Signal::Interrupt
                    && self.traps.action(Some(signal)).is_none()
                {
                    self.status = 128 + signal.number();
                    return Err(Unwind::Failed);
                }
                let Some(action) = self.traps.action(Some(signal)).cloned() else { continue };
                let status = self.status;
                self.evaluate(&action, Tail::More).await?;
                self.status = status;
            }
            Ok(())
        })
    }

    /// Runs the trap for the end, once.
    pub fn deliver_exit<'a>(&'a mut self) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let Some(action) = self.traps.action(None).cloned() else { return Ok(()) };
            let process = &*self.process;
            self.state.traps.change(process, None, None);
            let status = self.status;
            let step = self.evaluate(&action, Tail::More).await;
            if step != Err(Unwind::Exit) {
                self.status = status;
            }
            step
        })
    }
}
