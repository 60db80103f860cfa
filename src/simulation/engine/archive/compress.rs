//! Ways to compress an archive.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Truncated;
use crate::simulation::machine::content::Content;

/// Bytes as they were before they were compressed, whichever of the usual ways that was.
pub fn decompressed(content: Content) -> Result<Content, Truncated> {
    let start = content.read(0, 4);
    let reader = Reader { pieces: content.pieces().iter().cloned().collect() };
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return collect(zstd::stream::read::Decoder::new(reader).map_err(|_| Truncated)?);
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        return collect(flate2::read::MultiGzDecoder::new(reader));
    }
    Ok(content)
}

/// Bytes compressed as `podman container checkpoint --compress` does.
pub fn compressed(content: &Content, way: Compression) -> Result<Content, Truncated> {
    let reader = Reader { pieces: content.pieces().iter().cloned().collect() };
    match way {
        Compression::None => Ok(content.clone()),
        Compression::Gzip => collect(flate2::read::GzEncoder::new(reader, flate2::Compression::fast())),
        Compression::Zstd => collect(zstd::stream::read::Encoder::new(reader, 1).map_err(|_| Truncated)?),
    }
}

/// Ways to compress an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip
    Gzip,
    /// Zstandard, Podman's usual one.
    Zstd,
}

fn collect(mut reader: impl std::io::Read) -> Result<Content, Truncated> {
    let mut content = Content::default();
    loop {
        let mut piece = BytesMut::zeroed(64 << 10);
        let mut filled = 0;
        while filled < piece.len() {
            match reader.read(&mut piece[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(_) => return Err(Truncated),
            }
        }
        if filled == 0 {
            return Ok(content);
        }
        piece.truncate(filled);
        content.append(piece.freeze());
    }
}

/// Pieces for a compressor.
struct Reader {
    pieces: VecDeque<Bytes>,
}

impl std::io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(piece) = self.pieces.front_mut() {
            let count = piece.len().min(buffer.len());
            if count == 0 {
                self.pieces.pop_front();
                continue;
            }
            buffer[..count].copy_from_slice(&piece.split_to(count));
            return Ok(count);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::engine::pages::pages;

    #[test]
    fn both_ways_of_compression_come_back() {
        let content = pages(3, 1, 300_000);
        for way in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let packed = compressed(&content, way).unwrap();
            assert_eq!(decompressed(packed).unwrap().whole(), content.whole(), "{way:?}");
        }
    }
}
