//! What is no readable text file.
use super::*;

fn load_path(path: &Path) -> Loaded {
    load(&Located::File { path: path.to_owned() }, &Environment::empty())
}

fn shown(loaded: &Loaded, dir: &Path) -> String {
    assert!(loaded.is_unreadable && loaded.config.is_none());
    assert_eq!(loaded.exit_code(false), 2);
    human(loaded, Style::default()).replace(&dir.display().to_string(), "DIR")
}

#[test]
fn are_refused_without_reading() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("folder.yaml")).unwrap();
    std::fs::write(at("binary.yaml"), b"servers: \xff\xfe").unwrap();
    // One gigabyte that takes no room.
    std::fs::File::create(at("huge.yaml")).unwrap().set_len(1 << 30).unwrap();
    let mut all = String::new();
    for name in ["missing.yaml", "folder.yaml", "binary.yaml", "huge.yaml"] {
        all += &shown(&load_path(&at(name)), dir.path());
        all.push('\n');
    }
    snapshot!("unreadable", all);
}

#[test]
#[cfg(unix)]
fn a_pipe_does_not_make_us_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe.yaml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    snapshot!("pipe", shown(&load_path(&path), dir.path()));
    snapshot!("device", shown(&load_path(Path::new("/dev/zero")), dir.path()));
}

#[test]
fn nothing_was_found() {
    let located = locate(None, &environment());
    let loaded = load(&located, &environment());
    assert_eq!(loaded.exit_code(false), 2);
    snapshot!("nothing_found", rendered(&loaded));
}

#[test]
fn a_byte_order_mark_is_no_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, "\u{feff}servers: { a: { command: x } }").unwrap();
    assert_eq!(good(load_path(&path)).servers.len(), 1);
}

#[test]
fn aliases_that_unfold_without_end() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        text += &format!("a{i}: &a{i} [{items}]\n");
    }
    snapshot!("mp007_bomb", rendered(&read(&text)));
}

#[test]
fn a_file_of_mistakes_is_told_in_part() {
    let text = "servers: {}\n".to_owned() + &(0..40_000).map(|i| format!("unknown-{i}: 1\n")).collect::<String>();
    let loaded = read(&text);
    assert!((400..=600).contains(&loaded.diagnostics.len()), "{}", loaded.diagnostics.len());
}
