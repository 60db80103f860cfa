//! mount, umount, unshare, mountpoint: the mount table of the process that calls them.

use super::call::{Call, Failure, Grammar, Outcome, fail};
use super::wrap;
use crate::simulation::machine::files::{Filesystem, Inode, Node};
use crate::simulation::machine::namespace::{LastLink, Mount};
use crate::simulation::machine::overlay::Overlay;
use crate::simulation::machine::process::Process;

/// util-linux' exit code of a mount or unmount that failed.
const FAILED: u8 = 32;

fn failed<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Said(FAILED, text.into()))
}

/// mount(8)
pub(super) async fn mount(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "at:o:rwnvBRlM",
            long: &[
                ("types=", 't'),
                ("options=", 'o'),
                ("read-only", 'r'),
                ("bind", 'B'),
                ("rbind", 'R'),
                ("move", 'M'),
                ("make-private", '1'),
                ("make-rprivate", '1'),
                ("make-shared", '1'),
                ("make-rshared", '1'),
                ("make-slave", '1'),
                ("make-rslave", '1'),
            ],
            wrong: 1,
        },
    )?;
    if call.has('1') && call.operands.len() == 1 {
        // A namespace of ours passes nothing on to others.
        return Ok(0);
    }
    let (source, directory) = match call.operands.as_slice() {
        [] => {
            let wanted = |mount: &Mount| {
                call.value('t').is_none_or(|kinds| kinds.split(',').any(|kind| kind == mount.kind))
            };
            let lines = process.namespace.mounts().into_iter().filter(wanted).map(|mount| {
                format!("{} on {} type {} ({})\n", mount.source, mount.at, mount.kind, mount.options)
            });
            process.out(lines.collect::<String>()).await?;
            return Ok(0);
        }
        [only] => return Err(Failure::Said(1, format!("{only}: can't find in /etc/fstab."))),
        [source, directory] => (source, directory),
        _ => return Err(Failure::Said(1, "bad usage\nTry 'mount --help' for more information.".into())),
    };
    let at = match process.find(directory, LastLink::Follow) {
        Ok(place) if place.node.is_directory() => place.path,
        Ok(place) if call.has('B') => place.path,
        Ok(_) => return failed(format!("{directory}: mount point is not a directory.")),
        Err(_) => return failed(format!("{directory}: mount point does not exist.")),
    };
    let options: Vec<String> =
        call.options.iter().filter(|(key, _)| *key == 'o').flat_map(|(_, list)| split(list, ',')).collect();
    let given = |name: &str| options.iter().any(|option| option == name);
    let bad = || {
        failed(format!(
            "{directory}: wrong fs type, bad option, bad superblock on {source}, missing codepage or helper \
             program, or other error."
        ))
    };
    if call.has('B') || call.has('R') || given("bind") || given("rbind") {
        let Ok(place) = process.find(source, LastLink::Follow) else {
            return failed(format!("{directory}: special device {source} does not exist."));
        };
        let Some(below) = process.namespace.mount_of(&place.path) else { return bad() };
        process.namespace.mount(Mount { at, root: place.node, ..below });
        return Ok(0);
    }
    let read_only = call.has('r') || given("ro");
    let shown = |rest: &[&String]| {
        let first = if read_only { "ro,relatime" } else { "rw,relatime" };
        rest.iter().fold(first.to_owned(), |text, option| text + "," + option)
    };
    let kind = call.value('t').unwrap_or_default();
    let (root, options) = match kind {
        "overlay" => {
            let Some(root) = overlay(process, &options, read_only)? else { return bad() };
            let rest: Vec<&String> =
                options.iter().filter(|option| !matches!(option.as_str(), "ro" | "rw")).collect();
            (root, shown(&rest))
        }
        "tmpfs" => {
            let size = options.iter().find_map(|option| super::call::amount(option.strip_prefix("size=")?));
            let filesystem =
                Filesystem::new("tmpfs", source, size.unwrap_or(process.machine.plan.memory / 2));
            let mode =
                options.iter().find_map(|option| u32::from_str_radix(option.strip_prefix("mode=")?, 8).ok());
            let mut metadata = process.metadata(0o1777);
            metadata.mode = mode.unwrap_or(0o1777);
            let rest: Vec<&String> = options.iter().filter(|option| option.contains('=')).collect();
            (Inode::directory(&filesystem, metadata), shown(&rest))
        }
        "" => return bad(),
        other => return failed(format!("{directory}: unknown filesystem type '{other}'.")),
    };
    process.namespace.mount(Mount { at, root, kind: kind.into(), source: source.clone(), options });
    Ok(0)
}

/// Splits at a sign that has no backslash before it, and keeps the backslashes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == at && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

/// The root of an overlay with these options; nothing where the kernel refuses them.
fn overlay(process: &Process, options: &[String], read_only: bool) -> Result<Option<Node>, Failure> {
    let value = |name: &str| options.iter().rev().find_map(|option| option.strip_prefix(name));
    let directory = |path: &str| {
        let mut plain = String::new();
        let mut rest = path.chars();
        while let Some(c) = rest.next() {
            plain.extend(if c == '\\' { rest.next() } else { Some(c) });
        }
        let place = process.find(&plain, LastLink::Follow).ok()?;
        place.node.is_directory().then_some(place.node)
    };
    let Some(list) = value("lowerdir=") else { return Ok(None) };
    let mut lowers = Vec::new();
    for path in split(list, ':').into_iter().filter(|path| !path.is_empty()) {
        match directory(&path) {
            Some(node) => lowers.push(node),
            None => return Ok(None),
        }
    }
    let upper = match (value("upperdir="), value("workdir=")) {
        (Some(upper), Some(work)) => match (directory(upper), directory(work)) {
            (Some(upper), Some(_)) => Some(upper),
            _ => return Ok(None),
        },
        (Some(_), None) => return Ok(None),
        // Overlayfs needs two layers at least.
        (None, _) if lowers.len() < 2 => return Ok(None),
        (None, _) => None,
    };
    if lowers.is_empty() {
        return Ok(None);
    }
    match (upper, read_only) {
        (Some(upper), true) => {
            lowers.insert(0, upper);
            Ok(Overlay::mounted(lowers, None))
        }
        (upper, _) => Ok(Overlay::mounted(lowers, upper)),
    }
}

/// umount(8)
pub(super) async fn umount(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "lfRnrv",
            long: &[("lazy", 'l'), ("force", 'f'), ("recursive", 'R'), ("quiet", 'q')],
            wrong: 1,
        },
    )?;
    if call.operands.is_empty() {
        return fail("bad usage\nTry 'umount --help' for more information.");
    }
    let mut code = 0;
    for path in &call.operands {
        let place = process.find(path, LastLink::Follow).map(|place| place.path);
        let mounts = process.namespace.mounts();
        let by_device =
            || mounts.iter().rev().find(|mount| mount.source == *path).map(|mount| mount.at.clone());
        let at = match place {
            Ok(at) if mounts.iter().any(|mount| mount.at == at) => Some(at),
            _ => by_device(),
        };
        let said = match at {
            Some(at) if call.has('R') => {
                let below = |other: &Mount| other.at == at || other.at.starts_with(&format!("{at}/"));
                for mount in mounts.iter().rev().filter(|mount| below(mount)) {
                    let _ = process.namespace.unmount(&mount.at);
                }
                continue;
            }
            Some(at) if at == "/" => "target is busy.".to_owned(),
            Some(at) => match process.namespace.unmount(&at) {
                Ok(()) => continue,
                Err(error) => format!("{error}."),
            },
            None if process.find(path, LastLink::Follow).is_err() => "no mount point specified.".to_owned(),
            None => "not mounted.".to_owned(),
        };
        if !call.has('q') {
            process.complain(format!("umount: {path}: {said}")).await;
        }
        code = FAILED;
    }
    Ok(code)
}

/// mountpoint(1)
pub(super) async fn mountpoint(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "qdx", long: &[("quiet", 'q')], wrong: 1 })?;
    let [path] = call.operands.as_slice() else { return fail("bad usage") };
    let quiet = call.has('q');
    match process.find(path, LastLink::Follow) {
        Ok(place) => {
            let mounted = process.namespace.mounts().iter().any(|mount| mount.at == place.path);
            if !quiet {
                let word = if mounted { "is a mountpoint" } else { "is not a mountpoint" };
                process.out(format!("{path} {word}\n")).await?;
            }
            Ok(if mounted { 0 } else { FAILED })
        }
        Err(_) if quiet => Ok(1),
        Err(error) => fail(format!("{path}: {error}")),
    }
}

/// unshare(1)
pub(super) async fn unshare(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "+mupinUCTfr",
            long: &[
                ("mount?", 'm'),
                ("uts?", 'u'),
                ("ipc?", 'i'),
                ("net?", 'n'),
                ("pid?", 'p'),
                ("user?", 'U'),
                ("cgroup?", 'C'),
                ("fork", 'f'),
                ("map-root-user", 'r'),
                ("propagation=", '1'),
                ("kill-child?", '2'),
                ("mount-proc?", '3'),
            ],
            wrong: 1,
        },
    )?;
    if call.has('m') {
        process.namespace = process.namespace.unshared();
    }
    let shell = vec![process.environment.get("SHELL").cloned().unwrap_or_else(|| "/bin/sh".into())];
    let words = if call.operands.is_empty() { &shell } else { &call.operands };
    wrap::become_program(process, "unshare", words, "failed to execute ").await
}
