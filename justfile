# Plain cargo lines: each can be typed by hand as well.

# What CI runs, all of it.
ci:
    .ci/run

# The demo, or your own configuration, in the terminal.
tui:
    cargo run --release -- tui

test:
    cargo test --workspace

fmt:
    cargo fmt --all

lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps

deny:
    cargo deny check bans licenses sources

bench:
    cargo bench --workspace

# Real servers and clients from npm and PyPI, directly and through the proxy.
real:
    cargo build --release
    tests/real/run.sh target/release/mcp-proxy

# The container image's steps in an empty root, where no Docker daemon is. Needs root, and Debian's curl and tini.
image-proof:
    cargo build --release
    deploy/prove.sh

# The official conformance suite, directly and through the proxy.
conformance:
    cargo build --release
    tests/conformance/run.sh target/release/mcp-proxy
