//! `mcp-proxy tui`: the engine on its own thread and runtime, the terminal in front of it on the main thread.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mcp_proxy_core::config::{Environment, project, state_dir, user_dir};
use mcp_proxy_core::control::{NoticeLevel, ProxyHandle};
use mcp_proxy_tui::{ClientLimit, Options, Theme};
use tokio::sync::oneshot;

use super::engine::{Engine, Face};
use super::listen::Place;
use super::load::Chosen;
use super::{load, runtime};
use crate::clients::table::{CLIENTS, Client};
use crate::demo;
use crate::log;
use crate::report::{self, Failure};
use crate::signals::Signals;

/// Stopping servers takes no longer than this unless one of them is stubborn.
const SILENCE: Duration = Duration::from_millis(300);

pub(super) fn run(config: Option<&Path>) -> Result<(), Failure> {
    let chosen = load::here(Environment::of_process(), |environment| load::or_demo(config, environment))?;
    let is_file = |name: &str| format!("{name} is a file or a pipe");
    let why = match (io::stdin().is_terminal(), report::stdout_is_terminal()) {
        (true, true) => None,
        (_, false) => Some(is_file("stdout")),
        (false, _) => Some(is_file("stdin")),
    };
    if let Some(why) = why {
        return Err(Failure::usage("`tui` needs a terminal")
            .because(why)
            .hint("`mcp-proxy serve --stdio` runs without a screen"));
    }
    // Before the screen is there: it is told on the terminal as it is.
    let chosen = load::with_token(chosen)?;
    log::start_on_screen(chosen.config.log_level);
    let is_demo = chosen.is_demo;
    // Both channels carry one thing each: the door, or why there is none; and the end.
    let (started, door) = mpsc::sync_channel(1);
    let (end, ended) = oneshot::channel();
    let (gone, stopped) = oneshot::channel();
    let engine = thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            engine(chosen, &started, ended);
            // Nobody listens when the terminal could not be shown.
            let _ = gone.send(());
        })
        .map_err(|e| Failure::failed("cannot start the engine's thread").because(e))?;
    let result = match door.recv() {
        Ok(Ok((handle, refused))) => screen(handle, is_demo, refused),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::failed("the engine ended before it was ready")),
    };
    // The engine may have ended by itself: then nobody listens.
    let _ = end.send(());
    stopping(stopped)?;
    match engine.join() {
        Ok(()) => result,
        Err(_) => Err(Failure::failed("the engine broke down").hint("please report it with what was shown above")),
    }
}

/// Waits until the servers are stopped; says so when it takes a moment. A signal does not wait: the guardian ends them.
fn stopping(mut stopped: oneshot::Receiver<()>) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let mut signals = Signals::open()?;
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => return Ok(()),
                signal = signals.impatient() => {
                    return Err(Failure::failed(format!("ended by {signal} before the servers were stopped")));
                }
                () = tokio::time::sleep(SILENCE), if !told => {
                    told = true;
                    report::note("stopping the servers; Ctrl-C does not wait for them");
                }
            }
        }
    })
}

/// The way to the engine, and why no client comes to it by HTTP though the configuration wants that.
type Door = (ProxyHandle, Option<String>);

/// The engine's thread, from start to end.
fn engine(chosen: Chosen, started: &mpsc::SyncSender<Result<Door, Failure>>, ended: oneshot::Receiver<()>) {
    let Chosen { config, is_demo: with_demo, origin, warnings } = chosen;
    let work = async {
        // Without a port there is still everything to look at.
        let (bound, refused) = match config.transports.http {
            true => match Place::of(&config).bind().await {
                Ok(bound) => (Some(bound), None),
                Err(failure) => (None, Some(failure.in_one_line())),
            },
            false => (None, None),
        };
        let engine = Engine::start(config, Face::Screen { has_client: with_demo }, bound, origin)?;
        let handle = engine.handle().clone();
        if let Some(refused) = &refused {
            handle.notice(NoticeLevel::Error, refused.clone());
        }
        // All else is on the screen for whoever looks at the configuration; this is easily missed.
        for warning in warnings.into_iter().filter(|w| w.contains(project::FILE_NAME)) {
            handle.notice(NoticeLevel::Warning, warning);
        }
        // The main thread waits for it.
        let _ = started.send(Ok((handle.clone(), refused)));
        tokio::select! {
            biased;
            _ = ended => {}
            () = demo_client(&handle, with_demo) => {}
        }
        engine.stop().await
    };
    if let Err(failure) = runtime().and_then(|r| r.block_on(work)) {
        // Sent once only: after the door was sent there are no failures.
        let _ = started.send(Err(failure));
    }
}

/// Makes calls in the demo, and waits for ever after.
async fn demo_client(handle: &ProxyHandle, with_demo: bool) {
    if with_demo && let Err(error) = demo::client(handle.connect("demo"), demo::Pace::human()).await {
        tracing::warn!(%error, "the demo client ended");
    }
    std::future::pending().await
}

/// What the clients we know can take.
fn client_limits() -> Vec<ClientLimit> {
    let limit = |client: &Client| ClientLimit {
        client: client.title.to_owned(),
        tools: client.limits.tools.map(|(most, then)| (most, then.to_owned())),
        name: client.limits.name.map(|(most, before, then)| (most, before.to_owned(), then.to_owned())),
    };
    CLIENTS.iter().map(limit).filter(|l| l.tools.is_some() || l.name.is_some()).collect()
}

/// The terminal, until the user leaves it or a signal ends us.
fn screen(handle: ProxyHandle, is_demo: bool, refused: Option<String>) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let line = "these are demo servers; `mcp-proxy init` writes a configuration for your own";
    let options = Options {
        first_run_line: is_demo.then(|| line.to_owned()),
        demo: is_demo,
        trouble: refused,
        theme: Theme::from_env(),
        client_limits: client_limits(),
        keys_file: user_dir(&environment).map(|d| d.join("keys.toml")),
        state_file: state_dir(&environment).map(|d| d.join("terminal.json")),
        ..Options::default()
    };
    let shown = runtime()?.block_on(mcp_proxy_tui::run(handle, options));
    shown.map(|_| ()).map_err(|e| Failure::failed("the terminal cannot be used").because(e))
}
