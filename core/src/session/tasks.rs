//! A client's tasks: its requests about them, and their ids in what it gets (protocol.md, 3.8).
//!
//! Clients know a task by an id that is good for them alone ([`crate::backend::TaskIds`]); servers know it by their own. Here, and nowhere
//! else, one stands in for the other, but for what a client answers to a server's question.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::calls::Way;
use super::run::{Active, Session};
use crate::backend::{ClientFacts, Port, RELATED_TASK, TASKS_EXTENSION, has_extension, related_task};
use crate::protocol::{Era, Fault, Field, Kind, Message, Method, Patch, Revision, Span, Spliced, code, walk};

impl ClientFacts {
    /// Whether the client knows tasks as the extension of 2026-07-28 has them.
    pub(super) fn has_tasks(&self) -> bool {
        self.revision.era() == Era::Modern && has_extension(&self.capabilities)
    }
}

/// What a modern client gets that asks for tasks and has not said that it knows them (SEP-2663, protocol errors).
pub(super) fn undeclared_tasks() -> Fault {
    let text = format!("the client did not declare the extension `{TASKS_EXTENSION}`");
    let data = json!({ "requiredCapabilities": { "extensions": { TASKS_EXTENSION: {} } } });
    Fault::new(code::MISSING_CAPABILITY, text).with_data(&data)
}

impl Session {
    /// A request about tasks.
    pub(super) fn on_task_request(&mut self, message: Message, method: Method, facts: Arc<ClientFacts>) {
        let is_there = match method {
            Method::TasksResult | Method::TasksList => facts.revision == Revision::V2025_11_25,
            Method::TasksUpdate => facts.revision.era() == Era::Modern,
            _ => facts.revision >= Revision::V2025_11_25,
        };
        if !is_there {
            let text = format!("Method not found: {} (MCP {} has none)", method.name(), facts.revision);
            return self.fault_own(&message, &facts, &Fault::new(code::METHOD_NOT_FOUND, text));
        }
        if facts.revision.era() == Era::Modern && !facts.has_tasks() {
            return self.fault_own(&message, &facts, &undeclared_tasks());
        }
        if method == Method::TasksList {
            return self.list_tasks(&message, &facts);
        }
        let Some(id) = message.text(Field::TaskId).map(std::borrow::Cow::into_owned) else {
            let fault = Fault::new(code::INVALID_PARAMS, "`params.taskId` must be the id of a task");
            return self.fault_own(&message, &facts, &fault);
        };
        let Some((base, own)) = self.task(&id) else {
            let brief: String = id.chars().take(200).collect();
            let text = format!("Unknown task: {brief} (it has expired, or is another client's): make the call again");
            return self.fault_own(&message, &facts, &Fault::new(code::INVALID_PARAMS, text));
        };
        let found = self.engine.ctx.tasks.ask(&id, &self.peer);
        let port = found.port.unwrap_or(base);
        let own: Bytes = serde_json::Value::from(own).to_string().into();
        let target = message.span(Field::TaskId).map(|place| (place, own));
        let way = Way { target, shown: Some(id.into()), parent: found.call, ..Way::default() };
        self.send(message, Some(method), facts, &port, way);
    }

    /// The server of the task this client knows by `id`, and the server's own id. Another principal's is as unknown as none.
    pub(super) fn task(&self, id: &str) -> Option<(Arc<Port>, String)> {
        let opened = self.engine.ctx.tasks.open(&self.peer.principal, id)?;
        let port = self.engine.port(opened.backend).filter(|p| self.scope.sees(p.name()))?;
        Some((port, opened.own.to_owned()))
    }

    /// The tasks of this client, whatever servers made them: what these said of them last.
    fn list_tasks(&mut self, message: &Message, facts: &Arc<ClientFacts>) {
        if message.text(Field::Cursor).is_some() {
            let text = "this cursor is stale or not ours: list again from the beginning";
            return self.fault_own(message, facts, &Fault::new(code::INVALID_PARAMS, text));
        }
        let call = self.begin_own(message, facts);
        let all = self.engine.ctx.tasks.of(&self.peer, self.now);
        let result = [br#"{"tasks":["#, &all.join(&b","[..])[..], b"]}"].concat();
        self.finish_own(message.id(), call, &result.into(), self.now);
    }

    /// Puts the ids of tasks as this client knows them into the answer to its call.
    pub(super) fn expose_tasks(&self, out: &mut Spliced, message: &Message, active: &Active) {
        if message.kind() != Kind::Response {
            return;
        }
        let raw = message.raw();
        let put = |out: &mut Spliced, span: Span, id: &str| out.patch(span, Patch::Bytes(quoted(id)));
        match active.method {
            Some(Method::TasksGet | Method::TasksResult | Method::TasksCancel | Method::TasksUpdate) => {
                let Some(shown) = &active.shown else { return };
                let id = message.span(Field::ResultTaskId).filter(|_| active.method != Some(Method::TasksResult));
                let related = message.span(Field::ResultMeta).and_then(|meta| related_task(raw, meta));
                for span in id.into_iter().chain(related) {
                    put(out, span, shown);
                }
            }
            Some(Method::ToolsCall) => self.expose_made(out, message, active),
            _ => {}
        }
    }

    /// The same in the answer to a call that may have become a task.
    fn expose_made(&self, out: &mut Spliced, message: &Message, active: &Active) {
        let raw = message.raw();
        let legacy =
            message.span(Field::ResultTask).and_then(|task| walk::member(raw, task, "taskId")).map(|(_, id)| id);
        let is_task = || message.text(Field::ResultType).as_deref() == Some("task");
        let modern = message.span(Field::ResultTaskId).filter(|_| is_task());
        let tasks = &self.engine.ctx.tasks;
        let own = |span: Span| walk::decode(raw.get(span.start as usize..span.end as usize)?);
        let made = legacy.and_then(|span| Some((span, tasks.made_by(active.call, &active.port, &own(span)?)?)));
        let made = made.or_else(|| {
            let span = modern?;
            Some((span, tasks.exposed(&self.peer.principal, &active.port, &own(span)?)?))
        });
        if let Some((span, exposed)) = made {
            return out.patch(span, Patch::Bytes(quoted(&exposed)));
        }
        // It was a task for us only: the client knows of none.
        let (Some(result), Some(meta)) = (message.span(Field::Result), message.span(Field::ResultMeta)) else { return };
        for span in walk::cuts_within(raw, result, ("_meta", meta), &[RELATED_TASK]) {
            out.patch(span, Patch::Bytes(Bytes::new()));
        }
    }

    /// The same in a server's question or notification.
    pub(super) fn expose_related(&self, out: &mut Spliced, message: &Message, port: &Port) {
        let raw = message.raw();
        let by_meta = message.span(Field::MetaTask).and_then(|r| walk::member(raw, r, "taskId")).map(|(_, id)| id);
        let by_itself = message
            .span(Field::TaskId)
            .filter(|_| matches!(message.method(), Some(Method::TaskStatus | Method::TaskChanged)));
        for span in by_meta.into_iter().chain(by_itself) {
            let own = raw.get(span.start as usize..span.end as usize).and_then(walk::decode);
            if let Some(id) = own.and_then(|own| self.engine.ctx.tasks.exposed(&self.peer.principal, port, &own)) {
                out.patch(span, Patch::Bytes(quoted(&id)));
            }
        }
    }
}

fn quoted(text: &str) -> Bytes {
    serde_json::Value::from(text).to_string().into()
}
