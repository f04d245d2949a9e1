//! [`Connector`]: from the address of a server to a connection, directly or through the proxy that the environment names.
//!
//! What is asked of a server over TLS goes through a proxy unseen, by CONNECT; what is asked without is given to the proxy to ask.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri, header};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tower_service::Service;

use super::tap::Tap;
use super::wire::Wire;

/// Quiet time before the system asks whether a connection is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often it asks, and how many times in vain before the connection is dead.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 3;
/// What we have sent and nobody says to have got for so long: the connection is dead.
#[cfg(target_os = "linux")]
const UNHEARD: Duration = Duration::from_secs(30);

/// What failed of a connection.
pub(super) type Failed = Box<dyn Error + Send + Sync>;

/// Makes connections. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Connector(Arc<Ways>);

struct Ways {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    /// The same to a proxy, with which no HTTP/2 is spoken.
    proxy_tls: Arc<ClientConfig>,
    /// `None`: nothing goes through a proxy.
    proxies: Option<Matcher>,
    timeout: Duration,
    user_agent: HeaderValue,
}

/// No connection in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it took too long")]
pub(super) struct TooSlow;

impl Connector {
    /// `timeout` is for name, connection and TLS together.
    pub(super) fn new(tls: ClientConfig, proxies: Option<Matcher>, timeout: Duration, user_agent: HeaderValue) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_TRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNHEARD));
        let mut proxy_tls = tls.clone();
        proxy_tls.alpn_protocols.clear();
        Self(Arc::new(Ways { tcp, tls: Arc::new(tls), proxy_tls: Arc::new(proxy_tls), proxies, timeout, user_agent }))
    }

    /// What a request to `uri` carries for the proxy that it is given to.
    pub(super) fn proxy_authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        let mut value = self.0.proxies.as_ref()?.intercept(uri)?.basic_auth()?.clone();
        value.set_sensitive(true);
        Some(value)
    }
}

impl Ways {
    async fn connect(self: Arc<Self>, to: Uri) -> Result<Tap, Failed> {
        let Some(proxy) = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&to)) else {
            return Ok(Tap::new(self.reach(&to, &self.tls).await?, false));
        };
        if proxy.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks")) {
            let text = "the environment names a SOCKS proxy for it, which is not supported: set `HTTP_PROXY` and `HTTPS_PROXY` to \
                        one of HTTP, or name the server in `NO_PROXY`";
            return Err(text.into());
        }
        if to.scheme() == Some(&Scheme::HTTPS) {
            let wire = self.tunnel(&to, &proxy).await?;
            return Ok(Tap::new(wire.secured(host(&to), self.tls.clone()).await?, false));
        }
        Ok(Tap::new(self.reach(proxy.uri(), &self.proxy_tls).await?, true))
    }

    /// A connection to where `uri` says, inside TLS if it says so.
    async fn reach(&self, uri: &Uri, tls: &Arc<ClientConfig>) -> Result<Wire, Failed> {
        let wire = Wire::Plain(self.tcp.clone().call(uri.clone()).await?.into_inner());
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Ok(wire.secured(host(uri), tls.clone()).await?);
        }
        Ok(wire)
    }

    /// A connection through `proxy`, which sees nothing of what is said.
    async fn tunnel(self: &Arc<Self>, to: &Uri, proxy: &Intercept) -> Result<Wire, Failed> {
        let mut tunnel = Tunnel::new(proxy.uri().clone(), ToProxy(self.clone()));
        if let Some(value) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(value.clone());
        }
        let named = HeaderMap::from_iter([(header::USER_AGENT, self.user_agent.clone())]);
        Ok(tunnel.with_headers(named).call(to.clone()).await?.into_inner())
    }
}

fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default()
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<TokioIo<T>, Failed>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Tap>;
    type Error = Failed;
    type Future = Connecting<Tap>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let ways = self.0.clone();
        Box::pin(async move {
            let connected = tokio::time::timeout(ways.timeout, ways.connect(to)).await;
            connected.unwrap_or_else(|_| Err(TooSlow.into())).map(TokioIo::new)
        })
    }
}

/// The connection that a tunnel is made in.
#[derive(Clone)]
struct ToProxy(Arc<Ways>);

impl Service<Uri> for ToProxy {
    type Response = TokioIo<Wire>;
    type Error = Failed;
    type Future = Connecting<Wire>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Self::Future {
        let ways = self.0.clone();
        Box::pin(async move { ways.reach(&proxy, &ways.proxy_tls).await.map(TokioIo::new) })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}
