//! What a server asks of clients and says without being asked: whose it is, and the way of the answer back.
//!
//! By proof only (protocol.md, 3.6): it came on the stream of a call, or the instance is one session's or one user's own, or
//! is under lease, or nobody else has ever used it. Otherwise the server is refused; never is another client asked or told.

use std::sync::Arc;

use super::call::{Delivery, ServerNote, Upcall};
use super::instance::Instance;
use super::peer::{Peer, Principal};
use super::task_words::{belongs_to, related_to};
use super::tenant::{Profile, Tenant};
use super::users::Audience;
use super::wire::{Parcel, Wire};
use crate::observe::{LogStream, Status};
use crate::protocol::{
    CallId, Era, Fault, Field, Message, Method, Patch, RequestId, SessionId, Spliced, WireId, code, walk,
};
use foldhash::HashMap;

/// Open questions of one instance to sessions, at most. Those in parked calls are limited where these are kept.
const MAX_ASKS: usize = 256;

/// The open questions of one instance.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: HashMap<RequestId, Ask>,
}

#[derive(Debug)]
struct Ask {
    session: SessionId,
    /// The calls it may have arisen from.
    parents: Vec<WireId>,
    is_roots: bool,
    /// Whose call it is, of a modern client.
    principal: Option<Principal>,
    /// The task it belongs to, by the server's own id.
    task: Option<String>,
}

impl Asks {
    /// A call is not waited for any more; its questions stay open until their client answers.
    pub(super) fn forget_call(&mut self, wire: WireId) {
        for ask in self.open.values_mut() {
            ask.parents.retain(|p| *p != wire);
        }
    }
}

/// Whom something belongs to.
struct Owner {
    peer: Arc<Peer>,
    /// The call it belongs to. Where its session has several: the one to which a client most likely links it.
    parent: Option<CallId>,
    /// The calls it may have arisen from.
    parents: Vec<WireId>,
}

/// Whether a server may ask while it does this (protocol.md, 3.6 c).
const fn may_ask(method: Option<Method>) -> bool {
    matches!(method, Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::TasksResult) | None)
}

/// The mode of an elicitation (MCP 2025-11-25, client/elicitation); before that edition there was one only.
fn mode_of(question: &Message) -> &'static str {
    let raw = question.raw();
    let mode = question.span(Field::Params).and_then(|p| walk::member(raw, p, "mode")).map(|(_, v)| v);
    match mode.and_then(|v| walk::decode(raw.get(v.start as usize..v.end as usize)?)).as_deref() {
        Some("url") => "url",
        _ => "form",
    }
}

impl Instance {
    /// Whom something belongs to that came on `stream`, or on no call's; `capability` is what its client needs, `task` the task
    /// it says it is of.
    fn owner(&self, stream: Option<WireId>, capability: Option<&str>, task: Option<&str>) -> Option<Owner> {
        // a: it says so itself.
        if let Some((peer, call, wire)) = task.and_then(|own| self.task_owner(own)) {
            return Some(Owner { peer, parent: Some(call), parents: wire.into_iter().collect() });
        }
        // b: the transport says so.
        let stream = stream.map(|wire| self.call_behind(wire));
        if let Some((wire, call)) = stream.and_then(|w| Some((w, self.pending.call(w)?))) {
            return Some(Owner { peer: call.peer.clone(), parent: Some(call.id), parents: vec![wire] });
        }
        match self.audience() {
            // c: there is only one it can be meant for.
            Audience::Session(session) => self.ctx.peers.get(session).map(|peer| self.owned_by(peer)),
            Audience::Client(principal) => match self.ctx.peers.of(&principal).as_slice() {
                // Sessions of the other era have instances of their own, but where all of a user's share one.
                [only] if !only.is_modern() && !matches!(self.port.tenant, Tenant::Kind(..)) => {
                    Some(self.owned_by(only.clone()))
                }
                _ => {
                    let calls = self.pending.calls();
                    let running = || calls.iter().filter(|(_, c)| may_ask(c.method) && c.peer.principal == principal);
                    let is_capable = |c: &&(WireId, &super::call::Call)| capability.is_none_or(|n| c.1.facts.can(n));
                    let (_, call) = running().find(is_capable).or_else(|| running().next())?;
                    let mut owner = self.owned_by(call.peer.clone());
                    if call.peer.parks {
                        // It may have arisen from any of the others as well.
                        owner.parents = running().map(|(w, _)| *w).collect();
                    }
                    Some(owner)
                }
            },
            // It came on the stream of a call that is over: who made that is not known any more.
            _ if stream.is_some() => None,
            // d: until the first call has got here, it is the one the instance was started for.
            Audience::Holder => {
                let holder = self.holder.or_else(|| self.port.lease.first()).filter(|_| self.barrier.is_none())?;
                self.ctx.peers.get(holder).map(|peer| self.owned_by(peer))
            }
            // e: nobody else was ever here, and there is one call it can have arisen from.
            Audience::Strangers => {
                let calls = self.pending.calls();
                let [(_, call)] = calls.as_slice() else { return None };
                let is_capable = capability.is_none_or(|name| call.facts.can(name));
                let can_be_asked = call.facts.revision.era() == Era::Legacy || call.peer.parks;
                let is_certain = is_capable && can_be_asked && self.users.is_only(&call.peer);
                is_certain.then(|| self.owned_by(call.peer.clone()))
            }
        }
    }

    /// It belongs to this session, for certain; which of its calls it arose from is certain where there is one.
    fn owned_by(&self, peer: Arc<Peer>) -> Owner {
        let calls = self.pending.calls();
        let mine: Vec<_> = calls.into_iter().filter(|(_, c)| c.peer.id == peer.id).collect();
        let first = mine.iter().find(|(_, c)| may_ask(c.method)).or(mine.first());
        Owner { peer, parent: first.map(|(_, c)| c.id), parents: mine.iter().map(|(w, _)| *w).collect() }
    }

    /// A request of the server. `stream`: it came in answer to the request of this id.
    pub(super) fn on_question(&mut self, message: Message, stream: Option<WireId>) {
        let Some(id) = message.id() else { return };
        let method = message.method();
        if method == Some(Method::Ping) {
            return self.answer(&id, r#""result":{}"#, Parcel::Note);
        }
        let is_roots = method == Some(Method::RootsList);
        match self.ask(&id, method, message, stream) {
            Ok(()) => {}
            // MCP 2025-11-25, client/roots: a server without roots to work in is told so, not refused; but one that knows
            // that its client has none does not ask.
            Err(fault)
                if is_roots && (fault.code != code::METHOD_NOT_FOUND || !self.port.server().roots.is_empty()) =>
            {
                let server = self.port.server();
                let roots: Vec<_> = server.roots.iter().map(|uri| serde_json::json!({ "uri": uri })).collect();
                let roots = serde_json::Value::from(roots);
                self.answer(&id, &format!(r#""result":{{"roots":{roots}}}"#), Parcel::Note);
                self.got_no_roots();
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
        stream: Option<WireId>,
    ) -> Result<(), Fault> {
        let is_roots = method == Some(Method::RootsList);
        let capability = match method {
            Some(Method::ElicitationCreate) => Some(("elicitation", code::INVALID_PARAMS)),
            Some(Method::SamplingCreate) => Some(("sampling", code::METHOD_NOT_FOUND)),
            Some(Method::RootsList) => Some(("roots", code::METHOD_NOT_FOUND)),
            _ => None,
        };
        let task = related_to(&message);
        if let Some(held) = task.as_deref().and_then(|own| self.held_question(own, method, &message)) {
            return held;
        }
        let Some(owner) = self.owner(stream, capability.map(|(name, _)| name), task.as_deref()) else {
            self.asks_nobody(method);
            return Err(Fault::new(code::INVALID_PARAMS, "no client request to associate this with"));
        };
        let Some(facts) = owner.peer.facts() else {
            return Err(Fault::new(code::INVALID_PARAMS, "no client has opened a session yet"));
        };
        if facts.revision.era() == Era::Modern && capability.is_none() {
            let text = "the client speaks MCP 2026-07-28, in which it cannot be asked this";
            return Err(Fault::new(code::METHOD_NOT_FOUND, text));
        }
        if let Some((name, code)) = capability
            && !facts.can(name)
        {
            return Err(Fault::new(code, format!("the client did not declare the capability `{name}`")));
        }
        if facts.revision.era() == Era::Modern && !owner.peer.parks {
            // Nothing that a client of this era can be asked in (protocol.md, 3.6).
            return Err(Fault::new(code::INVALID_PARAMS, "no client request to associate this with"));
        }
        if method == Some(Method::ElicitationCreate) && !facts.can_show(mode_of(&message)) {
            let text = "the client did not declare this mode of the capability `elicitation`";
            return Err(Fault::new(code::INVALID_PARAMS, text));
        }
        let principal = owner.peer.parks.then(|| owner.peer.principal.clone());
        if let Some(known) = principal.as_ref().filter(|_| is_roots).and_then(|p| self.ctx.roots.of(p, self.now)) {
            let parcel = self.parcel_of_roots(&owner.parents);
            self.answer(id, &format!(r#""result":{}"#, String::from_utf8_lossy(&known)), parcel);
            self.asks_for_roots(&owner.parents);
            self.knows_roots(&owner.parents);
            return Ok(());
        }
        let is_full = !owner.peer.parks && self.asks.open.len() >= MAX_ASKS;
        if is_full || self.asks.open.contains_key(id) {
            return Err(Fault::new(code::INVALID_REQUEST, "too many open requests, or this id is still open"));
        }
        let upcall = Upcall {
            to: owner.peer.id,
            port: self.port.clone(),
            generation: self.generation,
            message,
            method,
            parent: owner.parent,
        };
        let busy = |_| Fault::new(code::INTERNAL, "the client does not keep up with its messages");
        owner.peer.mailbox.push(Delivery::Upcall(Box::new(upcall))).map_err(busy)?;
        for wire in &owner.parents {
            self.pending.asks(*wire);
        }
        if is_roots {
            self.asks_for_roots(&owner.parents);
        }
        let ask = Ask { session: owner.peer.id, parents: owner.parents, is_roots, principal, task };
        self.asks.open.insert(id.clone(), ask);
        Ok(())
    }

    /// It asks what may be for any of those who share it. Where that is how this server asks, those who cannot be told apart in
    /// another way are served one at a time.
    fn asks_nobody(&self, method: Option<Method>) {
        if let (Some(method), Wire::Http(_)) = (method, &self.wire) {
            self.port.pool.has_asked_beside(Profile::to_be_asked(method));
        }
    }

    fn answer(&mut self, id: &RequestId, rest: &str, parcel: Parcel) {
        let parts = [br#"{"jsonrpc":"2.0","id":"#, &id.0[..], b",", rest.as_bytes(), b"}"];
        self.wire.push_parts(&parts, parcel);
    }

    pub(super) fn refuse(&mut self, id: &RequestId, fault: &Fault) {
        tracing::debug!(server = %self.port.name(), "a request to the client was refused: {}", fault.message);
        self.answer(id, &format!(r#""error":{}"#, fault.to_json()), Parcel::Note);
    }

    pub(super) fn on_upcall_answer(&mut self, generation: u64, server_id: RequestId, answer: Result<Message, Fault>) {
        if generation != self.generation {
            return;
        }
        let Some(ask) = self.asks.open.remove(&server_id) else { return };
        self.is_told(&ask);
        if let (true, Ok(message), Some(principal)) = (ask.is_roots, &answer, &ask.principal)
            && let Some(result) = message.get(Field::Result)
        {
            self.ctx.roots.learn(principal, result, self.now);
        }
        if ask.is_roots && answer.is_ok() && matches!(self.port.tenant, Tenant::Lease(_)) {
            // The server works in this client's folders from now on.
            self.port.lease.bind(ask.session);
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
                if let Some(own) = &ask.task {
                    belongs_to(&mut out, &message, own);
                }
                let parcel = if ask.is_roots { self.parcel_of_roots(&ask.parents) } else { Parcel::Note };
                self.wire.push(&out, parcel);
            }
            Err(fault) => self.refuse(&server_id, &fault),
        }
        if ask.is_roots {
            self.knows_roots(&ask.parents);
        }
    }

    fn is_told(&mut self, ask: &Ask) {
        for wire in &ask.parents {
            self.pending.is_told(*wire, self.now);
        }
    }

    /// The client has left: its questions are answered in its place.
    pub(super) fn refuse_asks_of(&mut self, session: SessionId) {
        let of_it: Vec<RequestId> =
            self.asks.open.iter().filter(|(_, a)| a.session == session).map(|(id, _)| id.clone()).collect();
        for id in of_it {
            if let Some(ask) = self.asks.open.remove(&id) {
                self.is_told(&ask);
            }
            self.refuse(&id, &Fault::new(code::INTERNAL, "the client has left"));
        }
    }

    /// The instance ends: clients need not answer its questions any more.
    pub(super) fn refuse_all_asks(&mut self) {
        self.forgets_held();
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
        if self.held_question_cancelled(&server_id) {
            return;
        }
        let Some(ask) = self.asks.open.remove(&server_id) else { return };
        self.is_told(&ask);
        if ask.is_roots {
            self.knows_roots(&ask.parents);
        }
        if let Some(peer) = self.ctx.peers.get(ask.session) {
            self.tell_cancelled(&peer, server_id, message);
        }
    }

    fn tell_cancelled(&self, peer: &Peer, server_id: RequestId, message: Message) {
        let port = self.port.clone();
        let message = Box::new(message);
        let told = Delivery::UpcallCancelled { to: peer.id, port, generation: self.generation, server_id, message };
        // As owed as the question was: one a question.
        let _ = peer.mailbox.push_owed(told);
    }

    pub(super) fn on_log(&mut self, message: Message, stream: Option<WireId>) {
        if let Some(params) = message.get(Field::Params) {
            self.ctx.observer.log(self.port.name(), LogStream::Message, params);
        }
        self.note_to_owner(message, Some(Method::LogMessage), stream);
    }

    pub(super) fn on_other_note(&mut self, message: Message, stream: Option<WireId>) {
        let method = message.method();
        self.note_to_owner(message, method, stream);
    }

    fn note_to_owner(&self, message: Message, method: Option<Method>, stream: Option<WireId>) {
        let name = message.text(Field::Method).unwrap_or_default().into_owned();
        let is_log = method == Some(Method::LogMessage);
        // Other ways to tell whose it is come first.
        let owner = self.owner(stream, None, related_to(&message).as_deref());
        let owner = owner.or_else(|| self.hears_it().filter(|_| is_log && stream.is_none()));
        let Some(owner) = owner else {
            if is_log && self.port.server().share_logs {
                return self.note_to_all(&message);
            }
            return self.record_note(&message, &name, None, Status::Dropped("it belongs to no client for certain"));
        };
        let parent = owner.parent;
        let to = owner.peer.id;
        let note = ServerNote { to, port: self.port.clone(), message: message.clone(), method, parent };
        let status = match owner.peer.mailbox.push(Delivery::Note(Box::new(note))) {
            Ok(()) => Status::Sent,
            Err(_) => Status::Dropped("the client does not keep up"),
        };
        self.record_note(&message, &name, parent, status);
    }

    /// Whose a log line is that came on a pipe where users ask for them by turns.
    fn hears_it(&self) -> Option<Owner> {
        let call = self.heard_by()?;
        Some(Owner { peer: call.peer.clone(), parent: Some(call.id), parents: Vec::new() })
    }

    /// A log line that belongs to nobody for certain goes to all who want such lines, as the configuration has it.
    fn note_to_all(&self, message: &Message) {
        self.record_note(message, Method::LogMessage.name(), None, Status::Sent);
        for peer in self.ctx.peers.all() {
            let (to, port, message) = (peer.id, self.port.clone(), message.clone());
            let note = ServerNote { to, port, message, method: Some(Method::LogMessage), parent: None };
            // Who does not keep up loses it.
            let _ = peer.mailbox.push(Delivery::Note(Box::new(note)));
        }
    }

    pub(super) fn on_resource_updated(&mut self, message: Message) {
        let Some(uri) = message.text(Field::Uri).map(std::borrow::Cow::into_owned) else { return };
        let sessions = self.port.wanted.concerned(&uri);
        let status = if sessions.is_empty() { Status::Dropped("nobody subscribed to it") } else { Status::Sent };
        self.record_note(&message, Method::ResourceUpdated.name(), None, status);
        for peer in sessions.into_iter().filter_map(|id| self.ctx.peers.get(id)) {
            let note = ServerNote {
                to: peer.id,
                port: self.port.clone(),
                message: message.clone(),
                method: Some(Method::ResourceUpdated),
                parent: None,
            };
            let _ = peer.mailbox.push(Delivery::Note(Box::new(note)));
        }
    }
}
