//! `mcp-proxy undo`: puts the files back that the last `install`, `uninstall` or `import` changed.

use mcp_proxy_core::config::Environment;

use super::install::{failure, short};
use crate::cli::Undo;
use crate::clients::journal::{Journal, JournalError, Undone};
use crate::report::{self, Failure};

pub(super) fn run(args: &Undo) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let journal = Journal::open(&environment).map_err(|e| failure(&e))?;
    let (record, done) = match journal.undo(args.dry_run) {
        Ok(done) => done,
        Err(JournalError::Nothing) => {
            report::note("there is nothing to undo");
            return Ok(());
        }
        Err(error) => return Err(failure(&error)),
    };
    let would = if args.dry_run { "would be " } else { "" };
    let lines: String = done
        .iter()
        .map(|(path, how)| {
            let path = short(path, &environment);
            match how {
                Undone::Restored => format!("{path} {would}put back as it was\n"),
                Undone::Removed => format!("{path} {would}removed: it was not there before\n"),
                Undone::Untouched => format!("{path} was as before already\n"),
            }
        })
        .collect();
    report::out(lines.as_bytes())?;
    if !args.dry_run {
        report::note(&format!("the last `mcp-proxy {}` is undone", record.what));
    }
    Ok(())
}
