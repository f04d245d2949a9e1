//! A server that is reached by a URL: address and headers.

use std::collections::BTreeMap;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind};
use crate::config::mask;
use crate::config::node::Node;
use crate::config::{Secret, Target};

use super::reader::{Reader, Text};
use super::server::Fields;

impl Reader<'_> {
    pub(super) fn http(
        &mut self,
        fields: Fields<'_>,
        url: &Node,
        sse: bool,
        path: &str,
        server: &str,
    ) -> Option<Target> {
        let text = self.text(url, &format!("{path}.url"));
        let headers = self.headers(fields, path);
        let authorization = self.auth(fields, path, server);
        let text = text?;
        let value = text.value.trim();
        if value.len() < text.value.len() {
            let d = Diagnostic::new("MP401", Level::Warning, "`url` has spaces around it");
            self.report(d.note(NoteKind::Fix, "remove them").fixed_by(self.trimmed(&text)), url.span);
        }
        if let Some(problem) = url_problem(value) {
            let d = Diagnostic::new("MP401", Level::Error, format!("`url` of server `{server}` {problem}"))
                .label(format!("{path}.url"))
                .note(NoteKind::Fix, "write `https://host/path`");
            self.report(d, url.span);
            return None;
        }
        if !sse && value.split(['?', '#']).next().is_some_and(|u| u.ends_with("/sse")) && !fields.is_foreign {
            let fix = "write `transport: sse`, or the server's `/mcp` address";
            self.warning("MP401", url.span, "`url` ends in `/sse`, and the transport is `http`", fix);
        }
        let mut headers = headers;
        if let Some((name, secret, span)) = authorization {
            if value_of(&headers, &name).is_some() {
                let message = format!("both `auth` and the header `{name}` are given; `auth` counts");
                self.warning("MP404", span, message, "drop one of the two");
                headers.retain(|k, _| !k.eq_ignore_ascii_case(&name));
            }
            if secret.reveal().is_empty() {
                return None;
            }
            if is_clear(value_without_scheme(value)) {
                let message = format!("`auth` of server `{server}` goes over plain http");
                self.warning("MP402", span, message, "use https, so that nobody on the way can read it");
            }
            headers.insert(name, secret);
        }
        Some(Target::Http { url: Secret::new(value), url_shown: mask::url(&text.raw), sse, headers })
    }

    pub(super) fn headers(&mut self, fields: Fields<'_>, path: &str) -> BTreeMap<String, Secret> {
        let mut headers = BTreeMap::new();
        let path = format!("{path}.headers");
        for node in [fields.defaults.and_then(|d| d.get("headers")), fields.own("headers")].into_iter().flatten() {
            for entry in self.names(node, &path) {
                let path = format!("{path}.{}", entry.key);
                if !is_header_name(&entry.key) {
                    let message = format!("`{}` cannot be a header's name", entry.key.escape_debug());
                    self.error("MP102", entry.key_span, message, "write `Name: value`");
                    continue;
                }
                let Some(text) = self.text(&entry.value, &path) else { continue };
                let Some(value) = self.header_value(&text, &path) else { continue };
                headers.retain(|k: &String, _| !k.eq_ignore_ascii_case(&entry.key));
                headers.insert(entry.key.clone(), value);
            }
        }
        headers
    }

    /// MP113
    pub(super) fn header_value(&mut self, text: &Text, path: &str) -> Option<Secret> {
        let value = text.value.trim();
        if value.len() < text.value.len() {
            let message = "there are spaces or line ends around the value; they are not sent";
            let d = Diagnostic::new("MP113", Level::Warning, message).label(path.to_owned());
            let d = d.note(NoteKind::Fix, "remove them; was it pasted with its line end?");
            self.report(d.fixed_by(self.trimmed(text)), text.span);
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            let d = Diagnostic::new("MP113", Level::Error, "a header cannot hold a line end").label(path.to_owned());
            self.report(d.note(NoteKind::Fix, "write it in one line"), text.span);
            return None;
        }
        Some(Secret::new(value))
    }
}

fn value_of<'h>(headers: &'h BTreeMap<String, Secret>, name: &str) -> Option<&'h Secret> {
    headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The part behind `http://`; empty for other schemes.
fn value_without_scheme(url: &str) -> &str {
    match url.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => &url[7..],
        _ => "",
    }
}

/// Whether the host is another machine; names without a dot are of the own network and excused.
fn is_clear(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').filter(|(h, _)| !h.ends_with(':')).map_or(host, |(h, _)| h);
    host.contains('.') && !host.starts_with("127.") && !host.ends_with(".localhost")
}

/// What is wrong with a URL, as the rest of a sentence.
fn url_problem(url: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some("is no URL: it has no `http://` or `https://`");
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some("must begin with `http://` or `https://`");
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("has a space in it");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host.strip_prefix('[') {
        Some(v6) => {
            let Some((host, after)) = v6.split_once(']') else { return Some("has a `[` without its `]`") };
            (host, after.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(h, p)| (h, Some(p))),
    };
    if host.is_empty() {
        return Some("has no host");
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Some("has a port that is no port"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, fine) in [
            ("https://example.com/mcp", true),
            ("HTTP://localhost:8001", true),
            ("http://[::1]:9000/mcp?x=1", true),
            ("https://user:pw@host/", true),
            ("example.com", false),
            ("ftp://example.com", false),
            ("https://", false),
            ("https:///mcp", false),
            ("https://exa mple.com", false),
            ("http://host:port", false),
            ("http://host:0", false),
            ("http://host:99999", false),
            ("http://[::1", false),
        ] {
            assert_eq!(url_problem(url).is_none(), fine, "{url}");
        }
    }

    #[test]
    fn who_can_read_it_on_the_way() {
        for (url, clear) in [
            ("http://api.example.com/mcp", true),
            ("http://10.0.0.7:80/mcp", true),
            ("https://api.example.com", false),
            ("http://localhost:8001/mcp", false),
            ("http://127.0.0.1/mcp", false),
            ("http://db-server:8001/mcp", false),
            ("http://[::1]:80/", false),
        ] {
            assert_eq!(is_clear(value_without_scheme(url)), clear, "{url}");
        }
    }
}
