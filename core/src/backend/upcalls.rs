//! What a server asks of clients: whose call a question belongs to, and the way of the answer back.
//!
//! Over HTTP a question may come on the stream of a call: then it is that call's. On stdio nothing links a question to a call
//! (protocol.md 3.6), so it goes to a client only where that is certain: the client is the only one, or the only one with
//! calls in flight here. Otherwise the server is refused; never is another client asked.

use std::sync::Arc;

use super::call::{Delivery, ServerNote, Upcall};
use super::instance::Instance;
use super::peer::Peer;
use super::wire::Parcel;
use crate::observe::{LogStream, Status};
use crate::protocol::{CallId, Era, Fault, Field, Message, Method, Patch, RequestId, SessionId, Spliced, WireId, code};
use foldhash::HashMap;

/// Open questions of one instance, at most.
const MAX_ASKS: usize = 256;

/// The open questions of one instance.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: HashMap<RequestId, Ask>,
}

#[derive(Debug)]
struct Ask {
    session: SessionId,
    /// The call it arose from.
    parent: Option<WireId>,
}

impl Asks {
    /// A call is not waited for any more; its questions stay open until their client answers.
    pub(super) fn forget_call(&mut self, wire: WireId) {
        for ask in self.open.values_mut() {
            ask.parent = ask.parent.filter(|p| *p != wire);
        }
    }
}

/// Whom something belongs to.
struct Owner {
    peer: Arc<Peer>,
    parent: Option<(WireId, CallId)>,
}

impl Instance {
    /// Whom something that names no call belongs to, if that is certain. `from`: the call whose stream it came on, which is
    /// all the proof there can be (protocol.md 3.6, b).
    fn owner(&self, from: Option<WireId>) -> Option<Owner> {
        if let Some(wire) = from {
            let call = self.pending.call(wire)?;
            return Some(Owner { peer: call.peer.clone(), parent: Some((wire, call.id)) });
        }
        let calls = self.pending.calls();
        let oldest = |id: SessionId| calls.iter().find(|(_, c)| c.peer.id == id).map(|(w, c)| (*w, c.id));
        if let Some(peer) = self.ctx.peers.only() {
            let parent = oldest(peer.id).filter(|_| calls.len() == 1);
            return Some(Owner { peer, parent });
        }
        let first = &calls.first()?.1.peer;
        let alone = calls.iter().all(|(_, c)| c.peer.id == first.id);
        alone.then(|| Owner { peer: first.clone(), parent: oldest(first.id) })
    }

    pub(super) fn on_question(&mut self, message: Message, from: Option<WireId>) {
        let Some(id) = message.id() else { return };
        let method = message.method();
        if method == Some(Method::Ping) {
            return self.answer(&id, r#""result":{}"#);
        }
        match self.ask(&id, method, message, from) {
            Ok(()) => {}
            // MCP 2025-11-25, client/roots: a server without roots to work in is told so, not refused.
            Err(_) if method == Some(Method::RootsList) => {
                let roots: Vec<_> =
                    self.port.server.roots.iter().map(|uri| serde_json::json!({ "uri": uri })).collect();
                let roots = serde_json::Value::from(roots);
                self.answer(&id, &format!(r#""result":{{"roots":{roots}}}"#));
            }
            Err(fault) => self.refuse(&id, &fault),
        }
    }

    /// Passes a question to the client it belongs to.
    fn ask(
        &mut self,
        id: &RequestId,
        method: Option<Method>,
        message: Message,
        from: Option<WireId>,
    ) -> Result<(), Fault> {
        let capability = match method {
            Some(Method::ElicitationCreate) => Some(("elicitation", code::INVALID_PARAMS)),
            Some(Method::SamplingCreate) => Some(("sampling", code::METHOD_NOT_FOUND)),
            Some(Method::RootsList) => Some(("roots", code::METHOD_NOT_FOUND)),
            _ => None,
        };
        let Some(owner) = self.owner(from) else {
            return Err(Fault::new(code::INVALID_PARAMS, "no client request to associate this with"));
        };
        let Some(facts) = owner.peer.facts() else {
            return Err(Fault::new(code::INVALID_PARAMS, "no client has opened a session yet"));
        };
        if facts.revision.era() == Era::Modern {
            let text = "the client speaks MCP 2026-07-28, which has no requests from servers to clients";
            return Err(Fault::new(code::METHOD_NOT_FOUND, text));
        }
        if let Some((name, code)) = capability
            && !facts.can(name)
        {
            return Err(Fault::new(code, format!("the client did not declare the capability `{name}`")));
        }
        if self.asks.open.len() >= MAX_ASKS || self.asks.open.contains_key(id) {
            return Err(Fault::new(code::INVALID_REQUEST, "too many open requests, or this id is still open"));
        }
        let upcall = Upcall {
            port: self.port.clone(),
            generation: self.generation,
            message,
            method,
            parent: owner.parent.map(|(_, call)| call),
        };
        let busy = |_| Fault::new(code::INTERNAL, "the client does not keep up with its messages");
        owner.peer.mailbox.push(Delivery::Upcall(Box::new(upcall))).map_err(busy)?;
        let parent = owner.parent.map(|(wire, _)| wire);
        if let Some(wire) = parent {
            self.pending.asks(wire);
        }
        self.asks.open.insert(id.clone(), Ask { session: owner.peer.id, parent });
        Ok(())
    }

    fn answer(&mut self, id: &RequestId, rest: &str) {
        let parts = [br#"{"jsonrpc":"2.0","id":"#, &id.0[..], b",", rest.as_bytes(), b"}"];
        self.wire.push_parts(&parts, Parcel::Note);
    }

    fn refuse(&mut self, id: &RequestId, fault: &Fault) {
        tracing::debug!(server = %self.port.name(), "a request to the client was refused: {}", fault.message);
        self.answer(id, &format!(r#""error":{}"#, fault.to_json()));
    }

    pub(super) fn on_upcall_answer(&mut self, generation: u64, server_id: RequestId, answer: Result<Message, Fault>) {
        if generation != self.generation {
            return;
        }
        let Some(ask) = self.asks.open.remove(&server_id) else { return };
        if let Some(wire) = ask.parent {
            self.pending.is_told(wire, self.now);
        }
        match answer {
            Ok(message) => {
                let mut out = Spliced::new(message.raw().clone());
                if let Some(span) = message.span(Field::Id) {
                    out.patch(span, Patch::Bytes(server_id.0));
                }
                for span in message.null_cuts() {
                    out.patch(span, Patch::Bytes(bytes::Bytes::new()));
                }
                self.wire.push(&out, Parcel::Note);
            }
            Err(fault) => self.refuse(&server_id, &fault),
        }
    }

    /// The client has left: its questions are answered in its place.
    pub(super) fn refuse_asks_of(&mut self, session: SessionId) {
        let of_it: Vec<RequestId> =
            self.asks.open.iter().filter(|(_, a)| a.session == session).map(|(id, _)| id.clone()).collect();
        for id in of_it {
            self.asks.open.remove(&id);
            self.refuse(&id, &Fault::new(code::INTERNAL, "the client has left"));
        }
    }

    /// The instance ends: clients need not answer its questions any more.
    pub(super) fn refuse_all_asks(&mut self) {
        for (server_id, ask) in std::mem::take(&mut self.asks.open) {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{server_id},"reason":"the server has ended"}}}}"#
            );
            if let (Ok(message), Some(peer)) = (Message::parse(text.into()), self.ctx.peers.get(ask.session)) {
                self.tell_cancelled(&peer, server_id, message);
            }
        }
    }

    pub(super) fn on_question_cancelled(&mut self, message: Message) {
        let Some(server_id) = message.slice(Field::CancelId).map(RequestId) else { return };
        let Some(ask) = self.asks.open.remove(&server_id) else { return };
        if let Some(wire) = ask.parent {
            self.pending.is_told(wire, self.now);
        }
        if let Some(peer) = self.ctx.peers.get(ask.session) {
            self.tell_cancelled(&peer, server_id, message);
        }
    }

    fn tell_cancelled(&self, peer: &Peer, server_id: RequestId, message: Message) {
        let port = self.port.clone();
        let message = Box::new(message);
        let told = Delivery::UpcallCancelled { port, generation: self.generation, server_id, message };
        // As owed as the question was: one a question.
        let _ = peer.mailbox.push_owed(told);
    }

    pub(super) fn on_log(&mut self, message: Message, from: Option<WireId>) {
        if let Some(params) = message.get(Field::Params) {
            self.ctx.observer.log(self.port.name(), LogStream::Message, params);
        }
        self.note_to_owner(message, Some(Method::LogMessage), from);
    }

    pub(super) fn on_other_note(&mut self, message: Message, from: Option<WireId>) {
        let method = message.method();
        self.note_to_owner(message, method, from);
    }

    fn note_to_owner(&self, message: Message, method: Option<Method>, from: Option<WireId>) {
        let name = message.text(Field::Method).unwrap_or_default().into_owned();
        let Some(owner) = self.owner(from) else {
            return self.record_note(&message, &name, None, Status::Dropped("it belongs to no client for certain"));
        };
        let parent = owner.parent.map(|(_, call)| call);
        let note = ServerNote { backend: self.port.name().clone(), message: message.clone(), method, parent };
        let status = match owner.peer.mailbox.push(Delivery::Note(Box::new(note))) {
            Ok(()) => Status::Sent,
            Err(_) => Status::Dropped("the client does not keep up"),
        };
        self.record_note(&message, &name, parent, status);
    }

    pub(super) fn on_resource_updated(&mut self, message: Message) {
        let Some(uri) = message.text(Field::Uri).map(std::borrow::Cow::into_owned) else { return };
        let sessions = self.port.wanted.concerned(&uri);
        let status = if sessions.is_empty() { Status::Dropped("nobody subscribed to it") } else { Status::Sent };
        self.record_note(&message, Method::ResourceUpdated.name(), None, status);
        for peer in sessions.into_iter().filter_map(|id| self.ctx.peers.get(id)) {
            let note = ServerNote {
                backend: self.port.name().clone(),
                message: message.clone(),
                method: Some(Method::ResourceUpdated),
                parent: None,
            };
            let _ = peer.mailbox.push(Delivery::Note(Box::new(note)));
        }
    }
}
