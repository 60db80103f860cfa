//! The memory of a container as CRIU writes it: as large as it is, different for each container and each dump,
//! and in no buffer of that size.
//!
//! Half of it is a row of incompressible pieces, half repeats itself. The incompressible pieces come from a pool
//! that all containers share; in which order they come is drawn from the container's seed and the count of its
//! dumps. A compressor sees no more than half a megabyte at once (zstd -1) and finds hardly any of them again,
//! and what is altered, lost or mixed up on the way changes the hash.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use sha2::Digest;

use crate::simulation::hex;
use crate::simulation::load::draw;
use crate::simulation::machine::content::Content;

/// Bytes of a page of memory.
pub const PAGE: u64 = 4096;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// Pieces of the pool: 8 MiB.
const POOL: u64 = 128;

/// Hashed at once before others get their turn.
const TURN: usize = 4 << 20;

static NOISE: LazyLock<Vec<Bytes>> =
    LazyLock::new(|| (0..POOL).map(|index| noise(0x6472_6f76_6572 ^ index, PIECE)).collect());

static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    let mut pattern = BytesMut::with_capacity(PIECE);
    while pattern.len() < PIECE {
        pattern.extend_from_slice(b"\0\0\0\0\0\0\0\0\x10\x20\0\0\xff\x7f\0\0");
    }
    pattern.freeze()
});

/// Bytes that no compressor makes smaller: xorshift64* (Vigna, “An experimental exploration of Marsaglia's
/// xorshift generators, scrambled”, 2016).
pub fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed | 1;
    let mut bytes = BytesMut::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes.freeze()
}

/// The pages of a container with this seed at its dump of this number; whole pages only.
pub fn pages(seed: u64, dump: u64, length: u64) -> Content {
    let length = length.next_multiple_of(PAGE);
    let order = seed.wrapping_mul(31).wrapping_add(dump);
    let mut content = Content::default();
    let mut index = 0;
    while content.length() < length {
        let piece = if index % 2 == 0 {
            let place = (draw(order, index) * POOL as f64) as usize;
            NOISE.get(place).cloned().unwrap_or_else(|| PATTERN.clone())
        } else {
            PATTERN.clone()
        };
        let rest = (length - content.length()).min(PIECE as u64) as usize;
        content.append(piece.slice(..rest));
        index += 1;
    }
    content
}

/// The SHA-256 of a file, with pauses in which others work.
pub async fn hash(content: &Content) -> String {
    let mut hasher = sha2::Sha256::new();
    let mut turn = 0;
    for piece in content.pieces() {
        hasher.update(piece);
        turn += piece.len();
        if turn >= TURN {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_of_their_size_and_of_no_other_dump() {
        let one = pages(1, 1, (3 << 20) + 5);
        assert_eq!(one.length(), (3 << 20) + 4096);
        assert_eq!(hash(&one).await, hash(&pages(1, 1, (3 << 20) + 5)).await);
        assert_ne!(hash(&one).await, hash(&pages(1, 2, (3 << 20) + 5)).await);
        assert_ne!(hash(&one).await, hash(&pages(2, 1, (3 << 20) + 5)).await);
    }

    #[test]
    fn about_half_is_left_after_compression() {
        let whole = pages(7, 1, 16 << 20).whole();
        let packed = zstd::bulk::compress(&whole, 1).unwrap().len() as f64 / whole.len() as f64;
        assert!((0.4..0.6).contains(&packed), "{packed}");
    }
}
