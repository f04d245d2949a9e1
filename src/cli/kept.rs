//! What may be typed about what is kept: tokens of those who come, secrets of servers.

use clap::{Args, Subcommand};

/// `token`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token: it is printed once, and only its hash is kept
    Add(TokenAdd),
    /// Name the tokens that are known, and what they open
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a token away: who shows it is refused from then on
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name
        name: String,
    },
}

/// `token add`
#[derive(Debug, Args)]
pub struct TokenAdd {
    /// Who will show it, e.g. laptop
    pub name: String,
    /// Open this server only, by name; `*` stands for any characters [default: all; may be repeated]
    #[arg(long = "server", value_name = "SERVER")]
    pub servers: Vec<String>,
    /// Open these tools only, by the name clients see, e.g. 'files__read*' [default: all; may be repeated]
    #[arg(long = "tool", value_name = "PATTERN")]
    pub tools: Vec<String>,
    /// Never open these tools [may be repeated]
    #[arg(long = "deny-tool", value_name = "PATTERN")]
    pub deny: Vec<String>,
}

/// `secret`
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Keep a value in the keyring (else in credentials.json); it is asked for, or read from stdin
    Set(SecretSet),
    /// Name what is kept and where, and what the configuration asks the keyring for; never a value
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take one away
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name
        name: String,
    },
    /// Move the secrets that stand in the configuration, and write references in their place
    Move(SecretMove),
}

/// `secret set`
#[derive(Debug, Args)]
pub struct SecretSet {
    /// What `${keyring:NAME}` or `${NAME}` refers to
    pub name: String,
    /// Keep it in credentials.json even where there is a keyring, e.g. for a service
    #[arg(long)]
    pub credentials: bool,
}

/// `secret move`
#[derive(Debug, Args)]
pub struct SecretMove {
    /// Only say what would be moved
    #[arg(long)]
    pub dry_run: bool,
    /// Keep them in credentials.json even where there is a keyring
    #[arg(long)]
    pub credentials: bool,
}
