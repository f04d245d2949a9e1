//! Every screen in every state at three sizes, as text, in `snapshots/tui/`. Read them as a person would.

/// Compares with the snapshot of this name.
macro_rules! snapshot {
    ($name:expr, $value:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/tui"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $value));
    }};
}

mod inspect;
mod looks;
mod screens;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::app::model::Model;
use crate::app::view;
use crate::driver::Driver;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn draw(model: &Model) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The cells as text; a wide character's second cell is left out.
fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        let mut line = String::new();
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = crate::widgets::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Runs of cells of the same style, without the plain ones.
fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, y)].style();
            let from = x;
            let mut run = String::new();
            while x < buffer.area.width && buffer[(x, y)].style() == style {
                run.push_str(buffer[(x, y)].symbol());
                x += 1;
            }
            let plain = style.add_modifier.is_empty() && matches!(style.fg, None | Some(ratatui::style::Color::Reset));
            if !plain && !run.trim().is_empty() {
                let fg = style.fg.map(|c| c.to_string()).unwrap_or_default();
                out.push_str(&format!("{y}:{from} {fg} {:?} `{}`\n", style.add_modifier, run.trim()));
            }
        }
    }
    out
}

/// Takes the snapshot of a state at each size.
fn each_size(name: &str, build: impl Fn((u16, u16)) -> Driver) {
    for size in SIZES {
        let driver = build(size);
        snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&draw(&driver.model)));
    }
}

fn after(keys: &'static str) -> impl Fn((u16, u16)) -> Driver {
    move |size| {
        let mut d = Driver::new(size);
        d.keys(keys);
        d
    }
}
