//! Which configuration is used: a file that is named or found, else, where that is allowed, the built-in demo.

use std::path::Path;
use std::sync::Arc;

use mcp_proxy_core::config::{
    self, Access, Config, ConfigWatch, Credentials, CredentialsError, Environment, Level, Loaded, Located, TokenHash,
    project, render,
};

use crate::demo;
use crate::report::{self, Failure};

/// A configuration and where it came from.
pub(super) struct Chosen {
    /// The configuration.
    pub(super) config: Config,
    /// Whether it is the built-in demo.
    pub(super) is_demo: bool,
    /// What its file says that should be looked at.
    pub(super) warnings: Vec<String>,
    /// What is to be watched for changes; nothing for the demo.
    pub(super) origin: Option<Origin>,
}

/// Where a configuration was read from.
pub(super) struct Origin {
    located: Located,
    environment: Environment,
    loaded: Loaded,
}

impl Origin {
    /// Watches it from now on; `config` is what was read.
    pub(super) fn watch(self, config: Arc<Config>) -> ConfigWatch {
        ConfigWatch::start(self.located, self.environment, self.loaded, config)
    }
}

/// The configuration there must be; `environment` may hold what was typed.
pub(super) fn required(path: Option<&Path>, environment: Environment) -> Result<Chosen, Failure> {
    match config::locate(path, &environment) {
        Located::Nothing { looked } => {
            let nothing = Failure::usage("no configuration found")
                .because(format!("looked at --config, MCP_CONFIG_PATH, {}", shown(&looked, &environment)))
                .hint("`mcp-proxy init` writes a commented one; `mcp-proxy tui` shows a demo without any");
            of_project(looked, &environment).unwrap_or(Err(nothing))
        }
        located => usable(located, environment),
    }
}

/// What the project of this folder says, where there is no other configuration. `None`: nothing.
fn of_project(looked: Vec<std::path::PathBuf>, environment: &Environment) -> Option<Result<Chosen, Failure>> {
    let located = Located::Nothing { looked };
    let loaded = config::load(&located, environment);
    let is_found = !loaded.is_unreadable;
    if !is_found {
        loaded.diagnostics.iter().filter(|d| d.code == "MP011").for_each(|d| report::note(&d.message));
    }
    is_found.then(|| usable(located, environment.clone()))
}

/// A configuration for whoever starts us in this folder: what a trusted project file adds is in it, unless others come too.
pub(super) fn here(
    environment: Environment,
    choose: impl Fn(Environment) -> Result<Chosen, Failure>,
) -> Result<Chosen, Failure> {
    let chosen = choose(environment.clone().with_project(true))?;
    if !chosen.config.transports.http {
        return Ok(chosen);
    }
    if project::find(&environment).is_none() {
        // Nothing else would come of reading it again, but for whom it asks.
        let mut chosen = chosen;
        chosen.origin.iter_mut().for_each(|origin| origin.environment = environment.clone());
        return Ok(chosen);
    }
    let mut chosen = choose(environment)?;
    let name = project::FILE_NAME;
    chosen.warnings.push(format!("`{name}` of this folder is not used: clients from elsewhere come by HTTP too"));
    Ok(chosen)
}

/// Makes a token where one is needed to come in by HTTP and there is none, and shows it on stderr, once.
pub(super) fn with_token(chosen: Chosen) -> Result<Chosen, Failure> {
    const NAME: &str = "first";
    let lacks = chosen.config.transports.http && chosen.config.lacks_token();
    let Some(Origin { located, environment, .. }) = chosen.origin.as_ref().filter(|_| lacks) else {
        return Ok(chosen);
    };
    let (located, mut environment) = (located.clone(), environment.clone());
    let kept = Credentials::of(&located, &environment).and_then(|c| Ok((c.add(NAME, &Access::default())?, c)));
    let (token, rest) = match kept {
        Ok((token, credentials)) => {
            let path = render::short_path(credentials.path(), environment.home());
            (token, format!("its hash is kept in {path} as `{NAME}`; `mcp-proxy token add NAME` makes more"))
        }
        // Another process of ours was faster, and has shown it.
        Err(CredentialsError::Exists { .. }) => return usable(located, environment),
        Err(error) => {
            let no_random = || Failure::failed("cannot make a token").because(CredentialsError::NoRandom);
            let token = config::new_token().ok_or_else(no_random)?;
            let hash = TokenHash::of(token.reveal()).to_text();
            environment = environment.with(&format!("MCP_PROXY__CLIENTS__TOKENS__{}", NAME.to_uppercase()), &hash);
            (token, format!("it is good until this process ends, since its hash cannot be kept: {error}"))
        }
    };
    report::note(&format!(
        "a token is needed to come in over HTTP and there was none; this one is shown once:\n\n    {}\n\n{rest}",
        token.reveal()
    ));
    usable(located, environment)
}

/// The configuration, or the demo when there is none.
pub(super) fn or_demo(path: Option<&Path>, environment: Environment) -> Result<Chosen, Failure> {
    match config::locate(path, &environment) {
        Located::Nothing { looked } => {
            if let Some(chosen) = of_project(looked, &environment) {
                return chosen;
            }
            let exe =
                std::env::current_exe().map_err(|e| Failure::failed("cannot find our own executable").because(e))?;
            Ok(Chosen { config: demo::config(&exe), is_demo: true, warnings: Vec::new(), origin: None })
        }
        located => usable(located, environment),
    }
}

/// The same for a command that prints on a plain terminal: says so when it is the demo.
pub(super) fn or_announced_demo(path: Option<&Path>) -> Result<Config, Failure> {
    let chosen = or_demo(path, Environment::of_process().with_project(true))?;
    if chosen.is_demo {
        report::note(
            "note: no configuration found, this is the built-in demo (`mcp-proxy init` writes a configuration)",
        );
    }
    // A project that is there and not used is easily taken for one that is.
    chosen.warnings.iter().filter(|w| w.contains(project::FILE_NAME)).for_each(|w| report::note(&format!("note: {w}")));
    Ok(chosen.config)
}

/// All there is to say about it, for people.
pub(super) fn human(loaded: &Loaded, is_coloured: bool) -> String {
    let environment = Environment::of_process();
    render::human(loaded, render::Style { is_coloured, home: environment.home() })
}

fn usable(located: Located, environment: Environment) -> Result<Chosen, Failure> {
    let loaded = config::load(&located, &environment);
    let warnings = loaded.diagnostics.iter().filter(|d| d.level == Level::Warning).map(|d| d.message.clone()).collect();
    if loaded.config.is_none() {
        let shown = human(&loaded, report::colour(report::stderr_is_terminal()));
        report::note(shown.trim_end());
    }
    let file = loaded
        .path
        .as_deref()
        .map_or_else(String::new, |p| format!(" `{}`", render::short_path(p, environment.home())));
    let config = loaded.config.clone().ok_or_else(|| {
        Failure::usage(format!("the configuration{file} cannot be used"))
            .hint("`mcp-proxy check` shows the same without starting anything")
    })?;
    Ok(Chosen { config, is_demo: false, warnings, origin: Some(Origin { located, environment, loaded }) })
}

fn shown(paths: &[std::path::PathBuf], environment: &Environment) -> String {
    paths.iter().map(|p| render::short_path(p, environment.home())).collect::<Vec<_>>().join(", ")
}
