//! Profiles: checked, and used by `collect` and `bundle show`.
//!
//! Proves Q03, Q11, V07, V10.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::vouch;
use crate::up::Up;

fn run(arguments: &[&str], files: &[&Path]) -> Output {
    vouch().args(arguments).args(files).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A profile that reads one folder, asks one question and knows one problem.
fn profile(folder: &Path) -> String {
    format!(
        "name = \"sample\"\nversion = 3\n\n[[collectors]]\nname = \"logs\"\nabout = \"the logs\"\nfiles = [\"{}/*.log\"]\n\n\
         [[collectors]]\nname = \"report\"\nabout = \"the report\"\nquestions = [{{ name = \"steps\", ask = \"Which steps?\" }}]\n\n\
         [[required]]\nartefacts = [\"report\"]\nseverities = [\"1\"]\n\n\
         [[analyzers]]\nname = \"refused\"\ntitle = \"Connections are refused\"\nissue = \"ATL-7\"\narticle = \"https://kb.example/7\"\n\
         when = {{ collector = \"logs\", pattern = 'refused by (?<by>\\w+)' }}\n",
        folder.display()
    )
}

#[test]
fn q03_profile_check_tells_every_mistake_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let wrong = profile(folder.path())
        .replace("about = \"the logs\"\nfiles", "fils")
        .replace("severities = [\"1\"]", "severities = [\"9\"]");
    std::fs::write(&file, &wrong).unwrap();
    let told = run(&["profile", "check"], &[&file]);
    let (out, err) = (text(&told.stdout), text(&told.stderr));
    assert!(!told.status.success() && err.contains("4 mistakes"), "{out}{err}");
    for said in
        [":4:1", ":6:1", "6 | fils = [", "^^^^ did you mean `files`?", "`about` is missing", "there is no severity 9"]
    {
        assert!(out.contains(said), "{said} is missing in:\n{out}");
    }
    let told = run(&["profile", "check", "--json"], &[&file]);
    let json: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(!told.status.success() && json["valid"] == false, "{json}");
    assert_eq!(json["mistakes"].as_array().unwrap().len(), 4, "{json}");
    let refused = run(&["collect", "--yes", "--profile"], &[&file]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("profile check"), "{refused:?}");

    std::fs::write(&file, profile(folder.path())).unwrap();
    let told = run(&["profile", "check"], &[&file]);
    assert!(told.status.success() && text(&told.stdout).contains("sample/3"), "{told:?}");
    let json: Value = serde_json::from_slice(&run(&["profile", "check", "--json"], &[&file]).stdout).unwrap();
    assert!(json["valid"] == true && json["analyzers"] == 1, "{json}");
    assert!(text(&run(&["profile", "check"], &[Path::new("/nowhere")]).stderr).contains("there is no file /nowhere"));
}

#[test]
fn q03_a_profile_that_is_shipped_can_be_printed_checked_and_begun_with() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["linux-host", "postgresql-server", "kubernetes-node"] {
        let shown = run(&["profile", "show", name], &[]);
        let file = folder.path().join(name);
        std::fs::write(&file, &shown.stdout).unwrap();
        let checked = run(&["profile", "check"], &[&file]);
        assert!(checked.status.success() && text(&checked.stdout).contains(name), "{checked:?}");
    }
    assert!(text(&run(&["profile", "show", "abacus"], &[]).stderr).contains("linux-host"));
}

#[test]
fn v10_collect_and_show_name_the_known_problem_and_what_is_lacking() {
    let folder = tempfile::tempdir().unwrap();
    let (file, answers, bundle) =
        (folder.path().join("p.toml"), folder.path().join("a.toml"), folder.path().join("x.vouch"));
    std::fs::write(&file, profile(folder.path())).unwrap();
    std::fs::write(folder.path().join("a.log"), "ok\nrefused by firewall\n").unwrap();
    let collect = |more: &[&str]| {
        let _ = std::fs::remove_file(&bundle);
        let mut command = vouch();
        command.args(["collect", "--yes", "--severity", "1", "--profile"]).arg(&file).arg("--output").arg(&bundle);
        command.args(more).stdin(Stdio::null()).output().unwrap()
    };
    let told = text(&collect(&[]).stdout);
    for said in
        ["report, which a case needs", "nobody answered", "ATL-7", "a.log line 2: by=firewall", "https://kb.example/7"]
    {
        assert!(told.contains(said), "{said} is missing in:\n{told}");
    }
    std::fs::write(&answers, "[report]\nsteps = \"Start it twice.\"\n").unwrap();
    let answered = ["--json", "--answers", answers.to_str().unwrap()];
    let json: Value = serde_json::from_slice(&collect(&answered).stdout).unwrap();
    assert_eq!(json["lacks"].as_array().unwrap().len(), 0, "q11: the steps are there: {json}");
    assert!(json["findings"][0]["verdict"] == "match" && json["findings"][0]["issue"] == "ATL-7", "{json}");
    let shown = |more: &[&str]| text(&run(&[&["bundle", "show"], more].concat(), &[&bundle]).stdout);
    assert!(!shown(&[]).contains("ATL-7"), "this program does not know the profile");
    assert!(shown(&["--profile", file.to_str().unwrap()]).contains("ATL-7"));
    std::fs::write(&answers, "[report]\nstep = \"x\"\n").unwrap();
    assert!(text(&collect(&answered).stderr).contains("no question step"));
}

#[test]
fn v07_a_profile_masks_what_only_its_software_has_and_a_rule_that_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bundle) = (folder.path().join("p.toml"), folder.path().join("x.vouch"));
    let rules = "\n[redaction]\nusers = [\"contoso\"]\ndrop = [\"vault.log\"]\n\n\
                 [[redaction.rules]]\nname = \"employee\"\nbegin = [\"EMP-\"]\nleast = 4\n";
    std::fs::write(&file, profile(folder.path()) + rules).unwrap();
    std::fs::write(folder.path().join("a.log"), "EMP-40211 of contoso\n").unwrap();
    std::fs::write(folder.path().join("vault.log"), "7\n").unwrap();
    let collected = run(&["collect", "--yes", "--json", "--profile"], &[&file, Path::new("--output"), &bundle]);
    let json: Value = serde_json::from_slice(&collected.stdout).unwrap();
    assert!(json["masked"]["employee"] == 1 && json["masked"]["user"] == 1, "{json}");
    let left_out = json["failed"].as_array().unwrap();
    assert!(left_out.iter().any(|entry| entry["path"].as_str().unwrap().ends_with("vault.log")), "{json}");

    std::fs::write(&file, profile(folder.path()) + &rules.replace("employee", "password")).unwrap();
    let told = text(&run(&["profile", "check"], &[&file]).stdout);
    assert!(
        told.contains("`name` is the name of a rule of the policy") && told.contains("name = \"password\""),
        "{told}"
    );
}

#[test]
fn v10_a_profile_is_published_fetched_with_its_signature_and_collected_by() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _up = Up::start(&data);
    let file = folder.path().join("p.toml");
    let data = data.to_str().unwrap();
    let typed = |words: &[&str]| {
        vouch().args(words).args(["--data", data]).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
    };
    std::fs::write(&file, profile(folder.path()).replace("issue", "isue")).unwrap();
    let publish = ["profile", "publish", "p.toml", "--product", "atlas-server"];
    let refused = typed(&publish);
    assert!(!refused.status.success() && text(&refused.stdout).contains("did you mean `issue`?"), "{refused:?}");
    std::fs::write(&file, profile(folder.path())).unwrap();
    let slip = typed(&["profile", "publish", "p.toml", "--product", "atlas"]);
    assert!(text(&slip.stderr).contains("is no product of the licence service's catalogue"), "{slip:?}");
    let published = typed(&publish);
    assert!(published.status.success() && text(&published.stdout).contains("published sample/3"), "{published:?}");
    let again = typed(&publish);
    assert!(again.status.success() && text(&again.stdout).contains("sample/3 was published before"), "{again:?}");
    std::fs::write(&file, profile(folder.path()) + "# another\n").unwrap();
    assert!(text(&typed(&publish).stderr).contains("PROFILE_VERSION_TAKEN"));

    let fetched = typed(&["profile", "fetch", "sample/3"]);
    assert!(fetched.status.success() && text(&fetched.stdout).contains("signed by"), "{fetched:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("sample-3.toml")).unwrap(), profile(folder.path()));
    assert!(text(&typed(&["profile", "fetch", "sample/4", "--as", "customer"]).stderr).contains("NOT_FOUND"));
    std::fs::write(folder.path().join("other.json"), "{\"keys\":[]}").unwrap();
    let other = typed(&["profile", "fetch", "sample", "--keys", "other.json", "--output", "other.toml"]);
    assert!(!other.status.success() && text(&other.stderr).contains("unknown key"), "{other:?}");
    assert!(!folder.path().join("other.toml").exists(), "nothing is written that is not to be trusted");
    let mut verify = vouch();
    verify.args(["verify", "sample-3.toml.jws", "--keys", "sample-3.toml.keys.json"]).current_dir(folder.path());
    let verified = text(&verify.output().unwrap().stdout);
    assert!(verified.contains("the signature of a profile"), "{verified}");

    let collect = |profile: &str, output: &str| {
        let mut command = vouch();
        command.args(["collect", "--yes", "--json", "--profile", profile, "--output", output]);
        command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
    };
    let signed: Value = serde_json::from_slice(&collect("sample/3", "signed.vouch").stdout).unwrap();
    assert!(signed["signed_by"] == "vendor.vouch" && signed["profile"] == "sample/3", "{signed}");
    let own: Value = serde_json::from_slice(&collect("p.toml", "own.vouch").stdout).unwrap();
    assert!(own["signed_by"].is_null() && own["profile"] == "sample/3", "one's own still runs: {own}");

    // Keys that are named are the only ones that count.
    let keys = typed(&["vendor-key-set", "get", "--json"]).stdout;
    std::fs::write(folder.path().join("vendor.json"), keys).unwrap();
    let by = |keys: &str, profile: &str, output: &str| {
        let mut command = vouch();
        command.args(["collect", "--yes", "--json", "--keys", keys, "--profile", profile, "--output", output]);
        command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
    };
    let verified = by("vendor.json", "sample/3", "given.vouch");
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(signed["verified_with"] == "beside" && verified["verified_with"] == "given", "{signed} {verified}");
    for (keys, profile, why) in [
        ("other.json", "sample/3", "unknown key"),
        ("vendor.json", "p.toml", "p.toml is not signed"),
        ("vendor.json", "linux-host", "the linux-host of this program is not signed"),
        ("none.json", "sample/3", "there is no file"),
    ] {
        let refused = by(keys, profile, "refused.vouch");
        assert!(!refused.status.success() && text(&refused.stderr).contains(why), "{why}: {refused:?}");
    }
    assert!(!folder.path().join("refused.vouch").exists());
    let preview = |profile: &str| text(&run(&["collect", "--profile", profile], &[]).stdout);
    assert!(preview("linux-host").contains("linux-host/1, not signed: a sample that this program brings along"));
    let beside = preview(folder.path().join("sample-3.toml").to_str().unwrap());
    assert!(beside.contains("signed by vendor.vouch, verified with the keys beside it"), "{beside}");

    std::fs::write(folder.path().join("sample-3.toml"), profile(folder.path()) + "# changed\n").unwrap();
    let changed = collect("sample/3", "changed.vouch");
    assert!(!changed.status.success() && text(&changed.stderr).contains("changed after it was signed"), "{changed:?}");

    let verify = |more: &[&str]| {
        let words = [&["verify", "sample-3.toml.jws"], more].concat();
        vouch().args(words).current_dir(folder.path()).output().unwrap()
    };
    let changed = verify(&[]);
    assert!(!changed.status.success() && text(&changed.stderr).contains("sample-3.toml is not what"), "{changed:?}");
    assert!(!text(&changed.stdout).contains("genuine"), "{changed:?}");
    std::fs::write(folder.path().join("as-signed.toml"), profile(folder.path())).unwrap();
    let named = text(&verify(&["--text", "as-signed.toml"]).stdout);
    assert!(named.contains("as-signed.toml is what was signed"), "{named}");

    // What somebody changed is theirs: it is not written over, and neither is what lies beside it.
    let kept = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    std::fs::write(folder.path().join("sample-3.toml.jws"), "mine").unwrap();
    let again = typed(&["profile", "fetch", "sample/3"]);
    assert!(!again.status.success() && text(&again.stderr).contains("sample-3.toml is there already"), "{again:?}");
    assert!(kept("sample-3.toml").ends_with(b"# changed\n") && kept("sample-3.toml.jws") == b"mine");
    assert!(typed(&["profile", "fetch", "sample/3", "--output", "genuine.toml"]).status.success());
    assert_eq!(kept("genuine.toml"), profile(folder.path()).as_bytes());
    std::fs::write(folder.path().join("sample-3.toml"), profile(folder.path())).unwrap();
    assert!(typed(&["profile", "fetch", "sample/3"]).status.success(), "the same text may be fetched again");
    assert!(kept("sample-3.toml.jws") != b"mine");
}
