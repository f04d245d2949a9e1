//! [`Exchange`]: one message of ours to a URL and what comes back, as one task of the instance it belongs to.
//!
//! MCP 2025-11-25, transports, Streamable HTTP: the answer is one JSON body, or an event stream on which notifications and
//! questions that belong to the request come first (`events.rs`). Dropping the task drops the connection, which takes a modern
//! request back. Nothing is sent twice here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::trouble::{Trouble, TroubleKind, words};
use super::{Held, Lane, Said};
use crate::backend::wire::Parcel;
use crate::observe::{HeadOf, Observer};
use crate::protocol::{Field, Frame, Kind, Malformed, Message, WireId};
use crate::transport::http::{HttpError, HttpResponse, Url};

/// Bytes of a body that is no message, at most: for the server's words.
const MAX_REFUSAL: usize = 64 * 1024;
/// A body that takes long shows that its server is alive, so often.
const ALIVE: Duration = Duration::from_secs(1);
/// How long a server may take to accept what it need not answer, and one of 2024-11-05 any message: some never do.
const ACCEPT: Duration = Duration::from_secs(30);

/// How long a server may take to accept `notifications/initialized`.
const HOLDS_BACK: Duration = Duration::from_secs(10);
/// The same for an answer that only one call waits for.
const AHEAD: Duration = Duration::from_secs(1);

/// The header sessions are known by.
pub(super) const SESSION: &str = "mcp-session-id";

/// One message on its way.
pub(super) struct Exchange {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) observer: Arc<Observer>,
    /// Where to, if not to the endpoint.
    pub(super) url: Option<Url>,
    pub(super) lane: Lane,
    /// All headers of the request.
    pub(super) head: Arc<HeaderMap>,
    pub(super) held: Held,
    /// Which session it is of; `None`: it carries none.
    pub(super) session: Option<u32>,
    /// It is `initialize`: its answer brings a session.
    pub(super) opens: bool,
    /// It is `subscriptions/listen`: nobody waits for its end.
    pub(super) listens: bool,
    pub(super) said: mpsc::Sender<Said>,
}

impl Exchange {
    /// The task's body.
    pub(super) async fn run(self) {
        let wire = self.held.wire();
        let mut holds_back = self.held.holds_back();
        let done = match self.lane {
            // In boxes of their own, here and below: most tasks need no room for it, or not any more while they wait.
            _ if self.held.parcel == Parcel::Ahead => Box::pin(self.goes_ahead(&mut holds_back)).await,
            Lane::Sse => Box::pin(self.hand_in()).await,
            // What holds the others back must not do so for ever.
            _ if holds_back => tokio::time::timeout(HOLDS_BACK, self.talk()).await.unwrap_or(Ok(())),
            // Nobody waits for it, and yet it must not take a place for ever.
            _ if wire.is_none() => {
                tokio::time::timeout(ACCEPT, self.talk()).await.unwrap_or_else(|_| Err(unaccepted()))
            }
            Lane::Legacy | Lane::Modern => self.talk().await,
        };
        if let Err(mut trouble) = done {
            self.endpoint.hide_in(&mut trouble);
            self.say(Said::Failed { wire, trouble: Box::new(trouble) }).await;
        }
        if holds_back {
            self.say(Said::Sent(self.held.parcel)).await;
        }
    }

    /// What others wait behind, but not for long: then they go on, and so does this.
    async fn goes_ahead(&self, holds_back: &mut bool) -> Result<(), Trouble> {
        let mut work = std::pin::pin!(async {
            match self.lane {
                Lane::Sse => Box::pin(self.hand_in()).await,
                Lane::Legacy | Lane::Modern => self.talk().await,
            }
        });
        if let Ok(done) = tokio::time::timeout(AHEAD, &mut work).await {
            return done;
        }
        *holds_back = false;
        self.say(Said::Sent(self.held.parcel)).await;
        tokio::time::timeout(ACCEPT, work).await.unwrap_or_else(|_| Err(unaccepted()))
    }

    pub(super) async fn say(&self, said: Said) {
        // An instance that has ended hears nothing any more.
        let _ = self.said.send(said).await;
    }

    pub(super) async fn say_junk(&self, bytes: &Bytes, malformed: &Malformed) {
        self.say(Said::Junk { bytes: self.endpoint.hide_bytes(bytes), why: malformed.kind.to_string() }).await;
    }

    pub(super) fn url(&self) -> &Url {
        self.url.as_ref().unwrap_or(&self.endpoint.url)
    }

    async fn post(&self) -> Result<HttpResponse, HttpError> {
        let row = self.held.row.filter(|_| self.observer.is_watched());
        if let Some(row) = row {
            let head = self.endpoint.request_head(&Method::POST, self.url(), &self.head);
            self.observer.head(row, HeadOf::ServerRequest, &head);
        }
        let response = self.endpoint.client.send(&Method::POST, self.url(), &self.head, &self.held.body).await?;
        if let Some(row) = row {
            self.observer.head(row, HeadOf::ServerResponse, &self.endpoint.response_head(&response));
        }
        Ok(response)
    }

    /// HTTP+SSE of 2024-11-05: the answer comes by the other stream.
    async fn hand_in(&self) -> Result<(), Trouble> {
        let accepted = async {
            let mut response = self.post().await?;
            if response.status().is_success() {
                response.beginning(MAX_REFUSAL).await;
                return Ok(());
            }
            Err(refused(&mut response, self.held.wire()).await)
        };
        tokio::time::timeout(ACCEPT, accepted).await.unwrap_or_else(|_| Err(unaccepted()))
    }

    async fn talk(&self) -> Result<(), Trouble> {
        match Box::pin(self.ask()).await? {
            Some((response, wire)) => Box::pin(self.read_events(response, wire)).await,
            None => Ok(()),
        }
    }

    /// Sends the message and reads what comes; a stream is left to be read.
    async fn ask(&self) -> Result<Option<(Box<HttpResponse>, WireId)>, Trouble> {
        let mut response = self.post().await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND
            && let Some(number) = self.session
        {
            self.say(Said::NoSession { number, held: Some(self.held.clone()) }).await;
            return Ok(None);
        }
        let wire = self.held.wire();
        if !status.is_success() {
            let trouble = refused(&mut response, wire).await;
            if let Some(number) = self.session
                && knows_no_session(&trouble)
            {
                self.say(Said::NoSession { number, held: Some(self.held.clone()) }).await;
                return Ok(None);
            }
            return Err(trouble);
        }
        if self.opens {
            self.say(Said::Opened(response.headers().get(SESSION).cloned())).await;
        }
        let Some(wire) = wire else {
            response.beginning(MAX_REFUSAL).await;
            return Ok(None);
        };
        match Body::of(response.headers()) {
            Body::Json => self.read_json(&mut response, wire).await.map(|()| None),
            Body::Events => Ok(Some((Box::new(response), wire))),
            Body::Other(kind) => {
                let said = words(&response.beginning(MAX_REFUSAL).await);
                let text = match (kind.as_str(), said.as_str()) {
                    ("", "") => format!("answered the request with HTTP {status} and nothing else"),
                    (_, "") => format!("answered with HTTP {status} and nothing of type `{kind}`"),
                    ("", _) => format!("answered with HTTP {status} and a body without a type: {said}"),
                    _ => format!("answered with HTTP {status} and `{kind}`, which is no MCP: {said}"),
                };
                Err(Trouble::new(TroubleKind::NoMcp, text))
            }
        }
    }

    async fn read_json(&self, response: &mut HttpResponse, wire: WireId) -> Result<(), Trouble> {
        let mut marked = None;
        let said = &self.said;
        let alive = || {
            let now = Instant::now();
            if now.duration_since(*marked.get_or_insert(now)) >= ALIVE {
                marked = Some(now);
                // A full box has other signs of life in it.
                let _ = said.try_send(Said::Alive(wire));
            }
        };
        let body = response.collect(self.endpoint.max, alive).await.map_err(|error| match error {
            HttpError::TooLong(max) => {
                let text = format!("answered with more than {max} bytes (`limits.max_message_bytes`)");
                Trouble::new(TroubleKind::NoMcp, text)
            }
            error => Trouble::from(error),
        })?;
        if body.is_empty() {
            let text = format!("answered the request with HTTP {} and nothing else", response.status());
            return Err(Trouble::new(TroubleKind::NoMcp, text));
        }
        match self.say_frame(&body, wire).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Trouble::new(TroubleKind::NoMcp, "answered, but not this request: the id is another one")),
            Err(malformed) => Err(broken_answer(&body, &malformed)),
        }
    }

    /// Passes on what one body or event holds. `true`: the answer was among it.
    pub(super) async fn say_frame(&self, bytes: &Bytes, wire: WireId) -> Result<bool, Malformed> {
        let mut answered = false;
        let messages = match Message::parse_frame(bytes.clone())? {
            Frame::One(message) => {
                return Ok(self.say_message(message, wire).await);
            }
            Frame::Batch(messages) => messages,
        };
        for message in messages {
            match message {
                Ok(message) => answered |= self.say_message(message, wire).await,
                Err(malformed) => {
                    self.say_junk(bytes, &malformed).await;
                }
            }
        }
        Ok(answered)
    }

    /// `true`: it is the answer.
    async fn say_message(&self, message: Message, wire: WireId) -> bool {
        let message = if message.single_line() { message } else { message.to_single_line() };
        if matches!(message.kind(), Kind::Request | Kind::Notification) {
            self.say(Said::Message { from: Some(wire), message }).await;
            return false;
        }
        let Some(message) = answer_to(message, wire) else {
            tracing::debug!(wire = wire.0, "an answer to another request than the one it came with: dropped");
            return false;
        };
        self.say(Said::Message { from: Some(wire), message }).await;
        true
    }
}

/// What a body is, by its type.
pub(super) enum Body {
    Json,
    Events,
    Other(String),
}

impl Body {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if kind.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else {
            Self::Other(kind.chars().take(80).collect())
        }
    }
}

/// A refusal with its reason; an error answer in the body is the answer to the request.
async fn refused(response: &mut HttpResponse, wire: Option<WireId>) -> Trouble {
    let body = response.beginning(MAX_REFUSAL).await;
    let mut trouble = Trouble::status(response.status(), &body);
    if let Some(after) = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()) {
        trouble.message.push_str(&format!(" (try again after: {})", words(after.as_bytes())));
    }
    if let Some(wire) = wire
        && let Ok(message) = Message::parse(body)
        && message.kind() == Kind::Error
    {
        let message = if message.single_line() { message } else { message.to_single_line() };
        trouble.answer = answer_to(message, wire);
    }
    trouble
}

/// Whether a server says of our session what 404 would say: those made after the examples of the TypeScript SDK answer 400
/// with -32000 "No valid session ID provided".
fn knows_no_session(trouble: &Trouble) -> bool {
    let Some(answer) = trouble.answer.as_ref().filter(|_| trouble.http_status() == Some(StatusCode::BAD_REQUEST))
    else {
        return false;
    };
    let says =
        |word: &str| answer.get(Field::Error).is_some_and(|e| memchr::memmem::find(e, word.as_bytes()).is_some());
    answer.error_code() == Some(-32000) && (says("session") || says("Session"))
}

/// The message as the answer to `wire`: it has its id, or is an error without one, which can be no other's.
fn answer_to(message: Message, wire: WireId) -> Option<Message> {
    match message.get(Field::Id) {
        Some(id) if id != b"null" => (WireId::read(id) == Some(wire)).then_some(message),
        _ if message.kind() == Kind::Error => {
            let error = String::from_utf8_lossy(message.get(Field::Error)?);
            Message::parse(format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, wire.0).into()).ok()
        }
        _ => None,
    }
}

fn unaccepted() -> Trouble {
    Trouble::new(TroubleKind::Broken, format!("did not accept the message within {ACCEPT:.0?}"))
}

pub(super) fn broken_answer(body: &[u8], malformed: &Malformed) -> Trouble {
    let said = words(&body[..body.len().min(MAX_REFUSAL)]);
    Trouble::new(TroubleKind::NoMcp, format!("answered with a message that is {}: {said}", malformed.kind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backend::wire::Parcel;
    use crate::config::{Secret, Server, Target};
    use crate::transport::http::HttpClients;

    /// A server that takes the connection and nothing else would hold every place in the end.
    #[tokio::test(start_paused = true)]
    async fn a_notification_nobody_accepts_gives_its_place_back() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
        let target =
            Target::Http { url: Secret::new(url.clone()), url_shown: url, sse: false, headers: BTreeMap::default() };
        let mut server = Server::new("a", target);
        server.connect_timeout = ACCEPT * 100;
        let endpoint = Endpoint::new(&server, &HttpClients::default(), 1000).expect("a good address");
        let (said, mut hears) = mpsc::channel(4);
        let exchange = Exchange {
            endpoint: Arc::new(endpoint),
            observer: Arc::new(Observer::new(1, 1)),
            url: None,
            lane: Lane::Legacy,
            head: Arc::default(),
            held: Held { body: Bytes::from_static(b"{}"), parcel: Parcel::Note, row: None, again: false },
            session: None,
            opens: false,
            listens: false,
            said,
        };
        tokio::time::timeout(ACCEPT * 2, exchange.run()).await.expect("it is given up");
        let Some(Said::Failed { wire: None, trouble }) = hears.recv().await else { panic!("nothing was said") };
        assert!(trouble.message.contains("did not accept the message"), "{}", trouble.message);
    }
}
