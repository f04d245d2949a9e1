//! One entry of `servers`.

use super::Kind::{Choice, Duration, Durations, Either, List, Map, Number, Path, Section, Size, Text, Truth};
use super::{Key, Kind, key};

const TEXTS: Kind = List(&Text);

const TRANSPORTS: &[(&str, &str)] = &[
    ("stdio", "a program is started here; needs `command`"),
    ("http", "Streamable HTTP; needs `url`"),
    ("sse", "HTTP+SSE of 2024-11-05; needs `url`"),
    ("streamable-http", "the same as `http`"),
    ("streamableHttp", "the same as `http`"),
    ("streamable_http", "the same as `http`"),
    ("remote", "the same as `http`"),
    ("local", "the same as `stdio`"),
];

/// One entry of `servers`. What is used most comes first.
pub const SERVER: &[Key] = &[
    key("transport", Choice(TRANSPORTS), "How it is reached; known from `command` or `url` if it is missing."),
    key("command", Text, "A program on the PATH, or a path."),
    key("args", TEXTS, "Its arguments, one an item; no shell takes them apart.").default("[]"),
    key("cwd", Path, "The folder it runs in."),
    key("env", Map(&Text), "Variables of its environment, beside what `proxy.env.inherit` lets through.").default("{}"),
    key("env_file", Either(&[Path, List(&Path)]), "Files with lines of NAME=value; `env` goes over them."),
    key("url", Text, "Its address."),
    key("headers", Map(&Text), "Headers of every request to it.").default("{}"),
    key("auth", Either(&[Section(AUTH)]), "How we show who we are; becomes a header."),
    key("enabled", Truth, "Whether it is used at all.").default("true"),
    key("disabled", Truth, "The opposite of `enabled`.").default("false"),
    key(
        "start",
        Choice(&[("eager", "with the proxy"), ("lazy", "with the first call"), ("manual", "when told to")]),
        "When it is started.",
    )
    .default("eager"),
    key("connect_timeout", Duration, "Of a server with a `url`: for its name, the connection and TLS.").default("10s"),
    key(
        "tls",
        Section(&[key("ca_file", Path, "Certificates (PEM) trusted beside those of the system.")]),
        "Of a server with an `https` address.",
    ),
    key("startup_timeout", Duration, "From its start until it is ready.").default("60s"),
    key("timeout", Duration, "Of one call without a sign of life; progress starts it anew.").default("60s"),
    key("max_timeout", Duration, "Of one call in all.").default("1h"),
    key("input_timeout", Duration, "How long a client may take to answer what the server asks in its call.")
        .default("10m"),
    key("idle_timeout", Duration, "A lazy server without calls is stopped after it; 0 is never.").default("15m"),
    key("probe_timeout", Duration, "How long it may be silent when we ask which edition of MCP it speaks.")
        .default("5s"),
    key("list_wait", Duration, "How long a client's list waits for it while it is starting.").default("4s"),
    key("drain_timeout", Duration, "How long running calls may end when it is stopped or replaced.").default("30s"),
    key(
        "restart",
        Section(&[
            key(
                "policy",
                Choice(&[
                    ("never", ""),
                    ("on-failure", "after a crash or an exit code other than 0"),
                    ("always", "whenever it ended"),
                ]),
                "When it is started again.",
            )
            .default("on-failure"),
            key("max", Number { least: 0, most: 1_000_000 }, "Fast failures in a row, then it is set aside.")
                .default("5"),
            key("backoff", Durations, "The first pause, and the longest.").default("500ms..60s"),
        ]),
        "What happens when it ends by itself.",
    ),
    key(
        "protocol",
        Choice(&[
            ("auto", "find out and remember"),
            ("modern", "2026-07-28 and later"),
            ("legacy", "up to 2025-11-25"),
        ]),
        "Which era of MCP it is spoken to in.",
    )
    .default("auto"),
    key("prefix", Text, "What its tools begin with instead of its name; \"\" for nothing."),
    key("cache_lists", Truth, "Keep its last lists on disk, so that a client gets them at once.").default("true"),
    key(
        "limits",
        Section(&[
            key("max_concurrent", Number { least: 1, most: 1_000_000 }, "Calls at the same time.").default("64"),
            key("requests_per_minute", Number { least: 1, most: 10_000_000 }, "Requests of all clients together."),
        ]),
        "What is asked of it at most.",
    ),
    key("roots", List(&Path), "Directories it is told when it asks for roots.").default("[]"),
    key(
        "tools",
        Section(&[
            key("allow", TEXTS, "If not empty, only these; `*` stands for any characters.").default("[]"),
            key("deny", TEXTS, "Never these.").default("[]"),
            key("rename", Map(&Text), "Its name for a tool to the one that is shown.").default("{}"),
            key("describe", Map(&Text), "Its name for a tool to another description.").default("{}"),
            key("timeout", Map(&Duration), "Its name for a tool, or a pattern, to another `timeout`.").default("{}"),
        ]),
        "Which of its tools are shown, and how; by its own names for them.",
    ),
    key("tags", TEXTS, "Words to select it by.").default("[]"),
    key("type", Choice(TRANSPORTS), "The same as `transport`.").alias("transport"),
    key("description", Text, "For people.").ignored(),
    key(
        "isolation",
        Choice(&[
            ("auto", "shared, but per-session if it has sessions"),
            ("shared", "one instance for all"),
            ("per-client", "one a token"),
            ("per-session", "one a session"),
        ]),
        "Who shares an instance when there are several clients.",
    )
    .default("auto"),
    key(
        "client_features",
        Choice(&[
            ("lease", "clients that can be asked get an instance while they call"),
            ("none", "it may ask nobody"),
        ]),
        "What it may ask of clients that share it.",
    )
    .default("lease"),
    key(
        "lease_max",
        Number { least: 1, most: 64 },
        "So many of these instances when calls of several clients overlap.",
    )
    .default("4"),
    key("max_result_bytes", Size, "The longest result that is passed on.").not_yet(&[]),
    key("share_logs", Truth, "Give log lines that belong to no call to all clients.").default("false"),
    key("uri_mode", Choice(&[("unchanged", "")]), "How URIs of its resources are shown.").not_yet(&["unchanged"]),
    key("retry", Choice(&[("never", ""), ("idempotent", "")]), "Which calls are sent again when it dies.")
        .default("never")
        .not_yet(&["never"]),
];

/// `auth` of a server.
pub const AUTH: &[Key] = &[
    key(
        "type",
        Choice(&[
            ("bearer", "`Authorization: Bearer …`; needs `token`"),
            ("basic", "`Authorization: Basic …`; needs `credentials`"),
            ("header", "any header; needs `name` and `value`"),
            ("oauth", "sign in with a browser; not supported yet"),
        ]),
        "Which way.",
    ),
    key("token", Text, "Of type bearer."),
    key("credentials", Text, "Of type basic: `user:password`."),
    key("name", Text, "Of type header: its name."),
    key("value", Text, "Of type header: its value."),
    key("scopes", TEXTS, "Of type oauth: what to ask for.").not_yet(&[]),
    key("callback_port", Number { least: 0, most: 65535 }, "Of type oauth: the port the browser comes back to.")
        .not_yet(&["0"]),
];

/// Keys of a server that make no sense for all of them.
pub const NOT_IN_DEFAULTS: &[&str] =
    &["transport", "type", "command", "args", "url", "auth", "prefix", "enabled", "disabled", "description"];
