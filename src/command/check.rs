//! `mcp-proxy check`: the configuration without any server. Exit 0 well, 1 problems, 2 unreadable.

use std::path::Path;

use mcp_proxy_core::config::render;

use super::{doctor, load};
use crate::cli::{Check, CheckFormat};
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Check) -> Result<(), Failure> {
    let mut loaded = load::check(config);
    if args.clients {
        loaded.diagnostics.extend(doctor::of_clients(config, &loaded));
    }
    match args.format {
        CheckFormat::Human => {
            let text = load::human(&loaded, report::colour(report::stdout_is_terminal()));
            report::out(text.as_bytes())?;
        }
        CheckFormat::Json => report::out(format!("{}\n", render::json(&loaded)).as_bytes())?,
    }
    match loaded.exit_code(args.strict) {
        0 => Ok(()),
        1 => Err(Failure::failed("").said()),
        _ => Err(Failure::usage("").said()),
    }
}
