//! Analyzers from the text of a profile to their findings.
//!
//! Proves V10.

use proptest::prelude::*;

use super::*;
use crate::profile::{Mistakes, Profile};

const COLLECTORS: &str = "name = \"x\"\nversion = 1\n\
    [[collectors]]\nname = \"disks\"\nabout = \"a\"\ncommands = [[\"df\"]]\n\
    [[collectors]]\nname = \"logs\"\nabout = \"b\"\nfiles = [\"/var/log/*.log\"]\n\
    [[collectors]]\nname = \"config\"\nabout = \"c\"\nfiles = [\"/etc/x\"]\n";

const DF: &str =
    "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/vda1 100 97 3 97% /\n/dev/vdb1 100 20 80 20% /var\n";
const LOG: &str = "start\nERROR timeout after 30 s\nok\nERROR timeout after 45 s\nERROR refused\n";
const SETTINGS: &str = "[server]\nversion = 7.2.3\npassword = [masked:password]\n";
const YAML: &str = "kind: Kubelet\nevictionHard:\n  memory.available: 100Mi\nfailSwapOn: false\n";
const JSON: &str = r#"{"nodes":[{"name":"a","state":"up"},{"name":"b","state":"down"}],"replicas":3}"#;

fn profile(when: &str) -> String {
    format!(
        "{COLLECTORS}[[analyzers]]\nname = \"known\"\ntitle = \"t\"\nissue = \"ATL-1\"\narticle = \"https://x.example/1\"\nwhen = {when}\n"
    )
}

fn verdict(when: &str, entries: &[(&str, &str, Result<&str, &str>)]) -> Verdict {
    let profile = Profile::parse(&profile(when)).unwrap_or_else(|mistakes| panic!("{when}: {mistakes}"));
    let mut analysis = Analysis::new(&profile.analyzers);
    for (collector, path, content) in entries {
        match content {
            Ok(content) => analysis.read(collector, path, &mut content.as_bytes()).unwrap(),
            Err(reason) => analysis.failed(collector, path, reason),
        }
    }
    let finding = analysis.findings().remove(0);
    assert_eq!((finding.issue.as_str(), finding.article.as_str()), ("ATL-1", "https://x.example/1"));
    finding.verdict
}

/// What a whole bundle has.
const WHOLE: &[(&str, &str, Result<&str, &str>)] = &[
    ("disks", "commands/df_-P", Ok(DF)),
    ("logs", "var/log/a.log", Ok(LOG)),
    ("config", "etc/x.conf", Ok(SETTINGS)),
    ("config", "etc/x.json", Ok(JSON)),
    ("config", "etc/x.yaml", Ok(YAML)),
];

const FULL: &str = r#"{ collector = "disks", file = "commands/df*", pattern = '(?<used>\d+)% (?<mount>\S+)$', where = { used = ">= 95" } }"#;
const QUIET: &str = r#"{ collector = "logs", pattern = "panic" }"#;
const ABSENT: &str = r#"{ collector = "config", file = "etc/absent", ini = "a" }"#;

#[test]
fn v10_a_fact_matches_does_not_or_cannot_be_told() {
    for (when, word) in [
        (FULL, "match"),
        (&FULL.replace("95", "98"), "no-match"),
        (&FULL.replace("df*", "lsblk*"), "inconclusive"),
        (r#"{ collector = "logs", pattern = "^ERROR timeout" }"#, "match"),
        (r#"{ collector = "logs", pattern = "^ERROR timeout", at_least = 2 }"#, "match"),
        (r#"{ collector = "logs", pattern = "^ERROR timeout", at_least = 3 }"#, "no-match"),
        (r#"{ collector = "logs", pattern = 'after (?<time>\d+) s', where = { time = "> 40" } }"#, "match"),
        (r#"{ collector = "logs", pattern = '(?<what>refused)', where = { what = "> 40" } }"#, "inconclusive"),
        (r#"{ collector = "config", file = "etc/*.conf", ini = "version", is = "version >= 7.2, < 7.2.5" }"#, "match"),
        (
            r#"{ collector = "config", file = "etc/*.conf", ini = "[server] version", is = "version < 7.2" }"#,
            "no-match",
        ),
        (r#"{ collector = "config", file = "etc/*.conf", ini = "[client] version" }"#, "no-match"),
        (r#"{ collector = "config", file = "etc/*.conf", ini = "password", is = "== secret" }"#, "inconclusive"),
        (r#"{ collector = "config", file = "*.conf", ini = "version" }"#, "inconclusive"),
        (r#"{ collector = "config", file = "**/*.conf", ini = "version" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.json", json = "nodes[*].state", is = "== down" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.json", json = "nodes[0].state", is = "== down" }"#, "no-match"),
        (r#"{ collector = "config", file = "etc/*.json", json = "replicas", is = "< 5" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.json", json = "nodes", is = "< 5" }"#, "inconclusive"),
        (r#"{ collector = "config", file = "etc/*.json", json = "nodes" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.conf", json = "nodes" }"#, "inconclusive"),
        (r#"{ collector = "config", file = "etc/*.yaml", yaml = "failSwapOn", is = "== false" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.yaml", yaml = "evictionHard[\"memory.available\"]" }"#, "match"),
        (r#"{ collector = "config", file = "etc/*.yaml", yaml = "failSwapOn", is = "== true" }"#, "no-match"),
    ] {
        let found = serde_json::to_value(verdict(when, WHOLE)).unwrap();
        assert_eq!(found["verdict"], word, "{when}: {found}");
    }
}

#[test]
fn v10_conditions_are_joined_by_all_any_and_not() {
    for (when, word) in [
        (format!("{{ all = [{FULL}, {{ not = {QUIET} }}] }}"), "match"),
        (format!("{{ all = [{FULL}, {QUIET}] }}"), "no-match"),
        (format!("{{ all = [{FULL}, {ABSENT}] }}"), "inconclusive"),
        (format!("{{ all = [{QUIET}, {ABSENT}] }}"), "no-match"),
        (format!("{{ any = [{FULL}, {ABSENT}] }}"), "match"),
        (format!("{{ any = [{QUIET}, {ABSENT}] }}"), "inconclusive"),
        (format!("{{ not = {{ any = [{QUIET}, {{ not = {FULL} }}] }} }}"), "match"),
        (format!("{{ not = {ABSENT} }}"), "inconclusive"),
    ] {
        let found = serde_json::to_value(verdict(&when, WHOLE)).unwrap();
        assert_eq!(found["verdict"], word, "{when}: {found}");
    }
}

#[test]
fn v10_a_match_says_where_and_an_inconclusive_one_which_collector_is_missing() {
    let Verdict::Match(seen) = verdict(FULL, WHOLE) else { panic!() };
    assert_eq!(seen, [Seen { path: "commands/df_-P".into(), line: Some(2), fact: "used=97, mount=/".into() }]);
    let missing = |entries: &[_]| match verdict(FULL, entries) {
        Verdict::Inconclusive(missing) => {
            missing.into_iter().map(|lack| (lack.collector, lack.reason)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(&[]), [("disks".into(), "brought no commands/df*".into())]);
    let failed = [("disks", "collectors/disks", Err("nothing that it reads is on this host"))];
    assert_eq!(missing(&failed), [("disks".into(), "collectors/disks: nothing that it reads is on this host".into())]);
    let partly = [("disks", "commands/df_-P", Ok("x\n")), ("disks", "commands/df_-i", Err("stopped after 20 seconds"))];
    assert_eq!(missing(&partly), [("disks".into(), "commands/df_-i: stopped after 20 seconds".into())]);
}

#[test]
fn v10_what_is_seen_elsewhere_decides_though_one_entry_could_not_be_read() {
    let entries = [("disks", "commands/df_-i", Err("failed")), ("disks", "commands/df_-P", Ok(DF))];
    assert!(matches!(verdict(FULL, &entries), Verdict::Match(_)));
}

#[test]
fn v10_every_mistake_of_an_analyzer_is_told_with_its_place() {
    for (when, column, why) in [
        (r#"{ collector = "dicks", pattern = "x" }"#, 22, "no collector"),
        (r#"{ collector = "logs", pattern = "a(" }"#, 40, "unclosed"),
        (r#"{ collector = "logs", pattern = "a", where = { b = "> 1" } }"#, 55, "captures nothing"),
        (r#"{ collector = "logs", pattern = "(?<b>a)", where = { b = "1" } }"#, 65, "begins with"),
        (r#"{ collector = "logs", ini = "a", is = "< 7.2.1" }"#, 46, "version"),
        (r#"{ collector = "logs", json = "a[" }"#, 37, "closed"),
        (r#"{ collector = "logs", file = "/var/log/x", pattern = "a" }"#, 37, "no / at its head"),
        (r#"{ collector = "logs" }"#, 8, "exactly one of"),
        ("{ all = [] }", 8, "needs conditions"),
        (r#"{ all = [{ collector = "logs", patern = "x", pattern = "x" }] }"#, 39, "not known"),
    ] {
        let Mistakes(mistakes) = Profile::parse(&profile(when)).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{when}: {mistakes:?}");
        assert!(mistakes[0].message.contains(why) && mistakes[0].column == column, "{when}: {mistakes:?}");
    }
    let Mistakes(mistakes) = Profile::parse(&profile(&format!("{{ all = [{FULL}], any = [{FULL}] }}"))).unwrap_err();
    assert!(mistakes[0].message.contains("only one of all, any"), "{mistakes:?}");
}

proptest! {
    #[test]
    fn v10_any_content_is_judged_without_a_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        for when in [FULL, r#"{ collector = "disks", json = "a[*].b", is = "> 1" }"#, r#"{ collector = "disks", ini = "a", is = "> 1" }"#] {
            let profile = Profile::parse(&profile(when)).unwrap();
            let mut analysis = Analysis::new(&profile.analyzers);
            analysis.read("disks", "commands/df", &mut content.as_slice()).unwrap();
            prop_assert_eq!(analysis.findings().len(), 1);
        }
    }

    #[test]
    fn v10_the_order_of_entries_does_not_matter(order in Just((0..WHOLE.len()).collect::<Vec<_>>()).prop_shuffle()) {
        let entries: Vec<_> = order.iter().map(|index| WHOLE[*index]).collect();
        let when = format!("{{ any = [{FULL}, {ABSENT}, {QUIET}] }}");
        prop_assert_eq!(verdict(&when, &entries), verdict(&when, WHOLE));
    }
}
