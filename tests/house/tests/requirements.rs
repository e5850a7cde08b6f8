//! The requirements that were begun have tests that name them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rows that tests name so far. Several of them are parts of a row only: a row is done when its good path and its refusal are tested over the public RPCs.
const BEGUN: &[&str] = &[
    "b01", "b02", "b03", "b04", "b05", "b06", "d01", "d10", "h03", "h04", "h05", "h06", "m01", "m03", "m04", "m05",
    "m06", "m07", "m13", "q01", "q02", "q03", "q04", "q07", "q08", "q10", "q11", "q14", "s01", "s02", "s03", "s04",
    "s05", "s07", "s08", "s09", "s10", "v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08", "v09", "v10", "w04",
    "w06", "w10", "w15", "w18", "w19", "w20", "w21", "w23",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rows that the tests of a file name: their ids stand side by side at the head of a test's name.
fn rows(text: &str) -> BTreeSet<&str> {
    let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
    let is_id = |part: &&str| part.len() == 3 && part.bytes().skip(1).all(|b| b.is_ascii_digit());
    names.flat_map(|name| name.split('_').take_while(is_id)).collect()
}

fn texts() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "services", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn each_requirement_that_was_begun_is_named_by_a_test() {
    let texts = texts();
    let named: BTreeSet<&str> = texts.iter().flat_map(|(_, text)| rows(text)).collect();
    let unnamed: Vec<_> = BEGUN.iter().filter(|id| !named.contains(*id)).collect();
    assert!(unnamed.is_empty(), "no test names {unnamed:?}");
}

#[test]
fn a_file_whose_tests_prove_a_row_says_so_in_the_rows_own_spelling() {
    for (file, text) in texts() {
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let silent: Vec<_> =
            rows(&text).into_iter().filter(|row| !words.contains(row.to_uppercase().as_str())).collect();
        assert!(silent.is_empty(), "{} proves {silent:?} and does not say so", file.display());
    }
}
