//! [`Unwritten`]: answers that wait in a link's outbox, so that the time they take to get into the pipe is known. Kept only
//! while somebody looks: otherwise a call costs a look at a flag.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::observe::Observer;
use crate::protocol::CallId;

/// Answers waited for at once, at most; of those behind them nothing is said.
const MAX: usize = 4096;

/// The answers, in the order they will be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    all: VecDeque<Answer>,
    /// Bytes written so far.
    n_written: u64,
}

#[derive(Debug)]
struct Answer {
    row: CallId,
    ready: Instant,
    /// It is written when so many bytes are.
    end: u64,
}

impl Unwritten {
    /// An answer was put behind what waits, which has `n_waiting` bytes with it.
    pub(super) fn add(&mut self, row: CallId, ready: Instant, n_waiting: usize) {
        if self.all.len() < MAX {
            self.all.push_back(Answer { row, ready, end: self.n_written + n_waiting as u64 });
        }
    }

    /// So many bytes were written; whose answers were among them is told.
    pub(super) fn wrote(&mut self, n_bytes: usize, observer: &Observer) {
        self.n_written += n_bytes as u64;
        if self.all.front().is_some_and(|first| first.end <= self.n_written) {
            let now = Instant::now();
            observer.written(std::iter::from_fn(|| self.next(now)));
        }
    }

    fn next(&mut self, now: Instant) -> Option<(CallId, Duration)> {
        self.all.front().filter(|first| first.end <= self.n_written)?;
        let Answer { row, ready, .. } = self.all.pop_front()?;
        Some((row, now.saturating_duration_since(ready)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Flow, FlowKind};

    #[test]
    fn an_answer_is_written_when_its_last_byte_is() {
        let observer = Observer::new(100, 1 << 20);
        let row = || observer.begin(Flow::new(FlowKind::Call, "m".into()));
        let sends =
            || observer.journal(|j| j.window(CallId(0), 9).rows.iter().map(|f| f.timing.send).collect::<Vec<_>>());
        let ready = Instant::now() - Duration::from_secs(5);
        let mut unwritten = Unwritten::default();
        unwritten.wrote(7, &observer);
        unwritten.add(row(), ready, 100);
        unwritten.add(row(), ready, 250);
        unwritten.wrote(99, &observer);
        assert!(sends().iter().all(Duration::is_zero));
        unwritten.wrote(1, &observer);
        assert_eq!(sends().iter().map(|s| s.as_secs() >= 5).collect::<Vec<_>>(), [true, false]);
        unwritten.wrote(1000, &observer);
        assert!(sends().iter().all(|s| s.as_secs() >= 5));
        (0..2 * MAX).for_each(|_| unwritten.add(CallId(0), ready, 1));
        assert_eq!(unwritten.all.len(), MAX);
    }
}
