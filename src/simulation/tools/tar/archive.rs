//! The streams of blocks that an archive is: written and read piece by piece, never as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::codec::{Codec, Direction, Kind};
use super::super::lines::PIECE;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::OpenFile;

/// tar's unit.
pub(super) const BLOCK: usize = 512;
/// GNU tar fills its last record up to so many bytes.
const RECORD: u64 = 20 * BLOCK as u64;

static ZEROS: [u8; RECORD as usize] = [0; RECORD as usize];

/// Where an archive goes.
pub(super) struct Sink {
    file: Arc<OpenFile>,
    codec: Option<Codec>,
    written: u64,
}

impl Sink {
    pub fn new(file: Arc<OpenFile>, compression: Option<Kind>) -> std::io::Result<Self> {
        let codec = compression.map(|kind| Codec::new(kind, Direction::In, None)).transpose()?;
        Ok(Self { file, codec, written: 0 })
    }

    /// Goes on with an archive that has so many bytes already.
    pub fn after(file: Arc<OpenFile>, written: u64) -> Self {
        Self { file, codec: None, written }
    }

    /// What it writes to.
    pub fn file(&self) -> &Arc<OpenFile> {
        &self.file
    }

    /// Writes some bytes.
    pub async fn put(&mut self, bytes: Bytes) -> Result<(), Errno> {
        self.written += bytes.len() as u64;
        match &mut self.codec {
            None => self.file.write(bytes).await,
            Some(codec) => {
                let packed = codec.feed(&bytes).map_err(|_| Errno::Broken)?;
                self.file.write(packed.into()).await
            }
        }
    }

    /// Fills the last block up.
    pub async fn pad(&mut self) -> Result<(), Errno> {
        let rest = self.written.next_multiple_of(BLOCK as u64) - self.written;
        self.put(Bytes::from_static(&ZEROS[..rest as usize])).await
    }

    /// Writes the end: two empty blocks, and as many as make the record full.
    pub async fn finish(mut self) -> Result<(), Errno> {
        let end = (self.written + 2 * BLOCK as u64).next_multiple_of(RECORD);
        while self.written < end {
            let rest = (end - self.written).min(RECORD) as usize;
            self.put(Bytes::from_static(&ZEROS[..rest])).await?;
        }
        if let Some(codec) = &mut self.codec {
            let packed = codec.finish().map_err(|_| Errno::Broken)?;
            self.file.write(packed.into()).await?;
        }
        Ok(())
    }
}

/// Where an archive comes from.
pub(super) struct Source {
    file: Arc<OpenFile>,
    codec: Option<Codec>,
    pieces: VecDeque<Bytes>,
    ended: bool,
}

impl Source {
    /// Begins to read; a compressed file is seen by its first bytes.
    pub async fn new(file: Arc<OpenFile>, compression: Option<Kind>) -> Result<Self, String> {
        let mut source = Self { file, codec: None, pieces: VecDeque::new(), ended: false };
        let raw = source.file.read(PIECE).await.map_err(|error| format!("-: Cannot read: {error}"))?;
        source.ended = raw.is_empty();
        let seen = match raw.as_ref() {
            [0x1f, 0x8b, ..] => Some(Kind::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Kind::Zstd),
            _ => None,
        };
        let seekable = source.file.node().is_some();
        let kind = match (compression, seen) {
            (Some(kind), _) => Some(kind),
            (None, Some(kind)) if seekable => Some(kind),
            (None, Some(Kind::Gzip)) => return Err("Archive is compressed. Use -z option".into()),
            (None, Some(Kind::Zstd)) => return Err("Archive is compressed. Use --zstd option".into()),
            (None, None) => None,
        };
        source.codec = kind
            .map(|kind| Codec::new(kind, Direction::Out, None))
            .transpose()
            .map_err(|error| error.to_string())?;
        source.unpack(raw)?;
        Ok(source)
    }

    /// Whether there was not a single byte.
    pub fn is_nothing(&self) -> bool {
        self.ended && self.pieces.is_empty()
    }

    fn unpack(&mut self, raw: Bytes) -> Result<(), String> {
        let bytes = match &mut self.codec {
            None => raw,
            Some(codec) if raw.is_empty() => codec.finish()?.into(),
            Some(codec) => codec.feed(&raw)?.into(),
        };
        if !bytes.is_empty() {
            self.pieces.push_back(bytes);
        }
        Ok(())
    }

    /// Takes what is there, at most so much; nothing at the end.
    pub async fn take(&mut self, most: usize) -> Result<Bytes, String> {
        loop {
            if let Some(first) = self.pieces.front_mut() {
                let bytes = if first.len() > most { first.split_to(most) } else { std::mem::take(first) };
                if self.pieces.front().is_some_and(Bytes::is_empty) {
                    self.pieces.pop_front();
                }
                return Ok(bytes);
            }
            if self.ended {
                return Ok(Bytes::new());
            }
            let raw = self.file.read(PIECE).await.map_err(|error| format!("Cannot read: {error}"))?;
            self.ended = raw.is_empty();
            self.unpack(raw)?;
        }
    }

    /// Takes exactly so many bytes, or fewer at the end.
    pub async fn exactly(&mut self, length: usize) -> Result<Bytes, String> {
        let first = self.take(length).await?;
        if first.len() == length {
            return Ok(first);
        }
        let mut bytes = BytesMut::from(&first[..]);
        while bytes.len() < length {
            let piece = self.take(length - bytes.len()).await?;
            if piece.is_empty() {
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// Leaves bytes out; whether all of them were there.
    pub async fn skip(&mut self, mut length: u64) -> Result<bool, String> {
        while length > 0 {
            let piece = self.take(length.min(PIECE as u64) as usize).await?;
            if piece.is_empty() {
                return Ok(false);
            }
            length -= piece.len() as u64;
        }
        Ok(true)
    }

    /// Reads the rest, so that who writes it does not find a closed pipe.
    pub async fn drain(&mut self) -> Result<(), String> {
        self.skip(u64::MAX).await.map(|_| ())
    }
}
