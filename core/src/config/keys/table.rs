//! The whole file but for one server: the sections and what is in them.

use super::Kind::{Choice, Defaults, Duration, Either, Foreign, List, Map, Number, Path, Section, Size, Text, Truth};
use super::server::SERVER;
use super::{Key, Kind, key};

const TEXTS: Kind = List(&Text);
const RATE: Kind = Number { least: 1, most: 10_000_000 };

/// The whole file.
pub const ROOT: &[Key] = &[
    key("version", Choice(&[("1", "")]), "The edition of this file's format.").default("1"),
    key("proxy", Section(PROXY), "The proxy itself."),
    key(
        "defaults",
        Defaults,
        "For every server that does not say otherwise: any key of a server but its address and its name.",
    ),
    key("servers", Map(&Section(SERVER)), "The servers, by the name their tools begin with: letters, digits and `-`."),
    key("routing", Section(ROUTING), "How what the servers offer is named and listed."),
    key("clients", Section(CLIENTS), "Who may come in by HTTP. Whoever launches the proxy on stdio always may."),
    key("limits", Section(LIMITS), "What nobody may exceed."),
    key("observability", Section(OBSERVABILITY), "What can be seen from outside, and how much of the past."),
    key("security", Section(SECURITY), "Which definitions and calls need a person's word."),
    key(
        "profiles",
        Map(&Section(PROFILE)),
        "Parts of it all, by name: for a kind of client (`clients.rules`), a token, or one that starts us (`serve --profile NAME`).",
    )
    .default("{}"),
    key("features", Section(FEATURES), "The same as some keys above in other words; what is said there counts more."),
    key("mcpServers", Map(&Foreign), "Servers as most clients write them; their files can be used as they are."),
    key("context_servers", Map(&Foreign), "Servers as Zed writes them."),
    key("mcp", Foreign, "Servers as OpenCode writes them, or with `servers` below it as VS Code did."),
    key("mcp.servers", Map(&Foreign), "Servers as VS Code wrote them in its settings."),
    key("$schema", Text, "For editors.").ignored(),
    key("inputs", Foreign, "What VS Code asks its user.").ignored(),
];

const PROXY: &[Key] = &[
    key("name", Text, "What clients see as the name of the server.").default("mcp-proxy"),
    key("transport", Either(&[Choice(TRANSPORTS), List(&Choice(TRANSPORTS))]), "What a bare `serve` offers; several as a list or as `\"stdio|http\"`.")
        .default("[\"stdio\"]"),
    key("host", Text, "The address to listen on by HTTP. One that others reach needs `clients.require_auth`.").default("127.0.0.1"),
    key("port", Number { least: 1, most: 65535 }, "The port to listen on by HTTP.").default("8000"),
    key("path", Text, "The path of the endpoint.").default("/mcp"),
    key("allowed_origins", TEXTS, "Web pages that may use the proxy, as `https://app.example.com`, beside those of this machine.").default("[]"),
    key("allowed_hosts", TEXTS, "Names it is reached by, as `mcp.example.com` or `*.example.com`, beside `host` and localhost.").default("[]"),
    key("tls", Section(&[
        key("cert", Path, "Certificate chain, PEM."),
        key("key", Path, "Private key, PEM; keep it to yourself (`chmod 600`)."),
    ]), "Serve HTTPS with this certificate. Without it HTTP is not encrypted."),
    key("log_level", Choice(&[
        ("TRACE", "everything"),
        ("DEBUG", "for developers"),
        ("INFO", "what happens"),
        ("WARN", "what needs attention"),
        ("ERROR", "failures only"),
    ]), "The least important lines that are logged.").default("INFO"),
    key("instructions", Text, "Put before the instructions of the servers, for the model."),
    key("env", Section(&[
        key("inherit", TEXTS, "What of our environment a server's program gets; `*` at the end stands for the rest of the name. The rest comes from its `env`.")
            .default(r#"["PATH", "HOME", "LANG", "LC_*", "TMPDIR", "TZ", "TERM", "SHELL", "USER", "LOGNAME", "XDG_*"]"#),
        key("path_from_login_shell", Truth, "Ask the login shell where programs are if they are not on our PATH, so that npx and uvx are found when a desktop program starts us.")
            .default("true"),
    ]), "What the programs of servers inherit."),
    key("daemon", Section(&[
        key("mode", Choice(&[("per-client", "each client that launches us has servers of its own"), ("shared", "one engine for all")]), "Who shares the servers of `serve --stdio`.")
            .default("per-client").not_yet(&["per-client"]),
        key("idle_exit", Duration, "How long a shared engine stays without clients.").not_yet(&[]),
    ]), "One engine for several clients that launch us."),
];

const TRANSPORTS: &[(&str, &str)] = &[
    ("stdio", "our own stdin and stdout"),
    ("http", "a port"),
    ("stdio|http", "both, whichever the command line picks"),
];

const ROUTING: &[Key] = &[
    key(
        "naming",
        Choice(&[
            ("prefix", "`server__tool`, always"),
            ("prefix-on-conflict", "a prefix only for names that clash"),
            ("flat", "never a prefix; one server alone is shown as itself"),
        ]),
        "How names are made.",
    )
    .default("prefix"),
    key("separator", Text, "Between prefix and name.").default("__"),
    key(
        "max_tool_name",
        Number { least: 16, most: 128 },
        "Longer names are cut; clients put their own prefix before it and allow 64.",
    )
    .default("48"),
    key(
        "name_charset",
        Choice(&[("model", "letters, digits, `_` and `-`: what model APIs take"), ("spec", "the `.` too")]),
        "Which characters a name may have.",
    )
    .default("model"),
    key("schema_fixes", Truth, "Repair, or set aside, single tools that clients refuse.").default("true"),
    key(
        "page_size",
        Number { least: 1, most: u64::MAX },
        "Items a page of a list; without it a client gets everything in one.",
    ),
    key(
        "discovery",
        Choice(&[
            ("all", "clients list all tools"),
            ("search", "clients get a few tools that search and call the others"),
        ]),
        "How clients find tools.",
    )
    .default("all")
    .not_yet(&["all"]),
    key("route_methods", Map(&Text), "Which server gets a method that is not of the specification.").not_yet(&[]),
    key("uri_mode", Choice(&[("unchanged", "")]), "How URIs of resources are shown.").not_yet(&["unchanged"]),
];

const CLIENTS: &[Key] = &[
    key("require_auth", Truth, "Nobody comes in without a token. Needed before `proxy.host` may be an address that others reach.").default("false"),
    key("tokens", Map(&Either(&[Text, Section(TOKEN)])), "Tokens by name, beside those of `mcp-proxy token add`: a text of at least 24 characters, its hash, or a map that says what it opens.")
        .default("{}"),
    key("profile", Text, "The profile of whoever starts us on stdio; without it everything."),
    key("rules", List(&Section(RULE)), "Which clients get which profile; the first that is for one counts, and not if its token or `--profile` says another.")
        .default("[]"),
];

/// One entry of `clients.rules`.
pub const RULE: &[Key] = &[
    key(
        "match",
        Section(&[
            key("name", Text, "Pattern of the name it gives itself (`clientInfo.name`), in small letters."),
            key(
                "root",
                Text,
                "A folder the client works in, or a pattern of one; what lies in it counts too. It is where a client has started us, and what a client says when it is asked for its roots.",
            ),
        ]),
        "Which clients.",
    ),
    key("profile", Text, "Which profile they get."),
    key(
        "max_tools",
        Number { least: 1, most: 100_000 },
        "How many tools they are shown at most: the first ones, in the order of `servers`. The others can still be called.",
    ),
];

/// One entry of `clients.tokens`, and of the tokens in the credentials.
pub const TOKEN: &[Key] = &[
    key("hash", Text, "`sha256:` and the hash of its text in hexadecimal digits."),
    key("token", Text, "Its text, if there is no `hash`."),
    key("servers", TEXTS, "Only these servers, by patterns of their names; without it all."),
    key(
        "tools",
        Section(&[
            key("allow", TEXTS, "Only these tools, by patterns of the names clients see; without it all."),
            key("deny", TEXTS, "Never these."),
        ]),
        "Which tools it opens.",
    ),
    key("profile", Text, "Which profile it gets: what both open."),
];

const LIMITS: &[Key] = &[
    key(
        "requests_per_minute",
        RATE,
        "Requests of each client: one token, or all without one. The whole minute's at once if it was quiet.",
    ),
    key("max_message_bytes", Size, "One message, either side.").default("16MiB"),
    key("max_concurrent", Number { least: 1, most: 1_000_000 }, "Calls of one client at the same time.")
        .default("1024"),
    key("max_starting", Number { least: 1, most: 1_000 }, "Servers that start at the same time.").default("8"),
    key("session_idle", Duration, "A session by HTTP that its client does not use for so long is ended.").default("1h"),
    key("body_timeout", Duration, "The body of a request by HTTP has to arrive within this time.").default("30s"),
];

const OBSERVABILITY: &[Key] = &[
    key(
        "metrics",
        Section(&[
            key("enabled", Truth, "Serve them.").default("true"),
            key("path", Text, "Under which path.").default("/metrics"),
        ]),
        "Metrics for Prometheus, beside the endpoint.",
    ),
    key(
        "traffic",
        Section(&[
            key("ring", Number { least: 1, most: 10_000_000 }, "How many calls are kept.").default("100000"),
            key("screen_bytes", Size, "How many bytes of them with the terminal.").default("64MiB"),
            key("headless_bytes", Size, "How many bytes of them without it.").default("512KiB"),
            key("persist", Truth, "Keep them on disk.").default("false").not_yet(&["false"]),
            key("redact", TEXTS, "Patterns of names whose values are not shown.").not_yet(&[]),
        ]),
        "What the terminal can show of the past; what is reached first counts.",
    ),
    key(
        "log",
        Section(&[
            key("dir", Path, "Where log files are.").not_yet(&[]),
            key("rotate", Size, "When a new one is begun.").not_yet(&[]),
            key("keep", Number { least: 1, most: 1_000 }, "How many are kept.").not_yet(&[]),
            key(
                "format",
                Choice(&[("text", ""), ("json", "")]),
                "How lines are written; on stderr it is `serve --log-format`.",
            )
            .not_yet(&["text"]),
        ]),
        "Log files. Log lines go to stderr.",
    ),
    key("otlp", Text, "Where traces are sent to.").not_yet(&[]),
];

const SECURITY: &[Key] = &[
    key(
        "pin_tools",
        Choice(&[("off", ""), ("warn", ""), ("block", "")]),
        "What happens when a tool's definition has changed since it was approved.",
    )
    .default("off")
    .not_yet(&["off"]),
    key("approve", Map(&Text), "Which tools ask a person before they are called.").not_yet(&[]),
    key("allow_commands", TEXTS, "The only programs servers may be started from.").not_yet(&[]),
];

/// One entry of `profiles`.
pub const PROFILE: &[Key] = &[
    key("servers", TEXTS, "Only these servers, by patterns of their names or `tag:NAME`; without it all."),
    key(
        "tools",
        Section(&[
            key("allow", TEXTS, "Only these tools, by patterns of the names clients see; without it all."),
            key("deny", TEXTS, "Never these."),
        ]),
        "Which tools of them.",
    ),
];

const FEATURES: &[Key] = &[
    key("authentication", Truth, "`clients.require_auth`."),
    key("rate_limiting", Either(&[Truth, Section(RATE_LIMITING)]), "`limits.requests_per_minute`."),
    key("monitoring", Either(&[Truth, Section(MONITORING)]), "`observability.metrics`."),
];

/// `features.rate_limiting`, where it is more than yes or no.
pub const RATE_LIMITING: &[Key] = &[
    key("enabled", Truth, "Whether there is a limit.").default("true"),
    key("requests_per_minute", RATE, "`limits.requests_per_minute`.").default("1000"),
];

/// `features.monitoring`, where it is more than yes or no.
pub const MONITORING: &[Key] = &[
    key("enable_metrics", Truth, "`observability.metrics.enabled`.").default("true"),
    key("prometheus_endpoint", Text, "`observability.metrics.path`.").default("/metrics"),
];
