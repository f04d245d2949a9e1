//! What servers offer, as raw items; published by their tasks, read by the catalog.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::apart::{Apart, Concerned, Seen};
use super::port::Port;
use super::tenant::{Profile, Tenant};
use crate::protocol::{Era, Method, Revision, SessionId};

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
}

impl ItemKind {
    /// All kinds, in the order they are indexed by.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// The member of a list result that holds the items.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::Template => "resourceTemplates",
        }
    }

    /// The method that lists them.
    #[must_use]
    pub const fn list_method(self) -> Method {
        match self {
            Self::Tool => Method::ToolsList,
            Self::Prompt => Method::PromptsList,
            Self::Resource => Method::ResourcesList,
            Self::Template => Method::TemplatesList,
        }
    }

    /// The notification that says the list has changed.
    #[must_use]
    pub const fn changed_method(self) -> Method {
        match self {
            Self::Tool => Method::ToolsChanged,
            Self::Prompt => Method::PromptsChanged,
            Self::Resource | Self::Template => Method::ResourcesChanged,
        }
    }

    /// The capability a server declares for them.
    #[must_use]
    pub const fn capability(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource | Self::Template => "resources",
        }
    }
}

/// What one server offers. Immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The edition it was learned in.
    pub revision: Revision,
    /// The server's capabilities as raw JSON.
    pub capabilities: Bytes,
    /// Its `serverInfo` as raw JSON.
    pub info: Option<Bytes>,
    /// Its instructions.
    pub instructions: Option<String>,
    /// Raw items, all pages, by [`ItemKind`].
    pub items: [Vec<Bytes>; 4],
}

/// What is known of a server's offer.
#[derive(Clone, Debug)]
pub enum OfferState {
    /// It is on its way: a list may wait for it.
    Pending,
    /// Nobody started it and nothing is remembered: a list starts it.
    Asleep,
    /// Known; from the disk cache if `cached`.
    Known {
        /// What it offers.
        offer: Arc<Offer>,
        /// Not confirmed by the server in this run.
        cached: bool,
    },
    /// Not to be had: failed, stopped or disabled.
    Absent,
}

/// What becomes of what a server is known to offer when another one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is shown until the new one says what it offers.
    Known,
    /// It is forgotten.
    Nothing,
}

/// Who has an instance under lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A session.
    Session(SessionId),
    /// A session that has left.
    Gone,
    /// One call of a client without a name and without a session.
    Call,
}

/// What became of what an instance beside the base one lists.
#[derive(Debug)]
pub(super) struct Published {
    /// The value that is kept.
    pub(super) offer: Arc<Offer>,
    /// It is what these clients see from now on; with what everybody sees.
    pub(super) for_kind: Option<(Profile, Option<Arc<Offer>>)>,
    /// It is something else than other clients of its kind see.
    pub(super) leaves_traces: bool,
    /// Who sees something else now.
    pub(super) told: Vec<Concerned>,
}

/// What is known of one server's offer.
#[derive(Debug)]
struct Entry {
    /// The port it belongs to.
    number: u64,
    state: OfferState,
    /// A reload has begun it anew, and it has not said yet what it offers; waited for no longer than this.
    awaited: Option<Instant>,
    /// What it lists for some clients only.
    apart: Apart,
}

impl Entry {
    /// What it lists for everybody, if that is known.
    fn offer(&self) -> Option<&Arc<Offer>> {
        match &self.state {
            OfferState::Known { offer, .. } => Some(offer),
            _ => None,
        }
    }

    /// The value that is kept for `offer`: what is the same is the same value, by which the catalog sees that nothing has to
    /// be merged, and nobody keeps a second one.
    fn kept(&self, offer: Offer) -> Arc<Offer> {
        let known = self.offer().filter(|known| known.items == offer.items).cloned();
        known.or_else(|| self.apart.kept(&offer)).unwrap_or_else(|| Arc::new(offer))
    }
}

impl Offer {
    /// Stands for what is listed.
    pub(super) fn mark(&self) -> String {
        let mut hash = Sha256::new();
        for (kind, items) in self.items.iter().enumerate() {
            hash.update((kind as u64).to_le_bytes());
            for item in items {
                hash.update((item.len() as u64).to_le_bytes());
                hash.update(item);
            }
        }
        hash.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect()
    }
}

/// The offers of all servers. Each belongs to one port: the task of a server that was replaced or removed may still be
/// ending, and has nothing to say any more.
#[derive(Debug)]
pub struct Offers {
    of: Mutex<HashMap<Arc<str>, Entry>>,
    /// Counts changes of what everybody sees; the catalog's refresher waits on it.
    version: watch::Sender<u64>,
    /// Some server has listed something for some clients only, or is asked to.
    is_apart: AtomicBool,
}

impl Default for Offers {
    fn default() -> Self {
        Self { of: Mutex::default(), version: watch::Sender::new(0), is_apart: AtomicBool::new(false) }
    }
}

impl Offers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Entry>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the offer of this name is `port`'s. `is_reload`: clients are told of changed lists when it has said what
    /// it offers, or is not to be had.
    pub fn adopt(&self, port: &Port, keep: Keep, is_reload: bool) {
        let mut of = self.lock();
        let (state, mut apart) = match of.remove(port.name()) {
            Some(Entry { state: OfferState::Known { offer, .. }, apart, .. }) if keep == Keep::Known => {
                (OfferState::Known { offer, cached: true }, apart)
            }
            _ => (OfferState::Pending, Apart::default()),
        };
        apart.begins_anew();
        let server = port.server();
        let awaited = if is_reload && server.enabled { Instant::now().checked_add(server.list_wait) } else { None };
        of.insert(port.name().clone(), Entry { number: port.number, state, awaited, apart });
        drop(of);
        self.version.send_modify(|v| *v += 1);
    }

    /// Publishes what is known of `port`'s server, if the name is still its own.
    pub fn publish(&self, port: &Port, state: OfferState) {
        let mut of = self.lock();
        let Some(entry) = of.get_mut(port.name()).filter(|e| e.number == port.number) else { return };
        if !matches!(state, OfferState::Pending | OfferState::Known { cached: true, .. }) {
            entry.awaited = None;
        }
        let before = entry.offer().cloned();
        entry.state = state;
        if let (Some(before), Some(now)) = (before, entry.offer())
            && !Arc::ptr_eq(&before, now)
        {
            entry.apart.may_have_changed();
        }
        drop(of);
        self.version.send_modify(|v| *v += 1);
    }

    /// Publishes what `port`'s server itself has said. Gives the value that is kept: what is confirmed unchanged stays the
    /// same one, by which the catalog sees that nothing has to be merged, and nobody keeps a second one.
    pub fn publish_known(&self, port: &Port, offer: Offer) -> Arc<Offer> {
        let kept = match self.of(port.name()) {
            OfferState::Known { offer: before, .. } if *before == offer => before,
            _ => Arc::new(offer),
        };
        self.publish(port, OfferState::Known { offer: kept.clone(), cached: false });
        kept
    }

    /// Forgets a server that is not configured any more.
    pub fn forget(&self, backend: &str) {
        self.lock().remove(backend);
        self.version.send_modify(|v| *v += 1);
    }

    /// What is known of `backend`.
    #[must_use]
    pub fn of(&self, backend: &str) -> OfferState {
        let of = self.lock();
        of.get(backend).map_or(OfferState::Pending, |entry| entry.state.clone())
    }

    /// Whether some clients may see something else of a server than everybody does.
    pub fn are_apart(&self) -> bool {
        self.is_apart.load(Ordering::Relaxed)
    }

    fn entry<T>(&self, port: &Port, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.lock().get_mut(port.name()).map(act)
    }

    /// The era of the server of `base`, by what is known of its lists.
    pub(super) fn era(&self, base: &Port) -> Option<Era> {
        self.entry(base, |entry| entry.offer().map(|offer| offer.revision.era())).flatten()
    }

    /// What the server of `base` lists for `session`, whose calls go to the instance of `tenant`, in the place of what it lists for
    /// everybody. `recall` gives what is remembered for its kind of clients, and whether that still holds.
    pub(super) fn seen(
        &self,
        base: &Port,
        (tenant, session, profile): (&Tenant, SessionId, Option<Profile>),
        recall: impl FnOnce(Profile, &Offer) -> (Option<Offer>, bool),
    ) -> Seen {
        let of_all = |entry: &Entry| entry.offer().filter(|_| entry.number == base.number).cloned();
        let unknown = self.entry(base, |entry| {
            let profile = profile.filter(|p| !entry.apart.knows(*p))?;
            Some((profile, of_all(entry)?))
        });
        // Files are read for it, and nobody waits for that here.
        let recalled = unknown.flatten().map(|(profile, known)| (profile, recall(profile, &known), known));
        let seen = self.entry(base, |entry| {
            let known = of_all(entry)?;
            if let Some((profile, (offer, is_fresh), _)) = recalled.filter(|(_, _, of)| Arc::ptr_eq(of, &known)) {
                let offer = offer.map(|offer| entry.kept(offer));
                entry.apart.recall(profile, offer, is_fresh);
                self.is_apart.store(true, Ordering::Relaxed);
            }
            let seen = entry.apart.seen(tenant, session, profile);
            Some(Seen { offer: seen.offer.filter(|offer| !Arc::ptr_eq(offer, &known)), ..seen })
        });
        seen.flatten().unwrap_or_default()
    }

    /// The instance `port` will say what clients of `profile` see.
    pub(super) fn awaits(&self, profile: Profile, port: &Arc<Port>) {
        self.entry(port, |entry| entry.apart.awaits(profile, port));
        self.is_apart.store(true, Ordering::Relaxed);
    }

    /// Whether an instance for one session should say what clients of `profile` see.
    pub(super) fn needs(&self, port: &Port, profile: Profile) -> bool {
        self.entry(port, |entry| entry.apart.needs(profile)) == Some(true)
    }

    /// The instance `port`, beside the base one, has said what it lists. `holder`: of one under lease, the session that has it, or
    /// `None` while nobody's traces are in it.
    pub(super) fn publish_apart(&self, port: &Arc<Port>, offer: Offer, holder: Option<Holder>) -> Option<Published> {
        let profile = port.facts.as_ref().and_then(|facts| Profile::of(facts));
        self.is_apart.store(true, Ordering::Relaxed);
        self.entry(port, |entry| {
            let offer = entry.kept(offer);
            let base = entry.offer().cloned();
            let apart = &mut entry.apart;
            let mut published =
                Published { offer: offer.clone(), for_kind: None, leaves_traces: false, told: Vec::new() };
            let mut for_kind = |apart: &mut Apart, profile: Profile| {
                published.for_kind = Some((profile, base.clone()));
                published.told.push(apart.says(profile, port, &offer));
            };
            match (&port.tenant, holder) {
                (Tenant::Everybody, _) => {}
                (Tenant::Lease(profile), None) => {
                    for_kind(apart, *profile);
                    published.told.extend(apart.forgets(port));
                }
                // Nothing tells the calls of such clients apart: what is listed after one of them is for all. And so it is when
                // lists are waited for.
                (Tenant::Lease(profile), Some(holder))
                    if holder == Holder::Call || (apart.speaks(*profile, port) && apart.needs(*profile)) =>
                {
                    for_kind(apart, *profile);
                }
                (Tenant::Lease(profile), Some(holder)) => {
                    published.leaves_traces = apart.differs(*profile, &offer);
                    if let Holder::Session(session) = holder {
                        published.told.push(apart.says_to(Tenant::Session(session), port, offer));
                    }
                }
                (own, _) => {
                    if let Some(profile) = profile.filter(|p| !apart.knows(*p) || apart.needs(*p)) {
                        for_kind(apart, profile);
                    }
                    published.told.push(apart.says_to(own.clone(), port, offer));
                }
            }
            published
        })
    }

    /// `port` will not say what it lists, for now at least. Gives who waits for that.
    pub(super) fn gives_up(&self, port: &Port) -> Vec<Concerned> {
        if !self.are_apart() {
            return Vec::new();
        }
        self.entry(port, |entry| entry.apart.gives_up(port)).unwrap_or_default()
    }

    /// The task of `port` has ended. Gives who sees something else now.
    pub(super) fn leaves(&self, port: &Port) -> Vec<Concerned> {
        if !self.are_apart() {
            return Vec::new();
        }
        let leave = |entry: &mut Entry| {
            let waited = entry.apart.gives_up(port);
            waited.into_iter().chain(entry.apart.forgets(port)).collect()
        };
        self.entry(port, leave).unwrap_or_default()
    }

    /// `port`'s server sleeps: nobody waits for its word.
    pub fn rests(&self, port: &Port) {
        let mut of = self.lock();
        let entry = of.get_mut(port.name()).filter(|e| e.number == port.number);
        if entry.is_some_and(|e| e.awaited.take().is_some()) {
            drop(of);
            self.version.send_modify(|v| *v += 1);
        }
    }

    /// Until when the words of servers that a reload has begun anew are waited for; `None`: all have said theirs.
    #[must_use]
    pub fn awaited(&self, now: Instant) -> Option<Instant> {
        let of = self.lock();
        of.values().filter_map(|e| e.awaited).filter(|until| *until > now).max()
    }

    /// Counts changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Server;

    fn known() -> OfferState {
        let offer = Offer {
            revision: Revision::V2025_11_25,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            instructions: None,
            items: Default::default(),
        };
        OfferState::Known { offer: Arc::new(offer), cached: false }
    }

    #[test]
    fn a_replaced_server_has_nothing_to_say_any_more() {
        let offers = Offers::default();
        let old = Port::new(Arc::new(Server::stdio("s", "x", &[])));
        offers.adopt(&old, Keep::Nothing, false);
        offers.publish(&old, known());
        let new = Port::after(&old, Arc::new(Server::stdio("s", "x", &["y"])));
        offers.adopt(&new, Keep::Nothing, false);
        assert!(matches!(offers.of("s"), OfferState::Pending));
        offers.publish(&old, known());
        assert!(matches!(offers.of("s"), OfferState::Pending), "published after it was replaced");
        offers.publish(&new, OfferState::Absent);
        offers.publish(&old, known());
        assert!(matches!(offers.of("s"), OfferState::Absent));
        offers.forget("s");
        offers.publish(&new, known());
        assert!(matches!(offers.of("s"), OfferState::Pending), "published after it was removed");
    }

    #[test]
    fn what_the_same_command_offered_is_kept_until_it_says_more() {
        let offers = Offers::default();
        let old = Port::new(Arc::new(Server::stdio("s", "x", &[])));
        offers.adopt(&old, Keep::Known, false);
        assert!(matches!(offers.of("s"), OfferState::Pending));
        offers.publish(&old, known());
        offers.adopt(&Port::after(&old, old.server()), Keep::Known, true);
        assert!(matches!(offers.of("s"), OfferState::Known { cached: true, .. }));
        assert!(offers.awaited(Instant::now()).is_some(), "a reload: its own word is waited for");
    }
}
