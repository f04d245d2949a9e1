//! What all servers' tasks share.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::memory::Memory;
use super::offer::Offers;
use super::peer::{ClientFacts, Peers};
use super::port::Port;
use super::roots::Roots;
use super::supervisor::Ports;
use super::tasks::Tasks;
use crate::config::EnvPolicy;
use crate::observe::Observer;
use crate::transport::http::HttpClients;
use crate::transport::{Guardian, Mailbox};

/// What all servers' tasks share.
#[derive(Debug)]
pub struct Context {
    /// Told what happens.
    pub observer: Arc<Observer>,
    /// The clients.
    pub peers: Peers,
    /// What servers offer.
    pub offers: Offers,
    /// Roots as modern clients said them last.
    pub roots: Roots,
    /// The tasks servers have made for clients.
    pub tasks: Tasks,
    /// The ways to the servers; the supervisor publishes them.
    pub ports: watch::Sender<Ports>,
    /// Ends our children when we cannot.
    pub guardian: Guardian,
    /// What children inherit: those started from now on.
    pub env: watch::Sender<Arc<EnvPolicy>>,
    /// The first client's word on itself: servers get their handshake after it, because it carries the client's
    /// capabilities. Set by the first session, or at once where no client is awaited.
    pub opening: watch::Sender<Option<Arc<ClientFacts>>>,
    /// The one client that launched us, or lives in our process, has all servers to itself, and its word opens them.
    pub is_owned: bool,
    /// Instances that sessions need beside the base ones. The supervisor reads it and starts them.
    pub newcomers: Mailbox<Arc<Port>>,
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
