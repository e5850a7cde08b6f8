//! Archives within archives, and packed files: opened to a depth, masked, and never too much.
//!
//! Proves B03, V07.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use vouch_diagnostics::archive::{ArchiveError, Limits};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archives::refused;
use super::packed::{gzip, streamed_zip, xz, zip, zst};
use super::{left_out, seal_archive, tar, texts};

/// A bundle of an archive: the texts, and what is left out and why, by path.
type Told = (std::collections::BTreeMap<String, String>, std::collections::BTreeMap<String, String>);

fn taken(archive: &[u8], limits: Limits) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let bundle = seal_archive(folder.path(), archive, limits).unwrap();
    (texts(&bundle), left_out(&bundle))
}

/// Writes a number of two bytes into every header of a zip that begins so: what a program would say that is not ours.
fn patched(mut archive: Vec<u8>, of_file: usize, of_list: usize, value: u16) -> Vec<u8> {
    let starts: Vec<usize> = (0..archive.len() - 4).filter(|at| archive[*at..].starts_with(b"PK")).collect();
    for at in starts {
        let field = match archive[at + 2..at + 4] {
            [3, 4] => at + of_file,
            [1, 2] => at + of_list,
            _ => continue,
        };
        archive[field..field + 2].copy_from_slice(&value.to_le_bytes());
    }
    archive
}

#[test]
fn b03_archives_within_archives_are_opened_three_deep_and_what_lies_deeper_is_told_of() {
    let five = tar(&[("five.txt", b"5\n")]);
    let four = zst(&tar(&[("four.txt", b"4\n"), ("five.tar", &five)]));
    let three = xz(&tar(&[("three.txt", b"3\n"), ("four.tar.zst", &four)]));
    let two = zip(&[("two.txt", b"2\n"), ("three.tar.xz", &three)]);
    let one = gzip(&tar(&[("one.txt", b"1\n"), ("in/two.zip", &two)]));
    let (texts, reasons) = taken(&tar(&[("zero.txt", b"0\n"), ("one.tar.gz", &one)]), Limits::default());
    let shown: Vec<&str> = texts.iter().filter(|(_, text)| !text.is_empty()).map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        shown,
        [
            "one.tar.gz/in/two.zip/three.tar.xz/three.txt",
            "one.tar.gz/in/two.zip/two.txt",
            "one.tar.gz/one.txt",
            "zero.txt"
        ]
    );
    assert_eq!(reasons.len(), 1);
    assert!(reasons["one.tar.gz/in/two.zip/three.tar.xz/four.tar.zst"].contains("too many archives"));
}

#[test]
fn v07_what_lies_packed_is_masked_and_what_is_learned_there_is_masked_everywhere() {
    let log = b"Nov 21 19:51:27 wrenhouse77 app[1]: password=tweet-packed-1\n";
    let inner = gzip(&tar(&[("etc/hostname", b"wrenhouse77\n"), ("app.yaml", b"token: tweetpacked2\n")]));
    let archive = tar(&[
        ("var/log/syslog.2.gz", &gzip(log)),
        ("var/log/syslog.3.xz", &xz(log)),
        ("var/log/syslog.4.zst", &[zst(log), zst(b"a second frame: secret=tweetpacked3\n")].concat()),
        ("wrenhouse77/logs.zip", &zip(&[("a.log", log)])),
        ("more.tgz", &inner),
    ]);
    let (texts, reasons) = taken(&archive, Limits::default());
    assert!(reasons.is_empty(), "{reasons:?}");
    for path in
        ["var/log/syslog.2", "var/log/syslog.3", "var/log/syslog.4", "more.tgz/etc/hostname", "more.tgz/app.yaml"]
    {
        assert!(texts.contains_key(path), "{path} is not among {:?}", texts.keys());
    }
    for (path, text) in &texts {
        assert!(
            !text.contains("tweet") && !text.contains("wrenhouse") && !path.contains("wrenhouse"),
            "{path}: {text}"
        );
        assert!(!text.is_empty());
    }
    assert!(texts["var/log/syslog.4"].contains("a second frame"));
}

#[test]
fn b03_what_is_packed_again_and_again_ends() {
    let mut packed = b"text\n".to_vec();
    for _ in 0..4 {
        packed = gzip(&packed);
    }
    let (shown, _) = taken(&tar(&[("a.gz.gz.gz.gz", &packed)]), Limits::default());
    assert_eq!(shown["a"], "text\n");
    let (_, reasons) = taken(&tar(&[("a.gz", &gzip(&packed))]), Limits::default());
    assert!(reasons.values().all(|reason| reason.contains("too many archives")) && reasons.len() == 1);
}

#[test]
fn b03_a_bomb_within_an_archive_is_refused_however_deep_it_lies() {
    let zeros = vec![b'0'; 8 << 20];
    let limits = Limits { expansion_floor_bytes: 1 << 20, ..Limits::default() };
    let of = |name: &str, bomb: Vec<u8>| tar(&[("before.txt", b"x\n"), (name, &bomb)]);
    let bombs = [
        of("zeros.gz", gzip(&zeros)),
        of("zeros.xz", xz(&zeros)),
        of("zeros.zst", zst(&zeros)),
        of("zeros.zip", zip(&[("zeros", &zeros)])),
        of("a.tar.gz", gzip(&tar(&[("b.zip", &zip(&[("c.gz", &gzip(&zeros))]))]))),
        zip(&[("zeros", &zeros)]),
        gzip(&of("a.gz", gzip(&zeros))),
    ];
    for (at, bomb) in bombs.iter().enumerate() {
        assert_eq!(refused(bomb, limits), ArchiveError::Expansion(200), "bomb {at} of {} bytes", bomb.len());
        let small = Limits { unpacked_bytes: 1 << 20, expansion: u64::MAX, ..limits };
        assert_eq!(refused(bomb, small), ArchiveError::Unpacked(1 << 20), "bomb {at}");
    }
    let inner = tar(&[("1", b"x"), ("2", b"x"), ("3", b"x")]);
    let many = tar(&[("a.tar", &inner), ("b.zip", &zip(&[("4", b"x"), ("5", b"x")]))]);
    assert_eq!(refused(&many, Limits { entries: 6, ..limits }), ArchiveError::Entries(6));
    assert_eq!(taken(&many, Limits { entries: 7, ..limits }).0.len(), 5);
}

/// A zip whose list names the same content again and again: a bomb without anything packed twice.
#[test]
fn b03_a_zip_that_names_one_content_many_times_is_refused() {
    const TIMES: u16 = 20;
    let once = zip(&[("zeros", &vec![b'0'; 1 << 16])]);
    let end = once.len() - 22;
    let list = u32::from_le_bytes(once[end + 16..end + 20].try_into().unwrap()) as usize;
    let entries = once[list..end].repeat(usize::from(TIMES));
    let mut tail = once[end..].to_vec();
    tail[8..10].copy_from_slice(&TIMES.to_le_bytes());
    tail[10..12].copy_from_slice(&TIMES.to_le_bytes());
    tail[12..16].copy_from_slice(&u32::try_from(entries.len()).unwrap().to_le_bytes());
    let bomb = [&once[..list], &entries, &tail].concat();
    let limits = Limits { expansion: 20, expansion_floor_bytes: 1 << 16, ..Limits::default() };
    assert_eq!(refused(&bomb, limits), ArchiveError::Expansion(20));
    let (texts, _) = taken(&bomb, Limits::default());
    assert_eq!(texts.len(), usize::from(TIMES), "within the limits each of its names has its content");
}

#[test]
fn b03_a_damaged_archive_within_another_costs_itself_only() {
    let inner = gzip(&tar(&[("kept.txt", b"kept\n"), ("lost.txt", &[b'x'; 4096])]));
    let zipped = zip(&[("x.txt", b"x\n")]);
    let archive = tar(&[
        ("cut.tar.gz", &inner[..inner.len() - 12]),
        ("cut.zip", &zipped[..zipped.len() - 30]),
        ("cut.log.gz", &gzip(&b"line\n".repeat(50_000))[..200]),
        ("no.gz", b"\x1f\x8b\x08 and then no such thing"),
        ("after.txt", b"after\n"),
    ]);
    let (texts, reasons) = taken(&archive, Limits::default());
    assert_eq!((texts["cut.tar.gz/kept.txt"].as_str(), texts["after.txt"].as_str()), ("kept\n", "after\n"));
    for path in ["cut.tar.gz", "cut.zip", "cut.log", "no.gz"] {
        assert!(reasons.contains_key(path), "{path} is not told of in {reasons:?}");
    }
}

#[test]
fn b03_nothing_in_a_zip_leads_out_of_it() {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for path in ["../../etc/cron.d/x", r"..\..\boot.ini", "/etc/motd", r"logs\app.log", "M\u{fc}ller.txt"] {
        archive.start_file(path, options).unwrap();
        archive.write_all(b"hi\n").unwrap();
    }
    archive.start_file("device", options.external_attributes(0o020_644 << 16)).unwrap();
    archive.add_directory("folder", options).unwrap();
    archive.add_symlink("link", "/etc/passwd", options).unwrap();
    let (texts, reasons) = taken(&archive.finish().unwrap().into_inner(), Limits::default());
    let left: Vec<&str> = reasons.keys().map(String::as_str).collect();
    assert_eq!(left, ["boot.ini", "device", "etc/cron.d/x", "link"]);
    assert!(reasons["link"].contains("a link") && reasons["device"].contains("a device"));
    for path in ["etc/motd", "logs/app.log", "M\u{fc}ller.txt"] {
        assert_eq!(texts[path], "hi\n", "{path}");
    }
    assert!(!texts.contains_key("folder"));
}

#[test]
fn b03_a_zip_may_name_a_file_twice_or_in_no_utf_8_and_says_what_it_cannot_give() {
    let named = |archive: Vec<u8>, from: &[u8], to: &[u8]| -> Vec<u8> {
        let at: Vec<usize> = (0..archive.len()).filter(|at| archive[*at..].starts_with(from)).collect();
        at.into_iter().fold(archive, |mut archive, at| {
            archive[at..at + to.len()].copy_from_slice(to);
            archive
        })
    };
    let twice = named(zip(&[("one.log", b"1\n"), ("two.log", b"2\n")]), b"two.log", b"one.log");
    let (texts, _) = taken(&twice, Limits::default());
    assert_eq!((texts["one.log"].as_str(), texts["one.log~2"].as_str()), ("1\n", "2\n"));
    let strange = named(zip(&[("Muller.log", b"1\n")]), b"Muller.log", b"M\x81ller.log");
    assert_eq!(taken(&strange, Limits::default()).0["M\u{fc}ller.log"], "1\n", "the code page that zip began with");

    let files: &[(&str, &[u8])] = &[("a.txt", b"content that is packed, packed, packed\n")];
    let (_, reasons) = taken(&patched(zip(files), 6, 8, 1), Limits::default());
    assert!(reasons["a.txt"].contains("encrypted"), "{reasons:?}");
    let (_, reasons) = taken(&patched(zip(files), 8, 10, 12), Limits::default());
    assert!(reasons["a.txt"].contains("packed in a way"), "{reasons:?}");
    assert_eq!(taken(&streamed_zip(files), Limits::default()).0.len(), 1, "sizes behind the contents");
}

#[test]
fn programs_that_are_zip_archives_are_not_opened_and_a_zip_that_is_too_large_for_memory_neither() {
    let files = zip(&[("a.class", b"text\n"), ("b.class", b"text\n")]);
    let (texts, reasons) = taken(&tar(&[("lib/app.jar", &files)]), Limits::default());
    assert_eq!(texts.len(), 1);
    assert!(reasons["lib/app.jar"].contains("binary"));
    let small = Limits { held_bytes: files.len() as u64 - 1, ..Limits::default() };
    let (_, reasons) = taken(&tar(&[("app.zip", &files)]), small);
    assert!(reasons["app.zip"].contains("too large"));
    let enough = Limits { held_bytes: files.len() as u64, ..Limits::default() };
    assert_eq!(taken(&tar(&[("one.zip", &files), ("two.zip", &files)]), enough).0.len(), 4, "one after the other");
}

#[test]
fn b03_a_support_bundle_of_kubernetes_has_its_artefacts() {
    let files: &[(&str, &[u8])] = &[
        ("support-bundle-2026-06-08T12_00_00/version.yaml", b"v: 1\n"),
        ("support-bundle-2026-06-08T12_00_00/cluster-resources/nodes.json", b"{}\n"),
        ("support-bundle-2026-06-08T12_00_00/cluster-resources/pods/logs/shop/cart-0/cart.log", b"x\n"),
        ("support-bundle-2026-06-08T12_00_00/host-collectors/system/hostos_info.json", b"{}\n"),
    ];
    for archive in [gzip(&tar(files)), zip(files)] {
        let folder = tempfile::tempdir().unwrap();
        let bundle = seal_archive(folder.path(), &archive, Limits::default()).unwrap();
        let artefacts = bundle.manifest().artefacts();
        assert!(["cluster", "logs", "os"].iter().all(|artefact| artefacts.contains(*artefact)), "{artefacts:?}");
        assert_eq!(bundle.manifest().profile, "kubernetes-bundle/1");
        assert!(texts(&bundle).contains_key("cluster-resources/nodes.json"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_damage_to_a_nest_is_told_of_or_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0usize..4000, outer in 0..3
    ) {
        let inner = zip(&[("a.log.gz", &gzip(b"line\n")), ("b.tar.zst", &zst(&tar(&[("b.txt", b"text\n")])))]);
        let mut archive = match outer {
            0 => tar(&[("inner.zip", &inner), ("c.xz", &xz(b"line\n"))]),
            1 => streamed_zip(&[("inner.zip", &inner), ("c.xz", &xz(b"line\n"))]),
            _ => zst(&tar(&[("inner.zip", &inner)])),
        };
        let at = at % archive.len();
        let end = (at + bytes.len()).min(archive.len());
        archive.splice(at..end, bytes);
        let folder = tempfile::tempdir().unwrap();
        let _ = seal_archive(folder.path(), &archive, Limits::default());
    }
}
