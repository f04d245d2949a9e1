//! A client that writes raw lines and reads what comes, each line with a deadline and none twice.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::process::DEADLINE;

/// Lines read ahead of the test.
const LINES: usize = 4096;

/// One line as it came.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) raw: String,
    pub(crate) json: Value,
}

/// A process spoken to by lines.
pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Lines that came while another was waited for.
    kept: Vec<Line>,
    stderr: Arc<Mutex<String>>,
    n_requests: u64,
}

impl Peer {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut errors = child.stderr.take().expect("piped");
        let (sender, lines) = sync_channel(LINES);
        thread::spawn(move || {
            loop {
                let mut line = Vec::new();
                match stdout.read_until(b'\n', &mut line) {
                    Ok(n) if n > 0 => {}
                    _ => return,
                }
                if sender.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()).is_err() {
                    return;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let kept = stderr.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = errors.read(&mut buffer) {
                kept.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        Self { child, stdin, lines, kept: Vec::new(), stderr, n_requests: 0 }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What was written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic").clone()
    }

    /// Writes a line.
    pub(crate) fn send(&mut self, line: &str) {
        self.send_bytes(line.as_bytes());
    }

    /// Writes bytes and a line feed.
    pub(crate) fn send_bytes(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        let written = stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush());
        if let Err(e) = written {
            panic!("cannot write: {e}\n{}", self.stderr());
        }
    }

    /// Sends a request under an id of ours and gives the id.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> String {
        self.n_requests += 1;
        let id = format!("\"r{}\"", self.n_requests);
        self.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#));
        id
    }

    /// Sends a request under this raw id.
    pub(crate) fn ask_as(&mut self, id: &str, method: &str, params: &Value) {
        self.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#));
    }

    /// Sends a request and gives its `result`.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer(&id);
        assert!(answer.json.get("error").is_none(), "{method} {params} got {}\n{}", answer.raw, self.stderr());
        answer.json["result"].clone()
    }

    /// Sends a request and gives its `error`.
    pub(crate) fn refusal(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer(&id);
        assert!(answer.json.get("result").is_none(), "{method} {params} got {}", answer.raw);
        answer.json["error"].clone()
    }

    /// Calls a tool and gives its `result`.
    pub(crate) fn call(&mut self, name: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({ "name": name, "arguments": arguments }))
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    /// Opens the talk and gives the result of `initialize`.
    pub(crate) fn initialize(&mut self, revision: &str, capabilities: &Value) -> Value {
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities,
            "clientInfo": { "name": "harness", "version": "1" } });
        let result = self.request("initialize", &params);
        self.notify("notifications/initialized", &json!({}));
        result
    }

    /// Names of all tools.
    pub(crate) fn tool_names(&mut self) -> Vec<String> {
        let list = self.request("tools/list", &json!({}));
        list["tools"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|t| t["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// The answer to a request with this raw id.
    pub(crate) fn answer(&mut self, id: &str) -> Line {
        let wanted: Value = serde_json::from_str(id).expect("an id");
        self.wait_for(&format!("an answer to {id}"), |l| l.get("method").is_none() && l.get("id") == Some(&wanted))
    }

    /// A request of the proxy to us.
    pub(crate) fn question(&mut self, method: &str) -> Line {
        self.wait_for(&format!("a question {method}"), |l| l["method"] == method && l.get("id").is_some())
    }

    /// A notification.
    pub(crate) fn notice(&mut self, method: &str) -> Line {
        self.wait_for(&format!("a notification {method}"), |l| l["method"] == method && l.get("id").is_none())
    }

    /// Answers a question.
    pub(crate) fn reply(&mut self, question: &Line, result: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "id": question.json["id"], "result": result }).to_string());
    }

    /// The first line not yet given that is wanted; the others are kept for later.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Line {
        if let Some(i) = self.kept.iter().position(|l| wanted(&l.json)) {
            return self.kept.remove(i);
        }
        let end = Instant::now() + DEADLINE;
        loop {
            let Ok(raw) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                panic!("there never was {what}\nkept: {:#?}\nstderr:\n{}", self.kept, self.stderr());
            };
            let json = serde_json::from_str(&raw).unwrap_or_else(|e| panic!("no JSON on stdout ({e}): {raw}"));
            let line = Line { raw, json };
            if wanted(&line.json) {
                return line;
            }
            self.kept.push(line);
        }
    }

    /// Whether such a line has come until now, not yet given.
    pub(crate) fn has(&mut self, wanted: impl Fn(&Value) -> bool) -> bool {
        while let Ok(raw) = self.lines.try_recv() {
            let json = serde_json::from_str(&raw).unwrap_or_else(|e| panic!("no JSON on stdout ({e}): {raw}"));
            self.kept.push(Line { raw, json });
        }
        self.kept.iter().any(|l| wanted(&l.json))
    }

    /// What came until now and nobody waited for. A round trip first makes sure that what was on its way is here.
    pub(crate) fn left_over(&mut self) -> Vec<Line> {
        self.request("ping", &json!({}));
        std::mem::take(&mut self.kept)
    }

    /// Ends stdin.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end and gives the exit code; `None` after a signal.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let child = &mut self.child;
        super::eventually("the end of the process", || child.try_wait().expect("our child")).code()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stdin = None;
        // Only what a failed test has left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
