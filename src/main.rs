//! mcp-proxy
fn main() {}
