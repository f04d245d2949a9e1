//! `mcp-proxy secret`: puts values into the keyring, or where there is none into credentials.json, and takes them out again. A value comes
//! from a prompt that does not show it, or from stdin; never from the command line, where others could see it. It is never printed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use mcp_proxy_core::check::{Literal, literals, with_references};
use mcp_proxy_core::config::edit::backup;
use mcp_proxy_core::config::{
    Credentials, CredentialsError, Environment, Keyring, KeyringError, Located, Secret, load, locate, render,
};
use serde_json::json;

use super::check;
use super::token::failure;
use crate::cli::{Secret as Command, SecretMove, SecretSet};
use crate::render::table;
use crate::report::{self, Failure};

/// Longest value that is read.
const MAX_VALUE_BYTES: u64 = 64 << 10;

/// What all of them need.
pub(super) struct Place {
    environment: Environment,
    located: Located,
    credentials: Credentials,
}

/// Where a value went.
pub(super) enum Kept {
    Keyring,
    /// Why not in the keyring.
    Credentials(Option<String>),
}

pub(super) fn run(config: Option<&Path>, args: Command) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let located = locate(config, &environment);
    let place = Place::of(located, environment)?;
    match args {
        Command::Set(args) => place.set(&args),
        Command::List { json } => place.list(json),
        Command::Rm { name } => place.rm(&name),
        Command::Move(args) => place.move_all(&args),
    }
}

impl Place {
    /// Where the secrets of a configuration are kept.
    pub(super) fn of(located: Located, environment: Environment) -> Result<Self, Failure> {
        let credentials = Credentials::of(&located, &environment).map_err(|e| failure(&e))?;
        Ok(Self { environment, located, credentials })
    }

    fn set(&self, args: &SecretSet) -> Result<(), Failure> {
        let value = read_value(&args.name)?;
        let kept = self.keep(&args.name, &value, args.credentials)?;
        report::note(&format!("kept `{}` in {}", args.name, self.whereabouts(&kept)));
        report::note(&format!("write `${{keyring:{0}}}` or `${{{0}}}` in the configuration", args.name));
        Ok(())
    }

    /// Puts a value into the keyring, or into the credentials.
    pub(super) fn keep(&self, name: &str, value: &Secret, only_credentials: bool) -> Result<Kept, Failure> {
        let failed = |e: CredentialsError| failure(&e);
        // The name is checked before anything is kept anywhere.
        self.credentials.note_keyring(name, false).map_err(failed)?;
        let missing = if only_credentials {
            None
        } else {
            match Keyring::new(&self.environment).set(name, value) {
                Ok(()) => {
                    self.credentials.note_keyring(name, true).map_err(failed)?;
                    // What stands there would count more.
                    self.credentials.remove_variable(name).map_err(failed)?;
                    return Ok(Kept::Keyring);
                }
                Err(error) => Some(error.to_string()),
            }
        };
        // What stands there would count more. Where it cannot be reached, nothing can be read from it either.
        let _ = Keyring::new(&self.environment).remove(name);
        self.credentials.set_variable(name, value).map_err(failed)?;
        Ok(Kept::Credentials(missing))
    }

    pub(super) fn whereabouts(&self, kept: &Kept) -> String {
        let file = render::short_path(self.credentials.path(), self.environment.home());
        match kept {
            Kept::Keyring => "the keyring".to_owned(),
            Kept::Credentials(None) => format!("{file}, which only you can read"),
            Kept::Credentials(Some(why)) => format!("{file}, which only you can read ({why})"),
        }
    }

    fn rm(&self, name: &str) -> Result<(), Failure> {
        let failed = |e: CredentialsError| failure(&e);
        let was_noted = self.credentials.keyring_names().map_err(failed)?.iter().any(|n| n == name);
        let was_in_keyring = match Keyring::new(&self.environment).remove(name) {
            Ok(()) => true,
            Err(KeyringError::NoEntry) => false,
            Err(error) if was_noted => {
                return Err(
                    Failure::failed(format!("`{name}` is in the keyring, which cannot be reached")).because(error)
                );
            }
            Err(_) => false,
        };
        let was_in_file = self.credentials.remove_variable(name).map_err(failed)?;
        if was_noted {
            self.credentials.note_keyring(name, false).map_err(failed)?;
        }
        if was_in_keyring || was_in_file || was_noted {
            return Ok(());
        }
        Err(Failure::usage(format!("there is no secret `{name}`"))
            .hint("`mcp-proxy secret list` names those there are"))
    }

    fn list(&self, is_json: bool) -> Result<(), Failure> {
        let failed = |e: CredentialsError| failure(&e);
        let mut all: BTreeMap<String, &str> = BTreeMap::new();
        for name in self.referenced() {
            let is_there = Keyring::new(&self.environment).get(&name).is_ok();
            all.insert(name, if is_there { "keyring" } else { "nowhere" });
        }
        all.extend(self.credentials.keyring_names().map_err(failed)?.into_iter().map(|n| (n, "keyring")));
        all.extend(self.credentials.variables().map_err(failed)?.into_iter().map(|n| (n, "credentials")));
        if is_json {
            let array: Vec<_> = all.iter().map(|(name, kept)| json!({ "name": name, "kept_in": kept })).collect();
            return report::out(format!("{:#}\n", json!(array)).as_bytes());
        }
        if all.is_empty() {
            report::note("no secrets; `mcp-proxy secret set NAME` keeps one");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = all.into_iter().map(|(name, kept)| vec![name, kept.to_owned()]).collect();
        report::out(table(&["NAME", "KEPT IN"], &rows, report::columns()).as_bytes())
    }

    /// The names of `${keyring:…}` in the configuration.
    fn referenced(&self) -> Vec<String> {
        // Only the text is wanted.
        let loaded = load(&self.located, &self.environment.clone().without_programs());
        let text = loaded.sources.get(0).and_then(|s| s.text.as_deref()).unwrap_or_default();
        let names = text.split("${keyring:").skip(1).filter_map(|rest| rest.split('}').next());
        names.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
    }

    fn move_all(&self, args: &SecretMove) -> Result<(), Failure> {
        let Located::File { path } = &self.located else {
            return Err(Failure::usage("there is no configuration").hint("--config FILE names one"));
        };
        // What stands in the file is moved, not what its references lead to.
        let quiet = self.environment.clone().without_programs();
        let loaded = load(&self.located, &quiet);
        let Some(text) = loaded.sources.get(0).filter(|s| s.path == *path).and_then(|s| s.text.clone()) else {
            return Err(Failure::usage(format!("cannot read `{}`", path.display())).hint("`mcp-proxy check` says why"));
        };
        let (found, loaded) = literals(&text, path, &quiet);
        if found.is_empty() {
            report::note("no secrets stand in the configuration");
            return Ok(());
        }
        let Some(new) = with_references(&text, path, &found, &loaded.sources) else {
            return Err(Failure::failed("the secrets cannot be replaced without changing more")
                .hint("write `${keyring:NAME}` in their place, and `mcp-proxy secret set NAME`"));
        };
        let what = |l: &Literal| format!("{} -> ${{keyring:{}}}", l.path, l.name);
        if args.dry_run {
            found.iter().for_each(|l| report::note(&format!("would move {}", what(l))));
            return Ok(());
        }
        // First they are where they will be looked for, then they are taken out of here.
        let mut done: BTreeMap<&str, &Secret> = BTreeMap::new();
        for literal in &found {
            if done.get(literal.name.as_str()) != Some(&&literal.value) {
                self.check_free(literal)?;
                let kept = self.keep(&literal.name, &literal.value, args.credentials)?;
                report::note(&format!("moved {} to {}", what(literal), self.whereabouts(&kept)));
                done.insert(&literal.name, &literal.value);
            }
        }
        check::write(path, &loaded, &new, &self.environment, false)?;
        for old in backup::kept(path).filter(|old| holds(old, &found)) {
            let shown = render::short_path(&old, self.environment.home());
            report::note(&format!("{shown}, an older configuration, has them still: delete it if you do not need it"));
        }
        Ok(())
    }

    /// Whether something is kept under `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_kept = self.credentials.variable(name).is_ok_and(|v| v.is_some());
        is_kept || self.environment.get_filled(name).is_some() || Keyring::new(&self.environment).get(name).is_ok()
    }

    /// Whether `name` is nobody else's: free, or for this very value.
    pub(super) fn is_free(&self, name: &str, value: &Secret) -> Result<bool, Failure> {
        let in_keyring = Keyring::new(&self.environment).get(name).is_ok_and(|v| v != *value);
        let kept = self.credentials.variable(name).map_err(|e| failure(&e))?;
        Ok(!in_keyring && kept.is_none_or(|v| v == *value))
    }

    /// Another secret of that name is not written over.
    fn check_free(&self, literal: &Literal) -> Result<(), Failure> {
        if !self.is_free(&literal.name, &literal.value)? {
            return Err(Failure::failed(format!(
                "there is another secret `{}` already; nothing was written into the configuration",
                literal.name
            ))
            .hint(format!(
                "take that one away first (`mcp-proxy secret rm {}`), or move this one by hand",
                literal.name
            )));
        }
        Ok(())
    }
}

/// Whether a file has one of these in it.
fn holds(file: &Path, secrets: &[Literal]) -> bool {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    secrets.iter().any(|secret| text.contains(secret.value.reveal()))
}

/// The value of `name`: typed without being shown, or all of stdin.
fn read_value(name: &str) -> Result<Secret, Failure> {
    let text = if std::io::stdin().is_terminal() { typed(name)? } else { piped()? };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(
            Failure::usage("nothing was given").hint("type the value, or pipe it in: `… | mcp-proxy secret set NAME`")
        );
    }
    Ok(Secret::new(text))
}

fn piped() -> Result<String, Failure> {
    let failed = || Failure::usage("cannot read the value from stdin");
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_VALUE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| failed().because(e))?;
    if bytes.len() as u64 > MAX_VALUE_BYTES {
        return Err(failed().because(format!("it is longer than {} KiB", MAX_VALUE_BYTES >> 10)));
    }
    String::from_utf8(bytes).map_err(|_| failed().because("it is no text"))
}

/// A line from the terminal, which shows nothing of it. The terminal is as it was afterwards, also when it was given up.
#[cfg(unix)]
pub(super) fn typed(name: &str) -> Result<String, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    struct Restore(Termios);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
        }
    }
    let failed =
        |e: rustix::io::Errno| Failure::failed("cannot ask on this terminal").because(e).hint("pipe the value in");
    let before = tcgetattr(std::io::stdin()).map_err(failed)?;
    let mut quiet = before.clone();
    // Ctrl-C comes as a character: a signal would leave the terminal silent.
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    let restore = Restore(before);
    tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet).map_err(failed)?;
    report::ask(&format!("value of {name} (not shown): "));
    let mut bytes = Vec::new();
    let mut stdin = std::io::stdin().lock();
    let given_up = loop {
        let mut byte = [0];
        match stdin.read(&mut byte) {
            Ok(0) => break true,
            Ok(_) => match byte[0] {
                b'\n' | b'\r' => break false,
                // Ctrl-C, Ctrl-D, Escape
                3 | 4 | 27 => break true,
                // Backspace takes a whole character, Ctrl-U all.
                8 | 127 => while bytes.pop().is_some_and(|b: u8| b & 0xc0 == 0x80) {},
                21 => bytes.clear(),
                b if (bytes.len() as u64) < MAX_VALUE_BYTES => bytes.push(b),
                _ => {}
            },
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break true,
        }
    };
    drop(restore);
    report::note("");
    if given_up {
        return Err(Failure::usage("given up: this value was not kept"));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("the value is no text"))
}

#[cfg(not(unix))]
pub(super) fn typed(_: &str) -> Result<String, Failure> {
    Err(Failure::usage("cannot ask on this terminal").hint("pipe the value in: `… | mcp-proxy secret set NAME`"))
}
