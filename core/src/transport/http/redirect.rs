//! Which redirects are followed: to the same origin only, so that no credentials and no call leave for anybody else. Pure.

use http::{HeaderMap, StatusCode, header};
use url::Url;

/// Redirects of one request, at most.
pub(super) const MAX_REDIRECTS: usize = 5;

/// What an answer says about where to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// Nothing.
    No,
    /// The same request to this address of the same origin.
    To(Url),
    /// To another origin, which is shown as scheme, host and port.
    Foreign(String),
    /// It cannot be understood.
    Bad,
}

/// Looks at an answer from `from`. A 303 asks for another request, which is none of ours: it is left to the caller as the
/// failure it is.
pub(super) fn redirect(from: &Url, status: StatusCode, headers: &HeaderMap) -> Redirect {
    let is_ours = matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_ours {
        return Redirect::No;
    }
    let Some(to) = headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).and_then(|l| from.join(l).ok()) else {
        return Redirect::Bad;
    };
    if to.origin() != from.origin() || !to.username().is_empty() {
        return Redirect::Foreign(to.origin().ascii_serialization());
    }
    Redirect::To(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_origin_is_followed() {
        let from = Url::parse("https://mcp.example:8443/a/mcp?x=1").expect("a URL");
        let check = |status: u16, location: Option<&str>, expected: Redirect| {
            let mut headers = HeaderMap::new();
            if let Some(location) = location {
                headers.insert(header::LOCATION, location.parse().expect("a header"));
            }
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(redirect(&from, status, &headers), expected, "{status} {location:?}");
        };
        let to = |url: &str| Redirect::To(Url::parse(url).expect("a URL"));
        check(308, Some("/b"), to("https://mcp.example:8443/b"));
        check(307, Some("https://mcp.example:8443/b"), to("https://mcp.example:8443/b"));
        check(301, Some("mcp/"), to("https://mcp.example:8443/a/mcp/"));
        check(302, Some("https://mcp.example/b"), Redirect::Foreign("https://mcp.example".into()));
        check(307, Some("http://mcp.example:8443/b"), Redirect::Foreign("http://mcp.example:8443".into()));
        check(307, Some("//evil.example/b"), Redirect::Foreign("https://evil.example".into()));
        check(307, Some("https://me@mcp.example:8443/b"), Redirect::Foreign("https://mcp.example:8443".into()));
        check(307, None, Redirect::Bad);
        check(303, Some("/b"), Redirect::No);
        check(200, Some("/b"), Redirect::No);
    }
}
