//! The configuration file: read, checked, written and followed here, on threads that nobody waits for.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mcp_proxy_core::check::{check_text, probe};
use mcp_proxy_core::config::change::with_server;
use mcp_proxy_core::config::edit::replace::{ReplaceError, Seen, create_new_private};
use mcp_proxy_core::config::{
    Answers, Config, ConfigWatch, Diagnostic, Environment, Level, Loaded, Located, Plan, TEMPLATE, default_path, load,
    render,
};
use mcp_proxy_core::control::{Command, ConfigFile, Follow, ProxyHandle};
use mcp_proxy_core::proxy::Memory;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::msg::Msg;
use crate::screens::config::talk::{Checked, File, NoFile, NotSaved, Probe, Problem, Told, Wish};

/// So long nobody types before a text is checked.
const QUIET: Duration = Duration::from_millis(200);
/// The client of the demo calls its servers, which are gone once there is a file.
const DEMO: &str = "demo";

/// What the screen's wishes need.
pub(super) struct Desk {
    handle: ProxyHandle,
    out: mpsc::Sender<Msg>,
    /// What programs and the keyring have said.
    answers: Answers,
    /// Keeps the engine to the file that was made here.
    follow: Option<Follow>,
}

impl Desk {
    /// Tells what comes of wishes by `out`.
    pub(super) fn new(handle: ProxyHandle, out: mpsc::Sender<Msg>) -> Self {
        Self { handle, out, answers: Answers::default(), follow: None }
    }

    /// Does it; what came of it is told.
    pub(super) fn take(&mut self, wish: Wish, tasks: &mut JoinSet<()>) {
        let (handle, out) = (self.handle.clone(), self.out.clone());
        let file = handle.config_file();
        let tell = |told| Msg::Config(Box::new(told));
        match wish {
            // Somebody's own editor needs the terminal: the event loop has it.
            Wish::Edit(_) => {}
            Wish::Quiet(version) => {
                tasks.spawn(async move {
                    tokio::time::sleep(QUIET).await;
                    let _ = out.send(tell(Told::Quiet(version))).await;
                });
            }
            Wish::Read => {
                tasks.spawn_blocking(move || {
                    let _ = out.blocking_send(tell(Told::Read(read(file.as_ref()))));
                });
            }
            Wish::Check { version, text, is_final } => {
                let Some(file) = file else { return };
                let answers = if is_final { self.answers.asking() } else { self.answers.clone() };
                let runtime = tokio::runtime::Handle::current();
                tasks.spawn_blocking(move || {
                    let environment = file.environment().clone().with_answers(answers);
                    let memory = Memory::user();
                    let loaded = runtime.block_on(check_text(&text, file.path(), &environment, &memory));
                    let checked = checked(version, is_final, &text, &loaded, |config| handle.plan(config));
                    let _ = out.blocking_send(tell(Told::Checked(Box::new(checked))));
                });
            }
            Wish::Save { seen, version, text } => {
                tasks.spawn(async move {
                    let saved = handle.save(*seen, text).await;
                    let result = saved.map(Box::new).map_err(|error| match error {
                        ReplaceError::Changed { .. } => NotSaved::Changed,
                        error => NotSaved::Failed(error.to_string()),
                    });
                    let _ = out.send(tell(Told::Saved { version, result })).await;
                });
            }
            Wish::Probe { seq, name, entry } => {
                let answers = self.answers.asking();
                tasks.spawn(async move {
                    let result = try_server(&handle, file.as_ref(), answers, &name, &entry).await;
                    let _ = out.send(tell(Told::Probed { seq, result })).await;
                });
            }
            Wish::Init => {
                let made = self.make();
                let clients = handle.snapshot().clients;
                tasks.spawn(async move {
                    if made.is_ok() {
                        for client in clients.iter().filter(|c| c.name.starts_with(DEMO)) {
                            // It may have left by itself.
                            let _ = handle.command(Command::Disconnect(client.id)).await;
                        }
                        // What came of it is seen in the snapshot.
                        let _ = handle.reload_file().await;
                    }
                    let _ = out.send(tell(Told::Made(made))).await;
                });
            }
        }
    }

    /// Makes the file and has the engine follow it.
    fn make(&mut self) -> Result<String, String> {
        let environment = Environment::of_process();
        let path = default_path(&environment).ok_or("there is no folder for the configuration")?;
        let shown = render::short_path(&path, environment.home());
        let failed = |why: &dyn std::fmt::Display| format!("cannot write {shown}: {why}");
        let seen = Seen::read(&path).map_err(|e| failed(&e))?;
        if seen.bytes.is_none() {
            seen.replace(TEMPLATE.as_bytes()).map_err(|e| failed(&e))?;
        }
        let located = Located::File { path };
        let loaded = load(&located, &environment);
        let Some(config) = loaded.config.clone() else {
            return Err(format!("{shown} is there and cannot be used: see `mcp-proxy check`"));
        };
        let watch = ConfigWatch::start(located, environment, loaded, Arc::new(config));
        self.follow = Some(Follow::start(watch, self.handle.clone()));
        Ok(shown)
    }
}

fn read(file: Option<&ConfigFile>) -> Result<File, NoFile> {
    let Some(file) = file else {
        let environment = Environment::of_process();
        let path = default_path(&environment).map(|p| render::short_path(&p, environment.home()));
        return Err(NoFile::None(path));
    };
    let seen = file.read().map_err(|e| NoFile::Unreadable(e.to_string()))?;
    if seen.bytes.is_none() {
        return Err(NoFile::Unreadable(format!("{} is gone", file.shown())));
    }
    Ok(File { seen: Box::new(seen), shown: file.shown() })
}

/// What a check found, in the words of the screen.
pub(crate) fn checked(
    version: u64,
    is_final: bool,
    text: &str,
    loaded: &Loaded,
    plan: impl FnOnce(&Config) -> Plan,
) -> Checked {
    let mut problems: Vec<Problem> = loaded.diagnostics.iter().map(|d| problem(d, text, loaded)).collect();
    problems.sort_by_key(|p| p.at.is_none());
    let plan = loaded.config.as_ref().filter(|_| loaded.n_of(Level::Error) == 0).map(plan);
    Checked { version, is_final, problems, plan }
}

fn problem(d: &Diagnostic, text: &str, loaded: &Loaded) -> Problem {
    let is_ours = d.file.is_none() || d.file == loaded.path;
    let place = d.place.filter(|p| is_ours && p.span.source == 0);
    let at = place.and_then(|p| {
        let line = text.split('\n').nth(p.line - 1)?;
        let byte = |column: usize| line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(i, _)| i);
        let from = byte(p.column);
        let to = if p.end_line == p.line { byte(p.end_column) } else { line.trim_end().len() };
        Some((p.line - 1, from, to.max(from + 1)))
    });
    Problem {
        level: d.level,
        code: d.code,
        message: d.message.clone(),
        label: d.label.clone(),
        notes: d.notes.iter().map(|(kind, note)| (kind.name(), note.clone())).collect(),
        at,
        file: d.file.clone().filter(|_| !is_ours),
    }
}

/// Starts what would stand in the file, in an engine of its own.
async fn try_server(
    handle: &ProxyHandle,
    file: Option<&ConfigFile>,
    answers: Answers,
    name: &str,
    entry: &Map<String, Value>,
) -> Result<Box<Probe>, String> {
    let file = file.ok_or("there is no configuration it could stand in")?;
    // Beside what the file says for all servers, and nothing else of it.
    let text = with_server("servers: {}\n", Path::new("one.yaml"), name, entry).map_err(|e| e.to_string())?;
    let path = file.path().with_file_name("one.yaml");
    let environment = file.environment().clone().with_answers(answers);
    let loaded = tokio::task::spawn_blocking(move || mcp_proxy_core::config::load_text(&text, &path, &environment));
    let loaded = loaded.await.map_err(|_| "it could not be read")?;
    let Some(config) = loaded.config else {
        let first = loaded.diagnostics.iter().find(|d| d.level == Level::Error);
        return Err(first.map_or_else(|| "it cannot be used".to_owned(), |d| d.message.clone()));
    };
    let probed = probe::probe(handle, config).await.ok_or("there was nothing to start")?;
    Ok(Box::new(Probe { view: probed.view, tools: probed.tools, took: probed.took }))
}

/// Opens a text in the editor of the user, and waits until that is closed. The terminal must have been given back.
pub(super) fn edit(text: &str, name: &str) -> (String, Result<String, String>) {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|v| std::env::var(v).ok().filter(|v| !v.trim().is_empty()));
    let line = named.unwrap_or_else(|| "vi".to_owned());
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("vi").to_owned();
    let short = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args: Vec<&str> = words.collect();
    let result = edit_with(&program, &args, text, name);
    (short, result)
}

fn edit_with(program: &str, args: &[&str], text: &str, name: &str) -> Result<String, String> {
    let failed = |why: std::io::Error| format!("cannot use a file for the editor: {why}");
    // For its owner only: a configuration may have secrets in it.
    let folder = private_folder().map_err(failed)?;
    let path = folder.join(name);
    let result = (|| {
        create_new_private(&path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(failed)?;
        #[expect(clippy::disallowed_methods, reason = "it has the terminal while it runs, and we wait for it")]
        let status = std::process::Command::new(program).args(args).arg(&path).status();
        match status {
            Err(why) => Err(format!("`{program}` cannot be started: {why} (it is what $VISUAL or $EDITOR says)")),
            Ok(status) if !status.success() => Err(format!("`{program}` ended with {status}: nothing was taken over")),
            Ok(_) => std::fs::read_to_string(&path).map_err(|why| format!("what `{program}` wrote is no text: {why}")),
        }
    })();
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn private_folder() -> std::io::Result<std::path::PathBuf> {
    for n in 0..100 {
        let path = std::env::temp_dir().join(format!("mcp-proxy-edit-{}-{n}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_gets_the_text_and_gives_another() {
        let got = edit_with("sh", &["-c", "sed -i s/one/two/ \"$0\""], "one\n", "config.yaml");
        assert_eq!(got.as_deref(), Ok("two\n"));
        let got = edit_with("sh", &["-c", "exit 3"], "one\n", "config.yaml").unwrap_err();
        assert!(got.contains("nothing was taken over"), "{got}");
        let got = edit_with("/no/such/editor", &[], "one\n", "config.yaml").unwrap_err();
        assert!(got.contains("$EDITOR"), "{got}");
    }

    #[test]
    fn problems_stand_on_their_bytes() {
        let text = "servers:\n  é: { comand: x }\n";
        let loaded = mcp_proxy_core::config::load_text(text, Path::new("/c/config.yaml"), &Environment::empty());
        let unknown = loaded.diagnostics.iter().find(|d| d.code == "MP104").expect("an unknown key");
        let (line, from, to) = problem(unknown, text, &loaded).at.expect("a place");
        assert_eq!((line, &text.lines().nth(1).unwrap()[from..to]), (1, "comand"));
    }
}
