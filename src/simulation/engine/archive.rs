//! Tar archives whose bytes are shared with the files they were made of, and are shared with those made of them.
//!
//! Written is what Go's and GNU's tar write for plain names (ustar); read is that, GNU's long names, and the
//! records of POSIX that tell names, sizes and times, since drover's difference comes with them.

mod compress;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

pub use compress::{Compression, compressed, decompressed};

use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Kind, Metadata, Node};
use crate::simulation::machine::open::OpenFile;

const BLOCK: usize = 512;

/// An archive that is being written.
#[derive(Default)]
pub struct Archive {
    content: Content,
}

/// What a member of an archive is.
#[derive(Clone, Debug)]
pub enum What {
    /// A file with its bytes.
    File(Content),
    /// A directory.
    Directory,
    /// A symbolic link and its target.
    Link(String),
    /// Another name of an earlier member.
    HardLink(String),
    /// A FIFO.
    Fifo,
    /// Something else, such as a device.
    Other,
}

/// One member of an archive that was read.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its path without a leading `./` and without a slash at its end; empty for the root.
    pub path: String,
    /// Owner, permissions and age.
    pub metadata: Metadata,
    /// What it is.
    pub what: What,
}

impl Member {
    /// Its bytes, where it is a file.
    pub fn content(&self) -> Option<&Content> {
        match &self.what {
            What::File(content) => Some(content),
            _ => None,
        }
    }
}

/// The bytes of a file in an archive; those of the first one where several have this path.
pub fn file<'a>(members: &'a [Member], path: &str) -> Option<&'a Content> {
    members.iter().find(|member| member.path == path)?.content()
}

/// What is read from a file to its end.
pub async fn everything(file: &OpenFile) -> Result<Content, Errno> {
    let mut content = Content::default();
    loop {
        let bytes = file.read(1 << 20).await?;
        if bytes.is_empty() {
            return Ok(content);
        }
        content.append(bytes);
    }
}

/// The bytes end before the archive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl Archive {
    /// Adds a file.
    pub fn file(&mut self, path: &str, metadata: Metadata, content: &Content) {
        self.header(path, metadata, tar::EntryType::Regular, content.length(), "");
        for piece in content.pieces() {
            self.content.append(piece.clone());
        }
        self.pad(content.length());
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &str, metadata: Metadata) {
        self.header(&format!("{path}/"), metadata, tar::EntryType::Directory, 0, "");
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, metadata: Metadata, target: &str) {
        self.header(path, metadata, tar::EntryType::Symlink, 0, target);
    }

    /// Adds something and all that is in it, in the order of names; sockets, which no archive holds, are left
    /// out, and so is what `keep` does not want.
    pub fn tree(&mut self, path: &str, node: &Node, keep: &dyn Fn(&str, &Node) -> bool) {
        let metadata = node.metadata();
        match &node.kind {
            _ if node.is_directory() => {
                if !path.is_empty() {
                    self.directory(path, metadata);
                }
                for name in node.names().unwrap_or_default() {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    if let Ok(node) = node.entry(&name)
                        && keep(&inner, &node)
                    {
                        self.tree(&inner, &node, keep);
                    }
                }
            }
            Kind::Link(target) => self.link(path, metadata, target),
            Kind::Fifo(_) => self.header(path, metadata, tar::EntryType::Fifo, 0, ""),
            _ => {
                if let Ok(content) = node.content() {
                    self.file(path, metadata, &content);
                }
            }
        }
    }

    /// Ends it.
    pub fn finish(mut self) -> Content {
        self.content.append(Bytes::from_static(&[0; 2 * BLOCK]));
        self.content
    }

    fn header(&mut self, path: &str, metadata: Metadata, kind: tar::EntryType, size: u64, link: &str) {
        let mut header = tar::Header::new_ustar();
        if header.set_path(path).is_err() {
            self.long(path, b'L');
        }
        if !link.is_empty() && header.set_link_name_literal(link).is_err() {
            self.long(link, b'K');
        }
        header.set_entry_type(kind);
        header.set_mode(metadata.mode);
        header.set_uid(u64::from(metadata.user));
        header.set_gid(u64::from(metadata.group));
        header.set_mtime(metadata.modified.as_secs());
        header.set_size(size);
        header.set_cksum();
        self.content.append(Bytes::copy_from_slice(header.as_bytes()));
    }

    /// GNU's way to say a name that does not fit.
    fn long(&mut self, name: &str, kind: u8) {
        let mut header = tar::Header::new_gnu();
        // Its own name is a constant that fits.
        let _ = header.set_path("././@LongLink");
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(name.len() as u64 + 1);
        header.set_cksum();
        self.content.append(Bytes::copy_from_slice(header.as_bytes()));
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(0);
        let length = bytes.len() as u64;
        self.content.append(bytes.into());
        self.pad(length);
    }

    fn pad(&mut self, length: u64) {
        let over = (length % BLOCK as u64) as usize;
        if over > 0 {
            self.content.append(Bytes::from(vec![0; BLOCK - over]));
        }
    }
}

/// Reads an archive to its end.
pub fn read(content: &Content) -> Result<Vec<Member>, Truncated> {
    let mut cursor = Cursor { pieces: content.pieces().iter().cloned().collect() };
    let mut members = Vec::new();
    let mut told = Told::default();
    loop {
        let block = cursor.take(BLOCK as u64).ok_or(Truncated)?.whole();
        if block.iter().all(|byte| *byte == 0) {
            return Ok(members);
        }
        let mut raw = [0; BLOCK];
        raw.copy_from_slice(&block);
        let header = tar::Header::from_byte_slice(&raw);
        let size = told.size.unwrap_or(header.entry_size().map_err(|_| Truncated)?);
        let data = cursor.take(size).ok_or(Truncated)?;
        let over = size % BLOCK as u64;
        if over > 0 {
            cursor.take(BLOCK as u64 - over).ok_or(Truncated)?;
        }
        let text =
            |content: &Content| String::from_utf8_lossy(&content.whole()).trim_end_matches('\0').to_owned();
        match header.entry_type() {
            tar::EntryType::GNULongName => told.path = Some(text(&data)),
            tar::EntryType::GNULongLink => told.link = Some(text(&data)),
            tar::EntryType::XHeader => told.read(&data.whole()),
            tar::EntryType::XGlobalHeader => {}
            kind => {
                let told = std::mem::take(&mut told);
                members.push(member(header, kind, data, told));
            }
        }
    }
}

fn member(header: &tar::Header, kind: tar::EntryType, data: Content, told: Told) -> Member {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let path = told.path.unwrap_or_else(|| lossy(&header.path_bytes()));
    let link =
        told.link.unwrap_or_else(|| header.link_name_bytes().map(|bytes| lossy(&bytes)).unwrap_or_default());
    let number = |value: std::io::Result<u64>| value.unwrap_or_default() as u32;
    Member {
        path: path.trim_start_matches("./").trim_matches('/').trim_end_matches("/.").to_owned(),
        metadata: Metadata {
            mode: header.mode().unwrap_or_default() & 0o7777,
            user: number(header.uid()),
            group: number(header.gid()),
            modified: told.modified.unwrap_or(Duration::from_secs(header.mtime().unwrap_or_default())),
        },
        what: match kind {
            tar::EntryType::Regular | tar::EntryType::Continuous => What::File(data),
            tar::EntryType::Directory => What::Directory,
            tar::EntryType::Symlink => What::Link(link),
            tar::EntryType::Link => What::HardLink(link.trim_start_matches("./").to_owned()),
            tar::EntryType::Fifo => What::Fifo,
            _ => What::Other,
        },
    }
}

/// What was told of the next member ahead of its header.
#[derive(Default)]
struct Told {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    modified: Option<Duration>,
}

impl Told {
    /// POSIX' records: `LENGTH KEY=VALUE\n`, the length counting itself.
    fn read(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse().ok());
            let Some(length) = length.filter(|length| *length > space + 1 && *length <= records.len()) else {
                return;
            };
            let record = String::from_utf8_lossy(&records[space + 1..length - 1]).into_owned();
            match record.split_once('=') {
                Some(("path", path)) => self.path = Some(path.into()),
                Some(("linkpath", link)) => self.link = Some(link.into()),
                Some(("size", size)) => self.size = size.parse().ok(),
                Some(("mtime", time)) => self.modified = seconds(time),
                _ => {}
            }
            records = &records[length..];
        }
    }
}

/// Seconds with a fraction, exactly.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanoseconds))
}

/// A place in a row of pieces.
struct Cursor {
    pieces: VecDeque<Bytes>,
}

impl Cursor {
    /// The next so many bytes, or nothing when there are fewer.
    fn take(&mut self, mut length: u64) -> Option<Content> {
        let mut taken = Content::default();
        while length > 0 {
            let piece = self.pieces.front_mut()?;
            let count = (piece.len() as u64).min(length) as usize;
            taken.append(piece.split_to(count));
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            length -= count as u64;
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNED: Metadata = Metadata { mode: 0o640, user: 1, group: 2, modified: Duration::from_secs(7) };

    #[test]
    fn what_is_written_is_read_again_and_a_cut_is_noticed() {
        let long = format!("deep/{}/file", "x".repeat(120));
        let mut archive = Archive::default();
        archive.directory("deep", OWNED);
        archive.file(&long, OWNED, &Content::from(vec![b'a'; 700]));
        archive.link("link", OWNED, "deep");
        let whole = archive.finish();
        let members = read(&whole).unwrap();
        assert_eq!(members.len(), 3);
        assert_eq!((members[1].path.as_str(), members[1].metadata), (long.as_str(), OWNED));
        assert!(matches!(&members[1].what, What::File(content) if content.length() == 700));
        assert!(matches!(&members[2].what, What::Link(target) if target == "deep"));
        let mut cut = whole.clone();
        cut.resize(whole.length() - 1500);
        assert_eq!(read(&cut).unwrap_err(), Truncated);
    }

    #[test]
    fn another_tar_reads_it() {
        let mut archive = Archive::default();
        archive.file("a/b", OWNED, &Content::from("hello"));
        let whole = archive.finish().whole();
        let mut other = tar::Archive::new(&whole[..]);
        let names: Vec<_> =
            other.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [std::path::PathBuf::from("a/b")]);
    }

    #[test]
    fn times_of_posix_records_are_exact() {
        let mut told = Told::default();
        told.read(b"30 mtime=1795273430.556543764\n12 path=a/b\n");
        assert_eq!(told.modified, Some(Duration::new(1_795_273_430, 556_543_764)));
        assert_eq!(told.path.as_deref(), Some("a/b"));
    }
}
