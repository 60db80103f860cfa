//! Two inputs side by side: comm, cmp.

use super::call::{Call, Failure, Grammar, Outcome, fail, input, quoted};
use super::lines::{Line, Lines, Output, read_whole};
use crate::simulation::machine::process::Process;

/// comm(1)
pub(super) async fn comm(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "123z",
            long: &[
                ("check-order", 'k'),
                ("nocheck-order", 'K'),
                ("output-delimiter=", 'o'),
                ("total", 't'),
                ("zero-terminated", 'z'),
            ],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let [first, second] = call.operands.as_slice() else {
        let help = "Try 'comm --help' for more information.";
        return fail(match call.operands.get(2) {
            Some(extra) => format!("extra operand {}\n{help}", quoted(extra)),
            None => format!("missing operand after {}\n{help}", quoted(&call.operands[0])),
        });
    };
    let end = if call.has('z') { 0 } else { b'\n' };
    let mut sides = Vec::new();
    for path in [first, second] {
        match input(process, path).await {
            Ok(file) => sides.push(Side { lines: Lines::new(file, end), line: None, sorted: true }),
            Err(error) => return fail(format!("{path}: {error}")),
        }
    }
    let mut counts = [0_u64; 3];
    let joint = call.value('o').unwrap_or("\t");
    let mut output = Output::default();
    let (mut said, mut unpaired) = ([false; 2], false);
    for side in &mut sides {
        side.advance().await?;
    }
    loop {
        let order = match (&sides[0].line, &sides[1].line) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => one.bytes.cmp(&other.bytes),
        };
        let column = match order {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => 2,
        };
        unpaired |= column != 2;
        counts[column] += 1;
        let line = sides[usize::from(column == 1)].line.clone();
        let hidden = |column: usize| call.has(['1', '2', '3'][column]);
        if let Some(line) = line.filter(|_| !hidden(column)) {
            let before = (0..column).filter(|other| !hidden(*other)).count();
            output.put(process, joint.repeat(before).as_bytes()).await?;
            output.line(process, &line.bytes, end).await?;
        }
        for (index, side) in sides.iter_mut().enumerate() {
            if column == 2 || column == index {
                side.advance().await?;
            }
            // Without lines that have no partner the order does not matter.
            if !side.sorted && !said[index] && (call.has('k') || unpaired && !call.has('K')) {
                said[index] = true;
                process.complain(format!("comm: file {} is not in sorted order", index + 1)).await;
                if call.has('k') {
                    output.flush(process).await?;
                    return Ok(1);
                }
            }
        }
    }
    if call.has('t') {
        let [one, other, both] = counts;
        output.line(process, format!("{one}{joint}{other}{joint}{both}{joint}total").as_bytes(), end).await?;
    }
    output.flush(process).await?;
    if said.contains(&true) {
        return fail("input is not in sorted order");
    }
    Ok(0)
}

struct Side {
    lines: Lines,
    line: Option<Line>,
    sorted: bool,
}

impl Side {
    async fn advance(&mut self) -> Result<(), Failure> {
        let next = self.lines.next().await?;
        if let (Some(last), Some(next)) = (&self.line, &next) {
            self.sorted &= last.bytes <= next.bytes;
        }
        self.line = next;
        Ok(())
    }
}

/// cmp(1)
pub(super) async fn cmp(process: &mut Process, words: &[String]) -> Outcome {
    let call =
        Call::parse(words, &Grammar { short: "s", long: &[("silent", 's'), ("quiet", 's')], wrong: 2 })?;
    let mut operands = call.operands.clone();
    if operands.len() == 1 {
        operands.push("-".into());
    }
    let mut sides = Vec::new();
    for path in &operands {
        let read = match input(process, path).await {
            Ok(file) => read_whole(&file).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(bytes) => sides.push(bytes),
            Err(error) => {
                if !call.has('s') {
                    process.complain(format!("cmp: {path}: {error}")).await;
                }
                return Ok(2);
            }
        }
    }
    let [one, other] = sides.as_slice() else {
        process.complain("cmp: missing operand\ncmp: Try 'cmp --help' for more information.").await;
        return Ok(2);
    };
    if one == other {
        return Ok(0);
    }
    if !call.has('s') {
        let line = |at: usize| 1 + one[..at].iter().filter(|byte| **byte == b'\n').count();
        match one.iter().zip(other.iter()).position(|(a, b)| a != b) {
            Some(at) => {
                let [a, b] = [&operands[0], &operands[1]];
                process.out(format!("{a} {b} differ: char {}, line {}\n", at + 1, line(at))).await?;
            }
            None => {
                let at = one.len().min(other.len());
                let short = if one.len() < other.len() { &operands[0] } else { &operands[1] };
                let text = if at == 0 {
                    format!("cmp: EOF on {short} which is empty")
                } else if one[..at].ends_with(b"\n") {
                    format!("cmp: EOF on {short} after byte {at}, line {}", line(at) - 1)
                } else {
                    format!("cmp: EOF on {short} after byte {at}, in line {}", line(at))
                };
                process.complain(text).await;
            }
        }
    }
    Ok(1)
}
