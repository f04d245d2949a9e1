//! [`Head`]: what HTTP says around a message, its first line and its headers. Who makes one (`transport/http/shown.rs`) has
//! masked the secrets in it: the journal never holds them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::protocol::floor_char;

/// Headers kept of one message, at most: servers behind gateways send some thirty.
const MAX_HEADERS: usize = 64;
/// Bytes kept of one value, at most; longer ones are policies and lists that nobody reads.
const MAX_VALUE: usize = 512;
/// Bytes kept of one head, at most: one that fills them must not cost many calls their place in the journal.
const MAX_BYTES: usize = 4096;
/// The usual size, in bytes.
const USUAL: usize = 384;

/// The first line and the headers of an HTTP message, secrets masked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Method and place of a request, status of an answer.
    pub line: String,
    /// Names and values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Headers that were too many or too long to be kept.
    #[serde(default)]
    pub n_left_out: u32,
}

/// Both ways of one hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The request.
    pub request: Option<Head>,
    /// How it was answered.
    pub response: Option<Head>,
}

/// The hops of a flow, as far as they were by HTTP. Of several rounds, those of the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// Between the client and us.
    pub client: Hop,
    /// Between us and the server.
    pub server: Hop,
}

/// Which head of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadOf {
    /// What the client sent us.
    ClientRequest,
    /// What we answered it.
    ClientResponse,
    /// What we sent the server.
    ServerRequest,
    /// What it answered.
    ServerResponse,
}

impl HeadOf {
    /// How many there are.
    pub(super) const COUNT: usize = 4;
}

impl Hops {
    /// All heads there may be, in the order they are made.
    #[must_use]
    pub const fn all(&self) -> [(HeadOf, Option<&Head>); HeadOf::COUNT] {
        [
            (HeadOf::ClientRequest, self.client.request.as_ref()),
            (HeadOf::ServerRequest, self.server.request.as_ref()),
            (HeadOf::ServerResponse, self.server.response.as_ref()),
            (HeadOf::ClientResponse, self.client.response.as_ref()),
        ]
    }
}

/// A head as it is kept: one text, a line a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedHead(Bytes);

/// A head in the making.
#[derive(Debug)]
pub struct HeadText {
    text: String,
    n_headers: usize,
    n_left_out: u32,
}

impl HeadText {
    /// Begins with the first line.
    #[must_use]
    pub fn new(line: &str) -> Self {
        let mut text = String::with_capacity(USUAL);
        push_line(&mut text, line);
        Self { text, n_headers: 0, n_left_out: 0 }
    }

    /// Adds a header, as far as there is room.
    pub fn push(&mut self, name: &str, value: &str) {
        let room = MAX_BYTES.saturating_sub(self.text.len() + name.len() + 3);
        if self.n_headers == MAX_HEADERS || room < value.len().min(MAX_VALUE) || name.is_empty() {
            self.n_left_out = self.n_left_out.saturating_add(1);
            return;
        }
        self.n_headers += 1;
        self.text.push('\n');
        self.text.push_str(name);
        self.text.push(':');
        push_line(&mut self.text, value);
    }

    /// It is complete.
    #[must_use]
    pub fn finish(mut self) -> PackedHead {
        if self.n_left_out > 0 {
            // No header is without a name.
            self.text.push_str(&format!("\n:{}", self.n_left_out));
        }
        PackedHead(Bytes::from(self.text))
    }
}

/// The beginning of a text, as one line.
fn push_line(to: &mut String, text: &str) {
    if text.len() <= MAX_VALUE && !text.contains('\n') {
        return to.push_str(text);
    }
    let end = floor_char(text, MAX_VALUE);
    to.extend(text[..end].chars().map(|c| if c == '\n' { ' ' } else { c }));
    if end < text.len() {
        to.push('…');
    }
}

impl PackedHead {
    pub(super) const fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(super) const fn of(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// As it is shown.
    #[must_use]
    pub fn unpack(&self) -> Head {
        let text = String::from_utf8_lossy(&self.0);
        let mut lines = text.split('\n');
        let mut head = Head { line: lines.next().unwrap_or_default().to_owned(), ..Head::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name {
                "" => head.n_left_out = value.parse().unwrap_or_default(),
                name => head.headers.push((name.to_owned(), value.to_owned())),
            }
        }
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut text = HeadText::new("POST /mcp");
        for (name, value) in [("accept", "a: b, c"), ("x-empty", ""), ("x-\u{fc}", "Gr\u{fc}\u{df}e\nx: y")] {
            text.push(name, value);
        }
        let head = text.finish().unpack();
        assert_eq!(head.line, "POST /mcp");
        let headers: Vec<(&str, &str)> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let folded = "Gr\u{fc}\u{df}e x: y";
        assert_eq!(headers, [("accept", "a: b, c"), ("x-empty", ""), ("x-\u{fc}", folded)]);
        assert_eq!(head.n_left_out, 0);
    }

    #[test]
    fn many_and_long_headers_cost_no_more_than_their_room() {
        let long = "\u{e9}".repeat(100_000);
        let mut text = HeadText::new(&long);
        for i in 0..1000 {
            text.push(&format!("x-{i}"), if i % 2 == 0 { "v" } else { &long });
        }
        text.push(&"n".repeat(MAX_BYTES), "v");
        let packed = text.finish();
        assert!(packed.bytes().len() <= MAX_BYTES + 16, "{}", packed.bytes().len());
        let head = packed.unpack();
        assert!(head.line.ends_with('…') && head.headers[1].1.ends_with('…'));
        assert_eq!(head.headers.len() + head.n_left_out as usize, 1001);
        let mut text = HeadText::new("GET /");
        (0..1000).for_each(|i| text.push(&format!("x-{i}"), ""));
        let head = text.finish().unpack();
        assert_eq!((head.headers.len(), head.n_left_out), (MAX_HEADERS, 936));
    }
}
