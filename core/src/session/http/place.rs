//! [`Place`]: where a request goes, by its path. Pure.

use crate::config::PAGES;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// The endpoint of all editions; of one server if it is named.
    Endpoint(Option<&'p str>),
    /// The stream of 2024-11-05.
    Sse(Option<&'p str>),
    /// Its other half.
    Messages,
    /// For whoever runs us, or nothing.
    Elsewhere,
}

impl<'p> Place<'p> {
    /// Where `path` leads, the endpoint being `root` (without a slash at its end). The configuration sees to it that the
    /// endpoint is none of our own places; only with `/` as the endpoint could one of them be the name of a server.
    pub(super) fn of(root: &str, path: &'p str) -> Self {
        let below = |root: &str| {
            let rest = path.strip_prefix(root)?;
            match rest.strip_prefix('/') {
                _ if rest.is_empty() => Some(None),
                Some("") => Some(None),
                Some(name) if !name.contains('/') => Some(Some(name)),
                _ => None,
            }
        };
        if let Some(server) = below("/sse") {
            return Self::Sse(server);
        }
        match below(root) {
            _ if path == "/messages" => Self::Messages,
            _ if PAGES.contains(&path) => Self::Elsewhere,
            Some(server) => Self::Endpoint(server),
            None => Self::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, expected) in [
            ("/mcp", Place::Endpoint(None)),
            ("/mcp/", Place::Endpoint(None)),
            ("/mcp/github", Place::Endpoint(Some("github"))),
            ("/mcp/health", Place::Endpoint(Some("health"))),
            ("/mcp/a/b", Place::Elsewhere),
            ("/mcp//", Place::Elsewhere),
            ("/mcp/../status", Place::Elsewhere),
            ("/mcpx", Place::Elsewhere),
            ("/", Place::Elsewhere),
            ("", Place::Elsewhere),
            ("*", Place::Elsewhere),
            ("/sse", Place::Sse(None)),
            ("/sse/", Place::Sse(None)),
            ("/sse/a", Place::Sse(Some("a"))),
            ("/messages", Place::Messages),
            ("/messages/x", Place::Elsewhere),
            ("/health", Place::Elsewhere),
        ] {
            assert_eq!(Place::of("/mcp", path), expected, "{path}");
        }
    }

    #[test]
    fn the_root_may_be_the_endpoint_and_our_pages_stay() {
        for (path, expected) in [
            ("/", Place::Endpoint(None)),
            ("/github", Place::Endpoint(Some("github"))),
            ("/health", Place::Elsewhere),
            ("/ready", Place::Elsewhere),
            ("/status", Place::Elsewhere),
            ("/sse", Place::Sse(None)),
            ("/messages", Place::Messages),
        ] {
            assert_eq!(Place::of("", path), expected, "{path}");
        }
    }
}
