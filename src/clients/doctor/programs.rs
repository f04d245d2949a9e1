//! Whether the programs of servers are found where a client would start us.

use std::ffi::OsString;

use mcp_proxy_core::config::{Config, Environment, Target};
use mcp_proxy_core::transport::{NotFound, SearchPath, login_shell_path_with};

use super::{DESKTOP_ENV, DESKTOP_PATH, Finding, Weight};

/// Whether the programs of our servers can be found, as a client would start us that has hardly a PATH: the login shell is
/// asked with its environment, not with ours.
pub async fn programs(config: &Config, environment: &Environment) -> Vec<(String, Finding)> {
    let mut findings = Vec::new();
    // Asked at most once.
    let mut shells: Option<SearchPath> = None;
    for server in config.servers.iter().filter(|s| s.enabled) {
        let Target::Stdio { command, cwd, env, .. } = &server.target else { continue };
        let name = server.name.to_string();
        let own = env.get("PATH").map(|p| SearchPath::new(p.reveal().as_ref()));
        let from_menu = own.clone().unwrap_or_else(|| SearchPath::new(DESKTOP_PATH.as_ref()));
        let mut found = from_menu.resolve(command, cwd.as_deref());
        if config.env.path_from_login_shell && matches!(found, Err(NotFound::OnPath { .. })) {
            if shells.is_none() {
                shells = Some(login_shell_path_with(of_desktop(environment)).await);
            }
            let mut wider = from_menu;
            wider.add(shells.iter().flat_map(SearchPath::dirs).cloned());
            found = wider.resolve(command, cwd.as_deref());
        }
        let finding = match found {
            Ok(program) => Finding::new(Weight::Fine, format!("`{command}` is {}", program.display())),
            Err(error) => {
                let here = own.unwrap_or_else(SearchPath::current);
                match here.resolve(command, cwd.as_deref()) {
                    Ok(program) => Finding::new(
                        Weight::Warning,
                        format!(
                            "`{command}` is {} for your shell, and not found by clients started from a menu",
                            program.display()
                        ),
                    )
                    .fix(format!(
                        "write `command: {}`, or have your login shell put its folder on PATH{}",
                        program.display(),
                        if config.env.path_from_login_shell {
                            ""
                        } else {
                            " and set `proxy.env.path_from_login_shell: true`"
                        }
                    )),
                    Err(_) => Finding::new(Weight::Problem, error.to_string())
                        .fix("install it, or give the full path in `command`"),
                }
            }
        };
        findings.push((name, finding));
    }
    findings
}

/// The environment of a client that was started from a menu.
fn of_desktop(environment: &Environment) -> Vec<(OsString, OsString)> {
    let kept = DESKTOP_ENV.iter().filter_map(|name| Some((OsString::from(name), environment.get(name)?.into())));
    kept.chain([("PATH".into(), DESKTOP_PATH.into())]).collect()
}
