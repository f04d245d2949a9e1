//! What a server says by `notifications/message`: level, logger and data out of its JSON.

use serde_json::Value;

use crate::json::mask;

/// Level and text of a log message; `None` if it is not written as the specification has it (or was cut).
#[must_use]
pub(crate) fn said(params: &str) -> Option<(log::Level, String)> {
    let masked = mask::masked(params.as_bytes());
    let value: Value = serde_json::from_slice(&masked).ok()?;
    // MCP 2025-11-25, server/utilities/logging: the levels of RFC 5424.
    let level = match value.get("level").and_then(Value::as_str)? {
        "debug" => log::Level::Debug,
        "warning" => log::Level::Warn,
        "error" | "critical" | "alert" | "emergency" => log::Level::Error,
        _ => log::Level::Info,
    };
    let data = match value.get("data")? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let logger = value.get("logger").and_then(Value::as_str).filter(|l| !l.is_empty());
    Some((level, logger.map_or_else(|| data.clone(), |l| format!("{l}: {data}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_logger_and_data() {
        let check = |params, want: Option<(log::Level, &str)>| {
            assert_eq!(said(params), want.map(|(l, t)| (l, t.to_owned())), "{params}");
        };
        check(r#"{"level":"warning","logger":"db","data":"slow"}"#, Some((log::Level::Warn, "db: slow")));
        check(
            r#"{"level":"emergency","data":{"a":1,"token":"x"}}"#,
            Some((log::Level::Error, r#"{"a":1,"token":"***"}"#)),
        );
        check(r#"{"level":"notice","data":"hi"}"#, Some((log::Level::Info, "hi")));
        check(r#"{"level":"notice"}"#, None);
        check(r#"{"level":"notice","data":"cu"#, None);
    }
}
