//! What many of something cost at once: calls that wait for their clients, sessions, open event streams.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::target::World;
use super::web::{META, Web, read};

/// Calls parked on one server.
const PARKED: usize = 1000;
/// Sessions without streams.
const SESSIONS: usize = 10_000;
/// Sessions with open event streams.
const STREAMS: usize = 1000;
/// What is not needed any more is given back within this time.
const SETTLING: Duration = Duration::from_secs(5);
/// What a thread of the asking server needs.
const STACK: usize = 64 << 10;

/// As many descriptors as there may be.
fn many_fds() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// One line of the table: what `n` of them take together, and each.
#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn line(what: &str, before_kib: f64, after_kib: f64, n: usize, limit_mb: f64) {
    let grown = after_kib - before_kib;
    println!(
        "{what:<58} {:>12} {:>12} {:>8} {limit_mb:>7.0}M",
        format!("{:.1} MB", grown / 1000.0 * 1.024),
        format!("{:.1} KiB each", grown / n as f64),
        ""
    );
}

/// Calls of modern clients that a legacy server by HTTP has asked something in: each holds a connection to it.
pub(super) fn parked() {
    many_fds();
    let address = asking_server();
    let entry = format!("  s0:\n    url: http://{address}/mcp\n    limits: {{ max_concurrent: {} }}\n", 2 * PARKED);
    let web = World::with(&entry).web();
    let mut stream = web.connect();
    // The first one starts what is started once.
    park(&web, &mut stream, 0);
    std::thread::sleep(SETTLING);
    let before = web.pss_kib();
    for id in 1..=PARKED {
        park(&web, &mut stream, id);
    }
    std::thread::sleep(SETTLING);
    line("1 000 parked calls on one server by HTTP", before, web.pss_kib(), PARKED, 10.0);
}

fn park(web: &Web, stream: &mut TcpStream, id: usize) {
    let params = format!(r#"{{"name":"s0__echo","arguments":{{}}{META}}}"#);
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#);
    web.post_modern(stream, &body, "tools/call", "s0__echo");
    let (_, answer) = read(stream);
    let text = String::from_utf8(answer).unwrap();
    assert!(text.contains("input_required"), "{text}");
}

/// Sessions whose connections stay open, and sessions that listen besides.
pub(super) fn sessions() {
    many_fds();
    let world = World::new(1, 1);
    {
        let web = world.web();
        let before = web.pss_kib();
        let held: Vec<TcpStream> = (0..SESSIONS).map(|_| web.open_session().0).collect();
        std::thread::sleep(SETTLING);
        line("10 000 sessions, a silent connection each", before, web.pss_kib(), held.len(), 150.0);
    }
    let web = world.web();
    let before = web.pss_kib();
    let held: Vec<(TcpStream, TcpStream)> = (0..STREAMS)
        .map(|_| {
            let (stream, session) = web.open_session();
            (stream, web.listen(&session))
        })
        .collect();
    std::thread::sleep(SETTLING);
    line("1 000 sessions that listen, two connections each", before, web.pss_kib(), held.len(), 39.0);
}

/// A legacy server by HTTP that answers a call with a question and keeps it open. Gives its address.
fn asking_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = || drop(serve(stream.unwrap()));
            std::thread::Builder::new().stack_size(STACK).spawn(serve).unwrap();
        }
    });
    address
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut from = BufReader::with_capacity(4096, stream.try_clone()?);
    let mut to = stream;
    loop {
        let (mut n, mut line, mut is_get) = (0, String::new(), false);
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            is_get |= line.starts_with("GET ");
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                n = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        if is_get {
            to.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        let mut body = vec![0; n];
        from.read_exact(&mut body)?;
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        let id = &body["id"];
        let result = match body["method"].as_str() {
            Some("initialize") => {
                r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"asks","version":"1"}}"#
            }
            Some("tools/list") => r#"{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}"#,
            Some("tools/call") => {
                let ask = format!(
                    r#"{{"jsonrpc":"2.0","id":"q{id}","method":"elicitation/create","params":{{"message":"?","requestedSchema":{{"type":"object","properties":{{}}}}}}}}"#
                );
                let event = format!("data: {ask}\n\n");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                to.write_all(format!("{head}{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
                // It stays open until the other side has had enough.
                return from.read(&mut [0; 1]).map(drop);
            }
            Some(_) if id.is_null() => {
                to.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            }
            method => {
                let error =
                    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no {method:?}"}}}}"#);
                let error = error.replace("Some(\"", "").replace("\")", "");
                let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length:";
                to.write_all(format!("{head} {}\r\n\r\n{error}", error.len()).as_bytes())?;
                continue;
            }
        };
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        to.write_all(format!("{head} {}\r\n\r\n{answer}", answer.len()).as_bytes())?;
    }
}

/// Proportional memory of a process.
pub(super) fn pss_of(pid: u32) -> f64 {
    let path = Path::new("/proc").join(pid.to_string()).join("smaps_rollup");
    let rollup = fs::read_to_string(path).unwrap_or_default();
    let pss = rollup.lines().find_map(|l| l.strip_prefix("Pss:"));
    pss.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0.0)
}
