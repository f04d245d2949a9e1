//! The demo client: makes varied calls at a human pace over a link in memory, answers questions by itself, for ever or for a
//! number of rounds. Its order is fixed, so that every run of the demo shows the same.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_proxy_core::transport::Link;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::client::{Client, ClientError, Incoming};

/// Calls in flight at most: a server that has stopped answering must not fill our memory.
const MAX_IN_FLIGHT: usize = 16;

/// How fast, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two calls.
    pub pause: Duration,
    /// Times the whole round is made; `None`: until the proxy goes.
    pub rounds: Option<usize>,
}

impl Pace {
    /// As fast as a person can follow, until the proxy goes.
    #[must_use]
    pub const fn human() -> Self {
        Self { pause: Duration::from_millis(550), rounds: None }
    }
}

/// One step of a round.
pub(super) struct Step {
    method: &'static str,
    pub(super) params: Value,
    /// Given up after this many further steps.
    cancel_after: Option<usize>,
}

/// Runs the client until its rounds are made and answered, or the proxy goes.
///
/// # Errors
/// When the proxy refuses to open the talk or sends what is no message.
pub async fn run(link: Link, pace: Pace) -> Result<(), ClientError> {
    let capabilities = json!({ "elicitation": { "form": {} }, "sampling": {}, "roots": { "listChanged": true } });
    let mut demo = Demo {
        client: Client::open(link, "demo", capabilities).await?,
        in_flight: BTreeMap::new(),
        n_questions: 0,
        n_steps: 0,
    };
    match demo.rounds(pace).await {
        // The proxy is shut down before its clients: that is how the demo ends.
        Err(ClientError::Closed) => Ok(()),
        other => other,
    }
}

struct Demo {
    client: Client,
    /// Our id, and the step after which it is given up.
    in_flight: BTreeMap<u64, Option<usize>>,
    n_questions: usize,
    n_steps: usize,
}

impl Demo {
    async fn rounds(&mut self, pace: Pace) -> Result<(), ClientError> {
        let steps = steps();
        let mut due = Instant::now();
        let mut n_rounds = 0;
        while pace.rounds.is_none_or(|wanted| n_rounds < wanted) {
            for step in &steps {
                self.hear_until(due).await?;
                self.make(step).await?;
                due = Instant::now() + pace.pause;
            }
            n_rounds += 1;
        }
        while !self.in_flight.is_empty() {
            self.hear().await?;
        }
        Ok(())
    }

    /// Hears what is said until it is time, and as long as too much is in flight.
    async fn hear_until(&mut self, due: Instant) -> Result<(), ClientError> {
        loop {
            let full = self.in_flight.len() >= MAX_IN_FLIGHT;
            tokio::select! {
                biased;
                () = sleep_until(due), if !full => return Ok(()),
                incoming = self.client.next() => self.react(incoming?).await?,
            }
        }
    }

    async fn hear(&mut self) -> Result<(), ClientError> {
        let incoming = self.client.next().await?;
        self.react(incoming).await
    }

    async fn make(&mut self, step: &Step) -> Result<(), ClientError> {
        self.n_steps += 1;
        let given_up: Vec<u64> =
            self.in_flight.iter().filter(|(_, at)| **at == Some(self.n_steps)).map(|(id, _)| *id).collect();
        for id in given_up {
            self.in_flight.remove(&id);
            let params = json!({ "requestId": id, "reason": "the user has lost patience" });
            self.client.notify("notifications/cancelled", params).await?;
        }
        let id = self.client.send(step.method, step.params.clone()).await?;
        self.in_flight.insert(id, step.cancel_after.map(|n| self.n_steps + n));
        Ok(())
    }

    async fn react(&mut self, incoming: Incoming) -> Result<(), ClientError> {
        match incoming {
            Incoming::Answer { id, .. } => {
                self.in_flight.remove(&id);
                Ok(())
            }
            Incoming::Notice { .. } => Ok(()),
            Incoming::Question { id, method, .. } => {
                self.n_questions += 1;
                match answer(&method, self.n_questions) {
                    Some(result) => self.client.answer(id, result).await,
                    None => self.client.refuse(id, &method).await,
                }
            }
        }
    }
}

/// What the user and the model of this client say. Now and then the user would rather not.
fn answer(method: &str, n: usize) -> Option<Value> {
    match method {
        "elicitation/create" if n.is_multiple_of(5) => Some(json!({ "action": "decline" })),
        "elicitation/create" => Some(
            json!({ "action": "accept", "content": { "name": "Ada", "guests": 2 + n % 3, "outside": n.is_multiple_of(2) } }),
        ),
        "sampling/createMessage" => Some(json!({
            "role": "assistant",
            "content": { "type": "text", "text": "A whale, a captain, a long chase." },
            "model": "demo-model",
            "stopReason": "endTurn",
        })),
        "roots/list" => Some(json!({ "roots": [{ "uri": "file:///home/demo/project", "name": "project" }] })),
        _ => None,
    }
}

pub(super) fn steps() -> Vec<Step> {
    let step = |method, params| Step { method, params, cancel_after: None };
    let call = |name: &str, arguments: Value| step("tools/call", json!({ "name": name, "arguments": arguments }));
    let read = |uri: &str| step("resources/read", json!({ "uri": uri }));
    let patience = |cancel_after, step: Step| Step { cancel_after: Some(cancel_after), ..step };
    vec![
        step("tools/list", json!({})),
        call("tools__echo", json!({ "text": "hello from the demo client" })),
        call("tools__add", json!({ "a": 40, "b": 2 })),
        step("resources/list", json!({})),
        call("tools__slow", json!({ "seconds": 3, "steps": 6 })),
        read("library://catalogue"),
        call("asker__book_table", json!({})),
        step(
            "prompts/get",
            json!({ "name": "library__recommend", "arguments": { "reader": "Ada", "style": "playful" } }),
        ),
        call(
            "tools__order",
            json!({ "drink": "tea", "milk": true, "extras": ["biscuit"], "place": { "floor": 2, "desk": "17b" } }),
        ),
        call("tools__fail", json!({ "reason": "the kettle is broken" })),
        step("resources/subscribe", json!({ "uri": "library://visitors" })),
        read("library://books/moby-dick"),
        call(
            "asker__summarise",
            json!({ "text": "Call me Ishmael. Some years ago, having little money, I went to sea." }),
        ),
        step(
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "library__recommend" }, "argument": { "name": "style", "value": "p" } }),
        ),
        call("tools__picture", json!({})),
        step("logging/setLevel", json!({ "level": "info" })),
        call("tools__chatter", json!({})),
        patience(4, call("tools__slow", json!({ "seconds": 30, "steps": 30 }))),
        read("library://books/the-lost-one"),
        call("asker__where_am_i", json!({})),
        call("tools__no_such_tool", json!({})),
        read("library://visitors"),
        step("prompts/get", json!({ "name": "library__discuss", "arguments": { "book": "walden" } })),
        call("tools__forget", json!({ "what": "the kettle" })),
        step("resources/unsubscribe", json!({ "uri": "library://visitors" })),
        step("prompts/list", json!({})),
        read("library://cover"),
        step("resources/templates/list", json!({})),
        step("ping", json!({})),
    ]
}
