//! What a face sees of a server and a client beyond the snapshot, and how it asks a server whether it is there.

use std::time::Duration;

use serde_json::json;

use super::tests::{World, server};
use crate::config::{Secret, Target};
use crate::control::{Command, CommandError, HEALTH_SLICE};
use crate::observe::Status;

#[tokio::test]
async fn a_server_is_asked_whether_it_is_there() {
    let mut speaking = server("pong() { ok '{}'; }\n");
    if let Target::Stdio { args, .. } = &mut speaking.target {
        let script = args[1].reveal().replace("    *'/list\"'*)", "    *'\"ping\"'*) pong ;;\n    *'/list\"'*)");
        args[1] = Secret::new(script);
    }
    let world = World::new(speaking);
    let unknown = world.handle.command(Command::Ping("nobody".into())).await;
    assert_eq!(unknown, Err(CommandError::UnknownBackend("nobody".into())));
    world.until_state("ready").await;
    world.command(Command::Ping("s".into())).await;
    let seen = world.until("an answer", |s| s.backends[0].pinged.is_some()).await;
    assert!(seen.backends[0].pinged.as_ref().is_some_and(|p| p.took.is_some()));
    world.command(Command::Stop("s".into())).await;
    world.until_state("stopped").await;
    let asleep = world.handle.command(Command::Ping("s".into())).await;
    assert_eq!(asleep, Err(CommandError::NotReady("s".into())));
    world.end().await;
}

#[tokio::test]
async fn a_ping_that_is_not_answered_is_told() {
    // The server knows no `ping` and says nothing to it.
    let mut silent = server("");
    silent.startup_timeout = Duration::from_secs(1);
    let world = World::new(silent);
    world.until_state("ready").await;
    world.command(Command::Ping("s".into())).await;
    let seen = world.until("that there is no answer", |s| s.backends[0].pinged.is_some()).await;
    assert!(seen.backends[0].pinged.as_ref().is_some_and(|p| p.took.is_none()));
    assert!(seen.notices.iter().any(|n| n.text.contains("did not answer a ping")));
    world.end().await;
}

#[tokio::test]
async fn all_about_a_server_and_what_has_not_ended() {
    let mut slow = server("call() { case \"$l\" in *wait*) ;; *) ok '{\"n\":1}' ;; esac; }\n");
    if let Target::Stdio { env, .. } = &mut slow.target {
        env.insert("API_TOKEN".to_owned(), Secret::new("very-secret"));
        env.insert("LEVEL".to_owned(), Secret::new("debug"));
    }
    slow.tools.deny.push("hidden*".to_owned());
    let world = World::new(slow);
    world.handle.keep_history();
    let mut client = world.client().await;
    client.call(1, "quick").await;
    client.answer(&json!(1)).await;
    client.call(2, "wait").await;
    world.flow("the call that waits", |f| f.status == Status::Pending && f.wire_id.is_some()).await;
    let open = world.handle.open_flows();
    assert_eq!(open.iter().filter_map(|f| f.target.as_deref()).collect::<Vec<_>>(), ["s__wait"]);
    assert!(world.handle.server("nobody").is_none());
    let seen = world.handle.server("s").expect("there is one");
    assert_eq!(seen.env, [("API_TOKEN".to_owned(), "***".to_owned()), ("LEVEL".to_owned(), "debug".to_owned())]);
    assert!(seen.settings.contains(&("tools.deny".to_owned(), "hidden*".to_owned())));
    assert!(seen.settings.contains(&("client_features".to_owned(), "lease".to_owned())));
    let n: u64 = seen.latency.0.iter().map(|(_, n)| n).sum::<u64>() + seen.latency.1;
    assert_eq!(n, 1);
    assert_eq!(seen.instances.len(), 1);
    assert_eq!((seen.instances[0].tenancy, seen.instances[0].state.word()), ("everybody", "ready"));
    assert_eq!(seen.slices.len() as u64 * HEALTH_SLICE.as_secs(), 3_600);
    assert!(seen.slices.last().is_some_and(|now| now.down.is_zero()));
    let id = world.handle.snapshot().clients[0].id;
    assert!(world.handle.instances_of(id).is_empty(), "it has none to itself");
    client.cancel(2).await;
    world.flow("its end", |f| f.status == Status::Cancelled).await;
    assert!(world.handle.open_flows().is_empty());
    world.end().await;
}

#[tokio::test]
async fn tools_that_are_kept_back_are_counted_and_shown_as_such() {
    let lists = r#"lists() {
  case "$l" in
    *'"tools/list"'*) ok '{"tools":[{"name":"a","inputSchema":{"type":"object"}},{"name":"b","inputSchema":{"type":"object"}}]}' ;;
    *) ok '{}' ;;
  esac
}
"#;
    let mut listing = server(lists);
    listing.tools.deny.push("b".to_owned());
    if let Target::Stdio { args, .. } = &mut listing.target {
        let script = args[1].reveal().replace("*'/list\"'*) ok '{}' ;;", "*'/list\"'*) lists ;;");
        let script = script.replace(r#""capabilities":{"#, r#""capabilities":{"tools":{},"#);
        args[1] = Secret::new(script);
    }
    let world = World::new(listing);
    let seen = world.until("its tools", |s| s.backends[0].n_tools == 1).await;
    let (n, saved) = seen.backends[0].withheld;
    assert!(n == 1 && saved > 5 && seen.backends[0].n_tokens > 5, "{n} {saved}");
    let catalog = world.handle.catalog();
    let names: Vec<_> = catalog.items.iter().map(|i| (&*i.exposed, i.withheld)).collect();
    assert_eq!(names, [("s__a", false), ("s__b", true)]);
    world.end().await;
}
