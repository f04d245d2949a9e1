//! Who may come in: `clients`, the names and pages of the door, and the words of the product paper for the same.
use super::*;

const LONG: &str = "abcdefghijklmnopqrstuvwx";

fn config(text: &str) -> Config {
    good(read(&format!("{text}\nservers: {{ files: {{ command: x }} }}\n")))
}

#[test]
fn tokens_in_every_form() {
    let hash = TokenHash::of(LONG).to_text();
    let config = config(&format!(
        "clients:\n  tokens:\n    plain: {LONG}1\n    written: {{ token: {LONG}2, servers: [files], tools: {{ allow: [\"f*\"], deny: [x] }} }}\n    \
         hashed: {{ hash: \"{hash}\" }}\n    short: \"{}\"\n",
        TokenHash::of("s").to_text(),
    ));
    let names: Vec<&str> = config.clients.tokens.iter().map(|t| &*t.name).collect();
    assert_eq!(names, ["plain", "written", "hashed", "short"]);
    let hashes: Vec<TokenHash> = config.clients.tokens.iter().map(|t| t.hash).collect();
    assert_eq!(hashes, [&*format!("{LONG}1"), &*format!("{LONG}2"), LONG, "s"].map(TokenHash::of));
    let expected =
        Access { servers: vec!["files".into()], allow: vec!["f*".into()], deny: vec!["x".into()], ..Access::default() };
    assert_eq!(*config.clients.tokens[1].access, expected);
    assert!(config.clients.tokens[0].access.is_full() && !config.clients.tokens[0].is_stored);
    assert!(!config.clients.require_auth);
}

#[test]
fn a_token_may_be_a_variable() {
    let text = "clients: { require_auth: true, tokens: { laptop: \"${LAPTOP}\" } }\nservers:\n";
    let environment = environment().with("LAPTOP", LONG);
    let config = good(load_text(text, Path::new(PATH), &environment));
    assert_eq!(config.clients.tokens[0].hash, TokenHash::of(LONG));
    assert!(!config.lacks_token());
    assert_eq!(codes(&load_text(text, Path::new(PATH), &self::environment())), ["MP201"]);
}

#[test]
fn no_text_of_a_token_is_told() {
    for text in [
        "hunter2 and more",
        "\"$HUNTER2\"",
        "[hunter2]",
        "{ hash: hunter2 }",
        "{ toke: hunter2 }",
        "{ token: [hunter2] }",
        "hunter2\n    laptop: hunter2",
        "\"hunter2",
        "hunter2: hunter2",
        "\"sha256:hunter2\"",
    ] {
        for tokens in [
            format!("clients:\n  tokens:\n    laptop: {text}\n"),
            format!("clients: {{ tokens: {{ laptop: {text} }} }}\n"),
        ] {
            let loaded = read(&(tokens + "servers: {}\n"));
            assert!(!loaded.diagnostics.is_empty(), "{text}");
            let told = rendered(&loaded) + &json(&loaded);
            // A name may be told: it is what the user calls it.
            assert!(!told.replace("`hunter2`", "").contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn what_is_said_in_two_words() {
    let rate = |text| config(text).limits.requests_per_minute;
    for (text, expected) in [
        ("", None),
        ("limits: { requests_per_minute: 7 }", Some(7)),
        ("features: { rate_limiting: true }", Some(1000)),
        ("features: { rate_limiting: false }", None),
        ("features: { rate_limiting: {} }", Some(1000)),
        ("features: { rate_limiting: { requests_per_minute: 9 } }", Some(9)),
        ("features: { rate_limiting: { enabled: false, requests_per_minute: 9 } }", None),
        ("features: { rate_limiting: true }\nlimits: { requests_per_minute: 7 }", Some(7)),
    ] {
        assert_eq!(rate(text), expected, "{text}");
    }
    for (text, expected) in [
        ("", false),
        ("features: { authentication: true }", true),
        ("features: { authentication: true }\nclients: { require_auth: false }", true),
        ("clients: { require_auth: true }", true),
    ] {
        assert_eq!(config(text).clients.require_auth, expected, "{text}");
    }
    for (text, enabled, path) in [
        ("", true, "/metrics"),
        ("features: { monitoring: false }", false, "/metrics"),
        ("features: { monitoring: { enable_metrics: false, prometheus_endpoint: /m } }", false, "/m"),
        ("observability: { metrics: { enabled: false } }", false, "/metrics"),
        ("features: { monitoring: { prometheus_endpoint: /m } }\nobservability: { metrics: { path: /n } }", true, "/n"),
    ] {
        assert_eq!(config(text).metrics, Metrics { enabled, path: path.to_owned() }, "{text}");
    }
}

#[test]
fn limits_of_servers() {
    let text = "defaults: { limits: { requests_per_minute: 5 } }\nservers:\n  a: { command: x }\n  \
                b: { command: x, limits: { requests_per_minute: 6 } }\n";
    let config = good(read(text));
    assert_eq!(config.servers.iter().map(|s| s.requests_per_minute).collect::<Vec<_>>(), [Some(5), Some(6)]);
}

#[test]
fn names_and_pages() {
    let config = config(
        "proxy: { allowed_hosts: [MCP.Example.com., \"*.Ts.net\", \"[fd00:0::1]\"], allowed_origins: [\"https://A.example.com/\"] }",
    );
    assert_eq!(config.allowed_hosts, ["mcp.example.com", "*.ts.net", "[fd00::1]"]);
    let page = Origin::parse("https://a.example.com").unwrap();
    assert!(config.allowed_origins[0].matches(&page));
}

#[test]
fn an_open_door_needs_a_lock_or_a_word() {
    let codes_of = |proxy: &str, rest: &str, environment: &Environment| {
        let text = format!("proxy: {{ {proxy} }}\n{rest}\nservers: {{}}\n");
        let loaded = load_text(&text, Path::new(PATH), environment);
        (codes(&loaded).join(" "), loaded.config.is_some())
    };
    let (plain, insecure) = (environment(), environment().with_insecure(true));
    let lock = format!("clients: {{ require_auth: true, tokens: {{ laptop: {LONG} }} }}");
    let unlocked = format!("clients: {{ tokens: {{ laptop: {LONG} }} }}");
    for (proxy, rest, environment, expected, is_usable) in [
        ("transport: http", "", &plain, "", true),
        ("transport: http, host: localhost", "", &plain, "", true),
        ("transport: http, host: \"::1\"", "", &plain, "", true),
        ("transport: http, host: 127.0.0.2", "", &plain, "", true),
        ("transport: http, host: 0.0.0.0", "", &plain, "MP501", false),
        ("transport: http, host: \"::\"", "", &plain, "MP501", false),
        ("transport: http, host: 192.168.1.5", "", &plain, "MP501", false),
        ("transport: http, host: localhost.example.com", "", &plain, "MP501", false),
        ("transport: http, host: 0.0.0.0", unlocked.as_str(), &plain, "MP501", false),
        ("transport: http, host: 0.0.0.0", lock.as_str(), &plain, "MP402", true),
        ("transport: http, host: 0.0.0.0", "", &insecure, "MP501", true),
        ("transport: stdio, host: 0.0.0.0", "", &plain, "MP501", true),
    ] {
        assert_eq!(codes_of(proxy, rest, environment), (expected.to_owned(), is_usable), "{proxy} {rest}");
    }
    // What the command line says goes the same way.
    let over = plain.with("MCP_PROXY__PROXY__HOST", "0.0.0.0").with("MCP_PROXY__PROXY__TRANSPORT", "http");
    assert_eq!(codes_of("port: 9000", "", &over), ("MP501".to_owned(), false));
}

#[test]
fn every_place_has_one_thing_in_it() {
    for (text, expected) in [
        ("proxy: { path: /mcp }", 0),
        ("proxy: { path: /healthy }", 0),
        ("proxy: { path: /x/health }", 0),
        ("proxy: { path: / }", 0),
        ("proxy: { path: /mcp/sse }", 0),
        ("proxy: { path: /health }", 1),
        ("proxy: { path: /ready/ }", 1),
        ("proxy: { path: /status }", 1),
        ("proxy: { path: /messages }", 1),
        ("proxy: { path: /sse }", 1),
        ("proxy: { path: /sse/files }", 1),
        ("proxy: { path: /metrics }", 1),
        ("proxy: { path: /metrics/ }", 1),
        ("proxy: { path: /metrics }\nobservability: { metrics: { enabled: false } }", 0),
        ("observability: { metrics: { path: /mcp } }", 1),
        ("observability: { metrics: { path: /health } }", 1),
        ("observability: { metrics: { path: /sse/x } }", 1),
        ("observability: { metrics: { path: /mcp/files } }", 1),
        ("observability: { metrics: { path: /mcp/metrics } }", 0),
        ("features: { monitoring: { prometheus_endpoint: /mcp } }", 1),
    ] {
        let loaded = read(&format!("{text}\nservers: {{ files: {{ command: x }} }}\n"));
        assert_eq!((codes(&loaded), loaded.config.is_none()), (vec!["MP505"; expected], expected > 0), "{text}");
    }
    for (server, expected) in [("health", 1), ("sse", 1), ("metrics", 1), ("files", 0)] {
        let loaded = read(&format!("proxy: {{ path: / }}\nservers: {{ {server}: {{ command: x }} }}\n"));
        assert_eq!(codes(&loaded), vec!["MP505"; expected], "{server}");
    }
}
