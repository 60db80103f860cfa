//! Taking archives apart and listing them.

use std::collections::HashSet;

use super::super::call::{Call, Failure, Outcome};
use super::super::glob::{Case, fits};
use super::super::lines::PIECE;
use super::super::time;
use super::archive::{BLOCK, Source};
use super::member::{Extensions, Member, NO_HEADER, What};
use super::names::{Name, Names};
use super::{Said, fatal};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Device, Inode, Kind, Metadata};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::pipe::Pipe;
use crate::simulation::machine::process::Process;

/// Changes to a directory, as `-C` says.
pub(super) fn enter(process: &mut Process, path: &str) -> Result<(), Failure> {
    match process.find(path, LastLink::Follow) {
        Ok(place) if place.node.is_directory() => {
            process.directory = place.path;
            Ok(())
        }
        Ok(_) => fatal(format!("{path}: Cannot open: {}", Errno::NotADirectory)),
        Err(error) => fatal(format!("{path}: Cannot open: {error}")),
    }
}

/// Why a member could not be made: what was tried, and the error.
type Unmade = (&'static str, Errno);

/// `tar --list` and `tar --extract`
pub(super) async fn extract(process: &mut Process, call: &Call, names: Names, mut source: Source) -> Outcome {
    let mut wanted = Vec::new();
    for name in &names.list {
        match name {
            Name::Directory(path) => enter(process, path)?,
            Name::Path(path, _) => wanted.push(path.trim_end_matches('/').to_owned()),
        }
    }
    let mut said = Said::default();
    let mut found = HashSet::new();
    let mut directories: Vec<(String, Metadata)> = Vec::new();
    let mut globals = Extensions::default();
    let mut any = false;
    let mut width = 19;
    if source.is_nothing() {
        said.error(process, NO_HEADER.into()).await;
        return said.end(process).await;
    }
    let result = loop {
        let member = match Member::read(&mut source, &mut globals).await {
            Ok(Some((member, _))) => member,
            Ok(None) => break Ok(()),
            Err(text) => break Err(text),
        };
        any = true;
        let padded = member.size.next_multiple_of(BLOCK as u64);
        let name = member.name.trim_end_matches('/');
        let fitting = wanted.iter().position(|wanted| {
            name == wanted
                || name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('/'))
                || call.has('w') && fits(wanted, name, Case::Exact)
        });
        let chosen = wanted.is_empty() || fitting.is_some();
        found.extend(fitting);
        let path = if chosen && !names.excludes(name) { stripped(call, &member.name) } else { None };
        let Some(path) = path else {
            match source.skip(padded).await {
                Ok(true) => continue,
                Ok(false) => break Err("Unexpected EOF in archive".into()),
                Err(text) => break Err(text),
            }
        };
        tell(process, call, &member, &mut width).await?;
        if call.has('t') {
            match source.skip(padded).await {
                Ok(true) => continue,
                Ok(false) => break Err("Unexpected EOF in archive".into()),
                Err(text) => break Err(text),
            }
        }
        let path = said.member_name(process, &path, call.has('P')).await;
        if path.split('/').any(|part| part == "..") && !call.has('P') {
            said.error(process, format!("{path}: Member name contains '..'")).await;
            if !source.skip(padded).await.unwrap_or(false) {
                break Err("Unexpected EOF in archive".into());
            }
            continue;
        }
        let made = match member.what {
            What::File => file(process, call, &member, &path, &mut source, &mut said).await?,
            _ if call.has('O') => Ok(()),
            What::Directory => {
                directories.push((path.clone(), member.metadata));
                directory(process, &path)
            }
            _ => other(process, call, &member, &path),
        };
        if let Err(text) = made {
            match text {
                Unable::Archive(text) => break Err(text),
                Unable::Member((what, error)) => {
                    said.error(process, format!("{}: {what}: {error}", member.name)).await;
                }
            }
        }
    };
    // What a directory's own metadata are is told after all that is in it has been made.
    for (path, metadata) in directories.iter().rev() {
        if let Ok(node) = process.changeable(path, LastLink::Follow) {
            node.change(|changed| *changed = owned(call, *metadata, process));
        }
    }
    match result {
        Ok(()) => {}
        Err(text) if text == NO_HEADER => {
            if !any {
                said.error(process, text).await;
            }
            said.error(process, "Skipping to next header".into()).await;
        }
        Err(text) => {
            let fatal_one = text.starts_with("Unexpected EOF");
            process.complain(format!("tar: {text}")).await;
            if fatal_one {
                process.complain("tar: Error is not recoverable: exiting now").await;
                return Ok(2);
            }
            said.failed = true;
        }
    }
    let _ = source.drain().await;
    for (index, name) in wanted.iter().enumerate() {
        if !found.contains(&index) {
            said.error(process, format!("{name}: Not found in archive")).await;
        }
    }
    said.end(process).await
}

enum Unable {
    /// The archive cannot be read on.
    Archive(String),
    /// This member cannot be made.
    Member(Unmade),
}

impl From<Unmade> for Unable {
    fn from(unmade: Unmade) -> Self {
        Self::Member(unmade)
    }
}

/// A member's name without its first parts; nothing where none is left.
fn stripped(call: &Call, name: &str) -> Option<String> {
    let parts: usize = call.value('7').and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut rest = name;
    for _ in 0..parts {
        rest = rest.split_once('/')?.1;
    }
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// Who owns what is made, and which permissions it has: root keeps all of it.
fn owned(call: &Call, metadata: Metadata, process: &Process) -> Metadata {
    let mut owned = metadata;
    if call.has('3') {
        (owned.user, owned.group) = (0, 0);
    }
    if call.has('8') {
        owned.mode &= !process.mask;
    }
    if call.has('m') {
        owned.modified = process.machine.calendar();
    }
    owned
}

/// Makes the directories above a path that are not there.
fn above(process: &Process, path: &str) {
    let mut directory = String::new();
    for part in path.trim_end_matches('/').split_inclusive('/') {
        if !part.ends_with('/') {
            break;
        }
        directory.push_str(part);
        // What cannot be made shows when the member itself is.
        let _ = process.make_directory(&directory, 0o777);
    }
}

/// Takes away what stands in a member's place, but no directory that has something in it.
fn clear(process: &Process, call: &Call, path: &str) -> Result<(), Unmade> {
    above(process, path);
    match process.find(path, LastLink::Keep) {
        Ok(_) if call.has('k') => Err(("Cannot open", Errno::Exists)),
        Ok(_) => process.remove(path).map_err(|error| match error {
            Errno::NotEmpty => ("Cannot open", Errno::IsADirectory),
            error => ("Cannot unlink", error),
        }),
        Err(_) => Ok(()),
    }
}

fn directory(process: &Process, path: &str) -> Result<(), Unable> {
    above(process, path);
    match process.make_directory(path, 0o700) {
        Ok(_) => Ok(()),
        // `./` is there, and so may the others be.
        Err(Errno::Exists | Errno::Busy)
            if process.find(path, LastLink::Follow).is_ok_and(|place| place.node.is_directory()) =>
        {
            Ok(())
        }
        Err(error) => Err(("Cannot mkdir", error).into()),
    }
}

fn other(process: &Process, call: &Call, member: &Member, path: &str) -> Result<(), Unable> {
    clear(process, call, path)?;
    let metadata = owned(call, member.metadata, process);
    let made = match member.what {
        What::HardLink => {
            let target = stripped(call, &member.target).unwrap_or_default();
            let first = process.find(target.trim_start_matches('/'), LastLink::Keep);
            return match first.and_then(|place| process.place(path, |_| Ok(place.node))) {
                Ok(_) => Ok(()),
                Err(error) => Err(("Cannot hard link", error).into()),
            };
        }
        What::SymbolicLink => {
            let metadata = Metadata { mode: 0o777, ..metadata };
            process.place(path, |parent| {
                Ok(Inode::new(&parent.filesystem, Kind::Link(member.target.clone()), metadata))
            })
        }
        What::Fifo => process
            .place(path, |parent| Ok(Inode::new(&parent.filesystem, Kind::Fifo(Pipe::new()), metadata))),
        What::Device(major, minor) => {
            let device = match (major, minor) {
                (1, 5) => Device::Zero,
                (1, 7) => Device::Full,
                (0, 0) => Device::Whiteout,
                _ => Device::Null,
            };
            process.place(path, |parent| Ok(Inode::new(&parent.filesystem, Kind::Device(device), metadata)))
        }
        _ => return Err(("Cannot mknod", Errno::Invalid).into()),
    };
    let node = made.map_err(|error| ("Cannot open", error))?;
    node.change(|changed| {
        *changed =
            if member.what == What::SymbolicLink { Metadata { mode: 0o777, ..metadata } } else { metadata }
    });
    Ok(())
}

/// Makes a file of the bytes that come next, or writes them out.
async fn file(
    process: &Process,
    call: &Call,
    member: &Member,
    path: &str,
    source: &mut Source,
    said: &mut Said,
) -> Result<Result<(), Unable>, Failure> {
    let cut_short = || Ok(Err(Unable::Archive("Unexpected EOF in archive".into())));
    let padded = member.size.next_multiple_of(BLOCK as u64);
    let target = if call.has('O') {
        process.files.get(&1).cloned().ok_or(Errno::BadDescriptor)
    } else {
        match clear(process, call, path) {
            Ok(()) => process.open(path, Access::New).await,
            Err((_, Errno::Exists)) if call.has('K') => Err(Errno::Exists),
            Err((_, error)) => Err(error),
        }
    };
    let target = match target {
        Ok(target) => target,
        Err(error) => {
            return match source.skip(padded).await {
                Ok(true) => Ok(Err(("Cannot open", error).into())),
                Ok(false) => cut_short(),
                Err(text) => Ok(Err(Unable::Archive(text))),
            };
        }
    };
    let mut left = member.size;
    let mut failed = None;
    while left > 0 {
        let piece = match source.take(left.min(PIECE as u64) as usize).await {
            Ok(piece) => piece,
            Err(text) => return Ok(Err(Unable::Archive(text))),
        };
        if piece.is_empty() {
            return cut_short();
        }
        left -= piece.len() as u64;
        if failed.is_none()
            && let Err(error) = target.write(piece).await
        {
            if call.has('O') {
                return Err(error.into());
            }
            failed = Some(error);
        }
    }
    match source.skip(padded - member.size).await {
        Ok(true) => {}
        Ok(false) => return cut_short(),
        Err(text) => return Ok(Err(Unable::Archive(text))),
    }
    if let (Some(node), false) = (target.node(), call.has('O')) {
        node.change(|changed| *changed = owned(call, member.metadata, process));
    }
    if let Some(error) = failed {
        said.error(process, format!("{}: Cannot write: {error}", member.name)).await;
    }
    Ok(Ok(()))
}

async fn tell(process: &Process, call: &Call, member: &Member, width: &mut usize) -> Result<(), Failure> {
    let verbose = call.options.iter().filter(|(key, _)| *key == 'v').count();
    let line = match verbose + usize::from(call.has('t')) {
        0 => return Ok(()),
        1 => member.name.clone(),
        _ => {
            let mut shown = member.clone();
            if call.has('N') {
                (shown.user, shown.group) = (String::new(), String::new());
            }
            long_line(&shown, width)
        }
    };
    let line = escaped(&line);
    if call.has('O') {
        process.complain(line).await;
        return Ok(());
    }
    process.out(line + "\n").await.map_err(Failure::Output)
}

/// Names with signs that a terminal would act on.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}

/// A line of `tar -tv`; the widest owner and size so far decide where the date stands.
pub(super) fn long_line(member: &Member, width: &mut usize) -> String {
    let kind = match member.what {
        What::File => '-',
        What::HardLink => 'h',
        What::SymbolicLink => 'l',
        What::Directory => 'd',
        What::Fifo => 'p',
        What::Device(..) => 'c',
        What::Unknown(_) => '?',
    };
    let bit = |bit: u32, letter: char| if member.metadata.mode & bit != 0 { letter } else { '-' };
    let execute = |bit: u32, special: u32, letter: char| match (
        member.metadata.mode & special != 0,
        member.metadata.mode & bit != 0,
    ) {
        (true, true) => letter,
        (true, false) => letter.to_ascii_uppercase(),
        (false, true) => 'x',
        (false, false) => '-',
    };
    let mode: String = [
        kind,
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        execute(0o100, 0o4000, 's'),
        bit(0o40, 'r'),
        bit(0o20, 'w'),
        execute(0o10, 0o2000, 's'),
        bit(0o4, 'r'),
        bit(0o2, 'w'),
        execute(0o1, 0o1000, 't'),
    ]
    .iter()
    .collect();
    let name = |name: &str, id: u32| if name.is_empty() { id.to_string() } else { name.to_owned() };
    let owner = format!(
        "{}/{}",
        name(&member.user, member.metadata.user),
        name(&member.group, member.metadata.group)
    );
    let size = match member.what {
        What::Device(major, minor) => format!("{major},{minor}"),
        _ => member.size.to_string(),
    };
    *width = (*width).max(owner.len() + 1 + size.len());
    let fill = *width - owner.len() - 1;
    let when = time::format(member.metadata.modified, "%Y-%m-%d %H:%M");
    let target = match member.what {
        What::SymbolicLink => format!(" -> {}", member.target),
        What::HardLink => format!(" link to {}", member.target),
        _ => String::new(),
    };
    format!("{mode} {owner} {size:>fill$} {when} {}{target}", member.name)
}
