//! Builds a proxy as the real binary with a folder, an environment and a configuration of its own, and talks to it.

mod home;
mod peer;
mod process;
mod screen;
mod web;

pub(crate) use home::{Home, fake_server};
pub(crate) use peer::{Line, Peer};
pub(crate) use process::{Running, descendants, eventually, is_alive, many_fds, n_fds};
pub(crate) use screen::Screen;
pub(crate) use web::{Client, Http, Reply, USUAL, Web, modern};
