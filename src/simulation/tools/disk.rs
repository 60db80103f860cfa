//! df(1) and du(1)

use std::collections::HashSet;
use std::sync::Arc;

use super::call::{Call, Failure, Grammar, Outcome, amount, fail, quoted};
use super::path::inside;
use super::show::{disk_usage, human};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::namespace::{LastLink, Mount};
use crate::simulation::machine::process::Process;

/// The unit of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes(u64),
    Human,
}

impl Unit {
    fn of(call: &Call) -> Result<Self, Failure> {
        Ok(match call.last_of("Bbhkm") {
            Some('B') => {
                let text = call.value('B').unwrap_or_default();
                match amount(text).filter(|size| *size > 0) {
                    Some(size) => Self::Bytes(size),
                    None => return fail(format!("invalid -B argument {}", quoted(text))),
                }
            }
            Some('b') => Self::Bytes(1),
            Some('h') => Self::Human,
            Some('m') => Self::Bytes(1 << 20),
            _ => Self::Bytes(1024),
        })
    }

    fn show(self, bytes: u64) -> String {
        match self {
            Self::Bytes(unit) => bytes.div_ceil(unit).to_string(),
            Self::Human => human(bytes),
        }
    }
}

/// df(1)
pub(super) async fn df(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "aB:hHiklmPTt:x:",
            long: &[
                ("all", 'a'),
                ("block-size=", 'B'),
                ("human-readable", 'h'),
                ("si", 'h'),
                ("inodes", 'i'),
                ("local", 'l'),
                ("portability", 'P'),
                ("print-type", 'T'),
                ("type=", 't'),
                ("exclude-type=", 'x'),
                ("output=", 'o'),
            ],
            wrong: 1,
        },
    )?;
    let unit = Unit::of(&call)?;
    let mut code = 0;
    let mut mounts: Vec<Mount> = Vec::new();
    for path in &call.operands {
        match process.find(path, LastLink::Follow) {
            Ok(place) => mounts.extend(process.namespace.mount_of(&place.path)),
            Err(error) => {
                process.complain(format!("df: {path}: {error}")).await;
                code = 1;
            }
        }
    }
    if call.operands.is_empty() {
        // Of a place only what is on top can be seen, and what has no size is left out.
        let all = process.namespace.mounts();
        let top = |mount: &Mount| {
            process.namespace.mount_of(&mount.at).is_some_and(|top| Arc::ptr_eq(&top.root, &mount.root))
        };
        mounts = all
            .iter()
            .filter(|mount| top(mount) && (call.has('a') || mount.root.filesystem.capacity() > 0))
            .cloned()
            .collect();
    }
    let listed = |key: char, mount: &Mount| {
        call.options.iter().any(|(given, value)| *given == key && *value == mount.kind)
    };
    mounts.retain(|mount| (!call.has('t') || listed('t', mount)) && !listed('x', mount));
    if mounts.is_empty() {
        return if code == 0 { fail("no file systems processed") } else { Ok(code) };
    }
    let text = match call.value('o') {
        Some(columns) => table(&output_columns(&mounts, columns, unit)),
        None => table(&columns(&mounts, &call, unit)),
    };
    process.out(text).await?;
    Ok(code)
}

/// Whether a column stands left or right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

type Column = (Side, Vec<String>);

struct Room {
    size: u64,
    used: u64,
    free: u64,
}

fn room(mount: &Mount) -> Room {
    let filesystem = &mount.root.filesystem;
    let (size, used) = (filesystem.capacity(), filesystem.used());
    Room { size, used: used.min(size), free: size.saturating_sub(used) }
}

/// Rounded up, as df does.
fn percent(room: &Room) -> String {
    match room.used + room.free {
        0 => "-".to_owned(),
        all => format!("{}%", (u128::from(room.used) * 100).div_ceil(u128::from(all))),
    }
}

fn columns(mounts: &[Mount], call: &Call, unit: Unit) -> Vec<Column> {
    let portable = call.has('P');
    let column = |side, title: String, cell: &dyn Fn(&Mount) -> String| {
        let cells = std::iter::once(title).chain(mounts.iter().map(cell)).collect();
        (side, cells)
    };
    let inodes = call.has('i');
    let unit_title = match unit {
        Unit::Human => "Size".to_owned(),
        Unit::Bytes(1024) if portable => "1024-blocks".to_owned(),
        Unit::Bytes(1024) => "1K-blocks".to_owned(),
        Unit::Bytes(size) if !portable && size.is_multiple_of(1 << 20) => {
            format!("{}-blocks", human(size).replace(".0", ""))
        }
        Unit::Bytes(1) if !portable => "1B-blocks".to_owned(),
        Unit::Bytes(size) => format!("{size}-blocks"),
    };
    // ext4 makes one inode for each 16 KiB.
    let scaled = |room: Room| match inodes {
        true => Room { size: room.size / 16_384, used: room.used / 16_384, free: room.free / 16_384 },
        false => room,
    };
    let show = |value: u64| if inodes { value.to_string() } else { unit.show(value) };
    let titles = match (inodes, unit, portable) {
        (true, ..) => ["Inodes", "IUsed", "IFree", "IUse%"].map(str::to_owned),
        (false, Unit::Human, _) => [&unit_title, "Used", "Avail", "Use%"].map(str::to_owned),
        (false, _, true) => [&unit_title, "Used", "Available", "Capacity"].map(str::to_owned),
        (false, ..) => [&unit_title, "Used", "Available", "Use%"].map(str::to_owned),
    };
    let [size, used, free, use_title] = titles;
    let mut table = vec![column(Side::Left, "Filesystem".into(), &|mount| mount.source.clone())];
    if call.has('T') {
        table.push(column(Side::Left, "Type".into(), &|mount| mount.kind.clone()));
    }
    table.push(column(Side::Right, size, &|mount| show(scaled(room(mount)).size)));
    table.push(column(Side::Right, used, &|mount| show(scaled(room(mount)).used)));
    table.push(column(Side::Right, free, &|mount| show(scaled(room(mount)).free)));
    table.push(column(Side::Right, use_title, &|mount| percent(&room(mount))));
    table.push(column(Side::Left, "Mounted on".into(), &|mount| mount.at.clone()));
    table
}

/// The columns of `--output`.
fn output_columns(mounts: &[Mount], names: &str, unit: Unit) -> Vec<Column> {
    let mut table = Vec::new();
    for name in names.split(',') {
        let (side, title) = match name {
            "source" => (Side::Left, "Filesystem"),
            "fstype" => (Side::Left, "Type"),
            "size" => (Side::Right, "1K-blocks"),
            "used" => (Side::Right, "Used"),
            "avail" => (Side::Right, "Avail"),
            "pcent" => (Side::Right, "Use%"),
            _ => (Side::Left, "Mounted on"),
        };
        let cell = |mount: &Mount| match name {
            "source" => mount.source.clone(),
            "fstype" => mount.kind.clone(),
            "size" => unit.show(room(mount).size),
            "used" => unit.show(room(mount).used),
            "avail" => unit.show(room(mount).free),
            "pcent" => percent(&room(mount)),
            _ => mount.at.clone(),
        };
        let title = std::iter::once(title.to_owned());
        table.push((side, title.chain(mounts.iter().map(cell)).collect()));
    }
    table
}

fn table(columns: &[Column]) -> String {
    let mut text = String::new();
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    for row in 0..rows {
        for (index, (side, cells)) in columns.iter().enumerate() {
            let widest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
            // GNU's own least widths: 14 for the file system, 5 for numbers, 4 for the share.
            let width = match (index, side) {
                (0, Side::Left) => widest.max(14),
                (_, Side::Right) if !cells[0].contains('%') && cells[0] != "Capacity" => widest.max(5),
                _ => widest,
            };
            let last = index + 1 == columns.len();
            if index > 0 {
                text.push(' ');
            }
            match side {
                Side::Left if last => text.push_str(&cells[row]),
                Side::Left => text.push_str(&format!("{:<width$}", cells[row])),
                Side::Right => text.push_str(&format!("{:>width$}", cells[row])),
            }
        }
        text.push('\n');
    }
    text
}

struct Count<'a> {
    process: &'a Process,
    call: &'a Call,
    apparent: bool,
    /// Files that have several names are counted once.
    seen: HashSet<usize>,
    device: Option<String>,
    rows: Vec<(u64, String)>,
    failed: Vec<(String, Errno)>,
    deepest: usize,
}

impl Count<'_> {
    fn walk(&mut self, path: &str, node: &Node, place: &str, depth: usize) -> u64 {
        let mount = || self.process.namespace.mount_of(place).map(|mount| mount.at);
        if self.device.is_some() && mount() != self.device {
            return 0;
        }
        if matches!(node.kind, Kind::File(_)) && !self.seen.insert(Arc::as_ptr(node) as usize) {
            return 0;
        }
        let mut size = if self.apparent { node.size() } else { disk_usage(node) };
        if let Ok(names) = node.names() {
            for name in names {
                let inner = inside(path, &name);
                match self.process.find(&inside(place, &name), LastLink::Keep) {
                    Ok(found) => size += self.walk(&inner, &found.node, &found.path, depth + 1),
                    Err(Errno::NotFound) => {}
                    Err(error) => self.failed.push((inner, error)),
                }
            }
        }
        let shown = depth == 0 || (node.is_directory() || self.call.has('a')) && depth <= self.deepest;
        if shown {
            self.rows.push((size, path.to_owned()));
        }
        size
    }
}

/// du(1)
pub(super) async fn du(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "0aB:bcd:hklLmsSxDH",
            long: &[
                ("null", '0'),
                ("all", 'a'),
                ("apparent-size", 'A'),
                ("block-size=", 'B'),
                ("bytes", 'b'),
                ("total", 'c'),
                ("max-depth=", 'd'),
                ("human-readable", 'h'),
                ("summarize", 's'),
                ("one-file-system", 'x'),
            ],
            wrong: 1,
        },
    )?;
    let unit = Unit::of(&call)?;
    let deepest = match call.value('d').map(str::parse) {
        _ if call.has('s') => 0,
        None => usize::MAX,
        Some(Ok(depth)) => depth,
        Some(Err(_)) => {
            return fail(format!("invalid maximum depth {}", quoted(call.value('d').unwrap_or_default())));
        }
    };
    let paths = if call.operands.is_empty() { vec![".".to_owned()] } else { call.operands.clone() };
    let mut total = 0;
    let (mut code, mut text) = (0, String::new());
    let end = if call.has('0') { '\0' } else { '\n' };
    let mut complaints = Vec::new();
    {
        let mut count = Count {
            process,
            call: &call,
            apparent: call.has('A') || call.has('b'),
            seen: HashSet::new(),
            device: None,
            rows: Vec::new(),
            failed: Vec::new(),
            deepest,
        };
        for path in &paths {
            let last = if call.has('D') || call.has('L') || call.has('H') {
                LastLink::Follow
            } else {
                LastLink::Keep
            };
            match process.find(path, last) {
                Ok(place) => {
                    if call.has('x') {
                        count.device = process.namespace.mount_of(&place.path).map(|mount| mount.at);
                    }
                    total += count.walk(path, &place.node, &place.path, 0);
                }
                Err(error) => count.failed.push((path.clone(), error)),
            }
        }
        for (size, path) in count.rows {
            text.push_str(&format!("{}\t{path}{end}", unit.show(size)));
        }
        complaints.extend(count.failed);
    }
    for (path, error) in complaints {
        process.complain(format!("du: cannot access {}: {error}", quoted(&path))).await;
        code = 1;
    }
    if call.has('c') {
        text.push_str(&format!("{}\ttotal{end}", unit.show(total)));
    }
    process.out(text).await?;
    Ok(code)
}
