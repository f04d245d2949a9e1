//! A scripted MCP server for misbehaviour: blocking I/O, no MCP library, so that it can be wrong in every way.
//!
//! Its flags are in `flags.rs`, its tools in `calls.rs`, its lists in `items.rs`, what it does to processes in `trouble.rs`,
//! how it asks by its answers in `rounds.rs`, its tasks in `tasks.rs`, and how
//! answers leave in `wire.rs`. One thread, one line after the other: what it writes is in a fixed order.

#[path = "calls.rs"]
mod calls;
#[path = "flags.rs"]
mod flags;
#[path = "items.rs"]
mod items;
#[path = "mrtr.rs"]
mod mrtr;
#[path = "rounds.rs"]
mod rounds;
#[path = "tasks.rs"]
mod tasks;
#[path = "trouble.rs"]
mod trouble;
#[path = "wire.rs"]
mod wire;

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use calls::Calls;
use flags::{Era, Flags};
use items::Items;
use tasks::Tasks;
use wire::Wire;

const MODERN: &str = "2026-07-28";
const NEWEST_LEGACY: &str = "2025-11-25";

/// A line received: `id` and `arguments` as they were written.
#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
    error: Option<Value>,
}

struct Server {
    flags: Flags,
    wire: Wire,
    items: Items,
    calls: Calls,
    tasks: Tasks,
    /// The id of the client's `subscriptions/listen`, as it was written.
    listening: Option<String>,
    /// It was bound by its first request.
    is_committed: bool,
}

fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(why) => {
            trouble::say(&why);
            return ExitCode::from(64);
        }
    };
    if flags.rmcp {
        return mrtr::serve();
    }
    if flags.ignore_term {
        trouble::survive_term();
    }
    trouble::at_start(&flags);
    if let Some(code) = flags.exit {
        trouble::say("fake: cannot go on");
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    let mut server = Server {
        wire: Wire::new(&flags),
        items: Items::new(&flags),
        calls: Calls::default(),
        tasks: Tasks::default(),
        listening: None,
        is_committed: false,
        flags,
    };
    for n in 0..server.flags.junk_stdout {
        server.wire.raw(&format!("junk line {n} \u{1b}[31mwith colour"));
    }
    let mut line = Vec::new();
    let mut input = io::stdin().lock();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(n) if n > 0 => {}
            _ => break,
        }
        server.wire.record(&line);
        if !server.flags.silent {
            server.line(&line);
        }
    }
    if server.flags.ignore_eof {
        trouble::stay();
    }
    ExitCode::SUCCESS
}

impl Server {
    fn line(&mut self, line: &[u8]) {
        let message: Message<'_> = match serde_json::from_slice(line) {
            Ok(message) => message,
            Err(e) => {
                self.wire
                    .raw(&json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": e.to_string()}}).to_string());
                return;
            }
        };
        let id = message.id.map(|id| id.get().to_owned());
        match (message.method.as_deref(), id) {
            (Some(method), Some(id)) => self.request(method, &id, &message.params, line),
            (Some(method), None) => self.notification(method, &message.params),
            (None, Some(id)) if self.tasks.answered(&self.wire, &id, message.result.as_ref()) => {}
            (None, Some(id)) => self.calls.answered(&mut self.wire, &id, message.result, message.error),
            (None, None) => {}
        }
    }

    fn request(&mut self, method: &str, id: &str, params: &Value, line: &[u8]) {
        self.is_committed |= self.flags.committed && method == "initialize";
        let modern = params["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN;
        let answer = match method {
            "server/discover" => {
                if self.flags.die_on_discover {
                    trouble::say("fake: unexpected request before initialize");
                    trouble::die(1);
                }
                if self.flags.silent_on_discover {
                    return;
                }
                if self.is_committed {
                    Err(json!({"code": -32600, "message": "this connection serves the other era"}))
                } else {
                    self.discover()
                }
            }
            "initialize" if self.flags.era == Era::Modern => {
                Err(json!({"code": -32022, "message": "unsupported protocol version", "data": {"supported": [MODERN]}}))
            }
            "initialize" => Ok(self.initialize(params)),
            "ping" => Ok(json!({})),
            "tools/list" => Ok(self.items.page("tools", params)),
            "prompts/list" => Ok(self.items.page("prompts", params)),
            "resources/list" => Ok(self.items.page("resources", params)),
            "resources/templates/list" => Ok(self.items.page("resourceTemplates", params)),
            "resources/read" if params["_meta"].get("fake/ask").is_none() => {
                Ok(json!({"contents": [{"uri": params["uri"], "text": format!("read by {}", self.flags.name)}]}))
            }
            "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" => Ok(json!({})),
            "prompts/get" | "resources/read" if modern && params["_meta"].get("fake/ask").is_some() => {
                let mut asks = params.clone();
                asks["arguments"] = params["_meta"]["fake/ask"].clone();
                return rounds::answer(&self.wire, id, &asks, None);
            }
            "prompts/get" => Ok(json!({"messages": [{"role": "user", "content": {"type": "text",
                "text": format!("{} of {}", params["name"].as_str().unwrap_or_default(), self.flags.name)}}]})),
            "completion/complete" => {
                let value = params["argument"]["value"].as_str().unwrap_or_default();
                Ok(json!({"completion": {"values": [format!("{value}-{}", self.flags.name)], "hasMore": false}}))
            }
            "subscriptions/listen" => return self.listen(id, params),
            "tools/call" => return self.call(id, params, line, modern),
            _ if self.flags.tasks && method.starts_with("tasks/") => {
                return self.tasks.request(&self.wire, method, id, params, modern);
            }
            _ => Err(json!({"code": -32601, "message": format!("no method {method}")})),
        };
        match answer {
            Ok(mut result) => {
                if modern {
                    wire::complete(&mut result, method.ends_with("/list") || method == "resources/read");
                }
                self.wire.result(id, &result.to_string());
            }
            Err(error) => self.wire.error(id, &error),
        }
    }

    fn discover(&self) -> Result<Value, Value> {
        if let Some(date) = &self.flags.supported_only {
            return Err(json!({"code": -32022, "message": "unsupported protocol version",
                "data": {"requested": MODERN, "supported": [date]}}));
        }
        if self.flags.era == Era::Legacy {
            return Err(json!({"code": -32601, "message": "no method server/discover"}));
        }
        Ok(json!({"resultType": "complete", "supportedVersions": [MODERN], "capabilities": self.capabilities(),
            "ttlMs": 0, "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": self.flags.name, "version": "1.0"}}}))
    }

    fn initialize(&self, params: &Value) -> Value {
        let asked = params["protocolVersion"].as_str().unwrap_or(NEWEST_LEGACY);
        let version = if asked > NEWEST_LEGACY { NEWEST_LEGACY } else { asked };
        json!({"protocolVersion": version, "capabilities": self.capabilities(),
            "serverInfo": {"name": self.flags.name, "version": "1.0"}, "instructions": format!("be kind to {}", self.flags.name)})
    }

    fn capabilities(&self) -> Value {
        let mut all = json!({"tools": {"listChanged": true}, "prompts": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true}, "completions": {}, "logging": {}});
        if self.flags.tasks && !self.flags.tasks_unsaid {
            all["tasks"] = json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
            all["extensions"] = json!({"io.modelcontextprotocol/tasks": {}});
        }
        all
    }

    fn listen(&mut self, id: &str, params: &Value) {
        self.listening = Some(id.to_owned());
        let filter = params["notifications"].clone();
        self.wire.notify("notifications/subscriptions/acknowledged", json!({"notifications": filter}), Some(id));
    }

    fn notification(&mut self, method: &str, params: &Value) {
        match method {
            "notifications/initialized" => {
                for _ in 0..self.flags.list_changed_start {
                    self.wire.notify("notifications/tools/list_changed", json!({}), None);
                }
                if self.flags.roots_on_start {
                    self.calls.ask(&mut self.wire, None, "roots/list", &json!({}));
                }
            }
            "notifications/cancelled" => self.calls.cancelled(&mut self.wire, &params["requestId"]),
            _ => {}
        }
    }

    fn call(&mut self, id: &str, params: &Value, line: &[u8], modern: bool) {
        self.calls.n_calls += 1;
        if self.flags.crash_after.is_some_and(|n| self.calls.n_calls >= n) {
            trouble::say("fake: crashed in a call");
            trouble::die(3);
        }
        let name = params["name"].as_str().unwrap_or_default();
        if self.flags.never_answer.iter().any(|n| n == name) {
            return;
        }
        if name == "change" {
            self.items.change();
            for _ in 0..self.flags.list_changed_burst {
                self.wire.notify("notifications/tools/list_changed", json!({}), self.listening.as_deref());
            }
        }
        if name == "touch" {
            let uri = params["arguments"]["uri"].as_str().unwrap_or("fake://note");
            self.wire.notify("notifications/resources/updated", json!({"uri": uri}), self.listening.as_deref());
        }
        if !self.items.has_tool(name) {
            let error = json!({"code": -32602, "message": format!("no tool {name}")});
            return self.wire.error(id, &error);
        }
        if self.flags.tasks && self.tasks.call(&self.wire, id, params, modern, self.listening.as_deref()) {
            return;
        }
        self.calls.call(&mut self.wire, &self.flags, id, params, line, modern);
    }
}
