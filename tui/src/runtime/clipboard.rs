//! Copies by OSC 52, which works over SSH; text too big for terminals goes into a file.

use std::io::{self, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;
use mcp_proxy_core::config::edit::replace::create_new_private;

use crate::widgets::number;

/// Terminals drop longer sequences; 74,994 bytes become 100,000 in base 64.
const MAX_BYTES: usize = 74_994;

/// Copies text and says how.
pub(super) fn copy(out: &mut impl Write, what: &str, text: &str) -> Result<String, String> {
    if text.len() <= MAX_BYTES {
        execute!(out, CopyToClipboard::to_clipboard_from(text)).map_err(|e| format!("could not copy {what}: {e}"))?;
        return Ok(format!("copied {what}, {} (OSC 52)", number::size(text.len() as u64)));
    }
    let path = write_file(text).map_err(|e| format!("could not write {what} to a file: {e}"))?;
    Ok(format!("{what} is too big for the clipboard: written to {}", path.display()))
}

/// Writes a new file only we may read.
fn write_file(text: &str) -> io::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir();
    for n in 0..100 {
        let path = folder.join(format!("mcp-proxy-copy-{}-{n}.txt", std::process::id()));
        match create_new_private(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                return Ok(path);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "100 copies are there already"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_text_goes_to_the_terminal() {
        let mut out = Vec::new();
        assert!(copy(&mut out, "id", "c-7").unwrap().contains("OSC 52"));
        assert_eq!(String::from_utf8(out).unwrap(), "\u{1b}]52;c;Yy03\u{1b}\\");
    }

    #[test]
    fn big_text_goes_to_a_file_that_is_named() {
        let mut out = Vec::new();
        let text = "x".repeat(MAX_BYTES + 1);
        let said = copy(&mut out, "request", &text).unwrap();
        assert!(out.is_empty());
        let path = said.rsplit(' ').next().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
        std::fs::remove_file(path).unwrap();
    }
}
