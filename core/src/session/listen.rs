//! `subscriptions/listen` of modern clients: one long request, notifications tagged with its id (MCP 2026-07-28,
//! basic/utilities/subscriptions).

use std::sync::Arc;

use bytes::Bytes;

use super::http::Weight;
use super::run::Session;
use super::tasks::undeclared_tasks;
use crate::backend::{ClientFacts, ItemKind, Mail, Port, ServerNote};
use crate::catalog::Catalog;
use crate::observe::Status;
use crate::protocol::{CallId, Fault, Field, Message, Patch, RequestId, Span, Spliced, code, walk};

/// URIs one listen may name.
const MAX_URIS: usize = 1000;
/// Open listens of one session.
const MAX_LISTENS: usize = 16;

/// One open `subscriptions/listen`.
#[derive(Debug)]
pub(super) struct Listen {
    pub(super) id: RequestId,
    pub(super) call: CallId,
    tools: bool,
    prompts: bool,
    resources: bool,
    /// The URIs as the client wrote them, their servers and the servers' own URIs as JSON.
    uris: Vec<(String, Arc<str>, Bytes)>,
    /// The ids of tasks as the client knows them, where they run, and the server's own ids.
    tasks: Vec<(String, Arc<Port>, Box<str>)>,
    /// The catalog as it was told last.
    pub(super) catalog: Arc<Catalog>,
}

impl Session {
    /// Whether a `subscriptions/listen` names resources no server is known for: one that is about to come may have them.
    pub(super) fn misses_resources(&self, message: &Message) -> bool {
        let raw = message.raw();
        let filter = message.span(Field::ListenFilter).filter(|f| raw.get(f.start as usize) == Some(&b'{'));
        let wanted = filter.and_then(|f| walk::member(raw, f, "resourceSubscriptions")).map(|(_, v)| v);
        wanted.into_iter().flat_map(|w| walk::elements(raw, w)).take(MAX_URIS).any(|element| {
            walk::decode(&raw[element.start as usize..element.end as usize])
                .is_some_and(|uri| self.catalog.resource(&uri).is_none())
        })
    }

    pub(super) fn on_listen(&mut self, message: &Message, facts: &Arc<ClientFacts>) {
        let Some(id) = message.id() else { return };
        let raw = message.raw();
        let Some(filter) = message.span(Field::ListenFilter).filter(|f| raw.get(f.start as usize) == Some(&b'{'))
        else {
            let text = "`params.notifications` must be an object such as {\"toolsListChanged\":true}";
            return self.fault_own(message, facts, &Fault::new(code::INVALID_PARAMS, text));
        };
        if walk::member(raw, filter, "taskIds").is_some() && !facts.has_tasks() {
            return self.fault_own(message, facts, &undeclared_tasks());
        }
        if self.listens.len() >= MAX_LISTENS {
            let text = format!("{MAX_LISTENS} subscriptions are open already: cancel one");
            return self.fault_own(message, facts, &Fault::new(code::INVALID_REQUEST, text));
        }
        let asks = |key| {
            walk::member(raw, filter, key).is_some_and(|(_, v)| &raw[v.start as usize..v.end as usize] == b"true")
        };
        let wanted = walk::member(raw, filter, "resourceSubscriptions").map(|(_, v)| v);
        let mut uris = Vec::new();
        for element in wanted.into_iter().flat_map(|w| walk::elements(raw, w)).take(MAX_URIS) {
            let Some(uri) = walk::decode(&raw[element.start as usize..element.end as usize]) else { continue };
            if let Some(route) = self.catalog.resource(&uri) {
                let own = route.own_json.unwrap_or_else(|| serde_json::Value::from(&*uri).to_string().into());
                uris.push((uri.into_owned(), route.backend, own));
            }
        }
        for (_, backend, own) in &uris {
            // Where there is no instance for it there will be no updates.
            if let Some(port) = self.engine.port(backend).and_then(|p| p.home_of(&self.peer, facts).ok()) {
                self.uses(&port);
                let _ = port.mailbox.push(Mail::Subscribe { session: self.peer.id, uri: own.clone() });
            }
        }
        let tasks = self.followed(raw, filter, facts);
        for (_, port, own) in &tasks {
            self.uses(port);
            let _ = port.mailbox.push(Mail::Follow { session: self.peer.id, task: own.clone(), on: true });
        }
        let call = self.begin_own(message, facts);
        let listen = Listen {
            id,
            call,
            tools: asks("toolsListChanged"),
            prompts: asks("promptsListChanged"),
            resources: asks("resourcesListChanged"),
            uris,
            tasks,
            catalog: self.catalog.clone(),
        };
        self.acknowledge(&listen);
        self.listens.push(listen);
    }

    /// The tasks a filter names that are this client's, at servers that tell of them.
    fn followed(&self, raw: &[u8], filter: Span, facts: &Arc<ClientFacts>) -> Vec<(String, Arc<Port>, Box<str>)> {
        let named = walk::member(raw, filter, "taskIds").map(|(_, v)| v);
        let ids = named.into_iter().flat_map(|n| walk::elements(raw, n)).take(MAX_URIS);
        let find = |place: Span| {
            let id = walk::decode(&raw[place.start as usize..place.end as usize])?.into_owned();
            let (base, own) = self.task(&id)?;
            let port = self.engine.ctx.tasks.ask(&id, &self.peer).port;
            // Which instance of a legacy server it would be nobody knows.
            let port = port.or_else(|| base.home_of(&self.peer, facts).ok().filter(|p| p.speaks_modern()))?;
            Some((id, port, own.into()))
        };
        ids.filter_map(find).collect()
    }

    /// A server tells how a task stands: every listen that names it hears of it under its own id.
    pub(super) fn tell_task(&mut self, note: &ServerNote) {
        let own = note.message.text(Field::TaskId).unwrap_or_default();
        for listen in &self.listens {
            let Some((id, ..)) = listen.tasks.iter().find(|(_, port, o)| **o == *own && Arc::ptr_eq(port, &note.port))
            else {
                continue;
            };
            let mut out = Spliced::new(note.message.raw().clone());
            if let Some(span) = note.message.span(Field::TaskId) {
                out.patch(span, Patch::Bytes(serde_json::Value::from(id.as_str()).to_string().into()));
            }
            tagged(&mut out, &note.message, &listen.id);
            self.out.beside(&listen.id, &out, Weight::Note);
        }
    }

    /// The first word on the stream: what will be told.
    fn acknowledge(&mut self, listen: &Listen) {
        let mut accepted = serde_json::Map::new();
        let flags = [
            ("toolsListChanged", listen.tools),
            ("promptsListChanged", listen.prompts),
            ("resourcesListChanged", listen.resources),
        ];
        for (key, _) in flags.into_iter().filter(|(_, on)| *on) {
            accepted.insert(key.to_owned(), true.into());
        }
        if !listen.uris.is_empty() {
            let uris: Vec<&str> = listen.uris.iter().map(|(uri, _, _)| uri.as_str()).collect();
            accepted.insert("resourceSubscriptions".to_owned(), serde_json::json!(uris));
        }
        if !listen.tasks.is_empty() {
            let ids: Vec<&str> = listen.tasks.iter().map(|(id, ..)| id.as_str()).collect();
            accepted.insert("taskIds".to_owned(), serde_json::json!(ids));
        }
        let accepted = serde_json::Value::Object(accepted);
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{},"notifications":{accepted}}}}}"#,
            tag(&listen.id)
        );
        self.out.beside(&listen.id, &Spliced::new(text.into()), Weight::Owed);
    }

    pub(super) fn tell_listeners(&mut self, kind: ItemKind) {
        for listen in &self.listens {
            let asked = match kind {
                ItemKind::Tool => listen.tools,
                ItemKind::Prompt => listen.prompts,
                ItemKind::Resource | ItemKind::Template => listen.resources,
            };
            if asked {
                let method = kind.changed_method().name();
                let text =
                    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{}}}}}"#, tag(&listen.id));
                self.out.beside(&listen.id, &Spliced::new(text.into()), Weight::Note);
            }
        }
    }

    /// A resource was updated: every listen that covers it hears of it under its own id. `uri` is as clients know it.
    pub(super) fn tell_updated(&mut self, message: &Message, uri: &str) {
        let covers = |wanted: &str| {
            uri.strip_prefix(wanted)
                .is_some_and(|r| r.is_empty() || wanted.ends_with(['/', '?', '#']) || r.starts_with(['/', '?', '#']))
        };
        for listen in &self.listens {
            if !listen.uris.iter().any(|(wanted, _, _)| covers(wanted)) {
                continue;
            }
            let mut out = Spliced::new(message.raw().clone());
            if let Some(span) = message.span(Field::Uri) {
                out.patch(span, Patch::Bytes(serde_json::Value::from(uri).to_string().into()));
            }
            tagged(&mut out, message, &listen.id);
            self.out.beside(&listen.id, &out, Weight::Note);
        }
    }

    /// The client does not listen any more.
    pub(super) fn end_listen(&mut self, id: &RequestId) {
        let Some(at) = self.listens.iter().position(|l| l.id == *id) else { return };
        let listen = self.listens.remove(at);
        self.end_flow(listen.call, Status::Cancelled);
        for (uri, backend, own) in &listen.uris {
            // Another listen of this client may want the same.
            let still = self.listens.iter().any(|l| l.uris.iter().any(|(u, _, _)| u == uri));
            let port = self.engine.port(backend).filter(|_| !still);
            let home = port.zip(self.modern.clone()).and_then(|(p, facts)| p.home_of(&self.peer, &facts).ok());
            if let Some(port) = home {
                let _ = port.mailbox.push(Mail::Unsubscribe { session: self.peer.id, uri: own.clone() });
            }
        }
        for (id, port, own) in listen.tasks {
            if !self.listens.iter().any(|l| l.tasks.iter().any(|(t, ..)| *t == id)) {
                let _ = port.mailbox.push(Mail::Follow { session: self.peer.id, task: own, on: false });
            }
        }
    }

    /// We end: every open listen gets its result.
    pub(super) fn end_listens(&mut self) {
        for listen in std::mem::take(&mut self.listens) {
            let result = format!(r#"{{"resultType":"complete","_meta":{}}}"#, tag(&listen.id));
            let ended = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{},"reason":"mcp-proxy is ending"}}}}"#,
                listen.id
            );
            self.finish_own(Some(listen.id), listen.call, &result.into(), self.now);
            // On a link there is no stream that ends (MCP 2026-07-28, transports, stdio).
            self.out.push(&Spliced::new(ended.into()), Weight::Note);
        }
    }
}

/// A notification as one of the listen `id`: with its tag, or that in the place of our own.
fn tagged(out: &mut Spliced, message: &Message, id: &RequestId) {
    if let Some(span) = message.span(Field::MetaSubscription) {
        return out.patch(span, Patch::Bytes(id.0.clone()));
    }
    let Some(params) = message.span(Field::Params) else { return };
    let at = message.span(Field::Meta).map_or(params.start + 1, |m| m.start + 1);
    let member = match message.span(Field::Meta) {
        None => format!(r#""_meta":{},"#, tag(id)),
        Some(meta) if meta.end - meta.start > 2 => format!(r#""io.modelcontextprotocol/subscriptionId":{id},"#),
        Some(_) => format!(r#""io.modelcontextprotocol/subscriptionId":{id}"#),
    };
    out.patch(Span { start: at, end: at }, Patch::Bytes(member.into()));
}

fn tag(id: &RequestId) -> String {
    format!(r#"{{"io.modelcontextprotocol/subscriptionId":{id}}}"#)
}
