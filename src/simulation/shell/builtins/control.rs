//! Builtins that decide what runs next.

use super::operands;
use crate::simulation::machine::errno::Errno;
use crate::simulation::shell::flow::{Step, Tail, Unwind};
use crate::simulation::shell::state::Shell;

/// `.`
pub async fn dot(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let Some(name) = operands(words).first() else { return Ok(0) };
    let mut path = name.clone();
    if !name.contains('/') {
        let places = shell.variables.value("PATH").unwrap_or_default().to_owned();
        let found = places.split(':').map(|place| format!("{place}/{name}"));
        match found.into_iter().find(|path| shell.process.content(path).is_ok()) {
            Some(found) => path = found,
            None => return shell.fail(format!("{name}: not found")).await,
        }
    }
    let content = match shell.process.content(&path) {
        Ok(content) => content,
        Err(error) => {
            let reason = if error == Errno::NotFound { "No such file".into() } else { error.to_string() };
            return shell.fail(format!("cannot open {path}: {reason}")).await;
        }
    };
    let text = String::from_utf8_lossy(&content).into_owned();
    nested(shell, &text, Tail::More).await
}

/// `eval`
pub async fn eval(shell: &mut Shell<'_>, words: &[String], tail: Tail) -> Step<u8> {
    let text = operands(words).join(" ");
    match run(shell, &text, tail).await {
        Ok(()) => Ok(shell.status),
        Err(unwind) => Err(unwind),
    }
}

async fn nested(shell: &mut Shell<'_>, text: &str, tail: Tail) -> Step<u8> {
    match run(shell, text, tail).await {
        Ok(()) | Err(Unwind::Return) => Ok(shell.status),
        Err(unwind) => Err(unwind),
    }
}

async fn run(shell: &mut Shell<'_>, text: &str, tail: Tail) -> Step {
    shell.status = 0;
    let line = shell.line;
    let step = shell.evaluate(text, tail).await;
    shell.line = line;
    step
}

/// `exec`
pub async fn exec(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let words = operands(words);
    if words.is_empty() {
        return Ok(0);
    }
    // What is not found is said here and ends the shell.
    match shell.program(words.to_vec(), Tail::Last).await {
        Ok(()) if shell.traps.any() && shell.status < 126 => Err(Unwind::Exit),
        Ok(()) => Err(Unwind::Exit),
        Err(unwind) => Err(unwind),
    }
}

/// `exit` and `return`
pub async fn exit(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    if let Some(word) = operands(words).first() {
        shell.status = shell.number(word).await? as u8;
    }
    let returns = words.first().is_some_and(|name| name == "return");
    Err(if returns { Unwind::Return } else { Unwind::Exit })
}

/// `break` and `continue`
pub async fn leave_loop(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let count = match operands(words).first() {
        Some(word) => shell.number(word).await?,
        None => 1,
    };
    if count < 1 {
        let count = count.to_string();
        return shell.fail(format!("Illegal number: {count}")).await;
    }
    let Some(loops) = std::num::NonZeroU32::new(shell.loops) else { return Ok(0) };
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(loops.get());
    shell.status = 0;
    let goes_on = words.first().is_some_and(|name| name == "continue");
    Err(if goes_on { Unwind::Continue(count) } else { Unwind::Break(count) })
}
