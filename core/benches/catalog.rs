//! What a merge costs, and what a list answer costs once there is a catalog: it must be next to nothing beside a merge.

#![expect(clippy::unwrap_used, reason = "a bench is no product code: a configuration that does not load must stop it")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use divan::{Bencher, black_box};
use mcp_proxy_core::backend::{ItemKind, Offer, OfferState};
use mcp_proxy_core::catalog::{Catalog, Source, merge};
use mcp_proxy_core::config::{Config, Environment, load_text};
use mcp_proxy_core::protocol::{Era, Revision};

fn main() {
    divan::main();
}

/// Ten servers with 28 tools each: what 18 well-known ones list together.
const SERVERS: usize = 10;
const TOOLS: usize = 28;

fn config() -> Config {
    let servers: String = (0..SERVERS).map(|n| format!("  server-{n}: {{ command: unused }}\n")).collect();
    let text = format!("version: 1\nservers:\n{servers}");
    load_text(&text, Path::new("/config.yaml"), &Environment::empty()).config.unwrap()
}

/// A tool of about 900 bytes.
fn tool(n: usize) -> Bytes {
    let property = |name: &str| {
        format!(
            r#""{name}":{{"type":"string","description":"what the tool has to know of {name}, in a sentence or two as people write them"}}"#
        )
    };
    let properties = ["path", "mode", "encoding", "pattern", "depth"].map(property).join(",");
    Bytes::from(format!(
        r#"{{"name":"tool_{n}","title":"Tool {n}","description":"does the thing number {n} and says how it went, with all that a model wants to know before it calls it","inputSchema":{{"type":"object","properties":{{{properties}}},"required":["path"]}}}}"#
    ))
}

fn sources(config: &Config) -> Vec<Source> {
    let offer = Arc::new(Offer {
        revision: Revision::NEWEST_LEGACY,
        capabilities: Bytes::from_static(br#"{"tools":{}}"#),
        info: None,
        instructions: Some("what this server is for".to_owned()),
        items: [(0..TOOLS).map(tool).collect(), Vec::new(), Vec::new(), Vec::new()],
    });
    let known = |server: &Arc<_>| Source {
        server: Arc::clone(server),
        state: OfferState::Known { offer: offer.clone(), cached: false },
    };
    config.servers.iter().map(known).collect()
}

fn catalog() -> Catalog {
    let config = config();
    let catalog = merge(&sources(&config), &config.routing, None, 1);
    assert_eq!(catalog.items[ItemKind::Tool as usize].len(), SERVERS * TOOLS);
    catalog
}

/// After a change of one server: everything is merged again.
#[divan::bench]
fn merge_all(bencher: Bencher<'_, '_>) {
    let config = config();
    let sources = sources(&config);
    bencher.bench(|| merge(black_box(&sources), &config.routing, None, 1));
}

/// What a client's list costs.
#[divan::bench(args = [Era::Legacy, Era::Modern])]
fn list(bencher: Bencher<'_, '_>, era: Era) {
    let catalog = catalog();
    bencher.bench(|| black_box(&catalog).list(ItemKind::Tool, era));
}

/// Where a call goes.
#[divan::bench]
fn look_up(bencher: Bencher<'_, '_>) {
    let catalog = catalog();
    bencher.bench(|| black_box(&catalog).tool(black_box("server-7__tool_21")).is_some());
}
