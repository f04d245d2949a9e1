//! What we declare to clients of a catalog (protocol.md, 2.1): a constant superset, and what its servers add. Pure.
//!
//! A client's view is frozen at its opening while servers come and go: a capability that turns out empty costs one empty
//! list, a missing one would cost the server for the whole session.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::backend::{Offer, TASKS_EXTENSION, has_extension, takes_tasks};
use crate::protocol::{Era, Revision};

/// Tasks of the edition that has them in its core: what we do for them whatever server makes them. Lists are ours.
const LEGACY_TASKS: &str = r#"{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}"#;
/// Settings of this extension are joined: what any server can show a client may be told.
const UI: &str = "io.modelcontextprotocol/ui";

/// What is declared to clients, as JSON, but for tasks: each edition has its own kind of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    common: String,
    /// A server makes tasks as 2025-11-25 has them, or may.
    legacy_tasks: bool,
    /// Some server makes tasks, of either kind, or may: a legacy one's are those of the extension to a client that knows these.
    modern_tasks: bool,
}

impl Declared {
    pub(super) fn is_empty(&self) -> bool {
        self.common.is_empty()
    }

    /// As clients of `revision` are told it.
    pub(super) fn to(&self, revision: Revision) -> Cow<'_, str> {
        let has_tasks = match revision {
            Revision::V2025_11_25 => self.legacy_tasks,
            Revision::V2026_07_28 => self.modern_tasks,
            _ => false,
        };
        if !has_tasks {
            return Cow::Borrowed(&self.common);
        }
        let mut all: Map<String, Value> = serde_json::from_str(&self.common).unwrap_or_default();
        if revision == Revision::V2025_11_25 {
            all.insert("tasks".to_owned(), serde_json::from_str(LEGACY_TASKS).unwrap_or_default());
        } else if let Value::Object(extensions) = all.entry("extensions").or_insert_with(|| json!({})) {
            extensions.insert(TASKS_EXTENSION.to_owned(), json!({}));
        }
        Cow::Owned(Value::Object(all).to_string())
    }

    fn of<'a>(
        common: Map<String, Value>,
        mut offers: impl Iterator<Item = &'a Offer> + Clone,
        all_known: bool,
    ) -> Self {
        let legacy_tasks = !all_known || offers.clone().any(|o| takes_tasks(&o.capabilities, o.revision));
        let has_modern = |o: &Offer| o.revision.era() == Era::Modern && has_extension(&o.capabilities);
        Self {
            common: Value::Object(common).to_string(),
            legacy_tasks,
            modern_tasks: legacy_tasks || offers.any(has_modern),
        }
    }
}

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

/// The capabilities of many servers as one; `all_known`: no server is still on its way.
pub(super) fn merged<'a>(offers: impl Iterator<Item = &'a Offer> + Clone, all_known: bool) -> Declared {
    let mut all = superset();
    let (mut extensions, mut experimental) = (Map::new(), Map::new());
    let mut logs = !all_known;
    for offer in offers.clone() {
        let mut declared = of(offer);
        logs |= declared.contains_key("logging");
        if let Some(Value::Object(of_it)) = declared.remove("extensions") {
            for (key, settings) in of_it.into_iter().filter(|(key, _)| key != TASKS_EXTENSION) {
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
    Declared::of(all, offers, all_known)
}

/// The capabilities of one server, passed on transparently: its own, and what we do for it besides.
pub(super) fn transparent(offer: &Offer) -> Declared {
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
                    theirs.remove(TASKS_EXTENSION);
                }
                all.insert(key, theirs.into());
            }
            _ => {}
        }
    }
    Declared::of(all, std::iter::once(offer), true)
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

    const V3: Revision = Revision::V2025_06_18;

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
        let all = value(&merged([&a, &b].into_iter(), true).to(V3));
        assert_eq!(all["extensions"], json!({"io.modelcontextprotocol/ui": {"mimeTypes": ["a", "b"]}, "x/y": {}}));
        assert_eq!(all["experimental"], json!({"one": {}}));
        assert_eq!(all.get("logging"), None, "all are known, none logs");
        assert_eq!(all["resources"]["subscribe"], true);
    }

    #[test]
    fn logging_is_declared_while_a_server_may_still_have_it() {
        assert!(value(&merged(std::iter::empty(), false).to(V3)).get("logging").is_some());
        let logs = offer(r#"{"logging":{}}"#, Revision::V2025_11_25);
        assert!(value(&merged([&logs].into_iter(), true).to(V3)).get("logging").is_some());
    }

    #[test]
    fn a_transparent_server_keeps_what_is_its_own() {
        let own = r#"{"tools":{"listChanged":false,"x":1},"resources":{},"tasks":{"list":{}},"vendor":{"v":2},"extensions":{"e":{}},"odd":7}"#;
        let all = value(&transparent(&offer(own, Revision::V2025_11_25)).to(Revision::V2025_11_25));
        assert_eq!(all["tools"], json!({"listChanged": true, "x": 1}), "we tell changes, whatever it says");
        assert_eq!(all["resources"], json!({"listChanged": true}), "it takes no subscriptions");
        assert_eq!((&all["vendor"], &all["extensions"]), (&json!({"v": 2}), &json!({"e": {}})));
        assert_eq!((all.get("tasks"), all.get("odd"), all.get("logging")), (None, None, None));
        let modern = value(&transparent(&offer("{}", Revision::V2026_07_28)).to(Revision::V2026_07_28));
        assert_eq!(modern["resources"]["subscribe"], true, "a listen stream covers it");
    }

    #[test]
    fn tasks_are_declared_to_those_whose_edition_has_them_in_the_way_a_server_makes_them() {
        let legacy = r#"{"tasks":{"requests":{"tools":{"call":{}}}}}"#;
        let modern = r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"x/y":{}}}"#;
        let (v4, v5) = (Revision::V2025_11_25, Revision::V2026_07_28);
        let tasks = |offers: &[&Offer], all_known: bool, to: Revision| {
            let all = value(&merged(offers.iter().copied(), all_known).to(to));
            (all.get("tasks").is_some(), all["extensions"].get(TASKS_EXTENSION).is_some())
        };
        let none = offer("{}", v4);
        let check = |offers: &[&Offer], expected: [bool; 2]| {
            assert_eq!(tasks(offers, true, v4), (expected[0], false));
            assert_eq!(tasks(offers, true, v5), (false, expected[1]));
            assert_eq!(tasks(offers, true, V3), (false, false));
        };
        check(&[&none], [false, false]);
        check(&[&none, &offer(legacy, v4)], [true, true]);
        check(&[&offer(modern, v5)], [false, true]);
        check(&[&offer(legacy, v4), &offer(modern, v5)], [true, true]);
        // What a server says of another edition means nothing.
        check(&[&offer(legacy, V3), &offer(legacy, v5), &offer(modern, v4)], [false, false]);
        check(&[&offer(r#"{"tasks":{"requests":{"tools":{}}}}"#, v4)], [false, false]);
        assert_eq!(tasks(&[], false, v4), (true, false), "one that is still on its way may make them");
        assert_eq!(tasks(&[], false, v5), (false, true));
        let all = value(&merged([&offer(modern, v5)].into_iter(), true).to(v5));
        assert_eq!(all["extensions"], json!({"x/y": {}, "io.modelcontextprotocol/tasks": {}}));
        let own = value(&transparent(&offer(legacy, v4)).to(v4));
        assert_eq!(own["tasks"], serde_json::from_str::<Value>(LEGACY_TASKS).expect("JSON"));
    }
}
