//! Other programs' files: where they keep their servers, and how they spell what we know by another name.

use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::keys::{self, Kind};
use crate::config::node::{Entry, Node, Value};

use super::reader::Reader;

/// One server as it stands in the file.
pub(super) struct ServerEntry {
    pub(super) name: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
    /// Written for another program: its spellings are taken, and its other keys ignored.
    pub(super) is_foreign: bool,
}

/// All servers of a file.
pub(super) struct ServerLists {
    pub(super) entries: Vec<ServerEntry>,
    /// There was a key for them at all.
    pub(super) is_given: bool,
    /// Nothing in the file is written for us.
    pub(super) is_all_foreign: bool,
}

/// Finds the maps of servers: ours, and those of the clients.
pub(super) fn server_lists(root: &Node, reader: &mut Reader<'_>) -> ServerLists {
    let ours =
        ["version", "proxy", "defaults", "routing", "limits", "observability", "profiles", "clients", "features"];
    // What a variable of the environment put there says nothing about the file.
    let is_ours = ours.iter().any(|key| root.entry(key).is_some_and(|e| e.key_span.source == root.span.source));
    // VS Code keeps what it asks the user beside its servers.
    let editor = root.get("inputs").is_some();
    let mut maps: Vec<(String, &Node, bool)> = Vec::new();
    for entry in root.as_map().unwrap_or_default() {
        match entry.key.as_str() {
            "servers" => maps.push((entry.key.clone(), &entry.value, editor && !is_ours)),
            "mcpServers" | "context_servers" | "mcp.servers" => maps.push((entry.key.clone(), &entry.value, true)),
            "mcp" => match entry.value.get("servers") {
                Some(servers) => maps.push(("mcp.servers".to_owned(), servers, true)),
                None => maps.push((entry.key.clone(), &entry.value, true)),
            },
            _ => {}
        }
    }
    let is_all_foreign = !maps.is_empty() && !is_ours && maps.iter().all(|m| m.2);
    let is_given = !maps.is_empty();
    let mut entries = Vec::new();
    for (path, map, is_foreign) in maps {
        if let Value::List(_) = map.value {
            reader.wrong_type(map, &path, "a map", "write `name: { … }` for each server instead of a list");
            continue;
        }
        for entry in reader.names(map, &path) {
            // Settings of the client itself stand among its servers (Gemini's `mcp.allowed`).
            if is_foreign && path == "mcp" && entry.value.as_map().is_none() {
                continue;
            }
            let mut server = ServerEntry {
                name: entry.key.clone(),
                key_span: entry.key_span,
                node: entry.value.clone(),
                is_foreign,
            };
            reader.translate(&mut server);
            entries.push(server);
        }
    }
    ServerLists { entries, is_given, is_all_foreign }
}

impl Reader<'_> {
    /// Gives the keys of a server our names. What is close to one of ours is read as that, after it was reported.
    fn translate(&mut self, server: &mut ServerEntry) {
        let path = format!("servers.{}", server.name);
        let Value::Map(entries) = &mut server.node.value else { return };
        let old = std::mem::take(entries);
        let has = |key: &str, new: &[Entry]| new.iter().any(|e| e.key == key);
        let mut new: Vec<Entry> = Vec::with_capacity(old.len());
        let mut tools: Vec<Entry> = Vec::new();
        let taken: Vec<String> = old.iter().map(|e| e.key.clone()).collect();
        let names: Vec<&str> = taken.iter().map(String::as_str).collect();
        for mut entry in old {
            let name = entry.key.as_str();
            if keys::SERVER.iter().any(|k| k.name == name) {
                // Gemini: `httpUrl` goes before `url`.
                if !(has(name, &new) && server.is_foreign) {
                    new.push(entry);
                }
                continue;
            }
            if server.is_foreign && keys::CLIENTS_OWN.contains(&name) {
                continue;
            }
            let foreign = keys::FOREIGN.iter().find(|(theirs, _, _)| *theirs == name);
            match foreign {
                Some((theirs, ours, gladly)) if (server.is_foreign || *gladly) && !ours.contains('.') => {
                    if !server.is_foreign {
                        let message = format!("`{theirs}` is read as `{ours}`");
                        let d = Diagnostic::new("MP104", Level::Hint, message)
                            .label(format!("here it is called `{ours}`"))
                            .note(NoteKind::Fix, format!("write `{ours}`"))
                            .fixed_by(self.written(entry.key_span, ours).filter(|_| !names.contains(ours)));
                        self.report(d, entry.key_span);
                    }
                    entry.key = (*ours).to_owned();
                    new.retain(|e| !(server.is_foreign && e.key == entry.key));
                    new.push(entry);
                }
                Some((_, ours, _)) if server.is_foreign => match ours.strip_prefix("tools.") {
                    Some(ours) => {
                        entry.key = ours.to_owned();
                        tools.retain(|e| e.key != ours);
                        tools.push(entry);
                    }
                    None => self.unused.push((format!("{path}.{name} ({ours})"), entry.key_span)),
                },
                _ => {
                    self.unknown(name, entry.key_span, &path, &Kind::Section(keys::SERVER).keys(), &names);
                    let meant = foreign
                        .map(|f| f.1)
                        .or_else(|| keys::nearest(name, keys::SERVER.iter().map(|k| k.name)))
                        .filter(|m| !taken.iter().any(|t| t == m) && !has(m, &new) && !m.contains('.'));
                    if let Some(meant) = meant {
                        entry.key = meant.to_owned();
                        new.push(entry);
                    }
                }
            }
        }
        if let (Some(first), false) = (tools.first().map(|t| t.key_span), has("tools", &new)) {
            let value = Node { span: first, value: Value::Map(tools) };
            new.push(Entry { key: "tools".to_owned(), key_span: first, value });
        }
        *entries = new;
    }

    /// Keys at the top of a file that is all another program's.
    pub(super) fn ignore_unknown_root(&mut self, root: &Node) {
        let known = |key: &str| keys::ROOT.iter().any(|k| k.name == key);
        let others: Vec<&Entry> = root.as_map().unwrap_or_default().iter().filter(|e| !known(&e.key)).collect();
        if let Some(first) = others.first() {
            let names: Vec<String> = others.iter().take(10).map(|e| format!("`{}`", e.key)).collect();
            let message = format!("not read, because they are another program's: {}", names.join(", "));
            self.report(Diagnostic::new("MP104", Level::Hint, message), first.key_span);
        }
    }
}
