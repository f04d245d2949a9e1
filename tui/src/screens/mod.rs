//! One folder a screen: what it knows, how keys change it, how it looks.

pub(crate) mod backends;
pub(crate) mod catalog;
pub(crate) mod clients;
pub(crate) mod config;
pub(crate) mod inspect;
pub(crate) mod logs;
pub(crate) mod metrics;
