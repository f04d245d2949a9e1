//! YAML. Block style is changed by whole lines, flow style (`{…}`, `[…]`) between its brackets.

use std::ops::Range;

use serde_json::{Map, Number, Value};

use super::emit::{INDENT, Style, block, item, member};
use super::flow::{Flow, bracket};
use super::{EditError, Splices, Step, dotted, kind_name, line_end, line_start, nested, newline, with_name};
use crate::config::node::{self, Entry, Kind, Node, Scalar, Value as Tree};
use crate::config::source::Sources;

pub(super) fn parse(text: &str) -> Result<Value, EditError> {
    let tree = plain(&read(text)?);
    Ok(if tree.is_null() { Value::Object(Map::new()) } else { tree })
}

fn read(text: &str) -> Result<Node, EditError> {
    let mut sources = Sources::default();
    let source = sources.add(std::path::Path::new(""), text);
    let mut problems = Vec::new();
    let tree = node::parse(text, source, &sources, &mut problems);
    match (tree, problems.into_iter().next()) {
        // A key that is there twice is a matter of whoever asks for it.
        (Some(tree), _) => Ok(tree),
        (None, Some(problem)) => {
            let (line, column) = problem.place.map_or((1, 1), |p| (p.line, p.column));
            Err(EditError::Syntax { line, column, message: problem.message })
        }
        (None, None) => Err(EditError::Syntax { line: 1, column: 1, message: "cannot be read".to_owned() }),
    }
}

fn plain(node: &Node) -> Value {
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Scalar(scalar) => plain_scalar(scalar),
        Tree::List(items) => items.iter().map(plain).collect(),
        Tree::Map(entries) => entries.iter().map(|e| (e.key.clone(), plain(&e.value))).collect(),
    }
}

fn plain_scalar(scalar: &Scalar) -> Value {
    let text = scalar.text.as_str();
    match scalar.kind {
        Kind::Text => Value::from(text),
        Kind::Bool => Value::from(text.eq_ignore_ascii_case("true")),
        Kind::Int => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Kind::Float => {
            let number = text.parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or_else(|| Value::from(text), Value::Number)
        }
    }
}

pub(super) fn set(text: &str, path: &[Step<'_>], value: &Value) -> Result<String, EditError> {
    let root = read(text)?;
    let file = File { text, nl: newline(text) };
    let mut at = Place { node: &root, entry: None, around: None };
    for (i, step) in path.iter().enumerate() {
        let around = file.open(at.node);
        let rest = || nested(&path[i + 1..], value);
        let next = match (&at.node.value, step) {
            (Tree::Null, _) => return file.fill(&at, path, &nested(&path[i..], value)),
            (Tree::Map(entries), Step::Key(key)) => match entries.iter().find(|e| e.key == *key) {
                Some(entry) => Place { node: &entry.value, entry: Some(entry), around },
                None => return file.insert_key(&at, entries, key, &rest(), path),
            },
            (Tree::List(items), Step::Named(name)) => match items.iter().find(|n| is_named(n, name)) {
                Some(node) => Place { node, entry: None, around },
                None => return file.insert_item(&at, items, &with_name(name, rest()), path),
            },
            _ => {
                let wanted = if matches!(step, Step::Key(_)) { "map" } else { "list" };
                return Err(EditError::Shape { path: dotted(&path[..i]), found: kind_name(&plain(at.node)), wanted });
            }
        };
        at = next;
    }
    file.replace(&at, path, value)
}

pub(super) fn remove(text: &str, path: &[Step<'_>]) -> Result<String, EditError> {
    let root = read(text)?;
    let file = File { text, nl: newline(text) };
    let Some((last, parents)) = path.split_last() else { return Err(entangled(path)) };
    let mut at = Place { node: &root, entry: None, around: None };
    for step in parents {
        let around = file.open(at.node);
        let next = match (&at.node.value, step) {
            (Tree::Map(entries), Step::Key(key)) => {
                entries.iter().find(|e| e.key == *key).map(|e| Place { node: &e.value, entry: Some(e), around })
            }
            (Tree::List(items), Step::Named(name)) => {
                items.iter().find(|n| is_named(n, name)).map(|node| Place { node, entry: None, around })
            }
            _ => None,
        };
        let Some(next) = next else { return Ok(text.to_owned()) };
        at = next;
    }
    match (&at.node.value, last) {
        (Tree::Map(entries), Step::Key(key)) => {
            let Some(index) = entries.iter().position(|e| e.key == *key) else { return Ok(text.to_owned()) };
            let members: Vec<_> = entries.iter().map(|e| e.key_span.start).collect();
            file.cut(&at, &members, index, "{}", path)
        }
        (Tree::List(items), Step::Named(name)) => {
            let Some(index) = items.iter().position(|n| is_named(n, name)) else { return Ok(text.to_owned()) };
            let members: Vec<_> = items.iter().map(|n| n.span.start).collect();
            file.cut(&at, &members, index, "[]", path)
        }
        _ => Ok(text.to_owned()),
    }
}

fn entangled(path: &[Step<'_>]) -> EditError {
    EditError::Entangled { path: dotted(path) }
}

fn is_named(node: &Node, name: &str) -> bool {
    node.get("name").and_then(Node::as_scalar).is_some_and(|s| s.text == name)
}

/// The words that say that there is nothing.
const NULLS: [&str; 4] = ["null", "Null", "NULL", "~"];

/// A node, and the entry whose value it is.
struct Place<'a> {
    node: &'a Node,
    entry: Option<&'a Entry>,
    /// The bracket of what it lies in.
    around: Option<usize>,
}

struct File<'a> {
    text: &'a str,
    nl: &'static str,
}

impl File<'_> {
    /// The bracket a collection begins with, if it has one.
    fn open(&self, node: &Node) -> Option<usize> {
        matches!(node.value, Tree::List(_) | Tree::Map(_)).then(|| bracket(self.text, node.span.start)).flatten()
    }

    /// The collection between brackets, if that is the one and all its members are seen.
    fn flow(&self, node: &Node) -> Option<Flow> {
        let n = match &node.value {
            Tree::List(items) => items.len(),
            Tree::Map(entries) => entries.len(),
            _ => return None,
        };
        Flow::read(self.text, self.open(node)?).filter(|flow| flow.members.len() == n)
    }

    /// Columns before `at`, if there are only blanks (and the dashes of lists).
    fn column(&self, at: usize) -> Option<usize> {
        let before = &self.text[line_start(self.text, at)..at];
        before.chars().all(|c| matches!(c, ' ' | '-')).then_some(before.len())
    }

    /// The end of the lines of what begins on the line of `start`, in column `column`: what is deeper belongs to it.
    fn end_of_block(&self, start: usize, column: usize) -> usize {
        let mut end = line_end(self.text, start);
        let mut at = end;
        while at < self.text.len() {
            let next = line_end(self.text, at);
            let line = &self.text[at..next];
            let content = line.trim_start_matches(' ');
            let depth = line.len() - content.len();
            let content = content.trim_end();
            // The dashes of a list may stand right below its key.
            let is_item = depth == column && (content == "-" || content.starts_with("- "));
            let is_own_item = is_item && !self.text[start..].starts_with('-');
            if depth > column || is_own_item {
                end = next;
            } else if !content.is_empty() {
                break;
            }
            at = next;
        }
        end
    }

    /// Puts lines behind `at`, which is the end of a line.
    fn add_lines(&self, at: usize, lines: &[String], splices: &mut Splices) {
        let block = lines.join(self.nl);
        if at == 0 || self.text[..at].ends_with('\n') {
            splices.add(at..at, format!("{block}{}", self.nl));
        } else {
            // The last line of a file without a newline at its end.
            splices.add(at..at, format!("{}{block}", self.nl));
        }
    }

    /// A value where there is none: at the top, behind a key, or between brackets.
    fn fill(&self, at: &Place<'_>, path: &[Step<'_>], value: &Value) -> Result<String, EditError> {
        let mut splices = Splices::default();
        if let (Some(entry), None) = (at.entry, at.around)
            && let Some(column) = self.column(entry.key_span.start)
            && let line = line_end(self.text, entry.key_span.start)
            && self.open(at.node).is_none_or(|open| open < line)
            && self.empty_value(entry, &mut splices).is_some()
        {
            self.add_lines(line, &block(value, column + INDENT), &mut splices);
        } else if self.open(at.node).is_some() {
            self.fill_flow(at, value, &mut splices).ok_or_else(|| entangled(path))?;
        } else if let (Some(entry), Some(around)) = (at.entry, at.around) {
            let null = self.null(at.node).ok_or_else(|| entangled(path))?;
            splices.add(null, self.style(around, entry.key_span.start).value(value));
        } else {
            let is_empty = at.node.span.start >= self.text.trim_end().len() || self.text.trim_start().starts_with('#');
            if at.entry.is_some() || !is_empty {
                return Err(entangled(path));
            }
            self.add_lines(self.text.len(), &block(value, 0), &mut splices);
        }
        Ok(splices.apply(self.text))
    }

    /// Members between brackets that have none; a comment between them stays.
    fn fill_flow(&self, at: &Place<'_>, value: &Value, splices: &mut Splices) -> Option<()> {
        let flow = self.flow(at.node).filter(|flow| flow.members.is_empty())?;
        let start = at.entry.map_or(flow.open, |e| e.key_span.start);
        let written = at.around.map_or_else(|| self.own_style(start), |open| self.style(open, start)).value(value);
        let inner = written.strip_prefix(&self.text[flow.open..=flow.open])?;
        if flow.comments.is_empty() {
            splices.add(flow.open + 1..flow.close + 1, inner);
        } else {
            splices.add(flow.open + 1..flow.open + 1, inner[..inner.len() - 1].trim_end());
        }
        Some(())
    }

    /// The word that says that there is nothing, where it is written.
    fn null(&self, node: &Node) -> Option<Range<usize>> {
        let range = node.span.start..node.span.end;
        NULLS.contains(&self.text.get(range.clone())?).then_some(range)
    }

    /// Takes away what stands behind the key for nothing: `null`, `~`, `{}`, `[]`.
    fn empty_value(&self, entry: &Entry, splices: &mut Splices) -> Option<()> {
        let from = self.colon(entry)? + 1;
        let line = line_end(self.text, from);
        let rest = &self.text[from..line];
        let value = rest.trim_start_matches(' ');
        let start = line - value.len();
        let word = NULLS.into_iter().chain(["{}", "[]"]).find(|w| value.starts_with(w)).unwrap_or("");
        let after = value[word.len()..].trim();
        if !(after.is_empty() || after.starts_with('#')) {
            return None;
        }
        if !word.is_empty() {
            splices.add(from..start + word.len(), "");
        }
        Some(())
    }

    /// The colon behind a key.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let end = entry.key_span.end;
        let rest = &self.text[end..line_end(self.text, end)];
        let at = rest.find(':')?;
        rest[..at].trim().is_empty().then_some(end + at)
    }

    fn insert_key(
        &self,
        at: &Place<'_>,
        entries: &[Entry],
        key: &str,
        value: &Value,
        path: &[Step<'_>],
    ) -> Result<String, EditError> {
        let mut splices = Splices::default();
        if let Some(open) = self.open(at.node) {
            let Some(last) = entries.last() else {
                return self.fill(at, path, &Value::Object(Map::from_iter([(key.to_owned(), value.clone())])));
            };
            let member = self.style(open, last.key_span.start).member(key, value);
            let flow = self.flow(at.node);
            flow.and_then(|f| f.insert(self.text, self.nl, &member, &mut splices)).ok_or_else(|| entangled(path))?;
            return Ok(splices.apply(self.text));
        }
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Err(entangled(path)) };
        let column = self.column(first.key_span.start).ok_or_else(|| entangled(path))?;
        let end = self.end_of_block(last.key_span.start, column);
        self.add_lines(end, &member(key, value, column), &mut splices);
        Ok(splices.apply(self.text))
    }

    fn insert_item(
        &self,
        at: &Place<'_>,
        items: &[Node],
        value: &Value,
        path: &[Step<'_>],
    ) -> Result<String, EditError> {
        let mut splices = Splices::default();
        if let Some(open) = self.open(at.node) {
            let Some(last) = items.last() else {
                return self.fill(at, path, &Value::Array(vec![value.clone()]));
            };
            // As the map before it.
            let (open, start) = match (self.open(last), last.as_map().and_then(<[Entry]>::first)) {
                (Some(open), Some(first)) => (open, first.key_span.start),
                _ => (open, last.span.start),
            };
            let item = self.style(open, start).value(value);
            let flow = self.flow(at.node);
            flow.and_then(|f| f.insert(self.text, self.nl, &item, &mut splices)).ok_or_else(|| entangled(path))?;
            return Ok(splices.apply(self.text));
        }
        let last = items.last().ok_or_else(|| entangled(path))?;
        let dash = self.dash(last.span.start).ok_or_else(|| entangled(path))?;
        let column = dash - line_start(self.text, dash);
        let end = self.end_of_block(dash, column);
        self.add_lines(end, &item(value, column), &mut splices);
        Ok(splices.apply(self.text))
    }

    /// The dash before an item; it may stand on a line of its own.
    fn dash(&self, item: usize) -> Option<usize> {
        let before = self.text[..item].trim_end();
        let dash = before.len().checked_sub(1).filter(|_| before.ends_with('-'))?;
        self.text[line_start(self.text, dash)..dash].chars().all(|c| c == ' ').then_some(dash)
    }

    /// How what stands between the brackets at `open` is written; one of its members begins at `start`.
    fn style(&self, open: usize, start: usize) -> Style {
        let line = &self.text[open + 1..line_end(self.text, open)];
        let is_alone = line.trim_start().starts_with(['#', '}', ']']) || line.trim().is_empty();
        Style { is_padded: line.starts_with(' ') && !is_alone, ..self.own_style(start) }
    }

    /// How we write what is in no brackets; its key begins at `start`.
    fn own_style(&self, start: usize) -> Style {
        Style { is_quoted: self.text[start..].starts_with('"'), is_padded: true }
    }

    fn replace(&self, at: &Place<'_>, path: &[Step<'_>], value: &Value) -> Result<String, EditError> {
        let mut splices = Splices::default();
        let is_single = !self.text[at.node.span.start..at.node.span.end].contains('\n');
        let is_scalar = matches!(at.node.value, Tree::Scalar(_)) && is_single;
        let Some(entry) = at.entry else {
            // An item of a list, or all of it.
            let dash = self.dash(at.node.span.start).ok_or_else(|| entangled(path))?;
            let column = dash - line_start(self.text, dash);
            let Some(Step::Named(name)) = path.last() else { return Err(entangled(path)) };
            let range = line_start(self.text, dash)..self.end_of_block(dash, column);
            self.put_lines(range, &item(&with_name(name, value.clone()), column), &mut splices);
            return Ok(splices.apply(self.text));
        };
        let start = entry.key_span.start;
        let is_leaf = !value.is_object() || value.as_object().is_some_and(Map::is_empty);
        let open = self.open(at.node);
        if at.around.is_some() || ((is_scalar || open.is_some()) && is_leaf) {
            let range = match (&at.node.value, open) {
                (Tree::Null, _) => self.null(at.node),
                (_, None) => Some(at.node.span.start..at.node.span.end),
                (_, Some(open)) => {
                    let flow = Flow::read(self.text, open).filter(|flow| flow.comments.is_empty());
                    flow.map(|flow| at.node.span.start..flow.close + 1)
                }
            };
            let style = at.around.map_or_else(|| self.own_style(start), |open| self.style(open, start));
            splices.add(range.ok_or_else(|| entangled(path))?, style.value(value));
            return Ok(splices.apply(self.text));
        }
        if matches!(at.node.value, Tree::Null) && is_leaf {
            self.empty_value(entry, &mut splices).ok_or_else(|| entangled(path))?;
            let behind = self.colon(entry).ok_or_else(|| entangled(path))? + 1;
            splices.add(behind..behind, format!(" {}", self.own_style(start).value(value)));
            return Ok(splices.apply(self.text));
        }
        let Some(column) = self.column(start).filter(|c| self.text[line_start(self.text, start)..start].len() == *c)
        else {
            return Err(entangled(path));
        };
        if self.text[line_start(self.text, start)..start].contains('-') {
            return Err(entangled(path));
        }
        let range = line_start(self.text, start)..self.end_of_block(start, column);
        // The comments in a list are a person's.
        if matches!(at.node.value, Tree::List(_)) && self.text[range.clone()].contains('#') {
            return Err(entangled(path));
        }
        self.put_lines(range, &member(&entry.key, value, column), &mut splices);
        Ok(splices.apply(self.text))
    }

    fn put_lines(&self, range: Range<usize>, lines: &[String], splices: &mut Splices) {
        let ends = self.text[range.clone()].ends_with('\n');
        splices.add(range, format!("{}{}", lines.join(self.nl), if ends { self.nl } else { "" }));
    }

    /// Takes out one member of several; `empty` is what is left when it was the only one.
    fn cut(
        &self,
        at: &Place<'_>,
        members: &[usize],
        index: usize,
        empty: &str,
        path: &[Step<'_>],
    ) -> Result<String, EditError> {
        let mut splices = Splices::default();
        if self.open(at.node).is_some() {
            let flow = self.flow(at.node);
            flow.and_then(|f| f.cut(self.text, index, &mut splices)).ok_or_else(|| entangled(path))?;
            return Ok(splices.apply(self.text));
        }
        let start = members[index];
        let first = if empty == "[]" { self.dash(start).ok_or_else(|| entangled(path))? } else { start };
        let line = line_start(self.text, first);
        if !self.text[line..first].chars().all(|c| c == ' ') {
            return Err(entangled(path));
        }
        let mut range = line..self.end_of_block(first, first - line);
        if range.end == self.text.len() && !self.text.ends_with('\n') {
            range.start = self.text[..range.start].trim_end_matches(['\r', '\n']).len();
        }
        splices.add(range, "");
        if members.len() == 1
            && let Some(entry) = at.entry
        {
            let colon = self.colon(entry).ok_or_else(|| entangled(path))?;
            splices.add(colon + 1..colon + 1, format!(" {empty}"));
        }
        Ok(splices.apply(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_a_place() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(matches!(error, EditError::Syntax { line: 2.., .. }), "{error}");
    }
}
