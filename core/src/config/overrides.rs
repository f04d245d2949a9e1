//! `MCP_PROXY__…` in the environment, over what the file says.
//!
//! `__` goes one level down: `MCP_PROXY__LIMITS__MAX_CONCURRENT` is `limits.max_concurrent`. If the first part is no section of the
//! file, `proxy` is meant: `MCP_PROXY__PORT` and `MCP_PROXY__PROXY__PORT` are the same. Names are matched without regard to case, and
//! `_` matches `-`, so that a server `api-server` is `MCP_PROXY__SERVERS__API_SERVER__TIMEOUT`. A list is written `[a, b]`.

use std::path::Path;

use super::Environment;
use super::diagnostic::Span;
use super::keys;
use super::node::{self, Entry, Node, Value};
use super::source::Sources;

const PREFIX: &str = "MCP_PROXY__";
/// What messages say for a value of the environment.
const HIDDEN: &str = "(from the environment)";

/// Puts every override into the tree.
pub(crate) fn apply(root: &mut Node, environment: &Environment, sources: &mut Sources) {
    for (name, value) in environment.variables() {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|r| !r.is_empty()) else { continue };
        let parts: Vec<&str> = rest.split("__").collect();
        let mut path: Vec<String> = parts.iter().map(|p| p.to_lowercase()).collect();
        // The variables of a server keep their case.
        if let [.., env, variable] = path.as_mut_slice()
            && env == "env"
            && parts.len() > 2
            && let Some(last) = parts.last()
        {
            (*last).clone_into(variable);
        }
        if !keys::ROOT.iter().any(|k| k.name.eq_ignore_ascii_case(&path[0])) {
            path.insert(0, "proxy".to_owned());
        }
        let source = sources.add_hidden(Path::new(&environment.title_of(name)), HIDDEN);
        let span = Span { source, start: 0, end: 0 };
        let parsed = if value.trim_start().starts_with(['[', '{']) {
            // What is no list is text: problems would quote it, and it may be secret.
            node::parse(value, source, sources, &mut Vec::new()).map(|node| move_to(node, span))
        } else {
            None
        };
        let parsed = parsed.unwrap_or_else(|| Node::text(value, span));
        if path[0] == "servers" && root.get("servers").is_none() {
            // A client's file: its servers are meant.
            let theirs = ["mcpServers", "context_servers", "mcp.servers"];
            if let Some(name) = theirs.iter().find(|name| root.get(name).is_some()) {
                (*name).clone_into(&mut path[0]);
            }
        }
        put(root, &path, parsed, span);
    }
}

fn put(node: &mut Node, path: &[String], value: Node, span: Span) {
    let Some((key, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return };
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let index = entries.iter().position(|e| plain(&e.key) == plain(key)).unwrap_or_else(|| {
        entries.push(Entry { key: key.clone(), key_span: span, value: Node { span, value: Value::Null } });
        entries.len() - 1
    });
    put(&mut entries[index].value, rest, value, span);
}

fn move_to(node: Node, span: Span) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|n| move_to(n, span)).collect()),
        Value::Map(entries) => Value::Map(
            entries.into_iter().map(|e| Entry { key: e.key, key_span: span, value: move_to(e.value, span) }).collect(),
        ),
        other => other,
    };
    Node { span, value }
}
