//! Tools hidden and shown where a person wrote brackets, comments and quotes of every kind: nothing of them is lost.

use std::path::Path;

use super::{Change, ChangeError, EditError, changed};

fn tool(tool: &str, on: bool) -> Change {
    Change::ShowTool { server: "a".into(), tool: tool.into(), on }
}

fn file(server: &str) -> String {
    format!("# mine\nservers:\n{server}\n  z: {{ command: y }} # too\n")
}

#[track_caller]
fn check(before: &str, change: &Change, expected: &str) {
    let new = changed(&file(before), Path::new("c.yaml"), change).map(|new| new.unwrap_or_else(|| file(before)));
    assert_eq!(new, Ok(file(expected)));
}

#[track_caller]
fn is_refused(before: &str, change: &Change) {
    let new = changed(&file(before), Path::new("c.yaml"), change);
    assert!(matches!(new, Err(ChangeError::Edit(EditError::Entangled { .. }))), "{new:?}");
}

#[test]
fn comments_around_what_is_taken_out_stay() {
    for (hidden, shown) in [
        ("  a: {\n    command: x, # one\n    tools: {deny: [b]} # two\n  }", "  a: {\n    command: x # one\n  }"),
        ("  a: {\n    command: x, # one\n    tools: {deny: [b]}, # two\n  }", "  a: {\n    command: x, # one\n  }"),
        (
            "  a: {\n    command: x, # one\n    # above\n    tools: {deny: [b]},\n    # below\n  }",
            "  a: {\n    command: x, # one\n    # above\n    # below\n  }",
        ),
        ("  a: {\n    command: x, # one, two\n    tools: {deny: [b]}}", "  a: {\n    command: x # one, two\n    }"),
        (
            "  a: {\n    tools: {deny: [b]}, # two\n    # of x\n    command: x # one\n  }",
            "  a: {\n    # of x\n    command: x # one\n  }",
        ),
        ("  a: { tools: {deny: [b]}, # of x\n    command: x }", "  a: { # of x\n    command: x }"),
        ("  a: { command: x # one\n    , tools: {deny: [b]} }", "  a: { command: x # one\n     }"),
        ("  a: { # none\n    tools: {deny: [b]} }", "  a: { # none\n     }"),
    ] {
        check(hidden, &tool("b", true), shown);
    }
}

#[test]
fn quotes_in_the_middle_of_a_text_are_no_quotes() {
    for (before, hidden) in [
        ("  a: {command: x, env: {T: rock 'n roll}}", "  a: {command: x, env: {T: rock 'n roll}, tools: {deny: [b]}}"),
        ("  a: {command: x, env: {T: 'it''s {'}}", "  a: {command: x, env: {T: 'it''s {'}, tools: {deny: [b]}}"),
        ("  a: {command: x, args: [rock 'n roll]}", "  a: {command: x, args: [rock 'n roll], tools: {deny: [b]}}"),
        ("  a: {command: x, cwd: rock 'n roll}", "  a: {command: x, cwd: rock 'n roll, tools: {deny: [b]}}"),
        ("  a: {command: x, cwd:\n    'it''s }'}", "  a: {command: x, cwd:\n    'it''s }', tools: {deny: [b]}}"),
        (
            "  a: {command: x, env: {T: &t '}', U: *t}}",
            "  a: {command: x, env: {T: &t '}', U: *t}, tools: {deny: [b]}}",
        ),
        ("  a: &a {command: x}", "  a: &a {command: x, tools: {deny: [b]}}"),
    ] {
        check(before, &tool("b", false), hidden);
        check(hidden, &tool("b", true), before);
    }
}

#[test]
fn a_list_keeps_its_aliases_and_comments() {
    let list = |items: &str| format!("  a:\n    command: x\n    tools:\n      deny:\n{items}");
    for (before, name, after) in [
        (
            "        # sharp\n        - &m move # why\n        - *m # again",
            "push",
            "        # sharp\n        - &m move # why\n        - *m # again\n        - \"push\"",
        ),
        ("        - one # why", "on", "        - one # why\n        - \"on\""),
        ("        - one # why", "y", "        - one # why\n        - \"y\""),
        ("        - one # why", "null", "        - one # why\n        - \"null\""),
        ("        - one # why", "two", "        - one # why\n        - two"),
        ("        - 'one' # why", "two", "        - 'one' # why\n        - 'two'"),
        ("        - one\n          two", "three", "        - one\n          two\n        - \"three\""),
    ] {
        let new = changed(&file(&list(before)), Path::new("c.yaml"), &tool(name, false));
        assert_eq!(new, Ok(Some(file(&list(after)))));
    }
    let flow = |items: &str| format!("  a: {{command: x, tools: {{deny: [{items}]}}}}");
    for (before, name, after) in [
        ("b, # one\n    c", "b", " # one\n    c"),
        ("b, # one\n    c", "c", "b # one\n    "),
        ("\n    b, # one\n    # of c\n    c, # two\n    d\n  ", "b", "\n    # of c\n    c, # two\n    d\n  "),
        ("\n    b, # one\n    # of c\n    c # two\n  ", "c", "\n    b # one\n    # of c\n  "),
        ("\n    b, # one\n    # of c\n    c, # two\n  ", "c", "\n    b, # one\n    # of c\n  "),
        ("b, c, b", "b", "c"),
    ] {
        let before = flow(before);
        let result = changed(&file(&before), Path::new("c.yaml"), &tool(name, true));
        assert_eq!(result, Ok(Some(file(&flow(after)))), "{before}");
    }
    is_refused(&flow("b # one\n    , c"), &tool("b", true));
    is_refused("  a: {command: x, tools: {deny: one}}", &tool("b", false));
    is_refused("  a: {command: x, tools: {deny: &l [one]}, x: *l}", &tool("b", false));
    is_refused(
        "  a:\n    command: x\n    tools:\n      deny:\n        - >-\n          one\n        # end",
        &tool("b", false),
    );
}
