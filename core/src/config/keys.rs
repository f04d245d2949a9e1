//! Every key a configuration may have, in one table: what is no key of ours is found against it, and so is the key that
//! was meant. What this version reads is [`Shape::Read`], checked by whoever reads it; what it only accepts is checked
//! loosely by its shape.

/// What belongs under a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// This version reads it: its reader checks it.
    Read,
    /// This version reads the map: these are its keys.
    Section(&'static [Key]),
    /// Not used by this version: any value.
    Later,
    /// Not used by this version: a map with these keys.
    LaterSection(&'static [Key]),
    /// Not used by this version: a map with names the user chose.
    LaterMap,
    /// Not used by this version: a list.
    LaterList,
    /// Not used by this version: one value.
    LaterScalar,
    /// For other programs.
    Ignored,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
}

const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape }
}

use Shape::{Ignored, Later, LaterList, LaterMap, LaterScalar, LaterSection, Read, Section};

/// The whole file.
pub(crate) const ROOT: &[Key] = &[
    key("servers", Read),
    key("defaults", Read),
    key("proxy", Section(PROXY)),
    key("routing", Section(ROUTING)),
    key("limits", Section(LIMITS)),
    key("observability", Section(OBSERVABILITY)),
    key("version", Read),
    key("mcpServers", Read),
    key("mcp.servers", Read),
    key("mcp", Read),
    key("context_servers", Read),
    key("profiles", LaterMap),
    key("clients", Section(CLIENTS)),
    key("security", LaterSection(SECURITY)),
    key("features", Section(FEATURES)),
    key("$schema", Ignored),
    key("inputs", Ignored),
];

const PROXY: &[Key] = &[
    key("name", Read),
    key("transport", Read),
    key("host", Read),
    key("port", Read),
    key("path", Read),
    key("log_level", Read),
    key("instructions", Read),
    key("env", Section(ENV_POLICY)),
    key("allowed_origins", Read),
    key("allowed_hosts", Read),
    key("tls", Section(&[key("cert", Read), key("key", Read)])),
    key("daemon", LaterSection(&[key("mode", LaterScalar), key("idle_exit", LaterScalar)])),
];

const ENV_POLICY: &[Key] = &[key("inherit", Read), key("path_from_login_shell", Read)];

const ROUTING: &[Key] = &[
    key("naming", Read),
    key("separator", Read),
    key("max_tool_name", Read),
    key("name_charset", Read),
    key("schema_fixes", Read),
    key("page_size", Read),
    key("discovery", LaterScalar),
    key("route_methods", LaterMap),
    key("uri_mode", LaterScalar),
];

const LIMITS: &[Key] = &[
    key("max_message_bytes", Read),
    key("max_concurrent", Read),
    key("max_starting", Read),
    key("requests_per_minute", Read),
];

const OBSERVABILITY: &[Key] = &[
    key(
        "traffic",
        Section(&[
            key("ring", Read),
            key("screen_bytes", Read),
            key("headless_bytes", Read),
            key("persist", LaterScalar),
            key("redact", LaterList),
        ]),
    ),
    key("metrics", Section(&[key("enabled", Read), key("path", Read)])),
    key(
        "log",
        LaterSection(&[
            key("dir", LaterScalar),
            key("rotate", LaterScalar),
            key("keep", LaterScalar),
            key("format", LaterScalar),
        ]),
    ),
    key("otlp", LaterScalar),
];

const CLIENTS: &[Key] = &[key("require_auth", Read), key("tokens", Read), key("rules", LaterList)];

/// One entry of `clients.tokens`, and of the tokens in the credentials.
pub(crate) const TOKEN: &[Key] = &[
    key("hash", Read),
    key("token", Read),
    key("servers", Read),
    key("tools", Section(&[key("allow", Read), key("deny", Read)])),
    key("profile", LaterScalar),
];

const SECURITY: &[Key] = &[key("pin_tools", LaterScalar), key("approve", LaterMap), key("allow_commands", LaterList)];

const FEATURES: &[Key] = &[key("authentication", Read), key("rate_limiting", Read), key("monitoring", Read)];

/// `features.rate_limiting`, where it is more than yes or no.
pub(crate) const RATE_LIMITING: &[Key] = &[key("enabled", Read), key("requests_per_minute", Read)];

/// `features.monitoring`, where it is more than yes or no.
pub(crate) const MONITORING: &[Key] = &[key("enable_metrics", Read), key("prometheus_endpoint", Read)];

/// One entry of `servers`.
pub(crate) const SERVER: &[Key] = &[
    key("transport", Read),
    key("command", Read),
    key("args", Read),
    key("cwd", Read),
    key("env", Read),
    key("env_file", Read),
    key("url", Read),
    key("headers", Read),
    key("auth", Read),
    key("enabled", Read),
    key("disabled", Read),
    key("start", Read),
    key("connect_timeout", Read),
    key("tls", Section(&[key("ca_file", Read)])),
    key("startup_timeout", Read),
    key("timeout", Read),
    key("max_timeout", Read),
    key("idle_timeout", Read),
    key("probe_timeout", Read),
    key("list_wait", Read),
    key("drain_timeout", Read),
    key("restart", Section(RESTART)),
    key("protocol", Read),
    key("prefix", Read),
    key("cache_lists", Read),
    key("limits", Section(SERVER_LIMITS)),
    key("roots", Read),
    key("tools", Section(TOOLS)),
    key("tags", Read),
    key("type", Read),
    key("description", Ignored),
    key("max_result_bytes", LaterScalar),
    key("isolation", Read),
    key("client_features", Read),
    key("lease_max", Read),
    key("share_logs", LaterScalar),
    key("uri_mode", LaterScalar),
    key("retry", Later),
];

const RESTART: &[Key] = &[key("policy", Read), key("max", Read), key("backoff", Read)];

const SERVER_LIMITS: &[Key] = &[key("max_concurrent", Read), key("requests_per_minute", Read)];

const TOOLS: &[Key] =
    &[key("allow", Read), key("deny", Read), key("rename", Read), key("describe", Read), key("timeout", Read)];

/// Keys of a server that make no sense for all of them.
pub(crate) const NOT_IN_DEFAULTS: &[&str] =
    &["transport", "type", "command", "args", "url", "auth", "prefix", "enabled", "disabled", "description"];

/// Other programs' names for keys of a server, and ours. The ones marked are taken as they are, with a hint.
pub(crate) const FOREIGN: &[(&str, &str, bool)] = &[
    ("serverUrl", "url", true),
    ("httpUrl", "url", true),
    ("uri", "url", true),
    ("envFile", "env_file", true),
    ("cmd", "command", false),
    ("envs", "env", false),
    ("environment", "env", false),
    ("httpHeaders", "headers", false),
    ("http_headers", "headers", false),
    ("transportType", "transport", false),
    ("active", "enabled", false),
    ("working_directory", "cwd", false),
    ("workingDirectory", "cwd", false),
    ("startup_timeout_sec", "startup_timeout", false),
    ("tool_timeout_sec", "timeout", false),
    ("connectionTimeout", "startup_timeout", false),
    ("token", "auth.token", false),
    ("apiKey", "auth.token", false),
    ("autoApprove", "security.approve", false),
    ("disabledTools", "tools.deny", false),
    ("excludeTools", "tools.deny", false),
    ("includeTools", "tools.allow", false),
];

/// Keys in other programs' server entries that say nothing to us.
pub(crate) const CLIENTS_OWN: &[&str] = &[
    "alwaysAllow",
    "alwaysLoad",
    "autoApprove",
    "apiKey",
    "bundled",
    "dev",
    "gallery",
    "headersHelper",
    "name",
    "oauth",
    "authProviderType",
    "sandbox",
    "sandboxEnabled",
    "source",
    "trust",
    "version",
];

/// The key of `known` that `name` was meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(name);
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(&wanted, &plain(k)), k))
        .filter(|(edits, k)| *edits <= 1.max(k.len() / 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant() {
        for (typed, expected) in [
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("startupTimeout", Some("startup_timeout")),
            ("idle-timeout", Some("idle_timeout")),
            ("ulr", Some("url")),
            ("argss", Some("args")),
            ("banana", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, SERVER.iter().map(|k| k.name)), expected, "{typed}");
        }
    }

    #[test]
    fn what_stands_for_a_key_is_a_key() {
        for (foreign, ours, _) in FOREIGN {
            let first = ours.split('.').next().unwrap();
            let known = SERVER.iter().chain(ROOT).any(|k| k.name == first);
            assert!(known, "{foreign} -> {ours}");
            assert!(!SERVER.iter().any(|k| k.name == *foreign), "{foreign}");
        }
        for name in NOT_IN_DEFAULTS {
            assert!(SERVER.iter().any(|k| k.name == *name), "{name}");
        }
    }
}
