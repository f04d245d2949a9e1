//! `mcp-proxy diff`: what a configuration would change in running engines, or against the file they would start with.
//! Nothing is changed. Exit 0: it can be used; 2: it cannot; 1: there is nothing to compare with.

use std::path::Path;

use mcp_proxy_core::config::{self, Environment, Located, Plan};
#[cfg(unix)]
use mcp_proxy_core::control::{Report, Verdict};
#[cfg(unix)]
use serde_json::Value;
use serde_json::json;

use super::{engines, load, plan};
use crate::cli::Diff;
use crate::report::{self, Failure};

pub(super) fn run(config: Option<&Path>, args: &Diff) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let file = args.file.as_deref().map(|f| environment.absolute_here(f));
    #[cfg(unix)]
    {
        // Without a word on which engines are meant, those of the file that would be used here.
        let named = engines::named(config).or_else(|| match config::locate(None, &environment) {
            Located::File { path } if args.which.pids.is_empty() => Some(path),
            _ => None,
        });
        let found = super::runtime()?.block_on(async {
            let mut reports = Vec::new();
            for mut engine in engines::open(named.as_deref(), &args.which).await? {
                use mcp_proxy_core::control::Ask;
                let report = report_of(&mut engine, Ask::Plan { path: file.clone() }).await;
                reports.push((engine.hello().clone(), report));
            }
            Ok::<_, Failure>(reports)
        });
        match found {
            Ok(reports) => return told(&reports, args.json),
            // Two files can be compared without any engine.
            Err(failure) if file.is_none() || !args.which.pids.is_empty() => return Err(failure),
            Err(_) => {}
        }
    }
    let Some(file) = file else {
        return Err(Failure::usage("there is nothing to compare").hint("`mcp-proxy diff FILE` names the other one"));
    };
    let old = load::required(config, environment.clone())?;
    let new = config::load(&Located::File { path: file.clone() }, &environment);
    let Some(new) = new.config.as_ref() else {
        report::note(load::human(&new, report::colour(report::stderr_is_terminal())).trim_end());
        return Err(Failure::usage(format!("`{}` cannot be used", engines::shown(&file))));
    };
    let difference = Plan::between(&old.config, new);
    if args.json {
        return report::out(format!("{:#}\n", json!([{ "plan": difference }])).as_bytes());
    }
    let from = old.config.paths.first().map_or_else(|| "the demo".to_owned(), |p| engines::shown(p));
    report::out(text(&format!("{from} (no engine runs with it)"), &difference).as_bytes())
}

fn text(title: &str, difference: &Plan) -> String {
    let summary = if difference.is_empty() {
        "nothing would change".to_owned()
    } else {
        format!("would be: {}", difference.summary())
    };
    format!("{title}: {summary}\n{}", plan::human(difference, false))
}

/// Asks an engine for a report.
#[cfg(unix)]
pub(super) async fn report_of(
    engine: &mut engines::Remote,
    ask: mcp_proxy_core::control::Ask,
) -> Result<Report, String> {
    use mcp_proxy_core::control::Told;

    match engine.ask(ask).await {
        Ok(Told::Report(report)) => Ok(*report),
        Ok(Told::Refused(why)) => Err(why),
        Ok(_) => Err("it gave another answer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reports as JSON, one object an engine.
#[cfg(unix)]
pub(super) fn json_text(reports: &[(engines::Hello, Result<Report, String>)]) -> String {
    let one = |(hello, report): &(engines::Hello, Result<Report, String>)| match report {
        Ok(report) => json!({
            "pid": hello.pid,
            "config": hello.config,
            "outcome": report.outcome,
            "plan": report.plan,
            "problems": report.problems,
        }),
        Err(why) => json!({ "pid": hello.pid, "config": hello.config, "outcome": "failed", "problems": why }),
    };
    format!("{:#}\n", reports.iter().map(one).collect::<Value>())
}

#[cfg(unix)]
fn told(reports: &[(engines::Hello, Result<Report, String>)], as_json: bool) -> Result<(), Failure> {
    if as_json {
        report::out(json_text(reports).as_bytes())?;
    }
    let mut result = Ok(());
    for (hello, report) in reports {
        let title = engines::title(hello);
        match report {
            Ok(report) if report.outcome == Verdict::Refused => {
                if !as_json {
                    report::note(report.problems.trim_end());
                }
                result = Err(Failure::usage("the configuration cannot be used"));
            }
            Ok(report) if !as_json => report::out(text(&title, &report.plan).as_bytes())?,
            Ok(_) => {}
            Err(why) => result = Err(Failure::failed(format!("{title} could not be asked")).because(why)),
        }
    }
    result
}
