//! Two JSON bodies compared by structure: which members are only in one, and which differ.
//!
//! Order of members is no difference; in lists places are compared. Bounded: of very large or very different bodies the first
//! differences are given.

use super::change::{Change, push_step};
use super::mask;
use super::scan::{self, Child, Kind, Value};

/// Differences given, at most.
const MAX_CHANGES: usize = 500;
/// Bytes of a value that are shown.
const SHOWN_BYTES: usize = 400;
/// Values looked at, at most: what is left is not compared.
const MAX_VALUES: usize = 50_000;
/// Deepest value that is taken apart.
const MAX_DEPTH: usize = 64;

/// What two bodies differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    /// The differences: the first body's value is the old one.
    pub(crate) changes: Vec<Change>,
    /// There may be more.
    pub(crate) is_cut: bool,
}

/// Compares two bodies; secrets are masked.
#[must_use]
pub(crate) fn diff(a: &[u8], b: &[u8]) -> Diff {
    let mut differ = Differ { a, b, out: Diff::default(), n_values: 0 };
    match (scan::value(a, 0), scan::value(b, 0)) {
        (Some(x), Some(y)) => differ.compare(x, y, &mut String::new(), false, 0),
        (None, None) => {}
        (Some(x), None) => differ.push("", false, Some(x), None),
        (None, Some(y)) => differ.push("", false, None, Some(y)),
    }
    differ.out
}

struct Differ<'a> {
    a: &'a [u8],
    b: &'a [u8],
    out: Diff,
    n_values: usize,
}

fn is_secret(bytes: &[u8], child: &Child) -> bool {
    let number = child.value.kind == Kind::Atom && matches!(bytes.get(child.value.start), Some(b'-' | b'0'..=b'9'));
    child.key.is_some_and(|(s, e)| mask::is_secret(&bytes[s..e], number)) && !mask::is_bare(bytes, child.value)
}

impl Differ<'_> {
    fn is_full(&mut self) -> bool {
        let full = self.out.changes.len() >= MAX_CHANGES || self.n_values >= MAX_VALUES;
        self.out.is_cut |= full;
        full
    }

    fn push(&mut self, path: &str, secret: bool, a: Option<Value>, b: Option<Value>) {
        if self.is_full() {
            return;
        }
        let show = |bytes: &[u8], v: Option<Value>| match v {
            None => String::new(),
            Some(_) if secret => mask::MASK.to_owned(),
            Some(v) => {
                String::from_utf8_lossy(&mask::masked(&bytes[v.start..v.end.min(v.start + SHOWN_BYTES)])).into_owned()
            }
        };
        let change = Change { path: path.to_owned(), old: show(self.a, a), new: show(self.b, b) };
        self.out.changes.push(change);
    }

    fn compare(&mut self, x: Value, y: Value, path: &mut String, secret: bool, depth: usize) {
        self.n_values += 1;
        if self.is_full() || self.a[x.start..x.end] == self.b[y.start..y.end] {
            return;
        }
        let same_kind = x.kind == y.kind && depth < MAX_DEPTH && !secret;
        match x.kind {
            Kind::Object if same_kind => self.objects(x, y, path, depth),
            Kind::Array if same_kind => self.lists(x, y, path, depth),
            // The same text written in another way is the same.
            Kind::Text if same_kind && self.text(x, true) == self.text(y, false) => {}
            _ => self.push(path, secret, Some(x), Some(y)),
        }
    }

    fn text(&self, v: Value, of_a: bool) -> String {
        scan::decode(&if of_a { self.a } else { self.b }[v.start..v.end])
    }

    fn objects(&mut self, x: Value, y: Value, path: &mut String, depth: usize) {
        let name = |bytes: &[u8], c: &Child| c.key.map_or_else(String::new, |(s, e)| scan::decode(&bytes[s..e]));
        let theirs: Vec<(String, Child)> =
            scan::children(self.b, y).take(MAX_VALUES).map(|c| (name(self.b, &c), c)).collect();
        let places: std::collections::HashMap<&str, usize> =
            theirs.iter().enumerate().map(|(i, (n, _))| (n.as_str(), i)).collect();
        let mut seen = vec![false; theirs.len()];
        for ours in scan::children(self.a, x).take(MAX_VALUES) {
            if self.is_full() {
                return;
            }
            let secret = is_secret(self.a, &ours);
            let len = path.len();
            push_step(path, self.a, ours.key, 0);
            match places.get(name(self.a, &ours).as_str()) {
                Some(i) => {
                    seen[*i] = true;
                    self.compare(ours.value, theirs[*i].1.value, path, secret, depth + 1);
                }
                None => self.push(path, secret, Some(ours.value), None),
            }
            path.truncate(len);
        }
        for (_, (_, child)) in seen.iter().zip(&theirs).filter(|(seen, _)| !**seen) {
            let len = path.len();
            push_step(path, self.b, child.key, 0);
            self.push(path, is_secret(self.b, child), None, Some(child.value));
            path.truncate(len);
        }
    }

    fn lists(&mut self, x: Value, y: Value, path: &mut String, depth: usize) {
        let (a, b) = (self.a, self.b);
        let mut ours = scan::children(a, x);
        let mut theirs = scan::children(b, y);
        for i in 0.. {
            if self.is_full() {
                return;
            }
            let (p, q) = (ours.next(), theirs.next());
            let len = path.len();
            push_step(path, a, None, i);
            match (p, q) {
                (None, None) => {
                    path.truncate(len);
                    return;
                }
                (Some(p), Some(q)) => self.compare(p.value, q.value, path, false, depth + 1),
                (p, q) => self.push(path, false, p.map(|c| c.value), q.map(|c| c.value)),
            }
            path.truncate(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(a: &str, b: &str) -> Vec<String> {
        let found = diff(a.as_bytes(), b.as_bytes());
        found.changes.iter().map(|c| format!("{} {}|{}", c.path, c.old, c.new)).collect()
    }

    #[test]
    fn only_what_differs_is_given() {
        assert_eq!(lines(r#"{"a":1,"b":[1,2]}"#, r#"{ "b" : [1, 2], "a": 1 }"#), [""; 0]);
        assert_eq!(
            lines(r#"{"a":1,"b":{"c":"x","d":[1,2,3]},"e":0}"#, r#"{"a":2,"b":{"c":"x","d":[1,9]},"f":{"g":1}}"#),
            ["a 1|2", "b.d[1] 2|9", "b.d[2] 3|", "e 0|", "f |{\"g\":1}"]
        );
        assert_eq!(lines(r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#), [""; 0]);
        assert_eq!(lines("[1]", r#"{"a":1}"#), [" [1]|{\"a\":1}"]);
    }

    #[test]
    fn secrets_are_compared_and_not_shown() {
        assert_eq!(lines(r#"{"token":"a"}"#, r#"{"token":"b"}"#), ["token ***|***"]);
        assert_eq!(lines(r#"{"x":{"token":"a"}}"#, r"{}"), [r#"x {"token":"***"}|"#]);
    }

    #[test]
    fn large_ones_are_cut() {
        let a: Vec<u32> = (0..100_000).collect();
        let b: Vec<u32> = (1..100_001).collect();
        let found = diff(serde_json::json!(a).to_string().as_bytes(), serde_json::json!(b).to_string().as_bytes());
        assert_eq!((found.changes.len(), found.is_cut), (MAX_CHANGES, true));
        let deep = |n: u8| format!("{}{n}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(diff(deep(1).as_bytes(), deep(2).as_bytes()).changes.len(), 1);
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(a in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b'"'), Just(b','), Just(b':'), Just(b'1'), any::<u8>()], 0..120), b in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b'"'), Just(b','), Just(b':'), Just(b'1'), any::<u8>()], 0..120)) {
            let _ = diff(&a, &b);
            prop_assert!(diff(&a, &a).changes.is_empty());
        }
    }
}
