//! Requests of the proxy's own to a server: handshake, lists, subscriptions, levels. Each has a row in the journal.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use foldhash::HashMap;

use super::instance::Instance;
use super::pending::{Entry, Origin, Own};
use super::shape;
use super::status::Pinged;
use super::wire::{Parcel, Wire};
use crate::observe::{Ended, Flow, FlowKind, MethodName, NoticeLevel, Status, Timing};
use crate::protocol::{CallId, Era, Field, Kind, Message, Method, Spliced, WireId};

/// The journal's rows of our own requests in flight.
#[derive(Debug, Default)]
pub(super) struct OwnRows(HashMap<WireId, CallId>);

impl Instance {
    /// Sends a request of our own.
    pub(super) fn send_own(&mut self, own: Own, method: Method, params: &str) -> WireId {
        self.send_own_for(None, own, method, params)
    }

    /// Sends a request of our own that is part of this call.
    pub(super) fn send_own_for(&mut self, call: Option<CallId>, own: Own, method: Method, params: &str) -> WireId {
        let server = self.port.server();
        let entry = Entry {
            origin: Origin::Own(own),
            sent: self.now,
            silent_since: self.now,
            timeout: server.startup_timeout,
            max_timeout: server.startup_timeout,
            n_asking: 0,
            was_asked: false,
        };
        let parcel = match &entry.origin {
            Origin::Own(Own::Initialize) => Parcel::Initialize(self.pending.next_id()),
            _ => Parcel::Request(self.pending.next_id()),
        };
        let wire = self.pending.register(entry);
        let mut id = itoa::Buffer::new();
        let line: Bytes = [
            r#"{"jsonrpc":"2.0","id":"#,
            id.format(wire.0),
            r#","method":""#,
            method.name(),
            r#"","params":"#,
            params,
            "}",
        ]
        .concat()
        .into();
        let line = Spliced::new(line);
        if method == Method::Listen
            && let Wire::Http(remote) = &mut self.wire
        {
            remote.listens(wire);
        }
        let mut flow = Flow::new(FlowKind::Own, MethodName::Known(method).text());
        flow.backend = Some(self.port.name().clone());
        flow.wire_id = Some(wire.0);
        flow.parent = call;
        flow.n_bytes_in = u32::try_from(line.base().len()).unwrap_or(u32::MAX);
        flow.frames.sent = Some(line.clone());
        let row = self.ctx.observer.begin(flow);
        self.wire.push_of(&line, parcel, Some(row));
        self.own_rows.0.insert(wire, row);
        wire
    }

    /// One of them was answered.
    pub(super) fn on_own_answer(&mut self, own: Own, wire: WireId, sent: std::time::Instant, message: Message) {
        let status = match message.kind() {
            Kind::Error => Status::Fault(message.error_code().unwrap_or_default()),
            _ => Status::Ok,
        };
        let timing = Timing { server: self.now.saturating_duration_since(sent), ..Timing::default() };
        self.end_row(wire, status, timing, Some(message.raw().clone()));
        if !matches!(own, Own::Discover | Own::Initialize) {
            self.is_refused(&message);
        }
        match own {
            Own::List(kind) => self.on_list(kind, &message),
            Own::Listen => self.on_listen_ended(wire, message.kind() == Kind::Error),
            Own::Barrier => self.is_handed_over(),
            // An error is an answer too: it is there.
            Own::Ping => self.on_pinged(Some(timing.server)),
            Own::Task(call) => self.on_task_told(call, message),
            Own::Held(task) => self.on_held_end(&task, Some(message)),
            Own::Other(what) => {
                self.is_settled(wire);
                self.is_hushed(wire);
                self.has_confirmed(wire);
                if let Some(error) = message.get(Field::Error) {
                    let error = String::from_utf8_lossy(error).into_owned();
                    tracing::debug!(server = %self.port.name(), what, error, "a request of ours was refused");
                }
            }
            Own::Discover | Own::Initialize => self.own_answers.push_back((wire, message)),
        }
    }

    /// Asks the server whether it is there. The modern era has no `ping` (MCP 2026-07-28): there it is asked who it is.
    pub(super) fn ping(&mut self) {
        match self.era() {
            Era::Legacy => self.send_own(Own::Ping, Method::Ping, "{}"),
            Era::Modern => {
                let meta = shape::modern_meta(&self.ctx.identity, "{}", None);
                self.send_own(Own::Ping, Method::Discover, &format!(r#"{{"_meta":{{{meta}}}}}"#))
            }
        };
    }

    /// It has answered a ping after this time, or will not.
    pub(super) fn on_pinged(&mut self, took: Option<Duration>) {
        self.port.status.change(|s| s.pinged = Some(Pinged { at: SystemTime::now(), took }));
        if took.is_none() {
            let text = "it did not answer a ping";
            self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
        }
        self.ctx.observer.signal.raise();
    }

    /// The server is told something that calls after it rely on.
    pub(super) fn settle(&mut self, wire: WireId) {
        if matches!(self.wire, Wire::Http(_)) {
            self.settling.begin(wire, self.now);
        }
    }

    /// The server has confirmed it, or will not.
    pub(super) fn is_settled(&mut self, wire: WireId) {
        if self.settling.end(wire) {
            self.take_from_backlog();
        }
    }

    /// One of them will not be answered.
    pub(super) fn end_own(&mut self, wire: WireId, status: Status) {
        self.end_row(wire, status, Timing::default(), None);
    }

    /// The instance ends: none of them will be answered.
    pub(super) fn end_all_own(&mut self) {
        let all: Vec<WireId> = self.own_rows.0.keys().copied().collect();
        for wire in all {
            self.end_own(wire, Status::Dropped("the server has ended"));
        }
    }

    fn end_row(&mut self, wire: WireId, status: Status, timing: Timing, returned: Option<Bytes>) {
        if let Some(row) = self.own_rows.0.remove(&wire) {
            let ended = Ended { status, timing, returned: returned.as_ref(), answered: None, tool: None };
            self.ctx.observer.end(row, Some(self.port.name()), FlowKind::Own, &ended);
        }
    }
}
