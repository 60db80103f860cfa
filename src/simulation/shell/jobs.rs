//! Processes of the shell's own: subshells, parts of pipelines, what runs in the background.

use std::sync::Arc;
use std::time::Duration;

use super::flow::{Step, Tail, Unwind};
use super::start::End;
use super::state::{Shell, State};
use super::syntax::{AndOr, Command, List};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{self, Outside, Running};

/// Processes on one host before no more are made: a fork bomb must not take the whole program along.
const MOST_PROCESSES: usize = 1_000;

/// Above so many, each takes its time.
const CROWD: usize = 100;

/// A process takes as long to make as so many simple commands.
pub(super) const FORK_STEPS: u32 = 32;

/// What a process of the shell's own runs.
pub enum Work {
    AndOr(Arc<AndOr>),
    Command(Arc<Command>),
    List(Arc<List>),
}

impl Shell<'_> {
    /// A child with the environment that children are given.
    pub async fn fork(&mut self) -> Step<Process> {
        let count = self.process.machine.processes.count();
        if count >= MOST_PROCESSES {
            return self.fail("Cannot fork").await;
        }
        if count >= CROWD {
            Box::pin(self.process.machine.spend(Duration::from_millis(1))).await;
        }
        self.steps = self.steps.wrapping_add(FORK_STEPS);
        Ok(self.process.fork())
    }

    /// Lets a copy of this shell do something in a process of its own.
    pub fn spawn(&self, process: Process, work: Work) -> Running {
        programs::start(process, subshell(self.state.forked(), work))
    }

    /// Words as a program in a process of its own.
    pub fn spawn_program(&self, mut process: Process, words: Vec<String>) -> Running {
        process.environment = self.environment();
        programs::start_program(process, words)
    }
}

/// What a subshell does, as a function of its process.
fn subshell(state: State, work: Work) -> impl FnOnce(Process) -> futures::future::BoxFuture<'static, u8> {
    move |mut process| {
        Box::pin(async move {
            let outside = Outside::of(&process);
            let body = async {
                let mut shell = Shell { process: &mut process, state };
                let step = match &work {
                    Work::AndOr(list) => shell.and_or(list, Tail::Last).await,
                    Work::Command(command) => shell.command(command, Tail::Last).await,
                    Work::List(list) => shell.list(list, Tail::Last).await,
                };
                match shell.finish(step).await {
                    End::Code(code) => code,
                    End::Killed(signal) => 128 + signal.number(),
                    End::Exec(words) => programs::exec(&mut process, &words).await,
                }
            };
            outside.or(body).await
        })
    }
}

impl Shell<'_> {
    /// What is left to do when the commands have ended.
    pub async fn finish(&mut self, step: Step) -> End {
        match step {
            Err(Unwind::Exec(words)) => {
                self.state.traps.release(self.process);
                self.process.environment = self.environment();
                return End::Exec(words);
            }
            Err(Unwind::Killed(signal)) => return End::Killed(signal),
            _ => {}
        }
        match self.deliver_exit().await {
            Err(Unwind::Exec(words)) => End::Exec(words),
            Err(Unwind::Killed(signal)) => End::Killed(signal),
            _ => End::Code(self.status),
        }
    }
}
