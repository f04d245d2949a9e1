//! Clients by HTTP: the rules of MCP on top of `transport/http/`.
//!
//! Input: requests that the listener has read; output: responses, whose bodies read from a session's streams. One
//! endpoint serves all editions at once: sessions for 2025-03-26 to 2025-11-25, requests that stand alone for 2026-07-28, and
//! beside it the two endpoints of 2024-11-05. Never gives one client's message to another: a session answers only to whoever
//! opened it, and each modern request is a `Session` of its own.

mod door;
mod envelope;
mod event_body;
mod handle;
mod headers;
mod known;
mod listened;
mod modern;
mod params;
mod place;
mod post;
mod posted;
mod reply;
mod response;
mod served;
mod sessions;
mod stream;
mod trace;

pub use door::Door;

pub(super) use envelope::Envelope;
pub(super) use handle::Handle;
pub(super) use reply::Reply;
pub(super) use stream::{Stream, Weight};
