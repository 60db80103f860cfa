//! Overlayfs: several directories that look like one, the upper one taking what is written.
//!
//! After Documentation/filesystems/overlayfs.rst: a whiteout (character device 0:0) hides a name of the layers
//! below, a directory of a layer above a non-directory hides it, and what is changed is copied up first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::errno::Errno;
use super::files::{Device, Inode, Kind, Node};
use crate::simulation::locked;

/// One directory of an overlay mount.
pub struct Overlay {
    /// The lower layers' directories of this name, the nearest first.
    lowers: Vec<Node>,
    upper: Mutex<Upper>,
    /// Directories already looked up: each must stay one and the same while somebody may write into it.
    known: Mutex<BTreeMap<String, Node>>,
}

/// Where what is written goes.
enum Upper {
    /// Nowhere: mounted without an upper directory.
    None,
    /// Into this directory.
    Here(Node),
    /// Into a directory of this name that must first be made in that one's upper, as a copy of the lower one.
    Above { parent: Arc<Overlay>, name: String, like: Node },
}

impl Overlay {
    /// The root of a mount. Without `upper` it can only be read.
    pub fn new(lowers: Vec<Node>, upper: Option<Node>) -> Self {
        Self { lowers, upper: Mutex::new(upper.map_or(Upper::None, Upper::Here)), known: Mutex::default() }
    }

    /// A node for the root of a mount, with the metadata of its topmost layer.
    pub fn mounted(lowers: Vec<Node>, upper: Option<Node>) -> Option<Node> {
        let top = upper.clone().or_else(|| lowers.first().cloned())?;
        let overlay = Arc::new(Self::new(lowers, upper));
        Some(Inode::made_up(&top.filesystem, top.number, Kind::Overlay(overlay), top.metadata()))
    }

    /// The layers' directories, from the top, as far as they can be seen.
    fn layers(&self) -> Vec<Node> {
        let upper = match &*locked(&self.upper) {
            Upper::Here(upper) => Some(upper.clone()),
            Upper::None | Upper::Above { .. } => None,
        };
        upper.into_iter().chain(self.lowers.iter().cloned()).collect()
    }

    /// The names that can be seen.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut hidden = BTreeSet::new();
        for layer in self.layers() {
            for name in layer.names().unwrap_or_default() {
                match layer.entry(&name) {
                    Ok(node) if matches!(node.kind, Kind::Device(Device::Whiteout)) => {
                        hidden.insert(name);
                    }
                    Ok(_) if !hidden.contains(&name) => {
                        names.insert(name);
                    }
                    _ => {}
                }
            }
        }
        names.into_iter().collect()
    }

    /// What a name stands for.
    pub(super) fn entry(self: &Arc<Self>, name: &str) -> Option<Node> {
        let mut found: Vec<Node> = Vec::new();
        for layer in self.layers() {
            let Ok(node) = layer.entry(name) else { continue };
            if matches!(node.kind, Kind::Device(Device::Whiteout)) {
                break;
            }
            if !node.is_directory() {
                // A file below a directory is hidden by it.
                if found.is_empty() {
                    return Some(node);
                }
                break;
            }
            found.push(node);
        }
        let top = found.first()?.clone();
        let mut known = locked(&self.known);
        if let Some(node) = known.get(name) {
            return Some(node.clone());
        }
        let above = || Upper::Above { parent: self.clone(), name: name.into(), like: top.clone() };
        let (upper, lowers) = match &*locked(&self.upper) {
            Upper::None => (Upper::None, found),
            Upper::Here(upper) => match upper.entry(name) {
                Ok(own) if own.is_directory() => (Upper::Here(own), found.split_off(1)),
                _ => (above(), found),
            },
            Upper::Above { .. } => (above(), found),
        };
        let overlay = Arc::new(Overlay { lowers, upper: Mutex::new(upper), known: Mutex::default() });
        let node = Inode::made_up(&top.filesystem, top.number, Kind::Overlay(overlay), top.metadata());
        known.insert(name.to_owned(), node.clone());
        Some(node)
    }

    /// The upper directory, made if it is not there yet.
    fn raise(&self) -> Result<Node, Errno> {
        let mut upper = locked(&self.upper);
        match &*upper {
            Upper::None => Err(Errno::ReadOnly),
            Upper::Here(node) => Ok(node.clone()),
            Upper::Above { parent, name, like } => {
                let parent = parent.raise()?;
                let made = match parent.entry(name) {
                    Ok(there) if there.is_directory() => there,
                    _ => {
                        let made = like.copied(&parent.filesystem)?;
                        parent.insert(name, made.clone())?;
                        made
                    }
                };
                *upper = Upper::Here(made.clone());
                Ok(made)
            }
        }
    }

    pub(super) fn insert(self: &Arc<Self>, name: &str, node: Node) -> Result<(), Errno> {
        if self.entry(name).is_some() {
            return Err(Errno::Exists);
        }
        let upper = self.raise()?;
        // A whiteout of an earlier removal gives way.
        if upper.entry(name).is_ok() {
            upper.remove(name)?;
        }
        locked(&self.known).remove(name);
        upper.insert(name, node)
    }

    pub(super) fn remove(self: &Arc<Self>, name: &str) -> Result<(), Errno> {
        let upper = self.raise()?;
        locked(&self.known).remove(name);
        if let Ok(own) = upper.entry(name) {
            if own.is_directory() {
                // Seen as empty: all that is left in it are whiteouts.
                for hidden in own.names()? {
                    own.remove(&hidden)?;
                }
            }
            upper.remove(name)?;
        }
        if self.lowers.iter().any(|lower| lower.entry(name).is_ok()) {
            let metadata = super::files::Metadata { mode: 0, ..upper.metadata() };
            upper.insert(name, Inode::new(&upper.filesystem, Kind::Device(Device::Whiteout), metadata))?;
        }
        Ok(())
    }

    /// A file of the overlay for writing: that of a lower layer is copied up first.
    pub(in crate::simulation) fn writable(self: &Arc<Self>, name: &str) -> Result<Node, Errno> {
        let seen = self.entry(name).ok_or(Errno::NotFound)?;
        if seen.is_directory() {
            return Ok(seen);
        }
        let upper = self.raise()?;
        if let Ok(own) = upper.entry(name)
            && Arc::ptr_eq(&own, &seen)
        {
            return Ok(own);
        }
        let copy = seen.copied(&upper.filesystem)?;
        upper.insert(name, copy.clone())?;
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulation::machine::files::{Filesystem, Metadata};

    const OWNED: Metadata = Metadata { mode: 0o755, user: 0, group: 0, modified: Duration::ZERO };

    fn text(node: &Node, name: &str) -> String {
        String::from_utf8(node.entry(name).unwrap().content().unwrap().whole().to_vec()).unwrap()
    }

    #[test]
    fn what_is_changed_goes_up_and_the_lower_layer_stays() {
        let disk = Filesystem::new("ext4", "/dev/vda", 1 << 20);
        let (lower, upper) = (Inode::directory(&disk, OWNED), Inode::directory(&disk, OWNED));
        let etc = Inode::directory(&disk, OWNED);
        etc.insert("issue", Inode::file(&disk, "lower", OWNED).unwrap()).unwrap();
        let deep = Inode::directory(&disk, OWNED);
        deep.insert("deeper", Inode::directory(&disk, OWNED)).unwrap();
        etc.insert("deep", deep).unwrap();
        etc.insert("gone", Inode::file(&disk, "soon", OWNED).unwrap()).unwrap();
        lower.insert("etc", etc.clone()).unwrap();
        let root = Overlay::mounted(vec![lower], Some(upper.clone())).unwrap();
        let seen = root.entry("etc").unwrap();
        assert_eq!(text(&seen, "issue"), "lower");
        let deeper = seen.entry("deep").unwrap().entry("deeper").unwrap();
        assert_eq!(upper.names().unwrap(), [""; 0], "reading makes nothing");
        deeper.insert("file", Inode::file(&disk, "x", OWNED).unwrap()).unwrap();
        let Kind::Overlay(overlay) = &seen.kind else { unreachable!() };
        overlay.writable("issue").unwrap().write(|content| *content = "upper".into()).unwrap();
        seen.remove("gone").unwrap();
        seen.insert("new", Inode::file(&disk, "made", OWNED).unwrap()).unwrap();
        assert_eq!(seen.names().unwrap(), ["deep", "issue", "new"]);
        assert_eq!(text(&seen, "issue"), "upper");
        assert_eq!(text(&etc, "issue"), "lower");
        assert_eq!(upper.entry("etc").unwrap().names().unwrap(), ["deep", "gone", "issue", "new"]);
        // The same layers seen anew show the same.
        let again = Overlay::mounted(vec![upper, root.entry("etc").unwrap()], None).unwrap();
        assert!(again.entry("etc").unwrap().entry("gone").is_err());
    }
}
