//! `mcp-proxy reload`: running engines read their configuration now. Exit 0: it is in force; 2: it cannot be used, and what
//! was in force before still is; 1: there is nobody to ask, or a part of it could not be done.

use std::path::Path;

use crate::cli::Reload;
use crate::report::Failure;

#[cfg(unix)]
pub(super) fn run(config: Option<&Path>, args: &Reload) -> Result<(), Failure> {
    use mcp_proxy_core::control::{Ask, Verdict};

    use super::{diff, engines, runtime};
    use crate::report;

    let config = engines::named(config);
    let reports = runtime()?.block_on(async {
        let mut reports = Vec::new();
        for mut engine in engines::open(config.as_deref(), &args.which).await? {
            let report = diff::report_of(&mut engine, Ask::Reload).await;
            reports.push((engine.hello().clone(), report));
        }
        Ok::<_, Failure>(reports)
    })?;
    if args.json {
        report::out(diff::json_text(&reports).as_bytes())?;
    }
    let mut worst = None;
    for (hello, report) in reports {
        let title = engines::title(&hello);
        let failure = match report {
            Ok(report) if report.outcome == Verdict::Refused => {
                if !args.json {
                    report::note(report.problems.trim_end());
                }
                Failure::usage(format!("{title} was not reloaded: its configuration cannot be used"))
                    .hint("what was in force before still is")
            }
            Ok(report) => {
                if !args.json {
                    let how = match report.outcome {
                        Verdict::Unchanged => "nothing has changed".to_owned(),
                        _ => format!("reloaded: {}", report.plan.summary()),
                    };
                    if !report.problems.is_empty() {
                        report::note(report.problems.trim_end());
                    }
                    report::out(format!("{title}: {how}\n{}", super::plan::human(&report.plan, true)).as_bytes())?;
                }
                if report.plan.failed.is_empty() {
                    continue;
                }
                Failure::failed(format!("{title} was reloaded, but for what could not be done"))
                    .because(report.plan.failed.join("; "))
            }
            Err(why) => Failure::failed(format!("{title} was not reloaded")).because(why),
        };
        // All but the last are told here; the last one is told at the end.
        if let Some(before) = worst.replace(failure) {
            report::note(&before.to_string());
        }
    }
    worst.map_or(Ok(()), Err)
}

#[cfg(not(unix))]
pub(super) fn run(config: Option<&Path>, args: &Reload) -> Result<(), Failure> {
    Err(super::engines::unavailable(config, &args.which))
}
