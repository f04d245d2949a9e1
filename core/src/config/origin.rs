//! Names of machines as they stand in `Host` headers, and origins (RFC 6454) as browsers send them; both also as patterns of the
//! configuration. Pure: what looks odd is not mended but refused, since these names decide who may come in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a machine (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// A machine: an address, or a name in lower case without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostName {
    /// An address; a mapped IPv4 address is that IPv4 address.
    Address(IpAddr),
    /// A name.
    Name(String),
}

impl HostName {
    /// Reads a name or an address; of IPv6 with or without brackets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(Self::of_v6);
        }
        if text.contains(':') {
            return text.parse::<Ipv6Addr>().ok().map(Self::of_v6);
        }
        if let Ok(v4) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(v4.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |l: &str| {
            (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        (name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label)).then_some(Self::Name(name))
    }

    fn of_v6(v6: Ipv6Addr) -> Self {
        Self::Address(v6.to_canonical())
    }

    /// This machine, whatever it is called elsewhere: `localhost`, names below it, addresses of the loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// `0.0.0.0` or `::`: whoever listens there is reached by every address of the machine.
    #[must_use]
    pub fn is_every_address(&self) -> bool {
        matches!(self, Self::Address(address) if address.is_unspecified())
    }

    /// Whether `pattern` (a name, an address, or `*.name` for all names below it) means this machine.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        match (self, pattern.strip_prefix("*.")) {
            (Self::Name(name), Some(below)) => {
                name.strip_suffix(below).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Address(_), Some(_)) => false,
            (_, None) => Self::parse(pattern).as_ref() == Some(self),
        }
    }

    /// Reads what a `Host` header holds: a machine, and a port behind a colon if there is one.
    #[must_use]
    pub fn parse_with_port(text: &str) -> Option<(Self, Option<u16>)> {
        let (host, port) = split_port(text)?;
        // Without brackets an IPv6 address and its port cannot be told apart.
        if host.contains(':') && !host.starts_with('[') {
            return None;
        }
        Some((Self::parse(host)?, port))
    }
}

/// As it stands in a URL.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            Self::Address(v4) => v4.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Host and port; the host of an IPv6 address keeps its brackets.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let at = if text.starts_with('[') { text.find(']')? + 1 } else { text.rfind(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(at);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    Some((host, Some(is_number.then(|| digits.parse().ok())??)))
}

/// The origin of a page, or in the configuration a pattern of some.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http`, `https`, or an application's own; lower case.
    scheme: String,
    /// As [`HostName`] is shown; in a pattern also `*.name`, and `*` where the scheme is an application's own.
    host: String,
    /// In an origin: `None` where the scheme has no usual port and none is written. In a pattern: `None` is any.
    port: Option<u16>,
}

impl Origin {
    /// Reads what a browser sends: scheme, host and port, and nothing besides. `null` is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = Self::scheme_of(text)?;
        let (host, port) = HostName::parse_with_port(rest)?;
        let port = port.or_else(|| usual_port(&scheme));
        Some(Self { scheme, host: host.to_string(), port })
    }

    /// Reads what the configuration says: an origin, `https://*.example.com`, `http://localhost:*`, `app://*`.
    #[must_use]
    pub fn parse_pattern(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (scheme, rest) = Self::scheme_of(text)?;
        let (rest, is_any_port) = rest.strip_suffix(":*").map_or((rest, false), |rest| (rest, true));
        if rest == "*" {
            return (!is_web(&scheme)).then(|| Self { scheme, host: rest.to_owned(), port: None });
        }
        let (stars, rest) = rest.strip_prefix("*.").map_or(("", rest), |rest| ("*.", rest));
        let (host, port) = HostName::parse_with_port(rest)?;
        if !stars.is_empty() && matches!(host, HostName::Address(_)) || is_any_port && port.is_some() {
            return None;
        }
        let port = if is_any_port { None } else { port.or_else(|| usual_port(&scheme)) };
        Some(Self { scheme, host: format!("{stars}{host}"), port })
    }

    fn scheme_of(text: &str) -> Option<(String, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
    }

    /// A web page from this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_web(&self.scheme) && HostName::parse(&self.host).is_some_and(|h| h.is_loopback())
    }

    /// Whether `self`, a pattern, means `origin`.
    #[must_use]
    pub fn matches(&self, origin: &Self) -> bool {
        let is_port = self.port.is_none() || self.port == origin.port;
        let is_host = self.host == "*" || HostName::parse(&origin.host).is_some_and(|host| host.matches(&self.host));
        self.scheme == origin.scheme && is_port && is_host
    }
}

fn is_web(scheme: &str) -> bool {
    usual_port(scheme).is_some()
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports() {
        for (text, expected) in [
            ("localhost", Some("localhost")),
            ("LocalHost:8000", Some("localhost:8000")),
            ("localhost.", Some("localhost")),
            ("localhost.:80", Some("localhost:80")),
            ("localhost..", None),
            ("127.0.0.1:8000", Some("127.0.0.1:8000")),
            ("[::1]:8000", Some("[::1]:8000")),
            ("[0:0:0:0:0:0:0:1]", Some("[::1]")),
            ("[::ffff:127.0.0.1]", Some("127.0.0.1")),
            ("::1", None),
            ("::1:8000", None),
            ("[::1", None),
            ("[::1]8000", None),
            ("[fe80::1%25eth0]", None),
            ("[localhost]", None),
            ("localhost:", None),
            ("localhost:+80", None),
            ("localhost:80:80", None),
            ("localhost:99999", None),
            ("", None),
            (":80", None),
            (".", None),
            ("me@localhost", None),
            ("localhost/x", None),
            ("local host", None),
            ("localhost,evil.com", None),
            ("evil.com\tlocalhost", None),
            ("exämple.com", None),
            ("a_b.example", Some("a_b.example")),
        ] {
            let shown = HostName::parse_with_port(text)
                .map(|(host, port)| port.map_or(host.to_string(), |port| format!("{host}:{port}")));
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn this_machine() {
        for (text, expected) in [
            ("localhost", true),
            ("LOCALHOST.", true),
            ("app.localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.evil.com", false),
            ("127.0.0.1.evil.com", false),
            ("notlocalhost", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(HostName::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn patterns_of_hosts() {
        for (pattern, host, expected) in [
            ("mcp.example.com", "MCP.example.com.", true),
            ("mcp.example.com", "x.mcp.example.com", false),
            ("*.example.com", "mcp.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("fd00::1", "[fd00:0::1]", true),
        ] {
            assert_eq!(HostName::parse(host).unwrap().matches(pattern), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn patterns_of_origins() {
        for (pattern, origin, expected) in [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com/", "HTTPS://APP.example.com:443", true),
            ("https://app.example.com", "http://app.example.com", false),
            ("https://app.example.com", "https://app.example.com:8443", false),
            ("https://app.example.com:8443", "https://app.example.com:8443", true),
            ("https://app.example.com:*", "https://app.example.com:8443", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("http://localhost:*", "http://localhost:6274", true),
            ("http://localhost:*", "http://localhost.evil.com:6274", false),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("vscode-webview://*", "vscode-webview://1a2b3c", true),
            ("vscode-webview://*", "chrome-extension://1a2b3c", false),
            ("chrome-extension://abc", "chrome-extension://abc", true),
        ] {
            let (pattern, origin) = (Origin::parse_pattern(pattern).unwrap(), Origin::parse(origin).unwrap());
            assert_eq!(pattern.matches(&origin), expected, "{pattern:?} {origin:?}");
        }
    }

    #[test]
    fn what_is_no_origin() {
        for text in [
            "",
            "null",
            "NULL",
            "localhost",
            "localhost:3000",
            "//localhost",
            "http://",
            "http:///",
            "http://localhost/",
            "http://localhost/x",
            "http://localhost?x",
            "http://localhost#x",
            "http://me@localhost",
            "http://localhost@evil.com",
            "http://evil.com:80@localhost",
            "http://localhost:x",
            "http://localhost http://evil.com",
            "http://localhost, http://evil.com",
            "http://localhost\\@evil.com",
            "http://*.example.com",
            "1http://localhost",
            "://localhost",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
        for text in
            ["*", "https://*", "http://*:80", "https://a.*.com", "https://*.10.0.0.1", "localhost", "http://h:1:*"]
        {
            assert_eq!(Origin::parse_pattern(text), None, "{text}");
        }
    }
}
