//! Servers by hand, for tests of the client: what is said on a connection is the test's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{HttpClient, HttpError, HttpResponse, Url};

/// Long enough for a clock that jumps over all pauses.
pub(super) const LONG: Duration = Duration::from_secs(1_000_000);

/// The head of an event stream in chunks.
pub(super) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A port to be served, and the address that leads to it.
pub(super) async fn port(scheme: &str) -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    (listener, Url::parse(&format!("{scheme}://{at}/mcp?a=1")).expect("a URL"))
}

/// A client that goes to no proxy and trusts nobody.
pub(super) fn client() -> HttpClient {
    HttpClient::with(super::tls::config(None).expect("TLS"), None, LONG)
}

/// A client that trusts [`acceptor`], and goes through `proxy` if there is one.
pub(super) fn trusting(proxy: Option<Matcher>) -> HttpClient {
    let mut roots = RootCertStore::empty();
    certificates().into_iter().for_each(|certificate| roots.add(certificate).expect("a certificate"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = super::tls::config(None).expect("TLS").alpn_protocols;
    HttpClient::with(config, proxy, LONG)
}

/// TLS of a server that offers `protocols`.
pub(super) fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_no_client_auth().with_single_cert(certificates(), key).expect("a key for it");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn certificates() -> Vec<CertificateDer<'static>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file("cert.pem")).expect("a file").collect();
    read.expect("certificates")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport/tls_tests").join(name)
}

/// Posts `hello`.
pub(super) async fn post(client: &HttpClient, url: &Url) -> Result<HttpResponse, HttpError> {
    let body = Bytes::from_static(b"hello");
    client.send(&Method::POST, url, &HeaderMap::new(), &body).await
}

/// Takes a connection, reads a request and answers it.
pub(super) async fn answered(listener: &TcpListener, answer: &[u8]) -> TcpStream {
    let (mut io, _) = listener.accept().await.expect("a connection");
    request(&mut io).await.expect("a request");
    io.write_all(answer).await.expect("open");
    io
}

/// Reads a request, with its body; `None`: none comes any more.
pub(super) async fn request(io: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.map_or(0, |n| n.parse().expect("a length")) {
                return Some(text);
            }
        }
        if io.read_buf(&mut all).await.ok()? == 0 {
            return None;
        }
    }
}
