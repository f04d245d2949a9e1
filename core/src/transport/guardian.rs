//! [`Guardian`]: a small process beside us that ends our children should we be killed.
//!
//! It is our own executable started once, with the read end of a pipe from us as its stdin. We tell it which trees run;
//! when the pipe closes, however that came about, it ends those still recorded: TERM, a second, KILL. It has a process
//! group of its own and lets INT, TERM, HUP and QUIT pass, since it must outlive us; it has none of our other pipes.
//!
//! Lines on the pipe: `add PID STARTTIME` (0 where start times are unknown) and `del PID`. Each is written by one system
//! call that never waits, whole or not at all (shorter than `PIPE_BUF`): a guardian that stopped reading for a thousand
//! lines loses some and is complained about, the engine goes on. A child that starts in the instant before its line is
//! written and we are killed is not seen: nothing short of a kernel feature could close that gap.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::child::command;
use super::tree::Tree;

/// From TERM to KILL: our user believes everything has ended already, so no longer than servers usually need.
const TERM_GRACE: Duration = Duration::from_secs(1);
/// From KILL until the guardian gives up: what hangs in the kernel cannot be helped.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(20);

/// A clonable way to the guardian process, which is started with the first child. It ends when the last clone is gone.
#[derive(Clone)]
pub struct Guardian {
    later: Option<Arc<Later>>,
}

/// A guardian that is started when there is something to guard: a client's first answer does not wait for it.
struct Later {
    exe: PathBuf,
    args: Vec<String>,
    /// `None` inside: it could not be started.
    inner: OnceLock<Option<Inner>>,
}

struct Inner {
    /// Its other end is the guardian's stdin. `None` only while being dropped.
    pipe: Option<OwnedFd>,
    /// `None` in tests, where a thread plays the guardian.
    process: Option<std::process::Child>,
    complained: AtomicBool,
}

impl Guardian {
    /// A guardian that will be `exe` with `args`, which must come to [`guardian_main`].
    #[must_use]
    pub fn new(exe: &Path, args: &[&str]) -> Self {
        let args = args.iter().map(|&a| a.to_owned()).collect();
        Self { later: Some(Arc::new(Later { exe: exe.to_owned(), args, inner: OnceLock::new() })) }
    }

    /// Starts it, if that was not done yet: before the first child. Does not wait for it. When it cannot be started that is
    /// only a warning: children are then left behind if this process is killed.
    pub(super) fn start(&self) {
        let Some(later) = &self.later else { return };
        later.inner.get_or_init(|| match Inner::start(&later.exe, &later.args) {
            Ok(inner) => Some(inner),
            Err(error) => {
                tracing::warn!(
                    exe = %later.exe.display(),
                    %error,
                    "the guardian process did not start: servers would be left behind if mcp-proxy were killed"
                );
                None
            }
        });
    }

    fn inner(&self) -> Option<&Inner> {
        self.later.as_ref()?.inner.get()?.as_ref()
    }

    /// No guardian: for tests, and for commands that end before anybody could kill them.
    #[must_use]
    pub fn none() -> Self {
        Self { later: None }
    }

    /// Process id of the guardian, once it was started.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.inner()?.process.as_ref().map(std::process::Child::id)
    }

    pub(super) fn add(&self, pid: u32, start: Option<u64>) {
        self.tell(&format!("add {pid} {}\n", start.unwrap_or(0)));
    }

    pub(super) fn del(&self, pid: u32) {
        self.tell(&format!("del {pid}\n"));
    }

    fn tell(&self, line: &str) {
        let Some(inner) = self.inner() else { return };
        let Some(pipe) = &inner.pipe else { return };
        let Err(error) = rustix::io::write(pipe, line.as_bytes()) else { return };
        if !inner.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the guardian process does not listen: servers would be left behind if mcp-proxy were killed");
        }
    }
}

impl fmt::Debug for Guardian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guardian").field("pid", &self.pid()).finish()
    }
}

impl Inner {
    fn start(exe: &Path, args: &[String]) -> io::Result<Self> {
        // No environment: it needs none, and ours has secrets. Root as directory: it must not keep a disk busy.
        let mut process = command(exe.as_os_str())
            .args(args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = process.stdin.take().ok_or_else(|| io::Error::other("no pipe to the guardian"))?;
        Self::over(pipe.into(), Some(process))
    }

    fn over(pipe: OwnedFd, process: Option<std::process::Child>) -> io::Result<Self> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe: Some(pipe), process, complained: AtomicBool::new(false) })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Some(mut process) = self.process.take() {
            // Reaped where nobody waits for it; should we end first, init does it.
            let _ = thread::Builder::new().name("guardian-reaper".to_owned()).spawn(move || process.wait());
        }
    }
}

/// What the hidden subcommand does: the guardian itself. Blocks until stdin ends. Starts no runtime and no thread.
#[must_use]
pub fn guardian_main() -> ExitCode {
    // A handler that only sets a flag nobody reads: the signal is heard and nothing happens.
    let heard = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // Without the handler it still guards against all but this signal.
        let _ = signal_hook::flag::register(signal, heard.clone());
    }
    guard(io::stdin().lock());
    ExitCode::SUCCESS
}

/// Keeps the record until `lines` ends, then ends what is in it.
fn guard(lines: impl BufRead) {
    let mut record = BTreeMap::new();
    // An unreadable pipe is as good as a closed one.
    for line in lines.split(b'\n').map_while(Result::ok) {
        note(&mut record, &line);
    }
    end_all(record.into_iter().filter_map(|(pid, start)| Tree::recorded(pid, start)).collect());
}

fn note(record: &mut BTreeMap<u32, Option<u64>>, line: &[u8]) {
    let mut words = std::str::from_utf8(line).unwrap_or("").split(' ');
    let (verb, pid) = (words.next(), words.next().and_then(|w| w.parse().ok()));
    match (verb, pid) {
        (Some("add"), Some(pid)) => {
            let start = words.next().and_then(|w| w.parse().ok());
            record.insert(pid, start.filter(|s| *s != 0));
        }
        (Some("del"), Some(pid)) => {
            record.remove(&pid);
        }
        _ => {}
    }
}

fn end_all(mut trees: Vec<Tree>) {
    // All are looked at before the first signal: one that ends may be the parent by whom another is found.
    trees.retain_mut(Tree::refresh);
    for tree in &trees {
        tree.signal(Signal::TERM);
        tree.signal(Signal::CONT);
    }
    let term = Instant::now() + TERM_GRACE;
    while !trees.is_empty() && Instant::now() < term {
        thread::sleep(LOOK);
        trees.retain_mut(Tree::refresh);
    }
    let kill = Instant::now() + KILL_GRACE;
    while !trees.is_empty() && Instant::now() < kill {
        for tree in &trees {
            tree.signal(Signal::KILL);
        }
        thread::sleep(LOOK);
        trees.retain_mut(Tree::refresh);
    }
}

#[cfg(test)]
#[path = "guardian_tests.rs"]
mod tests;
