//! What is measured: a started proxy or relay, spoken to as a client, watched through `/proc`.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use memchr::memmem;
use tempfile::TempDir;

use super::crowd::pss_of;
use super::web::{META, Web};

/// A folder with a configuration of so many echo servers, and a cache of its own.
pub(super) struct World {
    dir: TempDir,
}

impl World {
    pub(super) fn new(n_servers: usize, n_tools: usize) -> Self {
        Self::of(n_servers, &format!("'{n_tools}']"))
    }

    /// One server of the modern era.
    pub(super) fn modern() -> Self {
        // A legacy client asks for the legacy era first, which this server has as well.
        Self::of(1, "'1', modern]\n    protocol: modern")
    }

    fn of(n_servers: usize, args: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let us = std::env::current_exe().unwrap();
        let servers: String =
            (0..n_servers).map(|n| format!("  s{n}:\n    command: {us:?}\n    args: [echo, {args}\n")).collect();
        Self::written(dir, &servers)
    }

    /// Servers as they stand in a configuration.
    pub(super) fn with(servers: &str) -> Self {
        Self::written(tempfile::tempdir().unwrap(), servers)
    }

    fn written(dir: TempDir, servers: &str) -> Self {
        fs::write(dir.path().join("config.yaml"), format!("version: 1\nservers:\n{servers}")).unwrap();
        Self { dir }
    }

    /// The proxy, opened and with all servers ready.
    pub(super) fn proxy(&self) -> Target {
        let mut target = self.proxy_unopened();
        target.open();
        target.list_any();
        // Every server has answered once: nothing is starting any more.
        for n in 0..fs::read_to_string(self.dir.path().join("config.yaml")).unwrap().matches("command").count() {
            target.large_call(n, 20);
        }
        target
    }

    /// The proxy before a modern client, with its server ready.
    pub(super) fn modern_client(&self) -> Target {
        let mut target = self.proxy_unopened();
        target.meta = META;
        target.large_call(0, 20);
        target
    }

    #[expect(clippy::disallowed_methods, reason = "a bench, not the proxy")]
    pub(super) fn proxy_unopened(&self) -> Target {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
        command.args(["serve", "--stdio", "--log-level", "warn", "--config"]).arg(self.dir.path().join("config.yaml"));
        command.env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        Target::start(command, "s")
    }

    /// One of its servers by itself.
    #[expect(clippy::disallowed_methods, reason = "a bench, not the proxy")]
    #[expect(clippy::unused_self, reason = "beside `proxy`")]
    pub(super) fn server(&self) -> Target {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["echo", "1"]);
        let mut target = Target::start(command, "");
        target.open();
        target.list(1);
        target
    }

    /// The proxy for clients by HTTP.
    #[expect(clippy::disallowed_methods, reason = "a bench, not the proxy")]
    pub(super) fn web(&self) -> Web {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-proxy"));
        command.args(["serve", "--http", "--port", "0", "--config"]).arg(self.dir.path().join("config.yaml"));
        command.env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        Web::start(command)
    }

    /// The relay in front of one server.
    #[expect(clippy::unused_self, reason = "beside `proxy`")]
    pub(super) fn relay(&self, n_tools: usize) -> Target {
        let mut target = Target::relay(n_tools);
        target.open();
        target.list(n_tools);
        target
    }

    #[expect(clippy::unused_self, reason = "beside `proxy_unopened`")]
    pub(super) fn relay_unopened(&self) -> Target {
        Target::relay(200)
    }
}

/// A running proxy or relay. Ended when dropped: its stdin closes.
pub(super) struct Target {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Of names: the relay's tools have none.
    prefix: &'static str,
    /// What its client says with each call, beside name and arguments.
    meta: &'static str,
    held: Vec<u8>,
    /// Looked at for a line feed already.
    seen: usize,
    chunk: Vec<u8>,
    n_requests: u64,
}

impl Target {
    fn start(mut command: Command, prefix: &'static str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let chunk = vec![0; 1 << 18];
        Self { child, stdin, stdout, prefix, meta: "", held: Vec::new(), seen: 0, chunk, n_requests: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "a bench, not the proxy")]
    fn relay(n_tools: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["relay", &n_tools.to_string()]);
        Self::start(command, "")
    }

    fn name(&self, server: usize) -> String {
        if self.prefix.is_empty() { "echo".to_owned() } else { format!("{}{server}__echo", self.prefix) }
    }

    fn send(&mut self, method: &str, params: &str) -> u64 {
        self.n_requests += 1;
        let n = self.n_requests;
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{n},\"method\":\"{method}\",\"params\":{params}}}\n");
        self.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        n
    }

    fn call(&mut self, server: usize, n_bytes: usize) -> u64 {
        let (name, meta) = (self.name(server), self.meta);
        self.send("tools/call", &format!(r#"{{"name":"{name}","arguments":{{"bytes":{n_bytes}}}{meta}}}"#))
    }

    /// The next answer: its id and length. Errors stop the bench; notifications are passed over.
    fn answer(&mut self) -> (u64, Vec<u8>) {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.held[self.seen..]) {
                let rest = self.held.split_off(self.seen + at + 1);
                let line = std::mem::replace(&mut self.held, rest);
                self.seen = 0;
                let head = &line[..line.len().min(400)];
                assert!(memmem::find(head, br#""error""#).is_none(), "{}", String::from_utf8_lossy(head));
                let Some(at) = memmem::find(head, br#""id":"#) else { continue };
                let digits = head[at + 5..].iter().copied().take_while(u8::is_ascii_digit).collect();
                return (String::from_utf8(digits).unwrap().parse().unwrap(), line);
            }
            self.seen = self.held.len();
            let n = self.stdout.read(&mut self.chunk).unwrap();
            assert!(n > 0, "it has ended");
            self.held.extend_from_slice(&self.chunk[..n]);
        }
    }

    pub(super) fn open(&mut self) {
        let params =
            r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}"#;
        self.send("initialize", params);
        self.answer();
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n")
            .unwrap();
    }

    pub(super) fn list_any(&mut self) {
        self.send("tools/list", "{}");
        self.answer();
    }

    /// The list, with as many tools as there must be.
    pub(super) fn list(&mut self, n_tools: usize) {
        self.send("tools/list", "{}");
        let (_, line) = self.answer();
        assert_eq!(memmem::find_iter(&line, br#""inputSchema""#).count(), n_tools, "the list is not complete");
    }

    pub(super) fn large_call(&mut self, server: usize, n_bytes: usize) {
        let id = self.call(server, n_bytes);
        let (answered, line) = self.answer();
        assert!(answered == id && line.len() > n_bytes);
    }

    /// `n` small calls, always `in_flight` of them at once.
    pub(super) fn small_calls(&mut self, n: u32, in_flight: usize) {
        let mut n_sent = 0;
        for _ in 0..in_flight {
            self.call(0, 20);
            n_sent += 1;
        }
        for _ in 0..n {
            self.answer();
            if n_sent < n {
                self.call(0, 20);
                n_sent += 1;
            }
        }
    }

    /// How long `n` calls take that are in flight at the same time and wait for `ms` each.
    pub(super) fn waiting_calls(&mut self, n: usize, ms: u64) -> Duration {
        let begun = Instant::now();
        for _ in 0..n {
            let params = format!(r#"{{"name":"{}","arguments":{{"ms":{ms}}}}}"#, self.name(0));
            self.send("tools/call", &params);
        }
        for _ in 0..n {
            self.answer();
        }
        begun.elapsed()
    }

    /// Times of `n` small calls one after the other, in microseconds.
    pub(super) fn latencies(&mut self, n: u32) -> Vec<f64> {
        let mut times = Vec::new();
        for _ in 0..n {
            let begun = Instant::now();
            self.call(0, 20);
            self.answer();
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        times
    }

    /// Times of small calls on one server for `time`, while another one always has a large result to send.
    pub(super) fn beside_large(&mut self, n_bytes: usize, time: Duration) -> Vec<f64> {
        let mut times = Vec::new();
        let end = Instant::now() + time;
        let mut large = self.call(1, n_bytes);
        let mut small = (self.call(0, 20), Instant::now());
        let (mut wants_large, mut wants_small) = (true, true);
        while wants_large || wants_small {
            let (id, _) = self.answer();
            let goes_on = Instant::now() < end;
            if id == large {
                wants_large = goes_on;
                if goes_on {
                    large = self.call(1, n_bytes);
                }
            } else {
                assert_eq!(id, small.0);
                times.push(small.1.elapsed().as_secs_f64() * 1e6);
                wants_small = goes_on;
                if goes_on {
                    small = (self.call(0, 20), Instant::now());
                }
            }
        }
        times
    }

    /// How long it has been running on a processor, all its threads.
    pub(super) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of_task = |path: &Path| -> Option<u64> {
            fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
        };
        Duration::from_nanos(tasks.flatten().filter_map(|t| of_task(&t.path())).sum())
    }

    /// Proportional memory of it and of what it started of its own program (the guardian), without the servers.
    pub(super) fn pss_kib(&self) -> f64 {
        let exe = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
        let ours = exe(self.child.id());
        let mut sum = 0.0;
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
            let is_child = parent(pid) == Some(self.child.id()) && exe(pid) == ours && !self.prefix.is_empty();
            if pid == self.child.id() || is_child {
                sum += pss_of(pid);
            }
        }
        sum
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It may still have something to say.
        let _ = std::io::copy(&mut self.stdout, &mut std::io::sink());
        let _ = self.child.wait();
    }
}
