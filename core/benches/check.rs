//! What `check` costs on a file of 500 servers, without login shell and keyring: the promise is 50 ms. `cargo bench -p
//! mcp-proxy-core --bench check`

#![expect(clippy::unwrap_used, reason = "a bench is no product code: what does not work must stop it")]

use divan::{Bencher, black_box};
use mcp_proxy_core::backend::Memory;
use mcp_proxy_core::check::check;
use mcp_proxy_core::config::{Environment, Level, Located, load, render};

fn main() {
    divan::main();
}

const SERVERS: usize = 500;

/// A file as people have it, many times over: programs and addresses, variables, tools, comments.
fn text() -> String {
    let mut text =
        "version: 1\nproxy: { env: { path_from_login_shell: false } }\ndefaults: { timeout: 90s }\nservers:\n"
            .to_owned();
    for n in 0..SERVERS {
        if n % 3 == 0 {
            text += &format!(
                "  # number {n}\n  remote-{n}:\n    url: https://s{n}.example.com/mcp\n    auth: {{ type: bearer, token: \"${{TOKEN}}\" }}\n    \
                 headers: {{ X-Team: tools }}\n    timeout: 30s\n"
            );
        } else {
            text += &format!(
                "  local-{n}:\n    command: npx\n    args: [-y, \"@scope/server-{n}@1.2.3\", --root, /srv/{n}]\n    \
                 env: {{ LEVEL: info, NAME: \"${{NAME:-n{n}}}\" }}\n    tools:\n      deny: [write_file, \"delete_*\"]\n      rename: {{ read_text_file: read }}\n"
            );
        }
    }
    text
}

fn world() -> (tempfile::TempDir, Located, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("npx");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, text()).unwrap();
    // As many folders as a developer's PATH has.
    let folders: Vec<String> =
        (0..14).map(|n| format!("/nowhere/{n}")).chain([dir.path().display().to_string()]).collect();
    let environment = Environment::empty().with("PATH", &folders.join(":")).with("TOKEN", "t");
    (dir, Located::File { path }, environment)
}

/// What only reading the YAML costs, places and meaning left out: what the others are compared with.
#[divan::bench]
fn yaml_alone(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.bench_local(|| serde_saphyr::from_str::<serde_json::Value>(black_box(&text)).unwrap());
}

/// Reading and judging the file: what every start and reload does.
#[divan::bench]
fn load_500_servers(bencher: Bencher<'_, '_>) {
    let (_dir, located, environment) = world();
    bencher.bench_local(|| {
        let loaded = load(black_box(&located), &environment);
        assert_eq!(loaded.n_of(Level::Error), 0);
        loaded
    });
}

/// All that `mcp-proxy check` does, the text included.
#[divan::bench]
fn check_500_servers(bencher: Bencher<'_, '_>) {
    let (dir, located, environment) = world();
    let memory = Memory::new(Some(dir.path().join("cache")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    bencher.bench_local(|| {
        let loaded = runtime.block_on(check(black_box(&located), &environment, &memory));
        assert_eq!(loaded.n_of(Level::Error), 0);
        render::human(&loaded, render::Style::default())
    });
}
