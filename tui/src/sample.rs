//! Data for tests: a small proxy on an ordinary afternoon.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mcp_proxy_core::config::edit::replace::Seen;
use mcp_proxy_core::control::{
    BackendState, BackendView, CatalogItem, CatalogView, ClientView, ExitReason, Failure, HealthSlice, InstanceView,
    ItemKind, Latency, LogLine, LogStream, MetricsView, Notice, NoticeLevel, Outcome, Pinged, Point, ProcessUse,
    ServerDetail, Snapshot, ToolLatency, Totals,
};
use mcp_proxy_core::observe::{Flow, FlowKind, Frames, Head, Hop, Hops, Status, Timing};
use mcp_proxy_core::protocol::{CallId, Revision, SessionId, Spliced};

use crate::screens::config::talk::{Checked, File, Probe, Told};

/// 2026-11-22, 14:02:40 UTC.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_795_356_160_000)
}

fn ago(ms: u64) -> SystemTime {
    now() - Duration::from_millis(ms)
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn flow(id: u64, kind: FlowKind, backend: &str, method: &str, target: Option<&str>, status: Status, took: u64) -> Flow {
    let wired = !backend.is_empty() && status != Status::Sent;
    Flow {
        id: CallId(id),
        kind,
        at: ago(9_600 - id * 700),
        session: (kind != FlowKind::Own).then_some(SessionId(2)),
        client: if kind == FlowKind::Own { "" } else { "claude-code" }.into(),
        backend: (!backend.is_empty()).then(|| backend.into()),
        method: method.into(),
        target: target.map(Into::into),
        status,
        timing: if took == 0 {
            Timing::default()
        } else {
            Timing {
                proxy: Duration::from_micros(140),
                queue: Duration::from_micros(900),
                server: ms(took),
                ..Timing::default()
            }
        },
        wire_id: wired.then_some(4_400 + id),
        n_progress: 0,
        parent: None,
        n_bytes_in: 128,
        n_bytes_out: if took == 0 { 0 } else { 312 },
        n_open: 0,
        is_held: false,
        n_rounds: 0,
        rounds: Vec::new(),
        frames: Frames::default(),
        hops: None,
    }
}

/// One row of every kind and state.
pub(crate) fn flows() -> Vec<Flow> {
    use FlowKind as K;
    let mut out = vec![
        flow(0, K::Own, "demo", "initialize", None, Status::Ok, 31),
        flow(1, K::Call, "", "initialize", None, Status::Ok, 1),
        flow(2, K::Call, "", "tools/list", None, Status::Ok, 1),
        flow(3, K::Call, "demo", "tools/call", Some("demo__echo"), Status::Ok, 12),
        flow(4, K::Call, "notes", "prompts/get", Some("notes__review"), Status::TimedOut, 30_000),
        flow(5, K::Call, "demo", "tools/call", Some("demo__divide"), Status::Fault(-32602), 41),
        flow(6, K::Call, "asks", "tools/call", Some("asks__book_table"), Status::Ok, 3_100),
        flow(7, K::Upcall, "asks", "elicitation/create", None, Status::Ok, 2_900),
        flow(8, K::ServerNotification, "demo", "notifications/tools/list_changed", None, Status::Sent, 0),
        flow(9, K::Call, "notes", "resources/read", Some("note://2026/日本語のメモ"), Status::Ok, 288),
        flow(10, K::Call, "demo", "tools/call", Some("demo__fail"), Status::ToolError, 377),
        flow(11, K::Call, "demo", "tools/call", Some("demo__slow"), Status::Pending, 0),
        flow(12, K::Call, "notes", "completion/complete", Some("notes__review"), Status::Cancelled, 5),
        flow(13, K::ClientNotification, "", "notifications/\u{1b}[31mevil", None, Status::Dropped("unknown"), 0),
    ];
    out[7].parent = Some(CallId(6));
    out[11].n_progress = 3;
    out[9].n_bytes_out = 18_240;
    out
}

/// The frames of the echo call.
pub(crate) fn echo() -> Flow {
    let mut f = flows().swap_remove(3);
    let request = r#"{"jsonrpc":"2.0","id":"a-7","method":"tools/call","params":{"name":"demo__echo","arguments":{"message":"Grüße aus Köln, a text long enough to be read in a popup","times":2,"api_key":"sk-very-secret"},"_meta":{"progressToken":"p-1"}}}"#;
    let answer = r#"{"jsonrpc":"2.0","id":4403,"result":{"content":[{"type":"text","text":"Grüße aus Köln\nGrüße aus Köln\n\u001b[31mred"},{"type":"resource","resource":{"uri":"note://today","mimeType":"text/plain","text":"hi"}}],"structuredContent":{"total":2,"items":[1,2,3]},"isError":false}}"#;
    f.frames = frames(request, answer);
    f.n_bytes_in = u32::try_from(request.len()).unwrap();
    f.n_bytes_out = u32::try_from(answer.len()).unwrap();
    f
}

/// The same call, come by HTTP and gone on by HTTP.
pub(crate) fn by_http() -> Flow {
    let head = |line: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Some(Head { line: line.to_owned(), headers, n_left_out: 0 })
    };
    let accept = ("accept", "application/json, text/event-stream");
    let json = ("content-type", "application/json");
    let (session, version) = (("mcp-session-id", "***"), ("mcp-protocol-version", "2025-11-25"));
    let mut f = echo();
    f.timing.send = Duration::from_micros(90);
    let mut hops = Hops {
        client: Hop {
            request: head(
                "POST /mcp",
                &[
                    ("host", "127.0.0.1:8000"),
                    ("connection", "keep-alive"),
                    json,
                    accept,
                    ("authorization", "Bearer ***"),
                    session,
                    version,
                    ("user-agent", "node"),
                    ("content-length", "214"),
                ],
            ),
            response: head("200 OK", &[json, ("cache-control", "no-store")]),
        },
        server: Hop {
            request: head(
                "POST https://demo.example.com/mcp?key=***",
                &[("authorization", "Bearer ***"), accept, json, session, version],
            ),
            response: head(
                "200 OK",
                &[
                    ("date", "Sun, 22 Nov 2026 14:02:33 GMT"),
                    json,
                    ("set-cookie", "***"),
                    (
                        "strict-transport-security",
                        "max-age=31536000; includeSubDomains; preload; and what else a gateway in front of it says",
                    ),
                ],
            ),
        },
    };
    if let Some(head) = &mut hops.server.response {
        head.n_left_out = 3;
    }
    f.hops = Some(Box::new(hops));
    f
}

/// The frames of a call that ended with an error.
pub(crate) fn divide() -> Flow {
    let mut f = flows().swap_remove(5);
    f.frames = frames(
        r#"{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"demo__divide","arguments":{"a":1,"b":0}}}"#,
        r#"{"jsonrpc":"2.0","id":4405,"error":{"code":-32602,"message":"`b` must not be zero"}}"#,
    );
    f
}

/// The frames of a call that was not answered in time: the answer is the proxy's own.
pub(crate) fn timed_out() -> Flow {
    let mut f = flows().swap_remove(4);
    f.frames = frames(
        r#"{"jsonrpc":"2.0","id":9,"method":"prompts/get","params":{"name":"notes__review"}}"#,
        r#"{"jsonrpc":"2.0","id":9,"error":{"code":-32603,"message":"server `notes` did not answer within 30 s"}}"#,
    );
    f.frames.returned = None;
    f
}

fn frames(request: &str, answer: &str) -> Frames {
    let (request, answer) = (Bytes::copy_from_slice(request.as_bytes()), Bytes::copy_from_slice(answer.as_bytes()));
    Frames {
        sent: Some(Spliced::new(request.clone())),
        received: Some(request),
        answered: Some(Spliced::new(answer.clone())),
        returned: Some(answer),
    }
}

fn latency(n: u64, p50: u64, p95: u64, p99: u64) -> Latency {
    Latency { n, p50: ms(p50), p95: ms(p95), p99: ms(p99), max: ms(p99) }
}

fn backend(name: &str, state: BackendState, since: u64) -> BackendView {
    let ready = state == BackendState::Ready;
    BackendView {
        name: name.into(),
        kind: "stdio",
        target: format!("mcp-proxy demo-server {name}"),
        prefix: format!("{name}__"),
        state,
        since: ago(since * 1000),
        pid: ready.then_some(4_242),
        revision: ready.then_some(Revision::V2025_11_25),
        server_info: ready.then(|| format!("demo-{name} 1.0.0")),
        n_tools: 0,
        n_resources: 0,
        n_prompts: 0,
        n_tokens: 0,
        withheld: (0, 0),
        quarantined: Vec::new(),
        n_in_flight: 0,
        n_open: 0,
        n_parked: 0,
        n_calls: 0,
        n_errors: 0,
        n_instances: 1,
        n_restarts: 0,
        latency: Latency::default(),
        tools: Vec::new(),
        per_second: [0; 60],
        failure: None,
        pinged: None,
    }
}

fn wave(n: u16) -> [u16; 60] {
    let shape = [2, 2, 3, 5, 8, 9, 7, 5, 4, 3, 3, 6];
    std::array::from_fn(|i| shape[i / 5] * n / 4)
}

/// Servers in every state.
pub(crate) fn snapshot() -> Snapshot {
    let mut demo = backend("demo", BackendState::Ready, 192);
    (demo.n_tools, demo.n_in_flight, demo.n_calls, demo.n_errors) = (12, 1, 1_204, 24);
    demo.latency = latency(1_204, 12, 377, 1_200);
    demo.per_second = wave(8);
    demo.tools = vec![
        ToolLatency { tool: "slow".into(), latency: latency(40, 900, 1_150, 1_200) },
        ToolLatency { tool: "echo".into(), latency: latency(1_164, 11, 30, 41) },
    ];
    (demo.n_tokens, demo.withheld) = (3_120, (4, 980));
    demo.pinged = Some(Pinged { at: ago(30_000), took: Some(ms(31)) });
    demo.quarantined = vec!["tool `bad name`: renamed to `bad_name`: clients refuse blanks".into()];
    let mut notes = backend("notes", BackendState::Ready, 3 * 3_600);
    (notes.n_resources, notes.n_prompts, notes.n_calls, notes.n_tokens) = (21, 3, 310, 870);
    notes.latency = latency(310, 41, 288, 890);
    notes.per_second = wave(3);
    let mut asks = backend("asks", BackendState::Backoff { until: now() + ms(8_000) }, 5);
    (asks.n_restarts, asks.n_calls, asks.n_errors) = (2, 9, 4);
    asks.latency = latency(9, 2_900, 3_100, 3_100);
    let mut broken = backend("broken", BackendState::Parked, 61);
    broken.target = "npx -y @acme/does-not-exist --token ***".into();
    broken.n_restarts = 5;
    broken.failure = Some(Failure {
        at: ago(61_000),
        phase: "initialize",
        message: "the process ended before it answered `initialize`".into(),
        resolved: Some("/usr/bin/npx -y @acme/does-not-exist".into()),
        exit: Some(ExitReason::Code(1)),
        after: ms(1_830),
        stderr: vec![
            "npm error code E404".into(),
            "npm error 404 Not Found - GET https://registry.npmjs.org/@acme%2fdoes-not-exist".into(),
        ],
        hint: Some("check the name of the package in `args` (config.yaml, line 14)".into()),
    });
    let mut remote = backend("linear", BackendState::Disabled, 192);
    remote.kind = "http";
    remote.target = "https://mcp.linear.app/mcp".into();
    let notice = |s: u64, level, backend: &str, text: &str| Notice {
        at: ago(s * 1000),
        level,
        backend: Some(backend.into()),
        text: text.into(),
    };
    Snapshot {
        name: "mcp-proxy".into(),
        config_paths: vec!["config.yaml".into()],
        config_error: None,
        backends: vec![demo, notes, asks, broken, remote],
        clients: vec![ClientView {
            id: SessionId(2),
            name: "claude-code 2.1".into(),
            revision: Some(Revision::V2025_11_25),
            principal: "own".into(),
            capabilities: vec!["roots (listChanged)".into(), "elicitation (form)".into(), "sampling".into()],
            via: "stdio",
            since: ago(190_000),
            n_in_flight: 1,
            n_open: 0,
            n_parked: 0,
            n_calls: 1_523,
            n_errors: 28,
            n_bytes_in: 181_240,
            n_bytes_out: 4_120_000,
        }],
        totals: Totals { n_calls: 1_523, n_errors: 28, n_in_flight: 1, latency: latency(1_523, 14, 377, 1_200) },
        notices: vec![
            notice(190, NoticeLevel::Info, "demo", "ready after 31 ms"),
            notice(70, NoticeLevel::Warning, "demo", "tools/list changed: +1 tool (create_note)"),
            notice(61, NoticeLevel::Error, "broken", "failed 5 times in a row: not started again until asked"),
        ],
    }
}

/// All about one of these servers.
pub(crate) fn server(name: &str) -> ServerDetail {
    let minute = Duration::from_secs(60);
    let slice = |up: u64, down: u64| HealthSlice {
        up: Duration::from_secs(up),
        down: Duration::from_secs(down),
        starting: Duration::ZERO,
    };
    let is_up = matches!(name, "demo" | "notes");
    let mut slices = vec![if is_up { slice(60, 0) } else { HealthSlice::default() }; 60];
    if name == "demo" {
        slices[..10].fill(HealthSlice::default());
        slices[10].starting = minute;
        slices[10].up = Duration::ZERO;
        slices[30] = slice(40, 20);
    }
    if name == "broken" {
        slices[52..].fill(slice(0, 60));
    }
    let counts = [0, 0, 0, 0, 12, 90, 210, 360, 340, 96, 40, 30, 14, 8, 4, 0, 0, 0, 0];
    let bounds = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
    ];
    let within = bounds.iter().zip(counts).map(|(us, n)| (Duration::from_micros(*us), if is_up { n } else { 0 }));
    let line = |seq, s: u64, stream, text: &str| LogLine {
        seq,
        at: ago(s * 1000),
        backend: name.into(),
        stream,
        text: text.into(),
    };
    ServerDetail {
        name: name.into(),
        cwd: (name == "demo").then(|| "/home/me/projects".to_owned()),
        env: vec![
            ("DEMO_TOKEN".to_owned(), "***".to_owned()),
            ("EMPTY".to_owned(), String::new()),
            ("LOG_LEVEL".to_owned(), "debug".to_owned()),
        ],
        headers: if name == "linear" { vec!["authorization".to_owned()] } else { Vec::new() },
        settings: [("start", "eager"), ("restart", "on-failure, at most 5 fast failures in a row"), ("timeout", "60s")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .to_vec(),
        timeout: minute,
        max_timeout: 60 * minute,
        max_concurrent: 64,
        slices,
        latency: (within.collect(), 0),
        instances: instances(SessionId(2)).into_iter().take(if is_up { 2 } else { 0 }).collect(),
        log: vec![
            line(1, 191, LogStream::Stderr, "listening on stdio"),
            line(2, 80, LogStream::Message, r#"{"level":"info","logger":"index","data":"3 notes were indexed"}"#),
            line(3, 12, LogStream::Stdout, "a line that is \u{1b}[31mno message"),
        ],
    }
}

/// Instances of servers, one of them leased to the session.
pub(crate) fn instances(session: SessionId) -> Vec<InstanceView> {
    let instance = |tenancy, session, pid| InstanceView {
        backend: "demo".into(),
        tenancy,
        session,
        principal: None,
        state: BackendState::Ready,
        since: ago(192_000),
        pid: Some(pid),
        revision: Some(Revision::V2025_11_25),
        failure: None,
    };
    vec![instance("everybody", None, 4_242), instance("leased", Some(session), 4_250)]
}

fn item(kind: ItemKind, exposed: &str, backend: &str, raw: &str) -> CatalogItem {
    let parsed: serde_json::Value = serde_json::from_str(raw).unwrap();
    let text = |key: &str| parsed.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    CatalogItem {
        kind,
        exposed: exposed.into(),
        own: exposed.strip_prefix(&format!("{backend}__")).unwrap_or(exposed).into(),
        backend: backend.into(),
        title: text("title"),
        description: text("description"),
        raw: Bytes::copy_from_slice(raw.as_bytes()),
        cached: false,
        withheld: false,
    }
}

/// A few items of each kind.
pub(crate) fn catalog() -> Arc<CatalogView> {
    use ItemKind::{Prompt, Resource, Template, Tool};
    let mut items = vec![
        item(
            Tool,
            "demo__echo",
            "demo",
            r#"{"name":"demo__echo","title":"Echo","description":"Says what it is told.\nMore than once if asked.","inputSchema":{"type":"object","properties":{"message":{"type":"string","description":"what to say"},"times":{"type":"integer","default":1},"api_key":{"type":"string","description":"not needed, to show masking"}},"required":["message"]},"annotations":{"readOnlyHint":true}}"#,
        ),
        item(
            Tool,
            "demo__slow",
            "demo",
            r#"{"name":"demo__slow","description":"Takes its time and tells how far it is.","inputSchema":{"type":"object","properties":{"steps":{"type":"integer","default":5,"description":"how many steps"},"label":{"type":"integer-or-so","description":"any label"}},"required":["label"]}}"#,
        ),
        item(
            Tool,
            "demo__mixed",
            "demo",
            r#"{"name":"demo__mixed","description":"One field of each kind.","inputSchema":{"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer"},"x":{"type":"number"},"loud":{"type":"boolean","default":false},"color":{"type":"string","enum":["red","green","blue"]},"tags":{"type":"array","items":{"type":"string"}},"extra":{"type":"object","properties":{"note":{"type":"string"},"level":{"type":"number","minimum":0}},"required":["level"]}},"required":["name","n"]}}"#,
        ),
        item(
            Tool,
            "asks__book_table",
            "asks",
            r#"{"name":"asks__book_table","description":"Books a table; asks for what is missing.","inputSchema":{"type":"object"},"annotations":{"destructiveHint":false,"idempotentHint":true}}"#,
        ),
        item(
            Prompt,
            "notes__review",
            "notes",
            r#"{"name":"notes__review","title":"Review","description":"Reviews notes on a topic.","arguments":[{"name":"topic","description":"what about","required":true},{"name":"depth"}]}"#,
        ),
        item(Resource, "note://today", "notes", r#"{"uri":"note://today","name":"today","mimeType":"text/plain"}"#),
        item(Template, "note://{year}/{+path}", "notes", r#"{"uriTemplate":"note://{year}/{+path}","name":"by date"}"#),
    ];
    // `label` has no type we know: any JSON. A text is wanted in the tests.
    let raw = String::from_utf8(items[1].raw.to_vec()).unwrap().replace("integer-or-so", "string");
    items[1].raw = Bytes::from(raw);
    items[3].cached = true;
    Arc::new(CatalogView { version: 1, items })
}

/// Measurements of an hour with a slow spell in it.
pub(crate) fn metrics(of: Option<Arc<str>>, tool: Option<Arc<str>>) -> MetricsView {
    let share = if of.is_some() { 1 } else { 3 };
    let points = (0..360_u32)
        .map(|i| {
            let slow = (200..230).contains(&i);
            let n = if i < 40 { 0 } else { (i / 7 % 9 + i / 31 % 5) * share };
            let p50 = if n == 0 {
                0
            } else if slow {
                210
            } else {
                12 + u64::from(i % 5)
            };
            Point { n, n_errors: u32::from(slow) * (n / 3), p50: ms(p50), p95: ms(p50 * 3), p99: ms(p50 * 5) }
        })
        .collect();
    MetricsView {
        tools: if of.is_some() { vec!["echo".into(), "slow".into()] } else { Vec::new() },
        tool,
        codes: vec![(-32602, 9), (-32603, 2)],
        backend: of,
        start: ago(2 * 3_600_000),
        points,
        ended: Outcome::ALL.into_iter().zip([1_495, 12, 9, 0, 2, 5]).collect(),
        n_bytes: (181_240, 4_120_000),
        slowest: vec![
            ("demo".into(), ToolLatency { tool: "slow".into(), latency: latency(40, 900, 1_150, 1_200) }),
            ("demo".into(), ToolLatency { tool: "echo".into(), latency: latency(1_164, 11, 30, 41) }),
        ],
        process: Some(ProcessUse {
            resident_bytes: 14_200_000,
            cpu: ms(2_300),
            n_threads: 4,
            n_fds: Some(31),
            ..ProcessUse::default()
        }),
    }
}

/// The configuration of the sample proxy, with what people write into theirs.
pub(crate) const CONFIG: &str = "\
# what all my clients use
version: 1

servers:
  demo:
    command: demo-server   # ours
    args: [--fast, \"日本\"]
    env: { DEMO_TOKEN: \"${DEMO_TOKEN:-none}\" }

  notes:
    url: https://notes.example.com/mcp
    headers: { Authorization: Bearer abcdefgh12345 }
    timeout: 30s
    tools:
      deny:
        - delete_*

  asks:
    command: asks-server
    start: lazy
  broken:
    command: npx
    args: [-y, \"@acme/does-not-exist\"]
  linear:
    url: https://mcp.linear.app/mcp
    enabled: false

profiles:
  work: { servers: [demo, notes] }

proxy:
  log_level: INFO
";

/// Where it is.
pub(crate) const CONFIG_PATH: &str = "/home/alex/.config/mcp-proxy/config.yaml";

/// A file that was read.
pub(crate) fn file(text: &str) -> File {
    let seen = Seen::holding(std::path::Path::new(CONFIG_PATH), text.as_bytes().to_vec());
    File { seen: Box::new(seen), shown: "~/.config/mcp-proxy/config.yaml".to_owned() }
}

/// What a check of a text says, against the sample configuration in force.
pub(crate) fn checked(version: u64, text: &str, is_final: bool) -> Checked {
    let load = |text: &str| {
        let environment = mcp_proxy_core::config::Environment::empty();
        mcp_proxy_core::config::load_text(text, std::path::Path::new(CONFIG_PATH), &environment)
    };
    let old = load(CONFIG).config.expect("the sample is good");
    let plan = |new: &mcp_proxy_core::config::Config| {
        let mut plan = mcp_proxy_core::config::Plan::between(&old, new);
        for change in plan.servers.iter_mut().filter(|c| &*c.name == "demo" && c.step.ends_instance()) {
            change.n_draining = 2;
        }
        plan
    };
    crate::runtime::config::checked(version, is_final, text, &load(text), plan)
}

/// A server was tried, and was as this one of the sample is.
pub(crate) fn probed(seq: u64, name: &str) -> Told {
    let view = snapshot().backends.into_iter().find(|b| *b.name == *name).expect("a server of the sample");
    let tools = ["get_current_time", "convert_time"].map(Into::into).to_vec();
    Told::Probed { seq, result: Ok(Box::new(Probe { view, tools, took: ms(840) })) }
}
