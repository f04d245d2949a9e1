//! The journal's rows of what a client sends.

use std::sync::Arc;

use super::run::Session;
use crate::backend::ClientFacts;
use crate::observe::{self, Ended, Flow, FlowKind, MethodName, Status, Timing};
use crate::protocol::{CallId, Field, Kind, Message};

impl Session {
    /// What the journal is told of a request of this client.
    pub(super) fn begun<'a>(
        &self,
        message: &'a Message,
        facts: &ClientFacts,
        backend: Option<&Arc<str>>,
        target: Option<Arc<str>>,
    ) -> observe::Begun<'a> {
        let method = match message.method() {
            Some(method) => MethodName::Known(method),
            None => MethodName::Other(message.text(Field::Method).unwrap_or_default().as_ref().into()),
        };
        let named = || message.text(Field::Name).or_else(|| message.text(Field::Uri)).map(|t| t.as_ref().into());
        // A face says by the id what it makes again.
        let is_face = self.status.via == "memory";
        let parent = is_face.then(|| message.get(Field::Id).and_then(CallId::replayed).map(|(of, _)| of)).flatten();
        observe::Begun {
            at: self.wall,
            session: Some(self.peer.id),
            client: facts.name.clone(),
            backend: backend.cloned(),
            method,
            target: target.or_else(named),
            parent,
            received: message.raw(),
        }
    }

    /// A row of the journal begins for a request of this client.
    pub(super) fn begin_call(&self, message: &Message, begun: observe::Begun<'_>) -> CallId {
        let row = self.engine.ctx.observer.begun(begun);
        self.has_envelope(message, row);
        row
    }

    /// A row of the journal begins for what this client sent.
    pub(super) fn begin(&self, message: &Message, flow: Flow) -> CallId {
        let row = self.engine.ctx.observer.begin(flow);
        self.has_envelope(message, row);
        row
    }

    /// What HTTP says around a message of this client goes into a row.
    pub(super) fn has_envelope(&self, message: &Message, row: CallId) {
        if self.out.is_lines() {
            return;
        }
        // A request may have waited: what is being read now is another one.
        let asked = message.id().filter(|_| message.kind() == Kind::Request);
        let envelope = asked.and_then(|id| self.out.envelope(&id)).or_else(|| self.envelope.clone());
        if let Some(envelope) = envelope {
            envelope.is_of(row, &self.engine.ctx.observer);
        }
    }

    pub(super) fn record_note(&self, message: &Message, method: &str, backend: Option<Arc<str>>, status: Status) {
        let mut flow = Flow::new(FlowKind::ClientNotification, method.into());
        flow.session = Some(self.peer.id);
        flow.client = self.status.said().0;
        flow.backend = backend;
        flow.status = status;
        flow.n_bytes_in = u32::try_from(message.raw().len()).unwrap_or(u32::MAX);
        flow.frames.received = Some(message.raw().clone());
        self.begin(message, flow);
    }

    pub(super) fn end_flow(&self, call: CallId, status: Status) {
        let ended = Ended { status, timing: Timing::default(), returned: None, answered: None, tool: None };
        self.engine.ctx.observer.end(call, None, FlowKind::Call, &ended);
    }
}
