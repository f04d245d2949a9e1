//! Whole configurations in, what `check` says out.

mod clients;
mod credentials;
mod example;
mod files;
mod paper;
#[cfg(unix)]
mod project;
mod door;

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

const TOKENS: &str = "\
clients:
  tokens:
    \"my laptop\": hunter2hunter2hunter2hunter2
    both: { hash: hunter2, token: hunter2 }
    hash: { hash: hunter2 }
    neither: { servers: [a] }
    nothing:
    list: [hunter2]
    same: abcdefghijklmnopqrstuvwx
    again: { token: abcdefghijklmnopqrstuvwx, profile: work }
    empty: { token: hunter2hunter2hunter2hunter3, servers: [], tools: { alow: [] } }
servers: {}
";

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
            "servers: {}\nsecurity: { pin_tools: warn }\nrouting: { discovery: search }\n".to_owned(),
        ),
        (
            "mp603_profiles",
            "servers:\n  git: { command: x, tags: [work] }\nprofiles:\n  a: { servers: [gti, \"tag:home\"] }\n  b: { servers: [] }\n\
             clients:\n  profile: c\n  rules:\n  - { match: { name: x } }\n  - { profile: a }\n  - text\n"
                .to_owned(),
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
        ("mp202_cmd", s("    command: x\n    env: { A: \"${cmd:op read x}\", B: \"${cmd:}\", C: \"${cmd:a 'b}\" }\n")),
        ("mp206", s("    command: x\n    env: { A: \"${keyring:notion}\" }\n")),
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
        ("mp102_door", "proxy: { allowed_origins: [\"*\", localhost, \"https://a.example.com\"], allowed_hosts: [\"*\", \"http://h\", h.example.com] }\nservers: {}\n".to_owned()),
        ("mp102_tls", "proxy: { tls: { cert: cert.pem } }\nlimits: { requests_per_minute: 0 }\nservers: {}\n".to_owned()),
        ("mp505", "proxy: { path: / }\nobservability:\n  metrics: { path: /status }\nservers: { ready: { command: x }, files: { command: x } }\n".to_owned()),
        ("mp104_features", "features: { authentication: perhaps, rate_limiting: { requests: 1 }, monitoring: { path: /x } }\nservers: {}\n".to_owned()),
        ("mp102_tokens", TOKENS.to_owned()),
        ("mp307_tls", "proxy: { tls: { cert: cert.pem, key: key.pem } }\nservers: {}\n".to_owned()),
        ("mp402_door", "proxy: { transport: http, host: 0.0.0.0 }\nclients: { require_auth: true }\nservers: {}\n".to_owned()),
        ("mp501", "proxy: { transport: http, host: 0.0.0.0 }\nservers: {}\n".to_owned()),
        ("mp501_stdio", "proxy: { host: box.lan }\nservers: {}\n".to_owned()),
        ("mp502", "proxy: { transport: [stdio, http] }\nfeatures: { authentication: true }\nservers: {}\n".to_owned()),
        ("mp503", "proxy: { transport: http, port: 80 }\nservers: {}\n".to_owned()),
        ("mp504", "clients:\n  tokens:\n    laptop: hunter2\n    phone: \"two words of hunter2\"\n    desk: \"\"\nservers: {}\n".to_owned()),
        ("mp603", s("    command: x\n") + "clients: { tokens: { laptop: { token: \"abcdefghijklmnopqrstuvwx\", servers: [dmeo, \"d*\"] } } }\n"),
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

#[test]
fn the_listing_of_the_design() {
    let text = include_str!("listing.yaml");
    let environment = environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "user:pw");
    snapshot!("listing", rendered(&load_text(text, Path::new(PATH), &environment)));
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
        .with("MCP_PROXY__SERVERS__FRESH__ENV__LEVEL", "${PORT:-1}")
        .with("MCP_PROXY__ENV__INHERIT", "[PATH]")
        .with("MCP_PROXY_OTHER", "not ours");
    let text = "proxy: { port: 8000 }\nservers:\n  api-server: { command: x }\n";
    let config = good(load_text(text, Path::new(PATH), &environment));
    assert_eq!((config.port, config.log_level, config.limits.max_concurrent), (9000, LogLevel::Debug, 7));
    assert_eq!(config.transports, Transports { stdio: true, http: true });
    assert_eq!(config.servers.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["api-server", "fresh"]);
    assert_eq!((config.servers[0].timeout, config.servers[0].start), (Duration::from_secs(5), StartPolicy::Lazy));
    assert_eq!(config.env.inherit, ["PATH"]);
    let Target::Stdio { env, .. } = &config.servers[1].target else { panic!() };
    assert_eq!(env["LEVEL"].reveal(), "1");
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
    // Nor can what is left of it be started by hand.
    let nowhere = Server::stdio("", "", &[]).target;
    assert!(config.servers[1].target == nowhere && config.servers[2].target == nowhere);
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let loaded = load_text("servers:\r\n  a:\r\n    comand: x\r\n", Path::new(PATH), &environment());
    let place = loaded.diagnostics[0].place.unwrap();
    assert_eq!((place.line, place.column, place.end_column), (3, 5, 11));
    assert!(!rendered(&loaded).contains('\r'));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        for name in ["/x/c.yaml", "/x/c.json", "/x/c.jsonc", "/x/c"] {
            let loaded = load_text(&text, Path::new(name), &Environment::empty());
            proptest::prop_assert!(loaded.config.is_some() || !loaded.diagnostics.is_empty());
            proptest::prop_assert!(!human(&loaded, Style::default()).is_empty());
            proptest::prop_assert!(!json(&loaded).is_empty());
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
            proptest::prop_assert!(!human(&loaded, Style::default()).is_empty());
        }
    }
}

#[test]
fn who_shares_a_server() {
    let text = "defaults: { lease_max: 2 }\nservers:\n  a: { command: x }\n  b: { command: x, isolation: per-session, \
                client_features: none, lease_max: 1 }\n";
    let config = good(read(text));
    let of = |n: usize| {
        let s = &config.servers[n];
        (s.isolation, s.client_features, s.lease_max)
    };
    assert_eq!(of(0), (Isolation::Auto, ClientFeatures::Lease, 2));
    assert_eq!(of(1), (Isolation::PerSession, ClientFeatures::None, 1));
    let wrong = read("servers:\n  a: { command: x, isolation: persession, lease_max: 0 }\n");
    assert_eq!(codes(&wrong), ["MP102", "MP102"]);
    assert!(rendered(&wrong).contains("did you mean `per-session`?"), "{}", rendered(&wrong));
}
