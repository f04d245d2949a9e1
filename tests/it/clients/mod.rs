//! Other programs' files: what is taken from them, put into them, and put back.

mod files;
mod golden;
mod journey;
mod profile;
mod replace;

use std::fs;
use std::path::PathBuf;

use crate::harness::Home;

/// Writes a file below the home of this world.
fn put(home: &Home, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = home.path("home").join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(&path, text).expect("written");
    path
}

fn read(home: &Home, path: &str) -> String {
    fs::read_to_string(home.path("home").join(path)).unwrap_or_default()
}

/// Output without what is different in every run.
fn plain(home: &Home, text: &str) -> String {
    let exe = fs::canonicalize(env!("CARGO_BIN_EXE_mcp-proxy")).expect("built");
    let text = text.replace(exe.to_str().expect("text"), "/usr/local/bin/mcp-proxy");
    let text = text.replace(env!("CARGO_BIN_EXE_mcp-proxy"), "/usr/local/bin/mcp-proxy");
    let text = text.replace(env!("CARGO_BIN_EXE_fake-server"), "fake-server");
    text.replace(home.path("home").to_str().expect("text"), "~")
}
