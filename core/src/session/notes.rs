//! What servers say meanwhile: progress, log messages, updates.

use super::http::Weight;
use super::run::{Active, Session};
use crate::backend::{Level, ServerNote};
use crate::protocol::{CallId, Field, Message, Method, Patch, RequestId, Spliced, walk};

impl Session {
    pub(super) fn on_progress(&mut self, client_id: &RequestId, message: &Message) {
        let is_behind = self.is_behind();
        let Some(active) = self.calls.get_mut(client_id) else { return };
        let Some(token) = active.token.clone().filter(|_| !is_behind) else { return };
        let progress = message.get(Field::Progress).and_then(|p| std::str::from_utf8(p).ok()?.parse().ok());
        let progress = progress.unwrap_or(f64::INFINITY);
        // Each round begins anew, and a client is told only of what goes on (MCP 2025-11-25, basic/utilities/progress).
        if active.rounds.is_some() && progress <= active.progress {
            return;
        }
        active.progress = active.progress.max(progress);
        let mut out = Spliced::new(message.raw().clone());
        if let Some(span) = message.span(Field::ProgressToken) {
            out.patch(span, Patch::Bytes(token));
        }
        let call = active.call;
        self.engine.ctx.observer.progress(call);
        self.out.beside(client_id, &out, Weight::Note);
    }

    pub(super) fn on_server_note(&mut self, note: &ServerNote) {
        // A server may take the only client there is for its own: not one that does not see it.
        if self.is_behind() || !self.scope.sees(note.port.name()) {
            return;
        }
        match note.method {
            Some(Method::LogMessage) => self.on_log(note),
            Some(Method::ResourceUpdated) => self.on_updated(note),
            Some(Method::TaskChanged) => self.tell_task(note),
            _ => {
                // A notification we do not know is for the client it belongs to, in the era that has such a thing.
                if self.legacy.is_some() {
                    self.pass_on(note, note.parent);
                }
            }
        }
    }

    fn on_log(&mut self, note: &ServerNote) {
        let level = note.message.text(Field::Level).as_deref().and_then(Level::from_name).unwrap_or(Level::Info);
        let wanted = if self.legacy.is_some() {
            self.peer.level().is_none_or(|least| level >= least)
        } else {
            // A modern client gets log messages of requests that asked for them, and only of these.
            let asked = |a: &&Active| a.facts.level.is_some_and(|least| level >= least);
            match note.parent {
                Some(id) => self.calls.values().find(|a| a.call == id).is_some_and(|a| asked(&a)),
                // It belongs to no call, and goes to whoever asked for such lines.
                None => match self.calls.values().find(asked).map(|a| a.call) {
                    Some(call) => return self.pass_on(note, Some(call)),
                    None => false,
                },
            }
        };
        if wanted {
            self.pass_on(note, note.parent);
        }
    }

    /// A notification goes where the call it belongs to is answered, as it came.
    fn pass_on(&mut self, note: &ServerNote, parent: Option<CallId>) {
        let mut out = Spliced::new(note.message.raw().clone());
        self.expose_related(&mut out, &note.message, &note.port);
        self.tell(parent, &out, Weight::Note);
    }

    /// What arose from a call goes where that is answered, else where everybody's goes.
    pub(super) fn tell(&mut self, parent: Option<CallId>, out: &Spliced, weight: Weight) {
        let call = parent.and_then(|call| self.calls.iter().find(|(_, a)| a.call == call));
        match call {
            Some((id, _)) => self.out.beside(id, out, weight),
            None => self.out.push(out, weight),
        }
    }

    fn on_updated(&mut self, note: &ServerNote) {
        let Some(own) = note.message.text(Field::Uri) else { return };
        let uri = self.catalog.exposed_uri(note.port.name(), &own).map_or_else(|| own.to_string(), ToString::to_string);
        if self.modern.is_some() {
            self.tell_updated(&note.message, &uri);
        }
        if self.legacy.is_none() {
            return;
        }
        let mut out = Spliced::new(note.message.raw().clone());
        if uri != *own
            && let Some(span) = note.message.span(Field::Uri)
        {
            out.patch(span, Patch::Bytes(serde_json::Value::from(uri).to_string().into()));
        }
        // A modern server tags its updates with our own subscription; that is nothing to a legacy client.
        if let (Some(meta), Some(params), Some(_)) = (
            note.message.span(Field::Meta),
            note.message.span(Field::Params),
            note.message.span(Field::MetaSubscription),
        ) {
            let key = "io.modelcontextprotocol/subscriptionId";
            for span in walk::cuts_within(note.message.raw(), params, ("_meta", meta), &[key]) {
                out.patch(span, Patch::Bytes(bytes::Bytes::new()));
            }
        }
        self.out.push(&out, Weight::Note);
    }
}
