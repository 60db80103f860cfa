//! Bytes as characters and back: mawk works on bytes, the crate on characters.

/// Where the bytes from 128 on stand in the private area of Unicode.
const AREA: u32 = 0xe000;

/// Bytes as text, one character each.
pub(super) fn inward(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0..128 => char::from(*byte),
        byte => char::from_u32(AREA + u32::from(*byte)).unwrap_or('?'),
    };
    bytes.iter().map(character).collect()
}

/// The bytes of such a text; all other characters are themselves.
pub(super) fn outward(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        match u32::from(character).checked_sub(AREA) {
            Some(byte @ 128..256) => bytes.push(byte as u8),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let text = inward(&all);
        assert_eq!(text.chars().count(), 256);
        assert_eq!(outward(text.as_bytes()), all);
    }
}
