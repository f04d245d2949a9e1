//! What a running server says: lines of a pipe to messages, messages to whom they concern.

use std::time::Duration;

use bytes::Bytes;

use super::broken;
use super::call::{Call, Delivery};
use super::instance::{End, Instance};
use super::pending::{Origin, Own};
use super::wire::Wire;
use crate::observe::{Flow, FlowKind, LogStream, NoticeLevel, Status};
use crate::protocol::{CallId, Era, Field, Kind, Malformed, Message, Method, WireId};
use crate::transport::{Line, TOGETHER, TooLong};

/// Lines in a row that are no messages, until the server is given up: it is talking to somebody else.
const MAX_JUNK: u32 = 100;
/// Quiet time after `list_changed` before the lists are asked for again: servers send several at once.
pub(super) const RELIST_PAUSE: Duration = Duration::from_millis(100);

/// What a line is.
#[derive(Debug)]
pub(super) enum Came {
    One(Message),
    Refused(Box<(Bytes, Malformed)>),
    TooLong(TooLong),
}

impl Came {
    fn of(line: Line) -> Self {
        match line {
            Line::Whole(bytes) => Message::take(bytes).map_or_else(Self::Refused, Self::One),
            Line::TooLong(long) => Self::TooLong(long),
        }
    }
}

impl Instance {
    /// Handles everything that was read.
    pub(super) fn on_read(&mut self) -> Option<End> {
        match &self.wire {
            Wire::Pipe(_) => self.on_lines(),
            Wire::Http(_) => self.on_incoming(),
        }
    }

    /// Handles all whole lines that were read.
    fn on_lines(&mut self) -> Option<End> {
        let mut came = std::mem::take(&mut self.came);
        loop {
            while came.len() < TOGETHER
                && let Some(line) = self.next_line()
            {
                came.push(Came::of(line));
            }
            if came.is_empty() {
                self.came = came;
                return None;
            }
            for line in came.drain(..) {
                self.on_line(line);
                if self.n_junk >= MAX_JUNK {
                    return Some(End::Junk);
                }
            }
        }
    }

    fn on_line(&mut self, line: Came) {
        match line {
            Came::One(message) => {
                self.n_junk = 0;
                self.on_message(message, None);
            }
            Came::Refused(refused) => {
                let (bytes, malformed) = *refused;
                self.junk(&bytes, &malformed.kind.to_string());
                if let Some(id) = broken::answers(&bytes, &malformed) {
                    self.fail_broken(id, &format!("answered with a message that is {}", malformed.kind));
                }
            }
            Came::TooLong(long) => {
                let limit = self.ctx.max_message_bytes;
                let text = format!(
                    "sent a message of {} bytes; the limit is {limit} (`limits.max_message_bytes`)",
                    long.n_bytes
                );
                self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text.clone());
                if let Some(id) = broken::answers_long(&long.head, &long.tail) {
                    self.fail_broken(id, &text);
                }
            }
        }
    }

    fn next_line(&mut self) -> Option<Line> {
        match &mut self.wire {
            Wire::Pipe(pipe) => pipe.lines.next_line(),
            Wire::Http(_) => None,
        }
    }

    pub(super) fn junk(&mut self, line: &[u8], why: &str) {
        if self.n_junk == 0 {
            tracing::debug!(server = %self.port.name(), "what it says is no message: {why}");
        }
        self.n_junk += 1;
        self.ctx.observer.log(self.port.name(), LogStream::Stdout, line);
    }

    /// A call whose answer cannot be used fails at once instead of at its deadline.
    fn fail_broken(&mut self, id: WireId, why: &str) {
        match self.pending.complete(id).map(|entry| entry.origin) {
            Some(Origin::Call(call)) => {
                call.fail(self.fault(&format!("server `{}` {why}", self.port.name()), "broken_answer"));
                self.idle_since = self.now;
                self.take_from_backlog();
            }
            // Whose turn it is would never be known.
            Some(Origin::Own(Own::Barrier)) => self.stale = true,
            Some(Origin::Own(_)) | None => {}
        }
    }

    /// `from`: the request whose stream it came on, where there are such streams.
    pub(super) fn on_message(&mut self, message: Message, from: Option<WireId>) {
        match message.kind() {
            Kind::Response | Kind::Error => self.on_answer(message),
            Kind::Request => self.on_question(message, from),
            Kind::Notification => self.on_notification(message, from),
        }
    }

    pub(super) fn on_answer(&mut self, message: Message) {
        let wire = message.get(Field::Id).and_then(WireId::read);
        let Some((wire, entry)) = wire.and_then(|w| Some((w, self.pending.complete(w)?))) else {
            let id = message.id().map_or_else(|| "none".to_owned(), |id| id.to_string());
            tracing::debug!(server = %self.port.name(), id, "an answer nobody waits for: dropped");
            return;
        };
        match entry.origin {
            Origin::Call(call) => {
                match message.kind() {
                    Kind::Response => self.note_subscription(&call),
                    _ if self.wants_other_headers(&message, &call) => return self.call_after_lists(call),
                    _ if self.wants_other_edition(&message, &call) => return self.call_when_agreed(call),
                    _ => {}
                }
                let sent = (entry.sent, self.now);
                if self.wants_input(&message, &call) {
                    call.wants(message, sent, self.port.clone());
                } else {
                    let Some((call, outcome)) = self.looks_for_tasks(wire, call, message, entry.sent) else { return };
                    self.is_answered(call, outcome, sent);
                }
                self.idle_since = self.now;
                self.take_from_backlog();
            }
            Origin::Own(own) => self.on_own_answer(own, wire, entry.sent, message),
        }
    }

    /// Whether an answer asks for something first, of a client that does not know such answers.
    fn wants_input(&self, message: &Message, call: &Call) -> bool {
        self.era() == Era::Modern
            && call.facts.revision.era() == Era::Legacy
            && message.kind() == Kind::Response
            && message.text(Field::ResultType).as_deref() == Some("input_required")
    }

    fn on_notification(&mut self, message: Message, from: Option<WireId>) {
        let method = message.method();
        match method {
            Some(Method::Progress) => self.on_progress(message),
            Some(Method::Cancelled) if self.era() == Era::Modern => self.on_listen_cancelled(&message),
            Some(Method::Cancelled) => self.on_question_cancelled(message),
            Some(m @ (Method::ToolsChanged | Method::PromptsChanged | Method::ResourcesChanged)) => {
                self.record_note(&message, m.name(), None, Status::Sent);
                self.on_lists_changed();
            }
            Some(Method::Acknowledged) => self.on_acknowledged(from),
            Some(Method::ResourceUpdated) => self.on_resource_updated(message),
            Some(Method::LogMessage) => self.on_log(message, from),
            Some(Method::TaskStatus | Method::TaskChanged) => self.on_task_status(message, from),
            _ => self.on_other_note(message, from),
        }
    }

    fn on_progress(&mut self, message: Message) {
        let wire = message.get(Field::ProgressToken).and_then(WireId::read);
        let Some(wire) = wire else { return };
        let Some(entry) = self.pending.get_mut(wire) else { return self.on_task_progress(wire, &message) };
        entry.silent_since = self.now;
        if let Origin::Call(call) = &entry.origin {
            // A session that does not keep up loses progress, nothing else.
            let (to, client_id) = (call.peer.id, call.client_id.clone());
            let _ = call.peer.mailbox.push(Delivery::Progress { to, client_id, message: Box::new(message) });
        }
    }

    /// Puts a notification of the server into the journal.
    pub(super) fn record_note(&self, message: &Message, method: &str, parent: Option<CallId>, status: Status) {
        let mut flow = Flow::new(FlowKind::ServerNotification, method.into());
        flow.backend = Some(self.port.name().clone());
        flow.parent = parent;
        flow.status = status;
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        self.ctx.observer.begin(flow);
    }
}
