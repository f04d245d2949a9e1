//! How an instance lets go of calls: those taken back, those whose client has left, and all of them at its end.

use std::collections::VecDeque;

use super::call::{Call, Outcome};
use super::forward::forward;
use super::instance::Instance;
use super::pending::{Entry, Origin};
use super::port::Mail;
use crate::protocol::{Fault, Field, Message, Method, Patch, RequestId, SessionId, Spliced, WireId};

impl Instance {
    /// A client takes a request back: one that waits is forgotten, of one that was sent the server is told.
    pub(super) fn on_cancel(&mut self, session: SessionId, client_id: &RequestId, message: &Message) {
        if let Some(at) = self.backlog.iter().position(|(_, c)| c.peer.id == session && c.client_id == *client_id) {
            self.backlog.remove(at);
            // One behind it may be next now.
            return self.take_from_backlog();
        }
        let Some(wire) = self.pending.find(session, client_id) else { return };
        if let Some(Entry { origin: Origin::Call(call), .. }) = self.pending.complete(wire) {
            self.leaves_traces(&call);
        }
        if self.roots.forget(wire) || self.ends_task_of(wire, "the client does not wait for it any more") {
            self.asks.forget_call(wire);
            return self.take_from_backlog();
        }
        let mut out = Spliced::new(message.raw().clone());
        if let Some(span) = message.span(Field::CancelId) {
            out.patch(span, Patch::Number(wire.0));
        }
        self.wire.cancel(wire, &out);
        self.asks.forget_call(wire);
        self.take_from_backlog();
    }

    /// Takes a request back that was given up.
    pub(super) fn cancel_upstream(&mut self, wire: WireId, reason: &str) {
        if self.roots.forget(wire) || self.ends_task_of(wire, reason) {
            return self.asks.forget_call(wire);
        }
        let reason = serde_json::Value::from(reason);
        let name = Method::Cancelled.name();
        let text =
            format!(r#"{{"jsonrpc":"2.0","method":"{name}","params":{{"requestId":{},"reason":{reason}}}}}"#, wire.0);
        self.wire.cancel(wire, &Spliced::new(text.into()));
        self.asks.forget_call(wire);
    }

    /// A client has left, and everything of it with it.
    pub(super) fn detach(&mut self, session: SessionId) {
        for wire in self.pending.calls_of(session) {
            if let Some(Entry { origin: Origin::Call(call), .. }) = self.pending.complete(wire) {
                self.leaves_traces(&call);
            }
            self.cancel_upstream(wire, "the client has left");
        }
        self.leaves_tasks(session);
        // What is left of it under lease is of no use to anybody.
        self.stale |= self.port.lease.bound() == Some(session);
        self.users.leave(session);
        self.backlog.retain(|(_, c)| c.peer.id != session);
        self.refuse_asks_of(session);
        let unwanted = self.port.wanted.leave(session);
        let unfollowed = !self.port.wanted_tasks.leave(session).is_empty();
        self.unwanted(&unwanted, unfollowed);
        if self.level.is_some() {
            // It may have been the one who wanted the most.
            self.send_level();
        }
        self.take_from_backlog();
    }

    /// A call that was not sent goes on to the instance in this one's place.
    pub(super) fn hand_on(&self, call: Box<Call>) {
        if let Err(call) = forward(&self.port, &self.ctx, call) {
            let is_there = self.ctx.ports.borrow().contains_key(self.port.name());
            let what = if is_there { "is being stopped" } else { "was removed from the configuration" };
            call.fail(self.fault(&format!("server `{}` {what}", self.port.name()), "stopping"));
        }
    }

    /// Calls whose clients are away and may come again end here: it will not be there when they do.
    pub(super) fn end_parked(&mut self) {
        let text = format!("server `{}` is being stopped", self.port.name());
        for wire in self.pending.parked() {
            let Some(Entry { origin: Origin::Call(call), sent, .. }) = self.pending.complete(wire) else { continue };
            call.end(Outcome::Fault(self.fault(&text, "stopping")), Some((sent, self.now)));
            self.cancel_upstream(wire, "the server is being stopped");
        }
    }

    /// Everything that was waiting for this instance ends: calls that may be repeated are given back, the others fail.
    pub(super) fn abandon(&mut self, why: &Fault) -> VecDeque<Box<Call>> {
        self.refuse_all_asks();
        self.end_all_own();
        let mut again: VecDeque<Box<Call>> = VecDeque::new();
        let unsent = self.roots.take().and_then(|wire| self.pending.complete(wire)).map(|entry| (entry, false));
        let sent = self.pending.drain().into_iter().map(|entry| (entry, true));
        for (entry, was_sent) in unsent.into_iter().chain(sent) {
            let Origin::Call(mut call) = entry.origin else { continue };
            let may_go_again = !was_sent || (call.is_repeatable() && !call.retried);
            // Who was asked something would be asked it again.
            if may_go_again && !entry.was_asked {
                call.retried |= was_sent;
                again.push_back(call);
            } else {
                call.end(Outcome::Fault(why.clone()), Some((entry.sent, self.now)));
            }
        }
        again.extend(self.backlog.drain(..).map(|(_, call)| call));
        while let Some(mail) = self.mail.pop_front() {
            if let Mail::Call(call) = mail {
                again.push_back(call);
            }
        }
        again
    }
}
