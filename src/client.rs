//! A small client over a [`Link`]: newline-delimited JSON-RPC as MCP 2025-11-25 has it. What `call`, `list`, `read` and the
//! demo client talk to the engine with, so that they go the way of every client.
//!
//! It keeps no task and no lock: the caller drives it by [`Client::next`], or waits for one answer by [`Client::request`].

use mcp_proxy_core::transport::Link;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

/// The edition this client speaks.
pub const REVISION: &str = "2025-11-25";

/// A client that has opened the talk.
pub struct Client {
    reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// A line as far as it has been read: what makes [`Client::next`] cancel safe.
    line: Vec<u8>,
    n_requests: u64,
}

/// What the proxy says.
#[derive(Debug)]
pub enum Incoming {
    /// The answer to a request of ours.
    Answer {
        /// Its id, as [`Client::send`] gave it.
        id: u64,
        /// How it ended.
        outcome: Result<Box<RawValue>, Refusal>,
    },
    /// A question; it is answered with [`Client::answer`].
    Question {
        /// Its id, as it came.
        id: Value,
        /// What is asked.
        method: String,
        /// With what.
        params: Value,
    },
    /// A notification.
    Notice {
        /// What it is about.
        method: String,
        /// The rest.
        params: Value,
    },
}

/// A JSON-RPC error answer.
#[derive(Clone, Debug, PartialEq, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// Its code.
    pub code: i64,
    /// Its text.
    #[serde(default)]
    pub message: String,
    /// Its `data`.
    #[serde(default)]
    pub data: Option<Value>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request was answered with an error.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The proxy ended the connection.
    #[error("the proxy closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection to the proxy broke")]
    Io(#[from] std::io::Error),
    /// Bytes that are no JSON-RPC message.
    #[error("the proxy sent what is no JSON-RPC message")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<Value>,
    method: Option<String>,
    params: Option<Value>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

impl Client {
    /// Opens the talk: `initialize` under `name` with these client capabilities.
    ///
    /// # Errors
    /// When the proxy refuses it or goes away.
    pub async fn open(link: Link, name: &str, capabilities: Value) -> Result<Self, ClientError> {
        let mut client =
            Self { reader: BufReader::new(link.reader), writer: link.writer, line: Vec::new(), n_requests: 0 };
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": capabilities,
            "clientInfo": { "name": name, "version": env!("CARGO_PKG_VERSION") },
        });
        client.request("initialize", params, |_| ()).await?;
        client.notify("notifications/initialized", json!({})).await?;
        Ok(client)
    }

    /// Sends a request and gives its id; the answer comes by [`Client::next`].
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, method: &str, mut params: Value) -> Result<u64, ClientError> {
        self.n_requests += 1;
        let id = self.n_requests;
        if matches!(method, "tools/call" | "resources/read" | "prompts/get") {
            params["_meta"] = json!({ "progressToken": id });
        }
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        Ok(id)
    }

    /// Sends a request and waits for its answer. `seen` gets every notification meanwhile; a question is refused.
    ///
    /// # Errors
    /// When it is answered with an error, or the connection is gone.
    ///
    /// # Cancel safety
    /// Cancel safe in that nothing breaks; the answer is dropped when it comes. Tell the proxy by [`Client::cancel`].
    pub async fn request(
        &mut self,
        method: &str,
        params: Value,
        mut seen: impl FnMut(Incoming),
    ) -> Result<Box<RawValue>, ClientError> {
        let wanted = self.send(method, params).await?;
        loop {
            match self.next().await? {
                Incoming::Answer { id, outcome } if id == wanted => return Ok(outcome?),
                Incoming::Answer { .. } => {}
                Incoming::Question { id, method, .. } => self.refuse(id, &method).await?,
                notice @ Incoming::Notice { .. } => seen(notice),
            }
        }
    }

    /// Gives up the last request sent.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn cancel(&mut self, reason: &str) -> Result<(), ClientError> {
        self.notify("notifications/cancelled", json!({ "requestId": self.n_requests, "reason": reason })).await
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn notify(&mut self, method: &str, params: Value) -> Result<(), ClientError> {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await
    }

    /// Answers a question.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn answer(&mut self, id: Value, result: Value) -> Result<(), ClientError> {
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "result": result })).await
    }

    /// Answers a question that is not understood; a `ping` gets what it wants.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn refuse(&mut self, id: Value, method: &str) -> Result<(), ClientError> {
        if method == "ping" {
            return self.answer(id, json!({})).await;
        }
        let error = json!({ "code": -32601, "message": format!("`{method}` is not supported by this client") });
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "error": error })).await
    }

    /// Waits for the next thing the proxy says.
    ///
    /// # Errors
    /// When the connection is gone, or what came is no message.
    ///
    /// # Cancel safety
    /// Cancel safe: a line half read is kept.
    pub async fn next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            self.reader.read_until(b'\n', &mut self.line).await?;
            if self.line.is_empty() {
                return Err(ClientError::Closed);
            }
            let line = std::mem::take(&mut self.line);
            let Envelope { id, method, params, result, error } = serde_json::from_slice(&line)?;
            let params = params.unwrap_or(Value::Null);
            return Ok(match (id, method) {
                (Some(id), Some(method)) => Incoming::Question { id, method, params },
                (None, Some(method)) => Incoming::Notice { method, params },
                (id, None) => {
                    let outcome = match (result, error) {
                        (Some(result), _) => Ok(result.to_owned()),
                        (None, Some(refusal)) => Err(refusal),
                        (None, None) => continue,
                    };
                    // An error without an id answers something that could not be read: none of ours.
                    let Some(id) = id.as_ref().and_then(Value::as_u64) else { continue };
                    Incoming::Answer { id, outcome }
                }
            });
        }
    }

    async fn write(&mut self, message: &Value) -> Result<(), ClientError> {
        let mut line = message.to_string();
        line.push('\n');
        self.writer.write_all(line.as_bytes()).await?;
        self.writer.flush().await?;
        Ok(())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("n_requests", &self.n_requests).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each line of the client with these lines, in order.
    async fn scripted(link: Link, answers: &[&[&str]]) -> Vec<Value> {
        let mut reader = BufReader::new(link.reader);
        let mut writer = link.writer;
        let mut seen = Vec::new();
        for answer in answers {
            let mut line = String::new();
            reader.read_line(&mut line).await.expect("the client writes");
            seen.push(serde_json::from_str(&line).expect("JSON"));
            for line in *answer {
                writer.write_all(format!("{line}\n").as_bytes()).await.expect("the client reads");
            }
        }
        seen
    }

    const OPENED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#;

    #[tokio::test]
    async fn questions_and_notices_come_between_request_and_answer() {
        let (ours, theirs) = Link::memory();
        let ask = r#"{"jsonrpc":"2.0","id":"q","method":"ping"}"#;
        let ask_more = r#"{"jsonrpc":"2.0","id":0,"method":"roots/list"}"#;
        let progress =
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}"#;
        let answer = r#"{"result":{"big":123456789012345678901234567890},"jsonrpc":"2.0","id":2}"#;
        let script: [&[&str]; 5] = [&[OPENED], &[], &[ask, ask_more, progress, answer], &[], &[]];
        let client = async {
            let mut client = Client::open(ours, "test", json!({})).await.expect("opened");
            let mut notices = 0;
            let result = client.request("tools/call", json!({"name": "x"}), |_| notices += 1).await.expect("answered");
            assert_eq!(result.get(), r#"{"big":123456789012345678901234567890}"#);
            assert_eq!(notices, 1);
        };
        let (seen, ()) = tokio::join!(scripted(theirs, &script), client);
        assert_eq!(seen[2]["params"]["_meta"]["progressToken"], 2);
        assert_eq!(seen[3], json!({"jsonrpc": "2.0", "id": "q", "result": {}}));
        assert_eq!(seen[4]["error"]["code"], -32601);
    }

    #[tokio::test]
    async fn refusal_and_end_are_told_apart() {
        let (ours, theirs) = Link::memory();
        let refused = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"unknown tool `x`"}}"#;
        let script: [&[&str]; 3] = [&[OPENED], &[], &[refused]];
        let client = async {
            let mut client = Client::open(ours, "test", json!({})).await.expect("opened");
            let error = client.request("tools/call", json!({}), |_| ()).await.expect_err("refused");
            assert_eq!(error.to_string(), "unknown tool `x` (-32602)");
            client
        };
        let (_, mut client) = tokio::join!(scripted(theirs, &script), client);
        assert!(matches!(client.next().await, Err(ClientError::Closed)));
    }
}
