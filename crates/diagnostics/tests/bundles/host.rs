//! This host, whatever it is: a bare container too.
//!
//! Proves B03, V10.

use vouch_diagnostics::analyzers::{Verdict, analyze};
use vouch_diagnostics::collect::{Plan, learn_host};
use vouch_diagnostics::profile::{Profile, Situation};
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::{Step, seal};

use super::texts;

#[test]
fn b03_a_bare_host_gives_the_artefacts_that_need_nothing_but_proc() {
    let folder = tempfile::tempdir().unwrap();
    // Without commands: none has to be installed.
    let mut profile = Profile::shipped("linux-host").unwrap().unwrap();
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

#[test]
fn v10_analyzers_run_over_what_was_sealed_and_see_only_what_is_masked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), "start\npassword=hunter2secret\nversion 7.2.3\n").unwrap();
    let known = |name: &str, when: &str| {
        format!("[[analyzers]]\nname = \"{name}\"\ntitle = \"t\"\nissue = \"X-1\"\narticle = \"a\"\nwhen = {when}\n")
    };
    let text = format!(
        "name = \"x\"\nversion = 1\n[[collectors]]\nname = \"logs\"\nabout = \"b\"\nfiles = [\"{}/*.log\"]\n\
         [[collectors]]\nname = \"dump\"\nabout = \"b\"\nfiles = [\"/nowhere/*\"]\n[[required]]\nartefacts = [\"logs\", \"dump\"]\n{}{}{}",
        folder.path().display(),
        known(
            "old",
            "{ collector = \"logs\", pattern = 'version (?<version>\\S+)', where = { version = \"version < 7.3\" } }"
        ),
        known("secret", "{ collector = \"logs\", pattern = 'hunter2secret' }"),
        known("crash", "{ collector = \"dump\", pattern = 'segfault' }"),
    );
    let profile = Profile::parse(&text).unwrap();
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let output = folder.path().join("host.vouch");
    let bundle = seal(&mut Plan::new(&profile, now), learner, &[7; 32], now, &output, &mut |_| {}).unwrap();
    let findings = analyze(&bundle, &profile.analyzers).unwrap();
    assert!(matches!(&findings[0].verdict, Verdict::Match(seen) if seen[0].line == Some(3)), "{findings:?}");
    assert_eq!(findings[1].verdict, Verdict::NoMatch, "what is masked is not found");
    assert!(
        matches!(&findings[2].verdict, Verdict::Inconclusive(missing) if missing.iter().all(|lack| lack.collector == "dump"))
    );
    assert_eq!(profile.lacks(bundle.manifest(), &Situation::default(), now).len(), 1, "the dump");
}
