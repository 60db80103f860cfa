//! awk(1): mawk's language by the crate `awk-rs`, which sees nothing but what it is handed.
//!
//! The crate's interpreter knows the real machine's files, environment, clock and commands. So a program is read into
//! its tree first ([`guard`]): what would reach outside is refused or put in order there, and the environment, the
//! time and the files are given to it as values. Bytes that are no ASCII become characters of a private area on the
//! way in and bytes again on the way out, since mawk works on bytes.

mod bytes;
mod guard;

use std::io::BufReader;

use awk_rs::ast::Block;
use awk_rs::interpreter::stmt::StmtResult;
use awk_rs::{Interpreter, Lexer, Parser};

use self::guard::{Guarded, guarded};
use super::call::{Call, Failure, Grammar, Outcome, input};
use super::lines::read_whole;
use crate::simulation::machine::process::Process;

fn failed<T>(text: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure::Said(2, text.to_string()))
}

/// Variables that the crate does not keep with the others.
const BUILT_IN: [&str; 8] = ["FS", "OFS", "RS", "ORS", "OFMT", "CONVFMT", "SUBSEP", "NR"];

/// awk(1)
pub(super) async fn awk(process: &mut Process, words: &[String]) -> Outcome {
    let mut call = Call::parse(
        words,
        &Grammar {
            short: "+F:v:f:W:",
            long: &[("field-separator=", 'F'), ("assign=", 'v'), ("file=", 'f'), ("version", 'V')],
            wrong: 2,
        },
    )?;
    let mut text = Vec::new();
    // Built-in variables must be set by the program itself: the crate keeps them apart from the others.
    let (mut built_in, mut variables) = (Vec::new(), Vec::new());
    for (key, value) in &call.options {
        match key {
            'F' => built_in.push(("FS".to_owned(), separator(value))),
            'v' => match assignment(value) {
                Some(pair) if BUILT_IN.contains(&pair.0.as_str()) => built_in.push(pair),
                Some(pair) => variables.push(pair),
                None => return failed(format!("improper assignment: -v {value}")),
            },
            'f' => match input(process, value).await {
                Ok(file) => text.push(String::from_utf8_lossy(&read_whole(&file).await?).into_owned()),
                Err(error) => return failed(format!("couldn't open file {value}: {error}")),
            },
            _ => {}
        }
    }
    if text.is_empty() {
        if call.operands.is_empty() {
            process.complain("usage: awk [options] [--] 'program' [file ...]").await;
            return Ok(2);
        }
        text.push(call.operands.remove(0));
    }
    let facts = guard::Facts {
        now: process.machine.calendar(),
        environment: process.environment.clone(),
        assigned: built_in,
    };
    let program = match parse(&bytes::inward(text.join("\n").as_bytes()), facts) {
        Ok(program) => program,
        Err(text) => return failed(text),
    };
    let mut inputs = Vec::new();
    let mut names = Vec::new();
    let mut missing = Vec::new();
    let mut arguments = vec!["awk".to_owned()];
    arguments.extend(call.operands.iter().cloned());
    let files: Vec<&String> = call.operands.iter().filter(|word| assignment(word).is_none()).collect();
    let from_operands: Vec<(String, String)> =
        call.operands.iter().filter_map(|word| assignment(word)).collect();
    if program.reads {
        if files.is_empty() {
            inputs.push(bytes::inward(&process.read_all(0).await?));
            names.push(String::new());
        }
        for path in files {
            let read = match input(process, path).await {
                Ok(file) => read_whole(&file).await,
                Err(error) => Err(error),
            };
            match read {
                Ok(bytes) => {
                    inputs.push(bytes::inward(&bytes));
                    names.push(if path == "-" { String::new() } else { path.clone() });
                }
                // mawk ends at a file that it cannot open, and says nothing of what comes after it.
                Err(error) => {
                    missing.push(format!("cannot open {path} ({error})"));
                    break;
                }
            }
        }
    }
    let cut_short = !missing.is_empty();
    let job = Job { program, arguments, variables, assigned: from_operands, inputs, names, cut_short };
    // In a thread of its own: a program may work for long, or break the interpreter.
    let (out, code) = match tokio::task::spawn_blocking(move || job.run()).await {
        Ok(Ok(done)) => done,
        Ok(Err(text)) => return failed(text),
        Err(_) => return failed("the program cannot be run on this host"),
    };
    process.out(bytes::outward(&out)).await?;
    match missing.pop() {
        Some(text) => failed(text),
        None => Ok(code),
    }
}

/// `name=value` with awk's escapes in the value.
fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let mut letters = name.chars();
    let first = letters.next()?;
    let good = (first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then(|| (name.to_owned(), unescaped(value)))
}

fn unescaped(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('\\') => out.push('\\'),
                Some('"') => out.push('"'),
                Some('/') => out.push('/'),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

/// What `-F` means: `t` alone is a tab, as POSIX has it.
fn separator(value: &str) -> String {
    if value == "t" { "\t".to_owned() } else { unescaped(value) }
}

fn parse(text: &str, facts: guard::Facts) -> Result<Guarded, String> {
    if guard::too_deep(text) {
        return Err("line 1: the program goes too deep for this host".into());
    }
    let tokens = Lexer::new(text).tokenize().map_err(|error| error.to_string())?;
    let program = Parser::new(tokens).parse().map_err(|error| error.to_string())?;
    guarded(program, facts)
}

/// All that a run needs, apart from the simulated host.
struct Job {
    program: Guarded,
    arguments: Vec<String>,
    /// `-v`
    variables: Vec<(String, String)>,
    /// Assignments among the files.
    assigned: Vec<(String, String)>,
    inputs: Vec<String>,
    names: Vec<String>,
    /// A file is missing, after which nothing more is done.
    cut_short: bool,
}

impl Job {
    /// Runs it: what it writes, and its exit code.
    fn run(self) -> Result<(Vec<u8>, u8), String> {
        // The crate's interpreter takes over this process' environment, though no program can see it here, and
        // would panic at what is no Unicode.
        if std::env::vars_os().any(|(name, value)| name.to_str().is_none() || value.to_str().is_none()) {
            return Err("drover was started with an environment that is no Unicode".into());
        }
        let mut out = Vec::new();
        let program = &self.program;
        let mut interpreter = Interpreter::new(&program.middle);
        interpreter.set_args(self.arguments);
        for (name, value) in &self.variables {
            interpreter.set_variable(name, &bytes::inward(value.as_bytes()));
        }
        blocks(&mut interpreter, &program.first, &mut out)?;
        if !asked(&mut interpreter, &program.exited)? && program.reads {
            for (name, value) in &self.assigned {
                interpreter.set_variable(name, &bytes::inward(value.as_bytes()));
            }
            interpreter.set_filenames(self.names);
            let inputs = self.inputs.iter().map(|text| BufReader::new(text.as_bytes())).collect();
            interpreter.run(inputs, &mut out).map_err(text)?;
        }
        if !self.cut_short {
            blocks(&mut interpreter, &program.last, &mut out)?;
        }
        if asked(&mut interpreter, &program.exhausted)? {
            return Err("the program does not come to an end".into());
        }
        // The interpreter tells its exit code only at the end of a run; this one has nothing to do.
        let nothing: Vec<&[u8]> = Vec::new();
        let code = interpreter.run(nothing, &mut std::io::sink()).map_err(text)?;
        Ok((out, code as u8))
    }
}

fn text(error: awk_rs::Error) -> String {
    error.to_string()
}

/// Runs the actions of BEGIN or END until one of them ends all.
fn blocks(interpreter: &mut Interpreter<'_>, blocks: &[Block], out: &mut Vec<u8>) -> Result<(), String> {
    for block in blocks {
        if let StmtResult::Return(_) = interpreter.execute_block(block, out).map_err(text)? {
            break;
        }
    }
    Ok(())
}

/// Whether a question, which prints 1 or nothing, is answered with yes.
fn asked(interpreter: &mut Interpreter<'_>, question: &Block) -> Result<bool, String> {
    let mut answer = Vec::new();
    interpreter.execute_block(question, &mut answer).map_err(text)?;
    Ok(answer.starts_with(b"1"))
}
