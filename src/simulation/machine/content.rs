//! What a file holds: a row of shared pieces, so that a gigabyte is passed on without being copied.

use bytes::{Bytes, BytesMut};

/// Pieces smaller than this are joined, so that a log of lines is not a list of lines.
const PIECE: usize = 64 << 10;

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pieces: Vec<Bytes>,
    length: u64,
}

impl Content {
    /// How many bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes from here on, at most so many; empty at the end.
    pub fn read(&self, from: u64, most: usize) -> Bytes {
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            if from < end {
                let skip = (from - start) as usize;
                return piece.slice(skip..piece.len().min(skip.saturating_add(most)));
            }
            start = end;
        }
        Bytes::new()
    }

    /// All of it as one piece.
    pub fn whole(&self) -> Bytes {
        if let [piece] = self.pieces.as_slice() {
            return piece.clone();
        }
        let mut whole = BytesMut::with_capacity(self.length as usize);
        for piece in &self.pieces {
            whole.extend_from_slice(piece);
        }
        whole.freeze()
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.length += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(last) if last.len() + bytes.len() <= PIECE => {
                let mut joined = BytesMut::with_capacity(last.len() + bytes.len());
                joined.extend_from_slice(last);
                joined.extend_from_slice(&bytes);
                *last = joined.freeze();
            }
            _ => self.pieces.push(bytes),
        }
    }

    /// Writes bytes at a place, over what is there; a hole before it is filled with zeros.
    pub fn write(&mut self, at: u64, bytes: Bytes) {
        if at == self.length {
            return self.append(bytes);
        }
        let end = at + bytes.len() as u64;
        let mut result = Content::default();
        result.append_range(self, 0, at.min(self.length));
        if at > self.length {
            result.append(Bytes::from(vec![0; (at - self.length) as usize]));
        }
        result.append(bytes);
        result.append_range(self, end, self.length);
        *self = result;
    }

    /// Cuts it off, or makes it longer with zeros.
    pub fn resize(&mut self, length: u64) {
        let mut result = Content::default();
        result.append_range(self, 0, length.min(self.length));
        if length > self.length {
            result.append(Bytes::from(vec![0; (length - self.length) as usize]));
        }
        *self = result;
    }

    fn append_range(&mut self, other: &Content, from: u64, to: u64) {
        let mut at = from;
        while at < to {
            let piece = other.read(at, (to - at) as usize);
            if piece.is_empty() {
                return;
            }
            at += piece.len() as u64;
            self.append(piece);
        }
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        let mut content = Self::default();
        content.append(bytes.into());
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_read_as_one_file() {
        let mut content = Content::from("hello");
        content.append(Bytes::from(vec![b'x'; PIECE]));
        content.append(Bytes::from_static(b"end"));
        assert_eq!(content.length(), 5 + PIECE as u64 + 3);
        assert_eq!(content.read(3, 10), "lo");
        assert_eq!(content.read(5 + PIECE as u64, 10), "end");
        assert_eq!(content.whole().len() as u64, content.length());
    }

    #[test]
    fn writing_goes_over_what_is_there_and_leaves_zeros_in_a_hole() {
        let mut content = Content::from("hello world");
        content.write(6, Bytes::from_static(b"W"));
        assert_eq!(content.whole(), "hello World");
        content.write(13, Bytes::from_static(b"!"));
        assert_eq!(content.whole(), "hello World\0\0!");
        content.resize(5);
        assert_eq!(content.whole(), "hello");
    }
}
