//! How other programs spell what we know by another name, and the key that was meant by a slip of the hand.

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
