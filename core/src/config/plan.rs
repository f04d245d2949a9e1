//! What another configuration changes in a running engine, decided before anything is touched. Pure.
//!
//! Every field of [`Config`] and [`Server`] is named here once, and the compiler asks for a new one: whether it touches a
//! running process is never left to chance.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Config, Limits, Server, Target};

/// From one [`Config`] to the next. Servers are the same if their names are. Names keys, never values: it may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Servers that are not as they were: in the order of the new file, those that are gone last.
    pub servers: Vec<ServerChange>,
    /// Servers nothing happens to.
    pub n_unchanged: usize,
    /// The servers in both files stand in another order, and the order of what clients see with them.
    pub is_reordered: bool,
    /// Keys outside `servers` that take effect with the reload.
    pub at_once: Vec<String>,
    /// Keys that take effect with the next start of mcp-proxy only.
    pub next_start: Vec<String>,
    /// What should have been done and could not be: known only where an engine runs.
    #[serde(default)]
    pub failed: Vec<String>,
}

/// What becomes of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerChange {
    /// Its name.
    pub name: Arc<str>,
    /// What happens to it.
    pub step: Step,
    /// The keys of its entry that are different; `proxy.env` where that is the reason.
    pub keys: Vec<String>,
    /// Calls in flight that may end within `drain_timeout`: known only where an engine runs.
    #[serde(default)]
    pub n_draining: u64,
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It was not there.
    Added,
    /// It is not there any more: calls in flight may end.
    Removed,
    /// What it is started with is different: a new one takes over at once, calls in flight end with the old one.
    Restarted,
    /// It was disabled.
    Enabled,
    /// It is disabled now: calls in flight may end.
    Disabled,
    /// Its process goes on, under other rules.
    Adjusted,
}

impl Step {
    /// One word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Restarted => "restarted",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Adjusted => "adjusted",
        }
    }

    /// Whether an instance that runs is ended, after its calls in flight.
    #[must_use]
    pub const fn ends_instance(self) -> bool {
        matches!(self, Self::Removed | Self::Restarted | Self::Disabled)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Plan {
    /// What leads from `old` to `new`.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let before: BTreeMap<&str, &Arc<Server>> = old.servers.iter().map(|s| (&*s.name, s)).collect();
        let after: BTreeMap<&str, &Arc<Server>> = new.servers.iter().map(|s| (&*s.name, s)).collect();
        let is_env_changed = old.env != new.env;
        let mut plan = Self::default();
        for server in &new.servers {
            let change = match before.get(&*server.name) {
                None => Some((Step::Added, Vec::new())),
                Some(old) => step(old, server, is_env_changed),
            };
            match change {
                Some((step, keys)) => plan.servers.push(ServerChange::new(&server.name, step, keys)),
                None => plan.n_unchanged += 1,
            }
        }
        let gone = old.servers.iter().filter(|s| !after.contains_key(&*s.name));
        plan.servers.extend(gone.map(|s| ServerChange::new(&s.name, Step::Removed, Vec::new())));
        let order = |config: &Config, other: &BTreeMap<&str, &Arc<Server>>| -> Vec<Arc<str>> {
            config.servers.iter().map(|s| Arc::clone(&s.name)).filter(|n| other.contains_key(&**n)).collect()
        };
        plan.is_reordered = order(old, &after) != order(new, &before);
        plan.compare_settings(old, new);
        plan
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let no_keys = self.at_once.is_empty() && self.next_start.is_empty() && self.failed.is_empty();
        self.servers.is_empty() && !self.is_reordered && no_keys
    }

    /// How many servers take this step.
    #[must_use]
    pub fn n_of(&self, step: Step) -> usize {
        self.servers.iter().filter(|s| s.step == step).count()
    }

    /// It in one line: `1 added, 2 restarted, 97 unchanged`.
    #[must_use]
    pub fn summary(&self) -> String {
        let steps =
            [Step::Added, Step::Removed, Step::Restarted, Step::Enabled, Step::Disabled, Step::Adjusted].into_iter();
        let counted = steps.map(|s| (self.n_of(s), s)).filter(|(n, _)| *n > 0).map(|(n, s)| format!("{n} {s}"));
        let rest = (self.n_unchanged > 0).then(|| format!("{} unchanged", self.n_unchanged));
        let all: Vec<String> = counted.chain(rest).collect();
        if all.is_empty() { "no servers".to_owned() } else { all.join(", ") }
    }

    fn compare_settings(&mut self, old: &Config, new: &Config) {
        let Config {
            paths: _,
            name,
            transports,
            host,
            port,
            path,
            log_level,
            allowed_origins,
            allowed_hosts,
            tls,
            env,
            routing,
            limits,
            clients,
            metrics,
            journal,
            instructions,
            servers: _,
        } = old;
        let Limits { requests_per_minute, max_message_bytes, max_concurrent, max_starting, session_idle, body_timeout } =
            limits;
        let at_once = [
            ("proxy.name", *name != new.name),
            ("proxy.host", *host != new.host),
            ("proxy.port", *port != new.port),
            ("proxy.path", *path != new.path),
            ("proxy.tls", *tls != new.tls),
            ("proxy.allowed_origins", *allowed_origins != new.allowed_origins),
            ("proxy.allowed_hosts", *allowed_hosts != new.allowed_hosts),
            ("proxy.env", *env != new.env),
            ("proxy.instructions", *instructions != new.instructions),
            ("routing", *routing != new.routing),
            ("limits.requests_per_minute", *requests_per_minute != new.limits.requests_per_minute),
            ("limits.max_concurrent", *max_concurrent != new.limits.max_concurrent),
            ("limits.session_idle", *session_idle != new.limits.session_idle),
            ("limits.body_timeout", *body_timeout != new.limits.body_timeout),
            ("clients", *clients != new.clients),
            ("observability.metrics", *metrics != new.metrics),
        ];
        let next_start = [
            ("proxy.transport", *transports != new.transports),
            ("proxy.log_level", *log_level != new.log_level),
            ("limits.max_message_bytes", *max_message_bytes != new.limits.max_message_bytes),
            ("limits.max_starting", *max_starting != new.limits.max_starting),
            ("observability.traffic", *journal != new.journal),
        ];
        let changed = |all: &[(&str, bool)]| all.iter().filter(|(_, is)| *is).map(|(k, _)| (*k).to_owned()).collect();
        self.at_once = changed(&at_once);
        self.next_start = changed(&next_start);
    }
}

impl ServerChange {
    fn new(name: &Arc<str>, step: Step, keys: Vec<String>) -> Self {
        Self { name: Arc::clone(name), step, keys, n_draining: 0 }
    }
}

/// What has to happen to a server whose entry is `new` now, and for which keys; `None`: nothing.
pub(crate) fn step(old: &Server, new: &Server, is_env_changed: bool) -> Option<(Step, Vec<String>)> {
    let mut process = process_keys(old, new);
    if is_env_changed && matches!(new.target, Target::Stdio { .. }) {
        process.push("proxy.env");
    }
    let rules = rule_keys(old, new);
    let keys: Vec<String> = process.iter().chain(&rules).map(|k| (*k).to_owned()).collect();
    match (old.enabled, new.enabled) {
        (true, false) => Some((Step::Disabled, keys)),
        (false, true) => Some((Step::Enabled, keys)),
        // Nothing runs that could be touched.
        (false, false) => (!keys.is_empty()).then_some((Step::Adjusted, keys)),
        (true, true) if !process.is_empty() => Some((Step::Restarted, keys)),
        // How it is shown may be different though nothing else is: a variable of another name with the same value.
        (true, true) => (*old != *new).then_some((Step::Adjusted, keys)),
    }
}

/// What a process, or the way to a URL, is made of.
fn process_keys(old: &Server, new: &Server) -> Vec<&'static str> {
    let mut keys = target_keys(&old.target, &new.target);
    let more = [
        ("tls.ca_file", old.ca_file != new.ca_file),
        ("protocol", old.protocol != new.protocol),
        ("roots", old.roots != new.roots),
    ];
    keys.extend(more.into_iter().filter(|(_, is)| *is).map(|(key, _)| key));
    keys
}

fn target_keys(old: &Target, new: &Target) -> Vec<&'static str> {
    let changed: Vec<(&str, bool)> = match (old, new) {
        (Target::Stdio { command, args, cwd, env }, Target::Stdio { command: c, args: a, cwd: w, env: e }) => {
            vec![("command", command != c), ("args", args != a), ("cwd", cwd != w), ("env", env != e)]
        }
        (
            Target::Http { url, url_shown: _, sse, headers },
            Target::Http { url: u, url_shown: _, sse: s, headers: h },
        ) => vec![("url", url != u), ("transport", sse != s), ("headers", headers != h)],
        _ => vec![("transport", true)],
    };
    changed.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect()
}

/// What an instance that runs can be told, or never sees.
fn rule_keys(old: &Server, new: &Server) -> Vec<&'static str> {
    let Server {
        name: _,
        target: _,
        shown: _,
        enabled,
        start,
        connect_timeout,
        ca_file: _,
        startup_timeout,
        timeout,
        max_timeout,
        input_timeout,
        idle_timeout,
        probe_timeout,
        list_wait,
        drain_timeout,
        restart,
        protocol: _,
        prefix,
        cache_lists,
        share_logs,
        max_concurrent,
        requests_per_minute,
        roots: _,
        isolation,
        client_features,
        lease_max,
        tools,
        tags,
    } = old;
    let changed = [
        ("enabled", *enabled != new.enabled),
        ("start", *start != new.start),
        ("connect_timeout", *connect_timeout != new.connect_timeout),
        ("startup_timeout", *startup_timeout != new.startup_timeout),
        ("timeout", *timeout != new.timeout),
        ("max_timeout", *max_timeout != new.max_timeout),
        ("input_timeout", *input_timeout != new.input_timeout),
        ("idle_timeout", *idle_timeout != new.idle_timeout),
        ("probe_timeout", *probe_timeout != new.probe_timeout),
        ("list_wait", *list_wait != new.list_wait),
        ("drain_timeout", *drain_timeout != new.drain_timeout),
        ("restart", *restart != new.restart),
        ("prefix", *prefix != new.prefix),
        ("cache_lists", *cache_lists != new.cache_lists),
        ("share_logs", *share_logs != new.share_logs),
        ("limits.max_concurrent", *max_concurrent != new.max_concurrent),
        ("limits.requests_per_minute", *requests_per_minute != new.requests_per_minute),
        ("isolation", *isolation != new.isolation),
        ("client_features", *client_features != new.client_features),
        ("lease_max", *lease_max != new.lease_max),
        ("tools", *tools != new.tools),
        ("tags", *tags != new.tags),
    ];
    changed.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Secret;
    use super::*;

    fn config(servers: &[(&str, &str)]) -> Config {
        let servers = servers.iter().map(|(name, command)| Arc::new(Server::stdio(name, command, &[]))).collect();
        Config { servers, ..Config::default() }
    }

    fn check(old: &[(&str, &str)], new: &[(&str, &str)], expected: &str, is_reordered: bool) {
        let plan = Plan::between(&config(old), &config(new));
        let steps: Vec<String> = plan.servers.iter().map(|s| format!("{} {}", s.name, s.step)).collect();
        assert_eq!(steps.join(", "), expected);
        assert_eq!(plan.is_reordered, is_reordered);
        assert_eq!(plan.is_empty(), expected.is_empty() && !is_reordered);
        assert_eq!(plan.n_unchanged + plan.servers.len() - plan.n_of(Step::Removed), new.len());
    }

    #[test]
    fn servers_come_go_and_change() {
        let (a, b, c) = (("a", "x"), ("b", "x"), ("c", "x"));
        check(&[], &[], "", false);
        check(&[a, b], &[a, b], "", false);
        check(&[a], &[a, b], "b added", false);
        check(&[a, b, c], &[b], "a removed, c removed", false);
        check(&[a, b], &[("a", "other"), b], "a restarted", false);
        check(&[a, b], &[b, a], "", true);
        check(&[a, b], &[b, c, ("a", "y")], "c added, a restarted", true);
        check(&[a, b], &[c, a, b], "c added", false);
    }

    /// One change of a server's entry: what happens, and for which key.
    fn change(change: impl FnOnce(&mut Server)) -> Option<(Step, Vec<String>)> {
        let old = Server::stdio("s", "x", &["one"]);
        let mut new = old.clone();
        change(&mut new);
        step(&old, &new, false)
    }

    #[test]
    fn only_what_a_process_is_made_of_restarts_it() {
        let adjusted = |key: &str| Some((Step::Adjusted, vec![key.to_owned()]));
        let restarted = |key: &str| Some((Step::Restarted, vec![key.to_owned()]));
        assert_eq!(change(|_| {}), None);
        assert_eq!(change(|s| s.tools.deny.push("x".to_owned())), adjusted("tools"));
        assert_eq!(change(|s| s.prefix = Some("p".to_owned())), adjusted("prefix"));
        assert_eq!(change(|s| s.timeout = Duration::from_secs(1)), adjusted("timeout"));
        assert_eq!(change(|s| s.max_concurrent = 1), adjusted("limits.max_concurrent"));
        assert_eq!(change(|s| s.tags.push("t".to_owned())), adjusted("tags"));
        assert_eq!(change(|s| s.isolation = super::super::Isolation::PerSession), adjusted("isolation"));
        assert_eq!(change(|s| s.shown = "other".to_owned()), Some((Step::Adjusted, Vec::new())));
        assert_eq!(change(|s| s.enabled = false), Some((Step::Disabled, vec!["enabled".to_owned()])));
        assert_eq!(change(|s| s.protocol = super::super::ProtocolChoice::Legacy), restarted("protocol"));
        assert_eq!(change(|s| s.roots.push("file:///r".to_owned())), restarted("roots"));
        let args = |s: &mut Server| {
            if let Target::Stdio { args, .. } = &mut s.target {
                args.push(Secret::new("two"));
            }
        };
        assert_eq!(change(args), restarted("args"));
    }

    #[test]
    fn settings_say_when_they_take_effect() {
        let old = config(&[("a", "x")]);
        let level = super::super::LogLevel::Debug;
        let plan = Plan::between(&old, &Config { log_level: level, name: "other".to_owned(), ..old.clone() });
        let keys = (vec!["proxy.name".to_owned()], vec!["proxy.log_level".to_owned()]);
        assert_eq!((plan.at_once, plan.next_start), keys);
        let other_files = Config { paths: vec!["/x".into()], ..old.clone() };
        assert!(Plan::between(&old, &other_files).is_empty());
    }

    #[test]
    fn what_children_inherit_restarts_children() {
        let mut old = config(&[("a", "x")]);
        let url_shown = String::new();
        let target = Target::Http { url: Secret::new("http://h"), url_shown, sse: false, headers: BTreeMap::new() };
        old.servers.push(Arc::new(Server::new("b", target)));
        let mut new = old.clone();
        new.env.inherit.push("MORE".to_owned());
        let plan = Plan::between(&old, &new);
        assert_eq!(plan.servers, [ServerChange::new(&"a".into(), Step::Restarted, vec!["proxy.env".to_owned()])]);
        assert_eq!(plan.summary(), "1 restarted, 1 unchanged");
    }
}
