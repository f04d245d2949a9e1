//! Lists of objects in a form: the field of the list says how many there are, and each has fields of its own below it.

use serde_json::Value;

use super::form::Field;
use super::schema::{self, Argument, Kind, Step, way};
use crate::widgets::input::Input;

/// Rows of a list; who wants more of them writes them as JSON.
const MAX_ROWS: usize = 20;

/// The fields of arguments. A list that must be there has a row to begin with, where an untouched row is not sent by mistake:
/// something has to be filled in, or there must be items anyway.
pub(super) fn fields(arguments: Vec<Argument>) -> Vec<Field> {
    let mut fields: Vec<Field> = arguments.into_iter().map(Field::new).collect();
    let mut at = 0;
    while at < fields.len() {
        let list = &fields[at].argument;
        let begins = match &list.kind {
            Kind::Rows(of) => of.iter().any(Argument::is_needed) || list.bounds.length(0, "items").is_err(),
            _ => false,
        };
        if begins && list.is_needed() {
            add(&mut fields, at);
        }
        at += 1;
    }
    fields
}

/// One row more of the list at a place, or the last one away.
pub(super) fn turn(fields: &mut Vec<Field>, at: usize, more: bool) {
    let is_full = more && fields.get(at).is_some_and(|list| n_rows(list) >= MAX_ROWS);
    if more {
        add(fields, at);
    } else {
        take(fields, at);
    }
    if let Some(field) = fields.get_mut(at) {
        field.error = is_full.then(|| format!("{MAX_ROWS} items at most here: more are written as JSON"));
    }
}

/// Whether each value of arguments has a field.
///
/// # Errors
/// What has none, and why: it would be lost in fields.
pub(super) fn fits(fields: &[Field], arguments: &Value) -> Result<(), String> {
    let is_in_row = |a: &&Argument| a.path.iter().any(|step| matches!(step, Step::Item(_)));
    let known: Vec<&Argument> = fields.iter().map(|f| &f.argument).filter(|a| !is_in_row(a)).collect();
    object_fits(&known, &[], &[], arguments)
}

/// Whether an object has fields for all of it. It lies `inside` what the arguments are of, which is at `place`.
fn object_fits(known: &[&Argument], place: &[Step], inside: &[Step], object: &Value) -> Result<(), String> {
    let shown = |inside: &[Step]| way(&[place, inside].concat());
    let Some(members) = object.as_object() else {
        let whole = shown(inside);
        let what = if whole.is_empty() { "this".to_owned() } else { format!("`{whole}`") };
        return Err(format!("{what} is no object: it has no fields"));
    };
    for (name, value) in members {
        let inside = [inside, &[Step::Key(name.clone())]].concat();
        match known.iter().find(|a| a.path.starts_with(&inside)) {
            None => return Err(format!("`{}` has no field: the schema does not name it", shown(&inside))),
            Some(a) if a.path.len() > inside.len() => object_fits(known, place, &inside, value)?,
            Some(a) => {
                if let Kind::Rows(of) = &a.kind {
                    list_fits(of, &[place, &inside].concat(), value)?;
                }
            }
        }
    }
    Ok(())
}

/// Whether a list at a place fits into rows of these members.
fn list_fits(of: &[Argument], place: &[Step], list: &Value) -> Result<(), String> {
    let Some(items) = list.as_array() else { return Err(format!("`{}` is no list: it has no rows", way(place))) };
    if items.len() > MAX_ROWS {
        return Err(format!("`{}` has {} items, fields have room for {MAX_ROWS}", way(place), items.len()));
    }
    let of: Vec<&Argument> = of.iter().collect();
    let mut items = items.iter().enumerate();
    items.try_for_each(|(at, item)| object_fits(&of, &[place, &[Step::Item(at)]].concat(), &[], item))
}

/// Puts the values of arguments that fit into their fields, with as many rows as there are items.
pub(super) fn fill(fields: &mut Vec<Field>, arguments: &Value) {
    let mut at = 0;
    while let Some(field) = fields.get_mut(at) {
        field.error = None;
        let found = field.argument.path.iter().try_fold(arguments, |v, step| match step {
            Step::Key(name) => v.get(name),
            Step::Item(at) => v.get(at),
        });
        let is_list = matches!(field.argument.kind, Kind::Rows(_));
        if found.is_none()
            && !is_list
            && schema::value(&field.argument, field.input.text()).is_err()
            && !field.input.text().is_empty()
        {
            // What was wrong could not be among the arguments: it stays to be mended. Too many rows could.
        } else if !is_list {
            field.input = Input::new(found.map(schema::shown).unwrap_or_default());
        } else {
            let is_there = found.is_some();
            let wanted = found.and_then(Value::as_array).map_or(0, Vec::len);
            while n_rows(&fields[at]) > wanted {
                take(fields, at);
            }
            while n_rows(&fields[at]) < wanted {
                add(fields, at);
            }
            fields[at].taken.clear();
            if wanted == 0 {
                fields[at].input = Input::new(if is_there { "0" } else { "" });
            }
        }
        at += 1;
    }
}

fn n_rows(list: &Field) -> usize {
    list.input.text().parse().unwrap_or(0)
}

fn add(fields: &mut Vec<Field>, at: usize) {
    let Some(list) = fields.get_mut(at) else { return };
    let n = n_rows(list);
    let Kind::Rows(of) = &list.argument.kind else { return };
    if n >= MAX_ROWS {
        return;
    }
    let end = at + 1 + n * of.len();
    let made = || of.iter().map(|member| Field::new(in_row(&list.argument, n, member))).collect();
    let row = list.taken.pop().unwrap_or_else(made);
    list.input = Input::new((n + 1).to_string());
    fields.splice(end..end, row);
}

fn take(fields: &mut Vec<Field>, at: usize) {
    let Some(list) = fields.get(at) else { return };
    let n = n_rows(list);
    let Kind::Rows(of) = &list.argument.kind else { return };
    if n == 0 {
        return;
    }
    // An empty list is none where it may be left out.
    let left = if n == 1 && !list.argument.required { String::new() } else { (n - 1).to_string() };
    let (from, len) = (at + 1 + (n - 1) * of.len(), of.len());
    let row = fields.splice(from..from + len, []).collect();
    fields[at].taken.push(row);
    fields[at].input = Input::new(left);
}

/// A member as an argument of the row `n`.
fn in_row(list: &Argument, n: usize, member: &Argument) -> Argument {
    let path = [list.path.as_slice(), &[Step::Item(n)], &member.path].concat();
    // Who adds a row wants it: it is there, and so is all it lies in.
    let within = [vec![true; list.within.len() + 2], member.within.clone()].concat();
    Argument { name: way(&path), path, within, ..member.clone() }
}

#[cfg(test)]
mod tests {
    use mcp_proxy_core::control::ItemKind;
    use serde_json::json;

    use super::*;
    use crate::sample;
    use crate::screens::catalog::form::Form;

    fn form(required: &[&str]) -> Form {
        let mut item = sample::catalog().items.iter().find(|i| i.kind == ItemKind::Tool).expect("a tool").clone();
        let raw = json!({"name": "t", "inputSchema": {"type": "object", "required": required, "properties": {
            "people": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/person"}},
            "note": {"type": "string"}},
            "$defs": {"person": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "age": {"type": "integer", "default": 3},
                "address": {"type": "object", "properties": {"city": {"type": "string"}}}}}}}});
        item.raw = raw.to_string().into();
        Form::new(&item)
    }

    fn names(form: &Form) -> Vec<&str> {
        form.fields.iter().map(|f| f.argument.name.as_str()).collect()
    }

    fn fill_in(form: &mut Form, name: &str, text: &str) {
        form.fields.iter_mut().find(|f| f.argument.name == name).expect("a field").input = Input::new(text);
    }

    fn arguments(form: &mut Form) -> Result<Value, ()> {
        let (_, params) = form.params()?;
        let params: Value = serde_json::from_str(&params).expect("JSON");
        Ok(params["arguments"].clone())
    }

    #[test]
    fn a_list_that_must_be_there_begins_with_a_row() {
        let mut f = form(&["people"]);
        assert_eq!(names(&f), ["people", "people[0].name", "people[0].age", "people[0].address.city", "note"]);
        assert!(f.params().is_err(), "a row without what it must have");
        assert_eq!(f.fields[f.at].argument.name, "people[0].name");
        fill_in(&mut f, "people[0].name", "Ada");
        assert_eq!(arguments(&mut f), Ok(json!({"people": [{"name": "Ada", "age": 3}]})));
        turn(&mut f.fields, 0, false);
        assert_eq!(arguments(&mut f), Ok(json!({"people": []})));
    }

    #[test]
    fn a_row_that_may_be_empty_is_not_begun_unless_there_must_be_one() {
        let list = |min: u64| {
            let schema = json!({"type": "object", "required": ["people"], "properties": {"people": {"type": "array",
                "minItems": min, "items": {"type": "object", "properties": {"name": {"type": "string"}}}}}});
            fields(schema::arguments(&schema).expect("arguments"))
        };
        let none = list(0);
        assert_eq!((none.len(), none[0].input.text()), (1, ""));
        assert_eq!(schema::value(&none[0].argument, ""), Err("must be filled in".to_owned()));
        assert_eq!(list(1).len(), 2);
    }

    #[test]
    fn json_that_does_not_fit_into_rows_stays_json_and_says_why() {
        let many = json!({"people": vec![json!({"name": "x"}); MAX_ROWS + 1]});
        for (json, why) in [
            (many, "`people` has 21 items, fields have room for 20"),
            (json!({"people": null}), "`people` is no list: it has no rows"),
            (json!({"people": "x"}), "`people` is no list: it has no rows"),
            (json!({"people": [{"name": "x"}, 3]}), "`people[1]` is no object: it has no fields"),
            (json!({"people": [{"nick": "x"}]}), "`people[0].nick` has no field: the schema does not name it"),
            (
                json!({"people": [{"address": {"zip": 1}}]}),
                "`people[0].address.zip` has no field: the schema does not name it",
            ),
            (json!({"people": [{"address": 1}]}), "`people[0].address` is no object: it has no fields"),
            (json!([1]), "this is no object: it has no fields"),
        ] {
            let mut f = form(&[]);
            turn(&mut f.fields, 0, true);
            f.turn_raw();
            f.fields[0].input = Input::new(json.to_string());
            f.turn_raw();
            assert!(f.is_raw(), "{json}");
            assert_eq!((f.fields[0].error.as_deref(), f.fields[0].input.text()), (Some(why), &*json.to_string()));
            f.fields[0].input = Input::new(r#"{"people":[{"name":"Bob"}]}"#);
            f.turn_raw();
            assert!(!f.is_raw());
            assert_eq!(arguments(&mut f), Ok(json!({"people": [{"name": "Bob"}]})));
        }
    }

    #[test]
    fn rows_come_go_and_come_back() {
        let mut f = form(&[]);
        assert_eq!(names(&f), ["people", "note"]);
        assert_eq!(arguments(&mut f), Ok(json!({})));
        for _ in 0..2 {
            turn(&mut f.fields, 0, true);
        }
        fill_in(&mut f, "people[0].name", "Ada");
        fill_in(&mut f, "people[1].name", "Bob");
        fill_in(&mut f, "people[1].address.city", "Bern");
        let both =
            json!({"people": [{"name": "Ada", "age": 3}, {"name": "Bob", "age": 3, "address": {"city": "Bern"}}]});
        assert_eq!(arguments(&mut f), Ok(both.clone()));
        turn(&mut f.fields, 0, false);
        assert_eq!(arguments(&mut f), Ok(json!({"people": [{"name": "Ada", "age": 3}]})));
        turn(&mut f.fields, 0, true);
        assert_eq!(arguments(&mut f), Ok(both), "what was written there is there again");
        for _ in 0..2 {
            turn(&mut f.fields, 0, true);
        }
        for at in 2..4 {
            fill_in(&mut f, &format!("people[{at}].name"), "x");
        }
        assert!(f.params().is_err());
        assert_eq!(f.fields[f.at].error.as_deref(), Some("must have 3 items at most, has 4"));
        for _ in 0..100 {
            turn(&mut f.fields, 0, true);
        }
        assert_eq!(f.fields.len(), 2 + 3 * MAX_ROWS);
        assert_eq!(f.fields[0].error.as_deref(), Some("20 items at most here: more are written as JSON"));
        for _ in 0..100 {
            turn(&mut f.fields, 0, false);
        }
        assert_eq!(names(&f), ["people", "note"]);
        assert_eq!(arguments(&mut f), Ok(json!({})));
    }

    #[test]
    fn rows_become_json_and_json_rows() {
        let mut f = form(&[]);
        turn(&mut f.fields, 0, true);
        fill_in(&mut f, "people[0].name", "Ada");
        f.turn_raw();
        assert_eq!(f.fields[0].input.text(), r#"{"people":[{"name":"Ada","age":3}]}"#);
        f.fields[0].input = Input::new(r#"{"people":[{"name":"Bob"},{"name":"Eve","age":9}],"note":"x"}"#);
        f.turn_raw();
        let want = json!({"people": [{"name": "Bob"}, {"name": "Eve", "age": 9}], "note": "x"});
        assert_eq!(arguments(&mut f), Ok(want));
        f.turn_raw();
        f.fields[0].input = Input::new("{}");
        f.turn_raw();
        assert_eq!(names(&f), ["people", "note"]);
    }

    #[test]
    fn more_rows_than_there_may_be_go_as_json_too() {
        let mut f = form(&[]);
        for _ in 0..4 {
            turn(&mut f.fields, 0, true);
        }
        fill_in(&mut f, "people[3].name", "Ada");
        let four: Vec<String> = names(&f).into_iter().map(str::to_owned).collect();
        f.turn_raw();
        f.turn_raw();
        assert_eq!(names(&f), four, "nothing was changed");
        f.turn_raw();
        f.fields[0].input = Input::new("{}");
        f.turn_raw();
        assert_eq!(names(&f), ["people", "note"]);
        assert_eq!(arguments(&mut f), Ok(json!({})));
    }
}
