//! Arguments of tools that also stand in HTTP headers: `x-mcp-header` in a tool's schema (MCP 2026-07-28; SEP-2243). Pure.

use crate::protocol::{Span, walk};

/// Deepest nesting of properties looked at.
const MAX_DEPTH: usize = 16;

/// One argument that also stands in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// Property names from the root of the arguments.
    pub path: Vec<String>,
    /// The header's name in lower case: `mcp-param-region`.
    pub header: String,
}

/// The promoted arguments of a tool; `tool` is its JSON.
#[must_use]
pub fn promoted(tool: &[u8]) -> Vec<Promoted> {
    let mut found = Vec::new();
    if memchr::memmem::find(tool, b"x-mcp-header").is_none() {
        return found;
    }
    let all = Span { start: 0, end: u32::try_from(tool.len()).unwrap_or(0) };
    if let Some((_, schema)) = walk::member(tool, all, "inputSchema") {
        collect(tool, schema, &mut Vec::new(), &mut found);
    }
    found
}

fn collect(raw: &[u8], schema: Span, path: &mut Vec<String>, found: &mut Vec<Promoted>) {
    let Some((_, properties)) = walk::member(raw, schema, "properties").filter(|_| path.len() < MAX_DEPTH) else {
        return;
    };
    for (key, property) in walk::members(raw, properties) {
        let Some(key) = walk::decode(&raw[key.range()]) else { continue };
        path.push(key.into_owned());
        let header = walk::member(raw, property, "x-mcp-header").and_then(|(_, v)| walk::decode(&raw[v.range()]));
        if let Some(header) = header.filter(|h| is_token(h)) {
            found.push(Promoted { path: path.clone(), header: format!("mcp-param-{}", header.to_ascii_lowercase()) });
        }
        collect(raw, property, path, found);
        path.pop();
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_found_along_properties_only() {
        let tool = br#"{"name":"x","inputSchema":{"type":"object","properties":{
            "a":{"type":"string","x-mcp-header":"Region"},
            "b":{"type":"object","properties":{"c":{"x-mcp-header":"Deep-One"}}},
            "d":{"type":"array","items":{"properties":{"e":{"x-mcp-header":"Never"}}}},
            "f":{"x-mcp-header":""},"g":{"x-mcp-header":7},"h":{"x-mcp-header":"two words"}}}}"#;
        let found: Vec<_> = promoted(tool).into_iter().map(|p| (p.path.join("."), p.header)).collect();
        let expected = [("a", "mcp-param-region"), ("b.c", "mcp-param-deep-one")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(promoted(br#"{"name":"x"}"#), []);
    }
}
