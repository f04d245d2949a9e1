//! What `check` says beyond the file, as pictures.

use std::fs;

use super::*;
use crate::config::fix::{Mended, mend};
use crate::config::render::{Style, github, human, sarif};

/// A folder that is the whole world of one look.
struct World {
    dir: tempfile::TempDir,
    environment: Environment,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("bin")).unwrap();
        let bin = dir.path().join("bin");
        let environment = Environment::empty().with_home(dir.path()).with("PATH", bin.to_str().unwrap());
        let world = Self { dir, environment };
        for program in ["npx", "uvx", "docker", "npm", "x", "mcp-proxy"] {
            world.file(&format!("bin/{program}"), "#!/bin/sh\n", 0o755);
        }
        world
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Nobody's login shell is asked.
    fn text(body: &str) -> String {
        format!("proxy: {{ env: {{ path_from_login_shell: false }} }}\n{body}")
    }

    async fn look(&self, text: &str) -> Loaded {
        self.file("config.yaml", text, 0o600);
        let located = Located::File { path: self.dir.path().join("config.yaml") };
        let memory = Memory::new(Some(self.dir.path().join("cache")));
        check(&located, &self.environment, &memory).await
    }

    async fn seen(&self, body: &str) -> String {
        self.shown(&self.look(&Self::text(body)).await)
    }

    fn shown(&self, loaded: &Loaded) -> String {
        let text = human(loaded, Style { is_coloured: false, home: Some(self.dir.path()) });
        text.replace(&self.dir.path().display().to_string(), "DIR")
    }

    async fn mended(&self, text: &str) -> (Mended, String) {
        let loaded = self.look(text).await;
        let mended = mend(&loaded, &self.environment);
        let new = mended.text.clone().unwrap_or_default();
        (mended, new)
    }
}

#[tokio::test]
async fn what_check_says_of_programs() {
    let world = World::new();
    world.file("text", "no program", 0o644);
    fs::create_dir(world.dir.path().join("folder")).unwrap();
    for (name, body) in [
        ("mp301", "servers:\n  a: { command: nowhere }\n  b: { command: ./no/such/file }\n"),
        ("mp302", "servers:\n  a: { command: ~/text }\n  b: { command: ~/folder }\n"),
        ("mp303", "servers:\n  a: { command: npx, args: [\"@scope/pkg@1.0.0\"] }\n"),
        (
            "mp304",
            "servers:\n  a: { command: npx, args: [-y, pkg] }\n  b: { command: uvx, args: [tool@latest] }\n  c: { command: docker, args: [run, -i, --rm, img] }\n",
        ),
        ("mp305", "servers:\n  a: { command: npm, args: [run, mcp] }\n"),
        ("mp306", "servers:\n  a: { command: docker, args: [run, -t, img:1] }\n"),
        (
            "mp307_folder",
            "servers:\n  a: { command: x, cwd: ~/none }\n  b: { url: \"https://h/mcp\", tls: { ca_file: ~/none.pem } }\n",
        ),
        ("mp308", "servers:\n  a: { command: mcp-proxy, args: [serve, --stdio] }\n"),
        (
            "mp405",
            "servers:\n  a: { command: x, args: [y] }\n  b: { command: x, args: [y] }\n  c: { url: \"https://h/mcp\" }\n  d: { url: \"https://h/mcp/\" }\n  e: { command: x, args: [y], env: { ACCOUNT: other } }\n",
        ),
    ] {
        let text = world.seen(body).await;
        let code = name.split('_').next().unwrap().to_uppercase();
        assert!(text.contains(&code), "{name}: {text}");
        snapshot!(name, text);
    }
}

#[tokio::test]
async fn what_check_says_of_secrets() {
    let world = World::new();
    let text = world
        .seen("servers:\n  a:\n    command: x\n    env: { GITHUB_TOKEN: ghp_hunter2hunter2 }\n    args: [--api-key, hunter2hunter2]\n  b: { url: \"https://h/mcp\", auth: { type: bearer, token: hunter2hunter2 } }\n")
        .await;
    assert!(!text.contains("hunter2"), "{text}");
    snapshot!("mp204", text);
    world.file("credentials.json", "{\"USED\": \"1\", \"LEFT\": \"hunter2\", \"a\": {\"type\": \"bearer\", \"token\": \"t\"}, \"gone\": {\"type\": \"bearer\"}}", 0o600);
    let text = world.seen("servers:\n  a: { url: \"https://h/mcp?x=${USED}\" }\n").await;
    assert!(!text.contains("hunter2"), "{text}");
    snapshot!("mp207", text);
}

/// Puts the lists of a server where they are kept.
fn remember(world: &World, command: &str, tools: &[String]) {
    let memory = Memory::new(Some(world.dir.path().join("cache")));
    let items = tools.iter().map(|t| t.clone().into()).collect();
    memory.keep_for_test(
        &config::Server::stdio(command, &world.dir.path().join("bin").join(command).display().to_string(), &[]),
        items,
    );
}

fn tool(name: &str) -> String {
    format!(r#"{{"name":"{name}","description":"Does {name}.","inputSchema":{{"type":"object"}}}}"#)
}

#[tokio::test]
async fn what_check_says_of_what_was_offered() {
    let world = World::new();
    let long = "spreadsheets_values_batch_clear_by_filter";
    remember(
        &world,
        "x",
        &[tool(long), tool("read"), tool("list_all"), r#"{"name":"odd","inputSchema":null}"#.to_owned()],
    );
    remember(&world, "npx", &[tool("read")]);
    let many: Vec<String> = (0..140).map(|i| tool(&format!("t{i}"))).collect();
    remember(&world, "npm", &many);
    let x = "command: ~/bin/x";
    for (name, body) in [
        ("mp601", format!("servers:\n  x: {{ {x} }}\n").replace("  x:", "  google-workspace-prod:")),
        ("mp602", format!("routing: {{ naming: flat }}\nservers:\n  x: {{ {x} }}\n  npx: {{ command: ~/bin/npx }}\n")),
        (
            "mp603_tools",
            format!("servers:\n  x: {{ {x}, tools: {{ deny: [raed, \"list_*\"], rename: {{ none: other }} }} }}\n"),
        ),
        ("mp604", "servers:\n  npm: { command: ~/bin/npm }\n".to_owned()),
        (
            "mp605",
            format!("routing: {{ schema_fixes: false }}\nservers:\n  x: {{ {x}, tools: {{ deny: [{long}] }} }}\n"),
        ),
    ] {
        // The file of a server is found by its name too.
        let text = if name == "mp601" {
            let renamed = world.dir.path().join("cache");
            for file in fs::read_dir(&renamed).unwrap().flatten() {
                let old = file.file_name().to_string_lossy().into_owned();
                if let Some(rest) = old.strip_prefix("x-") {
                    fs::copy(file.path(), renamed.join(format!("google-workspace-prod-{rest}"))).unwrap();
                }
            }
            world.seen(&body).await
        } else {
            world.seen(&body).await
        };
        let code = name.split('_').next().unwrap().to_uppercase();
        assert!(text.contains(&code), "{name}: {text}");
        snapshot!(name, text);
    }
}

#[tokio::test]
async fn what_can_be_mended_is_and_nothing_else_changes() {
    let world = World::new();
    for (old, new) in [
        ("servers:\n  a:\n    comand: x   # mine\n", "servers:\n  a:\n    command: x   # mine\n"),
        (
            "servers:\r\n  a: { \"serverUrl\": 'https://h/mcp' }\r\n",
            "servers:\r\n  a: { \"url\": 'https://h/mcp' }\r\n",
        ),
        (
            "servers: { a: { command: x, env: { A: 1.10, B: yes } } }\n",
            "servers: { a: { command: x, env: { A: \"1.10\", B: \"yes\" } } }\n",
        ),
        (
            "servers: { a: { url: \" https://h/mcp \", headers: { X: 'a ' } } }",
            "servers: { a: { url: \"https://h/mcp\", headers: { X: 'a' } } }",
        ),
        (
            "servers:\n  a:\n    command: npx\n    args:\n      # the package\n      - \"@scope/pkg@1.0.0\"\n",
            "servers:\n  a:\n    command: npx\n    args:\n      # the package\n      - -y\n      - \"@scope/pkg@1.0.0\"\n",
        ),
        (
            "servers: { a: { command: npx, args: [pkg@1.0.0] } }",
            "servers: { a: { command: npx, args: [\"-y\", pkg@1.0.0] } }",
        ),
        (
            "servers: { a: { command: docker, args: [run, --rm, img:1] } }",
            "servers: { a: { command: docker, args: [run, \"-i\", --rm, img:1] } }",
        ),
        (
            "servers: { a: { command: npm, args: [start] } }",
            "servers: { a: { command: npm, args: [\"--silent\", start] } }",
        ),
        ("servers: { a: { command: x, args: run mcp } }", "servers: { a: { command: x, args: [\"run\", \"mcp\"] } }"),
        (
            "servers:\n  a:\n    command: x\n    args: [-y, @scope/pkg]\n",
            "servers:\n  a:\n    command: x\n    args: [-y, \"@scope/pkg\"]\n",
        ),
        (
            "servers: { a: { url: \"https://h\", auth: { type: bearer, token: ${T} } } }",
            "servers: { a: { url: \"https://h\", auth: { type: bearer, token: \"${T}\" } } }",
        ),
        ("proxi: { name: x }\nservers: {}\n", "proxy: { name: x }\nservers: {}\n"),
    ] {
        let (mended, text) = world.mended(old).await;
        assert_eq!(text, new, "{mended:?}");
        assert_eq!(mended.left, [], "{old}");
        // Once is enough.
        let (again, _) = world.mended(new).await;
        assert_eq!((again.text, again.done), (None, vec![]), "{new}");
    }
}

#[tokio::test]
async fn what_is_in_doubt_is_left() {
    let world = World::new();
    for text in [
        "servers:\n  a: { command: x, banana: 1 }\n",
        "servers:\n  a: { comand: y, command: x }\n",
        "servers:\n  a: { command: x, timeout: 30000 }\n",
        "servers:\n  a: { url: \"https://h\", headers: { X: \"${T:- }\" } }\n",
        "servers:\n  a: { url: \"https://h\", headers: { X: |\n  two\n } }\n",
        "nothing here",
        "",
    ] {
        let (mended, _) = world.mended(text).await;
        assert_eq!(mended.text, None, "{text}");
    }
}

#[tokio::test]
async fn strict_json_is_mended_too() {
    let world = World::new();
    world.file(
        "mcp.json",
        "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"npx\", \"args\": [\"pkg@1.0.0\"] },\n  }\n}\n",
        0o600,
    );
    let located = Located::File { path: world.dir.path().join("mcp.json") };
    let loaded = check(&located, &world.environment, &Memory::new(None)).await;
    let text = mend(&loaded, &world.environment).text.expect("a comma too many");
    assert!(text.contains("}\n  }\n}\n"), "{text}");
    world.file("mcp.json", &text, 0o600);
    let loaded = check(&located, &world.environment, &Memory::new(None)).await;
    let text = mend(&loaded, &world.environment).text.expect("no -y");
    assert!(text.contains("\"args\": [\"-y\", \"pkg@1.0.0\"]"), "{text}");
}

#[tokio::test]
async fn other_programs_can_read_it() {
    let world = World::new();
    let loaded =
        world.look(&World::text("servers:\n  a: { comand: x, timeout: 30 sec }\n  b: { command: y%z }\n")).await;
    let root = world.dir.path();
    let style = Style { is_coloured: false, home: Some(root) };
    snapshot!("github", github(&loaded, style, root).replace(&root.display().to_string(), "DIR"));
    let text = sarif(&loaded, root).replace(&root.display().to_string(), "DIR");
    snapshot!("sarif", text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_as_such() {
    let world = World::new();
    let located = Located::File { path: world.dir.path().join("none.yaml") };
    let loaded = check(&located, &world.environment, &Memory::new(None)).await;
    assert!(loaded.is_unreadable);
    let loaded = world.look("servers: [").await;
    assert_eq!(loaded.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["MP002"]);
}

#[tokio::test]
async fn errors_hide_no_findings() {
    let world = World::new();
    let text = world.seen("servers:\n  a: { comand: nowhere }\n  b: { command: nowhere, timeout: soon }\n").await;
    for code in ["MP104", "MP103", "MP301"] {
        assert!(text.contains(code), "{text}");
    }
}
