//! Views take away and never add: what they show, and every way around them.

use bytes::Bytes;

use super::*;
use crate::backend::Offer;
use crate::catalog::merge;
use crate::config::{Access, Naming, Routing, Server};
use crate::protocol::{Era, Message, Method, Revision};
use crate::route::{Route, To, route};

const TOOLS: [&str; 4] = ["read", "write", "delete.all", "odd"];

fn tool(name: &str) -> String {
    format!(
        r#"{{ "name" : "{name}", "inputSchema":{{"type":"object"}}, "x-unknown": [1.50, "\u00e9"], "execution":{{"taskSupport":"optional"}}}}"#
    )
}

fn offer(name: &str) -> Offer {
    let bytes = |text: String| Bytes::from(text);
    Offer {
        revision: Revision::V2025_11_25,
        capabilities: Bytes::from_static(br#"{"tools":{},"completions":{},"vendor":{"a":1}}"#),
        info: Some(bytes(format!(r#"{{"name":"{name}", "version":"1"}}"#))),
        instructions: Some(format!("  I am {name}.\n")),
        items: [
            TOOLS.iter().map(|t| bytes(tool(t))).collect(),
            vec![bytes(r#"{"name":"ask"}"#.to_owned())],
            vec![
                bytes(format!(r#"{{"uri":"{name}://only","name":"n"}}"#)),
                bytes(r#"{"uri":"file:///both","name":"n"}"#.to_owned()),
            ],
            vec![bytes(format!(r#"{{"uriTemplate":"{name}://t/{{x}}","name":"n"}}"#))],
        ],
    }
}

fn source(name: &str, change: impl FnOnce(&mut Server)) -> Source {
    let mut server = Server::stdio(name, "x", &[]);
    change(&mut server);
    let state = OfferState::Known { offer: Arc::new(offer(name)), cached: false };
    Source { server: Arc::new(server), state }
}

fn renames_odd(server: &mut Server) {
    server.tools.rename.insert("odd".into(), "even".into());
}

/// Servers `a` and `b`; both rename `odd` to `even`.
fn main_catalog(routing: &Routing, version: u64) -> Arc<Catalog> {
    Arc::new(merge(&[source("a", renames_odd), source("b", renames_odd)], routing, Some("Preface."), version))
}

fn access(servers: &[&str], allow: &[&str], deny: &[&str]) -> Arc<Access> {
    let list = |all: &[&str]| all.iter().map(|p| (*p).to_owned()).collect();
    Arc::new(Access { servers: list(servers), allow: list(allow), deny: list(deny), ..Access::default() })
}

fn only(server: &str) -> Scope {
    Scope { server: Some(server.into()), access: Arc::default() }
}

fn limited(server: Option<&str>, access: Arc<Access>) -> Scope {
    Scope { server: server.map(Into::into), access }
}

fn shown(catalog: &Catalog) -> Vec<&str> {
    catalog.items[0].iter().map(|i| &*i.exposed).collect()
}

/// The server and own name a request would get to.
fn reach(catalog: &Catalog, method: Method, params: &str) -> Option<(String, Option<String>)> {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}","params":{params}}}"#, method.name());
    let message = Message::parse(text.into()).expect("a request");
    match route(catalog, method, &message, Era::Legacy) {
        Route::Backend(To { backend, target, .. }) => {
            Some((backend.to_string(), target.map(|(_, own)| String::from_utf8_lossy(&own).into_owned())))
        }
        _ => None,
    }
}

fn reach_tool(catalog: &Catalog, name: &str) -> Option<(String, Option<String>)> {
    reach(catalog, Method::ToolsCall, &serde_json::json!({ "name": name }).to_string())
}

#[test]
fn everything_is_the_main_catalog_itself() {
    let main = main_catalog(&Routing::default(), 3);
    let views = Views::default();
    assert!(Arc::ptr_eq(&views.of(&main, &Scope::default()), &main));
    let unmerged = Arc::new(Catalog::default());
    assert!(Arc::ptr_eq(&views.of(&unmerged, &only("a")), &unmerged));
}

#[test]
fn a_server_alone_is_shown_byte_for_byte() {
    let main = main_catalog(&Routing::default(), 3);
    let view = Views::default().of(&main, &only("b"));
    let sent = offer("b");
    for kind in ItemKind::ALL {
        for (item, raw) in view.items[kind as usize].iter().zip(&sent.items[kind as usize]) {
            if &*item.own == "odd" {
                continue;
            }
            assert_eq!((&item.exposed, &item.modern), (&item.own, &None));
            assert_eq!(item.legacy, raw, "{kind:?}");
        }
        assert_eq!(view.items[kind as usize].len(), sent.items[kind as usize].len());
    }
    let list = view.list(ItemKind::Prompt, Era::Legacy);
    assert_eq!(&list[..], br#"{"prompts":[{"name":"ask"}]}"#);
    assert_eq!(shown(&view), ["read", "write", "delete.all", "even"], "no prefix, no other characters");
    assert_eq!(view.instructions, "  I am b.\n", "as the server wrote them, under no heading");
    assert_eq!(view.transparent.as_ref().and_then(|o| o.info.clone()), sent.info);
    assert!(view.declared(Revision::V2025_11_25).contains(r#""vendor":{"a":1}"#));
    assert_eq!(reach_tool(&view, "read"), Some(("b".into(), None)), "nothing to be put in");
    assert_eq!(reach_tool(&view, "even"), Some(("b".into(), Some("\"odd\"".into()))));
    assert_eq!(reach_tool(&view, "hidden"), Some(("b".into(), None)), "the server says itself what it does not have");
    let uri = reach(&view, Method::ResourcesRead, r#"{"uri":"other://x"}"#);
    assert_eq!(uri, Some(("b".into(), None)));
    let both = reach(&view, Method::ResourcesRead, r#"{"uri":"file:///both"}"#);
    assert_eq!(both, Some(("b".into(), None)), "its own URI, though another server has the same");
    let completion = r#"{"ref":{"type":"ref/prompt","name":"hidden"},"argument":{"name":"x","value":""}}"#;
    assert_eq!(reach(&view, Method::Complete, completion), Some(("b".into(), None)));
}

#[test]
fn one_server_without_prefixes_is_shown_as_itself() {
    let flat = Routing { naming: Naming::Flat, ..Routing::default() };
    let off = |s: &mut Server| s.enabled = false;
    let off = Source { state: OfferState::Absent, ..source("off", off) };
    let main = merge(&[source("a", |_| {}), off], &flat, None, 1);
    assert_eq!(main.sole.as_deref(), Some("a"));
    assert_eq!(shown(&main), TOOLS);
    assert_eq!(main.items[0][0].legacy, tool("read"));
    assert_eq!(main.instructions, "  I am a.\n");
    let with_preface = merge(&[source("a", |_| {})], &flat, Some("Mine. "), 1);
    assert_eq!(with_preface.instructions, "Mine.\n\n  I am a.\n");
    let two = merge(&[source("a", |_| {}), source("b", |_| {})], &flat, None, 1);
    assert_eq!((two.sole, two.transparent), (None, None));
    let view = Views::default().of(&Arc::new(main), &limited(None, access(&["a"], &[], &["write"])));
    assert_eq!((shown(&view), view.sole.as_deref()), (vec!["read", "delete.all", "odd"], Some("a")));
}

#[test]
fn a_renamed_tool_keeps_its_name_where_the_new_one_is_taken() {
    let clash = |s: &mut Server| {
        s.tools.rename.insert("odd".into(), "read".into());
        s.tools.rename.insert("write".into(), "put".into());
    };
    let main = Arc::new(merge(&[source("a", clash), source("b", |_| {})], &Routing::default(), None, 1));
    assert_eq!(shown(&Views::default().of(&main, &only("a"))), ["read", "put", "delete.all", "odd"]);
}

#[test]
fn rules_of_the_server_hold_in_its_own_endpoint() {
    let denies = |s: &mut Server| s.tools.deny = vec!["delete*".into()];
    let allows = |s: &mut Server| s.tools.allow = vec!["read".into()];
    let main = Arc::new(merge(&[source("a", denies), source("b", allows)], &Routing::default(), None, 1));
    let views = Views::default();
    let a = views.of(&main, &only("a"));
    assert_eq!((shown(&a), reach_tool(&a, "delete.all")), (vec!["read", "write", "odd"], None));
    let b = views.of(&main, &only("b"));
    assert_eq!((shown(&b), reach_tool(&b, "write")), (vec!["read"], None));
}

#[test]
fn a_token_for_one_server_reaches_no_other_by_any_name() {
    for naming in [Naming::Prefix, Naming::PrefixOnConflict, Naming::Flat] {
        let main = main_catalog(&Routing { naming, ..Routing::default() }, 1);
        let views = Views::default();
        for scope in [limited(None, access(&["a"], &[], &[])), limited(Some("a"), access(&["a"], &[], &[])), only("a")]
        {
            let view = views.of(&main, &scope);
            let mut names: Vec<String> = main.items[0].iter().map(|i| i.exposed.to_string()).collect();
            names.extend(["b__read", "b__hidden", "b__", "B__read", "b__a__read", "a__b__read"].map(str::to_owned));
            for name in &names {
                let tool = reach_tool(&view, name);
                let prompt = reach(&view, Method::PromptsGet, &serde_json::json!({ "name": name }).to_string());
                let reference = serde_json::json!({"ref": {"type": "ref/prompt", "name": name}});
                let completion = reach(&view, Method::Complete, &reference.to_string());
                for (server, _) in [tool, prompt, completion].into_iter().flatten() {
                    assert_eq!(server, "a", "{name} {naming:?} {scope:?}");
                }
            }
            for uri in ["b://only", "b://t/1", "b://t/{x}", "b://new", "mcpx+b:file:///both", "file:///both"] {
                for method in [Method::ResourcesRead, Method::ResourcesSubscribe, Method::ResourcesUnsubscribe] {
                    let got = reach(&view, method, &serde_json::json!({ "uri": uri }).to_string());
                    assert!(got.is_none_or(|(server, _)| server == "a"), "{uri} {method:?} {scope:?}");
                }
                let reference = serde_json::json!({"ref": {"type": "ref/resource", "uri": uri}});
                let got = reach(&view, Method::Complete, &reference.to_string());
                assert!(got.is_none_or(|(server, _)| server == "a"), "{uri} {scope:?}");
            }
            assert!(view.items.iter().flatten().all(|i| &*i.backend == "a"));
            assert!(!view.instructions.contains("I am b"), "{}", view.instructions);
            assert_eq!(view.exposed_uri("b", "file:///both"), None);
            assert!(!view.completes("b"));
            let text: Vec<u8> = ItemKind::ALL.iter().flat_map(|k| view.list(*k, Era::Modern).to_vec()).collect();
            assert!(!String::from_utf8_lossy(&text).contains("b://"));
        }
    }
}

#[test]
fn names_and_uris_are_the_same_for_every_token() {
    let flat = Routing { naming: Naming::Flat, ..Routing::default() };
    let main = main_catalog(&flat, 1);
    let view = Views::default().of(&main, &limited(None, access(&["b"], &[], &[])));
    let of_b: Vec<&str> = main.items[0].iter().filter(|i| &*i.backend == "b").map(|i| &*i.exposed).collect();
    assert_eq!(shown(&view), of_b);
    assert_eq!(&*view.items[2][1].exposed, "mcpx+b:file:///both");
    assert_eq!(view.instructions, "Preface.\n\n## b\n  I am b.".replace("  I", "I"));
}

#[test]
fn denied_tools_are_reached_by_no_other_spelling() {
    let main = main_catalog(&Routing::default(), 1);
    let views = Views::default();
    let check = |scope: &Scope, names: &[&str], reached: bool| {
        let view = views.of(&main, scope);
        for name in names {
            assert_eq!(reach_tool(&view, name).is_some(), reached, "{name} {scope:?}");
            let prompt = serde_json::json!({ "name": name }).to_string();
            if !reached {
                assert_eq!(reach(&view, Method::PromptsGet, &prompt), None, "{name} {scope:?}");
            }
        }
    };
    let denies = access(&[], &[], &["a__even", "a__delete_all", "*write*"]);
    check(&limited(None, denies.clone()), &["a__even", "a__odd", "a__delete_all", "a__delete.all", "a__write"], false);
    check(&limited(None, denies.clone()), &["a__read", "b__even", "b__odd", "b__delete_all", "a__unlisted"], true);
    check(
        &limited(Some("a"), denies.clone()),
        &["even", "odd", "delete_all", "delete.all", "write", "a__write"],
        false,
    );
    check(&limited(Some("a"), denies.clone()), &["read", "unlisted"], true);
    check(&limited(Some("b"), denies), &["odd", "even", "delete.all", "read"], true);
    let allows = access(&[], &["a__re*"], &[]);
    check(&limited(None, allows.clone()), &["a__read", "a__remove"], true);
    check(&limited(None, allows.clone()), &["a__write", "b__read", "read", "a__even", "a__odd", "b__rest"], false);
    check(&limited(Some("a"), allows), &["write", "odd", "delete.all", "a__read"], false);
    // A long name is shown cut: what is denied under the short one is denied under the long one.
    let long = "x".repeat(60);
    let mut long_offer = offer("a");
    long_offer.items[0].push(tool(&long).into());
    let state = OfferState::Known { offer: Arc::new(long_offer), cached: false };
    let known = Source { state, ..source("a", |_| {}) };
    let main = Arc::new(merge(&[known], &Routing::default(), None, 1));
    let cut = main.items[0].last().expect("listed").exposed.to_string();
    assert!(cut.len() < 60, "{cut}");
    let scope = limited(None, access(&[], &[], &[&cut]));
    assert_eq!(reach_tool(&views.of(&main, &scope), &format!("a__{long}")), None);
    // The same before the server has said what it has.
    let pending = Source { state: OfferState::Pending, ..source("a", renames_odd) };
    let main = Arc::new(merge(&[pending], &Routing::default(), None, 2));
    assert_eq!(reach_tool(&views.of(&main, &scope), &format!("a__{long}")), None);
    let scope = limited(None, access(&[], &[], &["a__even"]));
    assert_eq!(reach_tool(&views.of(&main, &scope), "a__odd"), None);
}

#[test]
fn a_server_that_is_not_there_is_an_empty_endpoint() {
    let main = main_catalog(&Routing::default(), 4);
    let views = Views::default();
    for scope in [only("c"), limited(Some("b"), access(&["a"], &[], &[]))] {
        let view = views.of(&main, &scope);
        assert_eq!(view.items.iter().flatten().count(), 0);
        assert_eq!(reach_tool(&view, "read"), None);
        assert_eq!(reach(&view, Method::ResourcesRead, r#"{"uri":"b://only"}"#), None);
        assert_eq!(&view.list(ItemKind::Tool, Era::Legacy)[..], br#"{"tools":[]}"#);
        assert_eq!((view.version, view.sole.as_deref()), (4, None));
    }
}

#[test]
fn views_change_only_when_their_own_lists_do() {
    let (a, b) = (source("a", |_| {}), source("b", |_| {}));
    let routing = Routing::default();
    let first = Arc::new(merge(&[a.clone(), b.clone()], &routing, None, 1));
    let views = Views::default();
    let (own, token) = (only("a"), limited(None, access(&["a"], &[], &[])));
    let before = (views.of(&first, &own), views.of(&first, &token));
    assert!(Arc::ptr_eq(&before.0, &views.of(&first, &own)), "made once");
    assert!(Arc::ptr_eq(&before.1, &views.of(&first, &token)), "made once");

    let mut changed = offer("b");
    changed.items[0].truncate(1);
    let b = Source { state: OfferState::Known { offer: Arc::new(changed), cached: false }, ..b };
    let second = Arc::new(merge(&[a.clone(), b.clone()], &routing, None, 2));
    let after = (views.of(&second, &own), views.of(&second, &token));
    assert!(Arc::ptr_eq(&before.0, &after.0), "made of the same things");
    assert_eq!((before.1.version, after.1.version), (1, 1));
    assert!(ItemKind::ALL.iter().all(|k| !after.1.differs(&before.1, *k)));
    let cursor = before.1.page(ItemKind::Tool, Era::Legacy, 0, 1);
    let cursor: serde_json::Value = serde_json::from_slice(&cursor).expect("JSON");
    assert_eq!(after.1.offset(cursor["nextCursor"].as_str().expect("more")), Some(1), "cursors stay good");

    let mut changed = offer("a");
    changed.items[0].truncate(1);
    let a = Source { state: OfferState::Known { offer: Arc::new(changed), cached: false }, ..a };
    let third = Arc::new(merge(&[a, b], &routing, None, 3));
    let last = (views.of(&third, &own), views.of(&third, &token));
    assert!(last.0.version > after.0.version && last.1.version > after.1.version);
    assert!(last.0.differs(&after.0, ItemKind::Tool) && last.1.differs(&after.1, ItemKind::Tool));
}

#[test]
fn the_number_of_views_is_bounded_and_the_oldest_goes() {
    let main = main_catalog(&Routing::default(), 1);
    let views = Views::default();
    let scope = |i: usize| limited(None, access(&["a"], &[], &[&format!("none{i}")]));
    let first = views.of(&main, &scope(0));
    for i in 1..N_VIEWS {
        drop(views.of(&main, &scope(i)));
    }
    assert!(Arc::ptr_eq(&first, &views.of(&main, &scope(0))), "looked at last, kept longest");
    for i in N_VIEWS..2 * N_VIEWS - 1 {
        drop(views.of(&main, &scope(i)));
    }
    assert!(Arc::ptr_eq(&first, &views.of(&main, &scope(0))));
    assert_eq!(views.made.lock().expect("not poisoned").views.len(), N_VIEWS);
    for i in 0..N_VIEWS {
        drop(views.of(&main, &scope(3 * N_VIEWS + i)));
    }
    assert!(!Arc::ptr_eq(&first, &views.of(&main, &scope(0))), "made again");
    drop(main);
    let kept = views.made.lock().expect("not poisoned").views.values().filter(|v| v.main.upgrade().is_some()).count();
    assert_eq!(kept, 0, "views keep no catalog alive");
}

#[test]
fn a_list_is_cut_where_its_client_takes_no_more() {
    let main = main_catalog(&Routing::default(), 3);
    let cut = |server, most| {
        let profile = Access { deny: vec!["a__write".into()], max_tools: Some(4), ..Access::default() };
        let access = Access { max_tools: most, within: Some(Arc::new(profile)), ..Access::default() };
        Views::default().of(&main, &limited(server, Arc::new(access)))
    };
    let view = cut(None, Some(3));
    assert_eq!(shown(&view), ["a__read", "a__delete_all", "a__even"], "the first ones that it may see");
    assert_eq!(
        reach_tool(&view, "b__even"),
        Some(("b".into(), Some("\"odd\"".into()))),
        "it can be called all the same"
    );
    assert_eq!(reach_tool(&view, "a__write"), None, "and what it may not see cannot");
    assert_eq!(shown(&cut(None, None)).len(), 4, "the least of all limits counts");
    assert_eq!(shown(&cut(Some("b"), Some(2))), ["read", "write"]);
}
