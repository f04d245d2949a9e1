//! What a file looks like after a change; and, for files of every shape, that what is put in and taken out again leaves every
//! byte as it was.

mod flow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Document, EditError, Step, Syntax};

fn entry() -> Value {
    json!({ "command": "/bin/mcp-proxy", "args": ["serve", "--stdio"] })
}

fn document(text: &str, syntax: Syntax) -> Document {
    Document::parse(text.as_bytes(), syntax).unwrap()
}

fn text(document: &Document) -> String {
    String::from_utf8(document.to_bytes()).unwrap()
}

/// Puts our entry under `key`, and takes it out again.
fn check(syntax: Syntax, key: &str, before: &str, expected: &str) {
    let path = [Step::Key(key), Step::Key("mcp-proxy")];
    let mut document = document(before, syntax);
    assert_eq!(document.set(&path, &entry()), Ok(true), "{before}");
    assert_eq!(text(&document), expected);
    assert_eq!(document.set(&path, &entry()), Ok(false), "nothing is new the second time");
    assert_eq!(document.remove(&path), Ok(true));
    assert_eq!(text(&document), before);
    assert_eq!(document.remove(&path), Ok(false));
}

fn problem(syntax: Syntax, key: &str, text: &str) -> String {
    let path = [Step::Key(key), Step::Key("mcp-proxy")];
    let changed = Document::parse(text.as_bytes(), syntax).and_then(|mut d| {
        let before = d.to_bytes();
        let changed = d.set(&path, &entry());
        assert!(changed.is_ok() || d.to_bytes() == before);
        changed
    });
    changed.unwrap_err().to_string()
}

const JSON_ENTRY: &str = "\"mcp-proxy\": {
      \"command\": \"/bin/mcp-proxy\",
      \"args\": [
        \"serve\",
        \"--stdio\"
      ]
    }";

#[test]
fn json_keeps_comments_commas_and_what_is_in_one_line() {
    let key = "mcpServers";
    check(Syntax::Json, key, "{\"mcpServers\":{\"a\":{}}}", {
        "{\"mcpServers\":{\"a\":{}, \"mcp-proxy\": {\"command\":\"/bin/mcp-proxy\",\"args\":[\"serve\",\"--stdio\"]}}}"
    });
    check(Syntax::Json, key, "{\"mcpServers\":{}}", {
        "{\"mcpServers\":{\"mcp-proxy\":{\"command\":\"/bin/mcp-proxy\",\"args\":[\"serve\",\"--stdio\"]}}}"
    });
    check(
        Syntax::Json,
        key,
        "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"x\" }\n  },\n  \"z\": 1.50\n}",
        &format!(
            "{{\n  \"mcpServers\": {{\n    \"a\": {{ \"command\": \"x\" }},\n    {JSON_ENTRY}\n  }},\n  \"z\": 1.50\n}}"
        ),
    );
    check(
        Syntax::Jsonc,
        key,
        "// top\n{\n  \"mcpServers\": {\n    \"a\": {}, // first\n    // nothing else\n  },\n}\n",
        &format!(
            "// top\n{{\n  \"mcpServers\": {{\n    \"a\": {{}}, // first\n    {JSON_ENTRY},\n    // nothing else\n  }},\n}}\n"
        ),
    );
    check(
        Syntax::Jsonc,
        key,
        "{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": 1 /* , */ // one\r\n\t}\r\n}\r\n",
        "{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": 1, /* , */ // one\r\n\t\t\"mcp-proxy\": {\r\n\t\t\t\"command\": \
         \"/bin/mcp-proxy\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"serve\",\r\n\t\t\t\t\"--stdio\"\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}\r\n",
    );
}

#[test]
fn a_byte_order_mark_and_an_empty_file_are_fine() {
    let mut one = document("\u{feff}{\"a\": 1}", Syntax::Json);
    one.set(&[Step::Key("b")], &json!(2)).unwrap();
    assert_eq!(text(&one), "\u{feff}{\"a\": 1, \"b\": 2}");
    for syntax in [Syntax::Json, Syntax::Jsonc, Syntax::Yaml, Syntax::Toml] {
        for before in ["", "\n", " \n\n"] {
            let mut empty = document(before, syntax);
            assert_eq!(*empty.tree(), json!({}));
            empty.set(&[Step::Key("servers"), Step::Key("x")], &entry()).unwrap();
            assert_eq!(*empty.tree(), json!({ "servers": { "x": entry() } }), "{syntax:?}");
        }
    }
}

#[test]
fn yaml_keeps_comments_and_the_way_it_is_indented() {
    check(
        Syntax::Yaml,
        "extensions",
        "# mine\nextensions:\n    a:   # first\n        cmd: x\n        args:\n        - '1'\n    # nothing else\nz: 1.10\n",
        "# mine\nextensions:\n    a:   # first\n        cmd: x\n        args:\n        - '1'\n    mcp-proxy:\n      command: \
         /bin/mcp-proxy\n      args: [serve, --stdio]\n    # nothing else\nz: 1.10\n",
    );
    check(
        Syntax::Yaml,
        "servers",
        "servers: {}  # none\r\nz: 1\r\n",
        "servers:  # none\r\n  mcp-proxy:\r\n    command: /bin/mcp-proxy\r\n    args: [serve, --stdio]\r\nz: 1\r\n",
    );
    check(
        Syntax::Yaml,
        "servers",
        "servers: {a: {b: '}'}}",
        "servers: {a: {b: '}'}, mcp-proxy: {command: /bin/mcp-proxy, args: [serve, --stdio]}}",
    );
    check(
        Syntax::Yaml,
        "servers",
        "z: 1\nservers:\n  a: |\n    # text\n\n    more",
        "z: 1\nservers:\n  a: |\n    # text\n\n    more\n  mcp-proxy:\n    command: /bin/mcp-proxy\n    args: [serve, --stdio]",
    );
}

#[test]
fn yaml_lists_of_maps_are_found_by_name() {
    let path = [Step::Key("mcpServers"), Step::Named("mcp-proxy")];
    for (before, expected) in [
        (
            "name: me\nmcpServers:\n  - name: a\n    command: x\n# end\n",
            "name: me\nmcpServers:\n  - name: a\n    command: x\n  - name: mcp-proxy\n    command: /bin/mcp-proxy\n    args: \
             [serve, --stdio]\n# end\n",
        ),
        (
            "mcpServers:\n- name: a\n  env:\n    X: y\nmodels: []\n",
            "mcpServers:\n- name: a\n  env:\n    X: y\n- name: mcp-proxy\n  command: /bin/mcp-proxy\n  args: [serve, \
             --stdio]\nmodels: []\n",
        ),
        (
            "mcpServers: []\n",
            "mcpServers:\n  - name: mcp-proxy\n    command: /bin/mcp-proxy\n    args: [serve, --stdio]\n",
        ),
    ] {
        let mut document = document(before, Syntax::Yaml);
        document.set(&path, &entry()).unwrap();
        assert_eq!(text(&document), expected);
        assert_eq!(document.get(&path).unwrap()["command"], "/bin/mcp-proxy");
        document.remove(&path).unwrap();
        assert_eq!(text(&document), before);
    }
}

#[test]
fn a_single_value_is_changed_in_its_place() {
    let path = [Step::Key("servers"), Step::Key("a"), Step::Key("enabled")];
    for (syntax, before, expected) in [
        (Syntax::Yaml, "servers:\n  a:\n    enabled: false # off\n    x: 1\n", {
            "servers:\n  a:\n    enabled: true # off\n    x: 1\n"
        }),
        (Syntax::Yaml, "servers:\n  a:\n    x: 1\n", "servers:\n  a:\n    x: 1\n    enabled: true\n"),
        (Syntax::Jsonc, "{\"servers\": {\"a\": {\"enabled\": false /* off */}}}", {
            "{\"servers\": {\"a\": {\"enabled\": true /* off */}}}"
        }),
        (Syntax::Toml, "[servers.a]\nenabled = false # off\n[z]\n", "[servers.a]\nenabled = true # off\n[z]\n"),
        (Syntax::Toml, "[servers.a]\nx = 1 # one\n\n[z]\n", "[servers.a]\nx = 1 # one\nenabled = true\n\n[z]\n"),
        (Syntax::Toml, "[servers.a]\n\n[z]\n", "[servers.a]\nenabled = true\n\n[z]\n"),
    ] {
        let mut document = document(before, syntax);
        document.set(&path, &json!(true)).unwrap();
        assert_eq!(text(&document), expected);
    }
}

#[test]
fn toml_gets_a_table_of_its_own() {
    check(
        Syntax::Toml,
        "mcp_servers",
        "# mine\nmodel = \"x\" # fast\n\n[mcp_servers.a]\ncommand = 'y'\nargs = [\n  \"1\", # one\n]\n",
        "# mine\nmodel = \"x\" # fast\n\n[mcp_servers.a]\ncommand = 'y'\nargs = [\n  \"1\", # one\n]\n\n[mcp_servers.mcp-proxy]\n\
         command = \"/bin/mcp-proxy\"\nargs = [\"serve\", \"--stdio\"]\n",
    );
    check(
        Syntax::Toml,
        "mcp_servers",
        "a = 1\r\n[b]",
        "a = 1\r\n[b]\r\n\r\n[mcp_servers.mcp-proxy]\r\ncommand = \"/bin/mcp-proxy\"\r\nargs = [\"serve\", \"--stdio\"]",
    );
    let mut more = document(
        "[mcp_servers.mcp-proxy]\ncommand = \"old\"\n# kept\nx = 1\n[mcp_servers.mcp-proxy.env]\nA = \"b\"\n\n[z]\n",
        Syntax::Toml,
    );
    let path = [Step::Key("mcp_servers"), Step::Key("mcp-proxy")];
    more.set(&[path[0], path[1], Step::Key("command")], &json!("new \"x\"")).unwrap();
    assert!(text(&more).contains("command = \"new \\\"x\\\"\"\n# kept\nx = 1\n"), "{}", text(&more));
    more.remove(&path).unwrap();
    assert_eq!(text(&more), "\n[z]\n");
}

#[test]
fn what_cannot_be_changed_says_where_and_why() {
    for (syntax, text, expected) in [
        (Syntax::Json, "{\"a\": 1,}", "1:8: trailing commas are not allowed"),
        (Syntax::Json, "{\n  // x\n}", "2:3: comments are not allowed"),
        (Syntax::Jsonc, "{\"a\": 1 \"b\": 2}", "1:8: expected comma"),
        (Syntax::Json, "{\"k\": [1]}", "`k` is a list, and should be a map"),
        (Syntax::Json, "[1]", "`` is a list, and should be a map"),
        (Syntax::Json, "{\"k\": {\"mcp-proxy\": 1, \"mcp-proxy\": 2}}", "1:24: `mcp-proxy` is there twice"),
        (Syntax::Yaml, "k: text\n", "`k` is text, and should be a map"),
        (Syntax::Yaml, "k: &x {a: 1}\nl: *x\n", "ok"),
        (
            Syntax::Toml,
            "k = { a = 1 }\n",
            "`k.mcp-proxy` is written in a way that cannot be changed without touching what is around it",
        ),
        (Syntax::Toml, "a = \n", "1:5"),
    ] {
        let found = if expected == "ok" {
            let mut d = document(text, syntax);
            d.set(&[Step::Key("z"), Step::Key("y")], &json!(1)).map_or_else(|e| e.to_string(), |_| "ok".to_owned())
        } else {
            problem(syntax, "k", text)
        };
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    assert_eq!(Document::parse(b"{\"a\": \"\xff\"}", Syntax::Json).unwrap_err(), EditError::NotText { at: 7 });
}

/// A file: its own entries, written in one of many ways.
fn file() -> impl Strategy<Value = (Syntax, String)> {
    let names = prop::collection::btree_set("[a-z]{1,6}", 1..4);
    (0..3_usize, names, any::<[bool; 6]>(), 1..5_usize).prop_map(|(kind, names, flags, width)| {
        let [crlf, comments, last_newline, trailing, blank, flow] = flags;
        let unit = " ".repeat(width);
        let names: Vec<String> = names.into_iter().collect();
        let note = |at: usize| if comments && at.is_multiple_of(2) { format!(" // {at}, }}") } else { String::new() };
        let text = match kind {
            0 => {
                let lines: Vec<String> = names
                    .iter()
                    .enumerate()
                    .map(|(i, n)| {
                        let comma = if i + 1 < names.len() || trailing { "," } else { "" };
                        let value = if flow { "{ \"command\": \"x\" }" } else { "{}" };
                        format!("{unit}{unit}\"{n}\": {value}{comma}{}", note(i))
                    })
                    .collect();
                format!("{{\n{unit}\"k\": {{\n{}\n{unit}}}\n}}", lines.join("\n"))
            }
            1 => {
                let lines: Vec<String> = names
                    .iter()
                    .map(|n| {
                        let value = if flow {
                            "{ c: [x, 'y'] }".to_owned()
                        } else {
                            format!("\n{unit}{unit}c: x\n{unit}{unit}d:\n{unit}{unit}- 1")
                        };
                        let gap = if blank { "\n" } else { "" };
                        format!("{unit}{n}:{}{value}{gap}", if flow { " " } else { "" })
                    })
                    .collect();
                let note = if comments { "# end\n" } else { "" };
                format!("{}k:\n{}\n{note}z: 1", if comments { "# top\n" } else { "" }, lines.join("\n"))
            }
            _ => {
                let lines: Vec<String> = names
                    .iter()
                    .map(|n| {
                        format!(
                            "[k.{n}]\nc = 'x'{}\n{}",
                            if comments { " # c" } else { "" },
                            if blank { "\n" } else { "" }
                        )
                    })
                    .collect();
                format!("top = 1\n{}[z]\na = [1,\n 2]", lines.concat())
            }
        };
        let text = if last_newline { text + "\n" } else { text };
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        ([Syntax::Jsonc, Syntax::Yaml, Syntax::Toml][kind], text)
    })
}

proptest! {
    #[test]
    fn what_is_put_in_and_taken_out_leaves_every_byte((syntax, before) in file()) {
        let path = [Step::Key("k"), Step::Key("mcp-proxy")];
        let mut document = Document::parse(before.as_bytes(), syntax).unwrap();
        let tree = document.tree().clone();
        document.set(&path, &entry()).unwrap();
        prop_assert_eq!(document.get(&path), Some(&entry()));
        for line in before.lines().filter(|l| !l.trim().is_empty()) {
            // A comma may come behind it.
            prop_assert!(text(&document).contains(line.trim_end().split(" //").next().unwrap()), "{}", line);
        }
        document.remove(&path).unwrap();
        prop_assert_eq!(text(&document), before);
        prop_assert_eq!(document.tree(), &tree);
    }

    #[test]
    fn nothing_that_is_no_file_makes_trouble(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\"'#/ \n-a=.&*|>]{0,60}") {
        for syntax in [Syntax::Json, Syntax::Jsonc, Syntax::Yaml, Syntax::Toml] {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let Ok(mut document) = Document::parse(bytes, syntax) else { continue };
                let path = [Step::Key("a"), Step::Key("b")];
                if document.set(&path, &entry()).is_ok() {
                    prop_assert_eq!(document.get(&path), Some(&entry()));
                } else {
                    prop_assert_eq!(document.to_bytes(), bytes);
                }
                let before = document.to_bytes();
                if document.remove(&path).is_err() {
                    prop_assert_eq!(document.to_bytes(), before);
                }
            }
        }
    }
}
