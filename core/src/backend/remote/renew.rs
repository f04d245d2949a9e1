//! A session that the server has forgotten (404, or 400 with words to that effect) is replaced by a new one, once; what it refused is sent again.
//!
//! MCP 2025-11-25, transports, session management: a client that gets 404 for its session must start a new one. What was
//! answered so was not processed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::exchange::{Exchange, SESSION};
use super::trouble::{Trouble, TroubleKind};
use super::{Gate, Held, Incoming, Lane, Remote, Said, headers};
use crate::backend::wire::Parcel;
use crate::observe::Observer;
use crate::protocol::{Field, Kind, Message, WireId, walk};

/// The `initialize` of a new session is answered under this id; it is not one of the table's.
const WIRE: WireId = WireId(0);

/// The talk that opens a new session.
struct Renewal {
    endpoint: Arc<Endpoint>,
    observer: Arc<Observer>,
    /// Without session and edition.
    head: HeaderMap,
    initialize: Bytes,
    patience: Duration,
    said: mpsc::Sender<Said>,
}

impl Remote {
    /// The server does not know the session `number`.
    pub(super) fn on_no_session(&mut self, number: u32, held: Option<Held>) -> Option<Incoming> {
        if let Some(held) = held {
            let wire = held.wire();
            if held.again {
                let text = "does not know the session it has just begun";
                let trouble = Box::new(Trouble::new(TroubleKind::Broken, text));
                return Some(Incoming::Failed { wire: wire?, trouble });
            }
            if let Some(wire) = wire
                && self.posts.remove(&wire).is_none()
            {
                // Taken back meanwhile.
                return None;
            }
            self.hold(Held { again: true, ..held });
        }
        if number != self.number || self.gate == Gate::Renewing {
            self.flush();
            return None;
        }
        let Some(initialize) = self.initialize.clone() else {
            let trouble = Trouble::new(TroubleKind::Broken, "has forgotten the session");
            return Some(Incoming::Lost(Box::new(trouble)));
        };
        tracing::debug!("the server has forgotten the session: a new one is begun");
        self.gate = Gate::Renewing;
        self.number += 1;
        self.session = None;
        let mut head = (*self.head).clone();
        head.remove(SESSION);
        head.remove(headers::VERSION);
        let renewal = Renewal {
            endpoint: self.endpoint.clone(),
            observer: self.observer.clone(),
            head,
            initialize,
            patience: self.patience,
            said: self.said.clone(),
        };
        self.tasks.spawn(renewal.run());
        None
    }
}

impl Renewal {
    /// The task's body.
    async fn run(self) {
        let open = tokio::time::timeout(self.patience, self.open()).await;
        let said = match open {
            Ok(Ok(said)) => said,
            Ok(Err(trouble)) => Said::Lost(trouble),
            Err(_) => {
                let text = format!("has forgotten the session, and began no other within {:.0?}", self.patience);
                Said::Lost(Box::new(Trouble::new(TroubleKind::Broken, text)))
            }
        };
        let _ = self.said.send(said).await;
    }

    fn exchange(&self, head: HeaderMap, body: Bytes, parcel: Parcel, said: mpsc::Sender<Said>) -> Exchange {
        Exchange {
            endpoint: self.endpoint.clone(),
            observer: self.observer.clone(),
            url: None,
            lane: Lane::Legacy,
            head: Arc::new(head),
            held: Held { body, parcel, row: None, again: true },
            session: None,
            opens: matches!(parcel, Parcel::Initialize(_)),
            listens: false,
            said,
        }
    }

    async fn open(&self) -> Result<Said, Box<Trouble>> {
        let no = |text: String| Box::new(Trouble::new(TroubleKind::NoMcp, text));
        let body = Message::parse(self.initialize.clone()).map_err(|m| no(m.kind.to_string()))?;
        let mut body_again = crate::protocol::Spliced::new(body.raw().clone());
        if let Some(span) = body.span(Field::Id) {
            body_again.patch(span, crate::protocol::Patch::Number(WIRE.0));
        }
        let (said, mut hears) = mpsc::channel(super::N_TAKEN);
        let exchange = self.exchange(self.head.clone(), body_again.to_bytes(), Parcel::Initialize(WIRE), said);
        let mut session = None;
        let mut answer = None;
        let hear = async {
            while let Some(said) = hears.recv().await {
                match said {
                    Said::Opened(new) => session = new,
                    Said::Failed { trouble, .. } => return Err(trouble),
                    Said::Message { message, .. } if message.kind() == Kind::Response => answer = Some(message),
                    Said::Message { message, .. } if message.kind() == Kind::Error => {
                        let error = String::from_utf8_lossy(message.get(Field::Error).unwrap_or_default()).into_owned();
                        return Err(no(format!("has forgotten the session and refuses another: {error}")));
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        let ((), heard) = tokio::join!(exchange.run(), hear);
        heard?;
        let Some(message) = answer else { return Err(no("did not answer `initialize`".to_owned())) };
        let version = message
            .span(Field::Result)
            .and_then(|r| walk::member(message.raw(), r, "protocolVersion"))
            .and_then(|(_, v)| walk::decode(&message.raw()[v.start as usize..v.end as usize]))
            .map(std::borrow::Cow::into_owned);
        let mut head = self.head.clone();
        if let Some(session) = &session {
            head.insert(SESSION, session.clone());
        }
        if let Some(version) = version.and_then(|v| http::HeaderValue::from_str(&v).ok()) {
            head.insert(headers::VERSION, version);
        }
        let (said, mut hears) = mpsc::channel(super::N_TAKEN);
        let note = Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let exchange = self.exchange(head, note, Parcel::Note, said);
        let drain = async { while hears.recv().await.is_some() {} };
        tokio::join!(exchange.run(), drain);
        Ok(Said::Renewed { session, message })
    }
}
