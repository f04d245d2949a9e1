//! A request of the modern era: it stands alone (MCP 2026-07-28, transports, Streamable HTTP). Its session lives in the
//! request's own future: when the client hangs up, both are dropped and the call is cancelled.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};

use super::door::Inner;
use super::envelope::Envelope;
use super::post::Wait;
use super::reply::{First, Reply};
use super::{headers, params, response};
use crate::catalog::Scope;
use crate::guard::Visitor;
use crate::protocol::{Fault, Field, Message, Method, Revision, code};
use crate::session::handshake::check_size;
use crate::session::out::Out;
use crate::session::run::{Session, Waits};
use crate::transport::http::{Body, drop_head};

/// The status of an answer that is an error with this code.
const fn status_of(code: Option<i32>) -> StatusCode {
    match code {
        Some(code::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

impl Inner {
    /// What must be right before a request is looked at, in the order of protocol.md 3.1.
    fn check_modern(head: &Parts, message: &Message) -> Result<(), Fault> {
        headers::agree(&head.headers, message)?;
        let version = message.text(Field::MetaVersion).unwrap_or_default();
        if version != Revision::V2026_07_28.date() {
            return Err(headers::unsupported(&version));
        }
        check_size(message)?;
        let capabilities = message.get(Field::MetaCapabilities);
        if capabilities.is_none_or(|c| c.first() != Some(&b'{')) {
            let text = "`params._meta` lacks `io.modelcontextprotocol/clientCapabilities` (MCP 2026-07-28, basic)";
            return Err(Fault::new(code::INVALID_PARAMS, text));
        }
        Ok(())
    }

    /// Arguments that also stand in headers are the same in both.
    fn check_params(head: &Parts, message: &Message, session: &mut Session) -> Result<(), Fault> {
        let name = message.text(Field::Name).filter(|_| message.method() == Some(Method::ToolsCall));
        let Some(name) = name else { return Ok(()) };
        let facts = session.facts_of(message)?;
        session.looks(&facts, false);
        params::agree(&head.headers, message, session.catalog.promoted(&name))
    }

    /// Answers a request that stands alone.
    pub(super) async fn modern(
        &self,
        head: &mut Parts,
        message: Message,
        visitor: &Visitor,
        scope: Scope,
        envelope: &Arc<Envelope>,
    ) -> Response<Body> {
        if let Err(fault) = Self::check_modern(head, &message) {
            return response::refused(StatusCode::BAD_REQUEST, message.id().as_ref(), &fault);
        }
        let Some(id) = message.id() else { return response::bare(StatusCode::ACCEPTED) };
        let principal = visitor.principal.clone();
        let info = message.slice(Field::MetaClientInfo).unwrap_or_default();
        let (status, facts) = self.known.client(&self.engine.clients, &principal, &info);
        let entrance = self.entrance("http", visitor, scope);
        let wait = Wait(Reply::new(None, Some(envelope.clone())));
        let mut session = Session::brief(self.engine.clone(), Out::one(wait.0.clone()), entrance, status);
        session.knows(facts.as_ref());
        if let Err(fault) = Self::check_params(head, &message, &mut session) {
            return response::refused(StatusCode::BAD_REQUEST, Some(&id), &fault);
        }
        drop_head(head);
        session.on_message(message);
        if let Some(said) = session.modern.as_ref()
            && facts.is_none_or(|f| !Arc::ptr_eq(&f, said))
        {
            self.known.remember(&principal, said);
        }
        let mut waits = Waits::default();
        match wait.first_of(&mut session, &mut waits).await {
            (First::Answer(runs, code), _) => response::json(status_of(code), runs),
            (First::Stream(stream), silent) => {
                let guard = self.engine.guard.clone();
                let mut config = self.engine.config.clone();
                let driver = async move {
                    while session.goes_on() {
                        tokio::select! { biased;
                            () = session.happens(&mut waits) => {}
                            Ok(()) = config.changed() => if guard.access_of(&principal).is_none() {
                                // Its token was taken away.
                                session.end_listens();
                                break;
                            }
                        }
                    }
                };
                response::events(stream.attach(None), Some(Box::pin(driver)), silent)
            }
            (First::Nothing, _) => {
                let fault = Fault::new(code::INTERNAL, "the request was ended: mcp-proxy is shutting down");
                response::refused(StatusCode::SERVICE_UNAVAILABLE, Some(&id), &fault)
            }
        }
    }
}
