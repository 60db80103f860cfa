//! Paths: readlink, realpath, basename, dirname.

use super::call::{Call, Grammar, Outcome, fail, quoted};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// The path of a name in a directory.
pub(super) fn inside(directory: &str, name: &str) -> String {
    if directory.ends_with('/') { format!("{directory}{name}") } else { format!("{directory}/{name}") }
}

/// The last name of a path.
pub(super) fn last_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// readlink(1)
pub(super) async fn readlink(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "femnqsvz",
            long: &[
                ("canonicalize", 'f'),
                ("canonicalize-existing", 'e'),
                ("canonicalize-missing", 'm'),
                ("no-newline", 'n'),
                ("zero", 'z'),
            ],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let mut code = 0;
    for path in &call.operands {
        let text = match call.last_of("fem") {
            Some(key) => canonical(process, path, key).ok(),
            None => match process.find(path, LastLink::Keep).map(|place| place.node) {
                Ok(node) => match &node.kind {
                    Kind::Link(target) => Some(target.clone()),
                    _ => None,
                },
                Err(_) => None,
            },
        };
        match text {
            Some(text) => {
                let end = if call.has('n') {
                    ""
                } else if call.has('z') {
                    "\0"
                } else {
                    "\n"
                };
                process.out(format!("{text}{end}")).await?;
            }
            None => code = 1,
        }
    }
    Ok(code)
}

/// A path without links and dots: all of it must exist (`e`), all but its last name (`f`), or nothing (`m`).
fn canonical(process: &Process, path: &str, key: char) -> Result<String, Errno> {
    let error = match process.find(path, LastLink::Follow) {
        Ok(place) => return Ok(place.path),
        Err(error) => error,
    };
    if key == 'e' || path.is_empty() {
        return Err(error);
    }
    // A link that leads nowhere leads to the name that it says.
    if let Ok(place) = process.find(path, LastLink::Keep)
        && let Kind::Link(target) = &place.node.kind
    {
        let above = place.path.rsplit_once('/').map_or("/", |(above, _)| above);
        let target = if target.starts_with('/') { target.clone() } else { inside(above, target) };
        return canonical(process, &target, key);
    }
    match process.namespace.parent(&process.directory, path) {
        Ok((parent, name)) => Ok(inside(&parent.path, &name)),
        Err(error) if key == 'f' => Err(error),
        Err(error) => {
            let (above, name) = path.trim_end_matches('/').rsplit_once('/').ok_or(error)?;
            Ok(inside(&canonical(process, if above.is_empty() { "/" } else { above }, key)?, name))
        }
    }
}

/// realpath(1)
pub(super) async fn realpath(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "emqsz",
            long: &[
                ("canonicalize-existing", 'e'),
                ("canonicalize-missing", 'm'),
                ("quiet", 'q'),
                ("zero", 'z'),
            ],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let mut code = 0;
    for path in &call.operands {
        match canonical(process, path, call.last_of("em").unwrap_or('f')) {
            Ok(path) => process.out(format!("{path}{}", if call.has('z') { '\0' } else { '\n' })).await?,
            Err(error) => {
                if !call.has('q') {
                    process.complain(format!("realpath: {path}: {error}")).await;
                }
                code = 1;
            }
        }
    }
    Ok(code)
}

/// basename(1)
pub(super) async fn basename(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar { short: "+as:z", long: &[("multiple", 'a'), ("suffix=", 's'), ("zero", 'z')], wrong: 1 },
    )?;
    call.need_operand(words)?;
    let several = call.has('a') || call.has('s');
    if !several && call.operands.len() > 2 {
        return fail(format!(
            "extra operand {}\nTry 'basename --help' for more information.",
            quoted(&call.operands[2])
        ));
    }
    let suffix = match several {
        true => call.value('s').unwrap_or_default(),
        false => call.operands.get(1).map_or("", String::as_str),
    };
    let count = if several { call.operands.len() } else { 1 };
    for path in &call.operands[..count] {
        let trimmed = path.trim_end_matches('/');
        let name = match trimmed.rsplit('/').next() {
            Some("") | None if path.starts_with('/') => "/",
            Some(name) => name,
            None => "",
        };
        let name = name.strip_suffix(suffix).filter(|cut| !cut.is_empty()).unwrap_or(name);
        process.out(format!("{name}{}", if call.has('z') { '\0' } else { '\n' })).await?;
    }
    Ok(0)
}

/// dirname(1)
pub(super) async fn dirname(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "z", long: &[("zero", 'z')], wrong: 1 })?;
    call.need_operand(words)?;
    for path in &call.operands {
        let directory = match path.trim_end_matches('/').rsplit_once('/') {
            Some((above, _)) if above.trim_end_matches('/').is_empty() => "/",
            Some((above, _)) => above.trim_end_matches('/'),
            None if path.starts_with('/') => "/",
            None => ".",
        };
        process.out(format!("{directory}{}", if call.has('z') { '\0' } else { '\n' })).await?;
    }
    Ok(0)
}
