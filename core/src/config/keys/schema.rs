//! The table as a JSON Schema (draft 2020-12), for editors: completion, descriptions, mistakes while typing.
//!
//! References (`${…}`) may stand for any single value, and nothing (`null`) for any value at all, as the reader has it.

use serde_json::{Map, Value, json};

use super::{FOREIGN, Key, Kind, ROOT, SERVER, State, TOKEN};

/// The schema of a configuration file.
#[must_use]
pub fn schema() -> Value {
    let mut root = section(Kind::Section(ROOT));
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("mcp-proxy");
    root["description"] = json!("One endpoint for all your MCP servers. Reference: docs/config.md");
    // As in other YAML files: what is used elsewhere by alias.
    root["patternProperties"] = json!({ "^x-": true });
    let mut server = section(Kind::Section(SERVER));
    for (theirs, ours, is_taken) in FOREIGN {
        if *is_taken {
            server["properties"][*theirs] =
                json!({ "description": format!("Read as `{ours}`: write that."), "deprecated": true });
        }
    }
    root["$defs"] = json!({
        "reference": { "type": "string", "pattern": r"\$\{", "description": "Put together when the file is read: `${NAME}`, `${NAME:-default}`, `${file:path}` …" },
        "text": { "type": ["string", "number", "boolean", "null"] },
        "truth": { "anyOf": [
            { "type": ["boolean", "null"] },
            { "type": ["string", "integer"], "enum": ["true", "false", "yes", "no", "on", "off", "1", "0", 1, 0] },
            { "$ref": "#/$defs/reference" },
        ] },
        "duration": { "anyOf": [
            { "type": "string", "pattern": r"^\s*(\d+(\.\d+)?|(\d+(\.\d+)?(d|h|m|s|ms))+)\s*$" },
            { "type": "number", "minimum": 0 },
            { "type": "null" },
            { "$ref": "#/$defs/reference" },
        ] },
        "durations": { "anyOf": [
            { "type": "string", "pattern": r"^\s*\S+\s*\.\.\s*\S+\s*$" },
            { "type": "null" },
            { "$ref": "#/$defs/reference" },
        ] },
        "size": { "anyOf": [
            { "type": "string", "pattern": r"^\s*\d+(\.\d+)? *([kKmMgG]?([iI]?[bB])?)\s*$" },
            { "type": "integer", "minimum": 0 },
            { "type": "null" },
            { "$ref": "#/$defs/reference" },
        ] },
        "server": server,
        "token": section(Kind::Section(TOKEN)),
    });
    root
}

/// A map with the keys of `kind`, and no others.
fn section(kind: Kind) -> Value {
    let properties: Map<String, Value> =
        kind.keys().into_iter().map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = match key.state {
        State::NotYet(idle) => json!({ "enum": idle_values(idle) }),
        State::Ignored => json!({}),
        State::Works | State::Alias(_) => of(key.kind),
    };
    // A reference keeps what stands beside it.
    let mut doc = key.doc.to_owned();
    if let State::NotYet(_) = key.state {
        doc = format!("Not supported yet: {doc}");
    }
    if let Kind::Choice(choices) = key.kind {
        let meanings = choices.iter().filter(|c| !c.1.is_empty()).map(|(name, doc)| format!("\n- `{name}`: {doc}"));
        doc.extend(meanings);
    }
    schema["description"] = json!(doc);
    if let Some(default) = key.default {
        schema["default"] = default_value(default);
    }
    schema
}

/// What a key of a later version may say today: nothing, or what happens anyway.
fn idle_values(idle: &[&str]) -> Vec<Value> {
    let mut values = vec![Value::Null, json!(""), json!([]), json!({})];
    for text in idle {
        values.push(json!(text));
        let typed = default_value(text);
        if !typed.is_string() {
            values.push(typed);
        }
    }
    values
}

fn default_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn of(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "$ref": "#/$defs/text" }),
        Kind::Path => json!({ "type": ["string", "null"] }),
        Kind::Truth => json!({ "$ref": "#/$defs/truth" }),
        Kind::Duration => json!({ "$ref": "#/$defs/duration" }),
        Kind::Durations => json!({ "$ref": "#/$defs/durations" }),
        Kind::Size => json!({ "$ref": "#/$defs/size" }),
        Kind::Number { least, most } => {
            let mut number = json!({ "type": ["integer", "null"], "minimum": least });
            if most < u64::MAX {
                number["maximum"] = json!(most);
            }
            json!({ "anyOf": [
                number,
                { "type": "string", "pattern": r"^\s*\d+\s*$" },
                { "$ref": "#/$defs/reference" },
            ] })
        }
        Kind::Choice(choices) => json!({ "anyOf": [
            { "enum": words(choices) },
            { "$ref": "#/$defs/reference" },
        ] }),
        Kind::List(item) => json!({ "type": ["array", "null"], "items": of(*item) }),
        Kind::Map(value) => json!({ "type": ["object", "null"], "additionalProperties": of(*value) }),
        Kind::Section(keys) if std::ptr::eq(keys, SERVER) => json!({ "$ref": "#/$defs/server" }),
        Kind::Section(keys) if std::ptr::eq(keys, TOKEN) => json!({ "$ref": "#/$defs/token" }),
        Kind::Section(_) | Kind::Defaults => section(kind),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(|k| of(*k)).collect::<Vec<_>>() }),
        Kind::Foreign => json!({ "type": ["object", "null"] }),
    }
}

/// The words of a choice as a file may have them: case does not count, so the other one is allowed where it is usual.
fn words(choices: &[(&str, &str)]) -> Vec<Value> {
    let mut words = vec![Value::Null];
    for (name, _) in choices {
        words.push(json!(name));
        let lower = name.to_lowercase();
        if lower != *name && !name.contains(char::is_lowercase) {
            words.push(json!(lower));
        }
        if let Ok(number) = name.parse::<u64>() {
            words.push(json!(number));
        }
    }
    words
}
