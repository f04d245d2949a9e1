//! What servers offer, as raw items; published by their tasks, read by the catalog.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

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

/// The offers of all servers.
#[derive(Debug)]
pub struct Offers {
    of: Mutex<HashMap<Arc<str>, OfferState>>,
    /// Counts changes; the catalog's refresher waits on it.
    version: watch::Sender<u64>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { of: Mutex::default(), version: watch::Sender::new(0) }
    }
}

impl Offers {
    /// Publishes what is known of `backend`.
    pub fn publish(&self, backend: &Arc<str>, state: OfferState) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.insert(backend.clone(), state);
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
        of.get(backend).cloned().unwrap_or(OfferState::Pending)
    }

    /// Counts changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
