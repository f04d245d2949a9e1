//! What may be typed about other programs' files.

use std::path::PathBuf;

use clap::Args;

/// `import`
#[derive(Debug, Args)]
pub struct Import {
    /// From this client or file only, e.g. cursor, .mcp.json [default: every client that is here]
    #[arg(long, value_name = "CLIENT|FILE")]
    pub from: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
    /// Leave secrets as they stand in clients' files [default: the keyring gets them, else credentials.json]
    #[arg(long)]
    pub keep_secrets: bool,
}

/// `install`
#[derive(Debug, Args)]
pub struct Install {
    /// Clients, e.g. cursor claude-code; any other word lists them [default: those that are here, after a question]
    #[arg(value_name = "CLIENT")]
    pub clients: Vec<String>,
    /// All that are here
    #[arg(long, conflicts_with = "clients")]
    pub all: bool,
    /// Give them this address of a running `serve --http`, instead of a program to start
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Let them see this part only, one of `profiles`
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub profile: Option<String>,
    /// Take out of their files what mcp-proxy starts too; `undo` puts it back
    #[arg(long)]
    pub replace: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
}

/// `uninstall`
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Clients [default: all that have it]
    #[arg(value_name = "CLIENT")]
    pub clients: Vec<String>,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `undo`
#[derive(Debug, Args)]
pub struct Undo {
    /// Show what would be put back, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `trust`
#[derive(Debug, Args)]
pub struct Trust {
    /// The project's folder [default: this one, or the nearest above that has the file]
    #[arg(value_name = "FOLDER")]
    pub path: Option<PathBuf>,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
    /// Take the word back
    #[arg(long, conflicts_with = "yes")]
    pub revoke: bool,
    /// Name what is trusted
    #[arg(long, conflicts_with_all = ["path", "yes", "revoke"])]
    pub list: bool,
    /// With --list: print JSON
    #[arg(long, requires = "list")]
    pub json: bool,
}
