//! Other keys, as a user's file gives them: `[context] action = "key"`, or a list of keys, or an empty list.
//!
//! Nothing in the file can make the terminal unusable: what is wrong is left out and told, and there is always a key to quit.

use mcp_proxy_core::config::edit::{Document, Syntax};
use mcp_proxy_core::config::kebab_case;
use serde_json::Value;

use super::action::Action;
use super::context::Context;
use super::key::{Code, Key};
use super::keymap::{Keymap, TABLE};

/// Keys that a terminal cannot tell from others: Ctrl with these is Backspace, Tab, Enter.
const DISGUISED: [char; 4] = ['h', 'i', 'j', 'm'];
/// Problems told at most.
const MAX_PROBLEMS: usize = 50;

impl Keymap {
    /// The table with the keys of a file, and what is wrong with that file, each in a sentence.
    pub(crate) fn of_file(text: &str) -> (Self, Vec<String>) {
        let mut keymap = Self::default();
        let mut problems = Vec::new();
        let tree = match Document::parse(text.as_bytes(), Syntax::Toml) {
            Ok(document) => document.tree().clone(),
            Err(error) => return (keymap, vec![format!("cannot be read: {error}")]),
        };
        let mut given = vec![false; TABLE.len()];
        for (context, lines) in tree.as_object().into_iter().flatten() {
            let known = TABLE.iter().any(|b| kebab_case(&format!("{:?}", b.context)) == *context);
            let Some(lines) = lines.as_object().filter(|_| known) else {
                problems.push(format!("`{context}` is no part of the screen: see docs/keys.md"));
                continue;
            };
            for (action, value) in lines {
                let id = format!("{context}.{action}");
                let Some(at) = TABLE.iter().position(|b| b.id() == id) else {
                    problems.push(format!("`{id}` is nothing that can be done there: see docs/keys.md"));
                    continue;
                };
                let wanted = keys(&id, value, TABLE[at].context, &mut problems);
                // An empty list takes the keys away; a mistake does not.
                if wanted.is_empty() && !value.as_array().is_some_and(Vec::is_empty) {
                    continue;
                }
                keymap.keys[at] = wanted;
                given[at] = true;
            }
        }
        keymap.settle(&given, &mut problems);
        problems.truncate(MAX_PROBLEMS);
        (keymap, problems)
    }

    /// A key does one thing in a context: what the file gives counts before the table, what comes first before the rest.
    fn settle(&mut self, given: &[bool], problems: &mut Vec<String>) {
        for at in 0..TABLE.len() {
            for key in self.keys[at].clone() {
                let same = |other: &usize| {
                    *other != at && TABLE[*other].context == TABLE[at].context && self.keys[*other].contains(&key)
                };
                let Some(other) = (0..TABLE.len()).find(same) else { continue };
                let loser = match (given[at], given[other]) {
                    (true, false) => other,
                    (false, true) => at,
                    _ => at.max(other),
                };
                let winner = if loser == at { other } else { at };
                self.keys[loser].retain(|k| *k != key);
                problems.push(format!("{key} is `{}` now, no longer `{}`", TABLE[winner].id(), TABLE[loser].id()));
            }
        }
        for (at, binding) in TABLE.iter().enumerate().filter(|(at, _)| given[*at]) {
            if binding.context == Context::Everywhere {
                continue;
            }
            for key in &self.keys[at] {
                let hidden = self.action(&[Context::Everywhere], *key).filter(|_| lies_on_everywhere(binding.context));
                if let Some(hidden) = hidden {
                    let name = kebab_case(&format!("{hidden:?}"));
                    problems.push(format!("{key} is `{}` there, and hides `everywhere.{name}`", binding.id()));
                }
            }
        }
        // Who cannot leave has to kill the terminal.
        let quit = Key { code: Code::Char('c'), ctrl: true, shift: false };
        for (at, binding) in TABLE.iter().enumerate().filter(|(_, b)| b.action == Action::Quit) {
            if self.keys[at].is_empty() {
                self.keys[at].push(quit);
                problems.push(format!("`{}` keeps {quit}: there must be a way out", binding.id()));
            }
        }
    }
}

/// Whether the keys of `Everywhere` work there too.
const fn lies_on_everywhere(context: Context) -> bool {
    let is_popup =
        matches!(context, Context::Menu | Context::Reader | Context::Confirm | Context::Changed | Context::Offers);
    !is_popup && !context.takes_text()
}

/// The keys a value names; those that cannot work are told and left out.
fn keys(id: &str, value: &Value, context: Context, problems: &mut Vec<String>) -> Vec<Key> {
    let names: Vec<&str> = match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => {
            problems.push(format!("`{id}` wants a key, or a list of keys"));
            Vec::new()
        }
    };
    let mut keys: Vec<Key> = Vec::new();
    for name in names {
        match Key::parse(name) {
            None => problems.push(format!("`{id}`: there is no key `{name}` (j, ctrl-d, f5, pgup, space, s-tab, ...)")),
            Some(Key { code: Code::Char(c), ctrl: true, .. }) if DISGUISED.contains(&c.to_ascii_lowercase()) => {
                problems.push(format!("`{id}`: terminals send the same for `{name}` as for Backspace, Tab or Enter"));
            }
            Some(key) if context.takes_text() && key.typed().is_some() => {
                problems.push(format!("`{id}`: `{name}` is typed as text there"));
            }
            Some(key) if !keys.contains(&key) => keys.push(key),
            Some(_) => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(keymap: &Keymap, id: &str) -> String {
        let at = TABLE.iter().position(|b| b.id() == id).unwrap_or_else(|| panic!("no `{id}`"));
        keymap.keys[at].iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_file_gives_keys() {
        let (keymap, problems) = Keymap::of_file("[backends]\nrestart = \"ctrl-r\"\nping = [\"f5\", \"f5\", \"t\"]\n");
        assert_eq!(problems, [] as [&str; 0]);
        assert_eq!(
            (keys_of(&keymap, "backends.restart"), keys_of(&keymap, "backends.ping")),
            ("Ctrl-R".into(), "F5 t".into())
        );
        assert_eq!(keys_of(&keymap, "backends.open"), "Enter l Right", "the rest stays");
        assert_eq!(Keymap::of_file("").0, Keymap::default());
    }

    #[test]
    fn conflicts_are_told_and_settled() {
        let check = |text: &str, id: &str, keys: &str, problem: &str| {
            let (keymap, problems) = Keymap::of_file(text);
            assert_eq!(keys_of(&keymap, id), keys, "{text}");
            assert!(problems.iter().any(|p| p.contains(problem)), "{text}: {problems:?}");
        };
        let text = "[backends]\nrestart = \"s\"\n";
        check(text, "backends.restart", "s", "s is `backends.restart` now, no longer `backends.start-stop`");
        check(text, "backends.start-stop", "", "no longer");
        check("[backends]\nping = \"x\"\nrestart = \"x\"", "backends.ping", "", "x is `backends.restart` now");
        check("[backends]\nping = \"r\"", "backends.restart", "", "r is `backends.ping` now");
        check("[backends]\nping = \"q\"", "backends.ping", "q", "hides `everywhere.close`");
        check("[backends]\nping = \"ctrl-h\"", "backends.ping", "t", "Backspace");
        check("[backends]\nping = \"hyper-x\"", "backends.ping", "t", "no key `hyper-x`");
        check("[backends]\nping = 3", "backends.ping", "t", "wants a key");
        check("[backends]\nfly = \"x\"", "backends.ping", "t", "nothing that can be done");
        check("[nowhere]\nfly = \"x\"", "backends.ping", "t", "no part of the screen");
        check("[form]\nsend = \"x\"", "form.send", "Enter", "typed as text");
        check("[everywhere]\nquit = []", "everywhere.quit", "Ctrl-C", "a way out");
        check("[[[", "backends.ping", "t", "cannot be read");
    }

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<String> = TABLE.iter().map(|b| b.id()).collect();
        let n = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
