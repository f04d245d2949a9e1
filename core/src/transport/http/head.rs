//! Heads of messages that let go of the buffer they were read into.
//!
//! hyper's values are pieces of its buffer. While one of them lives, hyper takes another buffer of 8 KiB to read on, and has both for as long
//! as a call waits. So who waits drops the head first; who still needs it copies it.

use bytes::BytesMut;
use http::header::HeaderValue;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, Uri};

/// Copies what a request shares.
pub fn copy_head(head: &mut Parts) {
    let uri = &head.uri;
    let place = uri.path_and_query().filter(|_| uri.authority().is_none()).map_or("", PathAndQuery::as_str);
    // What was valid before is so again.
    if !place.is_empty()
        && let Ok(copy) = Uri::try_from(place)
    {
        head.uri = copy;
    }
    of_headers(&mut head.headers);
}

/// Lets go of what a request shares and says: method and version are left.
pub fn drop_head(head: &mut Parts) {
    (head.uri, head.headers, head.extensions) = (Uri::default(), HeaderMap::new(), Extensions::new());
}

/// Copies what headers share, all into one piece.
pub(super) fn of_headers(headers: &mut HeaderMap) {
    let mut all = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| all.extend_from_slice(value.as_bytes()));
    let mut all = all.freeze();
    for value in headers.values_mut() {
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(all.split_to(value.len())) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_head_says_the_same_as_before() {
        for uri in ["/mcp?a=1", "http://x/mcp", "*"] {
            let request = Request::get(uri).header("a", "1").header("b", "").header("a", b"\xff 2".as_slice());
            let (mut head, ()) = request.body(()).expect("a request").into_parts();
            let before = (head.uri.clone(), head.headers.clone());
            copy_head(&mut head);
            assert_eq!((head.uri, head.headers), before);
        }
    }
}
