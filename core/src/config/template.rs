//! What `mcp-proxy init` writes.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// A configuration without servers, with every key explained that matters in the beginning. It loads as it is.
pub const TEMPLATE: &str = include_str!("template.yaml");

/// Writes [`TEMPLATE`] to a new file, and makes its folder if there is none.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is a file: nothing is ever written over. Else what the system says.
pub fn write_template(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(TEMPLATE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/config.yaml");
        write_template(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEMPLATE);
        fs::write(&path, "mine").unwrap();
        assert_eq!(write_template(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
