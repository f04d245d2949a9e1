//! The one table of keys, and the [`Keymap`] made of it: everything that names a key reads it there. A user's file may give other
//! keys to lines of the table (`custom.rs`).

use mcp_proxy_core::config::kebab_case;

use super::action::Action as A;
use super::context::Context as C;
use super::key::Key;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// Where it counts.
    pub(crate) context: C,
    /// What it does.
    pub(crate) action: A,
    /// The keys, the first is the one shown in hints.
    pub(crate) keys: &'static [&'static str],
    /// Its name in the hint line; empty: not shown there.
    pub(crate) label: &'static str,
    /// What it does, for the help popup.
    pub(crate) help: &'static str,
}

const fn key(context: C, action: A, keys: &'static [&'static str], label: &'static str, help: &'static str) -> Binding {
    Binding { context, action, keys, label, help }
}

/// The table.
pub(crate) const TABLE: &[Binding] = &[
    key(C::Everywhere, A::Help, &["?", "f1"], "keys", "show the keys that work here"),
    key(C::Everywhere, A::Palette, &[":", "ctrl-p"], "find", "find an action, a server, a tool, and go there"),
    key(C::Everywhere, A::ShowBackends, &["1"], "", "screen Backends: servers and how they are"),
    key(C::Everywhere, A::ShowInspect, &["2"], "", "screen Inspect: every call as it happens"),
    key(C::Everywhere, A::ShowCatalog, &["3"], "", "screen Catalog: tools, prompts, resources; try one"),
    key(C::Everywhere, A::ShowClients, &["4"], "", "screen Clients: who is connected, and what they do"),
    key(C::Everywhere, A::ShowLogs, &["5"], "", "screen Logs: ours and what servers write"),
    key(C::Everywhere, A::ShowMetrics, &["6"], "", "screen Metrics: rates, latency and errors over time"),
    key(C::Everywhere, A::ShowConfig, &["7"], "", "screen Config: the configuration file; edit, check, save it"),
    key(C::Everywhere, A::LastScreen, &["-"], "", "back to the screen before"),
    key(C::Everywhere, A::NextPane, &["tab"], "", "next pane"),
    key(C::Everywhere, A::PrevPane, &["s-tab"], "", "previous pane"),
    key(C::Everywhere, A::Back, &["esc"], "", "one step back: popup, filter, pane (never quits)"),
    key(C::Everywhere, A::Close, &["q"], "quit", "close what is open; at the root, ask to quit"),
    key(C::Everywhere, A::Quit, &["Q", "ctrl-c"], "", "quit at once"),
    key(C::Everywhere, A::Suspend, &["ctrl-z"], "", "suspend; `fg` comes back"),
    key(C::Everywhere, A::Redraw, &["ctrl-l"], "", "draw the screen again"),
    key(C::Everywhere, A::Messages, &["f3"], "", "what was said here, and what happened to servers"),
    key(C::Everywhere, A::Light, &["f6"], "", "colours for a light background, or for a dark one"),
    key(C::Everywhere, A::Mouse, &["f2"], "", "mouse on or off (off: the terminal selects text)"),
    key(C::Move, A::Down, &["j", "down"], "", "down"),
    key(C::Move, A::Up, &["k", "up"], "", "up"),
    key(C::Move, A::Top, &["g", "home"], "", "first"),
    key(C::Move, A::Bottom, &["G", "end"], "", "last"),
    key(C::Move, A::HalfDown, &["ctrl-d"], "", "half a page down"),
    key(C::Move, A::HalfUp, &["ctrl-u"], "", "half a page up"),
    key(C::Move, A::PageDown, &["pgdn"], "", "a page down"),
    key(C::Move, A::PageUp, &["pgup"], "", "a page up"),
    key(C::Inspect, A::Open, &["enter", "l", "right"], "open", "open the request and its answer"),
    key(C::Inspect, A::Replay, &["r"], "replay", "make this call again (asks, unless that is harmless)"),
    key(C::Inspect, A::Edit, &["e"], "edit", "edit and send again; of a held message: edit, release"),
    key(C::Inspect, A::Export, &["x"], "export", "export as curl, JSON, JSONL or HAR-like"),
    key(C::Inspect, A::Copy, &["y"], "copy", "copy a value, its path, a frame or the id"),
    key(C::Inspect, A::Mark, &["m", "space"], "mark", "mark this one, or take its mark away"),
    key(C::Inspect, A::Compare, &["C"], "compare", "compare two marked, or with the same call before"),
    key(C::Inspect, A::Intercept, &["i"], "intercept", "hold messages that match a filter"),
    key(C::Inspect, A::Follow, &["F"], "follow", "follow the newest call; scrolling up stops it"),
    key(C::Inspect, A::FindCall, &["ctrl-f"], "", "find a call by letters: tool, server, client, method, id"),
    key(C::Inspect, A::FindNextCall, &["n"], "", "the next call that was found"),
    key(C::Inspect, A::FindPrevCall, &["N"], "", "the one before"),
    key(C::Inspect, A::Freeze, &["P"], "", "freeze the list; recording goes on"),
    key(C::Inspect, A::Related, &["R"], "", "what belongs to this: retries, replays, same session"),
    key(C::Inspect, A::Parent, &["p"], "", "go to the call this one belongs to"),
    key(C::Inspect, A::Child, &["c"], "", "go to what belongs to this call"),
    key(C::Inspect, A::PrevRound, &["["], "", "the round before, of a call that took several"),
    key(C::Inspect, A::NextRound, &["]"], "", "the next round of this call"),
    key(C::Inspect, A::CancelFlow, &["X"], "drop", "drop a held message; cancel a call in flight (asks)"),
    key(C::Inspect, A::Release, &["a"], "release", "let a held message go on"),
    key(C::Inspect, A::ReleaseAll, &["A"], "release all", "let all held messages go on"),
    key(C::Inspect, A::AnswerByHand, &["E"], "answer", "answer a held request in its server's place"),
    key(C::Inspect, A::InterceptSwitch, &["I"], "", "intercept on or off, by the last filter"),
    key(C::Inspect, A::Comment, &[";"], "", "mark this one and write something beside it"),
    key(C::Inspect, A::OnlyMarked, &["M"], "", "only what is marked, or all"),
    key(C::Inspect, A::UnmarkAll, &["U"], "", "take all marks away"),
    key(C::Inspect, A::Columns, &["o"], "", "columns: which are shown, what the list is ordered by"),
    key(C::Inspect, A::Clear, &["z"], "", "put away what came so far, or take it out again"),
    key(C::Inspect, A::SaveRows, &["w"], "", "save what the list shows as a recording"),
    key(C::Inspect, A::Load, &["L"], "", "look at a recording; Esc leaves it"),
    key(C::Inspect, A::Stream, &["W"], "", "write calls into a file as they end, or stop that"),
    key(C::Body, A::Search, &["/"], "find", "look for text in keys and values"),
    key(C::Body, A::SearchNext, &["n"], "", "the next place"),
    key(C::Body, A::SearchPrev, &["N"], "", "the place before"),
    key(C::Body, A::BodyView, &["v"], "view", "tree, as passed on, raw bytes, headers, facts: the next"),
    key(C::List, A::Filter, &["/", "f"], "filter", "filter while you type (~be NAME for one server)"),
    key(C::Json, A::Fold, &["enter", "space"], "fold", "fold or unfold; read a long text"),
    key(C::Json, A::Unfold, &["l", "right"], "", "unfold"),
    key(C::Json, A::FoldUp, &["h", "left"], "", "fold, or go to what holds this value"),
    key(C::Json, A::Whole, &["+"], "", "show a big body whole (first 256 KiB otherwise)"),
    key(C::Json, A::Reveal, &["s"], "", "reveal or mask the selected secret"),
    key(C::Backends, A::Open, &["enter", "l", "right"], "calls", "calls of this server in Inspect"),
    key(C::Backends, A::Describe, &["d"], "details", "details of this server"),
    key(C::Backends, A::Restart, &["r"], "restart", "restart this server (asks)"),
    key(C::Backends, A::StartStop, &["s"], "start/stop", "start this server, or stop it (asks)"),
    key(C::Backends, A::UseServer, &["u"], "on/off", "use this server or not, for good: in the file (asks)"),
    key(C::Backends, A::EditConfig, &["e"], "edit", "this server in the configuration file"),
    key(C::Backends, A::Ping, &["t"], "ping", "ask this server whether it is there"),
    key(C::Backends, A::NextKind, &["]"], "tab", "details: health, tools, setup, log"),
    key(C::Backends, A::PrevKind, &["["], "", "the same, backwards"),
    key(C::Backends, A::Order, &["o"], "sort", "another order: file, state, name, rate, p95, errors"),
    key(C::Backends, A::BackendLogs, &["L"], "logs", "what this server wrote on stderr"),
    key(C::Backends, A::Larger, &["+"], "", "more room for the details"),
    key(C::Backends, A::Smaller, &["_"], "", "less room for the details"),
    key(C::Clients, A::Larger, &["+"], "", "more room for the details"),
    key(C::Clients, A::Smaller, &["_"], "", "less room for the details"),
    key(C::Catalog, A::Try, &["enter", "t", "l", "right"], "try it", "fill in a form and call it"),
    key(C::Catalog, A::RunAgain, &["."], "again", "the last call once more"),
    key(C::Catalog, A::NextKind, &["]"], "next kind", "tools, prompts, resources, templates: the next"),
    key(C::Catalog, A::PrevKind, &["["], "", "the kind before"),
    key(C::Catalog, A::Describe, &["d"], "details", "description and schema of this item"),
    key(C::Catalog, A::Order, &["o"], "sort", "another order: server, name, tokens"),
    key(C::Catalog, A::UseItem, &["u"], "hide/show", "hide this tool from clients, or show it, for good (asks)"),
    key(C::Catalog, A::Rename, &["n"], "rename", "another name for this tool, for good: in the file"),
    key(C::Catalog, A::AsJson, &["J"], "JSON", "the item's JSON, or what it says as text"),
    key(C::Catalog, A::Larger, &["+"], "", "more room for the details"),
    key(C::Catalog, A::Smaller, &["_"], "", "less room for the details"),
    key(C::Clients, A::Open, &["enter", "l", "right"], "calls", "calls of this client in Inspect"),
    key(C::Clients, A::Describe, &["d"], "details", "details of this client"),
    key(C::Clients, A::Order, &["o"], "sort", "another order: since, name, calls, errors, waiting"),
    key(C::Clients, A::Disconnect, &["X"], "disconnect", "end this client's session (asks)"),
    key(C::Logs, A::Up, &["up", "k"], "source", "select the source above"),
    key(C::Logs, A::Down, &["down", "j"], "", "select the source below"),
    key(C::Logs, A::ShowLess, &["left"], "show less", "show fewer levels of the selected source"),
    key(C::Logs, A::ShowMore, &["right"], "", "show more levels of the selected source"),
    key(C::Logs, A::KeepLess, &["-"], "keep less", "keep fewer levels of the selected source"),
    key(C::Logs, A::KeepMore, &["+"], "", "keep more levels of the selected source"),
    key(C::Logs, A::Sources, &["h"], "sources", "list of sources on or off"),
    key(C::Logs, A::OnlySource, &["f"], "only this", "only the selected source, or all"),
    key(C::Logs, A::HideOff, &["space"], "", "hide sources that are off, or show them"),
    key(C::Logs, A::LogsBack, &["pgup"], "older", "older lines"),
    key(C::Logs, A::LogsOn, &["pgdn"], "", "newer lines"),
    key(C::Logs, A::LogsNewest, &["esc", "G", "end"], "newest", "back to the newest line"),
    key(C::Metrics, A::Down, &["j", "down"], "server", "the next server; the first line is all of them"),
    key(C::Metrics, A::NextKind, &["]", "["], "window", "ten minutes or an hour"),
    key(C::Metrics, A::Open, &["enter", "l", "right"], "calls", "these calls in Inspect"),
    key(C::Config, A::Open, &["enter", "l", "right"], "edit", "into the text, at this entry"),
    key(C::Config, A::AddServer, &["a"], "add", "add a server: a form, with a try"),
    key(C::Config, A::UseServer, &["u"], "on/off", "switch this server on or off, in the text"),
    key(C::Config, A::Rename, &["n"], "", "another name for this server, in the text"),
    key(C::Config, A::RemoveServer, &["X"], "", "take this server out of the text; undo brings it back"),
    key(C::Config, A::Refresh, &["R"], "", "look for the file again"),
    key(C::NoConfig, A::Open, &["enter"], "make one", "write a commented configuration, and open it here"),
    key(C::NoConfig, A::Refresh, &["R"], "look again", "look for the file again"),
    key(C::ConfigFile, A::Save, &["ctrl-s"], "save", "check, show what changes, save and go by it"),
    key(C::ConfigFile, A::NextProblem, &["f8"], "problem", "the next problem"),
    key(C::ConfigFile, A::PrevProblem, &["s-f8"], "", "the problem before"),
    key(C::ConfigFile, A::FindText, &["ctrl-f"], "find", "find a text"),
    key(C::ConfigFile, A::GoToLine, &["ctrl-g"], "", "go to a line by its number"),
    key(C::ConfigFile, A::Undo, &["ctrl-z"], "", "take the last change of the text back; says what it was"),
    key(C::ConfigFile, A::Redo, &["ctrl-y"], "", "do it again"),
    key(C::ConfigFile, A::OutsideEditor, &["f4"], "$EDITOR", "open the text in $VISUAL or $EDITOR"),
    key(C::Text, A::Complete, &["ctrl-n", "ctrl-space"], "offers", "what may stand here, and what it is for"),
    key(C::Text, A::CopyText, &["ctrl-c"], "", "copy what is selected (Shift and arrows), else the line"),
    key(C::Text, A::CutText, &["ctrl-x"], "", "cut it"),
    key(C::Text, A::PasteText, &["ctrl-v"], "", "put in what was copied here"),
    key(C::Text, A::FindNext, &["f3"], "", "the next place of what was found"),
    key(C::Text, A::FindPrev, &["s-f3"], "", "the place before"),
    key(C::Text, A::CommentLines, &["ctrl-t"], "", "make the selected lines comments, or text again"),
    key(C::Text, A::LeaveText, &["esc"], "outline", "back to the outline"),
    key(C::Text, A::Palette, &["ctrl-p"], "", "find an action, a server, a tool, and go there"),
    key(C::Text, A::Redraw, &["ctrl-l"], "", "draw the screen again"),
    key(C::Text, A::Mouse, &["f2"], "", "mouse on or off (off: the terminal selects text)"),
    key(C::Text, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Offers, A::Accept, &["tab"], "take it", "put the selected one in"),
    key(C::Offers, A::AcceptChosen, &["enter"], "", "the same, once it was chosen with the arrows"),
    key(C::Offers, A::Down, &["down", "ctrl-n"], "next", "the next one"),
    key(C::Offers, A::Up, &["up"], "", "the one before"),
    key(C::Offers, A::PageDown, &["pgdn"], "", "a page down"),
    key(C::Offers, A::PageUp, &["pgup"], "", "a page up"),
    key(C::Offers, A::CloseList, &["esc"], "close", "close the list"),
    key(C::Find, A::FilterDone, &["enter"], "done", "done: stay there, or take the name"),
    key(C::Find, A::FindNext, &["down", "f3", "ctrl-f"], "next", "the next one"),
    key(C::Find, A::FindPrev, &["up", "s-f3"], "previous", "the one before"),
    key(C::Find, A::FilterClear, &["esc"], "back", "back to where it began"),
    key(C::Find, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Find, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::AddServer, A::Send, &["enter"], "add", "put it into the text; nothing starts before you save"),
    key(C::AddServer, A::Try, &["ctrl-t"], "try", "start it, ask what it offers, end it"),
    key(C::AddServer, A::NextField, &["tab", "down"], "field", "next field"),
    key(C::AddServer, A::PrevField, &["s-tab", "up"], "", "previous field"),
    key(C::AddServer, A::Back, &["esc"], "close", "close the form"),
    key(C::AddServer, A::Help, &["f1"], "keys", "show these keys"),
    key(C::AddServer, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Changed, A::KeepMine, &["k"], "keep mine", "save over the file on disk, which is kept as .bak"),
    key(C::Changed, A::TakeTheirs, &["t"], "take theirs", "the file on disk replaces the text here"),
    key(C::Changed, A::SeeDifference, &["d"], "difference", "see what differs"),
    key(C::Changed, A::Back, &["esc", "q"], "close", "leave it for now"),
    key(C::Changed, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Filter, A::FilterDone, &["enter"], "keep", "keep the filter and go back to the list"),
    key(C::Filter, A::FilterClear, &["esc"], "no filter", "take the filter away"),
    key(C::Filter, A::Help, &["f1"], "keys", "show the keys and what a filter can say"),
    key(C::Filter, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Search, A::SearchDone, &["enter"], "keep", "keep what was found; n and N go on"),
    key(C::Search, A::SearchNext, &["down", "tab"], "next", "the next place"),
    key(C::Search, A::SearchPrev, &["up", "s-tab"], "", "the place before"),
    key(C::Search, A::SearchCancel, &["esc"], "nothing", "look for nothing"),
    key(C::Search, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Search, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Prompt, A::Accept, &["enter"], "ok", "take what was typed"),
    key(C::Prompt, A::Back, &["esc"], "cancel", "leave it as it was"),
    key(C::Prompt, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Prompt, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Message, A::Send, &["ctrl-s"], "send", "check it and send it; what may change something asks"),
    key(C::Message, A::OutsideEditor, &["f4"], "$EDITOR", "edit it in $VISUAL or $EDITOR"),
    key(C::Message, A::Undo, &["ctrl-z"], "undo", "take the last change back; says what it was"),
    key(C::Message, A::Redo, &["ctrl-y"], "", "do it again"),
    key(C::Message, A::CopyText, &["ctrl-c"], "", "copy what is selected (Shift and arrows), else the line"),
    key(C::Message, A::CutText, &["ctrl-x"], "", "cut it"),
    key(C::Message, A::PasteText, &["ctrl-v"], "", "put in what was copied here"),
    key(C::Message, A::Back, &["esc"], "leave", "send nothing; the same key opens the text again"),
    key(C::Message, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Export, A::ToFile, &["w"], "to a file", "write the selected one into a file"),
    key(C::Columns, A::Toggle, &["space"], "on/off", "show or hide the selected column"),
    key(C::Form, A::Send, &["enter"], "send", "check the fields and send"),
    key(C::Form, A::NextField, &["tab", "down"], "field", "next field"),
    key(C::Form, A::PrevField, &["s-tab", "up"], "", "previous field"),
    key(C::Form, A::NextChoice, &["right"], "", "next choice, one row more; in text, one to the right"),
    key(C::Form, A::PrevChoice, &["left"], "", "previous choice, the last row away; in text, one to the left"),
    key(C::Form, A::RawArguments, &["ctrl-r"], "JSON", "all arguments as JSON, or a field for each"),
    key(C::Form, A::SwitchAnswer, &["ctrl-o"], "answer", "into the answer"),
    key(C::Form, A::Back, &["esc"], "close", "close the form; asks while a call runs"),
    key(C::Form, A::Help, &["f1"], "keys", "show these keys"),
    key(C::Form, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Answer, A::SwitchAnswer, &["tab", "s-tab", "ctrl-o"], "fields", "back to the fields"),
    key(C::Answer, A::AsJson, &["J"], "JSON", "the answer's JSON, or the answer as it reads"),
    key(C::Answer, A::RunAgain, &["."], "again", "send the same again"),
    key(C::Answer, A::Copy, &["y"], "copy", "copy a value, its path or the whole answer"),
    key(C::Answer, A::Back, &["esc", "q"], "close", "close the form; asks while a call runs"),
    key(C::Rename, A::Accept, &["enter"], "rename", "write it into the configuration (empty: its own name)"),
    key(C::Rename, A::Back, &["esc"], "close", "close, and change nothing"),
    key(C::Rename, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Menu, A::Accept, &["enter"], "do it", "do the selected entry"),
    key(C::Menu, A::Back, &["esc", "q", "?", "f1"], "close", "close"),
    key(C::Menu, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Palette, A::Accept, &["enter"], "do it", "do the selected entry"),
    key(C::Palette, A::Down, &["down", "tab", "ctrl-n"], "next", "the next entry"),
    key(C::Palette, A::Up, &["up", "s-tab", "ctrl-p"], "", "the entry before"),
    key(C::Palette, A::PageDown, &["pgdn"], "", "a page down"),
    key(C::Palette, A::PageUp, &["pgup"], "", "a page up"),
    key(C::Palette, A::Back, &["esc"], "close", "close"),
    key(C::Palette, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Reader, A::Back, &["esc", "q", "enter"], "close", "close"),
    key(C::Reader, A::Copy, &["y"], "copy", "copy this text"),
    key(C::Reader, A::Quit, &["ctrl-c"], "", "quit at once"),
    key(C::Confirm, A::Yes, &["y"], "yes", "yes, do it"),
    key(C::Confirm, A::No, &["n", "esc", "q"], "no", "no, leave it"),
    key(C::Confirm, A::OtherButton, &["tab", "s-tab", "left", "right", "h", "l"], "other", "the other button"),
    key(C::Confirm, A::Accept, &["enter"], "press", "press the marked button"),
    key(C::Confirm, A::Quit, &["ctrl-c"], "", "quit at once"),
];

/// The keys of each line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keymap {
    /// In the order of [`TABLE`].
    pub(super) keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self { keys: TABLE.iter().map(|b| b.parsed().collect()).collect() }
    }
}

/// A line of the table with the keys that reach it where one is.
#[derive(Debug)]
pub(crate) struct Reachable {
    /// The line.
    pub(crate) binding: &'static Binding,
    /// Its keys that no nearer context has.
    pub(crate) keys: Vec<Key>,
}

impl Keymap {
    /// The lines of a context with their keys.
    fn of(&self, context: C) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        let all = TABLE.iter().zip(&self.keys).map(|(binding, keys)| (binding, keys.as_slice()));
        all.filter(move |(binding, _)| binding.context == context)
    }

    /// What a key does in these contexts, the nearest first.
    #[must_use]
    pub(crate) fn action(&self, contexts: &[C], key: Key) -> Option<A> {
        let in_context = |c: &C| self.of(*c).find(|(_, keys)| keys.contains(&key)).map(|(b, _)| b.action);
        contexts.iter().find_map(in_context)
    }

    /// The lines that count in these contexts, nearest first, without what a nearer one hides.
    pub(crate) fn bindings(&self, contexts: &[C]) -> impl Iterator<Item = Reachable> {
        contexts.iter().enumerate().flat_map(move |(depth, context)| {
            self.of(*context).filter_map(move |(binding, keys)| {
                let is_free = |k: &Key| self.action(&contexts[..depth], *k).is_none();
                let keys: Vec<Key> = keys.iter().copied().filter(is_free).collect();
                (!keys.is_empty()).then_some(Reachable { binding, keys })
            })
        })
    }
}

impl Reachable {
    /// The key shown in hints.
    pub(crate) fn first_key(&self) -> String {
        self.keys.first().map(Key::to_string).unwrap_or_default()
    }

    /// All keys, for help.
    pub(crate) fn all_keys(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(Key::to_string).collect();
        names.join(" ")
    }
}

impl Binding {
    /// By what name a user's file calls it: `backends.restart`.
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", kebab_case(&format!("{:?}", self.context)), kebab_case(&format!("{:?}", self.action)))
    }

    /// Its keys, without those of a user.
    pub(crate) fn parsed(&self) -> impl Iterator<Item = Key> + use<> {
        self.keys.iter().filter_map(|name| Key::parse(name))
    }
}

/// The page `docs/keys.md`, which a test keeps up to date.
#[cfg(test)]
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Keys of the terminal\n\nMade from the table in `tui/src/input/keymap.rs`; a test compares. \
         `?` or F1 shows the keys that work where you are.\n\n\
         Other keys are given by `keys.toml` beside the configuration (`~/.config/mcp-proxy/keys.toml`), by the names in the \
         last column:\n\n```toml\n[backends]\nrestart = \"ctrl-r\"\nping = [\"t\", \"f5\"]\n\n[inspect]\n\
         cancel-flow = []          # no key\n```\n\nA line gives all keys of its action. What takes a key from somebody else, or \
         cannot work, is said when the terminal starts (F3 shows it again).\n",
    );
    for context in C::ALL {
        out.push_str(&format!("\n## {}\n\n| Key | Does | Name |\n|---|---|---|\n", context.title()));
        for b in TABLE.iter().filter(|b| b.context == context) {
            let keys: Vec<String> = b.parsed().map(|k| format!("`{k}`")).collect();
            out.push_str(&format!("| {} | {} | `{}` |\n", keys.join(" "), b.help, b.id()));
        }
    }
    out.push_str("\n## What a filter can say\n\n| Write | Matches |\n|---|---|\n");
    for (write, matches) in mcp_proxy_core::observe::filter::HELP {
        out.push_str(&format!("| `{}` | {matches} |\n", write.replace('|', "\\|")));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_name_is_one() {
        for b in TABLE {
            assert_eq!(b.parsed().count(), b.keys.len(), "{b:?}");
        }
    }

    #[test]
    fn a_key_does_one_thing_in_a_context() {
        let mut seen = HashSet::new();
        for b in TABLE {
            for k in b.parsed() {
                assert!(seen.insert((b.context, k)), "{k} twice in {:?}", b.context);
            }
        }
    }

    #[test]
    fn few_screens_hide_keys_that_count_everywhere() {
        for b in TABLE.iter().filter(|b| !matches!(b.context, C::Everywhere)) {
            for k in b.parsed() {
                let hides = Keymap::default().action(&[C::Everywhere], k);
                // These contexts do not lie on `Everywhere`, or mean the same thing there.
                let alone = matches!(
                    b.context,
                    C::Filter
                        | C::Search
                        | C::Prompt
                        | C::Message
                        | C::Form
                        | C::Menu
                        | C::Palette
                        | C::Reader
                        | C::Confirm
                        | C::Answer
                        | C::Text
                        | C::Offers
                        | C::Find
                        | C::AddServer
                        | C::Changed
                        | C::Rename
                );
                // In the screen of a text one does not leave the program by the key that undoes.
                let known =
                    matches!((b.context, b.action), (C::Logs, A::KeepLess | A::LogsNewest) | (C::ConfigFile, A::Undo));
                assert!(hides.is_none() || alone || known, "{k} in {:?} hides {hides:?}", b.context);
            }
        }
    }

    #[test]
    fn hints_are_short_and_help_is_there() {
        for b in TABLE {
            let key = b.parsed().next().unwrap().to_string();
            let cells = crate::widgets::text::width(&key) + 1 + crate::widgets::text::width(b.label);
            assert!(b.label.is_empty() || cells <= 14, "{}: {cells}", b.label);
            assert!(!b.help.is_empty() && b.help.len() <= 60, "{}", b.help);
        }
    }

    #[test]
    fn characters_are_never_commands_where_text_is_typed() {
        for b in TABLE.iter().filter(|b| b.context.takes_text()) {
            assert!(b.parsed().all(|k| k.typed().is_none()), "{b:?}");
        }
    }

    #[test]
    fn no_key_is_another_key_in_disguise() {
        // Ctrl-H, I, J, M are Backspace, Tab, Enter for a terminal; Ctrl-A and Ctrl-B belong to screen and tmux.
        for b in TABLE {
            for name in b.keys {
                assert!(!["ctrl-h", "ctrl-i", "ctrl-j", "ctrl-m", "ctrl-a", "ctrl-b"].contains(name), "{b:?}");
            }
        }
    }

    #[test]
    fn the_page_on_keys_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/keys.md");
        let made = markdown();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
            std::fs::write(path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == made, "docs/keys.md is old: UPDATE_DOCS=1 cargo test -p mcp-proxy-tui keymap");
    }
}
