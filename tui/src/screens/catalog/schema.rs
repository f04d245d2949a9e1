//! From an `inputSchema` to fields one can fill in.
//!
//! What is plain (text, numbers, choices, yes or no) gets a field of its kind, also within objects and in the rows of a list of
//! objects; everything else is written as JSON. No schema is refused: at worst all arguments are one JSON field.

use serde_json::{Map, Value};

use super::bounds::Bounds;

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
    /// A list of objects, each with these; what is written is how many there are.
    Rows(Vec<Argument>),
    /// Any JSON; the word says what is expected.
    Json(&'static str),
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into an object.
    Key(String),
    /// Into a list.
    Item(usize),
}

/// A way to a value as it is shown: `place.room`, `people[0].name`.
pub(crate) fn way(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(name) if out.is_empty() => out.push_str(name),
            Step::Key(name) => out.extend([".", name]),
            Step::Item(at) => out.push_str(&format!("[{at}]")),
        }
    }
    out
}

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    /// As it is shown: `place.room`.
    pub(crate) name: String,
    /// Where its value goes: `place`, `room`.
    pub(crate) path: Vec<Step>,
    /// Of each object and list it lies in, whether that must be there.
    pub(crate) within: Vec<bool>,
    pub(crate) kind: Kind,
    /// It must be there where the object is that it lies in.
    pub(crate) required: bool,
    pub(crate) bounds: Bounds,
    pub(crate) about: String,
    pub(crate) default: Option<Value>,
    /// `null` is allowed.
    pub(crate) nullable: bool,
}

impl Kind {
    /// What may be written, in a word or two.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Integer => "whole number".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice(choices) => format!("{} choices", choices.len()),
            Self::Rows(_) => "list of objects".to_owned(),
            Self::Json("list") => "JSON list".to_owned(),
            Self::Json("object") => "JSON object".to_owned(),
            Self::Json(_) => "JSON".to_owned(),
        }
    }
}

impl Argument {
    /// An argument of this name without anything special.
    pub(crate) fn plain(name: String, kind: Kind, required: bool, about: String) -> Self {
        let path = vec![Step::Key(name.clone())];
        let bounds = Bounds::default();
        Self { name, path, within: Vec::new(), kind, required, bounds, about, default: None, nullable: false }
    }

    /// Whether it must be filled in, whatever else is.
    pub(crate) fn is_needed(&self) -> bool {
        self.required && self.within.iter().all(|w| *w)
    }
}

/// Objects in objects are taken apart so far; deeper ones are written as JSON.
const MAX_NESTED: usize = 3;
/// More arguments than this are written as one JSON field.
const MAX_ARGUMENTS: usize = 200;
/// Lists of objects with more members than this are written as JSON.
const MAX_IN_A_ROW: usize = 20;

/// The arguments of a schema; `None` if it does not say what an object holds.
#[must_use]
pub(crate) fn arguments(schema: &Value) -> Option<Vec<Argument>> {
    let root = follow(schema, schema);
    root.get("properties")?.as_object()?;
    let mut out = Vec::new();
    collect(schema, root, &Place::default(), &mut out);
    (out.len() <= MAX_ARGUMENTS).then_some(out)
}

/// Where in the arguments an object lies.
#[derive(Default)]
struct Place {
    path: Vec<Step>,
    within: Vec<bool>,
    /// It is a row of a list: lists in it are written as JSON.
    is_row: bool,
}

/// The arguments within an object.
fn collect(root: &Value, object: &Value, place: &Place, out: &mut Vec<Argument>) {
    let Some(properties) = object.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> =
        object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut all: Vec<Argument> = properties
        .iter()
        .take(MAX_ARGUMENTS + 1)
        .map(|(name, s)| argument(root, name, s, required.contains(&name.as_str())))
        .collect();
    // What must be filled in comes first; otherwise the order of the schema.
    all.sort_by_key(|a| !a.required);
    for mut a in all {
        if out.len() > MAX_ARGUMENTS {
            return;
        }
        let written = properties.get(&a.name).map(|s| follow(root, s));
        let apart = !a.nullable && a.default.is_none() && place.path.len() < MAX_NESTED;
        let inner = written.filter(|_| apart && a.kind == Kind::Json("object")).filter(|s| has_members(s));
        a.path = [place.path.as_slice(), &[Step::Key(a.name)]].concat();
        if let Some(inner) = inner {
            let within = [place.within.as_slice(), &[a.required]].concat();
            collect(root, inner, &Place { path: a.path, within, ..*place }, out);
            continue;
        }
        let items = written.filter(|_| apart && !place.is_row && a.kind == Kind::Json("list"));
        let items = items.and_then(|s| s.get("items")).map(|s| follow(root, s)).filter(|s| has_members(s));
        if let Some(items) = items {
            let mut row = Vec::new();
            collect(root, items, &Place { is_row: true, ..Place::default() }, &mut row);
            if row.len() <= MAX_IN_A_ROW {
                a.kind = Kind::Rows(row);
            }
        }
        a.name = way(&a.path);
        a.within.clone_from(&place.within);
        out.push(a);
    }
}

/// Whether a schema says what its objects hold.
fn has_members(schema: &Value) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|p| !p.is_empty())
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

fn argument(root: &Value, name: &str, written: &Value, required: bool) -> Argument {
    let none = Map::new();
    let target = follow(root, written);
    let schema = target.as_object().unwrap_or(&none);
    let (types, mut nullable) = types(root, schema);
    let kind = match (choices(root, target, MAX_DEPTH), types.as_slice()) {
        (Some(mut choices), _) if !choices.is_empty() => {
            nullable |= choices.contains(&Value::Null);
            // What may be left out needs no `null`.
            choices.retain(|c| required || !c.is_null());
            Kind::Choice(choices)
        }
        (_, ["string"]) => Kind::Text,
        (_, ["integer"]) => Kind::Integer,
        (_, ["number"]) => Kind::Number,
        (_, ["boolean"]) => Kind::Boolean,
        (_, ["array"]) => Kind::Json("list"),
        (_, ["object"]) => Kind::Json("object"),
        _ => Kind::Json("any"),
    };
    // What stands beside a `$ref` is about this use of it.
    let text = |key: &str| written.get(key).or_else(|| schema.get(key)).and_then(Value::as_str).unwrap_or_default();
    let mut about = if text("description").is_empty() { text("title") } else { text("description") }.to_owned();
    if let Kind::Json(_) = kind
        && let Some(inside) = inside(root, schema)
    {
        about.push_str(if about.is_empty() { "" } else { "\n" });
        about.push_str(&inside);
    }
    let default = written.get("default").or_else(|| schema.get("default")).cloned();
    let bounds = Bounds::of(schema, schema.get("items").and_then(|i| only_type(root, i)));
    if let Some(words) = bounds.words(&kind) {
        about.push_str(if about.is_empty() { "" } else { "\n" });
        about.push_str(&words);
    }
    let path = vec![Step::Key(name.to_owned())];
    Argument { name: name.to_owned(), path, within: Vec::new(), kind, required, bounds, about, default, nullable }
}

/// Alternatives in alternatives are followed so far.
const MAX_DEPTH: usize = 4;

/// The values allowed, where the schema counts them: `enum`, `const`, or alternatives of these. `null` is one of them.
fn choices(root: &Value, schema: &Value, depth: usize) -> Option<Vec<Value>> {
    let schema = follow(root, schema);
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return Some(list.clone());
    }
    if let Some(only) = schema.get("const") {
        return Some(vec![only.clone()]);
    }
    let alternatives = alternatives(schema.as_object()?)?;
    let depth = depth.checked_sub(1)?;
    let lists = alternatives.iter().map(|a| match only_type(root, a) {
        Some("null") => Some(vec![Value::Null]),
        _ => choices(root, a, depth),
    });
    let lists: Option<Vec<Vec<Value>>> = lists.collect();
    // `null` alone is not worth a choice.
    lists.map(|l| l.concat()).filter(|l| l.iter().any(|v| !v.is_null()))
}

fn alternatives(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
}

/// What a list or an object is made of, in one line.
fn inside(root: &Value, schema: &Map<String, Value>) -> Option<String> {
    if let Some(items) = schema.get("items") {
        let items = follow(root, items);
        return match items.as_object().and_then(|i| members(root, i)) {
            Some(members) => Some(format!("a list of objects, each with: {members}")),
            None => Some(format!("a list of: {}", short(root, items)?)),
        };
    }
    Some(format!("an object with: {}", members(root, schema)?))
}

/// The members of an object with their types, those that must be there with a star.
fn members(root: &Value, schema: &Map<String, Value>) -> Option<String> {
    const MAX_KEYS: usize = 12;
    let properties = schema.get("properties")?.as_object().filter(|p| !p.is_empty())?;
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut keys: Vec<String> = properties
        .iter()
        .take(MAX_KEYS)
        .map(|(name, s)| {
            let star = if required.contains(&name.as_str()) { "*" } else { "" };
            short(root, s).map_or_else(|| format!("{name}{star}"), |what| format!("{name}{star} ({what})"))
        })
        .collect();
    if properties.len() > MAX_KEYS {
        keys.push(format!("{} more", properties.len() - MAX_KEYS));
    }
    Some(keys.join(", "))
}

/// A schema in a word or its choices.
fn short(root: &Value, schema: &Value) -> Option<String> {
    const MAX_CHOICES: usize = 8;
    let schema = follow(root, schema);
    if let Some(choices) = choices(root, schema, MAX_DEPTH) {
        let all: Vec<String> = choices.iter().take(MAX_CHOICES).map(Value::to_string).collect();
        return Some(all.join(" or "));
    }
    let (types, _) = types(root, schema.as_object()?);
    if types.as_slice() == ["array"] {
        let items = schema.get("items").and_then(|i| only_type(root, i));
        return Some(items.map_or_else(|| "list".to_owned(), |of| format!("list of {of}")));
    }
    (!types.is_empty()).then(|| types.join(" or "))
}

/// The types allowed, `null` apart: from `type`, or from alternatives that differ in their types only.
fn types<'a>(root: &'a Value, schema: &'a Map<String, Value>) -> (Vec<&'a str>, bool) {
    let mut all: Vec<&str> = match schema.get("type") {
        Some(Value::String(t)) => vec![t],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => {
            let types = |list: &'a Vec<Value>| list.iter().map(|a| only_type(root, a)).collect();
            alternatives(schema).and_then(types).unwrap_or_default()
        }
    };
    let nullable = all.contains(&"null");
    all.retain(|t| *t != "null");
    all.dedup();
    (all, nullable)
}

/// The type of an alternative that says little more than its type.
fn only_type<'a>(root: &'a Value, alternative: &'a Value) -> Option<&'a str> {
    const ASIDE: [&str; 4] = ["type", "title", "description", "format"];
    let all = follow(root, alternative).as_object()?;
    all.keys().all(|k| ASIDE.contains(&k.as_str())).then(|| all.get("type")?.as_str())?
}

/// The JSON a field's text stands for; `None`: left out.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn value(argument: &Argument, text: &str) -> Result<Option<String>, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return match (&argument.kind, argument.is_needed()) {
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
    match &argument.kind {
        Kind::Text => {
            argument.bounds.length(text.chars().count(), "characters")?;
            Ok(Some(Value::from(text).to_string()))
        }
        Kind::Integer => {
            let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
            let whole = !digits.is_empty()
                && digits.bytes().all(|c| c.is_ascii_digit())
                && (digits.len() == 1 || !digits.starts_with('0'));
            if !whole {
                return Err("want a whole number, e.g. 3".to_owned());
            }
            trimmed.parse().map_or(Ok(()), |n| argument.bounds.number(n))?;
            Ok(Some(trimmed.to_owned()))
        }
        Kind::Number => match serde_json::from_str(trimmed) {
            Ok(Value::Number(n)) => {
                n.as_f64().map_or(Ok(()), |n| argument.bounds.number(n))?;
                Ok(Some(trimmed.to_owned()))
            }
            _ => Err("want a number, e.g. 2.5".to_owned()),
        },
        Kind::Boolean => match trimmed {
            "true" | "false" => Ok(Some(trimmed.to_owned())),
            _ => Err("want true or false".to_owned()),
        },
        Kind::Choice(choices) => {
            let found = choices.iter().find(|c| shown(c) == trimmed);
            found.map(|c| Some(c.to_string())).ok_or_else(|| "is none of the choices".to_owned())
        }
        Kind::Rows(_) => match trimmed.parse::<usize>() {
            // What is in them is put there by their fields.
            Ok(n) => {
                argument.bounds.length(n, "items")?;
                Ok((n == 0).then(|| "[]".to_owned()))
            }
            Err(_) => Err("want how many there are".to_owned()),
        },
        Kind::Json(what) => {
            let parsed = parse(text).map_err(|at| not_json(what, at))?;
            match (*what, &parsed) {
                ("list", Value::Array(items)) => {
                    argument.bounds.list(items)?;
                    Ok(Some(trimmed.to_owned()))
                }
                ("object", Value::Object(_)) | ("any", _) => Ok(Some(trimmed.to_owned())),
                ("list", _) => Err("want a JSON list: [1, 2]".to_owned()),
                _ => Err("want a JSON object: {\"key\": 1}".to_owned()),
            }
        }
    }
}

/// The JSON in a text, whatever blanks are around it.
///
/// # Errors
/// The first character of the text that cannot be there, counted from one.
pub(super) fn parse(text: &str) -> Result<Value, usize> {
    let from = text.trim_start();
    serde_json::from_str(from.trim_end()).map_err(|e| {
        let n_blank = text[..text.len() - from.len()].chars().count();
        let mut lines = from.split('\n');
        let before: usize = lines.by_ref().take(e.line().saturating_sub(1)).map(|l| l.chars().count() + 1).sum();
        // The column is in bytes.
        let starts = lines.next().unwrap_or_default().char_indices();
        n_blank + before + starts.take_while(|(start, _)| *start < e.column()).count()
    })
}

/// What is wrong with a text that is no JSON from a character on, and what it might look like.
fn not_json(what: &str, at: usize) -> String {
    let example = match what {
        "list" => "[1, 2]",
        "object" => "{\"key\": 1}",
        _ => "\"text\", 3, [1, 2] or {\"key\": 1}",
    };
    format!("not JSON at character {at}: want {example}")
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
    fn what_is_no_json_is_found_where_it_is_seen() {
        for (text, at) in [
            ("name", 2),
            ("   name", 5),
            ("\u{a0}name", 3),
            ("{\"ü\": x", 7),
            ("{\"日本\": x}", 8),
            ("{\"ü", 3),
            ("{\"ü\":", 5),
            ("{\n \"ü\": x", 9),
            ("[1] 2  ", 5),
        ] {
            assert_eq!(parse(text), Err(at), "{text:?}");
        }
        assert_eq!(parse(" [1]\u{a0}"), Ok(json!([1])));
    }

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
                "drink": {"$ref": "#/$defs/drink", "description": "for you", "default": "tea"},
                "cake": {"anyOf": [{"$ref": "#/$defs/drink"}, {"type": "null"}]},
                "extras": {"type": "array", "items": {"$ref": "#/$defs/drink"}},
                "people": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "says": {"type": "array", "items": {"type": "string"}}}}},
                "place": {"type": "object", "properties": {"room": {"type": "string"}, "odd": true}},
                "nothing": true
            },
            "required": ["yes"],
            "$defs": {
                "map": {"type": "object"},
                "drink": {"description": "one", "oneOf": [{"const": "tea", "description": "hot"}, {"enum": ["milk"]}]}
            }
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
        let drinks = Kind::Choice(vec![json!("tea"), json!("milk")]);
        assert_eq!((&kind("drink").kind, kind("drink").about.as_str()), (&drinks, "for you"));
        assert_eq!(kind("drink").default, Some(json!("tea")));
        assert_eq!((&kind("cake").kind, kind("cake").nullable), (&drinks, true));
        assert_eq!(kind("extras").about, r#"a list of: "tea" or "milk""#);
        assert_eq!(kind("people").about, "a list of objects, each with: name* (string), says (list of string)");
        assert_eq!(kind("place.room").path, [Step::Key("place".to_owned()), Step::Key("room".to_owned())]);
        let Kind::Rows(row) = &kind("people").kind else { panic!("{:?}", kind("people")) };
        let row: Vec<(&str, &Kind)> = row.iter().map(|a| (a.name.as_str(), &a.kind)).collect();
        assert_eq!(row, [("name", &Kind::Text), ("says", &Kind::Json("list"))]);
        assert_eq!((&kind("place.room").kind, &kind("place.odd").kind), (&Kind::Text, &Kind::Json("any")));
        assert_eq!(kind("nothing").kind, Kind::Json("any"));
        assert_eq!(arguments(&json!({"$ref": "#"})), None);
        assert_eq!(arguments(&json!({"type": "object"})), None);
    }

    #[test]
    fn text_becomes_json_or_an_error() {
        let check = |kind: Kind, text: &str, want: Result<Option<&str>, ()>| {
            let a = Argument::plain("a".into(), kind, false, String::new());
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

    #[test]
    fn what_a_schema_bounds_is_checked_before_it_is_sent() {
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 10},
            "x": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
            "name": {"type": "string", "minLength": 2, "maxLength": 3},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        }});
        let all = arguments(&schema).unwrap();
        let check = |name: &str, text: &str, want: Result<(), &str>| {
            let a = all.iter().find(|a| a.name == name).unwrap();
            assert_eq!(value(a, text).map(|_| ()), want.map_err(str::to_owned), "{name}={text}");
        };
        check("n", "1", Ok(()));
        check("n", "0", Err("must be 1 or more"));
        check("n", "11", Err("must be 10 at most"));
        check("x", "0", Err("must be more than 0"));
        check("x", "1.5", Ok(()));
        check("x", "1.3", Err("must be a multiple of 0.5"));
        check("name", "ü", Err("must have 2 characters or more, has 1"));
        check("name", "four", Err("must have 3 characters at most, has 4"));
        check("tags", r#"["a", "b"]"#, Ok(()));
        check("tags", r#"["a", 2]"#, Err("item 2 must be a string"));
        check("tags", r#"["a", "b", "c"]"#, Err("must have 2 items at most, has 3"));
        assert_eq!(all[0].about, "1 or more, 10 at most");
    }

    #[test]
    fn objects_are_taken_apart_but_not_for_ever() {
        let schema = json!({"type": "object", "required": ["who"], "properties": {
            "who": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}}},
            "more": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
            "loop": {"$ref": "#/$defs/loop"}},
            "$defs": {"address": {"type": "object", "properties": {"city": {"type": "string"}}},
                "loop": {"type": "object", "properties": {"loop": {"$ref": "#/$defs/loop"}}}}});
        let all = arguments(&schema).unwrap();
        let names: Vec<(&str, bool)> = all.iter().map(|a| (a.name.as_str(), a.is_needed())).collect();
        let want =
            [("who.name", true), ("who.address.city", false), ("more.size", false), ("loop.loop.loop.loop", false)];
        assert_eq!(names, want);
        assert_eq!(all[3].kind, Kind::Json("object"));
    }
}
