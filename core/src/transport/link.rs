//! A pair of byte streams to a peer.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

/// How many bytes one side of a memory link takes before the writer has to wait.
const MEMORY_LINK_BYTES: usize = 256 * 1024;

/// The two directions to one peer: newline-delimited JSON-RPC messages (MCP 2025-11-25, transports, stdio).
pub struct Link {
    /// What the peer says.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What we say.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Link {
    /// Two links connected to each other; works across threads and runtimes.
    #[must_use]
    pub fn memory() -> (Self, Self) {
        let (a, b) = tokio::io::duplex(MEMORY_LINK_BYTES);
        (Self::from_stream(a), Self::from_stream(b))
    }

    fn from_stream(stream: tokio::io::DuplexStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: Box::new(reader), writer: Box::new(writer) }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}
