//! A client's requests: answered here, or sent to the server that has what they name.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::lists::{MAX_PARKED, ParkedCall, too_many_parked};
use super::parks::{Again, Beginning, Waiter, Word, its_only};
use super::run::{Active, Session};
use crate::backend::{Answer, Call, ClientFacts, ItemKind, Level, Mail, Outcome, Peer, Port, Profile, may_ask};
use crate::observe;
use crate::protocol::{CallId, Era, Fault, Field, Message, Method, RequestId, code};
use crate::route::{Route, To, route};

/// What of a request's route is not its server.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The place of the routing name and what stands there towards the server.
    pub(super) target: Option<(crate::protocol::Span, bytes::Bytes)>,
    /// The name, URI or id as the client wrote it.
    pub(super) shown: Option<Arc<str>>,
    /// The server's own name of the tool.
    pub(super) tool: Option<Arc<str>>,
    /// The server's own URI and the one the client knows, where they differ.
    pub(super) uris: Option<(Arc<str>, Arc<str>)>,
    /// The tool takes calls as tasks only.
    pub(super) needs_task: bool,
    /// The call it is a later part of.
    pub(super) parent: Option<CallId>,
}

impl Session {
    pub(super) fn on_request(&mut self, message: Message) {
        let Some(id) = message.get(Field::Id) else { return };
        self.status.asked(message.raw().len());
        // Over HTTP this was asked before, where there is a status for it.
        if self.limits.has_rates
            && !matches!(self.status.via, "http" | "sse")
            && let Err(after) = self.engine.guard.allow_call(&self.peer.principal, None)
        {
            return self.refuse(message.id().as_ref(), &after.fault());
        }
        let method = message.method();
        if self.is_in_flight(id) {
            let id = String::from_utf8_lossy(id);
            let fault =
                Fault::new(code::INVALID_REQUEST, format!("id {id} is in use by a request that is not answered yet"));
            return self.refuse(message.id().as_ref(), &fault);
        }
        match method {
            Some(Method::Initialize) => return self.on_initialize(message),
            // Answered even before the opening, but it does not exist in the modern era.
            Some(Method::Ping) if message.span(Field::MetaVersion).is_none() => {
                return self.reply(message.id(), "{}");
            }
            _ => {}
        }
        let facts = match self.facts_of(&message) {
            Ok(facts) => facts,
            Err(fault) => return self.refuse(message.id().as_ref(), &fault),
        };
        self.looks(&facts, false);
        let era = facts.revision.era();
        match (method, era) {
            (Some(Method::Discover), Era::Modern) => self.on_discover(message, &facts),
            (Some(Method::ToolsList), _) => self.on_list(message, ItemKind::Tool, &facts),
            (Some(Method::PromptsList), _) => self.on_list(message, ItemKind::Prompt, &facts),
            (Some(Method::ResourcesList), _) => self.on_list(message, ItemKind::Resource, &facts),
            (Some(Method::TemplatesList), _) => self.on_list(message, ItemKind::Template, &facts),
            (Some(Method::SetLevel), Era::Legacy) => self.on_set_level(&message, &facts),
            (Some(Method::Listen), Era::Modern) => self.on_routed(message, Method::Listen, facts),
            (Some(m @ (Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete)), _)
            | (Some(m @ (Method::ResourcesSubscribe | Method::ResourcesUnsubscribe)), Era::Legacy) => {
                self.on_routed(message, m, facts);
            }
            (
                Some(
                    m @ (Method::TasksGet
                    | Method::TasksResult
                    | Method::TasksList
                    | Method::TasksCancel
                    | Method::TasksUpdate),
                ),
                _,
            ) => self.on_task_request(message, m, facts),
            _ => self.on_unknown(message, method, facts),
        }
    }

    /// A call or subscription goes to this instance: it hears of it when the client leaves.
    pub(super) fn uses(&mut self, port: &Arc<Port>) {
        if self.used.last().is_some_and(|p| Arc::ptr_eq(p, port)) || self.used.iter().any(|p| Arc::ptr_eq(p, port)) {
            return;
        }
        self.used.retain(|p| !p.control.is_closed());
        self.used.push(port.clone());
    }

    fn is_in_flight(&self, id: &[u8]) -> bool {
        self.calls.contains_key(id)
            || self.parked_lists.iter().any(|l| l.client_id.0 == id)
            || self.parked_calls.iter().any(|c| c.message.get(Field::Id) == Some(id))
            || self.is_held(id)
            || self.listens.iter().any(|l| l.id.0 == id)
            || self.parked_opening.as_ref().is_some_and(|o| o.message.get(Field::Id) == Some(id))
    }

    fn on_routed(&mut self, message: Message, method: Method, facts: Arc<ClientFacts>) {
        debug_assert!(self.resumed.is_none(), "of another call");
        let found = match self.found(method, &message, &facts) {
            // Nearly always.
            Some(Route::Backend(to)) if !self.intercepts() => return self.send_to(message, method, facts, to),
            found => found,
        };
        let arrived = self.now;
        self.route_by(ParkedCall { message, method, facts, arrived, deadline: arrived, resumed: None }, found);
        self.resumed = None;
    }

    /// Tries again what no server was known for.
    pub(super) fn retry_calls(&mut self) {
        for call in std::mem::take(&mut self.parked_calls) {
            self.route(call);
        }
    }

    pub(super) fn route(&mut self, call: ParkedCall) {
        let found = self.found(call.method, &call.message, &call.facts);
        self.resumed.clone_from(&call.resumed);
        self.route_by(call, found);
        self.resumed = None;
    }

    /// The route by the catalog as it is; `None`: it has none, it listens.
    fn found(&self, method: Method, message: &Message, facts: &ClientFacts) -> Option<Route> {
        (method != Method::Listen).then(|| route(&self.catalog, method, message, facts.revision.era()))
    }

    /// `found`: as [`Session::found`] says now.
    fn route_by(&mut self, call: ParkedCall, mut found: Option<Route>) {
        let is_unknown = |s: &Self, found: &Option<Route>| match found {
            Some(found) => matches!(found, Route::Nowhere(_)),
            None => s.misses_resources(&call.message),
        };
        if is_unknown(self, &found) {
            // It may be listed for clients like this one only.
            self.looks(&call.facts, true);
            found = self.found(call.method, &call.message, &call.facts);
            let waits = self.waits_until(call.arrived).filter(|until| *until > self.now);
            if let Some(deadline) = waits.filter(|_| is_unknown(self, &found)) {
                // A server that is about to come may have it.
                if self.parked_calls.len() >= MAX_PARKED {
                    return self.fault_own(&call.message, &call.facts, &too_many_parked());
                }
                self.wake_unknown();
                return self.parked_calls.push(ParkedCall { deadline, ..call });
            }
        }
        let Some(found) = found else { return self.on_listen(&call.message, &call.facts) };
        let call = match &found {
            Route::Backend(to) => match self.hold_request(call, &to.backend, &to.shown) {
                Ok(()) => return,
                Err(call) => call,
            },
            _ => call,
        };
        if self.resumed.is_none() {
            self.resumed.clone_from(&call.resumed);
        }
        let ParkedCall { message, method, facts, .. } = call;
        match found {
            Route::Backend(to) => {
                if let Some(resumed) = &self.resumed
                    && let row = self.engine.ctx.observer.journal(|j| j.glance(resumed.row))
                    && let Some(was) = row.and_then(|r| r.backend).filter(|was| *was != to.backend)
                {
                    // Its row and its counters are of that one.
                    let now = &to.backend;
                    let text = format!("this call was edited into one for server `{now}`; it was for `{was}`");
                    return self.fault_own(&message, &facts, &Fault::new(code::INVALID_PARAMS, text));
                }
                self.send_to(message, method, facts, to);
            }
            Route::NoCompletions => {
                let call = self.begin_own(&message, &facts);
                let rest = if facts.revision.era() == Era::Modern { r#","resultType":"complete""# } else { "" };
                let result = format!(r#"{{"completion":{{"values":[]}}{rest}}}"#);
                self.finish_own(message.id(), call, &result.into(), self.now);
            }
            Route::Nowhere(fault) => self.fault_own(&message, &facts, &fault),
        }
    }

    fn send_to(&mut self, message: Message, method: Method, facts: Arc<ClientFacts>, to: To) {
        let To { backend, target, shown, tool, own_uri, needs_task } = to;
        let Some(port) = self.near_ports.of(&self.engine.ports, &backend) else {
            let fault = Fault::new(code::INTERNAL, format!("server `{backend}` was removed from the configuration"));
            return self.fault_own(&message, &facts, &fault);
        };
        let uris = own_uri.map(|own| (own, shown.clone()));
        let way = Way { target, shown: Some(shown), tool, uris, needs_task, parent: None };
        self.send(message, Some(method), facts, &port, way);
    }

    /// A method we do not know goes on when there is only one server it can be meant for.
    fn on_unknown(&mut self, message: Message, method: Option<Method>, facts: Arc<ClientFacts>) {
        if method.is_none()
            && let Some(port) = self.engine.only_port(&self.scope)
        {
            return self.send(message, None, facts, &port, Way::default());
        }
        let fault = Fault::new(
            code::METHOD_NOT_FOUND,
            format!("Method not found: {}", message.text(Field::Method).unwrap_or_default()),
        );
        self.fault_own(&message, &facts, &fault);
    }

    pub(super) fn send(
        &mut self,
        message: Message,
        method: Option<Method>,
        facts: Arc<ClientFacts>,
        port: &Arc<Port>,
        way: Way,
    ) {
        let Way { target, shown, tool, uris, needs_task, parent } = way;
        let Some(client_id) = message.id() else { return };
        let is_kept = may_ask(method) && is_kept(port, &facts);
        if is_kept && message.span(Field::RequestState).is_some() {
            let active = Active {
                call: CallId(0),
                port: port.clone(),
                method,
                facts,
                arrived: self.now,
                handed: self.now,
                token: message.slice(Field::MetaToken),
                tool,
                shown,
                uris,
                kept: None,
                progress: f64::NEG_INFINITY,
                held: Duration::ZERO,
                held_answer: None,
                rounds: None,
            };
            return self.come_again(client_id, message, active);
        }
        // A call in which its client can be asked something is not the session's, which may end before it.
        let peer = if is_kept {
            let id = self.engine.clients.next_id();
            self.engine.parks.peer(id, self.peer.principal.clone(), facts.clone())
        } else {
            self.peer.clone()
        };
        // Which of the server's instances.
        let port = if may_ask(method) { port.for_caller(&peer, &facts) } else { port.home_of(&peer, &facts) };
        let port = match port {
            Ok(port) => port,
            Err(fault) => return self.fault_own(&message, &facts, &fault),
        };
        if self.limits.has_rates
            && let Err(after) = self.engine.guard.allow_server(port.name())
        {
            return self.fault_own(&message, &facts, &after.fault());
        }
        if !is_kept {
            self.uses(&port);
        }
        let n_max = self.limits.n_max;
        if self.calls.len() >= n_max {
            let text = format!("{n_max} calls are in flight already (`limits.max_concurrent`): wait for one to end");
            return self.fault_own(&message, &facts, &Fault::new(code::INTERNAL, text));
        }
        let token = message.slice(Field::MetaToken);
        let (id, held) = match self.resumed.take() {
            Some(resumed) => (resumed.row, resumed.held),
            None => {
                let begun = self.begun(&message, &facts, Some(port.name()), shown.clone());
                let begun = observe::Begun { parent: parent.or(begun.parent), ..begun };
                (self.begin_call(&message, begun), Duration::ZERO)
            }
        };
        // One clock reading serves a batch: what is read together is handed over together.
        let handed = self.now;
        let timeout = match method {
            // It is answered when the task has ended.
            Some(Method::TasksResult) => port.look(|server| server.max_timeout),
            _ => timeout_of(&port, tool.as_deref()),
        };
        let active = Active {
            call: id,
            port: port.clone(),
            method,
            facts: facts.clone(),
            arrived: self.now,
            handed,
            token,
            tool,
            shown,
            uris,
            kept: is_kept.then_some(peer.id),
            progress: f64::NEG_INFINITY,
            held,
            held_answer: None,
            rounds: None,
        };
        if is_kept {
            let again = Again { own: target.as_ref().map(|(_, own)| own.clone()), timeout, needs_task };
            self.keep(&active, &peer, &client_id, &message, again);
        }
        let call = Box::new(Call {
            id,
            client_id: if is_kept { its_only() } else { client_id.clone() },
            seat: if may_ask(method) { port.seat(peer.id) } else { None },
            peer,
            facts,
            method,
            message,
            target,
            arrived: self.now,
            handed,
            timeout,
            retried: false,
            more: None,
            until: None,
            needs_task,
            task: None,
        });
        self.calls.insert(client_id, active);
        self.count();
        port.hand_over(call);
    }

    /// A call begins that is kept beside us: its client waits here until it is told something.
    fn keep(&self, active: &Active, peer: &Arc<Peer>, client_id: &RequestId, message: &Message, again: Again) {
        self.engine.ctx.peers.add_call(peer.clone());
        let waiter = Waiter { peer: self.peer.clone(), client_id: client_id.clone() };
        self.engine.parks.begin(Beginning {
            peer: peer.clone(),
            waiter,
            call: active.call,
            port: active.port.clone(),
            method: active.method,
            raw: message.raw().clone(),
            facts: active.facts.clone(),
            status: self.status.clone(),
            // Who comes by a pipe cannot come by another one.
            home: (!self.shares_status).then_some(self.peer.id),
            again,
        });
    }

    /// The calls that are kept beside us are lost.
    pub(super) fn on_unkept(&mut self) {
        let text = "mcp-proxy has made a mistake with the calls of clients that can be asked: this one is lost";
        let fault = Fault::new(code::INTERNAL, text).with_data(&json!({ "reason": "lost" }));
        let lost = self.calls.iter().filter(|(_, a)| a.kept.is_some());
        for (client_id, call, handed) in lost.map(|(id, a)| (id.clone(), a.call, a.handed)).collect::<Vec<_>>() {
            let outcome = Outcome::Fault(fault.clone());
            let to = self.peer.id;
            self.on_answer(&Answer { to, client_id, call, outcome, sent: None, handed, ends: true });
        }
    }

    /// A client comes again with a call that is kept for it: it is matched to that one, and never made a second time.
    fn come_again(&mut self, client_id: RequestId, message: Message, mut active: Active) {
        let Some((park, call)) = self.engine.parks.match_up(&self.peer.principal, &message) else {
            let text = "`requestState` is not of this request, of somebody else, or too old: call again without it";
            return self.fault_own(&message, &active.facts.clone(), &Fault::new(code::INVALID_PARAMS, text));
        };
        self.engine.ctx.observer.received_again(call, message.raw().clone());
        self.has_envelope(&message, call);
        (active.call, active.kept) = (call, Some(park));
        let facts = active.facts.clone();
        self.calls.insert(client_id.clone(), active);
        self.count();
        let waiter = Waiter { peer: self.peer.clone(), client_id };
        self.engine.parks.tell(Word::Again { park, call, waiter, message, facts });
    }

    fn on_set_level(&mut self, message: &Message, facts: &Arc<ClientFacts>) {
        let level = message.text(Field::Level);
        let Some(level) = level.as_deref().and_then(Level::from_name) else {
            let text = "`params.level` must be one of debug, info, notice, warning, error, critical, alert, emergency";
            return self.fault_own(message, facts, &Fault::new(code::INVALID_PARAMS, text));
        };
        let call = self.begin_own(message, facts);
        self.peer.set_level(level);
        self.tell_level();
        self.finish_own(message.id(), call, &"{}".into(), self.now);
    }

    /// The level this client wants has changed: it may be the lowest of all now, or not any more.
    pub(super) fn tell_level(&self) {
        for port in self.engine.ports.borrow().values().flat_map(|p| p.open_to(&self.peer)) {
            // A server that is not running is told when it is.
            if port.status.state() == crate::backend::BackendState::Ready {
                let _ = port.mailbox.push(Mail::Level);
            }
        }
    }

    /// A call of this client waits with another instance now.
    pub(super) fn on_moved(&mut self, client_id: &RequestId, call: CallId, port: &Arc<Port>) {
        self.uses(port);
        match self.calls.get_mut(client_id).filter(|a| a.call == call) {
            Some(active) => active.port = port.clone(),
            None => {
                // It was taken back while it was on its way: the one before has heard of that, this one has not.
                let text = format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{client_id}}}}}"#
                );
                if let Ok(message) = Message::parse(text.into()) {
                    let (session, client_id) = (self.peer.id, client_id.clone());
                    let mail = Mail::Cancel { session, client_id, message: Box::new(message) };
                    let _ = port.mailbox.push_owed(mail);
                }
            }
        }
    }
}

/// Whether a server may ask this client something that it hears of by its next round only. A modern server asks by its
/// answer; a server that has not said what it speaks may be a legacy one.
fn is_kept(port: &Port, facts: &ClientFacts) -> bool {
    facts.revision.era() == Era::Modern && !port.speaks_modern() && Profile::of(facts).is_some()
}

fn timeout_of(port: &Port, tool: Option<&str>) -> Duration {
    port.timeout().unwrap_or_else(|| {
        port.look(|server| {
            let rule = tool.and_then(|tool| crate::catalog::rule_for(&server.tools.timeout, tool));
            rule.copied().unwrap_or(server.timeout)
        })
    })
}
