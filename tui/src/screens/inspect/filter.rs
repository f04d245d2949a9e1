//! The filter language of Inspect: words, `~` atoms, `&`, `|`, `!`, brackets.
//!
//! Pure. Input: what was typed; output: a [`Filter`] that answers for one row, or where the mistake is.

use std::time::Duration;

use mcp_proxy_core::observe::{Flow, FlowKind, Status};

use super::parse;

/// What can be written, for help and docs.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("word", "client, server, method or target contain it"),
    ("word|word", "one of them"),
    ("~be NAME|NAME", "server"),
    ("~cl NAME", "client"),
    ("~m METHOD", "method"),
    ("~t NAME", "tool, prompt or resource"),
    ("~id c-1a", "this id"),
    ("~sess s-2", "this session"),
    ("~e", "failed: error, tool error, timeout, dropped"),
    ("~te", "tool error"),
    ("~n", "notification"),
    ("~q", "not answered yet"),
    ("~up", "asked by a server"),
    ("~own", "asked by the proxy itself"),
    ("~lat >200ms", "slower than that (also <)"),
    ("~size >1mb", "request and answer bigger than that (also <)"),
    ("a & b, a b", "both"),
    ("a | b", "one of them"),
    ("!a", "not"),
    ("(a | b) & c", "brackets"),
    ("\"two words\"", "with blanks"),
];

/// A filter; the default lets everything through.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter(Option<Expr>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Atom(Atom),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    Word(Vec<String>),
    Text(Column, Vec<String>),
    Failed,
    ToolError,
    Notification,
    Open,
    Upcall,
    Own,
    Latency(Order, Duration),
    Size(Order, u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Column {
    Backend,
    Client,
    Method,
    Target,
    Id,
    Session,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Over,
    Under,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// The character it is about.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) text: String,
}

/// Whether a row has failed.
#[must_use]
pub(crate) const fn failed(status: &Status) -> bool {
    matches!(status, Status::ToolError | Status::Fault(_) | Status::TimedOut | Status::Dropped(_))
}

impl Filter {
    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        parse::expression(text).map(Self)
    }

    /// Whether everything passes.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether an answer or progress may change what it says about a row.
    pub(crate) fn is_volatile(&self) -> bool {
        fn walk(e: &Expr) -> bool {
            match e {
                Expr::And(a, b) | Expr::Or(a, b) => walk(a) || walk(b),
                Expr::Not(a) => walk(a),
                // The server of a call is known only when it has been routed.
                Expr::Atom(Atom::Notification | Atom::Upcall | Atom::Own) => false,
                Expr::Atom(_) => true,
            }
        }
        self.0.as_ref().is_some_and(walk)
    }

    /// Whether a row passes.
    pub(crate) fn matches(&self, flow: &Flow) -> bool {
        self.0.as_ref().is_none_or(|e| e.matches(flow))
    }
}

impl Expr {
    fn matches(&self, f: &Flow) -> bool {
        match self {
            Self::And(a, b) => a.matches(f) && b.matches(f),
            Self::Or(a, b) => a.matches(f) || b.matches(f),
            Self::Not(a) => !a.matches(f),
            Self::Atom(a) => a.matches(f),
        }
    }
}

impl Atom {
    fn matches(&self, f: &Flow) -> bool {
        let backend = f.backend.as_deref().unwrap_or("");
        let target = f.target.as_deref().unwrap_or("");
        match self {
            Self::Word(words) => {
                [&*f.client, backend, &*f.method, target].iter().any(|t| words.iter().any(|w| contains(t, w)))
            }
            Self::Text(column, words) => words.iter().any(|w| match column {
                Column::Backend => contains(backend, w),
                Column::Client => contains(&f.client, w),
                Column::Method => contains(&f.method, w),
                Column::Target => contains(target, w),
                Column::Id => f.id.to_string().eq_ignore_ascii_case(w),
                Column::Session => f.session.is_some_and(|s| s.to_string().eq_ignore_ascii_case(w)),
            }),
            Self::Failed => failed(&f.status),
            Self::ToolError => f.status == Status::ToolError,
            Self::Notification => matches!(f.kind, FlowKind::ClientNotification | FlowKind::ServerNotification),
            Self::Open => f.status == Status::Pending,
            Self::Upcall => f.kind == FlowKind::Upcall,
            Self::Own => f.kind == FlowKind::Own,
            Self::Latency(order, than) => f.status != Status::Pending && order.holds(f.timing.total(), *than),
            Self::Size(order, than) => order.holds(u64::from(f.n_bytes_in) + u64::from(f.n_bytes_out), *than),
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Self::Over => a > b,
            Self::Under => a < b,
        }
    }
}

/// Whether `text` contains `word`, which is lower case already; capitals of ASCII do not count.
pub(crate) fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn ids(filter: &str) -> Vec<u64> {
        let filter = Filter::parse(filter).unwrap();
        sample::flows().iter().filter(|f| filter.matches(f)).map(|f| f.id.0).collect()
    }

    #[test]
    fn words_and_atoms_find_rows() {
        let all: Vec<u64> = sample::flows().iter().map(|f| f.id.0).collect();
        let check = |filter: &str, want: &dyn Fn(&Flow) -> bool| {
            let want: Vec<u64> = sample::flows().iter().filter(|f| want(f)).map(|f| f.id.0).collect();
            assert!(!want.is_empty() && want.len() < all.len(), "`{filter}` tells nothing apart");
            assert_eq!(ids(filter), want, "{filter}");
        };
        check("ECHO", &|f| f.target.as_deref().is_some_and(|t| t.contains("echo")));
        check("echo|fail", &|f| f.target.as_deref().is_some_and(|t| t.contains("echo") || t.contains("fail")));
        check("~be notes", &|f| f.backend.as_deref() == Some("notes"));
        check("~be notes|asks", &|f| matches!(f.backend.as_deref(), Some("notes" | "asks")));
        check("~be notes | ~be asks", &|f| matches!(f.backend.as_deref(), Some("notes" | "asks")));
        check("~e", &|f| failed(&f.status));
        check("!~e", &|f| !failed(&f.status));
        check("~te", &|f| f.status == Status::ToolError);
        check("~q", &|f| f.status == Status::Pending);
        check("~up", &|f| f.kind == FlowKind::Upcall);
        check("~m tools/call ~be demo", &|f| &*f.method == "tools/call" && f.backend.as_deref() == Some("demo"));
        check("~lat >200ms", &|f| f.status != Status::Pending && f.timing.total() > Duration::from_millis(200));
        check("~size > 1kb", &|f| f.n_bytes_in + f.n_bytes_out > 1000);
        check("~id c-3", &|f| f.id.0 == 3);
        check("(~be notes | ~be demo) & ~e", &|f| {
            matches!(f.backend.as_deref(), Some("notes" | "demo")) && failed(&f.status)
        });
        assert_eq!(ids(""), all);
        assert_eq!(ids("  "), all);
    }

    #[test]
    fn mistakes_say_where() {
        for (text, at) in [
            ("~be", 3),
            ("~be ~e", 4),
            ("a |", 3),
            ("| a", 0),
            ("(a", 0),
            ("a)", 1),
            ("~nope", 0),
            ("a ~lat 5", 7),
            ("~lat >fast", 5),
            ("~size >1zb", 6),
            ("\"a", 0),
            ("!", 1),
        ] {
            assert_eq!(Filter::parse(text).unwrap_err().at, at, "{text}");
        }
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"!".repeat(100_000)).is_err());
    }
}
