//! The opening talk with a server, in whichever edition it speaks; after it all instances look alike.
//!
//! An era is offered in the order that costs least: a server for one client only is first spoken to in that client's
//! era, otherwise the modern one is tried first. Some servers die on a `server/discover` they do not know, some swallow
//! it; both are remembered and never probed again.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::instance::{End, Instance, Turn};
use super::memory::{Eras, may_speak};
use super::peer::ClientFacts;
use super::pending::Own;
use super::port::Control;
use super::remote::Trouble;
use super::shape;
use super::task_words::{has_extension, takes_tasks};
use super::tenant::Profile;
use super::wire::Wire;
use crate::config::ProtocolChoice;
use crate::protocol::{Era, Field, Kind, Message, Method, Revision, Span, WireId, code, walk};
use crate::transport::ExitReason;

/// A server that has not written anything yet gets this many times the probe's silence.
const UNSTARTED_FACTOR: u32 = 3;

/// Why there is no opened server.
#[derive(Debug)]
pub(super) enum OpenError {
    /// A URL did not answer, or with something else than an answer.
    Failed { phase: &'static str, trouble: Box<Trouble> },
    /// It ended.
    Gone { phase: &'static str, exit: Option<ExitReason> },
    /// It answered, but not with anything we can speak.
    Refused { phase: &'static str, message: String },
    /// It said nothing for so long.
    Silent { phase: &'static str, waited: Duration },
    /// It writes no MCP.
    Junk,
    /// Somebody said so.
    Told(Control),
}

/// Whether `capabilities` (raw JSON) has the member `name` and it is an object.
pub(crate) fn declares(capabilities: &[u8], name: &str) -> bool {
    let all = Span { start: 0, end: u32::try_from(capabilities.len()).unwrap_or(0) };
    walk::member(capabilities, all, name).is_some_and(|(_, v)| capabilities.get(v.start as usize) == Some(&b'{'))
}

impl Instance {
    /// The eras to be tried, in the order that costs least.
    pub(super) fn order(&self, facts: &ClientFacts, alone: bool, eras: Eras) -> Vec<Era> {
        let first = if alone { facts.revision.era() } else { Era::Modern };
        let second = if first == Era::Legacy { Era::Modern } else { Era::Legacy };
        match self.port.server().protocol {
            ProtocolChoice::Modern => vec![Era::Modern],
            ProtocolChoice::Legacy => vec![Era::Legacy],
            ProtocolChoice::Auto => {
                let known: Vec<Era> = [first, second].into_iter().filter(|e| may_speak(eras, *e)).collect();
                // A server that refused everything once is asked everything again.
                if known.is_empty() { vec![first, second] } else { known }
            }
        }
    }

    /// Talks until the server is open in one era or there is no hope; `eras` is what is known, and learns.
    pub(super) async fn open(&mut self, facts: &ClientFacts, alone: bool, eras: &mut Eras) -> Result<(), OpenError> {
        // Whoever is opened for may have been waited for.
        self.now = Instant::now();
        if matches!(self.wire, Wire::Http(_)) {
            return self.open_remote(facts, alone, eras).await;
        }
        let until = Instant::now() + self.port.server().startup_timeout;
        let order = self.order(facts, alone, *eras);
        let mut discover = None;
        let mut error = OpenError::Refused { phase: "initialize", message: "it speaks no era".to_owned() };
        for (i, era) in order.iter().enumerate() {
            if i > 0 && Instant::now() >= until {
                // The first one has had all the time: that is what there is to say.
                break;
            }
            let is_last = i + 1 == order.len();
            let result = match era {
                Era::Modern => {
                    let wire = self.send_discover(facts);
                    discover = Some(wire);
                    let result = self.await_discover(wire, until, is_last, eras).await;
                    if i > 0 && eras.legacy == Some(false) && matches!(result, Err(OpenError::Refused { .. })) {
                        // Its first request may have bound the process to an era that it does not even serve (Python's
                        // `mcp` 2.x does so): what it says to the second one is no verdict.
                        eras.modern = None;
                    }
                    result
                }
                Era::Legacy => {
                    let wire = self.send_initialize(facts);
                    self.await_initialize(wire, discover, until, eras).await
                }
            };
            match result {
                Ok(()) => return Ok(()),
                Err(e @ (OpenError::Told(_) | OpenError::Junk | OpenError::Gone { .. } | OpenError::Failed { .. })) => {
                    return Err(e);
                }
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    pub(super) fn send_discover(&mut self, facts: &ClientFacts) -> WireId {
        // What a client of the other era can do is no use to a modern server yet.
        let capabilities = match facts.revision.era() {
            Era::Modern => String::from_utf8_lossy(&facts.capabilities),
            Era::Legacy => "{}".into(),
        };
        let meta = shape::modern_meta(&facts.info, &capabilities, None);
        self.send_own(Own::Discover, Method::Discover, &format!(r#"{{"_meta":{{{meta}}}}}"#))
    }

    async fn await_discover(
        &mut self,
        wire: WireId,
        until: Instant,
        is_last: bool,
        eras: &mut Eras,
    ) -> Result<(), OpenError> {
        let phase = "probe";
        let probe = self.port.server().probe_timeout;
        let now = Instant::now();
        // The second opening has as much time as the first, however short that is.
        let half = until.saturating_duration_since(now) / 2;
        let patience = if is_last { until } else { now + half.min(probe * UNSTARTED_FACTOR) };
        let message = match self.answer_to(&[wire], patience, phase).await {
            Ok((_, message)) => message,
            Err(e) => {
                eras.probe_harms = !is_last && matches!(e, OpenError::Silent { .. } | OpenError::Gone { .. });
                return Err(e);
            }
        };
        self.accept_discover(&message, eras)
    }

    pub(super) fn accept_discover(&mut self, message: &Message, eras: &mut Eras) -> Result<(), OpenError> {
        // However late, it answered.
        eras.probe_harms = false;
        let raw = message.raw();
        let result = message.span(Field::Result);
        let versions = result.and_then(|r| walk::member(raw, r, "supportedVersions")).map(|(_, v)| v);
        let speaks = versions.is_some_and(|v| walk::elements(raw, v).any(|s| slice(raw, s) == b"\"2026-07-28\""));
        if !speaks {
            eras.modern = Some(false);
            let said = String::from_utf8_lossy(message.get(Field::Error).unwrap_or(raw));
            let said: String = said.chars().take(300).collect();
            return Err(OpenError::Refused {
                phase: "probe",
                message: format!("`server/discover` was answered with {said}"),
            });
        }
        eras.modern = Some(true);
        self.revision = Revision::V2026_07_28;
        self.learn(message, result, "_meta");
        Ok(())
    }

    pub(super) fn send_initialize(&mut self, facts: &ClientFacts) -> WireId {
        let capabilities = match facts.revision.era() {
            Era::Legacy => without_tasks(&facts.capabilities),
            // What it can be asked between two rounds of a call.
            Era::Modern => Profile::of(facts)
                .map_or_else(|| "{}".to_owned(), |p| String::from_utf8_lossy(&p.capabilities()).into_owned()),
        };
        let params = format!(
            r#"{{"protocolVersion":"{}","capabilities":{capabilities},"clientInfo":{}}}"#,
            Revision::NEWEST_LEGACY,
            String::from_utf8_lossy(&facts.info)
        );
        self.send_own(Own::Initialize, Method::Initialize, &params)
    }

    async fn await_initialize(
        &mut self,
        wire: WireId,
        discover: Option<WireId>,
        until: Instant,
        eras: &mut Eras,
    ) -> Result<(), OpenError> {
        let phase = "initialize";
        // A server that was slow, not silent, may still answer the probe: then it is a modern one.
        let wanted: Vec<WireId> = [Some(wire), discover].into_iter().flatten().collect();
        loop {
            let (id, message) = self.answer_to(&wanted, until, phase).await?;
            if id != wire {
                match self.accept_discover(&message, eras) {
                    Ok(()) => return Ok(()),
                    Err(_) => continue,
                }
            }
            if message.kind() == Kind::Error {
                let error = String::from_utf8_lossy(message.get(Field::Error).unwrap_or_default()).into_owned();
                let is_modern = message.error_code() == Some(code::UNSUPPORTED_VERSION);
                eras.legacy = is_modern.then_some(false).or(eras.legacy);
                return Err(OpenError::Refused { phase, message: format!("`initialize` was answered with {error}") });
            }
            self.accept_initialize(&message);
            eras.legacy = Some(true);
            self.notify(Method::Initialized, None);
            return Ok(());
        }
    }

    /// Takes what the server says of itself in its answer to `initialize`.
    pub(super) fn accept_initialize(&mut self, message: &Message) {
        let raw = message.raw();
        let result = message.span(Field::Result);
        let version = result.and_then(|r| walk::member(raw, r, "protocolVersion")).map(|(_, v)| slice(raw, v));
        let version = version.and_then(walk::decode).unwrap_or_default();
        // Whatever it answers is taken; an edition nobody knows is treated as the newest of the legacy ones.
        self.revision =
            Revision::from_date(&version).filter(|r| r.era() == Era::Legacy).unwrap_or(Revision::NEWEST_LEGACY);
        if let Wire::Http(remote) = &mut self.wire {
            remote.agreed(&version);
        }
        self.learn(message, result, "serverInfo");
    }

    /// Takes capabilities, identity and instructions from an opening answer.
    fn learn(&mut self, message: &Message, result: Option<Span>, info: &str) {
        let raw = message.raw();
        let Some(result) = result else { return };
        let get = |key| walk::member(raw, result, key).map(|(_, v)| v);
        if let Some(capabilities) = get("capabilities") {
            self.capabilities = Bytes::copy_from_slice(slice(raw, capabilities));
            self.makes_tasks = match self.era() {
                Era::Legacy => takes_tasks(&self.capabilities, self.revision),
                Era::Modern => has_extension(&self.capabilities),
            };
        }
        let info = match info {
            "_meta" => {
                get("_meta").and_then(|m| walk::member(raw, m, "io.modelcontextprotocol/serverInfo")).map(|(_, v)| v)
            }
            key => get(key),
        };
        self.info = info.map(|v| Bytes::copy_from_slice(slice(raw, v)));
        self.instructions =
            get("instructions").and_then(|v| walk::decode(slice(raw, v))).map(std::borrow::Cow::into_owned);
    }

    /// Waits for the answer to one of our requests, doing meanwhile what a client does: answering pings, collecting
    /// notifications.
    pub(super) async fn answer_to(
        &mut self,
        wanted: &[WireId],
        until: Instant,
        phase: &'static str,
    ) -> Result<(WireId, Message), OpenError> {
        // As it was configured, not what was left of it when we came here.
        let left = until.saturating_duration_since(Instant::now());
        let waited = Duration::from_secs_f64((left.as_secs_f64() * 10.0).round() / 10.0);
        loop {
            while let Some((id, message)) = self.own_answers.pop_front() {
                if wanted.contains(&id) {
                    return Ok((id, message));
                }
            }
            while let Some((id, trouble)) = self.own_failures.pop_front() {
                if wanted.contains(&id) {
                    return Err(OpenError::Failed { phase, trouble });
                }
            }
            // A turn that is ready is taken even when the time is over: whoever talks all the time would never be silent.
            if Instant::now() >= until {
                return Err(OpenError::Silent { phase, waited });
            }
            let turn = tokio::time::timeout_at(until.into(), self.turn(false)).await;
            let ended = match turn {
                Err(_) => return Err(OpenError::Silent { phase, waited }),
                Ok(Turn::Nothing | Turn::Mail) => None,
                // What is due and not looked after would be due again at once, and again.
                Ok(Turn::Timer) => self.on_timer(),
                Ok(Turn::Read) => self.on_read(),
                Ok(Turn::Control) => self.on_control(),
                Ok(Turn::Gone(exit)) => {
                    let _ = self.on_read();
                    if self.own_answers.is_empty() {
                        return Err(OpenError::Gone { phase, exit });
                    }
                    None
                }
            };
            match ended {
                None => {}
                Some(End::Told(control)) => return Err(OpenError::Told(control)),
                Some(End::Junk) => return Err(OpenError::Junk),
                Some(End::Gone(exit)) => return Err(OpenError::Gone { phase, exit }),
                Some(End::Lost(trouble)) => return Err(OpenError::Failed { phase, trouble }),
                // Who is being opened has something to do.
                Some(End::Idle) => self.idle_since = Instant::now(),
                Some(End::Stale | End::Outdated(_)) => {}
            }
        }
    }
}

fn slice(raw: &[u8], span: Span) -> &[u8] {
    &raw[span.start as usize..span.end as usize]
}

/// The client's capabilities but for tasks, which we do not carry.
pub(super) fn without_tasks(capabilities: &Bytes) -> String {
    let all = Span { start: 0, end: u32::try_from(capabilities.len()).unwrap_or(0) };
    let mut out = crate::protocol::Spliced::new(capabilities.clone());
    for cut in walk::cuts(capabilities, all, &["tasks"]) {
        out.patch(cut, crate::protocol::Patch::Bytes(Bytes::new()));
    }
    String::from_utf8_lossy(&out.to_bytes()).into_owned()
}
