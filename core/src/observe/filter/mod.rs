//! The filter language of Inspect and `tail`: words, `~` atoms, `&`, `|`, `!`, brackets.
//!
//! Pure. Input: what was typed; output: a [`Filter`] that answers for one row, or where the mistake is.

mod parse;

use std::time::Duration;

use bytes::Bytes;

use super::{Flow, FlowKind, Status};
use crate::protocol::Spliced;

/// What can be written, for help and docs.
pub const HELP: &[(&str, &str)] = &[
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
    ("~s", "answered, however"),
    ("~held", "held by an intercept"),
    ("~marked", "marked with m"),
    ("~b TEXT", "the request or the answer contains it"),
    ("~bq TEXT", "the request contains it"),
    ("~bs TEXT", "the answer contains it"),
    ("~dir in|out", "asked by a client (in), by a server (out)"),
    ("~since 5m", "begun within that time"),
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
pub struct Filter(Option<Expr>);

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Atom(Atom),
}

#[derive(Clone, Debug, PartialEq)]
enum Atom {
    Word(Vec<String>),
    Text(Column, Vec<String>),
    Failed,
    ToolError,
    Notification,
    Open,
    Upcall,
    Own,
    Answered,
    Held,
    Marked,
    Body(Part, Vec<String>),
    Inward(bool),
    Since(Duration),
    Latency(Order, Duration),
    Size(Order, u64),
}

/// Which frames are looked into.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Request,
    Answer,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Backend,
    Client,
    Method,
    Target,
    Id,
    Session,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Over,
    Under,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The character it is about.
    pub at: usize,
    /// What is wrong.
    pub text: String,
}

impl FilterError {
    /// What was typed, and below it what is wrong where.
    #[must_use]
    pub fn under(&self, typed: &str) -> String {
        let shown: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{shown}\n{}^ {}", " ".repeat(self.at), self.text)
    }
}

/// Whether a row has failed.
#[must_use]
pub const fn failed(status: &Status) -> bool {
    matches!(status, Status::ToolError | Status::Fault(_) | Status::TimedOut | Status::Dropped(_))
}

impl Filter {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Where the first mistake is.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::expression(text).map(Self)
    }

    /// Whether everything passes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether an answer or progress may change what it says about a row.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        // The server of a call is known only when it has been routed.
        let is_fixed = |atom: &Atom| {
            matches!(
                atom,
                Atom::Notification | Atom::Upcall | Atom::Own | Atom::Marked | Atom::Inward(_) | Atom::Since(_)
            )
        };
        self.has(&|atom| !is_fixed(atom))
    }

    /// Whether it looks into frames: rows without theirs do not pass then.
    #[must_use]
    pub fn needs_frames(&self) -> bool {
        self.has(&|a| matches!(a, Atom::Body(..)))
    }

    /// Whether it asks what is marked.
    #[must_use]
    pub fn needs_marks(&self) -> bool {
        self.has(&|a| matches!(a, Atom::Marked))
    }

    fn has(&self, is_it: &dyn Fn(&Atom) -> bool) -> bool {
        fn walk(e: &Expr, is_it: &dyn Fn(&Atom) -> bool) -> bool {
            match e {
                Expr::And(a, b) | Expr::Or(a, b) => walk(a, is_it) || walk(b, is_it),
                Expr::Not(a) => walk(a, is_it),
                Expr::Atom(a) => is_it(a),
            }
        }
        self.0.as_ref().is_some_and(|e| walk(e, is_it))
    }

    /// Whether a row passes that nobody has marked.
    #[must_use]
    pub fn matches(&self, flow: &Flow) -> bool {
        self.matches_as(flow, false)
    }

    /// Whether a row passes.
    #[must_use]
    pub fn matches_as(&self, flow: &Flow, is_marked: bool) -> bool {
        self.0.as_ref().is_none_or(|e| e.matches(flow, is_marked))
    }
}

impl Expr {
    fn matches(&self, f: &Flow, is_marked: bool) -> bool {
        match self {
            Self::And(a, b) => a.matches(f, is_marked) && b.matches(f, is_marked),
            Self::Or(a, b) => a.matches(f, is_marked) || b.matches(f, is_marked),
            Self::Not(a) => !a.matches(f, is_marked),
            Self::Atom(a) => a.matches(f, is_marked),
        }
    }
}

impl Atom {
    fn matches(&self, f: &Flow, is_marked: bool) -> bool {
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
            Self::Answered => !matches!(f.status, Status::Pending | Status::Sent | Status::Dropped(_)),
            Self::Held => f.is_held,
            Self::Marked => is_marked,
            Self::Body(part, words) => {
                let frames = &f.frames;
                let request = || frames.received.clone().or_else(|| frames.sent.as_ref().map(Spliced::to_bytes));
                let answer = || frames.returned.clone().or_else(|| frames.answered.as_ref().map(Spliced::to_bytes));
                let has = |frame: Option<Bytes>| frame.is_some_and(|b| words.iter().any(|w| has(&b, w.as_bytes())));
                (*part != Part::Answer && has(request())) || (*part != Part::Request && has(answer()))
            }
            Self::Inward(inward) => {
                *inward == matches!(f.kind, FlowKind::Call | FlowKind::ClientNotification)
                    && (*inward || matches!(f.kind, FlowKind::Upcall | FlowKind::ServerNotification))
            }
            Self::Since(time) => f.at.elapsed().is_ok_and(|age| age <= *time) || f.at > std::time::SystemTime::now(),
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

/// The same in bytes of any length.
fn has(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, text)
        .any(|at| text.get(at..at + word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word)))
}

/// Whether `text` contains `word`, which is lower case already; capitals of ASCII do not count.
#[must_use]
pub fn contains(text: &str, word: &str) -> bool {
    has(text.as_bytes(), word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::Timing;
    use super::*;
    use crate::protocol::{CallId, SessionId};

    fn flow(id: u64, kind: FlowKind, backend: &str, method: &str, target: &str, status: Status, took_ms: u64) -> Flow {
        let mut flow = Flow::new(kind, method.into());
        flow.id = CallId(id);
        flow.backend = (!backend.is_empty()).then(|| backend.into());
        flow.target = (!target.is_empty()).then(|| target.into());
        flow.client = "claude-code".into();
        flow.session = Some(SessionId(2));
        flow.status = status;
        flow.timing = Timing { server: Duration::from_millis(took_ms), ..Timing::default() };
        flow.n_bytes_in = 100;
        flow
    }

    /// One row of every kind and state.
    fn flows() -> Vec<Flow> {
        use FlowKind as K;
        let mut flows = vec![
            flow(0, K::Own, "demo", "initialize", "", Status::Ok, 31),
            flow(1, K::Call, "", "tools/list", "", Status::Ok, 1),
            flow(2, K::Call, "demo", "tools/call", "demo__echo", Status::Ok, 12),
            flow(3, K::Call, "notes", "prompts/get", "notes__review", Status::TimedOut, 30_000),
            flow(4, K::Call, "demo", "tools/call", "demo__divide", Status::Fault(-32602), 41),
            flow(5, K::Upcall, "asks", "elicitation/create", "", Status::Ok, 2_900),
            flow(6, K::ServerNotification, "demo", "notifications/tools/list_changed", "", Status::Sent, 0),
            flow(7, K::Call, "demo", "tools/call", "demo__fail", Status::ToolError, 377),
            flow(8, K::Call, "demo", "tools/call", "demo__slow", Status::Pending, 0),
        ];
        flows[2].n_bytes_out = 18_000;
        flows[4].frames.returned = Some(Bytes::from_static(br#"{"error":{"message":"b is Zero"}}"#));
        flows
    }

    fn ids(filter: &str) -> Vec<u64> {
        let filter = Filter::parse(filter).unwrap();
        flows().iter().filter(|f| filter.matches(f)).map(|f| f.id.0).collect()
    }

    #[test]
    fn words_and_atoms_find_rows() {
        let all: Vec<u64> = (0..9).collect();
        for (filter, want) in [
            ("ECHO", &[2][..]),
            ("echo|fail", &[2, 7]),
            ("~be notes", &[3]),
            ("~be notes|asks", &[3, 5]),
            ("~be notes | ~be asks", &[3, 5]),
            ("~e", &[3, 4, 7]),
            ("!~e", &[0, 1, 2, 5, 6, 8]),
            ("~te", &[7]),
            ("~q", &[8]),
            ("~up", &[5]),
            ("~own", &[0]),
            ("~s ~be demo !~own", &[2, 4, 7]),
            ("~dir out", &[5, 6]),
            ("~dir in ~q", &[8]),
            ("~held", &[]),
            ("~since 1m ~q", &[8]),
            ("~b zero", &[4]),
            ("~bq ZERO", &[]),
            ("~bs zero|one", &[4]),
            ("~n", &[6]),
            ("~m tools/call ~be demo", &[2, 4, 7, 8]),
            ("~lat >200ms", &[3, 5, 7]),
            ("~lat <20ms !~n", &[1, 2]),
            ("~size > 1kb", &[2]),
            ("~id c-3", &[3]),
            ("~sess s-2 ~q", &[8]),
            ("(~be notes | ~be demo) & ~e", &[3, 4, 7]),
        ] {
            assert_eq!(ids(filter), want, "{filter}");
        }
        assert_eq!((ids(""), ids("  ")), (all.clone(), all));
        let marked = Filter::parse("~marked !~e").unwrap();
        assert!(marked.needs_marks() && !marked.needs_frames() && Filter::parse("!(~b x)").unwrap().needs_frames());
        let is = |id: usize, is_marked| marked.matches_as(&flows()[id], is_marked);
        assert!(is(2, true) && !is(2, false) && !is(4, true));
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
            ("~dir up", 5),
            ("~since soon", 7),
            ("~b", 2),
            ("~size >1zb", 6),
            ("\"a", 0),
            ("!", 1),
        ] {
            assert_eq!(Filter::parse(text).unwrap_err().at, at, "{text}");
        }
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"!".repeat(100_000)).is_err());
        let error = Filter::parse("a ~lat 5").unwrap_err();
        assert_eq!(error.under("a ~lat 5"), "a ~lat 5\n       ^ want > or < and a number");
    }
}
