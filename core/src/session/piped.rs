//! [`Piped`]: a session on a link: lines in, lines out, one client.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::engine::Engine;
use super::entrance::Entrance;
use super::news::News;
use super::out::Out;
use super::run::Session;
use crate::protocol::{Fault, Frame, Malformed, Message, SessionId, code};
use crate::transport::{Line, Lines, Link, TOGETHER, TooLong};

/// While this many bytes wait to be written, the client is not read: who does not listen may not ask.
const OUTBOX_FULL: usize = 1 << 20;
/// Over this many bytes the session is ended: the client has stopped reading.
const OUTBOX_LOST: usize = 256 << 20;
/// After the client closed its side, calls in flight may end within this time.
const EOF_GRACE: Duration = Duration::from_secs(5);

/// A session on a link.
#[derive(Debug)]
pub struct Piped {
    session: Session,
    link: Link,
    lines: Lines,
    came: Vec<Came>,
    sleep: Pin<Box<Sleep>>,
    news: News,
}

/// What a line is.
#[derive(Debug)]
enum Came {
    One(Message),
    Batch(Vec<Result<Message, Malformed>>),
    Refused(Malformed),
    TooLong(TooLong),
}

impl Piped {
    /// A session on `link`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, link: Link, entrance: Entrance) -> Self {
        let lines = Lines::new(engine.ctx.max_message_bytes);
        let session = Session::new(engine, Out::lines(), entrance);
        let news = News::of(&session);
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { session, link, lines, came: Vec::new(), sleep, news }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.session.peer.id
    }

    /// The task's body: serves the client until it leaves or the engine shuts down.
    pub async fn run(mut self) {
        while self.turn().await {}
    }

    /// One turn of the loop. `false`: the end.
    async fn turn(&mut self) -> bool {
        let wake = self.session.next_wake();
        if let Some(at) = wake
            && self.sleep.deadline().into_std() != at
        {
            self.sleep.as_mut().reset(at.into());
        }
        let session = &mut self.session;
        let reads = session.closing.is_none() && session.out.lines.len() < OUTBOX_FULL;
        let n_waiting = session.out.lines.len();
        let has_lines = n_waiting > 0;
        tokio::select! { biased;
            written = session.out.lines.write(&mut self.link.writer), if has_lines => {
                let left = session.out.lines.len();
                session.out.unwritten.wrote(n_waiting - left, &session.engine.ctx.observer);
                if let Err(error) = written {
                    tracing::debug!(session = %session.peer.id, %error, "the client does not read any more");
                    return false;
                }
            }
            n = self.lines.fill(&mut self.link.reader), if reads => {
                session.reads();
                let ended = matches!(n, Ok(0) | Err(_));
                take_lines(session, &mut self.lines, &mut self.came);
                if ended {
                    if let Some(line) = self.lines.rest() {
                        on_line(session, Came::of(line));
                    }
                    session.closing = Some(session.now + EOF_GRACE);
                }
            }
            () = session.peer.mailbox.ready() => {
                session.now = Instant::now();
                session.take_deliveries();
            }
            () = &mut self.news => {
                session.hears();
                self.news.begin_again(session);
            }
            () = &mut self.sleep, if wake.is_some() => {
                session.now = Instant::now();
                session.on_timer();
            }
        }
        if self.session.out.lines.len() > OUTBOX_LOST {
            tracing::warn!(session = %self.session.peer.id, "the client has stopped reading: its session is ended");
            return false;
        }
        self.session.goes_on()
    }
}

/// Acts on all whole lines that were read.
fn take_lines(session: &mut Session, lines: &mut Lines, came: &mut Vec<Came>) {
    loop {
        while came.len() < TOGETHER
            && let Some(line) = lines.next_line()
        {
            came.push(Came::of(line));
        }
        if came.is_empty() {
            return;
        }
        for line in came.drain(..) {
            on_line(session, line);
        }
    }
}

impl Came {
    fn of(line: Line) -> Self {
        match line {
            Line::Whole(bytes) => match Message::parse_frame(bytes) {
                Ok(Frame::One(message)) => Self::One(message),
                Ok(Frame::Batch(members)) => Self::Batch(members),
                Err(malformed) => Self::Refused(malformed),
            },
            Line::TooLong(long) => Self::TooLong(long),
        }
    }
}

fn on_line(session: &mut Session, line: Came) {
    match line {
        Came::One(message) => session.on_message(message),
        Came::Batch(members) => session.on_batch(members, None),
        Came::Refused(malformed) => {
            let fault = Fault::from(&malformed);
            tracing::warn!(session = %session.peer.id, "the client sent a line that is no message: {}", fault.message);
            session.refuse(malformed.id.as_ref(), &fault);
        }
        Came::TooLong(long) => {
            let limit = session.engine.ctx.max_message_bytes;
            let text =
                format!("the message has {} bytes; the limit is {limit} (`limits.max_message_bytes`)", long.n_bytes);
            session.refuse(None, &Fault::new(code::INVALID_REQUEST, text));
        }
    }
}
