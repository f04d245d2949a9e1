//! The forty edge cases of the protocol each have a test that names it: a doc line `/// Edge case 17…` on the test itself, so that
//! `grep -rn "Edge case 17\b" core tests` finds what stands for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::rooms::sources;

const N_CASES: usize = 40;

/// The tests of a source with the edge cases that their doc lines name, one a line.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut cases = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("/// Edge case ") {
            let digits = words.len() - words.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            cases.extend(words[..digits].parse::<usize>());
        } else if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with("///") && !line.starts_with("#[") {
            let function = line.split_once("fn ").map(|(_, rest)| rest.split('(').next().unwrap_or(rest));
            if let (true, Some(name)) = (is_test, function) {
                found.extend(cases.iter().map(|case| (*case, name.to_owned())));
            }
            cases.clear();
            is_test = false;
        }
    }
    found
}

#[test]
fn each_edge_case_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["core/src", "tests/it"] {
        sources(&root.join(folder), &mut files);
    }
    let mut tests: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for path in files {
        for (case, test) in named(&fs::read_to_string(&path).expect("a source")) {
            assert!((1..=N_CASES).contains(&case), "{}: `{test}` names an edge case {case}", path.display());
            tests.entry(case).or_default().push(test);
        }
    }
    let without: Vec<usize> = (1..=N_CASES).filter(|case| !tests.contains_key(case)).collect();
    assert!(without.is_empty(), "edge cases without a test: {without:?}; those with one: {tests:#?}");
}

#[test]
fn only_doc_lines_of_tests_count() {
    let text = "\
        //! Edge case 1.\n\
        /// Edge case 2.\n/// More words.\n/// Edge case 3: some.\n#[test]\n#[ignore]\nfn two() {\n// Edge case 4.\n}\n\
        /// Edge case 5.\nfn no_test() {}\n#[test]\nfn unnamed() {}\n\
        /// Edge case 17.\n#[tokio::test(start_paused = true)]\nasync fn later() {}\n\
        /// Edge case x.\n#[test]\nfn odd() {}\n";
    assert_eq!(named(text), [(2, "two".to_owned()), (3, "two".to_owned()), (17, "later".to_owned())]);
}
