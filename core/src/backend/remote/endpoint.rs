//! [`Endpoint`]: where a server is, and what every request to it carries. Holds its credentials; never prints them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::trouble::{Trouble, TroubleKind};
use crate::config::{Secret, Server, Target};
use crate::transport::http::{ClientSpec, HttpClient, HttpClients, Url};

/// Headers that are ours to set.
const OURS: [&str; 8] = [
    "accept",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "mcp-session-id",
    "mcp-protocol-version",
    "last-event-id",
];

/// A header's value shorter than this is no secret, and would make stars of ordinary words.
const MIN_SECRET: usize = 6;

/// Where a server is.
pub(in crate::backend) struct Endpoint {
    pub(super) client: HttpClient,
    pub(super) url: Url,
    /// What every request carries.
    pub(super) headers: HeaderMap,
    /// Longest message.
    pub(super) max: usize,
    /// What must not be shown though the server may repeat it.
    secrets: Vec<Secret>,
}

impl Endpoint {
    /// Finds the client for a server and makes its headers.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(in crate::backend) fn new(server: &Server, clients: &HttpClients, max: usize) -> Result<Self, Trouble> {
        let setup = |text: String| Trouble::new(TroubleKind::Setup, text);
        let Target::Http { url, headers, .. } = &server.target else {
            return Err(setup("is not reached by URL".to_owned()));
        };
        let mut url = Url::parse(url.reveal()).map_err(|e| setup(format!("has a `url` that is none: {e}")))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if OURS.contains(&name.to_ascii_lowercase().as_str()) {
                tracing::warn!(server = %server.name, header = name, "a header that is the proxy's to set is left out");
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value.reveal().as_bytes());
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(setup("has a header that cannot be sent".to_owned()));
            };
            value.set_sensitive(true);
            map.insert(name, value);
        }
        take_user(&mut url, &mut map);
        map.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let spec = ClientSpec {
            connect_timeout: server.connect_timeout,
            ca_file: server.ca_file.clone(),
            tls: url.scheme() == "https",
            direct: is_here(&url),
        };
        let values = map.values().filter(|v| v.is_sensitive()).filter_map(|v| v.to_str().ok());
        // With a scheme in front or without.
        let parts = values.flat_map(|v| [v, v.rsplit(' ').next().unwrap_or(v)]);
        let secrets = parts.filter(|p| p.len() >= MIN_SECRET).map(Secret::new).collect();
        Ok(Self { client: clients.open(&spec)?, url, headers: map, max, secrets })
    }

    /// A server's words without our credentials, should it repeat them.
    pub(super) fn hide(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| text.replace(secret.reveal(), "***"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

/// Whether an address is on this machine: no proxy of the environment leads there.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

/// User and password of an address become the header they stand for.
fn take_user(url: &mut Url, headers: &mut HeaderMap) {
    if url.username().is_empty() && url.password().is_none() {
        return;
    }
    let decode = |text: &str| percent_decoded(text);
    let pair = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
    // An address that has a user can also be without one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(pair)))
        && !headers.contains_key(header::AUTHORIZATION)
    {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |b: u8| char::from(b).to_digit(16);
        let mut ahead = bytes.clone();
        if byte == b'%'
            && let (Some(high), Some(low)) = (ahead.next().and_then(hex), ahead.next().and_then(hex))
        {
            out.push(u8::try_from(high * 16 + low).unwrap_or(byte));
            bytes = ahead;
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine() {
        let check = |url: &str, expected| assert_eq!(is_here(&Url::parse(url).expect("a URL")), expected, "{url}");
        check("http://127.0.0.1:8000/mcp", true);
        check("http://[::1]/mcp", true);
        check("http://LOCALHOST/mcp", true);
        check("http://127.example/mcp", false);
        check("http://10.0.0.1/mcp", false);
    }

    #[test]
    fn a_user_in_the_address_becomes_a_header() {
        let mut url = Url::parse("https://me:p%40ss@host/mcp").expect("a URL");
        let mut headers = HeaderMap::new();
        take_user(&mut url, &mut headers);
        assert_eq!(url.as_str(), "https://host/mcp");
        assert_eq!(headers[header::AUTHORIZATION], format!("Basic {}", BASE64.encode("me:p@ss")));
        assert!(headers[header::AUTHORIZATION].is_sensitive());
    }
}
