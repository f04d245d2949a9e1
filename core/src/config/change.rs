//! What a person may ask for by a name ("never this server again"), done to the text of the configuration: one entry changes,
//! comments, order and every other byte stay. Pure: text in, text out. Who reads and writes the file is elsewhere (`control`).

mod file;
#[cfg(test)]
mod flow_tests;

use std::path::Path;
use std::sync::Arc;

use file::{File, steps};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::edit::{EditError, Syntax};
use super::syntax::Format;

/// Where a file may keep its servers: our place, and those of the clients.
pub(crate) const SERVER_MAPS: [&[&str]; 6] =
    [&["servers"], &["mcpServers"], &["mcp", "servers"], &["mcp"], &["context_servers"], &["mcp.servers"]];

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Use a server, or do not any more.
    UseServer {
        /// Its name.
        server: Arc<str>,
        /// Whether.
        on: bool,
    },
    /// Another name for a server; what names it in profiles and tokens follows.
    RenameServer {
        /// Its name.
        server: Arc<str>,
        /// The new one.
        to: Arc<str>,
    },
    /// Take a server out of the file.
    RemoveServer {
        /// Its name.
        server: Arc<str>,
    },
    /// Show a tool to clients, or do not any more.
    ShowTool {
        /// Its server.
        server: Arc<str>,
        /// The server's own name for it.
        tool: Arc<str>,
        /// Whether.
        on: bool,
    },
    /// Show a tool under another name behind the prefix.
    RenameTool {
        /// Its server.
        server: Arc<str>,
        /// The server's own name for it.
        tool: Arc<str>,
        /// The name shown; `None`: its own.
        to: Option<Arc<str>>,
    },
}

impl Change {
    /// It in a few words, done.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::UseServer { server, on: true } => format!("server `{server}` enabled"),
            Self::UseServer { server, on: false } => format!("server `{server}` disabled"),
            Self::RenameServer { server, to } => format!("server `{server}` renamed to `{to}`"),
            Self::RemoveServer { server } => format!("server `{server}` removed"),
            Self::ShowTool { server, tool, on: true } => format!("tool `{tool}` of `{server}` shown"),
            Self::ShowTool { server, tool, on: false } => format!("tool `{tool}` of `{server}` hidden"),
            Self::RenameTool { server, tool, to: Some(to) } => format!("tool `{tool}` of `{server}` shown as `{to}`"),
            Self::RenameTool { server, tool, to: None } => {
                format!("tool `{tool}` of `{server}` shown under its own name")
            }
        }
    }
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The file does not say anything about this server.
    #[error("the file has no server `{0}`")]
    NoServer(Arc<str>),
    /// That name is taken.
    #[error("there is a server `{0}` already")]
    Taken(Arc<str>),
    /// A pattern stands against it.
    #[error("`tools` of `{server}` hides `{tool}` by a pattern: change it in the file")]
    Pattern {
        /// The server.
        server: Arc<str>,
        /// The tool.
        tool: Arc<str>,
    },
    /// It cannot be read, or is written in a way that cannot be changed without changing more.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// The text of the file at `path` with that change; `None` if it says so already.
///
/// # Errors
/// When it cannot be done, or not without touching anything else.
pub fn changed(text: &str, path: &Path, change: &Change) -> Result<Option<String>, ChangeError> {
    let mut file = File::parse(text, path)?;
    match change {
        Change::UseServer { server, on } => file.use_server(server, *on)?,
        Change::RenameServer { server, to } => file.rename_server(server, to)?,
        Change::RemoveServer { server } => {
            let at = file.server(server)?;
            file.document.remove(&steps(&at))?;
        }
        Change::ShowTool { server, tool, on } => file.show_tool(server, tool, *on)?,
        Change::RenameTool { server, tool, to } => {
            let mut at = file.server(server)?;
            at.extend(["tools", "rename", tool].map(str::to_owned));
            match to {
                Some(to) => file.document.set(&steps(&at), &Json::from(&**to))?,
                None => file.remove_up(&mut at, 2)?,
            };
        }
    }
    let new = file.text();
    Ok((new != text).then_some(new))
}

/// The text with one more server: behind the others, or where there are none in a new `servers`.
///
/// # Errors
/// When there is one of that name, or no place for it.
pub fn with_server(text: &str, path: &Path, name: &str, entry: &Map<String, Json>) -> Result<String, ChangeError> {
    let mut file = File::parse(text, path)?;
    if file.server(&Arc::from(name)).is_ok() {
        return Err(ChangeError::Taken(name.into()));
    }
    let map = file.maps().next().unwrap_or_else(|| vec!["servers".to_owned()]);
    let at: Vec<String> = map.into_iter().chain([name.to_owned()]).collect();
    file.document.set(&steps(&at), &Json::Object(entry.clone()))?;
    Ok(file.text())
}

/// How a configuration at `path` is written: by its name, else by how it begins.
#[must_use]
pub fn syntax_of(path: &Path, text: &str) -> Syntax {
    match Format::of(path, text) {
        Format::Yaml => Syntax::Yaml,
        Format::Json => Syntax::Json,
        Format::Jsonc => Syntax::Jsonc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "\
# mine
servers:
  github:   # the one at work
    command: npx
    args: [-y, \"@x/github\"]  # pinned later

  # at home
  files:
    command: uvx
    disabled: true
    tools:
      deny:
        # too sharp
        - delete_*
        - move   # for now
profiles:
  work: { servers: [github, \"tag:x\"] }
clients:
  tokens:
    ci:
      hash: sha256:x
      servers:
      - github
";

    #[track_caller]
    fn check(text: &str, name: &str, change: &Change, expected: &str) {
        let new = changed(text, Path::new(name), change).unwrap().unwrap_or_else(|| text.to_owned());
        let lines = |from: &str, other: &str| -> Vec<String> {
            let others: Vec<&str> = other.lines().collect();
            from.lines().filter(|l| !others.contains(l)).map(str::to_owned).collect()
        };
        let mut shown: Vec<String> = lines(text, &new).into_iter().map(|l| format!("-{l}")).collect();
        shown.extend(lines(&new, text).into_iter().map(|l| format!("+{l}")));
        assert_eq!(shown.join("\n"), expected, "{new}");
    }

    fn tool(server: &str, tool: &str, on: bool) -> Change {
        Change::ShowTool { server: server.into(), tool: tool.into(), on }
    }

    fn used(server: &str, on: bool) -> Change {
        Change::UseServer { server: server.into(), on }
    }

    #[test]
    fn servers_are_switched_by_the_word_that_stands_there() {
        check(YAML, "c.yaml", &used("github", false), "+    enabled: false");
        check(YAML, "c.yaml", &used("github", true), "");
        check(YAML, "c.yaml", &used("files", true), "-    disabled: true\n+    disabled: false");
        check(YAML, "c.yaml", &used("files", false), "");
        let json = "{\n  // mine\n  \"mcpServers\": {\n    \"a\": { \"command\": \"x\" }, // why\n  },\n}\n";
        let on = "    \"a\": { \"command\": \"x\", \"enabled\": false }, // why";
        check(json, "c.jsonc", &used("a", false), &format!("-    \"a\": {{ \"command\": \"x\" }}, // why\n+{on}"));
    }

    #[test]
    fn what_names_a_server_follows_its_new_name() {
        let change = Change::RenameServer { server: "github".into(), to: "hub".into() };
        check(
            YAML,
            "c.yaml",
            &change,
            "-  github:   # the one at work\n-  work: { servers: [github, \"tag:x\"] }\n-      - github\n\
             +  hub:   # the one at work\n+  work: { servers: [hub, \"tag:x\"] }\n+      - hub",
        );
        let json = "{\"mcpServers\": {\"git\": {\"command\": \"x\"}}}";
        let change = Change::RenameServer { server: "git".into(), to: "hub".into() };
        let new = changed(json, Path::new("c.json"), &change).unwrap();
        assert_eq!(new.as_deref(), Some("{\"mcpServers\": {\"hub\": {\"command\": \"x\"}}}"));
        let taken = Change::RenameServer { server: "github".into(), to: "files".into() };
        assert_eq!(changed(YAML, Path::new("c.yaml"), &taken), Err(ChangeError::Taken("files".into())));
        let nobody = Change::RenameServer { server: "nobody".into(), to: "x".into() };
        assert_eq!(changed(YAML, Path::new("c.yaml"), &nobody), Err(ChangeError::NoServer("nobody".into())));
    }

    #[test]
    fn tools_are_hidden_and_shown_line_by_line() {
        check(YAML, "c.yaml", &tool("files", "write", false), "+        - write");
        check(YAML, "c.yaml", &tool("files", "delete_all", false), "");
        check(YAML, "c.yaml", &tool("files", "move", true), "-        - move   # for now");
        check(YAML, "c.yaml", &tool("github", "push", false), "+      deny: [push]");
        let pattern = changed(YAML, Path::new("c.yaml"), &tool("files", "delete_all", true));
        assert_eq!(pattern, Err(ChangeError::Pattern { server: "files".into(), tool: "delete_all".into() }));
        let one = "servers:\n  a:\n    command: x\n    tools:\n      deny: [push]\n";
        assert_eq!(
            changed(one, Path::new("c.yaml"), &tool("a", "push", true)).unwrap().as_deref(),
            Some("servers:\n  a:\n    command: x\n")
        );
        let allow = "servers:\n  a: { command: x, tools: { allow: [read, \"w*\"] } }\n";
        check(allow, "c.yaml", &tool("a", "write", true), "");
        check(
            allow,
            "c.yaml",
            &tool("a", "push", true),
            "-  a: { command: x, tools: { allow: [read, \"w*\"] } }\n+  a: { command: x, tools: { allow: [read, \"w*\", \"push\"] } }",
        );
        let plain = "servers:\n  a: { command: x, tools: { deny: [read] } }\n";
        let line = |deny: &str| format!("  a: {{ command: x, tools: {{ deny: [{deny}] }} }}");
        let expected = format!("-{}\n+{}", line("read"), line("read, write"));
        check(plain, "c.yaml", &tool("a", "write", false), &expected);
    }

    #[test]
    fn a_list_in_json_keeps_its_lines() {
        let json = "{\n \"servers\": {\"a\": {\"command\": \"x\", \"tools\": {\"deny\": [\n  \"one\", // why\n  \"two\"\n ]}}}\n}\n";
        let new = changed(json, Path::new("c.jsonc"), &tool("a", "three", false)).unwrap().unwrap();
        assert!(new.contains("\"one\", // why\n  \"two\",\n  \"three\"\n ]"), "{new}");
        let new = changed(&new, Path::new("c.jsonc"), &tool("a", "two", true)).unwrap().unwrap();
        assert!(new.contains("\"one\", // why\n  \"three\"\n ]"), "{new}");
    }

    #[test]
    fn tools_get_names_and_lose_them() {
        let to =
            |to: Option<&str>| Change::RenameTool { server: "github".into(), tool: "a".into(), to: to.map(Into::into) };
        let new = changed(YAML, Path::new("c.yaml"), &to(Some("b"))).unwrap().unwrap();
        assert!(new.contains("    tools:\n      rename:\n        a: b\n"), "{new}");
        assert_eq!(changed(&new, Path::new("c.yaml"), &to(None)).unwrap().as_deref(), Some(YAML));
    }

    #[test]
    fn a_server_on_one_line_stays_in_its_style() {
        let name = Change::RenameTool { server: "a".into(), tool: "b".into(), to: Some("c d".into()) };
        for (before, hidden, renamed) in [
            (
                "  a: { command: x, args: [-y] } # why",
                "  a: { command: x, args: [-y], tools: { deny: [b] } } # why",
                "  a: { command: x, args: [-y], tools: { rename: { b: \"c d\" } } } # why",
            ),
            (
                "  a: {command: x}",
                "  a: {command: x, tools: {deny: [b]}}",
                "  a: {command: x, tools: {rename: {b: \"c d\"}}}",
            ),
            (
                "  a: {\"command\": \"x\",}",
                "  a: {\"command\": \"x\", \"tools\": {\"deny\": [\"b\"]},}",
                "  a: {\"command\": \"x\", \"tools\": {\"rename\": {\"b\": \"c d\"}},}",
            ),
            (
                "  a: { command: x, tools: {} }",
                "  a: { command: x, tools: { deny: [b] } }",
                "  a: { command: x, tools: { rename: { b: \"c d\" } } }",
            ),
            (
                "  a: {\n    command: x # {one}\n    # more\n  }",
                "  a: {\n    command: x, # {one}\n    tools: {deny: [b]}\n    # more\n  }",
                "  a: {\n    command: x, # {one}\n    tools: {rename: {b: \"c d\"}}\n    # more\n  }",
            ),
            (
                "  a: {\n    command: x, # one\n  }",
                "  a: {\n    command: x, # one\n    tools: {deny: [b]},\n  }",
                "  a: {\n    command: x, # one\n    tools: {rename: {b: \"c d\"}},\n  }",
            ),
        ] {
            let file = |server: &str| format!("# mine\nservers:\n{server}\n  z: {{ command: y }} # too\n");
            let path = Path::new("c.yaml");
            for (change, expected) in [(tool("a", "b", false), hidden), (name.clone(), renamed)] {
                let new = changed(&file(before), path, &change).unwrap().unwrap();
                assert_eq!(new, file(expected));
            }
            if before.contains("{}") {
                continue;
            }
            let shown = changed(&file(hidden), path, &tool("a", "b", true)).unwrap().unwrap();
            assert_eq!(shown, file(before), "taken out again");
        }
    }

    #[test]
    fn a_server_is_added_and_taken_out() {
        let entry =
            Map::from_iter([("command".to_owned(), Json::from("uvx")), ("args".to_owned(), Json::from(vec!["x"]))]);
        let new = with_server(YAML, Path::new("c.yaml"), "time", &entry).unwrap();
        assert!(
            new.contains("        - move   # for now\n  time:\n    command: uvx\n    args: [x]\nprofiles:"),
            "{new}"
        );
        let change = Change::RemoveServer { server: "time".into() };
        assert_eq!(changed(&new, Path::new("c.yaml"), &change).unwrap().as_deref(), Some(YAML));
        let none = with_server(super::super::TEMPLATE, Path::new("c.yaml"), "time", &entry).unwrap();
        let loaded = super::super::load_text(&none, Path::new("/c/c.yaml"), &super::super::Environment::empty());
        assert_eq!(loaded.config.expect("it loads").servers.len(), 1, "{none}");
        assert_eq!(with_server(YAML, Path::new("c.yaml"), "files", &entry), Err(ChangeError::Taken("files".into())));
    }
}
