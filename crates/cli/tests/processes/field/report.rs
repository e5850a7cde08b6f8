//! An archive as `sos report` makes it: a real one, or one in its shape; with what is planted in it.

use std::collections::BTreeSet;
use std::io::{Read, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::write::XzEncoder;

use super::planted::Plant;

/// Names a real report; without it one is made.
const REAL: &str = "VOUCH_SOS_REPORT";
/// Names of the machine whose report that is, and of the people who have accounts there, with blanks between them.
const NAMES: &str = "VOUCH_SOS_NAMES";
/// A name of fewer letters, and without a digit, is found by chance: as a word, or as a part of what is no text.
const TELLING: usize = 8;
/// The folder of a report that is made.
const FOLDER: &str = "sosreport-quernstone-417-2026-06-08-abcdefg";
/// The size of a block of tar.
const BLOCK: u64 = 512;

/// The files of a report that is made: what the sample vendor requires, and what a machine says of its interfaces.
const MADE: &[(&str, &str)] = &[
    ("version.txt", "sosreport: 4.0\n"),
    ("environment", "TERM=xterm\nDB_PASSWORD=Firecrest28Goldcrests\n"),
    ("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"),
    ("etc/hostname", "quernstone-417\n"),
    ("proc/meminfo", "MemTotal:        8123456 kB\nMemFree:          123456 kB\n"),
    ("sos_commands/kernel/uname_-a", "Linux quernstone-417 6.1.0-12-amd64 #1 SMP Debian 6.1.52-1 x86_64 GNU/Linux\n"),
    ("sos_commands/filesys/df_-al_-x_autofs", "/dev/vda 104857600 92274688 12582912 88% /\n"),
    ("sos_commands/memory/free", "Mem: 8123456 123456 8000000\n"),
    ("sos_commands/process/ps_auxwww", "root 17 0.0 0.1 spoold --host quernstone-417 --password Siskin39Linnetfield\n"),
    (
        "sos_commands/networking/ip_-o_addr",
        "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.83.147.219/24 brd 10.83.147.255 scope global eth0\n\
         2: eth0    inet6 2001:db8:8c4f:71d2::9ab4/64 scope global\n2: eth0    inet6 fe80::87c:91ff:fee4:5db2/64 scope link\n",
    ),
    (
        "sos_commands/networking/ip_-s_-d_link",
        "2: eth0: <UP> mtu 1500\n    link/ether 0a:7c:91:e4:5d:b2 brd ff:ff:ff:ff:ff:ff\n",
    ),
    ("sos_reports/sos.txt", "kernel\n  * uname -a\n"),
];

/// A report with what was planted in it.
pub(super) struct Report {
    pub(super) archive: PathBuf,
    /// Addresses of the machine itself, by what its report says of its interfaces, and names, by what is said of it.
    pub(super) alone: Vec<String>,
}

/// Writes a report with these files into a folder, packed as a real one is.
pub(super) fn write(folder: &Path, plants: &[Plant]) -> Report {
    let mut bytes = match std::env::var_os(REAL) {
        Some(real) => read(Path::new(&real)),
        None => made(),
    };
    let About { end, root, addresses } = about(&bytes);
    bytes.truncate(end);
    let mut builder = tar::Builder::new(bytes);
    for plant in plants {
        append(&mut builder, &format!("{root}/{}", plant.path), &plant.content);
    }
    let archive = folder.join("report.tar.xz");
    let mut packer = XzEncoder::new(std::fs::File::create(&archive).unwrap(), 0);
    packer.write_all(&builder.into_inner().unwrap()).unwrap();
    packer.finish().unwrap();
    Report { archive, alone: addresses.into_iter().chain(names()).collect() }
}

/// The names that can be looked for.
fn names() -> impl Iterator<Item = String> {
    let said = std::env::var_os(NAMES).unwrap_or_default().into_string().unwrap();
    let said: BTreeSet<String> = said.split_whitespace().map(str::to_owned).collect();
    let has_digit = |name: &String| name.len() >= TELLING / 2 && name.bytes().any(|byte| byte.is_ascii_digit());
    let common = common();
    said.into_iter()
        .filter(move |name| !common.contains(&name.to_lowercase()) && (name.len() >= TELLING || has_digit(name)))
}

/// What is masked nowhere, be it the name of a host or of an account: `localhost`, `administrator`.
fn common() -> BTreeSet<String> {
    let policy: toml::Table = include_str!("../../../../diagnostics/src/redaction/standard-1.toml").parse().unwrap();
    let common = policy["names"]["common"].as_array().unwrap();
    common.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// A tar of these files.
pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        append(&mut builder, path, content);
    }
    builder.into_inner().unwrap()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    builder.append_data(&mut header, path, content).unwrap();
}

/// A real report, unpacked to a tar.
fn read(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|error| panic!("{REAL} {}: {error}", path.display()));
    let mut bytes = Vec::new();
    match packed.as_slice() {
        [0xfd, b'7', ..] => XzDecoder::new_multi_decoder(packed.as_slice()).read_to_end(&mut bytes).unwrap(),
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap(),
        _ => packed.as_slice().read_to_end(&mut bytes).unwrap(),
    };
    bytes
}

/// A small report in the shape of a real one, with a link as those at its root are.
fn made() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in MADE {
        append(&mut builder, &format!("{FOLDER}/{path}"), text.as_bytes());
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, format!("{FOLDER}/df"), "sos_commands/filesys/df_-al_-x_autofs").unwrap();
    builder.into_inner().unwrap()
}

/// What has to be known of a report before anything is added to it.
struct About {
    /// Where its last entry ends.
    end: usize,
    /// The folder that holds all of it.
    root: String,
    addresses: BTreeSet<String>,
}

fn about(tar: &[u8]) -> About {
    let mut about = About { end: 0, root: String::new(), addresses: BTreeSet::new() };
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        about.end = usize::try_from(end).unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        about.root = path.split('/').next().map(str::to_owned).unwrap_or_default();
        if path.contains("/sos_commands/networking/ip_") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            about.addresses.extend(addresses(&text));
        }
    }
    assert!(about.root.starts_with("sosreport-"), "{} is no report of sos", about.root);
    about
}

/// The addresses of interfaces as `ip` prints them, without those that every machine has: its own loop, and groups of all.
fn addresses(text: &str) -> impl Iterator<Item = String> {
    let words = text.split_whitespace().zip(text.split_whitespace().skip(1));
    let found = words.filter(|(before, _)| matches!(*before, "inet" | "inet6" | "link/ether"));
    let found = found.map(|(_, address)| address.split('/').next().unwrap_or_default());
    let everywhere = |address: &&str| match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address.is_multicast(),
        Err(_) => matches!(*address, "00:00:00:00:00:00" | "ff:ff:ff:ff:ff:ff"),
    };
    found.filter(move |address| !everywhere(address)).map(str::to_owned)
}
