//! [`Out`]: the way out of a session. On a link everything is a line; by HTTP it depends on what a message belongs to.

use std::sync::Arc;

use foldhash::HashMap;

use super::http::{Envelope, Handle, Reply, Stream, Weight};
use super::unwritten::Unwritten;
use crate::protocol::{Method, RequestId, Spliced};
use crate::transport::Outbox;

/// The way out of a session.
#[derive(Debug)]
pub(super) struct Out {
    /// Lines to be written; stays empty where there are none.
    pub(super) lines: Outbox,
    /// Those of them that are answers.
    pub(super) unwritten: Unwritten,
    way: Way,
    /// The client does not fetch what it is owed: the session is over.
    is_lost: bool,
}

#[derive(Debug)]
enum Way {
    /// Everything goes by lines.
    Lines,
    /// Streamable HTTP of the legacy era: answers go where they were asked for.
    Posts(Box<Posts>),
    /// HTTP+SSE of 2024-11-05: everything goes by one stream.
    Events(Arc<Stream>),
    /// The one request of a modern POST.
    One(Reply),
}

#[derive(Debug)]
struct Posts {
    handle: Arc<Handle>,
    /// Of requests that are not answered yet.
    replies: HashMap<RequestId, Reply>,
    /// Kinds of lists that changed while nobody listened.
    changed: Vec<Method>,
}

impl Out {
    fn by(way: Way) -> Self {
        Self { lines: Outbox::default(), unwritten: Unwritten::default(), way, is_lost: false }
    }

    /// By lines.
    pub(super) fn lines() -> Self {
        Self::by(Way::Lines)
    }

    /// By POSTs and a GET.
    pub(super) fn posts(handle: Arc<Handle>) -> Self {
        Self::by(Way::Posts(Box::new(Posts { handle, replies: HashMap::default(), changed: Vec::new() })))
    }

    /// By one stream.
    pub(super) fn events(stream: Arc<Stream>) -> Self {
        Self::by(Way::Events(stream))
    }

    /// By one POST.
    pub(super) fn one(reply: Reply) -> Self {
        Self::by(Way::One(reply))
    }

    /// Whether the session is over because its client does not fetch what it is owed.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// A request has come by a POST. Gives the reply back when the id is in use.
    pub(super) fn expect(&mut self, id: RequestId, reply: Reply) -> Result<(), Reply> {
        if let Way::Posts(posts) = &mut self.way {
            if posts.replies.contains_key(&id) {
                return Err(reply);
            }
            posts.replies.insert(id, reply);
        }
        Ok(())
    }

    /// The answer to a request; `code` when it is an error.
    pub(super) fn answer(&mut self, id: &RequestId, message: &Spliced, code: Option<i32>) {
        let sent = match &mut self.way {
            Way::Lines => return self.lines.push(message),
            Way::Posts(posts) => posts.replies.remove(id).map_or(Ok(()), |reply| reply.answer(message, code)),
            Way::Events(stream) => stream.push(message, Weight::Owed),
            Way::One(reply) => reply.answer(message, code),
        };
        self.is_lost |= sent.is_err();
    }

    /// What HTTP says around a request that is not answered yet.
    pub(super) fn envelope(&self, id: &RequestId) -> Option<Arc<Envelope>> {
        match &self.way {
            Way::Lines | Way::Events(_) => None,
            Way::Posts(posts) => posts.replies.get(id)?.envelope(),
            Way::One(reply) => reply.envelope(),
        }
    }

    /// Whether everything goes by lines: no message has anything around it.
    pub(super) const fn is_lines(&self) -> bool {
        matches!(self.way, Way::Lines)
    }

    /// The answers to a batch, which has a reply of its own by HTTP.
    pub(super) fn answer_batch(&mut self, reply: Option<&Reply>, message: &Spliced) {
        match reply {
            Some(reply) => self.is_lost |= reply.answer(message, None).is_err(),
            None => self.push(message, Weight::Owed),
        }
    }

    /// A member of a batch has been answered there.
    pub(super) fn leave_to_batch(&mut self, id: &RequestId, batch: Option<&Reply>) {
        if let Way::Posts(posts) = &mut self.way
            && batch.zip(posts.replies.get(id)).is_some_and(|(a, b)| a.is(b))
        {
            posts.replies.remove(id);
        }
    }

    /// A request will not be answered.
    pub(super) fn forget(&mut self, id: &RequestId) -> Option<Reply> {
        match &mut self.way {
            Way::Lines | Way::Events(_) => None,
            Way::Posts(posts) => posts.replies.remove(id),
            Way::One(reply) => Some(reply.clone()),
        }
    }

    /// Something that belongs to a running request of the client.
    pub(super) fn beside(&mut self, id: &RequestId, message: &Spliced, weight: Weight) {
        let sent = match &mut self.way {
            Way::Lines => return self.lines.push(message),
            Way::Posts(posts) => posts.replies.get(id).map_or(Ok(false), |reply| reply.beside(message, weight)),
            Way::Events(stream) => stream.push(message, weight).map(|()| true),
            Way::One(reply) => reply.beside(message, weight),
        };
        match sent {
            Ok(true) => {}
            // A question must be answered whether its POST is still there or not.
            Ok(false) if weight == Weight::Owed => self.push(message, weight),
            Ok(false) => {}
            Err(_) => self.is_lost = true,
        }
    }

    /// Something that belongs to no request.
    pub(super) fn push(&mut self, message: &Spliced, weight: Weight) {
        let sent = match &mut self.way {
            Way::Lines => return self.lines.push(message),
            Way::Posts(posts) => posts.handle.get().push(message, weight),
            Way::Events(stream) => stream.push(message, weight),
            Way::One(_) => Ok(()),
        };
        self.is_lost |= sent.is_err();
    }

    /// A list has changed. By HTTP it is told once when somebody listens again.
    pub(super) fn changed(&mut self, method: Method) {
        if let Way::Posts(posts) = &mut self.way
            && !posts.handle.is_listened_to()
        {
            if !posts.changed.contains(&method) {
                posts.changed.push(method);
            }
            return;
        }
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, method.name());
        self.push(&Spliced::new(text.into()), Weight::Note);
    }

    /// Somebody has begun to listen.
    pub(super) fn listened(&mut self) {
        if let Way::Posts(posts) = &mut self.way {
            for method in std::mem::take(&mut posts.changed) {
                self.changed(method);
            }
        }
    }

    /// The session is over: nobody is left waiting.
    pub(super) fn close(&mut self) {
        match &mut self.way {
            Way::Lines => {}
            Way::Posts(posts) => {
                posts.replies.drain().for_each(|(_, reply)| reply.end());
                posts.handle.close();
            }
            Way::Events(stream) => stream.finish(),
            Way::One(reply) => reply.end(),
        }
    }
}
