//! Resource updates and log levels: many clients, one server.
//!
//! Legacy servers take `resources/subscribe` per URI, modern ones one `subscriptions/listen` with all of them; either
//! way the server hears of the first who wants a URI and of the last who does not any more.

use std::time::Duration;

use super::backoff;
use super::call::{Call, Outcome};
use super::instance::Instance;
use super::offer::ItemKind;
use super::pending::Own;
use super::shape;
use super::wire::Wire;
use crate::observe::Status;
use crate::protocol::{Era, Field, Message, Method, SessionId, WireId, walk};

/// A stream of updates that was open for so long was not refused.
const STEADY: Duration = Duration::from_secs(60);

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
            if !self.port.wanted.by_others(&uri, call.peer.id) {
                return false;
            }
        }
        let uri = serde_json::Value::from(uri).to_string();
        if wants {
            self.subscribe(call.peer.id, uri.as_bytes())
        } else {
            self.unsubscribe(call.peer.id, uri.as_bytes())
        }
        call.answer_here(Outcome::Local(bytes::Bytes::from_static(b"{}")));
        true
    }

    /// A legacy server has accepted a subscription call.
    pub(super) fn note_subscription(&mut self, call: &Call) {
        if !matches!(call.method, Some(Method::ResourcesSubscribe | Method::ResourcesUnsubscribe)) {
            return;
        }
        let Some(uri) = Self::uri_of(call) else { return };
        match call.method {
            Some(Method::ResourcesSubscribe) => drop(self.port.wanted.add(&uri, call.peer.id)),
            Some(Method::ResourcesUnsubscribe) => drop(self.port.wanted.remove(&uri, call.peer.id)),
            _ => {}
        }
    }

    /// Somebody wants updates of `uri` (a raw JSON string).
    pub(super) fn subscribe(&mut self, session: SessionId, uri: &[u8]) {
        let Some(decoded) = walk::decode(uri) else { return };
        if !self.port.wanted.add(&decoded, session) {
            return;
        }
        match self.era() {
            Era::Legacy => self.tell_legacy(Method::ResourcesSubscribe, uri),
            Era::Modern => {
                self.open_listen();
                if let Some(wire) = self.listen {
                    self.settle(wire);
                }
            }
        }
    }

    /// Somebody does not want them any more.
    pub(super) fn unsubscribe(&mut self, session: SessionId, uri: &[u8]) {
        let Some(decoded) = walk::decode(uri) else { return };
        if self.port.wanted.remove(&decoded, session) {
            self.unwanted(&[decoded.into_owned()], false);
        }
    }

    /// Somebody wants news of a task, or not any more.
    pub(super) fn follow(&mut self, session: SessionId, task: &str, on: bool) {
        let wanted = &self.port.wanted_tasks;
        let is_news = if on { wanted.add(task, session) } else { wanted.remove(task, session) };
        match self.era() {
            Era::Modern if is_news => self.open_listen(),
            Era::Modern => {}
            // It tells of its tasks without being asked to.
            Era::Legacy if on => self.tells_follower(task),
            Era::Legacy => {}
        }
    }

    /// Nobody wants updates of these any more; nor (`unfollowed`) news of some tasks.
    pub(super) fn unwanted(&mut self, uris: &[String], unfollowed: bool) {
        match self.era() {
            Era::Legacy => {
                for uri in uris {
                    let uri = serde_json::Value::from(uri.as_str()).to_string();
                    self.tell_legacy(Method::ResourcesUnsubscribe, uri.as_bytes());
                }
            }
            Era::Modern if !uris.is_empty() || unfollowed => self.open_listen(),
            Era::Modern => {}
        }
    }

    /// A new instance is asked for what is still wanted. What has changed meanwhile nobody knows: an update of everything
    /// wanted is told if an instance served before.
    pub(super) fn renew_subscriptions(&mut self) {
        for wanted in [&self.port.wanted, &self.port.wanted_tasks] {
            wanted.keep(|session| self.ctx.peers.get(session).is_some());
        }
        if self.era() == Era::Modern {
            self.open_listen();
        }
        for uri in self.port.wanted.uris() {
            let uri = serde_json::Value::from(uri).to_string();
            if self.era() == Era::Legacy {
                self.tell_legacy(Method::ResourcesSubscribe, uri.as_bytes());
            }
            if self.generation > 1 {
                self.tell_updated(&uri);
            }
        }
    }

    fn tell_legacy(&mut self, method: Method, uri: &[u8]) {
        let params = format!(r#"{{"uri":{}}}"#, String::from_utf8_lossy(uri));
        let wire = self.send_own(Own::Other(method.name()), method, &params);
        if method == Method::ResourcesSubscribe {
            self.settle(wire);
        }
    }

    /// Opens the one stream of a modern server for everything wanted now; the one before ends after it (MCP 2026-07-28,
    /// basic/utilities/subscriptions).
    pub(super) fn open_listen(&mut self) {
        self.listen_at = None;
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
        let uris = self.port.wanted.uris();
        if !uris.is_empty() {
            filter.insert("resourceSubscriptions".to_owned(), uris.into());
        }
        let tasks = self.port.wanted_tasks.uris();
        let capabilities = if tasks.is_empty() { "{}".to_owned() } else { super::task_words::with_extension("{}") };
        if !tasks.is_empty() {
            filter.insert("taskIds".to_owned(), tasks.into());
        }
        let before = self.listen.take();
        if !filter.is_empty() {
            let meta = shape::modern_meta(&self.ctx.identity, &capabilities, None);
            let params = format!(r#"{{"_meta":{{{meta}}},"notifications":{}}}"#, serde_json::Value::Object(filter));
            self.listen = Some(self.send_own(Own::Listen, Method::Listen, &params));
        }
        // Over HTTP the one before goes on until the new one is there: nothing is lost between them.
        match before {
            Some(wire) if matches!(self.wire, Wire::Http(_)) && self.listen.is_some() => {
                if let Some(older) = self.listen_before.replace(wire) {
                    self.close_listen(older);
                }
            }
            Some(wire) => self.close_listen(wire),
            None => {}
        }
    }

    fn close_listen(&mut self, wire: WireId) {
        self.pending.complete(wire);
        self.end_own(wire, Status::Cancelled);
        self.is_settled(wire);
        self.cancel_upstream(wire, "no more updates are wanted");
    }

    /// The server has taken the newest `subscriptions/listen`.
    pub(super) fn on_acknowledged(&mut self, from: Option<WireId>) {
        if from.is_some() && from != self.listen {
            return;
        }
        if let Some(wire) = self.listen {
            self.is_settled(wire);
        }
        if let Some(wire) = self.listen_before.take() {
            self.close_listen(wire);
        }
        self.listen_since = Some(self.now);
        if std::mem::take(&mut self.listen_was_lost) {
            // Nothing is told twice: what has changed meanwhile nobody knows.
            self.relist_at = Some(self.now);
            for uri in self.port.wanted.uris() {
                self.tell_updated(&serde_json::Value::from(uri).to_string());
            }
        }
    }

    /// A `subscriptions/listen` was answered, which is its end. `refused`: the server has none.
    pub(super) fn on_listen_ended(&mut self, wire: WireId, refused: bool) {
        if self.listen_before == Some(wire) {
            self.listen_before = None;
        }
        self.is_settled(wire);
        if self.listen != Some(wire) {
            return;
        }
        self.listen = None;
        if !refused {
            self.lost_listen();
        }
    }

    /// A modern server on a pipe ends a stream of updates: it asks nothing, so there is nothing else it could take back (MCP
    /// 2026-07-28, transports, stdio).
    pub(super) fn on_listen_cancelled(&mut self, message: &Message) {
        let Some(wire) = message.get(Field::CancelId).and_then(WireId::read) else { return };
        if self.pending.own(wire) == Some(&Own::Listen) {
            self.pending.complete(wire);
            self.end_own(wire, Status::Cancelled);
            self.on_listen_ended(wire, false);
        }
    }

    /// The stream of updates is gone without our doing: it is opened again after a while.
    pub(super) fn lost_listen(&mut self) {
        self.listen_was_lost = true;
        // One that ends soon after it was opened, each time, is opened less and less often.
        let lived = self.listen_since.take().map_or(Duration::ZERO, |since| self.now.saturating_duration_since(since));
        if lived >= STEADY {
            self.n_listen_failures = 0;
        }
        self.n_listen_failures = self.n_listen_failures.saturating_add(1);
        let restart = self.port.server().restart;
        let pause = backoff::pause(self.n_listen_failures, restart.backoff_min, restart.backoff_max, backoff::jitter());
        self.listen_at = Some(self.now + pause);
    }

    /// Tells those who want updates of `uri` (a raw JSON string) that there is one.
    fn tell_updated(&mut self, uri: &str) {
        let update =
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":{uri}}}}}"#);
        if let Ok(message) = Message::parse(update.into()) {
            self.on_resource_updated(message);
        }
    }

    /// Tells a legacy server the lowest level its clients want.
    pub(super) fn send_level(&mut self) {
        let logs = super::handshake::declares(&self.capabilities, "logging");
        let lowest = self.lowest_level().filter(|l| self.level != Some(*l));
        if let Some(level) = lowest.filter(|_| logs && self.era() == Era::Legacy) {
            self.level = Some(level);
            let params = format!(r#"{{"level":"{}"}}"#, level.name());
            let wire = self.send_own(Own::Other(Method::SetLevel.name()), Method::SetLevel, &params);
            self.settle(wire);
        }
    }
}
