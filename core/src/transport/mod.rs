//! Bytes to messages and back, for either side. Knows no MCP.

mod link;

pub use link::Link;
