//! YAML between brackets: what is put in looks like what is there, and neither a comment nor a byte beside it is lost.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{document, entry, text};
use crate::config::edit::{EditError, Step, Syntax};

#[test]
fn a_yaml_file_of_empty_brackets_is_added_to() {
    let filled = "{ k: { mcp-proxy: { command: /bin/mcp-proxy, args: [serve, --stdio] } } }";
    for before in ["{}", "# c\n{}\n", "---\n{}\n", "{ }", "--- # c\n{}"] {
        let mut document = document(before, Syntax::Yaml);
        let path = [Step::Key("k"), Step::Key("mcp-proxy")];
        document.set(&path, &entry()).unwrap();
        assert_eq!(text(&document), before.replace("{ }", "{}").replace("{}", filled));
        document.remove(&path[..1]).unwrap();
        assert_eq!(text(&document), before.replace("{ }", "{}"));
    }
    let mut commented = document("{ # none yet\n}\n", Syntax::Yaml);
    commented.set(&[Step::Key("k")], &json!(1)).unwrap();
    assert_eq!(text(&commented), "{ k: 1 # none yet\n}\n");
    let mut list = document("- {}\n", Syntax::Yaml);
    list.set(&[Step::Named("a")], &json!({ "x": 1 })).unwrap();
    assert_eq!(text(&list), "- {}\n- name: a\n  x: 1\n");
}

#[test]
fn what_is_put_between_brackets_looks_like_what_is_there() {
    let set = |before: &str, path: &[Step<'_>], value: Value| {
        let mut document = document(before, Syntax::Yaml);
        document.set(path, &value).map(|_| text(&document))
    };
    let key = Step::Key;
    let deny = [key("a"), key("t"), key("deny")];
    for (before, expected) in [
        ("{a: { x: 1 }}", "{a: { x: 1, t: { deny: [b] } }}"),
        ("{ a: {x: 1}}", "{ a: {x: 1, t: {deny: [b]}}}"),
        ("{ 'a{': 1, a: {x: 1} }", "{ 'a{': 1, a: {x: 1, t: {deny: [b]}} }"),
        ("a: {t: { # none yet\n }}", "a: {t: {deny: [b] # none yet\n }}"),
        ("a: {t: {\n }}", "a: {t: {deny: [b]}}"),
        ("a:\n  t: { # none yet\n  }\n", "a:\n  t: { deny: [b] # none yet\n  }\n"),
        ("a: {\n  env: ~\n }", "a: {\n  env: ~,\n  t: {deny: [b]}\n }"),
        ("a: {\n  env: ~,\n }", "a: {\n  env: ~,\n  t: {deny: [b]},\n }"),
        ("a: {\n  env: null # c\n }", "a: {\n  env: null, # c\n  t: {deny: [b]}\n }"),
        ("a: {\n  env:\n }", "a: {\n  env:,\n  t: {deny: [b]}\n }"),
        ("a: {\n  env: # c\n }", "a: {\n  env:, # c\n  t: {deny: [b]}\n }"),
        ("a: {x: 1 # c\n , }", "a: {x: 1, t: {deny: [b]} # c\n , }"),
        ("a: {t: ~, x: 1}", "a: {t: {deny: [b]}, x: 1}"),
    ] {
        assert_eq!(set(before, &deny, json!(["b"])).as_deref(), Ok(expected));
    }
    let named = [key("s"), Step::Named("b")];
    for (before, expected) in [
        ("s: [{name: a}]", "s: [{name: a}, {name: b, x: {z: 1}}]"),
        ("s: [ { name: a } ]", "s: [ { name: a }, { name: b, x: { z: 1 } } ]"),
        ("s: [{\"name\": \"a\"}]", "s: [{\"name\": \"a\"}, {\"name\": \"b\", \"x\": {\"z\": 1}}]"),
    ] {
        assert_eq!(set(before, &named, json!({ "x": { "z": 1 } })).as_deref(), Ok(expected));
    }
    // A comment in what would be written over.
    for before in ["a: {t: {deny: [x, # why\n y]}}", "a:\n  t:\n    deny:\n    - x # why\n"] {
        assert_eq!(set(before, &deny, json!(["b"])), Err(EditError::Entangled { path: "a.t.deny".to_owned() }));
    }
    assert_eq!(set("a:\n  t: # why\n", &[key("a"), key("t")], json!(1)).as_deref(), Ok("a:\n  t: 1 # why\n"));
}

/// A YAML file whose `k` is a map between brackets, written in one of many ways; and how many members that has.
fn flow_file() -> impl Strategy<Value = (String, usize)> {
    const VALUES: [&str; 6] = ["x", "'it''s {'", "rock 'n roll", "~", "{ c: [y, 'z'] }", "\"# }\""];
    let names = prop::collection::btree_set("[a-jp-w]{2,6}", 0..4);
    (names, any::<[bool; 9]>(), 0..VALUES.len()).prop_map(|(names, flags, shift)| {
        let [crlf, lines, trailing, behind, above, padded, quoted, inside, first] = flags;
        let member = |(i, name): (usize, &String)| {
            let key = if quoted { format!("\"{name}\"") } else { name.clone() };
            let comma = if i + 1 < names.len() || trailing { "," } else { "" };
            let member = format!("{key}: {}{comma}", VALUES[(i + shift) % VALUES.len()]);
            let behind = if behind { format!(" # behind {i}, {{") } else { String::new() };
            let above = if above { format!("    # above {i}, }}\n") } else { String::new() };
            if lines { format!("{above}    {member}{behind}\n") } else { member }
        };
        let members: Vec<String> = names.iter().enumerate().map(member).collect();
        let pad = if padded { " " } else { "" };
        let map = match (names.is_empty(), lines) {
            (true, _) if first => "{ # none, }\n  }".to_owned(),
            (true, _) => "{}".to_owned(),
            (false, true) => format!("{{{}\n{}  }}", if first { " # first" } else { "" }, members.concat()),
            (false, false) => format!("{{{pad}{}{pad}}}", members.join(" ")),
        };
        let text = if inside {
            format!("# top\n{{\n  k: {map} # end\n}}\n")
        } else {
            format!("# top\nk: {map} # end\nz: 1\n")
        };
        (if crlf { text.replace('\n', "\r\n") } else { text }, names.len())
    })
}

/// The comments of a text made by [`flow_file`].
fn comments(text: &str) -> Vec<&str> {
    let words = ["# above", "# behind", "# first", "# none", "# end", "# top"];
    text.lines().filter_map(|line| words.iter().find_map(|w| line.find(w).map(|i| &line[i..]))).collect()
}

proptest! {
    #[test]
    fn a_map_between_brackets_keeps_every_byte((before, _) in flow_file()) {
        let path = [Step::Key("k"), Step::Key("mcp-proxy")];
        let mut document = document(&before, Syntax::Yaml);
        document.set(&path, &entry()).unwrap();
        prop_assert_eq!(document.get(&path), Some(&entry()));
        let new = text(&document);
        prop_assert_eq!(comments(&new), comments(&before));
        document.remove(&path).unwrap();
        prop_assert_eq!(text(&document), before);
    }

    #[test]
    fn a_member_taken_out_of_brackets_takes_only_its_own_comment((before, n) in flow_file(), i in 0..6_usize) {
        prop_assume!(n > 0);
        let i = i % n;
        let mut document = document(&before, Syntax::Yaml);
        let key = document.tree()["k"].as_object().unwrap().keys().nth(i).unwrap().clone();
        document.remove(&[Step::Key("k"), Step::Key(&key)]).unwrap();
        let own = format!("# behind {i}, {{");
        let new = text(&document);
        let left: Vec<&str> = comments(&before).into_iter().filter(|c| *c != own).collect();
        prop_assert_eq!(comments(&new).into_iter().filter(|c| *c != own).collect::<Vec<_>>(), left);
    }
}
