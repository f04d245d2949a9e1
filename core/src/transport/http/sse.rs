//! Server-sent events read as they come (WHATWG HTML, section 9.2): bytes in, whole events out.
//!
//! A plain value without I/O. Line ends may be LF, CRLF or CR, and may be cut anywhere between two reads. Memory is bounded
//! by the limit on one event: what is longer is skipped and reported. An event that the end of the stream cuts off does not
//! exist.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

/// What has been framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// An event with data; the data may be empty.
    Event {
        /// `event`; empty if it has none, which stands for `message`.
        name: Bytes,
        /// Its data lines, joined by LF.
        data: Bytes,
    },
    /// An event over the limit: skipped.
    TooLong {
        /// Its length in bytes.
        n_bytes: usize,
    },
}

/// Lines shorter than this are copied.
const COPY_BELOW: usize = 4 << 10;

/// The unread part of an event stream.
#[derive(Debug)]
pub struct EventParser {
    buf: BytesMut,
    /// Bytes of `buf` known to hold no line end.
    n_scanned: usize,
    max: usize,
    /// The line before ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Nothing has been read yet: a byte order mark may come.
    at_start: bool,
    name: Bytes,
    data: Option<Data>,
    /// The `id` of the event that is being read.
    id: Option<Bytes>,
    last_id: Option<Bytes>,
    retry: Option<Duration>,
    /// Bytes of the event so far.
    n_bytes: usize,
    /// The event is over the limit: only its end is looked for.
    is_skipping: bool,
    /// While skipping: the line has begun.
    in_line: bool,
}

/// One long line is shared with what was read; several are joined.
#[derive(Debug)]
enum Data {
    One(Bytes),
    Joined(BytesMut),
}

impl EventParser {
    /// Nothing read yet; events of more than `max` bytes are skipped.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            buf: BytesMut::new(),
            n_scanned: 0,
            max,
            after_cr: false,
            at_start: true,
            name: Bytes::new(),
            data: None,
            id: None,
            last_id: None,
            retry: None,
            n_bytes: 0,
            is_skipping: false,
            in_line: false,
        }
    }

    /// Takes what was read. Ask [`EventParser::next`] until it has no more before the next one.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.buf.is_empty() {
            // What was read is nobody else's: no copy.
            self.buf = BytesMut::from(bytes);
        } else {
            self.buf.extend_from_slice(&bytes);
        }
    }

    /// The `id` of the last event that was complete, if the stream has ids.
    #[must_use]
    pub const fn last_id(&self) -> Option<&Bytes> {
        self.last_id.as_ref()
    }

    /// The last `retry`: how long to wait before asking again after the stream has ended.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The next whole event, if it has been read.
    #[expect(clippy::should_implement_trait, reason = "no iterator: more may come after `None`")]
    pub fn next(&mut self) -> Option<Framed> {
        if self.at_start && !self.skip_mark() {
            return None;
        }
        loop {
            if self.after_cr && !self.buf.is_empty() {
                self.after_cr = false;
                if self.buf[0] == b'\n' {
                    self.buf.advance(1);
                }
            }
            let found = memchr::memchr2(b'\n', b'\r', &self.buf[self.n_scanned..]).map(|i| self.n_scanned + i);
            let Some(end) = found else {
                self.n_scanned = self.buf.len();
                self.drop_overlong();
                if self.buf.is_empty() {
                    // An empty buffer keeps its memory, for as long as the stream is silent.
                    self.buf = BytesMut::new();
                }
                return None;
            };
            self.n_scanned = 0;
            self.after_cr = self.buf[end] == b'\r';
            let line = self.buf.split_to(end).freeze();
            self.buf.advance(1);
            if let Some(framed) = self.on_line(&line) {
                return Some(framed);
            }
        }
    }

    /// `false`: too little was read to tell.
    fn skip_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let n = self.buf.len().min(MARK.len());
        if n < MARK.len() && self.buf[..n] == MARK[..n] {
            return false;
        }
        self.at_start = false;
        if self.buf.starts_with(MARK) {
            self.buf.advance(MARK.len());
        }
        true
    }

    /// A line without end does not fill the memory.
    fn drop_overlong(&mut self) {
        if self.is_skipping || self.n_bytes + self.buf.len() > self.max {
            self.begin_skipping();
            self.in_line |= !self.buf.is_empty();
            self.n_bytes += self.buf.len();
            self.buf = BytesMut::new();
            self.n_scanned = 0;
        }
    }

    fn begin_skipping(&mut self) {
        self.is_skipping = true;
        self.data = None;
    }

    fn on_line(&mut self, line: &Bytes) -> Option<Framed> {
        if line.is_empty() && !self.in_line {
            return self.dispatch();
        }
        self.in_line = false;
        self.n_bytes += line.len() + 1;
        if self.is_skipping || self.n_bytes > self.max + 1 {
            self.begin_skipping();
            return None;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            // A comment.
            Some(0) => {
                self.n_bytes -= line.len() + 1;
                return None;
            }
            Some(at) => {
                let value = line.slice(at + 1..);
                let value = if value.first() == Some(&b' ') { value.slice(1..) } else { value };
                (&line[..at], value)
            }
            None => (&line[..], Bytes::new()),
        };
        match field {
            b"data" => self.push_data(value),
            b"event" => self.name = value,
            b"id" if memchr::memchr(0, &value).is_none() => self.id = Some(Bytes::copy_from_slice(&value)),
            b"retry" => {
                let ms = std::str::from_utf8(&value).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
                self.retry = ms.and_then(|t| t.parse().ok()).map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
        None
    }

    fn push_data(&mut self, value: Bytes) {
        // Who keeps a small part would keep all of what was read.
        let value = if value.len() < COPY_BELOW { Bytes::copy_from_slice(&value) } else { value };
        self.data = Some(match self.data.take() {
            None => Data::One(value),
            Some(before) => {
                let mut all = match before {
                    Data::One(first) => BytesMut::from(first),
                    Data::Joined(all) => all,
                };
                all.extend_from_slice(b"\n");
                all.extend_from_slice(&value);
                Data::Joined(all)
            }
        });
    }

    fn dispatch(&mut self) -> Option<Framed> {
        let n_bytes = std::mem::take(&mut self.n_bytes);
        let name = std::mem::take(&mut self.name);
        let data = self.data.take();
        if let Some(id) = self.id.take() {
            // An empty one takes it back.
            self.last_id = Some(id).filter(|id| !id.is_empty());
        }
        if std::mem::take(&mut self.is_skipping) {
            return Some(Framed::TooLong { n_bytes });
        }
        let data = match data? {
            Data::One(data) => data,
            Data::Joined(data) => data.freeze(),
        };
        Some(Framed::Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `chunks` one by one; events as `name=data`, skipped ones as `<n>`.
    fn read(max: usize, chunks: &[&[u8]]) -> (Vec<String>, EventParser) {
        let mut parser = EventParser::new(max);
        let mut out = Vec::new();
        for chunk in chunks {
            parser.feed(Bytes::copy_from_slice(chunk));
            while let Some(framed) = parser.next() {
                out.push(match framed {
                    Framed::Event { name, data } => {
                        format!("{}={}", String::from_utf8_lossy(&name), String::from_utf8_lossy(&data))
                    }
                    Framed::TooLong { n_bytes } => format!("<{n_bytes}>"),
                });
            }
        }
        (out, parser)
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(read(1000, &[text.as_bytes()]).0, expected, "{text:?}");
    }

    #[test]
    fn events_as_the_standard_has_them() {
        check("data: a\n\n", &["=a"]);
        check("data:a\n\ndata:  b\n\n", &["=a", "= b"]);
        check("event: endpoint\ndata: /x?y=1\n\n", &["endpoint=/x?y=1"]);
        check("data: a\ndata: b\ndata\n\n", &["=a\nb\n"]);
        check(": comment\n\ndata: a\n: another\n\n", &["=a"]);
        check("event: lost\n\ndata: a\n\n", &["=a"]);
        check("\u{feff}data: a\n\n", &["=a"]);
        check("data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["=a", "=b", "=c"]);
        check("unknown: x\nno colon\ndata: a\n\n", &["=a"]);
        check("data: cut off", &[]);
        check("data: cut off\n", &[]);
        check("data\n\n", &["="]);
        check("", &[]);
    }

    #[test]
    fn ids_and_retry_are_remembered_from_whole_events() {
        let last = |text: &str| read(1000, &[text.as_bytes()]).1.last_id().cloned();
        assert_eq!(last("id: 7\ndata: a\n\n"), Some("7".into()));
        assert_eq!(last("id: 7\n\n"), Some("7".into()), "a priming event needs no data");
        assert_eq!(last("id: 7\ndata: a\n\nid: 8\ndata: cut off\n"), Some("7".into()));
        assert_eq!(last("id: 7\ndata: a\n\ndata: b\n\n"), Some("7".into()));
        assert_eq!(last("id: 7\ndata: a\n\nid\ndata: b\n\n"), None);
        assert_eq!(last("id: a\0b\ndata: a\n\n"), None);
        let retry = |text: &str| read(1000, &[text.as_bytes()]).1.retry();
        assert_eq!(retry("retry: 1500\n\n"), Some(Duration::from_millis(1500)));
        assert_eq!(retry("retry: 1500\nretry: soon\n\n"), Some(Duration::from_millis(1500)));
        assert_eq!(retry("retry: -1\n\n"), None);
    }

    #[test]
    fn an_event_over_the_limit_is_skipped_and_the_next_one_read() {
        let long = "x".repeat(50);
        for text in [
            format!("data: {long}\n\ndata: a\n\n"),
            format!("event: e\ndata: {long}\ndata: b\n\ndata: a\n\n"),
            format!("data: {long}\r\n\r\ndata: a\r\n\r\n"),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                let (out, parser) = read(40, &chunks);
                assert_eq!(out.len(), 2, "{out:?} in chunks of {size}");
                assert!(out[0].starts_with('<') && out[1] == "=a", "{out:?} in chunks of {size}");
                assert!(parser.buf.len() <= 40);
            }
        }
        let many = "data: xxxx\n".repeat(10);
        assert_eq!(read(40, &[many.as_bytes(), b"\n"]).0, ["<110>"], "many short lines are one long event");
        let comments = ": keep alive\n".repeat(100);
        assert_eq!(read(40, &[comments.as_bytes(), b"data: a\n\n"]).0, ["=a"], "comments belong to no event");
    }

    fn line_end() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]
    }

    fn event() -> impl Strategy<Value = (String, Vec<String>)> {
        ("[a-z]{0,6}", prop::collection::vec("[ a-z:{}\"é]{0,12}", 1..4))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            events in prop::collection::vec((event(), line_end()), 0..6),
            sizes in prop::collection::vec(1_usize..9, 1..9),
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for ((name, lines), end) in &events {
                if !name.is_empty() {
                    text.push_str(&format!("event: {name}{end}"));
                }
                for line in lines {
                    text.push_str(&format!("data: {line}{end}"));
                }
                text.push_str(end);
                expected.push(format!("{name}={}", lines.join("\n")));
            }
            let mut rest = text.as_bytes();
            let mut chunks = Vec::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break }
                let (chunk, after) = rest.split_at((*size).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(read(1000, &chunks).0, expected);
        }

        #[test]
        fn any_bytes_are_read_the_same_however_they_are_cut(
            bytes in prop::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), Just(0xef), any::<u8>()
            ], 0..200),
            size in 1_usize..20,
        ) {
            let whole = read(10_000, &[&bytes]).0;
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(read(10_000, &chunks).0, whole);
        }

        #[test]
        fn memory_is_bounded_by_the_limit(
            bytes in prop::collection::vec(prop_oneof![1 => Just(b'\n'), 30 => Just(b'x')], 0..2000),
            size in 1_usize..50,
        ) {
            let mut parser = EventParser::new(64);
            for chunk in bytes.chunks(size) {
                parser.feed(Bytes::copy_from_slice(chunk));
                while parser.next().is_some() {}
                prop_assert!(parser.buf.len() <= 64);
            }
        }
    }
}
