//! xargs(1)

use super::call::{Call, Failure, Grammar, Outcome, fail, quoted};
use super::lines::read_whole;
use super::wrap::{run_child, unrunnable};
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;

/// Linux' own limit for one argument list less what findutils leave for the environment.
const MOST_BYTES: usize = 128 << 10;

/// xargs(1)
pub(super) async fn xargs(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "+0rtn:I:L:P:d:a:s:E:x",
            long: &[
                ("null", '0'),
                ("no-run-if-empty", 'r'),
                ("verbose", 't'),
                ("max-args=", 'n'),
                ("max-lines=", 'L'),
                ("max-procs=", 'P'),
                ("delimiter=", 'd'),
                ("arg-file=", 'a'),
                ("max-chars=", 's'),
                ("exit", 'x'),
            ],
            wrong: 1,
        },
    )?;
    let command = if call.operands.is_empty() { vec!["echo".to_owned()] } else { call.operands.clone() };
    let number = |key: char| match call.value(key).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        Some(_) => {
            fail(format!("invalid number \"{}\" for -{key} option", call.value(key).unwrap_or_default()))
        }
    };
    let (most, most_lines, most_bytes) = (number('n')?, number('L')?, number('s')?.unwrap_or(MOST_BYTES));
    let bytes = match call.value('a') {
        Some(path) => match process.open(path, Access::Read).await {
            Ok(file) => read_whole(&file).await?,
            Err(error) => return fail(format!("Cannot open input file {}: {error}", quoted(path))),
        },
        None => process.read_all(0).await?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let delimiter = match (call.has('0'), call.value('d')) {
        (true, _) => Some('\0'),
        (false, Some("\\n")) => Some('\n'),
        (false, Some("\\0")) => Some('\0'),
        (false, Some("\\t")) => Some('\t'),
        (false, given) => given.and_then(|text| text.chars().next()),
    };
    let replaced = call.value('I');
    let items: Vec<(String, usize)> = match (delimiter, replaced) {
        (Some(delimiter), _) => {
            let text = text.strip_suffix(delimiter).unwrap_or(&text);
            let items = text.split(delimiter).filter(|_| !bytes.is_empty());
            items.enumerate().map(|(line, item)| (item.to_owned(), line)).collect()
        }
        (None, Some(_)) => {
            let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty());
            let unquoted = |line: &str| split_words(line).map(|_| unquote_line(line));
            let mut items = Vec::new();
            for (number, line) in lines.enumerate() {
                items.push((unquoted(line)?, number));
            }
            items
        }
        (None, None) => split_words(&text)?,
    };
    // In the child of a pipeline standard input is not the list.
    let mut run = process.fork();
    if !call.has('a') {
        run.files.insert(0, process.null()?);
    }
    let mut state = Xargs { code: 0, verbose: call.has('t') };
    if let Some(mark) = replaced {
        for (item, _) in &items {
            let words = command.iter().map(|word| word.replace(mark, item)).collect();
            if let Some(code) = state.start(&run, words).await {
                return Ok(code);
            }
        }
        return Ok(state.code);
    }
    if items.is_empty() && !call.has('r') {
        if let Some(code) = state.start(&run, command).await {
            return Ok(code);
        }
        return Ok(state.code);
    }
    let fixed: usize = command.iter().map(|word| word.len() + 1).sum();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        let (mut words, mut size, mut lines) = (command.clone(), fixed, Vec::new());
        while let Some((item, line)) = items.peek() {
            let count = words.len() - command.len();
            let new_line = lines.last() != Some(line);
            let full = most.is_some_and(|most| count >= most)
                || most_lines.is_some_and(|most| new_line && lines.len() >= most)
                || count > 0 && size + item.len() + 1 > most_bytes;
            if full {
                break;
            }
            if new_line {
                lines.push(*line);
            }
            size += item.len() + 1;
            words.extend(items.next().map(|(item, _)| item));
        }
        if let Some(code) = state.start(&run, words).await {
            return Ok(code);
        }
    }
    Ok(state.code)
}

struct Xargs {
    code: u8,
    verbose: bool,
}

impl Xargs {
    /// Runs one command; an exit code where no other may follow.
    async fn start(&mut self, process: &Process, words: Vec<String>) -> Option<u8> {
        if self.verbose {
            process.complain(words.join(" ")).await;
        }
        match run_child(process, &words).await {
            Ok(0) => None,
            Ok(255) => {
                process.complain(format!("xargs: {}: exited with status 255; aborting", words[0])).await;
                Some(124)
            }
            Ok(signal @ 129..=160) => {
                process.complain(format!("xargs: {}: terminated by signal {}", words[0], signal - 128)).await;
                Some(125)
            }
            Ok(_) => {
                self.code = 123;
                None
            }
            Err(error) => {
                process.complain(format!("xargs: {}: {error}", words[0])).await;
                Some(unrunnable(error))
            }
        }
    }
}

/// Words as xargs reads them, with quotes and backslashes, and the line that each stands on.
fn split_words(text: &str) -> Result<Vec<(String, usize)>, Failure> {
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (mut word, mut started) = (String::new(), false);
        let mut rest = line.chars();
        while let Some(c) = rest.next() {
            match c {
                ' ' | '\t' => {
                    if std::mem::take(&mut started) {
                        words.push((std::mem::take(&mut word), number));
                    }
                    continue;
                }
                '\'' | '"' => loop {
                    match rest.next() {
                        Some(end) if end == c => break,
                        Some(inner) => word.push(inner),
                        None => {
                            let kind = if c == '"' { "double" } else { "single" };
                            return fail(format!(
                                "unmatched {kind} quote; by default quotes are special to xargs unless you use \
                                 the -0 option"
                            ));
                        }
                    }
                },
                '\\' => word.extend(rest.next()),
                c => word.push(c),
            }
            started = true;
        }
        if started {
            words.push((word, number));
        }
    }
    Ok(words)
}

/// A line for `-I`: blanks within it stay, quotes go.
fn unquote_line(line: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => out.extend(rest.next()),
            (c, _) => out.push(c),
        }
    }
    out
}
