//! Reads a filter: tokens, then `|` over `&` over `!`, with the place of the first mistake.

use std::time::Duration;

use super::{Atom, Column, Expr, FilterError, Order, Part};

/// The expression that was typed; `None` if nothing was.
pub(super) fn expression(text: &str) -> Result<Option<Expr>, FilterError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let end = text.chars().count();
    let mut parser = Parser { tokens: &tokens, next: 0, end, depth: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(Some(expr)),
        Some(t) => Err(FilterError { at: t.at, text: "a bracket too many".to_owned() }),
    }
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
            "s" => return Ok(Atom::Answered),
            "held" => return Ok(Atom::Held),
            "marked" => return Ok(Atom::Marked),
            "b" | "bq" | "bs" => {
                let part = match name {
                    "bq" => Part::Request,
                    "bs" => Part::Answer,
                    _ => Part::Both,
                };
                let (words, _) = self.argument(&format!("`~{name}` wants a text"))?;
                return Ok(Atom::Body(part, alternatives(&words)));
            }
            "dir" => {
                let (word, at) = self.argument("want in or out")?;
                return match word.as_str() {
                    "in" => Ok(Atom::Inward(true)),
                    "out" => Ok(Atom::Inward(false)),
                    _ => Err(FilterError { at, text: "want in or out".to_owned() }),
                };
            }
            "since" => {
                let (n, at) = self.argument("want a time: 30s, 5m")?;
                let time = duration(&n).ok_or_else(|| FilterError { at, text: "want a time: 30s, 5m".to_owned() })?;
                return Ok(Atom::Since(time));
            }
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
                    text: format!(
                        "no `~{name}`: ~be ~cl ~m ~t ~id ~sess ~e ~te ~n ~q ~s ~b ~lat ~size …, F1 lists them"
                    ),
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
        "h" => 3_600.0,
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
