//! The engine of mcp-proxy: many MCP servers behind one endpoint.
//!
//! Rooms, in reading order; a room uses only the rooms above it:
//! [`protocol`], [`observe`], [`config`], [`transport`], [`backend`], [`catalog`], [`route`], [`guard`], [`session`], [`control`],
//! and [`proxy`], which puts them together; beside them [`check`], which looks at a configuration without it. The way of one `tools/call` through them is in ARCHITECTURE.md.

#[cfg(test)]
#[macro_use]
mod snapshot;

pub mod protocol;
pub mod observe;
pub mod config;
pub mod transport;
pub mod backend;
pub mod catalog;
pub mod route;
pub mod guard;
pub mod session;
pub mod control;
pub mod proxy;
pub mod check;
