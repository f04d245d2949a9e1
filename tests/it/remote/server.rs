//! A scripted HTTP server inside the test: it writes bytes, so it can misbehave in every way there is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// What is written back.
pub(super) enum Reply {
    /// A status, header lines and a body, with its length.
    Full(u16, Vec<String>, Vec<u8>),
    /// These bytes and the end of the connection.
    Raw(Vec<u8>),
    /// Whatever this does with the connection, which ends after it.
    Wild(Box<dyn FnOnce(&mut TcpStream) + Send>),
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The JSON-RPC method of the body.
    pub(super) fn rpc(&self) -> String {
        self.json()["method"].as_str().unwrap_or_default().to_owned()
    }

    /// The id of the body as raw JSON.
    pub(super) fn id(&self) -> String {
        self.json()["id"].to_string()
    }
}

/// An answer in one JSON body.
pub(super) fn answer(request: &Request, result: &Value) -> Reply {
    json_body(200, &[], &format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, request.id()))
}

pub(super) fn json_body(status: u16, headers: &[&str], body: &str) -> Reply {
    let mut all = vec!["content-type: application/json".to_owned()];
    all.extend(headers.iter().map(|h| (*h).to_owned()));
    Reply::Full(status, all, body.as_bytes().to_vec())
}

pub(super) fn status(status: u16, body: &str) -> Reply {
    Reply::Full(status, vec!["content-type: text/plain".to_owned()], body.as_bytes().to_vec())
}

/// The head of an event stream that ends with the connection, and its first events.
pub(super) fn events(text: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{text}").into_bytes()
}

/// One event with this message.
pub(super) fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

pub(super) fn text_result(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

/// What a well-behaved legacy server with one tool `echo` says to everything but calls.
pub(super) fn manners(request: &Request) -> Reply {
    match (request.method.as_str(), request.rpc().as_str()) {
        ("POST", "initialize") => {
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "scripted", "version": "1" } });
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, request.id());
            json_body(200, &["mcp-session-id: s1"], &body)
        }
        ("POST", "tools/list") => answer(request, &json!({ "tools": [tool("echo")] })),
        ("POST", "tools/call") => answer(request, &text_result("well")),
        ("POST", "ping") => answer(request, &json!({})),
        ("POST", "server/discover") => status(400, "no session"),
        ("POST", _) if request.json().get("id").is_none() => Reply::Full(202, Vec::new(), Vec::new()),
        ("DELETE", _) => status(200, ""),
        _ => status(405, "no stream"),
    }
}

/// What a well-behaved modern server with one tool `echo` says to everything but calls.
pub(super) fn modern_manners(request: &Request) -> Reply {
    match (request.method.as_str(), request.rpc().as_str()) {
        ("POST", "server/discover") => answer(
            request,
            &json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} }, "resultType": "complete",
                "ttlMs": 0, "cacheScope": "private" }),
        ),
        ("POST", "tools/list") => answer(
            request,
            &json!({ "tools": [tool("echo")], "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
        ),
        ("POST", "tools/call") => {
            let mut result = text_result("well");
            result["resultType"] = "complete".into();
            answer(request, &result)
        }
        ("POST", "subscriptions/listen") => json_body(
            404,
            &[],
            &format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"none"}}}}"#, request.id()),
        ),
        ("POST", "initialize") => json_body(
            400,
            &[],
            &format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32022,"message":"modern only"}}}}"#, request.id()),
        ),
        _ => status(405, ""),
    }
}

pub(super) fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}

/// The server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves every connection until the end of the test; `script` gets each request.
    pub(super) fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script)
    }

    /// The same at an address that must be free.
    pub(super) fn start_at(address: SocketAddr, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let script = Arc::new(script);
        let record = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, record) = (script.clone(), record.clone());
                thread::spawn(move || serve(stream, &*script, &record));
            }
        });
        Self { address, seen }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }

    /// The requests whose body has this JSON-RPC method.
    pub(super) fn seen_of(&self, rpc: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|r| r.rpc() == rpc).collect()
    }

    /// The requests with this HTTP method.
    pub(super) fn seen_by(&self, method: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|r| r.method == method).collect()
    }
}

fn serve(stream: TcpStream, script: &(impl Fn(&Request) -> Reply + ?Sized), record: &Mutex<Vec<Request>>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        record.lock().expect("no panic").push(request.clone());
        match script(&request) {
            Reply::Full(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for header in headers {
                    head.push_str(&header);
                    head.push_str("\r\n");
                }
                head.push_str("\r\n");
                if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                let _ = writer.write_all(&bytes);
                let _ = writer.shutdown(std::net::Shutdown::Both);
                return;
            }
            Reply::Wild(wild) => {
                wild(&mut writer);
                let _ = writer.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(k, _)| k.eq_ignore_ascii_case("content-length"));
    let length: usize = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
