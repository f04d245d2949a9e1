//! Writes flows into a file as they end. Reads the journal by a cursor, as every reader does: who is late loses the oldest rows,
//! and the file says how many. A slow disk keeps nobody waiting but this.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::time::Duration;

use mcp_proxy_core::control::ProxyHandle;
use mcp_proxy_core::observe::Status;
use mcp_proxy_core::protocol::CallId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::recording;

/// Rows looked at in one go.
const N_ROWS: usize = 256;
/// Text written at once, about.
const CHUNK: usize = 256 * 1024;
/// Rows that have not ended and are waited for, at most.
const N_OPEN: usize = 16_384;
/// Time between two looks at a busy journal.
const PAUSE: Duration = Duration::from_millis(50);

/// What is written, and how far it is.
struct Recorder {
    handle: ProxyHandle,
    file: Option<File>,
    text: String,
    /// The first row nothing is known of.
    next: u64,
    /// Rows that have not ended.
    open: BTreeSet<u64>,
    /// The journal's version of the last look.
    version: u64,
}

/// Writes until `stop`; what begins from now on counts. Gives how it ended.
pub(super) async fn run(handle: ProxyHandle, file: File, stop: CancellationToken) -> io::Result<()> {
    let (_, version) = handle.flows_changed(0);
    let next = handle.flows(CallId(u64::MAX), 1).next.0;
    let mut news = handle.subscribe();
    let mut recorder =
        Recorder { handle, file: Some(file), text: recording::header(), next, open: BTreeSet::new(), version };
    recorder.flush().await?;
    loop {
        tokio::select! { biased;
            () = stop.cancelled() => break,
            () = news.changed() => {}
        }
        recorder.look().await?;
        // Whoever stops us need not wait for the pause.
        let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
    }
    recorder.look().await?;
    recorder.flush().await
}

impl Recorder {
    async fn look(&mut self) -> io::Result<()> {
        let (changed, version) = self.handle.flows_changed(self.version);
        self.version = version;
        match changed {
            Some(ids) => {
                for id in ids {
                    self.take(id).await?;
                }
            }
            None => self.scan().await?,
        }
        self.flush().await
    }

    /// Looks at all rows again that may have ended.
    async fn scan(&mut self) -> io::Result<()> {
        let mut from = self.open.first().copied().unwrap_or(self.next).min(self.next);
        loop {
            let window = self.handle.flows(CallId(from), N_ROWS);
            let gone = self.open.range(..window.first.0).count() as u64;
            let lost = gone + window.first.0.saturating_sub(self.next);
            self.open = self.open.split_off(&window.first.0);
            self.next = self.next.max(window.first.0);
            if lost > 0 {
                self.text.push_str(&recording::lost(lost));
            }
            let Some(last) = window.rows.last().map(|row| row.id.0) else { return Ok(()) };
            for row in &window.rows {
                self.take(row.id).await?;
            }
            from = last + 1;
            if from >= window.next.0 {
                return Ok(());
            }
        }
    }

    /// Writes a row that has ended and was not written before.
    async fn take(&mut self, id: CallId) -> io::Result<()> {
        let is_new = id.0 >= self.next;
        if !is_new && !self.open.contains(&id.0) {
            return Ok(());
        }
        self.next = self.next.max(id.0 + 1);
        let Some(flow) = self.handle.flow(id) else {
            self.open.remove(&id.0);
            self.text.push_str(&recording::lost(1));
            return Ok(());
        };
        if flow.status == Status::Pending {
            self.open.insert(id.0);
            if self.open.len() > N_OPEN {
                self.open.pop_first();
                self.text.push_str(&recording::lost(1));
            }
            return Ok(());
        }
        self.open.remove(&id.0);
        self.text.push_str(&recording::line(&flow, None));
        if self.text.len() >= CHUNK { self.flush().await } else { Ok(()) }
    }

    /// Writes what there is, on a thread that may wait for a disk.
    async fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let text = std::mem::take(&mut self.text);
        let mut writing = JoinSet::new();
        writing.spawn_blocking(move || file.write_all(text.as_bytes()).map(|()| file));
        match writing.join_next().await {
            Some(Ok(written)) => self.file = Some(written?),
            _ => return Err(io::Error::other("the thread that writes has broken down")),
        }
        Ok(())
    }
}
