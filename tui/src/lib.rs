//! The terminal of mcp-proxy: what happens on the proxy, live, and the keys to act on it.
//!
//! Sees a [`ProxyHandle`] and what comes through it, nothing deeper. `app` is pure: a model, messages, a view.
//! `runtime` alone touches the terminal, the clock, signals and the clipboard. It never slows a message: it looks at
//! what it shows, at most 30 times a second, and asks for no more rows than fit the screen.
//!
//! [`ProxyHandle`]: mcp_proxy_core::control::ProxyHandle

mod app;
#[cfg(feature = "bench")]
pub mod bench;
#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod behaviour_inspect;
#[cfg(test)]
mod driver;
mod export;
#[cfg(test)]
mod fuzz;
mod input;
mod json;
#[cfg(test)]
mod pictures;
mod recording;
mod runtime;
#[cfg(test)]
mod sample;
mod screens;
#[cfg(test)]
mod snapshots;
mod widgets;

pub use app::theme::Theme;
pub use runtime::logging::tracing_layer;
pub use runtime::{Error, Options, Outcome, run};
pub use screens::catalog::limits::ClientLimit;
