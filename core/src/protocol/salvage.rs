//! Looks for the id in bytes that are no message, so that the error answer can carry it.
//!
//! Never trusts them: an id that stands twice, or may be cut off, is none. Input: bytes a scan has refused; output: an
//! id with its own memory, so that it does not keep a huge line alive.

use bytes::Bytes;

use super::id::RequestId;
use super::scan::Scan;
use super::walk;

/// The value of the one `id` member of the outermost object, if it is a string or an integer.
#[cold]
pub(super) fn find_id(bytes: &[u8]) -> Option<RequestId> {
    let mut scan = Scan::new(bytes, 0);
    let mut found = None;
    let mut depth = 0_usize;
    while !scan.at_end() {
        match bytes[scan.pos] {
            b'{' => depth += 1,
            // An array around everything is no message.
            _ if depth == 0 => return None,
            b'[' => depth += 1,
            b'}' | b']' if depth == 1 => break,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let start = scan.pos;
                // After a broken string keys and values cannot be told apart.
                if scan.string().is_err() {
                    break;
                }
                let end = scan.pos;
                if depth == 1 && scan.peek() == b':' && walk::decode(&bytes[start..end]).is_some_and(|key| key == "id")
                {
                    scan.pos += 1;
                    let Some(id) = whole_value(&mut scan) else { break };
                    if found.replace(id).is_some() {
                        return None;
                    }
                }
                continue;
            }
            _ => {}
        }
        scan.pos += 1;
    }
    found.filter(|id| is_id(id)).map(|id| RequestId(Bytes::copy_from_slice(id)))
}

/// The value here, if something follows that shows it is not cut off.
fn whole_value<'a>(scan: &mut Scan<'a>) -> Option<&'a [u8]> {
    scan.peek();
    let start = scan.pos;
    scan.skip(1).ok()?;
    let end = scan.pos;
    matches!(scan.peek(), b',' | b'}').then(|| &scan.bytes[start..end])
}

/// Whether this JSON value may be an id: a string or an integer (MCP 2025-11-25, basic, requests).
pub(super) fn is_id(value: &[u8]) -> bool {
    match value.first() {
        Some(b'"') => std::str::from_utf8(value).is_ok(),
        Some(b'-' | b'0'..=b'9') => value[1..].iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_wreckage_but_not_invented() {
        for (bytes, id) in [
            (&br#"{"id":1,"method":}"#[..], Some("1")),
            (br#"{"method":"a" "id" : "x" }"#, Some(r#""x""#)),
            (br#"{"\u0069d":-3,"#, Some("-3")),
            (br#"{"params":{"id":2},"x":["id",3],"id":1,,"#, Some("1")),
            (br#"{"id":1,"method":"cut o"#, Some("1")),
            (b"{\"id\":1,\"a\":\"\xff\"}", Some("1")),
            (b"{\"id\":\"\xff\"}", None),
            // May have been 12.
            (br#"{"id":1"#, None),
            (br#"{"id":"a"#, None),
            (br#"{"id":1x}"#, None),
            (br#"{"id":1,"id":1}"#, None),
            (br#"{"id":1,"id":null}"#, None),
            (br#"{"id":1.5}"#, None),
            (br#"{"id":1e3}"#, None),
            (br#"{"id":null}"#, None),
            (br#"{"id":{"id":1}}"#, None),
            (br#"{"a":{"id":1}"#, None),
            (br#"{"a":"id","b":1}"#, None),
            (br#"[{"id":1}]"#, None),
            (br#"x{"id":1}"#, None),
            // The object is over.
            (br#"{"a":1}{"id":1}"#, None),
            (b"", None),
            (b"}", None),
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(find_id(bytes).map(|id| id.to_string()).as_deref(), id, "{text}");
        }
    }
}
