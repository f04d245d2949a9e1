//! The stream a server speaks on without being asked: opened with GET, opened again when it ends.
//!
//! In the editions 2025-03-26 to 2025-11-25 a server need not have one. In 2024-11-05 it is all there is: its first event says
//! where messages are posted, and its end is the end of the session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::mpsc;

use super::Said;
use super::endpoint::Endpoint;
use super::events::{LAST_EVENT_ID, MAX_RETRY, MIN_RETRY, RETRY};
use super::exchange::Body;
use super::trouble::{Trouble, TroubleKind, words};
use super::wake::SleepWatch;
use crate::protocol::{Frame, Message};
use crate::transport::http::{EventParser, Framed, HttpError, HttpResponse, Url};

/// Bytes of a body that is no stream, at most: for the server's words.
const MAX_REFUSAL: usize = 64 * 1024;

/// A stream that was open for so long was none in vain, whatever came on it.
const LASTED: Duration = Duration::from_secs(10);

/// One such stream.
pub(super) struct GetStream {
    pub(super) endpoint: Arc<Endpoint>,
    /// All headers of the request.
    pub(super) head: Arc<HeaderMap>,
    /// Which session it is of; `None`: there is none.
    pub(super) session: Option<u32>,
    pub(super) said: mpsc::Sender<Said>,
}

/// How reading a stream ended.
enum End {
    /// It may be opened again.
    Cut(String),
    /// Nobody listens to us any more.
    Unheard,
    /// It must not be used.
    Bad(Trouble),
}

impl GetStream {
    async fn open(&self, last_id: Option<&HeaderValue>) -> Result<HttpResponse, HttpError> {
        let mut head = (*self.head).clone();
        head.remove(header::CONTENT_TYPE);
        head.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_id {
            head.insert(LAST_EVENT_ID, id.clone());
        }
        self.endpoint.client.send(&Method::GET, &self.endpoint.url, &head, &Bytes::new()).await
    }

    /// The task's body for servers that may have such a stream: keeps it open as long as the server has it.
    pub(super) async fn keep(self) {
        let mut last_id = None;
        let mut retry = None;
        let mut n_vain = 0;
        let mut was_open = false;
        loop {
            n_vain += 1;
            match self.open(last_id.as_ref()).await {
                Ok(mut response) if is_stream(&response) => {
                    was_open = true;
                    let before = last_id.clone();
                    let begun = Instant::now();
                    match self.read(&mut response, &mut last_id, &mut retry).await {
                        End::Unheard => return,
                        End::Bad(trouble) => {
                            return tracing::debug!("its event stream is not used: {}", trouble.message);
                        }
                        End::Cut(why) => tracing::debug!("its event stream has ended: {why}"),
                    }
                    if before != last_id || begun.elapsed() > LASTED {
                        n_vain = 0;
                    }
                }
                Ok(response) if self.session.is_some() && is_forgotten(response.status(), was_open) => {
                    let number = self.session.unwrap_or_default();
                    let _ = self.said.send(Said::NoSession { number, held: None }).await;
                    return;
                }
                Ok(response) if response.status().is_server_error() => {}
                // It has none (405), or not for us.
                Ok(response) => return tracing::debug!(status = %response.status(), "it has no event stream"),
                Err(error) => tracing::debug!("its event stream cannot be opened: {error}"),
            }
            tokio::time::sleep(pause(retry, n_vain)).await;
        }
    }

    /// The task's body for servers of 2024-11-05: the stream is the session.
    pub(super) async fn be_session(self) {
        let mut trouble = match self.open(None).await {
            Ok(mut response) if is_stream(&response) => match self.read(&mut response, &mut None, &mut None).await {
                End::Unheard => return,
                End::Bad(trouble) => trouble,
                End::Cut(why) => Trouble::new(TroubleKind::Broken, format!("ended its event stream: {why}")),
            },
            Ok(mut response) => {
                let status = response.status();
                let body = response.beginning(MAX_REFUSAL).await;
                if status.is_success() {
                    let text = format!("answered with HTTP {status} and no event stream: {}", words(&body));
                    Trouble::new(TroubleKind::NoMcp, text)
                } else {
                    Trouble::status(status, &body)
                }
            }
            Err(error) => Trouble::from(error),
        };
        self.endpoint.hide_in(&mut trouble);
        let _ = self.said.send(Said::Lost(Box::new(trouble))).await;
    }

    async fn read(
        &self,
        response: &mut HttpResponse,
        last_id: &mut Option<HeaderValue>,
        retry: &mut Option<Duration>,
    ) -> End {
        let mut parser = EventParser::new(self.endpoint.max);
        let mut watch = SleepWatch::new();
        loop {
            match watch.chunk(response).await {
                Ok(Some(bytes)) => parser.feed(bytes),
                Ok(None) => return End::Cut("the server closed it".to_owned()),
                Err(error) => return End::Cut(error.to_string()),
            }
            while let Some(framed) = parser.next() {
                let said = match framed {
                    Framed::TooLong { n_bytes } => vec![Said::TooLong { n_bytes }],
                    Framed::Event { data, .. } if data.is_empty() => continue,
                    Framed::Event { name, data } if name == "endpoint" => match address(response.url(), &data) {
                        Ok(url) => vec![Said::Endpoint(url)],
                        Err(trouble) => return End::Bad(trouble),
                    },
                    Framed::Event { data, .. } => self.frame(data),
                };
                for said in said {
                    if self.said.send(said).await.is_err() {
                        return End::Unheard;
                    }
                }
            }
            if let Some(id) = parser.last_id() {
                *last_id = HeaderValue::from_bytes(id).ok();
            }
            *retry = parser.retry().or(*retry);
        }
    }

    /// What one event holds.
    fn frame(&self, data: Bytes) -> Vec<Said> {
        let one = |message: Message| {
            let message = if message.single_line() { message } else { message.to_single_line() };
            Said::Message { from: None, message }
        };
        match Message::parse_frame(data.clone()) {
            Ok(Frame::One(message)) => vec![one(message)],
            Ok(Frame::Batch(messages)) => messages.into_iter().filter_map(Result::ok).map(one).collect(),
            Err(malformed) => {
                vec![Said::Junk { bytes: self.endpoint.hide_bytes(&data), why: malformed.kind.to_string() }]
            }
        }
    }
}

/// How long to wait before the stream is asked for again: as the server says, and longer after each time in vain.
fn pause(retry: Option<Duration>, n_vain: u32) -> Duration {
    let first = retry.unwrap_or(RETRY).clamp(MIN_RETRY, MAX_RETRY);
    first.saturating_mul(1 << n_vain.saturating_sub(1).min(16)).min(MAX_RETRY)
}

/// Whether the server does not know the session any more. Some say so with 400, which may also mean that they never had such
/// a stream.
fn is_forgotten(status: StatusCode, was_open: bool) -> bool {
    status == StatusCode::NOT_FOUND || (was_open && status == StatusCode::BAD_REQUEST)
}

fn is_stream(response: &HttpResponse) -> bool {
    response.status().is_success() && matches!(Body::of(response.headers()), Body::Events)
}

/// Where messages are posted: of the same origin, because our credentials go there too.
fn address(base: &Url, data: &[u8]) -> Result<Url, Trouble> {
    let bad = || Trouble::new(TroubleKind::NoMcp, "names an endpoint that is no address".to_owned());
    let text = std::str::from_utf8(data).map_err(|_| bad())?;
    let url = base.join(text.trim()).map_err(|_| bad())?;
    if url.origin() != base.origin() || !url.username().is_empty() {
        let origin = url.origin().ascii_serialization();
        let text = format!("names an endpoint of another origin, {origin}, to which nothing is sent");
        return Err(Trouble::new(TroubleKind::Redirect, text));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_ends_at_once_is_asked_for_less_and_less() {
        let ms = Duration::from_millis;
        for (retry, n_vain, expected) in [
            (None, 0, ms(1000)),
            (None, 1, ms(1000)),
            (None, 3, ms(4000)),
            (None, 100, ms(60_000)),
            (Some(ms(0)), 0, ms(20)),
            (Some(ms(0)), 11, ms(20_480)),
            (Some(ms(0)), u32::MAX, ms(60_000)),
            (Some(ms(500)), 0, ms(500)),
            (Some(ms(3_600_000)), 0, ms(60_000)),
        ] {
            assert_eq!(pause(retry, n_vain), expected, "{retry:?} {n_vain}");
        }
    }

    #[test]
    fn an_endpoint_is_of_the_same_origin() {
        let base = Url::parse("https://host/a/sse?key=1").expect("a URL");
        let check = |data: &str, expected: Option<&str>| {
            let got = address(&base, data.as_bytes()).ok().map(|u| u.to_string());
            assert_eq!(got.as_deref(), expected, "{data}");
        };
        check("/messages?sessionId=x", Some("https://host/messages?sessionId=x"));
        check("messages", Some("https://host/a/messages"));
        check(" https://host:443/m ", Some("https://host/m"));
        check("http://host/m", None);
        check("https://evil/m", None);
        check("//evil/m", None);
        check("https://host@evil/m", None);
        check("https://me@host/m", None);
    }
}
