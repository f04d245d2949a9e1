//! [`Child`]: a process as stdin, stdout and stderr. The only place a process starts or is ended.
//!
//! Every child leads a process group of its own and is ended with its whole tree (what a tree is: `tree.rs`). It never
//! outlives its [`Child`]: [`Child::end`] ends it in order, a drop kills it, and should this process itself be killed,
//! the [`Guardian`] does it. Nothing here reads or writes the pipes: they belong to whoever takes them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{sleep, timeout};

use super::Guardian;
use super::batch::as_batch;
use super::tree::Tree;

/// First pause between two looks at a tree that was told to end; it doubles up to [`LONGEST_LOOK`]. Most processes need a
/// few milliseconds after TERM, and a look costs about one.
const FIRST_LOOK: Duration = Duration::from_millis(5);
/// Longest such pause: what a stop may take too long by.
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// What to start.
#[derive(Clone)]
pub struct ChildSpec {
    /// The program, already found on PATH: absolute, since a relative one means different things with a `cwd`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Working directory; `None`: ours.
    pub cwd: Option<PathBuf>,
    /// The whole environment: nothing of ours is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// On Linux it interrupts nobody when it is woken (`batch.rs`).
    pub is_batch: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// It exited with this code. -1: it is gone, but the system would not say how.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

/// How long each step of [`Child::end`] may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// After its stdin was closed.
    pub eof: Duration,
    /// After TERM.
    pub term: Duration,
    /// After KILL.
    pub kill: Duration,
}

/// Which step of [`Child::end`] the main process needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It had ended before, or left when its stdin was closed.
    Eof(ExitReason),
    /// It left after TERM.
    Term(ExitReason),
    /// It had to be killed.
    Kill(ExitReason),
    /// It did not go even then (it hangs in the kernel): the guardian tries once more when we end.
    Lost,
}

/// A running process and its pipes. Dropping it kills the whole tree.
#[derive(Debug)]
pub struct Child {
    /// Its stdin. Whoever takes it must drop it before [`Child::end`], or the process never sees the end of it.
    pub stdin: Option<ChildStdin>,
    /// Its stdout. Go on reading until it ended: a process that cannot write may not be able to leave.
    pub stdout: Option<ChildStdout>,
    /// Its stderr. As with stdout.
    pub stderr: Option<ChildStderr>,
    process: tokio::process::Child,
    pid: u32,
    tree: Tree,
    exit: Option<ExitReason>,
    /// Nothing of the tree is left, or nothing more can be done.
    done: bool,
    guardian: Guardian,
}

impl Child {
    /// Starts a process with three pipes, as leader of a process group of its own, and tells the guardian. Needs a tokio
    /// runtime. Blocks for as long as the kernel takes to load the program.
    ///
    /// # Errors
    /// When the system cannot start it: not there, not executable, no such `cwd`, too many processes. Nothing runs then.
    pub fn spawn(spec: &ChildSpec, guardian: &Guardian) -> io::Result<Self> {
        Self::start(spec, guardian, Stdio::piped(), Stdio::piped())
    }

    /// As [`Child::spawn`], on a thread that no message waits for: loading a program takes a millisecond or more.
    ///
    /// # Errors
    /// As [`Child::spawn`]; also when the runtime is going down.
    ///
    /// # Cancel safety
    /// Cancelling it drops the child once it is there: it is killed.
    pub async fn spawn_aside(spec: ChildSpec, guardian: Guardian) -> io::Result<Self> {
        let spawned = tokio::task::spawn_blocking(move || Self::spawn(&spec, &guardian));
        spawned.await.map_err(|_| io::Error::other("mcp-proxy is shutting down"))?
    }

    /// As [`Child::spawn`], for a program that only answers on stdout.
    pub(super) fn spawn_quiet(spec: &ChildSpec, guardian: &Guardian) -> io::Result<Self> {
        Self::start(spec, guardian, Stdio::null(), Stdio::null())
    }

    fn start(spec: &ChildSpec, guardian: &Guardian, stdin: Stdio, stderr: Stdio) -> io::Result<Self> {
        let mut command = tokio::process::Command::from(command(spec.program.as_os_str()));
        command.args(&spec.args).env_clear().envs(spec.env.iter().map(|(name, value)| (name, value)));
        command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
        if let Some(cwd) = &spec.cwd {
            command.current_dir(cwd);
        }
        guardian.start();
        let mut process = if spec.is_batch { as_batch(|| command.spawn())? } else { command.spawn()? };
        let (pid, tree) = process
            .id()
            .and_then(|pid| Some((pid, Tree::of(pid)?)))
            .ok_or_else(|| io::Error::other("the system gave no process id"))?;
        guardian.add(pid, tree.start());
        Ok(Self {
            stdin: process.stdin.take(),
            stdout: process.stdout.take(),
            stderr: process.stderr.take(),
            process,
            pid,
            tree,
            exit: None,
            done: false,
            guardian: guardian.clone(),
        })
    }

    /// Its process id, which is its process group too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the main process has ended; call [`Child::end`] then, for what it may have left behind. Leaves its
    /// stdin open.
    ///
    /// # Cancel safety
    /// Cancel safe; once it has ended the answer stays the same.
    pub async fn wait(&mut self) -> ExitReason {
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = match self.process.wait().await {
            Ok(status) => status.into(),
            // Somebody set SIGCHLD to "ignore" before starting us: the kernel reaps without telling.
            Err(_) => ExitReason::Code(-1),
        };
        self.exit = Some(exit);
        exit
    }

    /// Ends it with everything it started: closes its stdin and waits `grace.eof` for the main process; TERM to the whole
    /// tree, `grace.term`; KILL, `grace.kill`. When the main process is gone and others of its tree are not, these get
    /// TERM and KILL in the same way. Everything is reaped.
    ///
    /// # Cancel safety
    /// Cancelling it drops the child: the tree is killed at once.
    pub async fn end(mut self, grace: Grace) -> Ended {
        if self.exit.is_none() {
            // Before it may leave: afterwards nobody could tell whose children those in other groups were.
            self.look().await;
        }
        drop(self.stdin.take());
        let mut ended = timeout(grace.eof, self.wait()).await.map_or(Ended::Lost, Ended::Eof);
        let mut gone = self.exit.is_some() && !(self.tree.may_live() && self.look().await);
        if !gone {
            if self.exit.is_none() {
                self.look().await;
            }
            self.terminate();
            gone = timeout(grace.term, self.gone()).await.is_ok();
            ended = self.after(ended, Ended::Term);
        }
        if !gone {
            gone = timeout(grace.kill, self.killed()).await.is_ok();
            ended = self.after(ended, Ended::Kill);
        }
        self.done = true;
        if gone {
            self.guardian.del(self.pid);
        }
        ended
    }

    /// What a step has made of `before`.
    fn after(&self, before: Ended, step: fn(ExitReason) -> Ended) -> Ended {
        if before == Ended::Lost { self.exit.map_or(Ended::Lost, step) } else { before }
    }

    fn terminate(&self) {
        self.tree.signal(Signal::TERM);
        // One that was stopped cannot hear TERM.
        self.tree.signal(Signal::CONT);
    }

    /// Waits until main process and tree are gone.
    async fn gone(&mut self) {
        self.wait().await;
        let mut pause = FIRST_LOOK;
        while self.tree.may_live() && self.look().await {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// Kills until main process and tree are gone: a process may have started another one while we looked.
    async fn killed(&mut self) {
        let mut pause = FIRST_LOOK;
        loop {
            let left = self.look().await;
            if !left && self.exit.is_some() {
                return;
            }
            self.tree.signal(Signal::KILL);
            if self.exit.is_none() {
                let _ = timeout(pause, self.wait()).await;
            } else {
                sleep(pause).await;
            }
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// Looks at the tree again, on a thread that no message waits for; false when nobody is left.
    async fn look(&mut self) -> bool {
        let mut tree = self.tree.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let left = tree.refresh();
            (tree, left)
        });
        match looked.await {
            Ok((tree, left)) => {
                self.tree = tree;
                left
            }
            // The runtime is going down: no thread to be had, and no message to be held up.
            Err(_) => self.tree.refresh(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // The main process itself is reaped by tokio (`kill_on_drop`), the others by their parents or init.
        if self.tree.refresh() {
            self.tree.signal(Signal::KILL);
        }
        self.guardian.del(self.pid);
    }
}

impl std::fmt::Debug for ChildSpec {
    /// Shows no argument and no variable: both may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("cwd", &self.cwd)
            .field("is_batch", &self.is_batch)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

impl std::fmt::Display for ExitReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(c) => write!(f, "exit code {c}"),
            Self::Signal(s) => write!(f, "signal {s}"),
        }
    }
}

impl From<ExitStatus> for ExitReason {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        status.signal().map_or_else(|| Self::Code(status.code().unwrap_or(-1)), Self::Signal)
    }
}

impl Default for Grace {
    /// Two seconds each: what the servers tried need to write out their state, and a person waits for without wondering.
    fn default() -> Self {
        let step = Duration::from_secs(2);
        Self { eof: step, term: step, kill: step }
    }
}

/// A command that will lead a process group of its own, so that neither Ctrl-C nor a signal to our group reaches it.
#[expect(clippy::disallowed_methods, reason = "this is the place where processes are started")]
pub(super) fn command(program: &OsStr) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(program);
    command.process_group(0);
    command
}

#[cfg(test)]
#[path = "child_tests.rs"]
mod tests;
