//! This host, whatever it is: a bare container too.
//!
//! Proves B03.

use vouch_diagnostics::collect::{Plan, Profile, learn_host};
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::{Step, seal};

use super::texts;

#[test]
fn b03_a_bare_host_gives_the_artefacts_that_need_nothing_but_proc() {
    let folder = tempfile::tempdir().unwrap();
    // Without commands: none has to be installed.
    let mut profile = Profile::linux_host().unwrap();
    profile.collectors.iter_mut().for_each(|collector| collector.commands.clear());
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let mut plan = Plan::new(&profile, now);
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    learn_host(&mut learner);
    let mut steps = Vec::new();
    let output = folder.path().join("host.vouch");
    let bundle = seal(&mut plan, learner, &[7; 32], now, &output, &mut |progress| steps.push(progress.step)).unwrap();
    let manifest = bundle.manifest();
    let artefacts = manifest.artefacts();
    for certain in ["os", "hardware", "disks", "processes", "environment", "time"] {
        assert!(artefacts.contains(certain), "{certain}");
    }
    for collector in &profile.collectors {
        assert!(
            manifest.entries.iter().any(|entry| entry.collector == collector.name),
            "{} is told of",
            collector.name
        );
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    if host.len() >= 8 {
        assert!(texts(&bundle).values().all(|text| !text.contains(host)));
    }
    steps.dedup();
    assert_eq!(steps, [Step::Learning, Step::Masking, Step::Sealing]);
    assert_eq!((manifest.profile.as_str(), manifest.collected_at), ("linux-host/1", now));
}
