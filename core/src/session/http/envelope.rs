//! [`Envelope`]: what HTTP says around a message that a client posts, on its way into the rows of what it asks for.
//!
//! The door makes one of a POST and hears last how it is answered; rows begin in between, or later: the two need not know
//! which came first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::Response;
use http::request::Parts;

use crate::observe::{HeadOf, Observer, PackedHead};
use crate::protocol::CallId;
use crate::transport::http::{Receipt, request_head, response_head};

/// Rows of one POST, at most: those of a longer batch say nothing of HTTP.
const MAX_ROWS: usize = 64;

/// What HTTP says around a posted message.
#[derive(Debug)]
pub(in crate::session) struct Envelope {
    /// `None`: nobody looks, and nothing is kept.
    request: Option<PackedHead>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: Vec<CallId>,
    response: Option<PackedHead>,
    /// Since when the answer waits to be written.
    ready: Option<Instant>,
}

impl Envelope {
    /// That of a request which has just come.
    pub(super) fn new(head: &Parts, observer: &Observer) -> Self {
        let request = observer.is_watched().then(|| {
            let place = head.uri.path_and_query().map_or("/", |p| p.as_str());
            request_head(&head.method, place, &head.headers, |text| text)
        });
        Self { request, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row is of what came in it.
    pub(in crate::session) fn is_of(&self, row: CallId, observer: &Observer) {
        let Some(request) = &self.request else { return };
        let mut state = self.state();
        if state.rows.len() >= MAX_ROWS {
            return;
        }
        state.rows.push(row);
        observer.head(row, HeadOf::ClientRequest, request);
        if let Some(response) = &state.response {
            observer.head(row, HeadOf::ClientResponse, response);
        }
    }

    /// The answer is there: what comes now is its way to the client.
    pub(super) fn is_ready(&self) {
        if self.request.is_some() {
            self.state().ready = Some(Instant::now());
        }
    }

    /// It is answered with this.
    pub(super) fn answered<B>(self: &Arc<Self>, response: &mut Response<B>, observer: &Arc<Observer>) {
        if self.request.is_none() {
            return;
        }
        let (envelope, told) = (self.clone(), observer.clone());
        response.extensions_mut().insert(Receipt::new(move || envelope.is_written(&told)));
        let response = response_head(response.status(), response.headers(), |text| text);
        let mut state = self.state();
        for row in &state.rows {
            observer.head(*row, HeadOf::ClientResponse, &response);
        }
        state.response = Some(response);
    }

    /// All of the answer was written.
    fn is_written(&self, observer: &Observer) {
        let state = self.state();
        if let Some(send) = state.ready.map(|ready| ready.elapsed()) {
            observer.written(state.rows.iter().map(|row| (*row, send)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observe::{Flow, FlowKind};

    #[test]
    fn it_does_not_matter_what_comes_first() {
        let observer = Arc::new(Observer::new(100, 1 << 20));
        let unseen = http::Request::post("/mcp").body(()).expect("a request").into_parts().0;
        assert!(Envelope::new(&unseen, &observer).request.is_none(), "nobody looks");
        let _looks = observer.signal.subscribe();
        let row = || observer.begin(Flow::new(FlowKind::Call, "m".into()));
        let request = http::Request::post("/mcp?key=hunter2-hunter2").header("cookie", "hunter2-hunter2");
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let envelope = Arc::new(Envelope::new(&head, &observer));
        let (early, late, other) = (row(), row(), row());
        envelope.is_of(early, &observer);
        let mut response = Response::builder().status(202).body(()).expect("a response");
        envelope.answered(&mut response, &observer);
        envelope.is_of(late, &observer);
        let hops = |id| observer.journal(|j| j.get(id)).expect("kept").hops;
        assert_eq!(hops(early), hops(late));
        let hop = hops(early).expect("kept").client;
        let request = hop.request.expect("kept");
        assert_eq!(
            (request.line.as_str(), hop.response.expect("kept").line.as_str()),
            ("POST /mcp?key=***", "202 Accepted")
        );
        assert!(!format!("{request:?}").contains("hunter2"));
        assert!(hops(other).is_none());
        for _ in 0..10 * MAX_ROWS {
            envelope.is_of(other, &observer);
        }
        assert_eq!(envelope.state().rows.len(), MAX_ROWS);
    }
}
