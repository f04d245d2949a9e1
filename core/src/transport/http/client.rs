//! Requests to servers reached by URL: one pool of connections for all that are reached in the same way.
//!
//! Knows no MCP. A client is made when the first server needs it, never before. Redirects are followed within an origin
//! only. Neither addresses nor header values get into errors or logs: an address may hold a key.

use std::collections::HashMap;
use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};

use super::head;
use super::redirect::{MAX_REDIRECTS, Redirect, redirect};
use super::tls;

pub use reqwest::Url;

/// Idle connections are closed before servers close them: many do so after 5 s, and a request that meets the end of its
/// connection on the way is lost.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept to one server.
const MAX_IDLE: usize = 32;
/// Quiet time before the system asks whether a connection is still there, and how often it asks.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The same for connections that many requests share (HTTP/2), while there are any: one dead connection would cost them all.
const PING: Duration = Duration::from_secs(20);
/// No sign of life for so long after having been asked: the connection is dead.
const NO_PONG: Duration = Duration::from_secs(10);

/// All that clients differ in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientSpec {
    /// Longest time for name, connection and TLS.
    pub connect_timeout: Duration,
    /// Certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether it speaks TLS; one that does not loads no certificates.
    pub tls: bool,
    /// Whether it leaves the proxies of the environment out: for servers on this machine.
    pub direct: bool,
}

/// The clients in use, one for each way of connecting.
#[derive(Debug, Default)]
pub struct HttpClients(Mutex<HashMap<ClientSpec, HttpClient>>);

/// A pool of connections. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    connect_timeout: Duration,
}

/// Why there is no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing could be set up.
    #[error("{0}")]
    Setup(String),
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// A connection that is not secure.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// No connection in time.
    #[error("no connection within {0:.0?} (`connect_timeout`)")]
    Slow(Duration),
    /// The connection was lost on the way; the request may have arrived.
    #[error("the connection was lost: {0}")]
    Broken(String),
    /// The answer sends us to somebody else.
    #[error("it redirects to another origin, {0}, which is not followed")]
    Redirect(String),
    /// The answer sends us nowhere.
    #[error("it redirects without end or to no address")]
    BadRedirect,
    /// More bytes than the limit.
    #[error("its answer is longer than {0} bytes (`limits.max_message_bytes`)")]
    TooLong(usize),
}

/// An answer whose head has come.
#[derive(Debug)]
pub struct HttpResponse {
    response: reqwest::Response,
    /// What was read ahead.
    ahead: Option<Bytes>,
}

impl HttpClients {
    /// The client for `spec`, made when it is asked for first.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn open(&self, spec: &ClientSpec) -> Result<HttpClient, HttpError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A file may hold other certificates than the last time.
        if spec.ca_file.is_none()
            && let Some(client) = all.get(spec)
        {
            return Ok(client.clone());
        }
        let client = HttpClient::new(spec)?;
        all.insert(spec.clone(), client.clone());
        Ok(client)
    }
}

impl HttpClient {
    fn new(spec: &ClientSpec) -> Result<Self, HttpError> {
        let authorities = match &spec.ca_file {
            _ if !spec.tls => None,
            None => Some(Vec::new()),
            Some(path) => Some(tls::read_authorities(path).map_err(HttpError::Setup)?),
        };
        let tls = tls::config(authorities).map_err(HttpError::Setup)?;
        let builder = reqwest::Client::builder();
        let builder = if spec.direct { builder.no_proxy() } else { builder };
        let client = builder
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(spec.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(NO_PONG)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(NO_PONG)
            .user_agent(concat!("mcp-proxy/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| HttpError::Setup(format!("no HTTP client: {}", chain(&e.without_url()))))?;
        Ok(Self { client, connect_timeout: spec.connect_timeout })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When there is none.
    ///
    /// # Cancel safety
    /// Dropping it takes the request back as far as it has not arrived.
    pub async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<HttpResponse, HttpError> {
        let mut redirected: Option<Url> = None;
        for _ in 0..=MAX_REDIRECTS {
            let url = redirected.as_ref().unwrap_or(url);
            let mut request = reqwest::Request::new(method.clone(), url.clone());
            *request.headers_mut() = headers.clone();
            if method == Method::POST {
                *request.body_mut() = Some(body.clone().into());
            }
            let mut response = self.client.execute(request).await.map_err(|e| self.error(e))?;
            match redirect(url, response.status(), response.headers()) {
                Redirect::No => {
                    head::of_headers(response.headers_mut());
                    return Ok(HttpResponse { response, ahead: None });
                }
                Redirect::To(to) => redirected = Some(to),
                Redirect::Foreign(origin) => return Err(HttpError::Redirect(origin)),
                Redirect::Bad => return Err(HttpError::BadRedirect),
            }
        }
        Err(HttpError::BadRedirect)
    }

    fn error(&self, error: reqwest::Error) -> HttpError {
        if error.is_connect() && error.is_timeout() {
            return HttpError::Slow(self.connect_timeout);
        }
        HttpError::of(error)
    }
}

impl HttpResponse {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The address that answered: after redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// The next bytes of the body, decompressed; `None` at its end.
    ///
    /// # Errors
    /// When the connection is lost or the bytes cannot be decompressed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        match self.ahead.take() {
            Some(bytes) => Ok(Some(bytes)),
            None => self.response.chunk().await.map_err(HttpError::of),
        }
    }

    /// The whole body, if it has at most `max` bytes after decompression. `alive` is called with each part.
    ///
    /// # Errors
    /// As [`HttpResponse::chunk`]; also when it is longer.
    pub async fn collect(&mut self, max: usize, mut alive: impl FnMut()) -> Result<Bytes, HttpError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() > max {
            return Err(HttpError::TooLong(max));
        }
        // Nearly always that was all.
        let Some(second) = self.chunk().await? else {
            // A small piece would hold on to the whole buffer it was read into, which is used again without it.
            return Ok(if first.len() < COPY_BELOW { Bytes::copy_from_slice(&first) } else { first });
        };
        let mut all = BytesMut::with_capacity(self.expected(max).max(first.len() + second.len()));
        all.extend_from_slice(&first);
        self.ahead = Some(second);
        while let Some(more) = self.chunk().await? {
            if all.len() + more.len() > max {
                return Err(HttpError::TooLong(max));
            }
            all.extend_from_slice(&more);
            alive();
        }
        Ok(all.freeze())
    }

    /// The size the server promises, as far as it may be believed.
    fn expected(&self, max: usize) -> usize {
        let promised = self.response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        promised.min(max).min(BELIEVE)
    }

    /// The first bytes of the body, at most `max`, however it goes on.
    pub async fn beginning(&mut self, max: usize) -> Bytes {
        let mut all = BytesMut::new();
        while all.len() < max {
            match self.chunk().await {
                Ok(Some(more)) => all.extend_from_slice(&more[..more.len().min(max - all.len())]),
                Ok(None) | Err(_) => break,
            }
        }
        all.freeze()
    }
}

/// Bodies shorter than this are copied out of the connection's buffer.
const COPY_BELOW: usize = 16 * 1024;
/// Memory taken in advance for a body, at most.
const BELIEVE: usize = 1 << 20;

impl HttpError {
    fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let text = chain(&error);
        if error.is_connect() {
            return if is_tls(&error) { Self::Tls(text) } else { Self::Connect(text) };
        }
        if error.is_builder() { Self::Setup(text) } else { Self::Broken(text) }
    }

    /// Whether the request cannot have arrived.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Connect(_) | Self::Tls(_) | Self::Slow(_))
    }
}

/// Whether TLS is what failed.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() {
            return true;
        }
        // An I/O error is not the cause of itself: what it holds comes first.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        source = match held {
            Some(held) => Some(held),
            None => cause.source(),
        };
    }
    false
}

/// The innermost causes of an error: what the libraries say of themselves is left out.
fn chain(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some repeat what they hold.
        if !text.starts_with("client error (") && !causes.iter().any(|c| c.contains(&text)) {
            causes.push(text);
        }
        source = cause.source();
    }
    // "tcp connect error: Connection refused": the last two say it.
    match &causes[..] {
        [] => error.to_string(),
        [.., before, last] => format!("{before}: {last}"),
        [one] => one.clone(),
    }
}
