//! What is known to go wrong with the command lines of servers. Pure.

use crate::config::{Edit, Node, Sources, fix};

/// One piece of advice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fix: String,
    /// The argument it is about.
    pub(super) at: usize,
    /// What can be put in front of that argument.
    pub(super) insert: Option<&'static str>,
}

fn advice_of(code: &'static str, at: usize, message: impl Into<String>, fix: impl Into<String>) -> Advice {
    Advice { code, message: message.into(), fix: fix.into(), at, insert: None }
}

/// What there is to say about calling `program` with `args`.
pub(super) fn advice(program: &str, args: &[&str]) -> Vec<Advice> {
    match program {
        "npx" | "bunx" => npx(program, args),
        "uvx" => package(args, &["--from"], &["--with", "--python", "-p", "--index-url", "--index", "--directory"])
            .map(unpinned)
            .into_iter()
            .flatten()
            .collect(),
        "npm" | "yarn" | "pnpm" => banner(program, args),
        "docker" | "podman" => container(args),
        _ => Vec::new(),
    }
}

/// The argument that names a package: the value of `named`, or the first that is no flag. `valued` flags have one of their own.
fn package<'a>(args: &[&'a str], named: &[&str], valued: &[&str]) -> Option<(usize, &'a str)> {
    let mut i = 0;
    while i < args.len() {
        let arg = args[i];
        if named.contains(&arg) {
            return args.get(i + 1).map(|a| (i + 1, *a));
        }
        if let Some(value) = named.iter().find_map(|n| arg.strip_prefix(n)?.strip_prefix('=')) {
            return Some((i, value));
        }
        if !arg.starts_with('-') {
            return Some((i, arg));
        }
        i += if valued.contains(&arg) { 2 } else { 1 };
    }
    None
}

fn npx(program: &str, args: &[&str]) -> Vec<Advice> {
    let Some((at, package)) = package(args, &["-p", "--package"], &["-c", "--call", "--registry", "--prefix"]) else {
        return Vec::new();
    };
    let is_ours = package.starts_with(['.', '/', '~']);
    let mut all = Vec::new();
    let says_yes = args[..at].iter().any(|a| matches!(*a, "-y" | "--yes" | "--no" | "--no-install" | "--yes=true"));
    if program == "npx" && !says_yes && !is_ours {
        let at = args.iter().position(|a| matches!(*a, "-p" | "--package")).unwrap_or(at).min(at);
        let mut advice = advice_of(
            "MP303",
            at,
            "`npx` without `-y` asks whether it may install, and nobody can answer",
            "put `-y` in front of the package",
        );
        advice.insert = Some("-y");
        all.push(advice);
    }
    all.extend(unpinned((at, package)));
    all
}

/// MP304
fn unpinned((at, package): (usize, &str)) -> Option<Advice> {
    if package.starts_with(['.', '/', '~'])
        || package.contains("://")
        || package.contains("${")
        || package.starts_with("git+")
    {
        return None;
    }
    // `@scope/name@version`, `name@version`, `name==version`, `name[extra]>=1`.
    let rest = package.strip_prefix('@').unwrap_or(package);
    let version = rest.split_once('@').map(|(_, v)| v).or_else(|| rest.split_once("==").map(|(_, v)| v));
    let is_pinned = version.is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit() || c == 'v'));
    let bounded = rest.contains(['<', '>', '~']);
    if is_pinned || bounded {
        return None;
    }
    let bare = &package[..package.len() - version.map_or(0, |v| v.len() + 1)];
    let message = match version {
        Some(version) => format!("`{package}`: `{version}` is whatever was published last"),
        None => format!("`{package}` has no version: every start may fetch new code"),
    };
    Some(advice_of("MP304", at, message, format!("name one, as in `{bare}@1.2.3`")))
}

/// MP305
fn banner(program: &str, args: &[&str]) -> Vec<Advice> {
    let is_run = matches!(args.first(), Some(&("run" | "start" | "run-script" | "exec")))
        || (program == "yarn" && !args.is_empty());
    let is_silent = args.iter().any(|a| matches!(*a, "--silent" | "-s" | "--quiet" | "-q"));
    if !is_run || is_silent {
        return Vec::new();
    }
    let message = format!("`{program} {}` prints a banner on stdout, where only messages may be", args[0]);
    let mut advice = advice_of("MP305", 0, message, "put `--silent` in front, or start the script itself");
    advice.insert = Some("--silent");
    vec![advice]
}

/// Flags of `docker run` that have a value of their own.
const VALUED: [&str; 24] = [
    "-e",
    "--env",
    "--env-file",
    "-v",
    "--volume",
    "--mount",
    "-p",
    "--publish",
    "--name",
    "--network",
    "--net",
    "-w",
    "--workdir",
    "-u",
    "--user",
    "--entrypoint",
    "-m",
    "--memory",
    "--cpus",
    "-l",
    "--label",
    "--add-host",
    "--platform",
    "--pull",
];

/// MP306, MP304
fn container(args: &[&str]) -> Vec<Advice> {
    let Some(run) = args.iter().position(|a| *a == "run") else { return Vec::new() };
    let rest = &args[run + 1..];
    let image = package(rest, &[], &VALUED);
    let flags = &rest[..image.map_or(rest.len(), |i| i.0)];
    let has = |short: char, long: &str| {
        flags.iter().any(|f| {
            *f == long
                || f.strip_prefix(long).is_some_and(|v| v == "=true")
                || (f.starts_with('-') && !f.starts_with("--") && f.contains(short) && f.len() < 6)
        })
    };
    let mut all = Vec::new();
    if !has('i', "--interactive") {
        let mut advice =
            advice_of("MP306", run, "`docker run` without `-i` gives the server no stdin: it ends at once", "add `-i`");
        advice.insert = Some("-i");
        advice.at = run + 1;
        all.push(advice);
    }
    if has('d', "--detach") || has('t', "--tty") {
        all.push(advice_of(
            "MP306",
            run,
            "`docker run` with `-d` or `-t` does not pass messages through",
            "take it out; `-i` alone is right",
        ));
    }
    if !flags.contains(&"--rm") {
        all.push(advice_of(
            "MP306",
            run,
            "`docker run` without `--rm` leaves a container behind at every start",
            "add `--rm`",
        ));
    }
    if let Some((at, image)) = image {
        let name = image.rsplit('/').next().unwrap_or(image);
        let tag = name.split_once(':').map(|(_, tag)| tag);
        if !image.contains("${") && !image.contains('@') && tag.is_none_or(|t| t == "latest") {
            let message = format!("`{image}` has no version: every start may fetch new code");
            all.push(advice_of("MP304", run + 1 + at, message, "name a tag, or a digest"));
        }
    }
    all
}

/// `word` as an item in front of item `at` of a list, written as the list is.
pub(super) fn insertion(sources: &Sources, items: &[Node], at: usize, word: &str) -> Option<Edit> {
    let item = items.get(at)?;
    let text = sources.get(item.span.source).filter(|_| item.span.source == 0)?.text.as_deref()?;
    let line = text[..item.span.start].rfind('\n').map_or(0, |i| i + 1);
    let before = &text[line..item.span.start];
    let span = crate::config::Span { end: item.span.start, ..item.span };
    let quoted = fix::written(sources, item.span, word)?.text;
    // A word is a word in YAML, too; its neighbour may be in quotes for a reason.
    let quoted =
        if before.trim_start().starts_with('-') && !quoted.starts_with('\'') { word.to_owned() } else { quoted };
    let indent = &before[..before.len() - before.trim_start().len()];
    Some(match before.trim() {
        "-" => Edit { span, text: format!("{word}\n{indent}- ") },
        // One item a line.
        "" => Edit { span, text: format!("{quoted},\n{indent}") },
        _ => Edit { span, text: format!("{quoted}, ") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(line: &str) -> Vec<&'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        advice(words[0], &words[1..]).into_iter().map(|a| a.code).collect()
    }

    #[test]
    fn what_goes_wrong() {
        for (line, expected) in [
            ("npx -y @scope/pkg@1.2.3", &[][..]),
            ("npx @scope/pkg@1.2.3 --flag", &["MP303"]),
            ("npx -y @scope/pkg", &["MP304"]),
            ("npx -y pkg@latest", &["MP304"]),
            ("npx -y -p pkg@1.0.0 bin", &[]),
            ("npx --package=pkg bin", &["MP303", "MP304"]),
            ("npx ./local", &[]),
            ("npx", &[]),
            ("bunx pkg", &["MP304"]),
            ("uvx mcp-server-git", &["MP304"]),
            ("uvx mcp-server-git==2025.1.1 --repo x", &[]),
            ("uvx mcp-server-git@2025.1.1", &[]),
            ("uvx --with mcp<2 server@1.0", &[]),
            ("uvx --from git+https://x/y server", &[]),
            ("uvx --python 3.12 server", &["MP304"]),
            ("npm start", &["MP305"]),
            ("npm run mcp --silent", &[]),
            ("npm --silent start", &[]),
            ("yarn mcp", &["MP305"]),
            ("docker run -i --rm img:1", &[]),
            ("docker run --rm -e A=b img:1", &["MP306"]),
            ("docker run -it img", &["MP306", "MP306", "MP304"]),
            ("docker run -d -i --rm ghcr.io/a/b@sha256:00", &["MP306"]),
            ("docker run -i --rm localhost:5000/a/b:latest", &["MP304"]),
            ("docker ps", &[]),
            ("other run", &[]),
        ] {
            assert_eq!(codes(line), expected, "{line}");
        }
    }
}
