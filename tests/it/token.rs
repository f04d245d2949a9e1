//! Tokens: made, listed and taken away by the command line; asked for at the door over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Home, Peer, eventually};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
const LOCKED: &str = "clients: { require_auth: true }";

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The hash in what was kept, without what stands before it.
fn hash_in(text: &str) -> String {
    text.split("sha256:").nth(1).map(|rest| rest[..64].to_owned()).unwrap_or_default()
}

/// `serve` with these arguments more; where it listens is read from its log.
fn serve(home: &Home, more: &[&str]) -> (Peer, u16) {
    let config = home.config();
    let args = [&["serve", "--port", "0", "--config", config.to_str().expect("plain")], more].concat();
    let peer = Peer::start(home.command(&args));
    let port = eventually("the port", || {
        let log = peer.stderr();
        let line = log.lines().find(|l| l.contains("listening on http"))?.to_owned();
        line.rsplit(':').next()?.trim_end_matches("/mcp").parse().ok()
    });
    (peer, port)
}

/// One POST over a connection of its own: status, whole head, body.
fn post(port: u16, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let mut head = "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nconnection: close\r\n".to_owned();
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|h| h.0 == "host") {
        head.push_str(&format!("host: localhost:{port}\r\n"));
    }
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("written");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("an answer");
    let (head, body) = all.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn status(port: u16, token: Option<&str>) -> u16 {
    let bearer = token.map(|t| format!("Bearer {t}"));
    let headers: Vec<_> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
    post(port, &headers, INITIALIZE).0
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
    let (peer, port) = serve(&home, &["--http"]);
    assert_eq!(status(port, Some(&token)), 200);
    let (refused, head, body) = post(port, &[], INITIALIZE);
    assert_eq!(refused, 401);
    assert!(head.contains("www-authenticate: bearer") && body.contains("token_missing"), "{head} {body}");
    assert_eq!(status(port, Some("mcpp_wrong")), 401);
    let bearer = format!("Bearer {token}");
    for headers in [
        [("authorization", bearer.as_str()), ("host", "evil.example.com")],
        [("authorization", bearer.as_str()), ("origin", "https://evil.example.com")],
        [("authorization", bearer.as_str()), ("authorization", "Bearer x")],
    ] {
        assert_eq!(post(port, &headers, INITIALIZE).0, 403, "{:?}", headers[1].0);
    }

    // Another one, made while it runs; and the first one taken away.
    let second = run(&["token", "add", "phone"]).stdout.trim_end().to_owned();
    eventually("the second token counts", || (status(port, Some(&second)) == 200).then_some(()));
    assert_eq!(run(&["token", "rm", "laptop"]).code, Some(0));
    eventually("the first token does not count", || (status(port, Some(&token)) == 401).then_some(()));
    assert_eq!(status(port, Some(&second)), 200);
    let log = peer.stderr();
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
        let (peer, port) = serve(&home, &["--http"]);
        let token = shown(&peer.stderr()).expect("a token");
        assert_eq!((status(port, Some(&token)), status(port, None)), (200, 401));
        token
    };
    let (peer, port) = serve(&home, &["--http"]);
    assert_eq!(shown(&peer.stderr()), None, "{}", peer.stderr());
    assert_eq!(status(port, Some(&token)), 200, "it is good for the next run, too");
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
    let peer = Peer::start(command);
    let port = eventually("the port", || {
        let log = peer.stderr();
        let line = log.lines().find(|l| l.contains("listening on http"))?.to_owned();
        line.rsplit(':').next()?.trim_end_matches("/mcp").parse().ok()
    });
    let token = shown(&peer.stderr()).expect("a token");
    assert!(peer.stderr().contains("until this process ends"), "{}", peer.stderr());
    assert_eq!((status(port, Some(&token)), status(port, None)), (200, 401));
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
    let (_peer, port) = serve(&home, &["--http", "--host", "0.0.0.0", "--insecure"]);
    assert_eq!(status(port, None), 200);
    // An address cannot be rebound, a name can.
    assert_eq!(post(port, &[("host", "10.1.2.3:80")], INITIALIZE).0, 200);
    assert_eq!(post(port, &[("host", "evil.example.com")], INITIALIZE).0, 403);
}

#[test]
fn who_is_too_fast_hears_when_to_come_back() {
    let home = Home::with_fake(&[]).top("features: { rate_limiting: { requests_per_minute: 2 } }");
    let (_peer, port) = serve(&home, &["--http"]);
    assert_eq!((status(port, None), status(port, None)), (200, 200));
    let (refused, head, body) = post(port, &[], INITIALIZE);
    assert_eq!(refused, 429);
    assert!(head.contains("retry-after: "), "{head}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
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
