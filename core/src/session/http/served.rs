//! [`Served`]: a session of the legacy era by HTTP, at work: its POSTs come by a mailbox.

use std::collections::VecDeque;
use std::sync::Arc;

use super::handle::{Handle, Posted};
use super::reply::Reply;
use super::sessions::Sessions;
use crate::protocol::{Fault, Message, code};
use crate::session::run::{Session, Waits};

/// A session at work. Dropping it ends the session.
pub(super) struct Served {
    session: Session,
    handle: Arc<Handle>,
    table: Arc<Sessions>,
    posted: VecDeque<Posted>,
    waits: Waits,
    is_over: bool,
}

impl Served {
    pub(super) fn new(session: Session, handle: Arc<Handle>, table: Arc<Sessions>) -> Self {
        Self { session, handle, table, posted: VecDeque::new(), waits: Waits::default(), is_over: false }
    }

    /// The task's body: until the client ends it, stays away too long, or the engine shuts down.
    pub(super) async fn run(mut self) {
        while !self.is_over && self.session.goes_on() {
            tokio::select! { biased;
                () = self.handle.mail.ready() => self.take(),
                () = self.session.happens(&mut self.waits) => {}
            }
        }
        if self.session.out.is_lost() {
            tracing::warn!(session = %self.session.peer.id, "the client does not fetch its answers: its session is ended");
        }
    }

    fn take(&mut self) {
        self.session.reads();
        self.handle.mail.drain(&mut self.posted);
        while let Some(posted) = self.posted.pop_front() {
            match posted {
                Posted::Message(message, reply, envelope) => {
                    self.session.envelope = Some(envelope);
                    self.on_message(message, reply);
                }
                Posted::Batch(members, reply, envelope) => {
                    self.session.envelope = Some(envelope);
                    self.on_batch(members, reply);
                }
                Posted::Listened => self.session.out.listened(),
                Posted::End => self.is_over = true,
            }
            self.session.envelope = None;
        }
    }

    fn on_message(&mut self, message: Message, reply: Option<Reply>) {
        if let (Some(id), Some(reply)) = (message.id(), reply)
            && let Err(reply) = self.session.out.expect(id.clone(), reply)
        {
            let text = format!("id {id} is in use by a request that is not answered yet");
            let fault = Fault::new(code::INVALID_REQUEST, text);
            return self.session.refuse_on(&reply, &id, &fault);
        }
        self.session.on_message(message);
    }

    fn on_batch(&mut self, members: Vec<Result<Message, crate::protocol::Malformed>>, reply: Option<Reply>) {
        if let Some(reply) = &reply {
            for id in members.iter().flatten().filter_map(Message::id) {
                // An id in use is refused by the session itself, inside the batch.
                let _ = self.session.out.expect(id, reply.clone());
            }
        }
        self.session.on_batch(members, reply);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.table.remove(&self.handle.id);
        self.handle.close();
    }
}
