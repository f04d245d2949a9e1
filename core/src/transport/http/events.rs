//! Server-sent events, written (HTML, section 9.2).

use std::fmt;

use bytes::Bytes;

use super::body::Runs;
use crate::protocol::Spliced;

/// The id of an event: which stream, and which of its events. `<stream>-<n>` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The stream.
    pub stream: u64,
    /// Counts its events from 0.
    pub n: u64,
}

impl EventId {
    /// The id that a client names in `Last-Event-ID`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (stream, n) = text.split_once('-')?;
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok()).flatten();
        Some(Self { stream: number(stream)?, n: number(n)? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.n)
    }
}

/// How long a client that lost a stream waits before it asks for the rest: long enough not to be a flood when a thousand do.
const RETRY_MS: u32 = 1000;

/// A message as one event, named and numbered where asked for. The first one of a stream that can be taken up again says how
/// soon (`retry`; MCP 2025-11-25, transports).
#[must_use]
pub fn event(name: Option<&str>, id: Option<EventId>, message: &Spliced) -> Runs {
    let retry = id.filter(|id| id.n == 0).map_or_else(String::new, |_| format!("retry: {RETRY_MS}\n"));
    let name = name.map_or_else(String::new, |n| format!("event: {n}\n"));
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    let head = format!("{retry}{name}{id}data: ");
    let mut broken = false;
    message.for_each_run(|run| broken |= memchr::memchr2(b'\n', b'\r', run.bytes()).is_some());
    if broken {
        // In JSON a raw line break can only stand between tokens.
        let space = |b: u8| if matches!(b, b'\n' | b'\r') { b' ' } else { b };
        let line: Bytes = message.to_bytes().iter().copied().map(space).collect();
        return Runs::of(head.as_bytes(), &Spliced::new(line), b"\n\n");
    }
    Runs::of(head.as_bytes(), message, b"\n\n")
}

/// An event that says nothing but its id and `retry`, so that a client that loses the stream can name it (MCP 2025-11-25, transports).
#[must_use]
pub fn priming(id: EventId) -> Runs {
    Bytes::from(format!("retry: {RETRY_MS}\nid: {id}\ndata: \n\n")).into()
}

/// A line that is no event: keeps those on the way from closing the connection.
#[must_use]
pub const fn comment() -> Bytes {
    Bytes::from_static(b":\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut runs: Runs) -> String {
        let mut all = Vec::new();
        while let Some(part) = runs.next_part() {
            all.extend_from_slice(&part);
        }
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn events_are_written_on_one_line() {
        let message = |t: &'static str| Spliced::new(Bytes::from_static(t.as_bytes()));
        let id = EventId { stream: 3, n: 12 };
        assert_eq!(text(event(None, None, &message("{}"))), "data: {}\n\n");
        assert_eq!(text(event(None, Some(id), &message("{}"))), "id: 3-12\ndata: {}\n\n");
        assert_eq!(text(event(Some("message"), None, &message("{}"))), "event: message\ndata: {}\n\n");
        assert_eq!(text(event(None, None, &message("{\r\n \"a\": 1\n}"))), "data: {   \"a\": 1 }\n\n");
        assert_eq!(text(priming(id)), "retry: 1000\nid: 3-12\ndata: \n\n");
        let first = EventId { n: 0, ..id };
        assert_eq!(text(event(None, Some(first), &message("{}"))), "retry: 1000\nid: 3-0\ndata: {}\n\n");
    }

    #[test]
    fn event_ids_are_read_as_they_are_written() {
        for (text, id) in [
            ("3-12", Some((3, 12))),
            ("0-0", Some((0, 0))),
            ("3", None),
            ("3-", None),
            ("-1", None),
            ("+3-1", None),
            ("3-1-1", None),
            ("99999999999999999999-1", None),
            ("", None),
        ] {
            assert_eq!(EventId::read(text), id.map(|(stream, n)| EventId { stream, n }), "{text}");
        }
    }
}
