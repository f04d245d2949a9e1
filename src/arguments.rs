//! `key=value` on the command line to a tool's arguments, typed by its input schema. Pure.

use serde_json::{Map, Value};

/// Why a pair cannot be an argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// No `=`.
    #[error("`{0}` is no KEY=VALUE")]
    NotAPair(String),
    /// The same key again.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// Does not fit the schema.
    #[error("`{key}` must be {wanted}, got `{value}`")]
    Type {
        /// The key.
        key: String,
        /// What the schema says.
        wanted: &'static str,
        /// What was typed.
        value: String,
    },
    /// `--args` is no JSON object.
    #[error("`--args` must be a JSON object: {0}")]
    NotAnObject(String),
}

/// Makes arguments of pairs. A property of type number, boolean, array or object is parsed as JSON; a string is taken as it
/// stands; what the schema does not know is JSON if it reads as a number, a boolean, null, an array or an object, else a string.
///
/// # Errors
/// When a pair is none, stands twice, or does not fit.
pub fn from_pairs(pairs: &[String], schema: Option<&Value>) -> Result<Map<String, Value>, ArgumentError> {
    let mut arguments = Map::new();
    for pair in pairs {
        let (key, text) = pair.split_once('=').ok_or_else(|| ArgumentError::NotAPair(pair.clone()))?;
        if key.is_empty() {
            return Err(ArgumentError::NotAPair(pair.clone()));
        }
        let value = typed(key, text, schema.and_then(|s| property(s, key)))?;
        if arguments.insert(key.to_owned(), value).is_some() {
            return Err(ArgumentError::Twice(key.to_owned()));
        }
    }
    Ok(arguments)
}

/// Reads `--args`.
///
/// # Errors
/// When it is no JSON object.
pub fn from_json(text: &str) -> Result<Map<String, Value>, ArgumentError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(ArgumentError::NotAnObject(format!("it is {}", article(&other)))),
        Err(e) => Err(ArgumentError::NotAnObject(e.to_string())),
    }
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<(&'a Value, &'a Value)> {
    Some((schema, schema.get("properties")?.get(key)?))
}

/// The types a property may have, `$ref` into the same schema and `anyOf`/`oneOf` followed.
fn types<'a>(root: &'a Value, property: &'a Value, depth: u8, found: &mut Vec<&'a str>) {
    // A schema may refer to itself; arguments on a command line need no deep look.
    if depth == 0 {
        return;
    }
    if let Some(target) = property.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?))
    {
        types(root, target, depth - 1, found);
    }
    match property.get("type") {
        Some(Value::String(t)) => found.push(t),
        Some(Value::Array(several)) => found.extend(several.iter().filter_map(Value::as_str)),
        _ => {}
    }
    for key in ["anyOf", "oneOf"] {
        for branch in property.get(key).and_then(Value::as_array).into_iter().flatten() {
            types(root, branch, depth - 1, found);
        }
    }
    let fixed = property.get("enum").and_then(Value::as_array).into_iter().flatten().chain(property.get("const"));
    if property.get("type").is_none() {
        found.extend(fixed.map(|v| -> &'a str { kind(v) }));
    }
}

fn typed(key: &str, text: &str, property: Option<(&Value, &Value)>) -> Result<Value, ArgumentError> {
    let mut wanted = Vec::new();
    if let Some((root, property)) = property {
        types(root, property, 4, &mut wanted);
    }
    let as_json = serde_json::from_str::<Value>(text).ok();
    if wanted.is_empty() {
        return Ok(as_json.filter(|v| !v.is_string()).unwrap_or_else(|| text.into()));
    }
    if let Some(value) = as_json.filter(|v| !v.is_string() && fits(v, &wanted)) {
        return Ok(value);
    }
    if wanted.contains(&"string") {
        return Ok(text.into());
    }
    let wanted = match wanted[0] {
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a JSON array, e.g. '[1, 2]'",
        "object" => "a JSON object, e.g. '{\"a\": 1}'",
        _ => "null",
    };
    Err(ArgumentError::Type { key: key.to_owned(), wanted, value: text.to_owned() })
}

fn fits(value: &Value, wanted: &[&str]) -> bool {
    let kind = kind(value);
    // JSON Schema counts 2.0 among the integers, and every integer among the numbers.
    let integer = value.as_f64().is_some_and(|f| f.fract() == 0.0);
    wanted.contains(&kind) || (kind == "number" && integer && wanted.contains(&"integer"))
}

const fn article(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, pair: &str, expected: Result<Value, &str>) {
        let schema =
            json!({ "type": "object", "properties": { "k": schema }, "$defs": { "level": { "enum": [1, 2] } } });
        let got = from_pairs(&[pair.to_owned()], Some(&schema)).map(|m| m["k"].clone()).map_err(|e| e.to_string());
        assert_eq!(got, expected.map_err(str::to_owned), "{pair}");
    }

    #[test]
    fn schema_decides() {
        check(&json!({"type": "string"}), "k=7", Ok(json!("7")));
        check(&json!({"type": "string"}), "k=a=b", Ok(json!("a=b")));
        check(&json!({"type": "string"}), "k=", Ok(json!("")));
        check(&json!({"type": "string"}), "k=\"x\"", Ok(json!("\"x\"")));
        check(&json!({"type": "integer"}), "k=7", Ok(json!(7)));
        check(&json!({"type": "number"}), "k=7.5", Ok(json!(7.5)));
        check(&json!({"type": "boolean"}), "k=true", Ok(json!(true)));
        check(&json!({"type": "array"}), "k=[1,\"a\"]", Ok(json!([1, "a"])));
        check(&json!({"type": "object"}), "k={\"a\":{}}", Ok(json!({"a": {}})));
        check(&json!({"type": ["string", "null"]}), "k=null", Ok(json!(null)));
        check(&json!({"type": ["string", "integer"]}), "k=12", Ok(json!(12)));
        check(&json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), "k=3", Ok(json!(3)));
        check(&json!({"$ref": "#/$defs/level"}), "k=2", Ok(json!(2)));
        check(&json!({"enum": ["a", "b"]}), "k=a", Ok(json!("a")));
    }

    #[test]
    fn misfits_say_what_is_wanted() {
        check(&json!({"type": "integer"}), "k=seven", Err("`k` must be an integer, got `seven`"));
        check(&json!({"type": "integer"}), "k=7.5", Err("`k` must be an integer, got `7.5`"));
        check(&json!({"type": "boolean"}), "k=yes", Err("`k` must be `true` or `false`, got `yes`"));
        check(&json!({"type": "array"}), "k=1,2", Err("`k` must be a JSON array, e.g. '[1, 2]', got `1,2`"));
    }

    #[test]
    fn without_a_schema_json_is_guessed() {
        let pairs = ["a=1", "b=true", "c=text", "d=[1]", "e=\"q\""].map(str::to_owned);
        let got = Value::Object(from_pairs(&pairs, None).expect("pairs"));
        assert_eq!(got, json!({"a": 1, "b": true, "c": "text", "d": [1], "e": "\"q\""}));
    }

    #[test]
    fn no_pair_twice_and_no_object() {
        assert_eq!(from_pairs(&["k".to_owned()], None), Err(ArgumentError::NotAPair("k".to_owned())));
        assert_eq!(from_pairs(&["=1".to_owned()], None), Err(ArgumentError::NotAPair("=1".to_owned())));
        let twice = ["k=1", "k=2"].map(str::to_owned);
        assert_eq!(from_pairs(&twice, None), Err(ArgumentError::Twice("k".to_owned())));
        assert_eq!(
            from_json("[1]").map_err(|e| e.to_string()),
            Err("`--args` must be a JSON object: it is an array".to_owned())
        );
        assert!(from_json("{").is_err());
        assert_eq!(from_json("{\"a\":1}").map(Value::Object), Ok(json!({"a": 1})));
    }

    #[test]
    fn schema_that_refers_to_itself_ends() {
        let schema = json!({ "properties": { "k": { "$ref": "#/properties/k" } } });
        assert_eq!(from_pairs(&["k=1".to_owned()], Some(&schema)).map(Value::Object), Ok(json!({"k": 1})));
    }
}
