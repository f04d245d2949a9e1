//! `mcp-proxy check`: the configuration without any server. Exit 0 well, 1 problems, 2 unreadable.

use std::path::Path;

use super::load;
use crate::cli::{Check, CheckFormat};
use crate::report::{self, Exit, Failure};

pub(super) fn run(config: Option<&Path>, args: &Check) -> Result<(), Failure> {
    let checked = load::check(config)?;
    match args.format {
        CheckFormat::Human => report::out(checked.human.as_bytes())?,
        CheckFormat::Json => report::out(format!("{:#}\n", checked.json).as_bytes())?,
    }
    if checked.n_errors > 0 || (args.strict && checked.n_warnings > 0) {
        // All has been said on stdout.
        return Err(Failure { what: String::new(), cause: None, hint: None, exit: Exit::Failed });
    }
    Ok(())
}
