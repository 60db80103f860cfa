//! Reading line by line, as the bytes come.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::process::Process;

/// How much is asked for at a time.
pub(super) const PIECE: usize = 1 << 20;

/// The lines of an open file.
pub(super) struct Lines {
    file: Arc<OpenFile>,
    buffer: BytesMut,
    /// How much of the buffer has no delimiter in it.
    searched: usize,
    delimiter: u8,
    ended: bool,
    /// Whether a NUL has come so far.
    pub binary: bool,
}

/// A line without its delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether a delimiter followed; it may be missing after the last line.
    pub ended: bool,
}

impl Lines {
    pub fn new(file: Arc<OpenFile>, delimiter: u8) -> Self {
        Self { file, buffer: BytesMut::new(), searched: 0, delimiter, ended: false, binary: false }
    }

    /// Whether a whole line is here already.
    pub fn has_line(&self) -> bool {
        self.buffer[self.searched..].contains(&self.delimiter)
    }

    /// The next line; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Line>, Errno> {
        loop {
            let delimiter = self.delimiter;
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == delimiter) {
                let mut bytes = self.buffer.split_to(self.searched + at + 1).freeze();
                bytes.truncate(bytes.len() - 1);
                self.searched = 0;
                return Ok(Some(Line { bytes, ended: true }));
            }
            self.searched = self.buffer.len();
            if self.ended {
                let bytes = self.buffer.split().freeze();
                self.searched = 0;
                return Ok((!bytes.is_empty()).then_some(Line { bytes, ended: false }));
            }
            let piece = self.file.read(PIECE).await?;
            self.ended = piece.is_empty();
            self.binary |= piece.contains(&0);
            self.buffer.extend_from_slice(&piece);
        }
    }
}

/// Collects small outputs and writes them in larger ones.
#[derive(Default)]
pub(super) struct Output(BytesMut);

impl Output {
    /// Adds bytes; what has become large is written.
    pub async fn put(&mut self, process: &Process, bytes: &[u8]) -> Result<(), Errno> {
        self.0.extend_from_slice(bytes);
        if self.0.len() >= 32 << 10 { self.flush(process).await } else { Ok(()) }
    }

    /// Adds a line and its delimiter.
    pub async fn line(&mut self, process: &Process, bytes: &[u8], delimiter: u8) -> Result<(), Errno> {
        self.0.extend_from_slice(bytes);
        self.put(process, &[delimiter]).await
    }

    /// Writes all that is left.
    pub async fn flush(&mut self, process: &Process) -> Result<(), Errno> {
        process.out(self.0.split().freeze()).await
    }
}

/// All that an open file has to give.
pub(super) async fn read_whole(file: &OpenFile) -> Result<Bytes, Errno> {
    let first = file.read(PIECE).await?;
    let mut all = BytesMut::new();
    all.extend_from_slice(&first);
    let mut last = first;
    while !last.is_empty() {
        last = file.read(PIECE).await?;
        all.extend_from_slice(&last);
    }
    Ok(all.freeze())
}

/// The records of some bytes, without delimiters; one that is missing at the end does not matter.
pub(super) fn records(bytes: &Bytes, delimiter: u8) -> Vec<Bytes> {
    let mut records = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == delimiter {
            records.push(bytes.slice(start..at));
            start = at + 1;
        }
    }
    if start < bytes.len() {
        records.push(bytes.slice(start..));
    }
    records
}
