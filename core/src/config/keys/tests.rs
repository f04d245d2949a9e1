//! The table against the reader, the schema, the example and the page.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::config::{Config, Environment, Level, Loaded, Server, load_text};

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");

fn load(text: &str) -> Loaded {
    load_text(text, Path::new("/c/config.yaml"), &Environment::empty())
}

/// A text with `value` at `path`, beside a server `a` that is reached by `command` or by `url`.
fn with(path: &[&str], value: &str) -> String {
    let is_remote = matches!(path, ["servers", "a", "headers" | "auth" | "tls" | "connect_timeout", ..]);
    let target = match path {
        ["servers", "a", "command" | "url", ..] => "",
        _ if is_remote => "url: \"https://h/mcp\", ",
        _ => "command: x, ",
    };
    let value = |path: &[&str]| path.iter().rev().fold(value.to_owned(), |inner, key| format!("{{ {key}: {inner} }}"));
    match path {
        ["servers", "a", rest @ ..] => {
            let inner = value(rest);
            format!("servers: {{ a: {{ {target}{} }} }}", inner.trim_start_matches("{ ").strip_suffix(" }").unwrap())
        }
        [first, rest @ ..] => format!("{first}: {}\nservers: {{}}\n", value(rest)),
        [] => unreachable!("a path has a key"),
    }
}

/// Every key that works and has a fixed name, with its path.
fn walk(kind: Kind, path: &[&'static str], visit: &mut impl FnMut(&[&'static str], &'static Key)) {
    for key in kind.keys().into_iter().filter(|k| k.state == State::Works) {
        let path = [path, &[key.name]].concat();
        visit(&path, key);
        match key.kind {
            Kind::Map(Kind::Section(_)) if key.name == "servers" => {
                walk(Kind::Section(SERVER), &["servers", "a"], visit);
            }
            kind => walk(kind, &path, visit),
        }
    }
}

fn every_key(mut visit: impl FnMut(&[&'static str], &'static Key)) {
    walk(Kind::Section(ROOT), &[], &mut visit);
}

fn is_fine(text: &str) -> bool {
    load(text).n_of(Level::Error) == 0
}

#[test]
fn what_the_table_allows_is_read_and_nothing_else() {
    every_key(|path, key| {
        // What goes with its `type` is checked there, under a code of its own.
        if matches!(path, ["servers", "a", "auth", ..]) {
            return;
        }
        let check = |value: &str, expected: bool| {
            let text = with(path, value);
            let loaded = load(&text);
            let is_said = loaded
                .diagnostics
                .iter()
                .any(|d| d.level == Level::Error && ["MP101", "MP102", "MP103", "MP108", "MP112"].contains(&d.code));
            assert_eq!(!is_said, expected, "{text}: {:?}", loaded.diagnostics);
        };
        // A map for a value, a value for a map: wrong everywhere.
        match key.kind {
            // Each form has its own message, and `auth` its own code.
            Kind::Either(_) | Kind::Foreign | Kind::Map(Kind::Foreign) => {}
            Kind::Section(_) | Kind::Defaults | Kind::Map(_) | Kind::List(_) => check("word", false),
            _ => check("{ x: { y: z } }", false),
        }
        match key.kind {
            Kind::Choice(choices) if key.name != "version" && path.get(2) != Some(&"transport") => {
                for (word, _) in choices {
                    check(&format!("\"{word}\""), true);
                }
                check("nonsense", false);
            }
            Kind::Number { least, most } => {
                check(&least.to_string(), true);
                check("many", false);
                if least > 0 {
                    check(&(least - 1).to_string(), false);
                }
                if most < u64::MAX {
                    check(&most.to_string(), true);
                    check(&(most + 1).to_string(), false);
                }
            }
            Kind::Truth => {
                check("true", true);
                check("perhaps", false);
            }
            Kind::Duration => {
                check("7s", true);
                check("7 sec", false);
            }
            Kind::Durations => {
                check("1s..7s", true);
                check("1s", false);
            }
            Kind::Size => {
                check("7MiB", true);
                check("7 apples", false);
            }
            Kind::List(Kind::Text) if !key.name.starts_with("allowed_") => check("[x]", true),
            _ => {}
        }
    });
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_engine() {
    let mut n = 0;
    every_key(|path, key| {
        let Some(default) = key.default else { return };
        let is_feature = path[0] == "features";
        let text = with(path, &serde_json::from_str(default).unwrap_or_else(|_| Value::from(default)).to_string());
        let config = load(&text).config.unwrap_or_else(|| panic!("{text}"));
        if is_feature {
            return;
        }
        n += 1;
        let mut expected = Config { paths: config.paths.clone(), ..Config::default() };
        if path[0] == "servers" && path.len() > 1 {
            let given = config.servers[0].clone();
            let bare = Server { shown: given.shown.clone(), ..Server::new("a", given.target.clone()) };
            assert_eq!(*given, bare, "{text}");
            expected.servers.clone_from(&config.servers);
        }
        assert_eq!(config, expected, "{text}");
    });
    assert!(n > 40, "{n}");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    fn walk(kind: Kind, path: &[&'static str], n: &mut usize) {
        for key in kind.keys() {
            let path = [path, &[key.name]].concat();
            let State::NotYet(idle) = key.state else {
                match key.kind {
                    Kind::Map(Kind::Section(_)) if key.name == "servers" => {
                        walk(Kind::Section(SERVER), &["servers", "a"], n)
                    }
                    Kind::Section(_) => walk(key.kind, &path, n),
                    _ => {}
                }
                continue;
            };
            *n += 1;
            let text = with(&path, "[x]");
            let loaded = load(&text);
            let name = path.join(".");
            let d = loaded.diagnostics.iter().find(|d| d.code == "MP009").unwrap_or_else(|| panic!("{text}"));
            assert_eq!(d.message, format!("`{name}` is not supported yet"));
            for value in ["[]", "{}", "\"\"", "null", "\"${UNSET:-}\""].iter().chain(idle) {
                assert!(is_fine(&with(&path, value)), "{name}: {value}");
            }
        }
    }
    let mut n = 0;
    walk(Kind::Section(ROOT), &[], &mut n);
    assert!(n > 15, "{n}");
}

#[test]
fn what_is_typed_can_be_completed() {
    let names = |path: &[&str]| below(path).iter().map(|k| k.name).collect::<Vec<_>>();
    assert_eq!(names(&[])[..3], ["version", "proxy", "defaults"]);
    assert_eq!(names(&["proxy", "tls"]), ["cert", "key"]);
    assert_eq!(names(&["servers", "any name", "restart"]), ["policy", "max", "backoff"]);
    assert_eq!(names(&["servers", "a", "auth"])[0], "type");
    assert_eq!(names(&["clients", "tokens", "laptop", "tools"]), ["allow", "deny"]);
    assert_eq!(names(&["clients", "rules", "0", "match"]), ["name", "root"]);
    assert!(!names(&["defaults"]).contains(&"command") && names(&["defaults"]).contains(&"timeout"));
    assert_eq!(names(&["servers"]), [""; 0]);
    assert_eq!(names(&["nonsense", "x"]), [""; 0]);
    assert_eq!(find(&["servers", "a", "timeout"]).map(|k| k.default), Some(Some("60s")));
    assert!(find(&["servers", "a"]).is_none() && find(&[]).is_none());
}

#[test]
fn every_key_is_explained() {
    fn walk(keys: &[&'static Key]) {
        for key in keys {
            assert!(
                key.doc.ends_with(['.', '!']) && key.doc.len() > 8 && key.doc.len() < 220,
                "{}: {}",
                key.name,
                key.doc
            );
            let inner = match key.kind {
                Kind::Map(kind) | Kind::List(kind) => kind.keys(),
                kind => kind.keys(),
            };
            walk(&inner);
        }
    }
    walk(&ROOT.iter().collect::<Vec<_>>());
}

#[test]
fn the_example_shows_every_key() {
    let words =
        |name: &str| EXAMPLE.lines().any(|l| l.trim_start_matches(['#', ' ', '{']).contains(&format!("{name}:")));
    let of_others = ["mcpServers", "mcp.servers", "mcp", "context_servers"];
    every_key(|path, key| {
        let below = key.kind.keys();
        let is_later = !below.is_empty() && below.iter().all(|k| k.state != State::Works);
        assert!(is_later || of_others.contains(&key.name) || words(key.name), "{path:?} is not in config.example.yaml");
    });
}

/// The JSON of a YAML text.
fn json_of(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn is_valid(schema: &Value, value: &Value) -> Result<(), String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.set_default_draft(boon::Draft::V2020_12);
    compiler.add_resource("mem:///schema.json", schema.clone()).unwrap();
    let index = compiler.compile("mem:///schema.json", &mut schemas).unwrap();
    schemas.validate(value, index).map_err(|e| format!("{e:#}"))
}

#[test]
fn the_schema_is_a_schema_and_holds_for_the_example() {
    let schema = schema();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    let meta = compiler.compile("https://json-schema.org/draft/2020-12/schema", &mut schemas).unwrap();
    schemas.validate(&schema, meta).map_err(|e| format!("{e:#}")).unwrap();
    is_valid(&schema, &json_of(EXAMPLE)).unwrap();
    is_valid(&schema, &json_of(crate::config::TEMPLATE)).unwrap();
    for text in [
        "proxy: { transport: \"stdio|http\", port: \"${PORT:-8000}\", log_level: debug }\nservers:\n",
        "servers: { a: { url: \"https://h\", auth: { type: bearer, token: \"${T}\" }, timeout: \"${T:-30}\" } }",
        "servers: { a: { serverUrl: \"https://h\", limits: , type: streamableHttp } }",
        "defaults: { timeout: 1h30m, idle_timeout: 0, restart: { backoff: 1s..30s } }\nx-base: { any: thing }\nservers: {}",
        "clients: { tokens: { a: \"${T}\", b: { hash: \"sha256:00\", tools: { deny: [x] } } } }",
        "features: { authentication: true, rate_limiting: { requests_per_minute: 1000 }, monitoring: false }",
        "routing: { discovery: all }\nsecurity: { approve: {}, pin_tools: off }\nprofiles: {}",
        "mcpServers: { a: { command: x, alwaysLoad: true } }",
    ] {
        is_valid(&schema, &json_of(text)).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert!(load(text).n_of(Level::Error) == 0 || text.contains("${") || text.contains("sha256"), "{text}");
    }
}

#[test]
fn the_schema_finds_mistakes() {
    let schema = schema();
    for text in [
        "proxi: {}",
        "proxy: { port: 80000 }",
        "proxy: { log_level: loud }",
        "servers: []",
        "servers: { a: { comand: x } }",
        "servers: { a: { command: x, timeout: 30 sec } }",
        "servers: { a: { command: x, args: run } }",
        "limits: { max_message_bytes: 16 apples }",
        "defaults: { command: x }",
        "routing: { discovery: search }",
        "profiles: { work: { server: [a] } }",
    ] {
        assert!(is_valid(&schema, &json_of(text)).is_err(), "{text}");
        assert!(!is_fine(text), "{text}");
    }
}

#[test]
fn the_page_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md");
    let made = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == made, "docs/config.md is old: UPDATE_DOCS=1 cargo test -p mcp-proxy-core keys");
}

#[test]
fn the_key_that_was_meant() {
    for (typed, expected) in [
        ("comand", Some("command")),
        ("Command", Some("command")),
        ("startupTimeout", Some("startup_timeout")),
        ("idle-timeout", Some("idle_timeout")),
        ("ulr", Some("url")),
        ("argss", Some("args")),
        ("banana", None),
        ("x", None),
    ] {
        assert_eq!(nearest(typed, SERVER.iter().map(|k| k.name)), expected, "{typed}");
    }
}

#[test]
fn what_stands_for_a_key_is_a_key() {
    for (foreign, ours, _) in FOREIGN {
        let first = ours.split('.').next().unwrap();
        let known = SERVER.iter().chain(ROOT).any(|k| k.name == first);
        assert!(known, "{foreign} -> {ours}");
        assert!(!SERVER.iter().any(|k| k.name == *foreign), "{foreign}");
    }
    for name in NOT_IN_DEFAULTS {
        assert!(SERVER.iter().any(|k| k.name == *name), "{name}");
    }
}
