//! Clients by HTTP, down to the bytes: a connection that writes what it is told and reads what comes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::DEADLINE;
use super::{Home, Peer, eventually};

/// What every POST of a well-behaved client says.
pub(crate) const USUAL: [(&str, &str); 2] =
    [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];

/// How long a socket is looked at for its end.
const LOOK: Duration = Duration::from_millis(100);

/// A running `serve --http`.
pub(crate) struct Web {
    pub(crate) process: Peer,
    pub(crate) address: String,
}

impl Home {
    /// Starts `serve --http` on a free port.
    pub(crate) fn web(&self) -> Web {
        self.web_with(&[])
    }

    /// The same with more on the command line.
    pub(crate) fn web_with(&self, more: &[&str]) -> Web {
        let config = self.config();
        let config = config.to_str().expect("temporary folders have plain names");
        let mut args = vec!["serve", "--http", "--port", "0", "--config", config, "--log-level", "debug"];
        args.extend(more);
        Web::of(Peer::start(self.command(&args)))
    }
}

impl Web {
    /// A process that listens.
    pub(crate) fn of(process: Peer) -> Self {
        let address = eventually("a port is named", || {
            let stderr = process.stderr();
            let (_, rest) = stderr.split_once("listening on http://")?;
            rest.split_once('/').map(|(address, _)| address.to_owned())
        });
        Self { process, address }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Http {
        Http::connect(&self.address)
    }

    /// One POST of a well-behaved client, on a connection of its own.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.connect().post(path, headers, body)
    }

    /// A page, read with these headers.
    pub(crate) fn page(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.connect().request("GET", path, headers, b"")
    }

    /// A number in `/status`, by JSON pointer.
    pub(crate) fn status(&self, pointer: &str) -> u64 {
        let status = self.page("/status", &[]).json();
        status.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number at {pointer}: {status}"))
    }

    /// A sample of `/metrics`, by its name and labels as they stand there.
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        let text = String::from_utf8(self.page("/metrics", &[]).body).expect("text");
        let value = text.lines().find_map(|l| l.strip_prefix(sample)?.strip_prefix(' '));
        value.and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no {sample} in {text}"))
    }

    /// Opens a session.
    pub(crate) fn open(&self, revision: &str, capabilities: &Value) -> Client {
        Client::open(self, "/mcp", revision, capabilities)
    }
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("no JSON ({e}) with status {}: {text}", self.status))
    }

    /// Status and code of the error.
    pub(crate) fn refusal(&self) -> (u16, i64) {
        (self.status, self.json()["error"]["code"].as_i64().unwrap_or_default())
    }
}

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) retry: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// A connection.
pub(crate) struct Http {
    socket: TcpStream,
    host: String,
    /// Read and not used yet.
    buffer: Vec<u8>,
    /// The part of the present stream that was decoded and not used yet.
    text: String,
}

impl Http {
    pub(crate) fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).expect("somebody listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
        socket.set_nodelay(true).expect("a socket");
        Self { socket, host: address.to_owned(), buffer: Vec::new(), text: String::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("it is read");
    }

    /// Whether the other side has closed; waits a moment for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.socket.set_read_timeout(Some(LOOK)).expect("a socket");
        let read = self.socket.read(&mut [0; 4096]);
        self.socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
        match read {
            Ok(n) => n == 0,
            Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Writes what may be refused before its end.
    pub(crate) fn send_what_is_taken(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Says that nothing more will be written.
    pub(crate) fn end(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("a socket");
    }

    /// Sends a request with exactly these headers, `host` and `content-length` aside.
    pub(crate) fn ask(&mut self, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{verb} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(n, _)| *n == "host") {
            head += &format!("host: {}\r\n", self.host);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        self.send_what_is_taken(&[head.as_bytes(), body].concat());
    }

    /// Sends a request and gives its whole response.
    pub(crate) fn request(&mut self, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.ask(verb, path, headers, body);
        self.reply()
    }

    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let all = [&USUAL[..], headers].concat();
        self.request("POST", path, &all, body.to_string().as_bytes())
    }

    fn fill(&mut self) -> usize {
        let mut chunk = [0; 16 * 1024];
        let n = self.socket.read(&mut chunk).expect("something comes before the deadline");
        self.buffer.extend_from_slice(&chunk[..n]);
        n
    }

    /// Takes the bytes before `mark`, and the mark.
    fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, mark) {
                let rest = self.buffer.split_off(at + mark.len());
                let mut taken = std::mem::replace(&mut self.buffer, rest);
                taken.truncate(at);
                return taken;
            }
            assert!(self.fill() > 0, "closed early: {}", String::from_utf8_lossy(&self.buffer));
        }
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        while self.buffer.len() < n {
            assert!(self.fill() > 0, "closed early");
        }
        let rest = self.buffer.split_off(n);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The head of a response; its body has not been read.
    pub(crate) fn head(&mut self) -> Reply {
        self.text.clear();
        let head = String::from_utf8(self.until(b"\r\n\r\n")).expect("text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).expect("a status");
        let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
        Reply { status, headers: lines.filter_map(pair).collect(), body: Vec::new() }
    }

    /// A whole response.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                reply.body.extend_from_slice(&chunk);
            }
        } else {
            let n = reply.header("content-length").map_or(0, |n| n.parse().expect("a number"));
            reply.body = self.take(n);
        }
        reply
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n")).expect("text");
        let size = usize::from_str_radix(&size, 16).expect("a size");
        let chunk = self.take(size);
        self.until(b"\r\n");
        (size > 0).then_some(chunk)
    }

    /// The next event of a stream whose head has been read; comments are passed over. `None` at its end.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Event::default();
                let mut is_event = false;
                for line in block.lines() {
                    let (key, value) = line.split_once(':').unwrap_or((line, ""));
                    let value = value.strip_prefix(' ').unwrap_or(value);
                    match key {
                        "id" => event.id = value.to_owned(),
                        "event" => event.name = value.to_owned(),
                        "data" => event.data += value,
                        "retry" => event.retry = value.to_owned(),
                        _ => continue,
                    }
                    is_event = true;
                }
                self.text = rest.to_owned();
                if is_event {
                    return Some(event);
                }
            }
            let chunk = self.chunk()?;
            self.text += std::str::from_utf8(&chunk).expect("text");
        }
    }

    /// The next event that is a message.
    pub(crate) fn message(&mut self) -> Option<Event> {
        loop {
            let event = self.event()?;
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }

    /// Waits until the other side closes, and gives what came before.
    pub(crate) fn read_rest(&mut self) -> Vec<u8> {
        // A reset is an end too.
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = self.socket.read(&mut chunk) {
            self.buffer.extend_from_slice(&chunk[..n]);
        }
        std::mem::take(&mut self.buffer)
    }
}

/// A legacy client with its session.
pub(crate) struct Client {
    address: String,
    pub(crate) path: String,
    pub(crate) session: String,
    pub(crate) revision: String,
    n_requests: u64,
}

impl Client {
    pub(crate) fn open(web: &Web, path: &str, revision: &str, capabilities: &Value) -> Self {
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": capabilities,
            "clientInfo": {"name": "harness", "version": "1"}}});
        let reply = web.post(path, &[], &body);
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        let session = reply.header("mcp-session-id").expect("a session").to_owned();
        let revision = reply.json()["result"]["protocolVersion"].as_str().expect("an edition").to_owned();
        let mut client = Self { address: web.address.clone(), path: path.to_owned(), session, revision, n_requests: 0 };
        assert_eq!(client.notify("notifications/initialized", &json!({})).status, 202);
        client
    }

    /// The headers that name the session.
    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [("mcp-session-id", &self.session), ("mcp-protocol-version", &self.revision)]
    }

    /// Posts a body on a new connection and gives that, with nothing read.
    pub(crate) fn start(&self, body: &Value) -> Http {
        let mut http = Http::connect(&self.address);
        let all = [&USUAL[..], &self.headers()].concat();
        http.ask("POST", &self.path, &all, body.to_string().as_bytes());
        http
    }

    pub(crate) fn post(&self, body: &Value) -> Reply {
        self.start(body).reply()
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) -> Reply {
        self.post(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    /// A request as a client sends it.
    pub(crate) fn body(&mut self, method: &str, params: &Value) -> Value {
        self.n_requests += 1;
        json!({"jsonrpc": "2.0", "id": self.n_requests, "method": method, "params": params})
    }

    /// Sends a request that is answered with JSON, and gives its `result`.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Value {
        let body = self.body(method, params);
        let reply = self.post(&body);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{method}: {reply:?}");
        let json = reply.json();
        assert!(json.get("error").is_none(), "{method} got {json}");
        json["result"].clone()
    }

    pub(crate) fn call(&mut self, name: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({"name": name, "arguments": arguments}))
    }

    /// Opens an event stream by GET; its head has been read.
    pub(crate) fn listen(&self, last: Option<&str>) -> Http {
        let mut http = Http::connect(&self.address);
        let mut all = vec![("accept", "text/event-stream")];
        all.extend(self.headers());
        all.extend(last.map(|l| ("last-event-id", l)));
        http.ask("GET", &self.path, &all, b"");
        let head = http.head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        http
    }

    pub(crate) fn delete(&self) -> u16 {
        Http::connect(&self.address).request("DELETE", &self.path, &self.headers(), b"").status
    }
}

/// A request of the modern era, and the headers that go with it.
pub(crate) fn modern(id: u64, method: &str, mut params: Value) -> (Vec<(String, String)>, Value) {
    let meta = params["_meta"].as_object().cloned().unwrap_or_default();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (key, value) in meta {
        params["_meta"][key] = value;
    }
    let mut headers = vec![
        ("mcp-protocol-version".to_owned(), "2026-07-28".to_owned()),
        ("mcp-method".to_owned(), method.to_owned()),
    ];
    let key = if method == "resources/read" { "uri" } else { "name" };
    if let Some(name) = params[key].as_str() {
        headers.push(("mcp-name".to_owned(), name.to_owned()));
    }
    (headers, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

impl Web {
    /// Sends a modern request on a connection of its own, with nothing read.
    pub(crate) fn start_modern(&self, id: u64, method: &str, params: Value) -> Http {
        let (headers, body) = modern(id, method, params);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut http = self.connect();
        http.ask("POST", "/mcp", &[&USUAL[..], &headers].concat(), body.to_string().as_bytes());
        http
    }

    /// The same, and its answer.
    pub(crate) fn modern(&self, id: u64, method: &str, params: Value) -> Reply {
        self.start_modern(id, method, params).reply()
    }
}
