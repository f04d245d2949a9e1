//! A message as a flat list of lines that fold: only what is unfolded costs memory.
//!
//! Unfolding a line scans its children once and puts their lines behind it. Input: raw bytes; output: lines that point
//! into them.

use std::collections::HashSet;

use bytes::Bytes;

use super::change::push_step;
use super::mask;
use super::scan::{self, Child, Children, Kind, Long, Value};

/// How much of a big body is looked at until the whole is asked for.
pub(crate) const PREVIEW_BYTES: usize = 256 * 1024;
/// Children shown of one container; a list longer than that says how many are left.
const MAX_CHILDREN: usize = 20_000;
/// Lines all trees may grow to.
const MAX_LINES: usize = 200_000;
/// A tree opens as far as this many lines by itself.
const OPEN_LINES: usize = 60;
/// Deepest line that is indented further.
const MAX_DEPTH: u16 = 120;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) depth: u16,
    pub(crate) key: Option<(usize, usize)>,
    /// Position among its siblings.
    pub(crate) index: usize,
    pub(crate) value: Value,
    pub(crate) open: bool,
    /// Under a name that tells a secret.
    pub(crate) secret: bool,
    /// Not a value: this many more children are not shown.
    pub(crate) more: usize,
}

/// A body as lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    whole: Bytes,
    shown: Bytes,
    lines: Vec<Line>,
    /// What is long in it.
    long: Long,
    /// Members of the outermost object that are left out.
    skip: &'static [&'static str],
    /// Starts of values that are shown though they are secret.
    revealed: HashSet<usize>,
}

impl Tree {
    /// The tree of a body, opened as far as fits a screen.
    #[must_use]
    pub(crate) fn new(whole: Bytes) -> Self {
        Self::without(whole, &[])
    }

    /// The same without some members of the outermost object.
    #[must_use]
    pub(crate) fn without(whole: Bytes, skip: &'static [&'static str]) -> Self {
        let shown = whole.slice(..whole.len().min(PREVIEW_BYTES));
        let mut tree = Self { whole, shown, lines: Vec::new(), long: Long::default(), skip, revealed: HashSet::new() };
        tree.fill();
        tree
    }

    fn fill(&mut self) {
        self.long = Long::of(&self.shown);
        let Some(root) = self.long.value(&self.shown, 0) else { return };
        if matches!(root.kind, Kind::Object | Kind::Array) {
            self.lines = self.lines_of(root, 0, false, false);
        } else {
            self.lines = vec![line(Child { key: None, value: root }, 0, 0, false)];
        }
        self.open_some();
    }

    /// Opens containers breadth first while all lines still fit.
    fn open_some(&mut self) {
        for depth in 0..4 {
            let mut i = 0;
            while i < self.lines.len() {
                let l = self.lines[i];
                let fits = self.lines.len() + l.value.n_children <= OPEN_LINES;
                if l.depth == depth && !l.open && l.value.n_children > 0 && fits {
                    self.unfold(i);
                }
                i += 1;
            }
        }
    }

    fn lines_of(&self, parent: Value, depth: u16, secret: bool, nested: bool) -> Vec<Line> {
        let mut out = Vec::new();
        for (index, child) in self.children(parent).enumerate() {
            if index >= MAX_CHILDREN {
                let mut last = line(child, depth, index, false);
                last.more = parent.n_children.saturating_sub(MAX_CHILDREN).max(1);
                out.push(last);
                break;
            }
            let hidden = !nested
                && child.key.is_some_and(|(s, e)| self.skip.contains(&scan::decode(&self.shown[s..e]).as_str()));
            if !hidden {
                out.push(line(child, depth, index, secret || self.is_secret(child)));
            }
        }
        out
    }

    fn is_secret(&self, child: Child) -> bool {
        let number = child.value.kind == Kind::Atom && matches!(self.shown[child.value.start], b'-' | b'0'..=b'9');
        child.key.is_some_and(|(s, e)| mask::is_secret(&self.shown[s..e], number))
            && !mask::is_bare(&self.shown, child.value)
    }

    /// The lines.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The bytes the lines point into.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.shown
    }

    /// Steps through the children of a container.
    pub(crate) fn children(&self, parent: Value) -> Children<'_> {
        self.long.children(&self.shown, parent)
    }

    /// All of the body.
    pub(crate) const fn whole(&self) -> &Bytes {
        &self.whole
    }

    /// Bytes not looked at.
    pub(crate) fn n_left_out(&self) -> usize {
        self.whole.len() - self.shown.len()
    }

    /// Looks at the whole body.
    pub(crate) fn show_whole(&mut self) {
        if self.n_left_out() > 0 {
            self.shown = self.whole.clone();
            self.lines.clear();
            self.fill();
        }
    }

    /// Whether a line's value is to be masked.
    pub(crate) fn is_masked(&self, line: &Line) -> bool {
        line.secret && !self.revealed.contains(&line.value.start)
    }

    /// Shows a secret, or masks it again. `false` if the line holds none.
    pub(crate) fn reveal(&mut self, at: usize) -> bool {
        let Some(line) = self.lines.get(at).copied().filter(|l| l.secret) else { return false };
        if !self.revealed.remove(&line.value.start) {
            self.revealed.insert(line.value.start);
        } else if line.open {
            self.fold(at);
        }
        true
    }

    /// Whether the line can be unfolded.
    pub(crate) fn can_unfold(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|l| !l.open && l.value.n_children > 0 && l.more == 0 && !self.is_masked(l))
    }

    /// Puts the children of a line behind it.
    pub(crate) fn unfold(&mut self, at: usize) {
        if !self.can_unfold(at) || self.lines.len() > MAX_LINES {
            return;
        }
        let l = self.lines[at];
        let children = self.lines_of(l.value, (l.depth + 1).min(MAX_DEPTH), false, true);
        // A revealed container shows what it holds.
        self.lines[at].open = true;
        self.lines.splice(at + 1..at + 1, children);
    }

    /// Takes everything below a line away.
    pub(crate) fn fold(&mut self, at: usize) {
        let Some(l) = self.lines.get_mut(at).filter(|l| l.open) else { return };
        l.open = false;
        let end_of_value = l.value.end;
        let end = self.lines[at + 1..]
            .iter()
            .position(|c| c.value.start >= end_of_value)
            .map_or(self.lines.len(), |n| at + 1 + n);
        self.lines.drain(at + 1..end);
    }

    /// The line that holds this one.
    pub(crate) fn parent(&self, at: usize) -> Option<usize> {
        let l = self.lines.get(at)?;
        self.lines[..at].iter().rposition(|p| p.open && p.value.start < l.value.start && l.value.end <= p.value.end)
    }

    /// Unfolds what holds a byte, and gives the line that shows it; of a masked value its own line.
    pub(crate) fn line_of(&mut self, byte: usize) -> Option<usize> {
        let mut at = self.lines.iter().rposition(|l| l.key.map_or(l.value.start, |k| k.0) <= byte)?;
        for _ in 0..MAX_DEPTH {
            let l = self.lines.get(at).copied()?;
            if l.open || byte < l.value.start || byte >= l.value.end || !self.can_unfold(at) {
                break;
            }
            self.unfold(at);
            let inner = &self.lines[at + 1..];
            let n = inner
                .iter()
                .take_while(|c| c.value.start < l.value.end && c.key.map_or(c.value.start, |k| k.0) <= byte);
            let inner = n.count().checked_sub(1);
            match inner {
                Some(n) => at += 1 + n,
                None => break,
            }
        }
        Some(at)
    }

    /// The JSON path of a line: `params.arguments.list[3]`.
    pub(crate) fn path(&self, at: usize) -> String {
        let mut steps = Vec::new();
        let mut here = Some(at).filter(|at| *at < self.lines.len());
        while let Some(i) = here {
            steps.push(self.lines[i]);
            here = self.parent(i);
        }
        let mut path = String::new();
        for step in steps.iter().rev() {
            push_step(&mut path, &self.shown, step.key, step.index);
        }
        path
    }

    /// The value of a line as JSON, secrets masked unless this line is revealed.
    pub(crate) fn value_json(&self, at: usize) -> Option<Vec<u8>> {
        let l = self.lines.get(at)?;
        if self.is_masked(l) {
            return Some(mask::MASK.as_bytes().to_vec());
        }
        let bytes = &self.shown[l.value.start..l.value.end];
        Some(if l.secret { bytes.to_vec() } else { mask::masked(bytes) })
    }

    /// The value of a line to be read or pasted: strings decoded, all else as JSON.
    pub(crate) fn value_text(&self, at: usize) -> Option<String> {
        let l = self.lines.get(at)?;
        let json = self.value_json(at)?;
        if l.value.kind == Kind::Text && !self.is_masked(l) {
            return Some(scan::decode(&json));
        }
        Some(String::from_utf8_lossy(&json).into_owned())
    }
}

fn line(child: Child, depth: u16, index: usize, secret: bool) -> Line {
    Line { depth, key: child.key, index, value: child.value, open: false, secret, more: 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(json: &str) -> Tree {
        Tree::new(Bytes::copy_from_slice(json.as_bytes()))
    }

    fn shape(tree: &Tree) -> Vec<String> {
        (0..tree.lines().len()).map(|i| tree.path(i)).collect()
    }

    #[test]
    fn small_bodies_are_open_and_fold_and_unfold_to_the_same() {
        let mut t = tree(r#"{"a":{"b":[1,{"c":2}]},"d":3}"#);
        let open = shape(&t);
        assert_eq!(open, ["a", "a.b", "a.b[0]", "a.b[1]", "a.b[1].c", "d"]);
        t.fold(0);
        assert_eq!(shape(&t), ["a", "d"]);
        assert!(t.can_unfold(0) && !t.can_unfold(1));
        t.unfold(0);
        t.unfold(1);
        t.unfold(3);
        assert_eq!(shape(&t), open);
        assert_eq!(t.parent(4), Some(3));
        assert_eq!(t.parent(5), None);
    }

    #[test]
    fn a_byte_leads_to_its_line() {
        let text = r#"{"a":{"b":[1,{"needle":"x"}]},"c":"needle","token":{"y":"needle"}}"#;
        let mut t = tree(text);
        t.fold(0);
        let places: Vec<usize> = text.match_indices("needle").map(|(at, _)| at).collect();
        let paths: Vec<String> = places
            .iter()
            .map(|at| {
                let line = t.line_of(*at).unwrap();
                t.path(line)
            })
            .collect();
        assert_eq!(paths, ["a.b[1].needle", "c", "token"]);
    }

    #[test]
    fn long_lists_stay_folded_at_first() {
        let list = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let mut t = tree(&format!(r#"{{"list":[{list}]}}"#));
        assert_eq!(t.lines().len(), 1);
        assert_eq!(t.lines()[0].value.n_children, 100);
        t.unfold(0);
        assert_eq!(t.lines().len(), 101);
    }

    #[test]
    fn secrets_are_masked_until_revealed() {
        let mut t = tree(r#"{"token":"abc","tokens":["x"],"plain":{"password":"p"}}"#);
        assert_eq!(t.value_text(0).unwrap(), "***");
        assert!(!t.can_unfold(1), "a masked list stays shut");
        assert_eq!(t.value_text(2).unwrap(), r#"{"password":"***"}"#);
        assert!(t.reveal(0) && t.reveal(1));
        assert_eq!(t.value_text(0).unwrap(), "abc");
        t.unfold(1);
        assert_eq!(t.value_text(2).unwrap(), "x");
        assert!(t.reveal(1));
        assert_eq!(shape(&t), ["token", "tokens", "plain", "plain.password"]);
        assert!(!t.reveal(2));
    }

    #[test]
    fn big_bodies_are_cut_until_asked_for() {
        let big = format!(r#"{{"a":"{}","b":1}}"#, "x".repeat(PREVIEW_BYTES));
        let mut t = tree(&big);
        assert_eq!(t.lines().len(), 1);
        assert!(t.lines()[0].value.cut && t.n_left_out() > 0);
        t.show_whole();
        assert_eq!(t.lines().len(), 2);
        assert_eq!(t.n_left_out(), 0);
    }

    #[test]
    fn a_scalar_and_junk_are_one_line() {
        assert_eq!(tree("42").lines().len(), 1);
        assert_eq!(tree("no json").lines()[0].value.kind, Kind::Junk);
        assert_eq!(tree("").lines().len(), 0);
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(bytes in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b':'), Just(b'\\'), Just(b'1'), any::<u8>()], 0..300), steps in proptest::collection::vec((0_u8..4, 0_usize..40), 0..40)) {
            let mut t = Tree::new(Bytes::from(bytes));
            for (what, at) in steps {
                match what {
                    0 => t.unfold(at),
                    1 => t.fold(at),
                    2 => { t.reveal(at); }
                    _ => { t.path(at); t.value_text(at); }
                }
            }
        }
    }
}
