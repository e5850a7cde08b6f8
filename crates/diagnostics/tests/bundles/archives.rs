//! Archives that somebody made already.
//!
//! Proves B03.

use proptest::prelude::*;
use vouch_diagnostics::CollectError;
use vouch_diagnostics::archive::{ArchiveError, Limits};

use super::packed::{gzip, xz, zip, zst};
use super::{left_out, seal_archive, tar, texts};

const REPORT: &[(&str, &[u8])] = &[
    ("sosreport-wren-42/etc/os-release", b"NAME=x\n"),
    ("sosreport-wren-42/proc/meminfo", b"MemTotal: 1 kB\n"),
    ("sosreport-wren-42/sos_commands/filesys/df_-al", b"/dev/vda 1\n"),
    ("sosreport-wren-42/sos_commands/process/ps_auxwww", b"root 1\n"),
    ("sosreport-wren-42/sos_commands/dpkg/dpkg_-l", b"ii x\n"),
    ("sosreport-wren-42/var/log/syslog", b"x\n"),
    ("sosreport-wren-42/sos_commands/host/hostname", b"wren-42\n"),
];

pub(super) fn refused(archive: &[u8], limits: Limits) -> ArchiveError {
    let folder = tempfile::tempdir().unwrap();
    match seal_archive(folder.path(), archive, limits).unwrap_err() {
        CollectError::Archive(reason) => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn b03_a_report_of_sos_has_the_artefacts_that_vendors_ask_for_however_it_is_packed() {
    for archive in [tar(REPORT), gzip(&tar(REPORT)), xz(&tar(REPORT)), zst(&tar(REPORT)), zip(REPORT)] {
        let folder = tempfile::tempdir().unwrap();
        let bundle = seal_archive(folder.path(), &archive, Limits::default()).unwrap();
        let artefacts = bundle.manifest().artefacts();
        for required in ["os", "hardware", "disks", "processes", "packages", "logs"] {
            assert!(artefacts.contains(required), "{required}");
        }
        assert_eq!(bundle.manifest().profile, "sos-report/1");
        assert!(texts(&bundle).keys().all(|path| !path.contains("wren-42")), "the folder's name holds the host's");
    }
}

#[test]
fn b03_links_and_devices_in_an_archive_are_told_of_and_not_followed() {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, path) in [
        (tar::EntryType::Symlink, "link"),
        (tar::EntryType::Link, "hard"),
        (tar::EntryType::Char, "device"),
        (tar::EntryType::Fifo, "pipe"),
        (tar::EntryType::Directory, "folder/"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        archive.append_link(&mut header, path, "/etc/passwd").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = seal_archive(folder.path(), &archive.into_inner().unwrap(), Limits::default()).unwrap();
    let reasons = left_out(&bundle);
    assert_eq!(reasons.keys().map(String::as_str).collect::<Vec<_>>(), ["device", "hard", "link", "pipe"]);
    for (path, reason) in [("link", "a link"), ("hard", "a link"), ("device", "a device"), ("pipe", "a device")] {
        assert!(reasons[path].contains(reason), "{path}: {}", reasons[path]);
    }
    assert_eq!(reasons["link"], "a link, which is not followed; it leads to /etc/passwd");
    let entry = bundle.manifest().entries.iter().find(|entry| entry.path == "hard").unwrap();
    assert_eq!(entry.reason(), Some("a link, which is not followed"), "the same for all of them");
    assert_eq!(bundle.blobs().count(), 0, "whatever they lead to is not in it");
}

#[test]
fn an_archive_that_is_made_to_be_too_much_is_refused() {
    let zeros = vec![b'0'; 4 << 20];
    let large = gzip(&tar(&[("zeros", &zeros)]));
    let limits = Limits { expansion_floor_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(refused(&large, limits), ArchiveError::Expansion(200));
    assert_eq!(refused(&large, Limits { unpacked_bytes: 1 << 20, ..limits }), ArchiveError::Unpacked(1 << 20));
    assert_eq!(refused(&tar(REPORT), Limits { entries: 3, ..limits }), ArchiveError::Entries(3));
    let long = "x/".repeat(3000) + "y";
    assert_eq!(refused(&tar(&[(&long, b"x")]), Limits::default()), ArchiveError::Name(1));
    // A name of megabytes never gets into memory.
    let longer = "x".repeat(2 << 20);
    assert_eq!(refused(&tar(&[(&longer, b"x")]), Limits::default()), ArchiveError::Name(1));
}

#[test]
fn b03_a_path_that_leads_out_of_an_archive_is_left_out_and_one_from_the_root_on_stays_within() {
    let mut archive = tar::Builder::new(Vec::new());
    for path in ["a/../../b", "/etc/motd", "../../etc/cron.d/x", "plain"] {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(3);
        header.set_cksum();
        archive.append(&header, &b"hi\n"[..]).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = seal_archive(folder.path(), &archive.into_inner().unwrap(), Limits::default()).unwrap();
    let reasons = left_out(&bundle);
    assert_eq!(reasons.keys().map(String::as_str).collect::<Vec<_>>(), ["a/b", "etc/cron.d/x"]);
    assert!(reasons.values().all(|reason| reason.contains("leads out")));
    let texts = texts(&bundle);
    assert_eq!((texts["etc/motd"].as_str(), texts["plain"].as_str()), ("hi\n", "hi\n"));
}

#[test]
fn b03_names_that_are_there_twice_or_are_no_utf_8_keep_their_contents() {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in
        [(&b"same.log"[..], b"1\n"), (b"same.log", b"2\n"), (b"M\xfcller.log", b"3\n"), (b"M\xf6ller.log", b"4\n")]
    {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_size(2);
        header.set_cksum();
        archive.append(&header, &content[..]).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = seal_archive(folder.path(), &archive.into_inner().unwrap(), Limits::default()).unwrap();
    let texts = texts(&bundle);
    assert_eq!((texts["same.log"].as_str(), texts["same.log~2"].as_str()), ("1\n", "2\n"));
    assert_eq!((texts["M\u{fffd}ller.log"].as_str(), texts["M\u{fffd}ller.log~2"].as_str()), ("3\n", "4\n"));
}

#[test]
fn an_archive_of_another_kind_or_cut_off_is_refused_with_a_reason() {
    assert!(matches!(refused(b"hello", Limits::default()), ArchiveError::Kind(_)));
    assert!(matches!(refused(b"BZh91AY&SY", Limits::default()), ArchiveError::Kind("packed with bzip2")));
    assert!(matches!(
        refused(&gzip(b"hello"), Limits::default()),
        ArchiveError::Kind("one packed file that is no tar")
    ));
    assert_eq!(refused(b"PK\x03\x04", Limits::default()), ArchiveError::Damaged(0));
    for whole in [tar(REPORT), gzip(&tar(REPORT)), xz(&tar(REPORT)), zst(&tar(REPORT)), zip(REPORT)] {
        for length in [whole.len() / 3, whole.len() / 2, whole.len() * 9 / 10] {
            let refused = refused(&whole[..length], Limits::default());
            assert!(matches!(refused, ArchiveError::Damaged(_)), "{refused}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_taken_or_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0usize..4000, packed in 0..4
    ) {
        let mut archive = match packed {
            0 => tar(&REPORT[..3]),
            1 => gzip(&tar(&REPORT[..3])),
            2 => zst(&tar(&REPORT[..3])),
            _ => zip(&REPORT[..3]),
        };
        let at = at.min(archive.len());
        let end = (at + bytes.len()).min(archive.len());
        archive.splice(at..end, bytes);
        let folder = tempfile::tempdir().unwrap();
        let _ = seal_archive(folder.path(), &archive, Limits::default());
    }
}
