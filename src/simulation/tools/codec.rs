//! The formats of compressed files, piece by piece.

use std::io::Write;

use flate2::write::{GzEncoder, MultiGzDecoder};
use zstd::stream::raw::{Decoder, Encoder, InBuffer, Operation, OutBuffer};

/// A format of compressed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
}

/// Whether bytes are compressed or come out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

/// A direction of one of the formats.
pub(super) enum Codec {
    GzipIn(GzEncoder<Vec<u8>>),
    GzipOut { decoder: MultiGzDecoder<Vec<u8>>, any: bool },
    ZstdIn(Box<Encoder<'static>>),
    ZstdOut { decoder: Box<Decoder<'static>>, inside: bool, any: bool },
}

/// How much a run of the zstd library may give at once.
pub(super) const ROOM: usize = 128 << 10;

impl Codec {
    /// The one that makes or reads an archive of a kind, at a level or at its program's usual one.
    pub fn new(kind: Kind, direction: Direction, level: Option<u32>) -> std::io::Result<Self> {
        Ok(match (kind, direction) {
            (Kind::Gzip, Direction::In) => {
                Self::GzipIn(GzEncoder::new(Vec::new(), flate2::Compression::new(level.unwrap_or(6))))
            }
            (Kind::Gzip, Direction::Out) => {
                Self::GzipOut { decoder: MultiGzDecoder::new(Vec::new()), any: false }
            }
            (Kind::Zstd, Direction::In) => Self::ZstdIn(Box::new(Encoder::new(
                level.and_then(|level| level.try_into().ok()).unwrap_or(3),
            )?)),
            (Kind::Zstd, Direction::Out) => {
                Self::ZstdOut { decoder: Box::new(Decoder::new()?), inside: false, any: false }
            }
        })
    }

    /// What comes out for some bytes that go in, or the format's own complaint.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::GzipIn(encoder) => {
                encoder.write_all(bytes).map_err(|error| error.to_string())?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::GzipOut { decoder, any } => {
                if bytes.is_empty() {
                    return Ok(Vec::new());
                }
                let first = !std::mem::replace(any, true);
                decoder.write_all(bytes).map_err(|error| {
                    match first && error.kind() == std::io::ErrorKind::InvalidInput {
                        true => "not in gzip format".to_owned(),
                        false => "invalid compressed data--format violated".to_owned(),
                    }
                })?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::ZstdIn(encoder) => {
                let mut result = Vec::new();
                let mut source = InBuffer::around(bytes);
                while source.pos() < bytes.len() {
                    let mut room = vec![0; ROOM];
                    let mut target = OutBuffer::around(&mut room[..]);
                    encoder.run(&mut source, &mut target).map_err(|error| error.to_string())?;
                    result.extend_from_slice(target.as_slice());
                }
                Ok(result)
            }
            Self::ZstdOut { decoder, inside, any } => {
                let mut result = Vec::new();
                let mut source = InBuffer::around(bytes);
                loop {
                    let mut room = vec![0; ROOM];
                    let mut target = OutBuffer::around(&mut room[..]);
                    let before = source.pos();
                    let left = decoder.run(&mut source, &mut target).map_err(|_| match *any {
                        true => "Decoding error (36) : Data corruption detected".to_owned(),
                        false => "unsupported format".to_owned(),
                    })?;
                    let written = target.pos();
                    result.extend_from_slice(target.as_slice());
                    *any |= written > 0 || source.pos() > before;
                    *inside = left > 0;
                    if source.pos() == bytes.len() && written < ROOM {
                        return Ok(result);
                    }
                }
            }
        }
    }

    /// What is left at the end of the input.
    pub fn finish(&mut self) -> Result<Vec<u8>, String> {
        match self {
            Self::GzipIn(encoder) => {
                encoder.try_finish().map_err(|error| error.to_string())?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::GzipOut { decoder, .. } => {
                decoder.try_finish().map_err(|_| "unexpected end of file".to_owned())?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::ZstdIn(encoder) => {
                let mut result = Vec::new();
                loop {
                    let mut room = vec![0; ROOM];
                    let mut target = OutBuffer::around(&mut room[..]);
                    let left = encoder.finish(&mut target, true).map_err(|error| error.to_string())?;
                    result.extend_from_slice(target.as_slice());
                    if left == 0 {
                        return Ok(result);
                    }
                }
            }
            Self::ZstdOut { inside: true, .. } => Err("Read error (39) : premature end".to_owned()),
            Self::ZstdOut { any: false, .. } => Err("unexpected end of file".to_owned()),
            Self::ZstdOut { .. } => Ok(Vec::new()),
        }
    }
}
