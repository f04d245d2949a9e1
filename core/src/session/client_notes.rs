//! A client's notifications: that it is there, that its folders are others, that it takes a request back. Somebody at the terminal may take
//! one back for it, and when it leaves it takes all of them back.

use super::parks::Word;
use super::run::{Active, Session};
use crate::backend::{Mail, Verdict};
use crate::observe::{Ended, FlowKind, Status, Timing};
use crate::protocol::{CallId, Fault, Field, Message, Method, RequestId, code};

impl Session {
    /// A client's notification.
    pub(super) fn on_client_note(&mut self, message: Message) {
        let name = message.text(Field::Method).unwrap_or_default().into_owned();
        match Method::from_name(&name) {
            Some(Method::Initialized) => self.is_ready(),
            Some(Method::Cancelled) => self.on_cancel(&message),
            Some(Method::Progress) => self.on_client_progress(&message),
            Some(Method::RootsChanged) => {
                self.folders_changed();
                let ports = self.engine.ports_of(&self.scope);
                let mut status = Status::Dropped("servers are shared with other clients");
                for port in ports.iter().flat_map(|p| p.private_to(&self.peer)) {
                    status = Status::Sent;
                    if port.status.state() == crate::backend::BackendState::Ready {
                        let _ = port.mailbox.push(Mail::Notification(Box::new(message.clone())));
                    }
                }
                self.record_note(&message, &name, None, status);
            }
            _ => {
                let facts = self.legacy.clone().or_else(|| self.modern.clone());
                let only = self.engine.only_port(&self.scope);
                let port = only.zip(facts).and_then(|(p, f)| p.home_of(&self.peer, &f).ok());
                let sent = port
                    .as_ref()
                    .is_some_and(|p| p.mailbox.push(Mail::Notification(Box::new(message.clone()))).is_ok());
                let status = if sent { Status::Sent } else { Status::Dropped("no server it is meant for") };
                self.record_note(&message, &name, port.map(|p| p.name().clone()), status);
            }
        }
    }

    fn on_cancel(&mut self, message: &Message) {
        let Some(id) = message.slice(Field::CancelId).map(RequestId) else { return };
        let is_between_rounds = self.cancel_round(&id);
        if let Some(active) = self.calls.remove(&id) {
            self.forget_held(active.call);
            self.cancelled(&active);
            let (session, client_id, message) = (self.peer.id, id.clone(), Box::new(message.clone()));
            match active.kept {
                Some(park) => {
                    self.engine.parks.tell(Word::Left { park, session, client_id, message: Some(message) });
                }
                // Nothing of it is at the server.
                None if is_between_rounds => {}
                None => drop(active.port.mailbox.push_owed(Mail::Cancel { session, client_id, message })),
            }
            self.taken_back(&id);
            return;
        }
        if let Some(at) = self.parked_lists.iter().position(|l| l.client_id == id) {
            let list = self.parked_lists.remove(at);
            self.end_flow(list.call, Status::Cancelled);
            return self.taken_back(&id);
        }
        if let Some(at) = self.parked_calls.iter().position(|c| c.message.id().as_ref() == Some(&id)) {
            let call = self.parked_calls.remove(at);
            self.resumed.clone_from(&call.resumed);
            let row = self.begin_own(&call.message, &call.facts);
            self.end_flow(row, Status::Cancelled);
            return self.taken_back(&id);
        }
        if self.cancel_held(&id) {
            return self.taken_back(&id);
        }
        self.end_listen(&id);
        self.taken_back(&id);
    }

    /// Somebody at the terminal cancels a call: the server hears it as from the client, the client gets an error.
    pub(super) fn on_cancelled_by_hand(&mut self, call: CallId) {
        let Some(id) = self.calls.iter().find(|(_, a)| a.call == call).map(|(id, _)| id.clone()) else {
            return self.on_verdict(call, Verdict::Drop);
        };
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"cancelled in mcp-proxy"}}}}"#
        );
        // First, for the batch it may have come in.
        self.refuse(Some(&id), &Fault::new(code::INTERNAL, "cancelled by hand in mcp-proxy"));
        if let Ok(message) = Message::parse(text.into()) {
            self.on_cancel(&message);
        }
    }

    fn cancelled(&mut self, active: &Active) {
        let total = self.now - active.arrived;
        self.engine.ctx.observer.end(
            active.call,
            Some(active.port.name()),
            FlowKind::Call,
            &Ended {
                status: Status::Cancelled,
                timing: Timing { server: total, ..Timing::default() },
                returned: None,
                answered: None,
                tool: active.tool.as_ref(),
            },
        );
        self.count();
    }

    /// The client has left: its calls end unanswered. The servers hear of it by [`crate::backend::Control::Detach`].
    pub(super) fn abandon_calls(&mut self) {
        for (client_id, mut active) in std::mem::take(&mut self.calls) {
            self.cancelled(&active);
            super::rounds::end_task(&active.port, active.rounds.as_mut().and_then(|r| r.take_task()));
            if let Some(park) = active.kept {
                let session = self.peer.id;
                self.engine.parks.tell(Word::Left { park, session, client_id, message: None });
            }
        }
        self.count();
        let lists = std::mem::take(&mut self.parked_lists).into_iter().map(|l| l.call);
        let listens = std::mem::take(&mut self.listens).into_iter().map(|l| l.call);
        let opening = self.parked_opening.take().map(|o| o.call);
        for call in lists.chain(listens).chain(opening).collect::<Vec<_>>() {
            self.end_flow(call, Status::Cancelled);
        }
    }
}
