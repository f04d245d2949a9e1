//! HTTP, and no MCP: a client for servers reached by URL, a listener for clients (HTTP/1.1), and server-sent events both ways.

mod body;
mod chunks;
mod client;
mod connection;
mod events;
mod head;
mod listener;
mod pulse;
mod receipt;
mod redirect;
mod shown;
mod sse;
mod tls;

pub use body::{Body, Runs};
pub use client::{ClientSpec, HttpClient, HttpClients, HttpError, HttpResponse, Url};
pub use events::{EventId, comment, event, priming};
pub use listener::{Listener, Move, Serve};
pub use receipt::Receipt;
pub use shown::{request_head, response_head};
pub use sse::{EventParser, Framed};
