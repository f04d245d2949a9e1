//! The built-in demo: three small MCP servers, started as child processes of this same executable so that the whole real
//! path is used, and a client that makes calls, so that a newcomer sees live traffic at once.

mod asker;
mod client;
mod library;
mod tools;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_proxy_core::config::{Config, LogLevel, Server};
use rmcp::model::Implementation;
use rmcp::transport::stdio;

use crate::cli::DemoServer;
use crate::log;
use crate::report::Failure;

pub use client::{Pace, run as client};

/// A small picture, for a tool and a resource.
const PICTURE: &[u8] = include_bytes!("picture.png");

/// The configuration of the demo: its servers are started from `exe`, our own executable.
#[must_use]
pub fn config(exe: &Path) -> Config {
    let exe = exe.to_string_lossy();
    let server = |name: &str| {
        // What the demo lists is known as soon as it runs: nothing of it belongs on the user's disk.
        Arc::new(Server { cache_lists: false, ..Server::stdio(name, &exe, &["demo-server", name]) })
    };
    Config {
        name: "mcp-proxy demo".to_owned(),
        instructions: Some("The built-in demo of mcp-proxy: harmless tools to try.".to_owned()),
        servers: ["tools", "library", "asker"].map(server).to_vec(),
        ..Config::default()
    }
}

/// Runs one of the servers on stdin and stdout until stdin ends.
///
/// # Errors
/// When the client does not open the talk as it should.
pub async fn serve(which: DemoServer) -> Result<(), Failure> {
    log::start_untimed(LogLevel::Info);
    match which {
        DemoServer::Tools => tools::serve(stdio()).await,
        DemoServer::Library => library::serve(stdio()).await,
        DemoServer::Asker => asker::serve(stdio()).await,
    }
    .map_err(|e| Failure::failed("the demo server ended").because(e))
}

fn picture() -> String {
    STANDARD.encode(PICTURE)
}

fn about(name: &str, title: &str) -> Implementation {
    Implementation::new(format!("mcp-proxy-demo-{name}"), env!("CARGO_PKG_VERSION")).with_title(title)
}

/// Why a demo server ended early.
type ServeError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod peers;

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_server_of_the_demo_can_be_started() {
        let config = config(Path::new("/bin/mcp-proxy"));
        let configured: Vec<&str> = config.servers.iter().map(|s| &*s.name).collect();
        let known: Vec<String> = DemoServer::value_variants()
            .iter()
            .filter_map(|v| v.to_possible_value().map(|p| p.get_name().to_owned()))
            .collect();
        assert_eq!(configured, known);
    }

    #[test]
    fn picture_is_a_png() {
        assert_eq!(&PICTURE[..8], b"\x89PNG\r\n\x1a\n");
    }
}
