//! What `mcp-proxy init` writes.

/// A configuration without servers, with every key explained that matters in the beginning. It loads as it is.
pub const TEMPLATE: &str = include_str!("template.yaml");
