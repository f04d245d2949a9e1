//! What servers offer, as raw items; published by their tasks, read by the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::port::Port;
use crate::protocol::{Method, Revision};

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

/// What is known of one server's offer.
#[derive(Debug)]
struct Entry {
    /// The port it belongs to.
    number: u64,
    state: OfferState,
    /// A reload has begun it anew, and it has not said yet what it offers; waited for no longer than this.
    awaited: Option<Instant>,
}

/// The offers of all servers. Each belongs to one port: the task of a server that was replaced or removed may still be
/// ending, and has nothing to say any more.
#[derive(Debug)]
pub struct Offers {
    of: Mutex<HashMap<Arc<str>, Entry>>,
    /// Counts changes; the catalog's refresher waits on it.
    version: watch::Sender<u64>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { of: Mutex::default(), version: watch::Sender::new(0) }
    }
}

impl Offers {
    /// From now on the offer of this name is `port`'s. `is_reload`: clients are told of changed lists when it has said what
    /// it offers, or is not to be had.
    pub fn adopt(&self, port: &Port, keep: Keep, is_reload: bool) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match of.remove(port.name()).map(|entry| entry.state) {
            Some(OfferState::Known { offer, .. }) if keep == Keep::Known => OfferState::Known { offer, cached: true },
            _ => OfferState::Pending,
        };
        let server = port.server();
        let awaited = if is_reload && server.enabled { Instant::now().checked_add(server.list_wait) } else { None };
        of.insert(port.name().clone(), Entry { number: port.number, state, awaited });
        drop(of);
        self.version.send_modify(|v| *v += 1);
    }

    /// Publishes what is known of `port`'s server, if the name is still its own.
    pub fn publish(&self, port: &Port, state: OfferState) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = of.get_mut(port.name()).filter(|e| e.number == port.number) else { return };
        if !matches!(state, OfferState::Pending | OfferState::Known { cached: true, .. }) {
            entry.awaited = None;
        }
        entry.state = state;
        drop(of);
        self.version.send_modify(|v| *v += 1);
    }

    /// Publishes what `port`'s server itself has said. Gives the value that is kept: what is confirmed unchanged stays the
    /// same one, by which the catalog sees that nothing has to be merged, and nobody keeps a second one.
    pub fn publish_known(&self, port: &Port, offer: Arc<Offer>) -> Arc<Offer> {
        let kept = match self.of(port.name()) {
            OfferState::Known { offer: before, .. } if *before == *offer => before,
            _ => offer,
        };
        self.publish(port, OfferState::Known { offer: kept.clone(), cached: false });
        kept
    }

    /// Forgets a server that is not configured any more.
    pub fn forget(&self, backend: &str) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).remove(backend);
        self.version.send_modify(|v| *v += 1);
    }

    /// What is known of `backend`.
    #[must_use]
    pub fn of(&self, backend: &str) -> OfferState {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.get(backend).map_or(OfferState::Pending, |entry| entry.state.clone())
    }

    /// `port`'s server sleeps: nobody waits for its word.
    pub fn rests(&self, port: &Port) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = of.get_mut(port.name()).filter(|e| e.number == port.number);
        if entry.is_some_and(|e| e.awaited.take().is_some()) {
            drop(of);
            self.version.send_modify(|v| *v += 1);
        }
    }

    /// Until when the words of servers that a reload has begun anew are waited for; `None`: all have said theirs.
    #[must_use]
    pub fn awaited(&self, now: Instant) -> Option<Instant> {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
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
