//! The text format of Prometheus, version 0.0.4: families of samples, each with its type once. Pure.

use std::fmt::{Display, Write as _};

use super::buckets::Buckets;

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Text being written.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

impl Exposition {
    /// Begins a family; the samples after it are its own.
    pub fn family(&mut self, name: &'static str, kind: FamilyKind, help: &str) {
        let kind = match kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.family = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One sample of the present family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.put("", labels, None, value);
    }

    /// The samples of a histogram.
    pub fn histogram(&mut self, labels: &[(&str, &str)], buckets: &Buckets) {
        for (bound, n) in buckets.cumulative() {
            self.put("_bucket", labels, Some(&bound.as_secs_f64().to_string()), n);
        }
        self.put("_bucket", labels, Some("+Inf"), buckets.n());
        self.put("_sum", labels, None, buckets.sum().as_secs_f64());
        self.put("_count", labels, None, buckets.n());
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    fn put(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl Display) {
        let family = self.family;
        self.line(format_args!("{family}{suffix}"));
        let all = labels.iter().copied().chain(bound.map(|b| ("le", b)));
        for (i, (name, text)) in all.enumerate() {
            self.line(format_args!("{}{name}=\"", if i == 0 { '{' } else { ',' }));
            for c in text.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() || bound.is_some() {
            self.text.push('}');
        }
        self.line(format_args!(" {value}\n"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_histograms_complete() {
        let mut all = Exposition::default();
        all.family("a_total", FamilyKind::Counter, "What\nit \\ is.");
        all.sample(&[("x", "a\\b\"c\nd")], 7);
        all.family("b", FamilyKind::Gauge, "B.");
        all.sample(&[], 0.5);
        all.family("c_seconds", FamilyKind::Histogram, "C.");
        let mut buckets = Buckets::default();
        buckets.record(2_000_000);
        all.histogram(&[("x", "y")], &buckets);
        let text = all.finish();
        assert!(
            text.starts_with(
                "# HELP a_total What\\nit \\\\ is.\n# TYPE a_total counter\na_total{x=\"a\\\\b\\\"c\\nd\"} 7\n"
            ),
            "{text}"
        );
        assert!(text.contains("\nb 0.5\n"));
        assert!(text.contains("c_seconds_bucket{x=\"y\",le=\"0.00005\"} 0\n"), "{text}");
        assert!(text.contains("c_seconds_bucket{x=\"y\",le=\"2.5\"} 1\n"));
        assert!(text.ends_with(
            "c_seconds_bucket{x=\"y\",le=\"+Inf\"} 1\nc_seconds_sum{x=\"y\"} 2\nc_seconds_count{x=\"y\"} 1\n"
        ));
    }
}
