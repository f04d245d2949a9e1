//! Clients by HTTP.

mod bad_requests;
mod door;
mod floods;
mod listening;
mod modern;
mod parking;
mod sessions;
mod streams;
mod tls;
