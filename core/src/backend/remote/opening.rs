//! The opening talk over HTTP: which of three ways a server speaks (protocol.md, 3.1).
//!
//! Who wants to know who we are is not asked in another way; whose machine is down has not shown anything. Only an answer
//! that the other side could give because it does not know the question leads to the next question.

use std::time::Instant;

use http::StatusCode;

use super::{Trouble, TroubleKind};
use crate::backend::handshake::OpenError;
use crate::backend::instance::Instance;
use crate::backend::memory::Eras;
use crate::backend::peer::ClientFacts;
use crate::backend::wire::Wire;
use crate::config::{ProtocolChoice, Target};
use crate::protocol::{Era, Field, Kind, Message, Method, Revision, WireId, code, walk};

/// A server that has not said anything yet gets this many times the probe's silence.
const UNHEARD_FACTOR: u32 = 3;

/// What to do after a failure.
enum Next {
    /// Nothing more: it would not help.
    Stop,
    /// Ask in another way.
    Ask,
    /// Ask the same again: it named our version among those it supports.
    Repeat,
}

impl Instance {
    /// Talks until the server is open in one way or there is no hope; `eras` is what is known, and learns.
    pub(in crate::backend) async fn open_remote(
        &mut self,
        facts: &ClientFacts,
        alone: bool,
        eras: &mut Eras,
    ) -> Result<(), OpenError> {
        let until = Instant::now() + self.port.server().startup_timeout;
        if matches!(self.port.server().target, Target::Http { sse: true, .. }) {
            return self.open_sse(facts, until).await;
        }
        let mut error = None;
        let mut maybe_sse = false;
        let mut order = self.order(facts, alone, *eras);
        let mut tried = 0;
        let mut repeated = false;
        while let Some(&era) = order.get(tried) {
            tried += 1;
            self.wire.speak(era);
            let opened = match era {
                Era::Modern => {
                    let wire = self.send_discover(facts);
                    self.await_remote_discover(wire, until, tried == order.len(), eras).await
                }
                Era::Legacy => {
                    let wire = self.send_initialize(facts);
                    self.await_remote_initialize(wire, until, eras).await
                }
            };
            let Err((failed, next)) = opened else { return Ok(()) };
            if matches!(next, Next::Repeat) && !std::mem::replace(&mut repeated, true) {
                tried -= 1;
                continue;
            }
            maybe_sse |= era == Era::Legacy && is_unknown_post(&failed);
            error = Some(failed);
            if matches!(next, Next::Stop) {
                maybe_sse = false;
                break;
            }
            // A verdict that does not hold any more is taken back.
            let other = if era == Era::Modern { Era::Legacy } else { Era::Modern };
            if tried == order.len() && self.port.server().protocol == ProtocolChoice::Auto && !order.contains(&other) {
                order.push(other);
            }
        }
        let error = error.unwrap_or(OpenError::Junk);
        if !maybe_sse || self.port.server().protocol == ProtocolChoice::Modern {
            return Err(error);
        }
        // It takes no POST here: it may be of 2024-11-05. If not, what it said first says more.
        match self.open_sse(facts, until).await {
            Err(OpenError::Failed { trouble, .. }) if !trouble.is_unauthorized() => Err(error),
            Err(OpenError::Silent { .. }) => Err(error),
            opened => opened,
        }
    }

    async fn await_remote_discover(
        &mut self,
        wire: WireId,
        until: Instant,
        is_last: bool,
        eras: &mut Eras,
    ) -> Result<(), (OpenError, Next)> {
        let phase = "probe";
        let probe = self.port.server().probe_timeout * UNHEARD_FACTOR;
        let patience = if is_last { until } else { until.min(Instant::now() + probe) };
        let message = match self.answer_to(&[wire], patience, phase).await {
            Ok((_, message)) => message,
            Err(OpenError::Silent { phase, waited }) => {
                self.take_back(wire);
                return Err((OpenError::Silent { phase, waited }, Next::Ask));
            }
            Err(OpenError::Failed { mut trouble, phase }) => {
                let Some(answer) = trouble.answer.take().filter(|_| !trouble.is_unauthorized()) else {
                    let next = if may_be_another_way(&trouble) { Next::Ask } else { Next::Stop };
                    if matches!(next, Next::Ask) {
                        eras.modern = Some(false);
                    }
                    return Err((OpenError::Failed { phase, trouble }, next));
                };
                if trouble.http_status().is_some_and(|s| s.is_server_error()) {
                    return Err((OpenError::Failed { phase, trouble }, Next::Stop));
                }
                answer
            }
            Err(e) => return Err((e, Next::Stop)),
        };
        if message.error_code() == Some(code::UNSUPPORTED_VERSION) && names_our_version(&message) {
            eras.modern = Some(true);
            let message = "it refuses MCP 2026-07-28 and names it as supported".to_owned();
            return Err((OpenError::Refused { phase, message }, Next::Repeat));
        }
        let is_modern = matches!(message.error_code(), Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY));
        self.accept_discover(&message, eras).map_err(|e| {
            if is_modern {
                // Only a modern server says so.
                eras.modern = Some(true);
            }
            (e, if is_modern { Next::Stop } else { Next::Ask })
        })
    }

    async fn await_remote_initialize(
        &mut self,
        wire: WireId,
        until: Instant,
        eras: &mut Eras,
    ) -> Result<(), (OpenError, Next)> {
        let phase = "initialize";
        let message = match self.answer_to(&[wire], until, phase).await {
            Ok((_, message)) => message,
            Err(OpenError::Failed { mut trouble, phase }) => {
                let next = if may_be_another_way(&trouble) { Next::Ask } else { Next::Stop };
                match trouble.answer.take().filter(|_| matches!(next, Next::Ask)) {
                    Some(answer) if is_modern_refusal(&answer) => answer,
                    answer => {
                        trouble.answer = answer;
                        return Err((OpenError::Failed { phase, trouble }, next));
                    }
                }
            }
            Err(e) => return Err((e, Next::Stop)),
        };
        if message.kind() == Kind::Error {
            if is_modern_refusal(&message) {
                eras.legacy = Some(false);
            }
            let error = String::from_utf8_lossy(message.get(Field::Error).unwrap_or_default()).into_owned();
            let message = format!("`initialize` was answered with {error}");
            return Err((OpenError::Refused { phase, message }, Next::Ask));
        }
        eras.legacy = Some(true);
        self.accept_initialize(&message);
        self.notify(Method::Initialized, None);
        Ok(())
    }

    /// HTTP+SSE of 2024-11-05.
    async fn open_sse(&mut self, facts: &ClientFacts, until: Instant) -> Result<(), OpenError> {
        if let Wire::Http(remote) = &mut self.wire {
            remote.use_sse();
        }
        let connect = Instant::now() + self.port.server().connect_timeout;
        // Goes out as soon as it is known where to.
        let wire = self.send_initialize(facts);
        let patience =
            if matches!(self.port.server().target, Target::Http { sse: true, .. }) { until } else { connect };
        let (_, message) = self.answer_to(&[wire], until.min(patience), "initialize").await?;
        if message.kind() == Kind::Error {
            let error = String::from_utf8_lossy(message.get(Field::Error).unwrap_or_default()).into_owned();
            let message = format!("`initialize` was answered with {error}");
            return Err(OpenError::Refused { phase: "initialize", message });
        }
        self.accept_initialize(&message);
        self.notify(Method::Initialized, None);
        Ok(())
    }

    /// A question that is not waited for any more.
    fn take_back(&mut self, wire: WireId) {
        self.pending.complete(wire);
        self.end_own(wire, crate::observe::Status::TimedOut);
        self.cancel_upstream(wire, "no answer in time");
    }
}

/// Whether a server that speaks in another way could have answered so.
fn may_be_another_way(trouble: &Trouble) -> bool {
    match trouble.kind {
        TroubleKind::Status(_) => !trouble.is_unauthorized() && !trouble.may_pass(),
        TroubleKind::NoMcp => true,
        _ => false,
    }
}

/// Whether this address takes no POST, or not this one.
fn is_unknown_post(error: &OpenError) -> bool {
    let OpenError::Failed { trouble, .. } = error else { return false };
    let unknown = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    trouble.http_status().is_some_and(|s| unknown.contains(&s))
}

/// Whether the versions an error names (`data.supported`) hold the modern one.
fn names_our_version(message: &Message) -> bool {
    let (raw, error) = (message.raw(), message.span(Field::Error));
    let data = error.and_then(|e| walk::member(raw, e, "data")).map(|(_, v)| v);
    let supported = data.and_then(|d| walk::member(raw, d, "supported")).map(|(_, v)| v);
    let ours = format!("\"{}\"", Revision::V2026_07_28.date());
    supported
        .is_some_and(|all| walk::elements(raw, all).any(|v| raw[v.start as usize..v.end as usize] == *ours.as_bytes()))
}

/// Whether a server of the modern era refuses `initialize`.
fn is_modern_refusal(message: &Message) -> bool {
    matches!(message.error_code(), Some(code::UNSUPPORTED_VERSION | code::HEADER_MISMATCH | code::MISSING_CAPABILITY))
}
