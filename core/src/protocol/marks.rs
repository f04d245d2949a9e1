//! Finds the bytes at which a JSON string cannot just run on, a block of text at a time (RFC 8259, section 7).
//!
//! Knows no JSON but that. Input: bytes and a place in them; output: the next place with a quote, a backslash or a control
//! character.

use wide::u8x16;

/// Bytes looked at together: a bit of a word for each.
const BLOCK: usize = 64;
/// Bytes one instruction looks at.
const LANES: usize = 16;

/// What was found in the block looked at last: strings are short and stand close together, so most of them end where has been
/// looked already.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// Where the block begins; a multiple of [`BLOCK`].
    block: usize,
    /// A bit for each of its bytes that is special, the first lowest; none past the end of the text.
    bits: u64,
}

impl Default for Marks {
    /// Nothing has been looked at.
    fn default() -> Self {
        Self { block: usize::MAX, bits: 0 }
    }
}

impl Marks {
    /// The first special byte at `pos` or after it; the length if there is none.
    #[inline(always)]
    pub(super) fn next(&mut self, bytes: &[u8], pos: usize) -> usize {
        if pos / BLOCK == self.block / BLOCK {
            let ahead = self.bits >> (pos % BLOCK);
            if ahead != 0 {
                return pos + ahead.trailing_zeros() as usize;
            }
        }
        self.look_on(bytes, pos)
    }

    /// The same where the block looked at last has none.
    fn look_on(&mut self, bytes: &[u8], pos: usize) -> usize {
        let mut block = pos - pos % BLOCK;
        let mut from = pos % BLOCK;
        // Of the block looked at last it is known.
        if block == self.block {
            (block, from) = (block + BLOCK, 0);
        }
        while let Some(whole) = bytes.get(block..).and_then(|rest| rest.first_chunk()) {
            let bits = special(whole);
            let ahead = bits >> from;
            if ahead != 0 {
                *self = Self { block, bits };
                return block + from + ahead.trailing_zeros() as usize;
            }
            (block, from) = (block + BLOCK, 0);
        }
        let rest = bytes.get(block..).unwrap_or_default();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        *self = Self { block, bits: special(&last) };
        let ahead = self.bits >> from;
        if ahead == 0 { bytes.len() } else { block + from + ahead.trailing_zeros() as usize }
    }
}

/// Which bytes of a block are special.
#[inline(always)]
fn special(block: &[u8; BLOCK]) -> u64 {
    let (pieces, _) = block.as_chunks::<LANES>();
    let mut bits = 0;
    for piece in pieces.iter().rev() {
        let bytes = u8x16::new(*piece);
        let is_control = bytes.min(u8x16::new([0x1f; LANES])).simd_eq(bytes);
        let is_quote = bytes.simd_eq(u8x16::new([b'"'; LANES]));
        let is_backslash = bytes.simd_eq(u8x16::new([b'\\'; LANES]));
        bits = bits << LANES | u64::from((is_control | is_quote | is_backslash).to_bitmask());
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a string cannot just run on at this byte.
    const fn is_special(byte: u8) -> bool {
        byte < b' ' || byte == b'"' || byte == b'\\'
    }

    #[test]
    fn every_byte_is_seen_at_every_place_whatever_stands_around_it() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                for filler in [b'a', 0x7f, 0x80, 0xff, b' ', 0xa2] {
                    for after in [filler, 0, 0x1f, b'"', b'\\', b'!', b' '] {
                        let mut block = [filler; BLOCK];
                        block[place] = byte;
                        block[place + 1..].fill(after);
                        let expected = block.iter().rev().fold(0, |bits, b| bits << 1 | u64::from(is_special(*b)));
                        assert_eq!(special(&block), expected, "{block:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_next_special_byte_is_found_at_every_distance() {
        for length in 0..300 {
            let clean = vec![b'a'; length];
            let next = |text: &[u8], pos| Marks::default().next(text, pos);
            assert_eq!(next(&clean, 0), length);
            for place in 0..length {
                let mut text = clean.clone();
                text[place] = b'"';
                let mut marks = Marks::default();
                assert_eq!(marks.next(&text, 0), place);
                assert_eq!(marks.next(&text, place), place, "looked at before");
                assert_eq!(marks.next(&text, place + 1), length);
                assert_eq!(next(&text, place + 1), length);
            }
        }
        assert_eq!(Marks::default().next(b"abc", 3), 3, "at the end");
    }
}
