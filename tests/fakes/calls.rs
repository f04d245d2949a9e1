//! The tools of the fake server. A tool it does not know by name answers like `echo`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::flags::Flags;
use super::rounds;
use super::trouble;
use super::wire::{self, Wire};

/// The tools with a behaviour of their own, with what they do.
pub(crate) const TOOLS: [(&str, &str); 21] = [
    ("echo", "answers its arguments as they were written"),
    ("fail", "a result that says isError"),
    ("error", "a JSON-RPC error with the arguments `code`, `message` and `data`"),
    ("big", "a long text: `bytes`, else the flag --big"),
    (
        "wait",
        "answers its arguments when `release` is called, after a progress of `n`; `late` when it was cancelled before; with `tell`, it tells of its begin",
    ),
    ("release", "lets all `wait` answer, also the cancelled ones"),
    ("never", "never answers"),
    ("progress", "three progress notifications, then the answer, then one too many"),
    ("log", "a log message, then the answer"),
    ("elicit", "asks the user"),
    ("sample", "asks the model"),
    ("roots", "asks for the roots"),
    ("ask", "asks in the rounds that its arguments say, see `rounds.rs`"),
    ("twice", "answers twice"),
    ("stray", "answers an id nobody used, then its own"),
    ("raw", "writes the argument `line` as it is, then answers"),
    ("die", "ends the process with `code`"),
    ("whoami", "pid, arguments, folder, environment"),
    ("change", "one more tool, and says so"),
    ("touch", "says that the resource `uri` was updated"),
    ("stderr", "writes `line` to stderr"),
];

/// Our questions start at 0: two servers behind a proxy use the same ids at the same time.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) n_calls: u64,
    n_questions: u64,
    /// Questions to the client: the call they belong to, if any.
    asked: BTreeMap<u64, Option<String>>,
    waiting: Vec<Waiting>,
}

/// A call of `wait`.
struct Waiting {
    id: String,
    token: Value,
    arguments: Value,
    is_cancelled: bool,
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(serde::Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl Calls {
    pub(crate) fn call(&mut self, wire: &mut Wire, flags: &Flags, id: &str, params: &Value, line: &[u8], modern: bool) {
        let arguments = &params["arguments"];
        let token = params["_meta"].get("progressToken").cloned();
        let name = params["name"].as_str().unwrap_or_default();
        let done = |text: &str| {
            let mut result = json!({"content": [{"type": "text", "text": text}]});
            if modern {
                wire::complete(&mut result, false);
            }
            result.to_string()
        };
        match name {
            "fail" => wire
                .result(id, &json!({"content": [{"type": "text", "text": "it failed"}], "isError": true}).to_string()),
            "error" => {
                let code = arguments.get("code").cloned().unwrap_or_else(|| json!(-32050));
                let mut error = json!({"code": code, "message": arguments["message"].as_str().unwrap_or("as told")});
                if let Some(data) = arguments.get("data") {
                    error["data"] = data.clone();
                }
                wire.error(id, &error);
            }
            "big" => {
                let n = arguments["bytes"].as_u64().map_or(flags.big, |n| usize::try_from(n).unwrap_or(usize::MAX));
                wire.result(id, &done(&"x".repeat(n)));
            }
            "wait" => {
                let token = token.unwrap_or(Value::Null);
                if arguments["tell"] == true {
                    wire.notify("notifications/progress", json!({"progressToken": token, "progress": 0}), None);
                }
                let (id, arguments) = (id.to_owned(), arguments.clone());
                self.waiting.push(Waiting { id, token, arguments, is_cancelled: false });
            }
            "release" => {
                for Waiting { id, token, arguments, is_cancelled } in std::mem::take(&mut self.waiting) {
                    if !token.is_null() {
                        let n = arguments["n"].as_u64().unwrap_or(9);
                        wire.notify("notifications/progress", json!({"progressToken": token, "progress": n}), None);
                    }
                    let text = if is_cancelled { "late" } else { "released" };
                    let mut result =
                        json!({"content": [{"type": "text", "text": text}], "structuredContent": arguments});
                    if modern {
                        wire::complete(&mut result, false);
                    }
                    wire.result(&id, &result.to_string());
                }
                wire.result(id, &done("all released"));
            }
            "never" => {}
            "progress" => {
                let token = token.unwrap_or(Value::Null);
                let told =
                    |n: u64| json!({"progressToken": token, "progress": n, "total": 3, "message": format!("step {n}")});
                for n in 1..=3 {
                    wire.notify("notifications/progress", told(n), None);
                }
                wire.result(id, &done("three steps"));
                wire.notify("notifications/progress", told(4), None);
            }
            "log" => {
                let level = arguments["level"].as_str().unwrap_or("warning");
                wire.notify(
                    "notifications/message",
                    json!({"level": level, "logger": flags.name, "data": {"n": 1e2, "t": "x"}}),
                    None,
                );
                wire.result(id, &done("logged"));
            }
            "ask" => rounds::answer(wire, id, params, token.as_ref()),
            "elicit" | "sample" | "roots" if modern => self.input_required(wire, id, name, params),
            "elicit" => self.ask(wire, Some(id), "elicitation/create", &elicitation(&flags.name)),
            "sample" => self.ask(wire, Some(id), "sampling/createMessage", &sampling(&flags.name)),
            "roots" => self.ask(wire, Some(id), "roots/list", &json!({})),
            "twice" => {
                wire.result(id, &done("first"));
                wire.result(id, &done("second"));
            }
            "stray" => {
                wire.result("987654321", &done("nobody asked"));
                wire.result(id, &done("own"));
            }
            "raw" => {
                wire.raw(arguments["line"].as_str().unwrap_or_default());
                wire.result(id, &done("written"));
            }
            "die" => trouble::die(i32::try_from(arguments["code"].as_i64().unwrap_or(3)).unwrap_or(3)),
            "whoami" => {
                let env: BTreeMap<String, String> = std::env::vars().collect();
                let cwd = std::env::current_dir().map(|p| p.display().to_string()).unwrap_or_default();
                let args: Vec<String> = std::env::args().skip(1).collect();
                let mine = json!({"pid": std::process::id(), "args": args, "cwd": cwd, "env": env});
                let mut result = json!({"content": [], "structuredContent": mine});
                if modern {
                    wire::complete(&mut result, false);
                }
                wire.result(id, &result.to_string());
            }
            "stderr" => {
                trouble::say(arguments["line"].as_str().unwrap_or_default());
                wire.result(id, &done("said"));
            }
            _ => {
                let raw = serde_json::from_slice::<Line<'_>>(line)
                    .ok()
                    .and_then(|l| l.params.arguments)
                    .map_or("{}", RawValue::get);
                let kind = if modern { r#","resultType":"complete""# } else { "" };
                wire.result(
                    id,
                    &format!(r#"{{"content":[],"structuredContent":{raw},"_meta":{{"by":"{}"}}{kind}}}"#, flags.name),
                );
            }
        }
    }

    /// Asks the client; its answer becomes the answer of the call `id`.
    pub(crate) fn ask(&mut self, wire: &mut Wire, id: Option<&str>, method: &str, params: &Value) {
        let question = self.n_questions;
        self.n_questions += 1;
        self.asked.insert(question, id.map(str::to_owned));
        wire.raw(&json!({"jsonrpc": "2.0", "id": question, "method": method, "params": params}).to_string());
    }

    /// The client answered a question.
    pub(crate) fn answered(&mut self, wire: &mut Wire, id: &str, result: Option<Value>, error: Option<Value>) {
        let Some(call) = id.parse().ok().and_then(|n| self.asked.remove(&n)) else {
            return trouble::say(&format!("fake: answer to a question never asked: {id}"));
        };
        let said = result.map_or_else(|| json!({"error": error}), |r| json!({"answer": r}));
        if let Some(call) = call {
            wire.result(&call, &json!({"content": [], "structuredContent": said}).to_string());
        }
    }

    /// MCP 2026-07-28: the question is the result, the answer comes with the same call made again.
    fn input_required(&self, wire: &mut Wire, id: &str, name: &str, params: &Value) {
        if let Some(responses) = params.get("inputResponses") {
            let said = json!({"answer": responses, "state": params["requestState"]});
            let mut result = json!({"content": [], "structuredContent": said});
            wire::complete(&mut result, false);
            return wire.result(id, &result.to_string());
        }
        let (method, ask) = match name {
            "elicit" => ("elicitation/create", elicitation("modern")),
            "sample" => ("sampling/createMessage", sampling("modern")),
            _ => ("roots/list", json!({})),
        };
        let result = json!({"resultType": "input_required",
            "inputRequests": {"q1": {"method": method, "params": ask}}, "requestState": "st\u{e4}te-1"});
        wire.result(id, &result.to_string());
    }

    pub(crate) fn cancelled(&mut self, wire: &mut Wire, id: &Value) {
        trouble::say(&format!("fake: cancelled {id}"));
        for waiting in &mut self.waiting {
            if serde_json::from_str::<Value>(&waiting.id).is_ok_and(|w| w == *id) {
                waiting.is_cancelled = true;
            }
        }
        wire.flush();
    }
}

fn elicitation(by: &str) -> Value {
    json!({"mode": "form", "message": format!("{by} asks"), "requestedSchema": {"type": "object",
        "properties": {"name": {"type": "string"}}, "required": ["name"]}})
}

fn sampling(by: &str) -> Value {
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": format!("{by} asks")}}], "maxTokens": 10})
}
