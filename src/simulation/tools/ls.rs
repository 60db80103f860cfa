//! ls(1)

use std::time::Duration;

use super::call::{Call, Grammar, Outcome, quoted};
use super::path::inside;
use super::show::{disk_usage, human, links, mode_text, name_of};
use super::time;
use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

struct Listed {
    name: String,
    path: String,
    node: Node,
}

/// ls(1)
pub(super) async fn ls(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "1AaCcdFfgGhHiklLnopqrRsStTuUvwxXZ",
            long: &[
                ("all", 'a'),
                ("almost-all", 'A'),
                ("directory", 'd'),
                ("human-readable", 'h'),
                ("inode", 'i'),
                ("dereference", 'L'),
                ("numeric-uid-gid", 'n'),
                ("recursive", 'R'),
                ("reverse", 'r'),
                ("size", 's'),
                ("classify?", 'F'),
                ("color?", 'G'),
                ("full-time", '2'),
                ("time-style=", '3'),
                ("group-directories-first", '4'),
                ("no-group", 'G'),
                ("sort=", '5'),
            ],
            wrong: 2,
        },
    )?;
    let paths = if call.operands.is_empty() { vec![".".to_owned()] } else { call.operands.clone() };
    let long = ['l', 'n', 'o', 'g', '2'].into_iter().any(|key| call.has(key));
    let mut code = 0;
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for path in &paths {
        let last = if long || call.has('d') || call.has('F') { LastLink::Keep } else { LastLink::Follow };
        let last = if call.has('L') || path.ends_with('/') { LastLink::Follow } else { last };
        let place = process.find(path, last).or_else(|error| match last {
            LastLink::Follow => process.find(path, LastLink::Keep).map_err(|_| error),
            LastLink::Keep => Err(error),
        });
        match place {
            Ok(place) => {
                let listed = Listed { name: path.clone(), path: place.path.clone(), node: place.node };
                if listed.node.is_directory() && !call.has('d') {
                    directories.push(listed);
                } else {
                    files.push(listed);
                }
            }
            Err(error) => {
                process.complain(format!("ls: cannot access {}: {error}", quoted(path))).await;
                code = 2;
            }
        }
    }
    order(&call, &mut files);
    order(&call, &mut directories);
    let titled = paths.len() > 1 || call.has('R');
    let mut first = files.is_empty();
    process.out(rows(process, &call, &files, long)).await?;
    directories.reverse();
    while let Some(directory) = directories.pop() {
        let names = match directory.node.names() {
            Ok(names) => names,
            Err(error) => {
                process
                    .complain(format!("ls: cannot open directory {}: {error}", quoted(&directory.name)))
                    .await;
                code = 2;
                continue;
            }
        };
        let mut inner = Vec::new();
        if call.has('a') || call.has('f') {
            for name in [".", ".."] {
                let above = process.find(&inside(&directory.path, name), LastLink::Follow);
                inner.extend(above.ok().map(|place| Listed {
                    name: name.into(),
                    path: place.path,
                    node: place.node,
                }));
            }
        }
        for name in names {
            if name.starts_with('.') && !call.has('a') && !call.has('A') && !call.has('f') {
                continue;
            }
            let last = if call.has('L') { LastLink::Follow } else { LastLink::Keep };
            let path = inside(&directory.path, &name);
            // What has gone meanwhile, as in /proc, is not listed.
            if let Ok(place) = process.find(&path, last).or_else(|_| process.find(&path, LastLink::Keep)) {
                inner.push(Listed { name, path: place.path, node: place.node });
            }
        }
        order(&call, &mut inner);
        let mut text = String::new();
        if titled {
            text.push_str(if first { "" } else { "\n" });
            text.push_str(&format!("{}:\n", directory.name));
        }
        first = false;
        if long || call.has('s') {
            let total: u64 = inner.iter().map(|listed| disk_usage(&listed.node)).sum();
            let total = if call.has('h') { human(total) } else { (total / 1024).to_string() };
            text.push_str(&format!("total {total}\n"));
        }
        text.push_str(&rows(process, &call, &inner, long));
        process.out(text).await?;
        if call.has('R') {
            for listed in inner.into_iter().rev() {
                if listed.node.is_directory() && listed.name != "." && listed.name != ".." {
                    directories.push(Listed { name: inside(&directory.name, &listed.name), ..listed });
                }
            }
        }
    }
    Ok(code)
}

fn order(call: &Call, listed: &mut [Listed]) {
    if call.has('U') || call.has('f') {
        return;
    }
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let sort = match call.value('5') {
        Some("time") => Some('t'),
        Some("size") => Some('S'),
        _ => call.last_of("tS"),
    };
    match sort {
        Some('t') => listed.sort_by_key(|listed| std::cmp::Reverse(listed.node.metadata().modified)),
        Some(_) => listed.sort_by_key(|listed| std::cmp::Reverse(listed.node.size())),
        None => {}
    }
    if call.has('r') {
        listed.reverse();
    }
    if call.has('4') {
        listed.sort_by_key(|listed| !listed.node.is_directory());
    }
}

/// Half a Gregorian year: what is older, or in the future, is shown with its year instead of its time.
const RECENT: Duration = Duration::from_secs(31_556_952 / 2);

fn rows(process: &Process, call: &Call, listed: &[Listed], long: bool) -> String {
    let now = process.machine.calendar();
    let mut table: Vec<Vec<String>> = Vec::new();
    for Listed { node, .. } in listed {
        let mut row = Vec::new();
        if call.has('i') {
            row.push(node.number.to_string());
        }
        if call.has('s') {
            row.push((disk_usage(node) / 1024).to_string());
        }
        if long {
            let metadata = node.metadata();
            row.push(mode_text(node));
            row.push(links(node).to_string());
            let name = |file: &str, id| if call.has('n') { id_text(id) } else { name_of(process, file, id) };
            if !call.has('g') {
                row.push(name("/etc/passwd", metadata.user));
            }
            if !call.has('o') && !call.has('G') {
                row.push(name("/etc/group", metadata.group));
            }
            row.push(match node.kind {
                Kind::Device(device) => {
                    let (major, minor) = super::stat::device_numbers(device);
                    format!("{major}, {minor}")
                }
                _ if call.has('h') => human(node.size()),
                _ => node.size().to_string(),
            });
            let modified = metadata.modified;
            let recent = modified <= now && now.saturating_sub(modified) < RECENT;
            row.push(match call.value('3') {
                _ if call.has('2') => time::format(modified, "%Y-%m-%d %H:%M:%S.%N %z"),
                Some("full-iso") => time::format(modified, "%Y-%m-%d %H:%M:%S.%N %z"),
                Some("long-iso") => time::format(modified, "%Y-%m-%d %H:%M"),
                Some(style) if style.starts_with('+') => time::format(modified, &style[1..]),
                _ if recent => time::format(modified, "%b %e %H:%M"),
                _ => time::format(modified, "%b %e  %Y"),
            });
        }
        table.push(row);
    }
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let text_columns = usize::from(call.has('i')) + usize::from(call.has('s'));
    let mut text = String::new();
    for (row, listed) in table.iter().zip(listed) {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Mode, owner and group stand left, numbers and times right.
            let left = long && column >= text_columns && {
                let place = column - text_columns;
                place == 0 || (place > 1 && column + 2 < columns)
            };
            text.push_str(&if left { format!("{cell:<width$} ") } else { format!("{cell:>width$} ") });
        }
        text.push_str(&listed.name);
        if let (Kind::Link(target), true) = (&listed.node.kind, long) {
            text.push_str(&format!(" -> {target}"));
        }
        if call.has('F') || call.has('p') {
            text.push_str(match listed.node.type_letter() {
                'd' => "/",
                _ if call.has('p') && !call.has('F') => "",
                'l' if !long => "@",
                'p' => "|",
                's' => "=",
                'f' if listed.node.metadata().mode & 0o111 != 0 => "*",
                _ => "",
            });
        }
        text.push('\n');
    }
    text
}

fn id_text(id: u32) -> String {
    id.to_string()
}
