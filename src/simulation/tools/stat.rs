//! stat(1)

use super::call::{Call, Grammar, Outcome, quoted};
use super::show::{disk_usage, links, mode_text};
use super::time;
use crate::simulation::machine::files::{Device, Kind, Node};
use crate::simulation::machine::namespace::{LastLink, Place};
use crate::simulation::machine::process::Process;

/// Major and minor number of a device (Documentation/admin-guide/devices.txt).
pub(super) fn device_numbers(device: Device) -> (u32, u32) {
    match device {
        Device::Null => (1, 3),
        Device::Zero => (1, 5),
        Device::Full => (1, 7),
        Device::Whiteout => (0, 0),
    }
}

/// The number of the mount that a path lies in, in the place of a device number: each has its own.
pub(super) fn device_of(process: &Process, path: &str) -> usize {
    let Some(mount) = process.namespace.mount_of(path) else { return 0 };
    let mounts = process.namespace.mounts();
    mounts.iter().position(|other| other.at == mount.at).map_or(0, |at| at + 32)
}

fn kind(node: &Node) -> &'static str {
    match node.type_letter() {
        'f' if node.size() == 0 => "regular empty file",
        'f' => "regular file",
        'd' => "directory",
        'l' => "symbolic link",
        'p' => "fifo",
        's' => "socket",
        _ => "character special file",
    }
}

/// File type and mode as st_mode has them.
fn raw_mode(node: &Node) -> u32 {
    let kind = match node.type_letter() {
        'f' => 0o100_000,
        'd' => 0o040_000,
        'l' => 0o120_000,
        'p' => 0o010_000,
        's' => 0o140_000,
        _ => 0o020_000,
    };
    kind | node.metadata().mode
}

const DEFAULT: &str = "  File: %Q\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n\
    Device: %Hd,%Ld\tInode: %-11i Links: %h\nAccess: (%04a/%10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n\
    Access: %x\nModify: %y\nChange: %z\n Birth: %w\n";
const DEFAULT_DEVICE: &str = "  File: %Q\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n\
    Device: %Hd,%Ld\tInode: %-11i Links: %-5h Device type: %t,%T\nAccess: (%04a/%10A)  Uid: (%5u/%8U)   \
    Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w\n";
const DEFAULT_SYSTEM: &str = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\n\
    Block size: %-10s Fundamental block size: %S\nBlocks: Total: %-10b Free: %-10f Available: %a\n\
    Inodes: Total: %-10c Free: %d\n";

/// stat(1)
pub(super) async fn stat(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "c:fLt",
            long: &[
                ("format=", 'c'),
                ("printf=", 'p'),
                ("file-system", 'f'),
                ("dereference", 'L'),
                ("terse", 't'),
            ],
            wrong: 1,
        },
    )?;
    call.need_operand(words)?;
    let mut code = 0;
    for path in &call.operands {
        let last = if call.has('L') || call.has('f') { LastLink::Follow } else { LastLink::Keep };
        let place = match process.find(path, last) {
            Ok(place) => place,
            Err(error) => {
                let what =
                    if call.has('f') { "cannot read file system information for" } else { "cannot statx" };
                process.complain(format!("stat: {what} {}: {error}", quoted(path))).await;
                code = 1;
                continue;
            }
        };
        let format = match call.last_of("cp") {
            Some('c') => format!("{}\n", call.value('c').unwrap_or_default()),
            Some(_) => unescaped(call.value('p').unwrap_or_default()),
            None if call.has('f') => DEFAULT_SYSTEM.to_owned(),
            None if matches!(place.node.kind, Kind::Device(_)) => DEFAULT_DEVICE.to_owned(),
            None => DEFAULT.to_owned(),
        };
        let text = expand(&format, |letter| match call.has('f') {
            true => of_system(process, path, &place, letter),
            false => of_file(process, path, &place, letter),
        });
        process.out(text).await?;
    }
    Ok(code)
}

/// Escapes of `--printf`.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0").replace("\\\\", "\\")
}

/// Puts values in for `%X`, with printf's flags and width in between.
fn expand(format: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| !matches!(c, '-' | '0'..='9' | '.' | '#' | '+' | ' '));
        let Some(end) = end else {
            out.push('%');
            continue;
        };
        let (flags, after) = rest.split_at(end);
        let length = if after.starts_with(['H', 'L']) && after.len() > 1 { 2 } else { 1 };
        let length = after.char_indices().nth(length).map_or(after.len(), |(at, _)| at);
        let letter = &after[..length];
        rest = &after[length..];
        if letter == "%" {
            out.push('%');
            continue;
        }
        let text = value(letter).unwrap_or_else(|| "?".to_owned());
        let width: usize = flags.trim_start_matches(['-', '0', '#', '+', ' ']).parse().unwrap_or(0);
        if flags.starts_with('-') {
            out.push_str(&format!("{text:<width$}"));
        } else if flags.starts_with('0') {
            out.push_str(&format!("{text:0>width$}"));
        } else {
            out.push_str(&format!("{text:>width$}"));
        }
    }
    out + rest
}

fn of_file(process: &Process, path: &str, place: &Place, letter: &str) -> Option<String> {
    let node = &place.node;
    let metadata = node.metadata();
    let device = device_of(process, &place.path);
    let numbers = match node.kind {
        Kind::Device(device) => device_numbers(device),
        _ => (0, 0),
    };
    Some(match letter {
        "n" => path.to_owned(),
        "N" => match &node.kind {
            Kind::Link(target) => format!("{} -> {}", quoted(path), quoted(target)),
            _ => quoted(path),
        },
        // Ours: the same without quotes, as the default format has it.
        "Q" => match &node.kind {
            Kind::Link(target) => format!("{} -> {}", quoted_name(path), quoted_name(target)),
            _ => quoted_name(path),
        },
        "s" => node.size().to_string(),
        "b" => (disk_usage(node) / 512).to_string(),
        "B" => "512".to_owned(),
        "o" => "4096".to_owned(),
        "f" => format!("{:x}", raw_mode(node)),
        "F" => kind(node).to_owned(),
        "a" => format!("{:o}", metadata.mode),
        "A" => mode_text(node),
        "u" => metadata.user.to_string(),
        "U" => name_or_unknown(process, "/etc/passwd", metadata.user),
        "g" => metadata.group.to_string(),
        "G" => name_or_unknown(process, "/etc/group", metadata.group),
        "i" => node.number.to_string(),
        "h" => links(node).to_string(),
        "d" => device.to_string(),
        "D" => format!("{device:x}"),
        "Hd" => "0".to_owned(),
        "Ld" => device.to_string(),
        "t" => format!("{:x}", numbers.0),
        "T" => format!("{:x}", numbers.1),
        "m" => process.namespace.mount_of(&place.path).map(|mount| mount.at)?,
        "x" | "y" | "z" => time::format(metadata.modified, "%Y-%m-%d %H:%M:%S.%N %z"),
        "X" | "Y" | "Z" => metadata.modified.as_secs().to_string(),
        "w" => "-".to_owned(),
        "W" => "0".to_owned(),
        _ => return None,
    })
}

/// coreutils quote a name here only where it needs to be.
fn quoted_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%^".contains(c);
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { quoted(name) }
}

fn name_or_unknown(process: &Process, file: &str, id: u32) -> String {
    super::show::known_name(process, file, id).unwrap_or_else(|| "UNKNOWN".to_owned())
}

fn of_system(process: &Process, path: &str, place: &Place, letter: &str) -> Option<String> {
    let mount = process.namespace.mount_of(&place.path)?;
    let filesystem = &mount.root.filesystem;
    let blocks = |bytes: u64| (bytes / 4096).to_string();
    let free = filesystem.capacity().saturating_sub(filesystem.used());
    // Numbers of <linux/magic.h> and coreutils' words for them.
    let (number, kind) = match mount.kind.as_str() {
        "ext4" => ("ef53", "ext2/ext3"),
        "tmpfs" | "devtmpfs" => ("1021994", "tmpfs"),
        "overlay" => ("794c7630", "overlayfs"),
        "proc" => ("9fa0", "proc"),
        "sysfs" => ("62656572", "sysfs"),
        "cgroup2" => ("63677270", "cgroup2fs"),
        "cgroup" => ("27e0eb", "cgroupfs"),
        other => ("0", other),
    };
    Some(match letter {
        "n" => path.to_owned(),
        "i" => format!("{:x}", device_of(process, &place.path)),
        "l" => "255".to_owned(),
        "t" => number.to_owned(),
        "T" => kind.to_owned(),
        "s" | "S" => "4096".to_owned(),
        "b" => blocks(filesystem.capacity()),
        "f" | "a" => blocks(free),
        "c" => blocks(filesystem.capacity() / 4),
        "d" => blocks(free / 4),
        "m" => mount.at.clone(),
        _ => return None,
    })
}
