//! What an instance does with what a URL says, and with requests that have no answer.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::{Incoming, Trouble, TroubleKind};
use crate::backend::call::{Call, Outcome};
use crate::backend::instance::{End, Instance};
use crate::backend::pending::{Origin, Own};
use crate::backend::reading::RELIST_PAUSE;
use crate::backend::status::Failure;
use crate::backend::wire::Wire;
use crate::observe::{NoticeLevel, Status};
use crate::protocol::{Era, Message, WireId, code};

impl Instance {
    fn next_incoming(&mut self) -> Option<Incoming> {
        match &mut self.wire {
            Wire::Http(remote) => remote.next(),
            Wire::Pipe(_) => None,
        }
    }

    /// Handles everything that has come.
    pub(in crate::backend) fn on_incoming(&mut self) -> Option<End> {
        while let Some(incoming) = self.next_incoming() {
            match incoming {
                Incoming::Message { from, message } => {
                    self.note_reach(None);
                    self.on_message(message, from);
                }
                Incoming::Junk { bytes, why } => self.junk(&bytes, &why),
                Incoming::TooLong { n_bytes } => {
                    let limit = self.ctx.max_message_bytes;
                    let text =
                        format!("sent an event of {n_bytes} bytes; the limit is {limit} (`limits.max_message_bytes`)");
                    self.ctx.observer.notice(NoticeLevel::Warning, Some(self.port.name()), text);
                }
                Incoming::Alive(wire) => {
                    if let Some(entry) = self.pending.get_mut(wire) {
                        entry.silent_since = self.now;
                    }
                }
                Incoming::Failed { wire, trouble } => self.on_failed(wire, trouble),
                Incoming::Renewed(message) => self.on_renewed(&message),
                Incoming::Lost(trouble) => return Some(End::Lost(trouble)),
            }
        }
        None
    }

    /// Whether a modern server refused a call because its headers are not those it wants: its list of tools has changed.
    pub(in crate::backend) fn wants_other_headers(&self, message: &Message, call: &Call) -> bool {
        let is_mismatch = message.error_code() == Some(code::HEADER_MISMATCH);
        is_mismatch && !call.retried && self.era() == Era::Modern && matches!(self.wire, Wire::Http(_))
    }

    /// The call was not processed: it is sent once more when the lists have been read again (protocol.md, 3.9).
    pub(in crate::backend) fn call_after_lists(&mut self, mut call: Box<Call>) {
        call.retried = true;
        self.backlog.push_front((self.now, call));
        self.listing.holds_calls = true;
        self.relist();
    }

    /// Tells once that the server cannot be reached, and once that it can be again.
    fn note_reach(&mut self, trouble: Option<&Trouble>) {
        if self.is_unreached == trouble.is_some() {
            return;
        }
        self.is_unreached = trouble.is_some();
        let failure = trouble.map(|trouble| Failure {
            at: SystemTime::now(),
            phase: trouble.phase("request"),
            message: format!("it {}", trouble.message),
            resolved: None,
            exit: None,
            after: Duration::ZERO,
            stderr: Vec::new(),
            hint: trouble.hint(),
        });
        let (level, text) = match &failure {
            Some(failure) => (NoticeLevel::Warning, failure.summary()),
            None => (NoticeLevel::Info, "it can be reached again".to_owned()),
        };
        self.ctx.observer.notice(level, Some(self.port.name()), text);
        self.port.status.change(|s| s.failure = failure);
    }

    /// A request will not be answered: it is sent once more where that does no harm, else it fails.
    fn on_failed(&mut self, wire: WireId, mut trouble: Box<Trouble>) {
        match trouble.kind {
            TroubleKind::Connect | TroubleKind::Tls if !self.is_opening(wire) => self.note_reach(Some(&trouble)),
            _ => {}
        }
        if let Some(answer) = trouble.answer.take() {
            if !trouble.is_unauthorized() && !self.is_opening(wire) {
                return self.on_answer(answer);
            }
            trouble.answer = Some(answer);
        }
        let Some(entry) = self.pending.complete(wire) else { return };
        match entry.origin {
            Origin::Call(mut call) => {
                self.asks.forget_call(wire);
                if trouble.kind == TroubleKind::Broken && call.is_repeatable() && !call.retried && !entry.was_asked {
                    call.retried = true;
                    return self.on_call(call);
                }
                let mut fault = trouble.fault(self.port.name());
                if let Some(hint) = trouble.hint().filter(|_| trouble.is_unauthorized()) {
                    fault.message = format!("{} ({hint})", fault.message).into();
                }
                call.end(Outcome::Fault(fault), Some((entry.sent, self.now)));
                self.take_from_backlog();
            }
            Origin::Own(own) => self.on_own_failed(&own, wire, trouble),
        }
    }

    fn is_opening(&self, wire: WireId) -> bool {
        self.pending.own(wire).is_some_and(|own| matches!(own, Own::Discover | Own::Initialize))
    }

    fn on_own_failed(&mut self, own: &Own, wire: WireId, trouble: Box<Trouble>) {
        self.end_own(wire, Status::Fault(code::INTERNAL));
        self.is_settled(wire);
        self.has_confirmed(wire);
        match own {
            Own::Discover | Own::Initialize => self.own_failures.push_back((wire, trouble)),
            Own::List(kind) => {
                // Once more, unless it was that already.
                if trouble.may_pass() && !std::mem::replace(&mut self.listing.retried, true) {
                    self.relist_at = Some(self.now + RELIST_PAUSE);
                }
                self.give_up_list_for(*kind, &trouble.message);
            }
            Own::Listen => {
                tracing::debug!(server = %self.port.name(), "the stream of updates is gone: it {}", trouble.message);
                self.on_listen_ended(wire, !trouble.may_pass());
            }
            // Nobody can tell whose is what it says now.
            Own::Barrier => self.stale = true,
            Own::Ping => self.on_pinged(None),
            Own::Task(call) => {
                let fault = trouble.fault(self.port.name());
                self.on_task_lost(*call, trouble.may_pass(), fault);
            }
            // It is asked again when its client looks.
            Own::Held(task) => self.on_held_end(task, None),
            Own::Other(what) => {
                tracing::debug!(server = %self.port.name(), what, "a request of ours failed: it {}", trouble.message);
            }
        }
    }

    /// The server had forgotten our session; there is a new one, in which nothing of the old one is known.
    fn on_renewed(&mut self, message: &Message) {
        let text = "it had forgotten the session; a new one has been begun";
        self.ctx.observer.notice(NoticeLevel::Info, Some(self.port.name()), text);
        // Questions of the old session find nothing any more, nor do answers to them.
        self.refuse_all_asks();
        self.generation = self.port.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.accept_initialize(message);
        self.level = None;
        if self.era() == Era::Legacy {
            self.may_want_roots();
            self.send_first();
            self.send_level();
            self.renew_subscriptions();
        }
        self.relist();
    }
}
