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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::body::Body;
use super::connection;
use super::pulse::Pulse;
use crate::transport::Certificate;

/// Connections at once, at most: each costs a descriptor, and some 20 kB while it is not silent.
const MAX_CONNECTIONS: usize = 12_000;
/// So many connections are given buffers before one of them has its answer, or waits for it for a second or two; the others are read a moment later. Ten
/// thousand that ask at once take half the memory so, and no more time.
const MAX_BUFFERS: usize = 1024;
/// Descriptors that connections leave to the rest of us: servers, files, connections to URLs.
const FDS_OF_OTHERS: u64 = 256;
/// Connections that the system keeps until we come to accept them; one more would try again a second later.
const BACKLOG: u32 = 4096;
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
    tls: Option<Certificate>,
    max_connections: usize,
}

impl Listener {
    /// Binds. With port 0 the system chooses one.
    ///
    /// # Errors
    /// When the address is not ours or the port is in use.
    pub async fn bind(host: &str, port: u16) -> io::Result<Self> {
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let mut failed = None;
        let mut socket = None;
        for address in tokio::net::lookup_host((host, port)).await? {
            match listen(address) {
                Ok(found) => socket = Some(found),
                Err(error) => failed = Some(error),
            }
            if socket.is_some() {
                break;
            }
        }
        let no_address = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        let socket = socket.ok_or_else(|| failed.unwrap_or_else(no_address))?;
        Ok(Self { socket, tls: None, max_connections: max_connections() })
    }

    /// The same, with TLS on every connection.
    #[must_use]
    pub fn with_tls(self, certificate: Certificate) -> Self {
        Self { tls: Some(certificate), ..self }
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
    /// Meanwhile it goes where `moves` say; who is there stays.
    pub async fn serve<S: Serve>(self, service: S, stop: impl Future<Output = ()>, moves: &mut mpsc::Receiver<Move>) {
        let Self { mut socket, mut tls, max_connections } = self;
        let mut guests = Guests::new(max_connections);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        // After a refusal of the system the next look tries again.
        let mut paused = false;
        // Whoever has come while there was no room.
        let mut waiting = None;
        loop {
            if waiting.is_some()
                && guests.has_room()
                && let Some((stream, peer)) = waiting.take()
            {
                guests.admit(stream, peer, tls.as_ref(), service.clone());
            }
            tokio::select! { biased;
                () = &mut stop => break,
                Some(Move { host, port, tls: certificate, done }) = moves.recv() => {
                    let moved = go(&mut socket, &host, port).await;
                    if moved.is_ok() {
                        tls = certificate;
                    }
                    // Who asked may have left.
                    let _ = done.send(moved);
                }
                Some(ended) = guests.tasks.join_next(), if !guests.tasks.is_empty() => guests.ended(ended),
                _ = look.tick(), if paused || !guests.all.is_empty() => {
                    paused = false;
                    guests.look();
                }
                accepted = socket.accept(), if waiting.is_none() && !paused => match accepted {
                    Ok(came) => waiting = Some(came),
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

/// Another place to listen at.
#[derive(Debug)]
pub struct Move {
    /// The address or name.
    pub host: String,
    /// `None`: the same port as now.
    pub port: Option<u16>,
    /// What new connections are encrypted with.
    pub tls: Option<Certificate>,
    /// Where it is now, or why it stays where it was.
    pub done: oneshot::Sender<io::Result<SocketAddr>>,
}

/// Puts a socket at another place in the place of `socket`, or leaves it.
async fn go(socket: &mut TcpListener, host: &str, port: Option<u16>) -> io::Result<SocketAddr> {
    let before = socket.local_addr()?;
    let port = port.unwrap_or(before.port());
    let first = tokio::net::lookup_host((host, port)).await?.next();
    if first == Some(before) {
        return Ok(before);
    }
    let failed = match Listener::bind(host, port).await {
        Ok(found) => {
            *socket = found.socket;
            return socket.local_addr();
        }
        Err(error) => error,
    };
    if failed.kind() != io::ErrorKind::AddrInUse || port != before.port() {
        return Err(failed);
    }
    // One of the two addresses holds the other: ours is in our own way. Nobody can come for a moment.
    let nowhere = listen(SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), 0))?;
    drop(std::mem::replace(socket, nowhere));
    let found = Listener::bind(host, port).await.map(|listener| listener.socket);
    match found {
        Ok(found) => *socket = found,
        Err(error) => {
            *socket = listen(before)?;
            return Err(error);
        }
    }
    socket.local_addr()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are still being forgotten can be had again; elsewhere it would be shared.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// As many connections as this process may have: one too many would also keep a server from being started.
fn max_connections() -> usize {
    #[cfg(unix)]
    let max = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let max = None;
    // With very few, half of them.
    let max = max.map(|n| n.saturating_sub(FDS_OF_OTHERS).max(n / 2)).and_then(|n| usize::try_from(n).ok());
    MAX_CONNECTIONS.min(max.unwrap_or(MAX_CONNECTIONS)).max(1)
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
    buffers: Arc<Semaphore>,
    start: Instant,
    max: usize,
    /// The log has been told that there are too many.
    told: bool,
}

impl Guests {
    fn new(max: usize) -> Self {
        let clock = Arc::new(AtomicU32::new(1));
        let buffers = Arc::new(Semaphore::new(MAX_BUFFERS));
        Self { tasks: JoinSet::new(), all: Vec::new(), clock, buffers, start: Instant::now(), max, told: false }
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

    fn admit<S: Serve>(&mut self, stream: TcpStream, peer: SocketAddr, tls: Option<&Certificate>, service: S) {
        // Answers leave at once; a socket that refuses that works all the same.
        let _ = stream.set_nodelay(true);
        self.set_clock();
        let pulse = Pulse::new(self.clock.clone(), self.buffers.clone());
        let felt = pulse.clone();
        let task = match tls.map(|certificate| certificate.acceptor(Instant::now())) {
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
            pulse.look();
            !task.is_finished()
        });
    }

    /// What is being answered may end; what is idle ends.
    async fn farewell(mut self) {
        // Who waits to be read hears that we end.
        self.buffers.close();
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Answers with the path; what is under `/wait` when it is told to.
    #[derive(Clone)]
    struct Echo(Arc<Mutex<Vec<oneshot::Receiver<()>>>>);

    impl Serve for Echo {
        async fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
            let path = request.uri().path().to_owned();
            let told = if path == "/wait" { self.0.lock().unwrap().pop() } else { None };
            if let Some(told) = told {
                let _ = told.await;
            }
            Response::new(Bytes::from(path).into())
        }
    }

    async fn ask(stream: &mut TcpStream, path: &str) {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    }

    /// The body of the next answer; `None` if the connection was closed.
    async fn answer(stream: &mut TcpStream) -> Option<String> {
        let mut text = String::new();
        let mut chunk = [0; 1024];
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let n: usize = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
                if body.len() >= n {
                    return Some(body.to_owned());
                }
            }
            match stream.read(&mut chunk).await {
                Ok(n @ 1..) => text.push_str(std::str::from_utf8(&chunk[..n]).unwrap()),
                _ => return None,
            }
        }
    }

    #[tokio::test]
    async fn who_says_nothing_gives_way_and_who_is_served_does_not() {
        let listener = Listener::bind("127.0.0.1", 0).await.unwrap().with_max_connections(2);
        let address = listener.address().unwrap();
        let (tell, told) = oneshot::channel();
        let echo = Echo(Arc::new(Mutex::new(vec![told])));
        let (stop, stopped) = oneshot::channel::<()>();
        let (_mover, mut moves) = mpsc::channel(1);
        let served = listener.serve(echo, async { drop(stopped.await) }, &mut moves);
        let clients = async {
            let connect = || TcpStream::connect(address);
            let mut served = connect().await.unwrap();
            ask(&mut served, "/wait").await;
            let mut silent = connect().await.unwrap();
            ask(&mut silent, "/silent").await;
            assert_eq!(answer(&mut silent).await.as_deref(), Some("/silent"));
            // There is no room; the idle one makes it.
            let mut third = connect().await.unwrap();
            ask(&mut third, "/third").await;
            assert_eq!(answer(&mut third).await.as_deref(), Some("/third"));
            assert_eq!(answer(&mut silent).await, None);
            tell.send(()).unwrap();
            assert_eq!(answer(&mut served).await.as_deref(), Some("/wait"));
            // At the end what is idle is closed.
            stop.send(()).unwrap();
            assert_eq!(answer(&mut third).await, None);
            assert_eq!(answer(&mut served).await, None);
            assert!(connect().await.is_err(), "nobody listens any more");
        };
        let both = async { tokio::join!(served, clients) };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("it ends");
    }

    #[tokio::test]
    async fn it_moves_and_who_is_there_stays() {
        let listener = Listener::bind("127.0.0.1", 0).await.unwrap();
        let before = listener.address().unwrap();
        let echo = Echo(Arc::new(Mutex::new(Vec::new())));
        let (stop, stopped) = oneshot::channel::<()>();
        let (mover, mut moves) = mpsc::channel(1);
        let served = listener.serve(echo, async { drop(stopped.await) }, &mut moves);
        let clients = async {
            let go = async |host: &str, port| {
                let (done, moved) = oneshot::channel();
                mover.send(Move { host: host.to_owned(), port, tls: None, done }).await.unwrap();
                moved.await.unwrap()
            };
            let says = async |address: SocketAddr, path: &str| {
                let mut stream = TcpStream::connect(address).await.ok()?;
                ask(&mut stream, path).await;
                answer(&mut stream).await
            };
            let mut old = TcpStream::connect(before).await.unwrap();
            ask(&mut old, "/a").await;
            assert_eq!(answer(&mut old).await.as_deref(), Some("/a"));
            // A port that is taken: all stays as it was.
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let refused = go("127.0.0.1", Some(taken.local_addr().unwrap().port())).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
            assert_eq!(says(before, "/b").await.as_deref(), Some("/b"));
            // Another port: the old one is free, the old connection goes on.
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let after = go("127.0.0.1", Some(free.port())).await.unwrap();
            assert_eq!((after, says(after, "/c").await.as_deref()), (free, Some("/c")));
            assert!(TcpStream::connect(before).await.is_err(), "nobody listens there any more");
            ask(&mut old, "/d").await;
            assert_eq!(answer(&mut old).await.as_deref(), Some("/d"));
            // Every address of the same port: its own socket was in its way.
            let wide = go("0.0.0.0", None).await.unwrap();
            assert!(wide.ip().is_unspecified() && wide.port() == after.port());
            assert_eq!(says(after, "/e").await.as_deref(), Some("/e"));
            assert_eq!(go("0.0.0.0", None).await.unwrap(), wide, "it is there already");
            stop.send(()).unwrap();
        };
        let both = async { tokio::join!(served, clients) };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("it ends");
    }
}
