//! What the fake server lists, page by page, bad items included.

use serde_json::{Value, json};

use super::calls::TOOLS;
use super::flags::Flags;
use super::tasks;

pub(crate) struct Items {
    tools: Vec<Value>,
    prompts: Vec<Value>,
    resources: Vec<Value>,
    templates: Vec<Value>,
    page: Option<usize>,
    endless: bool,
    n_changes: usize,
}

impl Items {
    pub(crate) fn new(flags: &Flags) -> Self {
        let mut tools: Vec<Value> = TOOLS.iter().map(|(name, what)| tool(name, what)).collect();
        tools.extend((0..flags.n_tools).map(|n| tool(&format!("t{n:03}"), "one of many")));
        tools.extend(flags.tool_names.iter().map(|name| tool(name, "named by a flag")));
        if flags.tasks {
            tools.extend(tasks::TOOLS.iter().map(|(name, what, support)| {
                let mut tool = tool(name, what);
                if let Some(support) = support {
                    tool["execution"] = json!({"taskSupport": support});
                }
                tool
            }));
        }
        tools.extend(flags.bad_items.iter().map(|kind| bad(kind)));
        let mut prompts =
            vec![json!({"name": "greet", "description": "greets", "arguments": [{"name": "who", "required": true}]})];
        prompts.extend(flags.prompt_names.iter().map(|name| json!({"name": name})));
        let mut resources =
            vec![json!({"uri": format!("fake://{}/note", flags.name), "name": "note", "mimeType": "text/plain"})];
        resources.extend(flags.resources.iter().map(|uri| json!({"uri": uri, "name": uri})));
        let templates = vec![json!({"uriTemplate": format!("fake://{}/items/{{id}}", flags.name), "name": "item"})];
        Self { tools, prompts, resources, templates, page: flags.page, endless: flags.endless_cursor, n_changes: 0 }
    }

    /// One more tool than before.
    pub(crate) fn change(&mut self) {
        self.n_changes += 1;
        self.tools.push(tool(&format!("new{}", self.n_changes), "came later"));
    }

    pub(crate) fn has_tool(&self, name: &str) -> bool {
        self.tools.iter().any(|t| t["name"] == name)
    }

    pub(crate) fn page(&self, key: &str, params: &Value) -> Value {
        let all = match key {
            "tools" => &self.tools,
            "prompts" => &self.prompts,
            "resources" => &self.resources,
            _ => &self.templates,
        };
        let from: usize = params["cursor"].as_str().and_then(|c| c.strip_prefix("at-")?.parse().ok()).unwrap_or(0);
        let to = self.page.map_or(all.len(), |n| (from + n).min(all.len()));
        let mut result = json!({ key: all.get(from..to).unwrap_or_default() });
        if self.endless {
            result["nextCursor"] = json!("at-0");
        } else if to < all.len() {
            result["nextCursor"] = json!(format!("at-{to}"));
        }
        result
    }
}

fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object", "properties": {}}})
}

/// An item some client refuses, or no item at all.
fn bad(kind: &str) -> Value {
    match kind {
        "no-name" => json!({"description": "nameless", "inputSchema": {"type": "object"}}),
        "name-number" => json!({"name": 7, "inputSchema": {"type": "object"}}),
        "no-schema" => json!({"name": "bad_no_schema"}),
        "schema-no-type" => json!({"name": "bad_schema_no_type", "inputSchema": {"properties": {"a": {}}}}),
        "root-any-of" => json!({"name": "bad_root_any_of", "inputSchema": {"type": "object",
            "anyOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "integer"}}}]}}),
        "output-array" => {
            json!({"name": "bad_output_array", "inputSchema": {"type": "object"}, "outputSchema": {"type": "array"}})
        }
        "output-no-type" => {
            json!({"name": "bad_output_no_type", "inputSchema": {"type": "object"}, "outputSchema": {"properties": {}}})
        }
        "property-true" => {
            json!({"name": "bad_property_true", "inputSchema": {"type": "object", "properties": {"a": true}}})
        }
        "duplicate" => tool("echo", "the same name again"),
        "cyclic" => {
            json!({"name": "bad_cyclic", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}})
        }
        "not-object" => json!("just text"),
        other => tool(other, "an unknown kind of bad item"),
    }
}
