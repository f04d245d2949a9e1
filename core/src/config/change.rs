//! What a person may ask for by a name ("never this server again"), done to the text of the configuration: one entry changes,
//! comments, order and every other byte stay. Pure: text in, text out. Who reads and writes the file is elsewhere (`control`).

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::edit::{Document, EditError, Step, Syntax};
use super::node::{Node, Value};
use super::syntax::Format;
use super::{fix, keys, matches};

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

/// A file while it is changed.
struct File<'a> {
    path: &'a Path,
    syntax: Syntax,
    document: Document,
}

fn steps(path: &[String]) -> Vec<Step<'_>> {
    path.iter().map(|key| Step::Key(key)).collect()
}

impl<'a> File<'a> {
    fn parse(text: &str, path: &'a Path) -> Result<Self, ChangeError> {
        let syntax = syntax_of(path, text);
        Ok(Self { path, syntax, document: Document::parse(text.as_bytes(), syntax)? })
    }

    fn text(&self) -> String {
        // It was made of text, and the splices are text.
        String::from_utf8(self.document.to_bytes()).unwrap_or_default()
    }

    /// The maps of servers that are there.
    fn maps(&self) -> impl Iterator<Item = Vec<String>> {
        let owned = |map: &&[&str]| map.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        // A server of OpenCode's `mcp` could be called `servers`; then it has no servers in it.
        SERVER_MAPS.iter().map(owned).filter(|map| self.document.get(&steps(map)).is_some_and(Json::is_object))
    }

    /// Where a server stands.
    fn server(&self, name: &Arc<str>) -> Result<Vec<String>, ChangeError> {
        let at = |mut map: Vec<String>| {
            map.push(name.to_string());
            map
        };
        let found = self.maps().map(at).find(|path| self.document.get(&steps(path)).is_some_and(Json::is_object));
        found.ok_or_else(|| ChangeError::NoServer(name.clone()))
    }

    /// Takes out what is at `at`, and up to `n` maps around it that have nothing else in them.
    fn remove_up(&mut self, at: &mut Vec<String>, n: usize) -> Result<bool, ChangeError> {
        for _ in 0..n {
            let above = &at[..at.len().saturating_sub(1)];
            let is_alone = |v: &Json| v.as_object().is_some_and(|m| m.len() == 1);
            if !self.document.get(&steps(at)).is_some_and(|_| self.document.get(&steps(above)).is_some_and(is_alone)) {
                break;
            }
            at.pop();
        }
        Ok(self.document.remove(&steps(at))?)
    }

    fn use_server(&mut self, server: &Arc<str>, on: bool) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        let of = |key: &str| [&at[..], &[key.to_owned()]].concat();
        let has_disabled = self.document.get(&steps(&of("disabled"))).is_some();
        if has_disabled {
            // The same word that stands there, so that it is not said twice.
            self.document.set(&steps(&of("disabled")), &Json::from(!on))?;
        }
        let word = ["enabled", "active"].into_iter().find(|key| self.document.get(&steps(&of(key))).is_some());
        if word.is_some() || (!has_disabled && !on) {
            self.document.set(&steps(&of(word.unwrap_or("enabled"))), &Json::from(on))?;
        }
        Ok(())
    }

    fn rename_server(&mut self, server: &Arc<str>, to: &Arc<str>) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        if server == to {
            return Ok(());
        }
        if self.server(to).is_ok() {
            return Err(ChangeError::Taken(to.clone()));
        }
        let mut expected = self.document.tree().clone();
        let (name, above) = at.split_last().ok_or_else(|| ChangeError::NoServer(server.clone()))?;
        if let Some(map) = above.iter().try_fold(&mut expected, |v, k| v.get_mut(k)).and_then(Json::as_object_mut) {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(k, v)| (if k == *name { to.to_string() } else { k }, v))
                .collect();
        }
        let text = self.text();
        let root = fix::tree(&text, self.path).ok_or_else(|| self.entangled(&at))?;
        let place = above.iter().try_fold(&root, |n, k| n.get(k)).and_then(|n| n.entry(name));
        let mut spans = vec![place.ok_or_else(|| self.entangled(&at))?.key_span];
        // Profiles and tokens name servers; a pattern is left as it is.
        let lists = [&["profiles"][..], &["clients", "tokens"]];
        for above in lists {
            let users = above.iter().try_fold(&root, |n, k| n.get(k)).and_then(Node::as_map).unwrap_or_default();
            for user in users {
                let Some(Value::List(items)) = user.value.get("servers").map(|n| &n.value) else { continue };
                let same = |n: &&Node| n.as_scalar().is_some_and(|s| s.text == **name);
                spans.extend(items.iter().filter(same).map(|n| n.span));
                let mut listed = above.iter().try_fold(&mut expected, |v, k| v.get_mut(*k));
                let listed = listed.as_mut().and_then(|v| v.get_mut(&user.key)?.get_mut("servers")?.as_array_mut());
                listed.into_iter().flatten().filter(|v| *v == &**name).for_each(|v| *v = Json::from(&**to));
            }
        }
        let written = |span| fix::written_in(&text, span, to).ok_or_else(|| self.entangled(&at));
        let edits = spans.into_iter().map(written).collect::<Result<Vec<_>, _>>()?;
        let mut new = text.clone();
        fix::apply(&mut new, &edits.iter().collect::<Vec<_>>());
        self.take(&new, &expected, &at)
    }

    fn show_tool(&mut self, server: &Arc<str>, tool: &Arc<str>, on: bool) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        let entry = self.document.get(&steps(&at)).cloned().unwrap_or_default();
        // A client's own word for the list, where the file has it.
        let list = |ours: &str| -> Vec<String> {
            let theirs = keys::FOREIGN.iter().find(|(theirs, o, _)| *o == ours && entry.get(*theirs).is_some());
            let below: Vec<&str> = theirs.map_or_else(|| ours.split('.').collect(), |(theirs, ..)| vec![*theirs]);
            at.iter().cloned().chain(below.into_iter().map(str::to_owned)).collect()
        };
        let (deny, allow) = (list("tools.deny"), list("tools.allow"));
        if on {
            self.drop_text(&deny, tool)?;
            if self.texts(&allow).is_some_and(|a| !a.is_empty() && !a.iter().any(|p| matches(p, tool))) {
                self.add_text(&allow, tool)?;
            }
            if self.texts(&deny).is_some_and(|d| d.iter().any(|p| matches(p, tool))) {
                return Err(ChangeError::Pattern { server: server.clone(), tool: tool.clone() });
            }
        } else if !self.texts(&deny).is_some_and(|d| d.iter().any(|p| matches(p, tool))) {
            self.add_text(&deny, tool)?;
        }
        Ok(())
    }

    fn texts(&self, at: &[String]) -> Option<Vec<String>> {
        let items = self.document.get(&steps(at))?.as_array()?;
        Some(items.iter().filter_map(Json::as_str).map(str::to_owned).collect())
    }

    /// Puts a text at the end of a list; what is in the list stays as it is written.
    fn add_text(&mut self, at: &[String], item: &str) -> Result<(), ChangeError> {
        let Some(mut items) = self.texts(at).filter(|items| !items.is_empty()) else {
            self.document.set(&steps(at), &Json::from(vec![item]))?;
            return Ok(());
        };
        items.push(item.to_owned());
        let text = self.text();
        let root = fix::tree(&text, self.path);
        let list = root.as_ref().and_then(|r| at.iter().try_fold(r, |n, k| n.get(k)));
        if let Some(Value::List(nodes)) = list.map(|n| &n.value)
            && let Some(last) = nodes.last()
            && let Some(new) = behind(&text, last.span.start..last.span.end, &Json::from(item).to_string())
            && self.takes(&new, at, &items)
        {
            return Ok(());
        }
        self.document.set(&steps(at), &Json::from(items))?;
        Ok(())
    }

    /// Takes a text out of a list; of the last one the list goes too.
    fn drop_text(&mut self, at: &[String], item: &str) -> Result<(), ChangeError> {
        let Some(items) = self.texts(at).filter(|items| items.iter().any(|i| i == item)) else { return Ok(()) };
        let left: Vec<String> = items.iter().filter(|i| *i != item).cloned().collect();
        if left.is_empty() {
            self.remove_up(&mut at.to_vec(), 1)?;
            return Ok(());
        }
        let text = self.text();
        let root = fix::tree(&text, self.path);
        let list = root.as_ref().and_then(|r| at.iter().try_fold(r, |n, k| n.get(k)));
        if let Some(Value::List(nodes)) = list.map(|n| &n.value)
            && let Some(index) = nodes.iter().position(|n| n.as_scalar().is_some_and(|s| s.text == item))
        {
            let span = |i: usize| nodes.get(i).map(|n| n.span.start..n.span.end);
            let before = index.checked_sub(1).and_then(span);
            if let Some(own) = span(index)
                && self.takes(&without(&text, before, own, span(index + 1)), at, &left)
            {
                return Ok(());
            }
        }
        self.document.set(&steps(at), &Json::from(left))?;
        Ok(())
    }

    /// Takes the text if it is the old one with `items` at `at`.
    fn takes(&mut self, new: &str, at: &[String], items: &[String]) -> bool {
        let mut expected = self.document.tree().clone();
        if let Some(list) = at.iter().try_fold(&mut expected, |v, k| v.get_mut(k)) {
            *list = Json::from(items.to_vec());
        }
        self.take(new, &expected, at).is_ok()
    }

    fn take(&mut self, new: &str, expected: &Json, at: &[String]) -> Result<(), ChangeError> {
        let document = Document::parse(new.as_bytes(), self.syntax).map_err(|_| self.entangled(at))?;
        if document.tree() != expected {
            return Err(self.entangled(at));
        }
        self.document = document;
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the file")]
    fn entangled(&self, at: &[String]) -> ChangeError {
        EditError::Entangled { path: at.join(".") }.into()
    }
}

/// The text with `item` behind the one at `last`: on a line of its own if that has one, else behind a comma.
fn behind(text: &str, last: std::ops::Range<usize>, item: &str) -> Option<String> {
    let line = text[..last.start].rfind('\n').map_or(0, |i| i + 1);
    let head = &text[line..last.start];
    let end = text[last.end..].find('\n').map_or(text.len(), |i| last.end + i + 1);
    let nl = if text[..end].ends_with("\r\n") { "\r\n" } else { "\n" };
    let mut new = text.to_owned();
    let is_dashed = head.trim_end().ends_with('-') && head.trim_start().starts_with('-');
    if is_dashed {
        let lead = if text[..end].ends_with('\n') { "" } else { nl };
        new.insert_str(end, &format!("{lead}{head}{item}{nl}"));
    } else if head.trim().is_empty() && text[last.end..end].trim().trim_end_matches(',').is_empty() {
        // One item a line between brackets: the comma goes behind the one before.
        let has_comma = text[last.end..end].contains(',');
        new.insert_str(
            last.end + usize::from(has_comma),
            &format!("{}{nl}{head}{item}", if has_comma { "" } else { "," }),
        );
    } else {
        new.insert_str(last.end, &format!(", {item}"));
    }
    Some(new)
}

/// The text without the item at `own`, which stands between two others, or at an end.
fn without(
    text: &str,
    before: Option<std::ops::Range<usize>>,
    own: std::ops::Range<usize>,
    after: Option<std::ops::Range<usize>>,
) -> String {
    let line = text[..own.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[own.end..].find('\n').map_or(text.len(), |i| own.end + i + 1);
    let head = text[line..own.start].trim();
    let mut new = text.to_owned();
    if head == "-" {
        new.replace_range(line..end, "");
    } else {
        match (before, after) {
            (_, Some(after)) => new.replace_range(own.start..after.start, ""),
            (Some(before), None) => new.replace_range(before.end..own.end, ""),
            (None, None) => new.replace_range(own, ""),
        }
    }
    new
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
        check(YAML, "c.yaml", &tool("files", "write", false), "+        - \"write\"");
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
