//! The JSON-RPC error object.

use std::borrow::Cow;

use super::message::{Malformed, MalformedKind};

/// Error codes, each with the section it comes from.
pub mod code {
    /// Invalid JSON (JSON-RPC 2.0, section 5.1).
    pub const PARSE: i32 = -32700;
    /// Not a valid request (JSON-RPC 2.0, section 5.1).
    pub const INVALID_REQUEST: i32 = -32600;
    /// No such method (JSON-RPC 2.0, section 5.1).
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// Wrong parameters; also unknown tools and prompts (MCP 2025-11-25, server/tools, error handling).
    pub const INVALID_PARAMS: i32 = -32602;
    /// Something failed behind us (JSON-RPC 2.0, section 5.1).
    pub const INTERNAL: i32 = -32603;
    /// Unknown resource, legacy era (MCP 2025-11-25, server/resources, error handling).
    pub const RESOURCE_NOT_FOUND: i32 = -32002;
    /// The client must open a URL first (MCP 2025-11-25, client/elicitation).
    pub const URL_ELICITATION_REQUIRED: i32 = -32042;
    /// Headers and body of an HTTP request disagree (MCP 2026-07-28, transports, Streamable HTTP).
    pub const HEADER_MISMATCH: i32 = -32020;
    /// A request needs a capability the client did not declare (MCP 2026-07-28, basic).
    pub const MISSING_CAPABILITY: i32 = -32021;
    /// Unsupported protocol version (MCP 2026-07-28, basic, versioning).
    pub const UNSUPPORTED_VERSION: i32 = -32022;
}

/// An error answer: what the `error` member says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of [`code`], or a server's own.
    pub code: i32,
    /// One sentence: what failed, why, what to do.
    pub message: Cow<'static, str>,
    /// Raw JSON of `data`, if any.
    pub data: Option<String>,
}

impl Fault {
    /// A fault without data.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same with `data`.
    #[must_use]
    pub fn with_data(mut self, data: &serde_json::Value) -> Self {
        self.data = Some(data.to_string());
        self
    }

    /// The JSON text of the `error` object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let message = serde_json::Value::from(self.message.as_ref());
        match &self.data {
            Some(data) => format!(r#"{{"code":{},"message":{message},"data":{data}}}"#, self.code),
            None => format!(r#"{{"code":{},"message":{message}}}"#, self.code),
        }
    }
}

impl From<&Malformed> for Fault {
    fn from(m: &Malformed) -> Self {
        let code = match m.kind {
            MalformedKind::NotJson(_) | MalformedKind::NotUtf8 => code::PARSE,
            MalformedKind::TooDeep | MalformedKind::DuplicateKey(_) | MalformedKind::Shape(_) => code::INVALID_REQUEST,
        };
        Self::new(code, format!("{} (at byte {})", m.kind, m.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_json() {
        let fault = Fault::new(code::INVALID_PARAMS, "Unknown tool: \"x\"\n");
        assert_eq!(fault.to_json(), r#"{"code":-32602,"message":"Unknown tool: \"x\"\n"}"#);
        let fault = Fault::new(code::INTERNAL, "down").with_data(&serde_json::json!({ "backend": "a" }));
        assert_eq!(fault.to_json(), r#"{"code":-32603,"message":"down","data":{"backend":"a"}}"#);
    }

    #[test]
    fn what_is_malformed_gets_its_code() {
        for (kind, code) in [
            (MalformedKind::NotJson("expected a value"), code::PARSE),
            (MalformedKind::NotUtf8, code::PARSE),
            (MalformedKind::TooDeep, code::INVALID_REQUEST),
            (MalformedKind::DuplicateKey("id"), code::INVALID_REQUEST),
            (MalformedKind::Shape("a message must be an object"), code::INVALID_REQUEST),
        ] {
            let fault = Fault::from(&Malformed { kind: kind.clone(), at: 7, id: None });
            assert_eq!((fault.code, &*fault.message), (code, &*format!("{kind} (at byte 7)")));
        }
    }
}
