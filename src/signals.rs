//! INT, TERM and HUP: the first one ends the process in order, a second INT or TERM at once.
//!
//! HUP reloads a headless `serve --http`; everywhere else it ends the process like TERM.

use crate::report::Failure;

/// Listens for the signals that end us. While it lives they no longer end the process by themselves.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts listening; inside a runtime with I/O.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    #[cfg(unix)]
    pub fn open() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        let open = |kind| signal(kind).map_err(|e| Failure::failed("cannot listen for signals").because(e));
        Ok(Self {
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
            hangup: open(SignalKind::hangup())?,
        })
    }

    /// Starts listening; inside a runtime with I/O.
    ///
    /// # Errors
    /// Never on this system.
    #[cfg(not(unix))]
    pub fn open() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Waits for a signal and gives its name.
    ///
    /// # Cancel safety
    /// Cancel safe.
    #[cfg(unix)]
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            Some(()) = self.interrupt.recv() => "INT",
            Some(()) = self.terminate.recv() => "TERM",
            Some(()) = self.hangup.recv() => "HUP",
            else => std::future::pending().await,
        }
    }

    /// Waits for one that does not want to wait for the end: HUP comes along with TERM when a terminal or a session closes.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn impatient(&mut self) -> &'static str {
        loop {
            let signal = self.next().await;
            if signal != "HUP" {
                return signal;
            }
        }
    }

    /// Waits for Ctrl-C.
    ///
    /// # Cancel safety
    /// Cancel safe.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "INT",
            Err(_) => std::future::pending().await,
        }
    }
}
