//! The dated editions of MCP.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An edition of the MCP specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Revision {
    /// 2024-11-05
    V2024_11_05,
    /// 2025-03-26, the only one with JSON-RPC batches
    V2025_03_26,
    /// 2025-06-18
    V2025_06_18,
    /// 2025-11-25, the last of the legacy era
    V2025_11_25,
    /// 2026-07-28, stateless
    V2026_07_28,
}

/// The two families of editions: how a connection opens and who may ask whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// `initialize`, sessions, requests in both directions.
    Legacy,
    /// Stateless requests, `server/discover`, `input_required`, `subscriptions/listen`.
    Modern,
}

impl Revision {
    /// All editions, newest first.
    pub const ALL: [Self; 5] =
        [Self::V2026_07_28, Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26, Self::V2024_11_05];
    /// The newest edition of the legacy era: what `initialize` offers upstream.
    pub const NEWEST_LEGACY: Self = Self::V2025_11_25;

    /// The edition with this date.
    #[must_use]
    pub fn from_date(date: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.date() == date)
    }

    /// Its date, as on the wire.
    #[must_use]
    pub const fn date(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Its era.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }

    /// What an `initialize` that asks for `date` is answered with: the same edition if it is a known legacy one, the
    /// oldest for something older, else the newest legacy edition (MCP 2025-11-25, lifecycle, version negotiation).
    #[must_use]
    pub fn negotiate(date: &str) -> Self {
        match Self::from_date(date) {
            Some(r) if r.era() == Era::Legacy => r,
            _ if date < Self::V2024_11_05.date() => Self::V2024_11_05,
            _ => Self::NEWEST_LEGACY,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.date())
    }
}

/// As its date.
impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.date().to_owned()
    }
}

impl TryFrom<String> for Revision {
    type Error = String;

    fn try_from(date: String) -> Result<Self, String> {
        Self::from_date(&date).ok_or_else(|| format!("no edition `{date}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lead_to_editions_and_back() {
        for revision in Revision::ALL {
            assert_eq!(Revision::from_date(&revision.to_string()), Some(revision));
        }
        assert_eq!(Revision::from_date("2025-11-26"), None);
        assert!(Revision::ALL.is_sorted_by(|a, b| a > b), "newest first");
    }

    #[test]
    fn an_edition_is_negotiated_for_any_date() {
        for (date, answer) in [
            ("2024-11-05", Revision::V2024_11_05),
            ("2025-03-26", Revision::V2025_03_26),
            ("2025-06-18", Revision::V2025_06_18),
            ("2025-11-25", Revision::V2025_11_25),
            ("2024-10-07", Revision::V2024_11_05),
            ("1.0.0", Revision::V2024_11_05),
            ("2025-01-01", Revision::V2025_11_25),
            // The modern era has no `initialize`.
            ("2026-07-28", Revision::V2025_11_25),
            ("2099-01-01", Revision::V2025_11_25),
            ("draft", Revision::V2025_11_25),
        ] {
            assert_eq!(Revision::negotiate(date), answer, "{date}");
        }
    }
}
