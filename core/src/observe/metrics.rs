//! [`Metrics`]: counters and latency histograms of all servers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::backend_metrics::{BackendMetrics, Latency, ToolEnded, latency};
use super::buckets::Buckets;
use super::counts::{Codes, Counts, Outcome};
use super::flow::Timing;
use super::history::{History, Point};
use super::named::Named;
use super::quantiles::Quantiles;

/// Tools with a histogram of their own among the metrics, of all servers together. Those called first have one for good, so
/// that series do not come and go; calls of others are `other`. At some 1.5 kB a histogram it keeps a look at the metrics
/// under half a megabyte.
const MAX_TOOL_SERIES: usize = 200;
/// Tools whose last hour is kept, of all servers together, where somebody looks on: those called first. At some 37 kB each.
const MAX_TOOL_HISTORIES: usize = 64;
/// Longest name of such a tool, in bytes.
const MAX_TOOL_NAME: usize = 128;
/// Longest latency told apart, in microseconds (one hour).
const MAX_US: u64 = 3_600_000_000;

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
        of.ended_in(second);
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
        for of in self.backends.values_mut() {
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
        let codes = match backend {
            Some(name) => self.backends.get(name).map(|b| b.codes.clone()).unwrap_or_default(),
            None => {
                let mut all = self.own_codes.clone();
                self.backends.iter().for_each(|(_, b)| all.add(&b.codes));
                all
            }
        };
        codes.sorted()
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
        self.backends.get_mut(backend).map_or([0; 60], |of| of.last_minute(second))
    }
}

#[cfg(test)]
mod tests {
    use super::super::backend_metrics::MAX_TOOLS;
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
