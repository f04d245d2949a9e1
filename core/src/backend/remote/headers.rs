//! What MCP 2026-07-28 repeats in headers of what stands in the body, made from the body (basic/transports, Streamable HTTP,
//! standard headers). Pure.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::protocol::{Field, Message, Method, Span, walk};

/// `MCP-Protocol-Version`
pub(super) const VERSION: &str = "mcp-protocol-version";
/// The edition that has these headers.
pub(super) const MODERN: &str = "2026-07-28";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
/// Before the name that a tool's schema gives an argument.
const PARAM: &str = "mcp-param-";
/// The key in a tool's schema.
const ANNOTATION: &str = "x-mcp-header";

/// By own name of the tool: paths of arguments, and the headers they are repeated in.
pub(in crate::backend) type ParamHeaders = HashMap<Box<str>, Vec<(Vec<Box<str>>, HeaderName)>>;

/// Adds the headers of `body`, which is a message of ours.
pub(super) fn add(head: &mut HeaderMap, body: &Bytes, params: &ParamHeaders) {
    let Ok(message) = Message::parse(body.clone()) else { return };
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(&encoded(value)) {
            head.insert(name, value);
        }
    };
    let Some(method) = message.text(Field::Method) else { return };
    put(HeaderName::from_static(METHOD), &method);
    let name = match message.method() {
        Some(Method::ToolsCall | Method::PromptsGet) => message.text(Field::Name),
        Some(Method::ResourcesRead) => message.text(Field::Uri),
        _ if method.starts_with("tasks/") => member(&message, "taskId"),
        _ => None,
    };
    let Some(name) = name else { return };
    put(HeaderName::from_static(NAME), &name);
    if message.method() != Some(Method::ToolsCall) {
        return;
    }
    for (path, header) in params.get(&*name).into_iter().flatten() {
        if let Some(value) = argument(&message, path) {
            put(header.clone(), &value);
        }
    }
}

fn member<'m>(message: &'m Message, key: &str) -> Option<std::borrow::Cow<'m, str>> {
    let raw = message.raw();
    let (_, value) = walk::member(raw, message.span(Field::Params)?, key)?;
    walk::decode(&raw[value.start as usize..value.end as usize])
}

/// The argument at `path` as text, if it is a plain value.
fn argument(message: &Message, path: &[Box<str>]) -> Option<String> {
    let raw = message.raw();
    let mut at: Span = message.span(Field::Arguments)?;
    for key in path {
        (_, at) = walk::member(raw, at, key)?;
    }
    let value = &raw[at.start as usize..at.end as usize];
    match value.first()? {
        b'"' => walk::decode(value).map(std::borrow::Cow::into_owned),
        b'{' | b'[' | b'n' => None,
        _ => std::str::from_utf8(value).ok().map(str::to_owned),
    }
}

/// A value as a header can hold it.
fn encoded(value: &str) -> std::borrow::Cow<'_, str> {
    let is_blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    let bytes = value.as_bytes();
    let looks_encoded = value.starts_with("=?base64?") && value.ends_with("?=");
    let is_plain = bytes.iter().all(|b| (0x20..=0x7e).contains(b))
        && !is_blank(bytes.first())
        && !is_blank(bytes.last())
        && !looks_encoded;
    if is_plain { value.into() } else { format!("=?base64?{}?=", BASE64.encode(value)).into() }
}

/// The headers that the listed `tools` ask for, and the tools that ask for something impossible, with the reason.
pub(in crate::backend) fn param_headers(tools: &[Bytes]) -> (ParamHeaders, Vec<(usize, String)>) {
    let mut all = ParamHeaders::new();
    let mut wrong = Vec::new();
    for (i, tool) in tools.iter().enumerate() {
        // Nearly no tool has any.
        if memchr::memmem::find(tool, ANNOTATION.as_bytes()).is_none() {
            continue;
        }
        let Ok(tool) = serde_json::from_slice::<Value>(tool) else { continue };
        let Some(name) = tool["name"].as_str() else { continue };
        let mut found = Found::default();
        found.look(&tool["inputSchema"], &mut Vec::new(), true);
        match found.wrong {
            Some(why) => wrong.push((i, why)),
            None if found.headers.is_empty() => {}
            None => drop(all.insert(name.into(), found.headers)),
        }
    }
    (all, wrong)
}

/// What one schema asks for.
#[derive(Default)]
struct Found {
    headers: Vec<(Vec<Box<str>>, HeaderName)>,
    seen: HashSet<String>,
    wrong: Option<String>,
}

impl Found {
    /// Looks through a schema; `on_chain`: it is reached by `properties` alone, where the annotation may stand.
    fn look<'s>(&mut self, schema: &'s Value, path: &mut Vec<&'s str>, on_chain: bool) {
        let Value::Object(members) = schema else {
            if let Value::Array(items) = schema {
                items.iter().for_each(|i| self.look(i, path, false));
            }
            return;
        };
        for (key, value) in members {
            match key.as_str() {
                ANNOTATION => self.annotation(value, &schema["type"], path, on_chain),
                "properties" => {
                    for (name, inner) in value.as_object().into_iter().flatten() {
                        path.push(name);
                        self.look(inner, path, on_chain);
                        path.pop();
                    }
                }
                "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties" => {
                    value.as_object().into_iter().flatten().for_each(|(_, inner)| self.look(inner, path, false));
                }
                // Data, not schemas.
                "default" | "const" | "enum" | "examples" | "dependentRequired" => {}
                _ => self.look(value, path, false),
            }
        }
    }

    fn annotation(&mut self, header: &Value, kind: &Value, path: &[&str], on_chain: bool) {
        let at = path.join(".");
        let wrong = |what: &str| Some(format!("`{ANNOTATION}` of `{at}` {what}"));
        if path.is_empty() || !on_chain {
            self.wrong = wrong("stands where no single argument is meant");
            return;
        }
        let Some(name) = header.as_str().filter(|n| !n.is_empty()) else {
            self.wrong = wrong("is no name");
            return;
        };
        let Ok(header) = HeaderName::from_bytes(format!("{PARAM}{name}").as_bytes()) else {
            self.wrong = wrong("cannot be the name of a header");
            return;
        };
        if !self.seen.insert(name.to_ascii_lowercase()) {
            self.wrong = wrong("is that of another argument too");
            return;
        }
        if !matches!(kind.as_str(), Some("string" | "integer" | "boolean")) {
            self.wrong = wrong("is on an argument that is no string, integer or boolean");
            return;
        }
        self.headers.push((path.iter().map(|p| (*p).into()).collect(), header));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers_of(body: &str, params: &ParamHeaders) -> Vec<(String, String)> {
        let mut head = HeaderMap::new();
        add(&mut head, &Bytes::copy_from_slice(body.as_bytes()), params);
        let text = |v: &HeaderValue| v.to_str().expect("text").to_owned();
        let mut all: Vec<_> = head.iter().map(|(k, v)| (k.to_string(), text(v))).collect();
        all.sort();
        all
    }

    fn check(body: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(headers_of(body, &ParamHeaders::new()), expected, "{body}");
    }

    #[test]
    fn method_and_name_are_made_from_the_body() {
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_issue","arguments":{}}}"#,
            &[("mcp-method", "tools/call"), ("mcp-name", "create_issue")],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"gr\u00fc\u00df dich"}}"#,
            &[("mcp-method", "prompts/get"), ("mcp-name", "=?base64?Z3LDvMOfIGRpY2g=?=")],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a b"}}"#,
            &[("mcp-method", "resources/read"), ("mcp-name", "file:///a b")],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":" t"}}"#,
            &[("mcp-method", "tasks/get"), ("mcp-name", "=?base64?IHQ=?=")],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"x"}}"#,
            &[("mcp-method", "tools/list")],
        );
        check(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, &[("mcp-method", "notifications/x")]);
    }

    #[test]
    fn a_value_that_looks_encoded_is_encoded() {
        assert_eq!(encoded("=?base64?eA==?="), "=?base64?PT9iYXNlNjQ/ZUE9PT89?=");
        assert_eq!(encoded("a b"), "a b");
        assert_eq!(encoded(""), "");
        assert_eq!(encoded("a\nb"), "=?base64?YQpi?=");
    }

    fn tool(schema: &str) -> Bytes {
        format!(r#"{{"name":"t","inputSchema":{schema}}}"#).into()
    }

    #[test]
    fn annotated_arguments_are_repeated() {
        let schema = r#"{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}},
            "on":{"type":"boolean","x-mcp-header":"On"},
            "x-mcp-header":{"type":"string"}}}"#;
        let (params, wrong) = param_headers(&[tool(schema)]);
        assert!(wrong.is_empty(), "{wrong:?}");
        let call = |arguments: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
            )
        };
        let check = |arguments: &str, expected: &[(&str, &str)]| {
            let got = headers_of(&call(arguments), &params);
            let got: Vec<_> =
                got.iter().filter(|(k, _)| k.starts_with(PARAM)).map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(got, expected, "{arguments}");
        };
        check(
            r#"{"region":"eu","deep":{"n":42},"on":false}"#,
            &[("mcp-param-n", "42"), ("mcp-param-on", "false"), ("mcp-param-region", "eu")],
        );
        check(r#"{"region":"日本"}"#, &[("mcp-param-region", "=?base64?5pel5pys?=")]);
        check(r#"{"region":null,"deep":{}}"#, &[]);
        check(r#"{"region":["a"],"deep":3}"#, &[]);
    }

    #[test]
    fn impossible_annotations_are_told() {
        let check = |schema: &str, part: &str| {
            let (params, wrong) = param_headers(&[tool(r#"{"type":"object"}"#), tool(schema)]);
            assert!(params.is_empty());
            assert!(matches!(&wrong[..], [(1, why)] if why.contains(part)), "{schema}: {wrong:?}");
        };
        let one = |inner: &str| format!(r#"{{"properties":{{"a":{inner}}}}}"#);
        check(&one(r#"{"type":"string","x-mcp-header":""}"#), "no name");
        check(&one(r#"{"type":"string","x-mcp-header":5}"#), "no name");
        check(&one(r#"{"type":"string","x-mcp-header":"a b"}"#), "cannot be the name");
        check(&one(r#"{"type":"number","x-mcp-header":"A"}"#), "no string, integer or boolean");
        check(&one(r#"{"type":"object","x-mcp-header":"A"}"#), "no string, integer or boolean");
        check(&one(r#"{"type":"array","items":{"type":"string","x-mcp-header":"A"}}"#), "no single argument");
        check(r#"{"x-mcp-header":"A"}"#, "no single argument");
        check(r#"{"$defs":{"d":{"type":"string","x-mcp-header":"A"}}}"#, "no single argument");
        check(
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"X"},"b":{"type":"string","x-mcp-header":"x"}}}"#,
            "another argument",
        );
    }
}
