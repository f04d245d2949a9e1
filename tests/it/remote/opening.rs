//! Which way of HTTP a server speaks, also one that wants a key or is not ready yet, and what is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::server::{Server, manners, modern_manners, status};
use super::{Client, client_of, modern, modern_client_of, works};
use crate::harness::eventually;

fn works_modern(client: &mut Client) {
    let result = client.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {}})));
    assert_eq!(super::text_of(&result), "well");
}

#[test]
fn a_modern_client_of_a_modern_server() {
    let server = Server::start(modern_manners);
    let mut client = modern_client_of(&server);
    works_modern(&mut client);
    assert_eq!(server.seen_of("server/discover").len(), 1);
    assert!(server.seen_of("initialize").is_empty());
}

#[test]
fn a_legacy_client_of_a_modern_server() {
    let server = Server::start(modern_manners);
    let mut client = client_of(&server);
    works(&mut client);
    assert_eq!((server.seen_of("initialize").len(), server.seen_of("server/discover").len()), (1, 1));
}

#[test]
fn a_modern_client_of_a_legacy_server_and_what_is_remembered() {
    let server = Server::start(manners);
    let mut client = modern_client_of(&server);
    works_modern(&mut client);
    assert_eq!(server.seen_of("server/discover").len(), 1);
    let folder = client.home.path("home/.cache/mcp-proxy/servers");
    let is_remembered = || {
        let files = std::fs::read_dir(&folder).ok()?.flatten();
        let text = files.filter(|f| f.path().extension().is_some_and(|e| e == "json"));
        text.filter_map(|f| std::fs::read_to_string(f.path()).ok()).find(|t| t.contains(r#""modern":false"#))
    };
    eventually("it is remembered", is_remembered);
    client.close();
    client.exit_code();
    let mut again = client.home.serve();
    again.request("server/discover", &modern(json!({})));
    let result = again.request("tools/call", &modern(json!({"name": "a__echo", "arguments": {}})));
    assert_eq!(super::text_of(&result), "well");
    assert_eq!(server.seen_of("server/discover").len(), 1, "the second start does not probe");
}

/// Edge case 11.
#[test]
fn who_wants_a_key_is_not_asked_in_another_way() {
    for code in [401, 403] {
        let server = Server::start(move |_| status(code, "no key, no entry"));
        let client = modern_client_of(&server);
        let said = || client.stderr().contains("set `auth` of this server").then(|| client.stderr());
        let log = eventually("a word about `auth`", said);
        assert!(log.contains(&format!("HTTP {code}")) && log.contains("no key, no entry"), "{log}");
        let all = server.seen();
        assert!(matches!(&all[..], [one] if one.rpc() == "server/discover"), "{all:?}");
    }
}

/// Edge case 11, once there is a key.
#[test]
fn who_wants_a_key_is_probed_again_with_it() {
    let server = Server::start(|r| match r.header("authorization") {
        Some("Bearer sesame") => modern_manners(r),
        _ => status(401, "no key, no entry"),
    });
    let Client { peer, home } = modern_client_of(&server);
    eventually("a word about `auth`", || peer.stderr().contains("set `auth` of this server").then_some(()));
    let home = home.and("auth: { type: bearer, token: sesame }");
    home.config();
    let mut client = Client { peer, home };
    eventually("it is asked again", || (server.seen_of("server/discover").len() > 1).then_some(()));
    works_modern(&mut client);
    assert!(server.seen_of("initialize").is_empty());
}

/// Edge case 12.
#[test]
fn a_server_that_is_not_ready_yet_has_not_shown_anything() {
    let n = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |r| match n.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => status(503, "starting"),
        _ => modern_manners(r),
    });
    let mut client = modern_client_of(&server);
    works_modern(&mut client);
    assert_eq!(server.seen_of("server/discover").len(), 3);
    assert!(server.seen_of("initialize").is_empty(), "no era follows from a 503");
}

#[test]
fn a_machine_that_is_down_is_named_with_what_to_do() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let home = crate::harness::Home::new().url("a", &format!("http://{address}/mcp")).and("restart: { policy: never }");
    let client = super::open(home);
    let log = eventually("a word about it", || client.stderr().contains("is it running").then(|| client.stderr()));
    assert!(log.contains("(connect)") && log.contains("refused"), "{log}");
}

#[test]
fn a_port_that_speaks_no_tls_is_no_secure_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let home =
        crate::harness::Home::new().url("a", &format!("https://{address}/mcp")).and("restart: { policy: never }");
    let client = super::open(home);
    let log = eventually("a word about it", || client.stderr().contains("tls.ca_file").then(|| client.stderr()));
    assert!(log.contains("(tls)") && log.contains("no secure connection"), "{log}");
}

#[test]
fn a_page_for_everything_is_no_server() {
    let server = Server::start(|_| {
        let page = b"<html><title>Intranet</title></html>".to_vec();
        super::server::Reply::Full(200, vec!["content-type: text/html".to_owned()], page)
    });
    let home = crate::harness::Home::new().url("a", &server.url()).and("restart: { policy: never }");
    let client = super::open(home);
    let said = || client.stderr().contains("the address of an MCP server").then(|| client.stderr());
    let log = eventually("a word about it", said);
    assert!(log.contains("Intranet"), "{log}");
}

#[test]
fn the_proxy_of_the_environment_leads_to_servers_elsewhere() {
    let server = Server::start(manners);
    let home = crate::harness::Home::new().url("a", "http://mcp.invalid/mcp").url("here", &server.url());
    let config = home.config();
    let mut command = home.command(&["serve", "--stdio", "--config", config.to_str().expect("a plain name")]);
    command.env("HTTP_PROXY", format!("http://me:hunter2hunter2@{}", server.address));
    let mut client = crate::harness::Peer::start(command);
    client.initialize("2025-11-25", &json!({}));
    works(&mut client);
    assert_eq!(super::text_of(&client.call("here__echo", &json!({}))), "well");
    let seen = server.seen();
    let (through, direct): (Vec<_>, Vec<_>) = seen.iter().partition(|r| r.path == "http://mcp.invalid/mcp");
    let authorized = |r: &&super::server::Request| {
        r.header("proxy-authorization") == Some("Basic bWU6aHVudGVyMmh1bnRlcjI=")
            && r.header("host") == Some("mcp.invalid")
    };
    assert!(!through.is_empty() && through.iter().all(authorized), "{seen:?}");
    let plain = |r: &&super::server::Request| r.path == "/mcp" && r.header("proxy-authorization").is_none();
    assert!(!direct.is_empty() && direct.iter().all(plain), "{seen:?}");
    assert!(!client.stderr().contains("hunter2"), "{}", client.stderr());
}
