//! The sample configurations in `deploy/` are what the services read.

use std::path::{Path, PathBuf};

use vouch_host::Service;
use vouch_host::config::{self, HostConfig};

fn problems<S: Service>(service: &str) -> Vec<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../deploy/config/{service}.toml"));
    let mut loaded = config::load(Some(&path), []);
    assert!(HostConfig::take(&mut loaded).is_some());
    S::configure(&mut loaded);
    loaded.finish().iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn a_sample_configuration_lacks_nothing_but_the_operators_files() {
    let told = [
        problems::<vouch_license::License>("license"),
        problems::<vouch_vendor::Vendor>("vendor"),
        problems::<vouch_partner::Partner>("partner"),
    ];
    for problem in told.iter().flatten() {
        assert!(problem.contains("/etc/vouch/"), "{problem}");
    }
    assert!(told.iter().all(|told| !told.is_empty()));
}

#[test]
fn what_is_shown_of_a_configuration_has_no_password() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/license.toml"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.toml");
    std::fs::write(&path, text.unwrap().replace("vouch@db", "vouch:s3cret@db")).unwrap();
    let mut loaded = config::load(Some(&path), []);
    let shown = HostConfig::take(&mut loaded).unwrap().show();
    assert!(shown.contains("db.internal/license") && !shown.contains("s3cret"), "{shown}");
}
