//! From crossterm's events to ours.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use crate::app::msg::{Mouse, Msg};
use crate::input::key::{Code, Key};

/// The message of a terminal event, if it means anything to us.
pub(super) fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => self::key(key).map(Msg::Key),
        Event::Key(_) => None,
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(w, h) => Some(Msg::Resize(w, h)),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
        Event::Mouse(m) => {
            let what = match m.kind {
                MouseEventKind::Down(MouseButton::Left) => Mouse::Click,
                MouseEventKind::Drag(MouseButton::Left) => Mouse::Drag,
                MouseEventKind::ScrollUp => Mouse::WheelUp,
                MouseEventKind::ScrollDown => Mouse::WheelDown,
                _ => return None,
            };
            Some(Msg::Mouse(what, m.column, m.row))
        }
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
        return None;
    }
    let code = match event.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::F(n),
        _ => return None,
    };
    let is_char = matches!(code, Code::Char(_));
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    // Of a character, and of Tab, Shift is in the code already.
    let shift = event.modifiers.contains(KeyModifiers::SHIFT) && !is_char && code != Code::BackTab;
    Some(Key { code, ctrl, shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shift_and_ctrl_count_where_they_type_nothing() {
        let key = |code, modifiers| match message(Event::Key(KeyEvent::new(code, modifiers))) {
            Some(Msg::Key(key)) => key.to_string(),
            other => format!("{other:?}"),
        };
        let (shift, ctrl) = (KeyModifiers::SHIFT, KeyModifiers::CONTROL);
        assert_eq!(key(KeyCode::Left, shift | ctrl), "Ctrl-S-Left");
        assert_eq!(key(KeyCode::F(8), shift), "S-F8");
        assert_eq!(key(KeyCode::Char('G'), shift), "G");
        assert_eq!(key(KeyCode::Char(' '), ctrl), "Ctrl-Space");
        assert_eq!(key(KeyCode::BackTab, shift), "S-Tab");
        assert_eq!(key(KeyCode::Char('x'), KeyModifiers::ALT), "None");
    }
}
