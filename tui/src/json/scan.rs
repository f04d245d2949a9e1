//! Finds where JSON values begin and end. Tolerant: what is broken ends at the end of the bytes.

use std::collections::HashMap;

/// What kind of value stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// A number, `true`, `false`, `null`.
    Atom,
    /// Not JSON.
    Junk,
}

/// A value found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Members of an object, elements of an array.
    pub(crate) n_children: usize,
    /// The bytes ended before the value did.
    pub(crate) cut: bool,
}

/// One member of an object or element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// The key with its quotes; `None` in arrays.
    pub(crate) key: Option<(usize, usize)>,
    pub(crate) value: Value,
}

/// The first byte from `at` on that is no white space.
pub(crate) fn blanks(b: &[u8], mut at: usize) -> usize {
    while matches!(b.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// One past the closing quote of the string that opens at `at`, and whether it was closed.
fn text(b: &[u8], at: usize) -> (usize, bool) {
    let mut i = at + 1;
    while i < b.len() {
        match memchr::memchr2(b'"', b'\\', &b[i..]) {
            None => break,
            Some(n) if b[i + n] == b'"' => return (i + n + 1, true),
            Some(n) => i += n + 2,
        }
    }
    (b.len(), false)
}

/// The value that begins at or after `at`; `None` at the end of the bytes.
pub(crate) fn value(b: &[u8], at: usize) -> Option<Value> {
    let start = blanks(b, at);
    let found = |kind, end, cut| Value { kind, start, end, n_children: 0, cut };
    match *b.get(start)? {
        b'"' => {
            let (end, closed) = text(b, start);
            Some(found(Kind::Text, end, !closed))
        }
        open @ (b'{' | b'[') => Some(container(b, start, if open == b'{' { Kind::Object } else { Kind::Array })),
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            let len =
                b[start..].iter().position(|c| !matches!(c, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E'));
            let end = len.map_or(b.len(), |n| start + n);
            let cut = len.is_none() && start > 0;
            let word = &b[start..end];
            let known = [&b"true"[..], b"false", b"null"].iter().any(|w| *w == word || (cut && w.starts_with(word)));
            if word[0].is_ascii_lowercase() && !known {
                return Some(found(Kind::Junk, b.len(), false));
            }
            Some(found(Kind::Atom, end, cut))
        }
        _ => Some(found(Kind::Junk, b.len(), false)),
    }
}

fn container(b: &[u8], start: usize, kind: Kind) -> Value {
    let mut depth = 0_usize;
    let mut commas = 0;
    let mut any = false;
    let mut i = start;
    while let Some(c) = b.get(i) {
        match c {
            b'"' => {
                any |= depth == 1;
                i = text(b, i).0;
                continue;
            }
            b'{' | b'[' => {
                any |= depth == 1;
                depth += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    let n_children = if any { commas + 1 } else { 0 };
                    return Value { kind, start, end: i + 1, n_children, cut: false };
                }
            }
            b',' => commas += usize::from(depth == 1),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => any |= depth == 1,
        }
        i += 1;
    }
    Value { kind, start, end: b.len(), n_children: if any { commas + 1 } else { 0 }, cut: true }
}

/// Containers that are long to read, by where they begin: so that each is read once, not once for every container around it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Long(HashMap<usize, Value>);

/// Shorter ones are read again in less time than it takes to look them up. So many of them fit into a body of 10 MB that the map stays small.
const LONG_BYTES: usize = 16 * 1024;

impl Long {
    /// Reads a body once. What it knows of a container is what [`value`] finds there.
    #[must_use]
    pub(crate) fn of(b: &[u8]) -> Self {
        let mut found = HashMap::new();
        let mut keep = |v: Value| {
            if v.end - v.start >= LONG_BYTES {
                found.insert(v.start, v);
            }
        };
        // The containers around the place: kind, first byte, commas, and whether there is anything in them.
        let mut around: Vec<(Kind, usize, usize, bool)> = Vec::new();
        let ended = |(kind, start, commas, any): (Kind, usize, usize, bool), end: usize, cut: bool| Value {
            kind,
            start,
            end,
            n_children: if any { commas + 1 } else { 0 },
            cut,
        };
        let mut i = 0;
        while let Some(c) = b.get(i) {
            let inner = around.last_mut();
            match c {
                b'"' => {
                    if let Some(inner) = inner {
                        inner.3 = true;
                    }
                    i = text(b, i).0;
                    continue;
                }
                b'{' | b'[' => {
                    if let Some(inner) = inner {
                        inner.3 = true;
                    }
                    around.push((if *c == b'{' { Kind::Object } else { Kind::Array }, i, 0, false));
                }
                b'}' | b']' => match around.pop() {
                    Some(inner) => keep(ended(inner, i + 1, false)),
                    None => break,
                },
                b',' => {
                    if let Some(inner) = inner {
                        inner.2 += 1;
                    }
                }
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => {
                    if let Some(inner) = inner {
                        inner.3 = true;
                    }
                }
            }
            i += 1;
        }
        for inner in around {
            keep(ended(inner, b.len(), true));
        }
        Self(found)
    }

    /// The value that begins at or after `at`; `None` at the end of the bytes.
    pub(crate) fn value(&self, b: &[u8], at: usize) -> Option<Value> {
        self.0.get(&blanks(b, at)).copied().or_else(|| value(b, at))
    }

    /// Steps through the children of `parent`.
    pub(crate) fn children<'a>(&'a self, b: &'a [u8], parent: Value) -> Children<'a> {
        Children { long: Some(self), ..children(b, parent) }
    }
}

/// The children of a container, in order. What does not read as a child comes as one last child of junk.
#[derive(Debug)]
pub(crate) struct Children<'a> {
    b: &'a [u8],
    at: usize,
    object: bool,
    done: bool,
    long: Option<&'a Long>,
}

/// Steps through the children of `parent`.
pub(crate) fn children(b: &[u8], parent: Value) -> Children<'_> {
    let container = matches!(parent.kind, Kind::Object | Kind::Array);
    Children { b, at: parent.start + 1, object: parent.kind == Kind::Object, done: !container, long: None }
}

impl Children<'_> {
    fn junk(&mut self, at: usize) -> Option<Child> {
        self.done = true;
        let value = Value { kind: Kind::Junk, start: at, end: self.b.len(), n_children: 0, cut: false };
        (at < self.b.len()).then_some(Child { key: None, value })
    }
}

impl Iterator for Children<'_> {
    type Item = Child;

    fn next(&mut self) -> Option<Child> {
        if self.done {
            return None;
        }
        let at = blanks(self.b, self.at);
        let close = if self.object { b'}' } else { b']' };
        match self.b.get(at) {
            None => {
                self.done = true;
                return None;
            }
            Some(c) if *c == close => {
                self.done = true;
                return None;
            }
            Some(_) => {}
        }
        let mut key = None;
        let mut from = at;
        if self.object {
            if self.b[at] != b'"' {
                return self.junk(at);
            }
            let (end, closed) = text(self.b, at);
            let colon = blanks(self.b, end);
            if !closed || self.b.get(colon) != Some(&b':') {
                return self.junk(at);
            }
            key = Some((at, end));
            from = colon + 1;
        }
        let found = self.long.map_or_else(|| value(self.b, from), |long| long.value(self.b, from));
        let Some(value) = found.filter(|v| v.kind != Kind::Junk) else { return self.junk(at) };
        let after = blanks(self.b, value.end);
        match self.b.get(after) {
            Some(b',') => self.at = after + 1,
            Some(c) if *c == close => self.at = after,
            Some(_) => self.at = after,
            None => self.done = true,
        }
        if value.end <= from {
            return self.junk(at);
        }
        // A close that does not match would be read again and again: the next round takes it for junk.
        Some(Child { key, value })
    }
}

/// The text of a string literal (quotes included, the last may be missing), decoded; what does not decode stays as it is.
#[must_use]
pub(crate) fn decode(literal: &[u8]) -> String {
    if let Ok(text) = serde_json::from_slice::<String>(literal) {
        return text;
    }
    let inner = literal.strip_prefix(b"\"").unwrap_or(literal);
    String::from_utf8_lossy(inner.strip_suffix(b"\"").unwrap_or(inner)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_containers_are_read_once_and_in_the_same_way() {
        let row = r#"{"id":1,"tags":["a, ]","b\\\"{"],"none":{},"note":null}"#;
        let rows = vec![row; 2_000].join(", ");
        let body = format!(r#"{{"result": {{"rows": [{rows}], "empty": [ ]}}, "id": 1}}"#);
        for b in [body.as_bytes(), &body.as_bytes()[..60_000], format!("{body}]]}}").as_bytes()] {
            let long = Long::of(b);
            assert!((3..10).contains(&long.0.len()), "{:?}", long.0);
            for (at, found) in &long.0 {
                assert_eq!(Some(*found), value(b, *at));
            }
            let root = value(b, 0).unwrap();
            let plain: Vec<Child> = children(b, root).collect();
            assert_eq!(long.children(b, root).collect::<Vec<_>>(), plain);
        }
    }

    fn texts(json: &str) -> Vec<String> {
        let b = json.as_bytes();
        children(b, value(b, 0).unwrap())
            .map(|c| {
                let key = c.key.map(|(s, e)| json[s..e].to_owned()).unwrap_or_default();
                format!("{key}{}", String::from_utf8_lossy(&b[c.value.start..c.value.end]))
            })
            .collect()
    }

    #[test]
    fn children_are_found_as_they_stand() {
        assert_eq!(
            texts(r#" { "a" : 1 , "b":[1,{"c":","}], "c\"d" : "}" } "#),
            [r#""a"1"#, r#""b"[1,{"c":","}]"#, r#""c\"d""}""#]
        );
        assert_eq!(texts(r#"[ 1, -2.5e+7 ,null,"x",[],{} ]"#), ["1", "-2.5e+7", "null", "\"x\"", "[]", "{}"]);
        assert_eq!(texts("{}"), [""; 0]);
    }

    #[test]
    fn counts_are_those_of_the_level() {
        for (json, n) in
            [("[]", 0), ("[ ]", 0), ("[1]", 1), ("[[1,2],{\"a\":3,\"b\":4}]", 2), ("{\"a\":{},\"b\":2,\"c\":3}", 3)]
        {
            assert_eq!(value(json.as_bytes(), 0).unwrap().n_children, n, "{json}");
        }
    }

    #[test]
    fn broken_bytes_end_somewhere() {
        assert_eq!(texts(r#"{"a":1,"b":[1,2"#), [r#""a"1"#, r#""b"[1,2"#]);
        assert_eq!(texts(r#"{"a":1 oops}"#).len(), 2);
        assert_eq!(texts("[1]]]").len(), 1);
        assert_eq!(texts("[}").len(), 1);
        let deep = "[".repeat(200_000);
        assert_eq!(texts(&deep).len(), 1);
        assert_eq!(decode(br#""a\u0041""#), "aA");
        assert_eq!(decode(br#""cut"#), "cut");
    }

    proptest! {
        #[test]
        fn nothing_hangs_or_panics(bytes in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b':'), Just(b'\\'), Just(b'1'), any::<u8>()], 0..200)) {
            if let Some(v) = value(&bytes, 0) {
                prop_assert!(v.end <= bytes.len() && v.start <= v.end);
                prop_assert!(children(&bytes, v).count() <= bytes.len());
            }
        }
    }
}
