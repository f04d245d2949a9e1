//! The proxy as a client by HTTP sees it: one session, a connection for each request in flight.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memchr::memmem;

use super::crowd::pss_of;

/// What a modern client that can be asked says with each request.
pub(super) const META: &str = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{}}}"#;

/// A running `serve --http` with one session. Ended when dropped.
pub(super) struct Web {
    child: Child,
    address: String,
    session: String,
}

impl Web {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it has ended");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split_once('/').unwrap().0.to_owned();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let mut web = Self { child, address, session: String::new() };
        let (mut stream, session) = web.open_session();
        web.session = session;
        // The list is there when the server is.
        web.post(&mut stream, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let (_, list) = read(&mut stream);
        assert!(memmem::find(&list, b"s0__echo").is_some(), "the list is not complete");
        web
    }

    /// Opens a session. Gives the connection and its id.
    pub(super) fn open_session(&self) -> (TcpStream, String) {
        let open = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
        let mut stream = self.connect();
        self.post_with(&mut stream, open, "");
        let (head, _) = read(&mut stream);
        let session = head.split("mcp-session-id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.post_with(&mut stream, note, &format!("mcp-session-id: {session}\r\n"));
        read(&mut stream);
        (stream, session)
    }

    /// The event stream of a session, open.
    pub(super) fn listen(&self, session: &str) -> TcpStream {
        let (mut stream, address) = (self.connect(), &self.address);
        let head = format!(
            "GET /mcp HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\nmcp-session-id: {session}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut room = [0; 4096];
        let n = stream.read(&mut room).unwrap();
        assert!(room[..n].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&room[..n]));
        stream
    }

    /// Proportional memory, without what it has started.
    pub(super) fn pss_kib(&self) -> f64 {
        pss_of(self.child.id())
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn post(&self, stream: &mut TcpStream, body: &str) {
        self.post_with(stream, body, &format!("mcp-session-id: {}\r\n", self.session));
    }

    /// A request that stands alone.
    pub(super) fn post_modern(&self, stream: &mut TcpStream, body: &str, method: &str, name: &str) {
        let headers = format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\nmcp-name: {name}\r\n");
        self.post_with(stream, body, &headers);
    }

    fn post_with(&self, stream: &mut TcpStream, body: &str, headers: &str) {
        let (address, n) = (&self.address, body.len());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}content-length: {n}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    }

    /// How long `n` calls take that are in flight at the same time and wait for `ms` each.
    pub(super) fn waiting_calls(&self, n: usize, ms: u64) -> Duration {
        let mut streams: Vec<TcpStream> = (0..n).map(|_| self.connect()).collect();
        let begun = Instant::now();
        for (id, stream) in streams.iter_mut().enumerate() {
            let params = format!(r#"{{"name":"s0__echo","arguments":{{"ms":{ms}}}}}"#);
            let id = id + 10;
            self.post(stream, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#));
        }
        for (id, stream) in streams.iter_mut().enumerate() {
            let (_, answer) = read(stream);
            let text = String::from_utf8(answer).unwrap();
            assert!(text.contains(&format!("\"id\":{}", id + 10)) && text.contains("lorem"), "{text}");
        }
        begun.elapsed()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response: its head in small letters, and its body, which has a length.
pub(super) fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        if let Some(at) = memmem::find(&all, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..at]).into_owned();
            assert!(head.starts_with("HTTP/1.1 20"), "{head}");
            let n = head.split("content-length: ").nth(1).map_or(0, |n| n.lines().next().unwrap().parse().unwrap());
            if all.len() >= at + 4 + n {
                return (head, all.split_off(at + 4));
            }
        }
        let n = stream.read(&mut chunk).unwrap();
        assert!(n > 0, "closed early");
        all.extend_from_slice(&chunk[..n]);
    }
}
