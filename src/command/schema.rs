//! `mcp-proxy schema`: the JSON Schema of the configuration on stdout.

use mcp_proxy_core::config::keys;

use crate::report::{self, Failure};

pub(super) fn run() -> Result<(), Failure> {
    report::out(format!("{:#}\n", keys::schema()).as_bytes())
}
