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

#[test]
fn profiles_belong_to_clients_tokens_and_whoever_starts_us() {
    let text = "
servers:
  git: { command: x, tags: [work] }
  hub: { command: y, tags: [work, web] }
  mail: { command: z }
profiles:
  work: { servers: [\"tag:work\", \"ma*\"], tools: { deny: [\"*__rm\"] } }
  none: { servers: [\"tag:gone\"] }
clients:
  profile: none
  rules:
  - { match: { name: \"Cursor*\" }, profile: work }
  - { match: { root: ~/oss/** }, max_tools: 40 }
  tokens:
    laptop: { token: abcdefghijklmnopqrstuvwxyz, servers: [git], profile: work }
";
    let config = load_text(text, Path::new(PATH), &environment()).config.expect("it loads");
    let work = &config.clients.profiles["work"];
    assert_eq!((work.servers.join(" "), work.deny.join(" ")), ("git hub ma*".to_owned(), "*__rm".to_owned()));
    let [by_name, by_folder] = &*config.clients.rules else { panic!("two rules") };
    assert_eq!((by_name.name.as_deref(), &by_name.access), (Some("cursor*"), work));
    assert_eq!((&by_folder.name, by_folder.folders.join(" ")), (&None, "/home/alex/oss".to_owned()));
    assert_eq!((by_folder.access.most_tools(), &by_folder.access.within), (Some(40), &None));
    assert_eq!(config.clients.tokens[0].access.within.as_ref(), Some(work));
    let own = config.clients.own.within.as_ref().expect("a profile");
    assert_eq!(own.servers, [""], "what is for nobody is not for all");
}
