//! The filter language of Inspect: words, `~` atoms, `&`, `|`, `!`, brackets.
//!
//! Pure. Input: what was typed; output: a [`Filter`] that answers for one row, or where the mistake is.

use std::time::Duration;

use mcp_proxy_core::observe::{Flow, FlowKind, Status};

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
    Latency(Order, Duration),
    Size(Order, u64),
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
        let tokens = tokens(text)?;
        if tokens.is_empty() {
            return Ok(Self(None));
        }
        let end = text.chars().count();
        let mut parser = Parser { tokens: &tokens, next: 0, end, depth: 0 };
        let expr = parser.or()?;
        match parser.peek() {
            None => Ok(Self(Some(expr))),
            Some(t) => Err(FilterError { at: t.at, text: "a bracket too many".to_owned() }),
        }
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

/// Longest filter: what it makes is walked for every row.
const MAX_CHARS: usize = 1_000;

#[derive(Debug, PartialEq)]
enum Kind {
    Word(String),
    And,
    Or,
    Not,
    Open,
    Close,
}

#[derive(Debug)]
struct Token {
    at: usize,
    kind: Kind,
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    if chars.len() > MAX_CHARS {
        return Err(FilterError { at: MAX_CHARS, text: "too long".to_owned() });
    }
    while i < chars.len() {
        let at = i;
        let kind = match chars[i] {
            c if c.is_whitespace() => {
                i += 1;
                continue;
            }
            '(' => Kind::Open,
            ')' => Kind::Close,
            '&' => Kind::And,
            '|' => Kind::Or,
            '!' => Kind::Not,
            '"' => {
                let Some(len) = chars[i + 1..].iter().position(|c| *c == '"') else {
                    return Err(FilterError { at, text: "the quote is not closed".to_owned() });
                };
                i += len + 1;
                Kind::Word(chars[at + 1..=at + len].iter().collect())
            }
            _ => {
                // `|` inside a word separates names: `~be a|b`.
                while i + 1 < chars.len()
                    && !chars[i + 1].is_whitespace()
                    && !matches!(chars[i + 1], '(' | ')' | '&' | '"')
                {
                    i += 1;
                }
                Kind::Word(chars[at..=i].iter().collect())
            }
        };
        out.push(Token { at, kind });
        i += 1;
    }
    Ok(out)
}

/// Deepest nesting of brackets and `!`.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn eat(&mut self, kind: &Kind) -> bool {
        let found = self.peek().is_some_and(|t| t.kind == *kind);
        self.next += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut left = self.and()?;
        while self.eat(&Kind::Or) {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut left = self.not()?;
        loop {
            let explicit = self.eat(&Kind::And);
            let more = self.peek().is_some_and(|t| matches!(t.kind, Kind::Word(_) | Kind::Not | Kind::Open));
            if !explicit && !more {
                return Ok(left);
            }
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        let Some(token) = self.tokens.get(self.next) else {
            return Err(FilterError { at: self.end, text: "something is missing here".to_owned() });
        };
        self.next += 1;
        self.depth += 1;
        let fail = |text: &str| Err(FilterError { at: token.at, text: text.to_owned() });
        if self.depth > MAX_DEPTH {
            return fail("nested too deep");
        }
        let expr = match &token.kind {
            Kind::Not => Expr::Not(Box::new(self.not()?)),
            Kind::Open => {
                let inner = self.or()?;
                if !self.eat(&Kind::Close) {
                    return fail("the bracket is not closed");
                }
                inner
            }
            Kind::Word(word) => Expr::Atom(self.atom(word, token.at)?),
            Kind::And | Kind::Or | Kind::Close => return fail("something is missing before this"),
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn atom(&mut self, word: &str, at: usize) -> Result<Atom, FilterError> {
        let Some(name) = word.strip_prefix('~') else {
            return Ok(Atom::Word(alternatives(word)));
        };
        let column = match name {
            "e" => return Ok(Atom::Failed),
            "te" => return Ok(Atom::ToolError),
            "n" => return Ok(Atom::Notification),
            "q" => return Ok(Atom::Open),
            "up" => return Ok(Atom::Upcall),
            "own" => return Ok(Atom::Own),
            "lat" => {
                let (order, n, at) = self.comparison()?;
                let value =
                    duration(&n).ok_or_else(|| FilterError { at, text: "want a time: 200ms, 1.5s, 2m".to_owned() })?;
                return Ok(Atom::Latency(order, value));
            }
            "size" => {
                let (order, n, at) = self.comparison()?;
                let value =
                    size(&n).ok_or_else(|| FilterError { at, text: "want a size: 500, 10kb, 1mb".to_owned() })?;
                return Ok(Atom::Size(order, value));
            }
            "be" => Column::Backend,
            "cl" => Column::Client,
            "m" => Column::Method,
            "t" => Column::Target,
            "id" => Column::Id,
            "sess" => Column::Session,
            _ => {
                return Err(FilterError {
                    at,
                    text: format!("no `~{name}`: ~be ~cl ~m ~t ~id ~sess ~e ~te ~n ~q ~lat ~size"),
                });
            }
        };
        let (words, _) = self.argument(&format!("`~{name}` wants a name"))?;
        Ok(Atom::Text(column, alternatives(&words)))
    }

    fn argument(&mut self, missing: &str) -> Result<(String, usize), FilterError> {
        match self.tokens.get(self.next) {
            Some(Token { at, kind: Kind::Word(w) }) if !w.starts_with('~') => {
                self.next += 1;
                Ok((w.clone(), *at))
            }
            Some(t) => Err(FilterError { at: t.at, text: missing.to_owned() }),
            None => Err(FilterError { at: self.end, text: missing.to_owned() }),
        }
    }

    fn comparison(&mut self) -> Result<(Order, String, usize), FilterError> {
        let (word, at) = self.argument("want > or < and a number")?;
        let order = match word.chars().next() {
            Some('>') => Order::Over,
            Some('<') => Order::Under,
            _ => return Err(FilterError { at, text: "want > or < and a number".to_owned() }),
        };
        let rest = word[1..].to_owned();
        if rest.is_empty() {
            let (number, at) = self.argument("want a number")?;
            return Ok((order, number, at));
        }
        Ok((order, rest, at))
    }
}

/// `a|b` in one word.
fn alternatives(word: &str) -> Vec<String> {
    word.split('|').filter(|w| !w.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn number_and_unit(text: &str) -> Option<(f64, String)> {
    let cut = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let n = text[..cut].parse::<f64>().ok().filter(|n| n.is_finite() && *n < 1e12)?;
    Some((n, text[cut..].to_ascii_lowercase()))
}

fn duration(text: &str) -> Option<Duration> {
    let (n, unit) = number_and_unit(text)?;
    let factor = match unit.as_str() {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(n * factor).ok()
}

fn size(text: &str) -> Option<u64> {
    let (n, unit) = number_and_unit(text)?;
    let factor = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "kib" => 1024.0,
        "m" | "mb" => 1e6,
        "mib" => 1024.0 * 1024.0,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative and below 1e18")]
    Some((n * factor) as u64)
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
