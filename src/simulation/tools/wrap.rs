//! Programs that run another program: env, sudo, timeout, nice and their like.

use std::time::Duration;

use futures::future::{Either, select};

use super::call::{Call, Failure, Grammar, Outcome, fail, quoted};
use super::time;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{self, execute, locate};
use crate::simulation::machine::signal::Signal;

/// The exit code of a program that could not be run.
pub(super) fn unrunnable(error: Errno) -> u8 {
    if error == Errno::NotFound { 127 } else { 126 }
}

/// Runs another program in this process, as exec(2) does. `what` stands before its name when it cannot be run.
pub(super) async fn become_program(
    process: &mut Process,
    name: &str,
    words: &[String],
    what: &str,
) -> Outcome {
    let Some(program) = words.first() else { return Ok(0) };
    if let Err(error) = locate(process, program) {
        let shown = if what.is_empty() { quoted(program) } else { program.clone() };
        process.complain(format!("{name}: {what}{shown}: {error}")).await;
        return Ok(unrunnable(error));
    }
    process.set_words(words);
    Ok(execute(process, words).await?)
}

/// Runs another program in a process of its own and waits for its end.
pub(super) async fn run_child(process: &Process, words: &[String]) -> Result<u8, Errno> {
    let program = words.first().ok_or(Errno::NotFound)?;
    locate(process, program)?;
    Ok(programs::start_program(process.fork(), words.to_vec()).wait().await)
}

/// env(1)
pub(super) async fn env(process: &mut Process, words: &[String]) -> Outcome {
    let mut call = Call::parse(
        words,
        &Grammar {
            short: "+iu:0C:v",
            long: &[("ignore-environment", 'i'), ("unset=", 'u'), ("null", '0'), ("chdir=", 'C')],
            wrong: 125,
        },
    )?;
    if call.operands.first().is_some_and(|word| word == "-") {
        call.operands.remove(0);
        process.environment.clear();
    }
    if call.has('i') {
        process.environment.clear();
    }
    for (key, value) in &call.options {
        if *key == 'u' {
            process.environment.remove(value);
        }
    }
    let mut rest = call.operands.as_slice();
    while let Some((name, value)) = rest.first().and_then(|word| word.split_once('=')) {
        process.environment.insert(name.to_owned(), value.to_owned());
        rest = &rest[1..];
    }
    if let Some(path) = call.value('C') {
        match process.find(path, LastLink::Follow) {
            Ok(place) if place.node.is_directory() => process.directory = place.path,
            Ok(_) => {
                let text = format!("cannot change directory to {}: {}", quoted(path), Errno::NotADirectory);
                return Err(Failure::Said(125, text));
            }
            Err(error) => {
                let text = format!("cannot change directory to {}: {error}", quoted(path));
                return Err(Failure::Said(125, text));
            }
        }
    }
    if rest.is_empty() {
        let end = if call.has('0') { '\0' } else { '\n' };
        let text: String =
            process.environment.iter().map(|(name, value)| format!("{name}={value}{end}")).collect();
        process.out(text).await?;
        return Ok(0);
    }
    let rest = rest.to_vec();
    become_program(process, "env", &rest, "").await
}

/// printenv(1)
pub(super) async fn printenv(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "+0", long: &[("null", '0')], wrong: 2 })?;
    let end = if call.has('0') { '\0' } else { '\n' };
    if call.operands.is_empty() {
        let text: String =
            process.environment.iter().map(|(name, value)| format!("{name}={value}{end}")).collect();
        process.out(text).await?;
        return Ok(0);
    }
    let mut code = 0;
    for name in &call.operands {
        match process.environment.get(name).cloned() {
            Some(value) => process.out(format!("{value}{end}")).await?,
            None => code = 1,
        }
    }
    Ok(code)
}

/// sudo(8): everybody who comes here is root already.
pub(super) async fn sudo(process: &mut Process, words: &[String]) -> Outcome {
    let mut call = Call::parse(
        words,
        &Grammar {
            short: "+nEHSbiksvu:g:p:l",
            long: &[
                ("non-interactive", 'n'),
                ("preserve-env?", 'E'),
                ("set-home", 'H'),
                ("login", 'i'),
                ("shell", 's'),
                ("validate", 'v'),
                ("user=", 'u'),
                ("group=", 'g'),
            ],
            wrong: 1,
        },
    )?;
    while let Some((name, value)) = call.operands.first().and_then(|word| word.split_once('=')) {
        process.environment.insert(name.to_owned(), value.to_owned());
        call.operands.remove(0);
    }
    if call.operands.is_empty() {
        if call.has('i') || call.has('s') {
            call.operands.push("/bin/sh".into());
        } else if call.has('v') || call.has('k') {
            return Ok(0);
        } else {
            return fail("a command is required\nusage: sudo -h | -K | -k | -V");
        }
    }
    if locate(process, &call.operands[0]).is_err_and(|error| error == Errno::NotFound) {
        return fail(format!("{}: command not found", call.operands[0]));
    }
    become_program(process, "sudo", &call.operands, "").await
}

/// nice(1)
pub(super) async fn nice(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "+n:", long: &[("adjustment=", 'n')], wrong: 125 })?;
    if call.operands.is_empty() {
        process.out("0\n").await?;
        return Ok(0);
    }
    become_program(process, "nice", &call.operands, "").await
}

/// nohup(1)
pub(super) async fn nohup(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "+", long: &[], wrong: 125 })?;
    call.need_operand(words)?;
    process.ignore(Signal::Hangup);
    become_program(process, "nohup", &call.operands, "failed to run command ").await
}

/// setsid(1)
pub(super) async fn setsid(process: &mut Process, words: &[String]) -> Outcome {
    let call =
        Call::parse(words, &Grammar { short: "+cfw", long: &[("fork", 'f'), ("wait", 'w')], wrong: 1 })?;
    if call.has('f') {
        drop(programs::start_program(process.fork(), call.operands));
        return Ok(0);
    }
    become_program(process, "setsid", &call.operands, "failed to execute ").await
}

/// timeout(1)
pub(super) async fn timeout(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "+k:s:v",
            long: &[("kill-after=", 'k'), ("signal=", 's'), ("preserve-status", 'p'), ("foreground", 'f')],
            wrong: 125,
        },
    )?;
    let [limit, program, ..] = call.operands.as_slice() else {
        return Err(Failure::Said(125, "missing operand\nTry 'timeout --help' for more information.".into()));
    };
    let duration = |text: &str| {
        time::interval(text)
            .ok_or_else(|| Failure::Said(125, format!("invalid time interval {}", quoted(text))))
    };
    let limit = duration(limit)?;
    let signal: Signal = match call.value('s').unwrap_or("TERM").parse() {
        Ok(signal) => signal,
        Err(()) => return Err(Failure::Said(125, "invalid signal".into())),
    };
    if let Err(error) = locate(process, program) {
        process.complain(format!("timeout: failed to run command {}: {error}", quoted(program))).await;
        return Ok(unrunnable(error));
    }
    let mut child = programs::start_program(process.fork(), call.operands[1..].to_vec());
    let limit = if limit.is_zero() { Duration::MAX / 4 } else { limit };
    let clock = process.machine.clock.clone();
    if let Either::Left((code, _)) = select(Box::pin(child.wait()), Box::pin(clock.sleep(limit))).await {
        return Ok(code);
    }
    let send = |signal| {
        if let Some(entry) = process.machine.processes.get(child.id) {
            entry.signal(signal);
        }
    };
    send(signal);
    let patience = match call.value('k') {
        Some(text) => duration(text)?,
        None => Duration::MAX / 4,
    };
    let id = child.id;
    let code = match select(Box::pin(child.wait()), Box::pin(clock.sleep(patience))).await {
        Either::Left((code, _)) => code,
        Either::Right(_) => {
            if let Some(entry) = process.machine.processes.get(id) {
                entry.signal(Signal::Kill);
            }
            return Ok(128 + Signal::Kill.number());
        }
    };
    Ok(if call.has('p') || signal == Signal::Kill { code } else { 124 })
}
