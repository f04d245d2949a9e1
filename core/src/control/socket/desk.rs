//! [`Desk`]: the thread that talks with those who have connected. Started with the first of them, gone when nobody is left.

use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;

use super::super::handle::ProxyHandle;
use super::line::Hello;
use super::talk;

/// Who talks at the same time, at most: screens and commands of one user.
const N_TALKS: usize = 32;
/// The thread stays for so long after the last one has left: commands come in rows.
const STAY: Duration = Duration::from_secs(5);

/// Where the accepted go.
pub(super) struct Desk {
    handle: ProxyHandle,
    hello: Arc<Hello>,
    /// The thread has the other end, while it runs.
    to: Option<mpsc::Sender<StdStream>>,
}

impl Desk {
    pub(super) const fn new(handle: ProxyHandle, hello: Arc<Hello>) -> Self {
        Self { handle, hello, to: None }
    }

    /// Somebody has come. Who comes while too many wait is sent away by being dropped.
    pub(super) fn take(&mut self, stream: UnixStream) {
        let Ok(stream) = stream.into_std() else { return };
        let stream = match &self.to {
            None => stream,
            Some(to) => match to.try_send(stream) {
                Ok(()) | Err(TrySendError::Full(_)) => return,
                // It was about to end.
                Err(TrySendError::Closed(stream)) => stream,
            },
        };
        let (to, from) = mpsc::channel(N_TALKS);
        // There is room for the first one.
        let _ = to.try_send(stream);
        let (handle, hello) = (self.handle.clone(), self.hello.clone());
        match thread::Builder::new().name("control".to_owned()).spawn(move || serve(from, &handle, &hello)) {
            Ok(_) => self.to = Some(to),
            Err(error) => tracing::debug!(%error, "cannot start a thread for the local socket"),
        }
    }
}

/// The thread's body: ends when nobody is left, or when the engine ends.
fn serve(mut from: mpsc::Receiver<StdStream>, handle: &ProxyHandle, hello: &Arc<Hello>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let mut talks = JoinSet::new();
        let mut is_closing = false;
        loop {
            tokio::select! {
                biased;
                stream = from.recv() => match stream {
                    Some(stream) => {
                        if let Ok(stream) = UnixStream::from_std(stream) {
                            let is_full = talks.len() >= N_TALKS;
                            talks.spawn(talk::run(stream, handle.clone(), hello.clone(), is_full));
                        }
                    }
                    // The last of those who came while it was closing.
                    None if is_closing => break,
                    // The engine ends.
                    None => return talks.shutdown().await,
                },
                Some(_) = talks.join_next() => {}
                () = tokio::time::sleep(STAY), if talks.is_empty() && !is_closing => {
                    is_closing = true;
                    from.close();
                }
            }
        }
        while talks.join_next().await.is_some() {}
    });
}
