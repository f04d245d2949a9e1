//! Changes one entry of a user's file and leaves every other byte as it is: comments, order, indentation, line ends, a byte
//! order mark, a missing last newline.
//!
//! [`Document`] is the text with its tree. A change is a few splices in the text; what comes of it is parsed again and must be
//! the old tree with that one change, else nothing has happened. [`replace`] puts the bytes in the place of a file, [`backup`]
//! keeps the old ones. Knows no client and no key by name.

pub mod backup;
mod emit;
mod flow;
mod json;
pub mod replace;
mod toml;
mod yaml;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use emit::is_plain;
use serde_json::{Map, Value};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Strict: no comments, no comma at the end.
    Json,
    /// With comments and commas at the end.
    Jsonc,
    /// One document.
    Yaml,
    /// 1.0 and later.
    Toml,
}

/// One step down into a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The value of this key in a map.
    Key(&'a str),
    /// The map with this `name` in a list of maps.
    Named(&'a str),
}

/// Why a text was not read, or not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no text.
    #[error("is not UTF-8 (byte {at})")]
    NotText {
        /// First byte that is none.
        at: usize,
    },
    /// It cannot be parsed.
    #[error("{line}:{column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// Something on the way is neither map nor list.
    #[error("`{path}` is {found}, and should be a {wanted}")]
    Shape {
        /// Dotted.
        path: String,
        /// What it is.
        found: &'static str,
        /// `map` or `list`.
        wanted: &'static str,
    },
    /// A key on the way is there more than once.
    #[error("{line}:{column}: `{key}` is there twice")]
    Twice {
        /// The key.
        key: String,
        /// Of the second one, from 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is written in a way that cannot be changed without changing more.
    #[error("`{path}` is written in a way that cannot be changed without touching what is around it")]
    Entangled {
        /// Dotted.
        path: String,
    },
}

/// A text with its tree.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    syntax: Syntax,
    has_bom: bool,
    tree: Value,
}

const BOM: &str = "\u{feff}";

impl Document {
    /// Reads a file's bytes. Nothing at all, and what is all comments, is an empty map.
    ///
    /// # Errors
    /// When it is no text of that syntax.
    pub fn parse(bytes: &[u8], syntax: Syntax) -> Result<Self, EditError> {
        let text = std::str::from_utf8(bytes).map_err(|e| EditError::NotText { at: e.valid_up_to() })?;
        let (has_bom, text) = text.strip_prefix(BOM).map_or((false, text), |rest| (true, rest));
        let tree = parse(text, syntax)?;
        Ok(Self { text: text.to_owned(), syntax, has_bom, tree })
    }

    /// What it says.
    #[must_use]
    pub fn tree(&self) -> &Value {
        &self.tree
    }

    /// The value at `path`.
    #[must_use]
    pub fn get(&self, path: &[Step<'_>]) -> Option<&Value> {
        path.iter().try_fold(&self.tree, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Named(name) => node.as_array()?.iter().find(|item| item["name"] == **name),
        })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bom = if self.has_bom { BOM } else { "" };
        [bom.as_bytes(), self.text.as_bytes()].concat()
    }

    /// Puts `value` at `path`; maps and lists on the way are made. Says whether anything is different now.
    ///
    /// # Errors
    /// When it cannot be done without touching anything else. Nothing has changed then.
    pub fn set(&mut self, path: &[Step<'_>], value: &Value) -> Result<bool, EditError> {
        if self.get(path) == Some(value) {
            return Ok(false);
        }
        let text = match self.syntax {
            Syntax::Json | Syntax::Jsonc => json::set(&self.text, self.syntax, path, value)?,
            Syntax::Yaml => yaml::set(&self.text, path, value)?,
            Syntax::Toml => toml::set(&self.text, path, value)?,
        };
        let mut expected = self.tree.clone();
        put(&mut expected, path, value);
        self.take(text, expected, path)
    }

    /// Takes away what is at `path`, and the key with it. Says whether anything was there.
    ///
    /// # Errors
    /// When it cannot be done without touching anything else. Nothing has changed then.
    pub fn remove(&mut self, path: &[Step<'_>]) -> Result<bool, EditError> {
        if self.get(path).is_none() {
            return Ok(false);
        }
        let text = match self.syntax {
            Syntax::Json | Syntax::Jsonc => json::remove(&self.text, self.syntax, path)?,
            Syntax::Yaml => yaml::remove(&self.text, path)?,
            Syntax::Toml => toml::remove(&self.text, path)?,
        };
        let mut expected = self.tree.clone();
        take_out(&mut expected, path);
        self.take(text, expected, path)
    }

    /// The new text, if it means what it should.
    fn take(&mut self, text: String, expected: Value, path: &[Step<'_>]) -> Result<bool, EditError> {
        let found = parse(&text, self.syntax).map_err(|_| EditError::Entangled { path: dotted(path) })?;
        let is_same = match self.syntax {
            // A table with nothing in it is not written.
            Syntax::Toml => without_empty(found.clone()) == without_empty(expected),
            _ => found == expected,
        };
        if !is_same {
            return Err(EditError::Entangled { path: dotted(path) });
        }
        (self.text, self.tree) = (text, found);
        Ok(true)
    }
}

fn parse(text: &str, syntax: Syntax) -> Result<Value, EditError> {
    match syntax {
        Syntax::Json | Syntax::Jsonc => json::parse(text, syntax),
        Syntax::Yaml => yaml::parse(text),
        Syntax::Toml => toml::parse(text),
    }
}

/// `a.b.c`, for messages.
fn dotted(path: &[Step<'_>]) -> String {
    let names: Vec<&str> = path.iter().map(|s| s.name()).collect();
    names.join(".")
}

impl Step<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Key(name) | Self::Named(name) => name,
        }
    }
}

/// `value` below the keys of `path`, as one value. The last list on the way has one item.
fn nested(path: &[Step<'_>], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Key(key) => Value::Object(Map::from_iter([((*key).to_owned(), inner)])),
        Step::Named(name) => Value::Array(vec![with_name(name, inner)]),
    })
}

/// The map with its `name` first.
fn with_name(name: &str, value: Value) -> Value {
    let mut map = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if let Value::Object(rest) = value {
        map.extend(rest.into_iter().filter(|(k, _)| k != "name"));
    }
    Value::Object(map)
}

fn put(tree: &mut Value, path: &[Step<'_>], value: &Value) {
    let Some((step, rest)) = path.split_first() else {
        *tree = value.clone();
        return;
    };
    match step {
        Step::Key(key) => {
            if tree.is_null() {
                *tree = Value::Object(Map::new());
            }
            if let Value::Object(map) = tree {
                put(map.entry(*key).or_insert(Value::Null), rest, value);
            }
        }
        Step::Named(name) => {
            if tree.is_null() {
                *tree = Value::Array(Vec::new());
            }
            let Value::Array(items) = tree else { return };
            match items.iter_mut().find(|item| item["name"] == **name) {
                Some(item) if rest.is_empty() => *item = with_name(name, value.clone()),
                Some(item) => put(item, rest, value),
                None => items.push(with_name(name, nested(rest, value))),
            }
        }
    }
}

fn take_out(tree: &mut Value, path: &[Step<'_>]) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step, tree) {
        (Step::Key(key), Value::Object(map)) if rest.is_empty() => {
            map.shift_remove(*key);
        }
        (Step::Key(key), Value::Object(map)) => {
            if let Some(inner) = map.get_mut(*key) {
                take_out(inner, rest);
            }
        }
        (Step::Named(name), Value::Array(items)) if rest.is_empty() => items.retain(|item| item["name"] != **name),
        (Step::Named(name), Value::Array(items)) => {
            if let Some(item) = items.iter_mut().find(|item| item["name"] == **name) {
                take_out(item, rest);
            }
        }
        _ => {}
    }
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(k, v)| (k, without_empty(v)));
            Value::Object(kept.filter(|(_, v)| v.as_object().is_none_or(|m| !m.is_empty())).collect())
        }
        other => other,
    }
}

/// For messages.
fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Changes of a text, made together; they must not overlap.
#[derive(Default)]
struct Splices(Vec<(Range<usize>, String)>);

impl Splices {
    fn add(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.0.push((range, with.into()));
    }

    /// One character less.
    fn add_gone(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.add(at..at + 1, "");
        }
    }

    fn apply(mut self, text: &str) -> String {
        // What is inserted at one place keeps its order.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.len() + self.0.iter().map(|s| s.1.len()).sum::<usize>());
        let mut at = 0;
        for (range, with) in self.0 {
            out.push_str(&text[at..range.start.max(at)]);
            out.push_str(&with);
            at = range.end.max(at);
        }
        out.push_str(&text[at..]);
        out
    }
}

/// What ends the lines of a text.
fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line of `at` begins.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |i| i + 1)
}

/// Where the line of `at` ends: behind its newline.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |i| at + i + 1)
}

/// The blanks the line of `at` begins with.
fn indent_of(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Line and column of `at`, from 1.
fn line_column(text: &str, at: usize) -> (usize, usize) {
    let start = line_start(text, at);
    (text[..start].matches('\n').count() + 1, text[start..at].chars().count() + 1)
}
