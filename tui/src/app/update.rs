//! How the model changes: one message in, a changed model and wishes out.

use mcp_proxy_core::control::Command;

use super::effect::Effect;
use super::layout;
use super::messages;
use super::model::{Model, Screen, Work};
use super::mouse;
use super::msg::{Ended, Msg};
use super::palette;
use super::popup::{Ask, Popup};
use super::theme::Tone;
use crate::input::action::Action;
use crate::input::context::Context;
use crate::input::key::{Code, Key};
use crate::input::keymap::Keymap;
use crate::screens::inspect::state::Pane;
use crate::screens::{backends, catalog, clients, config, inspect, logs, metrics};
use crate::widgets::{help, popup};

/// Takes a message.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    let was_dirty = std::mem::replace(&mut model.dirty, true);
    match msg {
        Msg::Key(key) => on_key(model, key, &mut effects),
        Msg::Paste(text) => {
            if let Some(input) = model.typing() {
                input.insert(&text);
                typed(model, &mut effects);
            } else if let Some(Popup::Inspect(layer)) = model.popups.last_mut() {
                layer.paste(&text);
            } else if model.popups.is_empty() && model.screen == Screen::Config {
                config::update::paste(model, &text, &mut effects);
            }
        }
        Msg::Mouse(what, x, y) => mouse::on_mouse(model, what, x, y, &mut effects),
        Msg::Resize(w, h) => model.size = (w, h),
        Msg::Focus(front) => model.focused = front,
        Msg::Background { light } => model.theme.light = model.chosen_light.unwrap_or(light),
        Msg::Tick => effects.push(Effect::Look(model.inspect.version)),
        Msg::Seen(seen) => {
            model.inspect.intercept = seen.intercept;
            if !model.inspect.frozen {
                model.inspect.version = seen.version;
                model.inspect.seen(seen.first, seen.next, seen.changed.as_deref(), &mut effects);
                inspect::replay::find_begun(model);
            }
            model.catalog.seen(seen.catalog);
            keep_selected(model, seen.snapshot);
            config::update::read_again(model, seen.n_readings, &mut effects);
            model.n_seen += 1;
            backends::update::pinged(model);
        }
        Msg::Scanned { generation, upto, rows } => {
            let state = &mut model.inspect;
            effects.extend(state.rows.scanned(generation, upto, &rows, &state.marks));
            inspect::replay::find_begun(model);
        }
        Msg::Rechecked(rows) => model.inspect.rows.rechecked(&rows, &model.inspect.marks),
        Msg::Replayed { of, new } => inspect::replay::has_begun(model, of, new),
        Msg::Edited(what, text) => inspect::replay::edited(model, what, text),
        Msg::Held(what, held) => inspect::hold::edit(model, what, held.map(|h| *h)),
        Msg::Compare(a, b) => inspect::update::compared(model, a.map(|f| *f), b.map(|f| *f)),
        Msg::Working { n, what } => model.work = Some(Work { n, what, done: 0, of: 0, is_stopping: false }),
        Msg::Progress { n, done, of } => {
            if let Some(work) = model.work.as_mut().filter(|w| w.n == n) {
                (work.done, work.of) = (done, of);
            }
        }
        Msg::Worked { n, ended } => {
            model.work.take_if(|w| w.n == n);
            match ended {
                Ended::Stopped => model.say(Tone::Plain, "stopped: nothing is left of it"),
                Ended::Loaded(loaded) => inspect::files::loaded(model, loaded, &mut effects),
                Ended::Said(result) => said(model, result),
                Ended::Text { what, text } => effects.push(Effect::Copy { what, text }),
            }
        }
        Msg::Streaming(path) => inspect::files::streaming(model, path),
        Msg::Rows(rows) => model.inspect.shown(rows),
        Msg::Found { generation, rows } => model.inspect.found(generation, &rows, &mut effects),
        Msg::Flow(id, found) => model.inspect.opened(id, found.map(|b| *b)),
        Msg::Metrics(view) => model.metrics.take(*view, model.now),
        Msg::Server(seen, open) => {
            model.backends.seen = seen.map(|s| *s);
            model.open = open;
        }
        Msg::Client(id, instances, open) => {
            model.clients.instances = Some((id, instances));
            model.open = open;
        }
        Msg::Config(told) => config::update::told(model, *told, &mut effects),
        Msg::Logs { n_dropped } => {
            model.logs.n_dropped = model.logs.n_dropped.saturating_add(n_dropped);
            model.dirty = was_dirty || model.screen == Screen::Logs;
        }
        Msg::Commanded(command, result) => {
            let s = model.theme.symbols();
            match result {
                Ok(()) => {
                    if matches!(command, Command::Release { .. } | Command::Answer { .. }) {
                        model.inspect.draft = None;
                    }
                    model.say(Tone::Good, format!("{} {}", s.good, accepted(&command)));
                }
                Err(error) => {
                    let text = error.to_string();
                    model.say(Tone::Bad, format!("{} {text}", s.bad));
                    inspect::replay::refused(model, &command, text);
                }
            }
        }
        Msg::Answer { seq, result, took } => {
            if let Some(form) = catalog::update::form(model)
                && matches!(form.call, catalog::form::Call::Running { seq: running, .. } if running == seq)
            {
                form.answered(result, took);
                // Asked while it ran; the answer was faster.
                model.popups.retain(|p| !matches!(p, Popup::Confirm { then: Ask::CancelCall, .. }));
            }
        }
        Msg::Copied(result) => said(model, result),
    }
    config::update::look(model, &mut effects);
    settle(model, &mut effects);
    backends::update::look(model, &mut effects);
    clients::update::look(model, &mut effects);
    if model.screen == Screen::Metrics && model.metrics.is_due(model.now) {
        metrics::update::look(model, &mut effects);
    }
    effects
}

/// Says what came of something.
fn said(model: &mut Model, result: Result<String, String>) {
    let s = model.theme.symbols();
    match result {
        Ok(how) => model.say(Tone::Good, format!("{} {how}", s.good)),
        Err(why) => model.say(Tone::Bad, format!("{} {why}", s.bad)),
    }
}

fn accepted(command: &Command) -> String {
    match command {
        Command::Start(name) => format!("starting `{name}`"),
        Command::Stop(name) => format!("stopping `{name}`"),
        Command::Restart(name) => format!("restarting `{name}`"),
        Command::Ping(name) => format!("asking `{name}` whether it is there"),
        Command::Cancel(id) => format!("cancelled {id}"),
        Command::Disconnect(id) => format!("disconnecting {id}"),
        Command::Configure(change) => format!("{}: written to the configuration", change.words()),
        Command::Intercept(Some(filter)) => format!("holding what matches `{filter}`"),
        Command::Intercept(None) => "nothing more is held".to_owned(),
        Command::Release { call, message: None } => format!("{call} has gone on"),
        Command::Release { call, .. } => format!("{call} has gone on as edited"),
        Command::ReleaseAll => "all have gone on".to_owned(),
        Command::Drop(call) => format!("{call} was dropped: who waits for it gets an error"),
        Command::Answer { call, .. } => format!("{call} was answered by hand"),
    }
}

/// Takes a new snapshot; the selected server and client stay selected.
fn keep_selected(model: &mut Model, mut snapshot: mcp_proxy_core::control::Snapshot) {
    let selected = model.server().map(|b| b.name.clone());
    let session = model.session().map(|c| c.id);
    backends::order::sort(&mut snapshot.backends, model.backends.order);
    clients::update::sort(&mut snapshot.clients, model.clients.order);
    model.snapshot = Some(snapshot);
    if let Some(at) = session.and_then(|id| model.sessions().iter().position(|c| c.id == id)) {
        model.clients.cursor.at = at;
    }
    if let Some(at) = selected.and_then(|name| model.servers().iter().position(|b| b.name == name)) {
        model.backends.cursor.at = at;
    }
}

/// Puts cursors on lines and lines on the screen.
fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    if layout::too_small(model.size) {
        return;
    }
    let areas = inspect::layout::areas(model);
    let on_screen = model.screen == Screen::Inspect;
    let narrow = layout::breadth(model.size) == layout::Breadth::Narrow;
    model.inspect.settle(model.now, areas.list_rows(), on_screen, effects);
    if let Some(detail) = &mut model.inspect.detail {
        if on_screen && !(narrow && model.inspect.pane == Pane::List) {
            detail.prepare();
        }
        for (pane, side) in [(Pane::Request, &mut detail.request), (Pane::Response, &mut detail.response)] {
            let n = side.n_lines(areas.pane_cells(pane), inspect::facts::N_LINES);
            side.cursor.settle(n, areas.pane_rows(pane));
        }
    } else {
        model.inspect.pane = Pane::List;
    }

    let (n, page) = (model.servers().len(), backends::view::list_rows(model));
    model.backends.cursor.settle(n, page);
    // The end of a log stays its end.
    if model.backends.in_detail && model.backends.detail_top != usize::MAX {
        let (n, page) = backends::view::detail_size(model);
        model.backends.detail_top = model.backends.detail_top.min(n.saturating_sub(page));
    }

    metrics::update::settle(model);

    let (n, page) = (model.sessions().len(), clients::view::list_rows(model));
    model.clients.cursor.settle(n, page);
    model.clients.in_detail &= n > 0;

    let (n, page) = (model.catalog.shown.len(), catalog::view::list_rows(model));
    model.catalog.cursor.settle(n, page);
    if model.screen == Screen::Catalog {
        model.catalog.settle_tree();
        let rows = catalog::view::tree_rows(model);
        let n = model.catalog.tree.as_ref().map_or(0, |(_, t)| t.lines().len());
        model.catalog.tree_cursor.settle(n, rows);
        let (n, page) = catalog::view::detail_size(model);
        model.catalog.detail_top = model.catalog.detail_top.min(n.saturating_sub(page));
    }
    if n == 0 {
        model.catalog.in_detail = false;
    }
    if model.screen == Screen::Config {
        config::view::settle(model);
    }

    let Some(mut top) = model.popups.pop() else { return };
    let page = popup::page(model, &top);
    match &mut top {
        Popup::Help { contexts, cursor } => cursor.settle(help_len(&model.keys, contexts), page),
        Popup::Copy { entries, cursor } => cursor.settle(entries.len(), page),
        Popup::Palette(p) => p.cursor.settle(p.shown.len(), page),
        Popup::Inspect(layer) => inspect::layer_view::settle(model, layer),
        _ => {}
    }
    model.popups.push(top);
    let rows = catalog::form_view::answer_rows(model);
    if let Some(form) = catalog::update::form(model) {
        let n = form.answer.lines().len() + usize::from(form.answer.n_left_out() > 0);
        form.cursor.settle(n, rows);
    }
}

fn help_len(keys: &Keymap, contexts: &[Context]) -> usize {
    let filter = if contexts.contains(&Context::Filter) { mcp_proxy_core::observe::filter::HELP.len() } else { 0 };
    help::entries(keys, contexts).len() + filter
}

fn on_key(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    model.toast = None;
    if layout::too_small(model.size) {
        // Nothing can be seen: only leaving works.
        if key.typed() == Some('q') || (key.ctrl && key.code == Code::Char('c')) {
            effects.push(Effect::Quit);
        }
        return;
    }
    let contexts = model.contexts();
    match model.keys.action(&contexts, key) {
        Some(action) => act(model, &contexts, action, effects),
        None => {
            if let Some(input) = model.typing() {
                if input.key(key) {
                    typed(model, effects);
                }
            } else if let Some(Popup::Inspect(layer)) = model.popups.last_mut()
                && layer.key(key)
            {
                // It went into the text.
            } else if model.popups.is_empty() && model.screen == Screen::Config && model.config.in_text() {
                config::update::key(model, key, effects);
            } else if let Some(action) = key.alone().and_then(|key| model.keys.action(&contexts, key)) {
                act(model, &contexts, action, effects);
            }
        }
    }
}

/// The text of a field changed.
fn typed(model: &mut Model, effects: &mut Vec<Effect>) {
    match model.popups.last_mut() {
        Some(Popup::Form(form)) => {
            if let Some(field) = form.fields.get_mut(form.at) {
                field.error = None;
            }
        }
        Some(Popup::Palette(palette)) => palette.choose(),
        Some(Popup::AddServer(add)) => add.typed(),
        Some(Popup::Inspect(layer)) => layer.typed(),
        Some(_) => {}
        None if model.screen == Screen::Inspect && model.inspect.is_searching() => model.inspect.search(),
        None if model.screen == Screen::Inspect && model.inspect.is_finding() => model.inspect.find_typed(effects),
        None if model.screen == Screen::Inspect => model.inspect.apply_filter(effects),
        None if model.screen == Screen::Catalog => model.catalog.choose(),
        None if model.screen == Screen::Config => config::update::typed(model),
        None => {}
    }
}

/// Does what was asked for where it was asked.
pub(crate) fn act(model: &mut Model, contexts: &[Context], action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Quit => quit(model, effects),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Mouse => {
            model.mouse ^= true;
            effects.push(Effect::Mouse(model.mouse));
            let text = if model.mouse { "mouse on" } else { "mouse off: the terminal selects text; F2 turns it on" };
            model.say(Tone::Plain, text);
        }
        Action::Help => {
            let contexts = contexts.to_vec();
            model.popups.push(Popup::Help { contexts, cursor: super::cursor::Cursor::default() });
        }
        Action::Palette => palette::open(model, contexts),
        Action::Messages => messages::open(model),
        Action::Light => {
            model.theme.light ^= true;
            model.chosen_light = Some(model.theme.light);
            let text =
                if model.theme.light { "colours for a light background" } else { "colours for a dark background" };
            model.say(Tone::Plain, text);
        }
        _ => match model.popups.last() {
            None => act_on_screen(model, action, effects),
            Some(Popup::Form(_)) => catalog::update::act_on_form(model, action, effects),
            Some(Popup::AddServer(_)) => config::add::act(model, action, effects),
            Some(Popup::Inspect(_)) => inspect::layer::act(model, action, effects),
            Some(_) => act_on_popup(model, action, effects),
        },
    }
}

fn act_on_screen(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::ShowBackends => model.show(Screen::Backends),
        Action::ShowInspect => model.show(Screen::Inspect),
        Action::ShowCatalog => model.show(Screen::Catalog),
        Action::ShowClients => model.show(Screen::Clients),
        Action::ShowLogs => model.show(Screen::Logs),
        Action::ShowMetrics => model.show(Screen::Metrics),
        Action::ShowConfig => model.show(Screen::Config),
        Action::LastScreen => model.show(model.last_screen),
        Action::Back => back(model, effects),
        Action::Close => close(model),
        _ => match model.screen {
            Screen::Backends => backends::update::act(model, action, effects),
            Screen::Inspect => inspect::update::act(model, action, effects),
            Screen::Catalog => catalog::update::act(model, action, effects),
            Screen::Clients => clients::update::act(model, action, effects),
            Screen::Logs => logs::update::act(model, action, effects),
            Screen::Metrics => metrics::update::act(model, action, effects),
            Screen::Config => config::update::act(model, action, effects),
        },
    }
}

/// One step back; at the root the first-run line goes, but never the program.
fn back(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some(work) = model.work.as_mut().filter(|w| !w.is_stopping) {
        work.is_stopping = true;
        return effects.push(Effect::StopWork);
    }
    let stepped = match model.screen {
        Screen::Backends => backends::update::back(model),
        Screen::Inspect => inspect::update::back(model, effects),
        Screen::Catalog => catalog::update::back(model),
        Screen::Clients => clients::update::back(model),
        Screen::Config => config::update::back(model),
        Screen::Logs | Screen::Metrics => false,
    };
    if !stepped && model.trouble.take().is_none() && !model.demo {
        model.first_run = None;
    }
}

/// Closes what lies over the list; at the root, asks to quit.
fn close(model: &mut Model) {
    let closed = match model.screen {
        Screen::Backends => backends::update::close(model),
        Screen::Inspect => inspect::update::close(model),
        Screen::Catalog => catalog::update::close(model),
        Screen::Clients => clients::update::close(model),
        Screen::Config => config::update::back(model),
        Screen::Logs | Screen::Metrics => false,
    };
    if !closed {
        ask_to_quit(model);
    }
}

/// Quits at once, unless something would be lost: then asks, and the same key again leaves.
fn quit(model: &mut Model, effects: &mut Vec<Effect>) {
    let is_asked = model.popups.iter().any(|p| matches!(p, Popup::Confirm { then: Ask::Quit, .. }));
    if model.config.is_modified() && !is_asked {
        ask_to_quit(model);
    } else {
        effects.push(Effect::Quit);
    }
}

fn ask_to_quit(model: &mut Model) {
    let n = model.snapshot.as_ref().map_or(0, |s| s.totals.n_in_flight);
    let n_held = model.inspect.intercept.held.len();
    let detail = match n {
        _ if n_held == 1 => {
            "The servers started here are stopped; a message is held, and ends with an error.".to_owned()
        }
        _ if n_held > 1 => {
            format!("The servers started here are stopped; {n_held} messages are held, and end with an error.")
        }
        0 => "The servers started here are stopped.".to_owned(),
        1 => "The servers started here are stopped; 1 call is in flight.".to_owned(),
        n => format!("The servers started here are stopped; {n} calls are in flight."),
    };
    let detail = match model.config.open().filter(|o| o.is_modified) {
        Some(open) => format!("What you typed in {} is not saved and would be lost. {detail}", open.name()),
        None => detail,
    };
    model.popups.push(Popup::Confirm { question: "Quit mcp-proxy?".to_owned(), detail, then: Ask::Quit, yes: false });
}

fn act_on_popup(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(mut top) = model.popups.pop() else { return };
    let page = popup::page(model, &top);
    match (&mut top, action) {
        (Popup::Save { .. }, Action::No | Action::Back) => return config::save::leave(model),
        (Popup::Save { .. }, Action::Yes) => return config::save::write(model, effects),
        (Popup::Save { yes }, Action::Accept) => {
            return if *yes { config::save::write(model, effects) } else { config::save::leave(model) };
        }
        (Popup::Save { yes }, Action::OtherButton) => *yes ^= true,
        (Popup::Changed, Action::KeepMine) => return config::save::keep_mine(model, effects),
        (Popup::Changed, Action::TakeTheirs) => return config::save::take_theirs(model, effects),
        (Popup::Changed, Action::SeeDifference) => {
            let text = model.config.open().map_or_else(String::new, config::save::difference);
            model.popups.push(top);
            return model.popups.push(Popup::Reader { title: "Difference".to_owned(), text: text.into(), top: 0 });
        }
        (Popup::Confirm { .. }, Action::No | Action::Back) | (_, Action::Back) => return,
        (Popup::Confirm { then, .. }, Action::Yes) => return agreed(model, then.clone(), effects),
        (Popup::Confirm { then, yes, .. }, Action::Accept) => {
            if *yes {
                agreed(model, then.clone(), effects);
            }
            return;
        }
        (Popup::Confirm { yes, .. }, Action::OtherButton) => *yes ^= true,
        (Popup::Help { contexts, cursor }, Action::Accept) => {
            let entries = help::entries(&model.keys, contexts);
            let Some(entry) = entries.get(cursor.at) else { return };
            return act(model, &contexts.clone(), entry.binding.action, effects);
        }
        (Popup::Help { contexts, cursor }, _) => {
            cursor.go(action, help_len(&model.keys, contexts), page);
        }
        (Popup::Copy { entries, cursor }, Action::Accept) => {
            if let Some(entry) = entries.get(cursor.at) {
                effects.push(Effect::Copy { what: entry.what.to_owned(), text: entry.text() });
            }
            return;
        }
        (Popup::Copy { entries, cursor }, _) => {
            cursor.go(action, entries.len(), page);
        }
        (Popup::Rename(rename), Action::Accept) => return catalog::update::renamed(model, rename, effects),
        (Popup::Palette(open), Action::Accept) => return palette::accept(model, open, effects),
        (Popup::Palette(open), _) => {
            open.cursor.go(action, open.shown.len(), page);
        }
        (Popup::Reader { text, .. }, Action::Copy) => {
            effects.push(Effect::Copy { what: "text".to_owned(), text: text.to_string() });
        }
        (Popup::Reader { .. }, _) => {
            let n = popup::reader_lines(model, &top).saturating_sub(page) + 1;
            if let Popup::Reader { top, .. } = &mut top
                && let Some(at) = super::cursor::moved(action, (*top).min(n.saturating_sub(1)), n, page)
            {
                *top = at;
            }
        }
        _ => {}
    }
    model.popups.push(top);
}

/// The answer was yes.
fn agreed(model: &mut Model, ask: Ask, effects: &mut Vec<Effect>) {
    match ask {
        Ask::Quit => effects.push(Effect::Quit),
        Ask::Restart(name) => effects.push(Effect::Command(Command::Restart(name))),
        Ask::Stop(name) => effects.push(Effect::Command(Command::Stop(name))),
        Ask::Configure(change) => effects.push(Effect::Command(Command::Configure(change))),
        Ask::Disconnect(id) => effects.push(Effect::Command(Command::Disconnect(id))),
        Ask::CancelFlow(id) => effects.push(Effect::Command(Command::Cancel(id))),
        Ask::Send => catalog::update::send(model, true, effects),
        Ask::Replay(again) => inspect::replay::send(model, again, effects),
        Ask::DropHeld(call) => effects.push(Effect::Command(Command::Drop(call))),
        Ask::CancelCall => catalog::update::cancel(model, effects),
    }
}

impl Model {
    /// Goes to a screen.
    pub(crate) fn show(&mut self, screen: Screen) {
        if screen != self.screen {
            self.last_screen = self.screen;
            self.screen = screen;
        }
    }
}
