//! The local socket of an engine: for its owner only, one JSON line a message, the same questions and answers as in the
//! same process.
//!
//! It costs the message path nothing: the engine's thread accepts connections and does no more with them; the first one
//! starts a thread that talks with all of them and ends when they have left. Unix only: on Windows this will be a named pipe
//! with the same lines, and until then there is none.

mod desk;
mod line;
mod place;
mod remote;
mod talk;

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::handle::ProxyHandle;
use crate::config::Environment;

pub use line::Hello;
pub use place::running;
pub use remote::{Remote, RemoteError};

use desk::Desk;

/// After a failure to accept (no descriptors left), before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// An engine's socket; gone when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    /// Accepts; dropping it ends the talks as well.
    _accept: JoinSet<()>,
}

impl ControlSocket {
    /// Opens a socket for an engine, in a tokio runtime; `face` says in one word what is in front of it.
    ///
    /// # Errors
    /// When there is no folder that is safe for it: where was looked and why not.
    pub fn open(handle: ProxyHandle, face: &str, environment: &Environment) -> Result<Self, String> {
        let config = handle.config();
        let hello = Hello::new(&config, face);
        let (path, listener) = place::open(environment, &hello)?;
        let mut accept = JoinSet::new();
        accept.spawn(run(listener, Desk::new(handle, hello.into())));
        Ok(Self { path, _accept: accept })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Whoever finds one that nobody listens at takes it away as well.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Lets in whoever is our user.
async fn run(listener: UnixListener, mut desk: Desk) {
    let us = rustix::process::geteuid().as_raw();
    loop {
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|them| them.uid() == us) => desk.take(stream),
            // Of another user, or gone already: closed by being dropped.
            Ok(_) => tracing::debug!("somebody else wanted in by the local socket"),
            Err(error) => {
                tracing::debug!(%error, "cannot accept on the local socket");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
