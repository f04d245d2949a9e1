//! `mcp-proxy list`: what clients get, by the way of a client; the servers from the configuration alone, waiting for none.

use std::path::Path;

use mcp_proxy_core::config::{Config, Server, StartPolicy, Target};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::peer;
use crate::cli::{List, Listing};
use crate::client::{Client, ClientError};
use crate::render;
use crate::report::{self, Failure};

/// One of the lists of MCP.
struct Kind {
    /// Its key in the result, and in our JSON.
    key: &'static str,
    method: &'static str,
    /// The heading, and the columns: title and member of the item.
    title: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const TOOLS: Kind = Kind {
    key: "tools",
    method: "tools/list",
    title: "Tools",
    columns: &[("NAME", "name"), ("DESCRIPTION", "description")],
};
const RESOURCES: Kind = Kind {
    key: "resources",
    method: "resources/list",
    title: "Resources",
    columns: &[("URI", "uri"), ("NAME", "name"), ("TYPE", "mimeType")],
};
const TEMPLATES: Kind = Kind {
    key: "resourceTemplates",
    method: "resources/templates/list",
    title: "Resource templates",
    columns: &[("URI TEMPLATE", "uriTemplate"), ("NAME", "name"), ("TYPE", "mimeType")],
};
const PROMPTS: Kind = Kind {
    key: "prompts",
    method: "prompts/list",
    title: "Prompts",
    columns: &[("NAME", "name"), ("DESCRIPTION", "description")],
};

pub(super) fn run(config: Option<&Path>, args: &List) -> Result<(), Failure> {
    let config = peer::config(config)?;
    let kinds: &'static [&Kind] = match args.what {
        Some(Listing::Servers) => return servers(&config, args.json),
        Some(Listing::Tools) => &[&TOOLS],
        Some(Listing::Resources) => &[&RESOURCES, &TEMPLATES],
        Some(Listing::Prompts) => &[&PROMPTS],
        None => &[&TOOLS, &RESOURCES, &TEMPLATES, &PROMPTS],
    };
    peer::with_client(config, async |client: &mut Client| {
        let mut lists = Vec::new();
        for kind in kinds {
            lists.push((*kind, items(client, kind).await?));
        }
        if args.json { report::out(json_text(&lists).as_bytes()) } else { report::out(human(&lists).as_bytes()) }
    })
}

async fn items(client: &mut Client, kind: &Kind) -> Result<Vec<Box<RawValue>>, Failure> {
    match peer::list(client, kind.method, kind.key).await {
        // No server offers this kind.
        Err(ClientError::Refused(refusal)) if refusal.code == -32601 => Ok(Vec::new()),
        other => other.map_err(|e| peer::refused(format!("`{}` failed", kind.method), &e)),
    }
}

/// One kind is printed as its array; several as an object of arrays.
fn json_text(lists: &[(&Kind, Vec<Box<RawValue>>)]) -> String {
    let array = |items: &[Box<RawValue>]| {
        let items: Vec<&str> = items.iter().map(|i| i.get()).collect();
        if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) }
    };
    match lists {
        [(_, items)] => array(items) + "\n",
        several => {
            let members: Vec<String> =
                several.iter().map(|(k, items)| format!("\"{}\": {}", k.key, array(items))).collect();
            format!("{{\n{}\n}}\n", members.join(",\n"))
        }
    }
}

fn human(lists: &[(&Kind, Vec<Box<RawValue>>)]) -> String {
    let mut out = String::new();
    for (kind, items) in lists.iter().filter(|(_, items)| !items.is_empty()) {
        let rows: Vec<Vec<String>> = items
            .iter()
            .filter_map(|i| serde_json::from_str::<Value>(i.get()).ok())
            .map(|item| kind.columns.iter().map(|(_, key)| item[key].as_str().unwrap_or_default().to_owned()).collect())
            .collect();
        if lists.len() > 1 {
            let gap = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}{} ({})\n", kind.title, rows.len()));
        }
        let head: Vec<&str> = kind.columns.iter().map(|(title, _)| *title).collect();
        out.push_str(&render::table(&head, &rows, report::columns()));
    }
    if out.is_empty() { "nothing is offered\n".to_owned() } else { out }
}

fn servers(config: &Config, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let all: Vec<Value> = config.servers.iter().map(|s| server_json(s)).collect();
        return report::out(format!("{:#}\n", Value::from(all)).as_bytes());
    }
    let rows: Vec<Vec<String>> = config
        .servers
        .iter()
        .map(|s| vec![s.name.to_string(), transport(s).to_owned(), start(s).to_owned(), target(s)])
        .collect();
    report::out(render::table(&["NAME", "TRANSPORT", "START", "TARGET"], &rows, report::columns()).as_bytes())
}

fn server_json(server: &Server) -> Value {
    json!({
        "name": &*server.name,
        "transport": transport(server),
        "enabled": server.enabled,
        "start": start(server),
        "target": target(server),
        "prefix": server.prefix.as_deref().unwrap_or(&server.name),
        "tags": server.tags,
    })
}

const fn transport(server: &Server) -> &'static str {
    match &server.target {
        Target::Stdio { .. } => "stdio",
        Target::Http { sse: true, .. } => "sse",
        Target::Http { sse: false, .. } => "http",
    }
}

const fn start(server: &Server) -> &'static str {
    match (server.enabled, server.start) {
        (false, _) => "disabled",
        (true, StartPolicy::Eager) => "eager",
        (true, StartPolicy::Lazy) => "lazy",
        (true, StartPolicy::Manual) => "manual",
    }
}

/// Arguments may hold secrets once variables are expanded: they are counted, not shown.
fn target(server: &Server) -> String {
    match &server.target {
        Target::Stdio { command, args, .. } => match args.len() {
            0 => command.clone(),
            1 => format!("{command} (1 argument)"),
            n => format!("{command} ({n} arguments)"),
        },
        Target::Http { url_shown, .. } => url_shown.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[test]
    fn one_kind_is_an_array_several_an_object() {
        let tools = vec![raw(r#"{"name":"a"}"#), raw(r#"{"name":"b"}"#)];
        let one = json_text(&[(&TOOLS, tools.clone())]);
        assert_eq!(serde_json::from_str::<Value>(&one).expect("JSON"), json!([{"name": "a"}, {"name": "b"}]));
        let several = json_text(&[(&TOOLS, tools), (&PROMPTS, Vec::new())]);
        let several: Value = serde_json::from_str(&several).expect("JSON");
        assert_eq!(several, json!({"tools": [{"name": "a"}, {"name": "b"}], "prompts": []}));
    }

    #[test]
    fn arguments_of_a_server_are_not_shown() {
        let server = Server::stdio("x", "npx", &["--token", "hunter2"]);
        assert_eq!(target(&server), "npx (2 arguments)");
        assert!(!server_json(&server).to_string().contains("hunter2"));
    }
}
