//! Paths: the mount table of a group of processes, and the way from a path to what it stands for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::errno::Errno;
use super::files::{Kind, Node};
use crate::simulation::locked;

/// Linux gives up after so many symbolic links on one path.
const MOST_LINKS: u32 = 40;

/// What is mounted somewhere.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The directory, as a path from the root without links.
    pub at: String,
    /// What is seen there.
    pub root: Node,
    /// Type column of the mount table.
    pub kind: String,
    /// Device column.
    pub source: String,
    /// Options column.
    pub options: String,
}

/// A mount namespace.
#[derive(Debug)]
pub struct Namespace {
    root: Node,
    mounts: Mutex<Mounts>,
}

#[derive(Clone, Debug, Default)]
struct Mounts {
    /// By directory; the last mounted is on top.
    by_place: HashMap<String, Vec<(u64, Mount)>>,
    counter: u64,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Place {
    /// The path from the root, without links, dots and doubled slashes.
    pub path: String,
    /// What stands there.
    pub node: Node,
}

/// Whether the last name of a path is followed when it is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLink {
    /// As `open` and `stat` do.
    Follow,
    /// As `lstat` and `unlink` do.
    Keep,
}

impl Namespace {
    /// A namespace with nothing mounted but its root.
    pub fn new(root: Node) -> Self {
        Self { root, mounts: Mutex::default() }
    }

    /// A copy that goes its own way, as `unshare --mount` makes it.
    pub fn unshared(&self) -> Arc<Self> {
        Arc::new(Self { root: self.root.clone(), mounts: Mutex::new(locked(&self.mounts).clone()) })
    }

    /// Mounts something.
    pub fn mount(&self, mount: Mount) {
        let mut mounts = locked(&self.mounts);
        mounts.counter += 1;
        let counter = mounts.counter;
        mounts.by_place.entry(mount.at.clone()).or_default().push((counter, mount));
    }

    /// Takes away what was last mounted at a place.
    pub fn unmount(&self, at: &str) -> Result<(), Errno> {
        let mut mounts = locked(&self.mounts);
        let here = mounts.by_place.get_mut(at).ok_or(Errno::Invalid)?;
        here.pop().ok_or(Errno::Invalid)?;
        if here.is_empty() {
            mounts.by_place.remove(at);
        }
        Ok(())
    }

    /// All mounts in the order in which they were made.
    pub fn mounts(&self) -> Vec<Mount> {
        let mut all: Vec<_> = locked(&self.mounts).by_place.values().flatten().cloned().collect();
        all.sort_by_key(|(counter, _)| *counter);
        all.into_iter().map(|(_, mount)| mount).collect()
    }

    /// The mount that a path (without links) lies in.
    pub fn mount_of(&self, path: &str) -> Option<Mount> {
        let mounts = locked(&self.mounts);
        let mut path = path;
        loop {
            if let Some((_, mount)) = mounts.by_place.get(path).and_then(|here| here.last()) {
                return Some(mount.clone());
            }
            path = match path.rsplit_once('/') {
                _ if path == "/" => return None,
                Some(("", _)) => "/",
                Some((parent, _)) => parent,
                None => return None,
            };
        }
    }

    /// The root directory.
    pub fn root(&self) -> Place {
        self.covered(Place { path: "/".into(), node: self.root.clone() })
    }

    fn covered(&self, place: Place) -> Place {
        let mounts = locked(&self.mounts);
        match mounts.by_place.get(&place.path).and_then(|here| here.last()) {
            Some((_, mount)) => Place { node: mount.root.clone(), path: place.path },
            None => place,
        }
    }

    /// Where a path leads from a directory.
    pub fn find(&self, directory: &str, path: &str, last: LastLink) -> Result<Place, Errno> {
        self.walk(directory, path, last, &mut 0)
    }

    /// The directory that a path's last name stands in, and that name. The name itself need not exist.
    pub fn parent(&self, directory: &str, path: &str) -> Result<(Place, String), Errno> {
        let trimmed = path.trim_end_matches('/');
        let (before, name) = match trimmed.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((before, name)) => (before, name),
            None => (".", trimmed),
        };
        if name.is_empty() || name == "." || name == ".." {
            return Err(if path.is_empty() { Errno::NotFound } else { Errno::Busy });
        }
        let parent = self.find(directory, before, LastLink::Follow)?;
        if !parent.node.is_directory() {
            return Err(Errno::NotADirectory);
        }
        Ok((parent, name.to_owned()))
    }

    fn walk(&self, directory: &str, path: &str, last: LastLink, links: &mut u32) -> Result<Place, Errno> {
        if path.is_empty() {
            return Err(Errno::NotFound);
        }
        let mut here = if path.starts_with('/') || directory == "/" {
            self.root()
        } else {
            self.walk("/", directory, LastLink::Follow, links)?
        };
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        for (index, name) in names.iter().enumerate() {
            if !here.node.is_directory() {
                return Err(Errno::NotADirectory);
            }
            if *name == ".." {
                let parent = match here.path.rsplit_once('/') {
                    Some(("", _)) | None => "/",
                    Some((parent, _)) => parent,
                };
                here = if parent == "/" {
                    self.root()
                } else {
                    self.walk("/", parent, LastLink::Follow, links)?
                };
                continue;
            }
            let node = here.node.entry(name)?;
            if let Kind::Link(target) = &node.kind
                && (index + 1 < names.len() || last == LastLink::Follow || path.ends_with('/'))
            {
                *links += 1;
                if *links > MOST_LINKS {
                    return Err(Errno::Loop);
                }
                here = self.walk(&here.path, target, LastLink::Follow, links)?;
                continue;
            }
            let path = if here.path == "/" { format!("/{name}") } else { format!("{}/{name}", here.path) };
            here = self.covered(Place { path, node });
        }
        if path.ends_with('/') && !here.node.is_directory() {
            return Err(Errno::NotADirectory);
        }
        Ok(here)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulation::machine::files::{Filesystem, Inode, Metadata};

    const OWNED: Metadata = Metadata { mode: 0o755, user: 0, group: 0, modified: Duration::ZERO };

    #[test]
    fn paths_go_through_links_dots_and_mounts() {
        let disk = Filesystem::new("ext4", "/dev/vda", 1 << 20);
        let directory = || Inode::directory(&disk, OWNED);
        let (root, var, tmp) = (directory(), directory(), directory());
        var.insert("log", directory()).unwrap();
        var.insert("tmp", tmp).unwrap();
        root.insert("var", var).unwrap();
        root.insert("v", Inode::new(&disk, Kind::Link("var/../var".into()), OWNED)).unwrap();
        root.insert("loop", Inode::new(&disk, Kind::Link("loop".into()), OWNED)).unwrap();
        let namespace = Namespace::new(root);
        let find = |directory: &str, path: &str| {
            namespace.find(directory, path, LastLink::Follow).map(|place| place.path)
        };
        assert_eq!(find("/", "v//log/."), Ok("/var/log".into()));
        assert_eq!(find("/var/log", "../tmp/../../../v"), Ok("/var".into()));
        assert_eq!(find("/", "loop"), Err(Errno::Loop));
        assert_eq!(find("/", "var/none"), Err(Errno::NotFound));
        let other = directory();
        other.insert("inside", directory()).unwrap();
        let mount = Mount {
            at: "/var/tmp".into(),
            root: other,
            kind: "tmpfs".into(),
            source: "t".into(),
            options: "rw".into(),
        };
        namespace.mount(mount);
        let apart = namespace.unshared();
        assert_eq!(find("/", "/var/tmp/inside/.."), Ok("/var/tmp".into()));
        assert_eq!(namespace.mount_of("/var/tmp/inside").unwrap().kind, "tmpfs");
        apart.unmount("/var/tmp").unwrap();
        assert!(apart.find("/", "/var/tmp/inside", LastLink::Follow).is_err());
        assert_eq!(find("/var/tmp", "inside"), Ok("/var/tmp/inside".into()));
    }
}
