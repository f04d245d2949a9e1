//! End to end: the real binary in a clean environment, in front of scripted servers, driven by raw lines.

mod harness;

mod bad_files;
mod bad_input;
mod catalog;
mod check;
mod cli;
mod clients;
mod edge_cases;
mod eras;
mod fakes;
mod http;
mod inspect;
mod processes;
mod progress_cancel;
mod project;
mod reload;
mod remote;
mod rmcp_peers;
mod rooms;
mod rounds;
mod roundtrip;
mod tasks;
mod terminal;
#[cfg(unix)]
mod tmux;
mod token;
mod upcalls;
