//! [`HttpCounts`]: requests by HTTP, by method and by how they were answered. Counting is one addition.

use std::sync::atomic::{AtomicU64, Ordering};

/// The methods told apart; the rest is [`OTHER`].
const METHODS: [&str; 5] = ["GET", "POST", "DELETE", "OPTIONS", "HEAD"];
/// The classes of statuses told apart.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// The statuses requests are refused with; the rest is [`OTHER`].
const REFUSED: [u16; 12] = [400, 401, 403, 404, 405, 406, 408, 413, 415, 429, 500, 503];
/// The label of what has none of its own.
const OTHER: &str = "other";

/// Requests by HTTP since the start.
#[derive(Debug, Default)]
pub struct HttpCounts {
    by: [[AtomicU64; CLASSES.len()]; METHODS.len() + 1],
    refused: [AtomicU64; REFUSED.len() + 1],
}

impl HttpCounts {
    /// A request was answered.
    pub fn count(&self, method: &str, status: u16) {
        let at = METHODS.iter().position(|m| *m == method).unwrap_or(METHODS.len());
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.by[at][class].fetch_add(1, Ordering::Relaxed);
        if status >= 400 {
            let at = REFUSED.iter().position(|s| *s == status).unwrap_or(REFUSED.len());
            self.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests by method and class of status; those there never were are left out.
    pub fn answered(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let methods = METHODS.iter().copied().chain([OTHER]);
        methods
            .zip(&self.by)
            .flat_map(|(method, by)| {
                CLASSES.iter().zip(by).map(move |(class, n)| (method, *class, n.load(Ordering::Relaxed)))
            })
            .filter(|(_, _, n)| *n > 0)
    }

    /// Refused requests by status; all statuses, so that an alarm has something to look at before the first one.
    pub fn refused(&self) -> impl Iterator<Item = (String, u64)> {
        let statuses = REFUSED.iter().map(u16::to_string).chain([OTHER.to_owned()]);
        statuses.zip(self.refused.iter().map(|n| n.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_whatever_comes() {
        let counts = HttpCounts::default();
        for (method, status) in [("GET", 200), ("GET", 204), ("POST", 401), ("BREW", 418), ("PATCH", 999), ("GET", 100)]
        {
            counts.count(method, status);
        }
        let answered: Vec<_> = counts.answered().collect();
        assert_eq!(answered, [("GET", "2xx", 3), ("POST", "4xx", 1), (OTHER, "4xx", 1), (OTHER, "5xx", 1)]);
        let refused: Vec<_> = counts.refused().filter(|(_, n)| *n > 0).collect();
        assert_eq!(refused, [("401".to_owned(), 1), (OTHER.to_owned(), 2)]);
        assert_eq!(counts.refused().count(), REFUSED.len() + 1);
    }
}
