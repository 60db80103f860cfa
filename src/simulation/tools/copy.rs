//! Programs that give files a second place: cp, ln.

use super::call::{Call, Failure, Grammar, Outcome, base, fail, quoted};
use super::path::{inside, last_name};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Inode, Kind, Metadata};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;

/// The places that a program with sources and a destination works on.
pub(super) fn destinations(
    process: &Process,
    words: &[String],
    call: &Call,
) -> Result<Vec<(String, String)>, Failure> {
    call.need_operand(words)?;
    let mut sources = call.operands.clone();
    let target = match call.value('t') {
        Some(target) => target.to_owned(),
        None => {
            let last = sources.pop().unwrap_or_default();
            if sources.is_empty() {
                return fail(format!(
                    "missing destination file operand after {}\nTry '{} --help' for more information.",
                    quoted(&last),
                    base(words)
                ));
            }
            last
        }
    };
    let directory = !call.has('T')
        && process.find(&target, LastLink::Follow).is_ok_and(|place| place.node.is_directory());
    if !directory && (sources.len() > 1 || call.has('t')) {
        return fail(format!(
            "target {}: {}",
            quoted(&target),
            match process.find(&target, LastLink::Follow) {
                Err(error) => error,
                Ok(_) => Errno::NotADirectory,
            }
        ));
    }
    let pair = |source: String| {
        let to = if directory { inside(&target, last_name(&source)) } else { target.clone() };
        (source, to)
    };
    Ok(sources.into_iter().map(pair).collect())
}

/// Copies a file or a tree to a place where nothing is yet, links as links.
pub(super) fn copy_tree(process: &Process, from: &str, to: &str, preserve: bool) -> Result<(), Errno> {
    let source = process.find(from, LastLink::Keep)?.node;
    let now = process.metadata(source.metadata().mode);
    let metadata = if preserve { source.metadata() } else { Metadata { mode: now.mode & 0o777, ..now } };
    let made = match &source.kind {
        _ if source.is_directory() => match process.make_directory(to, 0o777) {
            Err(Errno::Exists) => process.find(to, LastLink::Follow)?.node,
            made => made?,
        },
        Kind::Link(target) => {
            let target = target.clone();
            process.place(to, |parent| Ok(Inode::new(&parent.filesystem, Kind::Link(target), metadata)))?
        }
        Kind::File(_) | Kind::Figure(_) => {
            let content = source.content()?;
            process.place(to, |parent| Inode::file(&parent.filesystem, content, metadata))?
        }
        _ => process.place(to, |parent| source.copied(&parent.filesystem))?,
    };
    if source.is_directory() {
        for name in source.names()? {
            copy_tree(process, &inside(from, &name), &inside(to, &name), preserve)?;
        }
    }
    made.change(|changed| *changed = metadata);
    Ok(())
}

/// cp(1)
pub(super) async fn cp(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "adfHilLnPprRst:Tuvx",
            long: &[
                ("archive", 'a'),
                ("force", 'f'),
                ("no-clobber", 'n'),
                ("no-dereference", 'P'),
                ("dereference", 'L'),
                ("recursive", 'r'),
                ("preserve?", 'p'),
                ("target-directory=", 't'),
                ("no-target-directory", 'T'),
                ("verbose", 'v'),
                ("reflink?", '1'),
                ("sparse=", '2'),
            ],
            wrong: 1,
        },
    )?;
    let recursive = ['r', 'R', 'a'].into_iter().any(|key| call.has(key));
    let preserve = call.has('p') || call.has('a');
    let last = if recursive || call.has('P') || call.has('d') { LastLink::Keep } else { LastLink::Follow };
    let last = if call.has('L') { LastLink::Follow } else { last };
    let mut code = 0;
    for (from, to) in destinations(process, words, &call)? {
        let copied = copy_one(process, &call, &from, &to, (recursive, preserve, last)).await;
        match copied {
            Ok(()) if call.has('v') => {
                process.out(format!("{} -> {}\n", quoted(&from), quoted(&to))).await?;
            }
            Ok(()) => {}
            Err(text) => {
                process.complain(format!("cp: {text}")).await;
                code = 1;
            }
        }
    }
    Ok(code)
}

async fn copy_one(
    process: &Process,
    call: &Call,
    from: &str,
    to: &str,
    (recursive, preserve, last): (bool, bool, LastLink),
) -> Result<(), String> {
    let source =
        process.find(from, last).map_err(|error| format!("cannot stat {}: {error}", quoted(from)))?;
    let target = process.find(to, LastLink::Follow);
    if call.has('n') && target.is_ok() {
        return Ok(());
    }
    if let Ok(target) = &target
        && std::sync::Arc::ptr_eq(&target.node, &source.node)
    {
        return Err(format!("{} and {} are the same file", quoted(from), quoted(to)));
    }
    let failed = |error: Errno| match error {
        Errno::NoSpace => format!("error writing {}: {error}", quoted(to)),
        error => format!("cannot create regular file {}: {error}", quoted(to)),
    };
    if source.node.is_directory() {
        if !recursive {
            return Err(format!("-r not specified; omitting directory {}", quoted(from)));
        }
        let parent = process.namespace.parent(&process.directory, to);
        let place = parent.map(|(parent, name)| inside(&parent.path, &name));
        if place.is_ok_and(|place| place.starts_with(&inside(&source.path, ""))) {
            return Err(format!("cannot copy a directory, {}, into itself, {}", quoted(from), quoted(to)));
        }
        if target.is_ok_and(|target| !target.node.is_directory()) {
            return Err(format!(
                "cannot overwrite non-directory {} with directory {}",
                quoted(to),
                quoted(from)
            ));
        }
        return copy_tree(process, &source.path, to, preserve).map_err(failed);
    }
    match target {
        Ok(target) if target.node.is_directory() => {
            Err(format!("cannot overwrite directory {} with non-directory", quoted(to)))
        }
        // What is there keeps its owner and permissions and gets other bytes.
        Ok(_) if matches!(source.node.kind, Kind::File(_) | Kind::Figure(_)) => {
            let content = source.node.content().map_err(failed)?;
            let file = process.open(to, Access::Write).await.map_err(failed)?;
            for piece in content.pieces() {
                file.write(piece.clone()).await.map_err(failed)?;
            }
            if let Some(node) = file.node().filter(|_| preserve) {
                let metadata = source.node.metadata();
                node.change(|changed| *changed = metadata);
            }
            Ok(())
        }
        Ok(_) => {
            process.remove(to).map_err(failed)?;
            copy_tree(process, &source.path, to, preserve).map_err(failed)
        }
        Err(_) => copy_tree(process, &source.path, to, preserve).map_err(failed),
    }
}

/// ln(1)
pub(super) async fn ln(process: &mut Process, words: &[String]) -> Outcome {
    let mut call = Call::parse(
        words,
        &Grammar {
            short: "sfnrt:Tv",
            long: &[
                ("symbolic", 's'),
                ("force", 'f'),
                ("no-dereference", 'n'),
                ("relative", 'r'),
                ("target-directory=", 't'),
                ("no-target-directory", 'T'),
                ("verbose", 'v'),
            ],
            wrong: 1,
        },
    )?;
    if call.operands.len() == 1 && !call.has('t') {
        call.operands.push(".".into());
    }
    // With -n a link to a directory is itself what is replaced.
    if call.has('n')
        && let Some(last) = call.operands.last()
        && let Ok(place) = process.find(last, LastLink::Keep)
        && matches!(place.node.kind, Kind::Link(_))
    {
        call.options.push(('T', String::new()));
    }
    let kind = if call.has('s') { "symbolic link" } else { "hard link" };
    let mut code = 0;
    for (from, to) in destinations(process, words, &call)? {
        let made = (|| {
            if call.has('f')
                && process.find(&to, LastLink::Keep).is_ok_and(|place| !place.node.is_directory())
            {
                process.remove(&to)?;
            }
            if call.has('s') {
                let metadata = Metadata { mode: 0o777, ..process.metadata(0o777) };
                return process.place(&to, |parent| {
                    Ok(Inode::new(&parent.filesystem, Kind::Link(from.clone()), metadata))
                });
            }
            let node = process.find(&from, LastLink::Keep)?.node;
            if node.is_directory() {
                return Err(Errno::NotPermitted);
            }
            process.place(&to, |_| Ok(node))
        })();
        match made {
            Ok(_) => {}
            Err(Errno::NotPermitted) if !call.has('s') => {
                process.complain(format!("ln: {from}: hard link not allowed for directory")).await;
                code = 1;
            }
            Err(Errno::NotFound) if !call.has('s') && process.find(&from, LastLink::Keep).is_err() => {
                process
                    .complain(format!("ln: failed to access {}: {}", quoted(&from), Errno::NotFound))
                    .await;
                code = 1;
            }
            Err(error) => {
                let pair = if call.has('s') { String::new() } else { format!(" => {}", quoted(&from)) };
                process.complain(format!("ln: failed to create {kind} {}{pair}: {error}", quoted(&to))).await;
                code = 1;
            }
        }
    }
    Ok(code)
}
