//! A server that does not speak any more what was agreed with it: one that was replaced by another version behind its URL, say.
//! The talk is opened anew, and what it refused for that reason is sent again, once: it was not processed (MCP 2026-07-28, basic/versioning).

use super::call::Call;
use super::instance::Instance;
use super::memory::Eras;
use crate::observe::NoticeLevel;
use crate::protocol::{Era, Field, Kind, Message, code, walk};

impl Instance {
    /// Whether an answer says that the server does not speak our edition, and does not contradict itself.
    fn refuses_edition(&self, message: &Message) -> bool {
        if message.kind() != Kind::Error || message.error_code() != Some(code::UNSUPPORTED_VERSION) {
            return false;
        }
        let raw = message.raw();
        let get = |within, key| walk::member(raw, within, key).map(|(_, v)| v);
        let supported = message.span(Field::Error).and_then(|e| get(e, "data")).and_then(|data| get(data, "supported"));
        let text = |s: crate::protocol::Span| walk::decode(&raw[s.start as usize..s.end as usize]);
        !supported.is_some_and(|all| walk::elements(raw, all).filter_map(text).any(|v| v == self.revision.date()))
    }

    /// The server has refused a request of our own in the edition that was agreed.
    pub(super) fn is_refused(&mut self, message: &Message) {
        if self.refuses_edition(message) {
            self.is_outdated();
        }
    }

    /// Whether the server has refused `call` because of its edition: it is made again once another one is agreed.
    pub(super) fn wants_other_edition(&self, message: &Message, call: &Call) -> bool {
        !call.retried && self.refuses_edition(message)
    }

    /// The call was not processed: it is made again when the talk has been opened anew.
    pub(super) fn call_when_agreed(&mut self, mut call: Box<Call>) {
        call.retried = true;
        self.backlog.push_front((self.now, call));
        self.is_outdated();
    }

    fn is_outdated(&mut self) {
        if self.outdated_until.is_none() {
            let text = format!("it does not speak MCP {} any more: what it speaks is found out anew", self.revision);
            self.ctx.observer.notice(NoticeLevel::Info, Some(self.port.name()), text);
            // What it has begun it may finish.
            self.outdated_until = Some(self.now + self.port.server().drain_timeout);
        }
    }
}

/// What is known of a server that does not speak `era` any more.
pub(super) const fn without(era: Era, eras: Eras) -> Eras {
    match era {
        Era::Modern => Eras { modern: Some(false), legacy: None, ..eras },
        Era::Legacy => Eras { legacy: Some(false), modern: None, probe_harms: false },
    }
}
