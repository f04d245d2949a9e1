//! What `mcp-proxy init` writes.

use super::expand::is_variable_name;

/// A configuration without servers, with every key explained that matters in the beginning. It loads as it is.
pub const TEMPLATE: &str = include_str!("template.yaml");

/// A configuration with the servers of a client's file, as YAML: each entry as the client has it, in its order. No client runs a
/// program for a value, so of all that would be a reference here only the names of variables are one; the rest stays the text it is there.
///
/// # Errors
/// When `json` is no JSON, or has no servers where clients keep them.
pub fn template_from(json: &str) -> Result<String, FromClientError> {
    let mut file: serde_json::Value = serde_json::from_str(json)?;
    let places = ["/mcpServers", "/servers", "/mcp/servers", "/context_servers"];
    let place = places.iter().find(|place| file.pointer(place).is_some_and(serde_json::Value::is_object));
    let servers = place.and_then(|place| file.pointer_mut(place)).ok_or(FromClientError::NoServers)?;
    only_variables(servers);
    // Under this key an entry means what it means to clients: their names of fields, milliseconds.
    let yaml = serde_yaml::to_string(&serde_json::json!({ "version": 1, "mcpServers": servers }))?;
    Ok(format!("# The servers of a client, by `mcp-proxy init --from`. All keys: config.example.yaml\n{yaml}"))
}

/// Makes texts of all references but those to a variable.
fn only_variables(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = escaped(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(only_variables),
        serde_json::Value::Object(map) => map.values_mut().for_each(only_variables),
        _ => {}
    }
}

/// `text` with every `$` doubled that does not begin the name of a variable.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        out.push_str(before);
        let length = variable_length(from);
        out.push_str(length.map_or("$$", |length| &from[..length]));
        rest = &from[length.unwrap_or(1)..];
    }
    out + rest
}

/// Bytes of the `${NAME}`, `${env:NAME}`, `${NAME:-default}` or `${input:id}` that `text` begins with. The last gives no value here, and
/// says what to do.
fn variable_length(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("${")?;
    let inner = &inner[..inner.find('}')?];
    let is_plain = !inner.contains(['$', '{']);
    let named = inner.strip_prefix("env:").unwrap_or(inner);
    let name = named.split_once(":-").map_or(named, |(name, _)| name);
    (is_plain && (is_variable_name(name) || inner.starts_with("input:"))).then_some("${}".len() + inner.len())
}

/// Why a client's file gives no configuration.
#[derive(Debug, thiserror::Error)]
pub enum FromClientError {
    /// It cannot be read as JSON.
    #[error("it is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// There is nothing to take over.
    #[error("it has no servers under `mcpServers`, `servers`, `mcp.servers` or `context_servers`")]
    NoServers,
    /// It cannot be written as YAML.
    #[error("it cannot be written as YAML: {0}")]
    Yaml(#[from] serde_yaml::Error),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_client_s_servers_are_taken_over_and_load() {
        let json = r#"{"mcpServers":{"b":{"command":"npx","args":["-y","@scope/pkg","yes","1.10"],"timeout":30000},
            "a":{"type":"streamable-http","url":"https://example.com/mcp","disabled":true}},"other":1}"#;
        let yaml = template_from(json).unwrap();
        let environment = crate::config::Environment::empty();
        let loaded = crate::config::load_text(&yaml, Path::new("/c/config.yaml"), &environment);
        let config = loaded.config.expect("it loads");
        let names: Vec<&str> = config.servers.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["b", "a"], "{yaml}");
        let crate::config::Target::Stdio { args, .. } = &config.servers[0].target else { panic!("{yaml}") };
        let args: Vec<&str> = args.iter().map(crate::config::Secret::reveal).collect();
        assert_eq!(args, ["-y", "@scope/pkg", "yes", "1.10"]);
        assert_eq!(config.servers[0].timeout.as_secs(), 30);
        assert!(!config.servers[1].enabled);
    }

    #[test]
    fn a_client_s_file_runs_no_program() {
        let json =
            r#"{"mcpServers":{"a":{"command":"cat","args":["${cmd:touch x}"],"env":{"B":"${C:-${cmd:touch y}}"}}}}"#;
        let yaml = template_from(json).unwrap();
        let loaded = crate::config::load_text(&yaml, Path::new("/c/config.yaml"), &crate::config::Environment::empty());
        let config = loaded.config.expect("it loads");
        let crate::config::Target::Stdio { args, env, .. } = &config.servers[0].target else { panic!("{yaml}") };
        assert_eq!((args[0].reveal(), env["B"].reveal()), ("${cmd:touch x}", "${C:-${cmd:touch y}}"));
    }

    #[test]
    fn only_names_of_variables_are_references() {
        for (text, written) in [
            ("${A} ${env:A_1} ${A:-b c} ${input:id}", "${A} ${env:A_1} ${A:-b c} ${input:id}"),
            ("$${cmd:touch x}", "$$$${cmd:touch x}"),
            ("$$${cmd:touch x}", "$$$$$${cmd:touch x}"),
            ("${env:cmd:touch x}", "$${env:cmd:touch x}"),
            ("${env:file:x}${keyring:k}", "$${env:file:x}$${keyring:k}"),
            ("${A:-${cmd:x}}", "$${A:-$${cmd:x}}"),
            ("${A:-$}{cmd:x}", "$${A:-$$}{cmd:x}"),
            ("${A:-{}${cmd:x}", "$${A:-{}$${cmd:x}"),
            ("$${A}", "$$${A}"),
            ("pa$$word $HOME ${", "pa$$$$word $$HOME $${"),
            ("${1} ${} ${input:${cmd:x}}", "$${1} $${} $${input:$${cmd:x}}"),
        ] {
            assert_eq!(escaped(text), written, "{text}");
        }
    }

    #[test]
    fn no_text_of_a_client_s_file_runs_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("was-run");
        for (before, after) in [("$${cmd:", "}"), ("${env:cmd:", "}"), ("${A:-$${cmd:", "}}"), ("$$$${cmd:", "}")] {
            let text = format!("{before}touch {}{after}", mark.display());
            let json = serde_json::json!({ "mcpServers": { "a": { "command": "cat", "args": [text] } } });
            let yaml = template_from(&json.to_string()).unwrap();
            let environment = crate::config::Environment::empty().with("PATH", "/usr/bin:/bin");
            let loaded = crate::config::load_text(&yaml, &folder.path().join("config.yaml"), &environment);
            assert!(!mark.exists(), "{text}");
            let config = loaded.config.expect("it loads");
            let crate::config::Target::Stdio { args, .. } = &config.servers[0].target else { panic!("{yaml}") };
            assert_eq!(args[0].reveal(), text);
        }
    }

    #[test]
    fn a_file_without_servers_says_so() {
        assert!(matches!(template_from("{}"), Err(FromClientError::NoServers)));
        assert!(matches!(template_from("{"), Err(FromClientError::Json(_))));
        assert!(matches!(template_from(r#"{"mcpServers":[]}"#), Err(FromClientError::NoServers)));
    }
}
