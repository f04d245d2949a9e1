//! `auth` of a server: becomes one header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::config::Secret;
use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::keys;
use crate::config::node::{Node, Value};

use super::endpoint::is_header_name;
use super::reader::{Reader, quoted};
use super::server::Fields;

impl Reader<'_> {
    /// The header that `auth` stands for. An empty value: it is wrong, and was reported.
    pub(super) fn auth(&mut self, fields: Fields<'_>, path: &str, server: &str) -> Option<(String, Secret, Span)> {
        let variables = self.variables;
        let node = fields.own("auth").or_else(|| variables.auth(server))?;
        let path = format!("{path}.auth");
        let wrong = || Some(("Authorization".to_owned(), Secret::new(""), node.span));
        if node.as_map().is_none() {
            if fields.is_foreign && node.as_scalar().is_some_and(|s| s.text == "oauth") {
                return self.oauth(node, &path, true);
            }
            self.error("MP403", node.span, "`auth` must be a map", "write `auth: { type: bearer, token: … }`");
            return wrong();
        }
        let kinds = "known: bearer, basic, header, oauth";
        let Some(kind_node) = node.get("type") else {
            if fields.is_foreign {
                return self.oauth(node, &path, true);
            }
            self.error("MP403", node.span, "`auth` has no `type`", kinds);
            return wrong();
        };
        let Some(kind) = self.text(kind_node, &format!("{path}.type")) else { return wrong() };
        match kind.value.trim().to_ascii_lowercase().as_str() {
            "bearer" => {
                self.auth_keys(node, &path, &["type", "token"]);
                let Some(token) = self.auth_value(node, &path, "token") else { return wrong() };
                let bare = token.reveal().strip_prefix("Bearer ").unwrap_or(token.reveal());
                Some(("Authorization".to_owned(), Secret::new(format!("Bearer {bare}")), node.span))
            }
            "basic" => {
                self.auth_keys(node, &path, &["type", "credentials"]);
                let Some(pair) = self.auth_value(node, &path, "credentials") else { return wrong() };
                if !pair.reveal().contains(':') {
                    let span = node.get("credentials").map_or(node.span, |n| n.span);
                    let message = "basic `credentials` have no `:` between user and password";
                    self.error("MP403", span, message, "write `user:password`");
                    return wrong();
                }
                let value = format!("Basic {}", BASE64.encode(pair.reveal()));
                Some(("Authorization".to_owned(), Secret::new(value), node.span))
            }
            "header" => {
                self.auth_keys(node, &path, &["type", "name", "value"]);
                let name = node.get("name").and_then(|n| self.text(n, &format!("{path}.name")));
                let value = self.auth_value(node, &path, "value");
                let Some(name) = name.map(|t| t.value).filter(|n| is_header_name(n)) else {
                    self.error("MP403", node.span, "`auth` of type header needs a `name`", "write `name: X-Api-Key`");
                    return wrong();
                };
                value.map_or_else(wrong, |value| Some((name, value, node.span)))
            }
            "oauth" => self.oauth(node, &path, fields.is_foreign),
            _ => {
                self.error("MP403", kind_node.span, format!("unknown `auth.type` {}", quoted(&kind)), kinds);
                wrong()
            }
        }
    }

    /// For a version that can sign in. Other programs' entries are taken without it.
    fn oauth(&mut self, node: &Node, path: &str, is_foreign: bool) -> Option<(String, Secret, Span)> {
        if is_foreign {
            self.unused.push((format!("{path} (oauth)"), node.span));
            return None;
        }
        let d = Diagnostic::new("MP009", Level::Error, "`auth.type: oauth` is not supported yet")
            .label("this version cannot sign in")
            .note(NoteKind::Fix, "use a token of the server's: `auth: { type: bearer, token: \"${NAME}\" }`");
        self.report(d, node.get("type").map_or(node.span, |n| n.span));
        None
    }

    fn auth_value(&mut self, node: &Node, path: &str, key: &str) -> Option<Secret> {
        let path = format!("{path}.{key}");
        let Some(value) = node.get(key).filter(|n| !matches!(n.value, Value::Null)) else {
            // A slip of the hand was reported as such.
            let names = node.as_map().unwrap_or_default().iter().map(|e| e.key.as_str());
            if keys::nearest(key, names).is_some() {
                return None;
            }
            let kind = node.get("type").and_then(Node::as_scalar).map_or("", |s| s.text.as_str());
            let fix = format!("add `{key}: \"${{NAME}}\"`");
            self.error("MP403", node.span, format!("`auth` of type {kind} needs `{key}`"), &fix);
            return None;
        };
        let text = self.text(value, &path)?;
        if text.value.trim().is_empty() {
            self.error("MP403", value.span, format!("`{key}` is empty"), "write `\"${NAME}\"`, and set it");
            return None;
        }
        self.header_value(&text, &path)
    }

    fn auth_keys(&mut self, node: &Node, path: &str, known: &[&str]) {
        for entry in node.as_map().unwrap_or_default() {
            if !known.contains(&entry.key.as_str()) {
                let message = format!("unknown field `{}` in `{path}`", entry.key);
                let mut d = Diagnostic::new("MP104", Level::Error, message);
                if let Some(meant) = keys::nearest(&entry.key, known.iter().copied()) {
                    d = d.label(format!("did you mean `{meant}`?"));
                }
                let d = d.note(NoteKind::Fix, format!("known here: {}", known.join(", ")));
                self.report(d, entry.key_span);
            }
        }
    }
}
