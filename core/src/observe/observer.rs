//! The place the engine tells what happens: journal, counters, notices, logs, and the signal for readers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::counts::Outcome;
use super::flow::{Begun, Flow, FlowKind, Status, Timing};
use super::head::{HeadOf, PackedHead};
use super::http_counts::HttpCounts;
use super::journal::Journal;
use super::log_ring::{LogRing, LogStream};
use super::metrics::{Measured, Metrics};
use super::signal::Signal;
use crate::protocol::{CallId, Spliced};

/// Notices kept.
const N_NOTICES: usize = 100;

/// Something worth telling: a state change, a refused reload, a quarantined item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: SystemTime,
    /// How bad.
    pub level: NoticeLevel,
    /// The server concerned.
    pub backend: Option<Arc<str>>,
    /// One sentence.
    pub text: String,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Needs attention.
    Warning,
    /// Something does not work.
    Error,
}

/// How a flow ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Its last status.
    pub status: Status,
    /// Where the time went.
    pub timing: Timing,
    /// The answering side's frame, if there was one.
    pub returned: Option<&'a Bytes>,
    /// As it was passed back.
    pub answered: Option<&'a Spliced>,
    /// The server's own name of the tool called, for the histogram.
    pub tool: Option<&'a Arc<str>>,
}

/// Shared by all rooms; every method takes one short lock at most.
#[derive(Debug)]
pub struct Observer {
    inner: Mutex<Inner>,
    /// The servers' logs.
    pub logs: LogRing,
    /// Requests by HTTP.
    pub http: HttpCounts,
    /// Raised with every change.
    pub signal: Signal,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    metrics: Metrics,
    notices: VecDeque<Notice>,
}

impl Observer {
    /// An observer whose journal keeps `max_flows` flows and `max_bytes` bytes.
    #[must_use]
    pub fn new(max_flows: usize, max_bytes: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                journal: Journal::new(max_flows, max_bytes),
                metrics: Metrics::default(),
                notices: VecDeque::new(),
            }),
            logs: LogRing::default(),
            http: HttpCounts::default(),
            signal: Signal::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client's request has begun; gives its correlation id.
    pub fn begun(&self, begun: Begun<'_>) -> CallId {
        let mut inner = self.lock();
        inner.metrics.begun(begun.backend.as_ref(), u64::from(begun.n_bytes()));
        let id = inner.journal.begun(begun);
        drop(inner);
        self.signal.raise();
        id
    }

    /// A flow has begun; gives its correlation id.
    pub fn begin(&self, flow: Flow) -> CallId {
        let mut inner = self.lock();
        match flow.kind {
            FlowKind::Call => inner.metrics.begun(flow.backend.as_ref(), u64::from(flow.n_bytes_in)),
            FlowKind::Upcall => inner.asks(&flow),
            _ => {}
        }
        let id = inner.journal.push(flow);
        drop(inner);
        self.signal.raise();
        id
    }

    /// A flow was passed on under `wire_id`.
    pub fn sent(&self, id: CallId, wire_id: u64, sent: &Spliced) {
        self.lock().journal.sent(id, wire_id, sent);
    }

    /// A round of a call is over, and the next one begins: what the server said in it, and what was passed back of that.
    pub fn turn(&self, id: CallId, returned: Option<Bytes>, answered: Option<Spliced>) {
        let now = SystemTime::now();
        let mut inner = self.lock();
        let backend = inner.journal.glance(id).and_then(|f| f.backend);
        inner.metrics.turned(backend.as_ref());
        inner.journal.turn(id, now, returned.as_ref(), answered.as_ref());
        drop(inner);
        self.signal.raise();
    }

    /// The client has come again with a call that is still the same operation.
    pub fn received_again(&self, id: CallId, received: Bytes) {
        self.lock().journal.received_again(id, &received);
        self.signal.raise();
    }

    /// What HTTP said around a message of a flow.
    pub fn head(&self, id: CallId, of: HeadOf, head: &PackedHead) {
        self.lock().journal.head(id, of, head);
        // A request is told of by what it is part of.
        if matches!(of, HeadOf::ClientResponse | HeadOf::ServerResponse) {
            self.signal.raise();
        }
    }

    /// Progress of a call was passed back.
    pub fn progress(&self, id: CallId) {
        self.lock().journal.progress(id);
        self.signal.raise();
    }

    /// A message of a flow is held for somebody at the terminal, or is no more.
    pub fn held(&self, id: CallId, is_held: bool) {
        self.lock().journal.held(id, is_held);
        self.signal.raise();
    }

    /// A flow has ended. A flow ends once; further ends change the row but no counter (`counts` says which it is).
    pub fn end(&self, id: CallId, backend: Option<&Arc<str>>, kind: FlowKind, ended: &Ended<'_>) {
        let (outcome, answered) = outcome(ended);
        let mut inner = self.lock();
        // Who has nothing to do with its server may not know it.
        let known = if backend.is_none() { inner.journal.glance(id).and_then(|f| f.backend) } else { None };
        let backend = backend.or(known.as_ref());
        let began = inner.journal.end(id, &ended.status, ended.timing, ended.returned, ended.answered);
        if kind == FlowKind::Call {
            let at = began.map_or_else(SystemTime::now, |at| at + ended.timing.total());
            let n_bytes = ended.answered.map_or(0, |a| a.len() as u64);
            let (tool, timing) = (ended.tool, ended.timing);
            let code = ended.status.code();
            inner.metrics.ended(&Measured { at, backend, tool, timing, outcome, code, answered, n_bytes });
        }
        if kind == FlowKind::Upcall {
            inner.is_told(id, backend);
        }
        drop(inner);
        self.signal.raise();
    }

    /// Something worth telling happened.
    pub fn notice(&self, level: NoticeLevel, backend: Option<&Arc<str>>, text: impl Into<String>) {
        let text = text.into();
        let name = backend.map_or("-", |b| b);
        match level {
            NoticeLevel::Info => tracing::info!(server = name, "{text}"),
            NoticeLevel::Warning => tracing::warn!(server = name, "{text}"),
            NoticeLevel::Error => tracing::error!(server = name, "{text}"),
        }
        let mut inner = self.lock();
        if inner.notices.len() == N_NOTICES {
            inner.notices.pop_front();
        }
        inner.notices.push_back(Notice { at: SystemTime::now(), level, backend: backend.cloned(), text });
        drop(inner);
        self.signal.raise();
    }

    /// A server wrote a line.
    pub fn log(&self, backend: &Arc<str>, stream: LogStream, text: &[u8]) {
        self.logs.push(backend, stream, text);
        self.signal.raise();
    }

    /// Looks at the journal.
    pub fn journal<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        look(&self.lock().journal)
    }

    /// Answers were written, each so long after it was ready.
    pub fn written(&self, all: impl Iterator<Item = (CallId, Duration)>) {
        let mut inner = self.lock();
        for (id, send) in all {
            inner.journal.written(id, send);
        }
        drop(inner);
        self.signal.raise();
    }

    /// Whether somebody looks on: then it is worth keeping and measuring what nothing else needs.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.signal.is_heard()
    }

    /// Somebody looks on from now on: what has not ended is kept at hand, and what happens for an hour, for charts.
    pub fn keep_history(&self) {
        let mut inner = self.lock();
        inner.journal.keep_open();
        inner.metrics.keep_history();
    }

    /// Looks at the counters.
    pub fn metrics<T>(&self, look: impl FnOnce(&mut Metrics) -> T) -> T {
        look(&mut self.lock().metrics)
    }

    /// The newest notices, oldest first.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.lock().notices.iter().cloned().collect()
    }
}

impl Inner {
    /// A server asks a client.
    fn asks(&mut self, question: &Flow) {
        self.metrics.asks(question.backend.as_ref());
        if let Some(parent) = question.parent {
            self.journal.opened(parent);
        }
    }

    /// A question has ended, however.
    fn is_told(&mut self, id: CallId, backend: Option<&Arc<str>>) {
        self.metrics.is_told(backend);
        if let Some(parent) = self.journal.glance(id).and_then(|f| f.parent) {
            self.journal.closed(parent);
        }
    }
}

/// How a flow ended, and whether its server gave an answer worth measuring.
const fn outcome(ended: &Ended<'_>) -> (Outcome, bool) {
    let returned = ended.returned.is_some();
    let outcome = match ended.status {
        Status::ToolError => Outcome::ToolError,
        Status::Fault(_) if returned => Outcome::ServerError,
        Status::Fault(_) => Outcome::ProxyError,
        Status::TimedOut => Outcome::Timeout,
        Status::Cancelled => Outcome::Cancelled,
        _ => Outcome::Ok,
    };
    (outcome, returned && matches!(outcome, Outcome::Ok | Outcome::ToolError | Outcome::ServerError))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_operation_is_one_row_however_often_it_is_sent() {
        let observer = Observer::new(100, usize::MAX);
        let backend: Arc<str> = "a".into();
        let row = |kind| {
            let mut flow = Flow::new(kind, "m".into());
            flow.backend = Some(backend.clone());
            flow
        };
        let call = observer.begin(row(FlowKind::Call));
        let question = observer.begin(Flow { parent: Some(call), ..row(FlowKind::Upcall) });
        let open = || observer.journal(|j| j.get(call).map(|f| f.n_open));
        let counts = || observer.metrics(|m| m.backend("a").map(|b| (b.counts.n_questions, b.counts.n_open)));
        assert_eq!((open(), counts()), (Some(1), Some((1, 1))));
        let ended = |status| Ended { status, timing: Timing::default(), returned: None, answered: None, tool: None };
        observer.end(question, Some(&backend), FlowKind::Upcall, &ended(Status::Ok));
        assert_eq!((open(), counts()), (Some(0), Some((1, 0))));
        observer.sent(call, 7, &Spliced::new(Bytes::from_static(b"first")));
        observer.turn(call, Some(Bytes::from_static(b"asks")), None);
        observer.sent(call, 8, &Spliced::new(Bytes::from_static(b"again")));
        observer.end(call, Some(&backend), FlowKind::Call, &ended(Status::Ok));
        let (n_calls, n_rounds) = observer.metrics(|m| (m.n_calls, m.backend("a").map(|b| b.counts.n_rounds)));
        assert_eq!((n_calls, n_rounds), (1, Some(1)));
        observer.journal(|j| {
            let flow = j.get(call).expect("kept");
            let [first] = &flow.rounds[..] else { panic!("{flow:?}") };
            assert_eq!((first.wire_id, flow.wire_id, flow.n_rounds), (Some(7), Some(8), 1));
            assert_eq!(first.frames.returned.as_deref(), Some(&b"asks"[..]));
            assert_eq!(flow.frames.sent.as_ref().map(Spliced::to_bytes).as_deref(), Some(&b"again"[..]));
        });
    }
}
