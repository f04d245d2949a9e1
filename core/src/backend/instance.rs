//! One running server: the wire to it, its pending requests, and what it says meanwhile.
//!
//! A single task owns everything here, so there is no lock to hold. Calls come in by the port's mailbox and leave as
//! patched bytes; answers go straight to the session that asked. Nothing in the loop waits for a peer: what cannot be
//! sent yet stays in the wire, and while that is full no further calls are taken in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::Sleep;

use super::awaited::Awaited;
use super::call::Call;
use super::context::Context;
use super::hearing::Hearing;
use super::held::AllHeld;
use super::lists::Listing;
use super::offer::{ItemKind, Offer};
use super::own::OwnRows;
use super::peer::Level;
use super::pending::{Entry, Origin, PendingTable};
use super::port::{Control, Mail, Port};
use super::reading::Came;
use super::remote::Trouble;
use super::roots::RootsSaid;
use super::settling::Settling;
use super::shape;
use super::tasking::Tasking;
use super::tenant::Tenant;
use super::upcalls::Asks;
use super::users::Users;
use super::wire::{Parcel, Step, Wire};
use crate::config::Server;
use crate::protocol::{Era, Fault, Field, Message, Method, Revision, SessionId, Spliced, WireId, code};
use crate::transport::ExitReason;

/// While this many bytes wait to be written, no further calls are taken in.
const OUTBOX_FULL: usize = 1 << 20;
/// Calls waiting because the server has enough in flight.
const MAX_BACKLOG: usize = 4096;
/// An instance whose client has left may read for this long what that means for it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Whether it is the next round of a call, as the modern era has it.
fn is_next_round(call: &Call) -> bool {
    let says = |field| call.message.span(field).is_some();
    call.facts.revision.era() == Era::Modern && (says(Field::RequestState) || says(Field::InputResponses))
}

/// One running server.
pub(super) struct Instance {
    pub(super) port: Arc<Port>,
    pub(super) ctx: Arc<Context>,
    /// The server's configuration, as it was told last.
    pub(super) server: Arc<Server>,
    /// Counts the instances of this server: an answer for an older one finds nothing.
    pub(super) generation: u64,
    pub(super) wire: Wire,
    /// What was read and is not acted on yet.
    pub(super) came: Vec<Came>,
    pub(super) pending: PendingTable,
    pub(super) mail: VecDeque<Mail>,
    control: VecDeque<Control>,
    /// Calls that wait because `max_concurrent` are in flight or the server does not read, and since when.
    pub(super) backlog: VecDeque<(Instant, Box<Call>)>,
    pub(super) revision: Revision,
    pub(super) capabilities: Bytes,
    /// It makes tasks of calls, as its edition has them.
    pub(super) makes_tasks: bool,
    pub(super) info: Option<Bytes>,
    pub(super) instructions: Option<String>,
    pub(super) asks: Asks,
    pub(super) hearing: Hearing,
    /// Tasks it has made of calls.
    pub(super) tasking: Tasking,
    /// Of these, those that we wait for.
    pub(super) awaited: Awaited,
    /// Of these, those that are held for clients of the other era.
    pub(super) held: AllHeld,
    /// Who has used it.
    pub(super) users: Users,
    /// Under lease: the session it was given to last; what it says belongs to this one.
    pub(super) holder: Option<SessionId>,
    /// That is no session but one call of a client without one.
    pub(super) holder_is_call: bool,
    /// Under lease: our ping between two sessions. What comes before its answer is nobody's.
    pub(super) barrier: Option<WireId>,
    /// Under lease: the next session's turn waits until then for what the server is about to list.
    pub(super) turn_until: Option<Instant>,
    /// It is under lease and has traces of a session that is not the next one: it ends as soon as nothing runs.
    pub(super) stale: bool,
    /// Nothing runs on the stale instance any more: it ends then at the latest.
    pub(super) stale_until: Option<Instant>,
    /// What it knows of its clients' roots.
    pub(super) roots: RootsSaid,
    /// The open `subscriptions/listen` of a modern server.
    pub(super) listen: Option<WireId>,
    /// The one before it, open until the server has taken the new one.
    pub(super) listen_before: Option<WireId>,
    /// When it is opened again.
    pub(super) listen_at: Option<Instant>,
    /// It was lost: what was missed is made up for once it is open again.
    pub(super) listen_was_lost: bool,
    pub(super) n_listen_failures: u32,
    /// What it has to confirm before the next call.
    pub(super) settling: Settling,
    /// Since when it is open.
    pub(super) listen_since: Option<Instant>,
    pub(super) listing: Listing,
    pub(super) offer: Option<Arc<Offer>>,
    pub(super) relist_at: Option<Instant>,
    pub(super) own_rows: OwnRows,
    /// The log level the server was told last.
    pub(super) level: Option<Level>,
    /// Answers to our own requests during the opening talk.
    pub(super) own_answers: VecDeque<(WireId, Message)>,
    /// Those of them that will not be answered.
    pub(super) own_failures: VecDeque<(WireId, Box<Trouble>)>,
    /// Drain: no further calls, end when the table is empty or at this instant.
    pub(super) drain_until: Option<Instant>,
    /// It does not speak the edition any more that was agreed: no further calls, and it is opened anew when none is under way, or
    /// at this instant.
    pub(super) outdated_until: Option<Instant>,
    pub(super) idle_since: Instant,
    pub(super) n_junk: u32,
    /// Its URL could not be reached the last time.
    pub(super) is_unreached: bool,
    pub(super) sleep: Pin<Box<Sleep>>,
    /// What `sleep` is set to; `None`: not waiting for anything.
    pub(super) wake_at: Option<Instant>,
    /// Now, as of the last turn: one clock reading serves a whole batch.
    pub(super) now: Instant,
}

/// What a turn of the loop brought.
pub(super) enum Turn {
    /// Nothing to do but go on.
    Nothing,
    /// Something was read.
    Read,
    /// There is mail.
    Mail,
    /// There are commands.
    Control,
    /// A deadline passed.
    Timer,
    /// The pipes are closed or the process is gone.
    Gone(Option<ExitReason>),
}

/// Why serving ended.
#[derive(Debug)]
pub(super) enum End {
    /// The process ended or closed its pipes.
    Gone(Option<ExitReason>),
    /// A URL cannot be used any more.
    Lost(Box<Trouble>),
    /// It writes no MCP.
    Junk,
    /// A lazy server had nothing to do.
    Idle,
    /// Under lease, with traces of another session than the next: a new one takes over.
    Stale,
    /// It does not speak this era any more.
    Outdated(Era),
    /// Somebody said so.
    Told(Control),
}

impl Instance {
    pub(super) fn new(port: Arc<Port>, ctx: Arc<Context>, generation: u64, wire: Wire) -> Self {
        let now = Instant::now();
        port.lease.renew();
        Self {
            server: port.server(),
            port,
            ctx,
            generation,
            wire,
            came: Vec::new(),
            pending: PendingTable::default(),
            mail: VecDeque::new(),
            control: VecDeque::new(),
            backlog: VecDeque::new(),
            revision: Revision::NEWEST_LEGACY,
            capabilities: Bytes::from_static(b"{}"),
            makes_tasks: false,
            info: None,
            instructions: None,
            asks: Asks::default(),
            hearing: Hearing::default(),
            tasking: Tasking::default(),
            awaited: Awaited::default(),
            held: AllHeld::default(),
            users: Users::default(),
            holder: None,
            holder_is_call: false,
            barrier: None,
            turn_until: None,
            stale: false,
            stale_until: None,
            roots: RootsSaid::default(),
            listen: None,
            listen_before: None,
            listen_at: None,
            listen_was_lost: false,
            n_listen_failures: 0,
            settling: Settling::default(),
            listen_since: None,
            listing: Listing::default(),
            offer: None,
            relist_at: None,
            own_rows: OwnRows::default(),
            level: None,
            own_answers: VecDeque::new(),
            own_failures: VecDeque::new(),
            drain_until: None,
            outdated_until: None,
            idle_since: now,
            n_junk: 0,
            is_unreached: false,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            wake_at: None,
            now,
        }
    }

    pub(super) fn era(&self) -> Era {
        self.revision.era()
    }

    /// Waits for the next thing to happen. `take_mail` is false during the opening talk: calls wait in the mailbox.
    pub(super) async fn turn(&mut self, take_mail: bool) -> Turn {
        self.arm();
        // Somebody waits for room, or for the last word to be out.
        let wants_room = !self.backlog.is_empty() && self.wire.waiting() >= OUTBOX_FULL;
        let tells_written = wants_room || self.stale || self.drain_until.is_some();
        let turn = tokio::select! { biased;
            step = self.wire.step(tells_written) => match step {
                Step::Wrote => Turn::Nothing,
                Step::Read => Turn::Read,
                Step::Closed => Turn::Gone(self.wire.ended(None).await),
                Step::Exited(reason) => Turn::Gone(self.wire.ended(Some(reason)).await),
            },
            () = self.port.control.ready() => {
                self.port.control.drain(&mut self.control);
                Turn::Control
            }
            () = self.port.mailbox.ready(), if take_mail => {
                self.port.mailbox.drain(&mut self.mail);
                Turn::Mail
            }
            () = &mut self.sleep, if self.wake_at.is_some() => {
                self.wake_at = None;
                Turn::Timer
            }
        };
        self.now = Instant::now();
        turn
    }

    /// A call that came before everything in the mailbox.
    pub(super) fn take_first(&mut self, mail: Mail) {
        self.on_mail(mail);
    }

    /// Serves until something ends it, or until what the server offers has changed (`None`).
    pub(super) async fn serve_some(&mut self) -> Option<End> {
        let offer = self.offer.clone();
        while self.offer.is_some() == offer.is_some()
            && self.offer.as_ref().zip(offer.as_ref()).is_none_or(|(a, b)| Arc::ptr_eq(a, b))
        {
            let end = match self.turn(true).await {
                Turn::Nothing => {
                    // Something was written: there may be room for more.
                    self.take_from_backlog();
                    None
                }
                Turn::Read => self.on_read(),
                Turn::Mail => {
                    while let Some(mail) = self.mail.pop_front() {
                        self.on_mail(mail);
                    }
                    None
                }
                Turn::Control => self.on_control(),
                Turn::Timer => self.on_timer(),
                Turn::Gone(reason) => {
                    let _ = self.on_read();
                    Some(End::Gone(reason))
                }
            };
            if end.is_some() {
                return end;
            }
            // While a server floods us the timer's own turn may not come.
            if self.wake_at.is_some_and(|at| at <= self.now) {
                self.wake_at = None;
                if let Some(end) = self.on_timer() {
                    return Some(end);
                }
            }
            if self.stale && self.pending.n_calls() == 0 && !self.runs_tasks() {
                // It hears first that what it was asked for is not wanted any more, if it still reads at all.
                let until = *self.stale_until.get_or_insert(self.now + LAST_WORD);
                if self.wire.waiting() == 0 || until <= self.now {
                    return Some(End::Stale);
                }
            }
            if self.outdated_until.is_some_and(|until| until <= self.now || self.pending.n_calls() == 0) {
                return Some(End::Outdated(self.era()));
            }
            if self.drain_until.is_some() && self.pending.n_calls() == 0 && self.wire.waiting() == 0 {
                return Some(End::Told(Control::Shutdown { drain: true }));
            }
        }
        None
    }

    fn on_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Call(call) => self.on_call(call),
            Mail::Cancel { session, client_id, message } => self.on_cancel(session, &client_id, &message),
            Mail::UpcallAnswer { generation, server_id, answer } => {
                self.on_upcall_answer(generation, server_id, *answer)
            }
            Mail::Notification(message) => self.wire.push(&Spliced::new(message.raw().clone()), Parcel::Note),
            Mail::Subscribe { session, uri } => self.subscribe(session, &uri),
            Mail::Unsubscribe { session, uri } => self.unsubscribe(session, &uri),
            Mail::Over(call) => self.detach(call),
            Mail::EndTask(task) => self.cancel_task(&task),
            Mail::Follow { session, task, on } => self.follow(session, &task, on),
            Mail::Level => self.send_level(),
        }
    }

    pub(super) fn on_call(&mut self, call: Box<Call>) {
        if self.drain_until.is_some() {
            return self.hand_on(call);
        }
        if call.peer.mailbox.is_closed() {
            // Its client has left: nobody wants what it would do.
            if let Some(task) = &call.task {
                self.cancel_task(task);
            }
            return;
        }
        if self.settle_here(&call) || self.answers_held(&call) {
            return;
        }
        if self.era() == Era::Legacy && is_next_round(&call) {
            // Of a call that does not wait here: it must not be made a second time.
            let text = "`requestState` is not of a call that waits for this: call again without it";
            return call.fail(Fault::new(code::INVALID_PARAMS, text));
        }
        if call.more.is_some() && self.era() == Era::Legacy {
            let text = format!("server `{}` speaks another edition than before: call again", self.port.name());
            return call.fail(self.fault(&text, "restarted"));
        }
        if self.has_room() && self.may_begin(&call) {
            return self.send(call);
        }
        if self.backlog.len() < MAX_BACKLOG {
            self.backlog.push_back((self.now, call));
            return self.take_from_backlog();
        }
        let n = self.server.max_concurrent;
        call.fail(self.fault(
            &format!("server `{}` is busy: {n} calls in flight and {MAX_BACKLOG} waiting", self.port.name()),
            "busy",
        ));
    }

    fn send(&mut self, mut call: Box<Call>) {
        self.is_used_by(&call.peer);
        if self.settling.holds(self.now) {
            // Its user wants other levels than the one before.
            return self.backlog.push_front((self.now, call));
        }
        if self.hushes(&call) {
            return self.backlog.push_front((self.now, call));
        }
        if call.seat.is_some() {
            self.holder = Some(call.peer.id);
            self.holder_is_call = call.peer.parks;
        }
        if let Some(task) = call.task.take() {
            return self.goes_on_as_task(call, task);
        }
        let told = self.tells_of_roots(&call);
        let hears = self.hears(&call);
        let wire = self.pending.next_id();
        let out = shape::outgoing(&call, self.era(), wire, self.as_task(&call), hears);
        if let Some(confirms) = told {
            self.sends_later(wire, call.id, out, confirms);
        } else {
            self.wire.push_of(&out, Parcel::Request(wire), Some(call.id));
            self.ctx.observer.sent(call.id, wire.0, &out);
        }
        self.pending.register(Entry {
            sent: self.now,
            silent_since: self.now,
            timeout: call.timeout,
            max_timeout: call.until.map_or(self.server.max_timeout, |at| at.saturating_duration_since(self.now)),
            n_asking: 0,
            was_asked: false,
            origin: Origin::Call(call),
        });
    }

    pub(super) fn take_from_backlog(&mut self) {
        while self.has_room()
            && self.backlog.front().is_some_and(|(_, call)| self.has_lease(call))
            && let Some((_, call)) = self.backlog.pop_front()
        {
            self.send(call);
        }
        self.hand_over();
    }

    /// Whether the server may get another call now: it has not too many, it reads, and what it was told before has come first.
    fn has_room(&self) -> bool {
        self.pending.n_calls() < self.server.max_concurrent
            && self.wire.waiting() < OUTBOX_FULL
            && !self.listing.holds_calls
            && self.outdated_until.is_none()
            && !self.settling.holds(self.now)
    }

    /// Sends a notification of our own.
    pub(super) fn notify(&mut self, method: Method, params: Option<&str>) {
        let params = params.map_or_else(String::new, |p| format!(r#","params":{p}"#));
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{}"{params}}}"#, method.name());
        let parcel = if method == Method::Initialized { Parcel::Initialized } else { Parcel::Note };
        self.wire.push_parts(&[text.as_bytes()], parcel);
    }

    pub(super) fn on_control(&mut self) -> Option<End> {
        while let Some(control) = self.control.pop_front() {
            match control {
                Control::Start | Control::Want => {}
                Control::Ping => self.ping(),
                Control::List => self.say_lists(),
                Control::Detach(session) => {
                    self.detach(session);
                    if self.port.tenant == Tenant::Session(session) {
                        // It ends, but hears first that its client does not wait any more.
                        self.drain_until = Some(self.now + LAST_WORD);
                    }
                }
                #[cfg(test)]
                Control::Panic => panic!("as a test wanted it"),
                Control::Shutdown { drain: true } if self.pending.n_calls() > 0 => {
                    self.drain_until = Some(self.now + self.server.drain_timeout);
                    self.end_parked();
                    for (_, call) in std::mem::take(&mut self.backlog) {
                        self.hand_on(call);
                    }
                }
                Control::Adjusted => {
                    self.server = self.port.server();
                    self.wire.set_max_concurrent(self.server.max_concurrent);
                    self.take_from_backlog();
                }
                Control::Stop | Control::Restart | Control::Shutdown { .. } => return Some(End::Told(control)),
            }
        }
        None
    }

    /// A fault that names the server and the reason, for people and for programs.
    pub(super) fn fault(&self, text: &str, reason: &str) -> Fault {
        let data = serde_json::json!({ "backend": &**self.port.name(), "reason": reason });
        Fault::new(code::INTERNAL, text.to_owned()).with_data(&data)
    }

    /// Kinds whose lists this server has, by what it declared.
    pub(super) fn declares(&self, kind: ItemKind) -> bool {
        super::handshake::declares(&self.capabilities, kind.capability())
    }
}
