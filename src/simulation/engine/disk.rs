//! Files as an engine handles them: by absolute path, on the machine's own mount table.

use std::sync::Arc;

use bytes::Bytes;

use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Inode, Kind, Metadata, Node};
use crate::simulation::machine::namespace::LastLink;

/// Metadata of something new of root's, now.
pub fn metadata(machine: &Machine, mode: u32) -> Metadata {
    Metadata { mode, user: 0, group: 0, modified: machine.calendar() }
}

/// What stands at a path.
pub fn node(machine: &Machine, path: &str) -> Option<Node> {
    machine.namespace.find("/", path, LastLink::Follow).ok().map(|place| place.node)
}

/// The directory at a path, made with those above it.
pub fn directory(machine: &Machine, path: &str, mode: u32) -> Result<Node, Errno> {
    if let Some(node) = node(machine, path) {
        return if node.is_directory() { Ok(node) } else { Err(Errno::NotADirectory) };
    }
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory(machine, if above.is_empty() { "/" } else { above }, 0o755)?;
    let made = Inode::directory(&parent.filesystem, metadata(machine, mode));
    parent.insert(name, made.clone())?;
    Ok(made)
}

/// Puts a file in the place of whatever has its name.
pub fn put(machine: &Machine, path: &str, content: impl Into<Content>, mode: u32) -> Result<Node, Errno> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory(machine, above, 0o755)?;
    if parent.entry(name).is_ok() {
        parent.remove(name)?;
    }
    let file = Inode::file(&parent.filesystem, content, metadata(machine, mode))?;
    parent.insert(name, file.clone())?;
    Ok(file)
}

/// Puts a symbolic link in the place of whatever has its name.
pub fn link(machine: &Machine, path: &str, target: &str) -> Result<(), Errno> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory(machine, above, 0o755)?;
    if parent.entry(name).is_ok() {
        parent.remove(name)?;
    }
    parent.insert(name, Inode::new(&parent.filesystem, Kind::Link(target.into()), metadata(machine, 0o777)))
}

/// Adds bytes to a file, which is made if it is not there.
pub fn append(machine: &Machine, path: &str, bytes: Bytes) -> Result<(), Errno> {
    match node(machine, path) {
        Some(file) => {
            file.write(|content| content.append(bytes))?;
            file.change(|metadata| metadata.modified = machine.calendar());
            Ok(())
        }
        None => put(machine, path, bytes, 0o600).map(|_| ()),
    }
}

/// The bytes of a file.
pub fn read(machine: &Machine, path: &str) -> Option<Content> {
    node(machine, path)?.content().ok()
}

/// Takes away a file, or a directory with all that is in it. What is not there need not be taken away.
pub fn remove(machine: &Machine, path: &str) {
    let Ok((parent, name)) = machine.namespace.parent("/", path) else { return };
    if let Ok(node) = parent.node.entry(&name) {
        empty(&node);
        let _ = parent.node.remove(&name);
    }
}

/// Takes everything out of a directory.
pub fn empty(directory: &Node) {
    for name in directory.names().unwrap_or_default() {
        if let Ok(node) = directory.entry(&name)
            && node.is_directory()
        {
            empty(&node);
        }
        let _ = directory.remove(&name);
    }
}

/// The directory of a name in another, made as a copy of `like` where it is missing.
pub fn within(parent: &Node, name: &str, like: impl FnOnce() -> Metadata) -> Result<Node, Errno> {
    match parent.entry(name) {
        Ok(node) if node.is_directory() => Ok(node),
        found => {
            if found.is_ok() {
                parent.remove(name)?;
            }
            let made = Inode::directory(&parent.filesystem, like());
            parent.insert(name, made.clone())?;
            Ok(made)
        }
    }
}

/// Whether so many bytes more fit where a path leads.
pub fn has_room(machine: &Machine, path: &str, bytes: u64) -> bool {
    let Some(node) = node(machine, path) else { return false };
    let disk = Arc::clone(&node.filesystem);
    disk.used().saturating_add(bytes) <= disk.capacity()
}
