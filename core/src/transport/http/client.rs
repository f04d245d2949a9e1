//! Requests to servers reached by URL: one pool of connections for all that are reached in the same way.
//!
//! Knows no MCP. A client is made when the first server needs it, never before. Redirects are followed within an origin
//! only. Neither addresses nor header values get into errors or logs: an address may hold a key.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::body::Body;
use super::connect::Connector;
use super::failed::{HttpError, is_unseen};
use super::inflate::CODINGS;
use super::redirect::{MAX_REDIRECTS, Redirect, redirect};
use super::response::HttpResponse;
use super::tls;

pub use url::Url;

/// Idle connections are closed before servers close them: many do so after 5 s, and a request that meets the end of its
/// connection on the way is lost.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept to one server.
const MAX_IDLE: usize = 32;
/// Quiet time before a connection that many requests share (HTTP/2) is asked whether it is still there, while there are any: one dead
/// connection would cost them all.
const PING: Duration = Duration::from_secs(20);
/// No sign of life for so long after having been asked: the connection is dead.
const NO_PONG: Duration = Duration::from_secs(10);
/// Times that a request is sent again because its server says that it has not looked at it.
const MAX_UNSEEN: u32 = 2;
/// Who we are.
const AGENT: &str = concat!("mcp-proxy/", env!("CARGO_PKG_VERSION"));

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
pub struct HttpClient(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    client: Client<Connector, Body>,
    connector: Connector,
    connect_timeout: Duration,
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
        let proxies = (!spec.direct).then(Matcher::from_env);
        Ok(Self::with(tls, proxies, spec.connect_timeout))
    }

    /// `proxies`: what leads through which; `None`: nothing through any.
    pub(super) fn with(tls: ClientConfig, proxies: Option<Matcher>, connect_timeout: Duration) -> Self {
        let connector = Connector::new(tls, proxies, connect_timeout, HeaderValue::from_static(AGENT));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(NO_PONG)
            .build(connector.clone());
        Self(Arc::new(Pool { client, connector, connect_timeout }))
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
            let response = self.0.send(method, url, headers, body).await?;
            match redirect(url, response.status(), response.headers()) {
                Redirect::No => return Ok(HttpResponse::of(response, url)),
                Redirect::To(to) => redirected = Some(to),
                Redirect::Foreign(origin) => return Err(HttpError::Redirect(origin)),
                Redirect::Bad => return Err(HttpError::BadRedirect),
            }
        }
        Err(HttpError::BadRedirect)
    }
}

impl Pool {
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response<Incoming>, HttpError> {
        let uri = uri(url)?;
        let mut n_unseen = 0;
        loop {
            let body = if method == Method::POST { body.clone().into() } else { Body::empty() };
            let mut request = Request::new(body);
            *request.method_mut() = method.clone();
            *request.headers_mut() = self.headers(headers, &uri);
            *request.uri_mut() = uri.clone();
            match self.client.request(request).await {
                Ok(response) => return Ok(response),
                Err(error) if n_unseen < MAX_UNSEEN && is_unseen(&error) => n_unseen += 1,
                Err(error) => return Err(HttpError::of_send(&error, self.connect_timeout)),
            }
        }
    }

    /// `headers` with what every request carries, unless it is among them.
    fn headers(&self, headers: &HeaderMap, uri: &Uri) -> HeaderMap {
        let mut all = headers.clone();
        for (name, value) in [(USER_AGENT, AGENT), (ACCEPT, "*/*"), (ACCEPT_ENCODING, CODINGS)] {
            all.entry(name).or_insert_with(|| HeaderValue::from_static(value));
        }
        if let Some(value) = self.connector.proxy_authorization(uri) {
            all.entry(PROXY_AUTHORIZATION).or_insert(value);
        }
        all
    }
}

/// The address as hyper has it.
fn uri(url: &Url) -> Result<Uri, HttpError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::Setup("its `url` must begin with http:// or https://".to_owned()));
    }
    Uri::try_from(url.as_str())
        .map_err(|_| HttpError::Setup("its `url` has a character that HTTP does not allow: write it as %XX".to_owned()))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
