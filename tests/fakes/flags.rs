//! How the fake server misbehaves: `--name value` and `--switch` on its command line.

use std::path::PathBuf;
use std::time::Duration;

/// Editions it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Modern,
    Dual,
}

/// All flags. What is not given does no harm.
#[derive(Debug)]
pub(crate) struct Flags {
    /// `--name TEXT`: its `serverInfo.name`.
    pub(crate) name: String,
    /// `--era legacy|modern|dual`
    pub(crate) era: Era,
    /// `--rmcp`: another server altogether, see `mrtr.rs`.
    pub(crate) rmcp: bool,
    /// `--tools N`: so many more tools, `t000`, `t001`, ….
    pub(crate) n_tools: usize,
    /// `--tool-names A,B`: more tools of these names.
    pub(crate) tool_names: Vec<String>,
    /// `--prompt-names A,B`: more prompts of these names.
    pub(crate) prompt_names: Vec<String>,
    /// `--resource URI`, any number of times: more resources.
    pub(crate) resources: Vec<String>,
    /// `--page N`: items a page.
    pub(crate) page: Option<usize>,
    /// `--endless-cursor`: every page names the same next one.
    pub(crate) endless_cursor: bool,
    /// `--bad-item KIND`, any number of times: see `items.rs`.
    pub(crate) bad_items: Vec<String>,
    /// `--die-on-discover`
    pub(crate) die_on_discover: bool,
    /// `--silent-on-discover`
    pub(crate) silent_on_discover: bool,
    /// `--committed`: after an `initialize`, even a refused one, `server/discover` is refused.
    pub(crate) committed: bool,
    /// `--supported-only DATE`: answers `server/discover` with -32022 and this edition.
    pub(crate) supported_only: Option<String>,
    /// `--silent`: answers nothing at all.
    pub(crate) silent: bool,
    /// `--startup-ms N`: is slow to read its first line.
    pub(crate) startup: Duration,
    /// `--exit CODE`: fails at once, with a line on stderr.
    pub(crate) exit: Option<i32>,
    /// `--crash-after N`: the Nth `tools/call` ends it with code 3 instead of an answer.
    pub(crate) crash_after: Option<u64>,
    /// `--ignore-eof`: stays when stdin ends.
    pub(crate) ignore_eof: bool,
    /// `--ignore-term`: SIGTERM does not end it.
    pub(crate) ignore_term: bool,
    /// `--spawn-grandchild PATH`: starts a process that outlives it and writes its pid there.
    pub(crate) spawn_grandchild: Option<PathBuf>,
    /// `--pid-file PATH`: writes its own pid there, one line a start.
    pub(crate) pid_file: Option<PathBuf>,
    /// `--record PATH`: writes every line received there, as it came.
    pub(crate) record: Option<PathBuf>,
    /// `--junk-stdout N`: lines that are no messages, before anything else.
    pub(crate) junk_stdout: usize,
    /// `--flood-stderr N`: lines on stderr, not all of them UTF-8.
    pub(crate) flood_stderr: usize,
    /// `--never-answer TOOL`, any number of times.
    pub(crate) never_answer: Vec<String>,
    /// `--answer-twice`
    pub(crate) answer_twice: bool,
    /// `--id-last`: `id` is the last member of an answer.
    pub(crate) id_last: bool,
    /// `--id-as-string`: 7 is answered as "7".
    pub(crate) id_as_string: bool,
    /// `--error-null`: `"error":null` beside `result`.
    pub(crate) error_null: bool,
    /// `--list-changed-burst N`: so many `list_changed` at once when its tools change.
    pub(crate) list_changed_burst: usize,
    /// `--list-changed-start N`: so many at once after `notifications/initialized`, though nothing changed.
    pub(crate) list_changed_start: usize,
    /// `--big BYTES`: size of what the tool `big` answers.
    pub(crate) big: usize,
    /// `--roots-on-start`: asks for the roots after `notifications/initialized`.
    pub(crate) roots_on_start: bool,
    /// `--tasks`: it makes tasks, see `tasks.rs`.
    pub(crate) tasks: bool,
    /// `--tasks-unsaid`: it makes tasks and does not declare them.
    pub(crate) tasks_unsaid: bool,
}

impl Flags {
    /// Reads the command line; a wrong one is a mistake in a test and ends us.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut f = Self {
            name: "fake".to_owned(),
            era: Era::Legacy,
            rmcp: false,
            n_tools: 0,
            tool_names: Vec::new(),
            prompt_names: Vec::new(),
            resources: Vec::new(),
            page: None,
            endless_cursor: false,
            bad_items: Vec::new(),
            die_on_discover: false,
            silent_on_discover: false,
            committed: false,
            supported_only: None,
            silent: false,
            startup: Duration::ZERO,
            exit: None,
            crash_after: None,
            ignore_eof: false,
            ignore_term: false,
            spawn_grandchild: None,
            pid_file: None,
            record: None,
            junk_stdout: 0,
            flood_stderr: 0,
            never_answer: Vec::new(),
            answer_twice: false,
            id_last: false,
            id_as_string: false,
            error_null: false,
            list_changed_burst: 1,
            list_changed_start: 0,
            big: 1024,
            roots_on_start: false,
            tasks: false,
            tasks_unsaid: false,
        };
        let mut args = args;
        while let Some(flag) = args.next() {
            let mut text = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            let number = |t: String| t.parse::<usize>().map_err(|e| format!("{flag}: {e}"));
            let names = |t: String| t.split(',').map(str::to_owned).collect::<Vec<_>>();
            match flag.as_str() {
                "--name" => f.name = text()?,
                "--rmcp" => f.rmcp = true,
                "--era" => {
                    f.era = match text()?.as_str() {
                        "legacy" => Era::Legacy,
                        "modern" => Era::Modern,
                        "dual" => Era::Dual,
                        other => return Err(format!("no era {other}")),
                    }
                }
                "--tools" => f.n_tools = number(text()?)?,
                "--tool-names" => f.tool_names = names(text()?),
                "--prompt-names" => f.prompt_names = names(text()?),
                "--resource" => f.resources.push(text()?),
                "--page" => f.page = Some(number(text()?)?),
                "--endless-cursor" => f.endless_cursor = true,
                "--bad-item" => f.bad_items.push(text()?),
                "--die-on-discover" => f.die_on_discover = true,
                "--silent-on-discover" => f.silent_on_discover = true,
                "--committed" => f.committed = true,
                "--supported-only" => f.supported_only = Some(text()?),
                "--silent" => f.silent = true,
                "--startup-ms" => f.startup = Duration::from_millis(number(text()?)? as u64),
                "--exit" => f.exit = Some(text()?.parse().map_err(|e| format!("--exit: {e}"))?),
                "--crash-after" => f.crash_after = Some(number(text()?)? as u64),
                "--ignore-eof" => f.ignore_eof = true,
                "--ignore-term" => f.ignore_term = true,
                "--spawn-grandchild" => f.spawn_grandchild = Some(text()?.into()),
                "--pid-file" => f.pid_file = Some(text()?.into()),
                "--record" => f.record = Some(text()?.into()),
                "--junk-stdout" => f.junk_stdout = number(text()?)?,
                "--flood-stderr" => f.flood_stderr = number(text()?)?,
                "--never-answer" => f.never_answer.push(text()?),
                "--answer-twice" => f.answer_twice = true,
                "--id-last" => f.id_last = true,
                "--id-as-string" => f.id_as_string = true,
                "--error-null" => f.error_null = true,
                "--list-changed-burst" => f.list_changed_burst = number(text()?)?,
                "--list-changed-start" => f.list_changed_start = number(text()?)?,
                "--big" => f.big = number(text()?)?,
                "--roots-on-start" => f.roots_on_start = true,
                "--tasks" => f.tasks = true,
                "--tasks-unsaid" => (f.tasks, f.tasks_unsaid) = (true, true),
                other => return Err(format!("no flag {other}")),
            }
        }
        Ok(f)
    }
}
