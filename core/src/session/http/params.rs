//! `Mcp-Param-*`: arguments of a tool that also stand in headers, as the tool's schema says with `x-mcp-header` (MCP
//! 2026-07-28; SEP-2243).

use std::borrow::Cow;

use http::HeaderMap;

use super::headers::{decoded, single};
use crate::catalog::Promoted;
use crate::protocol::{Fault, Field, Message, Span, code, walk};

/// Whether each promoted argument stands in its header, once and with the same value, and no header stands for an
/// argument that is not there.
///
/// # Errors
/// When one does not.
pub(super) fn agree(headers: &HeaderMap, message: &Message, promoted: &[Promoted]) -> Result<(), Fault> {
    for argument in promoted {
        let found = single(headers, argument.header.as_str())?;
        let said = value(message, &argument.path);
        let place = argument.path.join(".");
        let mismatch = |text: String| Err(Fault::new(code::HEADER_MISMATCH, text));
        match (found, said) {
            (None, None) => {}
            (Some(_), None) => {
                return mismatch(format!(
                    "the header `{}` stands for `{place}`, which the arguments lack",
                    argument.header
                ));
            }
            (None, Some(_)) => {
                return mismatch(format!("the header `{}` for the argument `{place}` is missing", argument.header));
            }
            (Some(found), Some(said)) => {
                let Some(found) = decoded(found) else {
                    return mismatch(format!("the header `{}` is no valid base64 of UTF-8 text", argument.header));
                };
                if !is_same(&found, &said) {
                    return mismatch(format!("the header `{}` differs from the argument `{place}`", argument.header));
                }
            }
        }
    }
    Ok(())
}

/// The argument at `path` as text, if it is there and a string, a number or a boolean.
fn value<'a>(message: &'a Message, path: &[String]) -> Option<Cow<'a, str>> {
    let raw: &[u8] = message.raw();
    let arguments = message.span(Field::Arguments)?;
    let at = path.iter().try_fold(arguments, |object: Span, key| Some(walk::member(raw, object, key)?.1))?;
    let literal = &raw[at.range()];
    match literal.first()? {
        b'"' => walk::decode(literal),
        b'{' | b'[' | b'n' => None,
        _ => std::str::from_utf8(literal).ok().map(Cow::Borrowed),
    }
}

/// Numbers are compared as numbers: `1.0` and `1` are the same.
fn is_same(found: &str, said: &str) -> bool {
    let number = |t: &str| t.parse::<f64>().ok().filter(|n| n.is_finite());
    found == said || number(found).zip(number(said)).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    fn check(arguments: Value, all: &[(&str, &str)]) -> Result<(), i32> {
        let text =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x", "arguments": arguments}});
        let message = Message::parse(text.to_string().into()).expect("valid");
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let schema = json!({"inputSchema": {"properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        }}});
        let promoted = crate::catalog::promoted(schema.to_string().as_bytes());
        agree(&headers, &message, &promoted).map_err(|f| f.code)
    }

    #[test]
    fn promoted_arguments_agree_with_their_headers() {
        assert_eq!(check(json!({}), &[]), Ok(()));
        assert_eq!(check(json!({"region": "eu"}), &[("mcp-param-region", "eu")]), Ok(()));
        assert_eq!(check(json!({"region": "\u{fc}"}), &[("Mcp-Param-Region", "=?base64?w7w=?=")]), Ok(()));
        assert_eq!(check(json!({"deep": {"n": 7}}), &[("mcp-param-n", "7.0")]), Ok(()));
        assert_eq!(check(json!({"region": null}), &[]), Ok(()));
        assert_eq!(check(json!({}), &[("mcp-param-other", "x")]), Ok(()), "others are ignored");
        for (arguments, headers) in [
            (json!({"region": "eu"}), &[][..]),
            (json!({"region": "eu"}), &[("mcp-param-region", "us")]),
            (json!({"region": "eu"}), &[("mcp-param-region", "eu"), ("mcp-param-region", "eu")]),
            (json!({}), &[("mcp-param-region", "eu")]),
            (json!({"deep": {"n": 7}}), &[("mcp-param-n", "8")]),
        ] {
            assert_eq!(check(arguments.clone(), headers), Err(code::HEADER_MISMATCH), "{arguments} {headers:?}");
        }
    }
}
