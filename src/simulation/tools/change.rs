//! Owners and permissions: chmod, chown, chgrp.

use super::call::{Call, Failure, Grammar, Outcome, base, fail, quoted};
use super::path::inside;
use super::show::identity;
use crate::simulation::machine::files::{Kind, Metadata};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// A mode as chmod(1) takes it, applied to the one that is there.
pub(super) fn mode(text: &str, before: u32, directory: bool, mask: u32) -> Option<u32> {
    if text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)?;
        // The bits of directories stay unless they are named.
        let kept = if directory && text.len() < 5 { before & 0o6000 } else { 0 };
        return Some(mode | kept);
    }
    let mut mode = before;
    for clause in text.split(',') {
        let split = clause
            .find(['+', '-', '='])
            .filter(|at| clause[..*at].chars().all(|c| matches!(c, 'u' | 'g' | 'o' | 'a')))?;
        let (who, mut rest) = clause.split_at(split);
        let mut places = 0;
        for c in who.chars() {
            places |= match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                _ => 0o7777,
            };
        }
        let unmasked = if who.is_empty() { !mask } else { !0 };
        let places = if who.is_empty() { 0o7777 } else { places };
        while let Some(sign) = rest.chars().next() {
            let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
            let mut bits = 0;
            for c in rest[1..end].chars() {
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if directory || mode & 0o111 != 0 => 0o111,
                    'X' => 0,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => (mode >> 6 & 7) * 0o111,
                    'g' => (mode >> 3 & 7) * 0o111,
                    'o' => (mode & 7) * 0o111,
                    _ => return None,
                };
            }
            bits &= places & unmasked;
            match sign {
                '+' => mode |= bits,
                '-' => mode &= !bits,
                _ => mode = mode & !(places & if directory { !0o6000 } else { !0 }) | bits,
            }
            rest = &rest[end..];
        }
    }
    Some(mode)
}

/// Changes the metadata of all the operands, and of what is in them if that is wanted.
async fn change_all(
    process: &Process,
    call: &Call,
    name: &str,
    change: impl Fn(&mut Metadata, bool),
) -> Outcome {
    let last = if call.has('h') { LastLink::Keep } else { LastLink::Follow };
    let mut code = 0;
    let mut waiting: Vec<(String, LastLink)> =
        call.operands[1..].iter().rev().map(|path| (path.clone(), last)).collect();
    while let Some((path, last)) = waiting.pop() {
        match process.changeable(&path, last) {
            Ok(node) => {
                let directory = node.is_directory();
                node.change(|metadata| change(metadata, directory));
                if call.has('R') && directory {
                    for inner in node.names().unwrap_or_default().iter().rev() {
                        let path = inside(&path, inner);
                        let link = process
                            .find(&path, LastLink::Keep)
                            .is_ok_and(|place| matches!(place.node.kind, Kind::Link(_)));
                        if !link || name != "chmod" {
                            waiting.push((path, LastLink::Keep));
                        }
                    }
                }
            }
            Err(_) if call.has('f') => code = 1,
            Err(error) => {
                process.complain(format!("{name}: cannot access {}: {error}", quoted(&path))).await;
                code = 1;
            }
        }
    }
    Ok(code)
}

const CHANGES: Grammar = Grammar {
    short: "fRvch",
    long: &[("recursive", 'R'), ("silent", 'f'), ("quiet", 'f'), ("verbose", 'v'), ("no-dereference", 'h')],
    wrong: 1,
};

fn two_operands(words: &[String], call: &Call) -> Result<(), Failure> {
    call.need_operand(words)?;
    match call.operands.as_slice() {
        [only] => fail(format!(
            "missing operand after {}\nTry '{} --help' for more information.",
            quoted(only),
            base(words)
        )),
        _ => Ok(()),
    }
}

/// chmod(1)
pub(super) async fn chmod(process: &mut Process, words: &[String]) -> Outcome {
    // `-x` takes permissions away and is no option.
    let mut words = words.to_vec();
    if let Some(at) = words.iter().position(|word| {
        word.len() > 1 && word.starts_with('-') && word[1..].chars().all(|c| "rwxXst".contains(c))
    }) {
        words[at] = format!("a{}", words[at]);
    }
    let call = Call::parse(&words, &CHANGES)?;
    two_operands(&words, &call)?;
    let text = &call.operands[0];
    if mode(text, 0, false, 0).is_none() {
        return fail(format!("invalid mode: {}\nTry 'chmod --help' for more information.", quoted(text)));
    }
    let mask = process.mask;
    change_all(process, &call, "chmod", |metadata, directory| {
        metadata.mode = mode(text, metadata.mode, directory, mask).unwrap_or(metadata.mode);
    })
    .await
}

/// chown(1)
pub(super) async fn chown(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &CHANGES)?;
    two_operands(words, &call)?;
    let text = &call.operands[0];
    let (user, group) = match text.split_once([':', '.']) {
        Some((user, group)) => (user, Some(group)),
        None => (text.as_str(), None),
    };
    let found = |kind: &str, file: &str, name: &str| match identity(process, file, name) {
        Some(id) => Ok(id),
        None => fail(format!("invalid {kind}: {}", quoted(text))),
    };
    let new_user = if user.is_empty() { None } else { Some(found("user", "/etc/passwd", user)?) };
    let new_group = match group {
        None => None,
        Some("") => new_user,
        Some(group) => Some(found("group", "/etc/group", group)?),
    };
    change_all(process, &call, "chown", |metadata, _| {
        metadata.user = new_user.unwrap_or(metadata.user);
        metadata.group = new_group.unwrap_or(metadata.group);
    })
    .await
}

/// chgrp(1)
pub(super) async fn chgrp(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &CHANGES)?;
    two_operands(words, &call)?;
    let Some(group) = identity(process, "/etc/group", &call.operands[0]) else {
        return fail(format!("invalid group: {}", quoted(&call.operands[0])));
    };
    change_all(process, &call, "chgrp", |metadata, _| metadata.group = group).await
}
