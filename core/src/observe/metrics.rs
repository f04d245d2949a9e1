//! Counters and latency histograms, by server and by tool.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use super::flow::Timing;
use super::history::{History, Point};
use super::quantiles::Quantiles;

/// Tools measured per server; calls of further ones count for the server only.
const MAX_TOOLS: usize = 256;
/// Tools with a histogram of their own among the metrics, of all servers together. Those called first have one for good, so
/// that series do not come and go; calls of others are `other`. At some 1.5 kB a histogram it keeps a look at the metrics
/// under half a megabyte.
const MAX_TOOL_SERIES: usize = 200;
/// Tools whose last hour is kept, of all servers together, where somebody looks on: those called first. At some 37 kB each.
const MAX_TOOL_HISTORIES: usize = 64;
/// Different error codes counted; further ones are not told apart.
const MAX_CODES: usize = 32;
/// Longest name of such a tool, in bytes.
const MAX_TOOL_NAME: usize = 128;
/// Longest latency told apart, in microseconds (one hour).
const MAX_US: u64 = 3_600_000_000;

/// Percentiles; zero when there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Calls measured.
    pub n: u64,
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Slowest.
    pub max: Duration,
}

/// Latency of one tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolLatency {
    /// The server's own name of the tool.
    pub tool: Arc<str>,
    /// Its latency.
    pub latency: Latency,
}

/// How a request ended, told apart by who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With a result that says `isError`.
    ToolError,
    /// With a JSON-RPC error of the server.
    ServerError,
    /// With a JSON-RPC error of ours: no such tool, no server, too many calls.
    ProxyError,
    /// The server did not answer in time.
    Timeout,
    /// Whoever asked took it back, or left.
    Cancelled,
}

impl Outcome {
    /// All, in the order they are counted in.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::ToolError, Self::ServerError, Self::ProxyError, Self::Timeout, Self::Cancelled];

    /// One word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::ServerError => "server_error",
            Self::ProxyError => "proxy_error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    const fn is_error(self) -> bool {
        !matches!(self, Self::Ok | Self::Cancelled)
    }
}

/// A client's request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// When.
    pub at: SystemTime,
    /// The server it was for.
    pub backend: Option<&'a Arc<str>>,
    /// The server's own name of the tool.
    pub tool: Option<&'a Arc<str>>,
    /// Where the time went.
    pub timing: Timing,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the error whoever asked got, if it got one.
    pub code: Option<i32>,
    /// Its server gave an answer worth measuring.
    pub answered: bool,
    /// Bytes of the answer.
    pub n_bytes: u64,
}

/// What can be added up over servers.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests begun.
    pub n_calls: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
    /// Of these, ended, by [`Outcome`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Bytes of requests as they came from clients.
    pub n_bytes_in: u64,
    /// Bytes of answers as clients got them.
    pub n_bytes_out: u64,
    /// Questions to clients.
    pub n_questions: u64,
    /// Of these, not answered yet.
    pub n_open: u64,
    /// Rounds of calls that took more than one, besides the first.
    pub n_rounds: u64,
    /// From arrival to answer, where the server gave one.
    pub latency: Buckets,
}

impl Counts {
    /// All of `other` too.
    pub fn add(&mut self, other: &Self) {
        self.n_calls += other.n_calls;
        self.n_in_flight += other.n_in_flight;
        for (count, more) in self.ended.iter_mut().zip(&other.ended) {
            *count += more;
        }
        self.n_bytes_in += other.n_bytes_in;
        self.n_bytes_out += other.n_bytes_out;
        self.n_questions += other.n_questions;
        self.n_open += other.n_open;
        self.n_rounds += other.n_rounds;
        self.latency.add(&other.latency);
    }

    fn begun(&mut self, n_bytes: u64) {
        self.n_calls += 1;
        self.n_in_flight += 1;
        self.n_bytes_in += n_bytes;
    }

    fn ended(&mut self, outcome: Outcome, n_bytes: u64) {
        self.n_in_flight = self.n_in_flight.saturating_sub(1);
        self.ended[outcome as usize] += 1;
        self.n_bytes_out += n_bytes;
    }
}

/// One tool's times.
#[derive(Debug)]
struct Tool {
    latency: Quantiles<4>,
    /// Its last hour, if it is one of [`MAX_TOOL_HISTORIES`].
    history: Option<Box<History>>,
    /// Among the metrics, if it is one of [`MAX_TOOL_SERIES`].
    series: Option<Box<Buckets>>,
}

/// How a call of a tool has ended.
struct ToolEnded {
    /// When, from the beginning of the counting.
    since: Duration,
    failed: bool,
    /// There is room for one more series, and for one more tool whose last hour is kept.
    may_have_series: bool,
    may_have_history: bool,
}

/// What a tool has from now on.
#[derive(Default)]
struct Begins {
    series: bool,
    history: bool,
}

/// What is counted for one server.
#[derive(Debug)]
pub struct BackendMetrics {
    /// Calls begun.
    pub n_calls: u64,
    /// Of these, ended with an error or `isError`.
    pub n_errors: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
    /// The same and more, to be added up.
    pub counts: Counts,
    latency: Quantiles<6>,
    tools: Named<Tool>,
    /// Tools that have no series of their own.
    other_tools: Buckets,
    history: Option<History>,
    codes: Codes,
    /// Calls ended in each second, `seconds[i]` for the seconds `i` modulo 60.
    seconds: [u16; 60],
    /// The second `seconds` was last written in.
    now_second: u64,
}

/// How often each error code was given.
#[derive(Clone, Debug, Default)]
struct Codes(Vec<(i32, u64)>);

impl Codes {
    fn count(&mut self, code: i32) {
        if let Some((_, n)) = self.0.iter_mut().find(|(c, _)| *c == code) {
            *n += 1;
        } else if self.0.len() < MAX_CODES {
            self.0.push((code, 1));
        }
    }

    fn add(&mut self, other: &Self) {
        for (code, n) in &other.0 {
            match self.0.iter_mut().find(|(c, _)| c == code) {
                Some((_, sum)) => *sum += n,
                None => self.0.push((*code, *n)),
            }
        }
    }
}

/// What is counted under each name. The name that was called last is found by where it stands in memory: mostly it is called again.
#[derive(Debug)]
struct Named<T> {
    all: Vec<(Arc<str>, T)>,
    by_name: HashMap<Arc<str>, usize>,
    last: usize,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_name: HashMap::default(), last: 0 }
    }
}

impl<T> Named<T> {
    /// What is counted under a name, if anything is.
    #[inline]
    fn find(&mut self, name: &Arc<str>) -> Option<&mut T> {
        if !self.all.get(self.last).is_some_and(|(last, _)| Arc::ptr_eq(last, name)) {
            self.last = *self.by_name.get(name)?;
            // Names come anew with each catalog.
            self.all[self.last].0 = name.clone();
        }
        Some(&mut self.all[self.last].1)
    }

    /// What is counted under a name; `new` where nothing is yet.
    #[inline]
    fn of(&mut self, name: &Arc<str>, new: impl FnOnce() -> T) -> &mut T {
        if self.find(name).is_none() {
            self.last = self.all.len();
            self.by_name.insert(name.clone(), self.last);
            self.all.push((name.clone(), new()));
        }
        &mut self.all[self.last].1
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|at| &self.all[*at].1)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name.get(name).map(|at| &mut self.all[*at].1)
    }

    fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.all.iter().map(|(name, of)| (name, of))
    }
}

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    start: SystemTime,
    /// All servers ever called.
    backends: Named<BackendMetrics>,
    all: Quantiles<6>,
    /// Of all servers together; none until somebody looks.
    history: Option<History>,
    /// Tools whose last hour is kept.
    n_tool_histories: usize,
    /// Errors of our own, of requests for no server.
    own_codes: Codes,
    /// Requests answered by ourselves.
    pub own: Counts,
    /// Our own share of the time of answered calls.
    pub overhead: Buckets,
    /// Tools with a series of their own.
    n_tool_series: usize,
    /// Client requests begun, those answered by ourselves included.
    pub n_calls: u64,
    /// Of these, ended with an error.
    pub n_errors: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
}

/// Whole microseconds, without the detour by 128 bits.
fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()))
}

fn latency<const DIGITS: u32>(of: &Quantiles<DIGITS>) -> Latency {
    let at = |n| Duration::from_micros(of.per_mille(n));
    Latency { n: of.n(), p50: at(500), p95: at(950), p99: at(990), max: Duration::from_micros(of.max()) }
}

impl BackendMetrics {
    fn new() -> Self {
        Self {
            n_calls: 0,
            n_errors: 0,
            n_in_flight: 0,
            counts: Counts::default(),
            latency: Quantiles::default(),
            tools: Named::default(),
            other_tools: Buckets::default(),
            history: None,
            codes: Codes::default(),
            seconds: [0; 60],
            now_second: 0,
        }
    }

    fn tick(&mut self, second: u64) {
        let n_passed = second.saturating_sub(self.now_second).min(60);
        for s in 1..=n_passed {
            self.seconds[((self.now_second + s) % 60) as usize] = 0;
        }
        self.now_second = self.now_second.max(second);
    }

    /// A call of `tool` has ended; `took` microseconds if that is worth measuring. Which of the two kinds of memory, bounded
    /// for all servers together, it has from now on.
    fn tool_ended(&mut self, tool: &Arc<str>, took: Option<u64>, ended: &ToolEnded) -> Begins {
        if self.tools.find(tool).is_none() {
            let Some(us) = took else { return Begins::default() };
            if self.tools.len() >= MAX_TOOLS {
                self.other_tools.record(us);
                return Begins::default();
            }
        }
        let of = self.tools.of(tool, || Tool { latency: Quantiles::default(), history: None, series: None });
        let mut begins = Begins::default();
        if let Some(us) = took {
            of.latency.record(us);
            if ended.may_have_series && of.series.is_none() {
                of.series = Some(Box::default());
                begins.series = true;
            }
            of.series.as_deref_mut().unwrap_or(&mut self.other_tools).record(us);
        }
        if ended.may_have_history && of.history.is_none() {
            of.history = Some(Box::default());
            begins.history = true;
        }
        if let Some(history) = &mut of.history {
            history.ended(ended.since, took, ended.failed);
        }
        begins
    }

    /// Its latency.
    #[must_use]
    pub fn latency(&self) -> Latency {
        latency(&self.latency)
    }

    /// The latency of its tools, slowest p95 first, at most `n`.
    #[must_use]
    pub fn tools(&self, n: usize) -> Vec<ToolLatency> {
        let of = |(name, tool): (&Arc<str>, &Tool)| ToolLatency { tool: name.clone(), latency: latency(&tool.latency) };
        let mut tools: Vec<_> = self.tools.iter().map(of).collect();
        tools.sort_by(|a, b| b.latency.p95.cmp(&a.latency.p95).then_with(|| a.tool.cmp(&b.tool)));
        tools.truncate(n);
        tools
    }

    /// The times of its tools that have a series of their own, by name, and of all others together.
    #[must_use]
    pub fn tool_series(&self) -> (Vec<(&Arc<str>, &Buckets)>, &Buckets) {
        let mut series: Vec<_> = self.tools.iter().filter_map(|(name, t)| Some((name, t.series.as_deref()?))).collect();
        series.sort_by_key(|(name, _)| *name);
        (series, &self.other_tools)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            start: SystemTime::now(),
            backends: Named::default(),
            all: Quantiles::default(),
            history: None,
            n_tool_histories: 0,
            own_codes: Codes::default(),
            own: Counts::default(),
            overhead: Buckets::default(),
            n_tool_series: 0,
            n_calls: 0,
            n_errors: 0,
            n_in_flight: 0,
        }
    }
}

impl Metrics {
    fn of(&mut self, backend: &Arc<str>) -> &mut BackendMetrics {
        let keeps = self.history.is_some();
        self.backends.of(backend, || {
            let mut new = BackendMetrics::new();
            new.history = keeps.then(History::default);
            new
        })
    }

    /// A client's request of `n_bytes` has begun.
    pub fn begun(&mut self, backend: Option<&Arc<str>>, n_bytes: u64) {
        self.n_calls += 1;
        self.n_in_flight += 1;
        let Some(backend) = backend else { return self.own.begun(n_bytes) };
        let of = self.of(backend);
        of.n_calls += 1;
        of.n_in_flight += 1;
        of.counts.begun(n_bytes);
    }

    /// A server asks a client.
    pub(super) fn asks(&mut self, backend: Option<&Arc<str>>) {
        let counts = self.counts_of(backend);
        counts.n_questions += 1;
        counts.n_open += 1;
    }

    /// A question has ended, however.
    pub(super) fn is_told(&mut self, backend: Option<&Arc<str>>) {
        let counts = self.counts_of(backend);
        counts.n_open = counts.n_open.saturating_sub(1);
    }

    /// A call goes into another round.
    pub(super) fn turned(&mut self, backend: Option<&Arc<str>>) {
        self.counts_of(backend).n_rounds += 1;
    }

    fn counts_of(&mut self, backend: Option<&Arc<str>>) -> &mut Counts {
        match backend {
            Some(backend) => &mut self.of(backend).counts,
            None => &mut self.own,
        }
    }

    /// A client's request has ended.
    pub fn ended(&mut self, measured: &Measured<'_>) {
        let Measured { at, backend, tool, timing, outcome, code, answered, n_bytes } = *measured;
        let since = at.duration_since(self.start).unwrap_or_default();
        let second = since.as_secs();
        // How long a person took says nothing of a server.
        let us = micros(timing.proxy + timing.queue + timing.server).clamp(1, MAX_US);
        self.n_in_flight = self.n_in_flight.saturating_sub(1);
        self.n_errors += u64::from(outcome.is_error());
        let Some(backend) = backend else {
            code.into_iter().for_each(|code| self.own_codes.count(code));
            return self.own.ended(outcome, n_bytes);
        };
        if answered {
            self.all.record(us);
            self.overhead.record(micros(timing.proxy));
        }
        let took = answered.then_some(us);
        if let Some(history) = &mut self.history {
            history.ended(since, took, outcome.is_error());
        }
        let may_have_series = self.n_tool_series < MAX_TOOL_SERIES;
        let may_have_history = self.history.is_some() && self.n_tool_histories < MAX_TOOL_HISTORIES;
        let of = self.of(backend);
        code.into_iter().for_each(|code| of.codes.count(code));
        of.n_in_flight = of.n_in_flight.saturating_sub(1);
        of.n_errors += u64::from(outcome.is_error());
        of.counts.ended(outcome, n_bytes);
        if let Some(history) = &mut of.history {
            history.ended(since, took, outcome.is_error());
        }
        of.tick(second);
        let slot = &mut of.seconds[(second % 60) as usize];
        *slot = slot.saturating_add(1);
        // A name that never gave a result may be made up.
        let is_real = outcome == Outcome::Ok && tool.is_some_and(|t| t.len() <= MAX_TOOL_NAME);
        if answered {
            of.latency.record(us);
            of.counts.latency.record(us);
        }
        let Some(tool) = tool else { return };
        let begins = of.tool_ended(
            tool,
            took,
            &ToolEnded {
                since,
                failed: outcome.is_error(),
                may_have_series: may_have_series && is_real,
                may_have_history: may_have_history && is_real,
            },
        );
        self.n_tool_series += usize::from(begins.series);
        self.n_tool_histories += usize::from(begins.history);
    }

    /// From now on what happens is kept for an hour, for charts.
    pub fn keep_history(&mut self) {
        self.history.get_or_insert_default();
        for (_, of) in &mut self.backends.all {
            of.history.get_or_insert_default();
        }
    }

    /// The last hour of `backend`, or of all servers, oldest first; empty where it is not kept.
    #[must_use]
    pub fn history(&mut self, backend: Option<&str>) -> Vec<Point> {
        let since = self.start.elapsed().unwrap_or_default();
        let history = match backend {
            None => self.history.as_mut(),
            Some(name) => self.backends.get_mut(name).and_then(|b| b.history.as_mut()),
        };
        history.map(|h| h.points(since)).unwrap_or_default()
    }

    /// The last hour of one tool; empty where it is not kept.
    #[must_use]
    pub fn tool_history(&mut self, backend: &str, tool: &str) -> Vec<Point> {
        let since = self.start.elapsed().unwrap_or_default();
        let of = self.backends.get_mut(backend).and_then(|b| b.tools.get_mut(tool));
        of.and_then(|t| t.history.as_mut()).map(|h| h.points(since)).unwrap_or_default()
    }

    /// Tools of `backend` whose last hour is kept, by name.
    #[must_use]
    pub fn tools_with_history(&self, backend: &str) -> Vec<Arc<str>> {
        let all = self.backends.get(backend).into_iter().flat_map(|b| b.tools.iter());
        let mut names: Vec<_> = all.filter(|(_, t)| t.history.is_some()).map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Error codes given by `backend`, or by all and ourselves, the most frequent first.
    #[must_use]
    pub fn codes(&self, backend: Option<&str>) -> Vec<(i32, u64)> {
        let mut codes = match backend {
            Some(name) => self.backends.get(name).map(|b| b.codes.clone()).unwrap_or_default(),
            None => {
                let mut all = self.own_codes.clone();
                self.backends.iter().for_each(|(_, b)| all.add(&b.codes));
                all
            }
        };
        codes.0.sort_by_key(|(code, n)| (std::cmp::Reverse(*n), *code));
        codes.0
    }

    /// What is counted for `backend`, or for all servers and what we answered ourselves.
    #[must_use]
    pub fn counts(&self, backend: Option<&str>) -> Counts {
        match backend {
            Some(name) => self.backends.get(name).map(|b| b.counts.clone()).unwrap_or_default(),
            None => {
                let mut all = self.own.clone();
                self.backends.iter().for_each(|(_, b)| all.add(&b.counts));
                all
            }
        }
    }

    /// All servers ever called.
    pub fn backends(&self) -> impl Iterator<Item = (&Arc<str>, &BackendMetrics)> {
        self.backends.iter()
    }

    /// Since when is counted.
    #[must_use]
    pub const fn start(&self) -> SystemTime {
        self.start
    }

    /// Latency over all servers.
    #[must_use]
    pub fn latency(&self) -> Latency {
        latency(&self.all)
    }

    /// What is counted for `backend`, if it was ever called.
    #[must_use]
    pub fn backend(&self, backend: &str) -> Option<&BackendMetrics> {
        self.backends.get(backend)
    }

    /// Calls of `backend` ended in each of the last 60 seconds, oldest first.
    #[must_use]
    pub fn per_second(&mut self, backend: &Arc<str>) -> [u16; 60] {
        let second = self.start.elapsed().unwrap_or_default().as_secs();
        let Some(of) = self.backends.get_mut(backend) else { return [0; 60] };
        of.tick(second);
        std::array::from_fn(|i| of.seconds[((second + 1 + i as u64) % 60) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(metrics: &mut Metrics, backend: &str, tool: &str, ms: u64, outcome: Outcome) {
        let (backend, tool): (Arc<str>, Arc<str>) = (backend.into(), tool.into());
        metrics.begun(Some(&backend), 10);
        metrics.ended(&Measured {
            at: SystemTime::now(),
            backend: Some(&backend),
            tool: Some(&tool),
            timing: Timing { server: Duration::from_millis(ms), ..Timing::default() },
            outcome,
            code: (outcome == Outcome::ServerError).then_some(-32602),
            answered: true,
            n_bytes: 20,
        });
    }

    #[test]
    fn percentiles_and_counts_by_server_and_tool() {
        let mut metrics = Metrics::default();
        for i in 1..=100 {
            call(&mut metrics, "b", "t", i, if i == 100 { Outcome::ServerError } else { Outcome::Ok });
        }
        let of = metrics.backend("b").expect("called");
        assert_eq!((of.n_calls, of.n_errors, of.n_in_flight), (100, 1, 0));
        let p50 = of.latency().p50.as_millis();
        assert!((49..=52).contains(&p50), "{p50}");
        assert_eq!(of.tools(5)[0].latency.n, 100);
        assert_eq!((of.counts.ended[0], of.counts.ended[2]), (99, 1));
        assert_eq!((of.counts.n_bytes_in, of.counts.n_bytes_out, of.counts.latency.n()), (1000, 2000, 100));
        assert_eq!(metrics.per_second(&"b".into()).iter().sum::<u16>(), 100);
    }

    #[test]
    fn what_we_answer_ourselves_is_counted_apart() {
        let mut metrics = Metrics::default();
        metrics.begun(None, 7);
        assert_eq!((metrics.own.n_in_flight, metrics.n_in_flight), (1, 1));
        let timing = Timing::default();
        let outcome = Outcome::ProxyError;
        let at = SystemTime::now();
        let code = Some(-32601);
        metrics.ended(&Measured { at, backend: None, tool: None, timing, outcome, code, answered: false, n_bytes: 9 });
        assert_eq!((metrics.codes(None), metrics.codes(Some("b"))), (vec![(-32601, 1)], vec![]));
        assert_eq!((metrics.own.n_in_flight, metrics.own.n_calls, metrics.n_errors), (0, 1, 1));
        assert_eq!((metrics.own.n_bytes_in, metrics.own.n_bytes_out), (7, 9));
    }

    #[test]
    fn the_number_of_tools_is_bounded() {
        let mut metrics = Metrics::default();
        for i in 0..2 * MAX_TOOLS {
            call(&mut metrics, "b", &i.to_string(), 1, Outcome::Ok);
        }
        let of = metrics.backend("b").expect("called");
        assert_eq!(of.tools.len(), MAX_TOOLS);
        let (series, other) = of.tool_series();
        assert_eq!((series.len(), other.n()), (MAX_TOOL_SERIES, (2 * MAX_TOOLS - MAX_TOOL_SERIES) as u64));
        assert!(series.iter().all(|(_, b)| b.n() == 1));
    }

    #[test]
    fn the_last_hour_of_tools_is_kept_while_somebody_looks_on() {
        let mut metrics = Metrics::default();
        call(&mut metrics, "b", "before", 1, Outcome::Ok);
        assert!(metrics.tool_history("b", "before").is_empty());
        metrics.keep_history();
        for i in 0..2 * MAX_TOOL_HISTORIES {
            call(&mut metrics, "b", &format!("t{i:03}"), 1, Outcome::Ok);
        }
        call(&mut metrics, "b", "t000", 1, Outcome::ServerError);
        call(&mut metrics, "b", "made-up", 1, Outcome::ServerError);
        let names = metrics.tools_with_history("b");
        assert_eq!((names.len(), &*names[0]), (MAX_TOOL_HISTORIES, "t000"));
        let now = metrics.tool_history("b", "t000").pop().expect("a step");
        assert_eq!((now.n, now.n_errors), (2, 1));
        assert!(metrics.tool_history("b", "made-up").is_empty());
        assert_eq!(metrics.codes(None), [(-32602, 2)]);
    }

    #[test]
    fn codes_are_bounded() {
        let mut codes = Codes::default();
        (0..1000).for_each(|code| codes.count(code % 100));
        assert_eq!((codes.0.len(), codes.0[0]), (MAX_CODES, (0, 10)));
    }

    #[test]
    fn made_up_names_take_no_series() {
        let mut metrics = Metrics::default();
        call(&mut metrics, "b", "made-up", 1, Outcome::ServerError);
        call(&mut metrics, "b", &"x".repeat(MAX_TOOL_NAME + 1), 1, Outcome::Ok);
        call(&mut metrics, "b", "real", 1, Outcome::ToolError);
        call(&mut metrics, "b", "real", 1, Outcome::Ok);
        let (series, other) = metrics.backend("b").expect("called").tool_series();
        let names: Vec<&str> = series.iter().map(|(name, _)| &***name).collect();
        assert_eq!((names, other.n()), (vec!["real"], 3));
    }
}
