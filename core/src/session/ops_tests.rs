//! What can be looked at, of an engine made by hand; a small strict reader of the metrics' format.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use super::*;
use crate::backend::{Context, Memory, Offer, OfferState, Offers, Peers, Port, Roots, TaskIds, Tasks};
use crate::catalog::{Source, Views, merge};
use crate::config::{Access, Config, Metrics};
use crate::guard::Guard;
use crate::observe::{Ended, Flow, FlowKind, Observer, Status, Timing};
use crate::protocol::{Revision, Spliced};
use crate::session::{Clients, Parks};
use crate::transport::http::HttpClients;
use crate::transport::{Guardian, Mailbox};

/// An engine with these servers; each offers one tool.
fn engine(servers: Vec<Server>) -> Engine {
    let servers: Vec<Arc<Server>> = servers.into_iter().map(Arc::new).collect();
    let offer = Arc::new(Offer {
        revision: Revision::V2025_11_25,
        capabilities: Bytes::from_static(b"{}"),
        info: None,
        instructions: None,
        items: [vec![Bytes::from_static(br#"{"name":"add"}"#)], vec![], vec![], vec![]],
    });
    let of = |server: &Arc<Server>| Source {
        server: server.clone(),
        state: OfferState::Known { offer: offer.clone(), cached: false },
    };
    let sources: Vec<Source> = servers.iter().map(of).collect();
    let config = Config { servers: servers.clone(), ..Config::default() };
    let catalog = merge(&sources, &config.routing, None, 1);
    let ports = servers.iter().map(|s| (s.name.clone(), Arc::new(Port::new(s.clone())))).collect();
    let ctx = Context {
        observer: Arc::new(Observer::new(100, 100_000)),
        peers: Peers::default(),
        offers: Offers::default(),
        roots: Roots::default(),
        tasks: Tasks::new(TaskIds::new(None)),
        ports: watch::Sender::default(),
        guardian: Guardian::none(),
        env: watch::Sender::new(Arc::new(config.env.clone())),
        opening: watch::Sender::new(None),
        spawning: tokio::sync::Mutex::default(),
        starting: Semaphore::new(1),
        is_owned: false,
        newcomers: Mailbox::new(1),
        http: HttpClients::default(),
        memory: Memory::new(None),
        identity: Bytes::from_static(b"{}"),
        max_message_bytes: 1000,
    };
    let config = watch::Sender::new(Arc::new(config)).subscribe();
    Engine {
        guard: Arc::new(Guard::new(config.clone())),
        parks: Arc::new(Parks::new(&ctx)),
        ctx: Arc::new(ctx),
        ports: watch::Sender::new(Arc::new(ports)).subscribe(),
        catalog: watch::Sender::new(Arc::new(catalog)).subscribe(),
        views: Views::default(),
        config,
        clients: Clients::default(),
        stopping: std::sync::atomic::AtomicBool::new(false),
        config_error: Mutex::default(),
    }
}

/// A call of `backend` that took `server` and ended so.
fn call(engine: &Engine, backend: Option<&str>, tool: &str, server: Duration, status: Status) {
    let backend: Option<Arc<str>> = backend.map(Into::into);
    let mut flow = Flow::new(FlowKind::Call, "tools/call".into());
    flow.backend.clone_from(&backend);
    flow.n_bytes_in = 100;
    let id = engine.ctx.observer.begin(flow);
    let timing = Timing { proxy: Duration::from_micros(60), server, ..Timing::default() };
    let text = Bytes::from_static(b"0123456789");
    let returned = backend.is_some().then(|| text.clone());
    let ended = Ended {
        status,
        timing,
        returned: returned.as_ref(),
        answered: Some(&Spliced::new(text)),
        tool: Some(&tool.into()),
    };
    engine.ctx.observer.end(id, backend.as_ref(), FlowKind::Call, &ended);
}

fn busy_engine() -> Engine {
    let mut off = Server::stdio("off", "x", &[]);
    off.enabled = false;
    let engine = engine(vec![Server::stdio("files", "x", &[]), Server::stdio("other", "x", &[]), off]);
    call(&engine, Some("files"), "re\"ad\\\n", Duration::from_millis(3), Status::Ok);
    call(&engine, Some("files"), "re\"ad\\\n", Duration::from_secs(70), Status::ToolError);
    call(&engine, Some("files"), "made-up", Duration::from_millis(1), Status::Fault(-32602));
    call(&engine, Some("files"), "read", Duration::ZERO, Status::Cancelled);
    call(&engine, Some("removed"), "x", Duration::from_millis(2), Status::Ok);
    call(&engine, Some("other"), "other", Duration::from_millis(2), Status::Ok);
    call(&engine, None, "", Duration::ZERO, Status::Fault(-32601));
    let mut flow = Flow::new(FlowKind::Call, "tools/call".into());
    flow.backend = Some("files".into());
    engine.ctx.observer.begin(flow);
    let add = |via, name| engine.clients.add(via, &crate::backend::Principal::own(), name);
    let _ = (add("http", "a"), add("http", "b"), add("stdio", "c"));
    engine
}

/// Who may see everything.
fn all() -> Visitor {
    limited(Access::default())
}

/// Who may see this much.
fn limited(access: Access) -> Visitor {
    let principal = crate::backend::Principal::anonymous();
    Visitor { principal, access: Arc::new(access), cors: None, is_stranger: false }
}

fn text(answer: &Page) -> String {
    String::from_utf8(answer.body.to_vec()).expect("text")
}

fn value(answer: &Page) -> Value {
    assert_eq!(answer.content_type, "application/json");
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// One family as read back: its type, and samples by name and labels.
type Families = BTreeMap<String, (String, Vec<(String, BTreeMap<String, String>, f64)>)>;

/// Reads the text format, version 0.0.4, and refuses whatever a scraper might.
fn read(text: &str) -> Families {
    let is_name = |name: &str| {
        let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut families: Families = BTreeMap::new();
    let mut helps = HashSet::new();
    let mut present = String::new();
    assert!(text.ends_with('\n'), "the last line has an end");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(is_name(name) && !help.is_empty() && helps.insert(name.to_owned()), "{line}");
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert!(helps.contains(name) && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned(), (kind.to_owned(), Vec::new())).is_none(), "twice: {line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            name.clone_into(&mut present);
            continue;
        }
        let name_end = line.find(['{', ' ']).expect("a value");
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (label, after) = rest.split_once("=\"").expect("a label");
                assert!(is_name(label), "{line}");
                let (mut value, mut chars) = (String::new(), after.char_indices());
                let end = loop {
                    let (at, c) = chars.next().expect("a closing quote");
                    match c {
                        '"' => break at,
                        '\\' => value.push(match chars.next().expect("an escape").1 {
                            'n' => '\n',
                            c @ ('"' | '\\') => c,
                            c => panic!("unknown escape {c}: {line}"),
                        }),
                        c => value.push(c),
                    }
                };
                assert!(labels.insert(label.to_owned(), value).is_none(), "label twice: {line}");
                rest = &after[end + 1..];
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').expect("a closing bracket");
        }
        let number = rest.strip_prefix(' ').expect("one space");
        let number: f64 = number.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(number >= 0.0 && number.is_finite(), "{line}");
        let (kind, samples) = families.get_mut(&present).expect("a family before its samples");
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        let belongs = is_name(name) && suffixes.iter().any(|s| name.strip_suffix(s) == Some(present.as_str()));
        assert!(belongs, "of another family: {line}");
        assert!(!samples.iter().any(|(n, l, _)| n == name && *l == labels), "twice: {line}");
        samples.push((name.to_owned(), labels, number));
    }
    for (family, (kind, samples)) in &families {
        if kind == "histogram" {
            check_histograms(family, samples);
        }
    }
    families
}

/// Buckets grow, the last one is `+Inf` and the same as the count; sum and count stand once.
fn check_histograms(family: &str, samples: &[(String, BTreeMap<String, String>, f64)]) {
    /// Buckets, sums and counts of one series.
    type Parts = (Vec<(f64, f64)>, Vec<f64>, Vec<f64>);
    let mut series: BTreeMap<BTreeMap<String, String>, Parts> = BTreeMap::new();
    for (name, labels, value) in samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le");
        let of = series.entry(labels.clone()).or_default();
        match (name.strip_prefix(family), bound) {
            (Some("_bucket"), Some(le)) => of.0.push((le.parse().expect("a bound"), *value)),
            (Some("_sum"), None) => of.1.push(*value),
            (Some("_count"), None) => of.2.push(*value),
            _ => panic!("{name} with these labels: {labels:?}"),
        }
    }
    for (labels, (buckets, sums, counts)) in series {
        assert!(buckets.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{family} {labels:?}: {buckets:?}");
        assert_eq!(buckets.last().map(|b| (b.0, vec![b.1])), Some((f64::INFINITY, counts)), "{family} {labels:?}");
        assert_eq!(sums.len(), 1, "{family} {labels:?}");
    }
}

fn sample(families: &Families, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let all = families.values().flat_map(|(_, samples)| samples);
    let found = all.filter(|(n, l, _)| n == name && *l == labels).map(|(_, _, value)| *value).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{name} {labels:?}");
    found[0]
}

#[test]
fn metrics_are_what_a_scraper_takes() {
    let engine = busy_engine();
    let answer = engine.ops("/metrics", &all()).expect("ours");
    assert_eq!((answer.status, answer.content_type), (OK, "text/plain; version=0.0.4; charset=utf-8"));
    let all = read(&text(&answer));
    let check = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let found = sample(&all, name, labels);
        assert!((found - expected).abs() < 1e-9, "{name} {labels:?}: {found}, not {expected}");
    };
    check("mcp_proxy_requests_total", &[("server", "files")], 5.0);
    check("mcp_proxy_requests_total", &[("server", "mcp-proxy")], 1.0);
    check("mcp_proxy_requests_total", &[("server", "other")], 2.0);
    for (outcome, n) in [("ok", 1.0), ("tool_error", 1.0), ("server_error", 1.0), ("cancelled", 1.0), ("timeout", 0.0)]
    {
        check("mcp_proxy_requests_ended_total", &[("server", "files"), ("outcome", outcome)], n);
    }
    check("mcp_proxy_requests_ended_total", &[("server", "mcp-proxy"), ("outcome", "proxy_error")], 1.0);
    check("mcp_proxy_requests_in_flight", &[("server", "files")], 1.0);
    check("mcp_proxy_requests_queued", &[("server", "files")], 1.0);
    check("mcp_proxy_request_bytes_total", &[("server", "files")], 400.0);
    check("mcp_proxy_answer_bytes_total", &[("server", "files")], 40.0);
    let read_tool = [("server", "files"), ("tool", "re\"ad\\\n")];
    check("mcp_proxy_tool_duration_seconds_count", &read_tool, 2.0);
    check("mcp_proxy_tool_duration_seconds_bucket", &[read_tool[0], read_tool[1], ("le", "0.005")], 1.0);
    check("mcp_proxy_tool_duration_seconds_bucket", &[read_tool[0], read_tool[1], ("le", "60")], 1.0);
    check("mcp_proxy_tool_duration_seconds_count", &[("server", "files"), ("tool", "other")], 1.0);
    check("mcp_proxy_tool_duration_seconds_count", &[("server", "other"), ("tool", "other")], 2.0);
    check("mcp_proxy_overhead_seconds_bucket", &[("le", "0.0001")], 5.0);
    check("mcp_proxy_sessions", &[("transport", "http")], 2.0);
    check("mcp_proxy_sessions_total", &[], 3.0);
    check("mcp_proxy_server_state", &[("server", "off"), ("state", "disabled")], 1.0);
    check("mcp_proxy_server_items", &[("server", "files"), ("kind", "tools")], 1.0);
    #[cfg(target_os = "linux")]
    assert!(sample(&all, "process_resident_memory_bytes", &[]) > 100_000.0);
}

#[test]
fn metrics_look_like_this() {
    let text = text(&metrics(&busy_engine(), &all()));
    // What the machine and the moment decide.
    let filtered: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((name, _)) if name.starts_with("process_") => format!("{name} (varies)"),
            Some(("mcp_proxy_start_time_seconds", _)) => "mcp_proxy_start_time_seconds (varies)".to_owned(),
            Some((name, value)) if name.starts_with("mcp_proxy_build_info") => {
                format!("mcp_proxy_build_info{{(varies)}} {value}")
            }
            _ => line.to_owned(),
        })
        .filter(|line| !line.contains("process_"))
        .collect();
    snapshot!("metrics", filtered.join("\n"));
}

#[test]
fn servers_over_the_limit_are_told_together() {
    let names: Vec<String> = (0..150).map(|i| format!("s{i}")).collect();
    let engine = engine(names.iter().map(|n| Server::stdio(n, "x", &[])).collect());
    for name in &names {
        for tool in 0..4 {
            call(&engine, Some(name), &format!("t{tool}"), Duration::from_millis(1), Status::Ok);
        }
    }
    let text = text(&metrics(&engine, &all()));
    let all = read(&text);
    let (_, requests) = &all["mcp_proxy_requests_total"];
    assert_eq!(requests.len(), 102, "a hundred, the others, and ourselves");
    assert!((sample(&all, "mcp_proxy_requests_total", &[("server", "other")]) - 200.0).abs() < 1e-9);
    let (_, tools) = &all["mcp_proxy_tool_duration_seconds"];
    let n_series = tools.iter().filter(|(name, ..)| name.ends_with("_count")).count();
    assert!(n_series <= 200 + 101, "{n_series}");
    let n: f64 = tools.iter().filter(|(name, ..)| name.ends_with("_count")).map(|(_, _, n)| n).sum();
    assert!((n - 600.0).abs() < 1e-9, "no call is lost: {n}");
    assert!(text.len() < 1_500_000, "{}", text.len());
}

#[test]
fn status_looks_like_this() {
    let mut status = value(&status(&busy_engine(), &all()));
    for key in ["version", "started", "uptime_seconds"] {
        assert!(!status[key].is_null(), "{key}");
        status[key] = "(varies)".into();
    }
    for server in status["servers"].as_array_mut().expect("servers") {
        assert!(server["since"].as_u64().is_some_and(|s| s > 1_700_000_000));
        server["since"] = "(varies)".into();
    }
    snapshot!("status", serde_json::to_string_pretty(&status).expect("JSON"));
}

#[test]
fn ready_tells_who_is_not_and_why() {
    let engine = busy_engine();
    let answer = engine.ops("/ready", &all()).expect("ours");
    let ready = value(&answer);
    assert_eq!((answer.status, &ready["servers"], &ready["servers_ready"]), (OK, &json!(2), &json!(0)));
    let why = "it is started by the first call or list that needs it";
    assert_eq!(ready["not_ready"][0], json!({ "server": "files", "state": "idle", "why": why }));
    assert_eq!(ready.get("warning"), None);
    engine.set_refused_config(Some("line 3: secret".into()));
    let ready = value(&engine.ops("/ready", &all()).expect("ours"));
    assert!(ready["warning"].as_str().is_some_and(|w| !w.contains("line 3")), "{ready}");
    engine.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(engine.ops("/ready", &all()).map(|a| a.status), Some(UNAVAILABLE));
    assert_eq!(engine.ops("/health", &all()).map(|a| a.status), Some(OK), "the process is up all the same");
}

#[test]
fn nothing_is_ready_before_the_first_catalog() {
    let unmerged = Engine { catalog: watch::Sender::new(Arc::default()).subscribe(), ..engine(vec![]) };
    assert_eq!(unmerged.ops("/ready", &all()).map(|a| a.status), Some(UNAVAILABLE));
    assert_eq!(unmerged.ops("/nothing", &all()), None);
    assert_eq!(unmerged.ops("/health/", &all()), None);
}

#[test]
fn metrics_are_where_the_configuration_says() {
    let with = |enabled, path: &str| {
        let metrics = Metrics { enabled, path: path.to_owned() };
        let config = Config { metrics, ..Config::default() };
        Engine { config: watch::Sender::new(Arc::new(config)).subscribe(), ..engine(vec![]) }
    };
    let moved = with(true, "/prom");
    assert!(moved.ops("/prom", &all()).is_some_and(|p| p.content_type.starts_with("text/plain")));
    assert_eq!(moved.ops("/metrics", &all()), None);
    assert_eq!(with(false, "/metrics").ops("/metrics", &all()), None);
}

#[test]
fn no_secret_of_a_server_is_told() {
    let mut server = Server::stdio("s", "x", &["--token-file", "hunter2hunter2"]);
    server.shown = "x --token-file ${FILE}".to_owned();
    if let Target::Stdio { env, .. } = &mut server.target {
        env.insert("PASSWORD".into(), Secret::new("correct-horse"));
    }
    let text = "x: --token-file hunter2hunter2: no correct-horse\nghp_0123456789abcdef at https://u:pw@host/";
    let shown = masked(text, &server);
    for secret in ["hunter2", "horse", "ghp_0123", "u:pw"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.starts_with("x: --token-file ****: no ****"), "{shown}");
    let headers = [("Authorization".to_owned(), Secret::new("Bearer abcdefghijk"))].into_iter().collect();
    let url = Secret::new("https://host/mcp?key=topsecret");
    let url_shown = "https://host/mcp?key=${KEY}".to_owned();
    let server = Server::new("h", Target::Http { url, url_shown, sse: false, headers });
    let shown = masked("GET https://host/mcp?key=topsecret: 401 for abcdefghijk", &server);
    assert_eq!(shown, "GET https://host/mcp?key=${KEY}: 401 for ****");
}

#[test]
fn who_may_use_some_servers_hears_of_no_others() {
    let engine = busy_engine();
    let files = limited(Access { servers: vec!["fil*".into()], ..Access::default() });
    for path in ["/ready", "/status", "/metrics"] {
        let page = text(&engine.ops(path, &files).expect("ours"));
        assert!(page.contains("files") || path == "/ready", "{path}: {page}");
        for other in ["server=\"other\"", "\"name\":\"other\"", "\"off\"", "removed", "config.yaml"] {
            assert!(!page.contains(other), "{other} in {path}: {page}");
        }
    }
    let status = value(&engine.ops("/status", &files).expect("ours"));
    assert_eq!(status["requests"], json!({ "total": 5, "errors": 2, "in_flight": 1 }));
    assert_eq!((&status["offered"]["tools"], status["servers"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let families = read(&text(&engine.ops("/metrics", &files).expect("ours")));
    assert_eq!(families["mcp_proxy_requests_total"].1.len(), 2, "one, and ourselves");
}

#[test]
fn who_may_use_some_tools_hears_of_no_others() {
    let engine = busy_engine();
    call(&engine, Some("files"), "add", Duration::from_millis(3), Status::Ok);
    let tools = |visitor: &Visitor| {
        let families = read(&text(&engine.ops("/metrics", visitor).expect("ours")));
        let (_, samples) = &families["mcp_proxy_tool_duration_seconds"];
        let of_files = samples.iter().filter(|(_, labels, _)| labels.get("server").is_some_and(|s| s == "files"));
        of_files.filter_map(|(_, labels, _)| labels.get("tool").cloned()).collect::<HashSet<_>>()
    };
    let adds = limited(Access { allow: vec!["files__add".into()], ..Access::default() });
    assert_eq!(tools(&adds), HashSet::from(["add".to_owned(), "other".to_owned()]));
    assert!(tools(&all()).contains("re\"ad\\\n"));
}

#[test]
fn a_stranger_hears_whether_we_are_well() {
    let engine = busy_engine();
    let stranger = Visitor { is_stranger: true, ..all() };
    let ready = value(&engine.ops("/ready", &stranger).expect("ours"));
    assert_eq!(ready, json!({ "ready": true, "servers": 2, "servers_ready": 0 }));
    assert_eq!([engine.ops("/status", &stranger), engine.ops("/metrics", &stranger)], [None, None]);
}

#[test]
fn requests_by_http_are_counted() {
    let engine = busy_engine();
    engine.ctx.observer.http.count("POST", 200);
    engine.ctx.observer.http.count("POST", 401);
    let families = read(&text(&engine.ops("/metrics", &all()).expect("ours")));
    let check = |name, labels: &[(&str, &str)], expected: f64| {
        assert!((sample(&families, name, labels) - expected).abs() < 1e-9, "{name} {labels:?}");
    };
    check("mcp_proxy_http_requests_total", &[("method", "POST"), ("status", "2xx")], 1.0);
    check("mcp_proxy_http_refused_total", &[("status", "401")], 1.0);
    check("mcp_proxy_http_refused_total", &[("status", "429")], 0.0);
}
