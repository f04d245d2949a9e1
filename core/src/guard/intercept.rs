//! [`Intercept`]: messages that somebody at the terminal wants to see before they go on.
//!
//! Knows the rule and what is held at the moment; the messages themselves wait in their sessions, so that nobody else waits
//! with them. Without a rule a message costs one look at a flag. Bounded in number, bytes and time: what does not fit goes
//! on, and what nobody decides about goes on when its time is over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::observe::filter::Filter;
use crate::observe::{Flow, Observer, plain};
use crate::protocol::{CallId, Message, SessionId};

/// Messages held at once, at most: nobody decides about more before their time is over.
pub const MAX_HELD: usize = 64;
/// Bytes of them, at most.
const MAX_HELD_BYTES: usize = 64 << 20;
/// How long a message is held, at most: clients give up after minutes.
pub const MAX_HOLD: Duration = Duration::from_secs(5 * 60);

/// Which message of a flow is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// What is asked.
    Request,
    /// What is answered.
    Answer,
}

/// A message that is held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holding {
    /// Its flow.
    pub call: CallId,
    /// Whose session it waits in.
    pub session: SessionId,
    /// Which of the two.
    pub leg: Leg,
    /// Since when.
    pub since: SystemTime,
    /// It goes on by itself then.
    pub until: SystemTime,
    /// As it came.
    #[serde(with = "plain::bytes")]
    pub message: Bytes,
}

/// What is intercepted, and what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterceptView {
    /// The rule as it was typed; `None`: nothing more is held.
    pub filter: Option<String>,
    /// What is held, the oldest flow first: which flow, which message of it, and until when.
    pub held: Vec<(CallId, Leg, SystemTime)>,
    /// Messages that met the rule and went on because too many were held.
    pub n_passed: u64,
}

/// The rule, and what is held.
#[derive(Debug, Default)]
pub struct Intercept {
    /// There is a rule: looked at for every message.
    is_on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    rule: Option<(String, Arc<Filter>)>,
    held: BTreeMap<CallId, Holding>,
    n_bytes: usize,
    n_passed: u64,
    max_hold: Duration,
}

impl Default for Inner {
    fn default() -> Self {
        Self { rule: None, held: BTreeMap::new(), n_bytes: 0, n_passed: 0, max_hold: MAX_HOLD }
    }
}

/// A message is held for as long as this lives.
#[derive(Debug)]
pub struct Hold {
    call: CallId,
    /// It may be held for so long.
    pub time: Duration,
    intercept: Arc<Intercept>,
    observer: Arc<Observer>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut inner = self.intercept.lock();
        if let Some(holding) = inner.held.remove(&self.call) {
            inner.n_bytes -= holding.message.len();
        }
        drop(inner);
        self.observer.held(self.call, false);
    }
}

impl Intercept {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a rule at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Whether a message of this flow is to be held: `flow` is as it will stand in the journal when the message goes on.
    #[must_use]
    pub fn wants(&self, flow: &Flow) -> bool {
        let rule = self.lock().rule.as_ref().map(|(_, filter)| filter.clone());
        rule.is_some_and(|filter| filter.matches(flow))
    }

    /// Sets the rule, or takes it away. What is held stays held.
    pub fn set(&self, rule: Option<(String, Filter)>) {
        let mut inner = self.lock();
        self.is_on.store(rule.is_some(), Ordering::Relaxed);
        inner.rule = rule.map(|(text, filter)| (text, Arc::new(filter)));
    }

    /// Holds a message. `None`: it has to go on, because too much is held.
    #[must_use]
    pub fn hold(
        self: &Arc<Self>,
        observer: &Arc<Observer>,
        call: CallId,
        session: SessionId,
        leg: Leg,
        message: &Message,
    ) -> Option<Hold> {
        let message = message.raw().clone();
        let mut inner = self.lock();
        if inner.held.len() >= MAX_HELD
            || inner.n_bytes + message.len() > MAX_HELD_BYTES
            || inner.held.contains_key(&call)
        {
            inner.n_passed += 1;
            return None;
        }
        inner.n_bytes += message.len();
        let (since, time) = (SystemTime::now(), inner.max_hold);
        inner.held.insert(call, Holding { call, session, leg, since, until: since + time, message });
        drop(inner);
        observer.held(call, true);
        Some(Hold { call, time, intercept: self.clone(), observer: observer.clone() })
    }

    /// Another limit than [`MAX_HOLD`].
    #[cfg(test)]
    pub(crate) fn set_max_hold(&self, time: Duration) {
        self.lock().max_hold = time;
    }

    /// What is held of a flow.
    #[must_use]
    pub fn holding(&self, call: CallId) -> Option<Holding> {
        self.lock().held.get(&call).cloned()
    }

    /// What is intercepted, and what is held.
    #[must_use]
    pub fn view(&self) -> InterceptView {
        let inner = self.lock();
        InterceptView {
            filter: inner.rule.as_ref().map(|(text, _)| text.clone()),
            held: inner.held.values().map(|h| (h.call, h.leg, h.until)).collect(),
            n_passed: inner.n_passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::FlowKind;

    fn message(n: usize) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"x":"{}"}}}}"#, "x".repeat(n));
        Message::parse(text.into()).expect("a message")
    }

    fn hold(intercept: &Arc<Intercept>, observer: &Arc<Observer>, n: usize) -> Option<Hold> {
        let call = observer.begin(Flow::new(FlowKind::Call, "m".into()));
        intercept.hold(observer, call, SessionId(1), Leg::Request, &message(n))
    }

    #[test]
    fn without_a_rule_nothing_is_wanted() {
        let intercept = Intercept::default();
        let flow = Flow::new(FlowKind::Call, "tools/call".into());
        assert!(!intercept.is_on() && !intercept.wants(&flow));
        intercept.set(Some(("tools".into(), Filter::parse("tools").unwrap())));
        assert!(intercept.is_on() && intercept.wants(&flow));
        intercept.set(Some(("~be x".into(), Filter::parse("~be x").unwrap())));
        assert!(!intercept.wants(&flow));
        intercept.set(None);
        assert!(!intercept.is_on() && !intercept.wants(&flow));
    }

    #[test]
    fn number_and_bytes_are_bounded_and_given_back() {
        let (intercept, observer) = (Arc::new(Intercept::default()), Arc::new(Observer::new(1000, usize::MAX)));
        let mut held: Vec<Hold> = (0..MAX_HELD).map(|_| hold(&intercept, &observer, 1).expect("room")).collect();
        assert!(hold(&intercept, &observer, 1).is_none());
        assert_eq!((intercept.view().held.len(), intercept.view().n_passed), (MAX_HELD, 1));
        assert!(observer.journal(|j| j.get(CallId(0)).is_some_and(|f| f.is_held)));
        held.remove(0);
        assert!(observer.journal(|j| j.get(CallId(0)).is_some_and(|f| !f.is_held)));
        assert!(hold(&intercept, &observer, MAX_HELD_BYTES).is_none(), "too large beside the others");
        held.clear();
        assert!(hold(&intercept, &observer, MAX_HELD_BYTES - 1000).is_some());
        assert!(intercept.view().held.is_empty() && intercept.lock().n_bytes == 0);
    }
}
