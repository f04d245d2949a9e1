//! The opening talk with a client: `initialize` of the legacy era, `server/discover` and per-request facts of the modern.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::json;

use super::run::{OPENING_WAIT, Session};
use crate::backend::{ClientFacts, Level};
use crate::protocol::{CallId, Fault, Field, Message, Method, Revision, code, walk};

/// What we are to clients (MCP 2025-11-25, lifecycle, `serverInfo`).
fn server_info(title: &str) -> String {
    let title = serde_json::Value::from(title);
    format!(r#"{{"name":"mcp-proxy","title":{title},"version":"{}"}}"#, env!("CARGO_PKG_VERSION"))
}

/// A member of `_meta` or `params` that is an object, as raw JSON.
fn object(message: &Message, field: Field) -> Option<Bytes> {
    message.slice(field).filter(|b| b.first() == Some(&b'{'))
}

/// Bytes of what a client says of itself, at most: it is kept for as long as the client is there, and may have icons in it.
const MAX_FACTS: usize = 256 << 10;

/// Whether what a client says of itself can be kept.
///
/// # Errors
/// When it is too large.
pub(super) fn check_size(message: &Message) -> Result<(), Fault> {
    let fields = [Field::ClientInfo, Field::Capabilities, Field::MetaClientInfo, Field::MetaCapabilities];
    if fields.iter().all(|f| message.get(*f).is_none_or(|value| value.len() <= MAX_FACTS)) {
        return Ok(());
    }
    let text = format!("`clientInfo` and capabilities of a client may have {} KiB each", MAX_FACTS >> 10);
    Err(Fault::new(code::INVALID_PARAMS, text))
}

fn name_in(info: &[u8]) -> Arc<str> {
    let all = crate::protocol::Span { start: 0, end: u32::try_from(info.len()).unwrap_or(0) };
    let name = walk::member(info, all, "name").and_then(|(_, v)| walk::decode(&info[v.start as usize..v.end as usize]));
    name.map(|n| n.chars().filter(|c| !c.is_control()).take(60).collect::<String>()).unwrap_or_default().into()
}

/// An `initialize` or `server/discover` that waits for what is remembered of the servers, or for the one server whose own
/// endpoint this is.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) message: Message,
    pub(super) call: CallId,
    arrived: Instant,
    /// When it is answered with what is known.
    pub(super) until: Instant,
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
        if let Err(fault) = check_size(&message) {
            return self.refuse(id.as_ref(), &fault);
        }
        let info = object(&message, Field::ClientInfo)
            .unwrap_or_else(|| Bytes::from_static(br#"{"name":"unknown","version":"0"}"#));
        let facts = Arc::new(ClientFacts {
            revision: Revision::negotiate(&version),
            name: name_in(&info),
            info: Bytes::copy_from_slice(&info),
            capabilities: object(&message, Field::Capabilities)
                .map_or_else(|| Bytes::from_static(b"{}"), |c| Bytes::copy_from_slice(&c)),
            level: None,
            carried: Default::default(),
        });
        let call = self.begin_own(&message, &facts);
        self.legacy = Some(facts.clone());
        let first = self.meet(&facts);
        let until = if first { self.now + OPENING_WAIT } else { self.now };
        self.parked_opening = Some(Opening { message, call, arrived: self.now, until });
        if !self.awaits_identity() && !first {
            self.answer_opening();
        }
    }

    /// The client said who it is. `true`: it is the first one, the servers get to know now.
    fn meet(&mut self, facts: &Arc<ClientFacts>) -> bool {
        self.begins_to_see();
        self.status.says(facts);
        self.peer.set_facts(facts.clone());
        self.engine.ctx.opening.send_if_modified(|opening| {
            let first = opening.is_none();
            if first {
                *opening = Some(facts.clone());
            }
            first
        })
    }

    /// Whether the parked opening still waits for the one server whose endpoint this is to say who it is. Not longer than
    /// a list waits.
    fn awaits_identity(&mut self) -> bool {
        let Some(arrived) = self.parked_opening.as_ref().map(|o| o.arrived) else { return false };
        let view = &self.catalog;
        // Before the first catalog nobody knows more than the name.
        let is_of_one = view.sole.is_some() || (view.version == 0 && self.scope.server.is_some());
        if !is_of_one || view.transparent.is_some() {
            return false;
        }
        self.wake_unknown();
        let Some(until) = self.waits_until(arrived) else { return false };
        if let Some(opening) = &mut self.parked_opening {
            opening.until = opening.until.max(until);
        }
        until > self.now
    }

    /// Something is known that was not: answers the parked opening unless it waits for more.
    pub(super) fn settle_opening(&mut self) {
        if !self.awaits_identity() {
            self.answer_opening();
        }
    }

    /// Answers the opening that waited for what is remembered of the servers.
    pub(super) fn answer_opening(&mut self) {
        let Some(Opening { message, call, arrived, .. }) = self.parked_opening.take() else { return };
        let result = if message.method() == Some(Method::Initialize) {
            let Some(facts) = &self.legacy else { return };
            self.initialize_result(facts.revision)
        } else {
            self.discover_result()
        };
        self.finish_own(message.id(), call, &result.into(), arrived);
    }

    /// The `serverInfo` of this endpoint, as JSON: a server's own where it is transparent.
    fn identity(&self) -> String {
        let own = self.catalog.transparent.as_ref().and_then(|offer| offer.info.as_ref());
        match own {
            Some(info) => String::from_utf8_lossy(info).into_owned(),
            None => server_info(&self.engine.config.borrow().name),
        }
    }

    /// What both kinds of opening end with: capabilities and instructions.
    fn offered(&self, revision: Revision) -> String {
        let mut members = format!(r#""capabilities":{}"#, self.catalog.declared(revision));
        if !self.catalog.instructions.is_empty() {
            let text = serde_json::Value::from(self.catalog.instructions.as_str());
            members.push_str(&format!(r#","instructions":{text}"#));
        }
        members
    }

    fn initialize_result(&self, revision: Revision) -> String {
        let (date, info, offered) = (revision.date(), self.identity(), self.offered(revision));
        format!(r#"{{"protocolVersion":"{date}","serverInfo":{info},{offered}}}"#)
    }

    fn discover_result(&self) -> String {
        let versions: Vec<&str> = Revision::ALL.iter().map(|r| r.date()).collect();
        let (versions, info, offered) = (json!(versions), self.identity(), self.offered(Revision::V2026_07_28));
        format!(
            r#"{{"resultType":"complete","supportedVersions":{versions},"ttlMs":0,"cacheScope":"private","_meta":{{"io.modelcontextprotocol/serverInfo":{info}}},{offered}}}"#
        )
    }

    pub(super) fn on_discover(&mut self, message: Message, facts: &Arc<ClientFacts>) {
        let call = self.begin_own(&message, facts);
        // One that waits already is answered with what there is.
        self.answer_opening();
        self.parked_opening = Some(Opening { message, call, arrived: self.now, until: self.now });
        self.settle_opening();
    }

    /// What the client said of itself before, in another session. One who wants log messages tells the servers each time.
    pub(super) fn knows(&mut self, facts: Option<&Arc<ClientFacts>>) {
        if let Some(facts) = facts.filter(|f| f.level.is_none()) {
            self.peer.set_facts(facts.clone());
            self.modern = Some(facts.clone());
            self.begins_to_see();
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
        check_size(message)?;
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
            carried: Default::default(),
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
        if let Some(resumed) = self.resumed.take() {
            return resumed.row;
        }
        let begun = self.begun(message, facts, None, None);
        self.begin_call(message, begun)
    }
}
