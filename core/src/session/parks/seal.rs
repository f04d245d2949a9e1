//! [`Seal`]: the `requestState` a client carries from round to round. It names a call and is good only for whoever made it,
//! for the same request, until its time is over, in this process. It says no secret.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, SealOptions};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::backend::Principal;
use crate::protocol::{CallId, Field, Message, SessionId};

/// Bytes of what is sealed: two numbers.
const N_BYTES: usize = 16;

/// Seals and opens. `None` inside: the system has no random numbers, and nothing can be sealed.
#[derive(Debug)]
pub(super) struct Seal(Option<RequestStateCodec>);

impl Seal {
    /// With a key nobody knows, for as long as we run.
    pub(super) fn new() -> Self {
        let mut key = [0; RequestStateCodec::MIN_KEY_LENGTH];
        let codec = getrandom::fill(&mut key).ok().and_then(|()| RequestStateCodec::try_new(key).ok());
        if codec.is_none() {
            tracing::error!("the system gives no random numbers: clients of MCP 2026-07-28 cannot be asked anything");
        }
        Self(codec)
    }

    /// The state for the call of these numbers, good for `ttl`.
    pub(super) fn seal(&self, park: SessionId, call: CallId, bound: &[u8], ttl: Duration) -> Option<String> {
        let payload = [park.0.to_be_bytes(), call.0.to_be_bytes()].concat();
        let options = SealOptions::new().associated_data(bound).ttl(ttl);
        self.0.as_ref().map(|codec| codec.seal_with(&payload, &options))
    }

    /// What the client brings back, if it is what it was given for this very request.
    pub(super) fn open(&self, state: &str, bound: &[u8]) -> Option<(SessionId, CallId)> {
        let payload = self.0.as_ref()?.open_with(state, bound).ok()?;
        let payload: [u8; N_BYTES] = payload.try_into().ok()?;
        let (park, call) = payload.split_at(N_BYTES / 2);
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
        Some((SessionId(number(park)?), CallId(number(call)?)))
    }
}

/// What a state is bound to: who asks for what. `_meta` and the members of a round are no part of that, nor is the way JSON is
/// written.
pub(super) fn bound(principal: &Principal, message: &Message) -> Vec<u8> {
    let mut hash = Sha256::new();
    for field in [Field::Method, Field::Name, Field::Uri] {
        part(&mut hash, message.text(field).unwrap_or_default().as_bytes());
    }
    let arguments = message.get(Field::Arguments).unwrap_or_default();
    match serde_json::from_slice::<Value>(arguments) {
        Ok(value) => canonical(&mut hash, &value),
        Err(_) => part(&mut hash, arguments),
    }
    let mut bound = principal.name().as_bytes().to_vec();
    bound.push(0);
    bound.extend_from_slice(&hash.finalize());
    bound
}

/// Hashes with its length: no two sequences of parts are alike.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Hashes a value whatever the order of its members.
fn canonical(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            part(hash, b"{");
            for (key, value) in members {
                part(hash, key.as_bytes());
                canonical(hash, value);
            }
            part(hash, b"}");
        }
        Value::Array(elements) => {
            part(hash, b"[");
            elements.iter().for_each(|e| canonical(hash, e));
            part(hash, b"]");
        }
        leaf => part(hash, leaf.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn message(params: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        Message::parse(text.into()).expect("valid")
    }

    fn of(principal: &str, params: &str) -> Vec<u8> {
        bound(&Principal::token(principal), &message(params))
    }

    /// Edge case 20: what another request, another client or another hand makes of a state opens nothing.
    #[test]
    fn a_state_is_good_for_one_request_of_one_client() {
        let seal = Seal::new();
        let own = of("a", r#"{"name":"t","arguments":{"x":1,"y":[true,null]}}"#);
        let state = seal.seal(SessionId(7), CallId(9), &own, LONG).expect("random numbers");
        assert_eq!(seal.open(&state, &own), Some((SessionId(7), CallId(9))));
        for (who, params) in [
            ("b", r#"{"name":"t","arguments":{"x":1,"y":[true,null]}}"#),
            ("a", r#"{"name":"u","arguments":{"x":1,"y":[true,null]}}"#),
            ("a", r#"{"name":"t","arguments":{"x":2,"y":[true,null]}}"#),
            ("a", r#"{"name":"t","arguments":{"x":1,"y":[true]},"uri":"x:"}"#),
            ("a", r#"{"name":"t"}"#),
            ("a", r#"{"uri":"t","arguments":{"x":1,"y":[true,null]}}"#),
        ] {
            assert_eq!(seal.open(&state, &of(who, params)), None, "{who} {params}");
        }
        for at in 0..state.len() {
            let mut bytes = state.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(seal.open(&changed, &own), None, "{changed}");
        }
        assert_eq!(Seal::new().open(&state, &own), None, "another process");
        assert_eq!(seal.open("", &own), None);
        let over = seal.seal(SessionId(7), CallId(9), &own, Duration::ZERO).expect("random numbers");
        while seal.open(&over, &own).is_some() {
            // Within the millisecond it is good for.
            std::hint::spin_loop();
        }
        assert_eq!(seal.open(&over, &own), None, "expired");
    }

    #[test]
    fn the_way_it_is_written_does_not_matter() {
        let one = of("a", r#"{"name":"t","arguments":{"x":1,"y":"é"},"_meta":{"progressToken":1}}"#);
        let same =
            r#"{ "arguments" : { "y":"\u00e9", "x": 1 }, "name":"\u0074", "inputResponses":{}, "requestState":"s" }"#;
        assert_eq!(one, of("a", same));
    }
}
