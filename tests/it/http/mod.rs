//! Clients by HTTP.

mod bad_requests;
mod listening;
mod modern;
mod sessions;
mod streams;
