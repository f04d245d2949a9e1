//! A file while it is changed: its servers are found wherever they stand, and what is put in or taken out leaves every other byte.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{ChangeError, SERVER_MAPS, syntax_of};
use crate::config::edit::{Document, EditError, Step, Syntax};
use crate::config::node::{Node, Value};
use crate::config::{fix, keys, matches};

/// A file while it is changed.
pub(super) struct File<'a> {
    path: &'a Path,
    syntax: Syntax,
    pub(super) document: Document,
}

pub(super) fn steps(path: &[String]) -> Vec<Step<'_>> {
    path.iter().map(|key| Step::Key(key)).collect()
}

impl<'a> File<'a> {
    pub(super) fn parse(text: &str, path: &'a Path) -> Result<Self, ChangeError> {
        let syntax = syntax_of(path, text);
        Ok(Self { path, syntax, document: Document::parse(text.as_bytes(), syntax)? })
    }

    pub(super) fn text(&self) -> String {
        // It was made of text, and the splices are text.
        String::from_utf8(self.document.to_bytes()).unwrap_or_default()
    }

    /// The maps of servers that are there.
    pub(super) fn maps(&self) -> impl Iterator<Item = Vec<String>> {
        let owned = |map: &&[&str]| map.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        // A server of OpenCode's `mcp` could be called `servers`; then it has no servers in it.
        SERVER_MAPS.iter().map(owned).filter(|map| self.document.get(&steps(map)).is_some_and(Json::is_object))
    }

    /// Where a server stands.
    pub(super) fn server(&self, name: &Arc<str>) -> Result<Vec<String>, ChangeError> {
        let at = |mut map: Vec<String>| {
            map.push(name.to_string());
            map
        };
        let found = self.maps().map(at).find(|path| self.document.get(&steps(path)).is_some_and(Json::is_object));
        found.ok_or_else(|| ChangeError::NoServer(name.clone()))
    }

    /// Takes out what is at `at`, and up to `n` maps around it that have nothing else in them.
    pub(super) fn remove_up(&mut self, at: &mut Vec<String>, n: usize) -> Result<bool, ChangeError> {
        for _ in 0..n {
            let above = &at[..at.len().saturating_sub(1)];
            let is_alone = |v: &Json| v.as_object().is_some_and(|m| m.len() == 1);
            if !self.document.get(&steps(at)).is_some_and(|_| self.document.get(&steps(above)).is_some_and(is_alone)) {
                break;
            }
            at.pop();
        }
        Ok(self.document.remove(&steps(at))?)
    }

    pub(super) fn use_server(&mut self, server: &Arc<str>, on: bool) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        let of = |key: &str| [&at[..], &[key.to_owned()]].concat();
        let has_disabled = self.document.get(&steps(&of("disabled"))).is_some();
        if has_disabled {
            // The same word that stands there, so that it is not said twice.
            self.document.set(&steps(&of("disabled")), &Json::from(!on))?;
        }
        let word = ["enabled", "active"].into_iter().find(|key| self.document.get(&steps(&of(key))).is_some());
        if word.is_some() || (!has_disabled && !on) {
            self.document.set(&steps(&of(word.unwrap_or("enabled"))), &Json::from(on))?;
        }
        Ok(())
    }

    pub(super) fn rename_server(&mut self, server: &Arc<str>, to: &Arc<str>) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        if server == to {
            return Ok(());
        }
        if self.server(to).is_ok() {
            return Err(ChangeError::Taken(to.clone()));
        }
        let mut expected = self.document.tree().clone();
        let (name, above) = at.split_last().ok_or_else(|| ChangeError::NoServer(server.clone()))?;
        if let Some(map) = above.iter().try_fold(&mut expected, |v, k| v.get_mut(k)).and_then(Json::as_object_mut) {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(k, v)| (if k == *name { to.to_string() } else { k }, v))
                .collect();
        }
        let text = self.text();
        let root = fix::tree(&text, self.path).ok_or_else(|| self.entangled(&at))?;
        let place = above.iter().try_fold(&root, |n, k| n.get(k)).and_then(|n| n.entry(name));
        let mut spans = vec![place.ok_or_else(|| self.entangled(&at))?.key_span];
        // Profiles and tokens name servers; a pattern is left as it is.
        let lists = [&["profiles"][..], &["clients", "tokens"]];
        for above in lists {
            let users = above.iter().try_fold(&root, |n, k| n.get(k)).and_then(Node::as_map).unwrap_or_default();
            for user in users {
                let Some(Value::List(items)) = user.value.get("servers").map(|n| &n.value) else { continue };
                let same = |n: &&Node| n.as_scalar().is_some_and(|s| s.text == **name);
                spans.extend(items.iter().filter(same).map(|n| n.span));
                let mut listed = above.iter().try_fold(&mut expected, |v, k| v.get_mut(*k));
                let listed = listed.as_mut().and_then(|v| v.get_mut(&user.key)?.get_mut("servers")?.as_array_mut());
                listed.into_iter().flatten().filter(|v| *v == &**name).for_each(|v| *v = Json::from(&**to));
            }
        }
        let written = |span| fix::written_in(&text, span, to).ok_or_else(|| self.entangled(&at));
        let edits = spans.into_iter().map(written).collect::<Result<Vec<_>, _>>()?;
        let mut new = text.clone();
        fix::apply(&mut new, &edits.iter().collect::<Vec<_>>());
        self.take(&new, &expected, &at)
    }

    pub(super) fn show_tool(&mut self, server: &Arc<str>, tool: &Arc<str>, on: bool) -> Result<(), ChangeError> {
        let at = self.server(server)?;
        let entry = self.document.get(&steps(&at)).cloned().unwrap_or_default();
        // A client's own word for the list, where the file has it.
        let list = |ours: &str| -> Vec<String> {
            let theirs = keys::FOREIGN.iter().find(|(theirs, o, _)| *o == ours && entry.get(*theirs).is_some());
            let below: Vec<&str> = theirs.map_or_else(|| ours.split('.').collect(), |(theirs, ..)| vec![*theirs]);
            at.iter().cloned().chain(below.into_iter().map(str::to_owned)).collect()
        };
        let (deny, allow) = (list("tools.deny"), list("tools.allow"));
        if on {
            self.drop_text(&deny, tool)?;
            if self.texts(&allow).is_some_and(|a| !a.is_empty() && !a.iter().any(|p| matches(p, tool))) {
                self.add_text(&allow, tool)?;
            }
            if self.texts(&deny).is_some_and(|d| d.iter().any(|p| matches(p, tool))) {
                return Err(ChangeError::Pattern { server: server.clone(), tool: tool.clone() });
            }
        } else if !self.texts(&deny).is_some_and(|d| d.iter().any(|p| matches(p, tool))) {
            self.add_text(&deny, tool)?;
        }
        Ok(())
    }

    fn texts(&self, at: &[String]) -> Option<Vec<String>> {
        let items = self.document.get(&steps(at))?.as_array()?;
        Some(items.iter().filter_map(Json::as_str).map(str::to_owned).collect())
    }

    /// Puts a text at the end of a list; what is in the list stays as it is written.
    fn add_text(&mut self, at: &[String], item: &str) -> Result<(), ChangeError> {
        match self.document.get(&steps(at)) {
            None | Some(Json::Null) => {}
            Some(Json::Array(items)) if items.is_empty() => {}
            Some(Json::Array(_)) => return self.append_text(at, item),
            // One text where a list should be, or the like.
            Some(_) => return Err(self.entangled(at)),
        }
        self.document.set(&steps(at), &Json::from(vec![item]))?;
        Ok(())
    }

    fn append_text(&mut self, at: &[String], item: &str) -> Result<(), ChangeError> {
        let mut items = self.texts(at).unwrap_or_default();
        items.push(item.to_owned());
        let text = self.text();
        let root = fix::tree(&text, self.path);
        let list = root.as_ref().and_then(|r| at.iter().try_fold(r, |n, k| n.get(k)));
        let Some(Value::List(nodes)) = list.map(|n| &n.value) else { return Err(self.entangled(at)) };
        let last = nodes.last().ok_or_else(|| self.entangled(at))?.span;
        // Behind what cannot be followed, an alias, or a text of several lines, as JSON has it.
        let own = fix::written_in(&text, last, item).map_or_else(|| Json::from(item).to_string(), |e| e.text);
        if self.takes(&behind(&text, last.start..last.end, &own), at, &items) {
            return Ok(());
        }
        Err(self.entangled(at))
    }

    /// Takes a text out of a list; of the last one the list goes too.
    fn drop_text(&mut self, at: &[String], item: &str) -> Result<(), ChangeError> {
        while let Some(mut items) = self.texts(at)
            && let Some(index) = items.iter().position(|i| i == item)
        {
            if items.iter().all(|i| i == item) {
                self.remove_up(&mut at.to_vec(), 1)?;
                return Ok(());
            }
            items.remove(index);
            let text = self.text();
            let root = fix::tree(&text, self.path);
            let list = root.as_ref().and_then(|r| at.iter().try_fold(r, |n, k| n.get(k)));
            let Some(Value::List(nodes)) = list.map(|n| &n.value) else { return Err(self.entangled(at)) };
            let span = |i: usize| nodes.get(i).map(|n| n.span.start..n.span.end);
            let before = index.checked_sub(1).and_then(span);
            let new = span(index).and_then(|own| without(&text, before, own, span(index + 1)));
            if !new.is_some_and(|new| self.takes(&new, at, &items)) {
                return Err(self.entangled(at));
            }
        }
        Ok(())
    }

    /// Takes the text if it is the old one with `items` at `at`.
    fn takes(&mut self, new: &str, at: &[String], items: &[String]) -> bool {
        let mut expected = self.document.tree().clone();
        if let Some(list) = at.iter().try_fold(&mut expected, |v, k| v.get_mut(k)) {
            *list = Json::from(items.to_vec());
        }
        self.take(new, &expected, at).is_ok()
    }

    fn take(&mut self, new: &str, expected: &Json, at: &[String]) -> Result<(), ChangeError> {
        let document = Document::parse(new.as_bytes(), self.syntax).map_err(|_| self.entangled(at))?;
        if document.tree() != expected {
            return Err(self.entangled(at));
        }
        self.document = document;
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the file")]
    fn entangled(&self, at: &[String]) -> ChangeError {
        EditError::Entangled { path: at.join(".") }.into()
    }
}

/// The text with `item` behind the one at `last`: on a line of its own if that has one, else behind a comma.
fn behind(text: &str, last: Range<usize>, item: &str) -> String {
    let line = text[..last.start].rfind('\n').map_or(0, |i| i + 1);
    let head = &text[line..last.start];
    let end = text[last.end..].find('\n').map_or(text.len(), |i| last.end + i + 1);
    let nl = if text[..end].ends_with("\r\n") { "\r\n" } else { "\n" };
    let mut new = text.to_owned();
    let is_dashed = head.trim_end().ends_with('-') && head.trim_start().starts_with('-');
    if is_dashed {
        let lead = if text[..end].ends_with('\n') { "" } else { nl };
        new.insert_str(end, &format!("{lead}{head}{item}{nl}"));
    } else if head.trim().is_empty() && text[last.end..end].trim().trim_end_matches(',').is_empty() {
        // One item a line between brackets: the comma goes behind the one before.
        let has_comma = text[last.end..end].contains(',');
        new.insert_str(
            last.end + usize::from(has_comma),
            &format!("{}{nl}{head}{item}", if has_comma { "" } else { "," }),
        );
    } else {
        new.insert_str(last.end, &format!(", {item}"));
    }
    new
}

/// The text without the item at `own`, which stands between two others, or at an end. A comment goes with it only if it stands
/// behind it, on a line it has for itself.
fn without(text: &str, before: Option<Range<usize>>, own: Range<usize>, after: Option<Range<usize>>) -> Option<String> {
    let line = text[..own.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[own.end..].find('\n').map_or(text.len(), |i| own.end + i + 1);
    let head = text[line..own.start].trim();
    let is_bare = |range: Range<usize>| text[range].chars().all(|c| c == ',' || c.is_whitespace());
    let comma = |from: usize| {
        let at = from + text[from..].find(|c: char| !c.is_whitespace())?;
        text[at..].starts_with(',').then_some(at)
    };
    let own_comma = comma(own.end);
    // Without one at the end the comma before the last one goes too.
    let loose = match (&before, &after) {
        (Some(before), None) if own_comma.is_none() => Some(comma(before.end)),
        _ => None,
    };
    let rest = text[own.end..end].trim_start().trim_start_matches(',').trim_start();
    let has_line = head.is_empty()
        && (rest.is_empty() || rest.starts_with('#') || rest.starts_with("//"))
        && own_comma.is_none_or(|comma| comma < end)
        && after.as_ref().is_none_or(|after| after.start >= end);
    let mut gone = Vec::new();
    if head == "-" {
        gone.push(line..end);
    } else if let Some(after) = after.as_ref().filter(|after| is_bare(own.end..after.start)) {
        gone.push(own.start..after.start);
    } else if let Some(before) = before.filter(|before| after.is_none() && is_bare(before.end..own.start)) {
        gone.push(before.end..own.end);
    } else {
        gone.push(if has_line { line..end } else { own.clone() });
        let comma = match loose {
            Some(comma) => Some(comma?),
            None if has_line => None,
            None => Some(own_comma?),
        };
        gone.extend(comma.map(|at| at..at + 1));
    }
    gone.sort_by_key(|range| std::cmp::Reverse(range.start));
    let mut new = text.to_owned();
    gone.into_iter().for_each(|range| new.replace_range(range, ""));
    Some(new)
}
