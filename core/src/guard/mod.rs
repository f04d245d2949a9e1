//! Who may come in, what for, and how often: the locks on the doors that others can reach.
//!
//! What somebody at the terminal wants to see before it goes on is another such lock ([`Intercept`]).
//!
//! Pure: looks at headers, configuration and the time it is told; opens nothing, waits for nothing, prints nothing. It must never
//! show a token, and never tell by how long it takes how close a wrong one was. Input: the head of a request
//! (`session`'s door over HTTP) and the principal of a call. Output: a [`Visitor`], or a [`Refused`] that is
//! ready to be sent.

mod access;
mod bearer;
mod cors;
mod intercept;
mod limiter;
mod refused;
mod rules;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use tokio::sync::watch;
use tokio::time::Instant;

pub use access::{allows_server, allows_tool};
pub use cors::{Preflight, exposed};
pub use intercept::{Hold, Holding, Intercept, InterceptView, Leg, MAX_HELD, MAX_HOLD};
pub use refused::{Refused, RetryAfter};

use crate::backend::Principal;
use crate::config::{Access, Config, HostName, Origin};
use limiter::Limiter;
use rules::Rules;

/// Checks who comes in by HTTP, and how much anybody calls. Follows the configuration by itself.
#[derive(Debug)]
pub struct Guard {
    config: watch::Receiver<Arc<Config>>,
    /// Made from the configuration of last time; made anew when there is another.
    rules: Mutex<(Arc<Config>, Arc<Rules>)>,
    limiter: Mutex<Limiter>,
    /// What is held for somebody at the terminal.
    pub intercept: Arc<Intercept>,
}

/// Who came in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// On whose behalf it speaks: to be compared with that of the session it names.
    pub principal: Principal,
    /// What its token opens.
    pub access: Arc<Access>,
    /// The configured origin of the page that asks: answers carry [`exposed`] for it.
    pub cors: Option<HeaderValue>,
    /// It is let in to ask whether we are well, and for nothing else.
    pub is_stranger: bool,
}

impl Visitor {
    /// Somebody without a token.
    fn nobody() -> Self {
        /// The same for all: nothing is made for each request.
        static NOBODY: LazyLock<(Principal, Arc<Access>)> = LazyLock::new(|| (Principal::anonymous(), Arc::default()));
        let (principal, access) = NOBODY.clone();
        Self { principal, access, cors: None, is_stranger: false }
    }

    /// Whether it may use the server `name` at all.
    #[must_use]
    pub fn may_use(&self, name: &str) -> bool {
        allows_server(&self.access, name)
    }
}

impl Guard {
    /// A guard that goes by `config`, whatever it is at the moment.
    #[must_use]
    pub fn new(config: watch::Receiver<Arc<Config>>) -> Self {
        let now = config.borrow().clone();
        let rules = Arc::new(Rules::of(&now));
        Self { config, rules: Mutex::new((now, rules)), limiter: Mutex::default(), intercept: Arc::default() }
    }

    /// Lets in who may come in: the right name of ours, an allowed origin, a token that is known or not needed.
    ///
    /// # Errors
    /// What to answer instead: 403 or 401.
    pub fn admit(&self, head: &Parts) -> Result<Visitor, Refused> {
        let rules = self.rules();
        let cors = look(&rules, head)?;
        identify(&rules, head, rules.require_auth, cors)
    }

    /// The same for a request that is for no MCP endpoint: anybody may ask whether we are well and hears no more than that
    /// ([`Visitor::is_stranger`]), but for what tells more (`/status` and the metrics) who comes from elsewhere needs a token,
    /// whatever is configured.
    ///
    /// # Errors
    /// What to answer instead: 403 or 401.
    pub fn admit_to_page(&self, head: &Parts, peer: SocketAddr) -> Result<Visitor, Refused> {
        let rules = self.rules();
        let cors = look(&rules, head)?;
        // Someone between us and the asker is on this machine, the asker need not be.
        let is_here = peer.ip().to_canonical().is_loopback() && !is_forwarded(head);
        let known = identify(&rules, head, rules.require_auth || !is_here, cors.clone());
        if rules.is_telling(head.uri.path()) {
            return known;
        }
        Ok(known.unwrap_or_else(|_| Visitor { cors, is_stranger: true, ..Visitor::nobody() }))
    }

    /// The answer to a browser that asks before it sends the request itself (Fetch, CORS-preflight); it shows no token.
    /// `None`: the request is no such question.
    #[must_use]
    pub fn preflight(&self, head: &Parts) -> Option<Result<Preflight, Refused>> {
        Preflight::is_meant(head).then(|| look(&self.rules(), head).map(|origin| Preflight::answer(head, origin)))
    }

    /// One more request of `principal`, to `backend` if it is known already that it goes to one server. A request is asked for once
    /// with its principal; where the server shows later, [`Guard::allow_server`] asks for that alone.
    ///
    /// # Errors
    /// How long it has to wait until there is room for the next one. Nothing was counted.
    pub fn allow_call(&self, principal: &Principal, backend: Option<&str>) -> Result<(), RetryAfter> {
        self.take(Some(principal), backend)
    }

    /// One more request to `backend`, whose principal was asked for before.
    ///
    /// # Errors
    /// As [`Guard::allow_call`]
    pub fn allow_server(&self, backend: &str) -> Result<(), RetryAfter> {
        self.take(None, Some(backend))
    }

    /// Whether there is any such limit: where there is none nobody needs to ask.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        self.rules().has_rates()
    }

    fn take(&self, principal: Option<&Principal>, backend: Option<&str>) -> Result<(), RetryAfter> {
        let mut last = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = refreshed(&mut last, &self.config.borrow());
        let of_principal = principal.and_then(|p| Some((p, rules.of_principal?)));
        let of_server = backend.and_then(|b| rules.of_server(b));
        if of_principal.is_none() && of_server.is_none() {
            return Ok(());
        }
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.take(Instant::now(), of_principal, of_server).map_err(RetryAfter)
    }

    /// What who was let in as `principal` may see now; `None`: it would not be let in any more, its token was taken away.
    #[must_use]
    pub fn access_of(&self, principal: &Principal) -> Option<Arc<Access>> {
        self.rules().access_of(principal)
    }

    /// Whether `principal` may come in now, and use the server `name`.
    #[must_use]
    pub fn opens(&self, principal: &Principal, name: &str) -> bool {
        self.rules().access_of(principal).is_some_and(|access| allows_server(&access, name))
    }

    fn rules(&self) -> Arc<Rules> {
        let mut last = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        refreshed(&mut last, &self.config.borrow()).clone()
    }
}

/// The rules of `config`.
fn refreshed<'a>(last: &'a mut (Arc<Config>, Arc<Rules>), config: &Arc<Config>) -> &'a Arc<Rules> {
    if !Arc::ptr_eq(&last.0, config) {
        *last = (config.clone(), Arc::new(Rules::of(config)));
    }
    &last.1
}

/// The names: ours in `Host`, that of a page in `Origin`. Gives the origin if it is a configured one.
fn look(rules: &Rules, head: &Parts) -> Result<Option<HeaderValue>, Refused> {
    let host = only(head, &HOST)?;
    // A target in absolute form goes over the header (RFC 9112, section 3.2.2); then neither may be a stranger's.
    let target = head.uri.authority().map(http::uri::Authority::as_str);
    let host = host.map(|h| h.to_str().map_err(|_| Refused::host(None))).transpose()?;
    if host.is_none() && target.is_none() {
        return Err(Refused::host(None));
    }
    for text in [host, target].into_iter().flatten() {
        if rules.is_known_host(text) {
            continue;
        }
        let name = HostName::parse_with_port(text).map(|(name, _)| name);
        if !name.as_ref().is_some_and(|name| rules.is_us(name)) {
            return Err(Refused::host(name.as_ref()));
        }
        rules.remember_host(text);
    }
    let Some(value) = only(head, &ORIGIN)? else { return Ok(None) };
    let origin = value.to_str().ok().and_then(Origin::parse);
    match origin {
        // A copy: hyper's own would keep what it was read into.
        Some(origin) if rules.is_configured(&origin) => Ok(HeaderValue::from_bytes(value.as_bytes()).ok()),
        Some(origin) if origin.is_loopback() => Ok(None),
        _ => Err(Refused::origin()),
    }
}

/// The token, or nobody in particular where that is enough.
fn identify(rules: &Rules, head: &Parts, is_needed: bool, cors: Option<HeaderValue>) -> Result<Visitor, Refused> {
    let refuse = |refused: Refused| refused.with_cors(cors.clone());
    let shown = only(head, &AUTHORIZATION).map_err(refuse)?;
    match shown {
        None if is_needed => Err(refuse(Refused::no_token(has_token_in_url(head)))),
        None => Ok(Visitor { cors, ..Visitor::nobody() }),
        Some(value) => {
            let known = bearer::token_in(value).and_then(|text| rules.tokens.find(text));
            let (principal, access) = known.ok_or_else(|| refuse(Refused::wrong_token()))?;
            Ok(Visitor { principal, access, cors, is_stranger: false })
        }
    }
}

/// The value of a header that may stand there once only.
fn only<'h>(head: &'h Parts, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Refused> {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Refused::doubled(name)) } else { Ok(first) }
}

/// Whether somebody between says so.
fn is_forwarded(head: &Parts) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| head.headers.contains_key(*name))
}

/// A token in the address is never read: addresses are logged everywhere. It is only told that this is why.
fn has_token_in_url(head: &Parts) -> bool {
    let query = head.uri.query().unwrap_or_default();
    query.split('&').any(|pair| ["access_token=", "token=", "api_key="].iter().any(|name| pair.starts_with(name)))
}
