//! The rooms of the engine use only the rooms above them: ARCHITECTURE.md has the list, this reads the code.

use std::fs;
use std::path::{Path, PathBuf};

/// In reading order.
const ROOMS: [&str; 12] = [
    "protocol",
    "observe",
    "config",
    "transport",
    "backend",
    "catalog",
    "route",
    "guard",
    "session",
    "control",
    "proxy",
    "check",
];

/// The Rust files below a folder.
pub(crate) fn sources(of: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(of).expect("a folder of the sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The rooms named as `crate::ROOM` in code (not in comments).
fn used(text: &str) -> impl Iterator<Item = usize> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).filter_map(|after| {
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
        ROOMS.iter().position(|room| *room == &after[..end])
    })
}

#[test]
fn rooms_use_only_the_rooms_above_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut n_uses = 0;
    for path in files {
        if path.to_string_lossy().ends_with("_tests.rs") {
            // A test may look at what others make of it.
            continue;
        }
        let inside = path.strip_prefix(&src).expect("below it");
        let first = inside.components().next().expect("a file").as_os_str().to_string_lossy();
        let Some(own) = ROOMS.iter().position(|room| *room == first.trim_end_matches(".rs")) else { continue };
        for room in used(&fs::read_to_string(&path).expect("a source")) {
            n_uses += 1;
            assert!(room <= own, "{} uses `{}`, which stands below it", inside.display(), ROOMS[room]);
        }
    }
    assert!(n_uses > 100, "the sources were not found: {n_uses} uses");
}

#[test]
fn a_use_in_code_is_found_and_one_in_a_comment_is_not() {
    assert_eq!(used("//! see crate::proxy\nuse crate::session::x; crate::route::route()").collect::<Vec<_>>(), [8, 6]);
}
