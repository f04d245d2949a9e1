//! [`Process`]: a server's process from its search on PATH to its last word. Owned by the server's task.
//!
//! A keeper task waits for its end, so that the serving loop has one cheap thing to look at; another one reads stderr into
//! the log. Both end with the process.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::context::Context;
use super::port::Port;
use crate::config::Target;
use crate::observe::LogStream;
use crate::transport::{Child, ChildSpec, ExitReason, Grace, Link, NotFound, SearchPath, child_env, find_program};

/// Stderr lines kept with a failure.
const N_LAST_WORDS: usize = 20;
/// Longest stderr line read in one piece.
const MAX_STDERR_LINE: u64 = 8 * 1024;
/// Read from stderr at once: most servers write a line now and then.
const STDERR_READ: usize = 1024;
/// Its last words may still be in the pipe; a grandchild that holds it open is not waited for.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// How a server is ended: EOF, TERM, KILL.
const GRACE: Grace =
    Grace { eof: Duration::from_millis(1500), term: Duration::from_millis(1500), kill: Duration::from_secs(1) };

/// A server's process.
pub(super) struct Process {
    port: Arc<Port>,
    ctx: Arc<Context>,
    /// The other end is the keeper: it ends the process when told to, or when we are gone.
    end: oneshot::Sender<()>,
    keeper: JoinSet<()>,
    stderr: JoinSet<()>,
    /// Where in the log its words begin.
    said_from: u64,
}

/// What to start and with what environment.
///
/// # Errors
/// When there is no such program.
///
/// # Cancel safety
/// Cancel safe: a login shell that was asked is killed.
pub(super) async fn spec(port: &Port, ctx: &Context) -> Result<ChildSpec, NotFound> {
    let server = port.server();
    let Target::Stdio { command, args, cwd, env } = &server.target else {
        return Err(NotFound::NoFile(PathBuf::new()));
    };
    let policy = ctx.env.borrow().clone();
    let own = env.get("PATH").map_or_else(SearchPath::current, |p| SearchPath::new(p.reveal().as_ref()));
    let (program, path) = find_program(command, cwd.as_deref(), own, policy.path_from_login_shell).await?;
    Ok(ChildSpec {
        program,
        args: args.iter().map(|a| a.reveal().into()).collect(),
        cwd: cwd.clone(),
        env: child_env(&policy, &path, env),
        // Instances beside the base one are at work for several clients: their wake-ups must not interrupt each other's answers. A client
        // that launched us has the base one to itself, and waits for nothing else.
        is_batch: !port.is_base(),
    })
}

impl Process {
    /// Starts it. Gives also its two pipes and what tells of its end.
    ///
    /// # Errors
    /// When the system cannot start it.
    ///
    /// # Cancel safety
    /// Cancel safe: what was started is killed.
    pub(super) async fn start(
        port: &Arc<Port>,
        ctx: &Arc<Context>,
        spec: ChildSpec,
    ) -> io::Result<(Self, Link, oneshot::Receiver<ExitReason>)> {
        let mut child = Child::spawn_aside(spec, ctx.guardian.clone()).await?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("its pipes are missing"));
        };
        port.status.change(|s| s.pid = Some(child.pid()));
        let said_from = ctx.observer.logs.next();
        let mut stderr = JoinSet::new();
        if let Some(pipe) = child.stderr.take() {
            stderr.spawn(read_stderr(port.clone(), ctx.clone(), pipe));
        }
        let (exit_tx, exit) = oneshot::channel();
        let (end, end_rx) = oneshot::channel();
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(child, exit_tx, end_rx));
        let link = Link { reader: Box::new(stdout), writer: Box::new(stdin) };
        Ok((Self { port: port.clone(), ctx: ctx.clone(), end, keeper, stderr, said_from }, link, exit))
    }

    /// The last it wrote on stderr, and on stdout what was no message. Waits a moment for what is on its way.
    pub(super) async fn last_words(&mut self) -> Vec<String> {
        let rest = async { while self.stderr.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        self.ctx.observer.logs.tail(self.port.name(), self.said_from, N_LAST_WORDS)
    }

    /// Ends it with everything it started. Its link must be gone by then: that is its EOF. Gives its last words.
    pub(super) async fn end(mut self) -> Vec<String> {
        let (end, _) = oneshot::channel();
        let _ = std::mem::replace(&mut self.end, end).send(());
        while self.keeper.join_next().await.is_some() {}
        self.port.status.change(|s| s.pid = None);
        self.last_words().await
    }
}

/// Owns a process: tells when it is gone, ends it and everything it started when told to.
async fn keep(mut child: Child, exit: oneshot::Sender<ExitReason>, end: oneshot::Receiver<()>) {
    let mut end = end;
    tokio::select! { biased;
        _ = &mut end => {}
        reason = child.wait() => {
            // Nobody may be listening any more.
            let _ = exit.send(reason);
            let _ = end.await;
        }
    }
    let ended = child.end(GRACE).await;
    tracing::debug!(?ended, "a server's process is gone");
}

/// Reads stderr to its end, line by line, whatever it holds.
async fn read_stderr(port: Arc<Port>, ctx: Arc<Context>, stderr: ChildStderr) {
    let mut reader = BufReader::with_capacity(STDERR_READ, stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is cut, not collected.
        match (&mut reader).take(MAX_STDERR_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            ctx.observer.log(port.name(), LogStream::Stderr, text);
        }
        // A flood must not keep the other tasks of this thread from running.
        tokio::task::consume_budget().await;
    }
}
