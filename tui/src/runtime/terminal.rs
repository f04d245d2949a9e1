//! Takes the terminal and gives it back, whatever happens: by a guard, and by a panic hook on the thread that draws.

use std::cell::Cell;
use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::{self, Buffer};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use tokio::signal::unix::{SignalKind, signal};

use super::lean::Lean;
use crate::app::model::Model;
use crate::app::view;

/// A frame of 200x60 with all cells changed fits: one write a frame.
const WRITE_BUFFER: usize = 64 * 1024;

/// How long we wait to be stopped by Ctrl-Z.
const NO_JOB_CONTROL: Duration = Duration::from_millis(300);

/// The terminal is ours and not given back yet.
static TAKEN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// This thread draws on the terminal.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// Writes while the terminal is ours, and counts. What comes later is dropped: it would stand across what was printed since, or
/// the terminal is gone, and ratatui reports that on a stderr that is gone too.
struct Ours {
    out: Stdout,
    /// Bytes so far; the screen reads it.
    written: Arc<AtomicUsize>,
}

impl Write for Ours {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !TAKEN.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        let n = self.out.write(bytes)?;
        self.written.fetch_add(n, Ordering::Relaxed);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if TAKEN.load(Ordering::Relaxed) { self.out.flush() } else { Ok(()) }
    }
}

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Lean<Ours>>>,
    /// Bytes written so far.
    written: Arc<AtomicUsize>,
    mouse: bool,
    open: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open(mouse: bool) -> io::Result<Self> {
        install_hook();
        DRAWS.set(true);
        take(mouse).inspect_err(|_| give_back())?;
        let written = Arc::default();
        let ours = Ours { out: io::stdout(), written: Arc::clone(&written) };
        let backend = CrosstermBackend::new(Lean::new(ours, WRITE_BUFFER));
        let terminal = Terminal::new(backend).inspect_err(|_| give_back())?;
        Ok(Self { terminal, written, mouse, open: true })
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws the model as one update of the screen. Gives how many bytes were written.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<usize> {
        if !TAKEN.load(Ordering::Relaxed) {
            // A task panicked and its report is on the terminal: leave it there.
            return Ok(0);
        }
        let before = self.written.load(Ordering::Relaxed);
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            view::draw(model, frame);
            plain_blanks(frame.buffer_mut());
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Ok(self.written.load(Ordering::Relaxed).wrapping_sub(before))
    }

    /// Forgets what is on the screen: the next frame draws every cell.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` would ask the terminal where the cursor is, and wait: some never say.
        let (width, height) = self.size()?;
        self.terminal.resize(Rect::new(0, 0, width, height))
    }

    /// Writes something beside the frames.
    pub(super) fn writer(&mut self) -> &mut impl Write {
        self.terminal.backend_mut()
    }

    /// Takes the mouse or leaves it to the terminal.
    pub(super) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(self.terminal.backend_mut(), EnableMouseCapture)
        } else {
            execute!(self.terminal.backend_mut(), DisableMouseCapture)
        }
    }

    /// Goes into the background until the shell brings us back.
    pub(super) async fn suspend(&mut self) -> io::Result<()> {
        let mut resumed = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
        give_back();
        // The whole job, as the terminal's own Ctrl-Z would; servers have process groups of their own.
        let sent = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        // Another thread may have been the one that stopped: wait. Without job control nothing stops us.
        tokio::select! {
            _ = resumed.recv() => {}
            () = tokio::time::sleep(NO_JOB_CONTROL) => {}
        }
        take(self.mouse)?;
        self.clear()?;
        sent.map_err(io::Error::from)
    }

    /// Lends the terminal to another program, until [`Self::take_back`].
    #[expect(clippy::unused_self, reason = "nobody draws meanwhile")]
    pub(super) fn lend(&mut self) {
        give_back();
    }

    /// Takes it again; the next frame draws every cell.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        self.clear()
    }

    /// Gives the terminal back.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = self.terminal.backend_mut().flush();
            give_back();
            DRAWS.set(false);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

/// Cells without anything in them are the same whatever stood there before: else each would be written anew when another colour
/// comes to be beside it. Those between words stay as the words are.
fn plain_blanks(buffer: &mut Buffer) {
    const WORDS_APART: usize = 2;
    let is_blank =
        |cell: &buffer::Cell| cell.symbol() == " " && cell.bg == Color::Reset && !cell.modifier.intersects(SEEN);
    let width = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(width) {
        for gap in row.chunk_by_mut(|a, b| is_blank(a) && is_blank(b)) {
            if gap.len() > WORDS_APART {
                gap.iter_mut().for_each(buffer::Cell::reset);
            }
        }
    }
}

/// What can be seen of a blank.
const SEEN: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

fn take(mouse: bool) -> io::Result<()> {
    TAKEN.store(true, Ordering::Relaxed);
    enable_raw_mode()?;
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives everything back, each step whether or not the one before worked. Only the first call after [`take`] does: a
/// second would move the cursor over what was printed since.
fn give_back() {
    if !TAKEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(out, EndSynchronizedUpdate);
    let _ = execute!(out, DisableMouseCapture);
    let _ = execute!(out, DisableFocusChange);
    let _ = execute!(out, DisableBracketedPaste);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = execute!(out, cursor::Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}

/// A panic of the thread that draws gives the terminal back before it is reported. One of another thread, which its
/// owner survives, must not: it goes to the log instead of across the screen.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DRAWS.get() {
                give_back();
                before(info);
            } else if TAKEN.load(Ordering::Relaxed) {
                tracing::error!("a task panicked: {info}");
            } else {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn blanks_have_no_colour_but_between_words() {
        let red = Style::new().fg(Color::Red);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
        buffer.set_string(0, 0, "a b         ", red);
        buffer.set_string(0, 1, "a b         ", red.add_modifier(Modifier::REVERSED));
        let reversed = buffer.content[12..].to_vec();
        plain_blanks(&mut buffer);
        assert_eq!(
            (buffer[(1, 0)].fg, buffer[(3, 0)].fg, buffer[(11, 0)].fg),
            (Color::Red, Color::Reset, Color::Reset)
        );
        assert_eq!(buffer.content[12..], reversed, "what is seen stays");
    }
}
