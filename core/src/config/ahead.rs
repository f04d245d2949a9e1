//! The programs of `${cmd:…}` are asked side by side before the file is read: ten of them, of two seconds each, cost two seconds.
//!
//! Only what is certain to be asked for is asked ahead: a value that is one such reference and nothing else, of a server that is
//! not switched off. All others are asked when they are read.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::node::{Node, Value};
use super::outside;

/// Programs at the same time, at most: each may ask a person for a finger, or a service for an answer.
const N_AT_ONCE: usize = 8;
/// Where servers are.
const MAPS: [&str; 3] = ["servers", "mcpServers", "context_servers"];
/// What of them is text that may be secret.
const KEYS: [&str; 5] = ["env", "headers", "args", "auth", "url"];

/// The command lines that are certain to be asked, each once.
pub(super) fn certain(root: &Node) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for map in MAPS {
        for server in root.get(map).and_then(Node::as_map).unwrap_or_default() {
            let says = |key: &str, word: &str| {
                server.value.get(key).and_then(Node::as_scalar).is_some_and(|s| s.text.eq_ignore_ascii_case(word))
            };
            if says("enabled", "false") || says("disabled", "true") {
                continue;
            }
            KEYS.iter().filter_map(|key| server.value.get(key)).for_each(|node| collect(node, &mut all));
        }
    }
    all
}

fn collect(node: &Node, all: &mut Vec<Vec<String>>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            let inner = scalar.text.strip_prefix("${cmd:").and_then(|rest| rest.strip_suffix('}'));
            let words = inner.filter(|inner| !inner.contains(['$', '{', '}'])).and_then(outside::words);
            all.extend(words.filter(|words| !words.is_empty() && !all.contains(words)));
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, all)),
        Value::Map(entries) => entries.iter().for_each(|entry| collect(&entry.value, all)),
    }
}

/// What `ask` says to each of them, in their order; several are asked at once.
pub(super) fn asked<T: Send>(all: &[Vec<String>], ask: impl Fn(&[String]) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(all.len()));
    std::thread::scope(|scope| {
        for _ in 0..all.len().min(N_AT_ONCE) {
            scope.spawn(|| {
                while let Some((at, words)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    all.get(at).map(|words| (at, words))
                } {
                    let answer = ask(words);
                    answers.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::super::source::Sources;
    use super::super::syntax::{self, Format};
    use super::*;

    #[test]
    fn only_what_is_certain_is_asked_ahead() {
        let text = "
servers:
  a: { command: x, args: [\"${cmd:op read a}\", \"--key=${cmd:op read b}\"], env: { T: \"${cmd:op read a}\", U: \"${cmd:pass c}\" } }
  b: { url: \"https://h\", auth: { token: \"${cmd:op read ${X}}\" }, headers: { H: \"${X:-${cmd:d}}\" } }
  c: { command: x, enabled: false, env: { T: \"${cmd:e}\" } }
  d: { command: x, description: \"${cmd:f}\", env: { T: \"${cmd:}\", U: \"${cmd:'g}\" } }
profiles: { p: { servers: [\"${cmd:h}\"] } }
";
        let (mut sources, mut out) = (Sources::default(), Vec::new());
        let source = sources.add(std::path::Path::new("x.yaml"), text);
        let root = syntax::parse(text, Format::Yaml, source, &sources, &mut out).expect("a tree");
        let certain: Vec<String> = certain(&root).iter().map(|words| words.join(" ")).collect();
        assert_eq!(certain, ["op read a", "pass c"]);
    }

    #[test]
    fn several_are_asked_at_once_and_answer_in_order() {
        let all: Vec<Vec<String>> = (0..N_AT_ONCE).map(|n| vec![n.to_string()]).collect();
        // Nobody passes before all are there.
        let barrier = Barrier::new(N_AT_ONCE);
        let answers = asked(&all, |words| {
            barrier.wait();
            words[0].clone()
        });
        assert_eq!(answers, all.concat());
        let many: Vec<Vec<String>> = (0..50).map(|n| vec![n.to_string()]).collect();
        assert_eq!(asked(&many, |words| words[0].clone()), many.concat());
        assert!(asked(&[], |_| ()).is_empty());
    }
}
