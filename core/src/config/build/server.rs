//! One entry of `servers`, with `defaults` under it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::diagnostic::{Diagnostic, Level, NoteKind};
use crate::config::keys::{self, Kind};
use crate::config::mask;
use crate::config::node::{Node, Value};
use crate::config::{
    ClientFeatures, Isolation, ProtocolChoice, RestartPolicy, Server, StartPolicy, Target, ToolRules, quantity,
};

use super::file_uri;
use super::foreign::ServerEntry;
use super::reader::{Reader, last, quoted};

/// Our own name in clients' files.
const RESERVED: &str = "mcp-proxy";
/// A prefix longer than this leaves no room for the tool.
const MAX_PREFIX: usize = 24;
/// A bare number this big is milliseconds: nobody waits 17 minutes for one call by plan.
const MILLISECONDS_FROM: f64 = 1000.0;

/// A server's values over the defaults.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) own: &'a Node,
    pub(super) defaults: Option<&'a Node>,
    pub(super) is_foreign: bool,
}

impl<'a> Fields<'a> {
    /// The value of a dotted key, and whether it is the server's own.
    fn find(self, path: &str) -> Option<(&'a Node, bool)> {
        let dig = |node: &'a Node| {
            let found = path.split('.').try_fold(node, |n, key| n.get(key))?;
            (!matches!(found.value, Value::Null)).then_some(found)
        };
        let own = dig(self.own).map(|n| (n, true));
        own.or_else(|| self.defaults.and_then(dig).map(|n| (n, false)))
    }

    pub(super) fn get(self, path: &str) -> Option<&'a Node> {
        self.find(path).map(|f| f.0)
    }

    /// The value the server itself gives.
    pub(super) fn own(self, path: &str) -> Option<&'a Node> {
        self.find(path).filter(|f| f.1).map(|f| f.0)
    }
}

/// A server's values, and what messages call it.
#[derive(Clone, Copy)]
struct At<'a> {
    fields: Fields<'a>,
    path: &'a str,
}

impl At<'_> {
    fn path_of(self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

impl Reader<'_> {
    /// Checks the keys of `defaults`; their values are checked with each server's.
    pub(super) fn defaults(&mut self, defaults: Option<&Node>) {
        let Some(node) = defaults else { return };
        self.check_keys(node, "defaults", Kind::Defaults);
        // With no server there is nobody else to read them.
        let empty = Node { span: node.span, value: Value::Map(Vec::new()) };
        let fields = Fields { own: &empty, defaults, is_foreign: false };
        let mut server = Server::stdio("defaults", "", &[]);
        self.behaviour(fields, &mut server, "defaults");
        if let Some(node) = fields.get("cwd") {
            self.path(node, "defaults.cwd");
        }
        self.env(fields, "defaults");
        self.headers(fields, "defaults");
    }

    /// Reads one server. `None`: it cannot be reached the way it is written. One that is switched off is there in any case, with an
    /// empty command if something about its target is wrong.
    pub(super) fn server(&mut self, entry: &ServerEntry, defaults: Option<&Node>) -> Option<Server> {
        self.soft = false;
        let mut path = format!("servers.{}", entry.name);
        let node = &entry.node;
        if node.as_map().is_none() {
            self.wrong_type(node, &path, "a map", "write `command: …` or `url: …` below the name");
            return None;
        }
        let fields = Fields { own: node, defaults, is_foreign: entry.is_foreign };
        let enabled = self.enabled(fields, &path);
        self.soft = !enabled;
        let name = self.server_name(entry)?;
        path.truncate("servers.".len());
        path.push_str(&name);
        self.check_keys(node, &path, Kind::Section(keys::SERVER));
        let before = self.n_softened;
        let target = self.target(fields, &path, entry.key_span);
        // A part of it may be missing now: what is left is not fit to be started by hand either.
        let is_whole = self.n_softened == before;
        let nowhere = Target::Stdio { command: String::new(), args: Vec::new(), cwd: None, env: BTreeMap::new() };
        let is_reachable = target.is_some();
        let mut server = Server::new(&name, target.filter(|_| is_whole).unwrap_or(nowhere));
        server.enabled = enabled;
        server.shown = shown(fields, &server.target);
        self.behaviour(fields, &mut server, &path);
        (is_reachable || !enabled).then_some(server)
    }

    fn enabled(&mut self, fields: Fields<'_>, path: &str) -> bool {
        let enabled = fields.own("enabled").and_then(|n| self.truth(n, &format!("{path}.enabled")));
        let disabled = fields.own("disabled").and_then(|n| self.truth(n, &format!("{path}.disabled")));
        enabled.unwrap_or(true) && !disabled.unwrap_or(false)
    }

    /// MP111
    fn server_name(&mut self, entry: &ServerEntry) -> Option<String> {
        let name = &entry.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let better: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        let better = better.trim_matches('-').to_owned();
        let better = if better.is_empty() { "server".to_owned() } else { better };
        if name == RESERVED && !entry.is_foreign {
            let d = Diagnostic::new("MP111", Level::Error, format!("a server cannot be called `{RESERVED}`"))
                .note(NoteKind::Why, "that is this program in the clients' files")
                .note(NoteKind::Fix, "give it another name");
            self.report(d, entry.key_span);
            return None;
        }
        if name.is_empty() || !name.chars().all(fits) {
            let level = if entry.is_foreign { Level::Warning } else { Level::Error };
            let message = format!("server name `{name}` has characters that clients refuse");
            let d = Diagnostic::new("MP111", level, message)
                .label("letters, digits, `-` and `_` only")
                .note(NoteKind::Fix, format!("call it `{better}`"));
            let d = if entry.is_foreign { d.note(NoteKind::Note, format!("it is `{better}` here")) } else { d };
            self.report(d, entry.key_span);
            return Some(better);
        }
        if name.contains("__") {
            let message = format!("server name `{name}` has `__` in it, which separates a server from its tools");
            self.warning("MP111", entry.key_span, message, &format!("call it `{}`", name.replace('_', "-")));
        } else if name.contains('_') {
            let message = format!("server name `{name}` has `_` in it, at which some clients split names");
            self.warning("MP111", entry.key_span, message, &format!("call it `{}`", name.replace('_', "-")));
        }
        Some(name.clone())
    }

    /// Everything but the target.
    fn behaviour(&mut self, fields: Fields<'_>, server: &mut Server, path: &str) {
        let starts = [("eager", StartPolicy::Eager), ("lazy", StartPolicy::Lazy), ("manual", StartPolicy::Manual)];
        let policies = [
            ("never", RestartPolicy::Never),
            ("on-failure", RestartPolicy::OnFailure),
            ("always", RestartPolicy::Always),
        ];
        let editions =
            [("auto", ProtocolChoice::Auto), ("modern", ProtocolChoice::Modern), ("legacy", ProtocolChoice::Legacy)];
        let at = At { fields, path };
        self.fill(at, "start", &mut server.start, |r, n, p| r.choice(n, p, &starts));
        self.fill(at, "connect_timeout", &mut server.connect_timeout, Self::positive_duration);
        self.fill(at, "tls.ca_file", &mut server.ca_file, |r, n, p| r.path(n, p).map(Some));
        self.fill(at, "startup_timeout", &mut server.startup_timeout, Self::positive_duration);
        self.fill(at, "timeout", &mut server.timeout, |r, n, p| r.call_timeout(n, p, fields.is_foreign));
        self.fill(at, "max_timeout", &mut server.max_timeout, Self::positive_duration);
        self.fill(at, "input_timeout", &mut server.input_timeout, Self::positive_duration);
        self.fill(at, "idle_timeout", &mut server.idle_timeout, |r, n, p| {
            r.duration(n, p).map(|d| Some(d).filter(|d| !d.is_zero()))
        });
        self.fill(at, "probe_timeout", &mut server.probe_timeout, Self::positive_duration);
        self.fill(at, "list_wait", &mut server.list_wait, Self::duration);
        self.fill(at, "drain_timeout", &mut server.drain_timeout, Self::duration);
        self.restart(at, server, &policies);
        self.fill(at, "protocol", &mut server.protocol, |r, n, p| r.choice(n, p, &editions));
        if fields.own("prefix").is_some() {
            self.fill(at, "prefix", &mut server.prefix, |r, n, p| r.prefix(n, p).map(Some));
        }
        self.fill(at, "cache_lists", &mut server.cache_lists, Self::truth);
        self.fill(at, "share_logs", &mut server.share_logs, Self::truth);
        self.fill(at, "limits.max_concurrent", &mut server.max_concurrent, |r, n, p| r.count(n, p, 1..=1_000_000));
        self.fill(at, "limits.requests_per_minute", &mut server.requests_per_minute, |r, n, p| {
            r.requests_per_minute(n, p).map(Some)
        });
        self.fill(at, "tags", &mut server.tags, Self::plain_texts);
        self.fill(at, "roots", &mut server.roots, Self::roots);
        let isolations = [
            ("auto", Isolation::Auto),
            ("shared", Isolation::Shared),
            ("per-client", Isolation::PerClient),
            ("per-session", Isolation::PerSession),
        ];
        self.fill(at, "isolation", &mut server.isolation, |r, n, p| r.choice(n, p, &isolations));
        let features = [("none", ClientFeatures::None), ("lease", ClientFeatures::Lease)];
        self.fill(at, "client_features", &mut server.client_features, |r, n, p| r.choice(n, p, &features));
        self.fill(at, "lease_max", &mut server.lease_max, |r, n, p| r.count(n, p, 1..=64));
        self.tools(at, &mut server.tools);
        // A single call may be silent as long as `timeout` says.
        server.max_timeout = server.max_timeout.max(server.timeout);
    }

    /// Puts a value in its place, if it is given and right.
    fn fill<T>(
        &mut self,
        at: At<'_>,
        key: &str,
        place: &mut T,
        read: impl FnOnce(&mut Self, &Node, &str) -> Option<T>,
    ) {
        if let Some(node) = at.fields.get(key)
            && let Some(value) = read(self, node, &at.path_of(key))
        {
            *place = value;
        }
    }

    fn restart(&mut self, at: At<'_>, server: &mut Server, policies: &[(&str, RestartPolicy)]) {
        let restart = &mut server.restart;
        self.fill(at, "restart.policy", &mut restart.policy, |r, n, p| r.choice(n, p, policies));
        self.fill(at, "restart.max", &mut restart.max, |r, n, p| {
            r.number(n, p, 0..=1_000_000).and_then(|n| u32::try_from(n).ok())
        });
        let mut backoff = (restart.backoff_min, restart.backoff_max);
        self.fill(at, "restart.backoff", &mut backoff, Self::backoff);
        (restart.backoff_min, restart.backoff_max) = backoff;
    }

    /// `timeout`, of which other programs' files hold milliseconds.
    fn call_timeout(&mut self, node: &Node, path: &str, is_foreign: bool) -> Option<Duration> {
        let text = self.duration_text(node, path)?;
        let bare = text.value.trim().parse::<f64>().ok().filter(|n| *n >= MILLISECONDS_FROM);
        let Some(bare) = bare else { return self.positive_duration(node, path) };
        let as_ms = Duration::try_from_secs_f64(bare / 1000.0).unwrap_or_default();
        let short = format!("{}s", as_ms.as_secs_f64());
        if is_foreign {
            let message = format!("`{}` is read as milliseconds: {short}", last(path));
            self.warning("MP110", node.span, message, &format!("in a file of your own, write `{short}`"));
            return Some(as_ms);
        }
        let Some(seconds) = quantity::duration(text.value.trim()) else {
            self.no_duration(&text, path);
            return None;
        };
        let minutes = seconds.as_secs() / 60;
        let message =
            format!("`{}` is {} h {} min here; are these milliseconds?", last(path), minutes / 60, minutes % 60);
        self.warning("MP110", node.span, message, &format!("write `{short}`"));
        Some(seconds)
    }

    fn backoff(&mut self, node: &Node, path: &str) -> Option<(Duration, Duration)> {
        let text = self.duration_text(node, path)?;
        let range = quantity::duration_range(text.value.trim()).filter(|(min, _)| !min.is_zero());
        if range.is_none() {
            let message = format!("`{}`: {} is not a range of durations", last(path), quoted(&text));
            self.error("MP103", node.span, message, "write the first and the longest pause, as in `1s..30s`");
        }
        range
    }

    fn prefix(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.text(node, path)?;
        let prefix = &text.value;
        let fits = prefix.len() <= MAX_PREFIX
            && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            && !prefix.contains("__")
            && !prefix.ends_with('_');
        if !fits {
            let message = format!("`prefix` cannot be {}", quoted(&text));
            let fix = "at most 24 letters, digits, `-` and `_`; no `__`, no `_` at the end";
            self.error("MP111", node.span, message, fix);
        }
        fits.then_some(text.value)
    }

    fn roots(&mut self, node: &Node, path: &str) -> Option<Vec<String>> {
        let texts = self.texts(node, path)?;
        let uri = |t: &str| {
            if t.starts_with("file://") { t.to_owned() } else { file_uri(&self.absolute(t, &self.base)) }
        };
        Some(texts.iter().map(|t| uri(&t.value)).collect())
    }

    fn tools(&mut self, at: At<'_>, rules: &mut ToolRules) {
        self.fill(at, "tools.allow", &mut rules.allow, Self::plain_texts);
        self.fill(at, "tools.deny", &mut rules.deny, Self::plain_texts);
        let text = |r: &mut Self, n: &Node, p: &str| r.text(n, p).map(|t| t.value);
        self.fill(at, "tools.rename", &mut rules.rename, |r, n, p| Some(r.map_of(n, p, text)));
        self.fill(at, "tools.describe", &mut rules.describe, |r, n, p| Some(r.map_of(n, p, text)));
        self.fill(at, "tools.timeout", &mut rules.timeout, |r, n, p| Some(r.map_of(n, p, Self::positive_duration)));
    }

    /// A map of names the user chose to values of one kind; wrong ones are left out.
    fn map_of<T>(
        &mut self,
        node: &Node,
        path: &str,
        read: impl Fn(&mut Self, &Node, &str) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut map = BTreeMap::new();
        for entry in self.names(node, path) {
            if let Some(value) = read(self, &entry.value, &format!("{path}.{}", entry.key)) {
                map.insert(entry.key.clone(), value);
            }
        }
        map
    }
}

/// Command line or address as written, before variables; what may be secret all the same as stars.
fn shown(fields: Fields<'_>, target: &Target) -> String {
    if let Target::Http { url_shown, .. } = target {
        return url_shown.clone();
    }
    let words = [fields.own("command"), fields.own("args")].into_iter().flatten();
    let words = words.flat_map(|node| match &node.value {
        Value::List(items) => items.iter().collect::<Vec<_>>(),
        _ => vec![node],
    });
    let words: Vec<&str> = words.filter_map(|n| n.as_scalar()).map(|s| s.text.as_str()).collect();
    mask::line(&words.join(" "))
}
