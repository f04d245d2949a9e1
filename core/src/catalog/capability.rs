//! What we declare to clients of a catalog (protocol.md, 2.1): a constant superset, and what its servers add. Pure.
//!
//! A client's view is frozen at its opening while servers come and go: a capability that turns out empty costs one empty
//! list, a missing one would cost the server for the whole session.

use serde_json::{Map, Value, json};

use crate::backend::Offer;
use crate::protocol::Era;

/// Settings of this extension are joined: what any server can show a client may be told.
const UI: &str = "io.modelcontextprotocol/ui";
/// Not carried, so never declared.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// What we can do whatever servers there are.
fn superset() -> Map<String, Value> {
    let all = json!({
        "tools": { "listChanged": true },
        "prompts": { "listChanged": true },
        "resources": { "subscribe": true, "listChanged": true },
        "completions": {},
        "logging": {},
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

fn of(offer: &Offer) -> Map<String, Value> {
    serde_json::from_slice(&offer.capabilities).unwrap_or_default()
}

/// The capabilities of many servers as one, as JSON; `all_known`: no server is still on its way.
pub(super) fn merged<'a>(offers: impl Iterator<Item = &'a Offer>, all_known: bool) -> String {
    let mut all = superset();
    let (mut extensions, mut experimental) = (Map::new(), Map::new());
    let mut logs = !all_known;
    for offer in offers {
        let mut declared = of(offer);
        logs |= declared.contains_key("logging");
        if let Some(Value::Object(of_it)) = declared.remove("extensions") {
            for (key, settings) in of_it.into_iter().filter(|(key, _)| key != TASKS) {
                let joined = match extensions.remove(&key) {
                    None => settings,
                    Some(before) if before == settings => before,
                    Some(before) if key == UI => joined(before, settings),
                    Some(_) => json!({}),
                };
                extensions.insert(key, joined);
            }
        }
        if let Some(Value::Object(of_it)) = declared.remove("experimental") {
            for (key, settings) in of_it {
                // What two servers have has no one meaning.
                let twice = experimental.contains_key(&key);
                experimental.insert(key, if twice { Value::Null } else { settings });
            }
        }
    }
    experimental.retain(|_, settings| !settings.is_null());
    for (key, members) in [("extensions", extensions), ("experimental", experimental)] {
        if !members.is_empty() {
            all.insert(key.to_owned(), members.into());
        }
    }
    if !logs {
        all.remove("logging");
    }
    Value::Object(all).to_string()
}

/// The capabilities of one server, passed on transparently: its own, and what we do for it besides. As JSON.
pub(super) fn transparent(offer: &Offer) -> String {
    let mut all = superset();
    let declared = of(offer);
    if !declared.contains_key("logging") {
        all.remove("logging");
    }
    let subscribes = declared.get("resources").and_then(|r| r.get("subscribe")) == Some(&Value::Bool(true));
    if let Some(Value::Object(resources)) = all.get_mut("resources")
        && offer.revision.era() == Era::Legacy
        && !subscribes
    {
        // It would refuse the request itself.
        resources.remove("subscribe");
    }
    for (key, settings) in declared {
        match (all.get_mut(&key), settings) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => {
                for (key, setting) in theirs {
                    ours.entry(key).or_insert(setting);
                }
            }
            (None, Value::Object(mut theirs)) if key != "tasks" => {
                if key == "extensions" {
                    theirs.remove(TASKS);
                }
                all.insert(key, theirs.into());
            }
            _ => {}
        }
    }
    Value::Object(all).to_string()
}

/// Two settings of one extension: lists united, switches on if either is; anything else as it was first.
fn joined(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            for (key, setting) in second {
                let joined = match first.remove(&key) {
                    Some(before) => joined(before, setting),
                    None => setting,
                };
                first.insert(key, joined);
            }
            first.into()
        }
        (Value::Array(mut first), Value::Array(second)) => {
            let new: Vec<Value> = second.into_iter().filter(|v| !first.contains(v)).collect();
            first.extend(new);
            first.into()
        }
        (Value::Bool(first), Value::Bool(second)) => (first || second).into(),
        (first, _) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Revision;

    fn offer(capabilities: &str, revision: Revision) -> Offer {
        Offer {
            revision,
            capabilities: capabilities.to_owned().into(),
            info: None,
            instructions: None,
            items: Default::default(),
        }
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn extensions_are_united_and_experiments_only_where_one_server_has_them() {
        let a = offer(
            r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["a"]},"x/y":{"n":1},"io.modelcontextprotocol/tasks":{}},"experimental":{"one":{},"both":{}}}"#,
            Revision::V2025_11_25,
        );
        let b = offer(
            r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["b"]},"x/y":{"n":2}},"experimental":{"both":{}}}"#,
            Revision::V2025_11_25,
        );
        let all = value(&merged([&a, &b].into_iter(), true));
        assert_eq!(all["extensions"], json!({"io.modelcontextprotocol/ui": {"mimeTypes": ["a", "b"]}, "x/y": {}}));
        assert_eq!(all["experimental"], json!({"one": {}}));
        assert_eq!(all.get("logging"), None, "all are known, none logs");
        assert_eq!(all["resources"]["subscribe"], true);
    }

    #[test]
    fn logging_is_declared_while_a_server_may_still_have_it() {
        assert!(value(&merged(std::iter::empty(), false)).get("logging").is_some());
        let logs = offer(r#"{"logging":{}}"#, Revision::V2025_11_25);
        assert!(value(&merged([&logs].into_iter(), true)).get("logging").is_some());
    }

    #[test]
    fn a_transparent_server_keeps_what_is_its_own() {
        let own = r#"{"tools":{"listChanged":false,"x":1},"resources":{},"tasks":{"list":{}},"vendor":{"v":2},"extensions":{"e":{}},"odd":7}"#;
        let all = value(&transparent(&offer(own, Revision::V2025_11_25)));
        assert_eq!(all["tools"], json!({"listChanged": true, "x": 1}), "we tell changes, whatever it says");
        assert_eq!(all["resources"], json!({"listChanged": true}), "it takes no subscriptions");
        assert_eq!((&all["vendor"], &all["extensions"]), (&json!({"v": 2}), &json!({"e": {}})));
        assert_eq!((all.get("tasks"), all.get("odd"), all.get("logging")), (None, None, None));
        let modern = value(&transparent(&offer("{}", Revision::V2026_07_28)));
        assert_eq!(modern["resources"]["subscribe"], true, "a listen stream covers it");
    }
}
