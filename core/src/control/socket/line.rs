//! The lines on the socket.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::super::ask::{Ask, Told};
use crate::config::Config;

/// Counts changes of these lines that an older peer would not understand.
pub(super) const PROTOCOL: u32 = 1;

/// The first line: who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which edition of the lines is spoken.
    pub protocol: u32,
    /// Of mcp-proxy.
    pub version: String,
    /// Of the engine's process.
    pub pid: u32,
    /// `proxy.name`
    pub name: String,
    /// The configuration file; `None`: the demo.
    pub config: Option<PathBuf>,
    /// What is in front of the engine: `stdio`, `http`, `screen`.
    pub face: String,
    /// When the engine was started.
    pub started: SystemTime,
}

impl Hello {
    pub(super) fn new(config: &Config, face: &str) -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            name: config.name.clone(),
            config: config.paths.first().cloned(),
            face: face.to_owned(),
            started: SystemTime::now(),
        }
    }
}

/// From a face.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Comes back with the answer.
    pub(super) id: u64,
    pub(super) ask: Ask,
}

/// From the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// First of all.
    Hello(Hello),
    /// An answer.
    Told { id: u64, told: Told },
    /// Something has changed since the last such line.
    Changed,
    /// This was no question, or there are too many who ask: the connection ends.
    Closed(String),
}
