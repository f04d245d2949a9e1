//! One item made fit for clients: renamed, repaired, or set aside with a reason. Pure.
//!
//! Some clients refuse a whole list for one defect of one item (protocol.md, 0.6), and an aggregator would spread that
//! to all servers. So defects are mended item by item; everything else stays byte for byte.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::backend::ItemKind;
use crate::protocol::{Patch, Span, Spliced, walk};

/// An item as it will be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    /// For clients of the legacy era.
    pub(super) legacy: Bytes,
    /// For clients of the modern era, where that differs.
    pub(super) modern: Option<Bytes>,
    /// What was repaired, for people.
    pub(super) repairs: Vec<String>,
}

/// What is to be changed in any case.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change<'a> {
    /// Another name, URI or URI template.
    pub(super) name: Option<&'a str>,
    /// Another description.
    pub(super) description: Option<&'a str>,
    /// Repair defects, too.
    pub(super) repair: bool,
    /// What becomes of a tool's `execution`.
    pub(super) execution: Execution,
}

/// What becomes of a tool's `execution`, which says whether calls of it may be tasks (MCP 2025-11-25, server/tools).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Execution {
    /// Its server makes no tasks.
    #[default]
    Cut,
    /// Told to clients that may make tasks. None of them has to: of a call that is none we make one in its place.
    Offered,
    /// As it came.
    Kept,
}

/// Whether a tool says that calls of it must be tasks.
pub(super) fn needs_task(raw: &[u8]) -> bool {
    task_support(raw, whole(raw)).is_some_and(|support| at(raw, support) == br#""required""#)
}

/// The place of `execution.taskSupport`.
fn task_support(raw: &[u8], tool: Span) -> Option<Span> {
    let (_, execution) = walk::member(raw, tool, "execution")?;
    walk::member(raw, execution, "taskSupport").map(|(_, v)| v)
}

/// The member that names an item.
pub(super) const fn name_key(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool | ItemKind::Prompt => "name",
        ItemKind::Resource => "uri",
        ItemKind::Template => "uriTemplate",
    }
}

fn whole(raw: &[u8]) -> Span {
    Span { start: 0, end: u32::try_from(raw.len()).unwrap_or(0) }
}

fn at(raw: &[u8], span: Span) -> &[u8] {
    &raw[span.start as usize..span.end as usize]
}

/// The text that names the item.
///
/// # Errors
/// Why it has none.
pub(super) fn name_of(kind: ItemKind, raw: &[u8]) -> Result<String, String> {
    if raw.first() != Some(&b'{') {
        return Err(format!("an item of {} is no object", kind.key()));
    }
    let key = name_key(kind);
    let name = walk::member(raw, whole(raw), key).and_then(|(_, v)| walk::decode(at(raw, v)));
    name.map(std::borrow::Cow::into_owned)
        .filter(|n| !n.is_empty())
        .ok_or_else(|| format!("an item of {} has no `{key}`", kind.key()))
}

/// The item with `change` done.
pub(super) fn fix(kind: ItemKind, raw: &Bytes, change: Change<'_>) -> Fixed {
    let members = walk::members(raw, whole(raw)).collect();
    let mut edit = Edit { raw, members, out: Spliced::new(raw.clone()), gone: Vec::new(), repairs: Vec::new() };
    if let Some(name) = change.name {
        edit.set(name_key(kind), &json(name));
    }
    if let Some(description) = change.description {
        edit.set("description", &json(description));
    }
    let is_tool = kind == ItemKind::Tool;
    if is_tool && change.execution == Execution::Cut {
        edit.cut(&["execution"]);
    }
    if !change.repair {
        let (legacy, modern) = edit.by_era(change, false);
        return Fixed { legacy, modern, repairs: Vec::new() };
    }
    edit.cut_nulls(change);
    edit.cut_unknown_themes();
    match kind {
        ItemKind::Tool => edit.mend_input_schema(),
        ItemKind::Resource => {
            edit.mend_size();
            edit.mend_name(change.name);
        }
        ItemKind::Template => edit.mend_name(change.name),
        ItemKind::Prompt => {}
    }
    let repairs = std::mem::take(&mut edit.repairs);
    let (legacy, modern) = edit.by_era(change, is_tool);
    Fixed { legacy, modern, repairs }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Edit<'a> {
    raw: &'a Bytes,
    /// Keys and values of the item, found in one pass: most items need no change, and there are hundreds at a start.
    members: SmallVec<[(Span, Span); 12]>,
    out: Spliced,
    /// Members that go, cut in one pass at the end: two that stand beside each other are one place.
    gone: Vec<String>,
    repairs: Vec<String>,
}

/// Cuts these members.
fn without(out: &mut Spliced, raw: &[u8], gone: &[String]) {
    if gone.is_empty() {
        return;
    }
    let keys: SmallVec<[&str; 4]> = gone.iter().map(String::as_str).collect();
    for span in walk::cuts(raw, whole(raw), &keys) {
        out.patch(span, Patch::Bytes(Bytes::new()));
    }
}

impl Edit<'_> {
    fn is_key(&self, key: Span, name: &str) -> bool {
        let raw = at(self.raw, key);
        let plain = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        plain == name.as_bytes() || (plain.contains(&b'\\') && walk::decode(raw).as_deref() == Some(name))
    }

    fn get(&self, key: &str) -> Option<Span> {
        self.members.iter().find(|(k, _)| self.is_key(*k, key)).map(|(_, v)| *v)
    }

    fn replace(&mut self, span: Span, text: &str) {
        self.out.patch(span, Patch::Bytes(Bytes::copy_from_slice(text.as_bytes())));
    }

    /// Sets a member of the item, adding it in front when it is not there.
    fn set(&mut self, key: &str, value: &str) {
        match self.get(key) {
            Some(span) => self.replace(span, value),
            None => self.insert(whole(self.raw), key, value),
        }
    }

    /// Adds a member in front of those of the object at `object`.
    fn insert(&mut self, object: Span, key: &str, value: &str) {
        let comma = if walk::members(self.raw, object).next().is_some() { "," } else { "" };
        let at = object.start + 1;
        self.replace(Span { start: at, end: at }, &format!("{}:{value}{comma}", json(key)));
    }

    fn cut(&mut self, keys: &[&str]) {
        let there: Vec<String> = keys.iter().filter(|key| self.get(key).is_some()).map(|k| (*k).to_owned()).collect();
        self.gone.extend(there);
    }

    /// The item for clients of the legacy era, and for those of the modern one where that differs. `old_schemas`: the editions
    /// differ in those.
    fn by_era(mut self, change: Change<'_>, old_schemas: bool) -> (Bytes, Option<Bytes>) {
        let (mut modern, mut modern_gone) = (self.out.clone(), self.gone.clone());
        let n = (modern.patches().count(), modern_gone.len());
        if change.execution == Execution::Offered && self.get("execution").is_some() {
            modern_gone.push("execution".to_owned());
            match task_support(self.raw, whole(self.raw)) {
                Some(support) if at(self.raw, support) == br#""required""# => self.replace(support, r#""optional""#),
                Some(_) => {}
                None => self.cut(&["execution"]),
            }
        }
        if old_schemas {
            self.old_schemas();
        }
        let differs = (self.out.patches().count(), self.gone.len()) != n || modern_gone.len() != n.1;
        let Self { raw, mut out, gone, .. } = self;
        without(&mut out, raw, &gone);
        let legacy = out.to_bytes();
        let modern = differs.then(|| {
            without(&mut modern, raw, &modern_gone);
            modern.to_bytes()
        });
        (legacy.clone(), modern.filter(|m| *m != legacy))
    }

    fn cut_nulls(&mut self, change: Change<'_>) {
        let is_null = |v: Span| at(self.raw, v) == b"null";
        let nulls: Vec<String> = self
            .members
            .iter()
            .filter(|(_, v)| is_null(*v))
            .filter_map(|(k, _)| walk::decode(at(self.raw, *k)).map(std::borrow::Cow::into_owned))
            // These are replaced already.
            .filter(|k| {
                k != "inputSchema"
                    && (k != "execution" || change.execution == Execution::Kept)
                    && !(k == "description" && change.description.is_some())
            })
            .collect();
        if nulls.is_empty() {
            return;
        }
        let keys: Vec<&str> = nulls.iter().map(String::as_str).collect();
        self.cut(&keys);
        self.repairs.push(format!("`null` in {} removed", keys.join(", ")));
    }

    /// An icon may be for light or dark screens (MCP 2025-11-25, basic, icons); anything else breaks strict clients.
    fn cut_unknown_themes(&mut self) {
        let Some(icons) = self.get("icons") else { return };
        let bad: Vec<Span> = walk::elements(self.raw, icons)
            .filter(|icon| {
                let theme = walk::member(self.raw, *icon, "theme").map(|(_, v)| at(self.raw, v));
                theme.is_some_and(|t| t != b"\"light\"" && t != b"\"dark\"")
            })
            .collect();
        for icon in bad {
            for span in walk::cuts(self.raw, icon, &["theme"]) {
                self.replace(span, "");
            }
            self.repairs.push("unknown icon theme removed".to_owned());
        }
    }

    fn mend_input_schema(&mut self) {
        let Some(schema) = self.get("inputSchema") else {
            self.insert(whole(self.raw), "inputSchema", r#"{"type":"object"}"#);
            return self.repairs.push("missing `inputSchema` added".to_owned());
        };
        if at(self.raw, schema).first() != Some(&b'{') {
            self.replace(schema, r#"{"type":"object"}"#);
            return self.repairs.push("`inputSchema` that is no object replaced".to_owned());
        }
        match walk::member(self.raw, schema, "type").map(|(_, v)| v) {
            None => {
                self.insert(schema, "type", r#""object""#);
                self.repairs.push("`type` added to `inputSchema`".to_owned());
            }
            Some(v) if at(self.raw, v) != b"\"object\"" => {
                self.replace(v, r#""object""#);
                self.repairs.push("`inputSchema.type` set to \"object\"".to_owned());
            }
            Some(_) => {}
        }
    }

    fn mend_size(&mut self) {
        let Some(size) = self.get("size") else { return };
        let text = at(self.raw, size);
        if text != b"null" && !text.iter().all(u8::is_ascii_digit) {
            self.cut(&["size"]);
            self.repairs.push("`size` that is no whole number removed".to_owned());
        }
    }

    fn mend_name(&mut self, exposed: Option<&str>) {
        let named = self.get("name").is_some_and(|v| at(self.raw, v).first() == Some(&b'"'));
        if named {
            return;
        }
        let uri = self.get("uri").or_else(|| self.get("uriTemplate"));
        let uri = uri.and_then(|v| walk::decode(at(self.raw, v))).map(std::borrow::Cow::into_owned);
        let name = exposed.map(str::to_owned).or(uri).unwrap_or_default();
        match self.get("name") {
            // A `null` was cut already.
            Some(v) if at(self.raw, v) != b"null" => self.replace(v, &json(&name)),
            _ => self.insert(whole(self.raw), "name", &json(&name)),
        }
        self.repairs.push("missing `name` added".to_owned());
    }

    /// Editions before 2026-07-28 know no boolean schemas and no results that are not objects.
    fn old_schemas(&mut self) {
        if let Some(schema) = self.get("inputSchema").filter(|s| at(self.raw, *s).first() == Some(&b'{')) {
            self.old_properties(schema);
        }
        let Some(schema) = self.get("outputSchema").filter(|s| at(self.raw, *s) != b"null") else { return };
        let root = walk::member(self.raw, schema, "type").map(|(_, v)| at(self.raw, v));
        if root == Some(b"\"object\"") {
            self.old_properties(schema);
        } else {
            self.cut(&["outputSchema"]);
        }
    }

    fn old_properties(&mut self, schema: Span) {
        let Some((_, properties)) = walk::member(self.raw, schema, "properties") else { return };
        let booleans: Vec<(Span, &str)> = walk::members(self.raw, properties)
            .filter_map(|(_, v)| match at(self.raw, v) {
                b"true" => Some((v, "{}")),
                b"false" => Some((v, r#"{"not":{}}"#)),
                _ => None,
            })
            .collect();
        for (span, text) in booleans {
            self.replace(span, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ItemKind, name: Option<&str>, raw: &str, legacy: &str, modern: Option<&str>) {
        let fixed =
            fix(kind, &Bytes::copy_from_slice(raw.as_bytes()), Change { name, repair: true, ..Change::default() });
        assert_eq!(String::from_utf8_lossy(&fixed.legacy), legacy, "{raw}");
        assert_eq!(fixed.modern.map(|m| String::from_utf8_lossy(&m).into_owned()).as_deref(), modern, "{raw}");
    }

    #[test]
    fn a_good_item_changes_its_name_only() {
        check(
            ItemKind::Tool,
            Some("x__a"),
            r#"{"x":1e3, "name":"a" ,"inputSchema":{"type":"object","$defs":{}} }"#,
            r#"{"x":1e3, "name":"x__a" ,"inputSchema":{"type":"object","$defs":{}} }"#,
            None,
        );
    }

    #[test]
    fn edge_32_old_clients_get_old_schemas() {
        check(
            ItemKind::Tool,
            None,
            r#"{"name":"a","inputSchema":{"type":"object","properties":{"x":true,"y":false}},"outputSchema":{"type":"array"}}"#,
            r#"{"name":"a","inputSchema":{"type":"object","properties":{"x":{},"y":{"not":{}}}}}"#,
            Some(
                r#"{"name":"a","inputSchema":{"type":"object","properties":{"x":true,"y":false}},"outputSchema":{"type":"array"}}"#,
            ),
        );
    }

    #[test]
    fn defects_are_mended_one_by_one() {
        let tool = |raw, expected| check(ItemKind::Tool, None, raw, expected, None);
        tool(r#"{"name":"a"}"#, r#"{"inputSchema":{"type":"object"},"name":"a"}"#);
        tool(r#"{"name":"a","inputSchema":null}"#, r#"{"name":"a","inputSchema":{"type":"object"}}"#);
        tool(r#"{"name":"a","inputSchema":{}}"#, r#"{"name":"a","inputSchema":{"type":"object"}}"#);
        tool(
            r#"{"name":"a","description":null,"inputSchema":{"anyOf":[]}}"#,
            r#"{"name":"a","inputSchema":{"type":"object","anyOf":[]}}"#,
        );
        tool(
            r#"{"name":"a","icons":[{"src":"x","theme":"blue"}],"inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}"#,
            r#"{"name":"a","icons":[{"src":"x"}],"inputSchema":{"type":"object"}}"#,
        );
        // Members that go may stand beside each other.
        tool(
            r#"{"execution":{},"title":null,"name":"a","description":null,"inputSchema":{}}"#,
            r#"{"name":"a","inputSchema":{"type":"object"}}"#,
        );
        let resource = |raw, expected| check(ItemKind::Resource, None, raw, expected, None);
        resource(r#"{"uri":"a:b"}"#, r#"{"name":"a:b","uri":"a:b"}"#);
        resource(r#"{"uri":"a:b","name":null,"size":-1}"#, r#"{"name":"a:b","uri":"a:b"}"#);
        resource(r#"{"uri":"a:b","name":"n","size":1.5}"#, r#"{"uri":"a:b","name":"n"}"#);
    }

    #[test]
    fn what_a_tool_says_of_tasks_is_for_who_has_them() {
        let check = |execution: Execution, said: &str, legacy: &str, modern: Option<&str>| {
            for repair in [true, false] {
                let raw = format!(r#"{{"name":"a"{said},"inputSchema":{{"type":"object"}}}}"#);
                let change = Change { repair, execution, ..Change::default() };
                let fixed = fix(ItemKind::Tool, &Bytes::from(raw), change);
                let tool = |with: &str| format!(r#"{{"name":"a"{with},"inputSchema":{{"type":"object"}}}}"#);
                assert_eq!(String::from_utf8_lossy(&fixed.legacy), tool(legacy), "{said}");
                let got = fixed.modern.map(|m| String::from_utf8_lossy(&m).into_owned());
                assert_eq!(got, modern.map(tool), "{said}");
                assert!(fixed.repairs.is_empty(), "no defect: {said}");
            }
        };
        let says = |support: &str| format!(r#","execution":{{"taskSupport":"{support}","v":1}}"#);
        for support in ["required", "optional", "forbidden"] {
            check(Execution::Cut, &says(support), "", None);
            check(Execution::Kept, &says(support), &says(support), None);
        }
        check(Execution::Offered, &says("required"), &says("optional"), Some(""));
        check(Execution::Offered, &says("forbidden"), &says("forbidden"), Some(""));
        check(Execution::Offered, r#","execution":{}"#, "", None);
        check(Execution::Offered, "", "", None);
        assert!(needs_task(br#"{"execution":{"taskSupport":"required"}}"#));
        for other in
            [&b"{}"[..], br#"{"execution":{"taskSupport":"optional"}}"#, br#"{"taskSupport":"required"}"#, b"[]"]
        {
            assert!(!needs_task(other));
        }
    }

    #[test]
    fn what_has_no_name_is_refused_with_a_reason() {
        let check = |kind, raw: &str| name_of(kind, raw.as_bytes()).expect_err("refused");
        assert_eq!(check(ItemKind::Tool, r#"{"nme":"x"}"#), "an item of tools has no `name`");
        assert_eq!(check(ItemKind::Tool, "7"), "an item of tools is no object");
        assert_eq!(check(ItemKind::Resource, r#"{"uri":7}"#), "an item of resources has no `uri`");
    }
}
