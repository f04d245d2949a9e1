//! Two flows side by side: what differs in what was asked and in what was answered.

use mcp_proxy_core::observe::Flow;
use mcp_proxy_core::protocol::Spliced;

use crate::json::change::Change;
use crate::json::diff::{Diff, diff};
use crate::widgets::number;

/// What two flows differ in.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    /// Both ids.
    pub(crate) title: String,
    /// Each part with its differences.
    pub(crate) parts: Vec<(&'static str, Diff)>,
    /// The first line shown.
    pub(crate) top: usize,
}

/// Compares two flows.
#[must_use]
pub(crate) fn compare(a: &Flow, b: &Flow) -> Compared {
    let asked = |f: &Flow| f.frames.received.clone().or_else(|| f.frames.sent.as_ref().map(Spliced::to_bytes));
    let answered = |f: &Flow| f.frames.returned.clone().or_else(|| f.frames.answered.as_ref().map(Spliced::to_bytes));
    let bodies =
        |of: &dyn Fn(&Flow) -> Option<bytes::Bytes>| diff(&of(a).unwrap_or_default(), &of(b).unwrap_or_default());
    let mut about = Diff::default();
    let mut fact = |path: &str, old: String, new: String| {
        if old != new {
            about.changes.push(Change { path: path.to_owned(), old, new });
        }
    };
    let name = |t: Option<&str>| t.unwrap_or("none").to_owned();
    fact("method", a.method.to_string(), b.method.to_string());
    fact("target", name(a.target.as_deref()), name(b.target.as_deref()));
    fact("server", name(a.backend.as_deref()), name(b.backend.as_deref()));
    fact("client", a.client.to_string(), b.client.to_string());
    fact("status", a.status.to_string(), b.status.to_string());
    fact("time", number::latency(a.timing.total()), number::latency(b.timing.total()));
    fact("bytes answered", number::count(u64::from(a.n_bytes_out)), number::count(u64::from(b.n_bytes_out)));
    Compared {
        title: format!("- {} with + {}", a.id, b.id),
        parts: vec![("the calls", about), ("what was asked", bodies(&asked)), ("what was answered", bodies(&answered))],
        top: 0,
    }
}

impl Compared {
    /// All of it as text, to be copied.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("{}\n", self.title);
        for (name, diff) in &self.parts {
            out.push_str(&format!("\n{name}: {}\n", said(diff)));
            for c in &diff.changes {
                out.push_str(&format!("  {}\n    - {}\n    + {}\n", c.path, c.old, c.new));
            }
        }
        out
    }
}

/// How many differences there are.
pub(crate) fn said(diff: &Diff) -> String {
    match (diff.changes.len(), diff.is_cut) {
        (0, _) => "the same".to_owned(),
        (n, false) => number::plural(n as u64, "difference"),
        (n, true) => format!("the first {n} differences"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn calls_are_compared_in_three_parts() {
        let same = compare(&sample::echo(), &sample::echo());
        assert!(same.parts.iter().all(|(_, d)| d.changes.is_empty()));
        let other = compare(&sample::echo(), &sample::divide());
        assert!(other.parts.iter().all(|(_, d)| !d.changes.is_empty()), "{other:?}");
        let text = other.text();
        assert!(text.contains("params.arguments.a") && !text.contains("sk-very-secret"), "{text}");
    }
}
