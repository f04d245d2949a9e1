//! Flows for other programs: as a command line, as JSON, as an HTTP archive. Pure; secrets are masked in all of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mcp_proxy_core::observe::{Flow, FlowKind, Frames, Head, Hop, Round, Status};
use mcp_proxy_core::protocol::{Field, Message, Method, Spliced, walk};
use serde_json::{Value, json};

use crate::json::mask;
use crate::json::pretty::pretty;

/// The edition the command line speaks: one request, no session.
const REVISION: &str = "2026-07-28";

/// The flow with its secrets masked in every frame.
#[must_use]
pub(crate) fn masked(flow: &Flow) -> Flow {
    let frames = |f: &Frames| Frames {
        received: f.received.as_ref().map(|b| Bytes::from(mask::masked(b))),
        sent: f.sent.as_ref().map(|s| Spliced::new(mask::masked(&s.to_bytes()).into())),
        returned: f.returned.as_ref().map(|b| Bytes::from(mask::masked(b))),
        answered: f.answered.as_ref().map(|s| Spliced::new(mask::masked(&s.to_bytes()).into())),
    };
    let rounds = flow.rounds.iter().map(|r| Round { frames: frames(&r.frames), ..r.clone() }).collect();
    Flow { frames: frames(&flow.frames), rounds, ..flow.clone() }
}

/// A text between quotes of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A command line that makes the call by HTTP, as a client of the newest edition: it needs no session.
///
/// # Errors
/// Why there is none.
pub(crate) fn curl(flow: &Flow) -> Result<String, String> {
    let first = flow.first_frames();
    let frame = first.received.clone().ok_or_else(|| format!("the request of {} is not kept", flow.id))?;
    let message = Message::parse(frame).map_err(|_| format!("the request of {} cannot be read", flow.id))?;
    let method = message.method().filter(|m| {
        matches!(m, Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete)
            || m.name().ends_with("/list")
    });
    let Some(method) = method else {
        return Err(format!("{} is no request that stands alone: only calls and lists are", flow.id));
    };
    let params = message.span(Field::Params);
    let raw = message.raw();
    let mut kept = String::new();
    let skip = ["_meta", "requestState", "inputResponses"];
    for (key, value) in params.into_iter().flat_map(|p| walk::members(raw, p)) {
        let at = |s: mcp_proxy_core::protocol::Span| &raw[s.start as usize..s.end as usize];
        if walk::decode(at(key)).is_some_and(|k| skip.contains(&k.as_ref())) {
            continue;
        }
        kept.push_str(&format!("{}:{},", String::from_utf8_lossy(at(key)), String::from_utf8_lossy(at(value))));
    }
    let meta = format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{REVISION}","io.modelcontextprotocol/clientInfo":{{"name":"curl","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
    );
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}","params":{{{kept}{meta}}}}}"#, method.name());
    let body = String::from_utf8_lossy(&mask::masked(body.as_bytes())).into_owned();
    let mut out = String::from("curl -sS \"${MCP_URL:-http://127.0.0.1:8000/mcp}\" \\\n");
    let mut header =
        |name: &str, value: &str| out.push_str(&format!("  -H {} \\\n", quoted(&format!("{name}: {value}"))));
    header("Content-Type", "application/json");
    header("Accept", "application/json, text/event-stream");
    header("MCP-Protocol-Version", REVISION);
    header("Mcp-Method", method.name());
    let named = match method {
        Method::ToolsCall | Method::PromptsGet => message.text(Field::Name),
        Method::ResourcesRead => message.text(Field::Uri),
        _ => None,
    };
    if let Some(name) = named {
        header("Mcp-Name", &header_value(&name));
    }
    out.push_str(&format!("  --data-raw {}\n", quoted(&body)));
    Ok(out)
}

/// A name as a header can have it (MCP 2026-07-28, transports, Streamable HTTP).
fn header_value(name: &str) -> String {
    let is_plain = name.bytes().all(|b| (0x20..0x7f).contains(&b)) && name.trim() == name && !name.starts_with("=?");
    if is_plain { name.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(name)) }
}

/// What came, as JSON; what is no JSON as a text.
fn body(bytes: Option<Bytes>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    let masked = mask::masked(&bytes);
    serde_json::from_slice(&masked).unwrap_or_else(|_| String::from_utf8_lossy(&masked).into_owned().into())
}

fn asked(flow: &Flow) -> Option<Bytes> {
    flow.frames.received.clone().or_else(|| flow.frames.sent.as_ref().map(Spliced::to_bytes))
}

fn answered(flow: &Flow) -> Option<Bytes> {
    flow.frames.answered.as_ref().map(Spliced::to_bytes).or_else(|| flow.frames.returned.clone())
}

/// The headers of an HTTP message, as an archive has them.
fn headers(head: Option<&Head>) -> Value {
    let all = head.into_iter().flat_map(|h| &h.headers);
    all.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// What HTTP said on one hop.
fn hop(hop: &Hop) -> Value {
    let head = |head: &Option<Head>| {
        let left_out = |h: &Head| (h.n_left_out > 0).then_some(h.n_left_out);
        head.as_ref().map(|h| json!({ "line": h.line, "headers": headers(Some(h)), "n_left_out": left_out(h) }))
    };
    json!({ "request": head(&hop.request), "response": head(&hop.response) })
}

fn ms(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn when(at: std::time::SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

/// Flows as JSON: one object, or a list of several.
#[must_use]
pub(crate) fn json(flows: &[(Flow, Option<String>)]) -> String {
    let one = |(flow, comment): &(Flow, Option<String>)| {
        json!({
            "call": flow.id.to_string(),
            "at": when(flow.at),
            "session": flow.session.map(|s| s.to_string()),
            "client": flow.client,
            "server": flow.backend,
            "method": flow.method,
            "target": flow.target,
            "status": flow.status.to_string(),
            "parent": flow.parent.map(|p| p.to_string()),
            "comment": comment.as_ref().filter(|c| !c.is_empty()),
            "timing_ms": {
                "total": ms(flow.timing.total()), "proxy": ms(flow.timing.proxy), "queue": ms(flow.timing.queue),
                "server": ms(flow.timing.server), "client": ms(flow.timing.client), "held": ms(flow.timing.held),
                "send": ms(flow.timing.send),
            },
            "request": body(flow.frames.received.clone()),
            "request_as_sent": body(flow.frames.sent.as_ref().map(Spliced::to_bytes)),
            "answer": body(flow.frames.returned.clone()),
            "answer_as_passed_back": body(flow.frames.answered.as_ref().map(Spliced::to_bytes)),
            "http": flow.hops.as_ref().map(|hops| json!({
                "client": hop(&hops.client), "server": hop(&hops.server),
            })),
        })
    };
    let all: Vec<Value> = flows.iter().map(one).collect();
    let text = match all.as_slice() {
        [one] => one.to_string(),
        all => Value::from(all.to_vec()).to_string(),
    };
    pretty(text.as_bytes()) + "\n"
}

/// Flows in the shape of an HTTP archive (HAR 1.2): each message as a POST, whatever it really came by.
#[must_use]
pub(crate) fn har(flows: &[(Flow, Option<String>)]) -> String {
    let text = |bytes: Option<Bytes>| {
        bytes.map_or_else(String::new, |b| String::from_utf8_lossy(&mask::masked(&b)).into_owned())
    };
    let entry = |(flow, comment): &(Flow, Option<String>)| {
        let (asked, answered) = (asked(flow), answered(flow));
        let total = ms(flow.timing.total() + flow.timing.send);
        let server = flow.backend.as_deref().unwrap_or("mcp-proxy");
        let seen = flow.hops.as_ref().and_then(|hops| match flow.kind {
            // What we ask ourselves has no client.
            FlowKind::Own => Some(&hops.server),
            // A question goes by a stream that is open already.
            FlowKind::Upcall => None,
            _ => Some(&hops.client),
        });
        let mut one = json!({
            "startedDateTime": when(flow.at),
            "time": total,
            "request": {
                "method": "POST",
                "url": format!("mcp://{server}/{}", flow.method),
                "httpVersion": "MCP",
                "cookies": [], "headers": headers(seen.and_then(|hop| hop.request.as_ref())), "queryString": [],
                "postData": { "mimeType": "application/json", "text": text(asked.clone()) },
                "headersSize": -1,
                "bodySize": asked.as_ref().map_or(-1, |b| i64::try_from(b.len()).unwrap_or(-1)),
            },
            "response": {
                "status": if matches!(flow.status, Status::Ok | Status::Sent) { 200 } else { 500 },
                "statusText": flow.status.to_string(),
                "httpVersion": "MCP",
                "cookies": [], "headers": headers(seen.and_then(|hop| hop.response.as_ref())),
                "content": {
                    "size": answered.as_ref().map_or(0, Bytes::len),
                    "mimeType": "application/json",
                    "text": text(answered.clone()),
                },
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": answered.as_ref().map_or(-1, |b| i64::try_from(b.len()).unwrap_or(-1)),
            },
            "cache": {},
            "timings": {
                "blocked": ms(flow.timing.queue + flow.timing.held),
                "send": ms(flow.timing.proxy),
                "wait": ms(flow.timing.server + flow.timing.client),
                "receive": ms(flow.timing.send),
            },
            "_call": flow.id.to_string(),
            "_client": flow.client,
            "_target": flow.target,
        });
        if let (Some(hops), Some(one)) = (&flow.hops, one.as_object_mut()) {
            one.insert("_client_http".to_owned(), hop(&hops.client));
            one.insert("_server_http".to_owned(), hop(&hops.server));
        }
        if let (Some(comment), Some(one)) = (comment.as_ref().filter(|c| !c.is_empty()), one.as_object_mut()) {
            one.insert("comment".to_owned(), comment.clone().into());
        }
        one
    };
    let all: Vec<Value> = flows.iter().map(entry).collect();
    let creator = json!({ "name": "mcp-proxy", "version": env!("CARGO_PKG_VERSION") });
    let log = json!({ "log": { "version": "1.2", "creator": creator, "entries": all } });
    pretty(log.to_string().as_bytes()) + "\n"
}

#[cfg(test)]
mod tests {
    use mcp_proxy_core::protocol::Revision;

    use super::*;
    use crate::sample;

    #[test]
    fn the_edition_is_one_we_speak() {
        assert_eq!(REVISION, Revision::V2026_07_28.date());
    }

    #[test]
    fn a_command_line_says_all_and_no_secret() {
        let line = curl(&sample::echo()).expect("a call");
        for part in ["Mcp-Method: tools/call", "Mcp-Name: demo__echo", r#""times":2"#, "Grüße aus Köln", "${MCP_URL:-"]
        {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!line.contains("sk-very-secret") && !line.contains("progressToken"), "{line}");
        let body = line.split("--data-raw '").nth(1).and_then(|b| b.strip_suffix("'\n")).expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["params"]["arguments"]["api_key"], "***");
        assert!(curl(&sample::flows()[7]).is_err());
    }

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(header_value("note://2026/メモ"), "=?base64?bm90ZTovLzIwMjYv44Oh44Oi?=");
    }

    #[test]
    fn headers_have_their_place() {
        let flow = sample::by_http();
        let flows = [(flow.clone(), None), (sample::echo(), None)];
        let all: Value = serde_json::from_str(&json(&flows)).expect("JSON");
        assert_eq!(all[0]["http"]["server"]["response"]["line"], "200 OK");
        assert_eq!(all[0]["http"]["server"]["response"]["n_left_out"], 3);
        assert!(all[1]["http"].is_null());
        let har: Value = serde_json::from_str(&har(&flows)).expect("JSON");
        let entry = &har["log"]["entries"][0];
        let named = |name: &str| json!({ "name": name, "value": "***" });
        let asked = entry["request"]["headers"].as_array().expect("headers");
        assert!(asked.len() == 9 && asked.contains(&named("mcp-session-id")), "{asked:?}");
        let said = entry["_server_http"]["response"]["headers"].as_array().expect("headers");
        assert!(said.contains(&named("set-cookie")), "{said:?}");
        assert_eq!(har["log"]["entries"][1]["request"]["headers"], json!([]));
        let own = Flow { kind: FlowKind::Own, ..flow };
        let har: Value = serde_json::from_str(&super::har(&[(own, None)])).expect("JSON");
        assert_eq!(har["log"]["entries"][0]["request"]["headers"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn json_and_archives_are_complete_and_masked() {
        let flows = [(sample::echo(), Some("look".to_owned())), (sample::timed_out(), None)];
        let all: Value = serde_json::from_str(&json(&flows)).expect("JSON");
        assert_eq!(
            (&all[0]["status"], &all[0]["comment"], &all[1]["status"]),
            (&json!("ok"), &json!("look"), &json!("timeout"))
        );
        assert_eq!(all[0]["request"]["params"]["arguments"]["api_key"], "***");
        let one: Value = serde_json::from_str(&json(&flows[..1])).expect("JSON");
        assert_eq!(one["call"], "c-3");
        let har: Value = serde_json::from_str(&har(&flows)).expect("JSON");
        let entries = har["log"]["entries"].as_array().expect("entries");
        assert_eq!(
            (entries.len(), &entries[0]["comment"], &entries[1]["response"]["status"]),
            (2, &json!("look"), &json!(500))
        );
        assert!(!har.to_string().contains("sk-very-secret"));
        let whole = serde_json::to_string(&masked(&sample::echo())).expect("JSON");
        assert!(!whole.contains("sk-very-secret"), "{whole}");
    }
}
