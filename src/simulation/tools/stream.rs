//! Passing bytes on: cat, tee.

use std::sync::Arc;

use super::call::{Call, Grammar, Outcome, fail, input, quoted};
use super::lines::{Lines, PIECE};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::signal::Signal;

/// cat(1)
pub(super) async fn cat(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "AbeEnstTuv",
            long: &[
                ("show-all", 'A'),
                ("number-nonblank", 'b'),
                ("show-ends", 'E'),
                ("number", 'n'),
                ("squeeze-blank", 's'),
                ("show-tabs", 'T'),
                ("show-nonprinting", 'v'),
            ],
            wrong: 1,
        },
    )?;
    let plain = call.options.iter().all(|(key, _)| *key == 'u');
    let mut code = 0;
    let mut numbered = Numbered::default();
    for path in call.inputs() {
        let copied = match input(process, &path).await {
            Ok(file) if plain => copy(process, &file).await?,
            Ok(file) => decorate(process, &call, &mut numbered, file).await?,
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            process.complain(format!("cat: {path}: {error}")).await;
            code = 1;
        }
    }
    Ok(code)
}

/// Passes a file on to standard output. The inner result is that of reading.
pub(super) async fn copy(process: &Process, file: &OpenFile) -> Result<Result<(), Errno>, Errno> {
    loop {
        match file.read(PIECE).await {
            Ok(bytes) if bytes.is_empty() => return Ok(Ok(())),
            Ok(bytes) => process.out(bytes).await?,
            Err(error) => return Ok(Err(error)),
        }
    }
}

#[derive(Default)]
struct Numbered {
    line: u64,
    blank: bool,
}

async fn decorate(
    process: &Process,
    call: &Call,
    state: &mut Numbered,
    file: Arc<OpenFile>,
) -> Result<Result<(), Errno>, Errno> {
    let all = call.has('A');
    let ends = all || call.has('E') || call.has('e');
    let tabs = all || call.has('T') || call.has('t');
    let visible = all || call.has('v') || call.has('e') || call.has('t');
    let mut lines = Lines::new(file, b'\n');
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let blank = line.bytes.is_empty();
        if call.has('s') && blank && std::mem::replace(&mut state.blank, blank) {
            continue;
        }
        state.blank = blank;
        let mut text = Vec::new();
        if call.has('b') && !blank || call.has('n') && !call.has('b') {
            state.line += 1;
            text.extend(format!("{:>6}\t", state.line).bytes());
        }
        for byte in line.bytes {
            match byte {
                b'\t' if tabs => text.extend(b"^I"),
                b'\t' => text.push(byte),
                _ if visible => show(byte, &mut text),
                _ => text.push(byte),
            }
        }
        if line.ended {
            text.extend_from_slice(if ends { b"$\n" } else { b"\n" });
        }
        process.out(text).await?;
    }
}

fn show(byte: u8, text: &mut Vec<u8>) {
    if byte >= 128 {
        text.extend(b"M-");
    }
    match byte & 127 {
        127 => text.extend(b"^?"),
        control @ 0..32 => text.extend([b'^', control + 64]),
        other => text.push(other),
    }
}

/// What tee(1) does when an output cannot be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnError {
    /// A pipe without a reader ends it by its signal, all else is said.
    Usual,
    /// All is said.
    Warn,
    /// All but a pipe without a reader is said.
    WarnOthers,
    /// All ends it.
    Exit,
    /// All but a pipe without a reader ends it.
    ExitOthers,
}

/// tee(1)
pub(super) async fn tee(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "aip",
            long: &[("append", 'a'), ("ignore-interrupts", 'i'), ("output-error?", 'p')],
            wrong: 1,
        },
    )?;
    let on_error = match call.value('p') {
        None => OnError::Usual,
        Some("" | "warn-nopipe") => OnError::WarnOthers,
        Some("warn") => OnError::Warn,
        Some("exit") => OnError::Exit,
        Some("exit-nopipe") => OnError::ExitOthers,
        Some(other) => return fail(format!("invalid argument {} for '--output-error'", quoted(other))),
    };
    if call.has('i') {
        process.ignore(Signal::Interrupt);
    }
    let access = if call.has('a') { Access::Append } else { Access::Write };
    let mut code = 0;
    let mut outputs: Vec<(String, Arc<OpenFile>)> = Vec::new();
    if let Some(file) = process.files.get(&1) {
        outputs.push(("'standard output'".to_owned(), file.clone()));
    }
    for path in &call.operands {
        match process.open(path, access).await {
            Ok(file) => outputs.push((path.clone(), file)),
            Err(error) => {
                process.complain(format!("tee: {path}: {error}")).await;
                code = 1;
                if matches!(on_error, OnError::Exit | OnError::ExitOthers) {
                    return Ok(1);
                }
            }
        }
    }
    while !outputs.is_empty() {
        let bytes = process.read(0, PIECE).await?;
        if bytes.is_empty() {
            break;
        }
        let mut kept = Vec::with_capacity(outputs.len());
        for (name, file) in outputs {
            let Err(error) = file.write(bytes.clone()).await else {
                kept.push((name, file));
                continue;
            };
            let broken = error == Errno::BrokenPipe;
            match on_error {
                OnError::Usual if broken && !process.ignores(Signal::Pipe) => return Err(error.into()),
                OnError::WarnOthers | OnError::ExitOthers if broken => continue,
                _ => process.complain(format!("tee: {name}: {error}")).await,
            }
            code = 1;
            if matches!(on_error, OnError::Exit | OnError::ExitOthers) {
                return Ok(1);
            }
        }
        outputs = kept;
    }
    Ok(code)
}
