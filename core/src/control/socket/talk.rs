//! One connection: a question, its answer, the next one. Nothing is kept for a reader that does not read but the one line
//! it does not take; rows it comes too late for are gone, and the journal's first id tells it how many.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::ask::Ask;
use super::super::handle::ProxyHandle;
use super::line::{Asked, Hello, Said};
use crate::observe::Subscription;

/// The longest question, in bytes: it names a file at most.
pub(super) const MAX_ASK: u64 = 64 * 1024;
/// Who does not take a line for so long has stalled.
const STALL: Duration = Duration::from_secs(30);
/// Who has not subscribed and asks nothing for so long has forgotten us.
const IDLE: Duration = Duration::from_secs(300);
/// Between two words that something has changed.
const BEAT: Duration = Duration::from_millis(33);

struct Talk {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// What has come of the next question.
    line: Vec<u8>,
    changes: Option<Subscription>,
}

/// What happens next.
enum Next {
    Line,
    End,
    Changed,
    Beat,
}

/// Talks until either side has enough. `is_full`: there is nobody left to talk to this one.
pub(super) async fn run(stream: UnixStream, handle: ProxyHandle, hello: Arc<Hello>, is_full: bool) {
    let (reader, writer) = stream.into_split();
    let mut talk = Talk { reader: BufReader::new(reader), writer, line: Vec::new(), changes: None };
    if is_full {
        let why = "too many are connected to this mcp-proxy already: end one of them";
        // It may have left.
        let _ = talk.say(&Said::Closed(why.to_owned())).await;
        return;
    }
    if talk.say(&Said::Hello(Hello::clone(&hello))).await.is_some() {
        talk.go_on(&handle).await;
    }
}

impl Talk {
    /// `None`: the end.
    async fn go_on(&mut self, handle: &ProxyHandle) -> Option<()> {
        let mut is_owed = false;
        let mut beat = Instant::now();
        loop {
            match timeout(IDLE, self.next(is_owed, beat)).await {
                Err(_) if self.changes.is_some() => {}
                Err(_) | Ok(Next::End) => return None,
                Ok(Next::Changed) => is_owed = true,
                Ok(Next::Beat) => {
                    is_owed = false;
                    self.say(&Said::Changed).await?;
                    beat = Instant::now() + BEAT;
                }
                Ok(Next::Line) => {
                    let line = std::mem::take(&mut self.line);
                    if !line.ends_with(b"\n") {
                        return self.close("a question over 64 KiB, or without its end").await;
                    }
                    let asked = match serde_json::from_slice::<Asked>(&line) {
                        Ok(asked) => asked,
                        Err(error) => return self.close(&format!("no question: {error}")).await,
                    };
                    if asked.ask == Ask::Subscribe {
                        self.changes = Some(handle.subscribe());
                    }
                    let told = handle.ask(asked.ask).await;
                    self.say(&Said::Told { id: asked.id, told }).await?;
                }
            }
        }
    }

    /// # Cancel safety
    /// Cancel safe: what was read of a line stays in `self.line`.
    async fn next(&mut self, is_owed: bool, beat: Instant) -> Next {
        let room = MAX_ASK.saturating_sub(self.line.len() as u64);
        let mut limited = (&mut self.reader).take(room);
        let changed = async {
            match &mut self.changes {
                Some(changes) => changes.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            n = limited.read_until(b'\n', &mut self.line) => match n {
                Ok(_) if !self.line.is_empty() => Next::Line,
                _ => Next::End,
            },
            () = changed, if !is_owed => Next::Changed,
            () = sleep_until(beat), if is_owed => Next::Beat,
        }
    }

    /// Writes a line. `None`: it is not taken.
    async fn say(&mut self, said: &Said) -> Option<()> {
        let mut line = serde_json::to_vec(said).ok()?;
        line.push(b'\n');
        timeout(STALL, self.writer.write_all(&line)).await.ok()?.ok()
    }

    async fn close(&mut self, why: &str) -> Option<()> {
        self.say(&Said::Closed(why.to_owned())).await?;
        None
    }
}
