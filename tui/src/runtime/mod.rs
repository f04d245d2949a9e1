//! The only code that touches the terminal, the clock, signals, the clipboard and the proxy.

mod background;
mod client;
mod clipboard;
pub(crate) mod config;
mod event_loop;
mod files;
mod flow_files;
mod keys;
mod lean;
pub(crate) mod logging;
pub(crate) mod looking;
mod pace;
mod recorder;
mod signals;
mod terminal;
mod work;

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use mcp_proxy_core::control::ProxyHandle;

use crate::app::theme::Theme;
use crate::screens::catalog::limits::ClientLimit;

/// How the terminal is to be shown.
#[derive(Clone, Debug)]
pub struct Options {
    /// A line that says how to begin, shown until Esc dismisses it.
    pub first_run_line: Option<String>,
    /// The servers are the embedded ones: that line stays.
    pub demo: bool,
    /// What does not work from the start, shown until Esc dismisses it.
    pub trouble: Option<String>,
    /// Colours and symbols; by default what the environment says.
    pub theme: Theme,
    /// Take the mouse.
    pub mouse: bool,
    /// What clients can take; the catalog says what is too much for one.
    pub client_limits: Vec<ClientLimit>,
    /// A file that gives other keys; it need not be there.
    pub keys_file: Option<PathBuf>,
    /// Where what one left behind is kept from one time to the next: screen, orders, filters, sizes.
    pub state_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first_run_line: None,
            demo: false,
            trouble: None,
            theme: Theme::from_env(),
            mouse: true,
            client_limits: Vec::new(),
            keys_file: None,
            state_file: None,
        }
    }
}

impl Theme {
    /// What the environment says about the terminal: `NO_COLOR`, `ACCESSIBLE`, `COLORFGBG`, and a locale without UTF-8.
    #[must_use]
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        // Without any locale most terminals of today still are UTF-8; `C` and `POSIX` say that they are not.
        let ascii = !locale.is_empty() && !locale.contains("utf-8") && !locale.contains("utf8");
        let accessible = var("ACCESSIBLE").is_some_and(|v| v != "0");
        // Until the terminal says it itself. `0;15`: black on white (rxvt, Konsole, and who follows them). The last number is the background.
        let light = var("COLORFGBG").is_some_and(|v| matches!(v.rsplit(';').next(), Some("7" | "15")));
        Self { color: var("NO_COLOR").is_none(), ascii: ascii || accessible, light, accessible }
    }
}

/// Why the terminal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user quit.
    Quit,
    /// A signal asked for it: INT, TERM or HUP.
    Signal,
}

/// Why the terminal could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard input or output is no terminal.
    #[error("the screen needs a terminal: use `mcp-proxy serve` where there is none")]
    NoTerminal,
    /// The terminal could not be read or written.
    #[error("the terminal does not work")]
    Terminal(#[from] io::Error),
}

/// Shows the terminal until the user quits or a signal ends it. The terminal is as it was before when this returns,
/// also after an error or a panic. Run it on a thread of its own: drawing must not wait for messages, nor they for it.
///
/// # Errors
/// When there is no terminal, or it stops working.
pub async fn run(handle: ProxyHandle, options: Options) -> Result<Outcome, Error> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let mut screen = terminal::Screen::open(options.mouse)?;
    let result = event_loop::run(&handle, options, &mut screen).await;
    screen.close();
    Ok(result?)
}
