//! The program: reads the command line, calls the engine or the terminal, says how it went.
//!
//! A library, so that the fake server of the tests can be a binary of the same package.

pub mod arguments;
pub mod cli;
pub mod client;
pub mod clients;
pub mod command;
pub mod demo;
pub mod log;
pub mod render;
pub mod report;
pub mod signals;

use std::process::ExitCode;

use clap::Parser as _;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    // The guardian outlives everything else and is started with every server: before anything that takes memory.
    if std::env::args_os().nth(1).is_some_and(|a| a == "guardian") {
        return command::guardian();
    }
    report::end(command::run(cli::Cli::parse()))
}
