//! `clients.tokens`, and the tokens that `mcp-proxy token add` keeps in the credentials. No message here repeats a value, not
//! even one that cannot be a token: it may be one of somewhere else.

use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::keys::{self, Kind};
use crate::config::node::{Entry, Node, Value};
use crate::config::{Access, ClientRules, Config, Token, TokenHash};

use super::reader::Reader;

/// Shorter ones can be guessed.
const MIN_TOKEN_CHARS: usize = 24;
/// Longest name: it stands in logs and metrics.
const MAX_NAME_CHARS: usize = 64;

/// Whether a token may have this name.
pub(crate) fn is_token_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(fits)
}

impl Reader<'_> {
    /// All tokens: those of the file, then those of the credentials.
    pub(super) fn tokens(&mut self, root: &Node, clients: &mut ClientRules) {
        let variables = self.variables;
        if let Some(node) = Self::find(root, "clients.tokens") {
            self.cover(node);
            for entry in self.names(node, "clients.tokens") {
                self.add_token(entry, "clients.tokens", false, clients);
            }
        }
        for node in variables.tokens() {
            let n_before = clients.tokens.len();
            for entry in self.names(node, "mcp-proxy.tokens") {
                // What an earlier file of credentials says counts, as for everything in them.
                let is_earlier = clients.tokens[..n_before].iter().any(|t| t.is_stored && *t.name == *entry.key);
                if !is_earlier {
                    self.add_token(entry, "mcp-proxy.tokens", true, clients);
                }
            }
        }
    }

    /// The text of a token is shown in no excerpt, whatever it looks like and wherever it was put.
    fn cover(&mut self, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::Scalar(_) => self.sources.cover(node.span),
            Value::List(items) => items.iter().for_each(|item| self.cover(item)),
            Value::Map(entries) => {
                let open = ["servers", "tools", "profile"];
                let rest = entries.iter().filter(|e| !open.contains(&e.key.as_str()));
                rest.for_each(|e| self.cover(&e.value));
            }
        }
    }

    fn add_token(&mut self, entry: &Entry, path: &str, is_stored: bool, clients: &mut ClientRules) {
        let path = format!("{path}.{}", entry.key);
        if !is_token_name(&entry.key) {
            let fix = "give it a name of letters, digits, `-`, `_` and `.`, at most 64";
            self.error("MP102", entry.key_span, "a token cannot have this name", fix);
            return;
        }
        if clients.tokens.iter().any(|t| *t.name == *entry.key) {
            let message = format!("there are two tokens `{}`", entry.key);
            let fix = "rename one in the file, or take the other away: `mcp-proxy token rm NAME`";
            self.error("MP006", entry.key_span, message, fix);
            return;
        }
        let Some((hash, access)) = self.token(&entry.value, entry.key_span, &path) else { return };
        if let Some(other) = clients.tokens.iter().find(|t| t.hash == hash) {
            let message = format!("the tokens `{}` and `{}` are the same", other.name, entry.key);
            self.error("MP006", entry.key_span, message, "whoever shows it must be one of them: make another one");
            return;
        }
        let name = entry.key.as_str().into();
        clients.tokens.push(Arc::new(Token { name, hash, access: Arc::new(access), is_stored }));
    }

    /// A text, or a map with more about it.
    fn token(&mut self, node: &Node, key: Span, path: &str) -> Option<(TokenHash, Access)> {
        const FORMS: &str =
            "write a text, or `{ hash: \"sha256:…\", servers: […] }`; `mcp-proxy token add NAME` makes one";
        match &node.value {
            Value::Scalar(_) => Some((self.token_text(node, path)?, Access::default())),
            Value::Map(_) => {
                self.check_keys(node, path, Kind::Section(keys::TOKEN));
                let find = |key: &str| node.get(key).filter(|n| !matches!(n.value, Value::Null));
                let hash = match (find("hash"), find("token")) {
                    (Some(hash), None) => self.token_hash(hash, &format!("{path}.hash")),
                    (None, Some(token)) => self.token_text(token, &format!("{path}.token")),
                    (Some(_), Some(_)) => {
                        self.error("MP102", key, "a token has both `hash` and `token`", "drop one of the two");
                        None
                    }
                    (None, None) => {
                        self.error("MP102", key, "a token has neither `hash` nor `token`", FORMS);
                        None
                    }
                };
                // Read in any case: all problems in one run.
                let access = self.access(node, path);
                Some((hash?, access?))
            }
            Value::Null => {
                self.error("MP102", key, "a token has no text", FORMS);
                None
            }
            Value::List(_) => {
                self.wrong_type(node, path, "text or a map", FORMS);
                None
            }
        }
    }

    fn token_hash(&mut self, node: &Node, path: &str) -> Option<TokenHash> {
        let text = self.text(node, path)?;
        let hash = TokenHash::parse(text.value.trim());
        if hash.is_none() {
            let fix = "write `sha256:` and 64 hexadecimal digits; `mcp-proxy token add NAME` does";
            self.error("MP102", node.span, "`hash` is no hash of a token", fix);
        }
        hash
    }

    /// MP504
    fn token_text(&mut self, node: &Node, path: &str) -> Option<TokenHash> {
        let text = self.text(node, path)?;
        let value = text.value.trim();
        if TokenHash::is_meant(value) {
            return self.token_hash(node, path);
        }
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) {
            let why = if value.is_empty() { "is empty" } else { "has characters that no header can carry" };
            let d = Diagnostic::new("MP504", Level::Error, format!("the token {why}")).label(path);
            self.report(d.note(NoteKind::Fix, "`mcp-proxy token add NAME` makes a good one"), node.span);
            return None;
        }
        if value.len() < MIN_TOKEN_CHARS {
            let message = format!("the token is shorter than {MIN_TOKEN_CHARS} characters: it can be guessed");
            let d = Diagnostic::new("MP504", Level::Warning, message).label(path);
            self.report(d.note(NoteKind::Fix, "`mcp-proxy token add NAME` makes a good one"), node.span);
        }
        Some(TokenHash::of(value))
    }

    /// `None`: something of it is wrong, and what it would open is not known.
    pub(super) fn access(&mut self, node: &Node, path: &str) -> Option<Access> {
        let mut access = Access::default();
        let mut is_whole = true;
        for (key, place) in
            [("servers", &mut access.servers), ("tools.allow", &mut access.allow), ("tools.deny", &mut access.deny)]
        {
            let Some(node) = Self::find(node, key) else { continue };
            let path = format!("{path}.{key}");
            let n_items = if let Value::List(items) = &node.value { items.len() } else { 0 };
            let Some(patterns) = self.plain_texts(node, &path) else {
                is_whole = false;
                continue;
            };
            is_whole &= patterns.len() == n_items;
            // Nothing would be everything here.
            if patterns.is_empty() && key != "tools.deny" {
                let message = format!("`{key}` names nothing, which would open everything");
                self.error("MP102", node.span, message, "name what it opens, or take the key out");
                is_whole = false;
            }
            *place = patterns;
        }
        is_whole.then_some(access)
    }

    /// MP603: what a token is to open, and nobody is called so.
    pub(super) fn token_servers(&mut self, root: &Node, config: &Config) {
        let Some(tokens) = Self::find(root, "clients.tokens").and_then(Node::as_map) else { return };
        for (token, servers) in tokens.iter().filter_map(|t| Some((t, t.value.get("servers")?))) {
            let Value::List(items) = &servers.value else { continue };
            for (item, text) in items.iter().filter_map(|i| Some((i, &i.as_scalar()?.text))) {
                let is_known = text.contains(['*', '$']) || config.servers.iter().any(|s| *s.name == **text);
                if is_known {
                    continue;
                }
                let message = format!("the token `{}` is for a server `{text}`, and there is none", token.key);
                let mut d = Diagnostic::new("MP603", Level::Warning, message);
                if let Some(meant) = keys::nearest(text, config.servers.iter().map(|s| &*s.name)) {
                    d = d.label(format!("did you mean `{meant}`?"));
                }
                self.report(d.note(NoteKind::Fix, "name one of `servers`, or take it out"), item.span);
            }
        }
    }
}
