//! What servers offer, as raw items; published by their tasks, read by the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::port::Port;
use crate::protocol::{Method, Revision};

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// The offers of all servers. Each belongs to one port: the task of a server that was replaced or removed may still be
/// ending, and has nothing to say any more.
#[derive(Debug)]
pub struct Offers {
    of: Mutex<HashMap<Arc<str>, (u64, OfferState)>>,
    /// Counts changes; the catalog's refresher waits on it.
    version: watch::Sender<u64>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { of: Mutex::default(), version: watch::Sender::new(0) }
    }
}

impl Offers {
    /// From now on the offer of this name is `port`'s. `keeps` what was known until the server itself says more.
    pub fn adopt(&self, port: &Port, keeps: bool) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match of.remove(port.name()) {
            Some((_, OfferState::Known { offer, .. })) if keeps => OfferState::Known { offer, cached: true },
            _ => OfferState::Pending,
        };
        of.insert(port.name().clone(), (port.number, state));
        drop(of);
        self.version.send_modify(|v| *v += 1);
    }

    /// Publishes what is known of `port`'s server, if the name is still its own.
    pub fn publish(&self, port: &Port, mut state: OfferState) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = of.get_mut(port.name()).filter(|(number, _)| *number == port.number) else { return };
        // What is confirmed unchanged stays the same value: by that the catalog sees that nothing has to be merged.
        if let (OfferState::Known { offer, .. }, OfferState::Known { offer: before, .. }) = (&mut state, &entry.1)
            && *offer == *before
        {
            *offer = before.clone();
        }
        entry.1 = state;
        drop(of);
        self.version.send_modify(|v| *v += 1);
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
        of.get(backend).map_or(OfferState::Pending, |(_, state)| state.clone())
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
        offers.adopt(&old, false);
        offers.publish(&old, known());
        let new = Port::after(&old, Arc::new(Server::stdio("s", "x", &["y"])));
        offers.adopt(&new, false);
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
        offers.adopt(&old, true);
        assert!(matches!(offers.of("s"), OfferState::Pending));
        offers.publish(&old, known());
        offers.adopt(&Port::after(&old, old.server.clone()), true);
        assert!(matches!(offers.of("s"), OfferState::Known { cached: true, .. }));
    }
}
