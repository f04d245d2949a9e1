//! The pictures of the README, drawn by the same code as the screens, so that they stay true: SVG files in `docs/screens/`.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::app::model::Model;
use crate::app::view;
use crate::driver::Driver;

/// A cell in pixels.
const CELL: (f64, f64) = (8.0, 17.0);
/// Around the screen.
const MARGIN: f64 = 12.0;
/// Plain text, and what is behind it.
const PLAIN: (&str, &str) = ("#d7dae0", "#16181d");

fn color(color: Option<Color>) -> &'static str {
    match color {
        Some(Color::Red) => "#e8707a",
        Some(Color::Green) => "#8fc379",
        Some(Color::Yellow) => "#e2bd70",
        Some(Color::Blue) => "#7aa8f0",
        Some(Color::Magenta) => "#c58be0",
        Some(Color::Cyan) => "#6cc0cb",
        Some(Color::White) => "#ffffff",
        Some(Color::DarkGray | Color::Gray) => "#8a909c",
        _ => PLAIN.0,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What makes cells look the same.
fn look(cell: &Cell) -> (&'static str, Modifier) {
    (color(cell.style().fg), cell.modifier)
}

/// The cells as a picture: runs of the same look, each character at its place.
fn svg(buffer: &Buffer) -> String {
    let (cols, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (cols * CELL.0 + 2.0 * MARGIN, rows * CELL.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        PLAIN.1
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let (from, (fg, modifier)) = (x, look(&buffer[(x, y)]));
            let mut run = String::new();
            let mut skip = 0;
            while x < buffer.area.width && look(&buffer[(x, y)]) == (fg, modifier) {
                if skip == 0 {
                    let symbol = buffer[(x, y)].symbol();
                    run.push_str(symbol);
                    skip = crate::widgets::text::width(symbol).saturating_sub(1);
                } else {
                    skip -= 1;
                }
                x += 1;
            }
            let is_reversed = modifier.contains(Modifier::REVERSED);
            if run.trim().is_empty() && !is_reversed {
                continue;
            }
            let left = MARGIN + f64::from(from) * CELL.0;
            let top = MARGIN + f64::from(y) * CELL.1;
            let wide = f64::from(x - from) * CELL.0;
            let mut fill = fg;
            if is_reversed {
                out.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{}\" fill=\"{fg}\"/>\n",
                    CELL.1
                ));
                fill = PLAIN.1;
            }
            if run.trim().is_empty() {
                continue;
            }
            let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            let faint = if modifier.contains(Modifier::DIM) { " opacity=\".6\"" } else { "" };
            // Each character at its own place: fonts differ in how wide they are.
            let (mut places, mut drawn) = (String::new(), String::new());
            let mut at = left;
            for c in run.chars() {
                // Blanks need no place, and nobody can take them away.
                if c != ' ' {
                    places.push_str(&format!("{at} "));
                    drawn.push(c);
                }
                at += CELL.0 * f64::from(u8::try_from(crate::widgets::text::width(&c.to_string())).unwrap_or(1));
            }
            out.push_str(&format!(
                "<text x=\"{}\" y=\"{}\" fill=\"{fill}\"{weight}{faint}>{}</text>\n",
                places.trim_end(),
                top + 12.5,
                escaped(&drawn)
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn draw(model: &Model) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    terminal.backend().buffer().clone()
}

#[test]
fn the_pictures_are_what_the_screens_look_like() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screens");
    let mut old = Vec::new();
    for (name, keys) in [
        ("backends", "1"),
        ("failure", "1 j j j d"),
        ("inspect", "2 g j j j enter"),
        ("catalog", "3 j j d"),
        ("metrics", "6"),
        ("config", "7 enter end enter r e"),
        ("compare", "2 g j j j m j j C"),
        ("held", "2 k k"),
    ] {
        let mut d = Driver::new((110, 32));
        if name == "held" {
            d.hold("~t demo__slow & ~q");
        }
        d.keys(keys);
        let made = svg(&draw(&d.model));
        let path = format!("{folder}/{name}.svg");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != made {
            old.push(name);
        }
    }
    assert!(old.is_empty(), "{old:?} in docs/screens are old: UPDATE_DOCS=1 cargo test -p mcp-proxy-tui pictures");
}
