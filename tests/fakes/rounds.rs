//! Questions of MCP 2026-07-28: they are the answer of a call, and the call comes again with what was answered.
//!
//! The arguments say what happens, the `requestState` where we are in it: nothing is remembered here.
//!
//! - `rounds`: for each round the members of the result besides `resultType`; `requestState` is added unless it is there.
//! - `forever`: the last round is repeated for ever.
//! - `stateless`: no `requestState`; then there is one round.
//! - `silent`: there is no answer after the last round.
//! - `progress`: values told in each round.
//! - `level`: a log message of this level is told in each round.

use serde_json::{Value, json};

use super::wire::{self, Wire};

/// Not what a careful reader of JSON would keep when it writes: escapes, and a letter beyond ASCII.
const STATE: &str = "\\u0041 \u{e4}\\/ at ";

pub(crate) fn answer(wire: &Wire, id: &str, params: &Value, token: Option<&Value>) {
    let script = &params["arguments"];
    let n = match params.get("requestState") {
        Some(state) => state.as_str().and_then(|s| s.rsplit(' ').next()?.parse().ok()).unwrap_or(usize::MAX),
        None => usize::from(params.get("inputResponses").is_some()),
    };
    if let Some(token) = token {
        for value in script["progress"].as_array().into_iter().flatten() {
            wire.notify("notifications/progress", json!({"progressToken": token, "progress": value}), None);
        }
    }
    if let Some(level) = script["level"].as_str() {
        wire.notify("notifications/message", json!({"level": level, "data": format!("round {n}")}), None);
    }
    let rounds = script["rounds"].as_array().cloned().unwrap_or_default();
    let round = if script["forever"] == true { rounds.last() } else { rounds.get(n) };
    let Some(round) = round else {
        if script["silent"] == true {
            return;
        }
        let said = json!({"answers": params.get("inputResponses"), "state": params.get("requestState")});
        let text = json!([{"type": "text", "text": said.to_string()}]);
        let mut result = json!({"content": text, "structuredContent": said, "messages": [], "contents": []});
        wire::complete(&mut result, false);
        return wire.result(id, &result.to_string());
    };
    let mut members: Vec<String> = vec![r#""resultType":"input_required""#.to_owned()];
    for (key, value) in round.as_object().into_iter().flatten() {
        members.push(format!("{}:{value}", json!(key)));
    }
    if script["stateless"] != true && round.get("requestState").is_none() {
        members.push(format!(r#""requestState":"{STATE}{}""#, n.saturating_add(1)));
    }
    wire.result(id, &format!("{{{}}}", members.join(",")));
}
