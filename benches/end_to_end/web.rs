//! The proxy as a client by HTTP sees it: one session, a connection for each request in flight.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memchr::memmem;

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
        let open = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
        let mut stream = web.connect();
        web.post(&mut stream, open);
        let (head, _) = read(&mut stream);
        web.session = head.split("mcp-session-id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        web.post(&mut stream, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        read(&mut stream);
        // The list is there when the server is.
        web.post(&mut stream, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let (_, list) = read(&mut stream);
        assert!(memmem::find(&list, b"s0__echo").is_some(), "the list is not complete");
        web
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn post(&self, stream: &mut TcpStream, body: &str) {
        let session =
            if self.session.is_empty() { String::new() } else { format!("mcp-session-id: {}\r\n", self.session) };
        let (address, n) = (&self.address, body.len());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}content-length: {n}\r\n\r\n"
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
fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
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
