//! What a reload changes, as text for people.

use mcp_proxy_core::config::{Plan, ServerChange};

use crate::render;

/// A plan as a table, one line a change; empty if there is none. `is_done`: it was carried out.
pub(super) fn human(plan: &Plan, is_done: bool) -> String {
    let mut rows: Vec<Vec<String>> = plan.servers.iter().map(|change| row(change, is_done)).collect();
    let mut setting = |what: &str, keys: &[String]| {
        if !keys.is_empty() {
            rows.push(vec![what.to_owned(), String::new(), keys.join(", ")]);
        }
    };
    setting("at once", &plan.at_once);
    setting("next start", &plan.next_start);
    setting("not done", &plan.failed);
    if plan.is_reordered {
        rows.push(vec!["reordered".to_owned(), String::new(), "the order of lists".to_owned()]);
    }
    if rows.is_empty() {
        return String::new();
    }
    if plan.n_unchanged > 0 {
        let n = plan.n_unchanged;
        rows.push(vec![
            "unchanged".to_owned(),
            format!("{n} {}", if n == 1 { "server" } else { "servers" }),
            String::new(),
        ]);
    }
    let table = render::table(&["CHANGE", "SERVER", "BY"], &rows, None);
    table.lines().map(|line| format!("  {line}\n")).collect()
}

fn row(change: &ServerChange, is_done: bool) -> Vec<String> {
    let n = change.n_draining;
    let ends = match (n, is_done) {
        (0, _) => None,
        (1, true) => Some("1 call in flight ends with the old one".to_owned()),
        (1, false) => Some("1 call in flight would end with the old one".to_owned()),
        (n, true) => Some(format!("{n} calls in flight end with the old one")),
        (n, false) => Some(format!("{n} calls in flight would end with the old one")),
    };
    let keys = Some(change.keys.join(", ")).filter(|k| !k.is_empty());
    let by = keys.into_iter().chain(ends).collect::<Vec<_>>().join("; ");
    vec![change.step.word().to_owned(), change.name.to_string(), by]
}

#[cfg(test)]
mod tests {
    use mcp_proxy_core::config::Step;

    use super::*;

    #[test]
    fn a_line_a_change() {
        let change = |name: &str, step, keys: &[&str], n_draining| ServerChange {
            name: name.into(),
            step,
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
            n_draining,
        };
        let plan = Plan {
            servers: vec![
                change("github", Step::Restarted, &["args", "env"], 2),
                change("files", Step::Adjusted, &["tools"], 0),
                change("old", Step::Removed, &[], 1),
            ],
            n_unchanged: 97,
            is_reordered: false,
            at_once: vec!["routing".to_owned()],
            next_start: vec!["proxy.log_level".to_owned()],
            failed: vec!["cannot listen on 127.0.0.1:1".to_owned()],
        };
        let expected = "  CHANGE      SERVER      BY
  restarted   github      args, env; 2 calls in flight end with the old one
  adjusted    files       tools
  removed     old         1 call in flight ends with the old one
  at once                 routing
  next start              proxy.log_level
  not done                cannot listen on 127.0.0.1:1
  unchanged   97 servers
";
        assert_eq!(human(&plan, true), expected);
        assert_eq!(human(&Plan { n_unchanged: 3, ..Plan::default() }, true), "");
    }
}
