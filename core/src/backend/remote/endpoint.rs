//! [`Endpoint`]: where a server is, and what every request to it carries. Holds its credentials; never prints them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::trouble::{Trouble, TroubleKind};
use crate::config::{Secret, Server, Target};
use crate::observe::PackedHead;
use crate::transport::http::{ClientSpec, HttpClient, HttpClients, HttpResponse, Url, request_head, response_head};

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
/// So many characters of one may be seen where a text was cut.
const MIN_SHOWN: usize = 4;

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
        let Target::Http { url, url_shown, headers, .. } = &server.target else {
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
        let secrets = secrets_of(&map, &url, url_shown);
        Ok(Self { client: clients.open(&spec)?, url, headers: map, max, secrets })
    }

    /// A server's words without our credentials, should it repeat them.
    fn hide(&self, text: String) -> String {
        let mut text = self.secrets.iter().fold(text, |text, secret| text.replace(secret.reveal(), "***"));
        // Words are cut after a while, which may be inside one.
        if let Some(words) = text.strip_suffix('…') {
            let begins = |secret: &Secret| {
                let ends = (MIN_SHOWN..secret.reveal().len()).rev();
                ends.filter_map(|n| secret.reveal().get(..n)).find(|start| words.ends_with(start)).map(str::len)
            };
            if let Some(n) = self.secrets.iter().filter_map(begins).max() {
                text = format!("{}***…", &words[..words.len() - n]);
            }
        }
        text
    }

    /// What is kept of a request of ours.
    pub(super) fn request_head(&self, method: &Method, url: &Url, headers: &HeaderMap) -> PackedHead {
        request_head(method, url.as_str(), headers, |text| self.hide_part(text))
    }

    /// What is kept of an answer to one.
    pub(super) fn response_head(&self, response: &HttpResponse) -> PackedHead {
        response_head(response.status(), response.headers(), |text| self.hide_part(text))
    }

    fn hide_part<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if self.is_in(text.as_bytes()) { self.hide(text.into_owned()).into() } else { text }
    }

    /// The same for all that a trouble says.
    pub(super) fn hide_in(&self, trouble: &mut Trouble) {
        trouble.message = self.hide(std::mem::take(&mut trouble.message));
        // An answer is passed on as it is, or not at all.
        trouble.answer = trouble.answer.take().filter(|answer| !self.is_in(answer.raw()));
    }

    /// The same for what is no message and is shown as it came.
    pub(super) fn hide_bytes(&self, bytes: &Bytes) -> Bytes {
        if !self.is_in(bytes) {
            return bytes.clone();
        }
        self.hide(String::from_utf8_lossy(bytes).into_owned()).into()
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.secrets.iter().any(|secret| memchr::memmem::find(bytes, secret.reveal().as_bytes()).is_some())
    }
}

/// What must not be shown: values of headers, with and without the scheme in front, passwords, and of the address what its
/// text in the configuration does not show.
fn secrets_of(headers: &HeaderMap, url: &Url, url_shown: &str) -> Vec<Secret> {
    let mut all: Vec<String> = Vec::new();
    for value in headers.values().filter(|v| v.is_sensitive()).filter_map(|v| v.to_str().ok()) {
        let (scheme, bare) = value.rsplit_once(' ').unwrap_or(("", value));
        all.extend([value.to_owned(), bare.to_owned()]);
        let pair = BASE64.decode(bare).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
        let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
        all.extend(pair.and_then(|pair| Some(pair.split_once(':')?.1.to_owned())));
    }
    let query = url.query().unwrap_or_default();
    let raw = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.to_owned());
    let parts = raw.chain(url.query_pairs().map(|(_, value)| value.into_owned()));
    let parts = parts.chain(url.path_segments().into_iter().flatten().map(str::to_owned));
    all.extend(parts.filter(|part| !url_shown.contains(&**part)));
    all.retain(|part| part.len() >= MIN_SECRET);
    // The longer one first: it may hold the other.
    all.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    all.dedup();
    all.into_iter().map(Secret::new).collect()
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
    fn what_a_server_repeats_of_ours_is_hidden() {
        let text = |v: &'static str| {
            let mut value = HeaderValue::from_static(v);
            value.set_sensitive(true);
            value
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-key", text("hunter2hunter2"));
        headers.insert(header::AUTHORIZATION, text("Basic bWU6Y29ycmVjdC1ob3JzZQ=="));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let url = Url::parse("https://host/s-ecret/mcp?profile=production&key=top%20secret").expect("a URL");
        let shown = "https://host/${ROOM}/mcp?profile=production&key=${KEY}";
        let secrets = secrets_of(&headers, &url, shown);
        let client = HttpClients::default()
            .open(&ClientSpec { connect_timeout: std::time::Duration::ZERO, ca_file: None, tls: false, direct: true })
            .expect("a client");
        let endpoint = Endpoint { client, url, headers, max: 0, secrets };
        for (said, expected) in [
            ("no hunter2hunter2 here", "no *** here"),
            ("Basic bWU6Y29ycmVjdC1ob3JzZQ== and correct-horse", "*** and ***"),
            ("/s-ecret/mcp?profile=production&key=top%20secret", "/***/mcp?profile=production&key=***"),
            ("top secret", "***"),
            ("application/json", "application/json"),
            ("and so on hunter2hun…", "and so on ***…"),
            ("and so on hun…", "and so on hun…"),
            ("and so on hunter2hun", "and so on hunter2hun"),
        ] {
            assert_eq!(endpoint.hide(said.to_owned()), expected);
        }
        let answer = |text: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"{text}"}}}}"#);
            let mut trouble = Trouble::new(TroubleKind::Broken, "");
            trouble.answer = crate::protocol::Message::parse(text.into()).ok();
            endpoint.hide_in(&mut trouble);
            trouble.answer.is_some()
        };
        assert_eq!([answer("no"), answer("no hunter2hunter2")], [true, false]);
        assert_eq!(endpoint.hide_bytes(&Bytes::from_static(b"\xff hunter2hunter2")), "\u{fffd} ***");
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
