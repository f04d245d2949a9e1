//! Tells the linker which functions a start runs, so that they lie side by side (`deploy/start.ld`).
//!
//! Most of the program is not run at a start, but the system maps code in large pieces: scattered, what runs takes 4 MB more.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=deploy/start.ld");
    let is = |key: &str, value: &str| env::var(key).is_ok_and(|v| v == value);
    // There rustc brings its own linker, which is known to take the list; one that somebody chose may not.
    let target = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    let chosen = env::var_os("RUSTC_LINKER").is_some()
        || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    if target && !chosen && is("PROFILE", "release") {
        let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned());
        println!("cargo:rustc-link-arg-bin=mcp-proxy=-Wl,-T,{root}/deploy/start.ld");
    }
}
