//! Sealed bundles by hand: archives taken in, looked into, compared, asked for.
//!
//! Proves B03, V07, W10.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::vouch;

fn run(folder: &Path, words: &[&str]) -> Output {
    vouch().current_dir(folder).args(words).output().unwrap()
}

fn told(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Writes a tar of these files.
fn tar(path: &Path, files: &[(&str, &str)]) {
    let mut archive = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn b03_two_archives_of_one_ticket_are_taken_in_looked_into_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tar(
        &at.join("one.tar"),
        &[("gone.log", "1\n"), ("app.conf", "password=tweet1\n"), ("net.log", "peer 10.88.77.66\n")],
    );
    tar(
        &at.join("two.tar"),
        &[("app.conf", "password=tweet2\nx=1\n"), ("net.log", "peer 10.88.77.66\n"), ("new.log", "2\n")],
    );
    told(at, &["bundle", "request", "--ticket", "tkt_1", "--output", "ticket.toml"]);
    for archive in ["one", "two"] {
        let (from, output) = (format!("{archive}.tar"), format!("{archive}.vouch"));
        let words = ["collect", "--from", &from, "--request", "ticket.toml", "--yes", "--json", "--output", &output];
        assert_eq!(json(&told(at, &words))["ticket"], "tkt_1");
        assert!(told(at, &["bundle", "verify", &output]).contains("whole"));
    }
    assert_eq!(told(at, &["bundle", "show", "one.vouch", "--entry", "app.conf"]), "password=[masked:password]\n");
    assert!(refused(at, &["bundle", "show", "one.vouch", "--entry", "no.log"]).contains("no entry no.log"));
    assert!(told(at, &["bundle", "show", "one.vouch"]).contains("most in app.conf"));

    let changes = json(&told(at, &["bundle", "diff", "one.vouch", "two.vouch", "--json"]));
    let words = |change: &Value| format!("{} {}", change["change"].as_str().unwrap(), change["path"].as_str().unwrap());
    let kinds: Vec<String> = changes["changes"].as_array().unwrap().iter().map(words).collect();
    assert_eq!(
        kinds,
        ["changed app.conf", "removed gone.log", "added new.log"],
        "the address has one pseudonym in both"
    );
    assert_eq!((&changes["same"], &changes["changes"][2]["after"]["size_bytes"]), (&false.into(), &2.into()));
    let table = told(at, &["bundle", "diff", "one.vouch", "two.vouch"]);
    assert!(table.contains("1 added, 1 removed, 1 changed") && table.contains("CHANGE "), "{table}");
    assert!(told(at, &["bundle", "diff", "one.vouch", "one.vouch"]).contains("the same entries"));
    assert!(refused(at, &["bundle", "diff", "one.vouch", "one.tar"]).contains("not to be trusted"));
}

#[test]
fn v07_names_that_nothing_tells_are_said_to_stay_in_clear_and_masked_when_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tar(&at.join("one.tar"), &[("app.log", "falcon asked mail.birds.example for robin\n")]);
    let collect = ["collect", "--from", "one.tar", "--output"];
    let shown = String::from_utf8(run(at, &[&collect[..], &["no.vouch"]].concat()).stdout).unwrap();
    assert!(
        shown.contains("no other name is known") && shown.contains("when the newest file in it was changed"),
        "{shown}"
    );

    let told_of = told(at, &[&collect[..], &["one.vouch", "--yes"]].concat());
    assert_eq!(
        told_of.matches("none learned, since nothing in it tells them: they stay in clear").count(),
        2,
        "{told_of}"
    );
    assert!(told(at, &["bundle", "show", "one.vouch"]).contains("they stay in clear"));
    assert!(
        told(at, &["bundle", "show", "one.vouch", "--entry", "app.log"]).contains("falcon asked mail.birds.example")
    );

    let names = ["--host", "falcon", "--domain", "birds.example", "--user", "robin"];
    let given = json(&told(at, &[&collect[..], &["two.vouch", "--yes", "--json"], &names].concat()));
    assert_eq!(given["coverage"]["hosts"]["given"], 2, "{given}");
    let masked = told(at, &["bundle", "show", "two.vouch", "--entry", "app.log"]);
    assert!(["falcon", "mail", "birds", "robin"].iter().all(|name| !masked.contains(name)), "{masked}");
    let short = refused(at, &[&collect[..], &["no.vouch", "--yes", "--host", "pg"]].concat());
    assert!(short.contains("the name pg cannot be told from other words"), "{short}");
    for (option, name) in [("--host", "bad host"), ("--user", "O'Brien")] {
        let signs = refused(at, &[&collect[..], &["no.vouch", "--yes", option, name]].concat());
        assert!(signs.contains("has a blank or a sign that cannot be in it"), "{signs}");
    }
}

#[test]
fn w10_a_request_runs_the_collectors_that_it_names_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let ask = ["bundle", "request", "--ticket", "tkt_1", "--collector", "time", "--collector", "environment"];
    told(at, &[&ask[..], &["--question", "Since when?", "--output", "more.toml"]].concat());
    let mode = at.join("more.toml").metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it has a key");
    assert!(refused(at, &[&ask[..], &["--output", "more.toml"]].concat()).contains("more.toml is there already"));

    let shown = run(at, &["collect", "--request", "more.toml", "--output", "x.vouch"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("tkt_1") && shown.contains("Since when?") && !shown.contains("processes"), "{shown}");
    assert!(!at.join("x.vouch").exists(), "nobody agreed");

    let collected =
        json(&told(at, &["collect", "--request", "more.toml", "--yes", "--json", "--output", "more.vouch"]));
    assert_eq!(collected["lacks"], Value::Array(Vec::new()), "what was not asked for is not lacking");
    let manifest = json(&told(at, &["bundle", "show", "more.vouch", "--json"]));
    let of = |entry: &Value| entry["collector"].as_str().unwrap().to_owned();
    let collectors: BTreeSet<String> = manifest["entries"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(collectors, BTreeSet::from(["environment".to_owned(), "time".to_owned()]));

    let odd = ["bundle", "request", "--like", "more.toml", "--collector", "nothing-like-it", "--output", "odd.toml"];
    let unknown = refused(at, &odd);
    assert!(unknown.contains("linux-host/1 has no collector nothing-like-it: it has "), "{unknown}");
    assert!(!at.join("odd.toml").exists());
    // Of a profile that is not here, only its host can tell.
    told(at, &[&odd[..], &["--profile", "atlas-server/1"]].concat());
    let key = |file: &str| {
        let text = std::fs::read_to_string(at.join(file)).unwrap();
        text.lines().find(|line| line.starts_with("pseudonym_key")).unwrap().to_owned()
    };
    assert_eq!(key("odd.toml"), key("more.toml"));
    let text = std::fs::read_to_string(at.join("odd.toml")).unwrap().replace("atlas-server/1", "linux-host/1");
    std::fs::write(at.join("odd.toml"), text).unwrap();
    let unknown = refused(at, &["collect", "--request", "odd.toml", "--yes"]);
    assert!(unknown.contains("has no collector nothing-like-it: it has "), "{unknown}");
    let other = refused(at, &["bundle", "request", "--like", "more.toml", "--ticket", "tkt_2", "--output", "y.toml"]);
    assert!(other.contains("another ticket"), "{other}");
    assert!(refused(at, &["collect", "--request", "no.toml", "--yes"]).contains("there is no file no.toml"));
}
