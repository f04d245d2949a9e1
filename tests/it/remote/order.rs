//! What was said before a call is read before it, though over HTTP each is a request of its own.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Reply, Request, Server, answer, event, events, manners, modern_manners};
use super::{Client, client_of, home_of, text_of};
use crate::harness::eventually;

/// So long a slow server gives a call that comes too early time to come.
const SLOW: Duration = Duration::from_millis(300);

/// Whether something waits for its confirmation, whether a call has come, and whether it came meanwhile.
type State = (bool, bool, bool);

/// Whether a call has come, and whether it came while something before it was not confirmed.
#[derive(Clone, Default)]
struct Watch(Arc<(Mutex<State>, Condvar)>);

impl Watch {
    /// Confirms slowly.
    fn confirm(&self) {
        let (state, changed) = &*self.0;
        state.lock().expect("no panic").0 = true;
        let (mut state, _) =
            changed.wait_timeout_while(state.lock().expect("no panic"), SLOW, |s| !s.1).expect("no panic");
        state.0 = false;
    }

    fn call(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        state.1 = true;
        state.2 |= state.0;
        changed.notify_all();
    }

    /// A call came too early.
    fn is_early(&self) -> bool {
        let state = self.0.0.lock().expect("no panic");
        assert!(state.1, "a call came");
        state.2
    }
}

fn with_capabilities(request: &Request, capabilities: &Value) -> Reply {
    let result = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities,
        "serverInfo": { "name": "scripted", "version": "1" } });
    answer(request, &result)
}

#[test]
fn a_level_is_set_before_the_next_call() {
    let watch = Watch::default();
    let of_server = watch.clone();
    let server = Server::start(move |r| match r.rpc().as_str() {
        "initialize" => with_capabilities(r, &json!({ "tools": {}, "logging": {} })),
        "logging/setLevel" => {
            of_server.confirm();
            answer(r, &json!({}))
        }
        "tools/call" => {
            of_server.call();
            manners(r)
        }
        _ => manners(r),
    });
    let mut client = client_of(&server);
    client.call("a__echo", &json!({}));
    client.request("logging/setLevel", &json!({ "level": "error" }));
    assert_eq!(text_of(&client.call("a__echo", &json!({}))), "well");
    assert_eq!(server.seen_of("logging/setLevel").len(), 1);
    assert!(!watch.is_early(), "{:?}", server.seen());
}

/// A legacy client subscribes to what a modern server has: that is a new stream of updates.
#[test]
fn a_subscription_is_taken_before_the_next_call() {
    let watch = Watch::default();
    let of_server = watch.clone();
    let server = Server::start(move |r| match r.rpc().as_str() {
        "server/discover" => answer(
            r,
            &json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {}, "resources": { "subscribe": true } },
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private" }),
        ),
        "resources/list" => answer(
            r,
            &json!({ "resources": [{ "uri": "x://y", "name": "y" }], "resultType": "complete", "ttlMs": 0,
                "cacheScope": "private" }),
        ),
        "subscriptions/listen" => {
            let wants = r.json()["params"]["notifications"]["resourceSubscriptions"].is_array();
            if wants {
                of_server.confirm();
            }
            let acknowledged = json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                "params": { "notifications": r.json()["params"]["notifications"],
                    "_meta": { "io.modelcontextprotocol/subscriptionId": r.json()["id"] } } });
            let text = events(&event(&acknowledged));
            Reply::Wild(Box::new(move |stream| {
                use std::io::{Read as _, Write as _};
                let _ = stream.write_all(&text);
                // Until the other side has had enough.
                let _ = stream.read_to_end(&mut Vec::new());
            }))
        }
        "tools/call" => {
            of_server.call();
            modern_manners(r)
        }
        _ => modern_manners(r),
    });
    let home = home_of(&server);
    let mut client = Client { peer: home.open(), home };
    eventually("its resources are known", || {
        let list = client.request("resources/list", &json!({}));
        list["resources"].as_array().is_some_and(|l| !l.is_empty()).then_some(())
    });
    client.request("resources/subscribe", &json!({ "uri": "x://y" }));
    assert_eq!(text_of(&client.call("a__echo", &json!({}))), "well");
    assert!(!watch.is_early(), "{:?}", server.seen());
}

/// A server that never confirms holds nobody up for good.
#[test]
fn a_level_that_is_never_confirmed_costs_a_while_only() {
    let server = Server::start(move |r| match r.rpc().as_str() {
        "initialize" => with_capabilities(r, &json!({ "tools": {}, "logging": {} })),
        "logging/setLevel" => Reply::Wild(Box::new(|stream| {
            let _ = std::io::Read::read_to_end(stream, &mut Vec::new());
        })),
        _ => manners(r),
    });
    let mut client = client_of(&server);
    client.call("a__echo", &json!({}));
    client.request("logging/setLevel", &json!({ "level": "error" }));
    assert_eq!(text_of(&client.call("a__echo", &json!({}))), "well");
}
