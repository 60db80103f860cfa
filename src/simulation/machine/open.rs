//! Open files: what a descriptor of a process stands for.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::content::Content;
use super::errno::Errno;
use super::files::{Device, Kind, Node};
use super::pipe::{ReadEnd, WriteEnd};
use crate::simulation::locked;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `<`
    Read,
    /// `>`: made if it is not there, emptied if it is.
    Write,
    /// `>>`: made if it is not there, written at the end.
    Append,
    /// `<>`: made if it is not there, read and written from the beginning.
    ReadWrite,
    /// `set -C` and `mktemp`: made, and an error if it is there.
    New,
}

/// An open file, shared by all descriptors that were copied from one another.
#[derive(Debug)]
pub struct OpenFile {
    target: Target,
    offset: Mutex<u64>,
    access: Access,
}

#[derive(Debug)]
enum Target {
    Node(Node),
    /// What a made-up file said when it was opened.
    Figure(Node, Content),
    Reader(ReadEnd),
    Writer(WriteEnd),
    Both(ReadEnd, WriteEnd),
}

impl OpenFile {
    /// An opened end of a pipe.
    pub fn reader(end: ReadEnd) -> Arc<Self> {
        Self::with(Target::Reader(end), Access::Read)
    }

    /// An opened end of a pipe.
    pub fn writer(end: WriteEnd) -> Arc<Self> {
        Self::with(Target::Writer(end), Access::Write)
    }

    fn with(target: Target, access: Access) -> Arc<Self> {
        Arc::new(Self { target, offset: Mutex::new(0), access })
    }

    /// Opens what stands somewhere; a FIFO waits for its other side.
    pub async fn open(node: Node, access: Access) -> Result<Arc<Self>, Errno> {
        let reads = access == Access::Read;
        let target = match &node.kind {
            Kind::Fifo(pipe) => match access {
                Access::Read => Target::Reader(pipe.open_reader().await),
                Access::ReadWrite => {
                    let (reader, writer) = pipe.open_both();
                    Target::Both(reader, writer)
                }
                Access::Write | Access::Append | Access::New => Target::Writer(pipe.open_writer().await),
            },
            Kind::Socket(_) => return Err(Errno::NoDevice),
            Kind::Directory(_) | Kind::Living(_) | Kind::Overlay(_) if !reads => {
                return Err(Errno::IsADirectory);
            }
            Kind::Figure(figure) if reads => {
                let content = Content::from(figure.read());
                Target::Figure(node, content)
            }
            Kind::Figure(_) if node.metadata().mode & 0o222 == 0 => return Err(Errno::Denied),
            Kind::File(_) if access == Access::Write => {
                node.write(|content| *content = Content::default())?;
                Target::Node(node)
            }
            Kind::Device(Device::Whiteout) => return Err(Errno::NoDevice),
            _ => Target::Node(node),
        };
        Ok(Self::with(target, access))
    }

    /// What was opened, where it has a name.
    pub fn node(&self) -> Option<&Node> {
        match &self.target {
            Target::Node(node) | Target::Figure(node, _) => Some(node),
            Target::Reader(_) | Target::Writer(_) | Target::Both(..) => None,
        }
    }

    /// Reads what is there, at most so much; nothing at the end.
    pub async fn read(&self, most: usize) -> Result<Bytes, Errno> {
        match &self.target {
            Target::Reader(end) | Target::Both(end, _) => Ok(end.read(most).await),
            Target::Writer(_) => Err(Errno::BadDescriptor),
            Target::Figure(_, content) => Ok(self.advance(content, most)),
            Target::Node(node) => match &node.kind {
                _ if !matches!(self.access, Access::Read | Access::ReadWrite) => Err(Errno::BadDescriptor),
                Kind::File(content) => {
                    let content = locked(content);
                    Ok(self.advance(&content, most))
                }
                Kind::Device(Device::Zero | Device::Full) => Ok(Bytes::from(vec![0; most.min(64 << 10)])),
                Kind::Device(_) => Ok(Bytes::new()),
                _ if node.is_directory() => Err(Errno::IsADirectory),
                _ => Err(Errno::Invalid),
            },
        }
    }

    fn advance(&self, content: &Content, most: usize) -> Bytes {
        let mut offset = locked(&self.offset);
        let bytes = content.read(*offset, most);
        *offset += bytes.len() as u64;
        bytes
    }

    /// Writes all of it.
    pub async fn write(&self, bytes: Bytes) -> Result<(), Errno> {
        match &self.target {
            Target::Writer(end) | Target::Both(_, end) => end.write(bytes).await,
            Target::Reader(_) | Target::Figure(..) => Err(Errno::BadDescriptor),
            Target::Node(node) => match &node.kind {
                _ if self.access == Access::Read => Err(Errno::BadDescriptor),
                Kind::File(_) => {
                    let mut offset = locked(&self.offset);
                    let at = if self.access == Access::Append { None } else { Some(*offset) };
                    *offset = node.write_at(at, bytes)?;
                    Ok(())
                }
                Kind::Figure(figure) => figure.write(String::from_utf8_lossy(&bytes).trim_end()),
                Kind::Device(Device::Full) => Err(Errno::NoSpace),
                Kind::Device(_) => Ok(()),
                _ => Err(Errno::Invalid),
            },
        }
    }

    /// Waits until nobody reads any more what is written here; for ever where that cannot be.
    pub async fn unread(&self) {
        match &self.target {
            Target::Writer(end) => end.closed().await,
            _ => std::future::pending().await,
        }
    }
}
