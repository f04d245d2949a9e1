//! What servers ask of this client: passed on under an id of ours, answered back under theirs.
//!
//! All servers number their questions from 0 or 1; ours are what keeps them apart (edge case 6).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use super::http::Weight;
use super::run::Session;
use crate::backend::{Answer, Mail, Outcome, Port, Upcall};
use crate::observe::{Ended, Flow, FlowKind, Status, Timing};
use crate::protocol::{CallId, Era, Fault, Field, Kind, Message, Patch, RequestId, Spliced, code};

/// A server's question that this client has not answered yet.
#[derive(Debug)]
pub(super) struct Question {
    port: Arc<Port>,
    generation: u64,
    server_id: RequestId,
    /// The server's progress token as raw JSON.
    token: Option<Bytes>,
    call: CallId,
    /// The call it arose from, if that is certain.
    parent: Option<CallId>,
    asked: Instant,
}

impl Session {
    pub(super) fn on_upcall(&mut self, upcall: Upcall) {
        let Upcall { port, generation, message, method, parent, .. } = upcall;
        let Some(server_id) = message.id() else { return };
        let refused = if !self.scope.sees(port.name()) {
            Some(Fault::new(code::INVALID_PARAMS, "no client request to associate this with"))
        } else if !self.speaks(Era::Legacy) {
            Some(Fault::new(code::METHOD_NOT_FOUND, "the client has no requests from servers in its edition"))
        } else {
            None
        };
        if let Some(fault) = refused {
            let answer = Err(fault);
            let _ = port.mailbox.push_owed(Mail::UpcallAnswer { generation, server_id, answer: Box::new(answer) });
            return;
        }
        self.n_questions += 1;
        let id = self.n_questions;
        let mut out = Spliced::new(message.raw().clone());
        if let Some(span) = message.span(Field::Id) {
            out.patch(span, Patch::Number(id));
        }
        let token = message.slice(Field::MetaToken);
        if let Some(span) = message.span(Field::MetaToken) {
            out.patch(span, Patch::Number(id));
        }
        let name = message.text(Field::Method).unwrap_or_default();
        let method = method.map_or_else(|| name.as_ref().into(), |m| m.name().into());
        let mut flow = Flow::new(FlowKind::Upcall, method);
        flow.session = Some(self.peer.id);
        flow.client = self.status.said().0;
        flow.backend = Some(port.name().clone());
        flow.parent = parent;
        flow.wire_id = Some(id);
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        flow.frames.sent = Some(out.clone());
        let call = self.engine.ctx.observer.begin(flow);
        self.status.n_open.fetch_add(1, Ordering::Relaxed);
        self.tell(parent, &out, Weight::Owed);
        self.questions.insert(id, Question { port, generation, server_id, token, call, parent, asked: self.now });
    }

    /// The client answers a question.
    pub(super) fn on_client_answer(&mut self, message: Message) {
        let id = message.id().and_then(|id| id.as_wire());
        let Some(question) = id.and_then(|id| self.questions.remove(&id.0)) else {
            let id = message.id().map_or_else(|| "none".to_owned(), |id| id.to_string());
            tracing::debug!(session = %self.peer.id, id, "the client answered a request nobody made: dropped");
            return;
        };
        let status = match message.kind() {
            Kind::Error => {
                let code = message.get(Field::ErrorCode).and_then(|c| std::str::from_utf8(c).ok()?.parse().ok());
                Status::Fault(code.unwrap_or_default())
            }
            _ => Status::Ok,
        };
        self.end_question(&question, status, Some(message.raw().clone()));
        let mail = Mail::UpcallAnswer {
            generation: question.generation,
            server_id: question.server_id,
            answer: Box::new(Ok(message)),
        };
        // One a question, and questions are bounded.
        let _ = question.port.mailbox.push_owed(mail);
    }

    fn end_question(&self, question: &Question, status: Status, returned: Option<Bytes>) {
        let timing = Timing { server: self.now.saturating_duration_since(question.asked), ..Timing::default() };
        let ended = Ended { status, timing, returned, answered: None, tool: None };
        self.status.n_open.fetch_sub(1, Ordering::Relaxed);
        self.engine.ctx.observer.end(question.call, Some(question.port.name()), FlowKind::Upcall, ended);
    }

    /// A server took its question back.
    pub(super) fn on_upcall_cancelled(
        &mut self,
        port: &Arc<Port>,
        generation: u64,
        server_id: &RequestId,
        message: &Message,
    ) {
        let is_it =
            |q: &Question| Arc::ptr_eq(&q.port, port) && q.generation == generation && q.server_id == *server_id;
        let Some(id) = self.questions.iter().find(|(_, q)| is_it(q)).map(|(id, _)| *id) else { return };
        let Some(question) = self.questions.remove(&id) else { return };
        let mut out = Spliced::new(message.raw().clone());
        if let Some(span) = message.span(Field::CancelId) {
            out.patch(span, Patch::Number(id));
        }
        self.tell(question.parent, &out, Weight::Note);
        self.end_question(&question, Status::Cancelled, None);
    }

    /// The task of a server's instance has broken down: what it owed this client ends here.
    pub(super) fn on_lost(&mut self, port: &Arc<Port>) {
        let text = format!("server `{}`: mcp-proxy has made a mistake with it; the call is lost", port.name());
        let data = serde_json::json!({ "backend": &**port.name(), "reason": "lost" });
        let fault = Fault::new(code::INTERNAL, text).with_data(&data);
        let calls = self.calls.iter().filter(|(_, a)| Arc::ptr_eq(&a.port, port));
        let calls: Vec<_> = calls.map(|(id, a)| (id.clone(), a.call, a.handed)).collect();
        for (client_id, call, handed) in calls {
            let outcome = Outcome::Fault(fault.clone());
            self.on_answer(&Answer { client_id, call, outcome, sent: None, handed, ends: true });
        }
        let asked: Vec<u64> =
            self.questions.iter().filter(|(_, q)| Arc::ptr_eq(&q.port, port)).map(|(id, _)| *id).collect();
        for id in asked {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the server has ended"}}}}"#
            );
            if let Some(question) = self.questions.remove(&id) {
                self.tell(question.parent, &Spliced::new(text.into()), Weight::Note);
                self.end_question(&question, Status::Cancelled, None);
            }
        }
    }

    /// The client reports progress on a question.
    pub(super) fn on_client_progress(&mut self, message: &Message) {
        let id = message.slice(Field::ProgressToken).and_then(|t| RequestId(t).as_wire());
        let Some(question) = id.and_then(|id| self.questions.get(&id.0)) else { return };
        let (Some(token), Some(span)) = (question.token.clone(), message.span(Field::ProgressToken)) else { return };
        let mut out = Spliced::new(message.raw().clone());
        out.patch(span, Patch::Bytes(token));
        if let Ok(message) = Message::parse(out.to_bytes()) {
            let _ = question.port.mailbox.push(Mail::Notification(Box::new(message)));
        }
    }

    /// The client has left: servers hear from their own side that nobody will answer.
    pub(super) fn drop_questions(&mut self) {
        for (_, question) in std::mem::take(&mut self.questions) {
            self.end_question(&question, Status::Cancelled, None);
        }
    }
}
