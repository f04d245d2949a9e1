//! Text cut where a character ends.

/// The nearest character boundary at or before `offset`, in bytes.
#[must_use]
pub fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
