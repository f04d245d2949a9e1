//! Entries of a client's file: ours as that client wants it, and what is there already. Pure.

use std::path::Path;

use mcp_proxy_core::config::edit::{Document, EditError, Step};
use serde_json::{Map, Value, json};

use super::table::{Form, OUR_NAME, Stdio};

/// How a client gets to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// It starts us.
    Start {
        /// Our program, absolute.
        command: String,
        /// What it is given.
        args: Vec<String>,
    },
    /// It asks us at an address.
    Address(String),
}

/// Where the entry called `name` is.
#[must_use]
pub fn path<'a>(form: &Form, name: &'a str) -> Vec<Step<'a>> {
    let mut path: Vec<Step<'a>> = form.key.iter().map(|k| Step::Key(k)).collect();
    path.push(if form.is_list { Step::Named(name) } else { Step::Key(name) });
    path
}

/// All entries with their names, in their order.
#[must_use]
pub fn all<'t>(form: &Form, tree: &'t Value) -> Vec<(String, &'t Value)> {
    let servers = form.key.iter().try_fold(tree, |node, key| node.get(key));
    match servers {
        Some(Value::Object(map)) => map.iter().filter(|(_, v)| v.is_object()).map(|(k, v)| (k.clone(), v)).collect(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(|v| Some((v.get("name")?.as_str()?.to_owned(), v))).collect()
        }
        _ => Vec::new(),
    }
}

/// Our entry. `None`: the client's file cannot hold an address.
#[must_use]
pub fn ours(form: &Form, way: &Way) -> Option<Map<String, Value>> {
    let value = match way {
        Way::Start { command, args } => match form.stdio {
            Stdio::Plain => json!({ "command": command, "args": args }),
            Stdio::Typed(kind) => json!({ "type": kind, "command": command, "args": args }),
            Stdio::AllTools(kind) => json!({ "type": kind, "command": command, "args": args, "tools": ["*"] }),
            Stdio::OneList => {
                let line: Vec<&String> = std::iter::once(command).chain(args).collect();
                json!({ "type": "local", "command": line, "enabled": true })
            }
            Stdio::Goose => json!({
                "name": OUR_NAME, "type": "stdio", "cmd": command, "args": args, "envs": {}, "enabled": true,
                "timeout": 300, "description": "All MCP servers, by mcp-proxy",
            }),
        },
        Way::Address(url) => {
            let remote = form.remote?;
            let mut value = match form.stdio {
                Stdio::Goose => json!({
                    "name": OUR_NAME, "enabled": true, "timeout": 300, "description": "All MCP servers, by mcp-proxy",
                }),
                Stdio::AllTools(_) => json!({ "tools": ["*"] }),
                Stdio::OneList => json!({ "enabled": true }),
                Stdio::Plain | Stdio::Typed(_) => json!({}),
            };
            if let Some(kind) = remote.kind {
                value["type"] = json!(kind);
            }
            value[remote.url] = json!(url);
            value
        }
    };
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// The words an entry starts a program with; none if it is an address.
#[must_use]
pub fn command_line(entry: &Value) -> Vec<&str> {
    let command = entry.get("command").or_else(|| entry.get("cmd"));
    let mut line: Vec<&str> = match command {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // Crush and others: everything about how it is reached may be in `transport`.
    if line.is_empty() && entry["transport"].is_object() {
        return command_line(&entry["transport"]);
    }
    line.extend(entry.get("args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    line
}

/// What follows an option in a command line, after a space or a `=`.
#[must_use]
pub fn word_after<'w>(line: &'w [impl AsRef<str>], option: &str) -> Option<&'w str> {
    let mut words = line.iter().map(AsRef::as_ref);
    while let Some(word) = words.next() {
        if word == option {
            return words.next();
        }
        if let Some(value) = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value);
        }
    }
    None
}

/// The entry of ours in a file: the one with our name first.
#[must_use]
pub fn ours_in<'t>(form: &Form, tree: &'t Value, port: u16) -> Option<&'t Value> {
    let all = all(form, tree);
    let is_address = |entry: &Value| address(entry).is_some() && command_line(entry).is_empty();
    let named = all.iter().find(|(name, entry)| name == OUR_NAME && (is_ours(entry, port) || is_address(entry)));
    named.or_else(|| all.iter().find(|(_, entry)| is_ours(entry, port))).map(|(_, entry)| *entry)
}

/// The address of an entry, with the field it stands in.
#[must_use]
pub fn address(entry: &Value) -> Option<(&'static str, &str)> {
    let fields = ["httpUrl", "url", "serverUrl", "uri"];
    let own = fields.into_iter().find_map(|field| Some((field, entry.get(field)?.as_str()?)));
    own.or_else(|| entry.get("transport").filter(|t| t.is_object()).and_then(address))
}

/// Whether an entry starts this program, wherever it is installed, or asks it at `port` of this machine. Another program has our
/// name too: only what serves is ours.
#[must_use]
pub fn is_ours(entry: &Value, port: u16) -> bool {
    let line = command_line(entry);
    let is_program = |word: &&str| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
        name.strip_suffix(".exe").unwrap_or(name) == OUR_NAME
    };
    if line.first().is_some_and(is_program) {
        return line.iter().skip(1).any(|word| matches!(*word, "serve" | "run"));
    }
    let here = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    address(entry).is_some_and(|(_, url)| {
        here.iter().any(|h| {
            let rest = url.strip_prefix(h).and_then(|r| r.strip_prefix(&format!(":{port}")));
            rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
        })
    })
}

/// What putting our entry into a file comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Added,
    /// It was there, and different.
    Updated,
    /// It is as it should be.
    AsItWas,
    /// Somebody else's entry has our name.
    Taken,
    /// The file cannot hold an address.
    NoRemote,
}

/// Puts our entry into a file: what else its owner has written in it stays.
///
/// # Errors
/// When the file cannot be changed. It is as it was then.
pub fn put(document: &mut Document, form: &Form, way: &Way, port: u16) -> Result<Put, EditError> {
    let Some(wanted) = ours(form, way) else { return Ok(Put::NoRemote) };
    let path = path(form, OUR_NAME);
    let Some(there) = document.get(&path).cloned() else {
        document.set(&path, &Value::Object(wanted))?;
        return Ok(Put::Added);
    };
    let is_address_of_ours = address(&there).is_some() && command_line(&there).is_empty();
    if !is_ours(&there, port) && !is_address_of_ours {
        return Ok(Put::Taken);
    }
    let mut changed = false;
    // The other way of getting to us would be a second one.
    let gone: &[&str] = match way {
        Way::Start { .. } => &["url", "serverUrl", "httpUrl", "uri", "headers"],
        Way::Address(_) => &["command", "cmd", "args"],
    };
    for key in gone.iter().filter(|k| !wanted.contains_key(**k)) {
        let inner: Vec<Step<'_>> = path.iter().copied().chain([Step::Key(key)]).collect();
        changed |= document.remove(&inner)?;
    }
    for (key, value) in &wanted {
        // Whether it is on is the owner's business.
        let is_theirs = matches!(key.as_str(), "enabled" | "timeout" | "tools" | "envs" | "description" | "name");
        if is_theirs && there.get(key).is_some() {
            continue;
        }
        let inner: Vec<Step<'_>> = path.iter().copied().chain([Step::Key(key)]).collect();
        changed |= document.set(&inner, value)?;
    }
    Ok(if changed { Put::Updated } else { Put::AsItWas })
}

/// Takes our entries out of a file, under whatever name they are.
///
/// # Errors
/// When the file cannot be changed.
pub fn take_out(document: &mut Document, form: &Form, port: u16) -> Result<bool, EditError> {
    let tree = document.tree().clone();
    let mut changed = false;
    for (name, entry) in all(form, &tree) {
        let is_address = name == OUR_NAME && address(entry).is_some();
        if is_ours(entry, port) || is_address {
            changed |= document.remove(&path(form, &name))?;
        }
    }
    Ok(changed)
}

/// The program as it is found on PATH, if that is this program: a link in a package manager's folder outlives an update.
#[must_use]
pub fn stable_program(program: &Path, search: Option<&std::ffi::OsStr>) -> std::path::PathBuf {
    let same = |path: &std::path::PathBuf| std::fs::canonicalize(path).is_ok_and(|p| p == program);
    let name = program.file_name().unwrap_or_default();
    let on_path =
        search.map(std::env::split_paths).into_iter().flatten().filter(|d| d.is_absolute()).map(|d| d.join(name));
    on_path.into_iter().find(same).unwrap_or_else(|| program.to_owned())
}
