//! The event stream that carries an answer: read until the answer has come, and taken up again where it breaks.
//!
//! Only legacy streams are taken up again, and only where they gave ids. Dropping it drops the connection.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use super::exchange::{Body, Exchange, broken_answer};
use super::trouble::{Trouble, TroubleKind};
use super::wake::SleepWatch;
use super::{Lane, Said};
use crate::backend::broken;
use crate::protocol::WireId;
use crate::transport::http::{EventParser, Framed, HttpResponse};

/// What comes behind an answer is read for so long, so that the connection can be used again.
const REST: Duration = Duration::from_secs(1);
/// Tries in a row to take a broken stream up again.
const MAX_RESUMES: u32 = 5;
/// Pause before a stream is taken up again, unless the server says how long.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// Shortest pause a server may ask for.
pub(super) const MIN_RETRY: Duration = Duration::from_millis(20);
/// Longest pause a server may ask for.
pub(super) const MAX_RETRY: Duration = Duration::from_secs(60);
/// Where a stream goes on.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

impl Exchange {
    /// Reads a stream to its end, taking it up again where it breaks, until the answer has come.
    pub(super) async fn read_events(&self, mut response: Box<HttpResponse>, wire: WireId) -> Result<(), Trouble> {
        let mut stream = Stream { last_id: None, retry: RETRY, overlong: None };
        let mut n_silent = 0;
        loop {
            let before = stream.last_id.clone();
            match self.read_stream(&mut response, wire, &mut stream).await? {
                Ended::Answered => return Ok(()),
                Ended::Cut(why) => {
                    let lost = stream.lost(why);
                    let Some(last_id) = stream.last_id.clone().filter(|_| self.lane == Lane::Legacy) else {
                        return Err(lost);
                    };
                    n_silent = if before == stream.last_id { n_silent + 1 } else { 0 };
                    *response = Box::pin(self.resume(&last_id, stream.retry, n_silent, lost)).await?;
                }
            }
        }
    }

    async fn read_stream(
        &self,
        response: &mut HttpResponse,
        wire: WireId,
        stream: &mut Stream,
    ) -> Result<Ended, Trouble> {
        let mut parser = EventParser::new(self.endpoint.max);
        let mut watch = self.listens.then(SleepWatch::new);
        loop {
            let chunk = match &mut watch {
                None => response.chunk().await,
                Some(watch) => watch.chunk(response).await,
            };
            match chunk {
                Ok(Some(bytes)) => parser.feed(bytes),
                Ok(None) => return Ok(Ended::Cut("its stream ended before the answer".to_owned())),
                Err(error) => return Ok(Ended::Cut(error.to_string())),
            }
            while let Some(framed) = parser.next() {
                match framed {
                    Framed::TooLong { n_bytes } => {
                        stream.overlong = Some(n_bytes);
                        Box::pin(self.say(Said::TooLong { n_bytes })).await;
                    }
                    Framed::Event { data, .. } if data.is_empty() => {}
                    Framed::Event { data, .. } => match Box::pin(self.say_frame(&data, wire)).await {
                        Ok(true) => {
                            let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
                            let _ = tokio::time::timeout(REST, rest).await;
                            return Ok(Ended::Answered);
                        }
                        Ok(false) => {}
                        Err(malformed) if broken::answers(&data, &malformed) == Some(wire) => {
                            return Err(broken_answer(&data, &malformed));
                        }
                        Err(malformed) => {
                            Box::pin(self.say_junk(&data, &malformed)).await;
                        }
                    },
                }
            }
            if let Some(id) = parser.last_id()
                && stream.last_id.as_ref().is_none_or(|before| before.as_bytes() != &id[..])
            {
                stream.last_id = HeaderValue::from_bytes(id).ok();
            }
            if let Some(retry) = parser.retry() {
                stream.retry = retry.clamp(MIN_RETRY, MAX_RETRY);
            }
        }
    }

    /// Asks for what comes behind the last event.
    async fn resume(
        &self,
        last_id: &HeaderValue,
        retry: Duration,
        n_silent: u32,
        lost: Trouble,
    ) -> Result<HttpResponse, Trouble> {
        let mut head = (*self.head).clone();
        head.remove(header::CONTENT_TYPE);
        head.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        head.insert(LAST_EVENT_ID, last_id.clone());
        let mut lost = lost;
        for _ in n_silent..MAX_RESUMES {
            tokio::time::sleep(retry).await;
            match self.endpoint.client.send(&Method::GET, self.url(), &head, &Bytes::new()).await {
                Ok(response)
                    if response.status().is_success() && matches!(Body::of(response.headers()), Body::Events) =>
                {
                    return Ok(response);
                }
                Ok(response) if response.status().is_server_error() => {}
                Ok(response) => {
                    lost.message.push_str(&format!(
                        "; asked for the rest of the stream, it answered with HTTP {}",
                        response.status()
                    ));
                    return Err(lost);
                }
                Err(error) => {
                    lost = Trouble::new(TroubleKind::Broken, format!("lost the stream of its answer: {error}"))
                }
            }
        }
        Err(lost)
    }
}

/// What is known of an event stream.
struct Stream {
    last_id: Option<HeaderValue>,
    retry: Duration,
    /// An event that was too long: it may have been the answer.
    overlong: Option<usize>,
}

impl Stream {
    fn lost(&self, why: String) -> Trouble {
        if let Some(n_bytes) = self.overlong {
            let text =
                format!("sent an event of {n_bytes} bytes, over `limits.max_message_bytes`, and no other answer");
            return Trouble::new(TroubleKind::NoMcp, text);
        }
        Trouble::new(TroubleKind::Broken, format!("did not answer: {why}"))
    }
}

enum Ended {
    Answered,
    Cut(String),
}
