//! The clients we know: where their files are, how an entry is written there, and what they can take. Data only; what is done with
//! it is elsewhere. To add one, add a [`Client`] to [`CLIENTS`] and run the tests: their snapshots show what is made of it.
//!
//! Each was compared with the client's own documentation or source on its date. A file that nobody could look at is marked
//! `is_certain: false`, and messages say so.

use std::time::Duration;

use mcp_proxy_core::config::edit::Syntax;

pub use super::client::{Client, Form, Limits, Passes, Place, Remote, Stdio, Timeout, Variables};
use super::place::System::{self, Linux, Mac, Windows};

/// Our entry in all of them.
pub const OUR_NAME: &str = "mcp-proxy";

const CODEX_ENV: &[&str] =
    &["HOME", "LOGNAME", "PATH", "SHELL", "USER", "__CF_USER_TEXT_ENCODING", "LANG", "LC_ALL", "TERM", "TMPDIR", "TZ"];
const GEMINI_STRIPS: &[&str] = &["TOKEN", "SECRET", "KEY", "AUTH", "PASSWORD"];

const NO_LIMITS: Limits = Limits { tools: None, name: None, start: None, reads_others: false };
const FIELD_URL: Remote = Remote { url: "url", kind: None, untyped_is_sse: false };
const TYPED_URL: Remote = Remote { url: "url", kind: Some("http"), untyped_is_sse: false };

/// What most of them have.
const PLAIN: Form = Form {
    syntax: Syntax::Json,
    key: &["mcpServers"],
    is_list: false,
    stdio: Stdio::Plain,
    remote: Some(FIELD_URL),
    variables: Variables::None,
    timeout: Timeout::None,
};

const VS_CODE: Form = Form {
    syntax: Syntax::Jsonc,
    key: &["servers"],
    stdio: Stdio::Typed("stdio"),
    remote: Some(TYPED_URL),
    variables: Variables::Editor,
    ..PLAIN
};

const VS_CODE_LIMITS: Limits = Limits { tools: Some((128, "refuses the request")), ..NO_LIMITS };

const fn on(on: System, path: &'static str) -> Place {
    Place { on, path }
}

/// All of them, the most used first.
pub const CLIENTS: &[Client] = &[
    Client {
        id: "claude-desktop",
        title: "Claude Desktop",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/Library/Application Support/Claude/claude_desktop_config.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/Claude/claude_desktop_config.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/claude/claude_desktop_config.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Claude/claude_desktop_config.json"),
            on(
                Windows,
                "{LOCALAPPDATA|~/AppData/Local}/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
            ),
        ],
        projects: &[],
        form: Form { remote: None, ..PLAIN },
        passes: Passes::Desktop,
        limits: Limits { name: Some((64, "", "hides all tools of the server")), ..NO_LIMITS },
    },
    Client {
        id: "claude-code",
        title: "Claude Code",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "{CLAUDE_CONFIG_DIR|~}/.claude.json"),
            on(Linux, "{CLAUDE_CONFIG_DIR|~}/.claude.json"),
            on(Windows, "{CLAUDE_CONFIG_DIR|~}/.claude.json"),
        ],
        projects: &[".mcp.json"],
        form: Form {
            stdio: Stdio::Typed("stdio"),
            remote: Some(TYPED_URL),
            variables: Variables::Shell,
            timeout: Timeout::Milliseconds,
            ..PLAIN
        },
        passes: Passes::Shell,
        limits: Limits { start: Some(Duration::from_secs(30)), ..NO_LIMITS },
    },
    Client {
        id: "cursor",
        title: "Cursor",
        verified: "2026-11-21",
        is_certain: true,
        files: &[on(Mac, "~/.cursor/mcp.json"), on(Linux, "~/.cursor/mcp.json"), on(Windows, "~/.cursor/mcp.json")],
        projects: &[".cursor/mcp.json"],
        form: Form { variables: Variables::Editor, ..PLAIN },
        passes: Passes::Desktop,
        limits: Limits {
            tools: Some((80, "leaves the rest out")),
            name: Some((60, "mcp-proxy:", "leaves the tool out")),
            ..NO_LIMITS
        },
    },
    Client {
        id: "vscode",
        title: "VS Code",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/Library/Application Support/Code/User/mcp.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/Code/User/mcp.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Code/User/mcp.json"),
        ],
        projects: &[".vscode/mcp.json"],
        form: VS_CODE,
        passes: Passes::Desktop,
        limits: VS_CODE_LIMITS,
    },
    Client {
        id: "vscode-insiders",
        title: "VS Code Insiders",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/Library/Application Support/Code - Insiders/User/mcp.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/Code - Insiders/User/mcp.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Code - Insiders/User/mcp.json"),
        ],
        projects: &[],
        form: VS_CODE,
        passes: Passes::Desktop,
        limits: VS_CODE_LIMITS,
    },
    Client {
        id: "vscodium",
        title: "VSCodium",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/Library/Application Support/VSCodium/User/mcp.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/VSCodium/User/mcp.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/VSCodium/User/mcp.json"),
        ],
        projects: &[],
        form: VS_CODE,
        passes: Passes::Desktop,
        limits: VS_CODE_LIMITS,
    },
    Client {
        id: "windsurf",
        title: "Windsurf",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.codeium/windsurf/mcp_config.json"),
            on(Mac, "~/.codeium/mcp_config.json"),
            on(Linux, "~/.codeium/windsurf/mcp_config.json"),
            on(Linux, "~/.codeium/mcp_config.json"),
            on(Windows, "~/.codeium/windsurf/mcp_config.json"),
            on(Windows, "~/.codeium/mcp_config.json"),
        ],
        projects: &[],
        form: Form {
            remote: Some(Remote { url: "serverUrl", kind: None, untyped_is_sse: false }),
            variables: Variables::Editor,
            ..PLAIN
        },
        passes: Passes::Desktop,
        limits: Limits { tools: Some((100, "leaves the rest out")), ..NO_LIMITS },
    },
    Client {
        id: "zed",
        title: "Zed",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.config/zed/settings.json"),
            on(Linux, "{FLATPAK_XDG_CONFIG_HOME|{XDG_CONFIG_HOME|~/.config}}/zed/settings.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Zed/settings.json"),
        ],
        projects: &[".zed/settings.json"],
        form: Form { syntax: Syntax::Jsonc, key: &["context_servers"], ..PLAIN },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "codex",
        title: "Codex CLI",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "{CODEX_HOME|~/.codex}/config.toml"),
            on(Linux, "{CODEX_HOME|~/.codex}/config.toml"),
            on(Windows, "{CODEX_HOME|~/.codex}/config.toml"),
        ],
        projects: &[".codex/config.toml"],
        form: Form { syntax: Syntax::Toml, key: &["mcp_servers"], ..PLAIN },
        passes: Passes::Only(CODEX_ENV),
        limits: Limits {
            name: Some((64, "mcp__mcp-proxy__", "shortens the name")),
            start: Some(Duration::from_secs(10)),
            ..NO_LIMITS
        },
    },
    Client {
        id: "gemini",
        title: "Gemini CLI",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.gemini/settings.json"),
            on(Linux, "~/.gemini/settings.json"),
            on(Windows, "~/.gemini/settings.json"),
        ],
        projects: &[".gemini/settings.json"],
        form: Form {
            syntax: Syntax::Jsonc,
            remote: Some(Remote { url: "httpUrl", kind: None, untyped_is_sse: true }),
            variables: Variables::EnvOnly,
            timeout: Timeout::Milliseconds,
            ..PLAIN
        },
        passes: Passes::Without(GEMINI_STRIPS),
        limits: Limits { name: Some((63, "mcp_mcp-proxy_", "cuts the name in the middle")), ..NO_LIMITS },
    },
    Client {
        id: "goose",
        title: "Goose",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.config/goose/config.yaml"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/goose/config.yaml"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Block/goose/config/config.yaml"),
        ],
        projects: &[],
        form: Form {
            syntax: Syntax::Yaml,
            key: &["extensions"],
            stdio: Stdio::Goose,
            remote: Some(Remote { url: "uri", kind: Some("streamable_http"), untyped_is_sse: false }),
            timeout: Timeout::Seconds,
            ..PLAIN
        },
        passes: Passes::Shell,
        limits: NO_LIMITS,
    },
    Client {
        id: "cline",
        title: "Cline",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(
                Mac,
                "{CLINE_MCP_SETTINGS_PATH|{CLINE_DATA_DIR|{CLINE_DIR|~/.cline}/data}/settings/cline_mcp_settings.json}",
            ),
            on(
                Mac,
                "~/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
            on(
                Linux,
                "{CLINE_MCP_SETTINGS_PATH|{CLINE_DATA_DIR|{CLINE_DIR|~/.cline}/data}/settings/cline_mcp_settings.json}",
            ),
            on(
                Linux,
                "{XDG_CONFIG_HOME|~/.config}/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
            on(
                Windows,
                "{CLINE_MCP_SETTINGS_PATH|{CLINE_DATA_DIR|{CLINE_DIR|~/.cline}/data}/settings/cline_mcp_settings.json}",
            ),
            on(
                Windows,
                "{APPDATA|~/AppData/Roaming}/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
        ],
        projects: &[],
        form: Form {
            remote: Some(Remote { url: "url", kind: Some("streamableHttp"), untyped_is_sse: true }),
            variables: Variables::Editor,
            timeout: Timeout::Seconds,
            ..PLAIN
        },
        passes: Passes::Desktop,
        limits: Limits { name: Some((64, "mcp-proxy__", "shortens the name")), ..NO_LIMITS },
    },
    Client {
        id: "roo",
        title: "Roo Code",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(
                Mac,
                "~/Library/Application Support/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            ),
            on(
                Linux,
                "{XDG_CONFIG_HOME|~/.config}/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            ),
            on(
                Windows,
                "{APPDATA|~/AppData/Roaming}/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
            ),
        ],
        projects: &[".roo/mcp.json"],
        form: Form {
            remote: Some(Remote { url: "url", kind: Some("streamable-http"), untyped_is_sse: true }),
            variables: Variables::Editor,
            timeout: Timeout::Seconds,
            ..PLAIN
        },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "continue",
        title: "Continue",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.continue/config.yaml"),
            on(Linux, "~/.continue/config.yaml"),
            on(Windows, "~/.continue/config.yaml"),
        ],
        projects: &[],
        form: Form {
            syntax: Syntax::Yaml,
            is_list: true,
            remote: Some(Remote { url: "url", kind: Some("streamable-http"), untyped_is_sse: false }),
            variables: Variables::Secrets,
            ..PLAIN
        },
        passes: Passes::Desktop,
        limits: Limits { start: Some(Duration::from_secs(20)), ..NO_LIMITS },
    },
    Client {
        id: "lm-studio",
        title: "LM Studio",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.lmstudio/mcp.json"),
            on(Mac, "~/.cache/lm-studio/mcp.json"),
            on(Linux, "~/.lmstudio/mcp.json"),
            on(Linux, "~/.cache/lm-studio/mcp.json"),
            on(Windows, "~/.lmstudio/mcp.json"),
            on(Windows, "~/.cache/lm-studio/mcp.json"),
        ],
        projects: &[],
        form: PLAIN,
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "jan",
        title: "Jan",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/Library/Application Support/Jan/data/mcp_config.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/Jan/data/mcp_config.json"),
            on(Windows, "{APPDATA|~/AppData/Roaming}/Jan/data/mcp_config.json"),
        ],
        projects: &[],
        form: Form { remote: Some(TYPED_URL), ..PLAIN },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "opencode",
        title: "OpenCode",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.config/opencode/opencode.json"),
            on(Mac, "~/.config/opencode/opencode.jsonc"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/opencode/opencode.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/opencode/opencode.jsonc"),
            on(Windows, "~/.config/opencode/opencode.json"),
            on(Windows, "~/.config/opencode/opencode.jsonc"),
        ],
        projects: &["opencode.json", "opencode.jsonc"],
        form: Form {
            syntax: Syntax::Jsonc,
            key: &["mcp"],
            stdio: Stdio::OneList,
            remote: Some(Remote { url: "url", kind: Some("remote"), untyped_is_sse: false }),
            variables: Variables::Braces,
            timeout: Timeout::StartMilliseconds,
            ..PLAIN
        },
        passes: Passes::Shell,
        limits: Limits { start: Some(Duration::from_secs(5)), ..NO_LIMITS },
    },
    Client {
        id: "copilot-cli",
        title: "Copilot CLI",
        verified: "2026-11-21",
        is_certain: true,
        files: &[
            on(Mac, "~/.copilot/mcp-config.json"),
            on(Linux, "~/.copilot/mcp-config.json"),
            on(Windows, "~/.copilot/mcp-config.json"),
        ],
        projects: &[],
        form: Form { stdio: Stdio::AllTools("local"), remote: Some(TYPED_URL), variables: Variables::Shell, ..PLAIN },
        passes: Passes::Shell,
        limits: VS_CODE_LIMITS,
    },
    Client {
        id: "copilot-jetbrains",
        title: "Copilot in JetBrains IDEs",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/.config/github-copilot/intellij/mcp.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/github-copilot/intellij/mcp.json"),
            on(Windows, "{LOCALAPPDATA|~/AppData/Local}/github-copilot/intellij/mcp.json"),
        ],
        projects: &[],
        form: Form { syntax: Syntax::Jsonc, key: &["servers"], ..PLAIN },
        passes: Passes::Desktop,
        limits: VS_CODE_LIMITS,
    },
    Client {
        id: "junie",
        title: "Junie",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/.junie/mcp/mcp.json"),
            on(Linux, "~/.junie/mcp/mcp.json"),
            on(Windows, "~/.junie/mcp/mcp.json"),
        ],
        projects: &[".junie/mcp/mcp.json"],
        form: Form { remote: None, ..PLAIN },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "antigravity",
        title: "Antigravity",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/.gemini/antigravity/mcp_config.json"),
            on(Linux, "~/.gemini/antigravity/mcp_config.json"),
            on(Windows, "~/.gemini/antigravity/mcp_config.json"),
        ],
        projects: &[],
        form: Form { remote: Some(Remote { url: "serverUrl", kind: None, untyped_is_sse: false }), ..PLAIN },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "kiro",
        title: "Kiro",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/.kiro/settings/mcp.json"),
            on(Linux, "~/.kiro/settings/mcp.json"),
            on(Windows, "~/.kiro/settings/mcp.json"),
        ],
        projects: &[".kiro/settings/mcp.json"],
        form: Form {
            remote: Some(Remote { url: "url", kind: Some("streamable-http"), untyped_is_sse: false }),
            variables: Variables::Shell,
            ..PLAIN
        },
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "crush",
        title: "Crush",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "{XDG_CONFIG_HOME|~/.config}/crush/crush.json"),
            on(Linux, "{XDG_CONFIG_HOME|~/.config}/crush/crush.json"),
            on(Windows, "{LOCALAPPDATA|~/AppData/Local}/crush/crush.json"),
        ],
        projects: &["crush.json", ".crush.json"],
        form: Form {
            key: &["mcp"],
            stdio: Stdio::Typed("stdio"),
            remote: Some(TYPED_URL),
            variables: Variables::Shell,
            timeout: Timeout::Seconds,
            ..PLAIN
        },
        passes: Passes::Shell,
        limits: NO_LIMITS,
    },
    Client {
        id: "amazon-q",
        title: "Amazon Q",
        verified: "2026-11-21",
        is_certain: false,
        files: &[
            on(Mac, "~/.aws/amazonq/mcp.json"),
            on(Linux, "~/.aws/amazonq/mcp.json"),
            on(Windows, "~/.aws/amazonq/mcp.json"),
        ],
        projects: &[".amazonq/mcp.json"],
        form: Form { timeout: Timeout::Milliseconds, ..PLAIN },
        passes: Passes::Shell,
        limits: NO_LIMITS,
    },
    Client {
        id: "jetbrains",
        title: "JetBrains AI Assistant",
        verified: "2026-11-21",
        is_certain: true,
        files: &[],
        projects: &[],
        form: PLAIN,
        passes: Passes::Desktop,
        limits: NO_LIMITS,
    },
    Client {
        id: "warp",
        title: "Warp",
        verified: "2026-11-21",
        is_certain: true,
        files: &[],
        projects: &[],
        form: PLAIN,
        passes: Passes::Shell,
        limits: Limits { reads_others: true, ..NO_LIMITS },
    },
];

/// Where a client without a file is told of a server.
#[must_use]
pub fn menu(id: &str) -> &'static str {
    match id {
        "jetbrains" => "Settings > Tools > AI Assistant > Model Context Protocol > Add > As JSON",
        _ => "Settings > AI > Manage MCP servers > Add",
    }
}
