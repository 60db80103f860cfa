//! One member of an archive and the headers that describe it.

use std::time::Duration;

use bytes::Bytes;
use tar::{EntryType, Header, PaxExtensions};

use super::Format;
use super::archive::{BLOCK, Source};
use crate::simulation::machine::files::Metadata;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    File,
    /// Another name of a member before it.
    HardLink,
    SymbolicLink,
    Directory,
    Fifo,
    /// Major and minor number.
    Device(u32, u32),
    /// What is not made here.
    Unknown(u8),
}

/// A member without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    pub what: What,
    pub metadata: Metadata,
    /// Bytes of a file.
    pub size: u64,
    /// Where a link leads.
    pub target: String,
    /// The owner's name, if it is told.
    pub user: String,
    /// The group's name, if it is told.
    pub group: String,
}

/// A number of a header holds eleven octal digits.
const MOST_OCTAL: u64 = 0o77_777_777_777;

impl Member {
    /// The blocks that stand before its bytes.
    pub fn headers(&self, format: Format) -> Bytes {
        let mut blocks = Vec::new();
        let mut name = self.name.as_str();
        let mut target = self.target.as_str();
        match format {
            Format::Gnu => {
                for (text, kind) in
                    [(&mut target, EntryType::GNULongLink), (&mut name, EntryType::GNULongName)]
                {
                    if text.len() > 100 {
                        let mut value = text.as_bytes().to_vec();
                        value.push(0);
                        let mut header = Header::new_gnu();
                        header.set_mode(0o644);
                        push(&mut blocks, header, kind, "././@LongLink", &value);
                        *text = cut(text);
                    }
                }
            }
            Format::Posix => {
                let mut records = Vec::new();
                if name.len() > 100 || !name.is_ascii() {
                    record(&mut records, "path", name);
                    name = cut(name);
                }
                if target.len() > 100 || !target.is_ascii() {
                    record(&mut records, "linkpath", target);
                    target = cut(target);
                }
                if self.size > MOST_OCTAL {
                    record(&mut records, "size", &self.size.to_string());
                }
                if self.metadata.modified.subsec_nanos() > 0 {
                    let modified = self.metadata.modified;
                    let text = format!("{}.{:09}", modified.as_secs(), modified.subsec_nanos());
                    record(&mut records, "mtime", text.trim_end_matches('0'));
                }
                if !records.is_empty() {
                    let mut header = Header::new_ustar();
                    header.set_mode(0o644);
                    header.set_mtime(self.metadata.modified.as_secs());
                    let file = self.name.trim_end_matches('/');
                    let (above, file) = file.rsplit_once('/').unwrap_or((".", file));
                    let title = format!("{above}/PaxHeaders/{file}");
                    push(&mut blocks, header, EntryType::XHeader, cut(&title), &records);
                }
            }
        }
        let mut header = match format {
            Format::Gnu => Header::new_gnu(),
            Format::Posix => Header::new_ustar(),
        };
        header.set_mode(self.metadata.mode);
        header.set_uid(self.metadata.user.into());
        header.set_gid(self.metadata.group.into());
        header.set_mtime(self.metadata.modified.as_secs());
        // Names longer than their fields are told by number only.
        let _ = header.set_username(&self.user);
        let _ = header.set_groupname(&self.group);
        copy(&mut header.as_old_mut().linkname, target);
        let kind = match self.what {
            What::File => EntryType::Regular,
            What::HardLink => EntryType::Link,
            What::SymbolicLink => EntryType::Symlink,
            What::Directory => EntryType::Directory,
            What::Fifo => EntryType::Fifo,
            What::Device(major, minor) => {
                let _ = header.set_device_major(major);
                let _ = header.set_device_minor(minor);
                EntryType::Char
            }
            What::Unknown(byte) => EntryType::new(byte),
        };
        finish(&mut header, kind, name, self.size);
        blocks.extend_from_slice(header.as_bytes());
        blocks.into()
    }

    /// Reads the next member's headers; nothing at the archive's end.
    pub async fn read(source: &mut Source, globals: &mut Extensions) -> Result<Option<(Self, u64)>, String> {
        let mut own = globals.clone();
        let mut blocks = 0;
        loop {
            let block = source.exactly(BLOCK).await?;
            if block.is_empty() {
                return Ok(None);
            }
            if block.len() < BLOCK {
                return Err("Unexpected EOF in archive".into());
            }
            blocks += 1;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if !is_whole(header) {
                return Err(NO_HEADER.into());
            }
            let size = header.entry_size().map_err(|error| error.to_string())?;
            let kind = header.entry_type();
            let extension = kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions()
                || kind.is_gnu_longname()
                || kind.is_gnu_longlink();
            if !extension {
                return Ok(Some((own.member(header, size), blocks)));
            }
            let padded = size.next_multiple_of(BLOCK as u64);
            // Nobody's names and records are so long.
            if padded > 1 << 20 {
                return Err(NO_HEADER.into());
            }
            let value = source.exactly(padded as usize).await?;
            blocks += padded / BLOCK as u64;
            let value = value.get(..size as usize).ok_or("Unexpected EOF in archive")?;
            let text = || String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
            if kind.is_gnu_longname() {
                own.name = Some(text());
            } else if kind.is_gnu_longlink() {
                own.target = Some(text());
            } else {
                own.take(value);
                if kind.is_pax_global_extensions() {
                    globals.take(value);
                }
            }
        }
    }
}

/// What stands where a header should.
pub(super) const NO_HEADER: &str = "This does not look like a tar archive";

/// What extended headers say.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    name: Option<String>,
    target: Option<String>,
    size: Option<u64>,
    modified: Option<Duration>,
    user: Option<u32>,
    group: Option<u32>,
}

impl Extensions {
    fn take(&mut self, records: &[u8]) {
        for record in PaxExtensions::new(records).flatten() {
            let (Ok(key), Ok(value)) = (record.key(), record.value()) else { continue };
            match key {
                "path" => self.name = Some(value.to_owned()),
                "linkpath" => self.target = Some(value.to_owned()),
                "size" => self.size = value.parse().ok(),
                "uid" => self.user = value.parse().ok(),
                "gid" => self.group = value.parse().ok(),
                "mtime" => {
                    let (seconds, fraction) = value.split_once('.').unwrap_or((value, ""));
                    let nanoseconds = format!("{fraction:0<9}");
                    let nanoseconds = nanoseconds.get(..9).and_then(|digits| digits.parse().ok());
                    self.modified =
                        seconds.parse().ok().map(|seconds| Duration::new(seconds, nanoseconds.unwrap_or(0)));
                }
                _ => {}
            }
        }
    }

    fn member(self, header: &Header, size: u64) -> Member {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let number = |value: std::io::Result<u64>| u32::try_from(value.unwrap_or(0)).unwrap_or(0);
        let what = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Link => What::HardLink,
            EntryType::Symlink => What::SymbolicLink,
            EntryType::Directory => What::Directory,
            EntryType::Fifo => What::Fifo,
            EntryType::Char | EntryType::Block => {
                let part = |value: std::io::Result<Option<u32>>| value.ok().flatten().unwrap_or(0);
                What::Device(part(header.device_major()), part(header.device_minor()))
            }
            other => What::Unknown(other.as_byte()),
        };
        let name = self.name.unwrap_or_else(|| text(&header.path_bytes()));
        // Before POSIX a slash at the end was all that said what it is.
        let what = if what == What::File && name.ends_with('/') { What::Directory } else { what };
        Member {
            what,
            metadata: Metadata {
                mode: header.mode().unwrap_or(0) & 0o7777,
                user: self.user.unwrap_or_else(|| number(header.uid())),
                group: self.group.unwrap_or_else(|| number(header.gid())),
                modified: self.modified.unwrap_or_else(|| Duration::from_secs(header.mtime().unwrap_or(0))),
            },
            size: if what == What::File { self.size.unwrap_or(size) } else { 0 },
            target: self
                .target
                .unwrap_or_else(|| header.link_name_bytes().map(|bytes| text(&bytes)).unwrap_or_default()),
            user: header.username_bytes().map(text).unwrap_or_default(),
            group: header.groupname_bytes().map(text).unwrap_or_default(),
            name,
        }
    }
}

/// Whether a header's sum is right.
fn is_whole(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let own = 148..156;
    let sum: u32 = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| if own.contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    header.cksum().is_ok_and(|expected| expected == sum)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(100);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn copy(field: &mut [u8], text: &str) {
    field.fill(0);
    field[..text.len()].copy_from_slice(text.as_bytes());
}

fn finish(header: &mut Header, kind: EntryType, name: &str, size: u64) {
    copy(&mut header.as_old_mut().name, name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
}

/// Adds a header that describes the next one, and its value in whole blocks.
fn push(blocks: &mut Vec<u8>, mut header: Header, kind: EntryType, name: &str, value: &[u8]) {
    header.set_uid(0);
    header.set_gid(0);
    finish(&mut header, kind, name, value.len() as u64);
    blocks.extend_from_slice(header.as_bytes());
    blocks.extend_from_slice(value);
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
}

/// Adds a record of an extended header: its own length, a blank, `key=value` and a line end.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}
