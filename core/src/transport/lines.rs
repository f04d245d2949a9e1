//! Cuts a byte stream into lines, with a limit on their length.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room made for one read at first: many small messages.
const LEAST_ROOM: usize = 8 * 1024;
/// Room made for one read when those before brought much. A pipe holds 64 KiB on Linux.
const MOST_ROOM: usize = 64 * 1024;
/// Memory over this is given back even while large messages keep coming.
const MOST_KEPT: usize = 2 * 1024 * 1024;
/// So many lines are looked at before the first of them is acted on: what reads a message and what acts on one are each near at hand then
/// for all of them.
pub const TOGETHER: usize = 16;
/// Kept from both ends of a line that is too long, to look for its id.
const KEEP_BYTES: usize = 256;

/// The unread part of a stream. The limit is on one line; the buffer never holds more than one line and one read.
#[derive(Debug)]
pub struct Lines {
    buf: BytesMut,
    /// Bytes of `buf` known to hold no newline.
    n_scanned: usize,
    /// Room to be made for a read.
    room: usize,
    /// How large the memory is that `buf` is a part of.
    n_allocated: usize,
    max_line: usize,
    skipping: Option<TooLong>,
}

/// What one line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its newline; may be empty.
    Whole(Bytes),
    /// A line over the limit: skipped.
    TooLong(TooLong),
}

/// What is kept of a line that is too long.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Its first bytes.
    pub head: Bytes,
    /// Its last bytes.
    pub tail: Bytes,
    /// Its length in bytes.
    pub n_bytes: usize,
}

impl Lines {
    /// Nothing read yet; lines of more than `max_line` bytes are skipped.
    #[must_use]
    pub fn new(max_line: usize) -> Self {
        Self { buf: BytesMut::new(), n_scanned: 0, room: LEAST_ROOM, n_allocated: 0, max_line, skipping: None }
    }

    /// Reads once; gives the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// As the reader.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing read is lost.
    pub async fn fill<R: AsyncRead + Unpin + ?Sized>(&mut self, reader: &mut R) -> io::Result<usize> {
        let is_large = self.n_allocated > MOST_KEPT || (self.n_allocated > LEAST_ROOM && self.room == LEAST_ROOM);
        if is_large && self.buf.is_empty() {
            // A large message has gone, and those that come now are small: idle servers keep little.
            self.buf = BytesMut::new();
            self.n_allocated = 0;
        }
        if self.buf.capacity() - self.buf.len() < self.room / 4 {
            // A long line grows by its own length, so that it is copied a few times only.
            self.buf.reserve(self.room.max(self.buf.len()));
            self.n_allocated = self.buf.capacity();
        }
        let n = reader.read_buf(&mut self.buf).await?;
        if n >= self.room {
            self.room = (self.room * 2).min(MOST_ROOM);
        } else if n < self.room / 4 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        }
        Ok(n)
    }

    /// The next whole line, if it has been read.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let found = memchr::memchr(b'\n', &self.buf[self.n_scanned..]).map(|i| self.n_scanned + i);
            let Some(end) = found else {
                self.n_scanned = self.buf.len();
                if self.skipping.is_some() || self.buf.len() > self.max_line {
                    self.skip(self.buf.len());
                }
                return None;
            };
            self.n_scanned = 0;
            if self.skipping.is_some() || end > self.max_line {
                self.skip(end);
                self.buf.advance(1);
                return self.skipping.take().map(Line::TooLong);
            }
            let mut line = self.buf.split_to(end);
            self.buf.advance(1);
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Some(Line::Whole(line.freeze()));
            }
        }
    }

    /// What stands after the last newline; asked for at the end of the stream.
    pub fn rest(&mut self) -> Option<Line> {
        if let Some(skipped) = self.skipping.take() {
            return Some(Line::TooLong(skipped));
        }
        self.n_scanned = 0;
        let rest = std::mem::take(&mut self.buf).freeze();
        (!rest.iter().all(u8::is_ascii_whitespace)).then_some(Line::Whole(rest))
    }

    /// Throws `n` bytes away, remembering both ends.
    fn skip(&mut self, n: usize) {
        let gone = &self.buf[..n];
        let too_long = self.skipping.get_or_insert_with(|| TooLong {
            head: Bytes::copy_from_slice(&gone[..gone.len().min(KEEP_BYTES)]),
            tail: Bytes::new(),
            n_bytes: 0,
        });
        too_long.n_bytes += n;
        let joined = [&too_long.tail[..], &gone[gone.len().saturating_sub(KEEP_BYTES)..]].concat();
        too_long.tail = Bytes::copy_from_slice(&joined[joined.len().saturating_sub(KEEP_BYTES)..]);
        self.buf.advance(n);
        self.n_scanned = 0;
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
            self.n_allocated = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `chunks` one read each and collects what comes out, too long lines as `<n>`.
    async fn check(max: usize, chunks: &[&str], expected: &[&str]) {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        let mut show = |line| match line {
            Line::Whole(b) => out.push(String::from_utf8_lossy(&b).into_owned()),
            Line::TooLong(t) => out.push(format!("<{}>", t.n_bytes)),
        };
        for chunk in chunks {
            lines.fill(&mut chunk.as_bytes()).await.expect("reads from memory");
            while let Some(line) = lines.next_line() {
                show(line);
            }
        }
        lines.rest().into_iter().for_each(show);
        assert_eq!(out, expected, "{chunks:?}");
    }

    #[tokio::test]
    async fn lines_are_cut_at_newlines_only() {
        check(100, &["a\nb", "c\n", "\n\r\nd\r\ne"], &["a", "bc", "d", "e"]).await;
        check(100, &["", "a", ""], &["a"]).await;
        check(100, &["a\n \t"], &["a"]).await;
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_and_the_next_one_read() {
        check(3, &["abcd\nxyz\n"], &["<4>", "xyz"]).await;
        check(3, &["ab", "cde", "fg\nxyz\nab", "cd"], &["<7>", "xyz", "<4>"]).await;
    }

    #[tokio::test]
    async fn both_ends_of_a_skipped_line_are_kept() {
        let mut lines = Lines::new(1000);
        let text = format!("START{}END\n", "x".repeat(10_000));
        let mut reader = text.as_bytes();
        while lines.fill(&mut reader).await.expect("memory") > 0 {}
        let Some(Line::TooLong(t)) = lines.next_line() else { panic!("not skipped") };
        assert!(t.head.starts_with(b"START") && t.tail.ends_with(b"END") && t.n_bytes == 10_008);
    }

    #[tokio::test]
    async fn memory_follows_what_is_read() {
        let mut lines = Lines::new(1 << 24);
        let mut read = async |n_bytes: usize| {
            let text = format!("{}\n", "x".repeat(n_bytes));
            let mut reader = text.as_bytes();
            let mut line = None;
            while lines.fill(&mut reader).await.expect("memory") > 0 {
                line = lines.next_line().or(line);
            }
            assert!(matches!(line, Some(Line::Whole(line)) if line.len() == n_bytes));
            lines.n_allocated
        };
        assert!(read(100).await <= LEAST_ROOM);
        for _ in 0..3 {
            read(1 << 20).await;
        }
        assert!(read(5).await >= 1 << 20, "the next one may be as large");
        for _ in 0..10 {
            read(100).await;
        }
        assert!(read(100).await <= LEAST_ROOM, "what a large line needed is given back");
    }
}
