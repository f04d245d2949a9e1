//! Finds text in a body, in keys and values alike: places in bytes, found once for a needle.

/// Places kept, at most.
const MAX_FOUND: usize = 10_000;

/// Where a text stands in a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The text, in lower case.
    pub(crate) needle: String,
    /// The first byte of each place, ascending.
    pub(crate) places: Vec<usize>,
    /// The place that is shown.
    pub(crate) at: usize,
}

/// Finds a text; capitals of ASCII do not count. A quote or a line break is found as JSON writes it.
#[must_use]
pub(crate) fn find(b: &[u8], text: &str) -> Found {
    let written = serde_json::Value::from(text).to_string();
    let needle = written[1..written.len() - 1].to_ascii_lowercase();
    let mut places = Vec::new();
    if let Some(first) = needle.as_bytes().first() {
        let n = needle.as_bytes();
        let mut next = 0;
        for at in memchr::memchr2_iter(*first, first.to_ascii_uppercase(), b) {
            if at >= next && b.get(at..at + n.len()).is_some_and(|here| here.eq_ignore_ascii_case(n)) {
                places.push(at);
                next = at + n.len();
                if places.len() == MAX_FOUND {
                    break;
                }
            }
        }
    }
    Found { needle, places, at: 0 }
}

impl Found {
    /// Goes to the next place, or to the one before; after the last comes the first. Gives it.
    pub(crate) fn turn(&mut self, forward: bool) -> Option<usize> {
        let n = self.places.len();
        if n == 0 {
            return None;
        }
        self.at = if forward { (self.at + 1) % n } else { (self.at + n - 1) % n };
        self.places.get(self.at).copied()
    }

    /// Goes to the first place from a byte on. Gives it.
    pub(crate) fn from(&mut self, byte: usize) -> Option<usize> {
        let at = self.places.partition_point(|p| *p < byte);
        self.at = if at < self.places.len() { at } else { 0 };
        self.places.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_found_and_paged_through() {
        let body = br#"{"Issue":1,"x":["an issue","say \"ISSUE\""]}"#;
        let mut found = find(body, "issue");
        assert_eq!(found.places.len(), 3);
        assert_eq!(found.from(5), Some(found.places[1]));
        assert_eq!((found.turn(true), found.at), (Some(found.places[2]), 2));
        assert_eq!((found.turn(true), found.turn(false)), (Some(found.places[0]), Some(found.places[2])));
        assert_eq!(find(body, r#"say "issue""#).places.len(), 1);
        assert_eq!(find(b"aaaa", "aa").places, [0, 2]);
        assert!(find(body, "").places.is_empty() && find(body, "nobody").turn(true).is_none());
    }
}
