//! The sessions as others may see them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::backend::{ClientFacts, Principal};
use crate::protocol::{Revision, SessionId};

/// One session, as others may see it.
#[derive(Debug)]
pub struct ClientStatus {
    /// Its id.
    pub id: SessionId,
    /// How it is connected.
    pub via: &'static str,
    /// Since when.
    pub since: SystemTime,
    /// On whose behalf it speaks; no secret.
    pub principal: Arc<str>,
    /// The name it is shown by until it says who it is.
    shown: Arc<str>,
    /// What it said of itself, once it did.
    said: Mutex<Option<Arc<ClientFacts>>>,
    /// Requests since it came.
    pub n_calls: AtomicU64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: AtomicU64,
    /// Bytes of its requests.
    pub n_bytes_in: AtomicU64,
    /// Bytes of the answers to them.
    pub n_bytes_out: AtomicU64,
    /// Calls in flight.
    pub n_in_flight: AtomicU64,
    /// Questions it has not answered yet.
    pub n_open: AtomicU64,
    /// Its calls that wait for answers to questions, or soon will.
    pub n_parked: AtomicU64,
}

impl ClientStatus {
    pub(super) fn says(&self, facts: &Arc<ClientFacts>) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts.clone());
    }

    /// What it said of itself; `None` until it has opened the talk.
    #[must_use]
    pub fn facts(&self) -> Option<Arc<ClientFacts>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its name (empty until known) and edition.
    #[must_use]
    pub fn said(&self) -> (Arc<str>, Option<Revision>) {
        self.facts().map_or_else(|| (self.shown.clone(), None), |f| (f.name.clone(), Some(f.revision)))
    }

    /// A request of so many bytes has come.
    pub(super) fn asked(&self, n_bytes: usize) {
        count(&self.n_calls, 1);
        count(&self.n_bytes_in, n_bytes as u64);
    }

    /// A request was answered with so many bytes.
    pub(super) fn answered(&self, n_bytes: usize, failed: bool) {
        count(&self.n_bytes_out, n_bytes as u64);
        if failed {
            count(&self.n_errors, 1);
        }
    }

    /// So many calls more are in flight; by wrapping, fewer.
    pub(super) fn in_flight(&self, n_more: u64) {
        count(&self.n_in_flight, n_more);
    }
}

/// Adds to what is written by the thread of the sessions alone, and read by others: an addition that no other may come between
/// costs more than all else that is counted of a call.
fn count(n: &AtomicU64, n_more: u64) {
    n.store(n.load(Ordering::Relaxed).wrapping_add(n_more), Ordering::Relaxed);
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Clients {
    all: Mutex<BTreeMap<SessionId, Arc<ClientStatus>>>,
    /// Counts ids: of clients, and of what each of them is for one request or one call.
    n_ids: AtomicU64,
    /// Counts clients.
    n_ever: AtomicU64,
}

impl Clients {
    /// A client has come; `name` is shown until it says who it is.
    pub(super) fn add(&self, via: &'static str, principal: &Principal, name: &str) -> Arc<ClientStatus> {
        self.n_ever.fetch_add(1, Ordering::Relaxed);
        let client = Arc::new(ClientStatus {
            id: self.next_id(),
            via,
            since: SystemTime::now(),
            principal: principal.name().into(),
            shown: name.into(),
            said: Mutex::new(None),
            n_calls: AtomicU64::new(0),
            n_errors: AtomicU64::new(0),
            n_bytes_in: AtomicU64::new(0),
            n_bytes_out: AtomicU64::new(0),
            n_in_flight: AtomicU64::new(0),
            n_open: AtomicU64::new(0),
            n_parked: AtomicU64::new(0),
        });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(client.id, client.clone());
        client
    }

    /// An id nobody has had.
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.n_ids.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn remove(&self, id: SessionId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// The sessions at this moment, in the order they came.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ClientStatus>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Clients ever.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.n_ever.load(Ordering::Relaxed)
    }
}
