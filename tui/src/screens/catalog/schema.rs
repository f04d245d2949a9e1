//! From an `inputSchema` to fields one can fill in.
//!
//! What is plain (text, numbers, choices, yes or no) gets a field of its kind; everything else is written as JSON. No
//! schema is refused: at worst all arguments are one JSON field.

use serde_json::{Map, Value};

/// What may be written in a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of these.
    Choice(Vec<Value>),
    /// Any JSON; the word says what is expected.
    Json(&'static str),
}

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) about: String,
    pub(crate) default: Option<Value>,
    /// `null` is allowed.
    pub(crate) nullable: bool,
}

/// More arguments than this are written as one JSON field.
const MAX_ARGUMENTS: usize = 200;

/// The arguments of a schema; `None` if it does not say what an object holds.
#[must_use]
pub(crate) fn arguments(schema: &Value) -> Option<Vec<Argument>> {
    let root = follow(schema, schema);
    let properties = root.get("properties")?.as_object().filter(|p| p.len() <= MAX_ARGUMENTS)?;
    let required: Vec<&str> =
        root.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out: Vec<Argument> = properties
        .iter()
        .map(|(name, s)| argument(name, follow(schema, s), required.contains(&name.as_str())))
        .collect();
    // What must be filled in comes first; otherwise the order of the schema.
    out.sort_by_key(|a| !a.required);
    Some(out)
}

/// What a local `$ref` points to.
fn follow<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..8 {
        let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) else { break };
        let Some(target) = root.pointer(pointer) else { break };
        schema = target;
    }
    schema
}

fn argument(name: &str, schema: &Value, required: bool) -> Argument {
    let none = Map::new();
    let schema = schema.as_object().unwrap_or(&none);
    let (types, nullable) = types(schema);
    let kind = match (schema.get("enum").and_then(Value::as_array), schema.get("const"), types.as_slice()) {
        (Some(choices), ..) if !choices.is_empty() => Kind::Choice(choices.clone()),
        (_, Some(only), _) => Kind::Choice(vec![only.clone()]),
        (.., ["string"]) => Kind::Text,
        (.., ["integer"]) => Kind::Integer,
        (.., ["number"]) => Kind::Number,
        (.., ["boolean"]) => Kind::Boolean,
        (.., ["array"]) => Kind::Json("list"),
        (.., ["object"]) => Kind::Json("object"),
        _ => Kind::Json("any"),
    };
    let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    let about = if text("description").is_empty() { text("title") } else { text("description") };
    Argument {
        name: name.to_owned(),
        kind,
        required,
        about: about.to_owned(),
        default: schema.get("default").cloned(),
        nullable,
    }
}

/// The types allowed, `null` apart: from `type`, or from alternatives that differ in `null` only.
fn types(schema: &Map<String, Value>) -> (Vec<&str>, bool) {
    let mut all: Vec<&str> = match schema.get("type") {
        Some(Value::String(t)) => vec![t],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => {
            let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
            alternatives.and_then(|list| list.iter().map(only_type).collect()).unwrap_or_default()
        }
    };
    let nullable = all.contains(&"null");
    all.retain(|t| *t != "null");
    (all, nullable)
}

/// The type of an alternative that says no more than its type.
fn only_type(alternative: &Value) -> Option<&str> {
    alternative.as_object().filter(|o| o.len() == 1)?.get("type")?.as_str()
}

/// The JSON a field's text stands for; `None`: left out.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn value(argument: &Argument, text: &str) -> Result<Option<String>, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return match (&argument.kind, argument.required) {
            (_, false) => Ok(None),
            (Kind::Text, true) => Err("must be filled in; \"\" is an empty text".to_owned()),
            (_, true) => Err("must be filled in".to_owned()),
        };
    }
    if argument.kind == Kind::Text && trimmed == "\"\"" {
        return Ok(Some(trimmed.to_owned()));
    }
    if argument.nullable && trimmed == "null" {
        return Ok(Some("null".to_owned()));
    }
    let is_json = |what: &str| serde_json::from_str::<Value>(trimmed).map_err(|e| format!("{what}: {e}"));
    match &argument.kind {
        Kind::Text => Ok(Some(Value::from(text).to_string())),
        Kind::Integer => {
            let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
            let whole = !digits.is_empty()
                && digits.bytes().all(|c| c.is_ascii_digit())
                && (digits.len() == 1 || !digits.starts_with('0'));
            if whole { Ok(Some(trimmed.to_owned())) } else { Err("want a whole number".to_owned()) }
        }
        Kind::Number => match is_json("want a number")? {
            Value::Number(_) => Ok(Some(trimmed.to_owned())),
            _ => Err("want a number".to_owned()),
        },
        Kind::Boolean => match trimmed {
            "true" | "false" => Ok(Some(trimmed.to_owned())),
            _ => Err("want true or false".to_owned()),
        },
        Kind::Choice(choices) => {
            let found = choices.iter().find(|c| shown(c) == trimmed);
            found.map(|c| Some(c.to_string())).ok_or_else(|| "is none of the choices".to_owned())
        }
        Kind::Json(what) => {
            let parsed = is_json("not JSON")?;
            match (*what, &parsed) {
                ("list", Value::Array(_)) | ("object", Value::Object(_)) | ("any", _) => Ok(Some(trimmed.to_owned())),
                ("list", _) => Err("want a JSON list: [1, 2]".to_owned()),
                _ => Err("want a JSON object: {\"key\": 1}".to_owned()),
            }
        }
    }
}

/// A value as it stands in a field.
#[must_use]
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_come_from_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "note": {"type": "string", "description": "what"},
                "n": {"type": "integer", "default": 3},
                "x": {"type": ["number", "null"]},
                "yes": {"type": "boolean"},
                "color": {"enum": ["red", "blue", 3]},
                "list": {"type": "array"},
                "map": {"$ref": "#/$defs/map"},
                "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "odd": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "nothing": true
            },
            "required": ["yes"],
            "$defs": {"map": {"type": "object"}}
        });
        let found = arguments(&schema).unwrap();
        let kind = |name: &str| found.iter().find(|a| a.name == name).unwrap();
        assert_eq!(found[0].name, "yes");
        assert_eq!(kind("note").about, "what");
        assert_eq!(kind("n").default, Some(json!(3)));
        assert_eq!((&kind("x").kind, kind("x").nullable), (&Kind::Number, true));
        assert_eq!(kind("color").kind, Kind::Choice(vec![json!("red"), json!("blue"), json!(3)]));
        assert_eq!(kind("list").kind, Kind::Json("list"));
        assert_eq!(kind("map").kind, Kind::Json("object"));
        assert_eq!((&kind("maybe").kind, kind("maybe").nullable), (&Kind::Text, true));
        assert_eq!(kind("odd").kind, Kind::Json("any"));
        assert_eq!(kind("nothing").kind, Kind::Json("any"));
        assert_eq!(arguments(&json!({"$ref": "#"})), None);
        assert_eq!(arguments(&json!({"type": "object"})), None);
    }

    #[test]
    fn text_becomes_json_or_an_error() {
        let check = |kind: Kind, text: &str, want: Result<Option<&str>, ()>| {
            let a = Argument {
                name: "a".into(),
                kind,
                required: false,
                about: String::new(),
                default: None,
                nullable: false,
            };
            assert_eq!(value(&a, text).map_err(|_| ()), want.map(|o| o.map(str::to_owned)), "{text}");
        };
        check(Kind::Text, "a \"b\"", Ok(Some(r#""a \"b\"""#)));
        check(Kind::Text, "", Ok(None));
        check(Kind::Text, "\"\"", Ok(Some("\"\"")));
        check(Kind::Integer, "123456789012345678901234567890", Ok(Some("123456789012345678901234567890")));
        check(Kind::Integer, "-0", Ok(Some("-0")));
        check(Kind::Integer, "01", Err(()));
        check(Kind::Integer, "1.5", Err(()));
        check(Kind::Number, "1.50", Ok(Some("1.50")));
        check(Kind::Number, "NaN", Err(()));
        check(Kind::Boolean, "true", Ok(Some("true")));
        check(Kind::Boolean, "yes", Err(()));
        check(Kind::Choice(vec![json!("red"), json!(3)]), "3", Ok(Some("3")));
        check(Kind::Choice(vec![json!("red")]), "blue", Err(()));
        check(Kind::Json("list"), "[1, 2]", Ok(Some("[1, 2]")));
        check(Kind::Json("list"), "{}", Err(()));
        check(Kind::Json("any"), "nope", Err(()));
    }
}
