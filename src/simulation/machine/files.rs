//! Files, directories and all else that has a name on a simulated host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::content::Content;
use super::errno::Errno;
use super::overlay::Overlay;
use super::pipe::Pipe;
use crate::simulation::locked;

/// Something with a name.
pub type Node = Arc<Inode>;

/// Where bytes are kept, and how many fit.
#[derive(Debug)]
pub struct Filesystem {
    /// As the mount table and `df` call it: `ext4`, `tmpfs`, `overlay`, `proc`.
    pub kind: &'static str,
    /// The device column of the mount table.
    pub source: String,
    capacity: AtomicU64,
    used: AtomicU64,
    next: AtomicU64,
}

impl Filesystem {
    /// An empty one that holds so many bytes.
    pub fn new(kind: &'static str, source: impl Into<String>, capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            kind,
            source: source.into(),
            capacity: AtomicU64::new(capacity),
            used: AtomicU64::new(0),
            next: AtomicU64::new(2),
        })
    }

    /// Bytes in all.
    pub fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes room that no file of ours accounts for, as other people's files do. More than there is may be taken.
    pub fn occupy(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives such room back.
    pub fn vacate(&self, bytes: u64) {
        let _ = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }

    /// Takes room, or says that there is none.
    fn take(&self, bytes: u64) -> Result<(), Errno> {
        let capacity = self.capacity();
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| bytes == 0 || *used <= capacity)
            })
            .map(|_| ())
            .map_err(|_| Errno::NoSpace)
    }
}

/// Owner, permissions and age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky, without the type.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// When its contents last changed, since 1970 by the host's clock.
    pub modified: Duration,
}

/// What stands behind a name.
pub struct Inode {
    /// Its number in its file system.
    pub number: u64,
    /// Where it is kept.
    pub filesystem: Arc<Filesystem>,
    /// What it is.
    pub kind: Kind,
    metadata: Mutex<Metadata>,
}

/// What a name stands for.
pub enum Kind {
    /// Bytes.
    File(Mutex<Content>),
    /// Names.
    Directory(Mutex<BTreeMap<String, Node>>),
    /// Another path.
    Link(String),
    /// A named pipe.
    Fifo(Arc<Pipe>),
    /// Where a service listens.
    Socket(Arc<dyn Service>),
    /// /dev/null and its like.
    Device(Device),
    /// A file whose bytes are made when it is opened, as in /proc and /sys.
    Figure(Box<dyn Figure>),
    /// A directory whose names are made when it is asked, as /proc.
    Living(Arc<dyn Living>),
    /// Several directories that look like one.
    Overlay(Arc<Overlay>),
}

/// A device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Takes everything and gives nothing.
    Null,
    /// Gives zeros.
    Zero,
    /// Gives zeros and has no room.
    Full,
    /// Overlayfs' mark for a name that is hidden (character device 0:0).
    Whiteout,
}

/// A file that is made up when it is read.
pub trait Figure: Send + Sync {
    /// Its bytes now.
    fn read(&self) -> Vec<u8>;
    /// Takes what is written to it; most take nothing.
    fn write(&self, _text: &str) -> Result<(), Errno> {
        Err(Errno::Denied)
    }
}

impl<F: Fn() -> Vec<u8> + Send + Sync> Figure for F {
    fn read(&self) -> Vec<u8> {
        self()
    }
}

/// A directory that is made up when it is looked at.
pub trait Living: Send + Sync {
    /// Its names.
    fn names(&self) -> Vec<String>;
    /// What a name stands for.
    fn entry(&self, name: &str) -> Option<Node>;
    /// Makes a directory in it, as `mkdir` in a cgroup hierarchy.
    fn make(&self, _name: &str) -> Result<(), Errno> {
        Err(Errno::NotPermitted)
    }
    /// Removes an empty directory from it.
    fn remove(&self, _name: &str) -> Result<(), Errno> {
        Err(Errno::NotPermitted)
    }
}

/// A service behind a Unix socket.
#[async_trait::async_trait]
pub trait Service: Send + Sync {
    /// Serves one connection to its end.
    async fn serve(&self, stream: tokio::io::DuplexStream);
}

impl fmt::Debug for Inode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.type_letter(), self.number)
    }
}

impl Inode {
    /// Something new in a file system.
    pub fn new(filesystem: &Arc<Filesystem>, kind: Kind, metadata: Metadata) -> Node {
        Arc::new(Self {
            number: filesystem.next.fetch_add(1, Ordering::Relaxed),
            filesystem: filesystem.clone(),
            kind,
            metadata: Mutex::new(metadata),
        })
    }

    /// Something made up, whose number follows from where it stands, so that it is the same each time.
    pub fn made_up(filesystem: &Arc<Filesystem>, number: u64, kind: Kind, metadata: Metadata) -> Node {
        Arc::new(Self { number, filesystem: filesystem.clone(), kind, metadata: Mutex::new(metadata) })
    }

    /// An empty directory.
    pub fn directory(filesystem: &Arc<Filesystem>, metadata: Metadata) -> Node {
        Self::new(filesystem, Kind::Directory(Mutex::default()), metadata)
    }

    /// A file with these bytes; an error where they do not fit.
    pub fn file(
        filesystem: &Arc<Filesystem>,
        content: impl Into<Content>,
        metadata: Metadata,
    ) -> Result<Node, Errno> {
        let content = content.into();
        filesystem.take(content.length())?;
        Ok(Self::new(filesystem, Kind::File(Mutex::new(content)), metadata))
    }

    /// Owner, permissions and age.
    pub fn metadata(&self) -> Metadata {
        *locked(&self.metadata)
    }

    /// Changes owner, permissions or age.
    pub fn change(&self, change: impl FnOnce(&mut Metadata)) {
        change(&mut locked(&self.metadata));
    }

    /// Whether names can be in it.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_) | Kind::Living(_) | Kind::Overlay(_))
    }

    /// The type as `find -printf %y` and `ls -l` (with `-` for `f`) say it.
    pub fn type_letter(&self) -> char {
        match self.kind {
            Kind::File(_) | Kind::Figure(_) => 'f',
            Kind::Directory(_) | Kind::Living(_) | Kind::Overlay(_) => 'd',
            Kind::Link(_) => 'l',
            Kind::Fifo(_) => 'p',
            Kind::Socket(_) => 's',
            Kind::Device(_) => 'c',
        }
    }

    /// Bytes of a file; what `stat` says of other things.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => locked(content).length(),
            Kind::Directory(_) | Kind::Overlay(_) => 4096,
            Kind::Link(target) => target.len() as u64,
            Kind::Fifo(_) | Kind::Socket(_) | Kind::Device(_) | Kind::Figure(_) | Kind::Living(_) => 0,
        }
    }

    /// The bytes of a file as they are now.
    pub fn content(&self) -> Result<Content, Errno> {
        match &self.kind {
            Kind::File(content) => Ok(locked(content).clone()),
            Kind::Figure(figure) => Ok(Content::from(figure.read())),
            _ if self.is_directory() => Err(Errno::IsADirectory),
            _ => Err(Errno::Invalid),
        }
    }

    /// Changes the bytes of a file, within the room that there is.
    pub fn write(&self, change: impl FnOnce(&mut Content)) -> Result<(), Errno> {
        let Kind::File(content) = &self.kind else { return Err(Errno::Invalid) };
        let mut content = locked(content);
        let mut changed = content.clone();
        change(&mut changed);
        let (before, after) = (content.length(), changed.length());
        self.filesystem.take(after.saturating_sub(before))?;
        self.filesystem.vacate(before.saturating_sub(after));
        *content = changed;
        Ok(())
    }

    /// Writes bytes at a place, or at the end, within the room that there is; says where they end.
    pub fn write_at(&self, at: Option<u64>, bytes: Bytes) -> Result<u64, Errno> {
        let Kind::File(content) = &self.kind else { return Err(Errno::Invalid) };
        let mut content = locked(content);
        let at = at.unwrap_or(content.length());
        let end = at + bytes.len() as u64;
        self.filesystem.take(end.saturating_sub(content.length()))?;
        content.write(at, bytes);
        Ok(end)
    }

    /// The names in a directory, in order.
    pub fn names(&self) -> Result<Vec<String>, Errno> {
        match &self.kind {
            Kind::Directory(names) => Ok(locked(names).keys().cloned().collect()),
            Kind::Living(living) => Ok(living.names()),
            Kind::Overlay(overlay) => Ok(overlay.names()),
            _ => Err(Errno::NotADirectory),
        }
    }

    /// What a name in a directory stands for.
    pub fn entry(&self, name: &str) -> Result<Node, Errno> {
        match &self.kind {
            Kind::Directory(names) => locked(names).get(name).cloned().ok_or(Errno::NotFound),
            Kind::Living(living) => living.entry(name).ok_or(Errno::NotFound),
            Kind::Overlay(overlay) => overlay.entry(name).ok_or(Errno::NotFound),
            _ => Err(Errno::NotADirectory),
        }
    }

    /// Puts something into a directory under a name that is not there yet.
    pub fn insert(&self, name: &str, node: Node) -> Result<(), Errno> {
        match &self.kind {
            Kind::Directory(names) => {
                let mut names = locked(names);
                if names.contains_key(name) {
                    return Err(Errno::Exists);
                }
                names.insert(name.to_owned(), node);
                Ok(())
            }
            Kind::Overlay(overlay) => overlay.insert(name, node),
            Kind::Living(living) if node.is_directory() => living.make(name),
            Kind::Living(_) => Err(Errno::NotPermitted),
            _ => Err(Errno::NotADirectory),
        }
    }

    /// Takes a name out of a directory; a directory that is taken out must be empty.
    pub fn remove(&self, name: &str) -> Result<Node, Errno> {
        let found = self.entry(name)?;
        if found.is_directory() && !matches!(found.kind, Kind::Living(_)) && !found.names()?.is_empty() {
            return Err(Errno::NotEmpty);
        }
        match &self.kind {
            Kind::Directory(names) => locked(names).remove(name).ok_or(Errno::NotFound),
            Kind::Overlay(overlay) => overlay.remove(name).map(|()| found),
            Kind::Living(living) => living.remove(name).map(|()| found),
            _ => Err(Errno::NotADirectory),
        }
    }

    /// A copy of a file's bytes and metadata in another file system, as overlayfs copies up.
    pub fn copied(&self, filesystem: &Arc<Filesystem>) -> Result<Node, Errno> {
        let metadata = self.metadata();
        match &self.kind {
            Kind::File(content) => Self::file(filesystem, locked(content).clone(), metadata),
            Kind::Link(target) => Ok(Self::new(filesystem, Kind::Link(target.clone()), metadata)),
            Kind::Directory(_) | Kind::Overlay(_) => Ok(Self::directory(filesystem, metadata)),
            Kind::Device(device) => Ok(Self::new(filesystem, Kind::Device(*device), metadata)),
            Kind::Fifo(_) => Ok(Self::new(filesystem, Kind::Fifo(Pipe::new()), metadata)),
            Kind::Socket(_) | Kind::Figure(_) | Kind::Living(_) => Err(Errno::Invalid),
        }
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        if let Kind::File(content) = &self.kind {
            self.filesystem.vacate(locked(content).length());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Metadata { mode: 0o644, user: 0, group: 0, modified: Duration::ZERO }
    }

    #[test]
    fn a_full_file_system_refuses_and_a_removed_file_makes_room() {
        let disk = Filesystem::new("tmpfs", "tmpfs", 10);
        let directory = Inode::directory(&disk, metadata());
        directory.insert("a", Inode::file(&disk, "12345678", metadata()).unwrap()).unwrap();
        assert_eq!(Inode::file(&disk, "123", metadata()).unwrap_err(), Errno::NoSpace);
        let file = directory.entry("a").unwrap();
        assert_eq!(file.write(|content| content.append("9ab".into())), Err(Errno::NoSpace));
        assert_eq!(file.size(), 8);
        directory.remove("a").unwrap();
        assert_eq!(disk.used(), 8, "an open file keeps its room");
        drop(file);
        assert_eq!(disk.used(), 0);
    }

    #[test]
    fn a_directory_with_names_in_it_stays() {
        let disk = Filesystem::new("tmpfs", "tmpfs", 10);
        let (outer, inner) = (Inode::directory(&disk, metadata()), Inode::directory(&disk, metadata()));
        inner.insert("x", Inode::directory(&disk, metadata())).unwrap();
        outer.insert("inner", inner.clone()).unwrap();
        assert_eq!(outer.remove("inner").unwrap_err(), Errno::NotEmpty);
        inner.remove("x").unwrap();
        outer.remove("inner").unwrap();
        assert_eq!(outer.names().unwrap(), [""; 0]);
    }
}
