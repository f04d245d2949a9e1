//! Holds the keys of a map against the table: unknown ones are reported with the one that was meant, those of later
//! versions are noted, and their values checked loosely.

use crate::config::diagnostic::{Diagnostic, Level, NoteKind};
use crate::config::expand::{self, ProblemKind};
use crate::config::keys::{self, Key, Shape};
use crate::config::node::{Node, Value};

use super::reader::Reader;

/// The table begins with the keys that are used most.
const MAX_NAMED: usize = 12;

impl Reader<'_> {
    /// Checks the keys of `node`, which is what `path` names. Sections are checked all the way down.
    pub(super) fn check_keys(&mut self, node: &Node, path: &str, known: &[Key]) {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            _ => {
                let fix = match &node.value {
                    Value::List(_) => "write `name: { … }` for each item instead of a list",
                    _ => "write names and values below it",
                };
                self.wrong_type(node, path, "a map", fix);
                return;
            }
        };
        for entry in entries {
            let inner = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            let Some(key) = known.iter().find(|k| k.name == entry.key) else {
                // As in other YAML files: `x-…` holds what is used elsewhere by alias.
                if !(path.is_empty() && entry.key.starts_with("x-")) {
                    self.unknown(&entry.key, entry.key_span, path, known);
                }
                continue;
            };
            let value = &entry.value;
            if matches!(value.value, Value::Null) {
                continue;
            }
            match key.shape {
                Shape::Read | Shape::Ignored => {}
                Shape::Section(keys) => self.check_keys(value, &inner, keys),
                Shape::Later => self.later(value, &inner, entry.key_span),
                Shape::LaterSection(keys) => {
                    self.check_keys(value, &inner, keys);
                    if keys.is_empty() {
                        self.later(value, &inner, entry.key_span);
                    }
                }
                Shape::LaterMap => {
                    self.names(value, &inner);
                    self.later(value, &inner, entry.key_span);
                }
                Shape::LaterList => {
                    if !matches!(value.value, Value::List(_)) {
                        self.wrong_type(value, &inner, "a list", "write `[first, second]`");
                    }
                    self.later(value, &inner, entry.key_span);
                }
                Shape::LaterScalar => {
                    if value.as_scalar().is_none() {
                        self.wrong_type(value, &inner, "one value", "write it right behind the colon");
                    }
                    self.later(value, &inner, entry.key_span);
                }
            }
        }
    }

    /// A key that is accepted and not used: an empty or default-looking value is not worth a word.
    fn later(&mut self, value: &Node, path: &str, span: crate::config::Span) {
        let idle = match &value.value {
            Value::Null => true,
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Scalar(s) => s.text == "false",
        };
        if !idle {
            self.unused.push((path.to_owned(), span));
        }
        self.check_references(value, path);
    }

    /// References in what nothing reads yet: how they are written must be right, what they name need not be there.
    fn check_references(&mut self, node: &Node, path: &str) {
        match &node.value {
            Value::Null => {}
            Value::Scalar(scalar) => {
                let mut problems = Vec::new();
                expand::expand(&scalar.text, self.variables, &mut problems);
                for problem in problems {
                    if matches!(problem.kind, ProblemKind::Bad | ProblemKind::Unclosed) {
                        let message = "bad reference: `${` must be followed by a name and closed by `}`";
                        let d = Diagnostic::new("MP202", Level::Error, message)
                            .label(path)
                            .note(NoteKind::Fix, "write `${NAME}` or `${NAME:-default}`; a plain `$` is `$$`");
                        self.report(d, node.span);
                    }
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.check_references(item, path)),
            Value::Map(entries) => entries.iter().for_each(|e| self.check_references(&e.value, path)),
        }
    }

    /// MP104
    pub(super) fn unknown(&mut self, name: &str, span: crate::config::Span, path: &str, known: &[Key]) {
        if self.is_full() {
            return;
        }
        let place = match path.split_once('.') {
            None if path.is_empty() => String::new(),
            Some(("servers", server)) if !server.contains('.') => format!(" in server `{server}`"),
            _ => format!(" in `{path}`"),
        };
        let mut d = Diagnostic::new("MP104", Level::Error, format!("unknown field `{name}`{place}"));
        let here = keys::nearest(name, known.iter().map(|k| k.name));
        let foreign = keys::FOREIGN.iter().find(|(theirs, _, _)| *theirs == name).map(|(_, ours, _)| *ours);
        d = match (foreign, here) {
            (Some(ours), _) if path.starts_with("servers.") => {
                d.label(format!("here it is called `{ours}`")).note(NoteKind::Fix, format!("write `{ours}`"))
            }
            (_, Some(meant)) => {
                let d = d.label(format!("did you mean `{meant}`?"));
                let why = match meant {
                    "command" => Some("a stdio server needs `command`; without it this entry cannot start"),
                    "url" => Some("a remote server needs `url`; without it this entry cannot be reached"),
                    _ => None,
                };
                let d = why.map_or(d.clone(), |why| d.note(NoteKind::Why, why));
                d.note(NoteKind::Fix, format!("write `{meant}`"))
            }
            _ => {
                // A key one level up or down is a matter of indentation.
                let elsewhere = keys::ROOT.iter().chain(keys::SERVER).find(|k| k.name == name);
                let d = match elsewhere {
                    Some(_) if path.is_empty() => d.label("this belongs to a server or a section"),
                    Some(_) if keys::ROOT.iter().any(|k| k.name == name) => {
                        d.label("this belongs to the top of the file")
                    }
                    _ => d.label("not known here"),
                };
                let names: Vec<&str> = known.iter().map(|k| k.name).take(MAX_NAMED).collect();
                let more = if known.len() > MAX_NAMED { ", …" } else { "" };
                d.note(NoteKind::Fix, format!("known here: {}{more}", names.join(", ")))
            }
        };
        self.report(d, span);
    }
}
