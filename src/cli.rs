//! What may be typed: clap types only, nothing that acts. [`crate::command`] carries it out.

mod clients;
mod kept;
mod running;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcp_proxy_core::config::LogLevel;

pub use clients::{Doctor, Import, Install, Trust, Undo, Uninstall};
pub use kept::{Secret, SecretMove, SecretSet, Token, TokenAdd};
pub use running::{Diff, Reload, Status, Tail, Which};

/// One endpoint for all your MCP servers, and a terminal that shows what happens on it.
#[derive(Debug, Parser)]
#[command(name = "mcp-proxy", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Configuration file [default: MCP_CONFIG_PATH, then ~/.config/mcp-proxy/config.yaml]
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mcp-proxy tui                        look at live traffic (a demo, until there is a configuration)
  mcp-proxy init                       write a commented configuration
  mcp-proxy import                     take over the servers your clients have
  mcp-proxy install                    put mcp-proxy into your clients
  mcp-proxy serve --stdio              what a desktop client launches
  mcp-proxy serve --http --port 8000   one endpoint for many clients, at http://127.0.0.1:8000/mcp
  mcp-proxy call tools__add a=1 b=2    call one tool";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy with the terminal UI in front
    Tui,
    /// Run the proxy without a screen: what a client launches
    #[command(visible_alias = "run")]
    Serve(Serve),
    /// Validate the configuration, without starting any server unless asked to
    Check(Check),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Write a commented configuration to start from
    Init(Init),
    /// List what clients get: tools, resources, prompts, or the servers behind them
    List(List),
    /// Call one tool
    Call(Call),
    /// Read one resource
    Read(Read),
    /// Have running engines read their configuration now; prints what changed
    Reload(Reload),
    /// Show what another configuration would change, without changing anything
    Diff(Diff),
    /// Show running engines: their servers, clients, and whether their configuration is in force
    Status(Status),
    /// Print the traffic of running engines as it comes, one line a call
    Tail(Tail),
    /// Ask a running `serve --http` whether it is up; for health checks of containers
    Health(Health),
    /// Say how the official MCP Inspector is connected to us, or start it
    Inspector(Inspector),
    /// Take over the servers your clients have; their files stay as they are
    Import(Import),
    /// Put mcp-proxy into your clients' files
    Install(Install),
    /// Take mcp-proxy out of your clients' files
    Uninstall(Uninstall),
    /// Put back every file that the last import, install or uninstall changed
    Undo(Undo),
    /// Say what is wrong between your clients, mcp-proxy and the servers, and what to do
    Doctor(Doctor),
    /// Look at the `.mcp-proxy.yaml` of a project, and say that its servers may run for clients started there
    Trust(Trust),
    /// Make, list or take away the tokens that clients show over HTTP
    #[command(subcommand)]
    Token(Token),
    /// Keep, list or take away secrets that the configuration refers to
    #[command(subcommand)]
    Secret(Secret),
    /// Run one of the servers of the built-in demo on stdin and stdout
    #[command(name = "demo-server", hide = true)]
    DemoServer {
        /// Which one.
        name: DemoServer,
    },
}

/// `serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Serve one client on stdin and stdout, whatever `proxy.transport` says
    #[arg(long)]
    pub stdio: bool,
    /// Serve clients over HTTP, whatever `proxy.transport` says; together with --stdio: both
    #[arg(long)]
    pub http: bool,
    /// Where to listen [default: `proxy.host`, else 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Which port [default: `proxy.port`, else 8000]; 0: any free one, which is logged
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Path of the endpoint [default: `proxy.path`, else /mcp]
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Show the client on stdin and stdout this part only, one of `profiles`
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Listen where others can reach it although nobody has to show a token
    #[arg(long)]
    pub insecure: bool,
    /// How log lines are written to stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Least important lines to log [default: `proxy.log_level`]
    #[arg(long, value_name = "LEVEL", value_parser = log_level)]
    pub log_level: Option<LogLevel>,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// How problems are printed
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: CheckFormat,
    /// Fail on warnings too
    #[arg(long)]
    pub strict: bool,
    /// Look at the files of the clients on this machine too
    #[arg(long)]
    pub clients: bool,
    /// Also start every server, and say of each what came of it
    #[arg(long)]
    pub online: bool,
    /// Mend what can be mended without doubt; comments and order stay, the old file is kept beside the new one
    #[arg(long)]
    pub fix: bool,
    /// Say what a code means, e.g. MP104
    #[arg(long, value_name = "CODE")]
    pub explain: Option<String>,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write [default: ~/.config/mcp-proxy/config.yaml]
    #[arg(long, value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// Take over the servers of a client's JSON file (`mcpServers`)
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
}

/// `list`
#[derive(Debug, Args)]
pub struct List {
    /// What to list [default: everything clients get]
    pub what: Option<Listing>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `call`
#[derive(Debug, Args)]
pub struct Call {
    /// The tool's name as clients see it (`mcp-proxy list tools`)
    pub name: String,
    /// Arguments; typed by the tool's input schema
    #[arg(value_name = "KEY=VALUE", conflicts_with = "args")]
    pub pairs: Vec<String>,
    /// All arguments as one JSON object
    #[arg(long, value_name = "JSON")]
    pub args: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Give up after this long, e.g. 30s, 500ms, 5m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// `read`
#[derive(Debug, Args)]
pub struct Read {
    /// The resource's URI as clients see it (`mcp-proxy list resources`)
    pub uri: String,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `health`
#[derive(Debug, Args)]
pub struct Health {
    /// Whom to ask [default: `/health` where the configuration says it listens]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// `inspector`
#[derive(Debug, Args)]
pub struct Inspector {
    /// Start it (with `npx`), instead of printing how
    #[arg(long)]
    pub run: bool,
    /// Which of its three faces
    #[arg(long, value_name = "MODE", default_value = "web")]
    pub mode: InspectorMode,
    /// Connect it to a running `serve --http` at this address [default: it starts a `serve --stdio` of its own]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// What it is given besides, e.g. -- --method tools/list
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<String>,
}

/// The faces of the MCP Inspector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InspectorMode {
    /// In the browser
    Web,
    /// One question, the answer as JSON
    Cli,
    /// In the terminal
    Tui,
}

impl InspectorMode {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Cli => "cli",
            Self::Tui => "tui",
        }
    }
}

/// What `list` can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// Tools
    Tools,
    /// Resources and resource templates
    Resources,
    /// Prompts
    Prompts,
    /// Servers as configured; never waits for one
    Servers,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How `check` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// For the log of a GitHub action
    Github,
    /// SARIF 2.1.0
    Sarif,
}

/// The servers of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoServer {
    /// Tools of every kind
    Tools,
    /// Resources, templates, prompts
    Library,
    /// A server that asks back
    Asker,
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_ascii_lowercase().as_str() {
        "trace" => Ok(LogLevel::Trace),
        "debug" => Ok(LogLevel::Debug),
        "info" => Ok(LogLevel::Info),
        "warn" | "warning" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err("one of trace, debug, info, warn, error".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| "a number with a unit, e.g. 30s".to_owned())?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err("the unit is one of ms, s, m, h".to_owned()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn product_paper_command_line_works_as_written() {
        let cli = parse("mcp-proxy run --config mcp-config.json").expect("valid");
        assert_eq!(cli.config, Some(PathBuf::from("mcp-config.json")));
        assert!(matches!(cli.command, Command::Serve(Serve { stdio: false, .. })));
    }

    #[test]
    fn config_stands_before_or_after_the_subcommand() {
        for line in ["mcp-proxy --config a.yaml list tools", "mcp-proxy list tools --config a.yaml"] {
            let cli = parse(line).expect("valid");
            assert_eq!(cli.config, Some(PathBuf::from("a.yaml")), "{line}");
        }
    }

    #[test]
    fn pairs_and_args_exclude_each_other() {
        assert!(parse("mcp-proxy call echo text=hi --args {}").is_err());
        assert!(parse("mcp-proxy call echo text=hi more=1").is_ok());
    }

    #[test]
    fn durations() {
        for (text, ms) in [("500ms", 500), ("30s", 30_000), ("2", 2_000), ("1.5m", 90_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "30 sec", "-1s", "1e99999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bare_call_is_help_not_a_panic() {
        let error = parse("mcp-proxy").expect_err("help");
        assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    }
}
