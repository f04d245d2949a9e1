//! Spans of time, sizes and patterns as people write them. Pure.

use std::time::Duration;

/// Longer waits are typing errors.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

/// `500ms`, `30s`, `5m`, `1h`, `1d`, `1h30m`, `1.5s`; a bare number is seconds. `None`: it is none.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    if let Some(seconds) = number(text) {
        return checked(seconds);
    }
    let mut rest = text;
    let mut total = 0.0;
    let mut last_factor = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let amount = number(&rest[..digits])?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let factor = match &rest[..letters] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        // `1m1h` and `1s1s` are slips of the hand.
        if factor >= last_factor {
            return None;
        }
        last_factor = factor;
        total += amount * factor;
        rest = &rest[letters..];
    }
    checked(total)
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn checked(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|d| *d <= MAX_DURATION)
}

/// `1s..30s`
pub(crate) fn duration_range(text: &str) -> Option<(Duration, Duration)> {
    let (low, high) = text.split_once("..")?;
    let (low, high) = (duration(low.trim())?, duration(high.trim())?);
    (low <= high).then_some((low, high))
}

/// `16MiB`, `1mb`, `10KiB`; a bare number is bytes. `KB` is 1000, `K` and `KiB` are 1024.
pub(crate) fn size(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let amount = number(&text[..digits])?;
    let factor: u64 = match text[digits..].trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "a factor is at most 2^30")]
    let bytes = amount * factor as f64;
    // The largest size anybody can mean; beyond it a float has no whole bytes.
    if bytes > (1_u64 << 50) as f64 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above, and never negative")]
    let bytes = bytes as u64;
    usize::try_from(bytes).ok()
}

/// A truth value as text: after a variable was put in, YAML no longer reads it.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |n| Some(Duration::from_millis(n));
        for (text, expected) in [
            ("500ms", ms(500)),
            ("30s", ms(30_000)),
            ("5m", ms(300_000)),
            ("1h", ms(3_600_000)),
            ("2d", ms(172_800_000)),
            ("1h30m", ms(5_400_000)),
            ("1.5s", ms(1500)),
            ("30", ms(30_000)),
            ("0.25", ms(250)),
            ("0", ms(0)),
            ("", None),
            ("30 sec", None),
            ("30sec", None),
            ("s", None),
            (".", None),
            ("-5s", None),
            ("1m1h", None),
            ("1s2s", None),
            ("1..2", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            ("99999999999999999999h", None),
            ("400d", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn ranges() {
        let range = |a, b| Some((Duration::from_millis(a), Duration::from_millis(b)));
        for (text, expected) in [
            ("1s..30s", range(1000, 30_000)),
            ("500ms .. 1m", range(500, 60_000)),
            ("2..2", range(2000, 2000)),
            ("30s..1s", None),
            ("1s", None),
            ("..", None),
        ] {
            assert_eq!(duration_range(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("16MiB", Some(16 << 20)),
            ("1mb", Some(1_000_000)),
            ("10KiB", Some(10 << 10)),
            ("10 KB", Some(10_000)),
            ("64k", Some(64 << 10)),
            ("1.5MiB", Some(3 << 19)),
            ("1GiB", Some(1 << 30)),
            ("4096", Some(4096)),
            ("12b", Some(12)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1 TB", None),
            ("999999999999GiB", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn truths() {
        for (text, expected) in
            [("true", Some(true)), ("Off", Some(false)), ("1", Some(true)), ("maybe", None), ("", None)]
        {
            assert_eq!(truth(text), expected, "{text}");
        }
    }
}
