//! Archives that list no names, that are old, and that have links: what tells a name, what tells a time, and what is said of both.
//!
//! Proves B03, V07.

use std::fs::File;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::redaction::{Learner, NameKind, Policy};
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Coverage, Source, seal};
use zip::write::SimpleFileOptions;
use zip::{DateTime, ZipWriter};

use super::{left_out, seal_archive, tar, texts};

const NOW: &str = "2026-06-08T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sealed(folder: &Path, files: &[(&str, &[u8])]) -> SealedBundle {
    seal_archive(folder, &tar(files), Limits::default()).unwrap()
}

fn coverage(bundle: &SealedBundle) -> Coverage {
    bundle.manifest().redaction.coverage.clone().unwrap()
}

#[test]
fn v07_an_archive_without_lists_tells_its_hosts_by_addresses_and_logs() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = sealed(
        folder.path(),
        &[
            ("a-first.txt", b"web01, web02 and web03 asked db01 and app.corp.contoso.example\n"),
            (
                "app.conf",
                b"url=jdbc:postgresql://db01.contoso.example:5432/x\nhome=https://app.corp.contoso.example/\n",
            ),
            (
                "of a host.txt",
                b"Jun  8 12:00:01 web01 sshd[12]: Accepted\n2026-06-08T12:00:01+02:00 web02 sshd[12]: x\n",
            ),
            ("relayed.txt", b"<34>1 2026-06-08T12:00:01Z web03 app - - x\n"),
        ],
    );
    let told = format!("{:?} {}", texts(&bundle), String::from_utf8_lossy(bundle.manifest_bytes()));
    for name in ["web01", "web02", "web03", "db01", "contoso", "app.corp"] {
        assert!(!told.contains(name), "{name} in {told}");
    }
    let coverage = coverage(&bundle);
    assert_eq!(coverage.hosts.keys().copied().collect::<Vec<_>>(), [Source::Logs, Source::Texts], "{coverage:?}");
    assert_eq!((coverage.hosts[&Source::Logs], coverage.users.len()), (3, 0));
}

#[test]
fn v07_a_manifest_says_that_nothing_told_a_name() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(coverage(&sealed(folder.path(), &[("a.txt", b"nothing is in here\n")])), Coverage::default());
    let listed = sealed(folder.path(), &[("etc/hostname", b"wren-42\n"), ("etc/hosts", b"10.0.0.1 pg\n")]);
    let expected = Coverage { hosts: [(Source::Lists, 1)].into(), short: 1, ..Coverage::default() };
    assert_eq!(coverage(&listed), expected, "a name of two letters is told to be none");
}

#[test]
fn v07_a_name_that_somebody_gives_is_masked_though_it_is_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.tar"), folder.path().join("out.vouch"));
    std::fs::write(&input, tar(&[("a.txt", b"falcon asked mail.contoso.example and mail for x.birds.example; eva\n")]))
        .unwrap();
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    for (kind, name) in [
        (NameKind::Host, "falcon"),
        (NameKind::Host, "mail.contoso.example"),
        (NameKind::Domain, "birds.example"),
        (NameKind::User, "eva"),
    ] {
        assert_eq!(learner.given(kind, name), Ok(()), "{name}");
    }
    assert!(learner.given(NameKind::Host, "pg").is_err() && learner.given(NameKind::Domain, "example").is_err());
    let mut evidence = ArchiveEvidence::open(&input, Limits::default()).unwrap();
    let bundle = seal(&mut evidence, learner, &[7; 32], time(NOW), &output, &mut |_| {}).unwrap();
    let text = &texts(&bundle)["a.txt"];
    assert!(["falcon", "mail", "contoso", "birds", "eva"].iter().all(|name| !text.contains(name)), "{text}");
    assert_eq!(coverage(&bundle).users, [(Source::Given, 1)].into());
}

#[test]
fn v07_a_host_that_comes_late_in_a_long_log_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    let line = "Jun  8 12:00:01 web01 sshd[12]: Accepted\n";
    let log = line.repeat(6 * 1024 * 1024 / line.len()) + "Jun  8 12:00:02 heron9 cron[1]: last\n";
    let bundle = sealed(folder.path(), &[("a-first.txt", b"heron9\n"), ("var/log/syslog", log.as_bytes())]);
    assert!(!texts(&bundle)["a-first.txt"].contains("heron9"));
}

#[test]
fn v07_a_link_tells_where_it_leads_with_names_masked() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, "current", "/home/robin7/releases/17").unwrap();
    archive.append_link(&mut header, "long", "x".repeat(900)).unwrap();
    let bytes = archive.into_inner().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let reasons = left_out(&seal_archive(folder.path(), &bytes, Limits::default()).unwrap());
    let current = &reasons["current"];
    assert!(current.contains("it leads to /home/user-") && current.ends_with("/releases/17"), "{current}");
    assert!(reasons["long"].len() < 300, "{}", reasons["long"]);

    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.add_symlink("current", "/home/robin7/releases/17", SimpleFileOptions::default()).unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    let reasons = left_out(&seal_archive(folder.path(), &bytes, Limits::default()).unwrap());
    assert_eq!(&reasons["current"], current);
}

/// A tar of files that were changed at these times.
fn changed(times: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (number, changed_at) in times.iter().enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mtime(time(changed_at).as_second().try_into().unwrap());
        archive.append_data(&mut header, format!("{number}.txt"), &b"x\n"[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// When a bundle of such an archive counts as collected, whose file was changed then.
fn collected_at(archive: &[u8], file_changed_at: &str) -> Timestamp {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.tar"), folder.path().join("out.vouch"));
    std::fs::write(&input, archive).unwrap();
    let file = File::options().write(true).open(&input).unwrap();
    file.set_modified(SystemTime::from(time(file_changed_at))).unwrap();
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let mut evidence = ArchiveEvidence::open(&input, Limits::default()).unwrap();
    seal(&mut evidence, learner, &[7; 32], time(NOW), &output, &mut |_| {}).unwrap().manifest().collected_at
}

#[test]
fn b03_an_archive_counts_as_collected_when_the_newest_of_it_was_changed() {
    let (old, older, future) = ("2026-05-01T10:00:00Z", "2020-01-01T00:00:00Z", "2038-01-01T00:00:00Z");
    let (file, never) = ("2026-06-02T08:00:00Z", "1970-01-01T00:00:00Z");
    for (times, file_changed_at, expected) in [
        (&[older, old][..], file, old),
        (&[old, older, future], file, old),
        (&[never], file, file),
        (&[never, future], file, file),
        (&[never], future, NOW),
    ] {
        assert_eq!(collected_at(&changed(times), file_changed_at), time(expected), "{times:?} of {file_changed_at}");
    }
    let within = tar(&[("inner.tar", &changed(&[old]))]);
    assert_eq!(collected_at(&within, file), time(old), "what lies in an archive within counts too");
}

#[test]
fn b03_a_zip_counts_as_collected_when_the_newest_of_it_was_changed() {
    let zip = |at: DateTime| {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("a.txt", SimpleFileOptions::default().last_modified_time(at)).unwrap();
        archive.write_all(b"x\n").unwrap();
        archive.finish().unwrap().into_inner()
    };
    let at = DateTime::from_date_and_time(2026, 5, 1, 10, 0, 0).unwrap();
    assert_eq!(collected_at(&zip(at), NOW), time("2026-05-01T10:00:00Z"));
    assert_eq!(collected_at(&zip(DateTime::default()), "2026-06-02T08:00:00Z"), time("2026-06-02T08:00:00Z"));
}
