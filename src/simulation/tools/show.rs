//! What programs show of a file: its owner's name, its mode, its size.

use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::process::Process;

/// The number of a user or a group by name, or the number itself.
pub(super) fn identity(process: &Process, file: &str, name: &str) -> Option<u32> {
    let text = process.content(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let named = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? == name { fields.nth(1)?.parse().ok() } else { None }
    });
    named.or_else(|| name.parse().ok())
}

/// The name of a user (/etc/passwd) or a group (/etc/group); its number where it has none.
pub(super) fn name_of(process: &Process, file: &str, id: u32) -> String {
    known_name(process, file, id).unwrap_or_else(|| id.to_string())
}

/// The name of a user or a group, if it has one.
pub(super) fn known_name(process: &Process, file: &str, id: u32) -> Option<String> {
    let text = process.content(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let number = id.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}

/// `drwxr-xr-x`
pub(super) fn mode_text(node: &Node) -> String {
    let mode = node.metadata().mode;
    let mut text = String::from(if node.type_letter() == 'f' { '-' } else { node.type_letter() });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// How many names something has. Only directories are counted: by their own subdirectories.
pub(super) fn links(node: &Node) -> usize {
    match node.names() {
        Ok(names) => {
            let directory = |name: &String| node.entry(name).is_ok_and(|node| node.is_directory());
            2 + names.iter().filter(|name| directory(name)).count()
        }
        Err(_) => 1,
    }
}

/// What something takes on the disk, in bytes: whole pages, and nothing where there is no disk.
pub(super) fn disk_usage(node: &Node) -> u64 {
    match node.kind {
        Kind::File(_) => node.size().next_multiple_of(4096),
        Kind::Directory(_) | Kind::Overlay(_) => 4096,
        _ => 0,
    }
}

/// A size as people read it: `1.5K`, `23M`. Rounded up, as coreutils do.
pub(super) fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut unit = 1024_u64;
    for letter in ["K", "M", "G", "T", "P"] {
        let tenths = (u128::from(bytes) * 10).div_ceil(u128::from(unit));
        if tenths < 100 {
            return format!("{}.{}{letter}", tenths / 10, tenths % 10);
        }
        let whole = bytes.div_ceil(unit);
        if whole < 1024 {
            return format!("{whole}{letter}");
        }
        unit = unit.saturating_mul(1024);
    }
    bytes.to_string()
}
