//! What stands around the proxy: a server that only echoes, and a relay that does the least a multiplexer must.
//!
//! Both know the messages of this bench and take short cuts no product may take: the id is the first `"id":` of a line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::{ChildStdin, ChildStdout};

/// Bytes read at once.
const BUFFER: usize = 1 << 16;

/// Where the number after the first `"id":` stands.
fn id(line: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = memmem::find(&line[..line.len().min(512)], br#""id":"#)? + 5;
    let n = line[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    (n > 0).then_some(start..start + n)
}

fn has(line: &[u8], text: &str) -> bool {
    memmem::find(&line[..line.len().min(512)], text.as_bytes()).is_some()
}

/// The number of the member `key`.
fn number(line: &[u8], key: &str) -> Option<u64> {
    let at = memmem::find(line, format!("\"{key}\":").as_bytes())? + key.len() + 3;
    let digits = line[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

/// `echo N_TOOLS [modern]`: a stdio server of the legacy or the modern era with the tool `echo` and as many more as asked for.
/// A call says how many `bytes` it wants, and after how many `ms`; others go on meanwhile.
pub(super) fn echo(args: &[String]) {
    let n_tools: usize = args.first().and_then(|n| n.parse().ok()).unwrap_or(1);
    let tools: Vec<String> = (0..n_tools).map(tool).collect();
    let is_modern = args.get(1).is_some_and(|era| era == "modern");
    let (kind, cached) = if is_modern {
        (r#","resultType":"complete""#, r#","resultType":"complete","ttlMs":0,"cacheScope":"private""#)
    } else {
        ("", "")
    };
    let list = format!(r#"{{"tools":[{}]{cached}}}"#, tools.join(","));
    let mut text = String::new();
    let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let out = Arc::new(Mutex::new(io::BufWriter::with_capacity(BUFFER, io::stdout())));
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some(id) = id(&line) else { continue };
        let id = String::from_utf8_lossy(&line[id]).into_owned();
        let answer = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let answer = if has(&line, r#""tools/call""#) {
            let n = number(&line, "bytes").and_then(|n| usize::try_from(n).ok()).unwrap_or(20);
            if text.len() != n {
                text = "lorem ipsum dolor sit amet ".chars().cycle().take(n).collect();
            }
            answer(&format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]{kind}}}"#))
        } else if is_modern && has(&line, r#""server/discover""#) {
            answer(&format!(r#"{{"supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{}}}}{cached}}}"#))
        } else if !is_modern && has(&line, r#""initialize""#) {
            answer(
                r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}"#,
            )
        } else if has(&line, r#""tools/list""#) {
            answer(&list)
        } else {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no such method"}}}}"#)
        };
        if let Some(ms) = number(&line, "ms") {
            let out = out.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(ms));
                let mut out = out.lock().unwrap();
                writeln!(out, "{answer}").and_then(|()| out.flush()).unwrap();
            });
            continue;
        }
        let mut out = out.lock().unwrap();
        let written = out.write_all(answer.as_bytes()).and_then(|()| out.write_all(b"\n"));
        // Answers to requests that came together leave together.
        let flushed = if input.buffer().is_empty() { out.flush() } else { Ok(()) };
        if written.and(flushed).is_err() {
            return;
        }
    }
}

/// A tool of about 900 bytes, as real ones are.
fn tool(n: usize) -> String {
    let name = if n == 0 { "echo".to_owned() } else { format!("tool_{n}") };
    let property = |name: &str| {
        format!(
            r#""{name}":{{"type":"string","description":"what the tool has to know of {name}, in a sentence or two as people write them"}}"#
        )
    };
    let properties = ["path", "mode", "encoding", "pattern", "depth"].map(property).join(",");
    format!(
        r#"{{"name":"{name}","title":"Tool {n}","description":"does the thing number {n} and says how it went, with all that a model wants to know before it calls it","inputSchema":{{"type":"object","properties":{{{properties}}}}}}}"#
    )
}

/// `relay N_TOOLS`: one echo server behind a relay that cuts lines and swaps ids, on one thread, as the proxy is.
pub(super) fn relay(args: &[String]) {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(relay_lines(args));
}

#[expect(clippy::disallowed_methods, reason = "a bench, not the proxy")]
async fn relay_lines(args: &[String]) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("echo")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let to = ChildStdin::from_std(child.stdin.take().unwrap()).unwrap();
    let from = ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
    // Opened anew, so that non-blocking mode is ours alone.
    let own_in = pipe::OpenOptions::new().open_receiver("/proc/self/fd/0").unwrap();
    let own_out = pipe::OpenOptions::new().open_sender("/proc/self/fd/1").unwrap();
    let pending: RefCell<HashMap<u64, Vec<u8>>> = RefCell::default();
    let mut n = 0_u64;
    let up = pump(own_in, to, |theirs| {
        n += 1;
        pending.borrow_mut().insert(n, theirs.to_vec());
        Some(n.to_string().into_bytes())
    });
    let down = pump(from, own_out, |wire| {
        let n = std::str::from_utf8(wire).ok()?.parse().ok()?;
        pending.borrow_mut().remove(&n)
    });
    // When its stdin is closed the server ends, and with it the other way.
    tokio::join!(up, down);
    child.wait().unwrap();
}

/// Passes lines on with other ids, as many in one write as came in one read.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut swap: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    let mut held: Vec<u8> = Vec::new();
    let mut out = Vec::new();
    let mut chunk = vec![0; BUFFER];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let seen = held.len();
        held.extend_from_slice(&chunk[..n]);
        let Some(last) = memchr::memrchr(b'\n', &held[seen..]).map(|at| seen + at + 1) else { continue };
        out.clear();
        for line in held[..last].split_inclusive(|b| *b == b'\n') {
            let other = id(line).and_then(|at| Some((swap(&line[at.clone()])?, at)));
            match other {
                Some((id, at)) => {
                    out.extend_from_slice(&line[..at.start]);
                    out.extend_from_slice(&id);
                    out.extend_from_slice(&line[at.end..]);
                }
                None => out.extend_from_slice(line),
            }
        }
        held.drain(..last);
        if to.write_all(&out).await.is_err() {
            return;
        }
    }
}
