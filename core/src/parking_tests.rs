//! Modern clients before legacy servers that ask: one call over several rounds (protocol.md, 3.6, and edge cases 17 to 24).

use serde_json::{Value, json};

use super::tests::{Client, DEADLINE, World, restarted, settle};
use super::*;
use crate::backend::Principal;
use crate::config::{Isolation, ProtocolChoice, Server, Token, TokenHash};
use crate::control::Command;
use crate::observe::{Flow, FlowKind, Status};

/// A server that asks. `$asker` is the call that waits for the answer; it gets what came last, and the number of calls so far.
const ASKS: &str = r#"
n=0; asker=""; m=0; heard=""
say() { printf '%s\n' "$1"; }
ok() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$1}"; }
elicit() { say "$(question $1)"; }
question() { say "{\"jsonrpc\":\"2.0\",\"id\":$1,\"method\":\"elicitation/create\",\"params\":{\"message\":\"$1\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}}}"; }
each() {
  case "$l" in
    *'"initialize"'*) init="$l"; ok '{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"completions":{},"logging":{}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"notifications/initialized"'*) [ -z "$eager" ] || say '{"jsonrpc":"2.0","id":77,"method":"roots/list"}' ;;
    *'"notifications/cancelled"'*) heard="$heard cancelled" ;;
    *'"notifications/roots/list_changed"'*) heard="$heard roots"; [ "$eager" = once ] || say '{"jsonrpc":"2.0","id":78,"method":"roots/list"}' ;;
    *'"prompts/list"'*) ok '{"prompts":[{"name":"p"},{"name":"elicit"}]}' ;;
    *'/list"'*|*'"ping"'*|*'"logging/setLevel"'*) ok '{}' ;;
    *'"tools/call"'*|*'"prompts/get"'*|*'"resources/read"'*) n=$((n+1)); call ;;
    *'"completion/complete"'*) c=$id; say '{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"c"}}' ;;
    *'"method"'*) ;;
    *) answered ;;
  esac
}
answered() {
  case "$l" in
    *'"id":78,"error"'*) return ;;
    *'"id":77,'*|*'"id":78,'*) r=${l#*\"result\":}; roots=${r%?}; return ;;
    *'"error"'*) e=${l#*\"code\":}; said="{\"code\":${e%%,*}}" ;;
    *) said=${l#*\"result\":}; said=${said%?} ;;
  esac
  case "$l" in *'"id":5,'*) id=$c; ok "{\"completion\":{\"values\":[]},\"said\":$said}"; return ;; esac
  [ -n "$asker" ] || { heard="$heard late"; return; }
  got="$got$said"; m=$((m-1))
  if [ $m -gt 0 ]; then got="$got,"; [ "$style" != sequence ] || elicit $m; return; fi
  id=$asker; asker=""; ok "{\"got\":[$got],\"n\":$n}"
}
asks() { asker=$id; got=""; style=$1; m=$2; }
call() {
  case "$l" in
    *'"elicit"'*) asks one 1; elicit 1 ;;
    *'"twice"'*) asks sequence 2; elicit 2 ;;
    *'"both"'*) asks both 2; say "$(question 11)
{\"jsonrpc\":\"2.0\",\"id\":12,\"method\":\"sampling/createMessage\",\"params\":{\"messages\":[],\"maxTokens\":1,\"_meta\":{\"progressToken\":4}}}" ;;
    *'"url"'*) asks one 1; say '{"jsonrpc":"2.0","id":3,"method":"elicitation/create","params":{"mode":"url","elicitationId":"e","url":"https://x/","message":"open"}}' ;;
    *'"takes-back"'*) asks one 1; elicit 1; for i in 1 2; do read -r l; case "$l" in *'"go"'*) break;; esac; done; say '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'; id=$asker; asker=""; ok '{"got":"gave up"}'; id=${l#*\"id\":}; id=${id%%,*}; ok '{}' ;;
    *'"ever"'*) asks sequence 100000; elicit 100000 ;;
    *'"flood"'*) asks both 40; say "$(i=40; while [ $i -gt 0 ]; do question $((100+i)); i=$((i-1)); done)" ;;
    *'"roots"'*) asks one 1; say '{"jsonrpc":"2.0","id":2,"method":"roots/list"}' ;;
    *'"sample"'*) asks one 1; say '{"jsonrpc":"2.0","id":4,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}' ;;
    *'"die"'*) exit 3 ;;
    *'"hold"'*) held="$held $id" ;;
    *'"late"'*) ok '{}'; elicit 9 ;;
    *'"wants-url"'*) if [ -z "$opened" ]; then opened=yes; say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32042,\"message\":\"open it\",\"data\":{\"elicitations\":[{\"mode\":\"url\",\"elicitationId\":\"e\",\"url\":\"https://x/\",\"message\":\"open\"}]}}}"; else ok "{\"n\":$n}"; fi ;;
    *'"working"'*) asks one 1; elicit 1; token=${l#*\"progressToken\":}; token=${token%%[,\}]*}; answered() { say "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":$token,\"progress\":1}}"; say '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"i"}}'; say '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"debug","data":"d"}}'; id=$asker; ok '{}'; } ;;
    *) ok "{\"n\":$n,\"heard\":\"$heard\",\"pid\":$$,\"said\":${said:-null},\"roots\":${roots:-null},\"init\":$init}" ;;
  esac
}
while read -r l; do id=${l#*\"id\":}; id=${id%%,*}; each; done
"#;

fn asks() -> Server {
    with("")
}

/// `yes`: it asks for the roots as soon as it can, and when it hears of them; `once`: not then.
fn with(eager: &str) -> Server {
    let mut server = Server::stdio("s", "/bin/sh", &["-c", &format!("eager='{eager}'\n{ASKS}")]);
    server.protocol = ProtocolChoice::Legacy;
    server.isolation = Isolation::Shared;
    server
}

/// A modern client: what it can do, and in whose name.
struct Modern {
    client: Client,
    can: Value,
    n: u64,
}

fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}})
}

impl World {
    fn modern_as(&self, principal: Principal, can: Value) -> Modern {
        Modern { client: self.client_as(principal), can, n: 0 }
    }

    fn modern(&self) -> Modern {
        self.modern_as(Principal::token("a"), everything())
    }

    async fn parked(&self, n: u64) {
        self.until("parked calls", |s| s.backends[0].n_parked == n).await;
    }

    /// What the server of this user has heard.
    async fn look(&self) -> Value {
        let mut other = self.modern_as(Principal::token("a"), everything());
        other.call("look").await
    }
}

impl Modern {
    async fn send(&mut self, method: &str, mut params: Value) -> Value {
        self.n += 1;
        let mut meta = params["_meta"].as_object().cloned().unwrap_or_default();
        meta.insert("io.modelcontextprotocol/protocolVersion".into(), json!("2026-07-28"));
        meta.insert("io.modelcontextprotocol/clientInfo".into(), json!({"name": "m", "version": "1"}));
        meta.insert("io.modelcontextprotocol/clientCapabilities".into(), self.can.clone());
        params["_meta"] = meta.into();
        let id = json!(self.n);
        self.client.ask(&id, method, params).await;
        id
    }

    async fn begin(&mut self, tool: &str) -> Value {
        self.send("tools/call", params(tool)).await
    }

    async fn answer(&mut self, id: &Value) -> Value {
        let answer = self.client.answer(id).await;
        answer.get("result").or(answer.get("error")).cloned().expect("an answer")
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.answer(&id).await
    }

    async fn call(&mut self, tool: &str) -> Value {
        self.ask("tools/call", params(tool)).await
    }

    async fn retry(&mut self, tool: &str, asked: &Value, answers: Value) -> Value {
        self.ask("tools/call", again(tool, asked, answers)).await
    }
}

fn params(tool: &str) -> Value {
    json!({"name": format!("s__{tool}"), "arguments": {"x": 1}})
}

fn again(tool: &str, asked: &Value, answers: Value) -> Value {
    let mut params = params(tool);
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = answers;
    params
}

fn keys(asked: &Value) -> Vec<&str> {
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    asked["inputRequests"].as_object().expect("questions").keys().map(String::as_str).collect()
}

fn yes() -> Value {
    json!({"action": "accept", "content": {}})
}

fn code(answer: &Value) -> i64 {
    answer["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"))
}

/// Edge case 17.
#[tokio::test]
async fn edge_17_one_call_and_as_many_rounds_as_it_takes() {
    let world = World::new(asks());
    let mut client = world.modern();
    let first = client.call("twice").await;
    assert_eq!(keys(&first), ["i1"]);
    assert_eq!(first["inputRequests"]["i1"]["method"], "elicitation/create");
    assert_eq!(first["inputRequests"]["i1"]["params"]["message"], "2");
    world.parked(1).await;
    let second = client.retry("twice", &first, json!({"i1": yes()})).await;
    assert_eq!(keys(&second), ["i2"]);
    let last = client.retry("twice", &second, json!({"i1": yes(), "i2": {"action": "decline"}})).await;
    assert_eq!((&last["resultType"], &last["n"]), (&json!("complete"), &json!(1)), "it ran once: {last}");
    world.until("nothing is parked or open", |s| s.backends[0].n_open == 0 && s.clients[0].n_open == 0).await;
    // One operation is one row.
    let flows: Vec<Flow> = world.flows();
    let calls: Vec<&Flow> = flows.iter().filter(|f| f.kind == FlowKind::Call).collect();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((&calls[0].status, calls[0].n_rounds), (&Status::Ok, 2));
    let questions: Vec<_> = flows.iter().filter(|f| f.kind == FlowKind::Upcall).collect();
    assert_eq!(questions.len(), 2);
    assert!(questions.iter().all(|q| q.parent == Some(calls[0].id) && q.status == Status::Ok));
    world.end().await;
}

#[tokio::test]
async fn questions_of_one_moment_are_one_round() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("both").await;
    assert_eq!(keys(&asked), ["i1", "i2"]);
    let sample = &asked["inputRequests"]["i2"];
    assert_eq!(
        (&sample["method"], &sample["params"]),
        (&json!("sampling/createMessage"), &json!({"messages": [], "maxTokens": 1}))
    );
    // One is left out: it is asked again, alone.
    let rest = client
        .retry(
            "both",
            &asked,
            json!({"i2": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}}}),
        )
        .await;
    assert_eq!(keys(&rest), ["i1"]);
    let last = client.retry("both", &rest, json!({"i1": {"action": "cancel"}, "vendor": 1})).await;
    assert_eq!(last["got"].as_array().map(Vec::len), Some(2), "{last}");
    assert_eq!(last["n"], 1);
    world.end().await;
}

/// Edge case 18.
#[tokio::test]
async fn edge_18_a_client_that_never_comes_again_costs_the_call() {
    let server = Server { input_timeout: Duration::from_millis(50), ..asks() };
    let world = World::new(server);
    let mut client = world.modern();
    let asked = client.call("elicit").await;
    world.flow("the call is over", |f| f.kind == FlowKind::Call && f.status == Status::Cancelled).await;
    world.parked(0).await;
    let seen = world.look().await;
    assert_eq!((&seen["n"], &seen["heard"]), (&json!(2), &json!(" cancelled")), "the server is free again");
    assert_eq!(seen["said"], json!({"action": "cancel"}), "and was answered before");
    assert_eq!(code(&client.retry("elicit", &asked, json!({"i1": yes()})).await), -32602);
    world.end().await;
}

/// Edge case 19.
#[tokio::test]
async fn edge_19_the_same_round_twice_at_once() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("twice").await;
    let params = again("twice", &asked, json!({"i1": yes()}));
    let one = client.send("tools/call", params.clone()).await;
    let other = client.send("tools/call", params).await;
    assert_eq!(code(&client.answer(&one).await), -32600);
    let next = client.answer(&other).await;
    assert_eq!(keys(&next), ["i2"]);
    let last = client.retry("twice", &next, json!({"i2": yes()})).await;
    assert_eq!(last["n"], 1);
    // The answer may have been lost on its way: it is given again, but not for ever.
    assert_eq!(client.retry("twice", &next, json!({"i2": yes()})).await, last);
    world.end().await;
}

/// Edge case 20.
/// Edge case 40, a park of another one's.
#[tokio::test]
async fn edge_20_what_is_not_for_this_call_is_refused_and_harms_nothing() {
    let world = World::new(asks());
    let (mut client, mut other) = (world.modern(), world.modern_as(Principal::token("b"), everything()));
    let asked = client.call("elicit").await;
    let right = again("elicit", &asked, json!({"i1": yes()}));
    assert_eq!(code(&other.ask("tools/call", right.clone()).await), -32602, "somebody else");
    assert_eq!(code(&client.retry("twice", &asked, json!({"i1": yes()})).await), -32602, "another tool");
    let mut wrong = right.clone();
    wrong["arguments"]["x"] = json!(2);
    assert_eq!(code(&client.ask("tools/call", wrong).await), -32602, "other arguments");
    let mut wrong = right.clone();
    wrong["requestState"] = json!(format!("{}A", asked["requestState"].as_str().expect("text")));
    assert_eq!(code(&client.ask("tools/call", wrong).await), -32602, "tampered with");
    let mut wrong = right.clone();
    wrong["requestState"] = json!(7);
    assert_eq!(code(&client.ask("tools/call", wrong).await), -32602, "no text");
    let mut wrong = right.clone();
    wrong.as_object_mut().expect("there").remove("requestState");
    assert_eq!(code(&client.ask("tools/call", wrong).await), -32602, "answers to nothing");
    for answer in [json!({"action": "perhaps"}), json!("accept"), json!(null), json!({"roots": []})] {
        assert_eq!(code(&client.retry("elicit", &asked, json!({"i1": answer})).await), -32602, "{answer}");
    }
    world.parked(1).await;
    let last = client.ask("tools/call", right).await;
    assert_eq!((&last["n"], &last["got"]), (&json!(1), &json!([yes()])));
    world.end().await;
}

/// Edge case 21.
#[tokio::test]
async fn edge_21_a_server_that_was_restarted_meanwhile() {
    // A prompt may be asked for twice, but not when its client has been asked something.
    for method in ["tools/call", "prompts/get"] {
        let world = World::new(asks());
        let mut client = world.modern();
        let asked = client.ask(method, params("elicit")).await;
        assert_eq!(keys(&asked), ["i1"]);
        world.command(Command::Restart("s".into())).await;
        world.flow("the call is lost", |f| f.kind == FlowKind::Call && f.status == Status::Fault(-32603)).await;
        let refused = client.ask(method, again("elicit", &asked, json!({"i1": yes()}))).await;
        assert_eq!(code(&refused), -32603);
        assert!(refused["message"].as_str().is_some_and(|m| m.contains("input no longer possible")), "{refused}");
        assert_eq!(client.call("look").await["n"], 1, "the new one has not been called");
        world.end().await;
    }
}

/// Edge case 22.
#[tokio::test]
async fn edge_22_roots_are_asked_for_when_nobody_is_there() {
    let world = World::new(with("yes"));
    // The instance of those who cannot be asked has asked all the same.
    let mut mute = world.modern_as(Principal::token("a"), json!({}));
    let told = async { while mute.call("look").await["roots"] != json!({"roots": []}) {} };
    tokio::time::timeout(DEADLINE, told).await.expect("it is answered");
    // So a new one will: the first call of a client that has roots waits for that.
    let mut client = world.modern();
    let asked = client.call("look").await;
    assert_eq!(keys(&asked), ["i1"]);
    assert_eq!(asked["inputRequests"]["i1"]["method"], "roots/list");
    let seen = client.retry("look", &asked, json!({"i1": {"roots": [{"uri": "file:///w"}]}})).await;
    assert_eq!((&seen["n"], &seen["roots"]), (&json!(1), &json!({"roots": [{"uri": "file:///w"}]})), "{seen}");
    assert_eq!(seen["heard"], "", "it asked by itself");
    // What was said not long ago is good for another question, and for nobody else.
    let seen = client.call("roots").await;
    assert_eq!(seen["got"], json!([{"roots": [{"uri": "file:///w"}]}]));
    let mut other = world.modern_as(Principal::token("b"), everything());
    assert!(!keys(&other.call("roots").await).is_empty());
    world.end().await;
}

/// A server that asked for roots when nobody was there, in the instance for this client, too.
async fn told_of_none(server: Server) -> (World, Modern) {
    let world = World::new(server);
    let mut client = world.modern();
    client.ask("tools/list", json!({})).await;
    let is_list = |f: &&Flow| f.kind == FlowKind::Own && &*f.method == "tools/list" && f.status == Status::Ok;
    // It asks before it lists.
    world.until("both have listed", |_| world.flows().iter().filter(is_list).count() == 2).await;
    (world, client)
}

#[tokio::test]
async fn who_was_told_of_no_roots_hears_of_them_before_the_first_call() {
    let (world, mut client) = told_of_none(with("yes")).await;
    let asked = client.call("look").await;
    assert_eq!((keys(&asked), &asked["inputRequests"]["i1"]["method"]), (vec!["i1"], &json!("roots/list")));
    // Others of this user need not wait for that.
    assert_eq!(client.call("hold-not").await["n"], 1);
    let seen = client.retry("look", &asked, json!({"i1": {"roots": [{"uri": "file:///w"}]}})).await;
    assert_eq!((&seen["n"], &seen["heard"]), (&json!(2), &json!(" roots")), "{seen}");
    assert_eq!(seen["roots"], json!({"roots": [{"uri": "file:///w"}]}));
    world.end().await;
}

#[tokio::test]
async fn a_call_does_not_wait_for_ever_for_roots_to_be_asked_for() {
    let (world, mut client) = told_of_none(with("once")).await;
    let seen = client.call("look").await;
    assert_eq!((&seen["n"], &seen["heard"]), (&json!(1), &json!(" roots")), "{seen}");
    assert_eq!(seen["roots"], json!({"roots": []}));
    world.end().await;
}

#[tokio::test]
async fn a_call_that_waits_for_roots_in_vain_is_not_sent() {
    let server = Server { input_timeout: Duration::from_millis(50), ..with("yes") };
    let (world, mut client) = told_of_none(server).await;
    assert_eq!(keys(&client.call("look").await), ["i1"]);
    world.flow("the call is over", |f| f.kind == FlowKind::Call && f.status == Status::Cancelled).await;
    world.parked(0).await;
    let seen = client.call("look").await;
    assert_eq!((&seen["n"], &seen["heard"]), (&json!(1), &json!(" roots")), "it has not heard of the other: {seen}");
    world.end().await;
}

#[tokio::test]
async fn a_call_that_waits_for_roots_is_lost_with_its_server() {
    let (world, mut client) = told_of_none(with("yes")).await;
    let asked = client.call("look").await;
    assert_eq!(keys(&asked), ["i1"]);
    world.command(Command::Restart("s".into())).await;
    world.flow("the call is lost", |f| f.kind == FlowKind::Call && f.status == Status::Fault(-32603)).await;
    assert_eq!(code(&client.retry("look", &asked, json!({"i1": {"roots": []}})).await), -32603);
    world.end().await;
}

/// Edge case 23.
#[tokio::test]
async fn edge_23_who_asks_nobody_knows_is_refused() {
    // One instance for all, which is told that nobody can be asked.
    let server = Server { client_features: crate::config::ClientFeatures::None, ..asks() };
    let world = World::new(server);
    world.until_state("ready").await;
    let mut a = world.modern_as(Principal::anonymous(), everything());
    let mut b = world.modern_as(Principal::anonymous(), everything());
    let held = a.begin("hold").await;
    world.flow("it runs", |f| f.kind == FlowKind::Call && f.wire_id.is_some()).await;
    assert_eq!(b.call("elicit").await["got"], json!([{"code": -32602}]));
    settle().await;
    assert_eq!(a.client.kept.len() + b.client.kept.len(), 0);
    drop(held);
    world.end().await;
}

#[tokio::test]
async fn who_waits_and_hangs_up_cancels_but_not_who_was_told() {
    let world = World::new(asks());
    let mut client = world.modern();
    // Told: to cancel the request that was answered is nothing.
    let asked = client.call("twice").await;
    let told = client.n;
    client.client.cancel(told).await;
    let params = again("twice", &asked, json!({}));
    assert_eq!(keys(&client.ask("tools/call", params).await), ["i1"], "still there");
    // A call that waits: the server hears of it.
    let waits = client.begin("hold").await;
    world.flow("it runs", |f| f.target.as_deref() == Some("s__hold") && f.wire_id.is_some()).await;
    client.client.cancel(waits.as_u64().expect("ours")).await;
    let hears = async { while client.call("look").await["heard"] != " cancelled" {} };
    tokio::time::timeout(DEADLINE, hears).await.expect("the server hears of it");
    world.parked(1).await;
    // With the pipe goes whoever could come again.
    drop(client);
    world.parked(0).await;
    world.flow("the call is over", |f| f.target.as_deref() == Some("s__twice") && f.status == Status::Cancelled).await;
    world.end().await;
}

#[tokio::test]
async fn a_server_that_asks_too_much_is_refused() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("flood").await;
    assert_eq!(keys(&asked).len(), 32, "the others were refused");
    let answers: serde_json::Map<String, Value> = keys(&asked).iter().map(|k| ((*k).to_owned(), yes())).collect();
    let last = client.retry("flood", &asked, answers.into()).await;
    assert_eq!(last["got"].as_array().map(Vec::len), Some(40), "{last}");
    // One that never stops: each round is one more, until the client has enough.
    let mut asked = client.call("ever").await;
    for round in 1..=40 {
        assert_eq!(keys(&asked), [format!("i{round}")]);
        asked = client.retry("ever", &asked, json!({ format!("i{round}"): yes() })).await;
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_not_declared_is_not_asked() {
    let world = World::new(asks());
    let mut client = world.modern_as(Principal::token("a"), json!({"elicitation": {}}));
    for (tool, expected) in [("sample", -32601), ("roots", -32601), ("url", -32602)] {
        assert_eq!(client.call(tool).await["got"], json!([{"code": expected}]), "{tool}");
    }
    let seen = client.call("look").await;
    assert_eq!(seen["init"]["params"]["capabilities"], json!({"elicitation": {}}), "what we say is true");
    // A completion cannot be parked, whatever is declared.
    let of = json!({"ref": {"type": "ref/prompt", "name": "s__p"}, "argument": {"name": "a", "value": "b"}});
    assert_eq!(client.ask("completion/complete", of).await["said"], json!({"code": -32602}));
    // Nobody who cannot be asked anything is told of more than an error.
    let mut mute = world.modern_as(Principal::token("a"), json!({}));
    assert_eq!(mute.call("elicit").await["got"], json!([{"code": -32602}]));
    world.end().await;
}

#[tokio::test]
async fn a_url_is_shown_without_its_id() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("url").await;
    let expected =
        json!({"method": "elicitation/create", "params": {"mode": "url", "url": "https://x/", "message": "open"}});
    assert_eq!(asked["inputRequests"]["i1"], expected);
    assert_eq!(client.retry("url", &asked, json!({"i1": {"action": "accept"}})).await["n"], 1);
    world.end().await;
}

#[tokio::test]
async fn urls_that_have_to_be_opened_first() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("wants-url").await;
    let expected =
        json!({"method": "elicitation/create", "params": {"mode": "url", "url": "https://x/", "message": "open"}});
    assert_eq!(asked["inputRequests"]["i1"], expected);
    let last = client.retry("wants-url", &asked, json!({"i1": {"action": "accept"}})).await;
    assert_eq!((&last["n"], &last["resultType"]), (&json!(2), &json!("complete")));
    world.end().await;
    // Who does not want to open it.
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("wants-url").await;
    let last = client.retry("wants-url", &asked, json!({"i1": {"action": "decline"}})).await;
    assert_eq!(last["isError"], true, "{last}");
    assert_eq!(client.call("look").await["n"], 2, "it was not made again");
    world.end().await;
    // Who cannot.
    for can in [json!({}), json!({"elicitation": {}})] {
        let world = World::new(asks());
        let mut client = world.modern_as(Principal::token("a"), can);
        let refused = client.call("wants-url").await;
        assert_eq!(code(&refused), -32021);
        assert_eq!(refused["data"]["requiredCapabilities"], json!({"elicitation": {"url": {}}}));
        world.end().await;
    }
}

#[tokio::test]
async fn a_server_that_takes_its_question_back() {
    let world = World::new(Server { isolation: Isolation::PerClient, ..asks() });
    let mut client = world.modern();
    let asked = client.call("takes-back").await;
    assert_eq!(keys(&asked), ["i1"]);
    client.call("go").await;
    world.until("the question is gone", |s| s.backends[0].n_open == 0).await;
    let last = client.retry("takes-back", &asked, json!({"i1": yes()})).await;
    assert_eq!(last["got"], "gave up");
    assert_eq!(client.call("look").await["heard"], "", "the answer came too late for it");
    world.end().await;
}

#[tokio::test]
async fn progress_and_logs_are_for_who_waits() {
    let world = World::new(asks());
    let mut client = world.modern();
    let meta = |token: Value, level: &str| json!({"progressToken": token, "io.modelcontextprotocol/logLevel": level});
    let mut first = params("working");
    first["_meta"] = meta(json!("one"), "error");
    let asked = client.ask("tools/call", first).await;
    let mut second = again("working", &asked, json!({"i1": yes()}));
    second["_meta"] = meta(json!(2), "info");
    let id = client.send("tools/call", second).await;
    client.answer(&id).await;
    let heard = std::mem::take(&mut client.client.kept);
    let told: Vec<&Value> = heard.iter().map(|l| &l["params"]).collect();
    assert_eq!(told, [&json!({"progressToken": 2, "progress": 1}), &json!({"level": "info", "data": "i"})]);
    world.end().await;
}

#[tokio::test]
async fn an_anonymous_client_has_a_server_to_itself_for_the_time_of_its_call() {
    let world = World::new(asks());
    world.until_state("ready").await;
    let mut a = world.modern_as(Principal::anonymous(), everything());
    let mut b = world.modern_as(Principal::anonymous(), everything());
    let of_a = a.call("elicit").await;
    let of_b = b.call("elicit").await;
    world.until("two leases", |s| s.backends[0].n_instances == 3).await;
    // Without a name nobody can say whose a state is, but the call is the same, and so is its answer.
    assert_eq!(
        b.retry("elicit", &of_b, json!({"i1": {"action": "cancel"}})).await["got"],
        json!([{"action": "cancel"}])
    );
    assert_eq!(a.retry("elicit", &of_a, json!({"i1": yes()})).await["got"], json!([yes()]));
    // The next call finds one of them free.
    assert_eq!(b.call("look").await["n"], 2);
    world.until("two leases", |s| s.backends[0].n_instances == 3).await;
    world.end().await;
}

#[tokio::test]
async fn a_late_question_is_for_nobody() {
    let world = World::new(asks());
    let mut client = world.modern();
    client.call("late").await;
    // The answer to the next call comes after it.
    let seen = client.call("look").await;
    assert!(seen["heard"].as_str().is_some_and(|h| h.is_empty() || h == " late"), "{seen}");
    assert_eq!(client.client.kept.len(), 0);
    world.until("nothing is open", |s| s.backends[0].n_open == 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_reload_ends_what_is_parked() {
    let world = World::new(asks());
    let mut client = world.modern_as(Principal::own(), everything());
    let asked = client.call("elicit").await;
    world.parked(1).await;
    let mut server = asks();
    restarted(&mut server, 1);
    let mut config = Config { servers: vec![Arc::new(server)], ..Config::default() };
    config.env.path_from_login_shell = false;
    world.handle.reload(config).await.expect("it runs");
    world.flow("the call is lost", |f| f.kind == FlowKind::Call && f.status == Status::Fault(-32603)).await;
    assert_eq!(code(&client.retry("elicit", &asked, json!({"i1": yes()})).await), -32603);
    world.end().await;
}

#[tokio::test]
async fn a_parked_call_ends_with_its_token() {
    let token = |name: &str| {
        let hash = TokenHash::of(&format!("a-token-nobody-guesses-{name}"));
        Arc::new(Token { name: name.into(), hash, access: Arc::default(), is_stored: false })
    };
    let (a, b) = (token("a"), token("b"));
    let who = |token: &Token| Principal::token(&token.name).marked(token.hash.mark());
    let tokens = vec![a.clone(), b.clone()];
    let world = World::with(asks(), |c| c.clients.tokens = tokens, false);
    let mut first = world.modern_as(who(&a), everything());
    let mut second = world.modern_as(who(&b), everything());
    first.call("elicit").await;
    let asked = second.call("elicit").await;
    world.parked(2).await;
    let mut config = (**world.engine.config.borrow()).clone();
    config.clients.tokens = vec![b];
    world.handle.reload(config).await.expect("it runs");
    world.parked(1).await;
    // The server has heard that nobody answers; the other user's call goes on.
    world.flow("the question is over", |f| f.kind == FlowKind::Upcall && f.status == Status::Cancelled).await;
    assert_eq!(second.retry("elicit", &asked, json!({"i1": yes()})).await["resultType"], "complete");
    world.end().await;
}

#[tokio::test]
async fn there_is_an_end_to_parked_calls_of_one_user_and_of_all() {
    let world = World::new(asks());
    let (of_one, in_all) = (2, 3);
    world.engine.parks.limit(of_one, in_all);
    // Each of these has an instance to itself for the time of its call.
    let mut nobody: Vec<Modern> = (0..3).map(|_| world.modern_as(Principal::anonymous(), everything())).collect();
    let mut asked = Vec::new();
    for client in &mut nobody[..of_one] {
        asked.push(client.call("elicit").await);
    }
    assert!(asked.iter().all(|a| a["resultType"] == "input_required"), "{asked:?}");
    world.parked(of_one as u64).await;
    // As many as one user may have: the server is told so, and the call goes on.
    let refused = nobody[2].call("elicit").await;
    assert_eq!(refused["got"], json!([{"code": -32603}]), "{refused}");
    let mut user = world.modern_as(Principal::token("a"), everything());
    let last = user.call("elicit").await;
    assert_eq!(last["resultType"], "input_required");
    world.parked(in_all as u64).await;
    let mut late = world.modern_as(Principal::token("b"), everything());
    let refused = late.call("elicit").await;
    assert_eq!(refused["got"], json!([{"code": -32603}]), "as many as there may be: {refused}");
    // One whose client is gone for good makes room for another.
    drop(user);
    world.parked(of_one as u64).await;
    assert_eq!(late.call("elicit").await["resultType"], "input_required");
    // Each of them is one client, however many calls it has made.
    assert_eq!(world.engine.clients.n_ever(), 5);
    world.end().await;
}

#[tokio::test]
async fn a_parked_call_can_be_cancelled_by_hand_and_does_not_hold_up_the_end() {
    let world = World::new(asks());
    let mut client = world.modern();
    client.call("elicit").await;
    world.parked(1).await;
    let flow = world.flow("the call", |f| f.kind == FlowKind::Call).await;
    world.command(Command::Cancel(flow.id)).await;
    world.parked(0).await;
    client.call("elicit").await;
    world.parked(1).await;
    world.end().await;
}

#[tokio::test]
async fn a_keeper_that_breaks_down_costs_its_calls_and_nothing_else() {
    let world = World::new(asks());
    let mut client = world.modern();
    let asked = client.call("elicit").await;
    let waits = client.begin("hold").await;
    world.flow("it runs", |f| f.target.as_deref() == Some("s__hold") && f.wire_id.is_some()).await;
    world.engine.parks.break_down();
    assert_eq!(code(&client.answer(&waits).await), -32603);
    assert_eq!(code(&client.retry("elicit", &asked, json!({"i1": yes()})).await), -32602);
    let asked = client.call("elicit").await;
    assert_eq!(client.retry("elicit", &asked, json!({"i1": yes()})).await["resultType"], "complete");
    world.end().await;
}
