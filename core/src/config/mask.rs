//! Keeps secrets out of what is shown: lines of a file, and addresses. Works on text alone, so that it holds for files
//! that could not be parsed as well.

/// Parts of names whose values are not shown.
const SECRET_NAMES: [&str; 12] = [
    "token",
    "secret",
    "passw",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "auth_",
    "private",
    "cookie",
    "access_key",
];
/// How well-known keys begin, and what they are.
const SECRET_STARTS: [(&str, &str); 14] = [
    ("ghp_", "looks like a token of GitHub"),
    ("gho_", "looks like a token of GitHub"),
    ("ghs_", "looks like a token of GitHub"),
    ("github_pat_", "looks like a token of GitHub"),
    ("glpat-", "looks like a token of GitLab"),
    ("sk-", "looks like an API key"),
    ("sk_", "looks like an API key"),
    ("xoxb-", "looks like a token of Slack"),
    ("xoxp-", "looks like a token of Slack"),
    ("AKIA", "looks like a key of AWS"),
    ("AIza", "looks like a key of Google"),
    ("eyJ", "looks like a JSON web token"),
    ("Bearer ", "looks like a token"),
    ("ntn_", "looks like a token of Notion"),
];

/// What a text looks like, if it looks like a well-known kind of secret.
pub(crate) fn kind_of(text: &str) -> Option<&'static str> {
    let is_one = |start: &str| {
        let rest = text.strip_prefix(start).filter(|r| r.len() >= 8);
        rest.is_some_and(|r| !r.contains(char::is_whitespace) && r.bytes().any(|b| b.is_ascii_digit()))
    };
    SECRET_STARTS.iter().find(|(start, _)| is_one(start)).map(|(_, kind)| *kind)
}

/// Parts of names of variables whose values are not shown, beside [`SECRET_NAMES`].
const SECRET_PARTS: [&str; 8] = ["key", "pass", "pwd", "auth", "cred", "dsn", "session", "jwt"];
/// A value of so many letters and digits without a break is none that people write.
const RANDOM: usize = 20;

/// The value of an environment variable as it may be shown: stars where its name or itself looks like a secret.
pub(crate) fn env_value(name: &str, value: &str) -> String {
    const STARS: &str = "***";
    let lower = name.to_ascii_lowercase();
    let is_named = SECRET_NAMES.iter().chain(&SECRET_PARTS).any(|part| lower.contains(part));
    let is_random = value.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        run.len() >= RANDOM && run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic())
    });
    let shown = if is_named || is_random || kind_of(value).is_some() { STARS.to_owned() } else { line(value) };
    if value.is_empty() { String::new() } else { shown }
}

/// One line with what may be secret turned to stars; as many characters as before, so that columns stay.
pub(crate) fn line(line: &str) -> String {
    line_with(line, Vec::new())
}

/// The same, with more parts that are known to be secret.
pub(crate) fn line_with(line: &str, mut hidden: Vec<(usize, usize)>) -> String {
    let lower = line.to_ascii_lowercase();
    for name in SECRET_NAMES {
        for (at, _) in lower.match_indices(name) {
            hidden.extend(value_after(line, at + name.len()));
        }
    }
    for (start, _) in SECRET_STARTS {
        for (at, _) in line.match_indices(start) {
            let joined = line[..at].chars().next_back().is_some_and(char::is_alphanumeric);
            if !joined {
                let end = end_of_word(line, at + start.len());
                if end - at > start.len() + 3 {
                    hidden.push((at, end));
                }
            }
        }
    }
    // `https://user:password@host`
    for (at, _) in line.match_indices("://") {
        let end = end_of_word(line, at + 3);
        let authority_end = line[at + 3..end].find('/').map_or(end, |i| at + 3 + i);
        if let Some(sign) = line[at + 3..authority_end].rfind('@') {
            hidden.push((at + 3, at + 3 + sign));
        }
    }
    blank(line, &hidden)
}

/// What is secret on the line at `range` of `text` because of a name before it, there or on a line above: below `tokens:` the
/// names are the user's, and the values are tokens.
pub(crate) fn tokens_in(text: &str, range: &std::ops::Range<usize>) -> Vec<(usize, usize)> {
    const NAME: &str = "tokens";
    const MAX_LINES: usize = 200;
    let Some(line) = text.get(range.clone()) else { return Vec::new() };
    let values = |from: usize| {
        let colons = line[from..].match_indices(':').map(move |(at, _)| from + at);
        colons.filter_map(|at| value_after(line, at)).collect()
    };
    // All in one line: `clients: { tokens: { laptop: … } }`.
    if let Some(at) = line.find(NAME) {
        return values(at + NAME.len());
    }
    let depth = |line: &str| line.len() - line.trim_start().len();
    let above = text.get(..range.start).unwrap_or_default().lines().rev().take(MAX_LINES);
    let parent = above.filter(|l| !l.trim().is_empty()).find(|l| depth(l) < depth(line));
    if parent.is_some_and(|l| l.contains(NAME)) { values(0) } else { Vec::new() }
}

/// The value that belongs to a name ending around `at`: behind `:`, `=` or, for an argument, behind the comma.
fn value_after(line: &str, at: usize) -> Option<(usize, usize)> {
    let name_end =
        line[at..].find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).map_or(line.len(), |i| at + i);
    let rest = &line[name_end..];
    let separator = rest.find(|c: char| !matches!(c, '"' | '\'' | ' '))?;
    let sign = rest[separator..].chars().next()?;
    // A comma only in a list of arguments: `[--api-key, text]`.
    let is_flag = || line[..at].rsplit([' ', '"', '\'', '[', ',']).next().is_some_and(|word| word.starts_with('-'));
    if !(matches!(sign, ':' | '=') || (sign == ',' && is_flag())) {
        return None;
    }
    let from = name_end + separator + 1;
    let start = line[from..].find(|c: char| !matches!(c, ' ' | '"' | '\'')).map(|i| from + i)?;
    if line[start..].starts_with(['{', '[', '#']) {
        return None;
    }
    let quote = line[from..start].chars().rev().find(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(quote) => line[start..].find(quote).map_or(line.len(), |i| start + i),
        None if sign == ',' || sign == '=' => end_of_word(line, start),
        None if is_in_flow(&line[..start]) => end_in_flow(line, start),
        None => line[start..].find(" #").map_or(line.len(), |i| start + i),
    };
    Some((start, end))
}

/// Whether a `{` or `[` is open at the end of `before`.
fn is_in_flow(before: &str) -> bool {
    let count = |signs: [char; 2]| before.matches(signs).count();
    count(['{', '[']) > count(['}', ']'])
}

/// The end of an unquoted value between brackets: references have brackets of their own.
fn end_in_flow(line: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (i, c) in line[from..].char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' if depth > 0 => depth -= 1,
            ',' | '}' | ']' if depth == 0 => return from + i,
            _ => {}
        }
    }
    line.len()
}

fn end_of_word(line: &str, from: usize) -> usize {
    line[from..]
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ']' | '}'))
        .map_or(line.len(), |i| from + i)
}

/// Stars over `hidden`, but not over references: `${NAME}` tells nothing.
fn blank(line: &str, hidden: &[(usize, usize)]) -> String {
    let mut depth = 0_usize;
    let mut in_default = false;
    let mut out = String::with_capacity(line.len());
    for (i, c) in line.char_indices() {
        if line[i..].starts_with("${") {
            depth += 1;
        }
        if depth > 0 && matches!(&line[i..], rest if rest.starts_with(":-") || rest.starts_with('-')) {
            // In `${keyring:a-b}` it is part of a name.
            let name = line[..i].rsplit("${").next().unwrap_or_default();
            in_default |= depth > 1 || name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        }
        let covered = hidden.iter().any(|(start, end)| (*start..*end).contains(&i));
        let sign = matches!(c, ':' | '-') && line[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let keep = depth > 0 && (!in_default || c == '}' || sign);
        let keep = keep || c.is_whitespace() || matches!(c, '"' | '\'');
        out.push(if covered && !keep { '*' } else { c });
        if c == '}' && depth > 0 {
            depth -= 1;
            in_default &= depth > 0;
        }
    }
    out
}

/// An address fit to be shown: without user, password, and the values of its query that have a secret name.
pub(crate) fn url(url: &str) -> String {
    let url = url.trim();
    let (address, query) = url.split_once('?').map_or((url, None), |(a, q)| (a, Some(q)));
    let address = match address.split_once("://") {
        Some((scheme, rest)) => {
            let authority_end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(authority_end);
            let host = authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, h)| format!("***@{h}"));
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    };
    let Some(query) = query else { return address };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if is_secret_name(name) && !value.starts_with("${") => format!("{name}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{address}?{}", pairs.join("&"))
}

pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|s| name.contains(s)) || name == "key" || name.ends_with("key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_are_shown_where_nothing_hints_at_a_secret() {
        for (name, value, shown) in [
            ("GIT_PAGER", "cat", "cat"),
            ("LOG_LEVEL", "debug", "debug"),
            ("OPENAI_KEY", "abc", "***"),
            ("API_TOKEN", "", ""),
            ("WHAT", "ghp_0123456789abcdef", "***"),
            ("WHAT", "0123456789abcdef0123456789abcdef", "***"),
            ("ROOT", "/home/me/projects/a-long-name-of-a-folder", "/home/me/projects/a-long-name-of-a-folder"),
            ("DB", "postgres://me:hunter2@host/db", "postgres://**********@host/db"),
        ] {
            assert_eq!(env_value(name, value), shown, "{name}={value}");
        }
    }

    #[test]
    fn lines() {
        for (text, expected) in [
            ("    command: uv", "    command: uv"),
            ("  token: abc def", "  token: *** ***"),
            ("  token: \"abc\"  # mine", "  token: \"***\"  # mine"),
            ("  GITHUB_TOKEN: ghp_abcdefgh", "  GITHUB_TOKEN: ************"),
            ("  X: ghp_abcdefgh", "  X: ************"),
            ("{\"token\": \"abc\", \"url\": \"x\"}", "{\"token\": \"***\", \"url\": \"x\"}"),
            ("  token: \"${WEATHER_API_KEY}\"", "  token: \"${WEATHER_API_KEY}\""),
            ("  token: \"${A:-secret}\"", "  token: \"${A:-******}\""),
            ("  args: [--api-key, abc, x]", "  args: [--api-key, ***, x]"),
            ("{ name: X-Api-Key, value: \"${KEY}\" }", "{ name: X-Api-Key, value: \"${KEY}\" }"),
            ("  args: [--token=abc, x]", "  args: [--token=***, x]"),
            ("  url: https://me:pw@host/mcp", "  url: https://*****@host/mcp"),
            ("  Authorization: Bearer abcdefgh", "  Authorization: ****** ********"),
            ("auth: { type: bearer, token: abc }", "auth: { type: bearer, token: *** }"),
            ("auth: { token: ${TOKEN}, x: y }", "auth: { token: ${TOKEN}, x: y }"),
            ("  token: {not: a, secret: b}", "  token: {not: a, secret: *}"),
        ] {
            assert_eq!(line(text), expected);
        }
    }

    #[test]
    fn tokens_have_names_of_the_user() {
        for (text, expected) in [
            ("  tokens:\n    laptop: abc", "    laptop: ***"),
            ("  tokens:\n    desk: abc\n\n    # mine\n    laptop: \"abc\"", "    laptop: \"***\""),
            ("  \"tokens\": {\n    \"laptop\": \"abc\",", "    \"laptop\": \"***\","),
            ("  tokens:\n    laptop: { servers: [abc] }", "    laptop: { servers: [abc] }"),
            ("  tokens:\n  laptop: abc", "  laptop: abc"),
            ("  servers:\n    laptop: abc", "    laptop: abc"),
            ("c: { tokens: { laptop: abc, b: d } }", "c: { tokens: { laptop: ***, b: * } }"),
            ("c: { tokens: { laptop: ${keyring:a-b} } }", "c: { tokens: { laptop: ${keyring:a-b} } }"),
            ("c: { tokens: { laptop: ${A-bc} } }", "c: { tokens: { laptop: ${A-**} } }"),
        ] {
            let start = text.rfind('\n').map_or(0, |i| i + 1);
            let last = &text[start..];
            assert_eq!(line_with(last, tokens_in(text, &(start..text.len()))), expected, "{text}");
        }
    }

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://example.com/mcp", "https://example.com/mcp"),
            ("${API_BASE_URL}/mcp", "${API_BASE_URL}/mcp"),
            ("https://me:pw@host/mcp", "https://***@host/mcp"),
            ("https://host/mcp?api_key=abc&x=1", "https://host/mcp?api_key=***&x=1"),
            ("https://host/mcp?token=${T}", "https://host/mcp?token=${T}"),
        ] {
            assert_eq!(url(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn columns_stay(text in "(token|: |\"|'|=|,|\\$\\{|\\}|é|x|sk-abcdef| |://|@){0,30}") {
            proptest::prop_assert_eq!(line(&text).chars().count(), text.chars().count());
        }
    }
}
