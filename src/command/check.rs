//! `mcp-proxy check`: the configuration, and all it leads to. Exit 0 well, 1 problems, 2 unreadable or wrong use.

use std::path::Path;

use mcp_proxy_core::check;
use mcp_proxy_core::config::codes::{self, Code};
use mcp_proxy_core::config::edit::replace::{Seen, make_private};
use mcp_proxy_core::config::{Environment, Loaded, fix, locate, render};
use mcp_proxy_core::proxy::Memory;

use super::{doctor, online, runtime};
use crate::cli::{Check, CheckFormat};
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Check) -> Result<(), Failure> {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let environment = Environment::of_process().with_project(true);
    let located = locate(config, &environment);
    let runtime = runtime()?;
    let look = || runtime.block_on(check::check(&located, &environment, &Memory::user()));
    let mut loaded = look();
    if args.fix && mend(&loaded, &environment)? {
        loaded = look();
    }
    let mut servers = Vec::new();
    if args.online && loaded.config.is_some() {
        servers = runtime.block_on(online::probe(&mut loaded))?;
        loaded.sort();
    }
    if args.clients {
        let of_clients = doctor::of_clients(config, &loaded);
        loaded.diagnostics.extend(of_clients);
    }
    let home = environment.home();
    let root = std::env::current_dir().unwrap_or_default();
    match args.format {
        CheckFormat::Human => {
            let is_coloured = report::colour(report::stdout_is_terminal());
            let mut text = render::human(&loaded, render::Style { is_coloured, home });
            if !servers.is_empty() {
                text = format!("{}\n{text}", online::table(&servers));
            }
            if !args.fix && loaded.diagnostics.iter().any(|d| d.fix.is_some()) {
                text.push_str("some of it can be mended: `mcp-proxy check --fix`\n");
            }
            report::out(text.as_bytes())?;
        }
        CheckFormat::Json => report::out(format!("{}\n", json(&loaded, &servers)).as_bytes())?,
        CheckFormat::Github => {
            report::out(render::github(&loaded, render::Style { is_coloured: false, home }, &root).as_bytes())?;
        }
        CheckFormat::Sarif => report::out(format!("{}\n", render::sarif(&loaded, &root)).as_bytes())?,
    }
    match loaded.exit_code(args.strict) {
        0 => Ok(()),
        1 => Err(Failure::failed("").said()),
        _ => Err(Failure::usage("").said()),
    }
}

fn json(loaded: &Loaded, servers: &[online::Probed]) -> String {
    if servers.is_empty() {
        return render::json(loaded);
    }
    let mut all: serde_json::Value = serde_json::from_str(&render::json(loaded)).unwrap_or_default();
    all["online"] = servers.iter().map(online::Probed::json).collect();
    format!("{all:#}")
}

fn explain(code: &str) -> Result<(), Failure> {
    let Some(Code { code, title, text }) = codes::explain(code) else {
        let known: Vec<&str> = codes::CODES.iter().map(|c| c.code).collect();
        return Err(Failure::usage(format!("there is no code `{code}`")).hint(format!("known: {}", known.join(" "))));
    };
    report::out(format!("{code}: {title}\n\n{}\n", wrapped(text)).as_bytes())
}

/// Lines a terminal shows whole.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 96;
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > WIDTH {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

/// Mends what can be mended. Says whether anything is different now.
fn mend(loaded: &Loaded, environment: &Environment) -> Result<bool, Failure> {
    let mended = fix::mend(loaded, environment);
    let mut is_changed = false;
    if let (Some(text), Some(path)) = (&mended.text, &loaded.path) {
        write(path, loaded, text, environment, true)?;
        is_changed = true;
    }
    for file in &mended.to_close {
        make_private(file)
            .map_err(|e| Failure::failed(format!("cannot change the mode of `{}`", file.display())).because(e))?;
        is_changed = true;
    }
    for (code, message) in &mended.done {
        report::note(&format!("mended {code}: {message}"));
    }
    for (code, message) in &mended.left {
        report::note(&format!("left as it is, because more would have changed: {code}: {message}"));
    }
    if mended.done.is_empty() && mended.left.is_empty() {
        report::note("nothing to mend");
    }
    Ok(is_changed)
}

/// Puts `text` in the place of the configuration that was read; the old one stays beside it, unless it holds what is to be gone.
pub(super) fn write(
    path: &Path,
    loaded: &Loaded,
    text: &str,
    environment: &Environment,
    keeps_old: bool,
) -> Result<(), Failure> {
    let shown = render::short_path(path, environment.home());
    let failed = || Failure::failed(format!("cannot change `{shown}`; it is as it was"));
    let seen = Seen::read(path).map_err(|e| failed().because(e))?;
    let read = loaded.sources.get(0).and_then(|s| s.text.as_deref());
    if read != Some(seen.text().map_err(|e| failed().because(e))?) {
        return Err(failed().because("it was changed by somebody else in the meantime").hint("run it again"));
    }
    let bytes = seen.with_mark(text);
    let backup = if keeps_old { seen.replace_keeping(&bytes) } else { seen.replace(&bytes).map(|()| None) };
    let backup = backup.map_err(|e| failed().because(e))?;
    let old =
        backup.map_or_else(String::new, |b| format!("; the old one is {}", render::short_path(&b, environment.home())));
    report::note(&format!("wrote {shown}{old}"));
    Ok(())
}
