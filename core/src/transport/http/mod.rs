//! HTTP/1.1 in front: bytes <-> requests and responses. Knows no MCP.

mod body;
mod connection;
mod events;
mod listener;
mod pulse;

pub use body::{Body, Runs};
pub use events::{EventId, comment, event, priming};
pub use listener::{Listener, Serve};
