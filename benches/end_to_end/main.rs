//! What a message costs on its way through the built program, beside a plain relay in the same run: read the ratios.
//!
//!   cargo bench --bench end_to_end [-- SCENARIO…]
//!
//! This binary is everything but the proxy: the client that measures, a relay that does the least (cuts lines, swaps ids)
//! and a server that only echoes. Rounds alternate between proxy and relay; each figure is the median of its rounds.
//! CPU is the time the process itself was running, its children left out.

#![expect(clippy::unwrap_used, reason = "a bench is no product code: what is not there must stop it")]
#![expect(clippy::print_stdout, reason = "its table")]

mod crowd;
mod peers;
mod target;
mod web;

use std::time::{Duration, Instant};

use target::{Target, World};

/// Rounds of each scenario, on the proxy and on the relay in turn.
const ROUNDS: usize = 7;
/// Requests in flight where many are.
const MANY: usize = 16;
/// Servers and tools of the large set-up.
const SERVERS: usize = 10;
const TOOLS: usize = 20;
const MB: usize = 1_000_000;
/// Calls in flight at once that wait for so long each.
const WAITING: usize = 64;
const WAIT_MS: u64 = 100;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("echo") => return peers::echo(&args[1..]),
        Some("relay") => return peers::relay(&args[1..]),
        _ => {}
    }
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    let scenarios: [(&str, fn()); 11] = [
        ("throughput", throughput),
        ("latency", latency),
        ("large", large),
        ("list", list),
        ("beside", beside),
        ("parallel", parallel),
        ("bridge", bridge),
        ("startup", startup),
        ("memory", memory),
        ("parked", crowd::parked),
        ("sessions", crowd::sessions),
    ];
    println!("{:<58} {:>12} {:>12} {:>8} {:>8}", "", "proxy", "relay", "ratio", "at most");
    for (name, run) in scenarios {
        if wanted.is_empty() || wanted.iter().any(|w| *w == name) {
            run();
        }
    }
}

/// One line of the table. `limit` is what the project asks of itself; it is shown, never tested.
fn row(what: &str, unit: &str, proxy: f64, relay: f64, limit: Option<f64>) {
    let limit = limit.map_or_else(String::new, |l| format!("{l:.1}"));
    println!(
        "{what:<58} {:>12} {:>12} {:>8.2} {limit:>8}",
        format!("{proxy:.1} {unit}"),
        format!("{relay:.1} {unit}"),
        proxy / relay
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 0.5)
}

fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = (values.len() as f64 * p) as usize;
    values[at.min(values.len() - 1)]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Measures `n` calls a round on both, in turn; the first round warms up.
fn in_turn(proxy: &mut Target, relay: &mut Target, mut measure: impl FnMut(&mut Target) -> f64) -> (f64, f64) {
    let (mut of_proxy, mut of_relay) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let both = [measure(proxy), measure(relay)];
        if round > 0 {
            of_proxy.push(both[0]);
            of_relay.push(both[1]);
        }
    }
    (median(of_proxy), median(of_relay))
}

fn cpu_per_call(target: &mut Target, n: u32, call: impl FnOnce(&mut Target)) -> f64 {
    let before = target.cpu();
    call(target);
    micros(target.cpu() - before) / f64::from(n)
}

fn throughput() {
    let world = World::new(1, 1);
    let (mut proxy, mut relay) = (world.proxy(), world.relay(1));
    let n = 20_000;
    let (a, b) = in_turn(&mut proxy, &mut relay, |t| cpu_per_call(t, n, |t| t.small_calls(n, MANY)));
    row("small call, 16 in flight: CPU", "us", a, b, Some(2.0));
}

fn latency() {
    let world = World::new(1, 1);
    let (mut proxy, mut relay) = (world.proxy(), world.relay(1));
    let (a, b) = in_turn(&mut proxy, &mut relay, |t| median(t.latencies(2000)));
    row("small call, one at a time: p50", "us", a, b, Some(1.3));
}

fn large() {
    let world = World::new(1, 1);
    let (mut proxy, mut relay) = (world.proxy(), world.relay(1));
    let n = 40;
    let (a, b) = in_turn(&mut proxy, &mut relay, |t| {
        cpu_per_call(t, n, |t| {
            for _ in 0..n {
                t.large_call(0, MB);
            }
        })
    });
    row("1 MB result: CPU", "us", a, b, Some(2.5));
}

fn list() {
    let world = World::new(SERVERS, TOOLS);
    let (mut proxy, mut relay) = (world.proxy(), world.relay(SERVERS * TOOLS));
    let n = 300;
    let (a, b) = in_turn(&mut proxy, &mut relay, |t| {
        cpu_per_call(t, n, |t| {
            for _ in 0..n {
                t.list(SERVERS * TOOLS);
            }
        })
    });
    row("tools/list, 200 tools of 10 servers (relay: of one): CPU", "us", a, b, None);
}

/// Small calls on one server while another one sends 10 MB results, both over the one pipe of a stdio client. The relay
/// has one server only, so its figure is what sharing that pipe costs by itself.
fn beside() {
    let world = World::new(2, 1);
    let (mut proxy, mut relay) = (world.proxy(), world.relay(1));
    let secs = Duration::from_millis(600);
    let mut alone = Vec::new();
    let (a, b) = in_turn(&mut proxy, &mut relay, |t| {
        let mut times = t.beside_large(10 * MB, secs);
        percentile(&mut times, 0.99)
    });
    for _ in 0..ROUNDS {
        alone.push(percentile(&mut proxy.latencies(2000), 0.99));
    }
    row("small call beside 10 MB results: p99", "us", a, b, None);
    row("  the same, against small calls alone through the proxy", "us", a, median(alone), None);
}

/// Calls that wait, all at once on one session by HTTP, against the same calls straight to the server.
fn parallel() {
    let world = World::new(1, 1);
    let (web, mut server) = (world.web(), world.server());
    let (mut by_http, mut straight) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        by_http.push(micros(web.waiting_calls(WAITING, WAIT_MS)) / 1000.0);
        straight.push(micros(server.waiting_calls(WAITING, WAIT_MS)) / 1000.0);
    }
    let what = "64 calls of 100 ms in flight, by HTTP (relay: no proxy)";
    row(what, "ms", median(by_http), median(straight), Some(2.0));
}

/// A client that can be asked, before a server of the other era: what the bridge costs where nothing is asked. In the place
/// of the relay stands the same proxy with the same client before a server of its own era.
fn bridge() {
    let (legacy, modern) = (World::new(1, 1), World::modern());
    let (mut bridged, mut plain) = (legacy.modern_client(), modern.modern_client());
    let n = 20_000;
    let (a, b) = in_turn(&mut bridged, &mut plain, |t| cpu_per_call(t, n, |t| t.small_calls(n, MANY)));
    row("small call across the eras, against within one: CPU", "us", a, b, Some(1.2));
    let (a, b) = in_turn(&mut bridged, &mut plain, |t| median(t.latencies(2000)));
    row("  the same, one at a time: p50", "us", a, b, Some(1.2));
    let (mut bridged, mut plain) = (modern.proxy(), legacy.proxy());
    let (a, b) = in_turn(&mut bridged, &mut plain, |t| cpu_per_call(t, n, |t| t.small_calls(n, MANY)));
    row("the same of a legacy client: CPU", "us", a, b, Some(1.2));
    let (a, b) = in_turn(&mut bridged, &mut plain, |t| median(t.latencies(2000)));
    row("  the same, one at a time: p50", "us", a, b, Some(1.2));
}

fn startup() {
    let world = World::new(SERVERS, TOOLS);
    // Fills the disk cache, as every start but the very first finds it.
    world.proxy().list(SERVERS * TOOLS);
    let mut opened = [Vec::new(), Vec::new()];
    let mut listed = [Vec::new(), Vec::new()];
    for _ in 0..2 * ROUNDS {
        for (i, start) in [World::proxy_unopened as fn(&World) -> Target, World::relay_unopened].into_iter().enumerate()
        {
            let begun = Instant::now();
            let mut target = start(&world);
            target.open();
            opened[i].push(micros(begun.elapsed()));
            target.list_any();
            listed[i].push(micros(begun.elapsed()));
        }
    }
    let [a, b] = opened.map(median);
    row("start to answered initialize (10 servers; relay: one)", "us", a, b, Some(2.0));
    let [a, b] = listed.map(median);
    row("start to tools/list from the disk cache", "us", a, b, Some(4.0));
}

fn memory() {
    let world = World::new(SERVERS, 28);
    let mut proxy = world.proxy();
    proxy.list(SERVERS * 28);
    let at_rest = proxy.pss_kib();
    proxy.small_calls(100_000, MANY);
    let after = proxy.pss_kib();
    let mut relay = world.relay(1);
    relay.small_calls(1000, MANY);
    row("PSS at rest, 10 servers and 280 tools (relay: one server)", "KiB", at_rest, relay.pss_kib(), None);
    println!(
        "{:<58} {:>12} {:>12} {:>8.2}",
        "PSS after 100 000 calls, against at rest",
        format!("{after:.1} KiB"),
        format!("{at_rest:.1} KiB"),
        after / at_rest
    );
}
