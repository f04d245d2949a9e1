//! Numbers as people read them: short, aligned, with a unit.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A latency in at most six cells: `0.4ms`, `96ms`, `1.2s`, `30.0s`, `2m05s`.
#[must_use]
pub(crate) fn latency(d: Duration) -> String {
    let us = d.as_micros();
    match us {
        0 => "0ms".to_owned(),
        1..=99 => format!("{us}us"),
        100..=9_949 => format!("{}.{}ms", (us + 50) / 1000, (us + 50) % 1000 / 100),
        9_950..=999_499 => format!("{}ms", (us + 500) / 1000),
        999_500..=99_949_999 => format!("{}.{}s", (us + 50_000) / 1_000_000, (us + 50_000) % 1_000_000 / 100_000),
        _ => span(d),
    }
}

/// A span of time in at most six cells, coarse: `42s`, `3m12s`, `2h04m`, `2d04h`.
#[must_use]
pub(crate) fn span(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..=59 => format!("{s}s"),
        60..=3_599 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..=86_399 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// The age of something in at most four cells, so coarse that it changes rarely: `42s`, `3m`, `2h`, `9d`.
#[must_use]
pub(crate) fn age(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..=59 => format!("{s}s"),
        60..=3_599 => format!("{}m", s / 60),
        3_600..=86_399 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// How long until [`age`] reads differently.
#[must_use]
pub(crate) fn age_lasts(d: Duration) -> Duration {
    let s = d.as_secs();
    let unit = match s {
        0..=59 => 1,
        60..=3_599 => 60,
        3_600..=86_399 => 3_600,
        _ => 86_400,
    };
    Duration::from_secs(unit - s % unit)
}

/// Bytes in at most five cells: `312`, `9.1k`, `314k`, `1.8M`.
#[must_use]
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..=999 => n.to_string(),
        1_000..=99_949 => format!("{}.{}k", (n + 50) / 1_000, (n + 50) % 1_000 / 100),
        99_950..=999_499 => format!("{}k", (n + 500) / 1_000),
        999_500..=99_949_999 => format!("{}.{}M", (n + 50_000) / 1_000_000, (n + 50_000) % 1_000_000 / 100_000),
        _ => format!("{}M", (n + 500_000) / 1_000_000),
    }
}

/// The same for a sentence: `312 B`, `9.1 kB`, `1.8 MB`.
#[must_use]
pub(crate) fn size(n: u64) -> String {
    let short = bytes(n);
    match short.strip_suffix(['k', 'M']) {
        Some(number) => format!("{number} {}B", &short[number.len()..]),
        None => format!("{short} B"),
    }
}

/// A count with commas: `98,431`.
#[must_use]
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 tool`, `2 tools`.
#[must_use]
pub(crate) fn plural(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `2 tools`; `the first 2 of 3 tools` where not all of them are meant.
#[must_use]
pub(crate) fn first_of(n: u64, all: u64, one: &str) -> String {
    if n < all { format!("the first {} of {}", count(n), plural(all, one)) } else { plural(n, one) }
}

/// A share in at most five cells, to the nearest: `0%`, `<0.1%`, `6.1%`, `42%`, `>99%`, `100%`. What is not all of it never reads as all,
/// and what is something never as nothing.
#[must_use]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    share(u128::from(part), u128::from(whole), 10)
}

/// The same with a tenth throughout, in at most six cells, for what is mostly near to all: `97.0%`, `99.3%`, `>99.9%`.
#[must_use]
pub(crate) fn percent_fine(part: u128, whole: u128) -> String {
    share(part, whole, 100)
}

/// In tenths of a percent as long as that is below `coarse` percent.
fn share(part: u128, whole: u128, coarse: u128) -> String {
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    if part >= whole {
        return "100%".to_owned();
    }
    let rounded = |of: u128| (part.saturating_mul(of) + whole / 2) / whole;
    let (tenths, percents) = (rounded(1000), rounded(100));
    match (tenths, percents) {
        (0, _) => "<0.1%".to_owned(),
        (1000.., _) if coarse >= 100 => ">99.9%".to_owned(),
        (_, 100..) if coarse < 100 => ">99%".to_owned(),
        (tenths, _) if tenths >= coarse * 10 => format!("{percents}%"),
        (tenths, _) => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// The time of day, `utc_offset` seconds east of Greenwich: `14:02:31` or, with milliseconds, `14:02:31.118`.
#[must_use]
pub(crate) fn time_of_day(at: SystemTime, utc_offset: i32, millis: bool) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let s = i64::try_from(since.as_secs()).unwrap_or_default().saturating_add(i64::from(utc_offset)).rem_euclid(86_400);
    let (h, m, s) = (s / 3_600, s % 3_600 / 60, s % 60);
    if millis { format!("{h:02}:{m:02}:{s:02}.{:03}", since.subsec_millis()) } else { format!("{h:02}:{m:02}:{s:02}") }
}

/// How long ago something was, zero for the future.
#[must_use]
pub(crate) fn since(now: SystemTime, at: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_stay_in_six_cells() {
        let cases = [
            (0, "0ms"),
            (42, "42us"),
            (412, "0.4ms"),
            (9_949, "9.9ms"),
            (96_200, "96ms"),
            (999_499, "999ms"),
            (999_500, "1.0s"),
            (30_000_000, "30.0s"),
            (125_000_000, "2m05s"),
        ];
        for (us, text) in cases {
            assert_eq!(latency(Duration::from_micros(us)), text);
        }
    }

    #[test]
    fn bytes_stay_in_five_cells() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1_000, "1.0k"), (31_420, "31.4k"), (314_000, "314k"), (1_800_000, "1.8M")]
        {
            assert_eq!(bytes(n), text);
        }
        assert_eq!(count(98_431), "98,431");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn a_share_is_neither_all_nor_nothing_unless_it_is() {
        for (part, whole, text) in [
            (0, 0, "0%"),
            (0, 7, "0%"),
            (1, 1_000_000, "<0.1%"),
            (3, 1000, "0.3%"),
            (996, 100_000, "1.0%"),
            (61, 1000, "6.1%"),
            (9_949, 100_000, "9.9%"),
            (9_996, 100_000, "10%"),
            (2, 3, "67%"),
            (994, 1000, "99%"),
            (9_996, 10_000, ">99%"),
            (7, 7, "100%"),
            (u64::MAX - 1, u64::MAX, ">99%"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
            assert!(text.len() <= 5);
        }
        for (part, whole, text) in [
            (0, 9, "0%"),
            (97, 100, "97.0%"),
            (993, 1000, "99.3%"),
            (99_951, 100_000, ">99.9%"),
            (1, 100_000, "<0.1%"),
            (9, 9, "100%"),
        ] {
            assert_eq!(percent_fine(part, whole), text, "{part} of {whole}");
            assert!(text.len() <= 6);
        }
    }

    #[test]
    fn an_age_lasts_until_it_reads_differently() {
        for s in [0, 1, 59, 60, 61, 3_599, 3_600, 86_399, 86_400, 100_000] {
            let d = Duration::from_secs(s);
            assert_ne!(age(d), age(d + age_lasts(d)));
            assert_eq!(age(d), age(d + age_lasts(d) - Duration::from_secs(1)));
        }
    }

    #[test]
    fn time_of_day_knows_the_offset() {
        let at = UNIX_EPOCH + Duration::from_millis(50_551_118);
        assert_eq!(time_of_day(at, 0, true), "14:02:31.118");
        assert_eq!(time_of_day(at, -15 * 3_600, false), "23:02:31");
    }
}
