//! What `mcp-proxy init` writes.

/// A configuration without servers, with every key explained that matters in the beginning. It loads as it is.
pub const TEMPLATE: &str = include_str!("template.yaml");

/// A configuration with the servers of a client's file, as YAML: each entry as the client has it, in its order. No client runs a
/// program for a value, so what would be `${cmd:…}` here stays the text it is there.
///
/// # Errors
/// When `json` is no JSON, or has no servers where clients keep them.
pub fn template_from(json: &str) -> Result<String, FromClientError> {
    let mut file: serde_json::Value = serde_json::from_str(json)?;
    let places = ["/mcpServers", "/servers", "/mcp/servers", "/context_servers"];
    let place = places.iter().find(|place| file.pointer(place).is_some_and(serde_json::Value::is_object));
    let servers = place.and_then(|place| file.pointer_mut(place)).ok_or(FromClientError::NoServers)?;
    without_programs(servers);
    // Under this key an entry means what it means to clients: their names of fields, milliseconds.
    let yaml = serde_yaml::to_string(&serde_json::json!({ "version": 1, "mcpServers": servers }))?;
    Ok(format!("# The servers of a client, by `mcp-proxy init --from`. All keys: config.example.yaml\n{yaml}"))
}

/// Makes texts of references that would run a program.
fn without_programs(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = text.replace("${cmd:", "$${cmd:"),
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_programs),
        serde_json::Value::Object(map) => map.values_mut().for_each(without_programs),
        _ => {}
    }
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
        assert_eq!((args[0].reveal(), env["B"].reveal()), ("${cmd:touch x}", "${cmd:touch y}"));
    }

    #[test]
    fn a_file_without_servers_says_so() {
        assert!(matches!(template_from("{}"), Err(FromClientError::NoServers)));
        assert!(matches!(template_from("{"), Err(FromClientError::Json(_))));
        assert!(matches!(template_from(r#"{"mcpServers":[]}"#), Err(FromClientError::NoServers)));
    }
}
