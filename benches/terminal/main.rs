//! What the terminal costs whoever looks at it: how soon a key is answered while traffic passes, what is written while nothing
//! happens, and what it keeps.
//!
//!   cargo bench --bench terminal
//!
//! The built program on a pty of its own, 200x60, with clients by HTTP in front and the demo's server behind. Limits are what the
//! project asks of itself; they are shown, never tested.

#![expect(clippy::unwrap_used, reason = "a bench is no product code: what is not there must stop it")]
#![expect(clippy::print_stdout, reason = "its table")]

use std::fs;
use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const SIZE: (u16, u16) = (200, 60);
/// Clients that call at the same time.
const CLIENTS: usize = 8;
/// Calls a second: with their answers twice as many messages on each hop.
const CALLS_PER_SECOND: u32 = 2_500;
/// Keys pressed.
const N_KEYS: usize = 200;
/// Calls between two looks at the memory.
const N_CALLS: u64 = 100_000;
/// A key is answered when the screen shows what it leads to; what takes longer than this is a mistake.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    if !cfg!(target_os = "linux") {
        println!("memory is read from /proc: this bench wants Linux");
        return;
    }
    let mut terminal = Terminal::start();
    terminal.shows("1/1 ready");
    let load = Load::start(&terminal.address);
    println!("{:<72} {:>12} {:>9}", "", "", "at most");

    load.pace(Some(CALLS_PER_SECOND));
    terminal.keys("2").shows("FOLLOW");
    let begun = (Instant::now(), load.n());
    let mut times: Vec<Duration> = (0..N_KEYS)
        .map(|i| {
            let (key, expected) = if i % 2 == 0 { ("3", "takes") } else { ("2", "FOLLOW") };
            // Not in step with the frames.
            thread::sleep(Duration::from_millis(40 + (i as u64 * 7) % 35));
            terminal.timed(key, expected)
        })
        .collect();
    let rate = (load.n() - begun.1) as f64 / begun.0.elapsed().as_secs_f64();
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    row(
        &format!("a key is answered while {:.0} messages/s pass: p50", rate * 2.0),
        &format!("{:.1} ms", at(50)),
        "33 ms",
    );
    row("  p95", &format!("{:.1} ms", at(95)), "");
    row("  the slowest", &format!("{:.1} ms", at(100)), "");

    terminal.keys("2").shows("FOLLOW");
    let before = (Instant::now(), terminal.n_bytes());
    thread::sleep(Duration::from_secs(5));
    let written = (terminal.n_bytes() - before.1) as f64 / before.0.elapsed().as_secs_f64();
    row("written while Inspect follows that traffic", &format!("{:.1} kB/s", written / 1e3), "");

    load.pace(None);
    load.reach(N_CALLS);
    let first = terminal.resident_kib();
    load.reach(3 * N_CALLS);
    let later = terminal.resident_kib();
    row("resident after 100 000 calls", &format!("{:.1} MB", first as f64 / 1e3), "");
    row("  after 300 000 calls, against that", &format!("{:.2}", later as f64 / first as f64), "1.1");

    drop(load);
    terminal.keys("3").shows("takes");
    row("written in 2 s when nothing on the screen changes", &format!("{} B", terminal.idle(None)), "0 B");
    terminal.keys("1").shows("health 60 min");
    let unfocused = terminal.idle(Some("\x1b[O"));
    row("written in 2 s when another window is in front", &format!("{unfocused} B"), "0 B");
}

fn row(what: &str, value: &str, limit: &str) {
    println!("{what:<72} {value:>12} {limit:>9}");
}

/// What came from the program.
struct Seen {
    parser: vt100::Parser,
    n_bytes: usize,
}

/// The program on a pty. Ended when dropped.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    address: String,
    _dir: tempfile::TempDir,
}

impl Terminal {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let us = env!("CARGO_BIN_EXE_mcp-proxy");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("config.yaml");
        let text = format!(
            "version: 1\nproxy: {{ transport: http, port: {port}, env: {{ path_from_login_shell: false }} }}\n\
             servers:\n  tools:\n    command: {us:?}\n    args: [demo-server, tools]\n    isolation: shared\n"
        );
        fs::write(&config, text).unwrap();
        let pair = native_pty_system()
            .openpty(PtySize { rows: SIZE.1, cols: SIZE.0, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(us);
        command.args(["tui", "--config", config.to_str().unwrap()]);
        command.env_clear();
        for name in ["HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, dir.path());
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("PATH", "/usr/bin:/bin");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let cells = |n| NonZero::new(n).unwrap();
        let parser = vt100::Parser::new(cells(SIZE.1), cells(SIZE.0), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, n_bytes: 0 }), Condvar::new()));
        let shared = seen.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                let mut seen = shared.0.lock().unwrap();
                seen.n_bytes += n;
                seen.parser.process(&buffer[..n]);
                shared.1.notify_all();
            }
        });
        let address = format!("127.0.0.1:{port}");
        Self { child, _master: pair.master, writer, seen, address, _dir: dir }
    }

    fn keys(&mut self, keys: &str) -> &Self {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
        self
    }

    fn shows(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.parser.screen().contents().contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no `{text}` on the screen:\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// How long it takes until a key has led to this text.
    fn timed(&mut self, key: &str, text: &str) -> Duration {
        let begun = Instant::now();
        self.keys(key).shows(text);
        begun.elapsed()
    }

    fn n_bytes(&self) -> usize {
        self.seen.0.lock().unwrap().n_bytes
    }

    /// Bytes written in two seconds, after what is under way has ended.
    fn idle(&mut self, first: Option<&str>) -> usize {
        if let Some(keys) = first {
            self.keys(keys);
        }
        thread::sleep(Duration::from_secs(3));
        let before = self.n_bytes();
        thread::sleep(Duration::from_secs(2));
        self.n_bytes() - before
    }

    fn resident_kib(&self) -> u64 {
        let pid = self.child.process_id().unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.writer.write_all(b"Q").and_then(|()| self.writer.flush());
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients that call, all the time. They end when it is dropped.
struct Load {
    n: Arc<AtomicU64>,
    /// Microseconds between two calls of one client; 0: no pause.
    pause: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(address: &str) -> Self {
        let (n, pause, ends) =
            (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(10_000)), Arc::new(AtomicBool::new(false)));
        let client = |_| {
            let (address, n, pause, ends) = (address.to_owned(), n.clone(), pause.clone(), ends.clone());
            thread::spawn(move || {
                let mut client = Client::open(&address);
                while !ends.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    client.call();
                    n.fetch_add(1, Ordering::Relaxed);
                    let pause = Duration::from_micros(pause.load(Ordering::Relaxed));
                    thread::sleep(pause.saturating_sub(begun.elapsed()));
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { n, pause, ends, clients }
    }

    /// So many calls a second of all together; `None`: as many as there can be.
    fn pace(&self, per_second: Option<u32>) {
        let micros = per_second.map_or(0, |n| 1_000_000 * CLIENTS as u64 / u64::from(n));
        self.pause.store(micros, Ordering::Relaxed);
    }

    fn n(&self) -> u64 {
        self.n.load(Ordering::Relaxed)
    }

    fn reach(&self, n: u64) {
        while self.n() < n {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().unwrap();
        }
    }
}

/// One client by HTTP, with a session and a connection.
struct Client {
    stream: TcpStream,
    address: String,
    session: String,
    n: u64,
    held: Vec<u8>,
}

impl Client {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, address: address.to_owned(), session: String::new(), n: 1, held: Vec::new() };
        let head = client.post(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#,
        );
        let session = head.split("mcp-session-id: ").nth(1).unwrap().lines().next().unwrap();
        client.session = format!("mcp-session-id: {session}\r\n");
        client.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        client
    }

    fn call(&mut self) {
        self.n += 1;
        let id = self.n;
        self.post(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"tools__echo","arguments":{{"text":"hello"}}}}}}"#
        ));
    }

    /// Posts a message and reads the whole answer; gives its head, names in small letters.
    fn post(&mut self, body: &str) -> String {
        let (address, session, n) = (&self.address, &self.session, body.len());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}content-length: {n}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        let mut chunk = [0; 1 << 14];
        loop {
            if let Some(at) = memmem::find(&self.held, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.held[..at]).into_owned();
                assert!(head.starts_with("HTTP/1.1 20"), "{head}");
                let n = head.split("content-length: ").nth(1).map_or(0, |n| n.lines().next().unwrap().parse().unwrap());
                if self.held.len() >= at + 4 + n {
                    self.held.drain(..at + 4 + n);
                    return head;
                }
            }
            let n = self.stream.read(&mut chunk).unwrap();
            assert!(n > 0, "closed early");
            self.held.extend_from_slice(&chunk[..n]);
        }
    }
}
