//! The subcommands, one file each: typed command line in, `Ok` or a [`Failure`] out.

mod call;
mod check;
#[cfg(unix)]
mod columns;
mod diff;
mod doctor;
mod engine;
mod engines;
mod health;
mod import;
mod init;
mod inspector;
mod install;
mod listen;
mod list;
mod load;
mod online;
mod peer;
mod plan;
mod read;
mod reload;
mod schema;
mod secret;
mod serve;
mod status;
mod tail;
mod token;
mod trust;
mod tui;
mod undo;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};
use crate::demo;
use crate::report::Failure;

/// Carries out what was typed.
///
/// # Errors
/// What the user is told.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Tui => tui::run(config),
        Command::Serve(args) => serve::run(config, &args),
        Command::Check(args) => check::run(config, &args),
        Command::Schema => schema::run(),
        Command::Init(args) => init::run(&args),
        Command::List(args) => list::run(config, &args),
        Command::Call(args) => call::run(config, &args),
        Command::Read(args) => read::run(config, &args),
        Command::Reload(args) => reload::run(config, &args),
        Command::Diff(args) => diff::run(config, &args),
        Command::Status(args) => status::run(config, &args),
        Command::Tail(args) => tail::run(config, &args),
        Command::Health(args) => health::run(config, &args),
        Command::Inspector(args) => inspector::run(config, &args),
        Command::Import(args) => import::run(config, &args),
        Command::Install(args) => install::install(config, &args),
        Command::Uninstall(args) => install::uninstall(config, &args),
        Command::Undo(args) => undo::run(&args),
        Command::Doctor(args) => doctor::run(config, &args),
        Command::Trust(args) => trust::run(&args),
        Command::Token(args) => token::run(config, args),
        Command::Secret(args) => secret::run(config, args),
        Command::DemoServer { name } => runtime()?.block_on(demo::serve(name)),
    }
}

/// Ends recorded process groups when the pipe from the process that started it closes.
#[must_use]
pub fn guardian() -> ExitCode {
    engine::guardian()
}

/// The message path runs on one thread: a hop between threads costs more than all else on it.
fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed("cannot start the runtime").because(e))
}
