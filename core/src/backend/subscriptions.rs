//! Resource updates and log levels: many clients, one server.
//!
//! Legacy servers take `resources/subscribe` per URI, modern ones one `subscriptions/listen` with all of them; either
//! way the server hears of the first who wants a URI and of the last who does not any more.

use super::call::{Call, Outcome};
use super::instance::Instance;
use super::offer::ItemKind;
use super::pending::Own;
use super::shape;
use crate::protocol::{Era, Field, Method, SessionId, walk};

impl Instance {
    /// The server's own URI a subscription call is about, decoded.
    fn uri_of(call: &Call) -> Option<String> {
        match &call.target {
            Some((_, own)) => walk::decode(own).map(std::borrow::Cow::into_owned),
            None => call.message.text(Field::Uri).map(std::borrow::Cow::into_owned),
        }
    }

    /// Settles a subscription call without the server where its edition has no such method, or where another client
    /// still wants the updates. `true`: the call has been answered.
    pub(super) fn settle_here(&mut self, call: &Call) -> bool {
        let wants = match call.method {
            Some(Method::ResourcesSubscribe) => true,
            Some(Method::ResourcesUnsubscribe) => false,
            _ => return false,
        };
        let Some(uri) = Self::uri_of(call) else { return false };
        if self.era() == Era::Legacy {
            if wants {
                return false;
            }
            let others = self.subscriptions.get(&uri).is_some_and(|s| s.iter().any(|s| *s != call.peer.id));
            if !others {
                return false;
            }
        }
        let uri = serde_json::Value::from(uri).to_string();
        if wants {
            self.subscribe(call.peer.id, uri.as_bytes())
        } else {
            self.unsubscribe(call.peer.id, uri.as_bytes())
        }
        call.answer_here(Outcome::Local("{}"));
        true
    }

    /// A legacy server has accepted a subscription call.
    pub(super) fn note_subscription(&mut self, call: &Call) {
        if !matches!(call.method, Some(Method::ResourcesSubscribe | Method::ResourcesUnsubscribe)) {
            return;
        }
        let Some(uri) = Self::uri_of(call) else { return };
        match call.method {
            Some(Method::ResourcesSubscribe) => {
                let sessions = self.subscriptions.entry(uri).or_default();
                if !sessions.contains(&call.peer.id) {
                    sessions.push(call.peer.id);
                }
            }
            Some(Method::ResourcesUnsubscribe) => drop(self.subscriptions.remove(&uri)),
            _ => {}
        }
    }

    /// Somebody wants updates of `uri` (a raw JSON string).
    pub(super) fn subscribe(&mut self, session: SessionId, uri: &[u8]) {
        let Some(decoded) = walk::decode(uri) else { return };
        let sessions = self.subscriptions.entry(decoded.into_owned()).or_default();
        if sessions.contains(&session) {
            return;
        }
        sessions.push(session);
        if sessions.len() > 1 {
            return;
        }
        match self.era() {
            Era::Legacy => self.tell_legacy(Method::ResourcesSubscribe, uri),
            Era::Modern => self.open_listen(),
        }
    }

    /// Somebody does not want them any more.
    pub(super) fn unsubscribe(&mut self, session: SessionId, uri: &[u8]) {
        let Some(decoded) = walk::decode(uri) else { return };
        let Some(sessions) = self.subscriptions.get_mut(decoded.as_ref()) else { return };
        let before = sessions.len();
        sessions.retain(|s| *s != session);
        if before == 0 || !sessions.is_empty() || sessions.len() == before {
            return;
        }
        self.subscriptions.remove(decoded.as_ref());
        match self.era() {
            Era::Legacy => self.tell_legacy(Method::ResourcesUnsubscribe, uri),
            Era::Modern => self.open_listen(),
        }
    }

    fn tell_legacy(&mut self, method: Method, uri: &[u8]) {
        let params = format!(r#"{{"uri":{}}}"#, String::from_utf8_lossy(uri));
        self.send_own(Own::Other(method.name()), method, &params);
    }

    /// Opens the one stream of a modern server for everything wanted now; the one before ends after it (MCP 2026-07-28,
    /// basic/utilities/subscriptions).
    pub(super) fn open_listen(&mut self) {
        let mut filter = serde_json::Map::new();
        for (kind, key) in [
            (ItemKind::Tool, "toolsListChanged"),
            (ItemKind::Prompt, "promptsListChanged"),
            (ItemKind::Resource, "resourcesListChanged"),
        ] {
            if self.declares(kind) {
                filter.insert(key.to_owned(), true.into());
            }
        }
        if !self.subscriptions.is_empty() {
            let mut uris: Vec<&String> = self.subscriptions.keys().collect();
            uris.sort_unstable();
            filter.insert("resourceSubscriptions".to_owned(), serde_json::json!(uris));
        }
        let before = self.listen.take();
        if !filter.is_empty() {
            let meta = shape::modern_meta(&self.ctx.identity, "{}", None);
            let params = format!(r#"{{"_meta":{{{meta}}},"notifications":{}}}"#, serde_json::Value::Object(filter));
            self.listen = Some(self.send_own(Own::Listen, Method::Listen, &params));
        }
        if let Some(wire) = before {
            self.pending.complete(wire);
            self.notify(Method::Cancelled, Some(&format!(r#"{{"requestId":{}}}"#, wire.0)));
        }
    }

    /// Tells a legacy server the lowest level its clients want.
    pub(super) fn send_level(&mut self) {
        let logs = super::handshake::declares(&self.capabilities, "logging");
        if let Some(level) = self.ctx.peers.lowest_level().filter(|_| logs && self.era() == Era::Legacy) {
            let params = format!(r#"{{"level":"{}"}}"#, level.name());
            self.send_own(Own::Other(Method::SetLevel.name()), Method::SetLevel, &params);
        }
    }
}
