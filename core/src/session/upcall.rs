//! What servers ask of this client: passed on under an id of ours, answered back under theirs.
//!
//! A legacy server asks by a request of its own; all of them number these from 0 or 1, and ours are what keeps them apart (edge
//! case 6). A modern one asks by the answer to a call (`rounds.rs`). To the client both are the same.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::held::{Resumed, status_of};
use super::http::Weight;
use super::run::Session;
use super::shape::question::{Asked, asked};
use crate::backend::{Answer, Mail, Outcome, Port, Upcall};
use crate::observe::{Ended, Flow, FlowKind, MethodName, Status, Timing};
use crate::protocol::{CallId, Fault, Field, Message, Method, Patch, RequestId, Spliced, code};

/// A question that this client has not answered yet.
#[derive(Debug)]
pub(super) struct Question {
    port: Arc<Port>,
    asker: Asker,
    call: CallId,
    /// The call it arose from, if that is certain.
    parent: Option<CallId>,
    asked: Instant,
}

/// Who waits for the answer.
#[derive(Debug)]
pub(super) enum Asker {
    /// A legacy server.
    Server {
        /// The instance that asked.
        generation: u64,
        /// Its id of the question.
        server_id: RequestId,
        /// Its progress token as raw JSON.
        token: Option<Bytes>,
    },
    /// A call of this client, between two rounds.
    Round {
        /// The client's id of it.
        client_id: RequestId,
    },
}

/// A question about to be put to the client.
pub(super) struct Pose<'a> {
    /// As the server asked it.
    pub(super) message: &'a Message,
    /// Its method, if it is one we know.
    pub(super) method: Option<Method>,
    /// The server.
    pub(super) port: Arc<Port>,
    /// The call it arose from, if that is certain.
    pub(super) parent: Option<CallId>,
    /// Who waits for the answer.
    pub(super) asker: Asker,
}

impl Session {
    pub(super) fn on_upcall(&mut self, upcall: Upcall) {
        if !self.hold_question(&upcall) {
            self.ask_now(upcall, Duration::ZERO);
        }
    }

    /// Asks the client, or answers for it.
    pub(super) fn ask(&mut self, upcall: Upcall) {
        let Upcall { port, generation, message, method, parent, .. } = upcall;
        let Some(server_id) = message.id() else { return };
        let facts = self.legacy.clone();
        let asked = if !self.scope.sees(port.name()) {
            Err(Fault::new(code::INVALID_PARAMS, "no client request to associate this with"))
        } else if let Some(facts) = facts {
            asked(&message, &facts, &self.name_of(self.n_questions + 1))
        } else {
            Err(Fault::new(code::METHOD_NOT_FOUND, "the client has no requests from servers in its edition"))
        };
        let answer = match asked {
            Ok(Asked::Client(mut out)) => {
                self.expose_related(&mut out, &message, &port);
                let token = message.slice(Field::MetaToken);
                let asker = Asker::Server { generation, server_id, token };
                self.pose(Pose { message: &message, method, port, parent, asker }, out);
                return;
            }
            Ok(Asked::Here(result)) => {
                let text = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#);
                Message::parse(text.into()).map_err(|m| Fault::from(&m))
            }
            Err(fault) => Err(fault),
        };
        let _ = port.mailbox.push_owed(Mail::UpcallAnswer { generation, server_id, answer: Box::new(answer) });
    }

    /// What a question may be called beyond this session.
    pub(super) fn name_of(&self, question: u64) -> String {
        format!("mcp-proxy-{}-{question}", self.peer.id.0)
    }

    /// Puts a question to the client; `out` is how it gets it, but for the id. Gives our id of it.
    pub(super) fn pose(&mut self, pose: Pose<'_>, mut out: Spliced) -> u64 {
        let Pose { message, method, port, parent, asker } = pose;
        self.n_questions += 1;
        let id = self.n_questions;
        for field in [Field::Id, Field::MetaToken] {
            if let Some(span) = message.span(field) {
                out.patch(span, Patch::Number(id));
            }
        }
        let call = match self.resumed.take() {
            Some(Resumed { row, .. }) => {
                self.engine.ctx.observer.sent(row, id, &out);
                row
            }
            None => {
                let mut flow = self.question_row(message, method, port.name(), parent);
                flow.wire_id = Some(id);
                flow.frames.sent = Some(out.clone());
                self.engine.ctx.observer.begin(flow)
            }
        };
        self.status.n_open.fetch_add(1, Ordering::Relaxed);
        self.tell(parent, &out, Weight::Owed);
        self.questions.insert(id, Question { port, asker, call, parent, asked: self.now });
        id
    }

    /// A journal row for a question to this client.
    pub(super) fn question_row(
        &self,
        message: &Message,
        method: Option<Method>,
        backend: &Arc<str>,
        parent: Option<CallId>,
    ) -> Flow {
        let name = message.text(Field::Method).unwrap_or_default();
        let method = method.map_or_else(|| name.as_ref().into(), |m| MethodName::Known(m).text());
        let mut flow = Flow::new(FlowKind::Upcall, method);
        flow.session = Some(self.peer.id);
        flow.client = self.status.said().0;
        flow.backend = Some(backend.clone());
        flow.parent = parent;
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        flow
    }

    /// The client answers a question.
    pub(super) fn on_client_answer(&mut self, message: Message) {
        let id = message.id().and_then(|id| id.as_wire()).map(|id| id.0);
        if self.takes_folders(id, &message) {
            return;
        }
        let Some((id, row)) = id.and_then(|id| Some((id, self.questions.get(&id)?.call))) else {
            let id = message.id().map_or_else(|| "none".to_owned(), |id| id.to_string());
            tracing::debug!(session = %self.peer.id, id, "the client answered a request nobody made: dropped");
            return;
        };
        self.has_envelope(&message, row);
        if !self.hold_reply(id, row, &message) {
            self.take_reply(id, message, Duration::ZERO);
        }
    }

    /// The client's answer to a question, which was held for so long, goes to who asked.
    pub(super) fn take_reply(&mut self, id: u64, message: Message, held: Duration) {
        let Some(question) = self.questions.remove(&id) else { return };
        self.forget_held(question.call);
        self.end_question(&question, status_of(&message), Some(message.raw().clone()), held);
        match question.asker {
            Asker::Round { client_id } => self.on_round_answer(&client_id, id, &message),
            Asker::Server { generation, server_id, .. } => {
                let mail = Mail::UpcallAnswer { generation, server_id, answer: Box::new(Ok(message)) };
                // One a question, and questions are bounded.
                let _ = question.port.mailbox.push_owed(mail);
            }
        }
    }

    fn end_question(&self, question: &Question, status: Status, returned: Option<Bytes>, held: Duration) {
        let server = self.now.saturating_duration_since(question.asked).saturating_sub(held);
        let timing = Timing { server, held, ..Timing::default() };
        let ended = Ended { status, timing, returned: returned.as_ref(), answered: None, tool: None };
        self.status.n_open.fetch_sub(1, Ordering::Relaxed);
        self.engine.ctx.observer.end(question.call, Some(question.port.name()), FlowKind::Upcall, &ended);
    }

    /// The client need not answer a question any more.
    pub(super) fn take_back(&mut self, id: u64, why: &str) {
        let Some(question) = self.questions.remove(&id) else { return };
        let why = serde_json::Value::from(why);
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":{why}}}}}"#
        );
        // As owed as the question was: one a question.
        self.tell(question.parent, &Spliced::new(text.into()), Weight::Owed);
        self.forget_held(question.call);
        self.end_question(&question, Status::Cancelled, None, Duration::ZERO);
    }

    /// A server took its question back.
    pub(super) fn on_upcall_cancelled(
        &mut self,
        port: &Arc<Port>,
        generation: u64,
        server_id: &RequestId,
        message: &Message,
    ) {
        let is_it = |q: &Question| {
            Arc::ptr_eq(&q.port, port)
                && matches!(&q.asker, Asker::Server { generation: g, server_id: id, .. } if *g == generation && id == server_id)
        };
        let Some(id) = self.questions.iter().find(|(_, q)| is_it(q)).map(|(id, _)| *id) else {
            // The client need not hear of what it has not been asked.
            self.take_back_held(port, generation, server_id);
            return;
        };
        let Some(question) = self.questions.remove(&id) else { return };
        let mut out = Spliced::new(message.raw().clone());
        if let Some(span) = message.span(Field::CancelId) {
            out.patch(span, Patch::Number(id));
        }
        self.tell(question.parent, &out, Weight::Note);
        self.forget_held(question.call);
        self.end_question(&question, Status::Cancelled, None, Duration::ZERO);
    }

    /// The task of a server's instance has broken down: what it owed this client ends here.
    pub(super) fn on_lost(&mut self, port: &Arc<Port>) {
        let text = format!("server `{}`: mcp-proxy has made a mistake with it; the call is lost", port.name());
        let data = serde_json::json!({ "backend": &**port.name(), "reason": "lost" });
        let fault = Fault::new(code::INTERNAL, text).with_data(&data);
        // What is between two rounds was not there.
        let is_there = |a: &super::run::Active| !a.rounds.as_ref().is_some_and(|r| r.is_open());
        self.lose_held(port);
        let calls = self.calls.iter().filter(|(_, a)| Arc::ptr_eq(&a.port, port) && is_there(a));
        let calls = calls.filter(|(_, a)| !self.has_held_answer(a.call));
        let calls: Vec<_> = calls.map(|(id, a)| (id.clone(), a.call, a.handed)).collect();
        for (client_id, call, handed) in calls {
            let outcome = Outcome::Fault(fault.clone());
            let to = self.peer.id;
            self.on_answer(&Answer { to, client_id, call, outcome, sent: None, handed, ends: true });
        }
        let is_its = |q: &Question| Arc::ptr_eq(&q.port, port) && matches!(q.asker, Asker::Server { .. });
        let asked: Vec<u64> = self.questions.iter().filter(|(_, q)| is_its(q)).map(|(id, _)| *id).collect();
        for id in asked {
            self.take_back(id, "the server has ended");
        }
    }

    /// The client reports progress on a question.
    pub(super) fn on_client_progress(&mut self, message: &Message) {
        let id = message.slice(Field::ProgressToken).and_then(|t| RequestId(t).as_wire());
        let Some(question) = id.and_then(|id| self.questions.get(&id.0)) else { return };
        let Asker::Server { token: Some(token), .. } = &question.asker else { return };
        let Some(span) = message.span(Field::ProgressToken) else { return };
        let mut out = Spliced::new(message.raw().clone());
        out.patch(span, Patch::Bytes(token.clone()));
        if let Ok(message) = Message::parse(out.to_bytes()) {
            let _ = question.port.mailbox.push(Mail::Notification(Box::new(message)));
        }
    }

    /// The client has left: servers hear from their own side that nobody will answer.
    pub(super) fn drop_questions(&mut self) {
        for (_, question) in std::mem::take(&mut self.questions) {
            self.forget_held(question.call);
            self.end_question(&question, Status::Cancelled, None, Duration::ZERO);
        }
    }
}
