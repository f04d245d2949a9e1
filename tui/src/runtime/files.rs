//! The two small files of the terminal: keys a user has chosen, and what one left behind the last time.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use mcp_proxy_core::config::edit::replace::create_private;
use serde_json::Value;

use crate::input::keymap::Keymap;

/// Bytes of either file that are read: both are a few kilobytes.
const MAX_BYTES: u64 = 256 * 1024;

/// The keys of a file, and what is wrong with it. No file: those of the table.
pub(super) fn keys(path: &Path) -> (Keymap, Vec<String>) {
    match text(path) {
        Ok(Some(text)) => Keymap::of_file(&text),
        Ok(None) => (Keymap::default(), Vec::new()),
        Err(error) => (Keymap::default(), vec![format!("cannot be read: {error}")]),
    }
}

/// What was left behind, if it can be read.
pub(super) fn left(path: &Path) -> Option<Value> {
    serde_json::from_str(&text(path).ok()??).ok()
}

/// Leaves it behind, for our own user only. It is a convenience: what cannot be written is not worth a word.
pub(super) fn leave(path: &Path, state: &Value) {
    if let Err(error) = write(path, state) {
        tracing::debug!(%error, "what is on the screen is not kept for the next time");
    }
}

fn text(path: &Path) -> io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Beside the old one first: a terminal that ends meanwhile leaves the old one.
fn write(path: &Path, state: &Value) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = create_private(&beside)?;
    let written = file.write_all(format!("{state:#}\n").as_bytes());
    drop(file);
    let done = written.and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        let _ = fs::remove_file(&beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_is_found_again() {
        let folder = std::env::temp_dir().join(format!("mcp-proxy-state-{}", std::process::id()));
        let path = folder.join("deep/terminal.json");
        assert_eq!(left(&path), None);
        leave(&path, &json!({"screen": "Logs"}));
        assert_eq!(left(&path), Some(json!({"screen": "Logs"})));
        fs::write(&path, "{junk").unwrap();
        assert_eq!(left(&path), None);
        leave(&path, &json!({}));
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1, "nothing beside it");
        // A file where a folder should be: not kept, and no harm.
        leave(&path.join("x/y.json"), &json!({}));
        fs::remove_dir_all(folder).unwrap();
    }
}
