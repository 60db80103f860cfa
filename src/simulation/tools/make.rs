//! Programs that make files: mkdir, mkfifo, mktemp, touch, truncate.

use std::time::Duration;

use super::call::{Call, Failure, Grammar, Outcome, amount, fail, quoted};
use super::change::mode;
use super::path::inside;
use super::time;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Inode, Kind};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::pipe::Pipe;
use crate::simulation::machine::process::Process;

/// The mode of an option `-m`, for something that is made with `usual` permissions otherwise.
fn mode_option(process: &Process, call: &Call, usual: u32) -> Result<Option<u32>, Failure> {
    let Some(text) = call.value('m') else { return Ok(None) };
    match mode(text, usual, false, process.mask) {
        Some(mode) => Ok(Some(mode)),
        None => fail(format!("invalid mode {}", quoted(text))),
    }
}

/// mkdir(1)
pub(super) async fn mkdir(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar { short: "pm:vZ", long: &[("parents", 'p'), ("mode=", 'm'), ("verbose", 'v')], wrong: 1 },
    )?;
    call.need_operand(words)?;
    let mode = mode_option(process, &call, 0o777)?;
    let mut code = 0;
    for path in &call.operands {
        if call.has('p') {
            let mut above = String::new();
            let mut failed = None;
            for part in path.split_inclusive('/') {
                above.push_str(part);
                let last = above.len() == path.len();
                if part == "/" || last && path.ends_with('/') && part.trim_end_matches('/').is_empty() {
                    continue;
                }
                match process.make_directory(&above, 0o777) {
                    Ok(node) => {
                        if let Some(mode) =
                            mode.filter(|_| above.trim_end_matches('/') == path.trim_end_matches('/'))
                        {
                            node.change(|metadata| metadata.mode = mode);
                        }
                        if call.has('v') {
                            let made = quoted(above.trim_end_matches('/'));
                            process.out(format!("mkdir: created directory {made}\n")).await?;
                        }
                    }
                    // `.`, `..` and what is there already.
                    Err(Errno::Exists | Errno::Busy)
                        if process
                            .find(&above, LastLink::Follow)
                            .is_ok_and(|place| place.node.is_directory()) => {}
                    Err(error) => {
                        failed = Some((above.trim_end_matches('/').to_owned(), error));
                        break;
                    }
                }
            }
            if let Some((path, error)) = failed {
                process.complain(format!("mkdir: cannot create directory {}: {error}", quoted(&path))).await;
                code = 1;
            }
            continue;
        }
        match process.make_directory(path, 0o777) {
            Ok(node) => {
                if let Some(mode) = mode {
                    node.change(|metadata| metadata.mode = mode);
                }
                if call.has('v') {
                    process.out(format!("mkdir: created directory {}\n", quoted(path))).await?;
                }
            }
            Err(error) => {
                let error = if error == Errno::Busy { Errno::Exists } else { error };
                process.complain(format!("mkdir: cannot create directory {}: {error}", quoted(path))).await;
                code = 1;
            }
        }
    }
    Ok(code)
}

/// mkfifo(1)
pub(super) async fn mkfifo(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "m:", long: &[("mode=", 'm')], wrong: 1 })?;
    call.need_operand(words)?;
    let mode = mode_option(process, &call, 0o666)?;
    let mut code = 0;
    for path in &call.operands {
        let mut metadata = process.metadata(0o666);
        metadata.mode = mode.unwrap_or(metadata.mode);
        let made = process
            .place(path, |parent| Ok(Inode::new(&parent.filesystem, Kind::Fifo(Pipe::new()), metadata)));
        if let Err(error) = made {
            process.complain(format!("mkfifo: cannot create fifo {}: {error}", quoted(path))).await;
            code = 1;
        }
    }
    Ok(code)
}

/// mktemp(1)
pub(super) async fn mktemp(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "dqup:t",
            long: &[("directory", 'd'), ("quiet", 'q'), ("dry-run", 'u'), ("tmpdir?", 'P'), ("suffix=", 's')],
            wrong: 1,
        },
    )?;
    let template = call.operands.first().map_or("tmp.XXXXXXXXXX", String::as_str);
    let suffix = call.value('s').unwrap_or_default();
    let (head, tail) = match (template.rfind('X'), suffix) {
        (Some(last), "") => (&template[..=last], &template[last + 1..]),
        _ => (template, suffix),
    };
    let start = head.trim_end_matches('X').len();
    if head.len() - start < 3 {
        return fail(format!("too few X's in template {}", quoted(template)));
    }
    let wanted = call.value('p').or(call.value('P')).filter(|directory| !directory.is_empty());
    let variable = process.environment.get("TMPDIR").filter(|directory| !directory.is_empty()).cloned();
    let directory = wanted.map(str::to_owned).or(variable).unwrap_or_else(|| "/tmp".to_owned());
    let in_directory = call.operands.is_empty() || ['p', 'P', 't'].into_iter().any(|key| call.has(key));
    let prefix = if in_directory { inside(&directory, &head[..start]) } else { head[..start].to_owned() };
    let kind = if call.has('d') { "directory" } else { "file" };
    for attempt in 0_u32..100 {
        let path = format!("{prefix}{}{tail}", letters(process, attempt, head.len() - start));
        let made = match (call.has('u'), call.has('d')) {
            (true, _) => process.find(&path, LastLink::Keep).map_or(Ok(()), |_| Err(Errno::Exists)),
            (_, true) => process.make_directory(&path, 0o700).map(|node| {
                node.change(|metadata| metadata.mode = 0o700);
            }),
            (_, false) => match process.open(&path, Access::New).await {
                Ok(file) => {
                    file.node().inspect(|node| node.change(|metadata| metadata.mode = 0o600));
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        match made {
            Ok(()) => {
                process.out(format!("{path}\n")).await?;
                return Ok(0);
            }
            Err(Errno::Exists) => {}
            Err(_) if call.has('q') => return Ok(1),
            Err(error) => {
                let template = if in_directory { inside(&directory, template) } else { template.to_owned() };
                return fail(format!("failed to create {kind} via template {}: {error}", quoted(&template)));
            }
        }
    }
    fail(format!("failed to create {kind} via template {}: {}", quoted(template), Errno::Exists))
}

/// Letters that no other process of this host gets, the same in each run of the same world.
fn letters(process: &Process, attempt: u32, count: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let seed = format!(
        "{}/{}/{}/{attempt}",
        process.machine.plan.name,
        process.id(),
        process.machine.clock.now().as_nanos()
    );
    let hash = <sha2::Sha256 as sha2::Digest>::digest(seed.as_bytes());
    hash.iter()
        .cycle()
        .take(count)
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// touch(1)
pub(super) async fn touch(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "acd:hmr:t:",
            long: &[("no-create", 'c'), ("date=", 'd'), ("reference=", 'r'), ("no-dereference", 'h')],
            wrong: 1,
        },
    )?;
    if call.operands.is_empty() {
        return fail("missing file operand\nTry 'touch --help' for more information.");
    }
    let now = process.machine.calendar();
    let modified: Duration = if let Some(path) = call.value('r') {
        match process.find(path, LastLink::Follow) {
            Ok(place) => place.node.metadata().modified,
            Err(error) => return fail(format!("failed to get attributes of {}: {error}", quoted(path))),
        }
    } else if let Some(text) = call.value('d').or(call.value('t')) {
        match time::parse(text, now) {
            Some(time) => time,
            None => return fail(format!("invalid date format {}", quoted(text))),
        }
    } else {
        now
    };
    let last = if call.has('h') { LastLink::Keep } else { LastLink::Follow };
    let mut code = 0;
    for path in &call.operands {
        let there = process.find(path, last).is_ok();
        if !there && (call.has('c') || call.has('h')) {
            continue;
        }
        let made = if there { Ok(()) } else { process.open(path, Access::Append).await.map(|_| ()) };
        match made.and_then(|()| process.changeable(path, last)) {
            Ok(node) => node.change(|metadata| metadata.modified = modified),
            Err(error) => {
                process.complain(format!("touch: cannot touch {}: {error}", quoted(path))).await;
                code = 1;
            }
        }
    }
    Ok(code)
}

/// truncate(1)
pub(super) async fn truncate(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "cs:r:",
            long: &[("no-create", 'c'), ("size=", 's'), ("reference=", 'r')],
            wrong: 1,
        },
    )?;
    let Some(text) = call.value('s') else {
        return fail(
            "you must specify either '--size' or '--reference'\nTry 'truncate --help' for more information.",
        );
    };
    if call.operands.is_empty() {
        return fail("missing file operand\nTry 'truncate --help' for more information.");
    }
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'));
    let Some(size) = amount(text.trim_start_matches(['+', '-'])) else {
        return fail(format!("Invalid number: {}", quoted(text)));
    };
    let mut code = 0;
    for path in &call.operands {
        if call.has('c') && process.find(path, LastLink::Follow).is_err() {
            continue;
        }
        let resized = match process.open(path, Access::Append).await {
            Ok(file) => file.node().cloned().ok_or(Errno::Invalid),
            Err(error) => Err(error),
        };
        let resized = resized.and_then(|node| {
            let before = node.size();
            let size = match sign {
                Some('+') => before + size,
                Some(_) => before.saturating_sub(size),
                None => size,
            };
            node.write(|content| content.resize(size))
        });
        if let Err(error) = resized {
            process.complain(format!("truncate: cannot open {} for writing: {error}", quoted(path))).await;
            code = 1;
        }
    }
    Ok(code)
}
