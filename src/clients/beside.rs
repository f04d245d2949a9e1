//! Servers that a client has beside those of its own file: of single projects, and where an earlier version kept them. `import` reads
//! them; nothing is ever written there.

use std::path::Path;

use mcp_proxy_core::config::edit::replace::Seen;
use mcp_proxy_core::config::edit::{Document, Syntax};
use mcp_proxy_core::config::{Environment, render};
use serde_json::Value;

use super::table::Client;

/// Servers that were found.
#[derive(Debug)]
pub struct Beside {
    /// Where, for people.
    pub title: String,
    /// The project they are of; `None`: the user's.
    pub project: Option<Project>,
    /// Names and entries, as the client's own file has them.
    pub entries: Vec<(String, Value)>,
}

/// A project some servers are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its folder, for people.
    pub shown: String,
    /// The folder's own name.
    pub name: String,
}

/// Claude Code: `projects.<folder>.mcpServers` in the file that is read anyway.
#[must_use]
pub fn of_projects(client: &Client, tree: &Value, environment: &Environment) -> Vec<Beside> {
    if client.id != "claude-code" {
        return Vec::new();
    }
    let projects = tree["projects"].as_object().into_iter().flatten();
    let found = projects.filter_map(|(folder, project)| {
        let entries = entries_of(project.get("mcpServers")?);
        let shown = render::short_path(Path::new(folder), environment.home());
        let name =
            Path::new(folder).file_name().map_or_else(|| "project".to_owned(), |n| n.to_string_lossy().into_owned());
        let title = format!("{}, {shown}", client.title);
        (!entries.is_empty()).then_some(Beside { title, project: Some(Project { shown, name }), entries })
    });
    found.collect()
}

/// VS Code: `mcp.servers` in its `settings.json`, where they were before there was a `mcp.json`.
///
/// # Errors
/// Why it cannot be read, if there is one.
pub fn of_settings(client: &Client, own: &Path) -> Result<Option<Beside>, String> {
    const NAME: &str = "settings.json";
    if !client.id.starts_with("vscod") {
        return Ok(None);
    }
    let seen = Seen::read(&own.with_file_name(NAME)).map_err(|e| e.to_string())?;
    let Some(bytes) = &seen.bytes else { return Ok(None) };
    let document = Document::parse(bytes, Syntax::Jsonc).map_err(|e| format!("{NAME}:{e}"))?;
    let entries = in_settings(document.tree());
    let title = format!("{}, {NAME}", client.title);
    Ok((!entries.is_empty()).then_some(Beside { title, project: None, entries }))
}

/// The servers in the settings of VS Code, whichever way they are spelled.
#[must_use]
pub fn in_settings(tree: &Value) -> Vec<(String, Value)> {
    let spelled = [tree.get("mcp").and_then(|mcp| mcp.get("servers")), tree.get("mcp.servers")];
    spelled.into_iter().flatten().flat_map(entries_of).collect()
}

fn entries_of(map: &Value) -> Vec<(String, Value)> {
    let entries = map.as_object().into_iter().flatten();
    entries.filter(|(_, v)| v.is_object()).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::by_id;

    #[test]
    fn projects_of_claude_code() {
        let environment = Environment::empty().with_home(Path::new("/home/u"));
        let tree = json!({ "projects": {
            "/home/u/work/app": { "mcpServers": { "db": { "command": "x" }, "odd": 7 }, "history": [] },
            "/home/u/empty": { "mcpServers": {} },
            "/home/u/none": { "history": [] },
        }});
        let found = of_projects(by_id("claude-code").expect("known"), &tree, &environment);
        let [app] = &*found else { panic!("{found:?}") };
        assert_eq!(app.title, "Claude Code, ~/work/app");
        let project = Project { shown: "~/work/app".to_owned(), name: "app".to_owned() };
        assert_eq!((app.project.as_ref(), app.entries.len()), (Some(&project), 1));
        assert!(of_projects(by_id("cursor").expect("known"), &tree, &environment).is_empty());
    }

    #[test]
    fn settings_of_vs_code_in_both_spellings() {
        let dir = tempfile::tempdir().expect("a folder");
        let own = dir.path().join("mcp.json");
        let client = by_id("vscode").expect("known");
        assert!(of_settings(client, &own).expect("nothing there").is_none());
        let settings = dir.path().join("settings.json");
        std::fs::write(&settings, "{ // mine\n \"mcp\": { \"servers\": { \"a\": {\"command\": \"x\"} }, },\n \"mcp.servers\": { \"b\": {} },\n}")
            .expect("written");
        let found = of_settings(client, &own).expect("read").expect("found");
        assert_eq!(found.entries.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(of_settings(by_id("cursor").expect("known"), &own).expect("not looked at").is_none());
        std::fs::write(&settings, "{ \"mcp\": ").expect("written");
        assert!(of_settings(client, &own).expect_err("broken").starts_with("settings.json:"));
    }
}
