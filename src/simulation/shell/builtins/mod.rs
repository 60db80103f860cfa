//! The commands that a shell has in itself.

mod control;
mod declare;
mod directory;
mod echo;
mod format;
mod inquire;
mod printf;
mod processes;
mod read;
mod settings;
mod test;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::flow::{Step, Tail, Unwind};
use super::state::Shell;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::signal::Signal;

type Run = for<'a> fn(&'a mut Shell<'_>, &'a [String], Tail) -> BoxFuture<'a, Step<u8>>;

/// A builtin command.
#[derive(Clone, Copy)]
pub struct Builtin {
    name: &'static str,
    /// Whether it comes before functions, its assignments stay and its errors end the shell (POSIX' special ones).
    pub special: bool,
    pub run: Run,
}

macro_rules! builtins {
    ($($name:literal $special:literal $function:path,)*) => {
        &[$(Builtin {
            name: $name,
            special: $special,
            run: |shell, words, tail| Box::pin($function(shell, words, tail)),
        },)*]
    };
}

const BUILTINS: &[Builtin] = builtins![
    "." true control::dot,
    ":" true inquire::yes,
    "[" false test::test,
    "alias" false inquire::yes,
    "break" true control::leave_loop,
    "cd" false directory::cd,
    "chdir" false directory::cd,
    "command" false inquire::command,
    "continue" true control::leave_loop,
    "echo" false echo::echo,
    "eval" true control::eval,
    "exec" true control::exec,
    "exit" true control::exit,
    "export" true declare::export,
    "false" false inquire::no,
    "getopts" false settings::getopts,
    "hash" false inquire::yes,
    "jobs" false processes::jobs,
    "kill" false processes::kill,
    "local" true declare::local,
    "printf" false printf::printf,
    "pwd" false directory::pwd,
    "read" false read::read,
    "readonly" true declare::export,
    "return" true control::exit,
    "set" true settings::set,
    "shift" true settings::shift,
    "test" false test::test,
    "times" true settings::times,
    "trap" true processes::trap,
    "true" false inquire::yes,
    "type" false inquire::kind,
    "ulimit" false settings::ulimit,
    "umask" false settings::umask,
    "unalias" false inquire::yes,
    "unset" true declare::unset,
    "wait" false processes::wait,
];

/// The builtin of a name.
pub fn find(name: &str) -> Option<Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name).copied()
}

impl Shell<'_> {
    /// Writes to standard output; that nobody reads it any more ends the process, as SIGPIPE does.
    async fn say(&mut self, bytes: impl Into<Bytes>) -> Step<u8> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Ok(0);
        }
        match self.process.out(bytes).await {
            Ok(()) => return Ok(0),
            Err(Errno::BrokenPipe) if !self.process.ignores(Signal::Pipe) => {
                if self.traps.action(Some(Signal::Pipe)).is_none() {
                    return Err(Unwind::Killed(Signal::Pipe));
                }
                if let Some(entry) = self.process.machine.processes.get(self.process.id()) {
                    entry.signal(Signal::Pipe);
                }
            }
            Err(_) => {}
        }
        let name = self.builtin.clone().unwrap_or_default();
        self.refuse(1, format!("{name}: I/O error")).await
    }

    /// Says what is wrong and gives this exit code back.
    async fn refuse(&mut self, status: u8, message: impl AsRef<str> + Send) -> Step<u8> {
        self.complain(message).await;
        Ok(status)
    }

    /// A number that a builtin was given; what is none is an error.
    async fn number(&mut self, text: &str) -> Step<i64> {
        let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse().ok().filter(|_| valid) {
            Some(number) => Ok(number),
            None => self.fail(format!("Illegal number: {text}")).await,
        }
    }
}

/// The words after a builtin's name, without a `--`.
fn operands(words: &[String]) -> &[String] {
    match words {
        [_, dashes, rest @ ..] if dashes == "--" => rest,
        [_, rest @ ..] => rest,
        [] => &[],
    }
}
