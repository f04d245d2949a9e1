//! The clients as the servers' side knows them: an address for what a server says, and what the client said of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::HashMap;

use bytes::Bytes;

use super::apart::Concerned;
use super::call::Delivery;
use super::tenant::Profile;
use crate::protocol::{Era, Revision, SessionId, Span, walk};
use crate::transport::Mailbox;

/// Severity of a log message (MCP 2025-11-25, server/utilities/logging; RFC 5424, section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `notice`
    Notice,
    /// `warning`
    Warning,
    /// `error`
    Error,
    /// `critical`
    Critical,
    /// `alert`
    Alert,
    /// `emergency`
    Emergency,
}

impl Level {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Emergency as usize + 1;

    const NAMES: [(Self, &'static str); 8] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Notice, "notice"),
        (Self::Warning, "warning"),
        (Self::Error, "error"),
        (Self::Critical, "critical"),
        (Self::Alert, "alert"),
        (Self::Emergency, "emergency"),
    ];

    /// The level of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(l, _)| *l)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(l, _)| *l == self).map_or("info", |(_, n)| n)
    }
}

/// On whose behalf a client speaks: what its calls, sessions and subscriptions are bound to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    name: Arc<str>,
    /// Tells a token from the one that had its name before: who has shown that one is somebody else.
    mark: u64,
}

impl Principal {
    /// Whoever launched us, or lives in our process.
    #[must_use]
    pub fn own() -> Self {
        Self { name: "own".into(), mark: 0 }
    }

    /// Whether it is that one.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.mark == 0 && &*self.name == "own"
    }

    /// Everybody who comes by HTTP without a token.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { name: "anonymous".into(), mark: 0 }
    }

    /// Who has shown the token of this name.
    #[must_use]
    pub fn token(name: &str) -> Self {
        Self { name: format!("token:{name}").into(), mark: 0 }
    }

    /// The same, told apart by [`crate::config::TokenHash::mark`].
    #[must_use]
    pub fn marked(self, mark: u64) -> Self {
        Self { mark, ..self }
    }

    /// Whether it stands for more than one user.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        &*self.name == "anonymous"
    }

    /// Tells it from those that had the name before.
    pub(super) const fn mark(&self) -> u64 {
        self.mark
    }

    /// A name to be shown; no secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({})", self.name)
    }
}

/// What a client said of itself: once per session in the legacy era, with every request in the modern one.
#[derive(Clone, Debug)]
pub struct ClientFacts {
    /// The edition it speaks with us.
    pub revision: Revision,
    /// `clientInfo.name`.
    pub name: Arc<str>,
    /// `clientInfo` as raw JSON.
    pub info: Bytes,
    /// Its capabilities as raw JSON.
    pub capabilities: Bytes,
    /// The level it wants log messages from, if it said so.
    pub level: Option<Level>,
    /// The capabilities we can carry to a server of the other era, found out once.
    pub carried: Carried,
}

/// What a client's capabilities mean for servers of the other era.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    plain: OnceLock<Box<str>>,
    /// With the extension for tasks: we wait for these in the client's place.
    with_tasks: OnceLock<Box<str>>,
    /// What it can be asked.
    pub(super) profile: OnceLock<Option<Profile>>,
    /// As it stands in a call for a server of the other era, by the level of log lines it asks for.
    metas: OnceLock<Box<[OnceLock<Bytes>; 1 + Level::COUNT]>>,
}

impl Carried {
    /// What `make` makes, made once for each level.
    pub(super) fn meta(&self, level: Option<Level>, make: impl FnOnce() -> Bytes) -> &Bytes {
        let metas = self.metas.get_or_init(Box::default);
        metas[level.map_or(0, |level| 1 + level as usize)].get_or_init(make)
    }
}

impl ClientFacts {
    /// Whether the client declared the capability `name` (`elicitation`, `sampling`, `roots`).
    #[must_use]
    pub fn can(&self, name: &str) -> bool {
        let all = Span { start: 0, end: u32::try_from(self.capabilities.len()).unwrap_or(0) };
        walk::member(&self.capabilities, all, name)
            .is_some_and(|(_, v)| self.capabilities.get(v.start as usize) == Some(&b'{'))
    }

    /// Whether the client can show an elicitation of this mode, `form` or `url`. Without modes it is forms (MCP 2025-11-25,
    /// client/elicitation).
    #[must_use]
    pub fn can_show(&self, mode: &str) -> bool {
        let all = Span { start: 0, end: u32::try_from(self.capabilities.len()).unwrap_or(0) };
        let Some((_, elicitation)) = walk::member(&self.capabilities, all, "elicitation") else { return false };
        let has = |mode| walk::member(&self.capabilities, elicitation, mode).is_some();
        has(mode) || (mode == "form" && !has("url"))
    }

    /// Whether the client declared `part` of the capability `name`.
    #[must_use]
    pub fn can_also(&self, name: &str, part: &str) -> bool {
        let all = Span { start: 0, end: u32::try_from(self.capabilities.len()).unwrap_or(0) };
        let within = walk::member(&self.capabilities, all, name).map(|(_, v)| v);
        within.is_some_and(|w| walk::member(&self.capabilities, w, part).is_some())
    }

    /// The capabilities as a server of the other era is told them: tasks of clients are not carried.
    pub(super) fn carried(&self) -> &str {
        self.carried.plain.get_or_init(|| super::handshake::without_tasks(&self.capabilities).into())
    }

    /// The same where we wait for the server's tasks in the client's place.
    pub(super) fn carried_with_tasks(&self) -> &str {
        self.carried.with_tasks.get_or_init(|| super::task_words::with_extension(self.carried()).into())
    }

    /// A short name for the capabilities that change what servers offer.
    #[must_use]
    pub fn profile(&self) -> String {
        let mark = |name: &'static str| if self.can(name) { &name[..1] } else { "-" };
        format!("{:?}{}{}{}", self.revision.era(), mark("elicitation"), mark("sampling"), mark("roots"))
    }
}

/// One client session as the servers' side knows it.
#[derive(Debug)]
pub struct Peer {
    /// Its session.
    pub id: SessionId,
    /// On whose behalf it speaks.
    pub principal: Principal,
    /// Whether it launched us or lives in our process.
    pub owns: bool,
    /// The session task reads it, or who keeps the calls that outlive their sessions.
    pub mailbox: Mailbox<Delivery>,
    /// It stands for one call of a modern client, which can be asked something between two rounds of it.
    pub parks: bool,
    facts: Mutex<Option<Arc<ClientFacts>>>,
    level: Mutex<Option<Level>>,
    /// Found out once: a session says what it can be asked once.
    profile: OnceLock<Option<Profile>>,
    /// It is told that it sees something else of servers now, and has not looked yet.
    is_told: AtomicBool,
}

impl Peer {
    /// A client that has not said anything yet.
    #[must_use]
    pub fn new(id: SessionId, principal: Principal, mailbox: Mailbox<Delivery>) -> Self {
        Self {
            id,
            owns: principal.is_own(),
            principal,
            mailbox,
            parks: false,
            facts: Mutex::default(),
            level: Mutex::default(),
            profile: OnceLock::new(),
            is_told: AtomicBool::new(false),
        }
    }

    /// What stands for one call of a modern client, for as long as that takes.
    #[must_use]
    pub fn for_call(id: SessionId, principal: Principal, mailbox: Mailbox<Delivery>, facts: Arc<ClientFacts>) -> Self {
        Self { parks: true, facts: Mutex::new(Some(facts)), ..Self::new(id, principal, mailbox) }
    }

    /// Whether both speak for the same user. Who comes without a name is a user of its own in each session.
    #[must_use]
    pub fn is_same_user(&self, other: &Self) -> bool {
        self.id == other.id || (self.principal == other.principal && !self.principal.is_anonymous())
    }

    /// Whether it spoke the modern era last.
    pub(super) fn is_modern(&self) -> bool {
        self.facts().is_some_and(|f| f.revision.era() == Era::Modern)
    }

    /// What it can be asked, by what it says with a request.
    pub(super) fn profile(&self, facts: &ClientFacts) -> Option<Profile> {
        if facts.revision.era() == Era::Modern {
            // It says so with every request.
            return Profile::of(facts);
        }
        *self.profile.get_or_init(|| Profile::of(facts))
    }

    /// The level it wants: as set, or as asked for with its last request.
    pub(super) fn wanted_level(&self) -> Option<Level> {
        self.level().or_else(|| self.facts()?.level)
    }

    /// What it sees of servers may be something else now.
    fn sees_anew(&self) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            let _ = self.mailbox.push_owed(Delivery::Lists);
        }
    }

    /// It looks at what it sees of servers.
    pub fn looks(&self) {
        self.is_told.store(false, Ordering::Relaxed);
    }

    /// What it said of itself last.
    #[must_use]
    pub fn facts(&self) -> Option<Arc<ClientFacts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It said something of itself.
    pub fn set_facts(&self, facts: Arc<ClientFacts>) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
    }

    /// The level set by `logging/setLevel`.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `logging/setLevel`.
    pub fn set_level(&self, level: Level) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }
}

/// All client sessions, and the calls that outlive them. Ids are counted up: their order is the order they came in.
#[derive(Debug, Default)]
pub struct Peers {
    sessions: Mutex<BTreeMap<SessionId, Arc<Peer>>>,
    /// Those that stand for one call each.
    calls: Mutex<HashMap<SessionId, Arc<Peer>>>,
    /// Where all of these are heard.
    keeper: OnceLock<Mailbox<Delivery>>,
}

impl Peers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Peer>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Peer>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the calls are heard that outlive their sessions.
    pub fn set_keeper(&self, keeper: Mailbox<Delivery>) {
        // Set once, by whoever puts the rooms together.
        let _ = self.keeper.set(keeper);
    }

    /// A call has begun that may outlive its session.
    pub fn add_call(&self, peer: Arc<Peer>) {
        self.calls().insert(peer.id, peer);
    }

    /// It is over.
    pub fn remove_call(&self, id: SessionId) {
        self.calls().remove(&id);
    }

    /// Nobody hears of these calls any more. Gives their numbers.
    pub fn forget_calls(&self) -> Vec<SessionId> {
        self.calls().drain().map(|(id, _)| id).collect()
    }

    /// Tells everybody.
    pub fn tell(&self, delivery: impl Fn() -> Delivery) {
        for peer in self.all() {
            let _ = peer.mailbox.push_owed(delivery());
        }
        if let Some(keeper) = self.keeper.get() {
            let _ = keeper.push_owed(delivery());
        }
    }

    /// Tells those concerned that they see something else of servers now.
    pub(super) fn see_anew(&self, concerned: &[Concerned]) {
        for concerned in concerned {
            match concerned {
                Concerned::Nobody => {}
                Concerned::Session(id) => {
                    if let Some(peer) = self.lock().get(id) {
                        peer.sees_anew();
                    }
                }
                Concerned::User(principal) => self.of(principal).iter().for_each(|peer| peer.sees_anew()),
                Concerned::Kind(profile) => {
                    let is_of = |p: &&Arc<Peer>| p.facts().is_some_and(|facts| p.profile(&facts) == Some(*profile));
                    self.all().iter().filter(is_of).for_each(|peer| peer.sees_anew());
                }
            }
        }
    }

    /// A session has begun.
    pub fn add(&self, peer: Arc<Peer>) {
        self.lock().insert(peer.id, peer);
    }

    /// A session has ended.
    pub fn remove(&self, id: SessionId) {
        self.lock().remove(&id);
    }

    /// The sessions at this moment, in the order they came.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Peer>> {
        self.lock().values().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn n(&self) -> usize {
        self.lock().len()
    }

    /// The session `id`, or the call of that number.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<Arc<Peer>> {
        self.lock().get(&id).cloned().or_else(|| self.calls().get(&id).cloned())
    }

    /// The sessions of one principal, in the order they came.
    #[must_use]
    pub fn of(&self, principal: &Principal) -> Vec<Arc<Peer>> {
        self.lock().values().filter(|p| p.principal == *principal).cloned().collect()
    }
}
