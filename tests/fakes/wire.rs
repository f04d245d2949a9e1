//! How the fake server's lines leave, and how those it got are kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::flags::Flags;

pub(crate) struct Wire {
    record: Option<File>,
    twice: bool,
    id_last: bool,
    id_as_string: bool,
    error_null: bool,
}

impl Wire {
    pub(crate) fn new(flags: &Flags) -> Self {
        let record = flags.record.as_ref().map(|path| {
            OpenOptions::new().create(true).append(true).open(path).expect("the test names a place that can be written")
        });
        Self {
            record,
            twice: flags.answer_twice,
            id_last: flags.id_last,
            id_as_string: flags.id_as_string,
            error_null: flags.error_null,
        }
    }

    /// Keeps a line as it came. Written before it is answered: who has the answer finds it in the file.
    pub(crate) fn record(&mut self, line: &[u8]) {
        if let Some(file) = &mut self.record {
            file.write_all(line).expect("the record can be written");
        }
    }

    /// A result; `id` and `result` are raw JSON.
    pub(crate) fn result(&self, id: &str, result: &str) {
        let id = self.shape(id);
        let null = if self.error_null { r#","error":null"# } else { "" };
        let line = if self.id_last {
            format!(r#"{{"result":{result}{null},"jsonrpc":"2.0","id":{id}}}"#)
        } else {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}{null}}}"#)
        };
        self.raw(&line);
        if self.twice {
            self.raw(&line);
        }
    }

    /// An error; `id` is raw JSON.
    pub(crate) fn error(&self, id: &str, error: &Value) {
        self.raw(&format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.shape(id)));
    }

    /// A notification; with the raw id of the subscription it belongs to, if any.
    pub(crate) fn notify(&self, method: &str, mut params: Value, subscription: Option<&str>) {
        if let Some(id) = subscription.and_then(|id| serde_json::from_str::<Value>(id).ok()) {
            params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": id});
        }
        self.raw(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// A line as it is.
    pub(crate) fn raw(&self, line: &str) {
        let mut out = io::stdout().lock();
        // Nobody reads any more: stdin ends next.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    }

    pub(crate) fn flush(&self) {
        let _ = io::stdout().lock().flush();
    }

    fn shape(&self, id: &str) -> String {
        if self.id_as_string && !id.starts_with('"') { format!("\"{id}\"") } else { id.to_owned() }
    }
}

/// What results of MCP 2026-07-28 have besides.
pub(crate) fn complete(result: &mut Value, cacheable: bool) {
    result["resultType"] = json!("complete");
    if cacheable {
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
    }
}
