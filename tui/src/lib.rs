//! The terminal of mcp-proxy.
