//! Archives that somebody made already.
//!
//! Proves B03.

use std::io::Write as _;

use proptest::prelude::*;
use vouch_diagnostics::CollectError;
use vouch_diagnostics::archive::{ArchiveError, Limits};

use super::{seal_archive, tar, texts};

const REPORT: &[(&str, &[u8])] = &[
    ("sosreport-wren-42/etc/os-release", b"NAME=x\n"),
    ("sosreport-wren-42/proc/meminfo", b"MemTotal: 1 kB\n"),
    ("sosreport-wren-42/sos_commands/filesys/df_-al", b"/dev/vda 1\n"),
    ("sosreport-wren-42/sos_commands/process/ps_auxwww", b"root 1\n"),
    ("sosreport-wren-42/sos_commands/dpkg/dpkg_-l", b"ii x\n"),
    ("sosreport-wren-42/var/log/syslog", b"x\n"),
    ("sosreport-wren-42/sos_commands/host/hostname", b"wren-42\n"),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn refused(archive: &[u8], limits: Limits) -> ArchiveError {
    let folder = tempfile::tempdir().unwrap();
    match seal_archive(folder.path(), archive, limits).unwrap_err() {
        CollectError::Archive(reason) => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn b03_a_report_of_sos_has_the_artefacts_that_vendors_ask_for_however_it_is_packed() {
    for archive in [tar(REPORT), gzip(&tar(REPORT)), xz(&tar(REPORT))] {
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
fn links_devices_and_folders_in_an_archive_are_passed_over() {
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
    assert!(bundle.manifest().entries.is_empty());
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
fn a_path_that_leads_out_of_an_archive_is_refused() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..9].copy_from_slice(b"a/../../b");
    header.set_size(0);
    header.set_cksum();
    archive.append(&header, std::io::empty()).unwrap();
    assert_eq!(refused(&archive.into_inner().unwrap(), Limits::default()), ArchiveError::Path(1));
}

#[test]
fn an_archive_of_another_kind_or_cut_off_is_refused_with_a_reason() {
    assert_eq!(refused(b"PK\x03\x04", Limits::default()), ArchiveError::Kind("a zip file"));
    assert!(matches!(refused(b"hello", Limits::default()), ArchiveError::Kind(_)));
    let whole = xz(&tar(REPORT));
    assert!(matches!(refused(&whole[..whole.len() / 2], Limits::default()), ArchiveError::Damaged(_)));
    let whole = tar(REPORT);
    assert!(matches!(refused(&whole[..1500], Limits::default()), ArchiveError::Damaged(_)));
}

#[test]
fn an_archive_within_an_archive_is_dropped_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let inner = gzip(b"password=x");
    let bundle = seal_archive(folder.path(), &tar(&[("inner.tar.gz", &inner)]), Limits::default()).unwrap();
    assert!(bundle.manifest().entries[0].failed.as_ref().unwrap().contains("binary"));
    assert_eq!(bundle.blobs().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_taken_or_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0usize..4000, packed in any::<bool>()
    ) {
        let mut archive = if packed { gzip(&tar(&REPORT[..3])) } else { tar(&REPORT[..3]) };
        let at = at.min(archive.len());
        let end = (at + bytes.len()).min(archive.len());
        archive.splice(at..end, bytes);
        let folder = tempfile::tempdir().unwrap();
        let _ = seal_archive(folder.path(), &archive, Limits::default());
    }
}
