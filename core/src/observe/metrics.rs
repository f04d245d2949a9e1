//! Counters and latency histograms, by server and by tool.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use foldhash::HashMap;
use hdrhistogram::Histogram;

/// Tools measured per server; calls of further ones count for the server only.
const MAX_TOOLS: usize = 256;
/// Longest latency told apart, in microseconds (one hour).
const MAX_US: u64 = 3_600_000_000;

/// Percentiles; zero when there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug)]
pub struct ToolLatency {
    /// The server's own name of the tool.
    pub tool: Arc<str>,
    /// Its latency.
    pub latency: Latency,
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
    latency: Histogram<u32>,
    tools: HashMap<Arc<str>, Histogram<u32>>,
    /// Calls ended in each second, `seconds[i]` for the seconds `i` modulo 60.
    seconds: [u16; 60],
    /// The second `seconds` was last written in.
    now_second: u64,
}

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    start: SystemTime,
    backends: HashMap<Arc<str>, BackendMetrics>,
    all: Histogram<u32>,
    /// Client requests begun, those answered by ourselves included.
    pub n_calls: u64,
    /// Of these, ended with an error.
    pub n_errors: u64,
    /// Of these, not ended yet.
    pub n_in_flight: u64,
}

fn histogram(digits: u8) -> Histogram<u32> {
    Histogram::new_with_bounds(1, MAX_US, digits).expect("the bounds are constants that fit")
}

fn latency(h: &Histogram<u32>) -> Latency {
    let at = |q| Duration::from_micros(h.value_at_quantile(q));
    if h.is_empty() {
        return Latency::default();
    }
    Latency { n: h.len(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: Duration::from_micros(h.max()) }
}

impl BackendMetrics {
    fn new() -> Self {
        Self {
            n_calls: 0,
            n_errors: 0,
            n_in_flight: 0,
            latency: histogram(2),
            tools: HashMap::default(),
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

    /// Its latency.
    #[must_use]
    pub fn latency(&self) -> Latency {
        latency(&self.latency)
    }

    /// The latency of its tools, slowest p95 first, at most `n`.
    #[must_use]
    pub fn tools(&self, n: usize) -> Vec<ToolLatency> {
        let of = |(tool, h): (&Arc<str>, &Histogram<u32>)| ToolLatency { tool: tool.clone(), latency: latency(h) };
        let mut tools: Vec<_> = self.tools.iter().map(of).collect();
        tools.sort_by(|a, b| b.latency.p95.cmp(&a.latency.p95).then_with(|| a.tool.cmp(&b.tool)));
        tools.truncate(n);
        tools
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            start: SystemTime::now(),
            backends: HashMap::default(),
            all: histogram(2),
            n_calls: 0,
            n_errors: 0,
            n_in_flight: 0,
        }
    }
}

impl Metrics {
    fn of(&mut self, backend: &Arc<str>) -> &mut BackendMetrics {
        self.backends.entry(backend.clone()).or_insert_with(BackendMetrics::new)
    }

    /// A client's request has begun.
    pub fn begun(&mut self, backend: Option<&Arc<str>>) {
        self.n_calls += 1;
        self.n_in_flight += 1;
        if let Some(backend) = backend {
            let of = self.of(backend);
            of.n_calls += 1;
            of.n_in_flight += 1;
        }
    }

    /// A client's request has ended at `at`, after `total`; `answered` says whether its server gave an answer worth measuring.
    pub fn ended(
        &mut self,
        at: SystemTime,
        backend: Option<&Arc<str>>,
        tool: Option<&Arc<str>>,
        total: Duration,
        error: bool,
        answered: bool,
    ) {
        let second = at.duration_since(self.start).unwrap_or_default().as_secs();
        let us = u64::try_from(total.as_micros()).unwrap_or(MAX_US).clamp(1, MAX_US);
        self.n_in_flight = self.n_in_flight.saturating_sub(1);
        self.n_errors += u64::from(error);
        let Some(backend) = backend else { return };
        if answered {
            self.all.saturating_record(us);
        }
        let of = self.of(backend);
        of.n_in_flight = of.n_in_flight.saturating_sub(1);
        of.n_errors += u64::from(error);
        of.tick(second);
        let slot = &mut of.seconds[(second % 60) as usize];
        *slot = slot.saturating_add(1);
        if !answered {
            return;
        }
        of.latency.saturating_record(us);
        if let Some(tool) = tool {
            if let Some(h) = of.tools.get_mut(tool) {
                h.saturating_record(us);
            } else if of.tools.len() < MAX_TOOLS {
                let mut h = histogram(1);
                h.saturating_record(us);
                of.tools.insert(tool.clone(), h);
            }
        }
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

    #[test]
    fn percentiles_and_counts_by_server_and_tool() {
        let mut metrics = Metrics::default();
        let (backend, tool): (Arc<str>, Arc<str>) = ("b".into(), "t".into());
        for i in 1..=100 {
            metrics.begun(Some(&backend));
            metrics.ended(SystemTime::now(), Some(&backend), Some(&tool), Duration::from_millis(i), i == 100, true);
        }
        let of = metrics.backend("b").expect("called");
        assert_eq!((of.n_calls, of.n_errors, of.n_in_flight), (100, 1, 0));
        let p50 = of.latency().p50.as_millis();
        assert!((49..=52).contains(&p50), "{p50}");
        assert_eq!(of.tools(5)[0].latency.n, 100);
        assert_eq!(metrics.per_second(&backend).iter().sum::<u16>(), 100);
    }

    #[test]
    fn the_number_of_tools_is_bounded() {
        let mut metrics = Metrics::default();
        let backend: Arc<str> = "b".into();
        for i in 0..2 * MAX_TOOLS {
            let tool: Arc<str> = i.to_string().into();
            metrics.begun(Some(&backend));
            metrics.ended(SystemTime::now(), Some(&backend), Some(&tool), Duration::from_millis(1), false, true);
        }
        assert_eq!(metrics.backend("b").map(|b| b.tools.len()), Some(MAX_TOOLS));
    }
}
