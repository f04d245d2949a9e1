//! From the tree to a [`Config`], with every problem of the file found in one go.
//!
//! Each section reads what it knows and falls back to the default where a value is wrong, so that one mistake hides no other;
//! whether there is a configuration in the end is decided by the diagnostics.

mod auth;
mod clients;
mod door;
mod endpoint;
mod foreign;
mod profile;
mod reader;
mod server;
mod shape;
mod target;
mod token;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Level, NoteKind, Span};
use super::keys::{self, Kind};
use super::load::Placed;
use super::node::{Node, Value};
use super::source::Sources;
use super::variables::Variables;
use super::{Config, Environment, LogLevel, NameCharset, Naming, Transports};
use reader::{Reader, quoted};
pub(super) use token::is_token_name;

/// What a tree says.
pub(super) struct Built {
    /// Only without errors it is worth anything.
    pub(super) config: Config,
    /// All servers, also those that could not be read.
    pub(super) servers: Vec<Placed>,
}

/// Reads a tree; every problem goes to `out`.
pub(super) fn build(
    root: &Node,
    base: &Path,
    environment: &Environment,
    variables: &Variables<'_>,
    sources: &mut Sources,
    out: &mut Vec<Diagnostic>,
) -> Built {
    let mut reader = Reader {
        environment,
        variables,
        sources,
        out,
        base: base.to_owned(),
        soft: false,
        n_softened: 0,
        told: HashSet::new(),
        unused: Vec::new(),
    };
    let mut config = Config::default();
    let lists = foreign::server_lists(root, &mut reader);
    if lists.is_all_foreign {
        // Somebody else's file: what we do not know in it is none of our business.
        reader.ignore_unknown_root(root);
    } else {
        reader.check_keys(root, "", Kind::Section(keys::ROOT));
    }
    reader.version(root);
    reader.proxy(root, &mut config);
    reader.routing(root, &mut config);
    reader.limits(root, &mut config);
    reader.traffic(root, &mut config);
    reader.door(root, &mut config);
    reader.clients(root, &mut config);
    reader.metrics(root, &mut config);
    reader.exposure(root, &config);
    let defaults = root.get("defaults").filter(|n| !matches!(n.value, Value::Null));
    reader.defaults(defaults);
    if !lists.is_given {
        let d = Diagnostic::new("MP105", Level::Warning, "no servers are defined")
            .note(NoteKind::Fix, "add `servers:` with one entry for each server");
        reader.report(d, Span { end: root.span.start, ..root.span });
    }
    let mut names = HashSet::new();
    let mut servers = Vec::with_capacity(lists.entries.len());
    for entry in lists.entries {
        let server = reader.server(&entry, defaults);
        let name = server.as_ref().map_or_else(|| entry.name.clone(), |s| s.name.to_string());
        servers.push(Placed { name, key_span: entry.key_span, node: entry.node });
        if let Some(server) = server {
            if !names.insert(server.name.clone()) {
                let message = format!("duplicate server `{}`", server.name);
                reader.error("MP006", entry.key_span, message, "rename or delete one of the two");
                continue;
            }
            config.servers.push(Arc::new(server));
        }
    }
    reader.soft = false;
    reader.profiles(root, &mut config);
    reader.token_servers(root, &config);
    reader.places(root, &config);
    reader.tell_unused();
    Built { config, servers }
}

impl Reader<'_> {
    /// The value under a dotted path, if there is one.
    pub(super) fn find<'n>(root: &'n Node, path: &str) -> Option<&'n Node> {
        let node = path.split('.').try_fold(root, |node, key| node.get(key))?;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    pub(super) fn set<T>(
        &mut self,
        root: &Node,
        path: &str,
        to: &mut T,
        read: impl FnOnce(&mut Self, &Node, &str) -> Option<T>,
    ) {
        if let Some(value) = Self::find(root, path).and_then(|node| read(self, node, path)) {
            *to = value;
        }
    }

    fn version(&mut self, root: &Node) {
        let Some(node) = Self::find(root, "version") else { return };
        let Some(text) = self.text(node, "version") else { return };
        if text.value.trim() != "1" {
            let message = format!("unsupported version {}; this program knows 1", quoted(&text));
            self.warning("MP008", node.span, message, "update mcp-proxy, or write `version: 1`");
        }
    }

    fn proxy(&mut self, root: &Node, config: &mut Config) {
        self.set(root, "proxy.name", &mut config.name, |r, n, p| r.text(n, p).map(|t| t.value));
        self.set(root, "proxy.transport", &mut config.transports, Self::transports);
        self.set(root, "proxy.host", &mut config.host, Self::host);
        self.set(root, "proxy.port", &mut config.port, |r, n, p| {
            r.number(n, p, 1..=u64::from(u16::MAX)).and_then(|n| u16::try_from(n).ok())
        });
        self.set(root, "proxy.path", &mut config.path, Self::http_path);
        self.set(root, "proxy.log_level", &mut config.log_level, |r, n, p| {
            let levels = [
                ("TRACE", LogLevel::Trace),
                ("DEBUG", LogLevel::Debug),
                ("INFO", LogLevel::Info),
                ("WARN", LogLevel::Warn),
                ("WARNING", LogLevel::Warn),
                ("ERROR", LogLevel::Error),
            ];
            r.choice(n, p, &levels)
        });
        self.set(root, "proxy.instructions", &mut config.instructions, |r, n, p| {
            r.text(n, p).map(|t| Some(t.value).filter(|v| !v.trim().is_empty()))
        });
        self.set(root, "proxy.env.inherit", &mut config.env.inherit, Self::plain_texts);
        self.set(root, "proxy.env.path_from_login_shell", &mut config.env.path_from_login_shell, Self::truth);
    }

    /// `stdio`, `"stdio|http"` or `[stdio, http]`.
    fn transports(&mut self, node: &Node, path: &str) -> Option<Transports> {
        let texts = match &node.value {
            Value::List(_) => self.texts(node, path)?,
            _ => vec![self.text(node, path)?],
        };
        let mut transports = Transports { stdio: false, http: false };
        for text in &texts {
            for word in text.value.split(['|', ',']).map(str::trim) {
                match target::transport_of(word) {
                    Some(target::Kind::Stdio) => transports.stdio = true,
                    Some(target::Kind::Http { .. }) => transports.http = true,
                    None => {
                        let message = format!("unknown transport {}", quoted(text));
                        self.error("MP108", text.span, message, "known: stdio, http, or both: `[stdio, http]`");
                        return None;
                    }
                }
            }
        }
        if !transports.stdio && !transports.http {
            self.error("MP102", node.span, "`transport` names nothing", "write `stdio`, `http`, or `[stdio, http]`");
            return None;
        }
        Some(transports)
    }

    fn host(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.text(node, path)?;
        let host = text.value.trim();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@[]?#".contains(c)) {
            let message = format!("`host` cannot be {}", quoted(&text));
            self.error("MP102", node.span, message, "write an address or a name alone, as in `127.0.0.1`");
            return None;
        }
        Some(host.to_owned())
    }

    pub(super) fn http_path(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.text(node, path)?;
        let is_path =
            text.value.starts_with('/') && !text.value.contains(|c: char| c.is_whitespace() || "?#".contains(c));
        if !is_path {
            let message = format!("`path` must begin with `/`, got {}", quoted(&text));
            self.error("MP102", node.span, message, "write a path as in `/mcp`");
        }
        is_path.then_some(text.value)
    }

    fn routing(&mut self, root: &Node, config: &mut Config) {
        let routing = &mut config.routing;
        self.set(root, "routing.naming", &mut routing.naming, |r, n, p| {
            let names =
                [("prefix", Naming::Prefix), ("prefix-on-conflict", Naming::PrefixOnConflict), ("flat", Naming::Flat)];
            r.choice(n, p, &names)
        });
        self.set(root, "routing.name_charset", &mut routing.name_charset, |r, n, p| {
            r.choice(n, p, &[("model", NameCharset::Model), ("spec", NameCharset::Spec)])
        });
        self.set(root, "routing.max_tool_name", &mut routing.max_tool_name, |r, n, p| r.count(n, p, 16..=128));
        self.set(root, "routing.schema_fixes", &mut routing.schema_fixes, Self::truth);
        self.set(root, "routing.page_size", &mut routing.page_size, |r, n, p| r.count(n, p, 1..=u64::MAX).map(Some));
        self.set(root, "routing.separator", &mut routing.separator, |r, n, p| {
            let text = r.text(n, p)?;
            let fits = (1..=8).contains(&text.value.len())
                && text.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
            if !fits {
                let message = format!("`separator` cannot be {}", quoted(&text));
                r.error("MP102", n.span, message, "clients take letters, digits, `_` and `-` in names, as in `__`");
            }
            fits.then_some(text.value)
        });
    }

    fn limits(&mut self, root: &Node, config: &mut Config) {
        let limits = &mut config.limits;
        self.set(root, "limits.max_message_bytes", &mut limits.max_message_bytes, |r, n, p| r.size(n, p, 4096));
        self.set(root, "limits.max_concurrent", &mut limits.max_concurrent, |r, n, p| r.count(n, p, 1..=1_000_000));
        self.set(root, "limits.requests_per_minute", &mut limits.requests_per_minute, |r, n, p| {
            r.requests_per_minute(n, p).map(Some)
        });
        self.set(root, "limits.max_starting", &mut limits.max_starting, |r, n, p| r.count(n, p, 1..=1_000));
        self.set(root, "limits.session_idle", &mut limits.session_idle, Self::positive_duration);
        self.set(root, "limits.body_timeout", &mut limits.body_timeout, Self::positive_duration);
    }

    fn traffic(&mut self, root: &Node, config: &mut Config) {
        let journal = &mut config.journal;
        let traffic = |key: &str| format!("observability.traffic.{key}");
        self.set(root, &traffic("ring"), &mut journal.n_flows, |r, n, p| r.count(n, p, 1..=10_000_000));
        self.set(root, &traffic("screen_bytes"), &mut journal.screen_bytes, |r, n, p| r.size(n, p, 0));
        self.set(root, &traffic("headless_bytes"), &mut journal.headless_bytes, |r, n, p| r.size(n, p, 0));
    }

    /// What this version takes and does not use, in one breath.
    fn tell_unused(&mut self) {
        let unused = std::mem::take(&mut self.unused);
        let Some((_, first)) = unused.first().cloned() else { return };
        let mut names: Vec<String> = Vec::new();
        for (path, _) in &unused {
            let name = format!("`{path}`");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let message = if names.len() == 1 {
            format!("{} has no effect in this version", names[0])
        } else {
            format!("{} keys have no effect in this version", names.len())
        };
        let mut d = Diagnostic::new("MP009", Level::Warning, message);
        if names.len() > 1 {
            d = d.note(NoteKind::Note, names.join(", "));
        }
        let d = d.note(NoteKind::Fix, "nothing to do; a later version uses what is written here");
        self.report(d, first);
    }
}

/// `path` as a `file://` URI.
fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    let text = path.to_string_lossy().replace('\\', "/");
    if !text.starts_with('/') {
        uri.push('/');
    }
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"/-._~:@!$&'()*+,;=".contains(&b) {
            uri.push(char::from(b));
        } else {
            uri.push_str(&format!("%{b:02X}"));
        }
    }
    uri
}
