//! The tasks of the fake server (`--tasks`): those of 2025-11-25, or of the extension that 2026-07-28 has for them.
//!
//! Ids are counted from 1, so that two servers, and two processes of one, give the same. A job ends as soon as somebody asks for its
//! end. Its arguments change that:
//! - `hold`: it goes on until the tool `finish` is called.
//! - `ask`: it asks the user first.
//! - `error`: it ends with a JSON-RPC error. `fails`: with a result that says so.
//! - `id`: the id of its task. `ttl`: its life in milliseconds.
//! - `progress`: told when the job has become a task.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{self, Wire};

/// The tools that are there for tasks, what they do, and what they say of tasks.
pub(crate) const TOOLS: [(&str, &str, Option<&str>); 4] = [
    ("job", "can only be called as a task", Some("required")),
    ("maybe", "can be called as a task", Some("optional")),
    ("hidden", "can only be called as a task, and does not say so", None),
    ("finish", "ends all tasks that are held", None),
];

const RELATED: &str = "io.modelcontextprotocol/related-task";
const EXTENSION: &str = "io.modelcontextprotocol/tasks";

#[derive(Default)]
pub(crate) struct Tasks {
    all: BTreeMap<String, Task>,
    n: u64,
    n_questions: u64,
    /// `tasks/result` not answered yet: its id, and that of the task.
    waiting: Vec<(String, String)>,
}

struct Task {
    arguments: Value,
    status: &'static str,
    /// What the user has answered.
    answer: Option<Value>,
    /// The question that is open.
    question: Option<String>,
    /// Looks at it after that.
    n_looks: u64,
    token: Value,
}

impl Task {
    fn is_over(&self) -> bool {
        matches!(self.status, "completed" | "failed" | "cancelled")
    }

    fn asks(&self) -> bool {
        self.arguments["ask"] == true && self.answer.is_none()
    }

    fn result(&self) -> Result<Value, Value> {
        if self.arguments["error"] == true {
            return Err(json!({"code": -32050, "message": "the job went wrong"}));
        }
        let said = json!({"arguments": self.arguments, "answer": self.answer});
        let mut result = json!({"content": [{"type": "text", "text": "done"}], "structuredContent": said});
        if self.arguments["fails"] == true {
            result["isError"] = json!(true);
        }
        Ok(result)
    }

    /// It ends, if it may.
    fn ends(&mut self) {
        if !self.is_over() && self.arguments["hold"] != true && !self.asks() {
            self.status = if self.arguments["error"] == true { "failed" } else { "completed" };
        }
    }

    fn described(&self, id: &str, modern: bool) -> Value {
        let (ttl, pause) = if modern { ("ttlMs", "pollIntervalMs") } else { ("ttl", "pollInterval") };
        json!({"taskId": id, "status": self.status, "statusMessage": "as told", "createdAt": "2026-01-01T00:00:00Z",
            "lastUpdatedAt": "2026-01-01T00:00:00Z", ttl: self.arguments["ttl"], pause: 100})
    }
}

impl Tasks {
    /// A call of one of the tools. `false`: it is answered as others are.
    pub(crate) fn call(
        &mut self,
        wire: &Wire,
        id: &str,
        params: &Value,
        modern: bool,
        listening: Option<&str>,
    ) -> bool {
        let name = params["name"].as_str().unwrap_or_default();
        let knows = if modern {
            !params["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"][EXTENSION].is_null()
        } else {
            params["task"].is_object()
        };
        match name {
            "finish" => {
                self.finish(wire, modern, listening);
                false
            }
            "maybe" if !knows => false,
            "job" | "hidden" if !knows && modern => {
                let data = json!({"requiredCapabilities": {"extensions": {EXTENSION: {}}}});
                wire.error(id, &json!({"code": -32021, "message": "Missing required client capability", "data": data}));
                true
            }
            "job" | "hidden" if !knows => {
                wire.error(id, &json!({"code": -32601, "message": format!("{name} must be called as a task")}));
                true
            }
            "job" | "hidden" | "maybe" => {
                self.begin(wire, id, params, modern);
                true
            }
            _ => false,
        }
    }

    fn begin(&mut self, wire: &Wire, id: &str, params: &Value, modern: bool) {
        self.n += 1;
        let arguments = params["arguments"].clone();
        let own = arguments["id"].as_str().map_or_else(|| self.n.to_string(), str::to_owned);
        let token = params["_meta"].get("progressToken").cloned().unwrap_or_default();
        let task = Task { arguments, status: "working", answer: None, question: None, n_looks: 0, token };
        let mut result = task.described(&own, modern);
        if modern {
            result["resultType"] = json!("task");
        } else {
            result = json!({ "task": result });
        }
        wire.result(id, &result.to_string());
        if let Some(n) = task.arguments["progress"].as_u64() {
            wire.notify("notifications/progress", json!({"progressToken": task.token, "progress": n}), None);
        }
        self.all.insert(own, task);
    }

    fn finish(&mut self, wire: &Wire, modern: bool, listening: Option<&str>) {
        for (own, task) in &mut self.all {
            if task.arguments["hold"] == true && !task.is_over() {
                task.arguments["hold"] = json!(false);
                task.ends();
                // Of all tasks, whoever wants to hear of them.
                let method = if modern { "notifications/tasks" } else { "notifications/tasks/status" };
                wire.notify(method, task.described(own, modern), listening);
            }
        }
        self.answer_waiting(wire);
    }

    /// A request about tasks.
    pub(crate) fn request(&mut self, wire: &Wire, method: &str, id: &str, params: &Value, modern: bool) {
        if method == "tasks/list" && !modern {
            let all: Vec<Value> = self.all.iter().map(|(own, t)| t.described(own, false)).collect();
            return wire.result(id, &json!({ "tasks": all }).to_string());
        }
        let own = params["taskId"].as_str().unwrap_or_default().to_owned();
        let Some(task) = self.all.get_mut(&own) else {
            let message = format!("Failed to retrieve task: there is no {own}");
            return wire.error(id, &json!({"code": -32602, "message": message}));
        };
        let mut ack = json!({});
        wire::complete(&mut ack, false);
        match (method, modern) {
            ("tasks/get", false) => wire.result(id, &task.described(&own, false).to_string()),
            ("tasks/get", true) => wire.result(id, &look(task, &own).to_string()),
            ("tasks/update", true) => {
                task.answer = Some(params["inputResponses"].clone());
                wire.result(id, &ack.to_string());
            }
            ("tasks/cancel", _) => {
                task.status = "cancelled";
                let answer = if modern { ack } else { task.described(&own, false) };
                wire.result(id, &answer.to_string());
                self.answer_waiting(wire);
            }
            ("tasks/result", false) => {
                task.ends();
                if task.asks() && task.question.is_none() {
                    let question = format!("\"task-question-{}\"", self.n_questions);
                    self.n_questions += 1;
                    task.status = "input_required";
                    task.question = Some(question.clone());
                    let ask = json!({"mode": "form", "message": format!("{own} asks"), "requestedSchema":
                        {"type": "object", "properties": {"name": {"type": "string"}}}, "_meta": {RELATED: {"taskId": own}}});
                    wire.raw(&format!(
                        r#"{{"jsonrpc":"2.0","id":{question},"method":"elicitation/create","params":{ask}}}"#
                    ));
                }
                self.waiting.push((id.to_owned(), own));
                self.answer_waiting(wire);
            }
            _ => wire.error(id, &json!({"code": -32601, "message": format!("no method {method}")})),
        }
    }

    /// Answers who waits for a result that is there.
    fn answer_waiting(&mut self, wire: &Wire) {
        let all = &self.all;
        self.waiting.retain(|(id, own)| {
            let task = &all[own];
            if !task.is_over() {
                return true;
            }
            match task.result() {
                _ if task.status == "cancelled" => wire.error(id, &json!({"code": -32000, "message": "cancelled"})),
                Ok(mut result) => {
                    result["_meta"] = json!({RELATED: {"taskId": own}, "by": "the job"});
                    wire.result(id, &result.to_string());
                }
                Err(error) => wire.error(id, &error),
            }
            false
        });
    }

    /// The client has answered a question. `false`: it was none of a task.
    pub(crate) fn answered(&mut self, wire: &Wire, id: &str, result: Option<&Value>) -> bool {
        let Some(task) = self.all.values_mut().find(|t| t.question.as_deref() == Some(id)) else { return false };
        task.answer = Some(result.cloned().unwrap_or_default());
        task.status = "working";
        task.ends();
        self.answer_waiting(wire);
        true
    }
}

/// MCP 2026-07-28: what a task has to say stands in each look at it.
fn look(task: &mut Task, own: &str) -> Value {
    task.ends();
    task.n_looks += u64::from(task.answer.is_some());
    // What was answered may be shown once more.
    let is_shown = task.asks() || (task.arguments["ask"] == true && task.n_looks == 1);
    let mut said = task.described(own, true);
    wire::complete(&mut said, false);
    if is_shown && task.status != "cancelled" {
        said["status"] = json!("input_required");
        said["inputRequests"] = json!({"q": {"method": "elicitation/create", "params": {"mode": "form",
            "message": format!("{own} asks"), "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}}});
        return said;
    }
    if task.status == "completed" || task.status == "failed" {
        match task.result() {
            Ok(mut result) => {
                wire::complete(&mut result, false);
                said["result"] = result;
            }
            Err(error) => said["error"] = error,
        }
    }
    said
}
