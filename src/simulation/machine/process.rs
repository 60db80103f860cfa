//! Processes: descriptors, a directory, an environment, signals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, watch};

use super::Machine;
use super::errno::Errno;
use super::files::{Device, Inode, Kind, Metadata, Node};
use super::namespace::{LastLink, Namespace, Place};
use super::open::{Access, OpenFile};
use super::signal::Signal;
use crate::simulation::locked;

/// Below here containers write.
const CONTAINERS: [&str; 3] = ["/var/lib/containers/storage/overlay", "/var/lib/docker", "/srv/bundles"];

/// How a program ended: its exit code, or the error of an output that could not be written.
pub type Ran = Result<u8, Errno>;

/// What the table of processes knows of one.
#[derive(Debug)]
pub struct Entry {
    /// Process id.
    pub id: u32,
    /// Process id of its parent.
    pub parent: u32,
    /// When it was started, in the world's time.
    pub started: Duration,
    /// The words of its command line.
    pub words: Mutex<Vec<String>>,
    handling: Mutex<Handling>,
    /// Told when a signal has come for a trap.
    arrived: Notify,
    /// The signal that ends it.
    fatal: watch::Sender<Option<Signal>>,
}

#[derive(Debug, Default)]
struct Handling {
    ignored: BTreeSet<Signal>,
    trapped: BTreeSet<Signal>,
    pending: Vec<Signal>,
}

impl Entry {
    /// Sends it a signal: ignored, kept for a trap, or the end.
    pub fn signal(&self, signal: Signal) {
        let mut handling = locked(&self.handling);
        match signal {
            Signal::Kill => {}
            Signal::Continue | Signal::Stop => return,
            _ if handling.ignored.contains(&signal) => return,
            _ if handling.trapped.contains(&signal) => {
                handling.pending.push(signal);
                self.arrived.notify_one();
                return;
            }
            _ => {}
        }
        drop(handling);
        self.fatal.send_replace(Some(signal));
    }

    /// Waits for the signal that ends it; nothing when it is taken out of the table first.
    pub fn ended(&self) -> impl Future<Output = Option<Signal>> + Send + use<> {
        let mut fatal = self.fatal.subscribe();
        async move { fatal.wait_for(Option::is_some).await.ok().and_then(|signal| *signal) }
    }
}

/// A running program's own view. Dropping it ends the process.
#[derive(Debug)]
pub struct Process {
    /// Where it runs.
    pub machine: Arc<Machine>,
    /// Its working directory, without links.
    pub directory: String,
    /// What it sees mounted.
    pub namespace: Arc<Namespace>,
    /// Bits that new files do not get.
    pub mask: u32,
    /// Variables for its children.
    pub environment: BTreeMap<String, String>,
    /// Open files by descriptor.
    pub files: BTreeMap<u32, Arc<OpenFile>>,
    entry: Arc<Entry>,
}

impl Process {
    /// A process on a machine, child of its first one, with nothing open.
    pub fn new(machine: &Arc<Machine>) -> Self {
        let entry = machine.processes.enter(1, machine.clock.now(), Vec::new(), BTreeSet::new());
        let environment = [
            ("HOME", "/root"),
            ("LOGNAME", "root"),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("SHELL", "/bin/sh"),
            ("USER", "root"),
        ];
        Self {
            machine: machine.clone(),
            directory: "/root".into(),
            namespace: machine.namespace.clone(),
            mask: 0o022,
            environment: environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            files: BTreeMap::new(),
            entry,
        }
    }

    /// A child with the same files, directory, environment and ignored signals.
    #[must_use]
    pub fn fork(&self) -> Self {
        let ignored = locked(&self.entry.handling).ignored.clone();
        let words = locked(&self.entry.words).clone();
        let entry = self.machine.processes.enter(self.entry.id, self.machine.clock.now(), words, ignored);
        Self {
            machine: self.machine.clone(),
            directory: self.directory.clone(),
            namespace: self.namespace.clone(),
            mask: self.mask,
            environment: self.environment.clone(),
            files: self.files.clone(),
            entry,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.entry.id
    }

    /// Its parent's process id.
    pub fn parent(&self) -> u32 {
        self.entry.parent
    }

    /// Says what runs now, for `ps` and /proc.
    pub fn set_words(&self, words: &[String]) {
        *locked(&self.entry.words) = words.to_vec();
    }

    /// Whether it ignores a signal.
    pub fn ignores(&self, signal: Signal) -> bool {
        locked(&self.entry.handling).ignored.contains(&signal)
    }

    /// Makes it ignore a signal (`trap '' NAME`).
    pub fn ignore(&self, signal: Signal) {
        let mut handling = locked(&self.entry.handling);
        handling.trapped.remove(&signal);
        handling.ignored.insert(signal);
    }

    /// Keeps a signal for a trap of its own instead of being ended by it.
    pub fn catch(&self, signal: Signal) {
        let mut handling = locked(&self.entry.handling);
        handling.ignored.remove(&signal);
        handling.trapped.insert(signal);
    }

    /// Gives a signal its usual effect back.
    pub fn reset(&self, signal: Signal) {
        let mut handling = locked(&self.entry.handling);
        handling.ignored.remove(&signal);
        handling.trapped.remove(&signal);
    }

    /// The signals that have come for its traps.
    pub fn caught(&self) -> Vec<Signal> {
        std::mem::take(&mut locked(&self.entry.handling).pending)
    }

    /// Waits until a signal has come for one of its traps.
    pub fn interrupted(&self) -> impl Future<Output = ()> + Send + use<> {
        let entry = self.entry.clone();
        async move {
            while locked(&entry.handling).pending.is_empty() {
                entry.arrived.notified().await;
            }
        }
    }

    /// Waits for a signal that ends it; to be raced against what it does.
    pub fn ended(&self) -> impl Future<Output = Signal> + Send + use<> {
        let mut fatal = self.entry.fatal.subscribe();
        async move {
            match fatal.wait_for(Option::is_some).await.map(|signal| *signal) {
                Ok(Some(signal)) => signal,
                Ok(None) | Err(_) => std::future::pending().await,
            }
        }
    }

    /// Where a path leads.
    pub fn find(&self, path: &str, last: LastLink) -> Result<Place, Errno> {
        if CONTAINERS.iter().any(|place| path.starts_with(place) || self.directory.starts_with(place)) {
            // What programs in containers have written since is there when somebody looks.
            self.machine.containers.settle();
        }
        self.namespace.find(&self.directory, path, last)
    }

    /// Opens a path and says what became of it. `/dev/stdin`, `/dev/fd/N` and `/proc/self/fd/N` are its own.
    pub async fn open(&self, path: &str, access: Access) -> Result<Arc<OpenFile>, Errno> {
        let own = match path {
            "/dev/stdin" => Some("0"),
            "/dev/stdout" => Some("1"),
            "/dev/stderr" => Some("2"),
            _ => path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/")),
        };
        if let Some(descriptor) = own.and_then(|text| text.parse().ok()) {
            return self.files.get(&descriptor).cloned().ok_or(Errno::NotFound);
        }
        OpenFile::open(self.node_for(path, access)?, access).await
    }

    /// What stands at a path, made where `access` says so.
    fn node_for(&self, path: &str, access: Access) -> Result<Node, Errno> {
        let found = match self.find(path, LastLink::Follow) {
            Ok(_) if access == Access::New => return Err(Errno::Exists),
            Ok(place) if access == Access::Read => return Ok(place.node),
            Ok(place) => place,
            Err(Errno::NotFound) if access != Access::Read => {
                let metadata = self.metadata(0o666);
                let (parent, name) = self.namespace.parent(&self.directory, path)?;
                // A link whose target is not there yet: the target is made.
                if let Ok(node) = parent.node.entry(&name)
                    && let Kind::Link(target) = &node.kind
                {
                    return self.node_for(&format!("{}/{target}", parent.path), access);
                }
                let filesystem = &parent.node.filesystem;
                let node = Inode::file(filesystem, Bytes::new(), metadata)?;
                parent.node.insert(&name, node.clone())?;
                parent.node.change(|parent| parent.modified = metadata.modified);
                return Ok(node);
            }
            Err(error) => return Err(error),
        };
        let modified = self.machine.calendar();
        let node = match self.namespace.parent("/", &found.path) {
            // Below an overlay's mount a file of a lower layer is copied up before it is written.
            Ok((parent, name)) => match &parent.node.kind {
                Kind::Overlay(overlay) if matches!(found.node.kind, Kind::File(_)) => {
                    overlay.writable(&name)?
                }
                _ => found.node,
            },
            Err(_) => found.node,
        };
        if matches!(node.kind, Kind::File(_)) {
            node.change(|metadata| metadata.modified = modified);
        }
        Ok(node)
    }

    /// What stands at a path, so that its owner, permissions or age can be changed: below an overlay's mount a file
    /// of a lower layer is copied up first.
    pub fn changeable(&self, path: &str, last: LastLink) -> Result<Node, Errno> {
        let found = self.find(path, last)?;
        match self.namespace.parent("/", &found.path) {
            Ok((parent, name)) => match &parent.node.kind {
                Kind::Overlay(overlay) if !found.node.is_directory() => overlay.writable(&name),
                _ => Ok(found.node),
            },
            Err(_) => Ok(found.node),
        }
    }

    /// Metadata of something new: these permissions less the mask, of this process' user, now.
    pub fn metadata(&self, mode: u32) -> Metadata {
        Metadata { mode: mode & !self.mask, user: 0, group: 0, modified: self.machine.calendar() }
    }

    /// Puts something new at a path.
    pub fn place(&self, path: &str, make: impl FnOnce(&Node) -> Result<Node, Errno>) -> Result<Node, Errno> {
        let (parent, name) = self.namespace.parent(&self.directory, path)?;
        if parent.node.entry(&name).is_ok() {
            return Err(Errno::Exists);
        }
        let node = make(&parent.node)?;
        parent.node.insert(&name, node.clone())?;
        // An overlay or a living directory may have put its own in place of what was given.
        parent.node.change(|metadata| metadata.modified = self.machine.calendar());
        parent.node.entry(&name)
    }

    /// Makes a directory.
    pub fn make_directory(&self, path: &str, mode: u32) -> Result<Node, Errno> {
        let metadata = self.metadata(mode);
        self.place(path, |parent| Ok(Inode::directory(&parent.filesystem, metadata)))
    }

    /// Takes a name away: a file, or an empty directory.
    pub fn remove(&self, path: &str) -> Result<(), Errno> {
        let (parent, name) = self.namespace.parent(&self.directory, path)?;
        parent.node.remove(&name)?;
        parent.node.change(|metadata| metadata.modified = self.machine.calendar());
        Ok(())
    }

    /// The bytes of a file that is not a pipe.
    pub fn content(&self, path: &str) -> Result<Bytes, Errno> {
        Ok(self.find(path, LastLink::Follow)?.node.content()?.whole())
    }

    /// Opens /dev/null, which is there even where nothing else is.
    pub fn null(&self) -> Result<Arc<OpenFile>, Errno> {
        let node = Inode::new(&self.machine.devices, Kind::Device(Device::Null), self.metadata(0o666));
        futures::FutureExt::now_or_never(OpenFile::open(node, Access::ReadWrite))
            .unwrap_or(Err(Errno::NoDevice))
    }

    /// Reads from a descriptor what is there; nothing at its end.
    pub async fn read(&self, descriptor: u32, most: usize) -> Result<Bytes, Errno> {
        self.files.get(&descriptor).ok_or(Errno::BadDescriptor)?.read(most).await
    }

    /// Reads a descriptor to its end.
    pub async fn read_all(&self, descriptor: u32) -> Result<Bytes, Errno> {
        let file = self.files.get(&descriptor).ok_or(Errno::BadDescriptor)?;
        let mut all = BytesMut::new();
        loop {
            let bytes = file.read(1 << 20).await?;
            if bytes.is_empty() {
                return Ok(all.freeze());
            }
            all.extend_from_slice(&bytes);
        }
    }

    /// Writes to a descriptor.
    pub async fn write(&self, descriptor: u32, bytes: impl Into<Bytes>) -> Result<(), Errno> {
        self.files.get(&descriptor).ok_or(Errno::BadDescriptor)?.write(bytes.into()).await
    }

    /// Writes to standard output.
    pub async fn out(&self, text: impl Into<Bytes>) -> Result<(), Errno> {
        self.write(1, text).await
    }

    /// Writes a line to standard error, where anybody hears it.
    pub async fn complain(&self, text: impl Into<String> + Send) {
        let mut line = text.into();
        line.push('\n');
        let _ = self.write(2, line).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.machine.processes.leave(self.entry.id);
    }
}

/// The processes of a machine.
#[derive(Debug, Default)]
pub struct Processes(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u32,
    entries: BTreeMap<u32, Arc<Entry>>,
}

impl Processes {
    /// A table in which the next process gets the number after `last`.
    pub fn after(last: u32) -> Self {
        Self(Mutex::new(Table { last, entries: BTreeMap::new() }))
    }

    /// Takes a process into the table.
    pub fn enter(
        &self,
        parent: u32,
        started: Duration,
        words: Vec<String>,
        ignored: BTreeSet<Signal>,
    ) -> Arc<Entry> {
        let mut table = locked(&self.0);
        // Linux' default for pid_max on machines with few processors.
        loop {
            table.last = if table.last >= 32_768 { 300 } else { table.last + 1 };
            if !table.entries.contains_key(&table.last) {
                break;
            }
        }
        let entry = Arc::new(Entry {
            id: table.last,
            parent,
            started,
            words: Mutex::new(words),
            handling: Mutex::new(Handling { ignored, ..Handling::default() }),
            arrived: Notify::new(),
            fatal: watch::Sender::new(None),
        });
        table.entries.insert(entry.id, entry.clone());
        entry
    }

    /// Takes a process out of the table.
    pub fn leave(&self, id: u32) {
        locked(&self.0).entries.remove(&id);
    }

    /// A process.
    pub fn get(&self, id: u32) -> Option<Arc<Entry>> {
        locked(&self.0).entries.get(&id).cloned()
    }

    /// All that came of a process, directly or not.
    pub fn below(&self, id: u32) -> Vec<Arc<Entry>> {
        let table = locked(&self.0);
        let mut family = vec![id];
        let mut found = Vec::new();
        // Children may have smaller numbers than their parents once the numbers have gone round.
        loop {
            let before = family.len();
            for entry in table.entries.values() {
                if family.contains(&entry.parent) && !family.contains(&entry.id) {
                    family.push(entry.id);
                    found.push(entry.clone());
                }
            }
            if family.len() == before {
                return found;
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        locked(&self.0).entries.len()
    }

    /// All, by number.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        locked(&self.0).entries.values().cloned().collect()
    }
}
