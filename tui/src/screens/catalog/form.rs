//! A form that tries an item: fields made from what the item says, or all arguments as JSON; params made from them, the answer
//! below.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mcp_proxy_core::control::{CatalogItem, ItemKind};
use serde_json::Value;

use super::object;
use super::result::Readable;
use super::rows;
use super::schema::{self, Argument, Kind};
use super::template;
use crate::app::cursor::Cursor;
use crate::json::tree::Tree;
use crate::widgets::input::Input;

/// Which part has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The fields.
    Fields,
    /// The answer.
    Answer,
}

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) argument: Argument,
    pub(crate) input: Input,
    pub(crate) error: Option<String>,
    /// Rows that were taken away, the last one at the end: who adds one again has it back.
    pub(super) taken: Vec<Vec<Self>>,
}

impl Field {
    /// The field of an argument, with what the schema proposes.
    pub(super) fn new(argument: Argument) -> Self {
        let input = argument.default.as_ref().map_or_else(Input::default, |d| Input::proposal(schema::shown(d)));
        Self { input, argument, error: None, taken: Vec::new() }
    }
}

/// How far the call is.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// Not made yet.
    None,
    /// Made.
    Running { seq: u64, since: SystemTime },
    /// Cancelled by hand.
    Cancelled,
    /// Answered: with an error or not.
    Answered { failed: bool, took: Duration },
    /// Not answered.
    Failed(String),
}

/// A form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) kind: ItemKind,
    pub(crate) exposed: Arc<str>,
    pub(crate) backend: Arc<str>,
    /// The item may change something: ask first.
    pub(crate) asks: bool,
    /// It says that the same call twice is harmless.
    is_idempotent: bool,
    /// The params of the last call made.
    sent: Option<String>,
    pub(crate) fields: Vec<Field>,
    /// All arguments are one JSON field.
    whole: bool,
    /// The fields, while all arguments are written as JSON.
    laid_by: Option<Vec<Field>>,
    /// The selected field.
    pub(crate) at: usize,
    pub(crate) focus: Focus,
    pub(crate) call: Call,
    /// The answer's `result` or `error`.
    pub(crate) answer: Tree,
    pub(crate) cursor: Cursor,
    /// The same as people read it, by the kind of its content; `None`: it is only JSON.
    pub(crate) readable: Option<Readable>,
    /// The JSON is shown all the same.
    pub(crate) as_json: bool,
    /// The first line of the readable one on the screen.
    pub(crate) top: usize,
}

/// Whether an item says this of itself in its `annotations`.
#[must_use]
pub(crate) fn hint(raw: &[u8], name: &str) -> bool {
    let raw: Value = serde_json::from_slice(raw).unwrap_or_default();
    raw.pointer(&format!("/annotations/{name}")).and_then(Value::as_bool) == Some(true)
}

impl Form {
    /// The form of an item.
    #[must_use]
    pub(crate) fn new(item: &CatalogItem) -> Self {
        let raw: Value = serde_json::from_slice(&item.raw).unwrap_or_default();
        let mut whole = false;
        let arguments = match item.kind {
            ItemKind::Tool => schema::arguments(raw.get("inputSchema").unwrap_or(&Value::Null)).unwrap_or_else(|| {
                whole = !has_no_arguments(raw.get("inputSchema"));
                if whole { vec![whole_argument()] } else { Vec::new() }
            }),
            ItemKind::Prompt => prompt_arguments(&raw),
            ItemKind::Resource => Vec::new(),
            ItemKind::Template => template::variables(&item.exposed).into_iter().map(variable).collect(),
        };
        Self {
            kind: item.kind,
            exposed: item.exposed.clone(),
            backend: item.backend.clone(),
            asks: item.kind == ItemKind::Tool && !hint(&item.raw, "readOnlyHint"),
            is_idempotent: hint(&item.raw, "idempotentHint"),
            sent: None,
            fields: rows::fields(arguments),
            whole,
            laid_by: None,
            at: 0,
            focus: Focus::Fields,
            call: Call::None,
            answer: Tree::default(),
            cursor: Cursor::default(),
            readable: None,
            as_json: false,
            top: 0,
        }
    }

    /// The same as it was before it was sent.
    #[must_use]
    pub(crate) fn unsent(&self) -> Self {
        let mut form = self.clone();
        (form.call, form.answer, form.readable) = (Call::None, Tree::default(), None);
        (form.focus, form.top) = (Focus::Fields, 0);
        form
    }

    /// What Enter does, and whether it asks.
    pub(crate) const fn on_enter(&self) -> &'static str {
        match (self.asks, self.is_idempotent) {
            (false, _) => "Enter sends at once",
            (true, false) => "Enter asks before it sends",
            (true, true) => "Enter asks before it sends anything new",
        }
    }

    /// Why to ask before these params are sent; `None`: they may be.
    pub(crate) fn doubt(&self, params: &str) -> Option<&'static str> {
        match (self.asks, self.is_idempotent) {
            (false, _) => None,
            (true, true) if self.sent.as_deref() == Some(params) => None,
            (true, true) => {
                Some("It does not say that it only reads. The same again is harmless, it says, and is not asked about.")
            }
            (true, false) => Some("It does not say that it only reads, or that calling it twice is harmless."),
        }
    }

    /// These params are sent.
    pub(crate) fn sends(&mut self, params: &str) {
        self.sent = Some(params.to_owned());
    }

    /// Whether all arguments are written as JSON.
    pub(crate) const fn is_raw(&self) -> bool {
        self.laid_by.is_some()
    }

    /// From fields to all arguments as JSON, or back, unless it is no JSON or something of it has no field: it stays, and says what.
    pub(crate) fn turn_raw(&mut self) {
        if self.whole && self.laid_by.is_none() {
            return;
        }
        match self.laid_by.take() {
            Some(mut fields) => {
                let written = self.fields.first().map(|f| f.input.text()).filter(|text| !text.trim().is_empty());
                let parsed = written.map(|text| {
                    let value = schema::parse(text)
                        .map_err(|at| format!("not JSON at character {at}: mend it, or empty it for fields"))?;
                    rows::fits(&fields, &value).map(|()| value)
                });
                match parsed.transpose() {
                    Ok(value) => {
                        // Where nothing is written, the fields are as they were left.
                        if let Some(value) = value {
                            rows::fill(&mut fields, &value);
                        }
                    }
                    Err(why) => {
                        if let Some(whole) = self.fields.first_mut() {
                            whole.error = Some(why);
                        }
                        self.laid_by = Some(fields);
                        return;
                    }
                }
                (self.fields, self.whole) = (fields, false);
            }
            None => {
                let json = self.written();
                let fields = std::mem::take(&mut self.fields);
                self.fields = vec![Field { input: Input::new(json), ..Field::new(whole_argument()) }];
                (self.laid_by, self.whole) = (Some(fields), true);
            }
        }
        self.at = 0;
    }

    /// What is filled in so far, as JSON; what is wrong is left out.
    fn written(&self) -> String {
        let values = self.fields.iter().map(|f| {
            let value = schema::value(&f.argument, f.input.text()).ok().flatten();
            (&f.argument, value)
        });
        object::of(values).to_string()
    }

    /// The field characters go into.
    pub(crate) fn typing(&mut self) -> Option<&mut Input> {
        let field = self.fields.get_mut(self.at).filter(|_| self.focus == Focus::Fields)?;
        (!matches!(field.argument.kind, Kind::Choice(_) | Kind::Boolean | Kind::Rows(_))).then_some(&mut field.input)
    }

    /// Whether the answer is shown as people read it.
    pub(crate) const fn is_readable(&self) -> bool {
        self.readable.is_some() && !self.as_json
    }

    /// Whether a call is under way.
    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.call, Call::Running { .. })
    }

    /// Moves to another field.
    pub(crate) fn turn(&mut self, forward: bool) {
        let n = self.fields.len().max(1);
        self.at = (self.at + if forward { 1 } else { n - 1 }) % n;
    }

    /// Takes the next choice of the selected field, or moves in its text.
    pub(crate) fn choose(&mut self, forward: bool) {
        let Some(field) = self.fields.get_mut(self.at) else { return };
        let mut choices = match &field.argument.kind {
            Kind::Choice(values) => values.iter().map(schema::shown).collect(),
            Kind::Boolean => vec!["true".to_owned(), "false".to_owned()],
            Kind::Rows(_) => return rows::turn(&mut self.fields, self.at, forward),
            _ => {
                let code = if forward { crate::input::key::Code::Right } else { crate::input::key::Code::Left };
                field.input.key(crate::input::key::Key { code, ctrl: false, shift: false });
                return;
            }
        };
        if !field.argument.required {
            choices.insert(0, String::new());
        }
        let here = choices.iter().position(|c| c == field.input.text());
        let next = match here {
            None => 0,
            Some(at) => (at + if forward { 1 } else { choices.len() - 1 }) % choices.len(),
        };
        field.input = Input::new(choices.swap_remove(next));
        field.error = None;
    }

    /// The method and params to send.
    ///
    /// # Errors
    /// When a field is wrong: it is marked and selected.
    pub(crate) fn params(&mut self) -> Result<(&'static str, String), ()> {
        let mut values = Vec::new();
        let mut wrong = None;
        for (at, field) in self.fields.iter_mut().enumerate() {
            field.error = None;
            match schema::value(&field.argument, field.input.text()) {
                Ok(value) => values.push((field.argument.clone(), value)),
                Err(error) => {
                    field.error = Some(error);
                    wrong = wrong.or(Some(at));
                }
            }
        }
        for (at, error) in object::missing(&values) {
            self.fields[at].error = Some(error);
            wrong = Some(wrong.map_or(at, |w| w.min(at)));
        }
        if let Some(at) = wrong {
            self.at = at;
            self.focus = Focus::Fields;
            return Err(());
        }
        let name = Value::from(&*self.exposed).to_string();
        let arguments = match (self.whole, values.first()) {
            (true, Some((_, Some(json)))) => json.clone(),
            _ => object::of(values.iter().map(|(a, v)| (a, v.clone()))).to_string(),
        };
        Ok(match self.kind {
            ItemKind::Tool => ("tools/call", format!(r#"{{"name":{name},"arguments":{arguments}}}"#)),
            ItemKind::Prompt if arguments == "{}" => ("prompts/get", format!(r#"{{"name":{name}}}"#)),
            ItemKind::Prompt => ("prompts/get", format!(r#"{{"name":{name},"arguments":{arguments}}}"#)),
            ItemKind::Resource => ("resources/read", format!(r#"{{"uri":{name}}}"#)),
            ItemKind::Template => {
                let value = |name: &str| {
                    self.fields.iter().find(|f| f.argument.name == name).map(|f| f.input.text().to_owned())
                };
                let uri = template::expand(&self.exposed, value);
                ("resources/read", format!(r#"{{"uri":{}}}"#, Value::from(uri)))
            }
        })
    }

    /// Takes the answer.
    pub(crate) fn answered(&mut self, result: Result<Bytes, String>, took: Duration) {
        match result {
            Err(why) => self.call = Call::Failed(why),
            Ok(frame) => {
                let (body, failed) = body(&frame);
                self.readable = Readable::of(&body);
                self.answer = Tree::new(body);
                (self.cursor, self.top) = (Cursor::default(), 0);
                self.call = Call::Answered { failed, took };
                self.focus = Focus::Answer;
            }
        }
    }
}

/// The `result` or `error` of an answer, and whether it tells a failure.
fn body(frame: &Bytes) -> (Bytes, bool) {
    use crate::json::scan;
    let Some(root) = scan::value(frame, 0) else { return (frame.clone(), true) };
    for child in scan::children(frame, root) {
        let key = child.key.map(|(s, e)| &frame[s..e]);
        let value = || frame.slice(child.value.start..child.value.end);
        match key {
            Some(b"\"error\"") => return (value(), true),
            Some(b"\"result\"") => {
                let told = scan::children(frame, child.value).any(|c| {
                    c.key.is_some_and(|(s, e)| &frame[s..e] == b"\"isError\"")
                        && &frame[c.value.start..c.value.end] == b"true"
                });
                return (value(), told);
            }
            _ => {}
        }
    }
    (frame.clone(), true)
}

pub(crate) fn has_no_arguments(schema: Option<&Value>) -> bool {
    schema
        .and_then(Value::as_object)
        .is_none_or(|s| s.keys().all(|k| matches!(k.as_str(), "type" | "$schema" | "additionalProperties" | "title")))
}

fn whole_argument() -> Argument {
    let about = "all arguments as one JSON object".to_owned();
    let default = Some(Value::Object(serde_json::Map::new()));
    Argument { default, ..Argument::plain("arguments".to_owned(), Kind::Json("object"), true, about) }
}

pub(crate) fn prompt_arguments(raw: &Value) -> Vec<Argument> {
    let list = raw.get("arguments").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|a| {
            let text = |key: &str| a.get(key).and_then(Value::as_str).map(str::to_owned);
            let required = a.get("required").and_then(Value::as_bool) == Some(true);
            Some(Argument::plain(text("name")?, Kind::Text, required, text("description").unwrap_or_default()))
        })
        .collect()
}

fn variable(name: String) -> Argument {
    Argument::plain(name, Kind::Text, true, "in the URI".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn form(exposed: &str) -> Form {
        Form::new(sample::catalog().items.iter().find(|i| &*i.exposed == exposed).unwrap())
    }

    fn fill(form: &mut Form, name: &str, text: &str) {
        form.fields.iter_mut().find(|f| f.argument.name == name).unwrap().input = Input::new(text);
    }

    #[test]
    fn params_are_made_from_fields() {
        let mut f = form("demo__slow");
        assert!(f.params().is_err());
        assert_eq!(f.fields[f.at].argument.name, "label");
        fill(&mut f, "label", "x \"y\"");
        let (method, params) = f.params().unwrap();
        assert_eq!(method, "tools/call");
        assert_eq!(params, r#"{"name":"demo__slow","arguments":{"label":"x \"y\"","steps":5}}"#);
        fill(&mut f, "steps", "12345678901234567890");
        assert!(f.params().unwrap().1.contains("\"steps\":12345678901234567890"));
        fill(&mut f, "steps", "many");
        assert!(f.params().is_err());
        assert_eq!(f.fields[f.at].argument.name, "steps");
    }

    #[test]
    fn prompts_resources_and_templates_have_their_own_requests() {
        let mut f = form("notes__review");
        fill(&mut f, "topic", "rust");
        assert_eq!(
            f.params().unwrap(),
            ("prompts/get", r#"{"name":"notes__review","arguments":{"topic":"rust"}}"#.into())
        );
        let mut f = form("note://today");
        assert_eq!(f.params().unwrap(), ("resources/read", r#"{"uri":"note://today"}"#.into()));
        let mut f = form("note://{year}/{+path}");
        fill(&mut f, "year", "20 26");
        fill(&mut f, "path", "a/b");
        assert_eq!(f.params().unwrap(), ("resources/read", r#"{"uri":"note://20%2026/a/b"}"#.into()));
    }

    #[test]
    fn objects_are_put_together_from_their_fields() {
        let mut f = form("demo__mixed");
        fill(&mut f, "name", "x");
        fill(&mut f, "n", "1");
        assert_eq!(
            f.params().unwrap().1,
            r#"{"name":"demo__mixed","arguments":{"name":"x","n":1,"loud":false}}"#,
            "an object that may be left out is"
        );
        fill(&mut f, "extra.note", "hi");
        assert!(f.params().is_err());
        assert_eq!(f.fields[f.at].argument.name, "extra.level");
        assert_eq!(f.fields[f.at].error.as_deref(), Some("must be filled in, as others of `extra` are"));
        fill(&mut f, "extra.level", "3.50");
        let (_, params) = f.params().unwrap();
        assert!(params.ends_with(r#""loud":false,"extra":{"level":3.50,"note":"hi"}}}"#), "{params}");
    }

    #[test]
    fn all_arguments_can_be_written_as_json_and_back() {
        let mut f = form("demo__mixed");
        fill(&mut f, "name", "x");
        fill(&mut f, "extra.level", "2");
        f.turn_raw();
        assert_eq!(f.fields[0].input.text(), r#"{"name":"x","loud":false,"extra":{"level":2}}"#);
        f.fields[0].input = Input::new(r#"{"name":"y","n":4,"extra":{"level":7},"unknown":true}"#);
        assert_eq!(
            f.params().unwrap().1,
            r#"{"name":"demo__mixed","arguments":{"name":"y","n":4,"extra":{"level":7},"unknown":true}}"#
        );
        f.turn_raw();
        assert!(f.is_raw(), "nothing is lost");
        assert_eq!(f.fields[0].error.as_deref(), Some("`unknown` has no field: the schema does not name it"));
        for (typed, why) in [
            ("{\"name\": nobody", "not JSON at character 11: mend it, or empty it for fields"),
            ("name = y", "not JSON at character 2: mend it, or empty it for fields"),
            ("{\"name\":", "not JSON at character 8: mend it, or empty it for fields"),
            ("[1]", "this is no object: it has no fields"),
        ] {
            f.fields[0].input = Input::new(typed);
            f.turn_raw();
            assert!(f.is_raw(), "what was typed is not thrown away");
            assert_eq!((f.fields[0].input.text(), f.fields[0].error.as_deref()), (typed, Some(why)));
        }
        f.fields[0].input = Input::new(" ");
        f.turn_raw();
        assert!(!f.is_raw(), "nothing was typed");
        assert_eq!(f.fields[0].input.text(), "x", "the fields are as they were left");
        fill(&mut f, "n", "four");
        f.turn_raw();
        assert!(!f.fields[0].input.text().contains("\"n\""), "what is wrong is no JSON");
        f.turn_raw();
        assert!(f.fields.iter().any(|f| f.input.text() == "four"), "it is not thrown away either");
        f.turn_raw();
        f.fields[0].input = Input::new(r#"{"name":"y","n":4,"extra":{"level":7}}"#);
        f.turn_raw();
        assert!(!f.is_raw());
        assert_eq!(
            f.params().unwrap().1,
            r#"{"name":"demo__mixed","arguments":{"name":"y","n":4,"extra":{"level":7}}}"#
        );
    }

    #[test]
    fn what_may_change_something_asks_first() {
        assert!(!form("demo__echo").asks);
        assert!(form("demo__slow").asks);
        assert!(!form("note://today").asks);
    }

    #[test]
    fn that_twice_is_harmless_says_nothing_of_the_first_time() {
        let mut f = form("asks__book_table");
        let (_, params) = f.params().unwrap();
        assert!(f.doubt(&params).is_some());
        f.sends(&params);
        assert_eq!(f.doubt(&params), None);
        assert!(f.doubt("{\"name\":\"other\"}").is_some());
        let mut f = form("demo__slow");
        fill(&mut f, "label", "x");
        let (_, params) = f.params().unwrap();
        f.sends(&params);
        assert!(f.doubt(&params).is_some(), "it does not say so");
    }

    #[test]
    fn answers_tell_failures() {
        let mut f = form("demo__echo");
        let answer = |f: &mut Form, json: &'static str| {
            f.answered(Ok(Bytes::from_static(json.as_bytes())), Duration::from_millis(1));
            matches!(f.call, Call::Answered { failed: true, .. })
        };
        assert!(!answer(&mut f, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#));
        assert!(answer(&mut f, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#));
        assert!(answer(&mut f, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#));
        assert!(answer(&mut f, "junk"));
    }

    #[test]
    fn choices_turn_in_a_circle() {
        let mut f = form("demo__mixed");
        f.at = f.fields.iter().position(|x| x.argument.name == "color").unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(f.fields[f.at].input.text().to_owned());
            f.choose(true);
        }
        assert_eq!(seen, ["", "red", "green", "blue"]);
        assert!(f.typing().is_none());
    }
}
