//! What can be told of a server's line that is no message: whether it was meant as an answer, and to which request. Pure.

use crate::protocol::{Malformed, MalformedKind, Message, RequestId, WireId};

/// The request that `line` was meant to answer, though it is no message. A line of a log that happens to have an `id` is
/// nobody's answer.
pub(super) fn answers(line: &[u8], malformed: &Malformed) -> Option<WireId> {
    let has = |what: &str| memchr::memmem::find(line, what.as_bytes()).is_some();
    let is_answer = has(r#""jsonrpc""#) && (has(r#""result""#) || has(r#""error""#)) && !has(r#""method""#);
    let is_cut = !matches!(malformed.kind, MalformedKind::Shape(_));
    let is_both = has(r#""result""#) && has(r#""error""#);
    if is_answer && (is_cut || is_both) { malformed.id.as_ref()?.as_wire() } else { None }
}

/// The request that a line was meant to answer of which only both ends are known.
pub(super) fn answers_long(head: &bytes::Bytes, tail: &[u8]) -> Option<WireId> {
    if memchr::memmem::find(head, br#""method""#).is_some() {
        return None;
    }
    // What begins an object and is cut off is malformed, with the id if that was in front.
    let in_head = Message::parse(head.clone()).err().and_then(|m| m.id).and_then(|id| id.as_wire());
    in_head.or_else(|| last_id(tail))
}

/// The `id` among the last members of the outermost object, which `tail` ends with: after it come only plain members and
/// the one closing brace.
fn last_id(tail: &[u8]) -> Option<WireId> {
    let tail = tail.trim_ascii_end().strip_suffix(b"}")?;
    let at = memchr::memmem::rfind(tail, br#""id":"#)? + br#""id":"#.len();
    let rest = &tail[at..];
    if rest.iter().any(|b| matches!(b, b'{' | b'}' | b'[' | b']')) {
        return None;
    }
    let value = rest.split(|b| *b == b',').next()?.trim_ascii();
    RequestId(bytes::Bytes::copy_from_slice(value)).as_wire()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_meant_as_an_answer_is_one() {
        let check = |line: &str, expected: Option<u64>| {
            let malformed = Message::parse(bytes::Bytes::copy_from_slice(line.as_bytes())).expect_err(line);
            assert_eq!(answers(line.as_bytes(), &malformed), expected.map(WireId), "{line}");
        };
        check(r#"{"jsonrpc":"2.0","id":3,"result":{"content":[{"te"#, Some(3));
        check(r#"{"jsonrpc":"2.0","id":3,"result":{"a":nan}}"#, Some(3));
        check(r#"{"jsonrpc":"2.0","id":3,"result":{},"error":{"code":1,"message":"m"}}"#, Some(3));
        check(r#"{"id":3,"level":"info","msg":"started"}"#, None);
        check(r#"{"id":3,"error":"boom"}"#, None);
        check(r#"{"jsonrpc":"2.0","id":3}"#, None);
        check(r#"{"jsonrpc":"2.0","id":3,"method":"x","params":{"result":1,"#, None);
        check(r#"id":3 "jsonrpc" "result""#, None);
    }

    #[test]
    fn of_a_long_line_both_ends_are_looked_at() {
        let check = |head: &'static str, tail: &str, expected: Option<u64>| {
            let head = bytes::Bytes::from_static(head.as_bytes());
            assert_eq!(answers_long(&head, tail.as_bytes()), expected.map(WireId), "{head:?} … {tail}");
        };
        check(r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"text":"xx"#, r#"xxx"}]}}"#, Some(7));
        check(r#"{"result":{"content":[{"text":"xx"#, r#"xxx"}]},"jsonrpc":"2.0","id":7}"#, Some(7));
        check(r#"{"result":{"content":[{"text":"xx"#, r#"xxx"}]},"id": "7" ,"jsonrpc":"2.0"}"#, Some(7));
        check(r#"{"result":{"rows":[{"id":3,"text":"xx"#, r#"xxx"}]},"jsonrpc":"2.0","id":7}"#, Some(7));
        check(r#"{"result":{"rows":[{"id":3,"text":"xx"#, r#"xxx"},{"id":4}]}}"#, None);
        check(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":[{"id":7,"x":"#, r#"x"}]}}"#, None);
        check(r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"#, r#"x"}]}}"#, None);
    }
}
