//! Who may come in and how often: `clients`, the limits by the minute, `observability.metrics`; and `features`, which says the
//! same in the words of the product paper.

use crate::config::Config;
use crate::config::diagnostic::{Diagnostic, Level, NoteKind, Span};
use crate::config::keys::{self, Kind};
use crate::config::node::{Node, Value};

use super::reader::Reader;

/// What `features.rate_limiting: true` means: the number of the product paper.
const USUAL_RATE: u32 = 1000;
/// More is no limit.
const MAX_RATE: u64 = 10_000_000;

impl Reader<'_> {
    pub(super) fn requests_per_minute(&mut self, node: &Node, path: &str) -> Option<u32> {
        self.number(node, path, 1..=MAX_RATE).and_then(|n| u32::try_from(n).ok())
    }

    pub(super) fn clients(&mut self, root: &Node, config: &mut Config) {
        let clients = &mut config.clients;
        let mut asked = None;
        for path in ["clients.require_auth", "features.authentication"] {
            if let Some(node) = Self::find(root, path)
                && self.truth(node, path) == Some(true)
            {
                // Where they differ, the door is shut.
                clients.require_auth = true;
                asked = asked.or(Some(node.span));
            }
        }
        self.tokens(root, clients);
        let has_none = clients.tokens.is_empty();
        if let Some(span) = asked.filter(|_| has_none && config.transports.http) {
            self.no_token(span);
        }
        let limit = Self::find(root, "limits.requests_per_minute").is_some();
        if let Some(node) = Self::find(root, "features.rate_limiting") {
            let of_features = self.rate_limiting(node, "features.rate_limiting");
            if !limit {
                config.limits.requests_per_minute = of_features;
            }
        }
    }

    /// MP502
    fn no_token(&mut self, span: Span) {
        let d = Diagnostic::new("MP502", Level::Warning, "a token is needed to come in, and there is none")
            .note(NoteKind::Note, "one is made at the start and shown once, on stderr")
            .note(NoteKind::Fix, "mcp-proxy token add laptop");
        self.report(d, span);
    }

    /// Yes, no, or a map.
    fn rate_limiting(&mut self, node: &Node, path: &str) -> Option<u32> {
        if node.as_map().is_none() {
            return self.truth(node, path)?.then_some(USUAL_RATE);
        }
        self.check_keys(node, path, Kind::Section(keys::RATE_LIMITING));
        let mut enabled = true;
        let mut limit = USUAL_RATE;
        self.set(node, "enabled", &mut enabled, |r, n, p| r.truth(n, &format!("{path}.{p}")));
        self.set(node, "requests_per_minute", &mut limit, |r, n, p| r.requests_per_minute(n, &format!("{path}.{p}")));
        enabled.then_some(limit)
    }

    pub(super) fn metrics(&mut self, root: &Node, config: &mut Config) {
        let metrics = &mut config.metrics;
        let path = "features.monitoring";
        if let Some(node) = Self::find(root, path) {
            if let Value::Map(_) = node.value {
                self.check_keys(node, path, Kind::Section(keys::MONITORING));
                self.set(node, "enable_metrics", &mut metrics.enabled, |r, n, p| r.truth(n, &format!("{path}.{p}")));
                self.set(node, "prometheus_endpoint", &mut metrics.path, |r, n, p| {
                    r.http_path(n, &format!("{path}.{p}"))
                });
            } else if let Some(enabled) = self.truth(node, path) {
                metrics.enabled = enabled;
            }
        }
        self.set(root, "observability.metrics.enabled", &mut metrics.enabled, Self::truth);
        self.set(root, "observability.metrics.path", &mut metrics.path, Self::http_path);
    }
}
