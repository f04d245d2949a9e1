//! What a message is: raw bytes, scanned once, changed only by splicing. No I/O, no clock, no tokio.

mod envelope;
mod fault;
mod id;
mod locate;
mod marks;
mod message;
mod method;
#[cfg(test)]
mod properties;
mod revision;
mod salvage;
mod scan;
mod spans;
mod splice;
mod text;
pub mod walk;

pub use fault::{Fault, code};
pub use id::{CallId, RequestId, SessionId, WireId};
pub use message::{Field, Frame, Kind, Malformed, MalformedKind, Message, Span};
pub use method::Method;
pub use revision::{Era, Revision};
pub use splice::{Patch, Run, Spliced};
pub use text::floor_char;
