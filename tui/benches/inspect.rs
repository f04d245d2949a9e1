//! What Inspect costs where there is much to inspect: a frame over a million calls, a key, a body of 10 MB. Each beside something
//! that does no more than it has to, so that the ratio says something on any machine.

#![expect(clippy::print_stdout, reason = "a bench says what it found")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mcp_proxy_tui::bench::Bench;
use serde::de::IgnoredAny;

/// The largest of the sizes that are drawn in tests.
const SIZE: (u16, u16) = (200, 60);
/// Calls in the large journal.
const MANY: u64 = 1_000_000;
/// Calls in the small one.
const FEW: u64 = 1_000;
/// Times each thing is done; the median counts.
const ROUNDS: usize = 101;

fn median(mut what: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            what();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn say(what: &str, time: Duration, beside: &str, other: Duration) {
    let ratio = time.as_secs_f64() / other.as_secs_f64();
    println!("{what:<58} {:>9.3} ms   {ratio:>6.2} x {beside}", time.as_secs_f64() * 1e3);
}

/// 10 MB as a database gives them: a list of rows.
fn body() -> Bytes {
    let mut text = String::from(r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"rows":["#);
    let mut n = 0;
    while text.len() < 10_000_000 {
        let comma = if n == 0 { "" } else { "," };
        text.push_str(&format!(
            r#"{comma}{{"id":{n},"name":"row {n}","tags":["a","b"],"note":"some words about it"}}"#
        ));
        n += 1;
    }
    text.push_str(r#"]},"content":[]}}"#);
    text.into()
}

fn main() {
    let small = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let mut few = Bench::new(FEW, &small, SIZE);
    let mut many = Bench::new(MANY, &small, SIZE);
    let bare = median(|| {
        black_box(few.bare_frame());
    });
    println!("{:<58} {:>9.3} ms", "every cell of 200x60 drawn anew", bare.as_secs_f64() * 1e3);
    let frame = median(|| {
        black_box(few.frame());
    });
    say("a frame, 1 000 calls in the journal", frame, "bare", bare);
    let large = median(|| {
        black_box(many.frame());
    });
    say("a frame, 1 000 000 calls", large, "of 1 000", frame);
    let one_few = median(|| few.one_more());
    say("one more call, followed, 1 000 calls", one_few, "bare", bare);
    let one = median(|| many.one_more());
    say("one more call, followed, 1 000 000 calls", one, "of 1 000", one_few);
    let mut down = false;
    let key = median(|| {
        down ^= true;
        many.keys(if down { "k k k pgup" } else { "G" });
        black_box(many.frame());
    });
    say("keys and a frame, 1 000 000 calls", key, "bare", bare);
    let start = Instant::now();
    many.keys("/ ~ e enter");
    let filtered = start.elapsed();
    say("a filter over 1 000 000 calls, all steps together", filtered, "bare", bare);
    let frame = median(|| {
        black_box(many.frame());
    });
    say("a frame of what passes it", frame, "bare", bare);

    let body = body();
    let parse = median(|| {
        black_box(serde_json::from_slice::<IgnoredAny>(&body).is_ok());
    });
    println!("{:<58} {:>9.3} ms", "a body of 10 MB read by serde_json", parse.as_secs_f64() * 1e3);
    let mut first = Duration::ZERO;
    let mut whole = Duration::ZERO;
    let mut scroll = Duration::ZERO;
    let mut times = Vec::new();
    for _ in 0..11 {
        let mut bench = Bench::new(10, &body, SIZE);
        let start = Instant::now();
        bench.keys("tab tab");
        black_box(bench.frame());
        let opened = start.elapsed();
        let start = Instant::now();
        bench.keys("+");
        black_box(bench.frame());
        let all = start.elapsed();
        // Into the rows, and through them.
        bench.keys("G k k k l j j l");
        scroll = median(|| {
            bench.keys("pgdn");
            black_box(bench.frame());
        });
        times.push((opened, all));
    }
    times.sort();
    (first, whole) = times.get(times.len() / 2).copied().unwrap_or((first, whole));
    say("the body opened and drawn (its first 256 KiB)", first, "the reading", parse);
    say("all of it shown", whole, "the reading", parse);
    say("a page further in it", scroll, "bare", bare);
}
