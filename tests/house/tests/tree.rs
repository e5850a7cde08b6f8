//! The tree: who depends on whom, how long files are, what is in them.
//!
//! Proves B01, B06.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

/// The longest a source file may be.
const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "target" || name == "node_modules" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn files(ending: &str) -> Vec<(PathBuf, String)> {
    let (root, mut found) = (root(), Vec::new());
    walk(&root, ending, &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&root).unwrap().to_path_buf(), text)
        })
        .collect()
}

#[test]
fn b01_no_service_depends_on_another_not_even_for_its_tests() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let is_service = |path: &Path| path.to_string_lossy().contains("/services/");
    let services: BTreeSet<String> = metadata
        .packages
        .iter()
        .filter(|package| is_service(package.manifest_path.as_std_path()))
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(services.len(), 3);
    for package in &metadata.packages {
        let crossing: Vec<_> = package.dependencies.iter().filter(|d| services.contains(&d.name)).collect();
        let may = ["vouch-cli", "vouch-federation", "vouch-load"].contains(&package.name.as_str());
        assert!(may || crossing.is_empty(), "{} depends on {crossing:?}", package.name);
    }
}

#[test]
fn b06_the_house_is_built_with_the_packages_that_the_brief_names() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let used: BTreeSet<&str> = metadata
        .packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(|dependency| dependency.name.as_str()))
        .collect();
    for named in ["tonic", "prost", "tokio", "sqlx", "tower", "serde", "uuid", "tracing"] {
        assert!(used.contains(named), "{named}");
    }
}

#[test]
fn crates_know_only_what_is_below_them() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    // The floors of the house: a crate depends on crates of lower floors only.
    let floor = |name: &str| match name {
        "vouch-core" | "vouch-sla" | "vouch-diagnostics" => Some(0),
        "vouch-contract" | "vouch-proof" | "vouch-storage" => Some(1),
        "vouch-identity" => Some(2),
        "vouch-host" => Some(3),
        "vouch-license" | "vouch-vendor" | "vouch-partner" => Some(4),
        "vouch-cli" | "vouch-federation" | "vouch-house" | "vouch-load" => Some(5),
        _ => None,
    };
    for package in &metadata.packages {
        let own = floor(&package.name).unwrap_or_else(|| panic!("{} has no floor yet", package.name));
        let below = package.dependencies.iter().filter_map(|dependency| {
            (dependency.name != package.name.as_str()).then(|| floor(&dependency.name)).flatten()
        });
        assert!(below.max().is_none_or(|highest| highest < own), "{}", package.name);
    }
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let long: Vec<_> = files(".rs")
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "is there a second room in it? {long:?}");
}

#[test]
fn the_domain_names_no_transport_and_no_database() {
    for (path, text) in files(".rs").iter().filter(|(path, _)| path.to_string_lossy().contains("/domain/")) {
        for word in ["tonic", "prost", "sqlx", "tokio", "Timestamp::now"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn sql_lives_in_the_store() {
    for (path, text) in files(".rs") {
        let place = path.to_string_lossy();
        let may = place.contains("/store/") || place.starts_with("crates/storage") || place.contains("/tests/");
        assert!(may || !text.contains("sqlx::query"), "{place} has SQL");
    }
}

#[test]
fn a_main_is_a_table_of_contents() {
    for (path, text) in files("main.rs").iter().filter(|(path, _)| path.starts_with("services")) {
        let is_program = path.to_string_lossy().ends_with("src/main.rs");
        assert!(!is_program || text.lines().count() <= 40, "{}", path.display());
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished =
        [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("// TO", "DO"), concat!("FIX", "ME")];
    for (path, text) in files(".rs") {
        for word in unfinished {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn both_engines_have_the_same_migrations() {
    for service in ["services/license", "services/vendor", "services/partner", "crates/storage"] {
        let names = |engine: &str| {
            let folder = root().join(service).join("migrations").join(engine);
            let entries = std::fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names("sqlite"), names("postgres"), "{service}");
    }
}

#[test]
fn every_step_of_a_schema_is_listed_where_it_is_taken() {
    let (sql, code) = (files(".sql"), files(".rs"));
    for (path, _) in sql.iter().filter(|(path, _)| path.components().any(|part| part.as_os_str() == "migrations")) {
        let name = path.file_stem().unwrap().to_string_lossy();
        let (number, rest) = name.split_once('_').unwrap();
        let engine = path.parent().unwrap().file_name().unwrap().to_string_lossy();
        let number: i64 = number.parse().unwrap();
        let step = format!("({number}, \"{rest}\", include_str!(");
        let file = format!("migrations/{engine}/{name}.sql");
        let owner = path.ancestors().find(|folder| root().join(folder).join("Cargo.toml").exists()).unwrap();
        let lists = |text: &str| text.lines().any(|line| line.contains(&step) && line.contains(&file));
        let listed = code.iter().any(|(at, text)| at.starts_with(owner) && lists(text));
        assert!(listed, "{} is taken nowhere", path.display());
    }
}
