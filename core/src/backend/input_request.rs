//! A question of a legacy server in the words of 2026-07-28 (multi round-trip requests): one of the `inputRequests`. Pure.

use super::task_words::{RELATED_TASK, slice};
use crate::protocol::{Field, Message, Method, Patch, Span, Spliced, walk};

/// Members of a question's `params` that the modern edition does not have.
const LEGACY_ONLY: [&str; 2] = ["elicitationId", "task"];

/// Members of a question's `_meta` that only concern the hop it came by.
const HOP_META: [&str; 2] = ["progressToken", RELATED_TASK];

/// A question as one of the `inputRequests`: `params` as the server wrote them, but for what only concerns the hop.
#[must_use]
pub fn input_request(message: &Message, method: Method) -> String {
    let mut text = format!(r#"{{"method":"{}""#, method.name());
    if let Some(params) = message.span(Field::Params) {
        let raw = message.raw();
        let mut out = Spliced::new(raw.slice(params.start as usize..params.end as usize));
        let at = |span: Span| Span { start: span.start - params.start, end: span.end - params.start };
        let mut cut = |spans: Vec<Span>| spans.into_iter().for_each(|s| out.patch(at(s), Patch::Bytes("".into())));
        let mut keys = LEGACY_ONLY.to_vec();
        if let Some(meta) = message.span(Field::Meta) {
            let is_of_the_hop =
                |key: Span| walk::decode(slice(raw, key)).is_some_and(|k| HOP_META.contains(&k.as_ref()));
            if walk::members(raw, meta).any(|(key, _)| !is_of_the_hop(key)) {
                cut(walk::cuts(raw, meta, &HOP_META));
            } else if walk::members(raw, meta).next().is_some() {
                keys.push("_meta");
            }
        }
        cut(walk::cuts(raw, params, &keys));
        text.push_str(r#","params":"#);
        text.push_str(&String::from_utf8_lossy(&out.to_bytes()));
    }
    text.push('}');
    text
}
