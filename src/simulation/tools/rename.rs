//! mv(1)

use super::call::{Call, Grammar, Outcome, quoted};
use super::copy::{copy_tree, destinations};
use super::path::inside;
use super::remove::remove_tree;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::namespace::{LastLink, Place};
use crate::simulation::machine::process::Process;

/// mv(1)
pub(super) async fn mv(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "fint:Tvu",
            long: &[
                ("force", 'f'),
                ("interactive", 'i'),
                ("no-clobber", 'n'),
                ("target-directory=", 't'),
                ("no-target-directory", 'T'),
                ("verbose", 'v'),
            ],
            wrong: 1,
        },
    )?;
    let mut code = 0;
    for (from, to) in destinations(process, words, &call)? {
        if call.has('n') && process.find(&to, LastLink::Keep).is_ok() {
            continue;
        }
        let source = match process.find(from.trim_end_matches('/'), LastLink::Keep) {
            Ok(place) => place,
            Err(error) => {
                process.complain(format!("mv: cannot stat {}: {error}", quoted(&from))).await;
                code = 1;
                continue;
            }
        };
        match rename(process, (&from, &source), &to) {
            Ok(()) if call.has('v') => {
                process.out(format!("renamed {} -> {}\n", quoted(&from), quoted(&to))).await?;
            }
            Ok(()) => {}
            Err(Moved::Said(text)) => {
                process.complain(format!("mv: {text}")).await;
                code = 1;
            }
            Err(Moved::Failed(error)) => {
                process
                    .complain(format!("mv: cannot move {} to {}: {error}", quoted(&from), quoted(&to)))
                    .await;
                code = 1;
            }
        }
    }
    Ok(code)
}

enum Moved {
    Said(String),
    Failed(Errno),
}

impl From<Errno> for Moved {
    fn from(error: Errno) -> Self {
        Self::Failed(error)
    }
}

/// Gives something another name, as rename(2) does, or copies it where that is another file system.
fn rename(process: &Process, (from, source): (&str, &Place), to: &str) -> Result<(), Moved> {
    let (parent, name) = process.namespace.parent(&process.directory, to)?;
    let target = inside(&parent.path, &name);
    if target == source.path {
        return Err(Moved::Said(format!("{} and {} are the same file", quoted(from), quoted(to))));
    }
    if target.starts_with(&inside(&source.path, "")) {
        return Err(Moved::Said(format!(
            "cannot move {} to a subdirectory of itself, {}",
            quoted(from),
            quoted(to)
        )));
    }
    if let Ok(there) = process.find(&target, LastLink::Keep) {
        match (there.node.is_directory(), source.node.is_directory()) {
            (true, false) => {
                let (to, from) = (quoted(to), quoted(from));
                return Err(Moved::Said(format!(
                    "cannot overwrite directory {to} with non-directory {from}"
                )));
            }
            (false, true) => {
                let (to, from) = (quoted(to), quoted(from));
                return Err(Moved::Said(format!(
                    "cannot overwrite non-directory {to} with directory {from}"
                )));
            }
            _ => process.remove(&target)?,
        }
    }
    let (from_parent, from_name) = process.namespace.parent("/", &source.path)?;
    let plain = |node: &Node| matches!(node.kind, Kind::Directory(_));
    if plain(&parent.node)
        && plain(&from_parent.node)
        && std::sync::Arc::ptr_eq(&parent.node.filesystem, &source.node.filesystem)
    {
        // A directory with names in it cannot be taken out: it is put in first, and its old name emptied after.
        move_node(&from_parent.node, &from_name, &parent.node, &name)?;
    } else {
        copy_tree(process, &source.path, &target, true)?;
        let mut failed = Vec::new();
        remove_tree(process, &source.path, &mut failed);
        if let Some((_, error)) = failed.pop() {
            return Err(error.into());
        }
    }
    let now = process.machine.calendar();
    for parent in [&parent.node, &from_parent.node] {
        parent.change(|metadata| metadata.modified = now);
    }
    Ok(())
}

fn move_node(from: &Node, old: &str, to: &Node, new: &str) -> Result<(), Errno> {
    let (Kind::Directory(from_names), Kind::Directory(to_names)) = (&from.kind, &to.kind) else {
        return Err(Errno::Invalid);
    };
    let node = crate::simulation::locked(from_names).remove(old).ok_or(Errno::NotFound)?;
    crate::simulation::locked(to_names).insert(new.to_owned(), node);
    Ok(())
}
