//! The rooms of this crate use only rooms above them (house style; the order stands in `lib.rs`).

use std::path::Path;

const ROOMS: [&str; 10] =
    ["protocol", "observe", "config", "transport", "backend", "catalog", "route", "session", "control", "proxy"];

fn sources(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("our own sources") {
        let path = entry.expect("our own sources").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The rooms a source names by `crate::`, tests included, comments left out.
fn named(text: &str) -> Vec<String> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    let paths = code.flat_map(|l| l.split("crate::").skip(1).map(str::to_owned));
    paths.map(|p| p.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let place = |room: &str| ROOMS.iter().position(|r| *r == room);
    let mut all = Vec::new();
    sources(&src, &mut all);
    let mut n_uses = 0;
    let mut wrong = Vec::new();
    for path in all {
        let inside = path.strip_prefix(&src).expect("below it").to_string_lossy().into_owned();
        let room = inside.split(['/', '.']).next().unwrap_or_default().trim_end_matches("_tests").to_owned();
        let Some(own) = place(&room) else {
            assert!(["lib", "snapshot", "rooms"].contains(&&*room), "{inside} belongs to no room");
            continue;
        };
        for used in named(&std::fs::read_to_string(&path).expect("our own sources")) {
            let Some(other) = place(&used) else { continue };
            n_uses += 1;
            if other > own {
                wrong.push(format!("{inside} uses `{used}`"));
            }
        }
    }
    assert!(n_uses > 50, "the sources were not read");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn circles_would_be_seen() {
    assert_eq!(
        named("use crate::session::Engine;\n// crate::proxy\nlet x = crate::observe::Flow::new();"),
        ["session", "observe"]
    );
}
