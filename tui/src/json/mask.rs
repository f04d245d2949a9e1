//! Secrets in JSON, hidden by the name of their member.
//!
//! The names are those of headers, environment variables and arguments that commonly hold a secret. `progressToken` is
//! none, and `maxTokens: 100` counts something.

use super::scan::{self, Kind};

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";

/// Parts of names that tell a secret, in lower case without `-` and `_`.
const PARTS: [&str; 12] = [
    "authorization",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "cookie",
    "bearer",
    "token",
];

/// Whether a member of this name (quotes allowed) holds a secret. `number` says that its value is a number.
#[must_use]
pub(crate) fn is_secret(key: &[u8], number: bool) -> bool {
    let decoded;
    let name: &[u8] = if key.contains(&b'\\') {
        decoded = scan::decode(key).into_bytes();
        &decoded
    } else {
        key
    };
    // Longer than any name: not worth folding.
    if name.len() > 256 {
        return false;
    }
    let folded: String = name
        .iter()
        .filter(|c| !matches!(c, b'-' | b'_' | b'"' | b' '))
        .map(|c| char::from(c.to_ascii_lowercase()))
        .collect();
    if folded == "progresstoken" || (number && folded.ends_with("tokens")) {
        return false;
    }
    PARTS.iter().any(|part| folded.contains(part))
}

/// The bytes with every secret replaced. Works on whole messages and on fragments such as `,"token":"x"`.
#[must_use]
pub(crate) fn masked(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    let mut kept = 0;
    let mut i = 0;
    while let Some(quote) = memchr::memchr(b'"', b.get(i..).unwrap_or_default()) {
        let Some(key) = scan::value(b, i + quote) else { break };
        i = key.end;
        let colon = scan::blanks(b, key.end);
        if b.get(colon) != Some(&b':') {
            continue;
        }
        let first = scan::blanks(b, colon + 1);
        let number = matches!(b.get(first), Some(b'-' | b'0'..=b'9'));
        // Only the value of a secret is scanned to its end: nested members are met one by one.
        if !is_secret(&b[key.start..key.end], number) && b.get(first) != Some(&b'"') {
            i = first;
            continue;
        }
        let Some(value) = scan::value(b, first) else { break };
        if !is_secret(&b[key.start..key.end], number) {
            if let Some(text) = masked_text(&b[value.start..value.end]) {
                out.extend_from_slice(&b[kept..value.start]);
                out.extend_from_slice(&text);
                kept = value.end;
            }
            i = value.end;
        } else if is_bare(b, value) {
            i = first + 1;
        } else {
            out.extend_from_slice(&b[kept..value.start]);
            out.extend_from_slice(b"\"***\"");
            kept = value.end;
            i = value.end;
        }
    }
    out.extend_from_slice(&b[kept..]);
    out
}

/// A JSON string whose text is JSON itself, with its secrets replaced: servers repeat structured results in that way. `None`: it has
/// none.
fn masked_text(string: &[u8]) -> Option<Vec<u8>> {
    let inside = string.get(1..)?;
    let first = inside.iter().find(|c| !c.is_ascii_whitespace())?;
    if !matches!(first, b'{' | b'[' | b'\\') || memchr::memmem::find(inside, b"\\\"").is_none() {
        return None;
    }
    let text: String = serde_json::from_slice(string).ok()?;
    text.trim_start().starts_with(['{', '[']).then_some(())?;
    let hidden = masked(text.as_bytes());
    (hidden != text.as_bytes())
        .then(|| serde_json::Value::from(String::from_utf8_lossy(&hidden)).to_string().into_bytes())
}

/// A line of JSON, a member a line, with the text of a secret starred character for character.
#[must_use]
pub(crate) fn starred(line: &str) -> String {
    let b = line.as_bytes();
    let found = (|| {
        let key = scan::value(b, 0).filter(|k| k.kind == Kind::Text)?;
        let colon = scan::blanks(b, key.end);
        let value = scan::value(b, colon + 1).filter(|v| b.get(colon) == Some(&b':') && v.kind == Kind::Text)?;
        is_secret(&b[key.start..key.end], false).then_some(value.start + 1..value.end)
    })();
    let Some(inside) = found else { return line.to_owned() };
    // The quote that closes it, where there is one behind the one that opens it.
    let is_closed = inside.end > inside.start && b.get(inside.end - 1) == Some(&b'"');
    let end = if is_closed { inside.end - 1 } else { inside.end };
    let (Some(before), Some(secret), Some(after)) =
        (line.get(..inside.start), line.get(inside.start..end), line.get(end..))
    else {
        return line.to_owned();
    };
    format!("{before}{}{after}", "*".repeat(secret.chars().count()))
}

/// Values under such a name that tell nothing: `null`, `true`, `false`, and an object that describes the value (a
/// property of a JSON schema) instead of being it.
#[must_use]
pub(crate) fn is_bare(b: &[u8], value: scan::Value) -> bool {
    match value.kind {
        Kind::Atom => matches!(b[value.start], b't' | b'f' | b'n'),
        Kind::Object => scan::children(b, value).take(16).any(|c| {
            c.key.is_some_and(|(s, e)| {
                matches!(
                    &b[s..e],
                    b"\"type\"" | b"\"$ref\"" | b"\"anyOf\"" | b"\"oneOf\"" | b"\"enum\"" | b"\"description\""
                )
            })
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_text_hides_its_secrets_too() {
        let hidden = |b: &str| String::from_utf8(masked(b.as_bytes())).unwrap();
        assert_eq!(
            hidden(r#"{"type":"text","text":"{\"token\":\"abc\",\"n\":1}","x":"\n [{\"password\": 7}]"}"#),
            r#"{"type":"text","text":"{\"token\":\"***\",\"n\":1}","x":"\n [{\"password\": \"***\"}]"}"#
        );
        for same in
            [r#"{"text":"say \"token\": it is a word"}"#, r#"{"text":"{\"n\":\"é\"}"}"#, r#"{"text":"{\"token\":\"abc"#]
        {
            assert_eq!(hidden(same), same);
        }
    }

    #[test]
    fn names_tell() {
        for name in [
            "Authorization",
            "x-api-key",
            "API_KEY",
            "githubToken",
            "access_token",
            "Set-Cookie",
            "client_secret",
            "\"pass\\u0077ord\"",
        ] {
            assert!(is_secret(name.as_bytes(), false), "{name}");
        }
        for name in ["progressToken", "name", "query", "key", "author", "pass"] {
            assert!(!is_secret(name.as_bytes(), false), "{name}");
        }
        assert!(!is_secret(b"maxTokens", true));
        assert!(is_secret(b"tokens", false));
        assert!(is_secret(b"token", true));
    }

    #[test]
    fn a_line_keeps_its_length() {
        for (line, want) in [
            (r#"  "api_key": "sk-é1","#, r#"  "api_key": "*****","#),
            (r#"  "name": "x","#, r#"  "name": "x","#),
            (r#""token": "#, r#""token": "#),
            (r#""token": """#, r#""token": """#),
            (r#""token": "cut"#, r#""token": "***"#),
            ("", ""),
        ] {
            assert_eq!(starred(line), want);
        }
    }

    #[test]
    fn frames_and_fragments_are_masked() {
        let check = |input: &str, want: &str| assert_eq!(String::from_utf8(masked(input.as_bytes())).unwrap(), want);
        check(
            r#"{"a":"token","token":"abc","b":{"password": 12}}"#,
            r#"{"a":"token","token":"***","b":{"password": "***"}}"#,
        );
        check(r#","api_key":"x","progressToken":7"#, r#","api_key":"***","progressToken":7"#);
        check(r#"{"cookies":["a","b"],"secret":null}"#, r#"{"cookies":"***","secret":null}"#);
        check(r#"{"token":{"type":"string","secret":"x"}}"#, r#"{"token":{"type":"string","secret":"***"}}"#);
        check(r#"{"credentials":{"user":"u","value":"v"}}"#, r#"{"credentials":"***"}"#);
        check(r#"{"password":"cut of"#, r#"{"password":"***""#);
        check("no json \" at all", "no json \" at all");
    }
}
