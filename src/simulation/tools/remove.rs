//! Programs that remove files: rm, rmdir.

use super::call::{Call, Grammar, Outcome, quoted};
use super::path::{inside, last_name};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// Removes a tree, from the leaves on; what cannot be removed is told.
pub(super) fn remove_tree(process: &Process, path: &str, failed: &mut Vec<(String, Errno)>) {
    let Ok(place) = process.find(path, LastLink::Keep) else { return };
    if let Ok(names) = place.node.names() {
        for name in names {
            remove_tree(process, &inside(path, &name), failed);
        }
    }
    match process.remove(path) {
        // What could not be taken out of it has been told.
        Err(Errno::NotEmpty) if !failed.is_empty() => {}
        Err(error) => failed.push((path.to_owned(), error)),
        Ok(()) => {}
    }
}

/// rm(1)
pub(super) async fn rm(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "dfiIrRv",
            long: &[
                ("dir", 'd'),
                ("force", 'f'),
                ("interactive?", 'i'),
                ("recursive", 'r'),
                ("verbose", 'v'),
                ("one-file-system", 'x'),
                ("preserve-root?", '1'),
                ("no-preserve-root", '2'),
            ],
            wrong: 1,
        },
    )?;
    if !call.has('f') {
        call.need_operand(words)?;
    }
    let recursive = call.has('r') || call.has('R');
    let mut code = 0;
    for path in &call.operands {
        let trimmed = match path.trim_end_matches('/') {
            "" if !path.is_empty() => "/",
            trimmed => trimmed,
        };
        let place = match process.find(trimmed, LastLink::Keep) {
            Ok(place) => place,
            Err(Errno::NotFound | Errno::NotADirectory) if call.has('f') => continue,
            Err(error) => {
                process.complain(format!("rm: cannot remove {}: {error}", quoted(path))).await;
                code = 1;
                continue;
            }
        };
        let said = if matches!(last_name(path), "." | "..") && recursive {
            Some(format!("rm: refusing to remove '.' or '..' directory: skipping {}", quoted(path)))
        } else if place.path == "/" && recursive {
            Some(
                "rm: it is dangerous to operate recursively on '/'\n\
                 rm: use --no-preserve-root to override this failsafe"
                    .to_owned(),
            )
        } else if place.node.is_directory() && !recursive && !call.has('d') {
            Some(format!("rm: cannot remove {}: {}", quoted(path), Errno::IsADirectory))
        } else {
            None
        };
        if let Some(said) = said {
            process.complain(said).await;
            code = 1;
            continue;
        }
        let mut failed = Vec::new();
        if recursive {
            remove_tree(process, trimmed, &mut failed);
        } else if let Err(error) = process.remove(trimmed) {
            failed.push((path.clone(), error));
        }
        if call.has('v') && failed.is_empty() {
            let what = if place.node.is_directory() { "removed directory" } else { "removed" };
            process.out(format!("{what} {}\n", quoted(path))).await?;
        }
        for (path, error) in failed {
            process.complain(format!("rm: cannot remove {}: {error}", quoted(&path))).await;
            code = 1;
        }
    }
    Ok(code)
}

/// rmdir(1)
pub(super) async fn rmdir(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "pv",
            long: &[("parents", 'p'), ("verbose", 'v'), ("ignore-fail-on-non-empty", 'i')],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let mut code = 0;
    for path in &call.operands {
        let mut path = path.trim_end_matches('/').to_owned();
        loop {
            let removed = match process.find(&path, LastLink::Keep) {
                Ok(place) if place.node.is_directory() => process.remove(&path),
                Ok(_) => Err(Errno::NotADirectory),
                Err(error) => Err(error),
            };
            match removed {
                Ok(()) => {}
                Err(Errno::NotEmpty) if call.has('i') => break,
                Err(error) => {
                    process.complain(format!("rmdir: failed to remove {}: {error}", quoted(&path))).await;
                    code = 1;
                    break;
                }
            }
            match path.rsplit_once('/') {
                Some((above, _)) if call.has('p') && !above.is_empty() => path = above.to_owned(),
                _ => break,
            }
        }
    }
    Ok(code)
}
