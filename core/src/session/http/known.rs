//! [`Known`]: clients of the modern era as others may see them. Each of their requests stands alone; the same principal
//! with the same `clientInfo` is shown as one client, for as long as it comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;
use sha2::{Digest as _, Sha256};

use crate::backend::{ClientFacts, Principal};
use crate::session::clients::{ClientStatus, Clients};

/// A client that has not come for so long is not shown any more.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// Clients known at once; a new one takes the place of whoever has been away longest.
const MAX_KNOWN: usize = 1000;
/// What a client says of itself is kept if it has at most so many bytes; of what is longer there is a digest.
const MAX_KEPT: usize = 4096;

/// The known clients.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<(Principal, Bytes), Entry>>);

#[derive(Debug)]
struct Entry {
    status: Arc<ClientStatus>,
    facts: Option<Arc<ClientFacts>>,
    used: Instant,
}

impl Known {
    fn all(&self) -> MutexGuard<'_, HashMap<(Principal, Bytes), Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client that says `info` of itself, and what else it said last.
    pub(super) fn client(
        &self,
        clients: &Clients,
        principal: &Principal,
        info: &Bytes,
    ) -> (Arc<ClientStatus>, Option<Arc<ClientFacts>>) {
        let mut all = self.all();
        let key = key(principal, info);
        if let Some(entry) = all.get_mut(&key) {
            entry.used = Instant::now();
            return (entry.status.clone(), entry.facts.clone());
        }
        if all.len() >= MAX_KNOWN
            && let Some(oldest) = all.iter().min_by_key(|(_, e)| e.used).map(|(key, _)| key.clone())
            && let Some(gone) = all.remove(&oldest)
        {
            clients.remove(gone.status.id);
        }
        let status = clients.add("http", principal, "");
        // The key must not hold on to the request it was read from.
        let key = (key.0, Bytes::copy_from_slice(&key.1));
        all.insert(key, Entry { status: status.clone(), facts: None, used: Instant::now() });
        (status, None)
    }

    /// What a client said of itself, so that the same need not be read again.
    pub(super) fn remember(&self, principal: &Principal, facts: &Arc<ClientFacts>) {
        if facts.info.len().max(facts.capabilities.len()) > MAX_KEPT {
            return;
        }
        if let Some(entry) = self.all().get_mut(&key(principal, &facts.info)) {
            entry.facts = Some(facts.clone());
        }
    }

    /// Forgets who has not come for long.
    pub(super) fn sweep(&self, clients: &Clients) {
        let now = Instant::now();
        self.all().retain(|_, entry| {
            let stays = now.saturating_duration_since(entry.used) < IDLE;
            if !stays {
                clients.remove(entry.status.id);
            }
            stays
        });
    }
}

fn key(principal: &Principal, info: &Bytes) -> (Principal, Bytes) {
    let info = if info.len() <= MAX_KEPT { info.clone() } else { Bytes::copy_from_slice(&Sha256::digest(info)) };
    (principal.clone(), info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_client_is_shown_once() {
        let (known, clients) = (Known::default(), Clients::default());
        let (a, b) = (Principal::token("a"), Principal::token("b"));
        let info = Bytes::from_static(br#"{"name":"x"}"#);
        let id = |principal, info: &Bytes| known.client(&clients, principal, info).0.id;
        let first = id(&a, &info);
        assert_eq!(id(&a, &Bytes::copy_from_slice(&info)), first);
        assert_ne!(id(&b, &info), first, "another principal");
        assert_ne!(id(&a, &Bytes::from_static(br#"{"name":"y"}"#)), first, "another name");
        assert_eq!(clients.all().len(), 3);
        for n in 0..MAX_KNOWN {
            id(&b, &Bytes::from(format!("{{\"name\":\"{n}\"}}")));
        }
        assert_eq!(clients.all().len(), MAX_KNOWN);
        // A long text is another client than a longer one, and is not kept.
        let long = |n: usize| Bytes::from("x".repeat(n));
        let (one, other) = (id(&a, &long(100_000)), id(&a, &long(100_001)));
        assert_eq!((id(&a, &long(100_000)), one == other), (one, false));
        assert!(known.all().keys().all(|(_, info)| info.len() <= MAX_KEPT));
    }
}
