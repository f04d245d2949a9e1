//! HTTP, and no MCP: a client for servers reached by URL, and the framing of server-sent events.

mod client;
mod redirect;
mod sse;
mod tls;

pub use client::{ClientSpec, HttpClient, HttpClients, HttpError, HttpResponse, Url};
pub use sse::{EventParser, Framed};
