//! [`Keeper`]: the task that owns the calls of modern clients which their legacy servers may ask something in, and the one timer
//! for all of them. What each call goes through is [`Park`]'s; here it is carried out.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use foldhash::HashMap;
use serde_json::json;
use tokio::time::Sleep;

use super::kept::{Asker, End, Kept, Question, give, refuse};
use super::park::{Act, Open};
use super::{Parks, Waiter, Word, its_only, round, seal};
use crate::backend::{Answer, Call, ClientFacts, Context, Delivery, Mail, Outcome, Principal, ServerNote, Upcall};
use crate::observe::{Ended, FlowKind, Status, Timing};
use crate::protocol::{CallId, Fault, Field, Kind, Message, Method, SessionId, code};

/// Calls that begin at once there stays room for.
const MAX_BEGUN: usize = 256;
/// A result of more bytes is given once: should it get lost, the call has to be made again.
const MAX_AGAIN: usize = 1 << 20;

/// Owns the calls.
#[derive(Debug)]
pub(crate) struct Keeper {
    parks: Arc<Parks>,
    ctx: Arc<Context>,
    /// In boxes: a table has room for many more than are in it.
    all: HashMap<SessionId, Box<Kept>>,
    /// When something is due, the nearest first.
    wakes: BTreeSet<(Instant, SessionId)>,
    /// Calls that hold more than a call on its way, by user.
    of: HashMap<Principal, usize>,
    /// All of these.
    n_counted: usize,
    is_closing: bool,
    now: Instant,
}

impl Keeper {
    pub(crate) fn new(parks: Arc<Parks>, ctx: Arc<Context>) -> Self {
        Self {
            parks,
            ctx,
            all: HashMap::default(),
            wakes: BTreeSet::new(),
            of: HashMap::default(),
            n_counted: 0,
            is_closing: false,
            now: Instant::now(),
        }
    }

    /// The task's body; never ends by itself.
    pub(crate) async fn run(mut self) {
        let mut sleep: Pin<Box<Sleep>> = Box::pin(tokio::time::sleep_until(self.now.into()));
        let (mut words, mut deliveries) = (VecDeque::new(), VecDeque::new());
        // For the next calls that begin.
        let mut begun = VecDeque::new();
        loop {
            let wake = self.wakes.first().map(|(at, _)| *at);
            if let Some(at) = wake
                && sleep.deadline().into_std() != at
            {
                sleep.as_mut().reset(at.into());
            }
            tokio::select! { biased;
                () = self.parks.words.ready() => {}
                () = self.parks.deliveries.ready() => {}
                () = &mut sleep, if wake.is_some() => {}
            }
            self.now = Instant::now();
            // Calls that have begun are taken last and entered first: whatever is said here of a call finds it.
            self.parks.deliveries.drain(&mut deliveries);
            self.parks.words.drain(&mut words);
            std::mem::swap(&mut *self.parks.begun(), &mut begun);
            self.all.extend(begun.drain(..).map(|kept| (kept.peer.id, kept)));
            begun.shrink_to(MAX_BEGUN);
            while let Some(word) = words.pop_front() {
                self.on_word(word);
            }
            while let Some(delivery) = deliveries.pop_front() {
                self.on_delivery(delivery);
            }
            self.on_timer();
        }
    }

    fn on_timer(&mut self) {
        while let Some((at, id)) = self.wakes.first().copied()
            && at <= self.now
        {
            self.wakes.remove(&(at, id));
            let now = self.now;
            self.with(id, |kept| kept.park.due(now));
        }
    }

    /// Does something to a call, carries out what follows, and keeps the books.
    fn with(&mut self, id: SessionId, change: impl FnOnce(&mut Kept) -> Vec<Act<Waiter, Question, End>>) {
        // It is taken out while it is worked on: what follows may end it.
        let Some(mut kept) = self.all.remove(&id) else { return };
        let was_unattended = kept.park.is_unattended();
        let acts = change(&mut kept);
        let mut is_over = false;
        for act in acts {
            is_over |= self.act(&mut kept, act, was_unattended);
        }
        if self.is_closing && kept.park.is_unattended() && !is_over {
            for act in kept.park.stop() {
                is_over |= self.act(&mut kept, act, true);
            }
        }
        self.book(id, &mut kept, is_over);
        if !kept.is_detached && (is_over || kept.park.is_done()) {
            kept.is_detached = true;
            self.ctx.peers.remove_call(id);
            // Behind the answers to its questions. A task that has ended needs no word.
            let _ = kept.port.mailbox.push_owed(Mail::Over(id));
        }
        if !is_over {
            self.all.insert(id, kept);
        }
    }

    /// Keeps the books of a call: its next moment, and what is counted.
    fn book(&mut self, id: SessionId, kept: &mut Kept, is_over: bool) {
        let wake = kept.park.wake().filter(|_| !is_over);
        if wake != kept.wake {
            if let Some(at) = kept.wake {
                self.wakes.remove(&(at, id));
            }
            if let Some(at) = wake {
                self.wakes.insert((at, id));
            }
            kept.wake = wake;
        }
        let is_counted = kept.park.was_asked() && !is_over;
        if is_counted != std::mem::replace(&mut kept.is_counted, is_counted) {
            self.count(&kept.peer.principal, is_counted);
        }
        let is_shown = kept.park.is_parked() && !is_over;
        if is_shown != std::mem::replace(&mut kept.is_shown, is_shown) {
            let mut counts = self.parks.counts();
            let at = counts.entry(kept.port.name().clone()).or_default();
            if is_shown {
                *at += 1;
                kept.status.n_parked.fetch_add(1, Ordering::Relaxed);
            } else {
                *at = at.saturating_sub(1);
                kept.status.n_parked.fetch_sub(1, Ordering::Relaxed);
            }
            drop(counts);
            self.ctx.observer.signal.raise();
        }
    }

    /// Counts a call of this user towards the limits, or no more.
    fn count(&mut self, principal: &Principal, is_counted: bool) {
        if is_counted {
            self.parks.n_ever.fetch_add(1, Ordering::Relaxed);
            self.n_counted += 1;
            *self.of.entry(principal.clone()).or_default() += 1;
            return;
        }
        self.n_counted = self.n_counted.saturating_sub(1);
        if let Some(n) = self.of.get_mut(principal) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                self.of.remove(principal);
            }
        }
    }

    fn on_word(&mut self, word: Word) {
        let now = self.now;
        match word {
            Word::Again { park, call, waiter, message, facts } => self.on_again((park, call), waiter, &message, facts),
            Word::Left { park, session, client_id, message } => {
                let is_it = |w: &Waiter| w.peer.id == session && w.client_id == client_id;
                self.with(park, |kept| {
                    if let (Some(message), Some(true)) = (message, kept.park.waiter().map(is_it)) {
                        // In the client's own words.
                        kept.cancel(*message);
                    }
                    kept.park.leave(is_it)
                });
            }
            Word::Gone(session) => {
                let is_its = |k: &Kept| k.home == Some(session) && k.park.is_unattended();
                self.stop_all(is_its);
            }
            Word::Cancel(call) => {
                self.stop_all(|k| k.call == call && k.park.is_unattended());
                let waiter = self.all.values().find(|k| k.call == call).and_then(|k| k.park.waiter());
                if let Some(waiter) = waiter {
                    let _ = waiter.peer.mailbox.push_owed(Delivery::Cancel(call));
                }
            }
            Word::Tokens(guard) => {
                self.stop_all(|k| k.park.is_unattended() && !guard.opens(&k.peer.principal, k.port.name()));
            }
            Word::Close => {
                self.is_closing = true;
                self.stop_all(|k| k.park.is_unattended());
            }
        }
        self.now = now;
    }

    fn stop_all(&mut self, is_it: impl Fn(&Kept) -> bool) {
        let ids: Vec<SessionId> = self.all.iter().filter(|(_, k)| is_it(k)).map(|(id, _)| *id).collect();
        for id in ids {
            self.with(id, |kept| kept.park.stop());
        }
    }

    /// A client comes again.
    fn on_again(
        &mut self,
        (park, call): (SessionId, CallId),
        waiter: Waiter,
        message: &Message,
        facts: Arc<ClientFacts>,
    ) {
        let Some(kept) = self.all.get_mut(&park) else {
            let text = "`requestState` is of a call that is over: call again without it";
            return refuse(waiter, call, Fault::new(code::INVALID_PARAMS, text));
        };
        let responses = round::responses(message);
        let raw = message.raw();
        let mut given = Vec::new();
        for (key, value) in &responses {
            let Some(open) = kept.park.open().iter().find(|o| o.key == *key) else { continue };
            if let Err(why) = round::check(raw, *value, open.question.method) {
                let text = format!("`inputResponses.i{key}` is no answer to `{}`: {why}", open.question.method.name());
                return refuse(waiter, kept.call, Fault::new(code::INVALID_PARAMS, text));
            }
            given.push((*key, round::is_accepted(raw, *value)));
        }
        let level = kept.facts.level;
        kept.peer.set_facts(facts.clone());
        if level != facts.level {
            let _ = kept.port.mailbox.push(Mail::Level);
        }
        kept.facts = facts;
        kept.raw = message.raw().clone();
        let now = self.now;
        let answers = responses.iter().filter_map(|(key, value)| Some((*key, round::answer(raw, *value)?))).collect();
        kept.answers = answers;
        self.with(park, |kept| kept.park.retry(now, waiter, &given));
        if let Some(kept) = self.all.get_mut(&park) {
            kept.answers = Vec::new();
        }
    }

    fn on_delivery(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Answer(answer) => self.on_answer(answer),
            Delivery::Progress { to, message, .. } => {
                let Some(Waiter { peer, client_id }) = self.all.get(&to).and_then(|kept| kept.park.waiter()) else {
                    return;
                };
                let progress = Delivery::Progress { to: peer.id, client_id: client_id.clone(), message };
                // A session that does not keep up loses progress, nothing else.
                let _ = peer.mailbox.push(progress);
            }
            Delivery::Upcall(upcall) => self.on_question(*upcall),
            Delivery::UpcallCancelled { to, port, generation, server_id, .. } => {
                let is_it = |q: &Question| {
                    let is_it = |a: &Asker| {
                        Arc::ptr_eq(&a.port, &port) && a.generation == generation && a.server_id == server_id
                    };
                    q.asker.as_ref().is_some_and(is_it)
                };
                let ctx = self.ctx.clone();
                self.with(to, |kept| {
                    if let Some(question) = kept.park.take_back(is_it) {
                        question.end(&ctx, kept, Status::Cancelled, None);
                    }
                    Vec::new()
                });
            }
            Delivery::Note(note) => self.on_note(*note),
            Delivery::Lost(port) => {
                let text = format!("server `{}`: mcp-proxy has made a mistake with it; the call is lost", port.name());
                let data = json!({ "backend": &**port.name(), "reason": "lost" });
                let fault = Fault::new(code::INTERNAL, text).with_data(&data);
                let lost = self.all.iter().filter(|(_, k)| Arc::ptr_eq(&k.port, &port));
                for id in lost.map(|(id, _)| *id).collect::<Vec<_>>() {
                    let end = End { outcome: Outcome::Fault(fault.clone()), sent: None, handed: self.now };
                    let now = self.now;
                    self.with(id, |kept| kept.park.lose(now, end));
                }
            }
            Delivery::Moved { to, port, .. } => match self.all.get_mut(&to) {
                Some(kept) => kept.port = port,
                // It was over before it got there.
                None => drop(port.mailbox.push_owed(Mail::Over(to))),
            },
            // Of sessions.
            Delivery::Wants(_)
            | Delivery::Cancel(_)
            | Delivery::Verdict(..)
            | Delivery::Close
            | Delivery::Lists
            | Delivery::Unkept => {}
            #[cfg(test)]
            Delivery::Panic => panic!("as a test wanted it"),
        }
    }

    fn on_note(&self, note: ServerNote) {
        let waiter = self.all.get(&note.to).and_then(|k| k.park.waiter());
        if let Some(waiter) = waiter {
            let note = ServerNote { to: waiter.peer.id, ..note };
            let _ = waiter.peer.mailbox.push(Delivery::Note(Box::new(note)));
        }
    }

    fn on_question(&mut self, upcall: Upcall) {
        let Upcall { to, port, generation, message, method, .. } = upcall;
        let Some(server_id) = message.id() else { return };
        let asker = Asker { port, generation, server_id };
        let (Some(kept), Some(method)) = (self.all.get(&to), method) else {
            // The call is over.
            return asker.answer(Err(Fault::new(code::INVALID_PARAMS, "no client request to associate this with")));
        };
        if !kept.park.was_asked() {
            let n_of = self.of.get(&kept.peer.principal).copied().unwrap_or_default();
            let (of_one, in_all) = self.parks.limits();
            if self.n_counted >= in_all || n_of >= of_one {
                let text =
                    format!("{of_one} calls of this client, or {in_all} in all, wait for answers to questions already");
                return asker.answer(Err(Fault::new(code::INTERNAL, text)));
            }
        }
        let question = Question::new(&self.ctx, kept, Some(asker), method, message);
        let (now, ctx) = (self.now, self.ctx.clone());
        self.with(to, |kept| {
            if let Err(question) = kept.park.ask(now, question) {
                let text = "too many questions are open in this call, or it has ended";
                question.refuse(&ctx, kept, Fault::new(code::INVALID_REQUEST, text));
            }
            Vec::new()
        });
    }

    fn on_answer(&mut self, answer: Answer) {
        let Answer { to: id, call, outcome, sent, handed, .. } = answer;
        let Some(mut kept) = self.all.remove(&id) else { return };
        let (now, end) = (self.now, End { outcome, sent, handed });
        let (urls, is_answered) = match &end.outcome {
            Outcome::Message { message, .. } => (self.urls_of(&kept, message), true),
            _ => (None, false),
        };
        if urls.is_none()
            && kept.park.is_plain()
            && let Some(waiter) = kept.park.take_waiter()
        {
            // As most calls end: nothing is left of it.
            give(waiter, call, end, true);
            self.ctx.peers.remove_call(id);
            if !is_answered {
                // A server that has answered and never asked has nothing of it either.
                let _ = kept.port.mailbox.push_owed(Mail::Over(id));
            }
            return;
        }
        self.all.insert(id, kept);
        if let Some(urls) = urls {
            return self.with(id, |kept| kept.park.wants(now, urls));
        }
        let is_lost = matches!(end.outcome, Outcome::Fault(_));
        // Roots are good for more than this call, and asked for once in a long while.
        let outlives = |q: &Question| q.method == Method::RootsList;
        self.with(id, |kept| if is_lost { kept.park.lose(now, end) } else { kept.park.end(now, end, outlives) });
        if let Some(kept) = self.all.get_mut(&id)
            && is_lost
            && kept.park.is_unattended()
            && !kept.park.is_told()
        {
            // Its client hears of it when it comes again, if it does.
            end_row(&self.ctx, kept, Status::Fault(code::INTERNAL));
        }
    }

    /// The URLs a server wants opened first, as questions to a client that can open them.
    fn urls_of(&self, kept: &Kept, message: &Message) -> Option<Vec<Question>> {
        let is_it = message.kind() == Kind::Error && message.error_code() == Some(code::URL_ELICITATION_REQUIRED);
        if !is_it || !kept.facts.can_show("url") {
            return None;
        }
        let urls = round::urls(message);
        let question = |message| Question::new(&self.ctx, kept, None, Method::ElicitationCreate, message);
        (!urls.is_empty()).then(|| urls.into_iter().map(question).collect())
    }

    /// Carries out one act. `true`: the call is over.
    fn act(&mut self, kept: &mut Kept, act: Act<Waiter, Question, End>, was_unattended: bool) -> bool {
        match act {
            Act::Ask(to) => return self.ask(kept, to),
            Act::Give { to, end, again } => {
                let is_large =
                    matches!(&end.outcome, Outcome::Message { message, .. } if message.raw().len() > MAX_AGAIN);
                give(to, kept.call, end, !again);
                return is_large;
            }
            Act::Refuse(to, why) => refuse(to, kept.call, why.fault(kept.port.name())),
            Act::Answer(key, question) => {
                match kept.answers.iter().find(|(k, _)| *k == key).map(|(_, answer)| answer.clone()) {
                    Some(answer) => question.answer(&self.ctx, kept, answer),
                    None => question.dismiss(&self.ctx, kept),
                }
            }
            Act::Dismiss(question) => question.dismiss(&self.ctx, kept),
            Act::Cancel => {
                let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0,"reason":"the client has left"}}"#;
                if let Ok(message) = Message::parse(text.into()) {
                    kept.cancel(message);
                }
            }
            Act::Rerun(to) => self.rerun(kept, to),
            Act::Declined(to) => {
                let text = "the URL that has to be opened for this was not opened";
                let outcome = match kept.method {
                    Some(Method::ToolsCall) => {
                        let content = json!([{ "type": "text", "text": text }]);
                        let result = json!({ "resultType": "complete", "content": content, "isError": true });
                        Outcome::Local(result.to_string().into())
                    }
                    _ => Outcome::Fault(Fault::new(code::INTERNAL, text)),
                };
                give(to, kept.call, End { outcome, sent: None, handed: self.now }, true);
            }
            Act::Forget => {
                if was_unattended && !kept.park.is_told() {
                    end_row(&self.ctx, kept, Status::Cancelled);
                }
                return true;
            }
        }
        false
    }

    /// Tells the client what is open. `true`: it cannot be told, and the call is over.
    fn ask(&mut self, kept: &mut Kept, to: Waiter) -> bool {
        if kept.bound.is_none() {
            kept.bound = kept.message().map(|message| seal::bound(&kept.peer.principal, &message));
        }
        let ttl = kept.port.server().input_timeout;
        let seal = |bound: &Vec<u8>| self.parks.seal.seal(kept.peer.id, kept.call, bound, ttl);
        let Some(state) = kept.bound.as_ref().and_then(seal) else {
            let text =
                "the server asks for input, and the system has no random numbers to protect the way of the answer";
            let outcome = Outcome::Fault(Fault::new(code::INTERNAL, text));
            give(to, kept.call, End { outcome, sent: None, handed: self.now }, true);
            for act in kept.park.stop() {
                self.act(kept, act, false);
            }
            return true;
        };
        let request = |o: &Open<Question>| (o.key, round::input_request(&o.question.message, o.question.method));
        let result = round::input_required(kept.park.asked().map(request), &state);
        let end = End { outcome: Outcome::Local(result.into()), sent: None, handed: self.now };
        give(to, kept.call, end, false);
        false
    }

    /// Makes the call again, as it was: the server refused it before, so it has not run.
    fn rerun(&self, kept: &mut Kept, to: Waiter) {
        let Some(message) = kept.message().and_then(|message| round::afresh(&message)) else { return };
        let place = match kept.method {
            Some(Method::ResourcesRead) => Field::Uri,
            _ => Field::Name,
        };
        let target = message.span(place).zip(kept.again.own.clone());
        kept.park.reruns(to);
        let call = Box::new(Call {
            id: kept.call,
            peer: kept.peer.clone(),
            client_id: its_only(),
            facts: kept.facts.clone(),
            method: kept.method,
            message,
            target,
            arrived: self.now,
            handed: self.now,
            timeout: kept.again.timeout,
            retried: false,
            more: None,
            until: None,
            needs_task: kept.again.needs_task,
            task: None,
            seat: kept.port.seat(kept.peer.id),
        });
        kept.port.hand_over(call);
    }
}

/// Says how a call ended whose client does not wait for that.
fn end_row(ctx: &Context, kept: &mut Kept, status: Status) {
    if !std::mem::replace(&mut kept.is_ended, true) {
        let ended = Ended { status, timing: Timing::default(), returned: None, answered: None, tool: None };
        ctx.observer.end(kept.call, Some(kept.port.name()), FlowKind::Call, &ended);
    }
}
