//! Bytes to messages and back, for either side; processes; mailboxes between tasks. Knows no MCP.

mod batch;
mod child;
mod environment;
mod foreground;
mod guardian;
pub mod http;
mod lines;
mod link;
mod login_shell;
mod mailbox;
mod outbox;
mod search_path;
mod stdio;
mod tls;
mod tls_own;
mod tree;

pub use child::{Child, ChildSpec, Ended, ExitReason, Grace};
pub use environment::child_env;
pub use foreground::{become_program, first_line};
pub use guardian::{Guardian, guardian_main};
pub use lines::{Line, Lines, TOGETHER, TooLong};
pub use link::Link;
pub use login_shell::{find_program, login_shell_path, login_shell_path_with};
pub use mailbox::Mailbox;
pub use outbox::Outbox;
pub use search_path::{NotFound, SearchPath};
pub use stdio::own_stdio;
pub use tls::{Certificate, TlsError};
pub use tls_own::to_own_door;
