//! What servers wrote on stderr, junk on stdout, and their log messages: one ring for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Lines kept over all servers.
const N_LINES: usize = 4000;
/// Bytes of text kept over all servers.
const N_BYTES: usize = 512 * 1024;
/// Longest line kept, in bytes; the rest is cut.
const MAX_LINE: usize = 4096;

/// A line of a server's log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Position in the log: ascending without gaps over all servers.
    pub seq: u64,
    /// When.
    pub at: SystemTime,
    /// The server.
    pub backend: Arc<str>,
    /// Where it came from.
    pub stream: LogStream,
    /// The text, control characters removed, at most 4 KiB.
    pub text: Arc<str>,
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The server's stderr.
    Stderr,
    /// A line on stdout that is no JSON-RPC message.
    Stdout,
    /// A `notifications/message` of the server.
    Message,
}

/// Lines of the servers' logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogWindow {
    /// The position after the last line given: the next `from`.
    pub next: u64,
    /// Lines that were dropped before they could be read (`from` was older than the ring).
    pub n_dropped: u64,
    /// The lines, ascending.
    pub lines: Vec<LogLine>,
}

/// The ring.
#[derive(Debug, Default)]
pub struct LogRing(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    first: u64,
    n_bytes: usize,
}

/// `text` fit to be shown: no control characters (a tab becomes a space), no escape sequences, not over the limit.
fn clean(text: &[u8]) -> String {
    let mut out = String::new();
    let lossy = String::from_utf8_lossy(&text[..text.len().min(MAX_LINE)]);
    let mut chars = lossy.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' => out.push(' '),
            // CSI and OSC sequences: skip to their end (ECMA-48, 5.4 and 5.6).
            '\u{1b}' => match chars.next() {
                Some('[') => drop(chars.by_ref().find(|c| ('@'..='~').contains(c))),
                Some(']') => drop(chars.by_ref().find(|c| matches!(c, '\u{7}' | '\u{1b}'))),
                _ => {}
            },
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

impl LogRing {
    /// Adds a line.
    pub fn push(&self, backend: &Arc<str>, stream: LogStream, text: &[u8]) {
        let text: Arc<str> = clean(text).into();
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = ring.first + ring.lines.len() as u64;
        ring.n_bytes += text.len();
        ring.lines.push_back(LogLine { seq, at: SystemTime::now(), backend: backend.clone(), stream, text });
        while ring.lines.len() > N_LINES || ring.n_bytes > N_BYTES {
            let Some(line) = ring.lines.pop_front() else { break };
            ring.n_bytes -= line.text.len();
            ring.first += 1;
        }
    }

    /// Up to `limit` lines from position `from` on.
    #[must_use]
    pub fn window(&self, from: u64, limit: usize) -> LogWindow {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = from.max(ring.first);
        let lines: Vec<LogLine> = ring.lines.iter().skip((start - ring.first) as usize).take(limit).cloned().collect();
        LogWindow { next: start + lines.len() as u64, n_dropped: start - from, lines }
    }

    /// The position the next line will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.first + ring.lines.len() as u64
    }

    /// The last `n` lines of one server, of all kinds, oldest first.
    #[must_use]
    pub fn last_of(&self, backend: &str, n: usize) -> Vec<LogLine> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = ring.lines.iter().rev().filter(|l| &*l.backend == backend);
        let mut lines: Vec<LogLine> = of.take(n).cloned().collect();
        lines.reverse();
        lines
    }

    /// The last `n` lines one server wrote from position `from` on, its log messages left out.
    #[must_use]
    pub fn tail(&self, backend: &str, from: u64, n: usize) -> Vec<String> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_its = |l: &&LogLine| l.seq >= from && &*l.backend == backend && l.stream != LogStream::Message;
        let of = ring.lines.iter().rev().filter(is_its);
        let mut lines: Vec<String> = of.take(n).map(|l| l.text.to_string()).collect();
        lines.reverse();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_reader_is_told_how_many_it_missed() {
        let ring = LogRing::default();
        let name: Arc<str> = "a".into();
        for i in 0..N_LINES + 10 {
            ring.push(&name, LogStream::Stderr, i.to_string().as_bytes());
        }
        let window = ring.window(0, 5);
        assert_eq!((window.n_dropped, window.lines[0].seq, window.next), (10, 10, 15));
    }

    #[test]
    fn escape_sequences_do_not_pass() {
        assert_eq!(clean(b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\ty\x00\x9b\xff"), "red x y\u{fffd}\u{fffd}");
    }

    #[test]
    fn the_tail_is_of_one_server() {
        let ring = LogRing::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        ring.push(&a, LogStream::Stderr, b"1");
        ring.push(&b, LogStream::Stderr, b"2");
        ring.push(&a, LogStream::Stderr, b"3");
        assert_eq!(ring.tail("a", 1, 5), ["3"]);
        assert_eq!(ring.tail("a", 0, 5), ["1", "3"]);
    }
}
