//! The opening talk with a client: `initialize` of the legacy era, `server/discover` and per-request facts of the modern.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::run::{OPENING_WAIT, Session};
use crate::backend::{ClientFacts, Level};
use crate::protocol::{CallId, Fault, Field, Message, Revision, code, walk};

/// What we are to clients (MCP 2025-11-25, lifecycle, `serverInfo`).
fn server_info(title: &str) -> serde_json::Value {
    json!({ "name": "mcp-proxy", "title": title, "version": env!("CARGO_PKG_VERSION") })
}

/// What we can do. A constant superset: a client's view is frozen here while servers come and go, and a capability that
/// turns out empty costs one empty list, while a missing one would cost the server for the whole session.
fn capabilities() -> serde_json::Value {
    json!({
        "tools": { "listChanged": true },
        "prompts": { "listChanged": true },
        "resources": { "subscribe": true, "listChanged": true },
        "completions": {},
        "logging": {},
    })
}

/// A member of `_meta` or `params` that is an object, as raw JSON.
fn object(message: &Message, field: Field) -> Option<Bytes> {
    message.slice(field).filter(|b| b.first() == Some(&b'{'))
}

fn name_in(info: &[u8]) -> Arc<str> {
    let all = crate::protocol::Span { start: 0, end: u32::try_from(info.len()).unwrap_or(0) };
    let name = walk::member(info, all, "name").and_then(|(_, v)| walk::decode(&info[v.start as usize..v.end as usize]));
    name.map(|n| n.chars().filter(|c| !c.is_control()).take(60).collect::<String>()).unwrap_or_default().into()
}

impl Session {
    pub(super) fn on_initialize(&mut self, message: Message) {
        let id = message.id();
        if self.legacy.is_some() {
            let fault =
                Fault::new(code::INVALID_REQUEST, "this session is initialized already: `initialize` comes once");
            return self.refuse(id.as_ref(), &fault);
        }
        let Some(version) = message.text(Field::ProtocolVersion) else {
            let fault =
                Fault::new(code::INVALID_PARAMS, "`params.protocolVersion` must be a string such as \"2025-11-25\"");
            return self.refuse(id.as_ref(), &fault);
        };
        let info = object(&message, Field::ClientInfo)
            .unwrap_or_else(|| Bytes::from_static(br#"{"name":"unknown","version":"0"}"#));
        let facts = Arc::new(ClientFacts {
            revision: Revision::negotiate(&version),
            name: name_in(&info),
            info: Bytes::copy_from_slice(&info),
            capabilities: object(&message, Field::Capabilities)
                .map_or_else(|| Bytes::from_static(b"{}"), |c| Bytes::copy_from_slice(&c)),
            level: None,
        });
        let call = self.begin_own(&message, &facts);
        self.legacy = Some(facts.clone());
        let first = self.meet(&facts);
        self.parked_opening = Some((message, call, self.now + OPENING_WAIT));
        if !first {
            self.answer_opening();
        }
    }

    /// The client said who it is. `true`: it is the first one, the servers get to know now.
    fn meet(&mut self, facts: &Arc<ClientFacts>) -> bool {
        self.status.says(&facts.name, facts.revision);
        self.peer.set_facts(facts.clone());
        self.engine.ctx.opening.send_if_modified(|opening| {
            let first = opening.is_none();
            if first {
                *opening = Some(facts.clone());
            }
            first
        })
    }

    /// Answers the `initialize` that waited for what is remembered of the servers.
    pub(super) fn answer_opening(&mut self) {
        let Some((message, call, _)) = self.parked_opening.take() else { return };
        let Some(facts) = self.legacy.clone() else { return };
        let mut result = json!({
            "protocolVersion": facts.revision.date(),
            "capabilities": capabilities(),
            "serverInfo": server_info(&self.engine.config.borrow().name),
        });
        if !self.catalog.instructions.is_empty() {
            result["instructions"] = self.catalog.instructions.as_str().into();
        }
        self.finish_own(message.id(), call, &result.to_string().into(), self.now);
    }

    pub(super) fn on_discover(&mut self, message: &Message, facts: &Arc<ClientFacts>) {
        let call = self.begin_own(message, facts);
        let versions: Vec<&str> = Revision::ALL.iter().map(|r| r.date()).collect();
        let info = server_info(&self.engine.config.borrow().name);
        let mut result = json!({
            "resultType": "complete",
            "supportedVersions": versions,
            "capabilities": capabilities(),
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": info },
        });
        if !self.catalog.instructions.is_empty() {
            result["instructions"] = self.catalog.instructions.as_str().into();
        }
        self.finish_own(message.id(), call, &result.to_string().into(), self.now);
    }

    /// What the client said of itself before, in another session. One who wants log messages tells the servers each time.
    pub(super) fn knows(&mut self, facts: Option<&Arc<ClientFacts>>) {
        if let Some(facts) = facts.filter(|f| f.level.is_none()) {
            self.peer.set_facts(facts.clone());
            self.modern = Some(facts.clone());
        }
    }

    /// What the client says of itself with this request.
    ///
    /// # Errors
    /// When the request opens no era, or one we do not know.
    pub(super) fn facts_of(&mut self, message: &Message) -> Result<Arc<ClientFacts>, Fault> {
        let Some(version) = message.text(Field::MetaVersion) else {
            let text = || {
                let method = message.text(Field::Method).unwrap_or_default();
                format!(
                    "`{method}` before `initialize`: open the session first, or send `_meta` as MCP 2026-07-28 has it"
                )
            };
            return self.legacy.clone().ok_or_else(|| Fault::new(code::INVALID_PARAMS, text()));
        };
        if version != Revision::V2026_07_28.date() {
            let supported: Vec<&str> = Revision::ALL.iter().map(|r| r.date()).collect();
            let data = json!({ "supported": supported, "requested": version });
            let text = format!(
                "MCP {version} does not work without `initialize`; this is what does: {}",
                Revision::V2026_07_28
            );
            return Err(Fault::new(code::UNSUPPORTED_VERSION, text).with_data(&data));
        }
        let Some(capabilities) = object(message, Field::MetaCapabilities) else {
            let text = "`params._meta` lacks `io.modelcontextprotocol/clientCapabilities` (MCP 2026-07-28, basic)";
            return Err(Fault::new(code::INVALID_PARAMS, text));
        };
        let info = object(message, Field::MetaClientInfo)
            .unwrap_or_else(|| Bytes::from_static(br#"{"name":"unknown","version":"0"}"#));
        let level = message.text(Field::MetaLogLevel).as_deref().and_then(Level::from_name);
        // A client says the same with every request.
        if let Some(last) = &self.modern
            && last.capabilities == capabilities
            && last.info == info
            && last.level == level
        {
            return Ok(last.clone());
        }
        let facts = Arc::new(ClientFacts {
            revision: Revision::V2026_07_28,
            name: name_in(&info),
            info: Bytes::copy_from_slice(&info),
            capabilities: Bytes::copy_from_slice(&capabilities),
            level,
        });
        let before = self.modern.replace(facts.clone()).and_then(|f| f.level);
        self.meet(&facts);
        if before != level {
            self.tell_level();
        }
        Ok(facts)
    }

    /// The journal row of a request that is answered here.
    pub(super) fn begin_own(&mut self, message: &Message, facts: &ClientFacts) -> CallId {
        let flow = self.flow(message, facts, None, None);
        self.engine.ctx.observer.begin(flow)
    }
}
