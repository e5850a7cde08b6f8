//! Looks for PostgreSQL's server binaries, so that the store tests can run on both engines, or say that they cannot.

use std::path::PathBuf;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_postgres)");
    println!("cargo::rerun-if-env-changed=VOUCH_TEST_POSTGRES_BIN");
    println!("cargo::rerun-if-changed=/usr/lib/postgresql");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(bin) = candidates().into_iter().find(|folder| folder.join("initdb").exists()) {
        println!("cargo::rustc-cfg=has_postgres");
        println!("cargo::rustc-env=VOUCH_POSTGRES_BIN={}", bin.display());
    }
}

fn candidates() -> Vec<PathBuf> {
    // Named by hand, it is that folder or none.
    if let Some(named) = std::env::var_os("VOUCH_TEST_POSTGRES_BIN") {
        return vec![PathBuf::from(named)];
    }
    let mut found = Vec::new();
    // Debian keeps a folder per version; the newest first.
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        found.extend(versions.into_iter().rev());
    }
    found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    found
}
