//! HTTP, and no MCP: a client for servers reached by URL, a listener for clients (HTTP/1.1), and server-sent events both ways.

mod body;
mod chunks;
mod client;
mod connect;
mod connection;
mod events;
mod failed;
mod follow;
mod framing;
mod head;
mod inflate;
mod listener;
mod pulse;
mod receipt;
mod redirect;
mod response;
mod shown;
mod sse;
mod taken;
mod tap;
#[cfg(test)]
mod testing;
mod tls;
mod wire;

pub use body::{Body, Runs};
pub use client::{ClientSpec, HttpClient, HttpClients, Url};
pub use events::{EventId, comment, event, priming};
pub use failed::HttpError;
pub use head::{copy_head, drop_head};
pub use listener::{Listener, Move, Serve};
pub use receipt::Receipt;
pub use response::HttpResponse;
pub use shown::{request_head, response_head};
pub use sse::{EventParser, Framed};
