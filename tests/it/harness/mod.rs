//! Builds a proxy as the real binary with a folder, an environment and a configuration of its own, and talks to it.

mod home;
mod peer;
mod process;
mod screen;
mod web;

pub(crate) use home::{Home, fake_server};
pub(crate) use peer::{Line, Peer};
#[cfg(target_os = "linux")]
pub(crate) use process::scheduling;
pub(crate) use process::{Running, descendants, eventually, is_alive, many_fds, n_fds};
pub(crate) use screen::Screen;
pub(crate) use web::{Client, Http, Reply, USUAL, Web, modern};

/// A text that is kept in `snapshots/it`.
#[track_caller]
pub(crate) fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/it"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
