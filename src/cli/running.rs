//! What may be typed about engines that run.

use std::path::PathBuf;

use clap::Args;

/// Which of the engines that run; with `--config` only those of that file.
#[derive(Clone, Debug, Default, Args)]
pub struct Which {
    /// Only the engine of this process [default: all; may be repeated]
    #[arg(long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,
}

/// `reload`
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    /// Which.
    pub which: Which,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// The other configuration [default: the file itself, against what running engines go by]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    /// Which.
    pub which: Which,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `status`
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    /// Which.
    pub which: Which,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `tail`
#[derive(Debug, Args)]
pub struct Tail {
    #[command(flatten)]
    /// Which.
    pub which: Which,
    /// Only what passes, as in the terminal, e.g. '~be github ~e' or '~lat >1s'
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Begin with so many of the last ones
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    pub last: u64,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}
