//! The shell of the simulated hosts: a POSIX `sh` with dash's behaviour and messages.
//!
//! In comes a process and its words (`sh -c SCRIPT`, `sh FILE`, or commands on standard input); programs are run
//! in processes of their own through [`programs`], and out comes an exit code. What is here follows dash and is
//! compared with a real one in the tests, because drover's scripts are written for it.
//!
//! [`programs`]: super::machine::programs

mod arithmetic;
mod builtins;
mod expand;
mod flow;
mod jobs;
mod options;
mod pattern;
mod redirect;
mod run;
mod simple;
mod start;
mod state;
mod syntax;
mod traps;
mod variables;

#[cfg(test)]
mod tests;

use super::machine::programs::Program;

pub use start::interactive;

/// Its programs by name.
pub const PROGRAMS: &[(&str, Program)] = &[("sh", MAIN), ("dash", MAIN), ("bash", MAIN)];

/// The shell itself.
pub const MAIN: Program = |process, words| Box::pin(start::main(process, words));
