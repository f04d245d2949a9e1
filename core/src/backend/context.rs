//! What all servers' tasks share.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::memory::Memory;
use super::offer::Offers;
use super::peer::{ClientFacts, Peers};
use crate::config::EnvPolicy;
use crate::observe::Observer;
use crate::transport::Guardian;
use crate::transport::http::HttpClients;

/// What all servers' tasks share.
#[derive(Debug)]
pub struct Context {
    /// Told what happens.
    pub observer: Arc<Observer>,
    /// The clients.
    pub peers: Peers,
    /// What servers offer.
    pub offers: Offers,
    /// Ends our children when we cannot.
    pub guardian: Guardian,
    /// What children inherit: those started from now on.
    pub env: watch::Sender<Arc<EnvPolicy>>,
    /// The first client's word on itself: servers get their handshake after it, because it carries the client's
    /// capabilities. Set by the first session, or at once where no client is awaited.
    pub opening: watch::Sender<Option<Arc<ClientFacts>>>,
    /// Held while one process is started, which keeps the thread busy for as long as the kernel takes to load it.
    pub spawning: tokio::sync::Mutex<()>,
    /// Servers starting at the same time.
    pub starting: Semaphore,
    /// Connections to servers reached by URL.
    pub http: HttpClients,
    /// What is remembered of servers from earlier runs.
    pub memory: Memory,
    /// Our own `clientInfo` as raw JSON.
    pub identity: Bytes,
    /// Longest message, in bytes.
    pub max_message_bytes: usize,
}
