//! What there is to know of a client: where its file is, how an entry is written there, and what it can take. Which clients there
//! are stands in `table.rs`.

use std::time::Duration;

use mcp_proxy_core::config;
use mcp_proxy_core::config::edit::Syntax;

use super::place::System;

/// One client.
#[derive(Debug)]
pub struct Client {
    /// What is typed.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The day this entry was compared with its documentation.
    pub verified: &'static str,
    /// Whether its file is documented.
    pub is_certain: bool,
    /// Where its file of the user may be; the first one that is there counts, else the first one of the system.
    pub files: &'static [Place],
    /// Its files in a project, from the project's folder.
    pub projects: &'static [&'static str],
    /// How the file is written.
    pub form: Form,
    /// What it gives a server of its environment.
    pub passes: Passes,
    /// What it can take.
    pub limits: Limits,
}

impl Client {
    /// Whether the `name` of a rule is for it: by what we call it, as it is not running.
    #[must_use]
    pub fn is_called(&self, pattern: &str) -> bool {
        let title = self.title.to_lowercase();
        [self.id, &title, &title.replace(' ', "-")].iter().any(|name| config::matches(pattern, name))
    }
}

/// A file, or none.
#[derive(Debug)]
pub struct Place {
    /// Where it is there.
    pub on: System,
    /// `~` is the home, `{NAME|path}` a variable and what counts without it.
    pub path: &'static str,
}

/// How the servers are written.
#[derive(Debug)]
pub struct Form {
    /// Of the file.
    pub syntax: Syntax,
    /// The keys down to the servers.
    pub key: &'static [&'static str],
    /// They are a list of maps with a `name`, not a map.
    pub is_list: bool,
    /// A server that is started.
    pub stdio: Stdio,
    /// A server with an address; `None`: the file cannot hold one.
    pub remote: Option<Remote>,
    /// What a text may refer to.
    pub variables: Variables,
    /// What `timeout` counts.
    pub timeout: Timeout,
}

/// How a server that is started is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// `command`, `args`
    Plain,
    /// The same with a `type`.
    Typed(&'static str),
    /// The same, which the client's own list of tools belongs to.
    AllTools(&'static str),
    /// One list with the command first, `type: local`.
    OneList,
    /// `cmd`, `args`, and what else Goose wants.
    Goose,
}

/// How a server with an address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The field of the address.
    pub url: &'static str,
    /// `type` for Streamable HTTP.
    pub kind: Option<&'static str>,
    /// An address without a `type` is HTTP+SSE.
    pub untyped_is_sse: bool,
}

/// What a text may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Nothing: `$` is a dollar sign.
    None,
    /// `${X}`, `${X:-default}`
    Shell,
    /// `${env:X}`, `${input:x}`, `${userHome}`
    Editor,
    /// `$X`, `${X}`, `%X%`, in `env` only.
    EnvOnly,
    /// `{env:X}`, `{file:x}`
    Braces,
    /// `${{ secrets.X }}`
    Secrets,
}

/// What a bare `timeout` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// There is none.
    None,
    /// Of a call, in milliseconds.
    Milliseconds,
    /// Of a call, in seconds.
    Seconds,
    /// Of the start, in milliseconds.
    StartMilliseconds,
}

/// What a client gives a server of its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// What the shell it was started in has.
    Shell,
    /// Started from a menu, it has not what a shell has.
    Desktop,
    /// These variables only.
    Only(&'static [&'static str]),
    /// All but those with such a part in their name.
    Without(&'static [&'static str]),
}

/// What a client can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tools, and what happens to more of them.
    pub tools: Option<(usize, &'static str)>,
    /// Characters of a tool's name, what it puts before the name itself, and what happens to a longer one.
    pub name: Option<(usize, &'static str, &'static str)>,
    /// How long it waits for our list.
    pub start: Option<Duration>,
    /// It also starts what it finds in other clients' files.
    pub reads_others: bool,
}
