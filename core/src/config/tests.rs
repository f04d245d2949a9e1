//! Whole configurations in, what `check` says out.

use std::path::Path;
use std::time::Duration;

use super::render::{Style, human, json};
use super::*;

const PATH: &str = "/home/alex/.config/mcp-proxy/config.yaml";

fn environment() -> Environment {
    Environment::empty().with_home(Path::new("/home/alex"))
}

fn read(text: &str) -> Loaded {
    load_text(text, Path::new(PATH), &environment())
}

fn read_json(text: &str, environment: &Environment) -> Loaded {
    load_text(text, Path::new("/home/alex/mcp.json"), environment)
}

fn rendered(loaded: &Loaded) -> String {
    human(loaded, Style { is_coloured: false, home: Some(Path::new("/home/alex")) })
}

/// The configuration of a text without errors.
#[track_caller]
fn good(loaded: Loaded) -> Config {
    match loaded.config {
        Some(config) => config,
        None => panic!("{}", human(&loaded, Style::default())),
    }
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|d| d.code).collect()
}

#[test]
fn what_check_says() {
    let s = |server: &str| format!("servers:\n  demo:\n{server}");
    for (name, text) in [
        ("mp002_colon", s("    command: x: y\n")),
        ("mp002_indent", s("    command: x\n      args: [a]\n")),
        ("mp002_tab", "servers:\n\tdemo:\n\t\tcommand: x\n".to_owned()),
        ("mp002_quote", s("    command: \"x\n    args: [a]\n")),
        ("mp002_two_documents", "servers: {}\n---\nservers: {}\n".to_owned()),
        ("mp003_at", s("    command: npx\n    args: [-y, @scope/pkg]\n")),
        ("mp003_star", s("    command: rm\n    args: [*.txt]\n")),
        ("mp003_percent", s("    command: %APPDATA%\n")),
        ("mp004", s("    url: https://h/mcp\n    auth: { type: bearer, token: ${TOKEN} }\n")),
        ("mp006", "servers:\n  github: { command: a }\n  other: { command: b }\n  github: { command: c }\n".to_owned()),
        ("mp007_cycle", "servers: &all\n  demo: *all\n".to_owned()),
        ("mp007_depth", format!("servers: {}", "[".repeat(5000))),
        ("mp008", "version: 2\nservers: {}\n".to_owned()),
        (
            "mp009",
            "servers: {}\nprofiles: { work: { servers: [a] } }\nclients: { require_auth: true, tokens: {} }\n".to_owned(),
        ),
        ("mp101_empty", "# nothing\n".to_owned()),
        ("mp101_list", "servers:\n  - name: a\n    command: b\n".to_owned()),
        ("mp101_text", "proxy: fast\nservers:\n  demo: npx\n  other:\n".to_owned()),
        ("mp101_truth", s("    command: x\n    enabled: perhaps\n")),
        ("mp102_port", "proxy: { port: 80000, path: mcp, log_level: loud, host: \"a b\" }\nservers: {}\n".to_owned()),
        ("mp102_routing", "routing: { naming: prefixed, separator: \"::\", max_tool_name: 4 }\nservers: {}\n".to_owned()),
        ("mp102_size", "limits: { max_message_bytes: 16 apples, max_concurrent: 0 }\nservers: {}\n".to_owned()),
        ("mp103", s("    command: x\n    timeout: 30 sec\n    restart: { backoff: 30s..1s }\n")),
        ("mp104_nearest", s("    comand: uv\n    args: [run]\n")),
        ("mp104_foreign", s("    cmd: uv\n    autoApprove: [a]\n    token: abc\n")),
        ("mp104_hint", s("    serverUrl: https://example.com/mcp\n")),
        ("mp104_unlike", s("    command: x\n    banana: 1\nbanana: 2\ncommand: y\n")),
        ("mp105", s("    args: [x]\n") + "  other: {}\n"),
        ("mp105_none", "proxy: { name: x }\n".to_owned()),
        ("mp106", s("    command: x\n    url: https://example.com/mcp\n")),
        ("mp107_stdio", s("    transport: stdio\n    command: x\n    url: https://example.com/mcp\n    headers: { A: b }\n")),
        ("mp107_http", s("    transport: http\n    url: https://example.com/mcp\n    args: [a]\n    env: { A: b }\n")),
        ("mp108", s("    transport: websocket\n    url: https://example.com/mcp\n")),
        ("mp109", s("    transport: sse\n    url: https://example.com/sse\n")),
        ("mp110", s("    command: x\n    timeout: 30000\n")),
        (
            "mp111",
            "servers:\n  my server: { command: a }\n  mcp-proxy: { command: a }\n  a_b: { command: a }\n  a__b: { command: a }\n"
                .to_owned(),
        ),
        ("mp111_prefix", s("    command: x\n    prefix: a__b\n")),
        ("mp112_text", s("    command: uv\n    args: run mcp-filesystem\n")),
        ("mp112_item", s("    command: uv\n    args: [run, { a: b }]\n")),
        ("mp112_two_in_one", s("    command: npx\n    args: [\"-y pkg\"]\n") + "  line: { command: npx -y pkg }\n"),
        ("mp113", s("    url: https://h/mcp\n    headers: { X-Team: \"tools\\n\", X-Other: \"a\\nb\" }\n")),
        ("mp114", s("    command: x\n    env: { A: 1.10, B: NO, C: \"no\", D: 8080, E: 1.5, F: 0x10, G: }\n")),
        ("mp201", s("    url: https://h/mcp\n    auth:\n      type: bearer\n      token: \"${WEATHER_API_KEY}\"\n")),
        ("mp201_message", s("    command: ${PROGRAM:?name the program}\n")),
        ("mp201_disabled", s("    url: https://h/mcp\n    enabled: false\n    headers: { A: \"${UNSET}\" }\n")),
        ("mp202", s("    command: ${WEATHER API}\n    args: [\"${A\", \"${{ secrets.X }}\", \"${file:none.txt}\"]\n")),
        ("mp202_later", s("    command: x\n    env: { A: \"${keyring:notion}\", B: \"${cmd:op read x}\" }\n")),
        ("mp203", s("    command: x\n    env: { A: \"${input:token}\" }\n")),
        ("mp208", s("    command: x\n    args: [$HOME/notes]\n")),
        ("mp307", s("    command: x\n    env_file: .env\n")),
        ("mp401", s("    url: example.com/mcp\n") + "  two: { url: \"ftp://h\" }\n  three: { url: \"https://h/sse\" }\n"),
        ("mp402", s("    url: http://api.example.com/mcp\n    auth: { type: bearer, token: x }\n")),
        (
            "mp403",
            "servers:\n  a: { url: \"https://h\", auth: { type: digest } }\n  b: { url: \"https://h\", auth: { type: bearer } }\n  \
             c: { url: \"https://h\", auth: { type: basic, credentials: nobody } }\n  d: { url: \"https://h\", auth: yes }\n  \
             e: { url: \"https://h\", auth: { type: bearer, tokn: x } }\n"
                .to_owned(),
        ),
        (
            "mp404",
            s("    url: https://h/mcp\n    auth: { type: bearer, token: x }\n    headers: { authorization: y }\n"),
        ),
        ("zero_byte", s("    command: \"x\\0y\"\n")),
    ] {
        let loaded = read(&text);
        let code = name.split('_').next().unwrap().to_uppercase();
        if code.starts_with("MP") {
            assert!(codes(&loaded).contains(&code.as_str()), "{name}: {:?}", codes(&loaded));
        }
        snapshot!(name, rendered(&loaded));
    }
}

#[test]
fn what_check_says_of_json() {
    for (name, text) in [
        ("json_comment", "{\n  // mine\n  \"servers\": {}\n}\n"),
        ("json_last_comma", "{\n  \"servers\": {},\n}\n"),
        ("json_no_comma", "{\n  \"servers\": {}\n  \"version\": 1\n}\n"),
        ("json_cut", "{\"servers\": {\"a\": "),
        ("json_single_quotes", "{'servers': {}}"),
    ] {
        snapshot!(name, rendered(&read_json(text, &environment())));
    }
}

#[test]
fn comments_are_fine_in_jsonc() {
    let text =
        "{\n  // é \" here\n  \"servers\": { \"a\": { \"command\": \"x\", \"args\": [\"http://y//z\"] }, /* b */ },\n}";
    let config = good(load_text(text, Path::new("/x/config.jsonc"), &environment()));
    let Target::Stdio { args, .. } = &config.servers[0].target else { panic!() };
    assert_eq!(args[0].reveal(), "http://y//z");
}

#[test]
fn everything_at_once() {
    let text = "\
proxy:
  name: My MCP Proxy
  transport: stdio
servers:
  weather:
    transport: http
    url: https://weather-api.example.com/mcp
    auth: { type: bearer, token: \"${WEATHER_API_KEY}\" }
    timeout: 30000
  filesystem:
    comand: uv
    args: [run, mcp-filesystem]
";
    let loaded = read(text);
    assert_eq!(loaded.exit_code(false), 1);
    snapshot!("everything_at_once", rendered(&loaded));
    snapshot!("everything_at_once_json", json(&loaded));
    let coloured = human(&loaded, Style { is_coloured: true, home: None });
    assert!(coloured.contains("\u{1b}["));
}

#[test]
fn secrets_are_covered() {
    let text = "\
servers:
  demo:
    comand: x
    token: ghp_abcdefghijklmno
    env: { GITHUB_TOKEN: 1.10, PASSWORD: on }
  other:
    url: \"https://me:hunter2@example.com:port/mcp?api_key=hunter2\"
    auth: { type: basic, credentials: \"hunter2\" }
    headers: { Authorization: \"Bearer hunter2\\n\" }
";
    let text = rendered(&read(text));
    assert!(!text.contains("hunter2") && !text.contains("ghp_a"), "{text}");
    snapshot!("secrets_are_covered", text);
}

#[test]
fn values_of_variables_are_never_told() {
    let environment = environment().with("V", "hunter2 $X ${Y}").with("MCP_PROXY__PORT", "hunter2");
    let every = "\
proxy: { log_level: \"${V}\", host: \"${V}\", path: \"${V}\", transport: \"${V}\" }
routing: { separator: \"${V}\", max_tool_name: \"${V}\" }
limits: { max_message_bytes: \"${V}\" }
servers:
  a: { url: \"${V}\", timeout: \"${V}\", enabled: \"${V}\", roots: \"${V}\", prefix: \"${V}\", start: \"${V}\" }
  b: { url: \"https://h\", auth: { type: \"${V}\" }, restart: { backoff: \"${V}\" } }
  c: { url: \"https://h\", auth: { type: basic, credentials: \"${V}\" }, tools: { timeout: { x: \"${V}\" } } }
  d: { transport: \"${V}\", command: \"${V}\" }
  e: { command: x, cwd: \"${V}\", env_file: \"${file:${V}}\" }
";
    let loaded = load_text(every, Path::new(PATH), &environment);
    assert!(loaded.n_of(Level::Error) > 10);
    let text = rendered(&loaded) + &json(&loaded) + &format!("{:?}", loaded.diagnostics);
    assert!(!text.contains("hunter2"), "{text}");
    let fine = good(load_text(
        "servers: { a: { command: \"x\", args: [\"${V}\"] } }",
        Path::new(PATH),
        &self::environment().with("V", "hunter2"),
    ));
    assert!(!format!("{fine:?}").contains("hunter2"));
}

mod paper {
    //! The product paper's own examples, word for word.
    use super::*;

    fn with_keys() -> Environment {
        environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "user:pw")
    }

    #[test]
    fn standard_installation() {
        let text = r#"{
  "proxy": {
    "name": "My MCP Proxy",
    "transport": "stdio",
    "log_level": "INFO"
  },
  "servers": {
    "weather": {
      "transport": "http",
      "url": "https://weather-api.example.com/mcp",
      "auth": {"type": "bearer", "token": "${WEATHER_API_KEY}"}
    },
    "filesystem": {
      "transport": "stdio",
      "command": "uv",
      "args": ["run", "mcp-filesystem"],
      "env": {"HOME_DIR": "/Users/alex"}
    }
  }
}"#;
        let loaded = read_json(text, &with_keys());
        assert_eq!(codes(&loaded), [""; 0]);
        let config = good(loaded);
        assert_eq!(config.name, "My MCP Proxy");
        let Target::Http { url, url_shown, sse: false, headers } = &config.servers[0].target else { panic!() };
        assert_eq!(url.reveal(), "https://weather-api.example.com/mcp");
        assert_eq!(url_shown, url.reveal());
        assert_eq!(headers["Authorization"].reveal(), "Bearer w");
        let Target::Stdio { command, args, env, .. } = &config.servers[1].target else { panic!() };
        assert_eq!(command, "uv");
        assert_eq!(args.iter().map(Secret::reveal).collect::<Vec<_>>(), ["run", "mcp-filesystem"]);
        assert_eq!(env["HOME_DIR"].reveal(), "/Users/alex");
        snapshot!("paper_without_its_key", rendered(&read_json(text, &environment())));
    }

    #[test]
    fn production() {
        let text = r#"{
  "proxy": {
    "name": "Production MCP Proxy",
    "transport": "http",
    "host": "0.0.0.0",
    "port": 8000,
    "log_level": "INFO"
  },
  "servers": {
    "weather": {
      "transport": "http",
      "url": "https://weather-api.example.com/mcp",
      "auth": {"type": "bearer", "token": "${WEATHER_API_KEY}"}
    },
    "database": {
      "transport": "http",
      "url": "http://db-server:8001/mcp",
      "auth": {"type": "basic", "credentials": "${DB_CREDENTIALS}"}
    }
  },
  "features": {
    "authentication": true,
    "rate_limiting": {"requests_per_minute": 1000},
    "monitoring": {"enable_metrics": true, "prometheus_endpoint": "/metrics"}
  }
}"#;
        let loaded = read_json(text, &with_keys());
        snapshot!("paper_production", rendered(&loaded));
        let config = good(loaded);
        assert_eq!((config.transports, config.host.as_str()), (Transports { stdio: false, http: true }, "0.0.0.0"));
        let Target::Http { headers, .. } = &config.servers[1].target else { panic!() };
        assert_eq!(headers["Authorization"].reveal(), "Basic dXNlcjpwdw==");
    }

    #[test]
    fn environment_variables() {
        let text = r#"{
  "servers": {
    "api-server": {
      "transport": "http",
      "url": "${API_BASE_URL}/mcp",
      "auth": {
        "type": "bearer",
        "token": "${API_TOKEN}"
      },
      "timeout": "${REQUEST_TIMEOUT:-30}"
    }
  }
}"#;
        let environment = environment().with("API_BASE_URL", "https://api.example.com").with("API_TOKEN", "t");
        let config = good(read_json(text, &environment));
        assert_eq!(config.servers[0].timeout, Duration::from_secs(30));
        let Target::Http { url, url_shown, .. } = &config.servers[0].target else { panic!() };
        assert_eq!(url.reveal(), "https://api.example.com/mcp");
        assert_eq!(url_shown, "${API_BASE_URL}/mcp");
        let config = good(read_json(text, &environment.with("REQUEST_TIMEOUT", "1m")));
        assert_eq!(config.servers[0].timeout, Duration::from_secs(60));
    }

    #[test]
    fn both_transports() {
        for transport in ["\"stdio|http\"", "[stdio, http]", "\"stdio, http\""] {
            let config = good(read(&format!("proxy: {{ transport: {transport} }}\nservers:\n")));
            assert_eq!(config.transports, Transports { stdio: true, http: true }, "{transport}");
        }
    }

    #[test]
    fn entries_for_clients_are_servers_too() {
        let claude = r#"{"mcpServers": {"proxy": {"command": "mcp-proxy", "args": ["run", "--config", "c.json"]}}}"#;
        let cursor =
            r#"{"mcp": {"servers": {"proxy": {"command": "mcp-proxy", "args": ["run", "--config", "c.json"]}}}}"#;
        for text in [claude, cursor] {
            let loaded = read_json(text, &environment());
            assert_eq!(codes(&loaded), [""; 0]);
            assert_eq!(
                good(loaded).servers[0].target,
                Server::stdio("proxy", "mcp-proxy", &["run", "--config", "c.json"]).target
            );
        }
    }
}

#[test]
fn the_listing_of_the_design() {
    let text = include_str!("testdata/listing.yaml");
    let environment = environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "user:pw");
    snapshot!("listing", rendered(&load_text(text, Path::new(PATH), &environment)));
}

mod clients {
    //! Files of other programs, as they are.
    use super::*;

    /// Every server: name, how it is reached, and whether it is on.
    fn servers(config: &Config) -> Vec<String> {
        let line = |s: &std::sync::Arc<Server>| {
            let target = match &s.target {
                Target::Stdio { command, args, env, .. } => {
                    let args: Vec<&str> = args.iter().map(Secret::reveal).collect();
                    let env: Vec<String> = env.iter().map(|(k, v)| format!("{k}={}", v.reveal())).collect();
                    format!("{command} {args:?} {env:?}")
                }
                Target::Http { url, sse, headers, .. } => {
                    let headers: Vec<String> = headers.iter().map(|(k, v)| format!("{k}: {}", v.reveal())).collect();
                    format!("{} sse={sse} {headers:?}", url.reveal())
                }
            };
            format!("{} on={} {:?} {target}", s.name, s.enabled, s.timeout)
        };
        config.servers.iter().map(line).collect()
    }

    #[test]
    fn as_they_are() {
        for (name, text) in [
            (
                "client_claude",
                r#"{"mcpServers": {
                  "github": {"type": "stdio", "command": "npx", "args": ["-y", "@mcp/github"], "env": {"TOKEN": "${T}"}, "timeout": 30000, "alwaysLoad": true},
                  "api": {"type": "http", "url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${T}"}, "headersHelper": "x"},
                  "old": {"type": "sse", "url": "https://b.example/sse"}
                }}"#,
            ),
            (
                "client_cursor",
                r#"{"mcpServers": {
                  "local": {"command": "${env:T}/bin", "args": ["${userHome}"]},
                  "remote": {"url": "https://c.example/mcp", "auth": {"CLIENT_ID": "i", "CLIENT_SECRET": "s", "scopes": []}}
                }}"#,
            ),
            (
                "client_vscode",
                r#"{"inputs": [{"type": "promptString", "id": "k"}], "servers": {
                  "one": {"type": "stdio", "command": "uvx", "args": ["a"], "dev": {"watch": "x"}, "sandboxEnabled": true},
                  "two": {"type": "http", "url": "https://d.example/mcp"}
                }}"#,
            ),
            (
                "client_vscode_asks",
                r#"{"inputs": [{"id": "k"}], "servers": {"one": {"command": "uvx", "env": {"K": "${input:k}"}}}}"#,
            ),
            (
                "client_windsurf",
                r#"{"mcpServers": {
                  "w": {"serverUrl": "https://e.example/mcp", "disabled": true, "disabledTools": ["x"]}
                }}"#,
            ),
            (
                "client_gemini",
                r#"{"theme": "dark", "mcp": {"allowed": ["g"]}, "mcpServers": {
                  "g": {"httpUrl": "https://f.example/mcp", "url": "https://f.example/sse", "timeout": 600000, "trust": true, "includeTools": ["a"]},
                  "h": {"command": "x", "cwd": "./sub"}
                }}"#,
            ),
            (
                "client_cline",
                r#"{"mcpServers": {
                  "c": {"type": "streamableHttp", "url": "https://g.example/mcp", "timeout": 60, "autoApprove": [], "disabled": false},
                  "d": {"transport": {"type": "streamable_http"}, "url": "https://g.example/mcp"},
                  "@scope/my server": {"transportType": "stdio", "command": "x"}
                }}"#,
            ),
            (
                "client_opencode",
                r#"{"$schema": "https://opencode.ai/config.json", "mcp": {
                  "o": {"type": "local", "command": ["bun", "x", "pkg"], "environment": {"A": "b"}, "enabled": true, "timeout": 5000},
                  "p": {"type": "remote", "url": "https://h.example/mcp", "oauth": false}
                }}"#,
            ),
            (
                "client_zed",
                r#"{"context_servers": {"z": {"source": "custom", "command": "zc", "args": []}}, "ui_font_size": 16}"#,
            ),
            (
                "client_jan",
                r#"{"mcpServers": {"j": {"active": false, "command": "", "type": "http", "url": "https://i.example/mcp", "env": {}}}}"#,
            ),
        ] {
            let loaded = read_json(text, &environment().with("T", "/t"));
            let read = loaded.config.as_ref().map_or_else(Vec::new, servers).join("\n");
            snapshot!(name, format!("{}\n{read}", rendered(&loaded)));
        }
    }
}

#[test]
fn defaults_go_under_every_server() {
    let config = good(read(
        "\
defaults:
  timeout: 90s
  start: lazy
  idle_timeout: 0
  restart: { max: 2, backoff: 1s..30s }
  env: { A: from defaults, B: from defaults }
  headers: { X-All: a }
  tools: { deny: [x] }
  limits: { max_concurrent: 4 }
servers:
  one: { command: x, env: { B: own }, restart: { max: 9 } }
  two: { url: \"https://h/mcp\", timeout: 5m, start: manual, headers: { x-all: b } }
",
    ));
    let (one, two) = (&config.servers[0], &config.servers[1]);
    assert_eq!((one.timeout, two.timeout), (Duration::from_secs(90), Duration::from_secs(300)));
    assert_eq!((one.start, two.start), (StartPolicy::Lazy, StartPolicy::Manual));
    assert_eq!((one.idle_timeout, one.max_concurrent), (None, 4));
    assert_eq!((one.restart.max, two.restart.max), (9, 2));
    assert_eq!(one.restart.backoff_max, Duration::from_secs(30));
    assert_eq!(two.tools.deny, ["x"]);
    let Target::Stdio { env, .. } = &one.target else { panic!() };
    assert_eq!((env["A"].reveal(), env["B"].reveal()), ("from defaults", "own"));
    let Target::Http { headers, .. } = &two.target else { panic!() };
    assert_eq!(headers.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect::<Vec<_>>(), [("x-all", "b")]);
}

#[test]
fn wrong_defaults_are_told_once() {
    let loaded = read("defaults: { timeout: soon, command: x }\nservers:\n  a: { command: x }\n  b: { command: y }\n");
    assert_eq!(codes(&loaded), ["MP103", "MP104"]);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let config = good(read(
        "\
servers:
  a: { command: ./run, cwd: ~/work, roots: [., ~/a b, file:///x] }
  b: { command: ./run, cwd: sub/../other }
  c: { command: ./run }
  d: { command: run }
",
    ));
    let of = |i: usize| match &config.servers[i].target {
        Target::Stdio { command, cwd, .. } => (command.clone(), cwd.as_ref().map(|c| c.display().to_string())),
        Target::Http { .. } => panic!(),
    };
    let dir = "/home/alex/.config/mcp-proxy";
    assert_eq!(of(0), ("/home/alex/work/run".to_owned(), Some("/home/alex/work".to_owned())));
    assert_eq!(of(1), (format!("{dir}/sub/../other/run"), Some(format!("{dir}/sub/../other"))));
    assert_eq!(of(2), (format!("{dir}/run"), None));
    assert_eq!(of(3), ("run".to_owned(), None));
    let roots = &config.servers[0].roots;
    assert_eq!(*roots, [format!("file://{dir}"), "file:///home/alex/a%20b".to_owned(), "file:///x".to_owned()]);
}

#[test]
fn variables_of_the_environment_go_over_the_file() {
    let environment = environment()
        .with("MCP_PROXY__PORT", "9000")
        .with("MCP_PROXY__PROXY__LOG_LEVEL", "debug")
        .with("MCP_PROXY__LIMITS__MAX_CONCURRENT", "7")
        .with("MCP_PROXY__TRANSPORT", "[stdio, http]")
        .with("MCP_PROXY__SERVERS__API_SERVER__TIMEOUT", "5s")
        .with("MCP_PROXY__DEFAULTS__START", "lazy")
        .with("MCP_PROXY__SERVERS__FRESH__COMMAND", "x")
        .with("MCP_PROXY_OTHER", "not ours");
    let text = "proxy: { port: 8000 }\nservers:\n  api-server: { command: x }\n";
    let config = good(load_text(text, Path::new(PATH), &environment));
    assert_eq!((config.port, config.log_level, config.limits.max_concurrent), (9000, LogLevel::Debug, 7));
    assert_eq!(config.transports, Transports { stdio: true, http: true });
    assert_eq!(config.servers.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["api-server", "fresh"]);
    assert_eq!((config.servers[0].timeout, config.servers[0].start), (Duration::from_secs(5), StartPolicy::Lazy));
    let wrong =
        environment.with("MCP_PROXY__PORT", "many").with("MCP_PROXY__NONSENSE", "x").with("MCP_PROXY__HOST", "[a");
    snapshot!("overrides", rendered(&load_text(text, Path::new(PATH), &wrong)));
}

#[test]
fn values_of_env_stay_as_they_are_written() {
    let config = good(read(
        "servers:\n  a:\n    command: x\n    env: { A: 1.10, B: NO, C: on, D: 0x1F, E: 1_000, F: \"q\", G: 2026-11-22, H: ~, I: 007 }\n",
    ));
    let Target::Stdio { env, .. } = &config.servers[0].target else { panic!() };
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
    let expected = [
        ("A", "1.10"),
        ("B", "NO"),
        ("C", "on"),
        ("D", "0x1F"),
        ("E", "1_000"),
        ("F", "q"),
        ("G", "2026-11-22"),
        ("H", ""),
        ("I", "007"),
    ];
    assert_eq!(env, expected);
}

#[test]
fn aliases_and_merges() {
    let text = "x-base: &base { command: x, timeout: 5s }\nservers:\n  a: { <<: *base, timeout: 6s }\n  b: *base\n";
    let config = good(read(text));
    let timeouts: Vec<u64> = config.servers.iter().map(|s| s.timeout.as_secs()).collect();
    assert_eq!(timeouts, [6, 5]);
}

#[test]
fn a_server_that_is_off_stops_nothing() {
    let text = "servers:\n  a: { command: x }\n  b: { url: \"${UNSET}\", disabled: true, timeout: soon }\n  c: { disabled: true }\n";
    let loaded = read(text);
    assert_eq!((loaded.n_of(Level::Error), loaded.exit_code(false), loaded.exit_code(true)), (0, 0, 1));
    let config = good(loaded);
    let on: Vec<bool> = config.servers.iter().map(|s| s.enabled).collect();
    assert_eq!(on, [true, false, false]);
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let loaded = load_text("servers:\r\n  a:\r\n    comand: x\r\n", Path::new(PATH), &environment());
    let place = loaded.diagnostics[0].place.unwrap();
    assert_eq!((place.line, place.column, place.end_column), (3, 5, 11));
    assert!(!rendered(&loaded).contains('\r'));
}

#[test]
fn the_example_and_the_template_load_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let example = include_str!("../../../config.example.yaml");
    for text in [example, TEMPLATE] {
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        let loaded = load(&Located::File { path: path.clone() }, &Environment::empty());
        assert_eq!(rendered(&loaded), "no problems in config.yaml (0 servers)\n");
        let config = good(loaded);
        // What the example shows are the defaults.
        assert_eq!(config, Config { paths: vec![path], ..Config::default() });
    }
}

#[test]
fn the_examples_in_the_comments_load_too() {
    let uncomment = |text: &str| -> String {
        let servers = text.split_once("\nservers:\n").unwrap().1;
        let lines = servers.lines().take_while(|l| l.is_empty() || l.starts_with(' '));
        // Prose begins with a capital letter, an entry does not.
        let entries =
            lines.filter_map(|l| l.strip_prefix("  # ")).filter(|l| !l.starts_with(|c: char| c.is_uppercase()));
        "servers:\n".to_owned() + &entries.map(|l| format!("  {l}\n")).collect::<String>()
    };
    let example = include_str!("../../../config.example.yaml");
    for (text, n) in [(example, 4), (TEMPLATE, 4)] {
        let text = uncomment(text).replace("\"${file:~/.secrets/jira}\"", "x").replace(".env.fs", "/dev/null");
        let environment =
            environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "a:b").with("TRACKER_TOKEN", "t");
        let text = text.lines().filter(|l| !l.contains("env_file")).collect::<Vec<_>>().join("\n");
        let loaded = load_text(&text, Path::new(PATH), &environment);
        assert_eq!(rendered(&loaded), format!("no problems in config.yaml ({n} servers)\n"), "{text}");
    }
}

/// Every key of the table that this version reads is in the example.
#[test]
fn the_example_has_every_key() {
    let example = include_str!("../../../config.example.yaml");
    let words =
        |name: &str| example.lines().any(|l| l.trim_start_matches(['#', ' ', '{']).contains(&format!("{name}:")));
    let aliases = ["mcpServers", "mcp.servers", "mcp", "context_servers", "type"];
    fn read_keys(keys: &[super::keys::Key], out: &mut Vec<&'static str>) {
        for key in keys {
            match key.shape {
                super::keys::Shape::Read => out.push(key.name),
                super::keys::Shape::Section(inner) => read_keys(inner, out),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    read_keys(super::keys::ROOT, &mut all);
    read_keys(super::keys::SERVER, &mut all);
    let missing: Vec<_> = all.into_iter().filter(|k| !aliases.contains(k) && !words(k)).collect();
    assert_eq!(missing, [""; 0]);
}

mod files {
    //! What is no readable text file.
    use super::*;

    fn load_path(path: &Path) -> Loaded {
        load(&Located::File { path: path.to_owned() }, &Environment::empty())
    }

    fn shown(loaded: &Loaded, dir: &Path) -> String {
        assert!(loaded.is_unreadable && loaded.config.is_none());
        assert_eq!(loaded.exit_code(false), 2);
        human(loaded, Style::default()).replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn are_refused_without_reading() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("folder.yaml")).unwrap();
        std::fs::write(at("binary.yaml"), b"servers: \xff\xfe").unwrap();
        // One gigabyte that takes no room.
        std::fs::File::create(at("huge.yaml")).unwrap().set_len(1 << 30).unwrap();
        let mut all = String::new();
        for name in ["missing.yaml", "folder.yaml", "binary.yaml", "huge.yaml"] {
            all += &shown(&load_path(&at(name)), dir.path());
            all.push('\n');
        }
        snapshot!("unreadable", all);
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_does_not_make_us_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe.yaml");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
        snapshot!("pipe", shown(&load_path(&path), dir.path()));
        snapshot!("device", shown(&load_path(Path::new("/dev/zero")), dir.path()));
    }

    #[test]
    fn nothing_was_found() {
        let located = locate(None, &environment());
        let loaded = load(&located, &environment());
        assert_eq!(loaded.exit_code(false), 2);
        snapshot!("nothing_found", rendered(&loaded));
    }

    #[test]
    fn a_byte_order_mark_is_no_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, "\u{feff}servers: { a: { command: x } }").unwrap();
        assert_eq!(good(load_path(&path)).servers.len(), 1);
    }

    #[test]
    fn aliases_that_unfold_without_end() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let items = vec![format!("*a{}", i - 1); 9].join(", ");
            text += &format!("a{i}: &a{i} [{items}]\n");
        }
        snapshot!("mp007_bomb", rendered(&read(&text)));
    }

    #[test]
    fn a_file_of_mistakes_is_told_in_part() {
        let text = "servers: {}\n".to_owned() + &(0..40_000).map(|i| format!("unknown-{i}: 1\n")).collect::<String>();
        let loaded = read(&text);
        assert!((400..=600).contains(&loaded.diagnostics.len()), "{}", loaded.diagnostics.len());
    }
}

mod credentials {
    //! credentials.json and its kin.
    use super::*;

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        dir
    }

    const CONFIG: &str = "servers:\n  a: { url: \"https://h/mcp\", auth: { type: bearer, token: \"${KEY}\" } }\n";

    fn token(config: &Config) -> String {
        let Target::Http { headers, .. } = &config.servers[0].target else { panic!() };
        headers["Authorization"].reveal().to_owned()
    }

    fn load_in(dir: &Path, environment: &Environment) -> Loaded {
        load(&Located::File { path: dir.join("config.yaml") }, environment)
    }

    #[test]
    fn lie_beside_the_file() {
        let dir = place(&[("config.yaml", CONFIG), ("credentials.json", r#"{"KEY": "beside"}"#)]);
        let loaded = load_in(dir.path(), &Environment::empty());
        assert_eq!(codes(&loaded), [""; 0]);
        let config = good(loaded);
        assert_eq!(config.paths, [dir.path().join("config.yaml"), dir.path().join("credentials.json")]);
        assert_eq!(token(&config), "Bearer beside");
        let environment = Environment::empty().with("KEY", "environment");
        assert_eq!(token(&good(load_in(dir.path(), &environment))), "Bearer environment");
    }

    #[test]
    fn lie_where_the_variable_says() {
        let dir = place(&[
            ("config.yaml", CONFIG),
            ("other.json", r#"{"KEY": "named"}"#),
            ("folder/KEY", "one file\n"),
            ("both/credentials.json", r#"{"KEY": "in folder"}"#),
        ]);
        for (path, expected) in [("other.json", "named"), ("folder", "one file"), ("both", "in folder")] {
            let path = dir.path().join(path);
            let environment = Environment::empty().with("MCP_CREDENTIALS_PATH", path.to_str().unwrap());
            assert_eq!(token(&good(load_in(dir.path(), &environment))), format!("Bearer {expected}"));
        }
    }

    #[test]
    fn can_be_the_auth_of_a_server() {
        let config = "servers:\n  a: { url: \"https://h/mcp\" }\n";
        let auth = r#"{"a": {"type": "bearer", "token": "whole"}}"#;
        let dir = place(&[("config.yaml", config), ("credentials.json", auth)]);
        assert_eq!(token(&good(load_in(dir.path(), &Environment::empty()))), "Bearer whole");
    }

    #[test]
    fn that_are_broken_are_told_without_their_text() {
        let mut all = String::new();
        for text in ["{\"KEY\": \"hunter2\" \"B\"", "{\"KEY\": [\"hunter2\"]}", "{\"KEY\": \"hunter2\n\", hunter2: @}"]
        {
            let dir = place(&[("config.yaml", CONFIG), ("credentials.json", text)]);
            let loaded = load_in(dir.path(), &Environment::empty());
            all += &human(&loaded, Style::default()).replace(&dir.path().display().to_string(), "DIR");
            all.push('\n');
        }
        assert!(!all.contains("hunter2"));
        snapshot!("credentials_broken", all);
    }

    #[test]
    #[cfg(unix)]
    fn that_others_can_read_are_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = place(&[("config.yaml", CONFIG), ("credentials.json", r#"{"KEY": "x"}"#)]);
        let path = dir.path().join("credentials.json");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let loaded = load_in(dir.path(), &Environment::empty());
        assert_eq!(codes(&loaded), ["MP205"]);
        snapshot!("mp205", human(&loaded, Style::default()).replace(&dir.path().display().to_string(), "DIR"));
    }

    #[test]
    fn env_files_and_files() {
        let config = "servers:\n  a: { command: x, env_file: .env, env: { B: own, C: \"${file:key.txt}\" } }\n";
        let dir = place(&[("config.yaml", config), (".env", "A=1\nB=2\n"), ("key.txt", "text\r\n")]);
        let loaded = load_in(dir.path(), &Environment::empty());
        let names: Vec<_> =
            loaded.files.iter().map(|f| (f.path.file_name().unwrap().to_str().unwrap(), f.is_read)).collect();
        let expected = [("config.yaml", true), ("credentials.json", false), (".env", true), ("key.txt", true)];
        assert_eq!(names, expected);
        let config = good(loaded);
        let Target::Stdio { env, .. } = &config.servers[0].target else { panic!() };
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
        assert_eq!(env, [("A", "1"), ("B", "own"), ("C", "text")]);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        for name in ["/x/c.yaml", "/x/c.json", "/x/c.jsonc", "/x/c"] {
            let loaded = load_text(&text, Path::new(name), &Environment::empty());
            proptest::prop_assert!(loaded.config.is_some() || !loaded.diagnostics.is_empty());
            human(&loaded, Style::default());
            json(&loaded);
        }
    }

    /// Text made of what configurations are made of comes further than noise.
    #[test]
    fn any_likely_text_is_read_or_refused(
        text in "(servers|mcpServers|defaults|proxy|command|url|args|env|auth|token|timeout|transport|: |:|\n|\n  |\n    |, |\\{|\\}|\\[|\\]|\"|'|- |&a |\\*a|<<: |\\$\\{|\\$|X|é|1\\.10|30s|https://h|\t|#|\r\n|\\||>|!!binary |null){0,60}"
    ) {
        for name in ["/x/c.yaml", "/x/c.jsonc"] {
            let loaded = load_text(&text, Path::new(name), &Environment::empty());
            proptest::prop_assert!(loaded.config.is_some() || !loaded.diagnostics.is_empty());
            human(&loaded, Style::default());
        }
    }
}
