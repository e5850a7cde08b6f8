//! Places: where in an archive what is planted stands.

use std::io::Write as _;

use super::dice::Dice;
use super::formats::{FORMATS, percent};
use super::kinds::{KINDS, Secret};
use crate::tar;

/// Something that was planted.
pub(super) struct Planted {
    pub(super) rule: &'static str,
    /// What it is, and where: for the one who reads that it survived.
    pub(super) what: String,
    /// What may be found nowhere.
    pub(super) needle: String,
}

/// How a file is made of texts. One place has a file for each text, the others one for many.
type Pack = fn(&str) -> Vec<u8>;

/// Places for texts, beside files of their own.
const PACKED: &[(&str, Pack)] = &[
    ("utf-16, little end first.txt", |text| wide(&[0xff, 0xfe], text, u16::to_le_bytes)),
    ("utf-16, big end first.txt", |text| wide(&[0xfe, 0xff], text, u16::to_be_bytes)),
    ("utf-16 without its mark.txt", |text| wide(&[], text, u16::to_le_bytes)),
    ("line ends of two.txt", |text| text.replace('\n', "\r\n").into_bytes()),
    ("latin 1.txt", |text| [b"Gr\xfc\xdfe\n".as_slice(), text.replace('\u{a0}', " ").as_bytes()].concat()),
    ("packed.log.gz", |text| gzip(text.as_bytes())),
    ("in a tar.tar", |text| tar(&[("inner/x.log", text.as_bytes())])),
    ("in tars.tar.gz", |text| gzip(&tar(&[("inner/deep.tar", &tar(&[("x.log", text.as_bytes())]))]))),
    ("in an xz.tar.xz", |text| xz(&tar(&[("x.log", text.as_bytes())]))),
];

/// A text of several mebibytes with every kind again and again, back to back: wherever a buffer ends, it ends within one of them.
pub(super) fn dense(bytes: usize) -> (String, Vec<Planted>) {
    let mut plants = Plants::new(3);
    let (mut text, mut count) = (String::new(), 0);
    while text.len() < bytes {
        let (place, format) = (count % KINDS.len(), count / KINDS.len() % FORMATS.len());
        count += 1;
        // Names would have to be listed, each of them: there are thousands.
        if !matches!(KINDS[place].rule, "host" | "domain" | "user") {
            text.extend(plants.text(place, format, "a long text").map(|written| format!("{}\n", written.trim_end())));
        }
    }
    (text, plants.planted)
}

/// The files with what was planted in them.
pub(super) fn plant() -> (Vec<(String, Vec<u8>)>, Vec<Planted>) {
    let mut plants = Plants::new(1);
    plants.every_format();
    plants.every_place();
    plants.names_of_files();
    plants.lists();
    (plants.files, plants.planted)
}

struct Plants {
    dice: Dice,
    planted: Vec<Planted>,
    files: Vec<(String, Vec<u8>)>,
    /// Hosts, domains and users that are to be learned.
    names: [Vec<String>; 3],
}

impl Plants {
    fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), planted: Vec::new(), files: Vec::new(), names: [const { Vec::new() }; 3] }
    }

    /// Every kind in every format in which it can be written, each in a file of its own.
    fn every_format(&mut self) {
        for (place, _) in KINDS.iter().enumerate() {
            for (format, _) in FORMATS.iter().enumerate() {
                if let Some(text) = self.text(place, format, "a file") {
                    let path = format!("plants/{}/{place}-{format}.txt", KINDS[place].rule);
                    self.files.push((path, text.into_bytes()));
                }
            }
        }
    }

    /// Every kind in every other place, in one format after the other.
    fn every_place(&mut self) {
        for (turn, (path, pack)) in PACKED.iter().enumerate() {
            let mut all = String::from("Nothing is in this line.\n");
            for place in 0..KINDS.len() {
                let written = (0..FORMATS.len()).find_map(|step| {
                    let format = (place * 7 + turn * 3 + step) % FORMATS.len();
                    self.text(place, format, path)
                });
                all.push_str(&written.unwrap());
                all.push('\n');
            }
            self.files.push((format!("packed/{path}"), pack(&all)));
        }
    }

    /// Every kind in the name of a file and of a folder, where it has no slash in it.
    fn names_of_files(&mut self) {
        for (place, kind) in KINDS.iter().enumerate() {
            for label in ["the name of a file", "the name of a folder"] {
                let Secret { written, needle } = self.secret(place);
                if written.contains(['/', '\n']) {
                    continue;
                }
                let name = if kind.name == "note" { written } else { format!("{}={written}", kind.name) };
                let path =
                    if label.ends_with("file") { format!("named/{name}.log") } else { format!("named/{name}/x.log") };
                self.add(place, label, needle);
                self.files.push((path, b"Nothing is in here.\n".to_vec()));
            }
        }
    }

    /// Files that list the names, last of all: they are to be masked in what comes before.
    fn lists(&mut self) {
        let [hosts, domains, users] = &self.names;
        let hosts: Vec<String> = hosts.iter().map(|host| format!("10.0.0.1 {host}\n")).collect();
        let domains: Vec<String> = domains.iter().map(|domain| format!("search {domain}\n")).collect();
        let account = |(at, user): (usize, &String)| format!("{user}:x:{}:100::/home/{user}:/bin/sh\n", 1000 + at);
        let users: Vec<String> = users.iter().enumerate().map(account).collect();
        for (path, list) in [("etc/hosts", hosts), ("etc/resolv.conf", domains), ("etc/passwd", users)] {
            self.files.push((path.to_owned(), list.concat().into_bytes()));
        }
    }

    /// A new secret of a kind in a format; none, if it cannot be written so.
    fn text(&mut self, place: usize, format: usize, label: &str) -> Option<String> {
        let Secret { written, needle } = self.secret(place);
        let text = (FORMATS[format].write)(KINDS[place].name, &written)?;
        // What is written in codes is looked for in codes.
        let needle = percent(&needle).filter(|coded| !text.contains(&needle) && text.contains(coded)).unwrap_or(needle);
        self.add(place, &format!("{} in {label}", FORMATS[format].label), needle);
        Some(text)
    }

    fn secret(&mut self, place: usize) -> Secret {
        let secret = (KINDS[place].make)(&mut self.dice);
        let names = match KINDS[place].rule {
            "host" => &mut self.names[0],
            "domain" => &mut self.names[1],
            "user" => &mut self.names[2],
            _ => return secret,
        };
        names.push(secret.written.clone());
        secret
    }

    fn add(&mut self, place: usize, label: &str, needle: String) {
        let what = format!("{} as {label}: {needle}", KINDS[place].rule);
        self.planted.push(Planted { rule: KINDS[place].rule, what, needle });
    }
}

fn wide(mark: &[u8], text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.iter().copied().chain(text.encode_utf16().flat_map(order)).collect()
}

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
