//! [`Follow`]: what of an answer has been handed to hyper, told from the bytes alone. Pure.
//!
//! Only event streams are followed, because only they are worth taking over; of all other answers the end of the head is looked for and
//! nothing else. Whatever is odd is not followed.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::framing::Framing;

/// Bytes of a head, at most: who says more is not followed.
const MAX_HEAD: usize = 16 * 1024;
/// Lines of a head, at most: as hyper has it.
const MAX_HEADERS: usize = 100;

/// Made once: every answer is looked through for these.
static END_OF_HEAD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(END));
static EVENT_STREAM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(EVENTS));
/// How a head ends.
const END: &[u8] = b"\r\n\r\n";
/// The type of event streams.
const EVENTS: &[u8] = b"text/event-stream";

/// Where a connection is, as far as it matters here.
#[derive(Debug)]
pub(super) enum Follow {
    /// Before an answer or within its head, of which this has come.
    Head(Vec<u8>),
    /// In an event stream; so much of its body has come.
    Events { framing: Framing, n_bytes: u64 },
    /// In another answer, or behind one: until the next request.
    Other,
    /// Not to be followed any more.
    Lost,
}

/// What a head is of.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// It says that the answer is still to come.
    Early,
    Events(Framing),
    Other,
    Odd,
}

impl Follow {
    /// A connection on which nothing has been said.
    pub(super) const fn new() -> Self {
        Self::Head(Vec::new())
    }

    /// Bytes came; none: the end.
    pub(super) fn on_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            *self = Self::Lost;
            return;
        }
        if let Self::Head(have) = self {
            let mut rest = bytes;
            *self = loop {
                let Some(head) = head_in(have, &mut rest) else {
                    if have.len() > MAX_HEAD {
                        break Self::Other;
                    }
                    return;
                };
                let kind = Head::of(&head);
                have.clear();
                match kind {
                    Head::Early => {}
                    Head::Other => break Self::Other,
                    Head::Odd => break Self::Lost,
                    Head::Events(framing) => {
                        let mut events = Self::Events { framing, n_bytes: 0 };
                        events.on_body(rest);
                        break events;
                    }
                }
            };
        } else {
            self.on_body(bytes);
        }
    }

    fn on_body(&mut self, bytes: &[u8]) {
        let Self::Events { framing, n_bytes } = self else { return };
        let fed = framing.feed(bytes, |data| *n_bytes += data.len() as u64);
        if fed.is_err() {
            *self = Self::Lost;
        } else if framing.is_over() {
            *self = Self::Other;
        }
    }

    /// Part of a request was written.
    pub(super) fn on_write(&mut self) {
        match self {
            Self::Other => *self = Self::new(),
            Self::Head(have) if have.is_empty() => {}
            // An answer before its request was whole.
            Self::Head(_) | Self::Events { .. } => *self = Self::Lost,
            Self::Lost => {}
        }
    }
}

/// The head that ends in `rest`, with what came before of it; `rest` is then what is behind it. Else all is kept in `have`.
fn head_in<'b>(have: &mut Vec<u8>, rest: &mut &'b [u8]) -> Option<Cow<'b, [u8]>> {
    if have.is_empty()
        && let Some(at) = END_OF_HEAD.find(rest)
    {
        let (head, behind) = rest.split_at(at + END.len());
        *rest = behind;
        return Some(head.into());
    }
    let n_before = have.len();
    have.extend_from_slice(&rest[..rest.len().min(MAX_HEAD + 1)]);
    // The end may lie in both.
    let from = n_before.saturating_sub(END.len() - 1);
    let at = from + END_OF_HEAD.find(&have[from..])?;
    let head = have[..at + END.len()].to_vec();
    *rest = &rest[head.len() - n_before..];
    Some(head.into())
}

impl Head {
    fn of(head: &[u8]) -> Self {
        if let Some(code) = head.strip_prefix(b"HTTP/1.1 ")
            && code.starts_with(b"1")
        {
            // With 101 it is HTTP no more.
            return if code.starts_with(b"101") { Self::Odd } else { Self::Early };
        }
        // Nearly all others are out with this.
        if EVENT_STREAM.find(head).is_none() {
            return Self::Other;
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        // An end other than ours would be one of single line feeds.
        if answer.parse(head) != Ok(httparse::Status::Complete(head.len())) || answer.version != Some(1) {
            return Self::Odd;
        }
        if !matches!(answer.code, Some(200..=299)) || matches!(answer.code, Some(204 | 205)) {
            return Self::Other;
        }
        let mut framing = None;
        let mut is_events = false;
        for header in &*answer.headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-type") {
                is_events = is_event_stream(header.value);
            } else if is("transfer-encoding") {
                if framing.is_some() || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Self::Other;
                }
                framing = Some(Framing::chunked());
            } else if is("content-length") || is("content-encoding") || is("upgrade") {
                return Self::Other;
            }
        }
        if is_events { Self::Events(framing.unwrap_or(Framing::to_the_end())) } else { Self::Other }
    }
}

/// Whether a `content-type` says that it is one, as all servers write it.
pub(super) fn is_event_stream(kind: &[u8]) -> bool {
    kind.trim_ascii()
        .strip_prefix(EVENTS)
        .is_some_and(|rest| rest.is_empty() || rest.trim_ascii_start().starts_with(b";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

    fn fed(pieces: &[&[u8]]) -> Follow {
        let mut follow = Follow::new();
        pieces.iter().filter(|piece| !piece.is_empty()).for_each(|piece| follow.on_read(piece));
        follow
    }

    fn n_bytes(follow: &Follow) -> Option<u64> {
        if let Follow::Events { n_bytes, .. } = follow { Some(*n_bytes) } else { None }
    }

    #[test]
    fn an_event_stream_is_followed_however_it_is_split() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        for before in ["", early] {
            let all = format!("{before}{STREAM}5\r\nhello\r\n3\r\nyou");
            for one in 0..all.len() {
                for other in [one, all.len() - 4, all.len()] {
                    let (one, other) = (one.min(other), one.max(other));
                    let (a, b, c) = (&all[..one], &all[one..other], &all[other..]);
                    let follow = fed(&[a.as_bytes(), b.as_bytes(), c.as_bytes()]);
                    assert_eq!(n_bytes(&follow), Some(8), "{one} {other}");
                }
            }
            let bytes: Vec<&[u8]> = all.as_bytes().chunks(1).collect();
            assert_eq!(n_bytes(&fed(&bytes)), Some(8));
        }
    }

    #[test]
    fn only_what_is_certain_is_followed() {
        let check = |head: &str, expected: Head| {
            let head = head.replace('\n', "\r\n") + "\r\n\r\n";
            assert_eq!(Head::of(head.as_bytes()), expected, "{head}");
        };
        let chunked = || Head::Events(Framing::chunked());
        let events = "HTTP/1.1 200 OK\ncontent-type: text/event-stream";
        check(events, Head::Events(Framing::to_the_end()));
        check(&format!("{events}; charset=utf-8\nTransfer-Encoding: Chunked"), chunked());
        check(&format!("{events}\nconnection: close\ntransfer-encoding: chunked"), chunked());
        check("HTTP/1.1 202 \ncontent-type:text/event-stream \ntransfer-encoding:chunked", chunked());
        for more in ["content-length: 5", "content-encoding: gzip", "upgrade: h2c", "transfer-encoding: gzip, chunked"]
        {
            check(&format!("{events}\n{more}"), Head::Other);
        }
        check(&format!("{events}\ntransfer-encoding: chunked\ntransfer-encoding: chunked"), Head::Other);
        check("HTTP/1.1 204 No Content\ncontent-type: text/event-stream", Head::Other);
        check("HTTP/1.1 500 No\ncontent-type: text/event-stream", Head::Other);
        check("HTTP/1.1 200 OK\ncontent-type: text/event-streams", Head::Other);
        check("HTTP/1.1 200 OK\nx: text/event-stream", Head::Other);
        check("HTTP/1.0 200 OK\ncontent-type: text/event-stream", Head::Odd);
        check("HTTP/1.1 200 OK\nno header, text/event-stream", Head::Odd);
        check("HTTP/1.1 101 Switching\nupgrade: text/event-stream", Head::Odd);
        check("HTTP/1.1 100 Continue", Head::Early);
        check("SSH-2.0", Head::Other);
        assert_eq!(Head::of(b"HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\ndata\r\n\r\n"), Head::Odd);
    }

    #[test]
    fn the_next_answer_is_looked_at_from_its_start() {
        let mut follow = fed(&[JSON.as_bytes()]);
        assert!(matches!(follow, Follow::Other));
        follow.on_read(STREAM.as_bytes());
        assert!(matches!(follow, Follow::Other), "a body that looks like a head");
        follow.on_write();
        follow.on_write();
        follow.on_read(format!("{STREAM}5\r\nhello\r\n0\r\n\r\n").as_bytes());
        assert!(matches!(follow, Follow::Other), "it is over");
        follow.on_write();
        follow.on_read(STREAM.as_bytes());
        assert_eq!(n_bytes(&follow), Some(0));
    }

    #[test]
    fn what_is_odd_is_not_followed_any_more() {
        let lost = |follow: &mut Follow| {
            follow.on_write();
            follow.on_read(STREAM.as_bytes());
            matches!(follow, Follow::Lost)
        };
        assert!(lost(&mut fed(&[b"HTTP/1.1 2"])), "half a head, and still the request is written");
        assert!(lost(&mut fed(&[STREAM.as_bytes()])), "the same in a stream");
        assert!(lost(&mut fed(&[STREAM.as_bytes(), b"zz"])), "no chunk");
        let mut ended = fed(&[STREAM.as_bytes()]);
        ended.on_read(b"");
        assert!(lost(&mut ended));
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n", "x".repeat(MAX_HEAD));
        assert!(matches!(fed(&[long.as_bytes()]), Follow::Other));
        assert!(matches!(fed(&[&long.as_bytes()[..100], &long.as_bytes()[100..]]), Follow::Other));
    }
}
