//! [`Listener`]: a port, and the connections that came by it.
//!
//! Owns its connections: they end with it. Looks after all of them once a second instead of giving each a timer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;

use super::body::Body;
use super::connection;
use super::pulse::Pulse;

/// Connections at once, at most: each costs a descriptor and some 20 kB.
const MAX_CONNECTIONS: usize = 12_000;
/// Between two looks at all connections.
const LOOK: Duration = Duration::from_secs(1);
/// The same while we end: what is done is closed.
const LAST_LOOK: Duration = Duration::from_millis(10);

/// Whoever answers requests. Dropping the future means that the peer has gone.
pub trait Serve: Clone + Send + Sync + 'static {
    /// Answers one request of `peer`.
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Body>> + Send;
}

/// A bound port.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    max_connections: usize,
}

impl Listener {
    /// Binds. With port 0 the system chooses one.
    ///
    /// # Errors
    /// When the address is not ours or the port is in use.
    pub async fn bind(host: &str, port: u16) -> io::Result<Self> {
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let socket = TcpListener::bind((host, port)).await?;
        Ok(Self { socket, tls: None, max_connections: MAX_CONNECTIONS })
    }

    /// The same, with TLS on every connection.
    #[must_use]
    pub fn with_tls(self, acceptor: TlsAcceptor) -> Self {
        Self { tls: Some(acceptor), ..self }
    }

    /// The same, with another limit on connections.
    #[must_use]
    pub fn with_max_connections(self, n: usize) -> Self {
        Self { max_connections: n.max(1), ..self }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`; then nobody new is let in and what is being answered may end. Dropping it ends everything.
    pub async fn serve<S: Serve>(self, service: S, stop: impl Future<Output = ()>) {
        let Self { socket, tls, max_connections } = self;
        let mut guests = Guests::new(max_connections);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        // After a refusal of the system the next look tries again.
        let mut paused = false;
        loop {
            let has_room = guests.has_room();
            tokio::select! { biased;
                () = &mut stop => break,
                Some(ended) = guests.tasks.join_next(), if !guests.tasks.is_empty() => guests.ended(ended),
                _ = look.tick(), if paused || !guests.all.is_empty() => {
                    paused = false;
                    guests.look();
                }
                accepted = socket.accept(), if has_room && !paused => match accepted {
                    Ok((stream, peer)) => guests.admit(stream, peer, tls.clone(), service.clone()),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept an HTTP connection, trying again in a second");
                        paused = true;
                    }
                }
            }
        }
        drop(socket);
        guests.farewell().await;
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// The open connections.
struct Guests {
    tasks: JoinSet<()>,
    all: Vec<(Arc<Pulse>, AbortHandle)>,
    clock: Arc<AtomicU32>,
    start: Instant,
    max: usize,
    /// The log has been told that there are too many.
    told: bool,
}

impl Guests {
    fn new(max: usize) -> Self {
        let clock = Arc::new(AtomicU32::new(1));
        Self { tasks: JoinSet::new(), all: Vec::new(), clock, start: Instant::now(), max, told: false }
    }

    fn set_clock(&self) {
        let seconds = u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX - 1);
        self.clock.store(seconds + 1, Relaxed);
    }

    /// Whether one more may come in. When not, the one idle longest is shown out, if there is one.
    fn has_room(&mut self) -> bool {
        if self.tasks.len() < self.max {
            return true;
        }
        if !self.told {
            self.told = true;
            let max = self.max;
            tracing::warn!("{max} HTTP connections are open, the most there may be: idle ones are closed, others wait");
        }
        let idle = self.all.iter().filter(|(pulse, task)| pulse.is_idle() && !task.is_finished());
        if let Some((_, task)) = idle.min_by_key(|(pulse, _)| pulse.since()) {
            task.abort();
        }
        false
    }

    fn admit<S: Serve>(&mut self, stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, service: S) {
        // Answers leave at once; a socket that refuses that works all the same.
        let _ = stream.set_nodelay(true);
        self.set_clock();
        let pulse = Pulse::new(self.clock.clone());
        let felt = pulse.clone();
        let task = match tls {
            None => self.tasks.spawn(connection::serve(stream, service, peer, felt)),
            Some(tls) => self.tasks.spawn(async move {
                match tls.accept(stream).await {
                    Ok(stream) => connection::serve(stream, service, peer, felt).await,
                    Err(error) => tracing::debug!(%peer, %error, "no TLS came about"),
                }
            }),
        };
        self.all.push((pulse, task));
    }

    fn ended(&mut self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(%error, "an HTTP connection ended unexpectedly");
        }
        if self.told && self.tasks.len() < self.max / 2 {
            self.told = false;
        }
        // The list is cleared of what has ended at each look, and before it grows much.
        if self.all.len() > 64 && self.all.len() > 2 * self.tasks.len() {
            self.all.retain(|(_, task)| !task.is_finished());
        }
    }

    fn look(&mut self) {
        self.set_clock();
        self.all.retain(|(pulse, task)| {
            if !task.is_finished() && pulse.is_over() {
                task.abort();
            }
            !task.is_finished()
        });
    }

    /// What is being answered may end; what is idle ends.
    async fn farewell(mut self) {
        let mut look = tokio::time::interval(LAST_LOOK);
        while !self.tasks.is_empty() {
            tokio::select! { biased;
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                _ = look.tick() => {
                    self.look();
                    self.all.iter().filter(|(pulse, _)| pulse.is_idle()).for_each(|(_, task)| task.abort());
                }
            }
        }
    }
}
