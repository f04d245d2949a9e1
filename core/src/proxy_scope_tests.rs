//! Clients that see a part of what there is, with two servers behind.

use super::*;
use crate::backend::Principal;
use crate::catalog::Scope;
use crate::config::Access;

/// What `a` and `b` do: `$me` is the name. The tool `more` adds one, `hang` never ends; `vendor/x` is answered; who takes two
/// calls back is asked something.
const SCRIPT: &str = r#"
c=0
tools='{"name":"more","inputSchema":{"type":"object"} , "x":1}'
each() {
  case "$l" in
    *'"initialize"'*) ok "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{\"listChanged\":true},\"vendor\":{}},\"serverInfo\":{\"name\":\"$me\", \"version\":\"7\"},\"instructions\":\"I am $me.\"}" ;;
    *'"tools/list"'*) ok "{\"tools\":[$tools]}" ;;
    *'"hang'*) ;;
    *'"tools/call"'*) n=$((n+1)); tools="$tools,{\"name\":\"t$n\",\"inputSchema\":{\"type\":\"object\"}}"
      say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'; ok "{\"n\":$n}" ;;
    *'"vendor/x"'*) ok "{\"who\":\"$me\"}" ;;
    *'"notifications/cancelled"'*) c=$((c+1)); if [ $c = 2 ]; then say '{"jsonrpc":"2.0","id":7,"method":"vendor/ask"}'; fi ;;
    *'"id":7,"error"'*) say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"refused\"}}" ;;
  esac
}
"#;

fn named(name: &str) -> Server {
    let mut server = server(&format!("me={name}\n{SCRIPT}"));
    server.name = name.into();
    server
}

fn entrance(server: Option<&str>, servers: &[&str]) -> Entrance {
    let servers = servers.iter().map(|s| (*s).to_owned()).collect();
    let access = Arc::new(Access { servers, ..Access::default() });
    let scope = Scope { server: server.map(Into::into), access };
    Entrance { principal: Principal::token("t"), scope, ..Entrance::own("memory", "t") }
}

fn world<const N: usize>(entrances: [Entrance; N]) -> (World, [Client; N]) {
    let world = World::with(named("a"), |config| config.servers.push(Arc::new(named("b"))), false);
    let clients = entrances.map(|entrance| {
        let link = world.handle.connect_as(entrance);
        Client { reader: BufReader::new(link.reader), writer: Some(link.writer), kept: Vec::new() }
    });
    (world, clients)
}

async fn initialize(client: &mut Client) -> Value {
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    client.ask(&json!("open"), "initialize", params).await;
    client.answer(&json!("open")).await["result"].clone()
}

async fn names(client: &mut Client) -> Vec<String> {
    client.ask(&json!("list"), "tools/list", json!({})).await;
    let answer = client.answer(&json!("list")).await;
    let tools = answer["result"]["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|t| t["name"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn more(client: &mut Client, id: u64, name: &str) -> Value {
    client.ask(&json!(id), "tools/call", json!({"name": name, "arguments": {}})).await;
    client.answer(&json!(id)).await
}

#[tokio::test]
async fn an_endpoint_of_one_server_is_that_server() {
    let (world, [mut client, mut modern]) = world([entrance(Some("b"), &[]), entrance(Some("b"), &[])]);
    // Asked before the server is there: the answer waits for its identity.
    let result = initialize(&mut client).await;
    assert_eq!(result["serverInfo"], json!({"name": "b", "version": "7"}));
    assert_eq!(result["instructions"], "I am b.");
    assert_eq!(result["capabilities"]["vendor"], json!({}));
    assert_eq!((result["protocolVersion"].as_str(), result["capabilities"].get("logging")), (Some("2025-11-25"), None));
    assert_eq!(names(&mut client).await, ["more"]);
    assert_eq!(more(&mut client, 1, "more").await["result"]["n"], 1);
    assert!(more(&mut client, 2, "a__more").await["error"].is_null(), "`b` itself answers what it does not know");

    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    modern.ask(&json!(1), "server/discover", json!({"_meta": meta})).await;
    let result = modern.answer(&json!(1)).await["result"].clone();
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "b");
    assert_eq!((&result["instructions"], &result["resultType"]), (&json!("I am b."), &json!("complete")));
    world.end().await;
}

#[tokio::test]
async fn a_bare_discover_waits_for_the_server_whose_endpoint_it_is() {
    let (world, [mut modern]) = world([entrance(Some("a"), &[])]);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    modern.ask(&json!(1), "server/discover", json!({"_meta": meta})).await;
    let result = modern.answer(&json!(1)).await["result"].clone();
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"], json!({"name": "a", "version": "7"}));
    world.end().await;
}

#[tokio::test]
async fn a_token_sees_and_reaches_its_servers_only() {
    let (world, [mut of_a, mut all]) = world([entrance(None, &["a"]), entrance(None, &[])]);
    let result = initialize(&mut of_a).await;
    assert_eq!(result["serverInfo"]["name"], "mcp-proxy");
    initialize(&mut all).await;
    assert_eq!(names(&mut all).await, ["a__more", "b__more"]);
    assert_eq!(names(&mut of_a).await, ["a__more"]);
    assert_eq!(more(&mut of_a, 1, "b__more").await["error"]["code"], -32602);
    assert_eq!(more(&mut of_a, 2, "b__t1").await["error"]["code"], -32602);
    assert_eq!(more(&mut of_a, 3, "a__more").await["result"]["n"], 1);
    // A method we do not know can be meant for `a` only, and by a client of both for nobody.
    of_a.ask(&json!(4), "vendor/x", json!({})).await;
    assert_eq!(of_a.answer(&json!(4)).await["result"]["who"], "a");
    all.ask(&json!(4), "vendor/x", json!({})).await;
    assert_eq!(all.answer(&json!(4)).await["error"]["code"], -32601);
    assert!(world.flows().iter().all(|f| f.session.is_none_or(|s| s.0 != 1) || f.backend.as_deref() != Some("b")));
    world.end().await;
}

#[tokio::test]
async fn changed_lists_are_told_to_those_who_see_them() {
    let (world, [mut of_a, mut of_b, mut token_a]) =
        world([entrance(Some("a"), &[]), entrance(Some("b"), &[]), entrance(None, &["a"])]);
    for client in [&mut of_a, &mut of_b, &mut token_a] {
        initialize(client).await;
        names(client).await;
    }
    let is_change = |l: &Value| l["method"] == "notifications/tools/list_changed";
    // Twice: when the second change is told to one, the first one would have been told to all.
    for id in 1..=2 {
        more(&mut of_b, id, "more").await;
        of_b.wait_for(is_change).await;
        assert_eq!(names(&mut of_b).await.len(), 1 + usize::try_from(id).expect("small"));
    }
    for client in [&mut of_a, &mut token_a] {
        client.ask(&json!("p"), "ping", json!({})).await;
        client.answer(&json!("p")).await;
        assert!(!client.kept.iter().any(is_change), "{:?}", client.kept);
    }
    more(&mut token_a, 9, "a__more").await;
    token_a.wait_for(is_change).await;
    of_a.wait_for(is_change).await;
    world.end().await;
}

#[tokio::test]
async fn a_server_asks_no_client_that_does_not_see_it() {
    let (world, [mut of_a, mut of_b]) = world([entrance(Some("a"), &[]), entrance(Some("b"), &[])]);
    initialize(&mut of_a).await;
    initialize(&mut of_b).await;
    for (id, name) in [(1, "hang"), (2, "hang2")] {
        of_b.ask(&json!(id), "tools/call", json!({"name": name})).await;
    }
    let second = world.flow("both calls", |f| f.target.as_deref() == Some("hang2")).await;
    drop(of_b);
    // Cannot be told any more: so this client is gone, and its first call is taken back. Now the only one left sees `a` alone.
    world.command(Command::Cancel(second.id)).await;
    let refused = |_: &Snapshot| world.handle.logs(0, 100).lines.iter().any(|l| l.text.contains("refused"));
    world.until("the refusal", refused).await;
    assert_eq!(world.handle.snapshot().clients.len(), 1);
    of_a.ask(&json!(2), "ping", json!({})).await;
    of_a.answer(&json!(2)).await;
    assert!(of_a.kept.is_empty(), "neither the question nor the server's log: {:?}", of_a.kept);
    world.end().await;
}
