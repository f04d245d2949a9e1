//! The door for others: the names we answer to, the pages that may ask, the certificate, and whether it may stand open.

use std::path::PathBuf;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::node::{Node, Value};
use crate::config::source::MAX_FILE_BYTES;
use crate::config::variables::open_to_others;
use crate::config::{Config, HostName, Origin, PAGES, TlsFiles};

use super::reader::{Reader, quoted};

/// Ports below need rights that nobody should give us.
const FIRST_FREE_PORT: u16 = 1024;

impl Reader<'_> {
    pub(super) fn door(&mut self, root: &Node, config: &mut Config) {
        self.set(root, "proxy.allowed_origins", &mut config.allowed_origins, Self::origins);
        self.set(root, "proxy.allowed_hosts", &mut config.allowed_hosts, Self::hosts);
        self.set(root, "proxy.tls", &mut config.tls, |r, n, p| r.tls(n, p).map(Some));
    }

    fn origins(&mut self, node: &Node, path: &str) -> Option<Vec<Origin>> {
        let mut origins = Vec::new();
        for text in self.texts(node, path)? {
            match Origin::parse_pattern(text.value.trim()) {
                Some(origin) => origins.push(origin),
                None => {
                    let message = format!("`allowed_origins`: {} is no origin", quoted(&text));
                    let d = Diagnostic::new("MP102", Level::Error, message)
                        .label(path)
                        .note(NoteKind::Why, "pages of an allowed origin can use every tool as you can")
                        .note(
                            NoteKind::Fix,
                            "write scheme and host, as in `https://app.example.com`, `https://*.example.com` or \
                             `http://localhost:*`",
                        );
                    self.report(d, text.span);
                }
            }
        }
        Some(origins)
    }

    fn hosts(&mut self, node: &Node, path: &str) -> Option<Vec<String>> {
        let mut hosts = Vec::new();
        for text in self.texts(node, path)? {
            let value = text.value.trim();
            let (stars, rest) = value.strip_prefix("*.").map_or(("", value), |rest| ("*.", rest));
            let host = HostName::parse(rest).filter(|h| stars.is_empty() || matches!(h, HostName::Name(_)));
            match host {
                Some(host) => hosts.push(format!("{stars}{host}")),
                None => {
                    let message = format!("`allowed_hosts`: {} is no name of a machine", quoted(&text));
                    let d = Diagnostic::new("MP102", Level::Error, message)
                        .label(path)
                        .note(NoteKind::Why, "a name that anybody can make leads pages of strangers to this machine")
                        .note(NoteKind::Fix, "write names without scheme and port, as in `mcp.example.com`");
                    self.report(d, text.span);
                }
            }
        }
        Some(hosts)
    }

    fn tls(&mut self, node: &Node, path: &str) -> Option<TlsFiles> {
        // What is no map was reported with the keys.
        node.as_map()?;
        let cert = self.pem(node, path, "cert");
        let key = self.pem(node, path, "key");
        if let Some(mode) = key.as_deref().and_then(open_to_others)
            && let Some(node) = node.get("key")
        {
            let message = format!("the private key is readable by others ({mode})");
            self.warning("MP205", node.span, message, "chmod 600 it");
        }
        Some(TlsFiles { cert: cert?, key: key? })
    }

    /// MP307. Only looked at: whoever listens reads what is in it.
    fn pem(&mut self, tls: &Node, path: &str, key: &str) -> Option<PathBuf> {
        let path = format!("{path}.{key}");
        let Some(node) = tls.get(key).filter(|n| !matches!(n.value, Value::Null)) else {
            self.error("MP102", tls.span, format!("`tls` needs `{key}`"), "give both: `tls: { cert: …, key: … }`");
            return None;
        };
        let file = self.path(node, &path)?;
        if let Err(error) = self.variables.read(&file, MAX_FILE_BYTES) {
            let d = Diagnostic::new("MP307", Level::Error, format!("cannot read `{key}`: {error}"))
                .label(path)
                .note(NoteKind::LookedIn, file.display().to_string())
                .note(NoteKind::Fix, "name a file in PEM form; a relative path starts at the configuration's folder");
            self.report(d, node.span);
            return None;
        }
        Some(file)
    }

    /// MP505: two things at one path, of which only one would be reached.
    pub(super) fn places(&mut self, root: &Node, config: &Config) {
        let mcp = config.path.trim_end_matches('/');
        let metrics = config.metrics.enabled.then_some(config.metrics.path.as_str());
        let of_metrics = ["observability.metrics.path", "features.monitoring.prometheus_endpoint"];
        let at = |paths: &[&str]| paths.iter().find_map(|p| Self::find(root, p)).map_or(root.span, |n| n.span);
        // Below this one are servers too.
        let is_ours = |path: &str| PAGES.contains(&path) || path.starts_with("/sse/");
        if is_ours(mcp) {
            let message = format!("`path` is `{mcp}`, where mcp-proxy has something else");
            self.taken("proxy.path", at(&["proxy.path"]), message, "write another path, as in `/mcp`");
        }
        if let Some(metrics) = metrics.filter(|m| is_ours(m) || m.trim_end_matches('/') == mcp) {
            let what = if is_ours(metrics) { "where mcp-proxy has something else" } else { "the path of MCP too" };
            let message = format!("the path of the metrics is `{metrics}`, {what}");
            let span = at(&[of_metrics[0], of_metrics[1], "proxy.path"]);
            self.taken(of_metrics[0], span, message, "give them different paths, as in `/metrics`");
        }
        for server in config.servers.iter().filter(|s| s.enabled) {
            let endpoint = format!("{mcp}/{}", server.name);
            let is_metrics = metrics == Some(endpoint.as_str());
            if is_metrics || (is_ours(&endpoint) && !is_ours(mcp)) {
                let message = format!(
                    "the endpoint of the server `{}` is `{endpoint}`, where mcp-proxy has something else",
                    server.name
                );
                let span =
                    if is_metrics { at(&[of_metrics[0], of_metrics[1], "proxy.path"]) } else { at(&["proxy.path"]) };
                self.taken(
                    "proxy.path",
                    span,
                    message,
                    "write another path, as in `/mcp`, or call the server something else",
                );
            }
        }
    }

    fn taken(&mut self, label: &str, span: Span, message: String, fix: &str) {
        let d = Diagnostic::new("MP505", Level::Error, message)
            .label(label)
            .note(NoteKind::Why, "only one of them would be reached")
            .note(NoteKind::Note, format!("mcp-proxy's own places are {} and the metrics", PAGES.join(", ")))
            .note(NoteKind::Fix, fix);
        self.report(d, span);
    }

    /// MP501 and its kin: what it means to listen as it is written.
    pub(super) fn exposure(&mut self, root: &Node, config: &Config) {
        let has_http = config.transports.http;
        let place = |path: &str| Self::find(root, path).map_or(root.span, |n| n.span);
        if config.port < FIRST_FREE_PORT && has_http {
            let message = format!("port {} is for the system's own services on most machines", config.port);
            self.warning("MP503", place("proxy.port"), message, "take one above 1023, or give us the right to use it");
        }
        if !config.is_open_to_others() {
            return;
        }
        let host = place("proxy.host");
        if !config.clients.require_auth {
            let level = if has_http && !self.environment.is_insecure() { Level::Error } else { Level::Warning };
            let mut d =
                Diagnostic::new("MP501", level, "others can reach this address, and nobody has to show a token")
                    .label("proxy.host")
                    .note(NoteKind::Why, "anyone on the network can run your tools");
            if !has_http {
                d = d.note(NoteKind::Note, "`transport` is stdio: nothing listens there as it is");
            } else if self.environment.is_insecure() {
                d = d.note(NoteKind::Note, "`--insecure` was given");
            }
            let fix = "write `host: 127.0.0.1`, or add `clients: { require_auth: true }` and `mcp-proxy token add NAME`; \
                       `serve --insecure` does it all the same";
            self.report(d.note(NoteKind::Fix, fix), host);
        } else if has_http && config.tls.is_none() {
            let d = Diagnostic::new("MP402", Level::Hint, "tokens cross the network in clear")
                .label("proxy.host")
                .note(NoteKind::Fix, "set `proxy.tls`, or put something with a certificate in front");
            self.report(d, host);
        }
    }
}
