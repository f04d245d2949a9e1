//! [`Pool`]: the instances of one server, and which of them a caller's call goes to (protocol.md, section 4).
//!
//! The base instance is that of the [`Port`] everybody finds under the server's name; it makes the lists that everybody sees. The others are
//! ports and tasks of their own beside it, made when the first call needs them. Sessions choose, on the way of each call: where all
//! share one instance that is a look at two fields. The supervisor starts what is new here; each task takes its port out
//! again when it ends. Nothing in here waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

use super::context::Context;
use super::lease::Fit;
use super::memory::Eras;
use super::offer::Offer;
use super::peer::{ClientFacts, Peer};
use super::port::{Control, Mail, Port};
use super::status::BackendState;
use super::tenant::{Profile, Tenant};
use super::wanted::Wanted;
use crate::config::{ClientFeatures, Isolation, ProtocolChoice, Server, Target};
use crate::observe::NoticeLevel;
use crate::protocol::{Era, Fault, Revision, code};

/// Instances beside the base one of a server that is a process: some hundred megabytes already with the usual runtimes.
const MAX_PROCESSES: usize = 64;
/// The same for a server by HTTP: no more than a handshake and a few tables each.
const MAX_REMOTE: usize = 4096;
/// Calls that wait for one instance under lease, at most: with as many instances as there are by default, every connection there may be
/// can have one waiting. One that waits for too long ends by its own limit.
const MAX_QUEUE: usize = 4000;

/// The instances of one server beside the base one. Shared by the ports of all of them.
#[derive(Debug)]
pub(super) struct Pool {
    /// `None`: a port without an engine, which is the only one.
    ctx: Option<Arc<Context>>,
    rooms: Mutex<Rooms>,
    /// How many there are, for whoever looks.
    pub(super) n_beside: Arc<AtomicUsize>,
    /// How the server can be opened, as far as any instance has found out.
    eras: Mutex<Eras>,
    /// The server gives each of its clients a session.
    has_sessions: AtomicBool,
    warned: AtomicBool,
    /// How the server asks, as far as any instance has shown.
    asking: Mutex<Asking>,
}

/// How a server asks.
#[derive(Clone, Copy, Debug)]
struct Asking {
    /// What it asks beside the calls, over HTTP.
    beside: Profile,
    /// For roots, without a call.
    roots: bool,
    /// And not as soon as it can.
    roots_late: bool,
}

#[derive(Debug, Default)]
struct Rooms {
    own: HashMap<Tenant, Arc<Port>>,
    leases: HashMap<Profile, Vec<Arc<Port>>>,
    /// Replaced, removed or ended: nothing new is started.
    closed: bool,
}

impl Rooms {
    fn all(&self) -> impl Iterator<Item = &Arc<Port>> {
        self.own.values().chain(self.leases.values().flatten())
    }

    fn n(&self) -> usize {
        self.own.len() + self.leases.values().map(Vec::len).sum::<usize>()
    }
}

impl Pool {
    pub(super) fn new(ctx: Option<Arc<Context>>) -> Self {
        Self {
            ctx,
            rooms: Mutex::default(),
            n_beside: Arc::default(),
            eras: Mutex::default(),
            has_sessions: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            asking: Mutex::new(Asking { beside: Profile::NOTHING, roots: false, roots_late: false }),
        }
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance that several share has asked this, and not on the stream of a call.
    pub(super) fn has_asked_beside(&self, what: Profile) {
        let mut asking = self.asking();
        asking.beside = asking.beside.with(what);
    }

    /// An instance has asked for roots when nobody was there.
    pub(super) fn has_asked_for_roots(&self) {
        self.asking().roots = true;
    }

    /// A new instance did not ask for roots as soon as it could have.
    pub(super) fn asks_for_roots_late(&self) {
        self.asking().roots_late = true;
    }

    /// Whether instances ask for roots as soon as they can.
    pub(super) fn asks_for_roots(&self) -> bool {
        let asking = self.asking();
        asking.roots && !asking.roots_late
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(&self, rooms: &Rooms) {
        self.n_beside.store(rooms.n(), Ordering::Relaxed);
    }

    /// Whether there are instances beside the base one.
    pub(super) fn is_used(&self) -> bool {
        self.n_beside.load(Ordering::Relaxed) > 0
    }

    pub(super) fn eras(&self) -> Eras {
        *self.eras.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_eras(&self, eras: Eras) {
        *self.eras.lock().unwrap_or_else(PoisonError::into_inner) = eras;
    }

    /// The task of `port` has ended.
    pub(super) fn remove(&self, port: &Port) {
        let is_other = |p: &Arc<Port>| p.number != port.number;
        let mut rooms = self.lock();
        match port.tenant {
            Tenant::Everybody => {}
            Tenant::Lease(profile) => {
                if let Some(ports) = rooms.leases.get_mut(&profile) {
                    ports.retain(is_other);
                    if ports.is_empty() {
                        rooms.leases.remove(&profile);
                    }
                }
            }
            Tenant::Client(_) | Tenant::Session(_) | Tenant::Kind(..) => {
                if rooms.own.get(&port.tenant).is_some_and(|p| !is_other(p)) {
                    rooms.own.remove(&port.tenant);
                }
            }
        }
        self.counted(&rooms);
    }

    /// Nothing new is started from now on. Gives what there is.
    pub(super) fn close(&self) -> Vec<Arc<Port>> {
        let mut rooms = self.lock();
        rooms.closed = true;
        rooms.all().cloned().collect()
    }

    /// Takes all out: callers get other instances from now on.
    pub(super) fn vacate(&self) -> Vec<Arc<Port>> {
        let mut rooms = self.lock();
        let all = rooms.all().cloned().collect();
        rooms.own.clear();
        rooms.leases.clear();
        self.counted(&rooms);
        all
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What an instance for clients of this profile is told of them.
    fn facts_of(&self, profile: Profile) -> ClientFacts {
        ClientFacts {
            revision: Revision::NEWEST_LEGACY,
            name: "mcp-proxy".into(),
            info: self.ctx.as_ref().map(|c| c.identity.clone()).unwrap_or_default(),
            capabilities: profile.capabilities(),
            level: None,
            carried: Default::default(),
        }
    }

    /// Starts an instance beside the base one.
    fn add(
        &self,
        rooms: &mut Rooms,
        base: &Port,
        (tenant, facts): (Tenant, Arc<ClientFacts>),
        wanted: Arc<Wanted>,
    ) -> Result<Arc<Port>, Fault> {
        let max = max_beside(&base.server());
        let data = |reason: &str| serde_json::json!({ "backend": &**base.name(), "reason": reason });
        if rooms.n() >= max {
            let text = format!(
                "server `{}` has {max} instances of its own for its clients already: try again when one has left, or set \
                 `isolation: shared`",
                base.name()
            );
            return Err(Fault::new(code::INTERNAL, text).with_data(&data("busy")));
        }
        let port = Arc::new(Port::beside(base, tenant, facts, wanted));
        // One message a port, and their number is limited above.
        if self.ctx.as_ref().is_none_or(|ctx| ctx.newcomers.push_owed(port.clone()).is_err()) {
            let text = format!("server `{}` cannot be started: mcp-proxy is shutting down", base.name());
            return Err(Fault::new(code::INTERNAL, text).with_data(&data("stopping")));
        }
        match port.tenant {
            Tenant::Lease(profile) => rooms.leases.entry(profile).or_default().push(port.clone()),
            ref tenant => drop(rooms.own.insert(tenant.clone(), port.clone())),
        }
        self.counted(rooms);
        Ok(port)
    }
}

/// What a server lists for one client in the place of what it lists for everybody.
#[derive(Debug, Default)]
pub struct Lists {
    /// `None`: nothing else, as far as is known.
    pub offer: Option<Arc<Offer>>,
    /// The instance that will say it.
    pub awaited: Option<Arc<Port>>,
}

/// Instances of this server beside the base one, at most.
fn max_beside(server: &Server) -> usize {
    match server.target {
        Target::Stdio { .. } => MAX_PROCESSES,
        Target::Http { .. } => MAX_REMOTE,
    }
}

/// Whether callers may ever be sent anywhere but to the base instance.
pub(super) fn may_part(server: &Server) -> bool {
    match (server.isolation, &server.target) {
        (Isolation::PerClient | Isolation::PerSession, _) | (Isolation::Auto, Target::Http { .. }) => true,
        (Isolation::Shared, _) | (Isolation::Auto, Target::Stdio { .. }) => {
            server.client_features == ClientFeatures::Lease
        }
    }
}

impl Port {
    /// The port of the instance that a call of this caller goes to which may ask its client something: a tool, a prompt, a
    /// resource, a method we do not know. The call must take a [`Port::seat`] with it.
    ///
    /// # Errors
    /// When it needs an instance of its own and there are too many.
    pub fn for_caller(self: &Arc<Self>, peer: &Arc<Peer>, facts: &Arc<ClientFacts>) -> Result<Arc<Self>, Fault> {
        if self.is_plain.load(Ordering::Relaxed) || (self.is_owned && peer.owns) {
            return Ok(self.clone());
        }
        self.choose(peer, facts, true)
    }

    /// The port for what stays with one instance and asks nothing: subscriptions, completions, notifications.
    ///
    /// # Errors
    /// As [`Port::for_caller`].
    pub fn home_of(self: &Arc<Self>, peer: &Arc<Peer>, facts: &Arc<ClientFacts>) -> Result<Arc<Self>, Fault> {
        if self.is_plain.load(Ordering::Relaxed) || (self.is_owned && peer.owns) {
            return Ok(self.clone());
        }
        self.choose(peer, facts, false)
    }

    fn choose(self: &Arc<Self>, peer: &Arc<Peer>, facts: &Arc<ClientFacts>, may_ask: bool) -> Result<Arc<Self>, Fault> {
        let tenant = match self.tenant_of(peer, facts, self.status.era()) {
            None => return Ok(self.clone()),
            Some(Tenant::Lease(profile)) => return self.lease(profile, peer, may_ask),
            Some(tenant) => tenant,
        };
        let mut rooms = self.pool.lock();
        match rooms.own.get(&tenant) {
            Some(port) => Ok(port.clone()),
            None if rooms.closed => Ok(self.clone()),
            None => {
                let facts = match tenant {
                    Tenant::Kind(_, profile) => Arc::new(self.pool.facts_of(profile)),
                    _ => facts.clone(),
                };
                self.pool.add(&mut rooms, self, (tenant, facts), Arc::default())
            }
        }
    }

    /// Whose the instance is that the calls of this caller go to; `None`: everybody's. `era`: what is known of its server's.
    fn tenant_of(self: &Arc<Self>, peer: &Peer, facts: &ClientFacts, era: Option<Era>) -> Option<Tenant> {
        if self.status.is_off() {
            // A stopped server is stopped for all; its base instance says so.
            return None;
        }
        let is_modern = facts.revision.era() == Era::Modern;
        let server = self.server();
        let isolation = match server.isolation {
            Isolation::Auto if !is_modern && (self.pool.has_sessions.load(Ordering::Relaxed) || self.may_be_both()) => {
                Isolation::PerSession
            }
            Isolation::Auto => Isolation::Shared,
            Isolation::PerSession if is_modern => Isolation::PerClient,
            given => given,
        };
        match isolation {
            Isolation::PerSession => return Some(Tenant::Session(peer.id)),
            Isolation::PerClient if !peer.principal.is_anonymous() => {
                return Some(Tenant::Client(peer.principal.clone()));
            }
            Isolation::PerClient => self.warn_of_anonymous(),
            Isolation::Shared | Isolation::Auto => {}
        }
        let era = era.or_else(|| self.expected(&server));
        if era.is_none() && matches!(server.target, Target::Stdio { .. }) {
            // Its base instance is about to find out. A modern one serves all, and what waits there goes on if it is none.
            return None;
        }
        // A modern server needs no lease: each request says what its client can do.
        let leases = server.client_features == ClientFeatures::Lease && era != Some(Era::Modern);
        let is_pipe = matches!(server.target, Target::Stdio { .. } | Target::Http { sse: true, .. });
        // By HTTP a line comes on the stream of its call.
        let hears = is_modern && facts.level.is_some() && is_pipe && era == Some(Era::Legacy) && !server.share_logs;
        let profile = peer.profile(facts).or(hears.then_some(Profile::HEARS)).filter(|_| leases)?;
        match &server.target {
            Target::Stdio { .. } if !is_modern || peer.principal.is_anonymous() => Some(Tenant::Lease(profile)),
            // HTTP+SSE has one stream for everything, as a pipe has.
            Target::Http { sse: true, .. } if is_modern && peer.principal.is_anonymous() => {
                Some(Tenant::Lease(profile))
            }
            // This server does not always say for which call it asks.
            Target::Http { .. }
                if is_modern && peer.principal.is_anonymous() && profile.has_any(self.pool.asking().beside) =>
            {
                Some(Tenant::Lease(profile))
            }
            // Calls of one user may run beside each other: what the server asks is for this user in any case. By HTTP it
            // says for which call.
            _ if is_modern && !self.speaks_modern() => Some(Tenant::Kind(peer.principal.clone(), profile)),
            _ => None,
        }
    }

    /// The era that a server which has not been opened yet is going to be spoken to in by an instance for many, as far as is known.
    fn expected(&self, server: &Server) -> Option<Era> {
        match (server.protocol, self.pool.eras()) {
            (ProtocolChoice::Modern, _) | (ProtocolChoice::Auto, Eras { modern: Some(true), .. }) => Some(Era::Modern),
            (ProtocolChoice::Legacy, _)
            | (ProtocolChoice::Auto, Eras { modern: Some(false), .. } | Eras { probe_harms: true, .. }) => {
                Some(Era::Legacy)
            }
            (ProtocolChoice::Auto, _) => None,
        }
    }

    /// Whether the server is known to speak the modern era, running or not.
    #[must_use]
    pub fn speaks_modern(&self) -> bool {
        self.status.era().map_or_else(|| self.pool.eras().modern == Some(true), |era| era == Era::Modern)
    }

    /// Whether the server may speak the legacy era beside the modern one of its base instance. Over HTTP that costs a
    /// handshake and no process, so a legacy client gets a server's own answers in its own era.
    fn may_be_both(&self) -> bool {
        let server = self.server();
        matches!(server.target, Target::Http { .. })
            && server.protocol == ProtocolChoice::Auto
            && self.pool.eras().legacy != Some(false)
            && self.status.era() != Some(Era::Legacy)
    }

    /// An instance for clients of this profile: one that is free, else another one, else the one with the shortest queue.
    fn lease(self: &Arc<Self>, profile: Profile, peer: &Arc<Peer>, may_ask: bool) -> Result<Arc<Self>, Fault> {
        let server = self.server();
        let mut rooms = self.pool.lock();
        let ports = rooms.leases.get(&profile).map_or(&[][..], Vec::as_slice);
        let n = ports.len();
        let best = if may_ask {
            ports.iter().map(|p| (p.lease.fit(peer.id), p.clone())).min_by_key(|(fit, _)| *fit)
        } else {
            // What stays with one instance stays with the first.
            ports.first().map(|p| (Fit::Own, p.clone()))
        };
        let may_add = n < server.lease_max && rooms.n() < max_beside(&server);
        match best {
            Some((Fit::Own | Fit::Free, port)) => Ok(port),
            Some((Fit::Used, port)) if !may_add => Ok(port),
            Some((Fit::Busy(waiting), port)) if !may_add && waiting < MAX_QUEUE => Ok(port),
            Some((Fit::Busy(_), _)) if !may_add => {
                let text = format!(
                    "server `{}` is busy: {n} instances (`lease_max`) serve clients that can be asked questions, with \
                     {MAX_QUEUE} calls waiting for each",
                    self.name()
                );
                let data = serde_json::json!({ "backend": &**self.name(), "reason": "busy" });
                Err(Fault::new(code::INTERNAL, text).with_data(&data))
            }
            _ if rooms.closed => Ok(self.clone()),
            _ => {
                let facts = self.pool.facts_of(profile);
                self.pool.add(&mut rooms, self, (Tenant::Lease(profile), Arc::new(facts)), Arc::default())
            }
        }
    }

    /// What its server lists for this client in the place of what it lists for everybody, as its calls go to another instance
    /// than everybody's. `asks`: the client asks for lists, and an instance is started where that has to be found out.
    pub fn lists_for(self: &Arc<Self>, peer: &Arc<Peer>, facts: &Arc<ClientFacts>, asks: bool) -> Lists {
        let Some(ctx) = self.pool.ctx.as_ref().filter(|ctx| asks || ctx.offers.are_apart()) else {
            return Lists::default();
        };
        if self.is_plain.load(Ordering::Relaxed) || (self.is_owned && peer.owns) {
            return Lists::default();
        }
        // Before it is known what the server speaks nothing is known of its lists either.
        let Some(era) = self.status.era().or_else(|| ctx.offers.era(self)) else { return Lists::default() };
        let Some(tenant) = self.tenant_of(peer, facts, Some(era)) else { return Lists::default() };
        let profile = peer.profile(facts);
        let recall = |profile, everybody: &Offer| ctx.memory.load_apart(&self.server(), profile, everybody);
        let seen = ctx.offers.seen(self, (&tenant, peer.id, profile), recall);
        let mut awaited = seen.awaited;
        if let (true, true, Some(profile)) = (seen.is_wanted, asks, profile)
            && let Ok(port) = self.choose(peer, facts, false)
            && !port.is_base()
        {
            ctx.offers.awaits(profile, &port);
            // One that runs already may have said long ago what it lists.
            let _ = port.control.push(Control::List);
            awaited = Some(port);
        }
        // Nobody waits for what is down, nor for news of what is known.
        let is_down = |port: &Arc<Self>| matches!(port.status.state(), BackendState::Backoff { .. });
        Lists { awaited: awaited.filter(|port| seen.offer.is_none() && !is_down(port)), offer: seen.offer }
    }

    /// What is still wanted of an instance of the server as it was before a reload is asked of one in its place. `is_same`:
    /// callers are told apart in the same way as before.
    pub(super) fn adopt(self: &Arc<Self>, old: &Self, is_same: bool) {
        if old.wanted.is_empty() || self.status.is_off() {
            return;
        }
        if !is_same {
            return self.take_over(old);
        }
        if let Some(facts) = old.facts.clone() {
            let mut rooms = self.pool.lock();
            let added = self.pool.add(&mut rooms, self, (old.tenant.clone(), facts), old.wanted.clone());
            if let Err(fault) = added {
                tracing::warn!(server = %self.name(), "subscriptions were lost: {}", fault.message);
            }
        }
    }

    /// Each session's wishes go to the instance that is its own from now on.
    fn take_over(self: &Arc<Self>, old: &Self) {
        let Some(ctx) = self.pool.ctx.clone() else { return };
        for (uri, session) in old.wanted.all() {
            let Some((peer, facts)) = ctx.peers.get(session).and_then(|p| p.facts().map(|f| (p, f))) else { continue };
            let uri = serde_json::Value::from(uri).to_string().into();
            if let Ok(port) = self.home_of(&peer, &facts) {
                let _ = port.mailbox.push_owed(Mail::Subscribe { session, uri });
            }
        }
    }

    fn warn_of_anonymous(&self) {
        if let Some(ctx) = self.pool.ctx.as_ref().filter(|_| !self.pool.warned.swap(true, Ordering::Relaxed)) {
            let text = "`isolation: per-client` shares one instance among all clients without a token: nothing tells them \
                        apart; give them tokens, or use `per-session`";
            ctx.observer.notice(NoticeLevel::Warning, Some(self.name()), text);
        }
    }

    /// The server has turned out to give each of its clients a session (`Mcp-Session-Id`, or the stream of 2024-11-05): with
    /// `isolation: auto` each session of ours gets one of its own from now on.
    pub(super) fn has_sessions(&self) {
        self.pool.has_sessions.store(true, Ordering::Relaxed);
    }

    /// Whether it is the one found under the server's name.
    #[must_use]
    pub fn is_base(&self) -> bool {
        self.tenant == Tenant::Everybody
    }

    /// It and all instances beside it.
    #[must_use]
    pub fn all(self: &Arc<Self>) -> Vec<Arc<Self>> {
        std::iter::once(self).chain(self.pool.lock().all()).cloned().collect()
    }

    /// The instances that `peer` may use, of those that are there.
    #[must_use]
    pub fn open_to(self: &Arc<Self>, peer: &Peer) -> Vec<Arc<Self>> {
        let rooms = self.pool.lock();
        let own = [Tenant::Session(peer.id), Tenant::Client(peer.principal.clone())];
        let own = own.iter().filter_map(|t| rooms.own.get(t));
        let kinds =
            rooms.own.values().filter(|p| matches!(&p.tenant, Tenant::Kind(whose, _) if *whose == peer.principal));
        std::iter::once(self).chain(own).chain(kinds).chain(rooms.leases.values().flatten()).cloned().collect()
    }

    /// The instances that are this session's alone at this moment: what it says of itself may go there.
    #[must_use]
    pub fn private_to(self: &Arc<Self>, peer: &Peer) -> Vec<Arc<Self>> {
        let Some(ctx) = &self.pool.ctx else { return Vec::new() };
        let is_its = |port: &Arc<Self>| match &port.tenant {
            Tenant::Everybody => self.is_owned && peer.owns && ctx.peers.n() == 1,
            Tenant::Session(_) => true,
            Tenant::Client(principal) | Tenant::Kind(principal, _) => {
                !principal.is_anonymous() && ctx.peers.of(principal).len() == 1
            }
            Tenant::Lease(_) => port.lease.bound().or_else(|| port.lease.first()) == Some(peer.id),
        };
        let mut ports = self.open_to(peer);
        ports.retain(is_its);
        ports
    }

    /// A command for the server: for all its instances.
    ///
    /// # Errors
    /// When its task has ended.
    pub fn command(self: &Arc<Self>, control: Control) -> Result<(), Control> {
        for port in self.all().iter().filter(|p| !p.is_base()) {
            // One that has ended needs no word.
            let _ = port.control.push_owed(control);
        }
        self.control.push_owed(control)
    }
}
