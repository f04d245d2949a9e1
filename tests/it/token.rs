//! Tokens: made, listed and taken away by the command line; asked for at the door over HTTP.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Home, Peer, Web, eventually};

const LOCKED: &str = "clients: { require_auth: true }";

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The hash in what was kept, without what stands before it.
fn hash_in(text: &str) -> String {
    text.split("sha256:").nth(1).map(|rest| rest[..64].to_owned()).unwrap_or_default()
}

fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": "2025-11-25",
        "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } })
}

/// What becomes of `initialize`.
fn status(web: &Web, headers: &[(&str, &str)]) -> u16 {
    web.post("/mcp", headers, &initialize()).status
}

fn status_with(web: &Web, token: &str) -> u16 {
    status(web, &[("authorization", &format!("Bearer {token}"))])
}

#[test]
fn a_token_is_made_once_and_never_shown_again() {
    let home = Home::new();
    let made = home.run(&["token", "add", "laptop", "--server", "files", "--tool", "files__read*"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let token = made.stdout.trim_end();
    assert!(token.starts_with("mcpp_") && token.len() == 48 && made.stdout.ends_with('\n'), "{}", made.stdout);
    assert!(!made.stderr.contains(token), "only on stdout");

    let path = home.path("home/.config/mcp-proxy/credentials.json");
    let kept = text(&path);
    let hash = hash_in(&kept);
    assert!(hash.len() == 64 && !kept.contains(token), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    let twice = home.run(&["token", "add", "laptop"]);
    assert_eq!((twice.code, twice.stdout.as_str()), (Some(2), ""));
    assert!(twice.stderr.contains("already") && twice.stderr.contains("token rm"), "{}", twice.stderr);
    assert_eq!(text(&path), kept, "nothing has changed");
    assert_eq!(home.run(&["token", "add", "two words"]).code, Some(2));

    let listed = home.run(&["token", "list"]);
    assert!(listed.stdout.contains("laptop  files    files__read*  credentials"), "{}", listed.stdout);
    let listed_json = home.run(&["token", "list", "--json"]);
    let all: Value = serde_json::from_str(&listed_json.stdout).expect("JSON");
    let expected = json!([{ "name": "laptop", "from": "credentials", "servers": ["files"], "tools": { "allow": ["files__read*"], "deny": [] } }]);
    assert_eq!(all, expected);
    for shown in [&listed.stdout, &listed.stderr, &listed_json.stdout, &twice.stderr] {
        assert!(!shown.contains(token) && !shown.contains(&hash), "{shown}");
    }

    assert_eq!(home.run(&["token", "rm", "laptop"]).code, Some(0));
    assert_eq!(home.run(&["token", "rm", "laptop"]).code, Some(2));
    let none = home.run(&["token", "list"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
}

#[test]
fn what_the_user_has_written_is_known_and_left_alone() {
    let home = Home::with_fake(&[]).top("clients: { tokens: { phone: abcdefghijklmnopqrstuvwx } }");
    let config = home.config();
    let run = |args: &[&str]| home.run(&[args, &["--config", config.to_str().expect("plain")]].concat());
    assert_eq!(run(&["token", "add", "phone"]).code, Some(2));
    assert_eq!(run(&["token", "rm", "phone"]).code, Some(2));
    let typo = run(&["token", "add", "laptop", "--server", "aa"]);
    assert!(typo.code == Some(2) && typo.stderr.contains("configured are: a"), "{}", typo.stderr);
    std::fs::write(home.path("credentials.json"), "{\"KEY\":  \"x\"}").expect("written");
    let made = run(&["token", "add", "laptop", "--server", "a"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stderr.contains("require_auth"), "{}", made.stderr);
    let kept = text(&home.path("credentials.json"));
    assert!(kept.contains("\"KEY\": \"x\"") && kept.contains("sha256:"), "{kept}");
    let listed = run(&["token", "list"]).stdout;
    assert!(listed.contains("configuration") && listed.contains("laptop"), "{listed}");
    assert!(!listed.contains("abcdefgh"), "{listed}");
    let checked = run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
}

#[test]
fn the_door_asks_for_a_token_and_follows_what_is_kept() {
    let home = Home::with_fake(&[]).top(LOCKED);
    let config = home.config();
    let run = |args: &[&str]| home.run(&[args, &["--config", config.to_str().expect("plain")]].concat());
    let token = run(&["token", "add", "laptop"]).stdout.trim_end().to_owned();
    let web = home.web();
    assert_eq!(status_with(&web, &token), 200);
    let refused = web.post("/mcp", &[], &initialize());
    assert_eq!((refused.status, &refused.json()["error"]["data"]["reason"]), (401, &json!("token_missing")));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"mcp-proxy\""));
    assert_eq!(status_with(&web, "mcpp_wrong"), 401);
    let bearer = format!("Bearer {token}");
    for headers in [
        [("authorization", bearer.as_str()), ("host", "evil.example.com")],
        [("authorization", bearer.as_str()), ("origin", "https://evil.example.com")],
        [("authorization", bearer.as_str()), ("authorization", "Bearer x")],
    ] {
        assert_eq!(status(&web, &headers), 403, "{:?}", headers[1].0);
    }

    // Another one, made while it runs; and the first one taken away.
    let second = run(&["token", "add", "phone"]).stdout.trim_end().to_owned();
    eventually("the second token counts", || (status_with(&web, &second) == 200).then_some(()));
    assert_eq!(run(&["token", "rm", "laptop"]).code, Some(0));
    eventually("the first token does not count", || (status_with(&web, &token) == 401).then_some(()));
    assert_eq!(status_with(&web, &second), 200);
    let log = web.process.stderr();
    for secret in [&token, &second, "mcpp_wrong", &hash_in(&text(&home.path("credentials.json")))] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// The token that was shown on stderr.
fn shown(log: &str) -> Option<String> {
    log.lines().map(str::trim).find(|l| l.starts_with("mcpp_")).map(str::to_owned)
}

#[test]
fn where_a_token_is_needed_and_there_is_none_one_is_made_and_shown_once() {
    let home = Home::with_fake(&[]).top("features: { authentication: true }");
    let token = {
        let web = home.web();
        let token = shown(&web.process.stderr()).expect("a token");
        assert_eq!((status_with(&web, &token), status(&web, &[])), (200, 401));
        token
    };
    let web = home.web();
    assert_eq!(shown(&web.process.stderr()), None, "{}", web.process.stderr());
    assert_eq!(status_with(&web, &token), 200, "it is good for the next run, too");
}

/// As in a container whose credentials cannot be written.
#[test]
#[cfg(target_os = "linux")]
fn a_token_that_cannot_be_kept_is_good_until_the_end() {
    let home = Home::with_fake(&[]).top("features: { authentication: true }");
    let config = home.config();
    let args = ["serve", "--http", "--port", "0", "--config", config.to_str().expect("plain")];
    let mut command = home.command(&args);
    command.env("MCP_CREDENTIALS_PATH", "/proc");
    let web = Web::of(Peer::start(command));
    let token = shown(&web.process.stderr()).expect("a token");
    assert!(web.process.stderr().contains("until this process ends"), "{}", web.process.stderr());
    assert_eq!((status_with(&web, &token), status(&web, &[])), (200, 401));
}

#[test]
fn an_open_door_is_refused_at_the_start_as_by_check() {
    let home = Home::with_fake(&[]);
    let config = home.config();
    let config = config.to_str().expect("plain");
    let refused = home.run(&["serve", "--http", "--host", "0.0.0.0", "--port", "0", "--config", config]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    for part in ["MP501", "--> --host", "require_auth", "--insecure"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let web = home.web_with(&["--host", "0.0.0.0", "--insecure"]);
    assert_eq!(status(&web, &[]), 200);
    // An address cannot be rebound, a name can.
    assert_eq!(status(&web, &[("host", "10.1.2.3:80")]), 200);
    assert_eq!(status(&web, &[("host", "evil.example.com")]), 403);
}

#[test]
fn who_is_too_fast_hears_when_to_come_back() {
    let home = Home::with_fake(&[]).top("features: { rate_limiting: { requests_per_minute: 2 } }");
    let web = home.web();
    assert_eq!((status(&web, &[]), status(&web, &[])), (200, 200));
    let refused = web.post("/mcp", &[], &initialize());
    let seconds = refused.header("retry-after").and_then(|s| s.parse::<u64>().ok());
    assert_eq!((refused.status, seconds.is_some_and(|s| (1..=30).contains(&s))), (429, true), "{seconds:?}");
    let body = refused.json();
    assert_eq!((&body["id"], &body["error"]["data"]["reason"]), (&json!(1), &json!("rate_limited")));

    let mut peer = home.open();
    peer.request("tools/list", &json!({}));
    let fault = peer.refusal("tools/list", &json!({}));
    assert_eq!((&fault["code"], &fault["data"]["reason"]), (&json!(-32603), &json!("rate_limited")));
    assert!(fault["data"]["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0 && ms <= 30_000), "{fault}");
}

#[test]
fn a_server_has_a_limit_of_its_own() {
    let home = Home::with_fake(&[]).and("limits: { requests_per_minute: 1 }").fake("b", &[]);
    let mut peer = home.open();
    peer.call("a__echo", &json!({ "text": "x" }));
    let fault = peer.refusal("tools/call", &json!({ "name": "a__echo", "arguments": { "text": "x" } }));
    assert_eq!(fault["data"]["reason"], "rate_limited", "{fault}");
    peer.call("b__echo", &json!({ "text": "x" }));
}

#[test]
fn a_token_sees_its_servers_only_and_a_session_follows_what_it_opens() {
    let home = Home::with_fake(&[]).fake("b", &[]).top(LOCKED);
    let config = home.config();
    let run = |args: &[&str]| home.run(&[args, &["--config", config.to_str().expect("plain")]].concat());
    let token = run(&["token", "add", "laptop", "--server", "a"]).stdout.trim_end().to_owned();
    let web = home.web();
    let bearer = format!("Bearer {token}");
    let with = |more: &[(&'static str, String)]| {
        let own = [("authorization", bearer.clone()), ("mcp-protocol-version", "2025-11-25".to_owned())];
        [&own[..], more].concat()
    };
    let post = |path: &str, more: &[(&'static str, String)], body: &Value| {
        let headers = with(more);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        web.post(path, &headers, body)
    };
    assert_eq!(post("/mcp/b", &[], &initialize()).status, 404, "what it does not open is not there");
    assert_eq!(post("/mcp/a", &[], &initialize()).status, 200);

    let opened = post("/mcp", &[], &initialize());
    let session = [("mcp-session-id", opened.header("mcp-session-id").expect("a session").to_owned())];
    post("/mcp", &session, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let list = || post("/mcp", &session, &json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
    let text = String::from_utf8_lossy(&list().body).into_owned();
    assert!(text.contains("a__echo") && !text.contains("b__echo"), "{text}");

    // The same token for something else: the session goes on with that.
    let path = home.path("credentials.json");
    let changed = std::fs::read_to_string(&path).expect("kept").replace("[\"a\"]", "[\"b\"]");
    std::fs::write(&path, changed).expect("written");
    let sees = |wanted: &str, other: &str| {
        let text = String::from_utf8_lossy(&list().body).into_owned();
        text.contains(wanted) && !text.contains(other)
    };
    eventually("the change counts", || sees("b__echo", "a__echo").then_some(()));
    assert_eq!(post("/mcp/b", &[], &initialize()).status, 200);
    assert_eq!(post("/mcp/a", &[], &initialize()).status, 404);
    let call =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "a__echo", "arguments": {} } });
    let refused = post("/mcp", &session, &call);
    assert!(String::from_utf8_lossy(&refused.body).contains("-32602"), "{refused:?}");
    assert!(home.received_of("a", "tools/call").is_empty());
    // Taken away, it opens nothing, and the session is over.
    assert_eq!(run(&["token", "rm", "laptop"]).code, Some(0));
    eventually("the end of the session", || (list().status == 401).then_some(()));
}

/// Edge case 40, the session and an event of another one's.
#[test]
fn a_session_is_its_principal_s_own() {
    let home = Home::with_fake(&[]).top(LOCKED);
    let config = home.config();
    let run = |args: &[&str]| home.run(&[args, &["--config", config.to_str().expect("plain")]].concat());
    let [a, b] = ["a", "b"].map(|name| format!("Bearer {}", run(&["token", "add", name]).stdout.trim_end()));
    let web = home.web();
    let session_of = |token: &str| {
        let opened = web.post("/mcp", &[("authorization", token)], &initialize());
        opened.header("mcp-session-id").expect("a session").to_owned()
    };
    let [of_a, of_b] = [session_of(&a), session_of(&b)];
    let headers = |token: &str, session: &str| {
        [("authorization", token), ("mcp-session-id", session), ("mcp-protocol-version", "2025-11-25")]
            .map(|(name, value)| (name, value.to_owned()))
    };
    let post = |token: &str, session: &str, method: &str, params: Value| {
        let all = headers(token, session);
        let all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (*n, v.as_str())).collect();
        web.post("/mcp", &all, &json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": params }))
    };
    let listen = |token: &str, session: &str, last: Option<&str>| {
        let all = headers(token, session);
        let mut all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (*n, v.as_str())).collect();
        all.push(("accept", "text/event-stream"));
        all.extend(last.map(|id| ("last-event-id", id)));
        let mut http = web.connect();
        http.ask("GET", "/mcp", &all, b"");
        let status = http.head().status;
        (status, http)
    };
    for (token, session) in [(&a, &of_a), (&b, &of_b)] {
        assert_eq!(post(token, session, "tools/list", json!({})).status, 200);
    }
    let (status, mut stream) = listen(&a, &of_a, None);
    assert_eq!(status, 200);
    let primed = stream.event().expect("the priming event");

    assert_eq!(post(&b, &of_a, "tools/list", json!({})).status, 404);
    assert_eq!(post(&b, &of_a, "tools/call", json!({ "name": "a__echo", "arguments": {} })).status, 404);
    assert_eq!(listen(&b, &of_a, None).0, 404);
    let all = headers(&b, &of_a);
    let all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(web.connect().request("DELETE", "/mcp", &all, b"").status, 404);
    let (status, mut nothing) = listen(&b, &of_b, Some(&primed.id));
    assert_eq!((status, nothing.event()), (200, None), "an event of another one's is none");

    // It notices nothing: session and stream go on.
    assert_eq!(post(&a, &of_a, "tools/call", json!({ "name": "a__change", "arguments": {} })).status, 200);
    assert_eq!(stream.message().expect("it goes on").json()["method"], "notifications/tools/list_changed");
    assert!(home.received_of("a", "tools/call").iter().all(|c| c["params"]["name"] != "echo"));
}

#[test]
fn pages_of_configured_origins_are_answered_before_they_ask() {
    let home = Home::with_fake(&[]).top(LOCKED);
    let config = home.config();
    let written = std::fs::read_to_string(&config).expect("there");
    let allowed = written.replace("proxy: { ", "proxy: { allowed_origins: [\"https://app.example.com\"], ");
    std::fs::write(&config, allowed).expect("written");
    let token = home.run(&["token", "add", "page", "--config", config.to_str().expect("plain")]).stdout;
    let args = ["serve", "--http", "--port", "0", "--config", config.to_str().expect("plain")];
    let web = Web::of(Peer::start(home.command(&args)));
    let page = ("origin", "https://app.example.com");
    let wants = [page, ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")];
    let answer = web.connect().request("OPTIONS", "/mcp", &wants, b"");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(page.1)));
    assert!(answer.header("access-control-allow-headers").is_some_and(|h| h.contains("authorization")), "{answer:?}");
    let stranger = [("origin", "https://evil.example.com"), wants[1]];
    assert_eq!(web.connect().request("OPTIONS", "/mcp", &stranger, b"").status, 403);
    let bearer = format!("Bearer {}", token.trim_end());
    for (headers, expected) in [(vec![page], 401), (vec![page, ("authorization", bearer.as_str())], 200)] {
        let reply = web.post("/mcp", &headers, &initialize());
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (expected, Some(page.1)));
    }
    let reply = web.post("/mcp", &[("origin", "http://localhost:3000"), ("authorization", &bearer)], &initialize());
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None), "not configured");
}

#[test]
fn anybody_may_ask_whether_we_are_well() {
    let home = Home::with_fake(&[]).top(LOCKED);
    let web = home.web();
    let get = |path: &str, headers: &[(&str, &str)]| web.connect().request("GET", path, headers, b"").status;
    assert_eq!((get("/health", &[]), get("/status", &[]), get("/metrics", &[])), (200, 401, 401));
    assert_eq!(get("/health", &[("host", "evil.example.com")]), 403);
}
