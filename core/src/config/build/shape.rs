//! Holds the keys of a map against the table: unknown ones are reported with the one that was meant, those of later
//! versions are refused.

use crate::config::diagnostic::{Diagnostic, Level, NoteKind};
use crate::config::keys::{self, Key, Kind, State};
use crate::config::node::{Entry, Node, Value};

use super::reader::Reader;

/// The table begins with the keys that are used most.
const MAX_NAMED: usize = 12;

impl Reader<'_> {
    /// Checks the keys of `node`, which is what `path` names. Sections are checked all the way down.
    pub(super) fn check_keys(&mut self, node: &Node, path: &str, kind: Kind) {
        let known = kind.keys();
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
        let taken: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
        for entry in entries {
            let inner = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            let Some(key) = known.iter().find(|k| k.name == entry.key) else {
                // As in other YAML files: `x-…` holds what is used elsewhere by alias.
                if !(path.is_empty() && entry.key.starts_with("x-")) {
                    self.unknown(&entry.key, entry.key_span, path, &known, &taken);
                }
                continue;
            };
            match (key.state, key.kind) {
                _ if matches!(entry.value.value, Value::Null) => {}
                (State::NotYet(idle), _) => self.not_yet(entry, &inner, idle),
                (State::Works, Kind::Section(_)) => self.check_keys(&entry.value, &inner, key.kind),
                _ => {}
            }
        }
    }

    /// MP009: what this version cannot do is refused, unless it is to stay undone.
    fn not_yet(&mut self, entry: &Entry, path: &str, idle: &[&str]) {
        let scalar = match &entry.value.value {
            Value::Null => return,
            Value::List(items) if items.is_empty() => return,
            Value::Map(entries) if entries.is_empty() => return,
            Value::List(_) | Value::Map(_) => None,
            Value::Scalar(scalar) => Some(scalar),
        };
        if let Some(value) = scalar.and_then(|s| self.expanded(&s.text, &mut Vec::new())) {
            let value = value.text.trim();
            if value.is_empty() || idle.iter().any(|i| i.eq_ignore_ascii_case(value)) {
                return;
            }
        }
        let d = Diagnostic::new("MP009", Level::Error, format!("`{path}` is not supported yet"))
            .label("this version cannot do it");
        let fix = match idle.first() {
            Some(idle) => format!("take it out, or write `{idle}`, which is what this version does"),
            None => "take it out; a later version reads it".to_owned(),
        };
        self.report(d.note(NoteKind::Fix, fix), entry.key_span);
    }

    /// MP104. `taken`: all keys of the same map.
    pub(super) fn unknown(
        &mut self,
        name: &str,
        span: crate::config::Span,
        path: &str,
        known: &[&Key],
        taken: &[&str],
    ) {
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
        let meant = foreign.filter(|ours| path.starts_with("servers.") && !ours.contains('.')).or(here);
        let edit = meant.filter(|m| !taken.contains(m)).and_then(|m| self.written(span, m));
        d = d.fixed_by(edit);
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
