//! Bytes to messages and back, for either side; processes; mailboxes between tasks. Knows no MCP.

mod lines;
mod link;
mod mailbox;
mod outbox;

pub use lines::{Line, Lines};
pub use link::Link;
pub use mailbox::Mailbox;
pub use outbox::Outbox;
