//! wc(1), and tac(1), which counts from behind.

use bytes::Bytes;

use super::call::{Call, Grammar, Outcome, input, quoted};
use super::lines::{Line, Lines, Output, PIECE};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::process::Process;

/// What wc(1) counts.
#[derive(Clone, Copy, Default)]
struct Counts {
    lines: u64,
    words: u64,
    characters: u64,
    bytes: u64,
    longest: u64,
}

/// wc(1)
pub(super) async fn wc(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "clLmw",
            long: &[("bytes", 'c'), ("chars", 'm'), ("lines", 'l'), ("max-line-length", 'L'), ("words", 'w')],
            wrong: 1,
        },
    )?;
    let columns: Vec<char> = "lwmcL".chars().filter(|key| call.has(*key)).collect();
    let columns = if columns.is_empty() { vec!['l', 'w', 'c'] } else { columns };
    let paths = call.inputs();
    let mut files = Vec::new();
    let mut code = 0;
    let mut width = 1;
    let mut sizes = 0;
    for path in &paths {
        let file = input(process, path).await;
        if let Ok(file) = &file {
            match file.node() {
                Some(node) if matches!(node.kind, Kind::File(_)) => sizes += node.size(),
                _ => width = 7,
            }
        }
        files.push(file);
    }
    width = if paths.len() == 1 && columns.len() == 1 { 1 } else { width.max(sizes.to_string().len()) };
    let row = |counts: Counts, name: &str| {
        let number = |key: &char| match key {
            'l' => counts.lines,
            'w' => counts.words,
            'm' => counts.characters,
            'c' => counts.bytes,
            _ => counts.longest,
        };
        let numbers: Vec<String> = columns.iter().map(|key| format!("{:>width$}", number(key))).collect();
        let space = if name.is_empty() { "" } else { " " };
        format!("{}{space}{name}\n", numbers.join(" "))
    };
    let mut total = Counts::default();
    for (path, file) in paths.iter().zip(files) {
        let counts = match file {
            Ok(file) => count(&file).await,
            Err(error) => Err((Counts::default(), error)),
        };
        let counts = match counts {
            Ok(counts) => counts,
            Err((_, error)) => {
                process.complain(format!("wc: {path}: {error}")).await;
                code = 1;
                if error != Errno::IsADirectory {
                    continue;
                }
                Counts::default()
            }
        };
        process.out(row(counts, if call.operands.is_empty() { "" } else { path })).await?;
        total.lines += counts.lines;
        total.words += counts.words;
        total.characters += counts.characters;
        total.bytes += counts.bytes;
        total.longest = total.longest.max(counts.longest);
    }
    if paths.len() > 1 {
        process.out(row(total, "total")).await?;
    }
    Ok(code)
}

async fn count(file: &OpenFile) -> Result<Counts, (Counts, Errno)> {
    let mut counts = Counts::default();
    let (mut in_word, mut column) = (false, 0);
    loop {
        let bytes: Bytes = file.read(PIECE).await.map_err(|error| (counts, error))?;
        if bytes.is_empty() {
            counts.longest = counts.longest.max(column);
            return Ok(counts);
        }
        counts.bytes += bytes.len() as u64;
        // In the C locale a byte is a character.
        counts.characters = counts.bytes;
        for byte in bytes {
            match byte {
                b'\n' => {
                    counts.lines += 1;
                    counts.longest = counts.longest.max(column);
                    column = 0;
                }
                b'\t' => column += 8 - column % 8,
                32..127 => column += 1,
                _ => {}
            }
            let space = matches!(byte, b' ' | 9..=13);
            if !space && !in_word && (33..127).contains(&byte) {
                counts.words += 1;
                in_word = true;
            } else if space {
                in_word = false;
            }
        }
    }
}

/// tac(1)
pub(super) async fn tac(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "", long: &[], wrong: 1 })?;
    let mut code = 0;
    for path in call.inputs() {
        let lines: Result<Vec<Line>, Errno> = async {
            let mut lines = Lines::new(input(process, &path).await?, b'\n');
            let mut all = Vec::new();
            while let Some(line) = lines.next().await? {
                all.push(line);
            }
            Ok(all)
        }
        .await;
        match lines {
            Ok(lines) => {
                let mut output = Output::default();
                for line in lines.iter().rev() {
                    output.put(process, &line.bytes).await?;
                    if line.ended {
                        output.put(process, b"\n").await?;
                    }
                }
                output.flush(process).await?;
            }
            Err(error) => {
                process.complain(format!("tac: failed to open {} for reading: {error}", quoted(&path))).await;
                code = 1;
            }
        }
    }
    Ok(code)
}
